"""The runner: claims, answers of the mail server, retries, outages, pace, heartbeat."""

import smtplib
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MailClinicCase

CHANNEL_LOG = "odoo.addons.patient_reactivation.models.reactivation_channel_mail"
RUNNER_LOG = "odoo.addons.patient_reactivation.models.reactivation_runner"
DELIVERY_LOG = "odoo.addons.patient_reactivation.models.reactivation_delivery_runner"


def refused(code, text):
    """What smtplib raises when the only recipient is refused."""
    return smtplib.SMTPRecipientsRefused({"x@example.com": (code, text.encode())})


class SmtpClinicCase(MailClinicCase):
    """With a mail server whose answers a test can choose."""

    @contextmanager
    def server_answers(self, *answers, then=None, to=None):
        """Let the mail server answer these, one per message, `then` ever after.

        An answer is None (taken) or the error that smtplib raises. `to` says what
        the server answers to certain addresses.
        """
        answers = list(answers)
        taken, self.handed_over = [], []

        def send_message(_message, _sender, recipients):
            error = answers.pop(0) if answers else then
            error = (to or {}).get(recipients[0], error)
            self.handed_over.append(recipients)
            if error:
                raise error
            taken.extend(recipients)

        session = SimpleNamespace(
            send_message=send_message,
            data=None,
            quit=lambda: None,
            from_filter=False,
            smtp_from=False,
        )
        server = self.registry["ir.mail_server"]
        with (
            patch.object(server, "_connect__", lambda *_args, **_options: session),
            patch.object(server, "_disable_send", classmethod(lambda _cls: False)),
            mute_logger("odoo.addons.base.models.ir_mail_server"),
        ):
            yield taken

    @contextmanager
    def no_server(self, error="Connection refused"):
        """Let nobody answer the connection."""

        def refuse(*_args, **_options):
            raise OSError(error)

        server = self.registry["ir.mail_server"]
        with (
            patch.object(server, "_connect__", refuse),
            mute_logger(CHANNEL_LOG),
        ):
            yield

    def setUp(self):
        super().setUp()
        # Alerts go to the inbox: the mails that are counted are the patients'.
        self.manager.notification_type = "inbox"

    def deliveries(self, campaign):
        return campaign.enrollment_ids.delivery_ids.sorted("id")

    def alerts(self, campaign):
        return campaign.activity_ids.mapped("summary")

    def assertAddsUp(self, campaign):
        """L6: every step of every patient is exactly one thing, and none is lost."""
        totals = self.env["reactivation.runner"]._totals(campaign)[campaign.id]
        enrolled = totals.pop("enrolled")
        self.assertEqual(totals["lost"], 0)
        self.assertEqual(sum(totals.values()), enrolled)


