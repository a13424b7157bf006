from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date

from ..tools import codes
from ..tools.spreadsheets import neutral_rows
from .loyalty_card import QUIET
from .loyalty_program import KINDS

STATES = [
    ("open", "Open"),
    ("redeemed", "Redeemed"),
    ("expired", "Expired"),
    ("revoked", "Revoked"),
]

REVOKE_REASONS = [
    ("not_delivered", "Never reached the patient"),
    ("superseded", "A better one took its place"),
    ("campaign_stopped", "The campaign was stopped"),
    ("staff", "Revoked by staff"),
    ("merged", "Merged with another contact"),
    ("erased", "The patient was erased"),
]

SOURCES = [
    ("campaign", "Campaign"),
    ("incentive", "Promised for an answer"),
    ("manual", "Given by staff"),
]


class ReactivationCoupon(models.Model):
    """The coupon of one patient: whose it is, what it gives, until when.

    The card of Odoo's loyalty behind it holds the point that orders spend. Nobody of
    the clinic may read those cards; here is what the front desk has to know. What
    was promised is kept as it was, whatever becomes of tier and program.
    """

    _name = "reactivation.coupon"
    _description = "Coupon"
    _order = "issued_on desc, id desc"
    _rec_name = "code_shown"

    code = fields.Char(string="Stored Code", readonly=True, copy=False)
    code_shown = fields.Char(
        string="Code", compute="_compute_code_shown", search="_search_code_shown"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    enrollment_id = fields.Many2one(
        "reactivation.enrollment",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    campaign_id = fields.Many2one(
        "reactivation.campaign",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    delivery_id = fields.Many2one(
        "reactivation.delivery",
        string="Sent With",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    tier_id = fields.Many2one("reactivation.tier", readonly=True, ondelete="set null")
    episode_date = fields.Date(string="Away Since", readonly=True)
    source = fields.Selection(SOURCES, required=True, readonly=True)
    source_key = fields.Char(
        readonly=True, help="What it was promised for: nobody gets it twice."
    )
    note = fields.Char(string="Why", readonly=True)
    program_id = fields.Many2one(
        "loyalty.program",
        string="Coupon Program",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    card_id = fields.Many2one(
        "loyalty.card",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_system",
    )
    kind = fields.Selection(KINDS, required=True, readonly=True)
    value = fields.Float(readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    product_id = fields.Many2one(
        "product.product", string="Gift", readonly=True, ondelete="set null"
    )
    worth = fields.Float(
        readonly=True, help="In the clinic's currency, to compare coupons with."
    )
    offer = fields.Char(string="Gives", compute="_compute_offer", compute_sudo=True)
    issued_on = fields.Datetime(string="Issued", required=True, readonly=True)
    is_sent = fields.Boolean(
        readonly=True,
        required=True,
        default=False,
        help="A message with the coupon left, or may have left.",
    )
    issued_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    valid_until = fields.Date(
        required=True, readonly=True, help="The last day, all of it."
    )
    expires_at = fields.Datetime(
        required=True, readonly=True, help="Midnight at the clinic after the last day."
    )
    state = fields.Selection(
        STATES, string="Status", default="open", required=True, readonly=True
    )
    redeemed_on = fields.Datetime(string="Redeemed", readonly=True)
    redeemed_day = fields.Date(string="Redeemed On", readonly=True)
    redeemed_by_id = fields.Many2one(
        "res.users", string="Redeemed By", readonly=True, ondelete="set null"
    )
    order_model = fields.Char(readonly=True)
    order_id = fields.Many2oneReference(model_field="order_model", readonly=True)
    revoke_reason = fields.Selection(
        REVOKE_REASONS, string="Why Revoked", readonly=True
    )
    revoked_on = fields.Datetime(string="Revoked On", readonly=True)
    event_ids = fields.One2many(
        "reactivation.coupon.event", "coupon_id", string="History", readonly=True
    )

    _code_uniq = models.Constraint("UNIQUE(code)", "This code is taken.")
    # One at a time and one in a lapse, whatever two workers do at once. An expired one
    # may be followed by that of a later tier.
    _episode_uniq = models.UniqueIndex(
        "(partner_id, company_id, episode_date) WHERE source = 'campaign'"
        " AND state IN ('open', 'redeemed') AND partner_id IS NOT NULL",
        "This patient has a coupon since the last visit already.",
    )
    _key_uniq = models.UniqueIndex(
        "(partner_id, company_id, source_key) WHERE source_key IS NOT NULL"
        " AND partner_id IS NOT NULL",
        "This patient has got this coupon already.",
    )
    _open_idx = models.Index("(expires_at) WHERE state = 'open'")
    _unsent_idx = models.Index("(delivery_id) WHERE state = 'open' AND NOT is_sent")
    _redeemed_idx = models.Index(
        "(partner_id, company_id, redeemed_day) WHERE state = 'redeemed'"
    )
    _campaign_idx = models.Index("(campaign_id, state)")

    # ------------------------------------------------------------------ compute

    @api.depends("code")
    def _compute_code_shown(self):
        for coupon in self:
            coupon.code_shown = codes.show(coupon.code or "")

    @api.model
    def _search_code_shown(self, operator, value):
        if operator in ("ilike", "like", "=ilike"):
            return [("code", operator, codes.normalize(value))]
        if operator == "in":
            return [("code", "in", [codes.normalize(item) for item in value])]
        return NotImplemented

    @api.depends("kind", "value", "currency_id", "product_id")
    @api.depends_context("lang")
    def _compute_offer(self):
        programs = self.env["loyalty.program"]
        for coupon in self:
            coupon.offer = programs._reactivation_offer_text(
                coupon.kind, coupon.value, coupon.currency_id, coupon.product_id
            )

    # --------------------------------------------------------------------- days

    @api.model
    def _midnight_after(self, company, day):
        """:return: datetime (UTC): the moment a local day of the clinic is over"""
        zone = ZoneInfo(company._reactivation_zone())
        local = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    def _is_live(self):
        """:return: bool: it may be used at this moment, as far as it is concerned"""
        self.ensure_one()
        return self.state == "open" and self.expires_at > fields.Datetime.now()

    def _until_text(self):
        """:return: str: the last day, in the language of the environment"""
        self.ensure_one()
        return format_date(self.env, self.valid_until)

    # ------------------------------------------------------------------- ending

    @api.model
    def _expire(self):
        """Close what is over. What counts is the moment itself: this is for reports.

        :return: number of coupons
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_coupon SET state = 'expired'
                    WHERE state = 'open' AND expires_at <= %s""",
                fields.Datetime.now(),
            )
        )
        if self.env.cr.rowcount:
            self.invalidate_model(["state"])
        return self.env.cr.rowcount

    @api.model
    def _follow_deliveries(self):
        """Note whose message left; take back what never reached anybody.

        Only those are looked at of which neither is known yet.
        """
        self.env.flush_all()
        self.env.cr.execute(
            """UPDATE reactivation_coupon coupon SET is_sent = TRUE
                 FROM reactivation_delivery delivery
                WHERE coupon.state = 'open' AND NOT coupon.is_sent
                  AND delivery.id = coupon.delivery_id
                  AND delivery.state IN ('sent', 'uncertain')"""
        )
        rows = self.env.execute_query(
            SQL(
                """SELECT coupon.id FROM reactivation_coupon coupon
                     JOIN reactivation_delivery delivery
                       ON delivery.id = coupon.delivery_id
                    WHERE coupon.state = 'open' AND NOT coupon.is_sent
                      -- What an answer was rewarded with is on the patient's page.
                      AND coupon.source = 'campaign'
                      AND delivery.state IN ('skipped', 'failed')
               FOR UPDATE OF coupon SKIP LOCKED"""
            )
        )
        self.invalidate_model(["is_sent"])
        self.browse(row[0] for row in rows)._revoke("not_delivered")

    def _revoke(self, reason, note=None):
        """Make open coupons worthless.

        :param str reason: a code of `REVOKE_REASONS`
        :return: the coupons that were open
        """
        if not self:
            return self
        self.env.flush_all()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """UPDATE reactivation_coupon
                      SET state = 'revoked', revoke_reason = %s, revoked_on = %s
                    WHERE id = ANY(%s) AND state = 'open'
                RETURNING id, campaign_id""",
                reason,
                now,
                self.ids,
            )
        )
        self.invalidate_model(["state", "revoke_reason", "revoked_on"])
        revoked = self.browse(row[0] for row in rows)
        revoked.sudo().card_id._reactivation_empty()
        if reason == "not_delivered":
            self.env["reactivation.coupon.budget"]._give_back(
                [row[1] for row in rows if row[1]]
            )
        elif revoked:
            self.env["reactivation.coupon.event"]._log(revoked, "revoked", note=note)
        return revoked

    def _forget_person(self):
        """Nothing of these coupons leads to a person any more."""
        self.card_id.with_context(**QUIET).write({"partner_id": False})
        self.env["reactivation.token"].sudo().search(
            [("coupon_id", "in", self.ids)]
        ).unlink()
        self.event_ids._forget_person()
        self.write(
            {"partner_id": False, "note": False, "source_key": False, "code": False}
        )

    @api.model
    def _unite(self, people):
        """Prepare the coupons of contacts for being merged into one: of those that may
        be used the best one of each clinic stays. What was promised for something else
        is given once."""
        coupons = self.sudo().search([("partner_id", "in", people.ids)])
        live = coupons.filtered(
            lambda item: item.source == "campaign" and item.state == "open"
        )
        used = coupons.filtered(
            lambda item: item.source == "campaign" and item.state == "redeemed"
        )
        spent = {(item.company_id, item.episode_date) for item in used}
        lesser = self.browse()
        for group in live.grouped("company_id").values():
            # A merge touches a handful of coupons.
            best = group.sorted("worth", reverse=True)
            fitting = best.filtered(
                lambda item: (item.company_id, item.episode_date) not in spent
            )
            lesser |= best - fitting[:1]
        lesser._revoke("merged")
        # Two of one lapse were used: both stay in the books, one counts for it.
        for group in used.grouped(
            lambda item: (item.company_id, item.episode_date)
        ).values():
            group[1:].write({"episode_date": False})
        for group in (
            coupons.filtered("source_key")
            .grouped(lambda item: (item.company_id, item.source_key))
            .values()
        ):
            group[1:].write({"source_key": False})
        self.env.flush_all()

    # ------------------------------------------------------------------ actions

    def action_revoke(self):
        """Make coupons worthless, on a manager's request."""
        self._check_manager()
        self.sudo()._revoke("staff")

    def _check_manager(self):
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group(
            "patient_reactivation.group_reactivation_manager"
        ):
            raise UserError(self.env._("Only a manager may do this."))

    def action_redeem(self):
        """Open the page of the desk with this coupon."""
        self.ensure_one()
        self.check_access("read")
        return self._action_of_desk(coupon_id=self.id)

    @api.model
    def _action_of_desk(self, **params):
        """:return: the action of the desk's page, about a coupon or a patient"""
        action = self.env["ir.actions.client"]._for_xml_id(
            "patient_reactivation.reactivation_redeem_action"
        )
        return {**action, "params": params}

    def action_print(self):
        """A sheet to hand over, unless the law forbids to show the coupon."""
        self.check_access("read")
        if not self._lawful_to_show():
            raise UserError(
                self.env._("This coupon cannot be used: there is nothing to hand over.")
            )
        return self.env.ref("patient_reactivation.action_report_coupon").report_action(
            self
        )

    def action_open_order(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": self.order_model,
            "res_id": self.order_id,
            "views": [(False, "form")],
        }

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("Coupons are part of the books. Revoke this one instead.")
        )

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
