"""The owner's page: what its words mean, in plain language and with the clinic's
own thresholds."""

from odoo import api, models


class ReactivationDashboard(models.AbstractModel):
    _inherit = "reactivation.dashboard"

    @api.model
    def _words(self, period):
        """:return: list of dicts: a `word` and its `text`, as section 2 of the design
        defines it"""
        returns, stays = self._windows(period.company)
        return [
            {"word": word, "text": text}
            for word, text in [
                *self._patient_words(period.company),
                *self._window_words(returns, stays),
                *self._comparison_words(),
                *self._money_words(),
            ]
        ]

    @api.model
    def _patient_words(self, company):
        return [
            (
                self.env._("Lapsed"),
                self.env._(
                    "No visit for %(months)s months or more, and nothing booked.",
                    months=company.reactivation_lapse_months,
                ),
            ),
            (
                self.env._("Enrolled"),
                self.env._(
                    "Taken into a campaign: with a method, or into the control group."
                ),
            ),
        ]

    @api.model
    def _window_words(self, returns, stays):
        return [
            (
                self.env._("Returned"),
                self.env._(
                    "Came to a visit after the enrollment, within the return window of "
                    "%(days)s days, whatever made them come.",
                    days=returns,
                ),
            ),
            (
                self.env._("Won back"),
                self.env._(
                    "Returned, and came again at the full price within the loyalty "
                    "window."
                ),
            ),
            (
                self.env._("Loyalty window"),
                self.env._("The %(days)s days after the return.", days=stays),
            ),
            (
                self.env._("Rates"),
                self.env._(
                    "Count patients whose window closed in the twelve months. Those "
                    "whose window is open are not in them: it is not known yet what "
                    "they will do. They are shown as “so far”."
                ),
            ),
        ]

    @api.model
    def _comparison_words(self):
        return [
            (
                self.env._("Control group"),
                self.env._(
                    "Patients chosen by chance who are enrolled and never contacted. "
                    "They show who would have come back anyway."
                ),
            ),
            (
                self.env._("Lift"),
                self.env._(
                    "The rate of the patients with a method minus that of the control "
                    "group, in percentage points, with the same mix of campaigns and "
                    "segments in both. It can differ a little from the plain "
                    "difference of the two rates."
                ),
            ),
            (
                self.env._("Interval"),
                self.env._(
                    "The truth lies in it with a certainty of 95 %. The fewer the "
                    "patients, the wider it is. That of a lift holds however often "
                    "you look. If it includes 0, chance may explain the difference."
                ),
            ),
        ]

    @api.model
    def _money_words(self):
        return [
            (
                self.env._("Revenue and costs"),
                self.env._(
                    "Of patients with a method. Revenue counts from the return to the "
                    "end of the loyalty window, also of those who would have come back "
                    "anyway. Return on investment: net ÷ cost."
                ),
            ),
            (
                "< 5",
                self.env._(
                    "Groups of one to four patients are not shown as a number, nor is "
                    "what they could be computed from. Rates are those of groups of "
                    "five or more."
                ),
            ),
        ]

    @api.model
    def _windows(self, company):
        """:return: (text of the return windows, of the loyalty windows) of the clinic's
        campaigns, in days; a campaign may have its own"""
        campaigns = self.env["reactivation.campaign"]
        found = campaigns._read_group(
            [("company_id", "=", company.id), ("date_start", "!=", False)],
            [],
            [
                "attribution_days:min",
                "attribution_days:max",
                "loyalty_days:min",
                "loyalty_days:max",
            ],
        )[0]
        usual = campaigns.default_get(["attribution_days", "loyalty_days"])
        returns = self._range(*found[:2], usual["attribution_days"])
        return returns, self._range(*found[2:], usual["loyalty_days"])

    @api.model
    def _range(self, low, high, usual):
        low, high = low or usual, high or usual
        return str(low) if low == high else f"{low}–{high}"
