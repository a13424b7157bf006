import { _t } from "@web/core/l10n/translation";
import { getColor } from "@web/core/colors/colors";
import { cookie } from "@web/core/browser/cookie";
import { registry } from "@web/core/registry";
import { CampaignReport } from "../report/campaign_report";

// More columns than these cannot be read at once.
const COLUMNS = 14;

// So many lines can be told apart by their colors; more are drawn in gray.
const COLORED = 6;

const WIDTH = 100;
const HEIGHT = 100;

/**
 * The share that has returned by week since the enrollment, as a table and as curves.
 * Where patients are still followed, the estimate is that of Kaplan and Meier.
 */
export class ReactivationCohort extends CampaignReport {
    static template = "patient_reactivation.Cohort";
    static model = "reactivation.cohort";
    static reader = "read_cohort";
    static sides = ["month", "method", "segment"];

    setup() {
        super.setup();
        this.state.marked = false;
        this.sides = [
            { name: "month", label: _t("By month of enrollment") },
            { name: "method", label: _t("By method") },
            { name: "segment", label: _t("By segment") },
        ];
        this.scheme = cookie.get("color_scheme");
    }

    async choose(values) {
        this.state.marked = false;
        await super.choose(values);
    }

    get rows() {
        const { groups, total } = this.state.data;
        // All together say no more than the only one.
        return groups.length > 1 ? [...groups, { ...total, isTotal: true }] : groups;
    }

    get sideLabel() {
        return {
            month: _t("Enrolled in"),
            method: _t("Method"),
            segment: _t("Segment"),
        }[this.state.data.side];
    }

    // ------------------------------------------------------------------ table

    get columns() {
        const { last } = this.state.data;
        const step = Math.ceil(last / COLUMNS);
        const columns = [];
        for (let week = last; week > 0; week -= step) {
            columns.unshift(week);
        }
        return columns;
    }

    weekText(week) {
        return _t("Week %s", week);
    }

    cell(row, week) {
        return row.weeks[week - 1];
    }

    get top() {
        const shares = this.rows.flatMap((row) => row.weeks.map((cell) => cell.share));
        return Math.min(1, Math.max(0.05, Math.ceil(Math.max(0, ...shares) * 20) / 20));
    }

    shade(cell) {
        const strength = Math.round((70 * cell.share) / this.top);
        return `--o-reactivation-shade: ${strength}%`;
    }

    cellText(row, cell) {
        return _t("%(group)s, week %(week)s: %(share)s%(range)s, %(at_risk)s not yet returned before", {
            group: row.name,
            week: cell.week,
            share: this.percent(cell.share),
            range: cell.low === null ? "" : ` (${this.rangeText(cell)})`,
            at_risk: cell.at_risk,
        });
    }

    rangeText(cell) {
        return _t("%(low)s to %(high)s", {
            low: this.percent(cell.low),
            high: this.percent(cell.high),
        });
    }

    // ----------------------------------------------------------------- curves

    get viewBox() {
        return `0 0 ${WIDTH} ${HEIGHT}`;
    }

    x(week) {
        return (WIDTH * week) / this.state.data.last;
    }

    y(share) {
        return HEIGHT - (HEIGHT * Math.min(share, this.top)) / this.top;
    }

    get isMany() {
        return this.state.data.groups.length > COLORED;
    }

    color(row, number) {
        if (row.isTotal) {
            return "var(--o-reactivation-line)";
        }
        if (row.key === 0) {
            return "var(--o-reactivation-control)";
        }
        return this.isMany
            ? "var(--o-reactivation-one-of-many)"
            : getColor(number, this.scheme, COLORED);
    }

    /** All together are drawn only where the single lines cannot be told apart. */
    get lines() {
        return this.rows
            .filter((row) => row.weeks.length && (this.isMany || !row.isTotal))
            .map((row, number) => ({
                ...row,
                id: String(row.isTotal ? "total" : row.key),
                color: this.color(row, number),
                isDashed: row.key === 0,
                path: this.linePath(row),
                band: this.bandPath(row),
            }));
    }

    /** What is looked at is drawn last, above the others. */
    get drawn() {
        return [...this.lines].sort(
            (one, other) => this.isMarked(one) - this.isMarked(other)
        );
    }

    isMarked(line) {
        return this.state.marked === line.id;
    }

    hasBand(line) {
        // Two bands can be told apart, many cannot: then one is shown on demand.
        return this.isMarked(line) || (!this.state.marked && this.lines.length <= 2);
    }

    mark(row) {
        this.state.marked = row ? String(row.isTotal ? "total" : row.key) : false;
    }

    point(cell, share) {
        return `L ${this.x(cell.week)} ${this.y(share)}`;
    }

    linePath(row) {
        const points = row.weeks.map((cell) => this.point(cell, cell.share));
        return `M 0 ${HEIGHT} ${points.join(" ")}`;
    }

    bandPath(row) {
        const cells = row.weeks.filter((cell) => cell.low !== null);
        if (!cells.length) {
            return "";
        }
        const up = cells.map((cell) => this.point(cell, cell.high));
        const down = [...cells].reverse().map((cell) => this.point(cell, cell.low));
        return `M 0 ${HEIGHT} ${up.join(" ")} ${down.join(" ")} Z`;
    }

    get ticks() {
        return [0, 0.5, 1].map((part) => ({
            part,
            text: this.percent(part * this.top),
        }));
    }

    openRow(row) {
        if (!row.hidden && !row.isTotal) {
            return this.open("open_group", this.state.data.side, row.key);
        }
    }
}

registry.category("actions").add("patient_reactivation.cohort", ReactivationCohort);
