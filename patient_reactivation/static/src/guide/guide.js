import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { doServerAction } from "../server_action/server_action";

/**
 * The first steps of a clinic, each with its state as the database has it.
 */
export class ReactivationGuide extends Component {
    static template = "patient_reactivation.Guide";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.menu = useService("menu");
        this.state = useState({ data: null, busy: false });
        onWillStart(() => this.load());
    }

    get data() {
        return this.state.data;
    }

    get isReady() {
        return this.data.done === this.data.steps.length;
    }

    get progressText() {
        return _t("%(done)s of %(all)s done", {
            done: this.data.done,
            all: this.data.steps.length,
        });
    }

    stateText(step) {
        return { done: _t("Done"), next: _t("Next"), later: _t("Later") }[step.state];
    }

    async load() {
        this.state.data = await this.orm.call("reactivation.guide", "get_steps", []);
    }

    async run(method) {
        if (this.state.busy) {
            return;
        }
        this.state.busy = true;
        try {
            const action = await this.orm.call("reactivation.guide", method, []);
            const onClose = () => this.load();
            await doServerAction(this.action, action, { onClose });
            if (action.type === "ir.actions.client") {
                // Only a word to the user: the steps are still on the screen.
                await this.load();
            }
        } finally {
            this.state.busy = false;
        }
    }

    async hide() {
        await this.orm.call("reactivation.guide", "action_hide", []);
        await this.menu.reload();
        await this.action.doAction("patient_reactivation.reactivation_campaign_action", {
            clearBreadcrumbs: true,
        });
    }

    async show() {
        await this.orm.call("reactivation.guide", "action_show", []);
        await this.menu.reload();
        await this.load();
    }
}

registry.category("actions").add("patient_reactivation.guide", ReactivationGuide);
