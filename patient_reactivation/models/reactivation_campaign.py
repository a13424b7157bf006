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
    date_from = fields.Date(
        string="Enroll From",
        copy=False,
        help="No patient is enrolled before this day. Empty: from the start.",
    )
    date_end = fields.Date(
        string="Enroll Until",
        copy=False,
        help="No patient is enrolled after this day. Empty: as long as it runs. When "
        "it is over and every step is done, the campaign closes by itself.",
    )
    daily_limit = fields.Integer(
        string="New Patients a Day",
        help="At most so many are enrolled on one day of the clinic, so that you can "
        "serve those who come; who lapsed last comes first. 0: no limit.",
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
    _daily_limit_check = models.Constraint(
        "CHECK(COALESCE(daily_limit, 0) >= 0)",
        "“New Patients a Day” cannot be negative. 0 is no limit.",
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
                # The e-mails of each campaign have its own sender. Without any the
                # campaign does not start.
                sender = campaign._sender()
                if sender:
                    campaign.all_method_ids.step_ids.sudo().mailing_ids.write(
                        {"email_from": sender}
                    )
        return result

    def _sender(self):
        """:return: the name and address that patients see, or something empty"""
        self.ensure_one()
        return self.email_from or self.company_id.email_formatted

    # ------------------------------------------------------------------ actions

    def action_start(self):
        for campaign in self:
            campaign._refuse_start()
            campaign._check_approval()
            if not campaign.email_from:
                # The company's e-mail may be younger than the campaign.
                campaign.email_from = campaign._sender()
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
        running = self.filtered(lambda campaign: campaign.state == "running")
        running.write({"state": "paused"})

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
        self.check_access("read")
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
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_delivery_action"
        )
        action["domain"] = [("campaign_id", "=", self.id)]
        return action

    # ----------------------------------------------------------------- audience

    def _channels(self):
        """:return: names of the channels of the methods in use, in order"""
        return self._current_methods().step_ids._channels()
