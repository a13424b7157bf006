import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

# Rows of one statement of enrollment: bounded work, bounded locks.
ENROLL_BATCH = 50_000


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
        selection=lambda self: self.env["reactivation.consent"]
        ._fields["purpose"]
        .selection,
        required=True,
        default="care",
        help="What the messages are, which decides the consent they need.",
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

    enrolled_count = fields.Integer(string="Enrolled", compute="_compute_results")
    contacted_count = fields.Integer(string="Contacted", compute="_compute_results")
    booked_count = fields.Integer(string="Booked", compute="_compute_results")
    returned_count = fields.Integer(string="Returned", compute="_compute_results")
    won_back_count = fields.Integer(string="Won Back", compute="_compute_results")
    return_closed_count = fields.Integer(
        string="Return Window Closed", compute="_compute_results"
    )
    win_back_closed_count = fields.Integer(
        string="Loyalty Window Closed", compute="_compute_results"
    )
    return_rate = fields.Float(
        compute="_compute_results",
        help="Returned ÷ enrolled, of the patients enrolled long enough ago for the "
        "return window to be closed.",
    )
    win_back_rate = fields.Float(
        string="Win-Back Rate",
        compute="_compute_results",
        help="Won back ÷ enrolled, of the patients enrolled long enough ago for "
        "both windows to be closed.",
    )
    returned_so_far = fields.Integer(
        compute="_compute_results",
        help="Returned, of the patients whose return window is still open.",
    )
    won_back_so_far = fields.Integer(
        compute="_compute_results",
        help="Won back, of the patients whose windows are still open.",
    )

    return_first_close = fields.Date(
        compute="_compute_results", help="When the first open return window closes."
    )
    win_back_first_close = fields.Date(
        compute="_compute_results", help="When the first open loyalty window closes."
    )

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

    @api.depends("enrollment_ids.stage", "attribution_days", "loyalty_days")
    def _compute_results(self):
        """Count enrollments by what became of them, one query for all campaigns."""
        names = [
            "enrolled_count",
            "contacted_count",
            "booked_count",
            "returned_count",
            "won_back_count",
            "return_closed_count",
            "win_back_closed_count",
        ]
        dates = ["return_first_close", "win_back_first_close"]
        rows = {row["campaign_id"]: row for row in self._results_rows()}
        for campaign in self:
            row = rows.get(campaign._origin.id, {})
            for name in names:
                campaign[name] = row.get(name, 0)
            for name in dates:
                campaign[name] = row.get(name)
            closed = row.get("return_closed_count")
            campaign.return_rate = row["returned_closed"] / closed if closed else 0
            closed = row.get("win_back_closed_count")
            campaign.win_back_rate = row["won_back_closed"] / closed if closed else 0
            campaign.returned_so_far = row.get("returned_count", 0) - row.get(
                "returned_closed", 0
            )
            campaign.won_back_so_far = row.get("won_back_count", 0) - row.get(
                "won_back_closed", 0
            )

    def _results_rows(self):
        """:return: one dict of counts per campaign with enrollments"""
        if not self.ids:
            return []
        self.env["reactivation.enrollment"].flush_model()
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT campaign_id,
                       count(*) AS enrolled_count,
                       count(first_contact_date) AS contacted_count,
                       count(*) FILTER (WHERE stage = 'booked') AS booked_count,
                       count(returned_date) AS returned_count,
                       count(loyal_date) AS won_back_count,
                       count(*) FILTER (WHERE return_closes <= %(now)s)
                           AS return_closed_count,
                       count(*) FILTER (WHERE loyalty_closes <= %(now)s)
                           AS win_back_closed_count,
                       min(return_closes) FILTER (WHERE return_closes > %(now)s)::date
                           AS return_first_close,
                       min(loyalty_closes) FILTER (WHERE loyalty_closes > %(now)s)::date
                           AS win_back_first_close,
                       count(returned_date) FILTER (WHERE return_closes <= %(now)s)
                           AS returned_closed,
                       count(loyal_date) FILTER (WHERE loyalty_closes <= %(now)s)
                           AS won_back_closed
                  FROM reactivation_enrollment
                 WHERE campaign_id IN %(ids)s
                   AND stop_reason IS DISTINCT FROM 'merged'
              GROUP BY campaign_id""",
                now=fields.Datetime.now(),
                ids=tuple(self.ids),
            )
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

    # ------------------------------------------------------------------ actions

    def action_start(self):
        for campaign in self:
            problems = campaign._problems()
            if problems:
                raise UserError(
                    self.env._("The campaign cannot start yet:")
                    + "".join(f"\n• {problem}" for problem in problems)
                )
        started = {"state": "running", "date_start": fields.Datetime.now()}
        self.filtered(lambda campaign: not campaign.date_start).write(started)
        self.write({"state": "running"})
        for campaign in self:
            # Each campaign has its own audience.
            campaign._enroll()
        self.env.ref("patient_reactivation.ir_cron_deliveries").sudo()._trigger()

    def action_pause(self):
        self.write({"state": "paused"})

    def action_done(self):
        self.write({"state": "done"})
        self.env["reactivation.enrollment"].search(
            [("campaign_id", "in", self.ids), ("state", "=", "running")]
        )._stop_steps()

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
        return list(dict.fromkeys(self.method_ids.step_ids.mapped("channel")))

    def _audience_sql(self, moment=None):
        """The lapsed patients of the campaign's company, one row each.

        Columns: patient_id, partner_id, episode_date, tier_id, visit_pattern,
        practitioner_id, reason_id, segment_id (NULL: in none), refusal (NULL:
        may be enrolled).
        """
        self.ensure_one()
        company = self.company_id
        policy = self.env["reactivation.contact.policy"]
        refusal = policy._refusal_sql(company, self._channels(), self.purpose, moment)
        return SQL(
            """
            SELECT patient.id AS patient_id, patient.partner_id,
                   patient.last_visit_date AS episode_date, patient.tier_id,
                   patient.visit_pattern, patient.reason_id,
                   patient.last_practitioner_id AS practitioner_id,
                   %(segment)s AS segment_id,
                   CASE
                       WHEN before.id IS NOT NULL THEN 'enrolled'
                       WHEN %(segment)s IS NULL THEN 'no_segment'
                       WHEN running.id IS NOT NULL THEN 'other_campaign'
                       ELSE %(refusal)s
                   END AS refusal
              FROM reactivation_patient patient
              JOIN res_partner partner ON partner.id = patient.partner_id
         LEFT JOIN res_partner recipient ON recipient.id = %(recipient)s
         LEFT JOIN reactivation_enrollment before
                ON before.campaign_id = %(campaign)s
               AND before.partner_id = patient.partner_id
               AND before.episode_date = patient.last_visit_date
         LEFT JOIN reactivation_enrollment running
                ON running.state = 'running'
               AND running.partner_id = patient.partner_id
               AND running.company_id = patient.company_id
             WHERE patient.company_id = %(company)s
               AND patient.last_visit_date <= %(lapsed)s
            """,
            segment=self.segment_ids._case_sql(),
            refusal=refusal,
            recipient=policy._recipient_sql(company, moment),
            campaign=self.id,
            company=company.id,
            lapsed=company._reactivation_lapse_date(moment),
        )

    def _audience_counts(self):
        """:return: list of (segment id or None, refusal or None, number)"""
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """SELECT segment_id, refusal, count(*) FROM (%s) AS audience
                 GROUP BY segment_id, refusal ORDER BY 3 DESC""",
                self._audience_sql(),
            )
        )

    def _enroll(self, moment=None):
        """Enroll everybody who is due, once per lapse episode, set-based.

        Assignment is a keyed hash of (campaign, patient): running it again, or
        on another server, gives each patient the same method.

        :return: number of new enrollments
        """
        self.ensure_one()
        moment = moment or fields.Datetime.now()
        today = self.company_id._reactivation_today(moment)
        if self.state != "running" or (self.date_end and self.date_end < today):
            return 0
        self.env.flush_all()
        enrolled, count = 0, None
        while count is None or count == ENROLL_BATCH:
            # One bounded statement after another, until nobody is left.
            self.env.cr.execute(self._enroll_sql(moment))
            count = self.env.cr.rowcount
            enrolled += count
        self.env["reactivation.enrollment"].invalidate_model()
        self.invalidate_recordset()
        return enrolled

    def _enroll_sql(self, moment):
        methods = self.method_ids._allocation()
        key = self.sudo().assignment_key
        return SQL(
            """
            INSERT INTO reactivation_enrollment (
                campaign_id, company_id, partner_id, patient_id, segment_id, tier_id,
                visit_pattern, reason_id, practitioner_id, episode_date, enrolled_on,
                return_closes, loyalty_closes, is_control, method_id,
                next_step_id, next_date, state, stage,
                create_uid, create_date, write_uid, write_date)
            SELECT %(campaign)s, %(company)s, partner_id, patient_id, segment_id,
                   tier_id, visit_pattern, reason_id, practitioner_id, episode_date,
                   %(now)s, %(return_closes)s, %(loyalty_closes)s,
                   draw.control, method.id,
                   method.step_id, %(now)s + method.delay * INTERVAL '1 day',
                   'running', 'enrolled', %(uid)s, %(now)s, %(uid)s, %(now)s
              FROM (SELECT * FROM (%(audience)s) AS audience
                     WHERE refusal IS NULL
                  ORDER BY partner_id LIMIT %(limit)s) AS audience
        CROSS JOIN LATERAL (SELECT md5(%(key)s || ':' || partner_id) AS hash) AS keyed
        CROSS JOIN LATERAL (
                SELECT ('x' || substr(hash, 1, 8))::bit(32)::bigint
                           < %(control)s * 42949672.96 AS control,
                       ('x' || substr(hash, 9, 8))::bit(32)::bigint
                           / 4294967296.0 AS share) AS draw
         LEFT JOIN (VALUES %(methods)s) AS method (id, low, high, step_id, delay)
                ON NOT draw.control
               AND draw.share >= method.low AND draw.share < method.high
       ON CONFLICT DO NOTHING
            """,
            campaign=self.id,
            company=self.company_id.id,
            now=moment,
            return_closes=moment + timedelta(days=self.attribution_days),
            loyalty_closes=moment
            + timedelta(days=self.attribution_days + self.loyalty_days),
            uid=self.env.uid,
            audience=self._audience_sql(moment),
            limit=ENROLL_BATCH,
            key=f"{key}:{self.id}",
            control=self.control_percent,
            methods=SQL(", ").join(
                SQL("(%s::int, %s::float, %s::float, %s::int, %s::int)", *method)
                for method in methods
            ),
        )

    # --------------------------------------------------------------------- cron

    @api.model
    def _cron_enroll(self):
        """Enroll patients who have lapsed since, campaign by campaign."""
        campaigns = self.search([("state", "=", "running")])
        self.env["ir.cron"]._commit_progress(remaining=len(campaigns))
        for campaign in campaigns:
            # A commit per campaign: one that fails must not undo the others.
            campaign.with_company(campaign.company_id)._enroll()
            if not self.env["ir.cron"]._commit_progress(1):
                break
