from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..tools.links import SURVEY_PATH
from ..tools.spreadsheets import neutral_rows
from .reactivation_coupon_issue import OFFER_REFUSALS, Wish
from .reactivation_patient import NPS_KINDS, PATTERNS
from .reactivation_token import REMEMBERED

STATES = [
    ("invited", "Invited"),
    ("started", "Started"),
    ("answered", "Answered"),
]

MAY_CALL = [("yes", "Yes"), ("no", "No")]

# What a row takes over from its enrollment.
ENROLLED_AS = ("tier_id", "segment_id", "visit_pattern", "practitioner_id")


class ReactivationFeedback(models.Model):
    """A patient was asked for an opinion: when, by which message, and what came of it.

    One row for each enrollment: there is one survey, however often it is reminded of.
    The answers themselves are Odoo's (`survey.user_input`); here is what they mean.
    """

    _name = "reactivation.feedback"
    _description = "Feedback"
    _order = "invited_on desc, id desc"
    _rec_name = "partner_id"

    enrollment_id = fields.Many2one(
        "reactivation.enrollment", required=True, readonly=True, ondelete="cascade"
    )
    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, readonly=True, index=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    delivery_id = fields.Many2one(
        "reactivation.delivery",
        string="Invited By",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    survey_id = fields.Many2one("survey.survey", readonly=True, ondelete="set null")
    user_input_id = fields.Many2one(
        "survey.user_input",
        string="Answers",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        groups="patient_reactivation.group_reactivation_manager",
    )
    tier_id = fields.Many2one("reactivation.tier", readonly=True, ondelete="set null")
    segment_id = fields.Many2one(
        "reactivation.segment", readonly=True, ondelete="set null"
    )
    visit_pattern = fields.Selection(PATTERNS, readonly=True)
    practitioner_id = fields.Many2one("res.partner", readonly=True, ondelete="set null")
    state = fields.Selection(STATES, required=True, readonly=True, default="invited")
    invited_on = fields.Datetime(required=True, readonly=True)
    deadline = fields.Datetime(
        string="Open Until", required=True, readonly=True, help="No answer after this."
    )
    is_over = fields.Boolean(compute="_compute_is_over", string="Not Answered in Time")
    started_on = fields.Datetime(readonly=True)
    answered_on = fields.Datetime(readonly=True)
    processed_on = fields.Datetime(
        readonly=True, help="When the reason was noted and what follows was begun."
    )
    failure = fields.Char(
        string="Why Nothing Followed",
        readonly=True,
        help="What went wrong when the reason was to be noted. It is not tried again "
        "by itself.",
    )
    helper_id = fields.Many2one(
        "res.users",
        string="Filled In By",
        readonly=True,
        ondelete="set null",
        help="Somebody of the clinic who asked the questions, on the phone for "
        "example.",
    )
    reason_id = fields.Many2one(
        "reactivation.reason",
        string="Reason Given",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    nps = fields.Integer(
        string="Would Recommend (0–10)", readonly=True, aggregator=None
    )
    nps_kind = fields.Selection(NPS_KINDS, string="Recommendation", readonly=True)
    may_call = fields.Selection(
        MAY_CALL,
        string="May Be Called",
        readonly=True,
        help="Empty: the patient did not say. Who said no is not called any more.",
    )
    wants_payment_help = fields.Boolean(readonly=True)
    reward_program_id = fields.Many2one(
        "loyalty.program",
        string="Promised Reward",
        readonly=True,
        ondelete="set null",
        help="The coupon the invitation promised.",
    )
    reward_refusal = fields.Selection(
        OFFER_REFUSALS, string="Why No Reward", readonly=True
    )
    coupon_id = fields.Many2one(
        "reactivation.coupon", string="Reward", readonly=True, ondelete="set null"
    )
    answer_ids = fields.One2many("reactivation.feedback.answer", "feedback_id")

    _enrollment_uniq = models.Constraint(
        "UNIQUE(enrollment_id)", "A patient is asked once in each enrollment."
    )
    _company_idx = models.Index("(company_id, answered_on)")
    _asked_idx = models.Index("(partner_id, invited_on) WHERE partner_id IS NOT NULL")
    _invited_idx = models.Index("(invited_on) WHERE state = 'invited'")
    _process_idx = models.Index(
        "(id) WHERE answered_on IS NOT NULL AND processed_on IS NULL "
        "AND failure IS NULL"
    )

    @api.depends("deadline", "answered_on")
    def _compute_is_over(self):
        now = fields.Datetime.now()
        for feedback in self:
            feedback.is_over = not feedback.answered_on and feedback.deadline <= now

    # --------------------------------------------------------------- invitation

    @api.model
    def _invite(self, deliveries, promises):
        """Note that patients are asked with these deliveries; who was asked in their
        enrollment before keeps that survey, its link and its end.

        In the transaction of the claim, set-based.

        :param dict promises: {delivery id: program id or None, refusal or None}
        """
        if not deliveries:
            return
        self.env.flush_all()
        now = fields.Datetime.now()
        company = deliveries.company_id
        deadline = now + timedelta(days=company.reactivation_survey_days)
        rows = self.env.execute_query(
            SQL(
                """INSERT INTO reactivation_feedback (
                       enrollment_id, campaign_id, company_id, partner_id, delivery_id,
                       survey_id, %(copied)s, reward_program_id, reward_refusal, state,
                       invited_on, deadline, create_uid, create_date, write_uid,
                       write_date)
                   SELECT enrollment.id, enrollment.campaign_id, enrollment.company_id,
                          enrollment.partner_id, delivery.id, step.survey_id,
                          %(originals)s, promise.program_id, promise.refusal, 'invited',
                          %(now)s, %(deadline)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM reactivation_delivery delivery
                     JOIN reactivation_step step ON step.id = delivery.step_id
                     JOIN reactivation_enrollment enrollment
                       ON enrollment.id = delivery.enrollment_id
                     JOIN unnest(%(ids)s::int[], %(programs)s::int[],
                                 %(refusals)s::varchar[])
                       AS promise (id, program_id, refusal)
                       ON promise.id = delivery.id
              ON CONFLICT (enrollment_id) DO NOTHING
                RETURNING id""",
                copied=SQL(", ").join(map(SQL.identifier, ENROLLED_AS)),
                originals=SQL(", ").join(
                    SQL.identifier("enrollment", name) for name in ENROLLED_AS
                ),
                now=now,
                deadline=deadline,
                uid=self.env.uid,
                ids=list(promises),
                programs=[program for program, _refusal in promises.values()],
                refusals=[refusal for _program, refusal in promises.values()],
            )
        )
        asked = self.browse(row[0] for row in rows)
        self.env["reactivation.token"]._ensure(
            "feedback_id", asked, deadline + REMEMBERED
        )
        self.env["reactivation.enrollment"].invalidate_model(["feedback_ids"])

    @api.model
    def _asked_recently(self, enrollments, company):
        """:return: {enrollment id: survey_recent or survey_done}: why patients are not
        asked now. One request in the clinic's time of rest, whoever asked."""
        if not enrollments:
            return {}
        self.env.flush_all()
        since = fields.Datetime.now() - timedelta(
            days=company.reactivation_survey_fatigue_days
        )
        return dict(
            self.env.execute_query(
                SQL(
                    """SELECT enrollment.id,
                              CASE WHEN bool_or(asked.enrollment_id = enrollment.id)
                                   THEN 'survey_done' ELSE 'survey_recent' END
                         FROM reactivation_enrollment enrollment
                         JOIN reactivation_feedback asked
                           ON asked.partner_id = enrollment.partner_id
                        WHERE enrollment.id = ANY(%(ids)s)
                          AND (asked.enrollment_id = enrollment.id
                               AND asked.answered_on IS NOT NULL
                               OR asked.enrollment_id <> enrollment.id
                               AND asked.invited_on > %(since)s
                               -- What never left asked nobody.
                               AND (asked.answered_on IS NOT NULL OR EXISTS (
                                    SELECT FROM reactivation_delivery delivery
                                      JOIN reactivation_step step
                                        ON step.id = delivery.step_id
                                     WHERE delivery.enrollment_id = asked.enrollment_id
                                       AND step.survey_id IS NOT NULL
                                       AND delivery.state
                                           NOT IN ('skipped', 'failed', 'pending'))))
                     GROUP BY enrollment.id""",
                    ids=enrollments.ids,
                    since=since,
                )
            )
        )

    def _close_surplus(self):
        """These were asked of one person, as it turned out: one survey stays open in
        each company, none if one was answered. Their links say that it is closed."""
        now = fields.Datetime.now()
        surplus = self.browse()
        for company, group in self.sudo().grouped("company_id").items():
            # A merge is about one or two.
            waiting = group.filtered(
                lambda item: not item.answered_on and item.deadline > now
            ).sorted(
                lambda item: (
                    item.state == "started",
                    item.enrollment_id.state == "running",
                    item.id,
                )
            )
            rest = now - timedelta(days=company.reactivation_survey_fatigue_days)
            answered = any(
                item.answered_on and item.invited_on > rest for item in group
            )
            surplus |= waiting if answered else waiting[:-1]
        surplus.write({"deadline": now})
        surplus.user_input_id.write({"deadline": now})

    # --------------------------------------------------------------------- page

    def _links(self):
        """:return: {id: address of the patient's page}"""
        secrets = self.env["reactivation.token"]._secrets(self)
        base = self[:1].get_base_url()
        return {
            feedback.id: f"{base}{SURVEY_PATH}{secret}"
            for feedback, secret in secrets.items()
        }

    def _is_open(self):
        """:return: bool: it can be answered now"""
        self.ensure_one()
        return (
            bool(self.partner_id and self.survey_id.active)
            and not self.answered_on
            and self.deadline > fields.Datetime.now()
        )

    def _first_name(self):
        return (self.partner_id.name or "").strip().partition(" ")[0]

    def _lawful_promises(self):
        """:return: those of these whose promised reward is lawful at this moment"""
        lawful = self.browse()
        promised = self.sudo().filtered(
            lambda item: item.reward_program_id and item.partner_id
        )
        coupons = self.env["reactivation.coupon"].sudo()
        for (company, program), group in promised.grouped(
            lambda item: (item.company_id, item.reward_program_id)
        ).items():
            # One clinic and one reward, nearly always.
            wishes = {item: Wish(item.partner_id, program) for item in group}
            coupons._judge_promises(company, list(wishes.values()))
            lawful |= self.browse(
                item.id for item, wish in wishes.items() if not wish.refusal
            )
        return lawful

    def _promise_text(self):
        """:return: str: what an answer is rewarded with, in the language of the
        environment"""
        self.ensure_one()
        program = self.sudo().reward_program_id
        return program._reactivation_offer_text(
            program.reactivation_kind,
            program.reactivation_value,
            program.currency_id,
            program.reactivation_product_id,
        )

    def _start(self, helper=None):
        """A person pressed the button: from here on there is an answer.

        :param helper: the user who asks the questions, if it is not the patient
        :return: address of the first question, without the host
        :raise UserError: it cannot be answered any more
        """
        self.ensure_one()
        if not self._is_open():
            raise UserError(self.env._("This survey cannot be answered any more."))
        feedback = self.sudo()
        # Two tabs at once: the second waits, and finds what the first one made.
        self.env.cr.execute(
            SQL("SELECT 1 FROM reactivation_feedback WHERE id = %s FOR UPDATE", self.id)
        )
        feedback.invalidate_recordset(["user_input_id"])
        answer = feedback.user_input_id
        if not answer:
            lang = self.env["reactivation.channel"]._reader_lang(
                feedback.partner_id, feedback.company_id
            )
            answer = feedback.survey_id._create_answer(
                partner=feedback.partner_id,
                check_attempts=False,
                deadline=feedback.deadline,
                reactivation_feedback_id=feedback.id,
                lang_id=self.env["res.lang"].sudo()._lang_get(lang).id,
            )
            answer._mark_in_progress()
            feedback.write(
                {
                    "user_input_id": answer.id,
                    "state": "started",
                    "started_on": fields.Datetime.now(),
                }
            )
        if helper:
            feedback.helper_id = helper
        return answer.get_start_url()

    def _note_answered(self):
        """The patient has answered: noted once, whatever is sent twice. What follows is
        done by the scheduled action, which is told."""
        if not self:
            return
        self.env.flush_all()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """UPDATE reactivation_feedback
                      SET state = 'answered', answered_on = %s, write_date = %s
                    WHERE id = ANY(%s) AND answered_on IS NULL
                RETURNING id, delivery_id""",
                now,
                now,
                self.ids,
            )
        )
        self.invalidate_model()
        deliveries = self.env["reactivation.delivery"].sudo()
        self.env["reactivation.outcome"].sudo()._append(
            "answered", deliveries.browse(row[1] for row in rows if row[1])
        )
        cron = self.env.ref(
            "patient_reactivation.ir_cron_feedback", raise_if_not_found=False
        )
        if rows and cron:
            cron.sudo()._trigger()

    # ------------------------------------------------------------------ actions

    def action_open_answers(self):
        """Show all the answers, as the patient gave them."""
        self.check_access("read")
        self.ensure_one()
        answer = self.user_input_id.sudo()
        if not answer:
            raise UserError(self.env._("There are no answers, or they were removed."))
        return {
            "type": "ir.actions.act_url",
            "target": "new",
            "url": answer.get_print_url(),
        }

    def action_retry(self):
        """What went wrong is mended: note the answer, and do what follows."""
        self.check_access("read")
        if not self.env.user.has_group(
            "patient_reactivation.group_reactivation_manager"
        ):
            raise AccessError(self.env._("Only a manager may try this again."))
        self.sudo().filtered("failure").failure = False
        self.env.ref("patient_reactivation.ir_cron_feedback").sudo()._trigger()

    def action_open_enrollment(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "reactivation.enrollment",
            "res_id": self.enrollment_id.id,
            "views": [(False, "form")],
        }

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
