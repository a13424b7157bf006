"""Follow-ups ask the contact policy, and are over when there is nothing to do."""

from datetime import date, timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .test_follow_up import FollowUpClinic

PHONE = "+1 512 555 0143"


@tagged("post_install", "-at_install")
class TestMayBeCalled(FollowUpClinic):
    def told(self, code="dissatisfied", **values):
        """:return: the follow-up of a patient who has a phone and an e-mail"""
        values.setdefault("phone", PHONE)
        partner = self.patient_of(**values)
        return self.found(partner, code)

    def assertTask(self, route, *words):
        self.assertEqual(route.state, "todo")
        text = f"{route.activity_id.summary} {route.activity_id.note}"
        for word in words:
            self.assertIn(word, text)

    def assertNoTask(self, route, refusal, state="nothing"):
        self.assertEqual((route.state, route.refusal), (state, refusal))
        self.assertFalse(route.activity_id)
        self.assertFalse(
            self.env["mail.activity"].search([("res_model", "=", "res.partner")])
        )

    def test_who_may_be_called_is(self):
        route = self.told()
        self.assertFalse(route.refusal)
        self.assertTask(route, "Personal call by the manager")
        self.assertNotIn("not call", route.activity_id.note)

    def test_who_wants_nothing_gets_nothing(self):
        """E5: do not contact, and deceased: no order to call them, whatever the
        reason; the follow-up says why."""
        for number, code in enumerate(("dissatisfied", "cost", "no_time")):
            with self.subTest(code):
                route = self.told(code, name=f"Ada {number}", do_not_contact=True)
                self.assertNoTask(route, "do_not_contact")
        gone = self.patient_of("Bea Hill", phone=PHONE)
        row = self.row(gone)
        row.reason_id = self.reason["coverage_lost"]
        gone.deceased_date = date(2026, 1, 1)
        self.routes._cron_open()
        self.assertNoTask(
            self.routes.search([("partner_id", "=", gone.id)]), "deceased"
        )

    def test_coverage_is_verified_all_the_same(self):
        """The plan can be asked without the patient; the task says not to call."""
        route = self.told("coverage_lost", do_not_contact=True)
        self.assertTask(
            route,
            "Verify coverage",
            "Do not contact the patient: Asked not to be contacted",
        )

    def test_number_on_the_exclusion_list(self):
        """Odoo's own list of numbers: the patient is written to."""
        self.env["phone.blacklist"].sudo().create({"number": PHONE})
        route = self.told()
        self.assertEqual(route.refusal, "blacklisted")
        self.assertTask(
            route, "Write, do not call: Dissatisfied", "Write instead: E-mail"
        )
        kind = self.env.ref("mail.mail_activity_data_email")
        self.assertEqual(route.activity_id.activity_type_id, kind)

    def test_objection_on_record(self):
        """J4: no calls by what the patient said to staff; nothing at all after an
        objection to everything."""
        partner = self.patient_of(phone=PHONE)
        consent = self.env["reactivation.consent"]
        consent._withdraw(partner, self.clinic, "call", "all", "staff")
        self.assertTask(self.found(partner, "cost"), "(do not call)", "Opted out")
        other = self.patient_of("Bea Hill", phone="+1 512 555 0144")
        consent._withdraw(other, self.clinic, "all", "all", "staff")
        route = self.found(other, "cost")
        self.assertEqual((route.state, route.refusal), ("nothing", "opted_out"))

    def test_minor(self):
        """E5: a minor without a guardian is not called; otherwise the guardian is."""
        born = date(2015, 1, 1)
        self.assertNoTask(self.told(birth_date=born), "minor")
        guardian = self.person("Gwen Hill", phone="+1 512 555 0145")
        route = self.told(name="Bea Hill", birth_date=born, guardian_id=guardian.id)
        self.assertTask(route, "minor: speak with Gwen Hill")

    def test_nobody_to_write_to_either(self):
        """E1: neither number nor address."""
        self.assertNoTask(self.told(phone=False, email=False), "no_address")

    def test_whoever_has_an_appointment_is_seen_then(self):
        partner = self.patient_of(phone=PHONE)
        self.meet(partner, fields.Datetime.now() + timedelta(days=3))
        self.refresh()
        self.assertNoTask(self.found(partner, "cost"), "booked")

    def test_one_question_for_many(self):
        """The policy is asked once for all patients of a batch."""
        counts = []
        for size in (3, 30):
            people = self.env["res.partner"].union(
                *(
                    self.lapsed(f"Patient {size} {number}", do_not_contact=True)
                    for number in range(size)
                )
            )
            self.refresh()
            rows = self.patients.search([("partner_id", "in", people.ids)])
            rows.write({"reason_id": self.reason["dissatisfied"].id})
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.routes._open_due()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 2, counts)

    # ------------------------------------------------------------------- survey

    def test_no_means_no_call(self):
        """“May we call you? – No”: in the ledger, and in the task."""
        feedback = self.asked(phone=PHONE)
        self.answer(feedback, "dissatisfied", call=False)
        self.assertEqual(feedback.may_call, "no")
        self.assertEqual(self.refusal(feedback.partner_id, channel="call"), "opted_out")
        self.assertIsNone(self.refusal(feedback.partner_id))
        route = self.routes.search([])
        self.assertTask(route, "Write, do not call", "Do not call: Opted out")
        self.assertEqual(route.refusal, "opted_out")

    def test_silence_is_no_no(self):
        """Not answered is neither yes nor no."""
        feedback = self.asked(phone=PHONE)
        self.answer(feedback, "dissatisfied")
        self.assertFalse(feedback.may_call)
        self.assertIsNone(self.refusal(feedback.partner_id, channel="call"))
        self.assertFalse(self.routes.search([]).refusal)

    def test_remark_changes_no_answer(self):
        """A comment beside the choice is a line of its own, without a choice."""
        feedback = self.asked(phone=PHONE)
        self.answer(feedback, "cost", call=True, payment=True, finish=False)
        answer = feedback.user_input_id
        for meaning in ("call", "payment"):
            question = self.question(meaning)
            question.write({"comments_allowed": True})
            choice = question.suggested_answer_ids.filtered("reactivation_is_yes")
            answer._save_lines(question, str(choice.id), comment="After five o'clock")
        answer._mark_done()
        self.work()
        self.assertEqual(feedback.may_call, "yes")
        self.assertTrue(feedback.wants_payment_help)

    # --------------------------------------------------------------- who does it

    def test_manager_calls(self):
        """A personal call by the manager is a manager's; the rest is the desk's."""
        self.clinic.reactivation_follow_up_user_id = self.desk
        self.clinic.reactivation_manager_id = self.manager
        self.assertEqual(self.told().activity_id.user_id, self.manager)
        other = self.told("cost", name="Bea Hill", phone="+1 512 555 0144")
        self.assertEqual(other.activity_id.user_id, self.desk)

    def test_manager_of_the_campaign_calls(self):
        """Who is responsible for the campaign, if a manager of the clinic."""
        chief = self._staff(
            "chief",
            self.clinic,
            [Command.set(self.clinic.ids)],
            "patient_reactivation.group_reactivation_manager",
        )
        self.clinic.reactivation_manager_id = self.manager
        feedback = self.asked(
            campaign=self.survey_campaign(user_id=chief.id), phone=PHONE
        )
        self.answer(feedback, "dissatisfied")
        self.assertEqual(self.routes.search([]).activity_id.user_id, chief)
        caller = self.clinic._reactivation_caller
        self.assertEqual(caller(self.desk), self.manager, "No manager.")
        self.assertEqual(caller(self.stranger()), self.manager, "Another clinic's.")

    def test_without_a_name_in_the_settings(self):
        """Any manager of the clinic, never the desk; who left the clinic's staff is
        not asked."""
        self.clinic.reactivation_follow_up_user_id = self.desk
        managers = self.clinic._reactivation_staff("manager")
        self.assertIn(self.told().activity_id.user_id, managers)
        self.clinic.reactivation_follow_up_user_id = self.doctor
        self.assertIn(self.clinic._reactivation_follow_up_user(), managers)


