from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# As long as a bill at a till may take from the press on Validate to being in the books.
HOLD = timedelta(minutes=2)


class ReactivationCoupon(models.Model):
    """A till takes the money before the server notes the bill. In between the bill
    holds its coupon, so that nobody else uses it."""

    _inherit = "reactivation.coupon"

    till_order = fields.Char(
        readonly=True, help="The bill at a till that is being paid with the coupon."
    )
    till_until = fields.Datetime(readonly=True)

    @api.model
    def _sentences(self):
        minutes = int(HOLD.total_seconds() // 60)
        return {
            **super()._sentences(),
            "nobody": self.env._("May I have your name, please? Then I scan it again."),
            "held": self.env._(
                "This coupon is being used at a till right now. Please give me %s "
                "minutes.",
                minutes,
            ),
        }

    def _refusal(self, company, partner_id=None, discounted=False, insured=False):
        code = super()._refusal(company, partner_id, discounted, insured)
        return code or ("held" if self._is_held() else None)

    def _is_held(self):
        """:return: bool: another bill than that of the context is paid with it"""
        coupon = self.sudo()
        own = self.env.context.get("reactivation_till_order")
        return (
            bool(coupon.till_until)
            and coupon.till_until > fields.Datetime.now()
            and coupon.till_order != own
        )

    def _refusal_at_till(self, config, partner_id, **visit):
        """:return: code of the refusal at a point of sale, or None"""
        refusal = self._refusal(config.company_id, partner_id, **visit)
        if not refusal and not partner_id:
            refusal = "nobody"
        if not refusal and self.program_id not in config.sudo()._get_program_ids():
            refusal = "service"
        return refusal

    def _hold(self, order):
        """Of several tills at once, one gets the coupon.

        :param str order: the unique name the till gave to its bill
        :return: bool
        """
        self.ensure_one()
        self.env.flush_all()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """UPDATE reactivation_coupon
                      SET till_order = %(order)s, till_until = %(until)s
                    WHERE id = %(id)s AND state = 'open'
                      AND (till_order = %(order)s OR till_until IS NULL
                           OR till_until <= %(now)s)
                RETURNING id""",
                id=self.id,
                order=order,
                until=now + HOLD,
                now=now,
            )
        )
        self.invalidate_recordset(["till_order", "till_until"])
        return bool(rows)
