from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.patient_reactivation.tools import codes


class SaleOrder(models.Model):
    """A patient's coupon on an order: the check of the front desk, wherever a coupon
    gets onto an order, and once more when it is confirmed."""

    _inherit = "sale.order"

    # -------------------------------------------------------------------- check

    def _reactivation_refusals(self, cards):
        """Why patients' coupons cannot be used on this order.

        :param cards: `loyalty.card`, of patients or not
        :return: {card: (coupon, code of the refusal)}
        """
        self.ensure_one()
        refusals = {}
        for coupon in cards._reactivation_coupons():
            # An order has one.
            if code := self._reactivation_refusal(coupon):
                refusals[coupon.card_id] = coupon, code
        return refusals

    def _reactivation_refusal(self, coupon):
        """:return: code of the refusal of one coupon on this order, or None"""
        if self.state not in ("draft", "sent"):
            return "confirmed"
        lines = self.order_line.filtered(lambda line: not line.display_type)
        refusal = coupon._refusal(
            self.company_id,
            self._reactivation_user_of(coupon),
            discounted=any(line._reactivation_is_discounted(coupon) for line in lines),
            insured=any(lines.product_id.mapped("reactivation_insured")),
        )
        if refusal:
            return refusal
        # Not for orders at all, or for another pricelist.
        fits = coupon.program_id.filtered_domain(self._get_program_domain())
        return None if fits else "service"

    def _reactivation_user_of(self, coupon):
        """A guardian may order for a minor, and a contact for the one above it.

        :return: id of the patient the coupon is used for
        """
        patient = coupon.partner_id
        fitting = patient | patient.guardian_id | patient.commercial_partner_id
        return patient.id if self.partner_id in fitting else self.partner_id.id

    def _reactivation_sentence(self, coupon, code):
        coupons = self.env["reactivation.coupon"].sudo()
        return coupons._sentence(code, coupon)

    # ---------------------------------------------------- ways onto the order

    def _get_program_timezone(self):
        """The last day of a coupon is one of the clinic's calendar."""
        company = self.company_id.sudo()
        return company.reactivation_tz or super()._get_program_timezone()

    def _try_apply_code(self, code):
        """What was scanned or typed is read as the front desk reads it."""
        self.ensure_one()
        typed = codes.normalize(code)
        if not codes.is_code(typed):
            return super()._try_apply_code(code)
        card = self.env["loyalty.card"].sudo().search([("code", "=", typed)])
        coupon = card._reactivation_coupons() or self.env[
            "reactivation.coupon"
        ].sudo().search([("code", "=", typed)])
        if coupon and (refusal := self._reactivation_refusal(coupon)):
            return {"error": self._reactivation_sentence(coupon, refusal)}
        return super()._try_apply_code(typed if coupon else code)

    def _get_claimable_rewards(self, forced_coupons=None):
        """Coupons that cannot be used here are not offered."""
        rewards = super()._get_claimable_rewards(forced_coupons)
        cards = self.env["loyalty.card"].browse(card.id for card in rewards)
        for card in self._reactivation_refusals(cards):
            rewards.pop(card, None)
        return rewards

    def _apply_program_reward(self, reward, coupon, **kwargs):
        for refused, code in self._reactivation_refusals(coupon).values():
            return {"error": self._reactivation_sentence(refused, code)}
        return super()._apply_program_reward(reward, coupon, **kwargs)

    def action_confirm(self):
        """Between quotation and order a coupon may be used, end or become unlawful."""
        self._reactivation_check_coupons()
        result = super().action_confirm()
        confirmed = self.filtered(lambda order: order.state == "sale")
        self.env["reactivation.outcome"]._append_of_orders("ordered", confirmed)
        return result

    def _reactivation_check_coupons(self):
        """Who confirms a second order with the same coupon waits here, then hears that
        it has been used.

        :raise UserError: a coupon cannot be used, and what to do
        """
        coupons = self.order_line.coupon_id._reactivation_coupons()
        if not coupons:
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "SELECT id FROM reactivation_coupon WHERE id = ANY(%s)"
                " ORDER BY id FOR UPDATE",
                coupons.ids,
            )
        )
        coupons.invalidate_recordset()
        used = set()
        for order in self:
            # Nearly always one.
            for coupon in order.order_line.coupon_id._reactivation_coupons():
                code = order._reactivation_refusal(coupon)
                if coupon in used:
                    # Two of the orders that are confirmed together.
                    raise UserError(order._reactivation_words_twice(coupon))
                if code:
                    raise UserError(order._reactivation_words(coupon, code))
                used.add(coupon)

    def _reactivation_words(self, coupon, code):
        return self.env._(
            "%(order)s: the coupon %(code)s cannot be used. Remove its line from the "
            "order, then confirm it.\n\nSay: “%(sentence)s”",
            order=self.display_name,
            code=coupon.code_shown,
            sentence=self._reactivation_sentence(coupon, code),
        )

    def _reactivation_words_twice(self, coupon):
        return self.env._(
            "The coupon %(code)s is on two of these orders, and may be used once. "
            "Remove its line from %(order)s, then confirm it.",
            order=self.display_name,
            code=coupon.code_shown,
        )

    def _action_cancel(self):
        confirmed = self.filtered(lambda order: order.state == "sale")
        result = super()._action_cancel()
        self.env["reactivation.outcome"]._append_of_orders(
            "unordered", confirmed.filtered(lambda order: order.state == "cancel")
        )
        return result

    # ------------------------------------------------------------------ revenue

    def _reactivation_amount(self):
        """:return: float: what was ordered, without taxes, in the clinic's currency"""
        self.ensure_one()
        return self.currency_id._convert(
            self.amount_untaxed,
            self.company_id.currency_id,
            self.company_id,
            self.date_order.date(),
        )