@tagged("post_install", "-at_install")
class TestOver(FollowUpClinic):
    """What nobody needs to do any more is no task any more."""

    def setUp(self):
        super().setUp()
        self.ada = self.patient_of(phone=PHONE)
        self.route = self.found(self.ada, "cost")
        self.task = self.route.activity_id
        self.assertTrue(self.task)

    def assertCanceled(self, reason):
        self.routes._cron_open()
        self.env.invalidate_all()
        self.assertEqual((self.route.state, self.route.refusal), ("canceled", reason))
        self.assertTrue(self.route.done_on)
        self.assertFalse(self.task.exists())

    def test_moved_meanwhile(self):
        """The reason becomes one that says not to ask."""
        self.row(self.ada).reason_id = self.reason["moved"]
        self.assertCanceled("excluded")

    def test_objected_meanwhile(self):
        """A1 with a task: STOP, by whichever way."""
        self.env["reactivation.consent"]._withdraw(
            self.ada, self.clinic, "all", "all", "page"
        )
        self.assertCanceled("opted_out")

    def test_do_not_contact_meanwhile(self):
        self.ada.do_not_contact = True
        self.assertCanceled("do_not_contact")

    def test_booked_meanwhile(self):
        self.meet(self.ada, fields.Datetime.now() + timedelta(days=3))
        self.refresh()
        self.assertCanceled("booked")

    def test_returned_meanwhile(self):
        self.later(days=3)
        self.visit(self.ada, 1)
        self.refresh()
        self.assertCanceled("returned")

    def test_no_calls_meanwhile(self):
        """The task stays, and says what is allowed now; and back."""
        blocked = self.env["phone.blacklist"].sudo().create({"number": PHONE})
        self.routes._cron_open()
        self.assertEqual(self.route.state, "todo")
        self.assertIn("(do not call)", self.task.summary)
        blocked.active = False
        self.env.flush_all()
        self.routes._cron_open()
        self.assertFalse(self.route.refusal)
        self.assertNotIn("not call", self.task.summary + self.task.note)

    def test_what_was_done_stays(self):
        self.task.action_feedback(feedback="Talked about it")
        self.row(self.ada).reason_id = self.reason["moved"]
        self.routes._cron_open()
        self.assertEqual(self.route.state, "done")
        self.assertFalse(self.route.refusal)

    def test_the_other_clinic_is_not_touched(self):
        """H4: who has moved away from one clinic may come to the other."""
        self.visit(self.ada, 300, company_id=self.other_clinic.id)
        self.refresh()
        there = self.row(self.ada, self.other_clinic)
        there.reason_id = self.reason["cost"]
        self.routes._cron_open()
        self.row(self.ada).reason_id = self.reason["moved"]
        self.assertCanceled("excluded")
        other = self.routes.search([("company_id", "=", self.other_clinic.id)])
        self.assertEqual(other.state, "todo")

    def test_retention(self):
        """J5: what came of it, in words, goes with other texts."""
        self.task.action_feedback(feedback="Her husband has lost his job")
        self.later(days=300)
        self.env["reactivation.privacy"]._cron_retention()
        self.assertTrue(self.route.feedback_note)
        self.later(days=500)
        self.env["reactivation.privacy"]._cron_retention()
        self.env.invalidate_all()
        self.assertFalse(self.route.feedback_note)
        self.assertFalse(self.task.exists())
        self.assertEqual(self.route.state, "done")


