from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_list

from ..tools import codes, offers
from ..tools.links import COUPON_PATH
from ..tools.pictures import qr_png, qr_svg


class ReactivationCoupon(models.Model):
    """How patients see their coupon: in a message, and on its page."""

    _inherit = "reactivation.coupon"

    # ------------------------------------------------------------------- lawful

    def _lawful_to_show(self):
        """Coverage changes: what was lawful when it was issued need not be so now.

        :return: those of the coupons that may be used and shown at this moment
        """
        shown = self.browse()
        live = self.sudo().filtered(lambda item: item.partner_id and item._is_live())
        for company, coupons in live.grouped("company_id").items():
            # One clinic, nearly always.
            people = coupons.partner_id
            history = self._history(company, people)
            judge = self._judge(company, people)
            for coupon in coupons:
                partner = coupon.partner_id
                offer = offers.Offer(coupon.kind, coupon.worth)
                if not judge(partner, offer, history[partner.id], coupon.id):
                    shown |= coupon
        return shown.with_env(self.env)

    @api.model
    def _shown_to(self, partners, company):
        """:return: {contact: the best coupon they have from a clinic's campaigns, and
        may be reminded of}"""
        coupons = self.sudo().search(
            [
                ("partner_id", "in", partners.ids),
                ("company_id", "=", company.id),
                ("source", "=", "campaign"),
                ("state", "=", "open"),
                ("expires_at", ">", fields.Datetime.now()),
            ]
        )
        best = coupons._lawful_to_show().sorted("worth")
        return {coupon.partner_id: coupon for coupon in best}

    # ------------------------------------------------------------------ message

    def _block(self):
        """The coupons of one message, as an e-mail shows them: one box each.

        :return: Markup, empty without coupons
        """
        return Markup().join(coupon._box(len(self) > 1) for coupon in self)

    def _box(self, named):
        """:param bool named: say whose it is: a family reads it
        :return: Markup"""
        return self.env["ir.qweb"]._render(
            "patient_reactivation.coupon_block",
            {
                "name": self._first_name() if named else False,
                "offer": self.offer,
                "code": self.code_shown,
                "until": self._until_text(),
                "link": f"{COUPON_PATH}{self.id}",
            },
        )

    def _first_name(self):
        return (self.partner_id.name or "").strip().partition(" ")[0]

    def _texts(self):
        """What scripts, letters and messages say of the coupons of one contact.

        :return: dict: values of the placeholders of coupons, empty without any
        """
        several = len(self) > 1

        def said(coupon, text):
            return f"{coupon._first_name()}: {text}" if several else text

        return {
            "offer": format_list(self.env, [said(item, item.offer) for item in self]),
            "coupon_code": format_list(
                self.env, [said(item, item.code_shown) for item in self]
            ),
            "coupon_until": format_list(
                self.env,
                list(dict.fromkeys(item._until_text() for item in self)),
            ),
        }

    def _qr(self):
        """:return: Markup: the code as a square to scan, an SVG picture"""
        self.ensure_one()
        return qr_svg(codes.show(self.code), self.env._("Code of the coupon"))

    def _letter_values(self):
        """:return: dict: the coupon as a letter prints it"""
        self.ensure_one()
        return {
            "name": self._first_name(),
            "offer": self.offer,
            "code": self.code_shown,
            "until": self._until_text(),
            # The program that makes the pages draws pictures more surely than shapes.
            "qr": qr_png(self.code_shown),
        }

    # --------------------------------------------------------------------- page

    def _lasting_link(self):
        """:return: address of the page of a coupon that was given for an answer"""
        self.ensure_one()
        secret = self.env["reactivation.token"]._secret(self)
        return f"{self.get_base_url()}{COUPON_PATH}{secret}"

    def _make_links(self):
        """:return: {coupon id: address of its page, with a new secret}"""
        secrets = self.env["reactivation.token"]._make(self)
        base = self[:1].get_base_url()
        return {coupon.id: f"{base}{COUPON_PATH}{secrets[coupon]}" for coupon in self}

    def _page_values(self):
        """What the page tells: a first name and the clinic, nothing else of a person.

        :return: dict of the template's values
        """
        self.ensure_one()
        company = self.company_id
        values = {
            "clinic": company.name,
            "phone": company.phone,
            "name": self._first_name(),
            "message": self._page_message(),
            "coupon": False,
        }
        if not values["message"]:
            values["coupon"] = {
                "offer": self.offer,
                "code": self.code_shown,
                "until": self._until_text(),
                "qr": self._qr(),
            }
        return values

    @api.model
    def _page_values_unknown(self, throttled=False):
        """:return: dict of the template's values for a link that opens nothing"""
        message = self.env._(
            "This link does not open a coupon. Please open it from the message itself, "
            "or call the clinic."
        )
        if throttled:
            message = self.env._("Too many attempts. Please try again in ten minutes.")
        return {"clinic": False, "phone": False, "message": message, "coupon": False}

    def _page_message(self):
        """:return: str: why there is nothing to use any more, or False"""
        if self.state == "redeemed":
            return self.env._("You have used this coupon. Thank you for coming!")
        if self.state == "revoked":
            return self.env._("This coupon is no longer valid.")
        if not self._is_live():
            return self.env._("This coupon was valid until %s.", self._until_text())
        if not self._lawful_to_show():
            return self.env._(
                "This coupon cannot be used. We are glad to tell you why: call us."
            )
        return False