@tagged("post_install", "-at_install")
class TestAnswers(SmtpClinicCase):
    def test_server_that_is_down_for_hours(self):
        """C1: everybody waits, nobody fails, one alert, and all is sent after it."""
        for number in range(60):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True)
        with self.no_server():
            for _run in range(36):
                self.run_crons()
                self.later(hours=1 / 12)
        self.assertEqual(set(self.deliveries(campaign).mapped("state")), {"pending"})
        self.assertEqual(campaign.state, "running")
        self.assertEqual(self.alerts(campaign), ["The mail server does not answer"])
        status = self.env["reactivation.channel.status"].search([])
        self.assertEqual((status.channel, status.company_id), ("mail", self.clinic))
        self.assertIn("Connection refused", status.error)
        self.later(hours=1)
        with self.server_answers() as taken:
            self.run_crons()
        self.assertEqual(len(set(taken)), 60)
        self.assertFalse(status.failing_since)
        self.assertAddsUp(campaign)

    def test_attempts_of_a_dead_server_grow_rarer(self):
        self.lapsed()
        self.campaign(start=True)
        calls = []

        def refuse(*_args, **_options):
            calls.append(datetime.now())
            raise OSError("Connection refused")

        server = self.registry["ir.mail_server"]
        with patch.object(server, "_connect__", refuse), mute_logger(CHANNEL_LOG):
            for _run in range(4 * 12):
                self.run_crons()
                self.later(hours=1 / 12)
        waits = [
            round((after - before).total_seconds() / 60)
            for before, after in zip(calls, calls[1:], strict=False)
        ]
        self.assertEqual(waits, [5, 10, 20, 30, 60, 60])

    def test_calls_go_on_while_the_mail_server_is_down(self):
        """C1: an outage is the outage of one channel."""
        ada = self.lapsed()
        bob = self.lapsed("Bob Sample", phone="+1 212 555 0100")
        by_mail, by_call = (
            self.campaign(
                segment_ids=[
                    Command.create(
                        {
                            "name": name,
                            "domain": repr([("partner_id.name", "=", name)]),
                        }
                    )
                ]
            )
            for name in (ada.name, bob.name)
        )
        by_call.method_ids.step_ids.write({"channel": "call", "script": "Hello"})
        self.refresh()
        (by_mail | by_call).action_start()
        with self.no_server():
            self.env["reactivation.delivery"]._cron_run()
        self.assertDeliveries(ada, ["pending"])
        self.assertDeliveries(bob, ["todo"])

    def test_try_now_after_mending(self):
        ada = self.lapsed()
        self.campaign(start=True)
        with self.no_server():
            self.run_crons()
        with self.server_answers():
            self.run_crons()
            self.assertDeliveries(ada, ["pending"])
            status = self.env["reactivation.channel.status"].search([])
            status.with_user(self.manager).with_context(
                allowed_company_ids=self.clinic.ids
            ).action_retry_now()
            self.run_crons()
        self.assertDeliveries(ada, ["sent"])

    def test_temporary_answer_is_tried_again_later(self):
        """C2: 450, then taken; the Message-ID is the same."""
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        with self.server_answers(refused(450, "4.2.0 Mailbox busy")) as taken:
            self.run_crons()
            self.assertDeliveries(ada, [("pending", "temporary")])
            delivery = self.deliveries(campaign)
            first = delivery.message_id
            self.run_crons()
            self.assertDeliveries(ada, [("pending", "temporary")])
            self.later(hours=0.2)
            self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        self.assertEqual(delivery.attempts, 2)
        self.assertEqual(delivery.message_id, first)
        sent_ids = [mail["message_id"] for mail in self._mails]
        self.assertEqual(sent_ids, [first, first])
        self.assertEqual(len(taken), 1)
        # The patient's thread shows it once.
        texts = self.enrollment(ada).message_ids.filtered(
            lambda message: message.message_id == first
        )
        self.assertEqual(len(texts), 1)

    def test_temporary_for_ever_becomes_a_call(self):
        """C2: retried at most seven times, then the step's other channel."""
        ada = self.lapsed(phone="+1 212 555 0100")
        campaign = self.campaign()
        campaign.method_ids.step_ids.write(
            {"fallback_channel": "call", "script": "We miss you."}
        )
        self.start(campaign)
        delivery = None
        with self.server_answers(then=refused(421, "4.3.2 Not now")) as taken:
            for _run in range(40):
                # At night it waits for the morning.
                self.run_crons()
                self.later(hours=4)
        delivery = self.deliveries(campaign)
        self.assertEqual(delivery.state, "todo")
        self.assertEqual(delivery.fallback_reason, "failed")
        self.assertEqual(len(self._mails), 7)
        self.assertFalse(taken)
        activity = self.enrollment(ada).activity_ids
        self.assertEqual(activity.summary, "Call Ada Sample")
        self.assertIn("We miss you.", activity.note)
        activity._action_done()
        self.assertDeliveries(ada, ["sent"])

    def test_unknown_mailbox_is_suppressed_after_one(self):
        """C3"""
        ada = self.lapsed(phone="+1 212 555 0100")
        bob = self.lapsed("Bob Sample")
        campaign = self.campaign(steps=2)
        campaign.method_ids.step_ids[0].write(
            {"fallback_channel": "call", "script": "We miss you."}
        )
        self.start(campaign)
        answer = refused(550, "5.1.1 <ada.sample@example.com> user unknown")
        with self.server_answers(to={ada.email: answer}) as taken:
            self.run_crons()
            self.assertDeliveries(bob, ["sent"])
            self.run_crons()
        delivery = self.enrollment(ada).delivery_ids
        self.assertEqual(delivery.channel, "call")
        self.assertEqual(delivery.state, "todo")
        self.assertEqual(delivery.fallback_reason, "bounced")
        self.assertNotIn("ada.sample@example.com", taken)
        # Another campaign does not even try.
        self.assertEqual(self.refusal(ada), "bounced")

    def test_answer_shows_no_address(self):
        """F12: what is kept of an answer names nobody."""
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        answer = refused(554, "5.7.1 <ada.sample@example.com>: policy")
        with self.server_answers(answer), self.assertLogs("odoo", "DEBUG") as logs:
            self.run_crons()
        self.assertDeliveries(ada, ["failed"])
        self.assertEqual(self.deliveries(campaign).failure, "554 5.7.1 <…@…>: policy")
        ours = [line for line in logs.output if "patient_reactivation" in line]
        self.assertFalse([line for line in ours if "ada.sample" in line])

    def test_server_that_refuses_everything_pauses_the_campaign(self):
        """C9: not ten thousand failures but one alert, and nobody is lost."""
        for number in range(30):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True)
        with self.server_answers(then=refused(550, "5.7.1 Relaying denied")) as taken:
            self.run_crons()
        self.assertEqual(campaign.state, "paused")
        self.assertIn("Relaying denied", campaign.pause_reason)
        self.assertEqual(
            self.alerts(campaign), ["The mail server refuses every message"]
        )
        self.assertEqual(set(self.deliveries(campaign).mapped("state")), {"pending"})
        self.assertEqual(len(self.handed_over), 5)
        campaign.action_start()
        with self.server_answers() as taken:
            self.run_crons()
        self.assertEqual(len(set(taken)), 30)
        self.assertAddsUp(campaign)

    def test_one_refused_message_pauses_nothing(self):
        for number in range(8):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True)
        content = smtplib.SMTPDataError(554, b"5.6.0 Content rejected")
        with self.server_answers(None, content, None, content):
            self.run_crons()
        self.assertEqual(campaign.state, "running")
        states = self.deliveries(campaign).mapped("state")
        self.assertEqual((states.count("sent"), states.count("failed")), (6, 2))

    def test_sender_refused_pauses_at_once(self):
        self.lapsed()
        self.lapsed("Bob Sample")
        campaign = self.campaign(start=True)
        answer = smtplib.SMTPSenderRefused(535, b"5.7.8 Authentication failed", "x")
        with self.server_answers(then=answer):
            self.run_crons()
        self.assertEqual(campaign.state, "paused")
        self.assertEqual(len(self.handed_over), 1)
        self.assertEqual(set(self.deliveries(campaign).mapped("state")), {"pending"})

    def test_text_that_cannot_be_filled_in_pauses(self):
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        # Checked before the start, and locked since: this is a fault of ours.
        self.env.cr.execute(
            """UPDATE mailing_mailing
                  SET body_html = '<p t-out="object.no_such_field"/>'
                WHERE id = %s""",
            [campaign.method_ids.step_ids.mailing_ids.id],
        )
        self.env.invalidate_all()
        with mute_logger("odoo.addons.mail.models.mail_render_mixin"):
            self.run_crons()
        self.assertEqual(campaign.state, "paused")
        self.assertIn("cannot be filled in", campaign.pause_reason)
        self.assertDeliveries(ada, ["pending"])

    def test_company_without_a_mail_server(self):
        """C14: a state that says so, and nothing is lost."""
        ada = self.lapsed()
        campaign = self.campaign(start=True)

        def missing(*_args, **_options):
            raise UserError(self.env._("Missing SMTP Server"))

        server = self.registry["ir.mail_server"]
        with patch.object(server, "_connect__", missing), mute_logger(CHANNEL_LOG):
            self.run_crons()
        self.assertDeliveries(ada, ["pending"])
        status = self.env["reactivation.channel.status"].search([])
        self.assertEqual(status.error, "Missing SMTP Server")
        self.assertEqual(len(self.alerts(campaign)), 1)


