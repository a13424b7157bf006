"""What the card of a campaign draws beside its rates: the lift and the last weeks."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..models.reactivation_experiment import MEASURES
from ..tools import lift
from ..tools.nps import SMALLEST_GROUP

# So far back goes the line of the returns.
WEEKS = 26


class ReactivationCampaign(models.Model):
    _inherit = "reactivation.campaign"

    control_lift = fields.Json(
        string="Lift",
        compute="_compute_control_lift",
        compute_sudo=True,
        help="The rate of everybody who got a method minus that of the control group, "
        "segment by segment, weighted by the size of the segments. Of the patients "
        "whose windows are over.",
    )
    weekly_returns = fields.Json(
        string="Returns by Week",
        compute="_compute_weekly_returns",
        compute_sudo=True,
        help="Patients who returned, week by week, in the last half year.",
    )

    @api.depends("enrollment_ids.stage", "control_percent")
    def _compute_control_lift(self):
        """The lift in win-backs, or in returns as long as no loyalty window is over.

        It is what the campaign did, whichever methods it used: within each segment
        all methods together against the control group, each patient weighted by the
        chance there was; over the segments Σ n(s) · lift(s) ÷ Σ n(s), with n(s) the
        closed patients of the segment (`tools.lift.stratified`). The interval holds
        however often one looks. Segments with fewer than five patients in one of the
        two groups are left out (J9).

        The value is a dict: `measure`, `value`, `low` and `high` (shares), `sure`,
        `patients`, `controls`; or `why` there is no lift: no_control, few or open.
        """
        saved = self._origin
        strata = {
            measure: saved._lift_strata(measure) if saved else {}
            for measure in MEASURES
        }
        for campaign in self:
            campaign.control_lift = campaign._lift_of(
                {
                    measure: found.get(campaign._origin, [])
                    for measure, found in strata.items()
                }
            )

    def _lift_strata(self, measure):
        """Set-based: as many queries for one campaign as for all.

        :return: {campaign: list of (arms of all methods together, arms of the control
            group), one per segment}
        """
        trials = self.env["reactivation.experiment"]._trials(self, measure)
        strata = {}
        for segment, trial in trials.items():
            together = [
                lift.Arm(
                    sum(arm.share for arm in arms),
                    sum(arm.count for arm in arms),
                    sum(arm.successes for arm in arms),
                )
                for arms in zip(*trial.ways.values(), strict=True)
            ]
            if together:
                pair = together, trial.control
                strata.setdefault(segment.campaign_id, []).append(pair)
        return strata

    def _lift_of(self, strata):
        """:return: dict: the value of `control_lift`"""
        for measure, pairs in strata.items():
            found = lift.stratified(pairs, least=SMALLEST_GROUP)
            if found:
                return {
                    "measure": measure,
                    "value": found.difference.value,
                    "low": found.difference.low,
                    "high": found.difference.high,
                    "sure": found.difference.excludes(0)
                    and min(found.count, found.other_count) >= lift.FEWEST,
                    "patients": found.count,
                    "controls": found.other_count,
                }
        return {"why": self._lift_missing(strata)}

    def _lift_missing(self, strata):
        """:return: no_control, few, or open while all windows are"""
        controls = [
            arm
            for pairs in strata.values()
            for _ways, control in pairs
            for arm in control
        ]
        if not self.control_percent and not any(arm.share for arm in controls):
            return "no_control"
        closed = any(
            arm.count
            for pairs in strata.values()
            for pair in pairs
            for arms in pair
            for arm in arms
        )
        return "few" if closed else "open"

    @api.depends("enrollment_ids.returned_date", "date_start")
    def _compute_weekly_returns(self):
        """The value is a dict, `since` (the first Monday) and `counts`, one per week up
        to this one; or False where the campaign has not begun."""
        today = fields.Date.context_today(self)
        this_week = _monday(today)
        earliest = this_week - timedelta(weeks=WEEKS - 1)
        counts = self._origin._weekly_returns(earliest)
        for campaign in self:
            if not campaign.date_start:
                campaign.weekly_returns = False
                continue
            since = max(earliest, min(this_week, _monday(campaign.date_start.date())))
            weeks = (this_week - since).days // 7 + 1
            found = counts.get(campaign._origin.id, {})
            campaign.weekly_returns = {
                "since": fields.Date.to_string(since),
                "counts": [
                    found.get(since + timedelta(weeks=number), 0)
                    for number in range(weeks)
                ],
            }

    def _weekly_returns(self, since):
        """:return: {campaign id: {Monday: patients who returned in its week}}"""
        if not self.ids:
            return {}
        self.env["reactivation.enrollment"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT campaign_id, date_trunc('week', returned_date)::date,
                          count(*)
                     FROM reactivation_enrollment
                    WHERE campaign_id = ANY(%s) AND returned_date >= %s
                      AND stop_reason IS DISTINCT FROM 'merged'
                 GROUP BY 1, 2""",
                self.ids,
                since,
            )
        )
        counts = {}
        for campaign_id, week, count in rows:
            counts.setdefault(campaign_id, {})[week] = count
        return counts


def _monday(day):
    return day - timedelta(days=day.weekday())
