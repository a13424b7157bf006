import { Component } from "@odoo/owl";
import { deserializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const { DateTime } = luxon;

const HEIGHT = 24;

/** Counts of the last weeks as small bars, the present week last. */
export class ReactivationSparklineField extends Component {
    static template = "patient_reactivation.SparklineField";
    static props = {
        ...standardFieldProps,
        string: { type: String, optional: true },
    };

    get value() {
        return this.props.record.data[this.props.name];
    }

    get isDrawn() {
        return Boolean(this.value && this.value.counts.some((count) => count));
    }

    get most() {
        return Math.max(...this.value.counts);
    }

    get bars() {
        const since = deserializeDate(this.value.since);
        return this.value.counts.map((count, number) => {
            // A week without any is still seen to be a week.
            const height = count ? (HEIGHT * count) / this.most : 0.75;
            return {
                count,
                x: number,
                y: HEIGHT - height,
                height,
                title: _t("%(count)s in the week of %(day)s", {
                    count,
                    day: since
                        .plus({ weeks: number })
                        .toLocaleString(DateTime.DATE_MED),
                }),
            };
        });
    }

    get viewBox() {
        return `0 0 ${this.value.counts.length} ${HEIGHT}`;
    }

    get rangeText() {
        return _t("%(weeks)s weeks, at most %(most)s", {
            weeks: this.value.counts.length,
            most: this.most,
        });
    }

    get label() {
        return _t("%(what)s: %(counts)s", {
            what: this.props.string,
            counts: this.value.counts.join(", "),
        });
    }
}

export const reactivationSparklineField = {
    component: ReactivationSparklineField,
    displayName: _t("Counts by week"),
    supportedTypes: ["json"],
    extractProps: ({ string }) => ({ string }),
};

registry.category("fields").add("reactivation_sparkline", reactivationSparklineField);
