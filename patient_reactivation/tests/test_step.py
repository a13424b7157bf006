from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import ClinicCase, MailClinicCase


@tagged("post_install", "-at_install")
class TestStep(ClinicCase):
    def method(self, *steps):
        campaign = self.campaign(steps=0)
        method = campaign.method_ids
        method.step_ids = [
            Command.create({"sequence": number, **values})
            for number, values in enumerate(steps)
        ]
        return method

    def assertRefused(self, words, values):
        step = self.campaign().method_ids.step_ids
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError) as caught,
            self.env.cr.savepoint(),
        ):
            step.write(values)
        message = self.env["reactivation.step"]._sql_error_to_message(caught.exception)
        self.assertIn(words, message)

    # -------------------------------------------------------------------- limits

    def test_step_takes_place_on_some_day(self):
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        self.assertRefused("Weekdays", dict.fromkeys(days, False))

    def test_hours_begin_before_they_end(self):
        for hours in ((17, 9), (9, 9), (9, 25), (-1, 5)):
            self.assertRefused("Hours", {"hour_from": hours[0], "hour_to": hours[1]})

    def test_delay_is_not_negative(self):
        self.assertRefused("Delay", {"delay_hours": -1})
        self.assertRefused("Delay", {"delay_days": -1})

    def test_somebody_is_called_at_least_once(self):
        self.assertRefused("Calls without an answer", {"max_attempts": 0})

    def test_form_names_a_step_by_its_channel(self):
        method = self.campaign().method_ids
        with Form(method) as form, form.step_ids.new() as step:
            step.channel = "letter"
            self.assertEqual(step.name, "Letter")
            step.name = "Post"
            step.channel = "call"
            self.assertEqual(step.name, "Post")

    # ------------------------------------------------------------------ problems

    def test_first_step_has_no_condition(self):
        """E12"""
        campaign = self.campaign()
        campaign.method_ids.step_ids.condition = "not_opened"
        with self.assertRaisesRegex(UserError, "is the first one"):
            campaign.action_start()

    def test_condition_about_a_call_is_pointed_out(self):
        method = self.method(
            {"name": "Call", "channel": "call", "script": "Hello"},
            {"name": "Letter", "channel": "call", "script": "Hello"},
        )
        method.step_ids[1].condition = "not_opened"
        (problem,) = method._problems()
        self.assertEqual(problem["level"], "warning")
        self.assertEqual(problem["id"], method.step_ids[1].id)

    def test_own_channel_needs_something_to_say(self):
        """E12"""
        method = self.method({"name": "Any", "channel": "preferred"})
        (problem,) = method._problems()
        self.assertIn("nothing to say", problem["text"])
        step = method.step_ids
        self.assertEqual(step._channels(), [])
        step.script = "Hello"
        self.assertEqual(step._channels(), ["call"])
        self.assertFalse(method._problems())

    # ------------------------------------------------------------------ timeline

    def test_days_add_up(self):
        method = self.method(
            {"name": "One"},
            {"name": "Two", "delay_days": 7},
            {"name": "Three", "delay_hours": 30},
            {"name": "Four", "delay_days": 21, "delay_from": "enrollment"},
            {"name": "Five", "delay_days": 2, "delay_from": "enrollment"},
        )
        drawn = [(item["day"], item["hour"]) for item in method.step_summary]
        self.assertEqual(drawn, [(0, 0), (7, 0), (8, 6), (21, 0), (21, 0)])

    def test_each_channel_shows_its_words(self):
        method = self.method(
            {"channel": "call", "script": "\nGood morning\nand more"},
            {"channel": "letter", "letter_body": "<p>Dear <b>Ada</b></p><p>More</p>"},
            {"channel": "video", "message": "Shall we talk?"},
            {"channel": "social"},
            {"channel": "mail", "fallback_channel": "letter"},
            {"channel": "preferred", "script": "Hello", "message": "Hi"},
        )
        call, letter, video, social, mail, own = method.step_summary
        self.assertEqual(call["texts"][0]["text"], "Good morning")
        self.assertIn("Dear", letter["texts"][0]["text"])
        self.assertNotIn("<", letter["texts"][0]["text"])
        self.assertEqual(video["texts"][0]["text"], "Shall we talk?")
        self.assertEqual(social["texts"][0]["text"], "")
        self.assertTrue(mail["has_mail"])
        self.assertEqual(mail["texts"][0]["channel"], "letter")
        self.assertEqual(
            [item["channel"] for item in own["texts"]], ["call", "video", "social"]
        )
        self.assertEqual(own["icon"], "fa-user")

    def test_limits_are_shown_in_words(self):
        method = self.method(
            {},
            {"sat": False, "sun": False, "hour_from": 9, "hour_to": 12.5},
            {"condition": "not_clicked", "tue": False, "thu": False},
        )
        first, second, third = method.step_summary
        self.assertFalse(first["window"] or first["condition"])
        self.assertEqual(second["window"], "Mon–Fri, 09:00–12:30")
        self.assertEqual(third["window"], "Mon, Wed, Fri–Sun")
        self.assertIn("clicked", third["condition"])

    def test_forty_steps(self):
        """Method with 40 steps: drawn with as many queries as one with two."""

        def queries(count):
            campaign = self.campaign(steps=count)
            self.start(campaign)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            method = campaign.method_ids
            self.assertEqual(len(method.step_summary), count)
            self.assertFalse(method.step_stats)
            return self.env.cr.sql_log_count - before

        queries(2)
        self.assertEqual(queries(40), queries(2))


