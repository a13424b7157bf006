from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date

from ..tools.languages import own_name
from .reactivation_delivery_task import MANUAL_CHANNELS

# What the sheet of a task shows of the contacts before it.
HISTORY_LENGTH = 8


class ReactivationDelivery(models.Model):
    """The sheet somebody has in front of them while they call: whom, when, what to
    say, and what the clinic knows that they may see."""

    _inherit = "reactivation.delivery"

    is_mine = fields.Boolean(
        string="In My Hand", compute="_compute_is_mine", help="Nobody else calls now."
    )
    recipient_phone = fields.Char(related="recipient_id.phone", string="Phone")
    recipient_language = fields.Char(
        string="Language", compute="_compute_recipient_language"
    )
    patient_clock = fields.Char(
        string="Patient's Clock",
        compute="_compute_patient_clock",
        help="The day and the hour where the patient lives.",
    )
    callable_from = fields.Char(
        string="Hours",
        compute="_compute_patient_clock",
        help="Empty: the patient may be contacted now.",
    )
    task_names = fields.Char(
        string="Also About",
        compute="_compute_task_names",
        help="Of a family with one number, the others who are told at once.",
    )
    task_text = fields.Html(
        string="What to Say", compute="_compute_task_text", sanitize=False
    )
    has_reply = fields.Boolean(
        string="Wrote to the Clinic",
        compute="_compute_has_reply",
        help="An answer of the patient waits.",
    )
    contact_history = fields.Html(
        string="Before", compute="_compute_contact_history", sanitize=False
    )
    sheet_last_visit = fields.Date(
        related="enrollment_id.patient_id.last_visit_date", string="Last Visit"
    )
    sheet_inactivity = fields.Integer(
        related="enrollment_id.patient_id.inactivity_days", string="Away For (days)"
    )
    sheet_visits = fields.Integer(
        related="enrollment_id.patient_id.visit_count", string="Visits"
    )
    sheet_missed = fields.Integer(
        related="enrollment_id.patient_id.missed_visit_count", string="Missed Visits"
    )
    sheet_practitioner_id = fields.Many2one(
        related="enrollment_id.patient_id.last_practitioner_id", string="Practitioner"
    )
    sheet_reason_id = fields.Many2one(
        related="enrollment_id.patient_id.reason_id", string="Why They Left"
    )

    def action_open_task(self):
        """Take one task in hand and open its sheet."""
        self.check_access("read")
        self.ensure_one()
        return (self.lead_id or self)._open_sheet()

    def _open_sheet(self, others=None):
        """:param others: the tasks of the list it was chosen from
        :return: action: the sheet of this task, which is in the user's hand then"""
        if not self.action_take():
            return self._tell_withdrawn()
        sheet = self.env.ref(
            "patient_reactivation.reactivation_delivery_view_form_task"
        )
        return {
            "type": "ir.actions.client",
            "tag": "reactivation_open_tasks",
            "params": {
                "action": {
                    "type": "ir.actions.act_window",
                    "name": self.env._("Work List"),
                    "res_model": self._name,
                    "res_id": self.id,
                    "views": [(sheet.id, "form")],
                },
                "resIds": (others or self).ids,
            },
        }

    @api.depends("holder_id", "held_until")
    @api.depends_context("uid")
    def _compute_is_mine(self):
        now = fields.Datetime.now()
        for delivery in self:
            delivery.is_mine = (
                delivery.holder_id == self.env.user
                and bool(delivery.held_until)
                and delivery.held_until > now
            )

    @api.depends("recipient_id.lang")
    def _compute_recipient_language(self):
        languages = dict(self.env["res.lang"].get_installed())
        for delivery in self:
            code = delivery.recipient_id.lang
            delivery.recipient_language = own_name(languages.get(code, code or ""))

    @api.depends("recipient_id", "company_id", "channel")
    @api.depends_context("lang")
    def _compute_patient_clock(self):
        now = fields.Datetime.now()
        for delivery in self:
            # One sheet is open at a time.
            delivery.patient_clock = delivery.callable_from = False
            if delivery.state != "todo" or not delivery.recipient_id:
                continue
            delivery.patient_clock = delivery._patient_time(now)
            if opens := delivery._next_allowed(now):
                delivery.callable_from = self.env._(
                    "from %(there)s on the patient's clock, %(here)s at the clinic",
                    there=delivery._patient_time(opens),
                    here=delivery._clinic_time(opens),
                )

    @api.depends("member_ids", "recipient_id", "partner_id")
    def _compute_task_names(self):
        for delivery in self:
            others = delivery._patients() - delivery.recipient_id
            delivery.task_names = ", ".join(filter(None, others.mapped("name")))

    @api.depends("step_id", "recipient_id", "channel")
    @api.depends_context("lang")
    def _compute_task_text(self):
        for delivery in self:
            # One sheet is open at a time.
            delivery.task_text = delivery._task_text()

    def _task_text(self):
        """:return: Markup: the words of the step, with the patient's name in them"""
        task = self.sudo()
        if task.channel not in MANUAL_CHANNELS:
            return False
        kind = self.env[f"reactivation.channel.{task.channel}"].sudo()
        if task.channel == "letter":
            lang = kind._reader_lang(task.recipient_id, task.company_id)
            step = task.step_id.with_context(lang=lang)
            return step._fill(step.letter_body or Markup(), task)
        if task.channel in ("call", "video"):
            lines = kind._script_lines(task)
            if lines or task.channel == "call":
                return Markup().join(lines)
        # It is the patient who reads it.
        return Markup().join(kind._paragraphs(kind._message_of(task)))

    @api.depends("enrollment_id")
    def _compute_has_reply(self):
        kind = self.env["reactivation.enrollment"]._reply_activity_type()
        waiting = self.env["mail.activity"].sudo()
        waiting = waiting.search(
            [
                ("res_model", "=", "reactivation.enrollment"),
                ("res_id", "in", self.enrollment_id.ids),
                ("activity_type_id", "=", kind.id),
            ]
        )
        enrollments = set(waiting.mapped("res_id"))
        for delivery in self:
            delivery.has_reply = delivery.enrollment_id.id in enrollments

    @api.depends("enrollment_id.delivery_ids.state")
    @api.depends_context("lang")
    def _compute_contact_history(self):
        for delivery in self:
            before = delivery.enrollment_id.delivery_ids.filtered(
                lambda item, this=delivery: item.sent_on and item != this
            ).sorted("sent_on", reverse=True)
            delivery.contact_history = Markup("").join(
                Markup("<div>%s</div>") % item._history_text()
                for item in before[:HISTORY_LENGTH]
            )

    def _history_text(self):
        """:return: one line about a contact that was made"""
        labels = {
            "opened_on": self.env._("opened"),
            "clicked_on": self.env._("clicked"),
            "replied_on": self.env._("replied"),
            "bounced_on": self.env._("bounced"),
        }
        what = [label for name, label in labels.items() if self[name]]
        if self.result:
            what.append(self._label("result"))
        day = fields.Datetime.context_timestamp(
            self.with_context(tz=self.company_id._reactivation_zone()), self.sent_on
        )
        line = f"{format_date(self.env, day.date())} · {self._label('channel')}"
        return ": ".join(filter(None, (line, ", ".join(what))))
