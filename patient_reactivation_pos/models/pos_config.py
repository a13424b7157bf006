from odoo import fields, models

from odoo.addons.patient_reactivation.tools import codes


class PosConfig(models.Model):
    _inherit = "pos.config"

    def use_coupon_code(self, code, creation_date, partner_id, pricelist_id):
        """The check of the front desk, before the till takes a patient's coupon."""
        self.ensure_one()
        self.check_access("read")
        typed = codes.normalize(code)
        coupons = self.env["reactivation.coupon"].sudo()
        coupon = codes.is_code(typed) and coupons.search([("code", "=", typed)])
        if not coupon:
            return super().use_coupon_code(
                code, creation_date, partner_id, pricelist_id
            )
        if refusal := coupon._refusal_at_till(self, partner_id):
            words = self._reactivation_refuse(coupon, refusal)
            return {"successful": False, "payload": {"error_message": words}}
        # The till counts days in Greenwich. The last day is one of the clinic's.
        company = self.company_id
        local = self.with_context(tz=company._reactivation_zone())
        return super(PosConfig, local).use_coupon_code(
            typed,
            fields.Date.to_string(company._reactivation_today()),
            partner_id,
            pricelist_id,
        )

    def hold_patient_coupons(
        self, order, partner_id, card_ids, discounted=False, insured=False
    ):
        """Check the coupons of a bill that is about to be paid, and keep others from
        using them meanwhile.

        :param str order: the unique name the till gave to the bill
        :param list card_ids: ids of loyalty cards, of patients or not
        :return: str: what to say if one of them cannot be used, or False
        """
        self.ensure_one()
        self.check_access("read")
        cards = self.env["loyalty.card"].browse(map(int, card_ids))
        coupons = cards._reactivation_coupons()
        for coupon in coupons.with_context(reactivation_till_order=order):
            # One, or two that were tried.
            refusal = coupon._refusal_at_till(
                self, partner_id, discounted=discounted, insured=insured
            )
            if not refusal and not coupon._hold(order):
                refusal = "held"
            if refusal:
                return self._reactivation_refuse(coupon, refusal)
        return False

    def _reactivation_refuse(self, coupon, refusal):
        """:return: str: what to say; it is on record that it was said"""
        self.env["reactivation.coupon.event"]._log(coupon, "refused", reason=refusal)
        return coupon._sentence(refusal, coupon)