@tagged("post_install", "-at_install")
class TestClaims(SmtpClinicCase):
    def claim(self, count=1):
        people = [self.lapsed(f"Patient {number}") for number in range(count)]
        campaign = self.campaign(start=True)
        deliveries = self.env["reactivation.delivery"]
        deliveries._schedule_due()
        claimed, _decided = deliveries._claim(50)
        return campaign, people, claimed

    def test_dead_before_the_network(self):
        """B1, B2: what was next in line certainly did not go out, and goes out once."""
        campaign, people, claimed = self.claim(6)
        claimed[0].write({"state": "sending"})
        self.later(hours=1)
        with mute_logger(DELIVERY_LOG):
            self.run_crons()
        states = claimed.mapped("state")
        self.assertEqual(states, ["uncertain"] + ["sent"] * 5)
        self.run_day(3)
        self.assertEqual(claimed.mapped("state"), states)
        self.assertEqual(len(self.emails), 5)
        self.assertAddsUp(campaign)

    def test_uncertain_is_for_the_staff(self):
        """B3: it arrived, or send again; by hand only."""
        _campaign, _people, claimed = self.claim(2)
        claimed.write({"state": "sending"})
        self.later(hours=1)
        with mute_logger(DELIVERY_LOG):
            self.run_crons()
        self.assertEqual(claimed.mapped("state"), ["uncertain"] * 2)
        by_manager = claimed.with_user(self.manager).with_context(
            allowed_company_ids=self.clinic.ids
        )
        with self.assertRaises(AccessError):
            claimed[0].with_user(self.desk).action_mark_sent()
        by_manager[0].action_mark_sent()
        by_manager[1].action_retry()
        self.run_crons()
        self.assertEqual(claimed.mapped("state"), ["sent", "sent"])
        self.assertEqual(len(self.emails), 1)
        with self.assertRaisesRegex(UserError, "Only uncertain"):
            by_manager[0].action_mark_sent()
        with self.assertRaisesRegex(UserError, "Only failed or uncertain"):
            by_manager[0].action_retry()

    def test_server_that_hangs_after_the_text(self):
        """C4: it may have been taken: uncertain, never again by itself."""
        ada = self.lapsed()
        self.campaign(start=True)

        attempts = []

        class Hangs:
            from_filter = smtp_from = False

            def quit(self):
                raise smtplib.SMTPServerDisconnected("gone")

            def data(self, _text):
                attempts.append(True)
                raise smtplib.SMTPServerDisconnected("timed out")

            def send_message(self, *_arguments):
                self.data("text")

        server = self.registry["ir.mail_server"]
        with (
            patch.object(server, "_connect__", lambda *_args, **_options: Hangs()),
            patch.object(server, "_disable_send", classmethod(lambda _cls: False)),
        ):
            self.run_crons()
            self.run_day(3)
        self.assertDeliveries(ada, ["uncertain"])
        self.assertEqual(len(attempts), 1)

    def test_unsubscribed_between_selection_and_claim(self):
        """A3"""
        ada = self.lapsed()
        self.campaign(start=True)
        self.env["reactivation.delivery"]._schedule_due()
        self.env["mail.blacklist"]._add(ada.email)
        self.run_crons()
        self.assertDeliveries(ada, [("skipped", "blacklisted")])
        self.assertFalse(self.emails)

    def test_last_look_before_each_message(self):
        """A14, A4: an opt-out that comes after the claim of the batch still counts."""
        campaign, people, claimed = self.claim(3)
        consents = self.env["reactivation.consent"]
        consents._withdraw(people[1], self.clinic, "mail", "all", "page")
        claimed._deliver()
        claimed._give_back()
        self.run_crons()
        self.assertDeliveries(people[0], ["sent"])
        self.assertDeliveries(people[1], [("skipped", "opted_out")])
        self.assertDeliveries(people[2], ["sent"])
        self.assertEqual(len(self.emails), 2)

    def test_booking_after_the_decision(self):
        """A6: who books while the batch goes out is not written to any more."""
        _campaign, people, claimed = self.claim(3)
        self.meet(people[1], self.days_ago(-3))
        self.visit(people[2], self.days_ago(0.001))
        claimed._deliver()
        claimed._give_back()
        self.run_crons()
        self.assertDeliveries(people[0], ["sent"])
        self.assertDeliveries(people[1], [("skipped", "booked")])
        self.assertDeliveries(people[2], [("skipped", "returned")])
        self.assertEqual(len(self.emails), 1)

    def test_pause_stops_the_rest_of_a_batch(self):
        campaign, people, claimed = self.claim(3)
        self.env.cr.execute(
            "UPDATE reactivation_campaign SET state = 'paused' WHERE id = %s",
            [campaign.id],
        )
        claimed._deliver()
        claimed._give_back()
        self.assertEqual(claimed.mapped("state"), ["pending"] * 3)
        self.assertFalse(self.emails)

    def test_decision_that_grew_old_is_taken_again(self):
        """A6: a booking is looked for again when sending takes its time."""
        campaign, people, claimed = self.claim(2)
        self.later(hours=0.01)
        self.meet(people[0], self.days_ago(-3))
        claimed._deliver()
        claimed._give_back()
        self.assertFalse(self.emails)
        self.run_crons()
        self.assertDeliveries(people[0], [("skipped", "booked")])
        self.assertDeliveries(people[1], ["sent"])

    def test_bounce_noticed_while_being_sent_stays(self):
        """A9: the result of the runner does not hide what came in meanwhile."""
        _campaign, _people, claimed = self.claim()
        claimed.write({"state": "failed", "failure": "550 bounced"})
        claimed._end_sending("sent")
        self.assertEqual(claimed.state, "failed")

    def test_send_now_and_retry_of_odoo_do_nothing(self):
        """A2: no other way of Odoo sends a message of ours."""
        campaign, _people, claimed = self.claim()
        deliveries = {
            claimed.enrollment_id.id: (claimed.id, claimed.message_id),
        }
        with patch.object(
            self.registry["reactivation.channel.mail"],
            "_transmit",
            lambda *_arguments: None,
        ):
            mailing = campaign.method_ids.step_ids.mailing_ids
            mailing.with_context(reactivation_deliveries=deliveries).action_send_mail(
                list(deliveries)
            )
        mail = self.env["mail.mail"].search([("mailing_id", "=", mailing.id)])
        self.assertEqual(len(mail), 1)
        mail.send()
        with self.assertRaisesRegex(UserError, "sends it once"):
            mail.action_send_and_close()
        with self.assertRaisesRegex(UserError, "sends it once"):
            mail.mark_outgoing()
        self.env["mail.mail"].process_email_queue()
        self.env["mailing.mailing"]._process_mass_mailing_queue()
        self.assertFalse(self.emails)

    def test_leftovers_of_a_dead_process_are_tidied(self):
        """B10: its messages are nobody's to send."""
        campaign, _people, claimed = self.claim()
        with patch.object(
            self.registry["reactivation.channel.mail"],
            "_transmit",
            lambda _self, mails, _deliveries: mails.write({"state": "cancel"}),
        ):
            claimed._deliver()
        claimed.write({"state": "sent", "sent_on": datetime.now()})
        mailing = campaign.method_ids.step_ids.mailing_ids
        trace = self.env["mailing.trace"].search([("mass_mailing_id", "=", mailing.id)])
        self.assertTrue(trace.mail_mail_id)
        self.mail_unlink_sent = True
        self.env["reactivation.runner"]._cron_audit()
        self.assertFalse(trace.mail_mail_id)
        self.assertEqual(trace.trace_status, "sent")


