from odoo import fields, models
from odoo.tools import SQL

WINDOWS = ("attribution_days", "loyalty_days")


class ReactivationCampaign(models.Model):
    """Other windows measure everybody anew, those who were enrolled before as well:
    results that were measured in two ways could not be compared."""

    _inherit = "reactivation.campaign"

    def write(self, vals):
        if not any(name in vals for name in WINDOWS):
            return super().write(vals)
        before = {campaign: campaign._window_facts() for campaign in self}
        result = super().write(vals)
        changed = self.filtered(
            lambda campaign: campaign._windows() != before[campaign][0]
        )
        with_patients = changed.filtered(lambda campaign: before[campaign][1])
        with_patients._measure_anew()
        for campaign in with_patients:
            # A handful: the numbers of each go into its own chatter.
            campaign._note_windows(*before[campaign])
        return result

    def _windows(self):
        return tuple(self[name] for name in WINDOWS)

    def _window_facts(self):
        """:return: (the windows, dict of what was measured with them)"""
        self.invalidate_recordset()
        rows = self._results_rows()
        return self._windows(), rows[0] if rows else {}

    def _measure_anew(self):
        """Date the windows of all enrollments, and look at their visits again."""
        if not self:
            return
        self.flush_recordset()
        self.env["reactivation.enrollment"].flush_model()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_enrollment enrollment
                      SET return_closes = enrolled_on
                              + make_interval(days => campaign.attribution_days),
                          loyalty_closes = enrolled_on
                              + make_interval(days => campaign.attribution_days
                                                      + campaign.loyalty_days),
                          write_date = %s
                     FROM reactivation_campaign campaign
                    WHERE campaign.id = enrollment.campaign_id
                      AND campaign.id = ANY(%s)""",
                fields.Datetime.now(),
                self.ids,
            )
        )
        self.env["reactivation.enrollment"].invalidate_model()
        self.env["reactivation.outcome"].sudo()._refresh(
            everything=True, campaigns=self
        )

    def _note_windows(self, windows, counts):
        now, after = self._window_facts()
        self.message_post(
            body=self.env._(
                "The windows have changed from %(return_before)s and "
                "%(loyalty_before)s days to %(return_after)s and %(loyalty_after)s. "
                "All %(enrolled)s patients are measured with the new ones: returned "
                "%(returned_before)s → %(returned_after)s, won back %(won_before)s → "
                "%(won_after)s.",
                return_before=windows[0],
                loyalty_before=windows[1],
                return_after=now[0],
                loyalty_after=now[1],
                enrolled=after["enrolled_count"],
                returned_before=counts["returned_count"],
                returned_after=after["returned_count"],
                won_before=counts["won_back_count"],
                won_after=after["won_back_count"],
            )
        )
