import { onWillDestroy, useState, useSubEnv } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { X2ManyField, x2ManyField } from "@web/views/fields/x2many/x2many_field";
import { formatInteger } from "@web/views/fields/formatters";
import { SegmentCounts } from "./segment_counts";

/**
 * The segments of a campaign, with the number of patients in each while they are
 * edited, dragged or deleted, before anything is saved.
 */
export class ReactivationSegmentsField extends X2ManyField {
    static template = "patient_reactivation.SegmentsField";

    setup() {
        super.setup();
        this.counts = new SegmentCounts(useService("orm"));
        this.state = useState(this.counts.state);
        useSubEnv({ reactivationSegments: this.counts });
        useRecordObserver((record) => {
            this.counts.update(
                record.data.company_id?.id,
                record.data[this.props.name].records
            );
        });
        onWillDestroy(() => this.counts.stop());
    }

    get hasTotals() {
        return !this.state.hasFailed && this.list.records.length && !this.isFirst;
    }

    get isFirst() {
        return this.state.isLoading && !Object.keys(this.state.rows).length;
    }

    get totalText() {
        return _t("%(lapsed)s patients stayed away long enough; %(none)s of them are in no segment.", {
            lapsed: formatInteger(this.state.lapsed),
            none: formatInteger(this.state.none),
        });
    }
}

registry.category("fields").add("reactivation_segments", {
    ...x2ManyField,
    component: ReactivationSegmentsField,
});