@tagged("post_install", "-at_install")
class TestPace(SmtpClinicCase):
    def test_no_more_in_a_minute_than_allowed(self):
        """L2: paced, and all of it in the end."""
        self.clinic.reactivation_pace = 20
        for number in range(70):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True)
        for sent in (20, 40, 60, 70):
            self.run_crons()
            states = self.deliveries(campaign).mapped("state")
            self.assertEqual(states.count("sent"), sent)
            self.run_crons()
            self.assertEqual(len(self._mails), sent)
            self.later(hours=1 / 50)

    def test_overdue_steps_after_an_outage(self):
        """D7: nine days without a runner: one message each, spread over a day."""
        for number in range(60):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(steps=4)
        campaign.method_ids.step_ids[1:].delay_days = 2
        self.start(campaign)
        self.run_crons()
        self.assertEqual(len(self._mails), 60)
        self.later(days=9)
        self.run_crons()
        at_once = len(self._mails) - 60
        self.assertLess(at_once, 10)
        for _hour in range(26):
            self.later(hours=1)
            self.run_crons()
        self.assertEqual(len(self._mails), 120)
        self.assertAddsUp(campaign)

    def test_steps_too_late_are_not_sent(self):
        """D7: what is too late for its step is said so."""
        ada = self.lapsed()
        campaign = self.campaign(steps=2)
        campaign.method_ids.step_ids.valid_days = 3
        self.start(campaign)
        self.run_crons()
        campaign.action_pause()
        self.later(days=20)
        campaign.action_start()
        self.run_crons()
        self.assertDeliveries(ada, ["sent", ("skipped", "expired")])

    def test_clock_that_jumps(self):
        """D8: a day ahead and back again sends nothing twice and waits for nothing."""
        ada = self.lapsed()
        self.campaign(start=True, steps=2)
        self.run_crons()
        self.later(days=1)
        self.run_crons()
        self.later(days=-1)
        with mute_logger(RUNNER_LOG):
            self.run_crons()
        runner = self.env["reactivation.runner"]._get()
        self.assertIn("set back", runner.clock_warning)
        self.assertDeliveries(ada, ["sent"])
        self.run_day(8)
        self.assertFalse(runner.clock_warning)
        self.assertDeliveries(ada, ["sent", "sent"])
        self.assertEqual(len(self._mails), 2)

    def test_steps_keep_their_hour_when_the_clocks_change(self):
        """D6: three days over the change to summer time, at the same local hour."""
        ada = self.lapsed()
        campaign = self.campaign(start=False, steps=2)
        campaign.method_ids.step_ids[1].delay_days = 3
        with self.at(datetime(2026, 3, 6, 15, 0)):  # 10 o'clock in New York
            self.refresh()
            campaign.action_start()
            self.run_crons()
            self.assertEqual(
                self.enrollment(ada).next_date, datetime(2026, 3, 9, 14, 0)
            )
            self.later(days=2, hours=22.9)
            self.run_crons()
            self.assertDeliveries(ada, ["sent"])
            self.later(hours=0.2)
            self.run_crons()
        self.assertDeliveries(ada, ["sent", "sent"])


