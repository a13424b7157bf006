from collections import Counter

from odoo import api, fields, models
from odoo.tools import SQL


class ReactivationCouponBudget(models.Model):
    """How many coupons a campaign has given: counted where workers wait in line.

    A row of its own, not a column of the campaign: users who edit a campaign and
    workers who issue its coupons must not disturb each other.
    """

    _name = "reactivation.coupon.budget"
    _description = "Coupons of a Campaign"
    _allow_sudo_commands = False

    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, ondelete="cascade"
    )
    issued = fields.Integer(required=True, default=0)

    _campaign_uniq = models.Constraint(
        "UNIQUE(campaign_id)", "A campaign has one budget."
    )

    @api.model
    def _take(self, campaign, wanted):
        """Count coupons that are about to be issued.

        The row stays locked until the transaction ends: who comes next sees what
        was taken. At REPEATABLE READ that is a serialization failure, and Odoo tries
        again.

        :param int wanted: how many
        :return: int: how many the budget still allows
        """
        limit = campaign.sudo().coupon_budget or None
        cr = self.env.cr
        cr.execute(
            SQL(
                """INSERT INTO reactivation_coupon_budget (campaign_id, issued)
                   VALUES (%s, 0) ON CONFLICT (campaign_id) DO NOTHING""",
                campaign.id,
            )
        )
        cr.execute(
            SQL(
                """SELECT id, issued FROM reactivation_coupon_budget
                    WHERE campaign_id = %s FOR UPDATE""",
                campaign.id,
            )
        )
        number, issued = cr.fetchone()
        taken = wanted if limit is None else max(0, min(wanted, limit - issued))
        cr.execute(
            SQL(
                "UPDATE reactivation_coupon_budget SET issued = %s WHERE id = %s",
                issued + taken,
                number,
            )
        )
        self.invalidate_model()
        return taken

    @api.model
    def _give_back(self, campaign_ids):
        """Coupons that nobody got are free again: a campaign's id for each."""
        for campaign_id, count in sorted(Counter(campaign_ids).items()):
            # One row per campaign, nearly always one; in order, against deadlocks.
            self.env.cr.execute(
                SQL(
                    """UPDATE reactivation_coupon_budget
                          SET issued = GREATEST(0, issued - %s)
                        WHERE campaign_id = %s""",
                    count,
                    campaign_id,
                )
            )
        self.invalidate_model()
