import { Component, onWillDestroy, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { formatInteger } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { SegmentCounts } from "./segment_counts";
import { doServerAction } from "../server_action/server_action";

/**
 * How many patients are in a segment, and how many fit but are in one above: as a
 * bar to compare by eye, and as numbers that open the patients.
 */
export class ReactivationSegmentCounts extends Component {
    static template = "patient_reactivation.SegmentCounts";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        // Within the list of a campaign the counts are shared by all rows.
        this.shared = this.env.reactivationSegments;
        this.counts = this.shared || new SegmentCounts(this.orm);
        this.state = useState(this.counts.state);
        if (!this.shared) {
            useRecordObserver((record) => {
                this.counts.update(this.companyOf(record), this.siblings(record));
            });
            onWillDestroy(() => this.counts.stop());
        }
    }

    companyOf(record) {
        return record._parentRecord?.data.company_id?.id || record.data.company_id?.id;
    }

    /** The segments of the campaign in order, with this one as it is being edited. */
    siblings(record) {
        const others = record._parentRecord?.data.segment_ids?.records || [];
        const segments = others.map((other) => (other.id === record.id ? record : other));
        if (!others.some((other) => other.id === record.id)) {
            segments.push(record);
        }
        return segments;
    }

    get row() {
        return this.state.rows[this.props.record.id];
    }

    get taken() {
        return this.row.fits - this.row.count;
    }

    get mayOpen() {
        return Boolean(this.shared && this.state.mayOpen);
    }

    width(count) {
        return `width: ${(100 * count) / this.state.most}%`;
    }

    get patientsText() {
        return this.row.count === 1
            ? _t("1 patient")
            : _t("%s patients", formatInteger(this.row.count));
    }

    get takenText() {
        return _t("%s more in segments above", formatInteger(this.taken));
    }

    get takenBy() {
        return this.row.taken
            .map((item) => `${item.name}: ${formatInteger(item.count)}`)
            .join("\n");
    }

    /** Save what was changed, then open the patients who are counted. */
    async open(taken) {
        const segment = this.props.record;
        const root = segment.model.root;
        const list = root.data.segment_ids;
        const place = list.records.findIndex((record) => record.id === segment.id);
        if (!(await root.save())) {
            return;
        }
        const id = segment.resId || root.data.segment_ids.records[place]?.resId;
        if (!id) {
            return;
        }
        const action = await this.orm.call(
            "reactivation.segment",
            "action_open_patients",
            [[id]],
            { taken }
        );
        await doServerAction(this.action, action);
    }
}

registry.category("view_widgets").add("reactivation_segment_counts", {
    component: ReactivationSegmentCounts,
});
