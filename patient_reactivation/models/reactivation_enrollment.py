from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .reactivation_patient import PATTERNS

# Rows of one statement of enrollment: bounded work, bounded locks.
ENROLL_BATCH = 50_000

STAGES = [
    ("enrolled", "Enrolled"),
    ("contacted", "Contacted"),
    ("booked", "Booked"),
    ("returned", "Returned"),
    ("loyal", "Won Back"),
    ("one_time", "Came Once"),
    ("not_returned", "Not Returned"),
]


class ReactivationEnrollment(models.Model):
    """One patient in one campaign for one lapse episode, with one method.

    The stage is derived from outcomes (`reactivation.outcome`); here are the
    facts at enrollment and the date of the next step.
    """

    _name = "reactivation.enrollment"
    _description = "Enrollment"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "enrolled_on desc, id desc"
    _rec_name = "partner_id"
    _mailing_enabled = True

    campaign_id = fields.Many2one(
        "reactivation.campaign",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict"
    )
    # Empty once the contact is deleted: the counts stay, the person is gone.
    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    patient_id = fields.Many2one(
        "reactivation.patient",
        string="Patient Record",
        readonly=True,
        index=True,
        ondelete="set null",
    )
    recipient_id = fields.Many2one(
        "res.partner",
        compute="_compute_recipient_id",
        help="Who gets the message: the patient, or the guardian of a minor.",
    )
    patient_first_name = fields.Char(
        string="First Name", compute="_compute_patient_first_name"
    )
    patient_salutation = fields.Char(
        string="Space and First Name",
        compute="_compute_patient_first_name",
        help="For “Hello Ada,”: right after the word, so that it reads “Hello,” when "
        "no name is known.",
    )
    segment_id = fields.Many2one(
        "reactivation.segment", readonly=True, ondelete="set null"
    )
    method_id = fields.Many2one(
        "reactivation.method", readonly=True, ondelete="restrict"
    )
    is_control = fields.Boolean(
        string="Control Group",
        readonly=True,
        help="Enrolled and never contacted, to compare with.",
    )
    tier_id = fields.Many2one("reactivation.tier", readonly=True, ondelete="set null")
    visit_pattern = fields.Selection(PATTERNS, readonly=True)
    reason_id = fields.Many2one(
        "reactivation.reason", readonly=True, ondelete="set null"
    )
    practitioner_id = fields.Many2one("res.partner", readonly=True, ondelete="set null")
    episode_date = fields.Date(
        string="Away Since",
        readonly=True,
        help="The last visit before the enrollment. Coming back and lapsing again "
        "is a new episode.",
    )
    enrolled_on = fields.Datetime(readonly=True)
    return_closes = fields.Datetime(string="Return Window Ends", readonly=True)
    loyalty_closes = fields.Datetime(string="Loyalty Window Ends", readonly=True)
    state = fields.Selection(
        [("running", "Running"), ("stopped", "Stopped"), ("done", "Done")],
        string="Status",
        default="running",
        required=True,
        readonly=True,
    )
    stop_reason = fields.Selection(
        selection="_selection_stop_reason", string="Why Stopped", readonly=True
    )
    steps_ended = fields.Selection(
        selection="_selection_steps_ended",
        string="Why No Further Step",
        readonly=True,
        help="Empty while there are steps to come.",
    )
    next_step_id = fields.Many2one(
        "reactivation.step", readonly=True, ondelete="set null"
    )
    next_date = fields.Datetime(string="Next Step On", readonly=True)
    stage = fields.Selection(
        STAGES, default="enrolled", required=True, readonly=True, group_expand=True
    )
    first_contact_date = fields.Datetime(string="First Contact", readonly=True)
    booked_date = fields.Datetime(string="Booked For", readonly=True)
    returned_date = fields.Date(string="Returned On", readonly=True)
    loyal_date = fields.Date(
        string="Won Back On",
        readonly=True,
        help="The first visit after the return, which shows that the patient stayed.",
    )
    delivery_ids = fields.One2many("reactivation.delivery", "enrollment_id")
    outcome_ids = fields.One2many("reactivation.outcome", "enrollment_id")

    _episode_uniq = models.UniqueIndex(
        "(campaign_id, partner_id, episode_date)",
        "This patient is enrolled in this campaign since the last visit already.",
    )
    _running_uniq = models.UniqueIndex(
        "(partner_id, company_id) WHERE state = 'running'",
        "This patient is in a running campaign of this company already.",
    )
    _due_idx = models.Index(
        "(next_date, id) WHERE state = 'running' AND next_date IS NOT NULL"
    )
    _settled_idx = models.Index(
        "(id) WHERE state = 'running' AND next_date IS NULL "
        "AND steps_ended IS NULL AND NOT is_control"
    )
    _results_idx = models.Index("(campaign_id, stage)")

    # ------------------------------------------------------------------ compute

    @api.model
    def _selection_stop_reason(self):
        policy = self.env["reactivation.delivery"]._fields["reason"]
        return policy._description_selection(self.env)

    @api.model
    def _selection_steps_ended(self):
        return [
            ("completed", self.env._("All steps are done")),
            *self._selection_stop_reason(),
        ]

    @api.depends("partner_id.birth_date", "partner_id.guardian_id")
    def _compute_recipient_id(self):
        policy = self.env["reactivation.contact.policy"]
        for company, enrollments in self.grouped("company_id").items():
            adult_since = policy._adult_since(company) if company else None
            for enrollment in enrollments:
                partner = enrollment.partner_id
                minor = partner.birth_date and partner.birth_date > adult_since
                enrollment.recipient_id = partner.guardian_id if minor else partner

    @api.depends("partner_id.name")
    def _compute_patient_first_name(self):
        for enrollment in self:
            words = (enrollment.partner_id.name or "").split()
            enrollment.patient_first_name = words[0] if words else False
            enrollment.patient_salutation = f" {words[0]}" if words else False

    def _mail_get_partner_fields(self, introspect_fields=False):
        return ["recipient_id"]

    def _notify_get_reply_to_formatted_email(self, record_email, author_id=False):
        """Patients answer the clinic, not the user or the robot that sent it."""
        return super()._notify_get_reply_to_formatted_email(
            record_email, author_id=self.env.company.partner_id.id
        )

    @api.model
    def mail_allowed_qweb_expressions(self):
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.patient_first_name",
            "object.patient_salutation",
            "object.partner_id.name",
            "object.company_id",
            "object.company_id.name",
            "object.company_id.phone",
            "object.company_id.email",
            "object.company_id.website",
            "object.company_id.partner_id.contact_address_inline",
        )

    # ----------------------------------------------------------------- audience

    @api.model
    def _audience_sql(self, campaign, moment=None):
        """The lapsed patients of the campaign's company, one row each.

        Columns: patient_id, partner_id, episode_date, tier_id, visit_pattern,
        practitioner_id, reason_id, segment_id (NULL: in none), refusal (NULL:
        may be enrolled).
        """
        company = campaign.company_id
        policy = self.env["reactivation.contact.policy"]
        refusal = policy._refusal_sql(
            company,
            campaign._channels(),
            campaign.purpose,
            moment,
            campaign.third_party_paid,
        )
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
            segment=campaign.segment_ids._case_sql(),
            refusal=refusal,
            recipient=policy._recipient_sql(company, moment),
            campaign=campaign.id,
            company=company.id,
            lapsed=company._reactivation_lapse_date(moment),
        )

    @api.model
    def _audience_counts(self, campaign):
        """:return: list of (segment id or None, refusal or None, number)"""
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """SELECT segment_id, refusal, count(*) FROM (%s) AS audience
                 GROUP BY segment_id, refusal ORDER BY 3 DESC""",
                self._audience_sql(campaign),
            )
        )

    @api.model
    def _enroll(self, campaign, moment=None):
        """Enroll everybody who is due, once per lapse episode, set-based.

        Assignment is a keyed hash of (campaign, patient): running it again, or
        on another server, gives each patient the same method.

        :return: number of new enrollments
        """
        moment = moment or fields.Datetime.now()
        today = campaign.company_id._reactivation_today(moment)
        over = campaign.date_end and campaign.date_end < today
        if campaign.state != "running" or over:
            return 0
        self.env.flush_all()
        enrolled, count = 0, None
        while count is None or count == ENROLL_BATCH:
            # One bounded statement after another, until nobody is left.
            self.env.cr.execute(self._enroll_sql(campaign, moment))
            count = self.env.cr.rowcount
            enrolled += count
        self.invalidate_model()
        campaign.invalidate_recordset()
        return enrolled

    def _enroll_sql(self, campaign, moment):
        methods = campaign.method_ids._allocation()
        return_closes = moment + timedelta(days=campaign.attribution_days)
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
                   method.step_id, %(next_date)s,
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
            campaign=campaign.id,
            company=campaign.company_id.id,
            now=moment,
            next_date=self.env["reactivation.delivery"]._local_days_sql(
                SQL("%s::timestamp", moment),
                SQL("method.delay"),
                SQL("%s", campaign.company_id._reactivation_zone()),
            ),
            return_closes=return_closes,
            loyalty_closes=return_closes + timedelta(days=campaign.loyalty_days),
            uid=self.env.uid,
            audience=self._audience_sql(campaign, moment),
            limit=ENROLL_BATCH,
            key=f"{campaign.sudo().assignment_key}:{campaign.id}",
            control=campaign.control_percent,
            methods=SQL(", ").join(
                SQL("(%s::int, %s::float, %s::float, %s::int, %s::int)", *method)
                for method in methods
            ),
        )

    # ------------------------------------------------------------------- stages

    @api.model
    def _stage_sql(self, moment):
        """:return: SQL over the alias `enrollment`: the stage its dates give"""
        return SQL(
            """CASE
                WHEN enrollment.loyal_date IS NOT NULL THEN 'loyal'
                WHEN enrollment.returned_date IS NOT NULL
                     AND enrollment.returned_date + campaign.loyalty_days
                         < %(now)s::date THEN 'one_time'
                WHEN enrollment.returned_date IS NOT NULL THEN 'returned'
                WHEN enrollment.return_closes <= %(now)s THEN 'not_returned'
                WHEN enrollment.booked_date > %(now)s THEN 'booked'
                WHEN enrollment.first_contact_date IS NOT NULL THEN 'contacted'
                ELSE 'enrolled'
            END""",
            now=moment,
        )

    def _stop_steps(self, reason):
        """Take the remaining steps off; outcomes are followed to the end.

        A delivery that is being sent at this moment cannot be called back; what
        waits, and what the staff was asked to do, is withdrawn.

        :param str reason: code of `REFUSALS`
        """
        self.write({"next_step_id": False, "next_date": False, "steps_ended": reason})
        self._withdraw_deliveries(reason)

    def _withdraw_deliveries(self, reason):
        """Take back what was not sent yet."""
        if not self:
            return
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = 'skipped', reason = %s, settled_on = %s
                    WHERE enrollment_id IN %s
                      AND state IN ('pending', 'claimed', 'todo')
                RETURNING id""",
                reason,
                fields.Datetime.now(),
                tuple(self.ids),
            )
        )
        deliveries = self.env["reactivation.delivery"].browse(row[0] for row in rows)
        deliveries.invalidate_recordset()
        deliveries._close_activities()

    def _stop(self, reason):
        """Stop for good: the patient may not be contacted any more."""
        self.write({"state": "stopped", "stop_reason": reason})
        self._stop_steps(reason)

    @api.model
    def _unite(self, sources, target):
        """Prepare the enrollments of contacts for being merged into one.

        One enrollment stays running per company: the one of the latest episode,
        which is that of the person. One that would become the same as another
        (campaign and episode) lets go of the contact: it stays as history and
        counts no more. What has ended for one of them does not go on.
        """
        everyone = sources | target
        enrollments = self.sudo().search(
            [("partner_id", "in", everyone.ids)], order="enrolled_on, id"
        )
        enrollments = enrollments.sorted(lambda item: item.partner_id != target)
        enrollments = enrollments.sorted("episode_date", reverse=True)
        enrollments = enrollments.sorted(lambda item: item.state == "running")
        running, episodes = set(), set()
        for enrollment in enrollments:
            episode = (enrollment.campaign_id, enrollment.episode_date)
            duplicate = episode in episodes
            episodes.add(episode)
            if enrollment.state == "running":
                if duplicate or enrollment.company_id in running:
                    # A merge touches a handful of enrollments, one by one.
                    enrollment._stop("merged")
                else:
                    running.add(enrollment.company_id)
            if duplicate:
                enrollment.write({"partner_id": False, "stop_reason": "merged"})
        self.env.flush_all()

    # --------------------------------------------------------------------- cron

    @api.model
    def _cron_enroll(self):
        """Enroll patients who have lapsed since, campaign by campaign."""
        campaigns = self.env["reactivation.campaign"].search(
            [("state", "=", "running")]
        )
        self.env["ir.cron"]._commit_progress(remaining=len(campaigns))
        self.env["reactivation.runner"]._warn_if_stalled()
        for campaign in campaigns:
            # A commit per campaign: one that fails must not undo the others.
            self._enroll(campaign.with_company(campaign.company_id))
            if not self.env["ir.cron"]._commit_progress(1):
                break

    # ------------------------------------------------------------------ actions

    def action_stop(self):
        """Stop contacting the patient, on a user's request."""
        self.check_access("write")
        self._stop("stopped")

    def action_open_visits(self):
        self.ensure_one()
        return self.partner_id.action_open_reactivation_visits()

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return super().export_data(fields_to_export)
