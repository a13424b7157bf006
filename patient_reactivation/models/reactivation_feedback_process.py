import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import nps
from ..tools.transaction import work_read_committed
from .reactivation_coupon_issue import Wish
from .reactivation_token import REMEMBERED

_logger = logging.getLogger(__name__)

# Answers of one transaction.
BATCH = 50

# So long after the claim it is known whether an invitation left.
UNASKED = timedelta(days=60)


class ReactivationFeedback(models.Model):
    """What follows from an answer, once: the reason is noted, the reward issued, the
    thank-you put in line. Whether that may be sent is asked when it is due."""

    _inherit = "reactivation.feedback"

    @api.model
    def _cron_process(self):
        """Answers that came in, and then the follow-ups of reasons."""
        progress = self.env["ir.cron"]
        with work_read_committed(self.env):
            while count := self._process():
                if not progress._commit_progress(count, remaining=1):
                    return
            progress._commit_progress(remaining=0)

    @api.model
    def _process(self, limit=BATCH):
        """Work on answers together; one by one where that fails, so that one that
        cannot be worked on blocks no other.

        :return: int: number of answers that were worked on
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM reactivation_feedback
                    WHERE answered_on IS NOT NULL AND processed_on IS NULL
                      AND failure IS NULL
                 ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED""",
                limit,
            )
        )
        answered = self.sudo().browse(row[0] for row in rows)
        if answered:
            answered.invalidate_recordset()
            if answered._follow():
                for feedback in answered:
                    # One of them fails: which?
                    if error := feedback._follow():
                        feedback.failure = error
        return len(answered)

    def _follow(self):
        """Do what follows from answers: all of it, or nothing.

        :return: str: why it could not be done, or None
        """
        try:
            with self.env.cr.savepoint():
                self._read_answers()
                self._note_on_patients()
                self._note_objections()
                self._note_no_calls()
                self._reward()
                self._ask_for_payment_help()
                self.write({"processed_on": fields.Datetime.now()})
                self._thank()
        except psycopg2.OperationalError:
            # The database, and not the answer: the job begins again.
            raise
        except Exception as error:  # noqa: BLE001 - automations run code of any model
            _logger.warning("Answers %s cannot be worked on.", self.ids, exc_info=True)
            self.env.invalidate_all(flush=False)
            return str(error).partition("\n")[0] or type(error).__name__
        return None

    @api.model
    def _forget_unasked(self):
        """Whose invitation never left was not asked, and counts nowhere.

        :return: int: number of rows
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """DELETE FROM reactivation_feedback feedback
                    WHERE state = 'invited' AND invited_on > %s
                      AND NOT EXISTS (
                          SELECT FROM reactivation_delivery delivery
                            JOIN reactivation_step step ON step.id = delivery.step_id
                           WHERE delivery.enrollment_id = feedback.enrollment_id
                             AND step.survey_id IS NOT NULL
                             AND delivery.state NOT IN ('skipped', 'failed'))
                RETURNING id""",
                fields.Datetime.now() - UNASKED,
            )
        )
        if rows:
            self.env.invalidate_all(flush=False)
        return len(rows)

    # ------------------------------------------------------------------ reading

    def _read_answers(self):
        """Take out of the answers what the clinic acts on. A question that was removed
        or changed meanwhile says nothing."""
        lines = self.env["survey.user_input.line"].search(
            [
                ("user_input_id", "in", self.user_input_id.ids),
                ("question_id.reactivation_meaning", "!=", False),
                ("skipped", "=", False),
            ]
        )
        by_answer = lines.grouped("user_input_id")
        for feedback in self:
            # Written together at the flush.
            feedback.write(
                self._understand(by_answer.get(feedback.user_input_id, lines.browse()))
            )

    @api.model
    def _understand(self, lines):
        """:return: dict: values of the feedback of some answers"""
        values = {}
        for line in lines:
            # A dozen questions.
            meaning = line.question_id.reactivation_meaning
            choice = line.suggested_answer_id
            if meaning == "reason" and choice.reactivation_reason_id:
                values["reason_id"] = choice.reactivation_reason_id.id
            elif meaning == "nps" and line.answer_type == "scale":
                number = line.value_scale
                if nps.LOWEST <= number <= nps.HIGHEST:
                    values |= {"nps": number, "nps_kind": nps.kind(number)}
            elif not choice:
                # A remark beside the choice is a line of its own, and no answer.
                continue
            elif meaning == "call":
                values["may_call"] = "yes" if choice.reactivation_is_yes else "no"
            elif meaning == "payment":
                values["wants_payment_help"] = choice.reactivation_is_yes
        return values

    # ------------------------------------------------------------------ patient

    def _note_on_patients(self):
        """The reason and the recommendation, on the patient and the enrollment."""
        for (reason, company), group in (
            self.filtered("reason_id")
            .grouped(lambda item: (item.reason_id, item.company_id))
            .items()
        ):
            # A write per reason, of which there are a dozen.
            group.enrollment_id.write({"reason_id": reason.id})
            patients = group._patients(company)
            kept = patients.filtered(
                lambda item, given=reason: item._keeps_reason(given)
            )
            (patients - kept)._set_reason(reason, "survey")
            kept._ask_about_reason(reason)
        for (number, company), group in (
            self.filtered("nps_kind")
            .grouped(lambda item: (item.nps, item.company_id))
            .items()
        ):
            # A write per number from 0 to 10.
            kind = nps.kind(number)
            values = {"nps": number, "nps_kind": kind}
            group.enrollment_id.write(values)
            group._patients(company).write({**values, "nps_on": fields.Datetime.now()})

    def _patients(self, company):
        return self.env["reactivation.patient"].search(
            [
                ("partner_id", "in", self.partner_id.ids),
                ("company_id", "=", company.id),
            ]
        )

    def _note_objections(self):
        """Who says in the survey that they want no messages gets none."""
        for feedback in self:
            # A word in the ledger each, as any other objection.
            if feedback.reason_id.is_objection and feedback.partner_id:
                self.env["reactivation.consent"]._withdraw(
                    feedback.partner_id,
                    feedback.company_id,
                    "all",
                    "all",
                    "reply",
                    text=feedback.reason_id.name,
                    key=f"survey:{feedback.id}",
                )

    def _note_no_calls(self):
        """Who says “No” to being called is not called: by the ledger, which the policy
        asks about every call."""
        for feedback in self:
            # A word in the ledger each, as any other objection.
            if feedback.may_call == "no" and feedback.partner_id:
                self.env["reactivation.consent"]._withdraw(
                    feedback.partner_id,
                    feedback.company_id,
                    "call",
                    "all",
                    "reply",
                    text=self.env._("Answered “No” to whether we may call."),
                    key=f"survey-call:{feedback.id}",
                )

    # ------------------------------------------------------------------- reward

    def _reward(self):
        """Issue what was promised, on the one path there is for coupons: the law in
        force today decides again."""
        promised = self.filtered(
            lambda item: (
                item.reward_program_id and item.partner_id and not item.coupon_id
            )
        )
        for company, group in promised.grouped("company_id").items():
            # One clinic, nearly always.
            wishes = {
                feedback: Wish(
                    feedback.partner_id,
                    feedback.reward_program_id,
                    key=f"survey:{feedback.id}",
                    enrollment=feedback.enrollment_id,
                )
                for feedback in group
            }
            self.env["reactivation.coupon"]._issue(
                company, list(wishes.values()), "incentive"
            )
            for wish in wishes.values():
                # A link each, for the page that says thank you.
                if wish.coupon:
                    self.env["reactivation.token"]._ensure(
                        "coupon_id", wish.coupon, wish.coupon.expires_at + REMEMBERED
                    )
            for feedback, wish in wishes.items():
                # Written together at the flush.
                feedback.write(
                    {
                        "coupon_id": wish.coupon.id if wish.coupon else False,
                        "reward_refusal": wish.refusal,
                    }
                )

    # ---------------------------------------------------------------- thank-you

    def _thank(self):
        """Put the steps in line that an answer starts. The runner decides whether they
        may be sent, as about any other."""
        self.env.flush_all()
        now = fields.Datetime.now()
        deliveries = self.env["reactivation.delivery"]
        zone = self.env["res.company"]._reactivation_zone_sql(
            SQL("feedback.company_id")
        )
        rows = self.env.execute_query(
            SQL(
                """INSERT INTO reactivation_delivery (
                       enrollment_id, step_id, campaign_id, company_id, partner_id,
                       channel, date, first_date, state, attempts,
                       create_uid, create_date, write_uid, write_date)
                   SELECT feedback.enrollment_id, step.id, feedback.campaign_id,
                          feedback.company_id, feedback.partner_id, step.channel,
                          due.date, due.date, 'pending', 0,
                          %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM reactivation_feedback feedback
                     JOIN reactivation_delivery invitation
                       ON invitation.id = feedback.delivery_id
                     JOIN reactivation_step asking ON asking.id = invitation.step_id
                     JOIN reactivation_step step
                       ON step.method_id = asking.method_id
                      AND step.delay_from = 'answer'
               CROSS JOIN LATERAL (SELECT %(date)s AS date) AS due
                    WHERE feedback.id = ANY(%(ids)s)
                      AND feedback.partner_id IS NOT NULL
                 ORDER BY feedback.id, step.sequence, step.id
              ON CONFLICT (enrollment_id, step_id) DO NOTHING
                RETURNING id""",
                date=deliveries._delay_sql(
                    SQL("feedback.answered_on"),
                    SQL("COALESCE(step.delay_days, 0)"),
                    SQL("step.delay_hours"),
                    zone,
                ),
                now=now,
                uid=self.env.uid,
                ids=self.ids,
            )
        )
        created = [row[0] for row in rows]
        if created:
            deliveries.invalidate_model()
            self.env["reactivation.automation"]._created(deliveries._name, created)
            self.env.ref("patient_reactivation.ir_cron_deliveries")._trigger()
