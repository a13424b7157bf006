"""Bad data, hostile data, odd hours and double work, as far as a message goes."""

import json
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.mail import email_normalize_all

from .common import MailClinicCase
from .test_response import ResponseCase
from .test_runner import SmtpClinicCase

# Addresses that have broken other programs, when they are at hand.
VECTORS = (
    Path(__file__).parents[3] / "shared" / "data" / "email" / "isemail_vectors.json"
)
ADDRESSES = (
    "",
    " ",
    "n/a",
    "none",
    "-",
    "ada",
    "ada@",
    "@example.com",
    "ada@example",
    "ada@example.com.",
    "ada@@example.com",
    "ada@b@example.com",
    "ada example@example.com",
    "ada@exa mple.com",
    "ada..b@example.com",
    "Ada <ada@example.com>",
    "ada@example.com, bob@example.com",
    "ada@example.com;bob@example.com",
    "ada@example.com bob@example.com",
    "ada@example.com\nBcc: eve@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    "mailto:ada@example.com",
    "adà@example.com",
    "ada@exämple.com",
    "阿达@例子.公司",
    "ada@[192.0.2.1]",
    '"ada b"@example.com',
    "ada\u200b@example.com",
    "\u202eada@example.com",
    "ADA@EXAMPLE.COM",
    "a" * 64 + "@example.com",
    "a" * 300 + "@example.com",
    "ada@" + "a." * 150 + "com",
    "<script>alert(1)</script>@example.com",
    "' OR 1=1 --@example.com",
    "%s%n@example.com",
)


# Waiting: several of these are one address, which gets no more for now.
STATES = ("sent", "skipped", "failed", "pending")


class RawMailCase(SmtpClinicCase):
    """What reaches the mail server, byte by byte."""

    @contextmanager
    def wire(self):
        """:return: list of (recipients, message)"""
        taken = []

        def send_message(message, _sender, recipients):
            # As smtplib does it: what cannot be written fails here.
            message.as_bytes()
            taken.append((list(recipients), message))

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


