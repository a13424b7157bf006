from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

# Nobody reads more; a method has four steps, seldom ten.
MOST_STEPS = 60
# So often is a step put off before the rehearsal says that it waits on.
MOST_WAITS = 12

# The step's channel, and those it falls back to.
MOST_CHANNELS = 6


class ReactivationRehearsal(models.TransientModel):
    """What a method would do with one patient, day by day, without doing it.

    The same code enrolls, dates, decides and fills in as when the campaign runs; all
    of it is taken back at the end.
    """

    _name = "reactivation.rehearsal"
    _description = "Rehearsal"
    _inherit = "reactivation.trial"

    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id")
    method_id = fields.Many2one(
        "reactivation.method",
        domain="[('campaign_id', '=', campaign_id)]",
        ondelete="cascade",
        help="Empty: the one this patient gets by chance.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        domain="[('reactivation_patient_ids.company_id', '=', company_id)]",
        ondelete="cascade",
        help="Any patient of the clinic. At first one of the audience, at random.",
    )
    refusal = fields.Char(string="Not Enrolled Because", readonly=True)
    segment_id = fields.Many2one(
        "reactivation.segment", readonly=True, ondelete="set null"
    )
    chance_method_id = fields.Many2one(
        "reactivation.method",
        string="Method by Chance",
        readonly=True,
        ondelete="set null",
    )
    is_control = fields.Boolean(string="Control Group", readonly=True)
    line_ids = fields.One2many(
        "reactivation.rehearsal.line", "rehearsal_id", readonly=True
    )
    # Written by our own template only; e-mails are shut in frames.
    timeline = fields.Html(sanitize=False, readonly=True)

    @api.constrains("campaign_id", "method_id")
    def _check_method_id(self):
        for rehearsal in self:
            method = rehearsal.method_id
            if method and method.campaign_id != rehearsal.campaign_id:
                raise ValidationError(
                    self.env._("The method belongs to another campaign.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        rehearsals = super().create(vals_list)
        for rehearsal in rehearsals:
            # A person rehearses one at a time.
            rehearsal._rehearse()
        rehearsals.campaign_id.sudo().rehearsed_on = fields.Datetime.now()
        return rehearsals

    # ------------------------------------------------------------------ actions

    def action_rehearse(self):
        """Once more: with another patient, or another method."""
        self.check_access("read")
        self.ensure_one()
        self._rehearse()
        return self._open()

    def action_another_patient(self):
        self.check_access("read")
        self.ensure_one()
        self.partner_id = self._random_patient(self.campaign_id, self.partner_id)
        return self.action_rehearse()

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Rehearsal of %s", self.campaign_id.name),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    # ---------------------------------------------------------------- rehearsal

    def _rehearse(self):
        self.check_access("write")
        self.campaign_id.check_access("write")
        if not self.campaign_id.method_ids.step_ids:
            raise UserError(
                self.env._("There is nothing to rehearse: add a method with steps.")
            )
        if not self.partner_id:
            self.partner_id = self._random_patient(self.campaign_id)
        if not self.partner_id:
            raise UserError(
                self.env._(
                    "%s has no lapsed patient yet, so there is nobody to rehearse "
                    "with.",
                    self.company_id.name,
                )
            )
        self.partner_id.check_access("read")
        values = self._play()
        self.line_ids.unlink()
        lines = values.pop("lines")
        self.write(
            {**values, "line_ids": [fields.Command.create(line) for line in lines]}
        )
        self.timeline = self.env["ir.qweb"]._render(
            "patient_reactivation.rehearsal_timeline",
            {"rehearsal": self, "notes": self._notes()},
        )

    def _play(self):
        """Enroll the patient and let the time go by; then take all of it back.

        :return: values of the rehearsal, with `lines`
        """
        campaign = self.campaign_id.with_company(self.company_id)
        moment = self._first_moment()
        segment, refusal = self._audience_answer(moment)
        values = {
            "segment_id": segment,
            "refusal": self._refusal_label(refusal),
            "chance_method_id": False,
            "is_control": False,
        }
        with self._undone():
            if not refusal:
                values |= self._draw(campaign, moment)
            method = self._method(values["chance_method_id"])
            enrollment = self._try_enrollment(
                campaign, self.partner_id, moment, segment
            )
            lines = self._play_steps(enrollment, method.step_ids, moment)
        return {**values, "method_id": method.id, "lines": lines}

    def _method(self, drawn):
        """:return: the method that was chosen, that was drawn, or the first one"""
        return (
            self.method_id
            or self.method_id.browse(drawn or [])
            or self.campaign_id._current_methods()[:1]
            or self.campaign_id.method_ids[:1]
        )

    def _first_moment(self):
        """:return: when the patient would be enrolled, at the earliest"""
        now = fields.Datetime.now()
        start = self.campaign_id.date_from
        if not start or start <= self.company_id._reactivation_today(now):
            return now
        days = (start - self.company_id._reactivation_today(now)).days
        return fields.Datetime.add(now, days=days)

    def _audience_answer(self, moment):
        """:return: (segment id or False, code why not enrolled or False)"""
        self.env.flush_all()
        enrollments = self.env["reactivation.enrollment"].sudo()
        rows = self.env.execute_query(
            SQL(
                "SELECT segment_id, refusal FROM (%s) AS audience",
                enrollments._audience_sql(
                    self.campaign_id, moment, partners=self.partner_id
                ),
            )
        )
        if rows:
            return rows[0][0] or False, rows[0][1] or False
        row = self.partner_id.sudo().reactivation_patient_ids.filtered(
            lambda patient: patient.company_id == self.company_id
        )
        return False, "not_lapsed" if row else "not_patient"

    def _refusal_label(self, code):
        labels = self.env["reactivation.enrollment"]._selection_request_refusals()
        return dict(labels).get(code, code) if code else False

    def _draw(self, campaign, moment):
        """Enroll the patient as the campaign does, if it runs as it is planned.

        :return: values: the method by chance, or the control group
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_campaign
                      SET state = 'running', date_from = NULL, date_end = NULL,
                          daily_limit = 0
                    WHERE id = %s""",
                campaign.id,
            )
        )
        self.env.invalidate_all()
        enrollments = self.env["reactivation.enrollment"].sudo()
        enrollments._enroll(campaign, moment, partners=self.partner_id)
        drawn = enrollments.search(
            [
                ("campaign_id", "=", campaign.id),
                ("partner_id", "=", self.partner_id.id),
                ("state", "=", "running"),
            ],
            limit=1,
        )
        return {"is_control": drawn.is_control, "chance_method_id": drawn.method_id.id}

    def _play_steps(self, enrollment, steps, moment):
        """:return: list of values of lines, one per step"""
        deliveries = self.env["reactivation.delivery"].sudo()
        first = steps.method_id._first_step()
        if not first:
            return []
        zone = SQL("%s", self.company_id._reactivation_zone())
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_enrollment
                      SET method_id = %s, next_step_id = %s, next_date = %s
                    WHERE id = %s""",
                first.method_id.id,
                first.id,
                deliveries._delay_sql(
                    SQL("%s::timestamp", moment),
                    SQL("%s", first.delay_days),
                    SQL("%s", first.delay_hours),
                    zone,
                ),
                enrollment.id,
            )
        )
        enrollment.invalidate_recordset()
        lines = []
        while enrollment.next_step_id and len(lines) < MOST_STEPS:
            # What is due since enrollment waits for the step before it all the same.
            moment = max(moment, enrollment.next_date)
            line = self._play_step(enrollment, enrollment.next_step_id, moment)
            moment = line["date"]
            lines.append(line)
            deliveries._date_next_steps(enrollment)
            enrollment.invalidate_recordset()
        lines += self._play_answer(enrollment, steps)
        lines.sort(key=lambda line: line["date"])
        return [line | {"sequence": number} for number, line in enumerate(lines)]

    def _play_answer(self, enrollment, steps):
        """What an answer starts, as if the patient gave it on the next day.

        :return: list of values of lines
        """
        feedback = enrollment.feedback_ids[:1]
        if not feedback:
            return []
        answered = fields.Datetime.add(feedback.delivery_id.settled_on, days=1)
        lines = []
        for step in steps.filtered(lambda item: item.delay_from == "answer"):
            # One thank-you, seldom two.
            due = fields.Datetime.add(
                answered, days=step.delay_days, hours=step.delay_hours
            )
            lines.append(self._play_step(enrollment, step, due))
        return lines

    def _play_step(self, enrollment, step, due):
        """One step when it is due, put off and sent or not.

        :return: values of its line
        """
        delivery = self._try_delivery(enrollment, step, due)
        story = _Story(due)
        for _channel in range(MOST_CHANNELS):
            self._decide_until_settled(delivery, story)
            if not story.refusal or not self._falls_back(delivery, story):
                break
        self._settle(enrollment, delivery, story)
        return self._line(step, delivery, story)

    def _decide_until_settled(self, delivery, story):
        """Ask the policy at the moment of the step, and again when it says wait."""
        policy = self.env["reactivation.contact.policy"].sudo()
        story.refusal = None
        if delivery.channel == "preferred":
            delivery._choose_channel(delivery)
            delivery.invalidate_recordset()
        if delivery.state != "pending":
            story.refusal = delivery.reason
            return
        for _again in range(MOST_WAITS):
            decision = policy._decide(
                delivery, delivery.channel, delivery.campaign_id, moment=story.moment
            )[delivery.id]
            story.refusal = decision.refusal
            story.recipient_id = decision.recipient_id
            story.address_hash = decision.address_hash
            if decision.refusal or not decision.wait:
                return
            story.waits.append(decision.wait)
            story.moment = decision.until
        story.is_open = True

    def _falls_back(self, delivery, story):
        """:return: bool: another channel of the step is tried"""
        self._write_row(
            delivery, state="skipped", reason=story.refusal, settled_on=story.moment
        )
        before = delivery.channel
        delivery._fall_back()
        delivery.invalidate_recordset()
        if delivery.state != "pending":
            return False
        story.tried.append((before, story.refusal))
        self._write_row(delivery, date=story.moment, first_date=story.moment)
        return True

    def _settle(self, enrollment, delivery, story):
        """As if it had been done at once; the steps after it are played, too."""
        sent = not story.refusal and not story.is_open
        self._write_row(
            delivery,
            state="sent" if sent else "skipped",
            reason=story.refusal or None,
            settled_on=story.moment,
            sent_on=story.moment if sent else None,
            claimed_on=story.moment if sent else None,
            recipient_id=story.recipient_id,
            address_hash=story.address_hash,
        )
        if sent:
            self._try_offer(delivery, delivery.channel, story.moment)
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_enrollment
                      SET state = 'running', stop_reason = NULL, steps_ended = NULL,
                          next_step_id = NULL, next_date = NULL
                    WHERE id = %s""",
                enrollment.id,
            )
        )
        enrollment.invalidate_recordset()


class _Story:
    """What happens to one step until it is settled."""

    def __init__(self, due):
        self.due = self.moment = due
        self.waits, self.tried = [], []
        self.refusal = self.recipient_id = self.address_hash = None
        self.is_open = False

    @property
    def outcome(self):
        if self.refusal:
            return "skipped"
        return "waits" if self.is_open else "sent"
