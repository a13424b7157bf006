import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatDate, formatDateTime } from "@web/core/l10n/dates";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const { DateTime } = luxon;

/**
 * A date as people say it: "8 months ago", "in 3 days", with the exact date in
 * the tooltip. (Odoo's `remaining_days` falls back to the date after 99 days,
 * which is where lapsed patients begin.)
 */
export class RelativeDateField extends Component {
    static template = "patient_reactivation.RelativeDateField";
    static props = { ...standardFieldProps, placeholder: { type: String, optional: true } };

    get value() {
        return this.props.record.data[this.props.name];
    }

    get exact() {
        const isDate = this.props.record.fields[this.props.name].type === "date";
        return isDate ? formatDate(this.value) : formatDateTime(this.value);
    }

    get relative() {
        const today = DateTime.local().startOf("day");
        const day = this.value.startOf("day");
        if (Math.abs(day.diff(today, "days").days) < 14) {
            return day.toRelativeCalendar({ base: today, unit: "days" });
        }
        return day.toRelative({ base: today });
    }
}

export const relativeDateField = {
    component: RelativeDateField,
    displayName: _t("Relative date"),
    supportedTypes: ["date", "datetime"],
    extractProps: ({ attrs, placeholder }) => ({
        placeholder: placeholder || attrs.placeholder,
    }),
};

registry.category("fields").add("reactivation_relative_date", relativeDateField);
