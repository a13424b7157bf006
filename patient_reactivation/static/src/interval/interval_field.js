import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * An interval on the line from -100 to 100, with the score in it: how sure a score
 * is, is seen at a glance.
 */
export class ReactivationIntervalField extends Component {
    static template = "patient_reactivation.IntervalField";
    static props = { ...standardFieldProps };

    place(name) {
        return (this.props.record.data[name] + 100) / 2;
    }

    get band() {
        const low = this.place("low");
        return `left: ${low}%; width: ${this.place("high") - low}%`;
    }

    get point() {
        return `left: ${this.place("score")}%`;
    }
}

export const reactivationIntervalField = {
    component: ReactivationIntervalField,
    displayName: _t("Interval of a score"),
    supportedTypes: ["char"],
    fieldDependencies: [
        { name: "low", type: "float" },
        { name: "high", type: "float" },
        { name: "score", type: "float" },
    ],
};

registry.category("fields").add("reactivation_interval", reactivationIntervalField);
