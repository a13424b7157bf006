import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatFloat } from "@web/views/fields/formatters";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const { DateTime } = luxon;

/**
 * A rate that tells the truth: it counts only patients whose window has closed,
 * says how many these are, and names the younger results apart. As long as no
 * window has closed there is no rate, and certainly not one of 0 %.
 */
export class ReactivationRateField extends Component {
    static template = "patient_reactivation.RateField";
    static props = {
        ...standardFieldProps,
        string: { type: String, optional: true },
        closed: String,
        soFar: String,
        closes: String,
    };

    value(name) {
        return this.props.record.data[name];
    }

    get isKnown() {
        return this.value(this.props.closed) > 0;
    }

    get percent() {
        return Math.min(100, this.value(this.props.name) * 100);
    }

    get percentText() {
        const percent = this.percent;
        // Below ten percent a digit more tells methods apart.
        const digits = percent > 0 && percent < 10 ? 1 : 0;
        return _t("%s %", formatFloat(percent, { digits: [16, digits] }));
    }

    get closedText() {
        return _t("of %s closed", this.value(this.props.closed));
    }

    get soFarText() {
        const soFar = this.value(this.props.soFar);
        return soFar ? _t("%s so far", soFar) : "";
    }

    get openText() {
        const closes = this.value(this.props.closes);
        return closes
            ? _t("windows still open until %s", closes.toLocaleString(DateTime.DATE_MED))
            : _t("nobody enrolled yet");
    }
}

export const reactivationRateField = {
    component: ReactivationRateField,
    displayName: _t("Rate over closed windows"),
    supportedTypes: ["float"],
    extractProps: ({ options, string }) => ({
        string,
        closed: options.closed,
        soFar: options.so_far,
        closes: options.closes,
    }),
    fieldDependencies: ({ options }) => [
        { name: options.closed, type: "integer" },
        { name: options.so_far, type: "integer" },
        { name: options.closes, type: "date" },
    ],
};

registry.category("fields").add("reactivation_rate", reactivationRateField);
