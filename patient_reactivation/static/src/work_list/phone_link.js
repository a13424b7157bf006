import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";

/** A number that is dialed with one click or tap. */
export class PhoneLinkField extends Component {
    static template = "patient_reactivation.PhoneLinkField";
    static props = { ...standardFieldProps };

    get number() {
        return this.props.record.data[this.props.name];
    }

    get href() {
        return "tel:" + this.number.replace(/[^\d+*#]/g, "");
    }
}

registry.category("fields").add("reactivation_phone", {
    component: PhoneLinkField,
    displayName: _t("Phone number to dial"),
    supportedTypes: ["char"],
});
