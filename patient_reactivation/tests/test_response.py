import itertools
from datetime import timedelta
from unittest.mock import Mock, patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from .common import Clinic, MailClinicCase
from .test_mail_signals import FIREFOX, complaint, report

REPLY = """\
Return-Path: <{sender}>
From: {sender}
To: {to}
Subject: {subject}
Message-ID: <reply-{number}@example.net>
In-Reply-To: {answered}
References: {answered}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
{headers}
{text}
"""

OWN_LOGGERS = "odoo.addons.patient_reactivation"


class ResponseCase(MailClinicCase):
    """Ada got the first of two e-mails, an hour ago."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.numbers = itertools.count(1)
        cls.ada = cls.lapsed("Ada Lovelace", email="ada@example.com")
        cls.recall = cls.campaign(start=True, steps=2, user_id=cls.manager.id)

    def setUp(self):
        super().setUp()
        self.run_crons()
        self.assertDeliveries(self.ada, ["sent"])
        self.later(hours=1)

    @property
    def story(self):
        self.env.invalidate_all()
        return self.enrollment(self.ada)

    @property
    def delivery(self):
        return self.story.delivery_ids.sorted("id")[:1]

    @property
    def trace(self):
        return self.env["mailing.trace"].search(
            [("reactivation_delivery_id", "=", self.delivery.id)]
        )

    @property
    def tasks(self):
        return self.env["mail.activity"].search(
            [("res_model", "=", self.story._name), ("res_id", "=", self.story.id)]
        )

    def outcomes(self):
        return [
            (outcome.kind, "machine") if outcome.is_bot else outcome.kind
            for outcome in self.story.outcome_ids.sorted("id")
        ]

    def receive(self, raw):
        """An e-mail comes in, as Odoo fetches it."""
        self.env["mail.thread"].sudo().message_process(None, raw.encode())
        self.env.invalidate_all()

    def reply(self, text="Yes, please!", **values):
        self.receive(
            REPLY.format(
                **{
                    "sender": "Ada Lovelace <ada@example.com>",
                    "to": "clinic@example.com",
                    "subject": "Re: We miss you",
                    "number": next(self.numbers),
                    "answered": self.delivery.message_id,
                    "headers": "",
                    "text": text,
                    **values,
                }
            )
        )

    def bounce(self, **values):
        values.setdefault("message_id", self.delivery.message_id)
        raw = report(**values)
        self.receive(raw.replace("<report@", f"<report-{next(self.numbers)}@"))

    def complain(self, **values):
        self.receive(complaint(message_id=self.delivery.message_id, **values))

    def browser(self, user_agent=FIREFOX, method="GET"):
        """Somebody asks for a picture or a link."""
        request = Mock()
        request.httprequest.method = method
        request.httprequest.headers = {"User-Agent": user_agent}
        return patch(f"{OWN_LOGGERS}.models.mailing_trace.request", request)

    def open(self, **browser):
        with self.browser(**browser):
            self.trace.set_opened()

    def click(self, trace=None, **browser):
        link = self.env["link.tracker"].search_or_create(
            [
                {
                    "url": "https://example.com/book",
                    "mass_mailing_id": self.trace.mass_mailing_id.id,
                }
            ]
        )
        trace = trace or self.trace
        with self.browser(**browser):
            self.env["link.tracker.click"].sudo().add_click(
                link.code, ip="192.0.2.1", country_code="US", mailing_trace_id=trace.id
            )
        return link

    def suppressed(self, address="ada@example.com"):
        suppression = self.env["reactivation.suppression"].sudo()
        return suppression.search(
            [("address_hash", "=", suppression._hash("mail", address))]
        ).mapped("reason")

    def withdrawals(self):
        return self.env["reactivation.consent"].search([("state", "=", "withdrawn")])

    def assertUntouched(self):
        """Nothing that was received changed what was planned."""
        self.assertDeliveries(self.ada, ["sent"])
        self.assertFalse(self.suppressed())
        self.assertFalse(self.withdrawals())
        blacklist = self.env["mail.blacklist"].with_context(active_test=False)
        self.assertFalse(blacklist.search([("email", "=", "ada@example.com")]))


@tagged("post_install", "-at_install")
class TestResponse(ResponseCase):
    """What comes back is noted. Nothing is sent, stopped or moved by it."""

    # ---------------------------------------------------------- opens and clicks

    def test_open_and_click_of_a_person(self):
        self.open()
        self.click()
        self.assertEqual(self.outcomes(), ["opened", "clicked"])
        self.assertEqual(self.trace.trace_status, "open")
        self.assertEqual(self.delivery.opened_on, fields.Datetime.now())
        self.assertEqual(self.delivery.clicked_on, fields.Datetime.now())
        self.assertUntouched()

    def test_only_the_first_is_kept(self):
        self.open()
        first = self.delivery.opened_on
        self.later(hours=1)
        self.open()
        self.assertEqual(self.outcomes(), ["opened"])
        self.assertEqual(self.delivery.opened_on, first)

    def test_click_tells_that_it_was_opened(self):
        self.click()
        self.assertEqual(self.outcomes(), ["opened", "clicked"])

    def test_machines_are_noted_apart_and_not_counted(self):
        """G5, L5: scanners open every link."""
        for user_agent, method in (
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", "GET"),
            ("Barracuda Sentinel", "GET"),
            ("", "GET"),
            (FIREFOX, "HEAD"),
        ):
            # Scanners.
            self.open(user_agent=user_agent, method=method)
            link = self.click(user_agent=user_agent, method=method)
            self.assertFalse(link.link_click_ids)
        self.assertEqual(
            self.outcomes(), [("opened", "machine"), ("clicked", "machine")]
        )
        self.assertEqual(self.trace.trace_status, "sent")
        self.assertFalse(self.trace.links_click_datetime)
        self.assertFalse(self.delivery.opened_on or self.delivery.clicked_on)
        self.assertUntouched()

    def test_person_after_a_machine_counts(self):
        """L5"""
        self.open(user_agent="Googlebot/2.1")
        self.open()
        self.assertEqual(self.outcomes(), [("opened", "machine"), "opened"])
        self.assertEqual(self.trace.trace_status, "open")

    def test_within_a_minute_it_is_a_machine(self):
        """G6: even with the looks of a browser."""
        with self.at(self.delivery.sent_on + timedelta(seconds=59)):
            self.click()
        self.assertEqual(self.outcomes(), [("clicked", "machine")])
        with self.at(self.delivery.sent_on + timedelta(seconds=60)):
            self.click()
        self.assertEqual(self.outcomes(), [("clicked", "machine"), "opened", "clicked"])

    def test_event_before_the_message_left_is_ignored(self):
        """G11: numbers of traces can be guessed."""
        trace, delivery = self.trace, self.delivery
        for values in (
            {"sent_on": fields.Datetime.now() + timedelta(hours=1)},
            {"sent_on": False, "state": "pending"},
            {"sent_on": False, "state": "claimed"},
            {"sent_on": False, "state": "skipped"},
            {"sent_on": False, "state": "failed"},
        ):
            # States in which nobody can have the message.
            delivery.write(values)
            self.open()
            self.click()
            trace.set_replied()
            trace.set_bounced()
            self.assertEqual(self.outcomes(), [])
            self.assertEqual(trace.trace_status, "sent")
            self.assertEqual(delivery.state, values.get("state", "sent"))
            self.assertFalse(self.suppressed())

    def test_link_of_another_mailing_is_no_click(self):
        """G11: a number put into any link of this database."""
        other = self.env["link.tracker"].create({"url": "https://example.com/news"})
        with self.browser():
            self.env["link.tracker.click"].sudo().add_click(
                other.code, mailing_trace_id=self.trace.id
            )
        self.assertEqual(self.outcomes(), [])
        self.assertFalse(other.link_click_ids)

    def test_trace_that_does_not_exist(self):
        """G11"""
        self.click(trace=self.env["mailing.trace"].browse(2**31 - 1))
        self.assertEqual(self.outcomes(), [])

    def test_other_mailings_are_counted_as_ever(self):
        bob = self.person("Bob")
        mailing = self.env["mailing.mailing"].create(
            {
                "subject": "News",
                "body_html": "<p>News</p>",
                "mailing_model_id": self.env["ir.model"]._get_id("res.partner"),
                "mailing_domain": [("id", "=", bob.id)],
            }
        )
        mailing.action_send_mail()
        trace = mailing.mailing_trace_ids
        with self.browser(user_agent="Googlebot/2.1"):
            trace.set_opened()
            trace.set_clicked()
        self.assertEqual(trace.trace_status, "open")
        self.assertTrue(trace.links_click_datetime)
        trace.set_bounced(bounce_message="bob@example.com is unknown")
        self.assertEqual(trace.failure_reason, "bob@example.com is unknown")
        self.assertFalse(self.suppressed("bob@example.com"))

    # ------------------------------------------------------------------- A9

    def test_event_before_the_result_is_written(self):
        """A9: it is kept, and the result of sending as well."""
        self.delivery.write({"state": "sending", "sent_on": False})
        self.reply()
        self.assertIn("replied", self.outcomes())
        self.assertEqual(self.delivery.state, "sending")
        self.assertTrue(self.delivery.replied_on)
        self.delivery._end_sending("sent")
        self.assertEqual(self.delivery.state, "sent")
        self.assertTrue(self.delivery.replied_on)

    def test_bounce_before_the_result_is_written(self):
        """A9: it stays a bounce."""
        self.delivery.write({"state": "sending", "sent_on": False})
        self.bounce()
        self.delivery._end_sending("sent")
        self.assertDeliveries(self.ada, [("failed", "bounced")])

    # --------------------------------------------------------------- bounces

    def test_hard_bounce(self):
        """C3: one is enough."""
        self.bounce()
        self.assertDeliveries(self.ada, [("failed", "bounced")])
        self.assertEqual(self.outcomes(), ["bounced"])
        self.assertEqual(self.suppressed(), ["bounced"])
        self.assertEqual(self.trace.trace_status, "bounce")
        self.assertTrue(self.delivery.bounced_on)
        self.assertNotIn("ada@", self.delivery.failure)
        self.assertFalse(self.env["mail.blacklist"].search([]))

    def test_hard_bounce_ends_e_mails(self):
        """C3"""
        self.bounce()
        self.run_day(10)
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)

    def test_bounce_in_another_language(self):
        """C13"""
        self.bounce(
            subject="=?utf-8?q?=C3=89chec_de_remise?=",
            words="Votre message n'a pas pu être remis. Adresse inconnue.",
            diagnostic="smtp; 550 5.1.1 <ada@example.com>: boîte inconnue",
        )
        self.assertDeliveries(self.ada, [("failed", "bounced")])
        self.assertEqual(self.suppressed(), ["bounced"])
        self.assertNotIn("ada@", self.delivery.failure)

    def test_repeated_bounce_changes_nothing_more(self):
        self.bounce()
        self.delivery.write({"state": "sent", "channel": "call"})
        self.bounce()
        self.assertEqual(self.delivery.state, "sent")
        self.assertEqual(self.outcomes(), ["bounced"])
        self.assertEqual(self.suppressed(), ["bounced"])

    def test_not_yet_is_no_bounce(self):
        """C2"""
        self.bounce(action="delayed", status="4.4.1", diagnostic="smtp; 451 later")
        self.bounce(action="failed", status="4.2.2", diagnostic="smtp; 452 4.2.2 full")
        self.assertEqual(self.outcomes(), [])
        self.assertEqual(self.trace.trace_status, "sent")
        self.assertFalse(self.ada.message_bounce)
        self.assertUntouched()

    def test_refused_for_its_content(self):
        """The address is right: it is not suppressed."""
        self.bounce(status="5.7.1", diagnostic="smtp; 550 5.7.1 Looks like spam")
        self.assertDeliveries(self.ada, ["failed"])
        self.assertEqual(self.outcomes(), ["bounced"])
        self.assertFalse(self.suppressed())
        self.assertFalse(self.env["mail.blacklist"].search([]))

    def test_bounce_of_a_forwarded_message(self):
        """C13: the patient's own address got it."""
        self.bounce(recipient="old.address@example.net")
        self.assertDeliveries(self.ada, ["failed"])
        self.assertFalse(self.suppressed())
        self.assertFalse(self.suppressed("old.address@example.net"))

    def test_bounce_of_a_message_that_is_not_ours(self):
        """F9: nobody can have an address suppressed who has not seen our message."""
        self.bounce(message_id="<guessed@example.com>")
        self.assertUntouched()
        self.assertEqual(self.outcomes(), [])

    def test_receipt_is_no_bounce(self):
        raw = report(message_id=self.delivery.message_id)
        raw = raw.replace("delivery-status", "disposition-notification")
        self.receive(raw.replace("Action: failed\nStatus: 5.1.1\n", ""))
        self.assertEqual(self.outcomes(), [])
        self.assertUntouched()

    # ------------------------------------------------------------- complaints

    def test_complaint_is_a_withdrawal(self):
        self.complain()
        self.assertEqual(self.outcomes(), ["complained"])
        word = self.withdrawals()
        self.assertEqual(
            (word.partner_id, word.channel, word.purpose, word.address),
            (self.ada, "mail", "all", "ada@example.com"),
        )
        self.assertFalse(self.tasks)
        self.run_day(10)
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)

    def test_complaint_twice_is_one_withdrawal(self):
        """A5"""
        self.complain()
        self.complain()
        self.assertEqual(len(self.withdrawals()), 1)
        self.assertEqual(self.outcomes(), ["complained"])

    def test_praise_is_no_complaint(self):
        self.complain(kind="not-spam")
        self.assertEqual(self.outcomes(), [])
        self.assertUntouched()

    # ---------------------------------------------------------------- replies

    def test_reply(self):
        """It is on the thread, counted, and somebody has to answer."""
        self.reply("Yes, I would like to come on Monday.")
        self.assertEqual(self.outcomes(), ["opened", "replied"])
        self.assertEqual(self.trace.trace_status, "reply")
        self.assertIn("on Monday", self.story.message_ids[0].body)
        (task,) = self.tasks
        self.assertEqual(task.user_id, self.manager)
        self.assertEqual(task.summary, "Reply of Ada Lovelace")
        self.assertIn("on Monday", task.note)
        self.assertUntouched()

    def test_replies_are_one_task(self):
        self.reply("One")
        self.reply("Two")
        self.assertEqual(len(self.tasks), 1)
        self.tasks.action_feedback("Called her")
        self.assertFalse(self.tasks)
        self.reply("Three")
        self.assertEqual(len(self.tasks), 1)

    def test_open_reply(self):
        self.env.flush_all()

        def is_open():
            sql = self.env["reactivation.enrollment"]._open_reply_sql()
            self.env.flush_all()
            self.env.cr.execute(
                "SELECT enrollment.id FROM reactivation_enrollment enrollment WHERE "
                + sql.code,
                sql.params,
            )
            return self.env.cr.fetchall() == [(self.story.id,)]

        self.assertFalse(is_open())
        self.reply()
        self.assertTrue(is_open())
        self.tasks.action_feedback("Called her")
        self.assertFalse(is_open())

    def test_task_of_an_archived_owner(self):
        """I6"""
        other = self._staff(
            "second_manager",
            self.clinic,
            [(6, 0, self.clinic.ids)],
            "patient_reactivation.group_reactivation_manager",
        )
        self.manager.active = False
        self.reply()
        self.assertIn(self.tasks.user_id, other | self.env.ref("base.user_admin"))
        self.assertTrue(self.tasks.user_id.active)

    def test_the_front_desk_may_finish_the_task(self):
        """I1"""
        self.reply()
        task = self.tasks
        task.user_id = self.desk
        env = self.env(user=self.desk, context={"allowed_company_ids": self.clinic.ids})
        task.with_env(env).action_feedback("Called her")
        self.assertFalse(self.tasks)

    def test_task_of_another_clinic(self):
        """H5"""
        self.reply()
        stranger = self.stranger()
        env = self.env(
            user=stranger, context={"allowed_company_ids": self.other_clinic.ids}
        )
        self.assertFalse(env["reactivation.outcome"].search([]))
        with self.assertRaises(AccessError):
            self.story.outcome_ids.with_env(env).read(["kind"])
        with self.assertRaises(AccessError):
            self.tasks.with_env(env).read(["note"])

    def test_out_of_office(self):
        """C13: neither an answer nor an opt-out, in whatever language."""
        for subject, headers in (
            ("Automatic reply: We miss you", ""),
            ("Abwesenheitsnotiz: We miss you", ""),
            ("=?utf-8?q?R=C3=A9ponse_automatique_=3A?= We miss you", ""),
            ("=?utf-8?q?Respuesta_autom=C3=A1tica=3A?= We miss you", ""),
            ("Risposta automatica: We miss you", ""),
            ("Re: We miss you", "Auto-Submitted: auto-replied\n"),
            ("Re: We miss you", "X-Autoreply: yes\n"),
        ):
            # Mail programs.
            self.reply("STOP", subject=subject, headers=headers)
            self.assertEqual(self.outcomes(), ["auto_replied"])
            self.assertEqual(self.trace.trace_status, "sent")
            self.assertFalse(self.tasks)
            self.assertFalse(self.delivery.replied_on)
            self.assertUntouched()

    def test_out_of_office_to_the_address_of_bounces(self):
        """C13: with a date that looks like a status."""
        alias = self.env["mail.alias.domain"].search([], limit=1)
        self.reply(
            "Ich bin bis zum 5.1.26 nicht da.",
            to=alias.bounce_email,
            subject="Abwesenheitsnotiz",
            headers="Auto-Submitted: auto-replied\n",
        )
        self.assertNotIn("bounced", self.outcomes())
        self.assertUntouched()

    def test_opt_out_by_reply(self):
        """T4: in the same transaction."""
        self.reply("STOP.\n\nOn Monday the clinic wrote:\n> We miss you")
        self.assertEqual(self.outcomes(), ["opened", "replied", "unsubscribed"])
        word = self.withdrawals()
        self.assertEqual(
            (word.partner_id, word.company_id, word.channel, word.purpose),
            (self.ada, self.clinic, "mail", "all"),
        )
        self.assertEqual((word.source, word.address), ("reply", "ada@example.com"))
        self.assertIn("STOP.", word.text)
        self.assertEqual(len(self.tasks), 1)
        self.tasks.action_feedback("Noted")
        self.run_day(10)
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)

    def test_opt_out_in_the_subject_of_an_empty_message(self):
        self.reply("", subject="Unsubscribe")
        self.assertEqual(len(self.withdrawals()), 1)

    def test_other_words_are_for_people(self):
        """T5"""
        self.reply("Please leave me alone, wrong number.")
        self.assertFalse(self.withdrawals())
        self.assertEqual(len(self.tasks), 1)

    def test_opt_out_from_another_address(self):
        """C13, F9: whoever got the message forwarded, or makes it up."""
        self.reply("STOP", sender="Somebody <somebody@example.net>")
        self.assertEqual(self.outcomes(), ["opened", "replied"])
        self.assertEqual(len(self.tasks), 1)
        self.assertUntouched()

    def test_opt_out_of_a_guardian(self):
        """E5: it is the guardian who was written to."""
        guardian = self.person("Ann", email="ann@example.com")
        self.ada.write({"birth_date": "2020-01-01", "guardian_id": guardian.id})
        self.delivery.recipient_id = guardian
        self.reply("STOP", sender="Ann <ann@example.com>")
        self.assertEqual(self.withdrawals().partner_id, guardian)

    def test_answer_of_the_clinic_is_no_reply(self):
        """Staff who write to the patient from their own mail program."""
        sender = f"Manager <{self.manager.email}>"
        self.reply("STOP", sender=sender)
        self.assertEqual(self.outcomes(), [])
        self.assertFalse(self.tasks)
        self.assertUntouched()

    def test_same_reply_twice(self):
        """A5: fetched again after an error."""
        self.reply("STOP", number="same")
        self.reply("STOP", number="same")
        self.assertEqual(len(self.withdrawals()), 1)
        self.assertEqual(len(self.tasks), 1)

    def test_reply_of_an_erased_patient(self):
        """J1"""
        story, answered = self.story, self.delivery.message_id
        self.env.cr.execute(
            "UPDATE reactivation_enrollment SET partner_id = NULL WHERE id = %s",
            (story.id,),
        )
        self.env.invalidate_all()
        self.reply("STOP", answered=answered)
        self.assertIn("replied", story.outcome_ids.mapped("kind"))

    # ---------------------------------------------------------- hostile input

    def test_hostile_words(self):
        """F1, F2, F3: text stays text."""
        words = "<script>alert(1)</script> {{ object.env }} ${1} =cmd|x <t t-out='1'/>"
        self.ada.name = "<img onerror=x> {{ object.env }}"
        self.reply(words, subject="<b>Re</b> {{ object.env }}")
        (task,) = self.tasks
        self.assertNotIn("<script", task.note)
        self.assertIn("{{ object.env }}", task.note)
        self.assertEqual(task.summary, "Reply of <img onerror=x> {{ object.env }}")
        self.assertNotIn("<script", self.story.message_ids[0].body)

    def test_hostile_headers(self):
        """F4"""
        self.ada.name = "Ada\r\nBcc: thief@example.net"
        before = len(self._mails)
        self.reply(
            "Hi",
            subject="=?utf-8?q?Hi=0D=0ABcc=3A_thief=40example=2Enet?=",
        )
        self.assertNotIn("\n", self.tasks.summary)
        for mail in self._mails[before:]:
            # Whatever Odoo tells followers of the thread.
            self.assertNotIn("thief@example.net", str(mail["email_to"]))

    def test_hostile_sizes(self):
        """F5"""
        self.reply("\N{RIGHT-TO-LEFT OVERRIDE}" + "😀" * 20_000)
        (task,) = self.tasks
        self.assertLess(len(task.note), 1000)
        self.reply("STOP", number="x" * 900)
        self.assertEqual(len(self.withdrawals()), 1)

    def test_logs_name_no_address(self):
        """F12"""
        with self.assertLogs(OWN_LOGGERS, "DEBUG") as logs:
            self.reply("STOP")
            self.bounce(status="4.4.1", action="delayed")
            self.bounce()
            self.complain()
        self.assertNotIn("@", "".join(logs.output))
        self.assertNotIn("Lovelace", "".join(logs.output))


