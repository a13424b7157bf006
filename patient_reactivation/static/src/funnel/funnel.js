import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { CampaignReport } from "../report/campaign_report";

/**
 * From the planned contacts of a campaign to the returned patients, per channel or per
 * step. What a message was answered with is drawn as the hint it is.
 */
export class ReactivationFunnel extends CampaignReport {
    static template = "patient_reactivation.Funnel";
    static model = "reactivation.funnel";
    static reader = "read_funnel";
    static sides = ["channel", "step"];

    stageText(group, stage) {
        return _t("%(group)s, %(stage)s: %(count)s, %(share)s of the planned ones", {
            group: group.name,
            stage: stage.label,
            count: this.count(stage.count),
            share: this.percent(stage.share),
        });
    }

    machinesText(group) {
        return _t("Machines opened %(opened)s and clicked %(clicked)s of them.", {
            opened: this.count(group.machine_opened),
            clicked: this.count(group.machine_clicked),
        });
    }

    openStage(group, name) {
        return this.open("open_stage", this.state.side, group.key, name);
    }
}

registry.category("actions").add("patient_reactivation.funnel", ReactivationFunnel);