@tagged("post_install", "-at_install")
class TestSuppressingReasons(FollowUpClinic):
    def test_told_to_the_desk(self):
        """J4: “Asked us not to write”, noted by the desk, has the same effect as STOP:
        it stays when the reason is changed."""
        partner = self.patient_of()
        self.found(partner, "asked", self.desk)
        [word] = self.env["reactivation.consent"].search(
            [("partner_id", "=", partner.id)]
        )
        self.assertEqual(
            (word.state, word.channel, word.purpose, word.source),
            ("withdrawn", "all", "all", "staff"),
        )
        self.found(partner, "no_time", self.desk)
        self.assertEqual(self.refusal(partner), "opted_out")

    def test_said_in_the_survey_is_one_word(self):
        feedback = self.asked()
        self.answer(feedback, "asked")
        words = self.env["reactivation.consent"].search([])
        self.assertEqual(words.mapped("source"), ["reply"])

    def test_survey_lifts_no_suppression(self):
        """Who has moved, and then answers “no time” in the survey, is still not asked
        back; the answer is kept, and somebody looks at it."""
        feedback = self.asked()
        row = self.row(feedback.partner_id)
        row.reason_id = self.reason["moved"]
        self.answer(feedback, "no_time")
        self.assertEqual(row.reason_id, self.reason["moved"])
        self.assertEqual(row.status, "excluded")
        self.assertEqual(feedback.reason_id, self.reason["no_time"])
        self.assertEqual(feedback.enrollment_id.reason_id, self.reason["no_time"])
        [task] = self.env["mail.activity"].search([("res_model", "=", "res.partner")])
        self.assertEqual(task.user_id, self.manager)
        for words in ("No time", "Moved away"):
            self.assertIn(words, task.note)

    def test_another_suppressing_reason_counts(self):
        feedback = self.asked()
        row = self.row(feedback.partner_id)
        row.reason_id = self.reason["moved"]
        self.answer(feedback, "other_provider")
        self.assertEqual(row.reason_id, self.reason["other_provider"])

    def test_unknown_tells_nothing(self):
        """“Something else” takes the place of no reason that is known."""
        for code in ("moved", "cost"):
            with self.subTest(code):
                feedback = self.asked(f"Ada {code}", self.survey_campaign(name=code))
                row = self.row(feedback.partner_id)
                row.reason_id = self.reason[code]
                self.answer(feedback, "unknown")
                self.assertEqual(row.reason_id, self.reason[code])