@tagged("post_install", "-at_install")
class TestStepsEnd(ResponseCase):
    """What was noticed ends the remaining steps in the same moment."""

    def notice(self):
        self.env["reactivation.outcome"]._refresh()
        self.env.invalidate_all()

    def test_booking_ends_the_steps(self):
        """A6: noticed before the step is due, nothing is left to be claimed."""
        self.meet(self.ada, -5)
        self.assertTrue(self.story.next_step_id or not self.story.steps_ended)
        self.notice()
        self.assertEqual(self.story.steps_ended, "booked")
        self.assertFalse(self.story.next_step_id or self.story.next_date)
        self.assertEqual(self.story.state, "running")
        self.run_day(3)
        self.assertDeliveries(self.ada, ["sent"])

    def test_booking_known_since_before(self):
        """The stage does not change any more: the steps end all the same."""
        self.meet(self.ada, -5)
        self.notice()
        self.story.steps_ended = False
        self.notice()
        self.assertEqual(self.story.steps_ended, "booked")

    def test_booking_withdraws_what_waits(self):
        """A6: a step that is due, and not sent yet."""
        self.later(days=7)
        self.env["reactivation.delivery"]._schedule_due()
        self.assertDeliveries(self.ada, ["sent", "pending"])
        self.meet(self.ada, -5)
        self.notice()
        self.assertDeliveries(self.ada, ["sent", ("skipped", "booked")])

    def test_canceled_booking_does_not_start_them_again(self):
        meeting = self.meet(self.ada, -5)
        self.notice()
        meeting.active = False
        self.notice()
        self.assertFalse(self.story.booked_date)
        self.assertEqual(self.story.steps_ended, "booked")
        self.run_day(10)
        self.assertDeliveries(self.ada, ["sent"])

    def test_return_ends_the_steps(self):
        self.visit(self.ada, 0)
        self.notice()
        self.assertEqual(self.story.steps_ended, "returned")
        self.assertEqual(self.story.state, "done")
        self.run_day(10)
        self.assertDeliveries(self.ada, ["sent"])

    def test_steps_that_are_through_stay_completed(self):
        self.run_day(8)
        self.run_crons()
        self.assertEqual(self.story.steps_ended, "completed")
        self.meet(self.ada, -5)
        self.notice()
        self.assertEqual(self.story.stage, "booked")
        self.assertEqual(self.story.steps_ended, "completed")

    def test_events_do_not_collide_with_facts_of_visits(self):
        """Two events of one enrollment at one moment, and the delivery removed."""
        outcomes = self.env["reactivation.outcome"]
        self.assertEqual(outcomes._append("opened", self.delivery), 1)
        self.assertEqual(outcomes._append("opened", self.delivery, is_bot=True), 1)
        self.assertEqual(outcomes._append("opened", self.delivery), 0)
        self.assertEqual(outcomes._append("opened", self.delivery.browse()), 0)
        story = self.story
        self.delivery.sudo().unlink()
        self.assertEqual(len(story.outcome_ids), 2)

    def test_number_of_queries_of_many_events(self):
        """L1"""
        for number in range(12):
            self.lapsed(f"P{number}")
        self.run_crons()
        deliveries = self.recall.enrollment_ids.delivery_ids
        outcomes = self.env["reactivation.outcome"]

        def queries(some):
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            outcomes._append("opened", some)
            return self.env.cr.sql_log_count - before

        self.assertEqual(queries(deliveries[:1]), queries(deliveries[1:]))