@tagged("post_install", "-at_install")
class TestAddresses(RawMailCase):
    def strings(self):
        known = []
        if VECTORS.exists():
            known = [
                vector["address"]
                for vector in json.loads(VECTORS.read_text())
                # PostgreSQL keeps no such character.
                if "\0" not in vector["address"]
            ]
        return [*ADDRESSES, *known]

    def test_whatever_is_in_the_address_field(self):
        """E1, F4: left out with a reason, or sent to that address and no other."""
        people = {}
        for number, text in enumerate(self.strings()):
            person = self.lapsed(f"Patient {number}", email=False)
            # Past every check of the form, as an import or another addon may write.
            self.env.cr.execute(
                "UPDATE res_partner SET email = %s WHERE id = %s", [text, person.id]
            )
            people[person] = text
        self.env.invalidate_all()
        partners = self.env["res.partner"].union(*people)
        self.env.add_to_compute(partners._fields["email_normalized"], partners)
        self.env.flush_all()
        self.refresh()
        campaign = self.campaign()
        counts = {
            refusal: count
            for _segment, refusal, count in self.env[
                "reactivation.enrollment"
            ]._audience_counts(campaign)
        }
        self.assertLessEqual(set(counts), {None, "no_address", "invalid_address"})
        self.assertEqual(sum(counts.values()), len(people))
        self.assertGreater(counts["invalid_address"], 10)
        self.assertGreater(counts[None], 10)
        campaign.action_start()
        with self.wire() as taken:
            for _hour in range(4):
                self.run_crons()
                self.later(hours=25)
        self.assertEqual(campaign.state, "running", campaign.pause_reason)
        by_person = {
            delivery.partner_id: delivery for delivery in self.deliveries(campaign)
        }
        for person, delivery in by_person.items():
            text = people[person]
            self.assertIn(delivery.state, STATES, text)
            if delivery.state != "sent":
                said = delivery.reason or delivery.failure
                self.assertTrue(said, f"{delivery.state} {text}")
        allowed = {
            address for text in people.values() for address in email_normalize_all(text)
        }
        for recipients, message in taken:
            self.assertNotIn("Bcc", message)
            for address in recipients:
                self.assertIn(address.lower(), {item.lower() for item in allowed})
        self.assertAddsUp(campaign)

    def test_every_address_of_the_field_is_asked_about(self):
        """E1, E2: two addresses in one field, one of them given up."""
        suppression = self.env["reactivation.suppression"]
        suppression._add("mail", ["second@example.com"], "bounced")
        people = [
            self.lapsed(f"Ada {number}", email=f"first{between}second@example.com")
            for number, between in enumerate(
                f"{address}{separator}"
                for address in ("@example.com", "@example.com>")
                for separator in (", ", ";", " ", "\n", "\r\nBcc: ", " <")
            )
        ]
        campaign = self.campaign(start=True)
        self.assertFalse(campaign.enrollment_ids)
        people[0].email = "first@example.com"
        self.run_crons()
        self.assertDeliveries(people[0], ["sent"])

    def test_header_injection(self):
        """F4: line breaks in a name, a subject or a clinic add no header."""
        evil = "Ada\r\nBcc: eve@example.com\r\nX-Evil: 1"
        ada = self.lapsed(evil, email="ada@example.com")
        self.env.cr.execute(
            "UPDATE res_partner SET name = %s, complete_name = %s WHERE id = %s",
            [evil, evil, ada.id],
        )
        self.env.cr.execute(
            "UPDATE res_partner SET name = %s, complete_name = %s WHERE id = %s",
            ["Clinic\r\nBcc: eve@example.com", "Clinic", self.clinic.partner_id.id],
        )
        self.env.cr.execute(
            "UPDATE res_company SET name = %s WHERE id = %s",
            ["Clinic\r\nBcc: eve@example.com", self.clinic.id],
        )
        self.env.invalidate_all()
        campaign = self.campaign()
        mailing = campaign.method_ids.step_ids.mailing_ids
        self.env.cr.execute(
            """UPDATE mailing_mailing
                  SET subject = jsonb_build_object('en_US', %s::text) WHERE id = %s""",
            ["We miss you\r\nBcc: eve@example.com", mailing.id],
        )
        self.env.invalidate_all()
        self.refresh()
        with self.assertRaisesRegex(UserError, "is not an e-mail address"):
            campaign.action_start()
        # Had the name of the clinic become so after the start:
        campaign.email_from = "clinic@example.com"
        campaign.action_start()
        self.env.cr.execute(
            "UPDATE reactivation_campaign SET email_from = %s WHERE id = %s",
            ['"Clinic\r\nBcc: eve@example.com" <clinic@example.com>', campaign.id],
        )
        self.env.cr.execute(
            "UPDATE mailing_mailing SET email_from = %s WHERE id = %s",
            ['"Clinic\r\nBcc: eve@example.com" <clinic@example.com>', mailing.id],
        )
        self.env.invalidate_all()
        with self.wire() as taken:
            self.run_crons()
        for recipients, message in taken:
            self.assertEqual(recipients, ["ada@example.com"])
            self.assertFalse({"Bcc", "X-Evil"} & set(message.keys()))
            head = message.as_bytes().split(b"\n\n")[0].replace(b"\r", b"")
            self.assertNotIn(b"\nBcc", head)
            self.assertNotIn(b"\nX-Evil", head)
        delivery = self.deliveries(campaign)
        self.assertIn(delivery.state, ("sent", "failed"))
        self.assertEqual(delivery.state == "sent", bool(taken))

    def test_hostile_names_are_text_in_the_message(self):
        """F1, F2: markup, templates and scripts are printed as they are."""
        names = (
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "{{object.env.cr.dbname}}",
            "${object.env}",
            '<t t-out="object.env"/>',
            "{% raw %}",
        )
        for number, name in enumerate(names):
            self.lapsed(
                name, email=f"p{number}@example.com", website="javascript:alert(1)"
            )
        campaign = self.campaign(start=True)
        with self.wire() as taken:
            self.run_crons()
        self.assertEqual(len(taken), len(names))
        for _recipients, message in taken:
            body = message.get_body(("html",)).get_content()
            plain = message.get_body(("plain",)).get_content()
            for wrong in ("<script", "<img src=x", "javascript:"):
                self.assertNotIn(wrong, body)
            for text in (body, plain):
                self.assertNotIn(self.env.cr.dbname, text.replace("_", ""))
                self.assertNotIn("odoo.api.Environment", text)
        # Read again, as on the thread of the patient.
        for message in campaign.enrollment_ids.message_ids:
            self.assertNotIn("<script", message.body)


