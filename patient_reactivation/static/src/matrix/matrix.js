import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { formatFloat } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const MODEL = "reactivation.matrix";

/**
 * Segment × method: which method does what in which group, beside the control group.
 *
 * Every rate is drawn with its interval on one scale, so that what overlaps is seen
 * and not computed; a click opens the patients behind it.
 */
export class ReactivationMatrix extends Component {
    static template = "patient_reactivation.Matrix";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        const context = this.props.action.context || {};
        this.state = useState({
            campaigns: [],
            campaignId: this.props.state?.campaignId || context.reactivation_campaign,
            measure: this.props.state?.measure || "win_back",
            data: null,
            busy: false,
        });
        this.props.updateActionState?.({});
        onWillStart(() => this.start());
    }

    async start() {
        this.state.campaigns = await this.orm.call(MODEL, "read_campaigns", []);
        const known = this.state.campaigns.map((campaign) => campaign.id);
        if (!known.includes(this.state.campaignId)) {
            this.state.campaignId = known[0];
        }
        await this.load();
    }

    async load() {
        if (this.state.campaignId) {
            this.state.data = await this.orm.call(MODEL, "read_matrix", [
                this.state.campaignId,
                this.state.measure,
            ]);
        }
    }

    async choose(values) {
        Object.assign(this.state, values);
        await this.load();
    }

    // ---------------------------------------------------------------- numbers

    get top() {
        // One scale for all, a tenth above what is drawn, so that bars compare.
        const highs = this.state.data.rows
            .flatMap((row) => row.cells)
            .filter((cell) => cell.rate !== null)
            .map((cell) => cell.high);
        return Math.min(1, Math.ceil(Math.max(0.1, ...highs) * 10) / 10);
    }

    percent(share) {
        const percent = share * 100;
        const digits = percent > 0 && percent < 10 ? 1 : 0;
        return _t("%s %", formatFloat(percent, { digits: [16, digits] }));
    }

    points(share) {
        const text = formatFloat(Math.abs(share * 100), { digits: [16, 1] });
        return (share < 0 ? "−" : "+") + text;
    }

    liftText(cell) {
        return _t("%(lift)s points (%(low)s to %(high)s)", {
            lift: this.points(cell.lift),
            low: this.points(cell.lift_low),
            high: this.points(cell.lift_high),
        });
    }

    rangeText(cell) {
        return _t("%(low)s to %(high)s", {
            low: this.percent(cell.low),
            high: this.percent(cell.high),
        });
    }

    closedText(cell) {
        return _t("of %s closed", cell.closed);
    }

    openText(cell) {
        return cell.open
            ? _t("%(open)s open, %(so_far)s so far", {
                  open: cell.open,
                  so_far: cell.so_far,
              })
            : "";
    }

    place(share) {
        return `${(100 * share) / this.top}%`;
    }

    band(cell) {
        const width = (100 * (cell.high - cell.low)) / this.top;
        return `left: ${this.place(cell.low)}; width: ${width}%`;
    }

    control(row) {
        return row.cells.find((cell) => cell.method === 0);
    }

    // ---------------------------------------------------------------- actions

    async openCell(cell) {
        if (cell.hidden || !cell.enrolled) {
            return;
        }
        const action = await this.orm.call(MODEL, "open_cell", [
            this.state.data.campaign.id,
            cell.segment,
            cell.method,
        ]);
        await this.action.doAction(action);
    }

    async decide(cell, method) {
        if (this.state.busy) {
            return;
        }
        this.state.busy = true;
        try {
            await this.orm.call("reactivation.decision", method, [[cell.decision]]);
            await this.load();
        } finally {
            this.state.busy = false;
        }
    }

    openCampaign() {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "reactivation.campaign",
            res_id: this.state.data.campaign.id,
            views: [[false, "form"]],
        });
    }
}

registry.category("actions").add("patient_reactivation.matrix", ReactivationMatrix);
