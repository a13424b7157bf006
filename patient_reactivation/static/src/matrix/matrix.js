import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { CampaignReport } from "../report/campaign_report";
import { pointsText } from "../report/numbers";

/**
 * Segment × method: which method does what in which group, beside the control group.
 *
 * Every rate is drawn with its interval on one scale, so that what overlaps is seen
 * and not computed; a click opens the patients behind it.
 */
export class ReactivationMatrix extends CampaignReport {
    static template = "patient_reactivation.Matrix";
    static model = "reactivation.matrix";
    static reader = "read_matrix";
    // The measures: what counts.
    static sides = ["win_back", "return"];

    setup() {
        super.setup();
        this.state.busy = false;
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

    liftText(cell) {
        return _t("%(lift)s points (%(low)s to %(high)s)", {
            lift: pointsText(cell.lift),
            low: pointsText(cell.lift_low),
            high: pointsText(cell.lift_high),
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
        if (!cell.hidden && cell.enrolled) {
            await this.open("open_cell", cell.segment, cell.method);
        }
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
}

registry.category("actions").add("patient_reactivation.matrix", ReactivationMatrix);
