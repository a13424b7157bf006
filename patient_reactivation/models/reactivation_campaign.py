import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .reactivation_consent import PURPOSES


class ReactivationCampaign(models.Model):
    """A plan to win patients back: who (segments) and how (methods)."""

    _name = "reactivation.campaign"
    _description = "Reactivation Campaign"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "state_order, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    user_id = fields.Many2one(
        "res.users", string="Responsible", default=lambda self: self.env.user
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("running", "Running"),
            ("paused", "Paused"),
            ("done", "Done"),
        ],
        string="Status",
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
        group_expand=True,
    )
    state_order = fields.Integer(compute="_compute_state_order", store=True)
    color = fields.Integer()
    date_start = fields.Datetime(string="Started On", readonly=True, copy=False)
    date_end = fields.Date(
        string="Enroll Until",
        help="No patient is enrolled after this day. Empty: as long as it runs.",
    )
    purpose = fields.Selection(
        PURPOSES,
        required=True,
        default="care",
        help="What the messages are, which decides the consent they need.",
    )
    third_party_paid = fields.Boolean(
        string="Paid by a Third Party",
        help="Somebody else pays the clinic for these messages. They go only to "
        "patients whose signed authorization is in the ledger of consents.",
    )
    email_from = fields.Char(
        string="Sender",
        compute="_compute_email_from",
        store=True,
        readonly=False,
        help="Name and address the patients see.",
    )
    attribution_days = fields.Integer(
        string="Return Window (days)",
        default=90,
        help="A visit this long after enrollment counts as a return.",
    )
    loyalty_days = fields.Integer(
        string="Loyalty Window (days)",
        default=180,
        help="Another visit this long after the return makes the patient won back.",
    )
    control_percent = fields.Float(
        string="Control Group (%)",
        help="This share is enrolled and never contacted: the measure of what "
        "would have happened anyway.",
    )
    assignment_key = fields.Char(
        default=lambda self: secrets.token_hex(16),
        readonly=True,
        copy=False,
        groups="base.group_system",
    )
    segment_ids = fields.One2many("reactivation.segment", "campaign_id", copy=True)
    method_ids = fields.One2many("reactivation.method", "campaign_id", copy=True)
    enrollment_ids = fields.One2many("reactivation.enrollment", "campaign_id")

    _windows_check = models.Constraint(
        "CHECK(attribution_days > 0 AND loyalty_days > 0)",
        "The windows must be at least one day long.",
    )
    _control_check = models.Constraint(
        "CHECK(COALESCE(control_percent, 0) BETWEEN 0 AND 90)",
        "The control group must be between 0 and 90 %.",
    )

    # ------------------------------------------------------------------ compute

    @api.depends("state")
    def _compute_state_order(self):
        order = {"running": 1, "paused": 2, "draft": 3, "done": 4}
        for campaign in self:
            campaign.state_order = order[campaign.state]

    @api.depends("company_id")
    def _compute_email_from(self):
        for campaign in self:
            campaign.email_from = campaign.company_id.email_formatted

    # -------------------------------------------------------------- constraints

    @api.constrains("date_end", "state")
    def _check_date_end(self):
        for campaign in self:
            if (
                campaign.state == "running"
                and campaign.date_end
                and campaign.date_end < campaign.company_id._reactivation_today()
            ):
                raise ValidationError(
                    self.env._(
                        "“Enroll Until” is over. Choose a later day or leave it empty."
                    )
                )

    @api.constrains("company_id")
    def _check_company_kept(self):
        for campaign in self:
            if campaign.enrollment_ids.company_id - campaign.company_id:
                raise ValidationError(
                    self.env._(
                        "Patients of %s are enrolled: the campaign stays with that "
                        "company. Copy it for another one.",
                        campaign.enrollment_ids.company_id.name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_draft_only(self):
        if self.enrollment_ids:
            raise UserError(
                self.env._(
                    "A campaign with enrolled patients is part of their history. "
                    "Archive it instead."
                )
            )

    def write(self, vals):
        result = super().write(vals)
        if "email_from" in vals or "company_id" in vals:
            for campaign in self:
                # The e-mails of each campaign have its own sender.
                campaign.method_ids.step_ids.sudo().mailing_ids.write(
                    {"email_from": campaign.email_from}
                )
        return result

    # ------------------------------------------------------------------ actions

    def action_start(self):
        for campaign in self:
            problems = campaign._problems()
            if problems:
                raise UserError(
                    self.env._("The campaign cannot start yet:")
                    + "".join(f"\n• {problem}" for problem in problems)
                )
            campaign._check_approval()
        now = fields.Datetime.now()
        self.filtered(lambda campaign: not campaign.date_start).write(
            {"date_start": now}
        )
        self.write({"state": "running", "pause_reason": False, "resumed_on": now})
        for campaign in self:
            # Each campaign has its own audience.
            self.env["reactivation.enrollment"]._enroll(campaign)
        self.env.ref("patient_reactivation.ir_cron_deliveries").sudo()._trigger()

    def action_pause(self):
        self.write({"state": "paused"})

    def action_done(self):
        self.write({"state": "done"})
        self.env["reactivation.enrollment"].search(
            [
                ("campaign_id", "in", self.ids),
                ("state", "=", "running"),
                ("steps_ended", "=", False),
                ("is_control", "=", False),
            ]
        )._stop_steps("campaign_over")

    def action_preview_audience(self):
        self.ensure_one()
        preview = self.env["reactivation.audience.preview"].create(
            {"campaign_id": self.id}
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Audience of %s", self.name),
            "res_model": preview._name,
            "res_id": preview.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_open_enrollments(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_enrollment_action"
        )
        stage = self.env.context.get("reactivation_stage")
        # The same patients as the numbers of `_results_rows` count.
        action["domain"] = [
            ("campaign_id", "=", self.id),
            ("stop_reason", "!=", "merged"),
        ]
        action["context"] = {f"search_default_{stage}": 1} if stage else {}
        return action

    def action_open_deliveries(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_delivery_action"
        )
        action["domain"] = [("campaign_id", "=", self.id)]
        return action

    def _problems(self):
        """:return: list of sentences: what keeps the campaign from starting"""
        self.ensure_one()
        problems = []
        company = self.company_id
        missing = [
            self.env["res.company"]._fields[name].get_description(self.env)["string"]
            for name in ("street", "city", "zip", "country_id")
            if not company[name]
        ]
        if missing:
            problems.append(
                self.env._(
                    "Every e-mail must name the postal address of %(company)s. "
                    "Missing: %(fields)s.",
                    company=company.name,
                    fields=", ".join(missing),
                )
            )
        if not self.email_from:
            problems.append(
                self.env._("Fill in the sender, or the e-mail of the company.")
            )
        if not self.segment_ids:
            problems.append(self.env._("Add a segment: whom to win back."))
        if not self.method_ids:
            problems.append(self.env._("Add a method: how to win them back."))
        for method in self.method_ids:
            problems += method._problems()
        return problems

    # ----------------------------------------------------------------- audience

    def _channels(self):
        """:return: names of the channels of the campaign's steps, in order"""
        return self.method_ids.step_ids._channels()
