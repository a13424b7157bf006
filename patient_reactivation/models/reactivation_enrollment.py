from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.i18n import format_list

from ..tools.spreadsheets import neutral_rows
from .reactivation_contact_policy import PAST_THANKS, THANKS_SQL
from .reactivation_patient import NPS_KINDS, PATTERNS

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
        "reactivation.reason",
        readonly=True,
        ondelete="set null",
        help="Why the patient stays away: as it was known at enrollment, or as the "
        "patient said it since.",
    )
    nps = fields.Integer(
        string="Would Recommend (0–10)", readonly=True, aggregator=None
    )
    nps_kind = fields.Selection(
        NPS_KINDS,
        string="Recommendation",
        readonly=True,
    )
    switched_method_id = fields.Many2one(
        "reactivation.method",
        string="Switched To",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The method for the reason the patient gave. Results count for the method "
        "the patient was given at first.",
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
    _merged_idx = models.Index("(id) WHERE stop_reason = 'merged'")

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

    @api.depends("partner_id.name", "delivery_ids.member_ids.partner_id.name")
    def _compute_patient_first_name(self):
        """The first name; of a family that gets one message, of each of them."""
        families = self._families()
        for enrollment in self:
            people = enrollment.partner_id | families.get(
                enrollment, self.env["res.partner"]
            )
            names = [
                person.name.split()[0]
                for person in people
                if (person.name or "").strip()
            ]
            words = self._join_names(names, enrollment.recipient_id.lang)
            enrollment.patient_first_name = words or False
            enrollment.patient_salutation = f" {words}" if words else False

    def _families(self):
        """:return: {enrollment: other patients named in the message that leaves now}"""
        members = self.env["reactivation.delivery"].search(
            [
                ("lead_id.enrollment_id", "in", self.ids),
                ("state", "in", ("claimed", "sending", "todo")),
            ]
        )
        return {
            lead.enrollment_id: group.partner_id
            for lead, group in members.grouped("lead_id").items()
        }

    def _join_names(self, names, lang):
        """:return: "Ada, Ben and Cleo", in a language; nobody twice"""
        return format_list(self.env, dict.fromkeys(names), lang_code=lang)

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
                WHEN enrollment.booked_date > %(now)s
                     OR enrollment.staff_booked_on > %(staff)s THEN 'booked'
                WHEN enrollment.first_contact_date IS NOT NULL THEN 'contacted'
                ELSE 'enrolled'
            END""",
            now=moment,
            staff=self._staff_booking_since(moment),
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
        deliveries = self.env["reactivation.delivery"]
        waiting = SQL(
            "enrollment_id IN %s AND state IN ('pending', 'claimed', 'todo')",
            tuple(self.ids),
        )
        if reason in PAST_THANKS:
            # A thank-you that is due is still said.
            waiting = SQL(
                """%s AND step_id NOT IN (SELECT step.id FROM reactivation_step step
                                           WHERE %s)""",
                waiting,
                THANKS_SQL,
            )
        with self.env["reactivation.automation"]._watch_table(
            deliveries._name,
            SQL("SELECT id FROM reactivation_delivery WHERE %s", waiting),
        ):
            rows = self.env.execute_query(
                SQL(
                    """UPDATE reactivation_delivery
                          SET state = 'skipped', reason = %s, settled_on = %s,
                              -- What is claimed is named in a message already.
                              lead_id = CASE state WHEN 'claimed' THEN lead_id END
                        WHERE %s
                    RETURNING id""",
                    reason,
                    fields.Datetime.now(),
                    waiting,
                )
            )
            deliveries = deliveries.browse(row[0] for row in rows)
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
        return neutral_rows(super().export_data(fields_to_export))
