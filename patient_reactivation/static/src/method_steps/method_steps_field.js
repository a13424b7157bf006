import { Component, onWillStart } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { doServerAction } from "../server_action/server_action";

/**
 * The steps of a method as a timeline: when, on which channel, with what words, on
 * which condition; once it runs, what each step has done.
 *
 * Reads a JSON summary, so that a campaign shows all its methods without a
 * list inside a list. Opening an e-mail or a step saves the campaign first.
 */
export class MethodStepsField extends Component {
    static template = "patient_reactivation.MethodStepsField";
    static props = { ...standardFieldProps };

    setup() {
        onWillStart(async () => {
            this.isManager = await user.hasGroup(
                "patient_reactivation.group_reactivation_manager"
            );
        });
    }

    get steps() {
        return this.props.record.data[this.props.name] || [];
    }

    /** What is locked is shown, and changed in a new version. */
    get isLocked() {
        const { is_locked: locked, state } = this.props.record.data;
        return Boolean(locked || state === "retired");
    }

    /** In the dialog of a method its changes are not saved yet. */
    get canOpen() {
        const isRoot = this.props.record === this.props.record.model.root;
        return this.isManager && (isRoot || !this.env.inDialog);
    }

    get stepTitle() {
        return this.isLocked ? _t("Look at this step") : _t("Change this step");
    }

    get stats() {
        return this.props.record.data.step_stats || {};
    }

    get hasStats() {
        return Object.keys(this.stats).length > 0;
    }

    /** @returns {{label: string, value: number, help: string}[]} */
    numbers(step) {
        const found = this.stats[step.id] || { sent: 0, engaged: 0, booked: 0 };
        return [
            {
                name: "sent",
                value: found.sent,
                label: _t("sent"),
                help: _t("Messages that were sent, and calls that were made"),
            },
            {
                name: "engaged",
                value: found.engaged,
                label: _t("engaged"),
                help: _t("Patients who opened, clicked, answered or picked up"),
            },
            {
                name: "booked",
                value: found.booked,
                label: _t("booked"),
                help: _t("Patients who booked after this step and before the next one"),
            },
        ];
    }

    dayText(step) {
        if (step.from_answer) {
            return _t("After the answer");
        }
        if (step.from_coupon) {
            return step.delay_hours
                ? _t("%(days)s d, %(hours)s h", {
                      days: step.delay_days,
                      hours: step.delay_hours,
                  })
                : _t("%s d", step.delay_days);
        }
        if (!step.day && !step.hour) {
            return _t("At once");
        }
        if (!step.day) {
            return _t("%s h", step.hour);
        }
        return step.hour
            ? _t("Day %(day)s, %(hours)s h", { day: step.day, hours: step.hour })
            : _t("Day %s", step.day);
    }

    /** From where the day is counted; nothing to say of a step at once. */
    sinceText(step, index) {
        if (step.from_answer) {
            if (!step.delay_days && !step.delay_hours) {
                return _t("at once");
            }
            return step.delay_days
                ? _t("%s d later", step.delay_days)
                : _t("%s h later", step.delay_hours);
        }
        if (step.from_coupon) {
            return _t("before the coupon's last day");
        }
        if (!step.delay_days && !step.delay_hours) {
            return index && !step.from_enrollment ? _t("right after it") : "";
        }
        if (!index || step.from_enrollment) {
            return _t("after enrollment");
        }
        if (!step.delay_days) {
            return _t("%s h later", step.delay_hours);
        }
        const days =
            step.delay_days === 1 ? _t("1 day later") : _t("%s days later", step.delay_days);
        return step.delay_hours
            ? _t("%(days)s, and %(hours)s h", { days, hours: step.delay_hours })
            : days;
    }

    fallbackText(step) {
        return _t("else: %s", step.fallback);
    }

    surveyText(step) {
        return step.reward
            ? _t("Asks: %(survey)s. Reward: %(reward)s", {
                  survey: step.survey,
                  reward: step.reward,
              })
            : _t("Asks: %s", step.survey);
    }

    missingText(text) {
        return text.channel === "call"
            ? _t("The script of the call is not written yet")
            : _t("%s: nothing is written yet", text.label);
    }

    /** Read before saving: a save gives new rows their identifiers. */
    position() {
        const methods = this.props.record.model.root.data.method_ids?.records || [];
        return methods.findIndex((method) => method.id === this.props.record.id);
    }

    /** @returns {Promise<number|undefined>} the step, once all is saved */
    async savedStep(index) {
        const root = this.props.record.model.root;
        const position = this.position();
        if (!(await root.save())) {
            return undefined;
        }
        const methods = root.data.method_ids?.records;
        const record = methods ? methods[position] : root;
        return (record.data[this.props.name] || [])[index]?.id;
    }

    async openMail(index) {
        // Not `useService`: saving draws the card anew, and the services of a
        // component that is gone never answer.
        const { action, orm } = this.env.services;
        const step = await this.savedStep(index);
        if (step) {
            doServerAction(
                action,
                await orm.call("reactivation.step", "action_open_mailing", [[step]])
            );
        }
    }

    async openStep(index) {
        const { action, orm } = this.env.services;
        const root = this.props.record.model.root;
        const step = await this.savedStep(index);
        if (step) {
            doServerAction(
                action,
                await orm.call("reactivation.step", "action_open_step", [[step]]),
                { onClose: () => root.load() }
            );
        }
    }
}

export const methodStepsField = {
    component: MethodStepsField,
    displayName: _t("Steps of a method"),
    supportedTypes: ["json"],
    fieldDependencies: [
        { name: "step_stats", type: "json" },
        { name: "is_locked", type: "boolean" },
        { name: "state", type: "selection" },
    ],
};

registry.category("fields").add("reactivation_method_steps", methodStepsField);
