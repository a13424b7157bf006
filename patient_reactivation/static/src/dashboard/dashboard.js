import { Component, onWillStart, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { doServerAction } from "../server_action/server_action";

const MODEL = "reactivation.dashboard";

/**
 * One clinic and one month on one page, for its owner.
 *
 * The server sends every figure as text and hides small groups; here it is drawn, and
 * every figure leads to what is behind it.
 */
export class ReactivationDashboard extends Component {
    static template = "patient_reactivation.Dashboard";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.state = useState({ data: null, noContact: null, busy: false });
        // Who comes back from a list finds the month that was chosen.
        useSetupAction({ getLocalState: () => ({ month: this.data?.month.key }) });
        onWillStart(() => this.load(this.props.state?.month || false));
    }

    get data() {
        return this.state.data;
    }

    async load(month) {
        this.state.data = await this.orm.call(MODEL, "read_dashboard", [month]);
        if (!this.state.noContact) {
            // The policy takes its time: the page is there before.
            this.loadNoContact();
        }
    }

    async loadNoContact() {
        this.state.noContact = await this.orm.call(MODEL, "read_no_contact", []);
    }

    async choose(month) {
        if (month && !this.state.busy) {
            await this.whileBusy(() => this.load(month));
        }
    }

    async open(figure, key = null) {
        await this.run("open_figure", [figure, this.data.month.key, key]);
    }

    async print() {
        await this.run("action_print", [this.data.month.key]);
    }

    async run(method, args) {
        await this.whileBusy(async () => {
            const action = await this.orm.call(MODEL, method, args);
            await doServerAction(this.action, action);
        });
    }

    async whileBusy(work) {
        if (this.state.busy) {
            return;
        }
        this.state.busy = true;
        try {
            await work();
        } finally {
            this.state.busy = false;
        }
    }

    openGuide() {
        return this.action.doAction("patient_reactivation.reactivation_guide_action");
    }

    // ---------------------------------------------------------------- drawing

    get rateTop() {
        // One scale for all, so that bars compare.
        const highs = this.data.rates
            .flatMap((row) => [row.rate, row.control])
            .filter((part) => part)
            .map((part) => part.high);
        return Math.min(1, Math.max(0.1, ...highs) * 1.05);
    }

    place(share) {
        return `${Math.min(100, (100 * share) / this.rateTop)}%`;
    }

    band(part) {
        const width = (100 * (part.high - part.low)) / this.rateTop;
        return `left: ${this.place(part.low)}; width: ${width}%`;
    }

    barHeight(bar) {
        return bar.value ? `height: ${(100 * bar.value) / this.data.trend.top}%` : "";
    }

    barTitle(month, event) {
        return `${month.name} · ${this.data.trend.labels[event]}: ${month[event].text}`;
    }

    get trendEvents() {
        return Object.keys(this.data.trend.labels);
    }

    stateClass(row) {
        return (
            { adopted: "text-bg-success", proposed: "text-bg-info" }[row.state] ||
            "text-bg-light"
        );
    }
}

registry.category("actions").add("patient_reactivation.dashboard", ReactivationDashboard);
