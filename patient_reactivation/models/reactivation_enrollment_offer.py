from odoo import api, fields, models

# Which delivery a message is rendered for: what leaves now before what left.
_TURN = {"sending": 0, "claimed": 0, "todo": 1}


class ReactivationEnrollment(models.Model):
    """The coupon of a patient in the texts of a campaign."""

    _inherit = "reactivation.enrollment"

    coupon_ids = fields.One2many("reactivation.coupon", "enrollment_id")
    coupon_offer = fields.Html(
        compute="_compute_coupon",
        compute_sudo=True,
        sanitize=False,
        help="The coupon as a box with its code and its last day. Nothing for patients "
        "without one.",
    )
    coupon_code = fields.Char(compute="_compute_coupon", compute_sudo=True)
    coupon_gives = fields.Char(compute="_compute_coupon", compute_sudo=True)
    coupon_until = fields.Char(compute="_compute_coupon", compute_sudo=True)

    @api.depends("delivery_ids.coupon_id", "delivery_ids.state")
    def _compute_coupon(self):
        coupons = self._coupons_told()
        lawful = self.env["reactivation.coupon"]
        for found in coupons.values():
            lawful |= found
        lawful = lawful._lawful_to_show()
        channel = self.env["reactivation.channel"]
        for enrollment in self:
            lang = channel._reader_lang(enrollment.recipient_id, enrollment.company_id)
            shown = (coupons[enrollment] & lawful).with_context(lang=lang)
            texts = shown._texts()
            enrollment.coupon_offer = shown._block()
            enrollment.coupon_gives = texts["offer"]
            enrollment.coupon_code = texts["coupon_code"]
            enrollment.coupon_until = texts["coupon_until"]

    def _coupons_told(self):
        """:return: {enrollment: coupons of the message that leaves now, those of a
        family included; of what left last when none does}"""
        found = {}
        for enrollment in self:
            # A handful of deliveries, read together.
            deliveries = enrollment.delivery_ids.filtered(
                lambda item: item.state in _TURN or item.coupon_id
            ).sorted("id", reverse=True)
            latest = deliveries.sorted(lambda item: _TURN.get(item.state, 2))[:1]
            told = (latest.lead_id or latest)._with_members()
            found[enrollment] = told.coupon_id
        return found

    @api.model
    def mail_allowed_qweb_expressions(self):
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.coupon_code",
            "object.coupon_gives",
            "object.coupon_offer",
            "object.coupon_until",
        )