@tagged("post_install", "-at_install")
class TestHours(SmtpClinicCase):
    def sent_at(self, start, hours, step=timedelta(minutes=30), **values):
        """Run the jobs every half hour. :return: moments at which a mail left"""
        ada = self.lapsed(tz="America/New_York", **values)
        with self.at(start):
            self.campaign(start=True)
            moments = []
            for _run in range(int(timedelta(hours=hours) / step)):
                before = len(self.mails_to(ada.email))
                self.env["reactivation.delivery"]._cron_run()
                if len(self.mails_to(ada.email)) > before:
                    moments.append(datetime.now())
                self.frozen.tick(step)
        return moments

    def test_hour_that_does_not_exist(self):
        """D2: 2:30 on the day the clocks go forward: at 3:00, once."""
        self.clinic.write({"reactivation_hour_from": 2.5, "reactivation_hour_to": 4})
        # 00:30 in New York; at 2:00 it is 3:00.
        moments = self.sent_at(datetime(2026, 3, 8, 5, 30), 30)
        self.assertEqual(moments, [datetime(2026, 3, 8, 7, 0)])

    def test_hour_that_comes_twice(self):
        """D2: 1:30 on the day the clocks go back: the first time, once."""
        self.clinic.write({"reactivation_hour_from": 1.5, "reactivation_hour_to": 4})
        moments = self.sent_at(datetime(2026, 11, 1, 4, 30), 30)
        self.assertEqual(moments, [datetime(2026, 11, 1, 5, 30)])

    def test_window_goes_by_the_patients_clock_and_not_by_the_job(self):
        """D3: a job at the same hour of the server, before and after the change."""
        start = datetime(2026, 3, 7, 12, 30)  # 7:30 in New York
        self.assertEqual(self.sent_at(start, 1, timedelta(hours=1)), [])
        after = datetime(2026, 3, 8, 12, 30)  # 8:30 in New York
        moments = self.sent_at(after, 1, timedelta(hours=1), name="Bob Sample")
        self.assertEqual(moments, [after])

    def test_pace_and_hours_together(self):
        """L2: what does not fit before the evening goes out in the morning."""
        self.clinic.reactivation_pace = 4
        for number in range(20):
            self.lapsed(f"Patient {number}", tz="America/New_York")
        self.refresh()
        moments = []
        with self.at(datetime(2026, 3, 3, 0, 57)):  # three minutes to eight
            campaign = self.campaign(start=True)
            for _minute in range(8):
                before = len(self._mails)
                self.env["reactivation.delivery"]._cron_run()
                moments.append(len(self._mails) - before)
                self.frozen.tick(timedelta(seconds=61))
            self.assertEqual(moments[:4], [4, 4, 4, 0])
            self.assertEqual(sum(moments), 12)
            waiting = self.deliveries(campaign).filtered(
                lambda item: item.state == "pending"
            )
            self.assertEqual(set(waiting.mapped("reason")), {"quiet_hours"})
            self.assertEqual(min(waiting.mapped("date")), datetime(2026, 3, 3, 13, 0))
            self.frozen.move_to(datetime(2026, 3, 3, 13, 1))
            for _minute in range(3):
                self.env["reactivation.delivery"]._cron_run()
                self.frozen.tick(timedelta(seconds=61))
            self.assertEqual(set(self.deliveries(campaign).mapped("state")), {"sent"})
        self.assertAddsUp(campaign)


