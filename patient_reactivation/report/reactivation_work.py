from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..models.reactivation_delivery_minutes import SPOKEN_CHANNELS
from ..models.reactivation_delivery_task import MANUAL_CHANNELS
from ..tools.spreadsheets import neutral_rows

# Patients who come within so many days are announced to the front desk.
WELCOME_DAYS = 3

# Of one document at most one row of a kind: its number times this, plus the kind.
KIND_FACTOR = 8


class ReactivationWork(models.Model):
    """What there is to do for people today: one row each, read live.

    Urgency says what comes first:

    5. a patient wrote and waits for an answer;
    4. somebody promised to call at a time that has come;
    3. patients who come today, and tasks that are too late after tomorrow;
    2. tasks that are due;
    1. messages that may not have arrived, patients of the next days;
    0. what is due later.

    Among equals the value decides: how often the patient came so far, regulars
    first.
    """

    _name = "reactivation.work"
    _description = "Work List"
    _auto = False
    _order = "urgency desc, value desc, due, id"
    _rec_name = "partner_id"

    kind = fields.Selection(
        [
            ("call", "Call"),
            ("video", "Video call"),
            ("letter", "Letter"),
            ("social", "Social message"),
            ("reply", "Reply"),
            ("uncertain", "Uncertain message"),
            ("returning", "Returning patient"),
        ],
        string="What",
        readonly=True,
    )
    partner_id = fields.Many2one("res.partner", string="Patient", readonly=True)
    recipient_id = fields.Many2one(
        "res.partner",
        string="Whom to Reach",
        readonly=True,
        help="The patient, or the guardian of a minor.",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one("reactivation.campaign", readonly=True)
    enrollment_id = fields.Many2one("reactivation.enrollment", readonly=True)
    delivery_id = fields.Many2one("reactivation.delivery", readonly=True)
    user_id = fields.Many2one("res.users", string="Assigned To", readonly=True)
    due = fields.Datetime(
        readonly=True, help="When it is to be done; of a patient, when they come."
    )
    urgency = fields.Integer(
        readonly=True,
        aggregator=None,
        help="5 reply of a patient, 4 promised call, 3 patient of today or task that "
        "is too late tomorrow, 2 due, 1 uncertain message or patient of the next "
        "days, 0 later.",
    )
    value = fields.Integer(
        string="Visits So Far",
        readonly=True,
        aggregator=None,
        help="Regular patients come first.",
    )
    attempts = fields.Integer(
        string="Calls Without Answer", readonly=True, aggregator=None
    )
    result = fields.Selection(
        selection="_selection_result",
        string="Last Result",
        readonly=True,
    )
    holder_id = fields.Many2one(
        "res.users",
        string="In Hand Of",
        readonly=True,
        help="Who is working on it at the moment.",
    )
    phone = fields.Char(related="recipient_id.phone")

    # -------------------------------------------------------------------- query

    @api.model
    def _selection_result(self):
        results = self.env["reactivation.delivery"]._fields["result"]
        return results._description_selection(self.env)

    @property
    def _table_query(self):
        self.env.flush_all()
        now = fields.Datetime.now()
        return SQL(" UNION ALL ").join(
            [
                self._tasks_sql(now),
                self._replies_sql(),
                self._uncertain_sql(),
                self._booked_sql(now),
                self._returned_sql(now),
            ]
        )

    @api.model
    def _tasks_sql(self, now):
        return SQL(
            """SELECT delivery.id::bigint * %(factor)s AS id, delivery.channel AS kind,
                      delivery.partner_id, delivery.recipient_id, delivery.company_id,
                      delivery.campaign_id, delivery.enrollment_id,
                      delivery.id AS delivery_id, activity.user_id,
                      COALESCE(delivery.call_at, delivery.date) AS due,
                      CASE WHEN COALESCE(delivery.call_at, delivery.date) > %(now)s
                                THEN 0
                           WHEN delivery.result = 'call_later' THEN 4
                           WHEN delivery.first_date < %(now)s
                                - (step.valid_days - 1) * INTERVAL '1 day' THEN 3
                           ELSE 2 END AS urgency,
                      COALESCE(patient.visit_count, 0) AS value,
                      delivery.call_attempts AS attempts, delivery.result,
                      CASE WHEN delivery.held_until > %(now)s
                           THEN delivery.holder_id END AS holder_id
                 FROM reactivation_delivery delivery
                 JOIN reactivation_step step ON step.id = delivery.step_id
            LEFT JOIN mail_activity activity ON activity.id = delivery.activity_id
            LEFT JOIN reactivation_patient patient
                   ON patient.partner_id = delivery.partner_id
                  AND patient.company_id = delivery.company_id
                WHERE delivery.state = 'todo' AND delivery.lead_id IS NULL
                  AND delivery.channel IN %(channels)s""",
            factor=KIND_FACTOR,
            now=now,
            channels=MANUAL_CHANNELS,
        )

    @api.model
    def _of_enrollment_sql(self, kind, number, **parts):
        """:return: SQL of rows about an enrollment; `parts` are SQL of what differs"""
        return SQL(
            """SELECT %(id)s::bigint * %(factor)s + %(number)s, %(kind)s,
                      enrollment.partner_id, enrollment.partner_id,
                      enrollment.company_id, enrollment.campaign_id, enrollment.id,
                      %(delivery)s, %(user)s, %(due)s, %(urgency)s,
                      COALESCE(patient.visit_count, 0), NULL::int, NULL::varchar,
                      NULL::int
                 FROM %(tables)s
            LEFT JOIN reactivation_patient patient
                   ON patient.partner_id = enrollment.partner_id
                  AND patient.company_id = enrollment.company_id
                WHERE enrollment.partner_id IS NOT NULL AND %(where)s""",
            factor=KIND_FACTOR,
            kind=kind,
            number=number,
            id=parts.get("id", SQL("enrollment.id")),
            delivery=parts.get("delivery", SQL("NULL::int")),
            user=parts.get("user", SQL("NULL::int")),
            due=parts["due"],
            urgency=parts["urgency"],
            tables=parts.get("tables", SQL("reactivation_enrollment enrollment")),
            where=parts["where"],
        )

    @api.model
    def _replies_sql(self):
        reply = self.env["reactivation.enrollment"]._reply_activity_type()
        return self._of_enrollment_sql(
            "reply",
            1,
            id=SQL("activity.id"),
            user=SQL("activity.user_id"),
            due=self._noon_sql(SQL("activity.date_deadline")),
            urgency=SQL("5"),
            tables=SQL(
                """mail_activity activity
              JOIN reactivation_enrollment enrollment
                ON enrollment.id = activity.res_id"""
            ),
            where=SQL(
                """activity.res_model = 'reactivation.enrollment' AND activity.active
                AND activity.activity_type_id = %s""",
                reply.id,
            ),
        )

    @api.model
    def _uncertain_sql(self):
        return self._of_enrollment_sql(
            "uncertain",
            2,
            id=SQL("delivery.id"),
            delivery=SQL("delivery.id"),
            user=SQL("campaign.user_id"),
            due=SQL("delivery.claimed_on"),
            urgency=SQL("1"),
            tables=SQL(
                """reactivation_delivery delivery
              JOIN reactivation_enrollment enrollment
                ON enrollment.id = delivery.enrollment_id
              JOIN reactivation_campaign campaign
                ON campaign.id = delivery.campaign_id"""
            ),
            where=SQL("delivery.state = 'uncertain'"),
        )

    @api.model
    def _noon_sql(self, day):
        """:return: SQL: a calendar day at the clinic as a moment, the same day in
        almost every time zone a user may have"""
        zone = self.env["res.company"]._reactivation_zone_sql(
            SQL("enrollment.company_id")
        )
        return SQL("(%s + TIME '12:00') AT TIME ZONE %s AT TIME ZONE 'UTC'", day, zone)

    @api.model
    def _today_sql(self, now):
        """:return: SQL of the calendar day at the clinic of the alias `enrollment`"""
        zone = self.env["res.company"]._reactivation_zone_sql(
            SQL("enrollment.company_id")
        )
        return SQL(
            "(%s::timestamp AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", now, zone
        ), zone

    @api.model
    def _booked_sql(self, now):
        """Patients with an appointment today or in the next days."""
        today, zone = self._today_sql(now)
        day = SQL(
            "(enrollment.booked_date AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", zone
        )
        return self._of_enrollment_sql(
            "returning",
            3,
            due=SQL("enrollment.booked_date"),
            urgency=SQL("CASE WHEN %s = %s THEN 3 ELSE 1 END", day, today),
            where=SQL(
                """enrollment.booked_date
                   BETWEEN %(now)s::timestamp - INTERVAL '2 days'
                       AND %(now)s::timestamp + INTERVAL '6 days'
               AND %(day)s BETWEEN %(today)s AND %(today)s + %(days)s""",
                now=now,
                day=day,
                today=today,
                days=WELCOME_DAYS,
            ),
        )

    @api.model
    def _returned_sql(self, now):
        """Patients who came back today: they are, or were just now, at the clinic."""
        today, _zone = self._today_sql(now)
        return self._of_enrollment_sql(
            "returning",
            4,
            due=self._noon_sql(SQL("enrollment.returned_date")),
            urgency=SQL("3"),
            where=SQL(
                """enrollment.returned_date >= (%(now)s::timestamp)::date - 1
               AND enrollment.returned_date = %(today)s
               AND COALESCE(enrollment.booked_date <= %(now)s, TRUE)""",
                now=now,
                today=today,
            ),
        )

    # ------------------------------------------------------------------ actions

    def action_open(self):
        """Open what a row is about. A task is taken in hand by that, so that nobody
        else does it at the same time; the others of the list come after it."""
        self.check_access("read")
        self.ensure_one()
        if self.kind in MANUAL_CHANNELS:
            return self._open_task()
        if self.kind == "uncertain":
            return self._open_form(self.delivery_id)
        return self._open_form(self.enrollment_id)

    @api.model
    def _open_form(self, record):
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    def _open_task(self):
        rows = self.browse(self.env.context.get("active_ids") or self.ids)
        # Some of them were done since, or are another company's.
        known = set(self.search([("id", "in", rows.ids)]).ids)
        rows = rows.filtered(lambda row: row.id in known) | self
        tasks = rows.filtered(lambda row: row.kind in MANUAL_CHANNELS).delivery_id
        return self.delivery_id._open_sheet(tasks)

    def action_start(self):
        """Begin with the first call that is possible now; of the chosen ones, if any
        are chosen."""
        domain = [
            ("kind", "in", SPOKEN_CHANNELS),
            ("due", "<=", fields.Datetime.now()),
            ("holder_id", "in", [False, self.env.uid]),
            ("is_callable", "=", True),
        ]
        if self:
            domain.append(("id", "in", self.ids))
        rows = self.search(domain, limit=80)
        if not rows:
            raise UserError(self.env._("There is nobody to call right now."))
        return rows[0].with_context(active_ids=rows.ids).action_open()

    def action_print_letters(self):
        """Print the chosen letters in one file."""
        return self.delivery_id.action_print_letters()

    def action_mark_letters_sent(self):
        """The chosen letters are in the mail."""
        return self.delivery_id.action_mark_letters_sent()

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
