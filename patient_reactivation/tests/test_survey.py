"""A patient is asked why they left: invitation, answers, and what follows, once."""

import io
import json
import zipfile
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_coupon_campaign import OfferClinic


class SurveyClinic(OfferClinic):
    """A clinic that asks the patients it has lost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.survey = cls.env.ref("patient_reactivation.survey_we_miss_you")
        cls.feedback = cls.env["reactivation.feedback"]
        cls.routes = cls.env["reactivation.route"]
        cls.reason = {
            reason.code: reason for reason in cls.env["reactivation.reason"].search([])
        }
        cls.clinic.reactivation_follow_up_user_id = cls.manager

    @classmethod
    def survey_campaign(cls, reward=None, thanks=True, **values):
        """An e-mail that asks, and one that says thank you."""
        campaign = cls.campaign(steps=2 if thanks else 1, **values)
        steps = campaign.method_ids.step_ids.sorted("sequence")
        steps[0].write(
            {
                "survey_id": cls.survey.id,
                "reward_program_id": reward and reward.id,
                "name": "Question",
            }
        )
        if thanks:
            steps[1].write(
                {
                    "name": "Thank-you",
                    "delay_from": "answer",
                    "delay_days": 0,
                    "offer": "reward" if reward else "none",
                }
            )
        return campaign

    def asked(self, name="Ada Marlow", campaign=None, **values):
        """:return: the feedback row of a patient who was asked"""
        values.setdefault("payer_class", "cash")
        partner = self.lapsed(name, **values)
        campaign = campaign or self.survey_campaign()
        self.start(campaign)
        self.run_crons()
        return self.feedback_of(partner)

    def feedback_of(self, partner):
        return self.feedback.search([("partner_id", "=", partner.id)])

    def question(self, meaning):
        return self.survey.question_ids.filtered(
            lambda item: item.reactivation_meaning == meaning
        )

    def choice(self, code):
        return self.question("reason").suggested_answer_ids.filtered(
            lambda item: item.reactivation_reason_id.code == code
        )

    def answer(self, feedback, reason=None, number=None, finish=True, **said):
        """Fill in the survey, as Odoo's own page does it."""
        if not feedback.user_input_id:
            feedback._start()
        answer = feedback.user_input_id
        if reason:
            answer._save_lines(self.question("reason"), str(self.choice(reason).id))
        if number is not None:
            answer._save_lines(self.question("nps"), str(number))
        for meaning, text in said.items():
            question = self.question(meaning)
            if question.question_type == "simple_choice":
                text = str(
                    question.suggested_answer_ids.filtered(
                        lambda item, yes=text: item.reactivation_is_yes == yes
                    ).id
                )
            answer._save_lines(question, text)
        if finish:
            answer._mark_done()
            self.work()
        return answer

    def work(self):
        """What the server does by itself when an answer came in."""
        self.feedback._process()
        self.routes._cron_open()
        self.env["reactivation.delivery"]._cron_run()
        self.env.invalidate_all()

    def link_of(self, feedback):
        return feedback._links()[feedback.id]


