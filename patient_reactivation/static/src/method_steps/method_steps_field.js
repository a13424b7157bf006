import { Component, onWillStart } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * The steps of a method as a line of contacts, each with its e-mail.
 *
 * Reads a JSON summary, so that a campaign shows all its methods without a
 * list inside a list. Opening an e-mail saves the campaign first.
 */
export class MethodStepsField extends Component {
    static template = "patient_reactivation.MethodStepsField";
    static props = { ...standardFieldProps };

    setup() {
        onWillStart(async () => {
            this.canWrite = await user.hasGroup(
                "patient_reactivation.group_reactivation_manager"
            );
        });
    }

    get steps() {
        return this.props.record.data[this.props.name] || [];
    }

    dayText(step) {
        return step.day ? _t("Day %s", step.day) : _t("At once");
    }

    fallbackText(step) {
        return _t("else: %s", step.fallback);
    }

    /** Read before saving: a save gives new rows their identifiers. */
    position() {
        const methods = this.props.record.model.root.data.method_ids?.records || [];
        return methods.findIndex((method) => method.id === this.props.record.id);
    }

    async openMail(index) {
        // Not `useService`: saving draws the card anew, and the services of a
        // component that is gone never answer.
        const { action, orm } = this.env.services;
        const root = this.props.record.model.root;
        const position = this.position();
        if (root !== this.props.record && !(await root.save())) {
            return;
        }
        const methods = root.data.method_ids?.records || [this.props.record];
        const step = (methods[position].data[this.props.name] || [])[index];
        action.doAction(
            await orm.call("reactivation.step", "action_open_mailing", [[step.id]])
        );
    }
}

export const methodStepsField = {
    component: MethodStepsField,
    displayName: _t("Steps of a method"),
    supportedTypes: ["json"],
};

registry.category("fields").add("reactivation_method_steps", methodStepsField);
