from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date

from ..tools import codes, offers
from .reactivation_throttle import WINDOW

# More wrong codes of one user in ten minutes are no typing mistakes.
WRONG_CODES = 20


class ReactivationCoupon(models.Model):
    """The front desk: whose coupon it is, what it gives, and using it once.

    A refusal is a sentence the staff can say aloud to whoever stands there. It never
    names another patient.
    """

    _inherit = "reactivation.coupon"

    # ------------------------------------------------------------------ at desk

    @api.model
    def desk_find(self, text, partner_id=None):
        """Look a coupon up by what was scanned or typed.

        :param int partner_id: the patient who stands there, if that is known
        :return: dict for the page of the desk: `coupon`, `refusal` (a sentence)
        """
        self._check_desk()
        company = self.env.company
        throttle = self.env["reactivation.throttle"]
        key = f"desk:{self.env.uid}"
        if throttle._is_blocked(key, WRONG_CODES):
            return self._answer_unknown("throttled")
        coupon = self._find_code(text)
        if not coupon:
            throttle._count(key)
            return self._answer_unknown("unknown")
        return coupon._answer(company, partner_id)

    @api.model
    def desk_open(self, coupon_id, partner_id=None):
        """:return: as `desk_find`, of a coupon somebody chose from a list"""
        self._check_desk()
        coupon = self.browse(coupon_id).exists()
        coupon.check_access("read")
        return coupon.sudo()._answer(self.env.company, partner_id)

    @api.model
    def desk_coupons(self, partner_id):
        """:return: list of dicts: the coupons a patient may use, the best first"""
        self._check_desk()
        coupons = self.search(
            [
                ("partner_id", "=", partner_id),
                ("state", "=", "open"),
                ("expires_at", ">", fields.Datetime.now()),
            ]
        )
        return [item._desk_values() for item in coupons.sorted("worth", reverse=True)]

    @api.model
    def desk_redeem(self, coupon_id, partner_id=None, discounted=False, insured=False):
        """Use a coupon: from now on it is worth nothing more.

        :param bool discounted: the visit has another discount
        :param bool insured: the visit is billed to an insurance
        :return: as `desk_find`; `redeemed` tells whether it was
        """
        self._check_desk()
        coupon = self.browse(coupon_id).exists()
        coupon.check_access("read")
        coupon = coupon.sudo()
        company = self.env.company
        visit = {"discounted": discounted, "insured": insured}
        refusal = coupon._refusal(company, partner_id, **visit)
        if not refusal and not coupon._redeem():
            refusal = "redeemed"
        if refusal:
            self.env["reactivation.coupon.event"]._log(
                coupon, "refused", reason=refusal
            )
            return coupon._answer(company, partner_id, refusal)
        return {**coupon._answer(company), "redeemed": True, "refusal": False}

    @api.model
    def desk_undo(self, coupon_id, note):
        """Take a redemption back, on a manager's word.

        :param str note: why
        :return: as `desk_find`
        """
        self._check_desk()
        coupon = self.browse(coupon_id).exists()
        coupon._undo(note)
        return coupon.sudo()._answer(self.env.company)

    def _undo(self, note):
        """:raise UserError: it cannot be taken back, and why"""
        self.ensure_one()
        self._check_manager()
        if not (note or "").strip():
            raise UserError(self.env._("“Why”: say why the redemption is undone."))
        coupon = self.sudo()
        if coupon.state != "redeemed":
            raise UserError(self.env._("This coupon has not been used."))
        if coupon.order_model:
            raise UserError(
                self.env._(
                    "The coupon was used on %s. Cancel that order: the coupon is open "
                    "again.",
                    coupon._order_name(),
                )
            )
        coupon._reopen("undone", note.strip())

    @api.model
    def _check_desk(self):
        """:raise AccessError: for everybody but the staff"""
        self.check_access("read")

    @api.model
    def _find_code(self, text):
        """:return: the coupon with a code as it was scanned or typed, as superuser"""
        code = codes.normalize(text)
        if not codes.is_code(code):
            return self.sudo().browse()
        return self.sudo().search([("code", "=", code)])

    @api.model
    def _answer_unknown(self, code):
        return {
            "coupon": False,
            "refusal": self._sentence(code),
            "code": code,
            "redeemed": False,
        }

    def _answer(self, company, partner_id=None, refusal=None):
        self.ensure_one()
        refusal = refusal or self._refusal(company, partner_id)
        # Whoever works elsewhere hears that, and nothing about the patient.
        known = refusal != "company" and self.company_id in self.env.companies
        return {
            "coupon": self._desk_values() if known else False,
            "refusal": self._sentence(refusal, self) if refusal else False,
            "code": refusal or False,
            "redeemed": False,
        }

    def _desk_values(self):
        coupon = self.sudo()
        partner = coupon.partner_id
        states = dict(self._fields["state"]._description_selection(self.env))
        manager = self.env.user.has_group(
            "patient_reactivation.group_reactivation_manager"
        )
        return {
            "id": coupon.id,
            "code": coupon.code_shown,
            "offer": coupon.offer,
            "patient": partner.name or "",
            "partner_id": partner.id,
            "born": partner.birth_date and format_date(self.env, partner.birth_date),
            "until": coupon._until_text(),
            "state": coupon.state
            if coupon.state != "open" or coupon._is_live()
            else "expired",
            "status": states[coupon.state],
            "redeemed_on": coupon.redeemed_day
            and format_date(self.env, coupon.redeemed_day),
            "redeemed_by": coupon.redeemed_by_id.name or False,
            "campaign": coupon.campaign_id.name or False,
            "can_undo": coupon.state == "redeemed"
            and manager
            and not coupon.order_model,
        }

    # ---------------------------------------------------------------- refusals

    def _refusal(self, company, partner_id=None, discounted=False, insured=False):
        """Why the coupon cannot be used at a clinic at this moment.

        The one check of desk, orders and points of sale.

        :param int partner_id: the patient it is used for, if that is known
        :return: code of a refusal, or None
        """
        self.ensure_one()
        coupon = self.sudo()
        today = coupon.company_id._reactivation_today()
        if not coupon._is_accepted_at(company):
            return "company"
        if coupon.state != "open":
            return coupon.state
        if not coupon._is_live():
            return "expired"
        if not coupon.partner_id or partner_id not in (
            None,
            False,
            coupon.partner_id.id,
        ):
            return "person"
        program = coupon.program_id
        if program.date_from and today < program.date_from:
            return "not_begun"
        if self.search_count(
            [
                ("partner_id", "=", coupon.partner_id.id),
                ("company_id", "=", coupon.company_id.id),
                ("state", "=", "redeemed"),
                ("redeemed_day", "=", today),
            ],
            limit=1,
        ):
            return "today"
        if discounted:
            return "discounted"
        if insured:
            return "insured"
        return coupon._unlawful_now()

    def _unlawful_now(self):
        """:return: None, or why the law does not let the patient use it any more"""
        company, partner = self.company_id, self.partner_id
        code = self._judge(company, partner)(
            partner,
            offers.Offer(self.kind, self.worth),
            self._history(company, partner)[partner.id],
            self.id,
        )
        return "payer" if code == "payer_unknown" else code

    def _is_accepted_at(self, company):
        """A coupon of a clinic is accepted there and at its branches."""
        return self.company_id in company.sudo().parent_ids

    @api.model
    def _sentence(self, code, coupon=None):
        """:return: str: a refusal as the staff says it to the patient"""
        minutes = int(WINDOW.total_seconds() // 60)
        if code == "unknown":
            return self.env._(
                "I cannot find this coupon. May I see the code once more?"
            )
        if code == "throttled":
            return self.env._(
                "I cannot look up any more codes right now. Please give me %s minutes.",
                minutes,
            )
        if code == "redeemed":
            return self.env._(
                "This coupon has been used already, on %s.",
                format_date(self.env, coupon.redeemed_day),
            )
        if code == "expired":
            return self.env._(
                "I am sorry, this coupon was valid until %s.", coupon._until_text()
            )
        if code == "company":
            return self.env._(
                "This coupon is from %s. I cannot take it here.",
                coupon.company_id.name,
            )
        return self._sentences()[code]

    @api.model
    def _sentences(self):
        law = self.env._(
            "With your insurance program the law does not allow us to take this "
            "coupon. Your visit is not affected by that."
        )
        return {
            "revoked": self.env._("I am sorry, this coupon is no longer valid."),
            "person": self.env._(
                "This coupon was made out to somebody else. It can only be used by "
                "that person."
            ),
            "payer": law,
            "gift_item": law,
            "gift_year": self.env._(
                "You have had all the gifts we may give you within twelve months."
            ),
            "today": self.env._(
                "You have used another coupon today. Please keep this one for your "
                "next visit."
            ),
            "discounted": self.env._(
                "This visit has a discount already. The coupon cannot be added to it; "
                "please keep it for another visit."
            ),
            "insured": self.env._(
                "This visit is paid by your insurance. The coupon is for visits you "
                "pay yourself."
            ),
            "service": self.env._("This coupon is not for this service."),
            "not_begun": self.env._("This offer has not begun yet."),
        }

    # --------------------------------------------------------------- redemption

    def _redeem(self, order=None):
        """Use one coupon. Of several who try at once, one succeeds.

        :param order: the document it was used on, if any
        :return: bool
        """
        self.ensure_one()
        self.env.flush_all()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """UPDATE reactivation_coupon
                      SET state = 'redeemed', redeemed_on = %s, redeemed_day = %s,
                          redeemed_by_id = %s, order_model = %s, order_id = %s
                    WHERE id = %s AND state = 'open' AND expires_at > %s
                RETURNING id""",
                now,
                self.company_id._reactivation_today(),
                self.env.uid,
                order._name if order else None,
                order.id if order else None,
                self.id,
                now,
            )
        )
        self.invalidate_recordset()
        if not rows:
            return False
        card = self.sudo().card_id
        if card and not order:
            # An order takes the point itself.
            card._reactivation_empty()
            self.env["loyalty.history"].sudo().with_context(
                reactivation_desk=True
            ).create(
                {
                    "card_id": card.id,
                    "used": 1,
                    "description": self.env._("Redeemed at the front desk"),
                }
            )
        self.env["reactivation.coupon.event"]._log(self, "redeemed")
        self.env["reactivation.outcome"]._append_of_coupon("redeemed", self)
        return True

    def _reopen(self, kind, note=None):
        """A redemption is taken back: the coupon is as it was, or over.

        :param str kind: code of the event
        """
        for coupon in self:
            # One, or the two or three of an order.
            coupon.write(
                {
                    "state": "open"
                    if coupon.expires_at > fields.Datetime.now()
                    else "expired",
                    "redeemed_on": False,
                    "redeemed_day": False,
                    "redeemed_by_id": False,
                    "order_model": False,
                    "order_id": False,
                }
            )
            if kind == "undone" and coupon.card_id:
                coupon.card_id._reactivation_fill()
                self.env["loyalty.history"].sudo().create(
                    {
                        "card_id": coupon.card_id.id,
                        "issued": 1,
                        "description": self.env._("Redemption undone: %s", note),
                    }
                )
        self.env["reactivation.coupon.event"]._log(self, kind, note=note)
        self.env["reactivation.outcome"]._append_of_coupon("unredeemed", self)

    def _order_name(self):
        """:return: str: the document a coupon was used on"""
        return self.env[self.order_model].sudo().browse(self.order_id).display_name
