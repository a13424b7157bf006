"""The owner's page: what came of it, beside the control group, and what it cost."""

from odoo import api, models
from odoo.tools import SQL, format_date

from ..models.reactivation_experiment import MEASURES
from ..tools import lift
from ..tools.small_groups import is_small


class ReactivationDashboard(models.AbstractModel):
    _inherit = "reactivation.dashboard"

    # ---------------------------------------------------------------------- rates

    @api.model
    def _rates(self, period):
        """Rates of the patients whose window closed in the twelve months, of those who
        were given a method and of the control group; the younger ones apart.

        The lift compares the two over all campaigns and segments. Each patient is
        weighted by the inverse of the chance there was to be in that group, which is
        one number for each allocation, that is for a campaign, a segment and a time:
        w = 1 / (1 - c) with a method and 1 / c in the control group of the share c.
        So both groups have the same mix of campaigns and segments, and no campaign is
        better for having had the easier patients. See `lift.compare` for the interval.

        :return: list of dicts, one per measure
        """
        rows = self._rate_rows(period)
        shares = self._control_shares(rows)
        labels = {
            "return": self.env._("Returned"),
            "win_back": self.env._("Won back"),
        }
        return [
            {"key": measure, "label": label, **self._measure(rows, shares, measure)}
            for measure, label in labels.items()
        ]

    @api.model
    def _rate_rows(self, period):
        """:return: list of dicts of counts, one per allocation and group of it"""
        self.env["reactivation.enrollment"].flush_model()
        return self.env.execute_query_dict(
            SQL(
                """SELECT allocation_id, is_control IS TRUE AS is_control, %(counts)s
                     FROM reactivation_enrollment
                    WHERE company_id = %(company)s AND loyalty_closes >= %(since)s
                      AND stop_reason IS DISTINCT FROM 'merged'
                 GROUP BY 1, 2""",
                counts=SQL(", ").join(
                    self._counts_sql(period, measure) for measure in MEASURES
                ),
                company=period.company.id,
                since=period.moments[0],
            )
        )

    @api.model
    def _counts_sql(self, period, measure):
        """:return: SQL of the columns `<measure>_closed`, `_happened`, `_open` and
        `_so_far`"""
        happened, closes = (SQL.identifier(name) for name in MEASURES[measure])
        names = {
            part: SQL.identifier(f"{measure}_{part}")
            for part in ("closed", "happened", "open", "so_far")
        }
        return SQL(
            """count(*) FILTER (WHERE %(over)s) AS %(closed)s,
               count(%(date)s) FILTER (WHERE %(over)s) AS %(happened)s,
               count(*) FILTER (WHERE %(closes)s > %(now)s) AS %(open)s,
               count(%(date)s) FILTER (WHERE %(closes)s > %(now)s) AS %(so_far)s""",
            over=SQL(
                "%(closes)s BETWEEN %(since)s AND %(until)s",
                closes=closes,
                since=period.moments[0],
                until=self._until(period),
            ),
            date=happened,
            closes=closes,
            now=period.now,
            **names,
        )

    @api.model
    def _control_shares(self, rows):
        """:return: {allocation id: share of the control group, 0 to 1}"""
        found = self.env["reactivation.allocation"].search_fetch(
            [("id", "in", [row["allocation_id"] for row in rows])], ["control_percent"]
        )
        return {item.id: item.control_percent / 100 for item in found}

    @api.model
    def _measure(self, rows, shares, measure):
        def total(part, is_control):
            return sum(
                row[f"{measure}_{part}"]
                for row in rows
                if row["is_control"] == is_control
            )

        closed, controls = total("closed", False), total("closed", True)
        waiting, so_far = total("open", False), total("so_far", False)
        return {
            "rate": self._rate(total("happened", False), closed),
            "closed": self._count(closed),
            "control": self._rate(total("happened", True), controls),
            "control_closed": self._count(controls),
            "lift": None
            if is_small(closed) or is_small(controls)
            else self._lift(rows, shares, measure),
            "open": self._count(waiting),
            "so_far": self._count(None if is_small(waiting) else so_far),
        }

    @api.model
    def _lift(self, rows, shares, measure):
        """:return: dict of a lift with its interval as texts, and whether it is sure;
        None where there is nothing to compare with"""
        counts = {
            (row["allocation_id"], row["is_control"]): (
                row[f"{measure}_closed"],
                row[f"{measure}_happened"],
            )
            for row in rows
        }
        found = lift.compare(
            [
                lift.Arm(1 - share, *counts.get((item, False), (0, 0)))
                for item, share in shares.items()
            ],
            [
                lift.Arm(share, *counts.get((item, True), (0, 0)))
                for item, share in shares.items()
            ],
        )
        if not found or is_small(found.count) or is_small(found.other_count):
            return None
        fewest = min(found.count, found.other_count)
        return self._lift_texts(
            found.difference,
            found.difference.excludes(0) and fewest >= lift.FEWEST,
        )

    @api.model
    def _lift_texts(self, difference, is_sure):
        points = self.env["reactivation.experiment"]._points
        return {
            "value": difference.value,
            "is_sure": is_sure,
            "text": self.env._("%s points", points(difference.value)),
            "range": self.env._(
                "%(low)s to %(high)s",
                low=points(difference.low),
                high=points(difference.high),
            ),
        }

    # ----------------------------------------------------------------- what works

    @api.model
    def _works(self, period):
        """The best method of each segment in use, with the numbers of the day it was
        found; a segment without one goes on trying.

        :return: dict: `rows` and the number of decisions that wait
        """
        campaigns = self.env["reactivation.campaign"].search(
            [("company_id", "=", period.company.id), ("state", "=", "running")]
        )
        decisions = self.env["reactivation.decision"].search(
            [
                ("company_id", "=", period.company.id),
                ("state", "in", ("adopted", "proposed")),
            ]
        )
        # What is proposed is newer than what is adopted.
        best = {
            decision.segment_id: decision
            for decision in decisions.sorted(lambda item: item.state == "proposed")
        }
        return {
            "rows": [
                self._work(segment, best.get(segment))
                for segment in campaigns.segment_ids.sorted(
                    lambda item: (item.campaign_id.id, item.sequence, item.id)
                )
            ],
            "waiting": sum(
                decision.state == "proposed"
                and decision.campaign_id.state in ("running", "paused")
                for decision in decisions
            ),
        }

    @api.model
    def _work(self, segment, decision):
        row = {
            "campaign": segment.campaign_id.display_name,
            "campaign_id": segment.campaign_id.id,
            "segment": segment.display_name,
            "segment_id": segment.id,
            "state": decision.state if decision else "trying",
            "state_name": decision._fields["state"].convert_to_export(
                decision.state, decision
            )
            if decision
            else self.env._("All are being tried"),
            "method": decision.method_id.display_name if decision else None,
            "rate": None,
            "lift": None,
        }
        if not decision:
            return row
        row["date"] = format_date(self.env, decision.date)
        row["rate"] = self._rate(
            decision.win_back_rate * decision.count, decision.count
        )
        if decision.control_count and not is_small(decision.control_count):
            row["lift"] = self._lift_texts(
                lift.Interval(decision.lift, decision.lift_low, decision.lift_high),
                True,
            )
        return row
