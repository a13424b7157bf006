import hashlib
import json
import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

# The last messages of a campaign whose bounces and complaints are counted, and how
# many there must be before a share means anything.
BREAKER_SAMPLE = 200
BREAKER_BOUNCES = 5
BREAKER_COMPLAINTS = 2

# So many refusals in a row, of different patients, are the sender's fault.
REFUSED_IN_A_ROW = 5

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
    pause_reason = fields.Char(
        readonly=True, copy=False, help="Why the campaign paused by itself."
    )
    resumed_on = fields.Datetime(readonly=True, copy=False)
    approved_by_id = fields.Many2one(
        "res.users", string="Approved By", readonly=True, copy=False, tracking=True
    )
    approved_plan = fields.Char(readonly=True, copy=False)
    is_approved = fields.Boolean(compute="_compute_is_approved")
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

    @api.depends("approved_plan", "segment_ids", "method_ids.step_ids", "purpose")
    def _compute_is_approved(self):
        for campaign in self:
            campaign.is_approved = bool(
                campaign.approved_plan
                and campaign.approved_plan == campaign._plan_digest()
            )

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

    def action_approve(self):
        """Another manager looked at the plan and lets it go out."""
        self.check_access("write")
        for campaign in self:
            campaign.write(
                {
                    "approved_by_id": self.env.user.id,
                    "approved_plan": campaign._plan_digest(),
                }
            )

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

    # ----------------------------------------------------------------- approval

    def _plan_digest(self):
        """:return: a fingerprint of whom the campaign writes to and what"""
        self.ensure_one()
        plan = [
            self.purpose,
            self.third_party_paid,
            [
                [segment.visit_pattern, segment.tier_ids.ids, segment.domain]
                for segment in self.segment_ids
            ],
            [
                [
                    step.channel,
                    step.fallback_channel,
                    step.delay_days,
                    step.script,
                    [
                        [mailing.subject, str(mailing.body_html)]
                        for mailing in step.sudo().mailing_ids
                    ],
                ]
                for step in self.method_ids.step_ids
            ],
        ]
        return hashlib.sha256(json.dumps(plan).encode()).hexdigest()

    def _check_approval(self):
        """The first start of a large campaign needs a second person.

        :raise UserError: it has not been approved by somebody else
        """
        self.ensure_one()
        limit = self.company_id.reactivation_approval_limit
        if not limit or self.date_start:
            return
        counts = self.env["reactivation.enrollment"]._audience_counts(self)
        size = sum(count for _segment, refusal, count in counts if not refusal)
        if size < limit:
            return
        if self.is_approved and self.approved_by_id != self.env.user:
            return
        raise UserError(
            self.env._(
                "%(size)s patients would be enrolled. From %(limit)s patients on "
                "another manager must approve the campaign before you start it (and "
                "again when the plan is changed).",
                size=size,
                limit=limit,
            )
        )

    # -------------------------------------------------------------- alert, pause

    def _caretaker(self):
        """:return: the user who looks after the campaign

        When the responsible has left, another manager of the company does.
        """
        self.ensure_one()
        if self.user_id.active:
            return self.user_id
        managers = self.env.ref(
            "patient_reactivation.group_reactivation_manager"
        ).sudo().all_user_ids.filtered(
            lambda user: user.active
            and not user.share
            and self.company_id in user.company_ids
        )
        admin = self.env.ref("base.user_admin")
        return (managers - admin)[:1] or managers[:1] or admin

    def _alert(self, summary, text):
        """Tell the caretaker, once: as long as the same alert is open it is enough."""
        self.ensure_one()
        kind = self.env.ref("mail.mail_activity_data_warning")
        campaign = self.sudo()
        if campaign.activity_ids.filtered(
            lambda activity: activity.activity_type_id == kind
            and activity.summary == summary
        ):
            return
        campaign.activity_schedule(
            activity_type_id=kind.id,
            summary=summary,
            note=text,
            user_id=self._caretaker().id,
            date_deadline=self.company_id._reactivation_today(),
        )

    def _pause_because(self, summary, text):
        """Pause by itself and tell the caretaker; nothing that waits is lost."""
        self.ensure_one()
        if self.state != "running":
            return
        self.sudo().write({"state": "paused", "pause_reason": f"{summary}: {text}"})
        self._alert(
            summary,
            self.env._(
                "The campaign is paused. Mend the cause and press “Resume”: what "
                "waits is sent then. %(details)s",
                details=text,
            ),
        )

    def _pause_if_all_refused(self, channel):
        """When the last messages were all refused the sender is at fault: pause, and
        let those patients wait as if nothing had happened.

        :return: bool: it is paused now
        """
        self.ensure_one()
        rows = self.env.execute_query(
            SQL(
                """SELECT id, state, failure FROM reactivation_delivery
                    WHERE campaign_id = %s AND channel = %s
                      AND settled_on >= COALESCE(%s, settled_on)
                      AND state IN ('sent', 'failed')
                      AND reason IS DISTINCT FROM 'bounced'
                 ORDER BY settled_on DESC, id DESC LIMIT %s""",
                self.id,
                channel,
                self.resumed_on or None,
                REFUSED_IN_A_ROW,
            )
        )
        if len(rows) < REFUSED_IN_A_ROW or any(row[1] == "sent" for row in rows):
            return False
        self.env.execute_query(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = 'pending', settled_on = NULL, reason = NULL,
                          attempts = 0
                    WHERE id IN %s RETURNING 1""",
                tuple(row[0] for row in rows),
            )
        )
        self.env["reactivation.delivery"].invalidate_model()
        self._pause_because(
            self.env._("The mail server refuses every message"), rows[0][2] or ""
        )
        return True

    @api.model
    def _check_breakers(self):
        """Pause campaigns whose last messages bounced or were reported too often."""
        rows = self.env.execute_query(
            SQL(
                """SELECT campaign.id, last.sent, last.bounced, last.complained
                     FROM reactivation_campaign campaign
               CROSS JOIN LATERAL (
                         SELECT count(*) AS sent, count(recent.bounced_on) AS bounced,
                                count(complaint.id) AS complained
                           FROM (SELECT id, bounced_on FROM reactivation_delivery
                                  WHERE campaign_id = campaign.id
                                    AND claimed_on IS NOT NULL
                                    AND claimed_on >= campaign.resumed_on
                                    AND channel = 'mail'
                               ORDER BY claimed_on DESC LIMIT %s) AS recent
                      LEFT JOIN reactivation_outcome complaint
                             ON complaint.delivery_id = recent.id
                            AND complaint.kind = 'complained') AS last
                    WHERE campaign.state = 'running'
                      AND (last.bounced > 0 OR last.complained > 0)""",
                BREAKER_SAMPLE,
            )
        )
        for campaign_id, sent, bounced, complained in rows:
            # Only campaigns with a bounce or a complaint get here.
            campaign = self.browse(campaign_id)
            campaign._break_at(sent, bounced, complained)

    def _break_at(self, sent, bounced, complained):
        company = self.company_id
        if (
            bounced >= BREAKER_BOUNCES
            and bounced * 100 >= company.reactivation_bounce_limit * sent
        ):
            self._pause_because(
                self.env._("Too many addresses do not exist"),
                self.env._(
                    "%(bounced)s of the last %(sent)s messages came back. Check where "
                    "the addresses come from before going on.",
                    bounced=bounced,
                    sent=sent,
                ),
            )
        elif (
            complained >= BREAKER_COMPLAINTS
            and complained * 100 >= company.reactivation_complaint_limit * sent
        ):
            self._pause_because(
                self.env._("Too many complaints"),
                self.env._(
                    "%(complained)s of the last %(sent)s messages were reported as "
                    "spam.",
                    complained=complained,
                    sent=sent,
                ),
            )

    # ----------------------------------------------------------------- audience

    def _channels(self):
        """:return: names of the channels of the campaign's steps, in order"""
        return self.method_ids.step_ids._channels()
