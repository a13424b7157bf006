import { Component, useRef } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { doServerAction } from "../server_action/server_action";

/** Where on the form a fault is mended, when it is not a record of its own. */
const FIELDS = {
    dates: "[name=date_end] input",
    sender: "[name=email_from] input",
    campaign: "[name=name] textarea, [name=name] input",
};

/**
 * What keeps a campaign from starting, as a checklist with ways to mend it.
 *
 * The server says what is wrong (`reactivation.campaign._problems`). A link opens the
 * record that has to be changed; the breadcrumb leads back, and the list is new then.
 */
export class ReadinessField extends Component {
    static template = "patient_reactivation.ReadinessField";
    static props = { ...standardFieldProps };

    setup() {
        this.rootRef = useRef("root");
    }

    get value() {
        return this.props.record.data[this.props.name];
    }

    get problems() {
        return this.value.problems;
    }

    get errorCount() {
        return this.problems.filter((problem) => problem.level === "error").length;
    }

    get title() {
        if (this.errorCount > 1) {
            return _t("%s things to mend first", this.errorCount);
        }
        if (this.errorCount === 1) {
            return _t("One thing to mend first");
        }
        return this.value.resume ? _t("Ready to resume") : _t("Ready to start");
    }

    icon(problem) {
        return problem.level === "error"
            ? "fa-times-circle text-danger"
            : "fa-exclamation-triangle text-warning";
    }

    iconTitle(problem) {
        return problem.level === "error" ? _t("Has to be mended") : _t("Good to know");
    }

    async mend(problem) {
        if (problem.page && problem.page !== "mail_servers") {
            this.showPage(problem.page);
            return;
        }
        // Not `useService`: saving draws the form anew, and the services of a
        // component that is gone never answer.
        const { action, orm } = this.env.services;
        const root = this.props.record.model.root;
        if (!(await root.save())) {
            return;
        }
        const call = problem.page
            ? orm.call("reactivation.campaign", "action_mail_servers", [[root.resId]])
            : orm.call("reactivation.campaign", "action_mend", [
                  [root.resId],
                  problem.model,
                  problem.id,
              ]);
        doServerAction(action, await call);
    }

    showPage(page) {
        const form = this.rootRef.el.closest(".o_form_view");
        const tab = form.querySelector(`.o_notebook_headers a[name="${page}"]`);
        const target = tab || form.querySelector(FIELDS[page]);
        if (!target) {
            return;
        }
        target.scrollIntoView({ block: "center", behavior: "smooth" });
        if (tab) {
            tab.click();
        } else {
            target.focus();
        }
    }
}

export const readinessField = {
    component: ReadinessField,
    displayName: _t("Checklist before the start"),
    supportedTypes: ["json"],
};

registry.category("fields").add("reactivation_readiness", readinessField);
