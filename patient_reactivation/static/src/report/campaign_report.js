import { Component, onWillStart, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { countText, percentText } from "./numbers";

/**
 * A report on one campaign, divided by one of several sides: what the funnel and the
 * cohorts have in common.
 */
export class CampaignReport extends Component {
    static components = { Layout };
    static props = { ...standardActionServiceProps };
    static model = "";
    static reader = "";
    static sides = [];

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.percent = percentText;
        this.count = countText;
        const context = this.props.action.context || {};
        this.state = useState({
            campaigns: [],
            campaignId: this.props.state?.campaignId || context.reactivation_campaign,
            side: this.props.state?.side || this.constructor.sides[0],
            data: null,
        });
        this.props.updateActionState?.({});
        onWillStart(() => this.start());
    }

    async start() {
        this.state.campaigns = await this.orm.call(
            "reactivation.matrix",
            "read_campaigns",
            []
        );
        const known = this.state.campaigns.map((campaign) => campaign.id);
        if (!known.includes(this.state.campaignId)) {
            this.state.campaignId = known[0];
        }
        await this.load();
    }

    async load() {
        if (this.state.campaignId) {
            this.state.data = await this.call(this.constructor.reader, this.state.side);
        }
    }

    async choose(values) {
        Object.assign(this.state, values);
        await this.load();
    }

    /** Ask the model of the report about the chosen campaign. */
    call(method, ...values) {
        const { model } = this.constructor;
        return this.orm.call(model, method, [this.state.campaignId, ...values]);
    }

    async open(method, ...values) {
        await this.action.doAction(await this.call(method, ...values));
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