@tagged("post_install", "-at_install")
class TestStepStats(MailClinicCase):
    def numbers(self, step):
        step.method_id.invalidate_recordset()
        found = (step.method_id.step_stats or {}).get(str(step.id))
        return found and (found["sent"], found["engaged"], found["booked"])

    def test_e_mails_are_drawn_in_the_clinic_s_language_first(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        method = self.campaign(steps=0).method_ids
        step = self.env["reactivation.step"].create({"method_id": method.id})
        step._create_mailing("en_US")
        step._create_mailing("fr_FR")

        def drawn():
            self.env.invalidate_all()
            (summary,) = method.step_summary
            return [mail["lang"] for mail in summary["mails"]]

        self.clinic.partner_id.lang = "en_US"
        self.assertEqual(drawn(), ["English (US)", "Français"])
        self.clinic.partner_id.lang = "fr_FR"
        self.assertEqual(drawn(), ["Français", "English (US)"])

    def test_what_each_step_has_done(self):
        """A machine's opening is nobody's; a booking belongs to the step before."""
        ada, bob, cleo = (self.lapsed(name) for name in ("Ada", "Bob", "Cleo"))
        campaign = self.campaign(steps=2, start=True)
        first, second = campaign.method_ids.step_ids
        self.assertFalse(campaign.method_ids.step_stats)
        self.run_crons()
        self.assertEqual(self.numbers(first), (3, 0, 0))
        outcome = self.env["reactivation.outcome"]
        outcome._append("opened", self.enrollment(ada).delivery_ids)
        outcome._append("opened", self.enrollment(bob).delivery_ids, is_bot=True)
        self.later(days=1)
        self.meet(ada, -20)
        self.run_crons()
        self.assertEqual(self.numbers(first), (3, 1, 1))
        self.assertIsNone(self.numbers(second))
        self.run_day(7)
        self.assertEqual(self.numbers(second), (2, 0, 0))
        self.meet(cleo, -20)
        self.run_crons()
        self.assertEqual(self.numbers(first), (3, 1, 1))
        self.assertEqual(self.numbers(second), (2, 0, 1))

    def test_call_that_was_made_reached_somebody(self):
        ada = self.lapsed(phone="+1 212 555 0100")
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        step.write({"channel": "call", "script": "We miss you."})
        self.start(campaign)
        self.run_crons()
        self.assertIsNone(self.numbers(step))
        self.enrollment(ada).delivery_ids.action_result_booked()
        self.assertEqual(self.numbers(step), (1, 1, 1))

    def test_one_query_for_all_steps(self):
        self.lapsed()
        campaign = self.campaign(steps=6, start=True)
        self.run_day(40)
        campaign.method_ids.step_ids.mapped("name")
        self.env.flush_all()
        with self.assertQueryCount(1):
            campaign.method_ids._step_stats_rows()

    def test_other_companys_numbers_stay_there(self):
        self.lapsed()
        campaign = self.campaign(start=True)
        self.run_crons()
        other = self.stranger()
        methods = self.env["reactivation.method"].with_user(other)
        methods = methods.with_context(allowed_company_ids=self.other_clinic.ids)
        self.assertFalse(methods.search([("id", "in", campaign.method_ids.ids)]))