@tagged("post_install", "-at_install")
class TestHeartbeat(SmtpClinicCase):
    def test_runner_that_stopped_is_noticed(self):
        """I6: messages wait, nobody sends them, somebody is told."""
        self.lapsed()
        campaign = self.campaign(start=True)
        runner = self.env["reactivation.runner"]
        runner._warn_if_stalled()
        self.assertFalse(self.alerts(campaign))
        self.later(hours=1)
        self.assertTrue(runner._is_stalled())
        runner._warn_if_stalled()
        # The server was down, perhaps: the runner gets a while to come.
        self.assertFalse(self.alerts(campaign))
        self.later(hours=1)
        runner._warn_if_stalled()
        runner._warn_if_stalled()
        self.assertEqual(self.alerts(campaign), ["Messages wait and are not sent"])
        self.run_crons()
        self.assertFalse(runner._is_stalled())
        self.assertEqual(runner._waiting(), (0, None))

    def test_owner_who_left(self):
        """I6: sending goes on, and another manager is told."""
        ada = self.lapsed()
        campaign = self.campaign(user_id=self.doctor.id)
        self.doctor.active = False
        self.refresh()
        campaign.action_start()
        for _hour in range(2):
            self.later(hours=1)
            self.env["reactivation.runner"]._warn_if_stalled()
        self.assertEqual(campaign.activity_ids.user_id, self.manager)
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])

    def test_restored_backup_is_held(self):
        """B11: another database than the one the queue was made in sends nothing."""
        ada = self.lapsed()
        self.campaign(start=True)
        runner = self.env["reactivation.runner"]
        runner._get().identity = "the database of yesterday"
        with mute_logger(RUNNER_LOG):
            self.run_day(3)
        self.assertDeliveries(ada, [])
        self.assertTrue(runner._get().is_held)
        with self.assertRaises(AccessError):
            runner._get().with_user(self.manager).action_confirm_database()
        runner._get().action_confirm_database()
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])

    def test_held_queue_is_told_to_the_owner(self):
        """B11"""
        self.lapsed()
        campaign = self.campaign(start=True)
        self.env["reactivation.runner"]._get().is_held = True
        self.run_crons()
        self.env["reactivation.runner"]._warn_if_stalled()
        self.assertIn("restored backup", campaign.activity_ids.note)

    def test_error_of_the_runner_is_kept(self):
        """B9: the run stops, says why, and the next one goes on."""
        ada = self.lapsed()
        self.campaign(start=True)

        def full(*_arguments):
            raise OSError(28, "No space left on device")

        channel = self.registry["reactivation.channel.mail"]
        with patch.object(channel, "_transmit", full):
            try:  # not assertRaises, which would undo what the runner notes
                self.env["reactivation.delivery"]._cron_run()
            except OSError as error:
                self.assertEqual(error.errno, 28)
        runner = self.env["reactivation.runner"]._get()
        self.assertIn("No space left", runner.last_error)
        self.assertDeliveries(ada, ["pending"])
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        self.assertFalse(runner.last_error)

    def test_nightly_audit_finds_what_is_lost(self):
        """L6: the check can fail."""
        ada = self.lapsed()
        campaign = self.campaign(start=True, steps=2)
        self.run_crons()
        self.assertAddsUp(campaign)
        self.env.cr.execute(
            "DELETE FROM reactivation_delivery WHERE campaign_id = %s", [campaign.id]
        )
        self.env.cr.execute(
            """UPDATE reactivation_enrollment
                  SET next_date = NULL, next_step_id = NULL WHERE id = %s""",
            [self.enrollment(ada).id],
        )
        self.env.invalidate_all()
        with mute_logger(RUNNER_LOG):
            self.env["reactivation.runner"]._cron_audit()
        self.assertEqual(
            self.alerts(campaign),
            ["The bookkeeping of the campaign does not add up"],
        )

    def test_claims_cost_the_same_number_of_queries(self):
        """Queries of a decision do not grow with the batch."""
        counts = []
        for size in (3, 30):
            for number in range(size):
                self.lapsed(f"Patient {size} {number}")
            self.campaign(start=True)
            deliveries = self.env["reactivation.delivery"]
            deliveries._schedule_due()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            claimed, _decided = deliveries._claim(50)
            self.env.flush_all()
            counts.append(self.cr.sql_log_count - before)
            self.assertEqual(len(claimed), size)
            claimed.campaign_id.action_done()
        self.assertLessEqual(counts[1], counts[0])