@tagged("post_install", "-at_install")
class TestResponseOverHttp(Clinic, HttpCase):
    """The addresses in the e-mails, asked for as mail programs and scanners do."""

    def setUp(self):
        super().setUp()
        ada = self.lapsed("Ada Lovelace", email="ada@example.com")
        self.campaign(start=True)
        self.run_crons()
        self.later(hours=1)
        self.delivery = self.enrollment(ada).delivery_ids
        self.trace = self.env["mailing.trace"].search(
            [("reactivation_delivery_id", "=", self.delivery.id)]
        )
        number = self.trace.mail_mail_id_int
        token = self.env["mail.mail"]._generate_mail_recipient_token(number)
        link = self.env["link.tracker"].create(
            {
                "url": "https://example.com/book",
                "title": "Book",
                "mass_mailing_id": self.trace.mass_mailing_id.id,
            }
        )
        self.picture = f"/mail/track/{number}/{token}/blank.gif"
        self.link = f"/r/{link.code}/m/{self.trace.id}"

    def ask(self, address, user_agent, method="GET"):
        response = self.url_open(
            address,
            headers={"User-Agent": user_agent},
            method=method,
            allow_redirects=False,
        )
        self.env.invalidate_all()
        return response.status_code

    def outcomes(self):
        return sorted(
            (outcome.kind, outcome.is_bot)
            for outcome in self.delivery.enrollment_id.outcome_ids
        )

    def test_scanner(self):
        """G5, L5: it gets what everybody gets."""
        for user_agent, method in (("Googlebot/2.1", "GET"), (FIREFOX, "HEAD")):
            # Two kinds of scanners.
            self.assertEqual(self.ask(self.picture, user_agent, method), 200)
            self.assertEqual(self.ask(self.link, user_agent, method), 301)
        self.assertEqual(self.outcomes(), [("clicked", True), ("opened", True)])
        self.assertEqual(self.trace.trace_status, "sent")

    def test_person(self):
        self.assertEqual(self.ask(self.picture, FIREFOX), 200)
        self.assertEqual(self.ask(self.link, FIREFOX), 301)
        self.assertEqual(self.outcomes(), [("clicked", False), ("opened", False)])
        self.assertTrue(self.delivery.opened_on and self.delivery.clicked_on)
        self.assertEqual(self.trace.trace_status, "open")
