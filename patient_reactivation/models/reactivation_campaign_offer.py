from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError


class ReactivationTier(models.Model):
    """The longer a patient is away, the more the coupon gives."""

    _inherit = "reactivation.tier"

    program_id = fields.Many2one(
        "loyalty.program",
        string="Coupon",
        domain="[('program_type', '=', 'coupons'),"
        " ('company_id', 'in', (False, company_id))]",
        ondelete="restrict",
        help="What patients of this tier are offered by campaigns that give coupons. "
        "Coupons that are out stay as they are.",
    )


class ReactivationCampaign(models.Model):
    """Which coupons a campaign gives, and how many."""

    _inherit = "reactivation.campaign"

    program_id = fields.Many2one(
        "loyalty.program",
        string="Coupon for All",
        domain="[('program_type', '=', 'coupons'),"
        " ('company_id', 'in', (False, company_id))]",
        ondelete="restrict",
        help="Instead of those of the tiers. Empty: each patient gets the coupon of "
        "their tier.",
    )
    coupon_budget = fields.Integer(
        string="Coupons at Most",
        help="So many coupons are issued and not one more; who comes later gets the "
        "message without an offer. 0: no limit.",
    )
    coupon_ids = fields.One2many("reactivation.coupon", "campaign_id")
    coupon_count = fields.Integer(
        string="Coupons", compute="_compute_coupon_counts", compute_sudo=True
    )
    coupon_redeemed_count = fields.Integer(
        string="Redeemed", compute="_compute_coupon_counts", compute_sudo=True
    )
    coupon_open_count = fields.Integer(
        string="Open Coupons", compute="_compute_coupon_counts", compute_sudo=True
    )
    gives_coupons = fields.Boolean(compute="_compute_gives_coupons")
    offer_plan = fields.Html(
        string="Who Gets What", compute="_compute_offer_plan", compute_sudo=True
    )

    _coupon_budget_check = models.Constraint(
        "CHECK(COALESCE(coupon_budget, 0) >= 0)",
        "“Coupons at Most” cannot be negative. 0 is no limit.",
    )

    def _compute_coupon_counts(self):
        rows = self.env["reactivation.coupon"]._read_group(
            [
                ("campaign_id", "in", self.ids),
                ("revoke_reason", "!=", "not_delivered"),
            ],
            ["campaign_id", "state"],
            ["__count"],
        )
        counts = {}
        for campaign, state, count in rows:
            counts.setdefault(campaign, {})[state] = count
        for campaign in self:
            found = counts.get(campaign, {})
            campaign.coupon_count = sum(found.values())
            campaign.coupon_redeemed_count = found.get("redeemed", 0)
            campaign.coupon_open_count = found.get("open", 0)

    @api.depends("method_ids.step_ids.offer")
    def _compute_gives_coupons(self):
        for campaign in self:
            steps = campaign._current_methods().step_ids
            campaign.gives_coupons = any(step.offer == "issue" for step in steps)

    @api.depends("program_id", "company_id", "segment_ids.tier_ids")
    def _compute_offer_plan(self):
        nothing = self.env._("no coupon")
        for campaign in self:
            programs = campaign._coupon_programs()
            tiers = campaign._segment_tiers() or self.env["reactivation.tier"].search(
                [("company_id", "in", [False, *campaign.company_id.parent_ids.ids])]
            )
            campaign.offer_plan = Markup("<ul class='mb-0'>%s</ul>") % Markup().join(
                Markup("<li><b>%s</b>: %s</li>")
                % (tier.name, programs[tier]._reactivation_words() or nothing)
                for tier in tiers.sorted("months_from")
            )

    # ------------------------------------------------------------------ actions

    def action_open_coupons(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_coupon_action"
        )
        action["domain"] = [("campaign_id", "=", self.id)]
        action["context"] = {}
        action["display_name"] = self.env._("Coupons of %s", self.name)
        return action

    def action_revoke_coupons(self):
        """Take back what patients of a stopped campaign have not used yet."""
        self.ensure_one()
        self.check_access("write")
        if self.state == "running":
            raise UserError(
                self.env._(
                    "The campaign runs and would give coupons again. Pause or close "
                    "it first."
                )
            )
        coupons = self.env["reactivation.coupon"].sudo()
        open_ones = coupons.search(
            [("campaign_id", "=", self.id), ("state", "=", "open")]
        )
        count = len(open_ones._revoke("campaign_stopped"))
        message = self.env._("Unused coupons that were revoked: %s.", count)
        self.message_post(body=message)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # ----------------------------------------------------------------- programs

    def _coupon_programs(self, step=None):
        """:return: {tier or False: program}: what each patient of a step is offered"""
        self.ensure_one()
        fixed = (step and step.program_id) or self.program_id
        tiers = self.env["reactivation.tier"].sudo().search([])
        if fixed:
            return {False: fixed, **dict.fromkeys(tiers, fixed)}
        return {False: self.env["loyalty.program"], **{t: t.program_id for t in tiers}}

    def _segment_tiers(self):
        """:return: the tiers the segments name; none when a segment takes any"""
        self.ensure_one()
        if not all(segment.tier_ids for segment in self.segment_ids):
            return self.env["reactivation.tier"]
        return self.segment_ids.tier_ids