@tagged("post_install", "-at_install")
class TestBreaker(SmtpClinicCase):
    def sent_campaign(self, count):
        for number in range(count):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True)
        with self.server_answers():
            self.run_crons()
        return campaign

    def test_too_many_bounces_pause_the_campaign(self):
        campaign = self.sent_campaign(20)
        deliveries = self.deliveries(campaign)
        deliveries[:4].write({"bounced_on": datetime.now()})
        self.run_crons()
        self.assertEqual(campaign.state, "running")
        deliveries[4].write({"bounced_on": datetime.now()})
        self.run_crons()
        self.assertEqual(campaign.state, "paused")
        self.assertEqual(self.alerts(campaign), ["Too many addresses do not exist"])

    def test_complaints_pause_the_campaign(self):
        campaign = self.sent_campaign(20)
        outcomes = self.env["reactivation.outcome"]
        outcomes._append("complained", self.deliveries(campaign)[:2])
        self.run_crons()
        self.assertEqual(campaign.state, "paused")
        self.later(hours=1)
        campaign.action_start()
        self.run_crons()
        # What was known when somebody resumed it does not pause it again.
        self.assertEqual(campaign.state, "running")


@tagged("post_install", "-at_install")
class TestApproval(MailClinicCase):
    def test_large_campaign_needs_a_second_person(self):
        """I5"""
        self.clinic.reactivation_approval_limit = 3
        for number in range(3):
            self.lapsed(f"Patient {number}")
        self.refresh()
        campaign = self.campaign()
        here = {"allowed_company_ids": self.clinic.ids}
        mine = campaign.with_user(self.manager).with_context(**here)
        with self.assertRaisesRegex(UserError, "another manager must approve"):
            mine.action_start()
        mine.action_approve()
        with self.assertRaisesRegex(UserError, "another manager must approve"):
            mine.action_start()
        campaign.action_approve()
        self.assertTrue(campaign.is_approved)
        campaign.method_ids.step_ids.mailing_ids.subject = "Something else"
        campaign.invalidate_recordset()
        with self.assertRaisesRegex(UserError, "another manager must approve"):
            mine.action_start()
        campaign.action_approve()
        mine.action_start()
        self.assertEqual(campaign.state, "running")
        self.assertEqual(campaign.enrolled_count, 3)

    def test_small_campaign_needs_none(self):
        """I5"""
        self.clinic.reactivation_approval_limit = 3
        self.lapsed()
        self.refresh()
        campaign = self.campaign()
        campaign.with_user(self.manager).with_context(
            allowed_company_ids=self.clinic.ids
        ).action_start()
        self.assertEqual(campaign.state, "running")


