from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

STAFF = "patient_reactivation.group_reactivation_user"

RESULTS = [
    ("booked", "Booked"),
    ("call_later", "Call later"),
    ("no_answer", "No answer"),
    ("wrong_number", "Wrong number"),
    ("not_interested", "Not interested"),
    ("do_not_contact", "Do not contact"),
    ("accepted", "Video call accepted"),
    ("done", "Done"),
]

# A task somebody opened is theirs for this long, and longer while it stays open.
HOLD = timedelta(minutes=15)

# The channels whose deliveries people carry out.
MANUAL_CHANNELS = ("call", "video", "letter", "social")


class ReactivationDelivery(models.Model):
    """What people make of a delivery that is a task: they take it, do it, and say
    what came of it.

    The front desk may only read deliveries: every result checks that the user is of
    the staff and may see the delivery, and writes what follows by itself.
    """

    _inherit = "reactivation.delivery"

    result = fields.Selection(
        RESULTS,
        readonly=True,
        help="What came of it; of a task that is still open, of the last attempt.",
    )
    result_note = fields.Char(
        string="Note", readonly=True, help="What the staff wrote about the result."
    )
    result_on = fields.Datetime(string="Result On", readonly=True)
    result_user_id = fields.Many2one(
        "res.users", string="Result By", readonly=True, ondelete="set null"
    )
    call_at = fields.Datetime(
        string="Call At", readonly=True, help="When to call, or to call again."
    )
    call_attempts = fields.Integer(
        string="Calls Without Answer",
        readonly=True,
        help="How often nobody picked up the phone.",
    )
    holder_id = fields.Many2one(
        "res.users",
        string="In Hand Of",
        readonly=True,
        ondelete="set null",
        help="Who is working on it at the moment: nobody else calls then.",
    )
    held_until = fields.Datetime(readonly=True)

    _task_idx = models.Index("(company_id, channel) WHERE state = 'todo'")
    _uncertain_idx = models.Index("(company_id) WHERE state = 'uncertain'")

    # ------------------------------------------------------------------- access

    @api.model
    def _check_staff(self):
        """Only people of the clinic carry out tasks, and only what they may see."""
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group(STAFF):
            raise AccessError(
                self.env._("Only the front desk and managers do the tasks of patients.")
            )

    def _lock_tasks(self):
        """Lock tasks, and every other open task about the same person or number.

        Two people who take tasks of one patient at the same moment: one of them gets
        it, the other is told so, now or when the server tries again.

        :return: the tasks themselves: of a family the one that stands for all, as
            superuser
        """
        self._check_staff()
        tasks = self.sudo()
        tasks = tasks.filtered(lambda item: not item.lead_id) | tasks.lead_id
        # Whoever waits for the lock must read what the other wrote.
        tasks.flush_recordset()
        together = tasks._with_members() | tasks._same_patient()
        if together.try_lock_for_update() != together:
            raise UserError(
                self.env._(
                    "Somebody else is opening a task of %(patient)s right now. Try "
                    "again in a moment.",
                    patient=tasks._names(),
                )
            )
        together.invalidate_recordset()
        return tasks

    def _same_patient(self):
        """:return: the other open tasks about the same people and numbers"""
        hashes = [item for item in self.mapped("address_hash") if item]
        return self.sudo().search(
            [
                ("state", "=", "todo"),
                ("id", "not in", self.ids),
                "|",
                ("recipient_id", "in", self.recipient_id.ids),
                ("address_hash", "in", hashes),
            ]
        )

    def _names(self):
        return ", ".join(filter(None, self._patients().mapped("name")))

    def _check_open(self):
        """Refuse what is settled, and say by whom or why."""
        for task in self:
            if task.state == "todo":
                continue
            if task.result and task.result_user_id:
                raise UserError(
                    self.env._(
                        "%(patient)s: %(user)s has done this already (%(result)s).",
                        patient=task._names(),
                        user=task.result_user_id.name,
                        result=task._label("result"),
                    )
                )
            raise UserError(
                self.env._(
                    "%(patient)s: there is nothing to do any more (%(why)s).",
                    patient=task._names(),
                    why=task._label("reason") or task._label("state"),
                )
            )

    def _label(self, name):
        labels = dict(self._fields[name]._description_selection(self.env))
        return labels.get(self[name], "")

    def _holders(self):
        """:return: other open tasks and these that somebody else has in hand"""
        now = fields.Datetime.now()
        return (self | self._same_patient()).filtered(
            lambda item: (
                item.holder_id
                and item.holder_id != self.env.user
                and item.held_until > now
            )
        )

    def _check_free(self):
        """Refuse what somebody else is working on."""
        if held := self._holders()[:1]:
            raise UserError(
                self.env._(
                    "%(user)s is working on a task of %(patient)s at the moment.",
                    user=held.holder_id.name,
                    patient=held._names(),
                )
            )

    # --------------------------------------------------------------------- take

    def action_take(self):
        """Take a task in hand: for some minutes nobody else gets it, nor another
        one about the same patient or number.

        :return: bool: False when it turns out that nothing is to be done any more
        """
        self._check_staff()
        self.ensure_one()
        task = self._lock_tasks()
        task._check_open()
        task._check_free()
        if task._withdraw_needless():
            return False
        task._begin_minutes()
        task.write(
            {
                "holder_id": self.env.uid,
                "held_until": fields.Datetime.now() + HOLD,
            }
        )
        return True

    def action_release(self):
        """Give back what the user has in hand and did not do."""
        self._check_staff()
        mine = self.sudo().filtered(lambda item: item.holder_id == self.env.user)
        mine.try_lock_for_update().write({"holder_id": False, "held_until": False})

    def _withdraw_needless(self):
        """Ask the policy once more: somebody may have booked or said no since.

        Of a family, the others who were to be told with somebody who is not to be
        contacted any more wait for a task of their own.

        :return: the tasks that are not to be done any more; they are closed
        """
        policy = self.env["reactivation.contact.policy"]
        refused = {}
        for (campaign, channel), tasks in (
            self._with_members()
            .grouped(lambda item: (item.campaign_id, item.channel))
            .items()
        ):
            # A task, or a selection of one list: few campaigns.
            decisions = policy._decide(tasks, channel, campaign, now=False)
            for task in tasks:
                code = decisions[task.id].refusal
                if code and code != "expired":
                    refused.setdefault(code, []).append(task.id)
        gone = self.browse(number for group in refused.values() for number in group)
        ((self & gone).member_ids - gone).write(
            {
                "lead_id": False,
                "state": "pending",
                "date": fields.Datetime.now(),
                "settled_on": False,
            }
        )
        for code, ids in refused.items():
            # A write per reason, of which there are a handful.
            tasks = self.browse(ids)
            tasks._close_activities()
            tasks._settle("skipped", code)
        gone.write({"lead_id": False, "holder_id": False, "held_until": False})
        return self & gone

    # ------------------------------------------------------------------ results

    def action_result_booked(self, note=None):
        """The patient made an appointment: no further step; the visit shows it."""
        tasks = self._begin_result()
        tasks._finish("booked", note)
        enrollments = tasks._with_members().enrollment_id
        enrollments._note_staff_booking()

    def action_result_call_later(self, call_at=None, note=None):
        """Another time suits better. Without a time it is asked for."""
        if not call_at:
            return self._ask_time()
        tasks = self._begin_result()
        call_at = fields.Datetime.to_datetime(call_at)
        tasks._check_call_at(call_at)
        if gone := tasks._withdraw_needless():
            return gone._tell_withdrawn()
        tasks._again("call_later", {task: call_at for task in tasks}, note)
        return None

    def action_result_no_answer(self, note=None):
        """Nobody picked up: again on another day, until it was tried often enough."""
        tasks = self._begin_result()
        if gone := tasks._withdraw_needless():
            return gone._tell_withdrawn()
        given_up = tasks.filtered(
            lambda item: item.call_attempts + 1 >= item.step_id.max_attempts
        )
        for attempts, group in tasks.grouped("call_attempts").items():
            group._with_members().write({"call_attempts": attempts + 1})
        given_up._finish("no_answer", note, "skipped", "no_answer")
        again = tasks - given_up
        again._again("no_answer", {task: task._next_attempt() for task in again}, note)
        return None

    def action_result_wrong_number(self, note=None):
        """The number is somebody else's: nobody of the clinic calls it again."""
        tasks = self._begin_result()
        tasks._finish("wrong_number", note, "skipped", "wrong_number")
        numbers = [
            partner.phone_sanitized or partner.phone
            for partner in tasks.recipient_id
            if partner.phone
        ]
        self.env["reactivation.suppression"].sudo()._add(
            "phone", numbers, "wrong_number"
        )

    def action_result_not_interested(self, note=None):
        """The patient does not want this campaign: nothing more of it."""
        tasks = self._begin_result()
        tasks._finish("not_interested", note)
        enrollments = tasks._with_members().enrollment_id
        enrollments.filtered(lambda item: item.state == "running")._stop(
            "not_interested"
        )

    def action_result_do_not_contact(self, note=None):
        """The patient wants no contact at all: the same as saying STOP, for
        everybody at the number."""
        tasks = self._begin_result()
        tasks._finish("do_not_contact", note)
        said = self._said(note) or self.env._("Wants no contact any more.")
        for company, group in tasks.grouped("company_id").items():
            everybody = group._with_members()
            for person in everybody.recipient_id | everybody.partner_id:
                # The one who spoke, and a family's few.
                self.env["reactivation.objection"].create(
                    {
                        "partner_id": person.id,
                        "company_id": company.id,
                        "channel": "all",
                        "purpose": "all",
                        "heard": "phone",
                        "note": said,
                        "covers_address": True,
                    }
                ).action_record()
        enrollments = tasks._with_members().enrollment_id
        enrollments.filtered(lambda item: item.state == "running")._stop("opted_out")

    def action_result_accepted(self, note=None):
        """The patient wants to be seen by video: the clinic's link goes out."""
        tasks = self._begin_result()
        if wrong := tasks.filtered(lambda item: item.channel != "video"):
            raise UserError(
                self.env._(
                    "%(patient)s: this is no video call.", patient=wrong._names()
                )
            )
        if gone := tasks._withdraw_needless():
            return gone._tell_withdrawn()
        for task in tasks:
            # A message each; staff accept one at a time.
            self.env["reactivation.channel.video"].sudo()._send_link(task)
        tasks._finish("accepted", note)
        return None

    def action_result_done(self, note=None):
        """It is done: the letter is in the mail, the message was sent."""
        self._begin_result()._finish("done", note)

    def action_letter_returned(self):
        """The post brought a letter back: the patient has moved. It is noted as the
        reason, if none is known, and what follows from it begins by itself."""
        self._check_staff()
        letters = self.sudo()
        wrong = letters.filtered(
            lambda item: (
                item.channel != "letter" or item.state != "sent" or item.bounced_on
            )
        )
        if wrong:
            raise UserError(
                self.env._("Only letters that were sent can come back, and only once.")
            )
        self.env["reactivation.outcome"].sudo()._append("bounced", letters)
        moved = self.env["reactivation.reason"].search([("code", "=", "moved")])
        patients = letters._with_members().enrollment_id.patient_id
        if moved:
            patients.filtered(lambda item: not item.reason_id)._set_reason(
                moved, "detected"
            )

    # ------------------------------------------------------- what a result does

    def _begin_result(self):
        """:return: the tasks a result is about, locked and checked, as superuser"""
        tasks = self._lock_tasks()
        tasks._check_open()
        tasks._check_free()
        return tasks

    def _note_task_end(self, values):
        """The activity of tasks ended elsewhere: so did they, with their family."""
        if self:
            self._with_members().write(
                {
                    **values,
                    "settled_on": fields.Datetime.now(),
                    "result_on": fields.Datetime.now(),
                    "result_user_id": self.env.uid,
                    "call_at": False,
                    "holder_id": False,
                    "held_until": False,
                }
            )

    @api.model
    def _said(self, note):
        """:return: str or False: the note that goes with a result; the sheet hands
        over what is written in it with the button"""
        if note is None:
            note = self.env.context.get("reactivation_note")
        return (note or "").strip() or False

    def _note_reason(self):
        """The caller heard why the patient stays away, and chose it in the sheet."""
        number = self.env.context.get("reactivation_reason_id")
        reason = self.env["reactivation.reason"].browse(number or ()).exists()
        if reason:
            # As the user: it is they who may set it, and nothing else.
            patients = self.enrollment_id.patient_id.sudo(False)
            patients.write({"reason_id": reason.id})

    def _result_values(self, result, note):
        return {
            "result": result,
            "result_note": self._said(note),
            "result_on": fields.Datetime.now(),
            "result_user_id": self.env.uid,
            "holder_id": False,
            "held_until": False,
        }

    def _finish(self, result, note=None, state="sent", reason=False):
        """Settle tasks with their result, and mark the Odoo activity as done."""
        if not self:
            return
        self._note_minutes(result)
        everybody = self._with_members()
        everybody.write({**self._result_values(result, note), "call_at": False})
        everybody._settle(state, reason)
        activities = self.activity_id
        feedback = ": ".join(filter(None, (self[0]._label("result"), self._said(note))))
        activities._action_done(feedback=feedback)
        self._note_reason()

    def _again(self, result, moments, note=None):
        """Put tasks off to a moment each."""
        self._note_minutes(result)
        for moment in set(moments.values()):
            tasks = self.filtered(lambda item, at=moment: moments[item] == at)
            everybody = tasks._with_members()
            everybody.write({**self._result_values(result, note), "call_at": moment})
            for company, group in tasks.grouped("company_id").items():
                # Users read the day of an activity, the list also the hour.
                day = company._reactivation_today(moment)
                group.activity_id.write({"date_deadline": day})
        for task in self:
            # The conversation tells of every attempt.
            task.enrollment_id._message_log(body=task._attempt_text())
        self._note_reason()

    def _attempt_text(self):
        self.ensure_one()
        text = self.env._(
            "%(result)s. Call again: %(moment)s",
            result=self._label("result"),
            moment=self._clinic_time(self.call_at),
        )
        return " – ".join(filter(None, (text, self.result_note)))

    def _tell_withdrawn(self):
        """:return: action: a word to the user about tasks that were closed"""
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "message": self.env._(
                    "%(patient)s: there is nothing to do any more (%(why)s).",
                    patient=self._names(),
                    why=self[0]._label("reason"),
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
