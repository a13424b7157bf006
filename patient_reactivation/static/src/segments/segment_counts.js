import { reactive } from "@odoo/owl";
import { user } from "@web/core/user";

/** The fields that decide who is in a segment, as the server knows them. */
const CRITERIA = [
    "tier_ids",
    "inactive_from",
    "inactive_to",
    "visit_pattern",
    "reason_ids",
    "practitioner_ids",
    "payer_federal",
    "payer_private",
    "payer_cash",
    "payer_unknown",
    "tag_ids",
    "domain",
];

const DELAY = 250;

function valuesOf(segment) {
    const values = { id: segment.resId || false, name: segment.data.name || "" };
    for (const name of CRITERIA) {
        const value = segment.data[name];
        const isMany = segment.fields[name]?.type === "many2many";
        values[name] = isMany ? [...(value?.currentIds || [])] : value;
    }
    return values;
}

/**
 * How many patients are in each segment of the form, as it stands and saved or not.
 * One request for all of them; the last one wins.
 */
export class SegmentCounts {
    constructor(orm) {
        this.orm = orm;
        this.key = null;
        this.number = 0;
        this.state = reactive({
            rows: {},
            lapsed: 0,
            none: 0,
            most: 0,
            mayOpen: false,
            isLoading: false,
            hasFailed: false,
        });
    }

    /** Ask anew if anything that decides has changed. Reads the segments at once. */
    update(company, segments) {
        const rows = segments.map(valuesOf);
        const ids = segments.map((segment) => segment.id);
        const key = JSON.stringify([company, ids, rows]);
        if (key === this.key) {
            return;
        }
        const isFirst = this.key === null;
        this.key = key;
        clearTimeout(this.timer);
        this.state.isLoading = true;
        this.timer = setTimeout(
            () => this.ask(company || user.activeCompany.id, rows, ids),
            isFirst ? 0 : DELAY
        );
    }

    async ask(company, rows, ids) {
        const number = ++this.number;
        let answer = null;
        try {
            answer = await this.orm.silent.call("reactivation.segment", "live_counts", [
                company,
                rows,
            ]);
        } catch {
            // The form is there to mend what is wrong: it stays usable.
        }
        if (number !== this.number) {
            return;
        }
        this.state.isLoading = false;
        this.state.hasFailed = !answer;
        if (answer) {
            // Users who may not change segments are told about saved ones only.
            const byId = Object.fromEntries(answer.rows.map((row) => [row.id, row]));
            const isAll = answer.rows.length === rows.length;
            this.state.rows = Object.fromEntries(
                ids.map((id, place) => [
                    id,
                    isAll ? answer.rows[place] : byId[rows[place].id],
                ])
            );
            this.state.lapsed = answer.lapsed;
            this.state.none = answer.none;
            this.state.mayOpen = answer.may_open;
            this.state.most = Math.max(1, ...answer.rows.map((row) => row.fits));
        }
    }

    stop() {
        this.number++;
        clearTimeout(this.timer);
    }
}