@tagged("post_install", "-at_install")
class TestCall(MailClinicCase):
    def call_campaign(self, **values):
        campaign = self.campaign()
        campaign.method_ids.step_ids.write(
            {"channel": "call", "script": "Hello\nWe miss you.", **values}
        )
        self.refresh()
        campaign.action_start()
        return campaign

    def test_call_is_a_task_for_the_responsible(self):
        ada = self.lapsed(phone="+1 212 555 0100")
        campaign = self.call_campaign()
        self.run_crons()
        self.assertDeliveries(ada, ["todo"])
        activity = self.enrollment(ada).activity_ids
        self.assertEqual(activity.user_id, campaign._caretaker())
        self.assertIn("+1 212 555 0100", activity.note)
        self.assertIn("<p>We miss you.</p>", activity.note)
        self.assertFalse(self._mails)

    def test_caller_of_the_step(self):
        ada = self.lapsed(phone="+1 212 555 0100")
        self.call_campaign(user_id=self.desk.id)
        self.run_crons()
        activity = self.enrollment(ada).activity_ids
        self.assertEqual(activity.user_id, self.desk)
        activity.with_user(self.desk).with_context(
            allowed_company_ids=self.clinic.ids
        ).action_feedback(feedback="Will come in May")
        self.assertDeliveries(ada, ["sent"])

    def test_script_and_names_are_text(self):
        """F1"""
        self.lapsed("<script>alert(1)</script>", phone="+1 212 555 0100", email="a@b.c")
        campaign = self.call_campaign(script="<img src=x onerror=alert(1)>")
        self.run_crons()
        note = campaign.enrollment_ids.activity_ids.note
        self.assertNotIn("<img", note)
        self.assertNotIn("<script", note)

    def test_task_is_withdrawn_when_the_patient_books(self):
        """A6 for calls: nobody is called who has an appointment."""
        ada = self.lapsed(phone="+1 212 555 0100")
        self.call_campaign()
        self.run_crons()
        self.meet(ada, self.days_ago(-3))
        self.run_crons()
        self.assertDeliveries(ada, [("skipped", "booked")])
        self.assertFalse(self.enrollment(ada).activity_ids)

    def test_task_is_withdrawn_at_an_opt_out(self):
        """J4: an objection is heeded by people, too."""
        ada = self.lapsed(phone="+1 212 555 0100")
        self.call_campaign()
        self.run_crons()
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "all", "all", "staff"
        )
        self.run_crons()
        self.assertDeliveries(ada, [("skipped", "opted_out")])
        self.assertFalse(self.enrollment(ada).activity_ids)

    def test_canceled_task_is_said_so(self):
        ada = self.lapsed(phone="+1 212 555 0100")
        self.call_campaign()
        self.run_crons()
        self.enrollment(ada).activity_ids.unlink()
        self.assertDeliveries(ada, [("skipped", "not_done")])

    def test_number_that_cannot_be_called(self):
        """E3: no number, no use; never a traceback."""
        people = {
            "no_address": self.lapsed("Nobody"),
            "invalid_address": self.lapsed("Letters", phone="call me"),
        }
        campaign = self.call_campaign()
        for code, person in people.items():
            self.assertEqual(self.refusal(person, "call"), code)
        self.assertFalse(campaign.enrollment_ids)

    def test_missing_script_is_named(self):
        campaign = self.campaign()
        campaign.method_ids.step_ids.channel = "call"
        with self.assertRaisesRegex(UserError, "has no script"):
            campaign.action_start()

    def test_delays_and_hours_of_a_task(self):
        """The task is handed over within the patient's hours."""
        ada = self.lapsed(phone="+1 212 555 0100")
        with self.at(self.opening.replace(hour=5)):  # midnight in New York
            self.call_campaign()
            self.run_crons()
            self.assertDeliveries(ada, [("pending", "quiet_hours")])
            self.later(hours=9)
            self.run_crons()
        self.assertDeliveries(ada, ["todo"])
        self.assertLess(
            self.enrollment(ada).delivery_ids.date - self.opening, timedelta(0)
        )
