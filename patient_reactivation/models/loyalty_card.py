from odoo import models

# Nothing of ours makes Odoo write to the patient or note every coupon in a chatter.
QUIET = {
    "action_no_send_mail": True,
    "loyalty_no_mail": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "tracking_disable": True,
}


class LoyaltyCard(models.Model):
    """The card behind a patient's coupon: the point that orders spend."""

    _inherit = "loyalty.card"

    def _reactivation_coupons(self):
        """:return: the patients' coupons these cards stand behind, as superuser"""
        return (
            self.env["reactivation.coupon"].sudo().search([("card_id", "in", self.ids)])
        )

    def _reactivation_empty(self):
        """Nothing can be bought with these cards any more."""
        if self:
            self.with_context(**QUIET).write({"points": 0})

    def _reactivation_fill(self):
        """The one point of a coupon is there again."""
        if self:
            self.with_context(**QUIET).write({"points": 1})
