"""Segment × method: what each method did in each segment, beside the control group."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..models.reactivation_decision import LEVEL
from ..models.reactivation_experiment import MEASURES
from ..tools import drift, lift, rates
from ..tools.nps import SMALLEST_GROUP

# The lift of which is said how many patients it takes to find it.
WORTHWHILE_LIFT = 0.1

# Where nobody is known to have returned by themselves yet.
USUAL_RATE = 0.1

CONTROL = 0


class ReactivationCampaign(models.Model):
    """The ways from a campaign to what is known of its methods."""

    _inherit = "reactivation.campaign"

    def action_open_matrix(self):
        """What each method does in each segment."""
        self.ensure_one()
        self.check_access("read")
        self.env["reactivation.decision"].check_access("read")
        action = self.env["ir.actions.actions"]._for_xml_id(
            "patient_reactivation.reactivation_matrix_action"
        )
        return {**action, "context": {"reactivation_campaign": self.id}}

    def action_open_allocations(self):
        """Which shares of the patients the methods got, since when, and why."""
        self.ensure_one()
        self.check_access("read")
        self.env["reactivation.allocation"].check_access("read")
        action = self.env["ir.actions.actions"]._for_xml_id(
            "patient_reactivation.reactivation_allocation_action"
        )
        return {**action, "domain": [("campaign_id", "=", self.id)]}


class ReactivationMatrix(models.AbstractModel):
    """The matrix of a campaign, read at once. It writes nothing."""

    _name = "reactivation.matrix"
    _description = "Segment × Method"

    @api.model
    @api.readonly
    def read_matrix(self, campaign_id, measure="win_back"):
        """What the matrix of a campaign shows.

        Rates count patients whose window is over; each weighted by the chance there
        was to get the method. The interval of a rate is Wilson's, that of a lift holds
        however often one looks. Groups of fewer than five patients are not shown.

        :param int campaign_id: a campaign the user may read
        :param str measure: win_back or return
        :return: dict for the view: `campaign`, `columns`, `rows`, `total`, `warnings`
        :raise AccessError: the user may not see the campaign
        :raise ValueError: there is no such measure
        """
        if measure not in MEASURES:
            raise ValueError(measure)
        campaign = self.env["reactivation.campaign"].browse(campaign_id)
        campaign.check_access("read")
        self.env["reactivation.decision"].check_access("read")
        campaign = campaign.sudo()
        counts = self._counts(campaign, measure)
        trials = self.env["reactivation.experiment"]._trials(campaign, measure)
        methods = self._methods(campaign, counts)
        rows = [
            self._row(campaign, segment, methods, counts, trials.get(segment))
            for segment in self._segments(campaign, counts)
        ]
        return {
            "campaign": {
                "id": campaign.id,
                "name": campaign.display_name,
                "measure": measure,
                "allocation": campaign._fields["allocation"].convert_to_export(
                    campaign.allocation, campaign
                ),
                "return_days": campaign.attribution_days,
                "loyalty_days": campaign.loyalty_days,
            },
            "columns": [
                *(
                    {
                        "id": method.id,
                        "name": method.display_name,
                        "in_use": method.state == "current",
                    }
                    for method in methods
                ),
                {"id": CONTROL, "name": self.env._("Control group"), "in_use": True},
            ],
            "rows": rows,
            "total": self._total(rows, methods),
            "warnings": self._warnings(
                campaign,
                rows,
                counts,
                methods,
                trials if measure == "win_back" else None,
            ),
        }

    @api.model
    @api.readonly
    def read_campaigns(self):
        """:return: list of dicts, `id` and `name`, of the campaigns that began; those
        that run come first"""
        campaigns = self.env["reactivation.campaign"].search(
            [("date_start", "!=", False)]
        )
        return [
            {"id": campaign.id, "name": campaign.display_name} for campaign in campaigns
        ]

    @api.model
    def open_cell(self, campaign_id, segment_id, method_id):
        """:return: an action: the patients of one cell"""
        campaign = self.env["reactivation.campaign"].browse(campaign_id)
        action = campaign.action_open_enrollments()
        segment = self.env["reactivation.segment"].browse(segment_id)
        method = self.env["reactivation.method"].browse(method_id)
        action["display_name"] = " · ".join(
            [
                segment.display_name,
                method.display_name if method_id else self.env._("Control group"),
            ]
        )
        action["domain"] = [
            *action["domain"],
            ("segment_id", "=", segment_id),
            ("method_id", "=", method_id) if method_id else ("is_control", "=", True),
        ]
        action["context"] = {}
        return action

    # --------------------------------------------------------------------- counts

    @api.model
    def _counts(self, campaign, measure):
        """:return: {(segment id, method id or 0): dict of numbers of patients}"""
        self.env["reactivation.enrollment"].flush_model()
        happened, closes = (SQL.identifier(name) for name in MEASURES[measure])
        found = self.env.execute_query_dict(
            SQL(
                """SELECT segment_id, CASE WHEN is_control THEN %(control)s
                                           ELSE method_id END AS method_id,
                          count(*) AS enrolled,
                          count(*) FILTER (WHERE %(closes)s <= %(now)s) AS closed,
                          count(%(happened)s) FILTER (WHERE %(closes)s <= %(now)s)
                              AS happened,
                          count(%(happened)s) FILTER (WHERE %(closes)s > %(now)s)
                              AS so_far
                     FROM reactivation_enrollment
                    WHERE campaign_id = %(campaign)s AND segment_id IS NOT NULL
                      AND (method_id IS NOT NULL OR is_control)
                      AND stop_reason IS DISTINCT FROM 'merged'
                 GROUP BY 1, 2""",
                control=CONTROL,
                closes=closes,
                happened=happened,
                now=fields.Datetime.now(),
                campaign=campaign.id,
            )
        )
        return {(row.pop("segment_id"), row.pop("method_id")): row for row in found}

    @api.model
    def _methods(self, campaign, counts):
        """:return: the methods in use and those of before that have patients"""
        used = {method for _segment, method in counts}
        return campaign.all_method_ids.filtered(
            lambda method: (
                not method.reason_ids
                and (method.state == "current" or method.id in used)
                and method.state != "draft"
            )
        )

    @api.model
    def _segments(self, campaign, counts):
        used = {segment for segment, _method in counts}
        return campaign.all_segment_ids.filtered(
            lambda segment: not segment.is_retired or segment.id in used
        )

    # ---------------------------------------------------------------------- cells

    @api.model
    def _row(self, campaign, segment, methods, counts, trial):
        decisions = campaign.decision_ids.filtered(
            lambda item: (
                item.segment_id == segment and item.state in ("adopted", "proposed")
            )
        )
        marks = {item.method_id.id: item for item in decisions}
        cells = [
            self._cell(
                segment,
                method.id,
                counts.get((segment.id, method.id)),
                trial and trial.ways.get(method),
                trial and trial.control,
                marks.get(method.id),
            )
            for method in methods
        ]
        cells.append(
            self._cell(
                segment,
                CONTROL,
                counts.get((segment.id, CONTROL)),
                trial and trial.control,
                None,
                None,
            )
        )
        return {
            "id": segment.id,
            "name": segment.display_name,
            "who": segment.summary,
            "in_use": not segment.is_retired,
            "cells": cells,
            "needed": self._needed(cells[-1]),
        }

    @api.model
    def _cell(self, segment, method_id, count, arms, control, decision):
        count = count or {"enrolled": 0, "closed": 0, "happened": 0, "so_far": 0}
        cell = {
            "method": method_id,
            "segment": segment.id,
            "enrolled": count["enrolled"],
            "closed": count["closed"],
            "open": count["enrolled"] - count["closed"],
            "so_far": count["so_far"],
            "hidden": 0 < count["enrolled"] < SMALLEST_GROUP,
            "rate": None,
            "lift": None,
            "mark": decision.state if decision else False,
            "decision": decision.id if decision else False,
        }
        if cell["hidden"]:
            return {**cell, "closed": 0, "open": 0, "so_far": 0, "enrolled": 0}
        if count["closed"] < SMALLEST_GROUP or not arms:
            return cell
        rate = lift.weighted_rate(arms)
        if rate is None:
            return cell
        found = rates.wilson(rate * count["closed"], count["closed"])
        cell |= {"rate": found.value, "low": found.low, "high": found.high}
        against = control and lift.compare(arms, control)
        if against and min(against.count, against.other_count) >= SMALLEST_GROUP:
            difference = against.difference
            cell |= {
                "lift": difference.value,
                "lift_low": difference.low,
                "lift_high": difference.high,
                "sure": difference.excludes(0)
                and min(against.count, against.other_count) >= lift.FEWEST,
            }
        return cell

    @api.model
    def _needed(self, control):
        """:return: patients per group that it takes to find a worthwhile lift"""
        rate = control["rate"] if control["rate"] is not None else USUAL_RATE
        return lift.needed(min(rate, 1 - WORTHWHILE_LIFT), WORTHWHILE_LIFT)

    @api.model
    def _total(self, rows, methods):
        """All segments together, in the same mix for each method, so that no method
        is better for having had the easier patients.

        :return: list of dicts, one per column, or of None where a method was not
            tried in every segment
        """
        table = self._mix_table(rows)
        mixes = drift.standardize(table)
        total = []
        for method in [*methods.ids, CONTROL]:
            cells = [
                cell
                for row in rows
                for cell in row["cells"]
                if cell["method"] == method and not cell["hidden"]
            ]
            mix = mixes.get(method)
            total.append(
                {
                    "method": method,
                    "enrolled": sum(cell["enrolled"] for cell in cells),
                    "closed": sum(cell["closed"] for cell in cells),
                    "rate": mix.standardized if mix else None,
                    "plain": mix.plain if mix else None,
                }
            )
        return total

    @api.model
    def _mix_table(self, rows):
        """:return: {(segment id, method id): (happened, closed)} of what is shown"""
        return {
            (row["id"], cell["method"]): (cell["rate"] * cell["closed"], cell["closed"])
            for row in rows
            for cell in row["cells"]
            if cell["rate"] is not None
        }

    # ------------------------------------------------------------------- warnings

    @api.model
    def _warnings(self, campaign, rows, counts, methods, trials):
        """:return: list of sentences: what keeps the figures from being taken at their
        word"""
        texts = [
            self._warn_control(campaign),
            self._warn_open(counts),
            self._warn_few(rows),
            self._warn_mix(rows, methods),
            self._warn_fishing(campaign, trials),
            self._warn_drift(campaign),
        ]
        return [text for text in texts if text]

    @api.model
    def _warn_control(self, campaign):
        if campaign.control_percent:
            return None
        return self.env._(
            "There is no control group: nobody knows who would have come back anyway. "
            "Set one on the campaign, under Measure."
        )

    @api.model
    def _warn_open(self, counts):
        enrolled = sum(count["enrolled"] for count in counts.values())
        waiting = enrolled - sum(count["closed"] for count in counts.values())
        if not waiting:
            return None
        return self.env._(
            "The windows of %(open)s of %(enrolled)s patients are still open. They are "
            "not in the rates.",
            open=waiting,
            enrolled=enrolled,
        )

    @api.model
    def _warn_few(self, rows):
        few = [
            row
            for row in rows
            if row["in_use"]
            and not self._is_told(row)
            and any(
                cell["enrolled"] and cell["closed"] < row["needed"]
                for cell in row["cells"]
            )
        ]
        if not few:
            return None
        return self.env._(
            "Too few patients yet to be sure of a lift of %(lift)s points: %(needs)s.",
            lift=round(WORTHWHILE_LIFT * 100),
            needs="; ".join(
                self.env._(
                    "%(segment)s needs %(count)s in each group",
                    segment=row["name"],
                    count=row["needed"],
                )
                for row in few
            ),
        )

    @api.model
    def _is_told(self, row):
        """Fewer patients were enough: the best method of a segment is known, or how
        all of them do beside the control group."""
        tried = [cell for cell in row["cells"][:-1] if cell["enrolled"]]
        if any(cell["mark"] in ("proposed", "adopted") for cell in tried):
            return True
        return bool(tried) and all(cell.get("sure") for cell in tried)

    @api.model
    def _warn_mix(self, rows, methods):
        pairs = drift.misleading(drift.standardize(self._mix_table(rows)))
        if not pairs:
            return None
        names = {method.id: method.display_name for method in methods}
        names[CONTROL] = self.env._("Control group")
        better, other = pairs[0]
        return self.env._(
            "Over all segments, plain sums would say that %(other)s is better than "
            "%(better)s. In the same mix of segments it is the other way round: trust "
            "the segments.",
            other=names[other],
            better=names[better],
        )

    @api.model
    def _warn_fishing(self, campaign, trials):
        experiment = self.env["reactivation.experiment"]
        verdicts = experiment._verdicts(campaign, trials=trials)
        lucky = [
            segment.display_name
            for segment, (strongest, level, _trial) in verdicts.items()
            if strongest.p_value <= LEVEL < level
        ]
        if not lucky:
            return None
        return self.env._(
            "%(segments)s would stand out if it were the only segment. Of %(count)s "
            "segments one does so by chance: wait.",
            segments=", ".join(lucky),
            count=len(campaign.segment_ids),
        )

    @api.model
    def _warn_drift(self, campaign):
        """Were patients given to the methods as planned (sample-ratio mismatch)?"""
        rows = self.env.execute_query(
            SQL(
                """SELECT allocation_id,
                          CASE WHEN is_control THEN %s ELSE method_id END, count(*)
                     FROM reactivation_enrollment
                    WHERE campaign_id = %s AND allocation_id IS NOT NULL
                      AND (method_id IS NOT NULL OR is_control)
                 GROUP BY 1, 2""",
                CONTROL,
                campaign.id,
            )
        )
        counts = {}
        for allocation_id, method_id, count in rows:
            counts.setdefault(allocation_id, {})[method_id] = count
        allocations = campaign.allocation_ids.filtered(
            lambda item: item.kind != "before" and item.id in counts
        )
        levels = [
            drift.mismatch(
                {
                    CONTROL: item.control_percent / 100,
                    **{
                        line.method_id.id: item._chance(line.method_id)
                        for line in item.share_ids
                    },
                },
                counts[item.id],
            )
            for item in allocations
        ]
        if not levels or min(levels) * len(levels) > drift.LEVEL:
            return None
        return self.env._(
            "Patients were not given to the methods as planned: the shares differ by "
            "more than chance explains. Do not trust the comparison before you know "
            "why. Were enrollments deleted, or made by hand?"
        )
