import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formatInteger } from "@web/views/fields/formatters";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { doServerAction } from "../server_action/server_action";

/**
 * Who would be enrolled and who would not: a bar for each segment and for each
 * reason. Every number opens the patients it counts.
 */
export class ReactivationAudienceField extends Component {
    static template = "patient_reactivation.AudienceField";
    static props = { ...standardFieldProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.format = formatInteger;
    }

    get result() {
        return this.props.record.data[this.props.name] || { segments: [], reasons: [] };
    }

    get segments() {
        return this.result.segments;
    }

    get reasons() {
        return this.result.reasons;
    }

    width(count, rows) {
        const most = Math.max(1, ...rows.map((row) => row.count));
        return `width: ${(100 * count) / most}%`;
    }

    takenText(segment) {
        const count = segment.taken.reduce((sum, item) => sum + item.count, 0);
        const names = segment.taken.map((item) => `${item.name}: ${formatInteger(item.count)}`);
        return count
            ? _t("%(count)s more fit, and are in a segment above (%(names)s).", {
                  count: formatInteger(count),
                  names: names.join(", "),
              })
            : "";
    }

    async open(wanted) {
        const action = await this.orm.call(
            this.props.record.resModel,
            "action_open",
            [[this.props.record.resId]],
            wanted
        );
        await doServerAction(this.action, action);
    }
}

registry.category("fields").add("reactivation_audience", {
    component: ReactivationAudienceField,
    displayName: _t("Audience of a campaign"),
    supportedTypes: ["json"],
});