@tagged("post_install", "-at_install")
class TestNobodyToContact(SmtpClinicCase):
    def test_something_happens_between_enrollment_and_sending(self):
        """E5, E7: asked again right before each message, whatever it is."""
        changes = {
            "deceased": lambda one: one.write({"deceased_date": date(2026, 3, 1)}),
            "excluded": lambda one: one.write({"active": False}),
            "do_not_contact": lambda one: one.write({"do_not_contact": True}),
            "minor": lambda one: one.write({"birth_date": date(2020, 1, 1)}),
            "booked": lambda one: self.meet(one, -5),
            "returned": lambda one: self.visit(one, 0),
            "no_address": lambda one: one.write({"email": False}),
            "invalid_address": lambda one: one.write({"email": "n/a"}),
            "blacklisted": lambda one: self.env["mail.blacklist"]._add(one.email),
            "bounced": lambda one: self.env["reactivation.suppression"]._add(
                "mail", [one.email], "bounced"
            ),
            "opted_out": lambda one: self.env["reactivation.consent"]._withdraw(
                one, self.clinic, "mail", "care", "page"
            ),
        }
        people = {code: self.lapsed(code) for code in changes}
        self.campaign(start=True)
        for code, change in changes.items():
            change(people[code])
        with self.server_answers() as taken:
            self.env["reactivation.delivery"]._cron_run()
        self.assertFalse(taken)
        for code, person in people.items():
            with self.subTest(code=code):
                self.assertDeliveries(person, [("skipped", code)])

    def test_something_happens_while_the_batch_is_sent(self):
        """A14, E5: of the patient and of the guardian, up to the last moment."""
        mother = self.person("Mother")
        child = {"birth_date": date(2015, 1, 1), "guardian_id": mother.id}
        changes = {
            "Dead": lambda one: one.write({"deceased_date": date(2026, 3, 1)}),
            "Archived": lambda one: one.write({"active": False}),
            "Silent": lambda one: one.write({"do_not_contact": True}),
            "Silent child": lambda one: one.write({"do_not_contact": True}),
            "Dead child": lambda one: one.write({"deceased_date": date(2026, 3, 1)}),
        }
        for name, change in changes.items():
            with self.subTest(name=name):
                mother.email = f"{name.lower().replace(' ', '.')}.mother@example.com"
                values = child if "child" in name else {}
                person = self.lapsed(name, **values)
                campaign = self.campaign(start=True, name=name)
                deliveries = self.env["reactivation.delivery"]
                deliveries._schedule_due()
                claimed, _decided = deliveries._claim(50)
                self.assertEqual(len(claimed), 1)
                change(person)
                with self.server_answers() as taken:
                    claimed._deliver()
                    claimed._give_back()
                self.assertFalse(taken)
                self.assertEqual(claimed.state, "pending")
                campaign.action_done()
                self.later(days=2)

    def test_dates_no_patient_can_have(self):
        """E6: the future, 1900 and none make nobody lapsed."""
        for number, when in enumerate(
            (
                datetime(2030, 1, 1, 12),
                datetime(1900, 1, 1),
                datetime(1970, 1, 1),
            )
        ):
            self.visit(self.person(f"Patient {number}"), when)
        self.person("Never", patient_mark="patient")
        campaign = self.campaign(start=True)
        self.assertFalse(campaign.enrollment_ids)
        suspect = self.env["reactivation.visit"].search([("state", "=", "suspect")])
        self.assertEqual(len(suspect), 3)

    def test_staff_are_no_patients(self):
        """E5"""
        self.visit(self.doctor.partner_id, 300)
        self.visit(self.desk.partner_id, 300)
        self.assertFalse(self.campaign(start=True).enrollment_ids)