@tagged("post_install", "-at_install")
class TestCoverage(FollowUpClinic):
    def without_coverage(self, name, day, days=250, **context):
        partner = self.patient_of(name, days=days)
        partner.with_context(**context).coverage_ends = day
        return partner

    def test_import_of_old_dates_begins_nothing(self):
        """A file with a thousand ends of coverage is no morning with a thousand tasks:
        the reason is noted as imported."""
        yesterday = fields.Date.today() - timedelta(days=1)
        old = self.without_coverage("Ada", yesterday, import_file=True)
        new = (
            self.env["res.partner"]
            .with_context(import_file=True)
            .create({"name": "Bea", "coverage_ends": yesterday})
        )
        self.visit(new, 300)
        self.refresh()
        self.routes._cron_open()
        self.assertFalse(self.routes.search([]))
        for partner in (old, new):
            self.assertEqual(self.row(partner).reason_id, self.reason["coverage_lost"])
            self.assertEqual(self.row(partner).reason_source, "import")

    def test_imported_dates_that_end_later_are_news(self):
        tomorrow = fields.Date.today() + timedelta(days=1)
        self.without_coverage("Ada", tomorrow, import_file=True)
        self.later(days=3)
        self.routes._cron_open()
        self.assertEqual(self.routes.search([]).route, "coverage")

    def test_active_patients_have_not_left(self):
        """Who came last month has no reason for a lapse; once lapsed, it is found."""
        yesterday = fields.Date.today() - timedelta(days=1)
        partner = self.without_coverage("Ada", yesterday, days=20)
        self.routes._cron_open()
        self.assertFalse(self.row(partner).reason_id)
        self.later(days=200)
        self.refresh()
        self.routes._cron_open()
        self.assertEqual(self.row(partner).reason_id, self.reason["coverage_lost"])

    def test_day_of_the_clinic(self):
        """D9: the last day is over at the clinic's midnight, not at that of UTC."""
        today = self.clinic._reactivation_today()
        partner = self.without_coverage("Ada", today)
        # 23:30 in New York, and tomorrow in UTC.
        self.later(hours=13)
        self.assertEqual(fields.Date.today(), today + timedelta(days=1))
        self.routes._cron_open()
        self.assertFalse(self.row(partner).reason_id)
        self.later(hours=1)
        self.routes._cron_open()
        self.assertTrue(self.row(partner).reason_id)
