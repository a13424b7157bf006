from collections import namedtuple

from odoo import api, fields, models
from odoo.tools import SQL, formatLang

from ..tools import lift

# What a comparison is about -> (column of the enrollment that says it happened, column
# of the end of the window).
MEASURES = {
    "win_back": ("loyal_date", "loyalty_closes"),
    "return": ("returned_date", "return_closes"),
}

# The arms of one segment, per allocation and in the same order for everybody.
Trial = namedtuple("Trial", "ways control")


class ReactivationExperiment(models.AbstractModel):
    """What the methods of a campaign did in each segment, beside the control group.

    Only patients whose window is over count: the younger ones are not known yet.
    """

    _name = "reactivation.experiment"
    _description = "Comparison of Methods"

    @api.model
    def _trials(self, campaigns, measure="win_back", moment=None):
        """The results, set-based: one query for all campaigns.

        :param str measure: a key of `MEASURES`
        :return: {segment: `Trial` with {method: list of `lift.Arm`} and the list of
            the control group}
        """
        counts = {row[:3]: row[3:] for row in self._counts(campaigns, measure, moment)}
        trials = {}
        allocations = (
            self.env["reactivation.allocation"]
            .sudo()
            .search([("campaign_id", "in", campaigns.ids)], order="id")
        )
        for segment, group in allocations.grouped("segment_id").items():
            # Only in memory: what there is was read at once.
            methods = group.share_ids.method_id
            trials[segment] = Trial(
                {
                    method: [
                        lift.Arm(
                            item._chance(method),
                            *counts.get((item.id, method.id, False), (0, 0)),
                        )
                        for item in group
                    ]
                    for method in methods
                },
                [
                    lift.Arm(
                        item.control_percent / 100,
                        *counts.get((item.id, None, True), (0, 0)),
                    )
                    for item in group
                ],
            )
        return trials

    @api.model
    def _counts(self, campaigns, measure, moment=None):
        """:return: list of (allocation id, method id or None, control group, patients
        whose window is over, those it happened to)"""
        self.env["reactivation.enrollment"].flush_model()
        happened, closes = MEASURES[measure]
        return self.env.execute_query(
            SQL(
                """SELECT allocation_id, method_id, is_control, count(*),
                          count(%(happened)s)
                     FROM reactivation_enrollment
                    WHERE campaign_id = ANY(%(campaigns)s)
                      AND allocation_id IS NOT NULL
                      AND %(closes)s <= %(moment)s
                      AND stop_reason IS DISTINCT FROM 'merged'
                 GROUP BY allocation_id, method_id, is_control""",
                happened=SQL.identifier(happened),
                closes=SQL.identifier(closes),
                campaigns=campaigns.ids,
                moment=moment or fields.Datetime.now(),
            )
        )

    @api.model
    def _percent(self, share, digits=None):
        """:param int digits: behind the point; by default one, where it tells apart
        :return: str of a share between 0 and 1, in the language of the user"""
        if digits is None:
            digits = 1 if 0 < share < 0.1 else 0
        number = formatLang(self.env, share * 100, digits=digits)
        return f"{number}\N{NO-BREAK SPACE}%"

    @api.model
    def _points(self, share):
        """:return: str: a difference of shares in points, with its sign"""
        sign = "−" if share < 0 else "+"
        return sign + formatLang(self.env, abs(share * 100), digits=1)

    @api.model
    def _verdicts(self, campaign, moment=None, trials=None):
        """The strongest method of each segment in use, and how sure that is.

        The levels are adjusted for the number of segments that are asked: who looks
        at twenty groups finds one that stands out by chance.

        :param dict trials: the results in win-backs, if they are known already
        :return: {segment: (`lift.Winner`, its level as adjusted, `Trial` of the
            methods in use)}
        """
        methods = campaign._current_methods()._startable()
        if trials is None:
            trials = self._trials(campaign, moment=moment)
        found = {}
        for segment in campaign.segment_ids:
            if segment not in trials:
                continue
            trial = trials[segment]
            ways = {
                method: arms for method, arms in trial.ways.items() if method in methods
            }
            for method in methods - self.env["reactivation.method"].concat(*ways):
                ways[method] = [lift.Arm(0.0, 0, 0)] * len(trial.control)
            strongest = lift.strongest(ways, trial.control)
            if strongest:
                found[segment] = strongest, Trial(ways, trial.control)
        asked = [segment for segment in campaign.segment_ids if segment in trials]
        levels = lift.holm(
            {
                segment: found[segment][0].p_value if segment in found else 1.0
                for segment in asked
            }
        )
        return {
            segment: (strongest, levels[segment], trial)
            for segment, (strongest, trial) in found.items()
        }


class ReactivationAllocation(models.Model):
    _inherit = "reactivation.allocation"

    def _chance(self, method):
        """:return: float: probability that a patient of the segment gets a method"""
        self.ensure_one()
        share = sum(line.share for line in self.share_ids if line.method_id == method)
        return share * (1 - self.control_percent / 100)
