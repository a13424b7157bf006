import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { pointsText } from "../report/numbers";

/**
 * The lift over the control group with its interval around zero, or in words why
 * there is none.
 */
export class ReactivationLiftField extends Component {
    static template = "patient_reactivation.LiftField";
    static props = { ...standardFieldProps };

    get lift() {
        return this.props.record.data[this.props.name] || {};
    }

    get isKnown() {
        return Boolean(this.lift.measure);
    }

    get label() {
        return this.lift.measure === "return"
            ? _t("Lift in returns")
            : _t("Lift in win-backs");
    }

    get whyNot() {
        return {
            no_control: _t("no control group"),
            few: _t("too few patients yet"),
            open: _t("windows still open"),
        }[this.lift.why];
    }

    get valueText() {
        return _t("%s points", pointsText(this.lift.value));
    }

    get rangeText() {
        return _t("%(low)s to %(high)s", {
            low: pointsText(this.lift.low),
            high: pointsText(this.lift.high),
        });
    }

    get groupsText() {
        return _t("%(patients)s patients and %(controls)s of the control group", {
            patients: this.lift.patients,
            controls: this.lift.controls,
        });
    }

    get colorClass() {
        if (!this.lift.sure) {
            return "";
        }
        return this.lift.value > 0 ? "text-success" : "text-danger";
    }

    // ---------------------------------------------------------------- drawing

    get reach() {
        // Zero is in the middle, the longer side of the interval fills its half.
        return Math.max(Math.abs(this.lift.low), Math.abs(this.lift.high), 0.01);
    }

    place(share) {
        return 50 + (50 * share) / this.reach;
    }

    get bandStyle() {
        const low = this.place(this.lift.low);
        return `left: ${low}%; width: ${this.place(this.lift.high) - low}%`;
    }
}

export const reactivationLiftField = {
    component: ReactivationLiftField,
    displayName: _t("Lift over the control group"),
    supportedTypes: ["json"],
};

registry.category("fields").add("reactivation_lift", reactivationLiftField);
