from odoo import api, fields, models
from odoo.tools import SQL

from .reactivation_patient import PATTERNS

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
    _inherit = ["mail.thread"]
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
        readonly=True, index=True, ondelete="set null"
    )
    recipient_id = fields.Many2one(
        "res.partner",
        compute="_compute_recipient_id",
        help="Who gets the message: the patient, or the guardian of a minor.",
    )
    patient_first_name = fields.Char(
        string="First Name", compute="_compute_patient_first_name"
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
    tier_id = fields.Many2one(
        "reactivation.tier", readonly=True, ondelete="set null"
    )
    visit_pattern = fields.Selection(PATTERNS, readonly=True)
    reason_id = fields.Many2one(
        "reactivation.reason", readonly=True, ondelete="set null"
    )
    practitioner_id = fields.Many2one(
        "res.partner", readonly=True, ondelete="set null"
    )
    episode_date = fields.Date(
        string="Away Since",
        readonly=True,
        help="The last visit before the enrollment. Coming back and lapsing again "
        "is a new episode.",
    )
    enrolled_on = fields.Datetime(readonly=True)
    return_closes = fields.Datetime(
        string="Return Window Ends", readonly=True
    )
    loyalty_closes = fields.Datetime(
        string="Loyalty Window Ends", readonly=True
    )
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
    _results_idx = models.Index("(campaign_id, stage)")

    # ------------------------------------------------------------------ compute

    @api.model
    def _selection_stop_reason(self):
        policy = self.env["reactivation.delivery"]._fields["reason"]
        return [
            *policy._description_selection(self.env),
            ("merged", self.env._("Merged with another contact")),
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

    def _mail_get_partner_fields(self, introspect_fields=False):
        return ["recipient_id"]

    @api.model
    def mail_allowed_qweb_expressions(self):
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.patient_first_name",
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
                WHEN enrollment.booked_date > %(now)s THEN 'booked'
                WHEN enrollment.first_contact_date IS NOT NULL THEN 'contacted'
                ELSE 'enrolled'
            END""",
            now=moment,
        )

    def _stop_steps(self):
        """Take the remaining steps off; outcomes are followed to the end."""
        self.write({"next_step_id": False, "next_date": False})

    def _stop(self, reason):
        """Stop for good: the patient may not be contacted any more."""
        self.write({"state": "stopped", "stop_reason": reason})
        self._stop_steps()

    @api.model
    def _unite(self, sources, target):
        """Prepare the enrollments of contacts for being merged into one.

        One enrollment stays running per company. One that would become the
        same as another (campaign and episode) lets go of the contact: it stays
        as history and counts no more.
        """
        everyone = sources | target
        enrollments = self.sudo().search(
            [("partner_id", "in", everyone.ids)], order="enrolled_on, id"
        )
        enrollments = enrollments.sorted(lambda item: item.partner_id != target)
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
        return super().export_data(fields_to_export)