@tagged("post_install", "-at_install")
class TestSurvey(SurveyClinic):
    def test_invitation_has_the_patients_own_link(self):
        """The e-mail leads to a page of the patient's own; what Odoo keeps of it does
        not (G12): only a fingerprint of the secret is stored."""
        feedback = self.asked()
        [mail] = self.mails_to("ada.marlow@example.com")
        link = self.link_of(feedback)
        self.assertIn(link, mail["body"])
        self.assertIn(link, mail["body_alternative"])
        secret = link.rpartition("/")[2]
        self.assertGreaterEqual(len(secret), 32)
        kept = self.env["mail.message"].search(
            [("model", "=", "reactivation.enrollment")]
        )
        self.assertNotIn(secret, " ".join(kept.mapped("body")))
        self.env.flush_all()
        self.env.cr.execute("SELECT token_hash FROM reactivation_token")
        self.assertNotIn(secret, [row[0] for row in self.env.cr.fetchall()])
        self.assertFalse(feedback.user_input_id, "Nothing was answered.")
        self.assertEqual(feedback.state, "invited")

    def test_answer_is_noted_everywhere_once(self):
        """Reason and recommendation: on the feedback, the patient and the enrollment;
        one outcome, one thank-you, one follow-up."""
        feedback = self.asked()
        self.answer(feedback, "cost", 9, liked="The doctor", call=True)
        self.assertEqual(feedback.state, "answered")
        self.assertEqual(feedback.reason_id, self.reason["cost"])
        self.assertEqual((feedback.nps, feedback.nps_kind), (9, "promoter"))
        self.assertEqual(feedback.may_call, "yes")
        patient = self.row(feedback.partner_id)
        self.assertEqual(patient.reason_id, self.reason["cost"])
        self.assertEqual(patient.reason_source, "survey")
        self.assertEqual((patient.nps, patient.nps_kind), (9, "promoter"))
        enrollment = feedback.enrollment_id
        self.assertEqual(enrollment.reason_id, self.reason["cost"])
        self.assertEqual(enrollment.nps, 9)
        self.assertEqual(enrollment.outcome_ids.mapped("kind").count("answered"), 1)
        self.later(days=1)
        self.work()
        mails = self.mails_to("ada.marlow@example.com")
        self.assertEqual(len(mails), 2, "The invitation and the thank-you.")
        # Sent twice, or from another tab: nothing happens again.
        feedback.user_input_id._mark_done()
        self.later(days=2)
        self.work()
        self.assertEqual(len(self.mails_to("ada.marlow@example.com")), 2)
        self.assertEqual(len(self.routes.search([])), 1)
        self.assertEqual(enrollment.outcome_ids.mapped("kind").count("answered"), 1)

    def test_zero_is_an_answer(self):
        """Who would not recommend us at all says 0, which is not nothing."""
        feedback = self.asked()
        self.answer(feedback, number=0)
        self.assertEqual((feedback.nps, feedback.nps_kind), (0, "detractor"))
        silent = self.asked("Bea Silent", self.survey_campaign(name="Other"))
        self.answer(silent, "no_time")
        self.assertFalse(silent.nps_kind)

    def test_reward_is_issued_once(self):
        """The promised coupon, through the coupons' own path; the thank-you shows
        it.
        """
        feedback = self.asked(campaign=self.survey_campaign(reward=self.twenty))
        self.assertEqual(feedback.reward_program_id, self.twenty)
        [invitation] = self.mails_to("ada.marlow@example.com")
        self.assertIn("20", invitation["body"])
        self.answer(feedback, "no_time", 8)
        coupon = feedback.coupon_id
        self.assertEqual(len(coupon), 1)
        self.assertEqual(coupon.source, "incentive")
        self.later(days=1)
        self.work()
        mails = self.mails_to("ada.marlow@example.com")
        self.assertEqual(len(mails), 2)
        self.assertIn(coupon.code_shown, mails[1]["body"])
        feedback.write({"processed_on": False})
        self.work()
        self.assertEqual(len(self.coupons_of(feedback.partner_id)), 1)

    def test_no_promise_to_who_may_have_none(self):
        """K1, K2: an unknown payer is asked without the promise, and gets no reward."""
        feedback = self.asked(
            campaign=self.survey_campaign(reward=self.twenty), payer_class="unknown"
        )
        self.assertFalse(feedback.reward_program_id)
        self.assertEqual(feedback.reward_refusal, "payer_unknown")
        [invitation] = self.mails_to("ada.marlow@example.com")
        self.assertNotIn("thank-you for your answer", invitation["body"])
        self.answer(feedback, "cost")
        self.assertFalse(feedback.coupon_id)

    def test_law_decides_again(self):
        """K3: who is covered by a federal program since gets no reward."""
        feedback = self.asked(campaign=self.survey_campaign(reward=self.twenty))
        feedback.partner_id.payer_class = "federal"
        self.assertFalse(feedback._lawful_promises())
        self.answer(feedback, "cost")
        self.assertFalse(feedback.coupon_id)
        self.assertEqual(feedback.reward_refusal, "payer")

    def test_thanks_although_not_asked_any_more(self):
        """Who has moved away is asked for nothing any more, and thanked all the
        same.
        """
        feedback = self.asked()
        self.answer(feedback, "moved")
        self.assertEqual(feedback.enrollment_id.state, "stopped")
        self.assertEqual(feedback.enrollment_id.stop_reason, "excluded")
        self.later(days=1)
        self.work()
        self.assertEqual(len(self.mails_to("ada.marlow@example.com")), 2)

    def test_thanks_although_booked(self):
        feedback = self.asked()
        self.answer(feedback, "no_time", finish=False)
        self.meet(feedback.partner_id, fields.Datetime.now() + timedelta(days=5))
        self.run_crons()
        feedback.user_input_id._mark_done()
        self.later(days=1)
        self.run_crons()
        self.work()
        self.assertEqual(len(self.mails_to("ada.marlow@example.com")), 2)

    def test_no_thanks_to_who_objects(self):
        """J4: “please do not write to me” in the survey is an objection."""
        feedback = self.asked()
        self.answer(feedback, "asked")
        self.later(days=1)
        self.work()
        self.assertEqual(len(self.mails_to("ada.marlow@example.com")), 1)
        for channel in ("mail", "call", "letter"):
            self.assertTrue(self.refusal(feedback.partner_id, channel), channel)
        word = self.env["reactivation.consent"].search(
            [("partner_id", "=", feedback.partner_id.id)]
        )
        self.assertEqual(
            (word.state, word.channel, word.purpose), ("withdrawn", "all", "all")
        )

    # ------------------------------------------------------------------ fatigue

    def test_asked_once_in_a_while(self):
        """One request in 90 days, whichever campaign would ask."""
        feedback = self.asked()
        ada = feedback.partner_id
        feedback.campaign_id.action_done()
        feedback.enrollment_id.write({"state": "done"})
        again = self.survey_campaign(name="Again")
        self.start(again)
        self.later(days=10)
        self.run_crons()
        self.assertDeliveries(ada, ["sent", ("skipped", "survey_recent")])
        self.assertEqual(len(self.feedback_of(ada)), 1)

    def test_asked_again_after_the_time_of_rest(self):
        self.clinic.reactivation_survey_fatigue_days = 30
        feedback = self.asked()
        ada = feedback.partner_id
        feedback.campaign_id.action_done()
        feedback.enrollment_id.write({"state": "done"})
        self.later(days=31)
        self.start(self.survey_campaign(name="Again"))
        self.run_crons()
        self.assertEqual(len(self.feedback_of(ada)), 2)

    def test_who_was_never_reached_was_not_asked(self):
        """An invitation that never left counts in no rate, and tires nobody."""
        feedback = self.asked()
        feedback.enrollment_id.delivery_ids.write(
            {"state": "failed", "failure": "550 no such user"}
        )
        other = self.asked("Bea Hill", self.survey_campaign(name="Other"))
        with patch.object(type(self.feedback), "_forget_unasked") as scan:
            self.feedback._cron_process()
        self.assertFalse(scan.called, "Not each time that an answer comes in.")
        self.env["reactivation.privacy"]._cron_retention()
        self.assertFalse(feedback.exists())
        self.assertTrue(other.exists())

    def test_two_clinics_ask_at_the_same_moment(self):
        """A10: whom another worker asked, while this one waited for its turn with the
        patient, is not asked again, however many messages a day allows."""
        theirs = self.asked().delivery_id
        theirs.state = "pending"
        self.visit(theirs.partner_id, 240, company_id=self.other_clinic.id)
        other = self.survey_campaign(name="Other", company_id=self.other_clinic.id)
        self.start(other)
        deliveries = self.env["reactivation.delivery"]
        deliveries._schedule_due()
        mine = deliveries.search([("campaign_id", "=", other.id)])
        policy = self.env["reactivation.contact.policy"]
        decided = policy._decide(mine, "mail", other)[mine.id]
        self.assertFalse(decided.refusal, "Nobody was asked yet.")

        def lock(policy, keys):
            theirs.state = "sent"
            theirs.flush_recordset()

        with patch.object(type(policy), "_lock_contacts", lock):
            decided = policy._decide(mine, "mail", other)[mine.id]
        self.assertEqual((decided.refusal, decided.wait), ("survey_recent", None))

    def reminded(self, **values):
        """:return: a campaign that asks, and reminds of it after a week"""
        campaign = self.survey_campaign(thanks=False)
        step = campaign.method_ids.step_ids
        reminder = self.env["reactivation.step"].create(
            {
                "name": "Reminder",
                "method_id": step.method_id.id,
                "sequence": 5,
                "delay_days": 7,
                "survey_id": self.survey.id,
                "condition": "not_surveyed",
                **values,
            }
        )
        reminder._create_mailing("en_US")
        return campaign

    def test_no_reminder_of_a_closed_survey(self):
        """G2: nobody is sent a link that opens nothing any more: too late for it, or
        the clinic has closed the survey the patient was asked."""
        self.clinic.reactivation_survey_days = 5
        feedback = self.asked(campaign=self.reminded())
        self.run_day(8)
        self.assertTrue(feedback.is_over)
        self.assertDeliveries(feedback.partner_id, ["sent", ("skipped", "no_survey")])
        self.assertFalse(feedback.enrollment_id.survey_invitation)
        self.assertFalse(feedback.enrollment_id.survey_link)

    def test_no_reminder_of_an_archived_survey(self):
        feedback = self.asked(campaign=self.reminded())
        self.survey.action_archive()
        self.assertFalse(feedback.enrollment_id.survey_invitation)
        self.run_day(8)
        self.assertDeliveries(feedback.partner_id, ["sent", ("skipped", "no_survey")])

    def test_a_method_asks_one_survey(self):
        """A patient has one link in a campaign: a second survey would never be
        asked."""
        other = self.survey.copy({"title": "Another", "access_mode": "token"})
        campaign = self.reminded(survey_id=other.id)
        self.assertProblem(campaign, "asks another survey than")
        campaign.method_ids.step_ids.survey_id = other
        self.assertEqual(self.problems(campaign), [])

    def test_reminder_only_without_an_answer(self):
        """A second e-mail with the same link; not to who has answered."""
        campaign = self.reminded()
        bea = self.lapsed("Bea Quick", payer_class="cash")
        feedback = self.asked(campaign=campaign)
        self.answer(self.feedback_of(bea), "no_time")
        self.run_day(8)
        self.assertDeliveries(feedback.partner_id, ["sent", "sent"])
        self.assertDeliveries(bea, ["sent", ("skipped", "condition")])
        first, second = self.mails_to("ada.marlow@example.com")
        self.assertIn(self.link_of(feedback), first["body"])
        self.assertIn(self.link_of(feedback), second["body"])
        self.assertEqual(len(self.feedback_of(feedback.partner_id)), 1)

    def test_members_of_a_family_are_asked_one_by_one(self):
        """A survey is about one person: nobody's link is in the mail of another."""
        for name in ("Ada Twin", "Ben Twin"):
            self.lapsed(name, email="twins@example.com", payer_class="cash")
        self.start(self.survey_campaign())
        self.run_crons()
        self.assertEqual(len(self.mails_to("twins@example.com")), 1)
        self.run_day(2)
        mails = self.mails_to("twins@example.com")
        self.assertEqual(len(mails), 2)
        links = [self.link_of(item) for item in self.feedback.search([])]
        self.assertEqual(len(links), 2)
        for link in links:
            self.assertEqual(sum(link in mail["body"] for mail in mails), 1)

    # -------------------------------------------------------------- wrong times

    def test_after_expiry(self):
        feedback = self.asked()
        self.later(days=61)
        self.assertTrue(feedback.is_over)
        self.assertFalse(feedback._is_open())
        with self.assertRaisesRegex(UserError, "cannot be answered"):
            feedback._start()

    def test_deleted_patient(self):
        """J8: whoever is deleted leaves no link that works, and no error."""
        feedback = self.asked()
        self.answer(feedback, "cost", finish=False)
        answer = feedback.user_input_id
        feedback.partner_id.unlink()
        self.assertFalse(feedback._is_open())
        self.assertFalse(answer.exists(), "J1: what was answered goes with the person.")
        self.assertFalse(
            self.env["reactivation.token"]._find(
                self.link_of(feedback).rpartition("/")[2], "feedback_id"
            )
        )
        self.work()
        self.assertFalse(self.routes.search([]))

    def test_merged_patient(self):
        """The link of who was merged works; the answer is the other one's."""
        feedback = self.asked()
        other = self.person("Ada Marlow-Hill", email="hill@example.com")
        self.visit(other, 300)
        self.refresh()
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((feedback.partner_id | other).ids, other)
        self.env.invalidate_all()
        self.assertEqual(feedback.partner_id, other)
        self.answer(feedback, "no_time", 7)
        self.assertEqual(self.row(other).reason_id, self.reason["no_time"])

    def test_questionnaire_edited_meanwhile(self):
        """A question that was removed while answers come in says nothing; the rest
        does.
        """
        feedback = self.asked()
        self.answer(feedback, "cost", 10, finish=False)
        self.question("reason").unlink()
        feedback.user_input_id._mark_done()
        self.work()
        self.assertFalse(feedback.reason_id)
        self.assertEqual(feedback.nps, 10)
        self.assertTrue(feedback.processed_on)

    def test_survey_closed_meanwhile(self):
        campaign = self.survey_campaign()
        ada = self.lapsed("Ada Late", payer_class="cash")
        self.start(campaign)
        self.survey.action_archive()
        self.env["reactivation.delivery"]._cron_run()
        self.assertDeliveries(ada, [("skipped", "no_survey")])

    def test_paused_campaign_thanks_later(self):
        feedback = self.asked()
        feedback.campaign_id.action_pause()
        self.answer(feedback, "no_time")
        self.later(days=1)
        self.work()
        self.assertEqual(len(self.mails_to("ada.marlow@example.com")), 1)
        feedback.campaign_id.action_start()
        self.work()
        self.assertEqual(len(self.mails_to("ada.marlow@example.com")), 2)

    def test_control_group_is_not_asked(self):
        campaign = self.survey_campaign(control=90)
        people = [self.lapsed(f"Patient {n}", payer_class="cash") for n in range(12)]
        self.start(campaign)
        self.run_crons()
        left = campaign.enrollment_ids.filtered("is_control").partner_id
        self.assertTrue(left)
        asked = self.feedback.search([]).partner_id
        self.assertFalse(asked & left)
        self.assertEqual(len(asked | left), len(people))

    # ------------------------------------------------------------ questionnaire

    def test_ready_questionnaire_has_no_problem(self):
        self.assertEqual(self.survey._reactivation_problems(), [])
        self.assertEqual(self.problems(self.survey_campaign(reward=self.twenty)), [])

    def test_questions_that_cannot_mean_it(self):
        with self.assertRaisesRegex(ValidationError, "scale from 0 to 10"):
            self.question("nps").scale_max = 5
        with self.assertRaisesRegex(ValidationError, "needs a question of the type"):
            self.question("liked").reactivation_meaning = "reason"
        with self.assertRaisesRegex(ValidationError, "Only one question"):
            self.question("communication").write(
                {"scale_max": 10, "reactivation_meaning": "nps"}
            )

    def test_problems_of_a_survey_step(self):
        campaign = self.survey_campaign()
        steps = campaign.method_ids.step_ids.sorted("sequence")
        self.survey.access_mode = "public"
        self.assertProblem(campaign, "invited people only")
        self.survey.access_mode = "token"
        self.choice("unknown").reactivation_reason_id = False
        self.assertProblem(campaign, "stands for no reason", "warning")
        steps[0].survey_id = False
        self.assertProblem(campaign, "waits for the answer to a survey")
        steps[
            0
        ].mailing_ids.body_html = (
            "<p>Hello</p><a href='/unsubscribe_from_list'>Unsubscribe</a>"
        )
        steps[0].survey_id = self.survey
        self.assertIn("object.survey_invitation", steps[0].mailing_ids.body_html)

    def test_method_of_thanks_only(self):
        campaign = self.survey_campaign(thanks=False)
        campaign.method_ids.step_ids.delay_from = "answer"
        self.assertProblem(campaign, "none begins")

    # -------------------------------------------------------------------- rights

    def test_who_may_read(self):
        """The front desk sees who was asked and why they left; what they wrote is for
        managers; nobody else, and nobody of the other clinic, sees anything."""
        feedback = self.asked()
        self.answer(feedback, "dissatisfied", 2, disliked="Waiting for two hours")
        desk = self.as_user(self.desk, feedback)
        self.assertEqual(desk.reason_id.code, "dissatisfied")
        answers = self.env["reactivation.feedback.answer"]
        with self.assertRaises(AccessError):
            answers.with_user(self.desk).search([])
        with self.assertRaises(AccessError):
            desk.read(["user_input_id"])
        texts = self.as_user(self.manager, answers).search([("is_text", "=", True)])
        self.assertEqual(texts.mapped("answer"), ["Waiting for two hours"])
        self.assertEqual(texts.reason_id.code, "dissatisfied")
        stranger = self.stranger()
        self.assertFalse(self.as_user(stranger, answers).search([]))
        self.assertFalse(self.as_user(stranger, self.feedback).search([]))
        inputs = self.env["survey.user_input"]
        self.assertFalse(self.as_user(stranger, inputs).search([]))
        self.assertTrue(self.as_user(self.manager, inputs).search([]))
        surveyor = self._staff(
            "surveyor",
            self.clinic,
            [Command.set(self.clinic.ids)],
            "survey.group_survey_manager",
        )
        self.assertFalse(self.as_user(surveyor, inputs).search([]))
        with self.assertRaises(AccessError):
            self.as_user(surveyor, self.feedback).search([])

    def test_one_bad_answer_blocks_no_other(self):
        """B4: what cannot be worked on is left, with the reason, for staff to try
        again; the others go on."""
        campaign = self.survey_campaign()
        names = ("Ada Marlow", "Bea Hill", "Cem Wood")
        people = [self.lapsed(name, payer_class="cash") for name in names]
        self.start(campaign)
        self.run_crons()
        rows = [self.feedback_of(person) for person in people]
        for row in rows:
            self.answer(row, "cost", 9, finish=False)
            row.user_input_id._mark_done()
        note = type(self.feedback)._note_on_patients

        def fail(feedback):
            note(feedback)
            if rows[1] in feedback:
                raise ValueError("Their automation refuses this")

        logger = "odoo.addons.patient_reactivation.models.reactivation_feedback_process"
        broken = patch.object(type(self.feedback), "_note_on_patients", fail)
        with broken, mute_logger(logger):
            self.feedback._process()
            self.assertFalse(self.feedback._process(), "It is not tried for ever.")
        self.env.invalidate_all()
        self.assertEqual([bool(row.processed_on) for row in rows], [True, False, True])
        self.assertEqual(rows[1].failure, "Their automation refuses this")
        self.assertFalse(self.row(people[1]).reason_id, "Nothing of it was kept.")
        self.assertEqual(self.row(people[2]).reason_id.code, "cost")
        self.assertEqual(self.feedback.search([("failure", "!=", False)]), rows[1])
        with self.assertRaises(AccessError):
            self.as_user(self.desk, rows[1]).action_retry()
        self.as_user(self.manager, rows[1]).action_retry()
        self.work()
        self.assertFalse(rows[1].failure)
        self.assertTrue(rows[1].processed_on)
        self.assertEqual(self.row(people[1]).reason_id.code, "cost")

    def test_merged_after_both_were_asked(self):
        """K7: one person has one survey and one reward, whichever of their links is
        used; the answer that was begun is the one that stays."""
        campaign = self.survey_campaign(reward=self.twenty)
        names = ("Ada Marlow", "Ada Marlow-Hill")
        ada, twin = [self.lapsed(name, payer_class="cash") for name in names]
        self.start(campaign)
        self.run_crons()
        mine, theirs = self.feedback_of(ada), self.feedback_of(twin)
        self.answer(theirs, "no_time", finish=False)
        self.env["base.partner.merge.automatic.wizard"]._merge((ada | twin).ids, ada)
        self.env.invalidate_all()
        self.assertEqual((mine | theirs).partner_id, ada)
        self.assertEqual([mine._is_open(), theirs._is_open()], [False, True])
        with self.assertRaisesRegex(UserError, "cannot be answered"):
            mine._start()
        theirs.user_input_id._mark_done()
        self.work()
        self.assertEqual(len(self.coupons_of(ada)), 1)

    def test_merged_after_one_has_answered(self):
        """The other link is closed, and so is an answer that was begun with it."""
        campaign = self.survey_campaign(reward=self.twenty)
        names = ("Ada Marlow", "Ada Marlow-Hill")
        ada, twin = [self.lapsed(name, payer_class="cash") for name in names]
        self.start(campaign)
        self.run_crons()
        mine, theirs = self.feedback_of(ada), self.feedback_of(twin)
        self.answer(theirs, "cost", finish=False)
        self.answer(mine, "no_time", 9)
        self.env["base.partner.merge.automatic.wizard"]._merge((ada | twin).ids, ada)
        self.env.invalidate_all()
        self.assertFalse(theirs._is_open())
        self.assertLessEqual(theirs.user_input_id.deadline, fields.Datetime.now())
        self.assertEqual(len(self.coupons_of(ada)), 1)

    def test_no_average_of_who_did_not_answer(self):
        """J9: a column of zeros is no score, nor is the average of a group of one:
        scores are in their report."""
        for name in ("feedback", "patient", "enrollment"):
            field = self.env[f"reactivation.{name}"]._fields["nps"]
            self.assertIsNone(field.aggregator, name)
        view = self.feedback.get_view(view_type="list")["arch"]
        self.assertNotIn("avg=", view)

    def test_texts_are_neutral_in_exports(self):
        """F3: what a patient wrote is no formula, in CSV and XLSX."""
        for number, text in enumerate(
            ("=cmd|' /C calc'!A0", "@SUM(A1)", "+1", "-1", "\t=1", "\r=1", "Good")
        ):
            feedback = self.asked(f"Patient {number}", self.survey_campaign())
            self.answer(feedback, "cost", liked=text)
            feedback.campaign_id.action_done()
        answers = self.env["reactivation.feedback.answer"].search(
            [("is_text", "=", True)]
        )
        rows = answers.export_data(["answer"])["datas"]
        texts = sorted(row[0] for row in rows)
        self.assertIn("Good", texts)
        self.assertEqual(len(texts), 7)
        for text in texts:
            self.assertFalse(text.startswith(("=", "@", "+", "-", "\t", "\r")), text)

    def test_rehearsal_plays_the_answer(self):
        """A manager sees what a patient who answers gets; nothing of it stays."""
        partner = self.lapsed("Ada Marlow", payer_class="cash")
        self.refresh()
        campaign = self.survey_campaign(reward=self.twenty)
        before = self.feedback.search_count([]), len(self.coupons_of(partner))
        rehearsal = self.env["reactivation.rehearsal"].create(
            {"campaign_id": campaign.id, "partner_id": partner.id}
        )
        names = rehearsal.line_ids.mapped("name")
        self.assertEqual(names, ["Question", "Thank-you"])
        question, thanks = rehearsal.line_ids
        self.assertIn("reactivation/survey/", question.content)
        self.assertIn("20", question.content)
        self.assertIn("Only if the patient answers", thanks.reaction)
        self.assertIn("coupon", thanks.explanation)
        self.assertGreater(thanks.date, question.date)
        after = self.feedback.search_count([]), len(self.coupons_of(partner))
        self.assertEqual(after, before)

    def test_letter_has_the_link_and_a_square(self):
        campaign = self.survey_campaign(thanks=False)
        campaign.method_ids.step_ids.write(
            {"channel": "letter", "letter_body": "<p>Please answer: {survey_link}</p>"}
        )
        partner = self.lapsed(
            "Ada Marlow",
            street="2 Side Street",
            city="New York",
            zip="10001",
            country_id=self.env.ref("base.us").id,
        )
        self.start(campaign)
        self.run_crons()
        delivery = self.enrollment(partner).delivery_ids
        page = self.env["reactivation.channel.letter"]._page(delivery)
        link = self.link_of(self.feedback_of(partner))
        self.assertIn(link, page["body"])
        self.assertTrue(page["survey"])
        self.answer(self.feedback_of(partner), "no_time")
        page = self.env["reactivation.channel.letter"]._page(delivery)
        self.assertFalse(page["survey"])

    def test_erasure_forgets_the_answers(self):
        """J1: what was said goes, how often a reason was given stays."""
        feedback = self.asked()
        self.answer(feedback, "dissatisfied", 1, disliked="Two hours of waiting")
        answer = feedback.user_input_id
        self.env["reactivation.privacy"]._erase(feedback.partner_id, "Asked")
        self.assertFalse(answer.exists())
        self.assertFalse(feedback.partner_id)
        self.assertEqual(feedback.reason_id.code, "dissatisfied")
        self.assertEqual(feedback.nps, 1)

    def test_texts_go_after_their_time(self):
        """J5: the words go with other texts, the numbers stay."""
        feedback = self.asked()
        self.answer(feedback, "cost", 4, liked="The doctor")
        self.later(days=800)
        self.env["reactivation.privacy"]._cron_retention()
        self.assertFalse(feedback.user_input_id)
        self.assertEqual((feedback.nps, feedback.reason_id.code), (4, "cost"))

    def test_export_tells_what_was_said(self):
        """J3: the survey and its answers are in the file of the person."""
        feedback = self.asked()
        self.answer(feedback, "cost", 9, liked="The doctor")
        content = self.env["reactivation.privacy"]._export_zip(feedback.partner_id)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data = json.loads(archive.read("data.json"))
        self.assertEqual(data["feedback"][0]["nps"], 9)
        self.assertIn("The doctor", [row["answer"] for row in data["answers"]])
        self.assertEqual(data["follow_ups"][0]["route"], "payment")
