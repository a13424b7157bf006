from odoo import fields, models
from odoo.tools import SQL

from .reactivation_coupon_issue import OFFER_REFUSALS, Wish

# What the contact policy says of offers -> why there is none.
REACH = {"no_consent": "no_consent", "opted_out": "opted_out"}


class ReactivationDelivery(models.Model):
    """The coupon that goes with a message, or why none does."""

    _inherit = "reactivation.delivery"

    coupon_id = fields.Many2one(
        "reactivation.coupon",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The coupon this message shows.",
    )
    offer_refusal = fields.Selection(
        OFFER_REFUSALS,
        string="Why No Offer",
        readonly=True,
        help="The step gives coupons, and this patient got the message without one.",
    )

    def _attach_offers(self, channel):
        """Give claimed deliveries of one campaign and channel their coupon: a new one,
        or the one that a reminder is about.

        In the transaction of the claim: a process that dies leaves neither a coupon
        without a message that may still go out, nor a message without its code.
        """
        reminders = self.filtered(lambda item: item.step_id.offer == "remind")
        if reminders:
            shown = self.env["reactivation.coupon"]._shown_to(
                reminders.partner_id, self.company_id
            )
            reminders._write_offers(
                {item: (shown.get(item.partner_id), None) for item in reminders}
            )
        rewarded = self.filtered(lambda item: item.step_id.offer == "reward")
        if rewarded:
            rewarded._write_offers(rewarded._rewards())
        givers = self.filtered(lambda item: item.step_id.offer == "issue")
        if givers:
            givers._issue_coupons(channel)

    def _rewards(self):
        """:return: {delivery: (coupon or None, refusal or None)}: what the answers of
        these patients were rewarded with"""
        feedback = self.env["reactivation.feedback"].search(
            [("enrollment_id", "in", self.enrollment_id.ids)]
        )
        lawful = feedback.coupon_id._lawful_to_show()
        found = {item.enrollment_id: item for item in feedback}
        rewards = {}
        for delivery in self:
            given = found.get(delivery.enrollment_id, feedback.browse())
            coupon = given.coupon_id & lawful
            rewards[delivery] = coupon or None, given.reward_refusal or None
        return rewards

    def _issue_coupons(self, channel):
        campaign = self.campaign_id
        refused = self.env["reactivation.contact.policy"]._offer_refusals(
            self, channel, campaign
        )
        wishes = {}
        results = {}
        for step, group in self.grouped("step_id").items():
            # One step; two or three of a family.
            programs = campaign._coupon_programs(step)
            for delivery in group:
                if code := refused.get(delivery.id):
                    results[delivery] = None, REACH.get(code, "no_reach")
                    continue
                tier = delivery.enrollment_id.tier_id
                wishes[delivery] = Wish(
                    delivery.partner_id,
                    programs.get(tier, programs[False]),
                    enrollment=delivery.enrollment_id,
                    delivery=delivery,
                )
        self.env["reactivation.coupon"]._issue(
            self.company_id, list(wishes.values()), campaign=campaign
        )
        for delivery, wish in wishes.items():
            results[delivery] = wish.coupon, wish.refusal
        self._write_offers(results)

    def _write_offers(self, results):
        """Write (coupon or None, refusal or None) of each delivery, all at once."""
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                """UPDATE reactivation_delivery delivery
                      SET coupon_id = found.coupon_id, offer_refusal = found.refusal
                     FROM (VALUES %s) AS found (id, coupon_id, refusal)
                    WHERE delivery.id = found.id RETURNING 1""",
                SQL(", ").join(
                    SQL(
                        "(%s::int, %s::int, %s::varchar)",
                        delivery.id,
                        coupon.id if coupon else None,
                        refusal,
                    )
                    for delivery, (coupon, refusal) in results.items()
                ),
            )
        )
        # An earlier coupon is told of by this message from now on.
        self.env.execute_query(
            SQL(
                """UPDATE reactivation_coupon coupon SET delivery_id = delivery.id
                     FROM reactivation_delivery delivery
                    WHERE delivery.coupon_id = coupon.id AND delivery.id = ANY(%s)
                      AND NOT coupon.is_sent RETURNING 1""",
                [delivery.id for delivery in results],
            )
        )
        self.invalidate_model(["coupon_id", "offer_refusal"])
        self.env["reactivation.coupon"].invalidate_model(["delivery_id"])
