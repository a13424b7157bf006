from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.date_utils import add

from ..tools.spreadsheets import neutral_rows
from ..tools.transaction import work_read_committed
from .reactivation_patient import REASON_SOURCES
from .reactivation_reason import ROUTES

# Patients of one transaction.
BATCH = 100

# What a follow-up is for Odoo's list of activities.
ACTIVITY_TYPES = {
    "payment": "patient_reactivation.mail_activity_type_payment",
    "manager_call": "mail.mail_activity_data_call",
    "coverage": "patient_reactivation.mail_activity_type_coverage",
    "times": "patient_reactivation.mail_activity_type_times",
}

STATES = [
    ("todo", "To Do"),
    ("done", "Done"),
    ("canceled", "Canceled"),
    ("nothing", "Nothing to Do"),
]


class ReactivationRoute(models.Model):
    """What the clinic does about the reason of one patient: once in a lapse.

    A reason is noted on the patient, by whoever learns of it; here it is followed up.
    """

    _name = "reactivation.route"
    _description = "Follow-Up"
    _order = "state_order, date_due, id desc"
    _rec_name = "partner_id"

    patient_id = fields.Many2one(
        "reactivation.patient",
        string="Patient Record",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        related="patient_id.partner_id", string="Patient", store=True, index=True
    )
    company_id = fields.Many2one(related="patient_id.company_id", store=True)
    enrollment_id = fields.Many2one(
        "reactivation.enrollment",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    segment_id = fields.Many2one(
        related="enrollment_id.segment_id", store=True, string="Segment"
    )
    tier_id = fields.Many2one("reactivation.tier", readonly=True, ondelete="set null")
    reason_id = fields.Many2one(
        "reactivation.reason",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    episode_date = fields.Date(string="Away Since", readonly=True)
    source = fields.Selection(REASON_SOURCES, string="Known From", readonly=True)
    route = fields.Selection(ROUTES, string="What We Do", required=True, readonly=True)
    date = fields.Datetime(string="Begun", required=True, readonly=True)
    date_due = fields.Date(string="Due", readonly=True)
    state = fields.Selection(
        STATES, required=True, readonly=True, default="todo", group_expand=True
    )
    state_order = fields.Integer(compute="_compute_state_order", store=True)
    user_id = fields.Many2one(
        "res.users", string="Who", readonly=True, ondelete="set null"
    )
    activity_id = fields.Many2one(
        "mail.activity", readonly=True, index="btree_not_null", ondelete="set null"
    )
    method_id = fields.Many2one(
        "reactivation.method",
        string="Method From Then On",
        readonly=True,
        ondelete="set null",
    )
    done_on = fields.Datetime(readonly=True)
    feedback_note = fields.Text(string="What Came of It", readonly=True)

    _reason_uniq = models.UniqueIndex(
        "(patient_id, reason_id, COALESCE(episode_date, DATE '1900-01-01'))",
        "This reason is followed up already.",
    )

    @api.depends("state")
    def _compute_state_order(self):
        order = {code: number for number, (code, _label) in enumerate(STATES)}
        for route in self:
            route.state_order = order[route.state]

    # --------------------------------------------------------------------- cron

    @api.model
    def _cron_open(self):
        """Begin what follows from the reasons that were found since."""
        progress = self.env["ir.cron"]
        self.env["reactivation.patient"]._detect_reasons()
        with work_read_committed(self.env):
            while count := self._open_due():
                if not progress._commit_progress(count, remaining=1):
                    return
            progress._commit_progress(remaining=0)

    @api.model
    def _open_due(self, limit=BATCH):
        """:return: int: number of patients whose reason was looked at"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """UPDATE reactivation_patient SET reason_pending = FALSE
                    WHERE id IN (SELECT id FROM reactivation_patient
                                  WHERE reason_pending
                               ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
                RETURNING id""",
                limit,
            )
        )
        patients = self.env["reactivation.patient"].browse(row[0] for row in rows)
        patients.invalidate_recordset()
        patients = patients.filtered("reason_id")
        if patients:
            for company, group in patients.sudo().grouped("company_id").items():
                # One clinic, nearly always.
                self.with_company(company)._open(group)
        return len(rows)

    @api.model
    def _open(self, patients):
        """Begin the follow-ups of patients of one clinic."""
        running = self._running_enrollments(patients)
        known = {
            (row.patient_id, row.reason_id, row.episode_date)
            for row in self.sudo().search([("patient_id", "in", patients.ids)])
        }
        fresh = patients.filtered(
            lambda item: (item, item.reason_id, item.last_visit_date) not in known
        )
        if not fresh:
            return self.browse()
        now = fields.Datetime.now()
        company = fresh.company_id
        today = company._reactivation_today()
        routes = self.sudo().create(
            [
                {
                    "patient_id": patient.id,
                    "enrollment_id": running.get(patient.partner_id.id, False),
                    "tier_id": patient.tier_id.id,
                    "reason_id": patient.reason_id.id,
                    "episode_date": patient.last_visit_date,
                    "source": patient.reason_source,
                    "route": patient.reason_id.route,
                    "date": now,
                    "date_due": add(today, days=patient.reason_id.route_days)
                    if patient.reason_id.route in ACTIVITY_TYPES
                    else False,
                    "state": "todo"
                    if patient.reason_id.route in ACTIVITY_TYPES
                    else "nothing",
                }
                for patient in fresh
            ]
        )
        routes._stop_suppressed()
        routes._switch_methods()
        routes._make_activities(company)
        return routes

    @api.model
    def _running_enrollments(self, patients):
        """:return: {contact id: id of their latest enrollment in the clinic}"""
        enrollments = (
            self.env["reactivation.enrollment"]
            .sudo()
            .search(
                [
                    ("partner_id", "in", patients.partner_id.ids),
                    ("company_id", "in", patients.company_id.ids),
                ],
                order="enrolled_on, id",
            )
        )
        return {item.partner_id.id: item.id for item in enrollments}

    def _stop_suppressed(self):
        """Who is not to be asked gets no further step."""
        suppressed = self.filtered(lambda item: item.route == "suppress")
        enrollments = suppressed.enrollment_id.filtered(
            lambda item: item.state == "running"
        )
        if enrollments:
            enrollments._stop("excluded")

    def _switch_methods(self):
        """Patients on the way go on with the method for their reason, if there is
        one.
        """
        for (campaign, reason), group in (
            self.filtered("enrollment_id")
            .grouped(lambda item: (item.enrollment_id.campaign_id, item.reason_id))
            .items()
        ):
            # A campaign has a handful of methods.
            method = campaign._current_methods().filtered(
                lambda item, reason=reason: reason in item.reason_ids
            )[:1]
            enrollments = group.enrollment_id.filtered(
                lambda item: item.state == "running" and not item.is_control
            )
            if method and enrollments:
                enrollments._switch(method)
                group.filtered(
                    lambda item, chosen=enrollments: item.enrollment_id in chosen
                ).method_id = method

    # --------------------------------------------------------------- activities

    def _make_activities(self, company):
        """Tell somebody of the clinic, with all that is needed to do it."""
        todo = self.filtered(lambda item: item.state == "todo")
        if not todo:
            return
        user = company._reactivation_follow_up_user()
        model = self.env["ir.model"]._get_id("res.partner")
        texts = todo.with_context(lang=user.lang or self.env.lang)
        # Twenty follow-ups are a list to work through, not twenty e-mails.
        activities = (
            self.env["mail.activity"]
            .sudo()
            .with_context(mail_activity_quick_update=True)
            .create(
                [
                    {
                        "res_model_id": model,
                        "res_id": route.partner_id.id,
                        "activity_type_id": self._activity_type(route.route).id,
                        "user_id": user.id,
                        "date_deadline": route.date_due,
                        "summary": route._summary(),
                        "note": route._note(),
                    }
                    for route in texts
                ]
            )
        )
        for route, activity in zip(todo, activities, strict=True):
            # Each has one of its own; written together at the flush.
            route.write({"activity_id": activity.id, "user_id": user.id})

    @api.model
    def _activity_type(self, route):
        kind = self.env.ref(ACTIVITY_TYPES[route], raise_if_not_found=False)
        return kind or self.env.ref("mail.mail_activity_data_todo")

    def _summary(self):
        self.ensure_one()
        labels = dict(self._fields["route"]._description_selection(self.env))
        return self.env._(
            "%(what)s: %(reason)s",
            what=labels[self.route],
            reason=self.reason_id.name,
        )

    def _note(self):
        """:return: Markup: what is known, and what to say"""
        self.ensure_one()
        labels = dict(self._fields["source"]._description_selection(self.env))
        lines = [
            self.env._(
                "Why the patient stays away: %(reason)s (%(known)s).",
                reason=self.reason_id.name,
                known=labels.get(self.source, ""),
            )
        ]
        lines += (self.reason_id.route_note or "").splitlines()
        if self.route == "payment":
            options = self.env["reactivation.payment.option"].search(
                [("company_id", "in", (self.company_id.id, False))]
            )
            lines += [f"• {option._line()}" for option in options]
        return Markup().join(Markup("<p>%s</p>") % line for line in lines)

    def _note_activity_end(self, state, note=False):
        """The activity was done or removed, wherever that was."""
        if self:
            self.write(
                {
                    "state": state,
                    "done_on": fields.Datetime.now(),
                    "feedback_note": note,
                }
            )

    # ------------------------------------------------------------------ actions

    def action_open_patient(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "views": [(False, "form")],
        }

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