@tagged("post_install", "-at_install")
class TestTasksAndCaps(SmtpClinicCase):
    def call_campaign(self, steps=2, delay=1, **values):
        campaign = self.campaign(steps=steps)
        campaign.method_ids.step_ids[0].write(
            {"channel": "call", "script": "We miss you.", **values}
        )
        campaign.method_ids.step_ids[1:].delay_days = delay
        self.start(campaign)
        return campaign

    def test_old_task_is_withdrawn_at_an_objection(self):
        """J4: also when the time of its step is over."""
        ada = self.lapsed(phone="+1 212 555 0100")
        self.call_campaign(steps=1, valid_days=3)
        self.run_crons()
        self.later(days=10)
        self.run_crons()
        # Nobody called yet; it may still be done.
        self.assertDeliveries(ada, ["todo"])
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "all", "all", "staff"
        )
        self.run_crons()
        self.assertDeliveries(ada, [("skipped", "opted_out")])
        self.assertFalse(self.enrollment(ada).activity_ids)

    def test_call_made_late_counts_for_the_day(self):
        """T2: one contact a day, however long the task had waited."""
        ada = self.lapsed(phone="+1 212 555 0100")
        self.call_campaign(delay=10)
        self.run_crons()
        self.later(days=9, hours=23)
        self.enrollment(ada).activity_ids._action_done()
        self.later(hours=2)
        self.run_crons()
        self.assertDeliveries(ada, ["sent", ("pending", "cap_day")])
        self.later(days=1)
        self.run_crons()
        self.assertDeliveries(ada, ["sent", "sent"])


@tagged("post_install", "-at_install")
class TestDoubleWork(MailClinicCase):
    def test_second_campaign_leaves_the_patient_to_the_first(self):
        """A10: and says so in words."""
        self.lapsed()
        first = self.campaign(start=True)
        second = self.campaign(name="Second")
        here = {"allowed_company_ids": self.clinic.ids}
        second.with_user(self.manager).with_context(**here).action_start()
        self.assertEqual((first.enrolled_count, second.enrolled_count), (1, 0))
        preview = self.env["reactivation.audience.preview"].create(
            {"campaign_id": second.id}
        )
        line = preview.line_ids.filtered(lambda item: item.refusal == "other_campaign")
        self.assertEqual(line.count, 1)

    def test_what_a_user_reads_when_the_database_refuses(self):
        """A10: no name of an index."""
        ada = self.lapsed()
        self.campaign(start=True)
        first = self.enrollment(ada)
        second = self.campaign(name="Second")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError) as caught:
            with self.env.cr.savepoint():
                first.copy({"campaign_id": second.id})
                self.env.flush_all()
        self.assertEqual(
            first._sql_error_to_message(caught.exception),
            "This patient is in a running campaign of this company already.",
        )

    def test_patient_who_has_several_rows_of_contact(self):
        """A10, E4: two contacts with one address are two patients, one a day."""
        for name in ("Ada", "Ada again"):
            self.lapsed(name, email="ada@example.com")
        self.campaign(start=True)
        self.run_crons()
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)

    def test_no_text_in_the_language_of_the_patient(self):
        """E10: never an empty message, with whatever is there."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["res.lang"]._activate_lang("de_DE")
        luc = self.lapsed("Luc", lang="fr_FR")
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        step.mailing_ids.unlink()
        step._create_mailing("de_DE")
        self.refresh()
        campaign.action_start()
        self.run_crons()
        self.assertFalse(campaign.pause_reason)
        self.assertDeliveries(luc, ["sent"])
        (mail,) = self.mails_to("luc@example.com")
        self.assertGreater(len(mail["body"]), 300)
        self.assertTrue(mail["subject"])


@tagged("post_install", "-at_install")
class TestComplaint(ResponseCase):
    def test_complaint_after_the_clock_was_set_back(self):
        """D8, J4: an objection counts, whatever the clock says of its message."""
        self.later(days=-1)
        self.complain()
        self.assertEqual(len(self.withdrawals()), 1)

    def test_complaint_about_a_message_of_which_nobody_knows(self):
        """B3: whoever complains has got it."""
        self.delivery.write({"state": "pending", "sent_on": False})
        self.complain()
        self.assertEqual(len(self.withdrawals()), 1)
        self.run_crons()
        self.assertDeliveries(self.ada, [("skipped", "opted_out")])
