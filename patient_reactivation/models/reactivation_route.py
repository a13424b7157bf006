from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.date_utils import add

from ..tools.spreadsheets import neutral_rows
from ..tools.transaction import work_read_committed
from .reactivation_contact_policy import REFUSALS
from .reactivation_patient import REASON_SOURCES
from .reactivation_reason import ROUTES

# Patients of one transaction.
BATCH = 100
# Open follow-ups that the policy is asked about again in one transaction.
REVIEWED = 500

# How people reach a patient: a call, or what they write instead.
CALL = "call"
WRITING = ("mail", "letter")

# What a contact is about, by what the clinic does.
PURPOSE_OF = {"payment": "service"}

# Worth doing without the patient: the plan can be asked.
WITHOUT_PATIENT = ("coverage",)
# But not for a patient who is not one any more.
GONE = ("deceased", "erased", "excluded", "returned")

# What somebody has to do.
TASKS = ("payment", "manager_call", "coverage", "times")

STATES = [
    ("todo", "To Do"),
    ("done", "Done"),
    ("canceled", "Canceled"),
    ("nothing", "Nothing to Do"),
]


class ReactivationRoute(models.Model):
    """What the clinic does about the reason of one patient: once in a lapse.

    A reason is noted on the patient, by whoever learns of it; here it is followed up.

    Whether a patient may be contacted is for the contact policy to say; it is asked
    when a follow-up begins, and again as long as it is open. Who may not be called, but
    written to, is written to; where neither is allowed, nothing is done, and the
    follow-up says why. Coverage is verified all the same: that needs no patient.
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
    refusal = fields.Selection(
        REFUSALS,
        string="Why Not Called",
        readonly=True,
        help="Why the patient is not called. Where a task is open all the same, there "
        "is something else to do.",
    )
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
            last = 0
            while last := self._review(last):
                if not progress._commit_progress(remaining=1):
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
                    if patient.reason_id.route in TASKS
                    else False,
                    "state": "todo" if patient.reason_id.route in TASKS else "nothing",
                }
                for patient in fresh
            ]
        )
        routes._note_objections()
        routes._stop_suppressed()
        routes._switch_methods()
        todo = routes.filtered(lambda item: item.state == "todo")
        ways = todo._ask_policy(company)
        pointless = todo._pointless(ways)
        pointless.write({"state": "nothing", "date_due": False})
        (todo - pointless)._make_activities(company, ways)
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

    def _note_objections(self):
        """Who asked not to be written to has objected, whoever of the clinic noted it.
        What was said in a survey is in the ledger already."""
        for route in self:
            # A word in the ledger each, as any other objection.
            if route.reason_id.is_objection and route.source != "survey":
                self.env["reactivation.consent"]._withdraw(
                    route.partner_id,
                    route.company_id,
                    "all",
                    "all",
                    "staff",
                    text=route.reason_id.name,
                    key=f"follow-up:{route.id}",
                )

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

    # ------------------------------------------------------------------- policy

    def _ask_policy(self, company):
        """Note why the patients of these follow-ups may not be called.

        :return: {id: list of the channels that may be used}
        """
        if not self:
            return {}
        channels = (CALL, *WRITING)
        keys = [
            (channel, purpose)
            for channel in channels
            for purpose in ("care", *PURPOSE_OF.values())
        ]
        policy = self.env["reactivation.contact.policy"].sudo()
        answers = policy._answers(self.partner_id, company, keys)
        found = {}
        for route in self:
            purpose = PURPOSE_OF.get(route.route, "care")
            answer = answers[route.partner_id.id]
            found[route.id] = [
                channel for channel in channels if not answer[channel, purpose]
            ]
            refusal = answer[CALL, purpose] or False
            if route._has_returned():
                refusal, found[route.id] = "returned", []
            if refusal != route.refusal:
                # Written together at the flush.
                route.refusal = refusal
        return found

    def _has_returned(self):
        """:return: bool: the patient came back since"""
        last, away_since = self.patient_id.last_visit_date, self.episode_date
        return bool(last and away_since and last > away_since)

    def _pointless(self, ways):
        """:param dict ways: what `_ask_policy` answered
        :return: those of them that leave nothing for anybody to do"""
        return self.filtered(
            lambda item: (
                item.refusal
                and not ways[item.id]
                and (item.route not in WITHOUT_PATIENT or item.refusal in GONE)
            )
        )

    @api.model
    def _review(self, after):
        """Ask again about open follow-ups: patients object, book, come back, or turn
        out to have moved. What is pointless is canceled, with its task; the others say
        what is allowed now.

        :param int after: id of the last one that was looked at
        :return: int: the same for the next call; 0 when there are no more
        """
        routes = self.sudo().search(
            [("state", "=", "todo"), ("id", ">", after)], order="id", limit=REVIEWED
        )
        for company, group in routes.grouped("company_id").items():
            # One clinic, nearly always.
            before = {route: route.refusal for route in group}
            ways = group.with_company(company)._ask_policy(company)
            pointless = group._pointless(ways)
            pointless._cancel()
            changed = (group - pointless).filtered(
                lambda item, before=before: item.refusal != before[item]
            )
            changed._rewrite_activities(ways)
        return routes[-1:].id or 0

    def _cancel(self):
        """Nobody is to do these any more; why stands in `refusal`."""
        self.write({"state": "canceled", "done_on": fields.Datetime.now()})
        self.activity_id.unlink()

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
