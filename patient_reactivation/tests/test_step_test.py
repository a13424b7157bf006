"""Trying a step on oneself, with the data of a patient."""

import smtplib
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.base.models.ir_mail_server import IrMail_Server
from odoo.addons.patient_reactivation.tests.common import MailClinicCase, Untouched


@tagged("post_install", "-at_install")
class TestStepTest(Untouched, MailClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager.email = "manager@elm.example.com"
        cls.ada = cls.lapsed("Ada Sample")
        cls.refresh()
        cls.recall = cls.campaign()
        cls.step = cls.recall.method_ids.step_ids
        cls.mailing = cls.step.mailing_ids

    def prepare(self, step=None, user=None, **values):
        user = user or self.manager
        tests = self.env["reactivation.step.test"].with_user(user)
        return tests.with_context(
            allowed_company_ids=user.company_ids.ids, lang="en_US"
        ).create(
            {"step_id": (step or self.step).id, "partner_id": self.ada.id, **values}
        )

    # --------------------------------------------------------------------- mail

    def test_one_gets_what_the_patient_would_get(self):
        """Her name is in it, and it goes to the manager alone."""
        self.prepare().action_send()
        self.assertEqual(len(self._mails), 1)
        mail = self._mails[0]
        self.assertEqual(mail["email_to"], ["manager@elm.example.com"])
        self.assertEqual(mail["subject"], "[Test] It is time for your next visit")
        self.assertIn("Hello Ada,", " ".join(mail["body"].split()))
        self.assertEqual(mail["email_from"], self.recall.email_from)

    def test_the_body_is_the_same_as_when_it_is_sent(self):
        """Word for word what leaves later, but for the links."""
        self.prepare().action_send()
        tried = self._mails[0]["body_alternative"]
        self._mails.clear()
        self.start(self.recall)
        self.run_crons()
        [sent] = self.mails_to("ada.sample@example.com")

        def words(text):
            return [word for word in text.split() if "http" not in word and word != "#"]

        self.assertEqual(words(tried), words(sent["body_alternative"]))

    def test_nothing_is_kept(self):
        """No delivery, no trace, no statistics, no outcome, no message."""
        before = self.counts()
        self.prepare().action_send()
        self.assertEqual(self.counts(), before)
        self.assertFalse(self.mailing.mailing_trace_ids)
        self.assertEqual(self.mailing.state, "draft")

    def test_the_links_of_a_test_do_nothing(self):
        """Pressing unsubscribe in a test opts nobody out: not the patient either."""
        self.prepare().action_send()
        mail = self._mails[0]
        parts = ("body", "body_alternative", "headers")
        text = " ".join(str(mail.get(part)) for part in parts)
        self.assertIn("Unsubscribe", mail["body"])
        for trap in ("unsubscribe_from_list", "/mailing/", "List-Unsubscribe", "/r/"):
            self.assertNotIn(trap, text)
        self.assertEqual(mail["reply_to"], "manager@elm.example.com")
        self.assertNotIn("reactivation.enrollment", str(mail["message_id"]))

    def test_odoos_own_test_button_is_ours(self):
        """Odoo's test would carry a genuine unsubscribe link of some patient."""
        action = self.mailing.action_test()
        self.assertEqual(action["res_model"], "reactivation.step.test")
        test = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(test.step_id, self.step)
        self.assertEqual(test.lang, "en_US")
        self.assertEqual(test.partner_id, self.ada)

    def test_other_mailings_keep_odoos_test(self):
        mailing = self.env["mailing.mailing"].create(
            {
                "subject": "News",
                "mailing_model_id": self.env.ref("base.model_res_partner").id,
            }
        )
        self.assertEqual(mailing.action_test()["res_model"], "mailing.mailing.test")

    def test_the_language_is_chosen(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        french = self.step._create_mailing("fr_FR")
        french.subject = "Bientôt"
        self.prepare(lang="fr_FR").action_send()
        self.assertEqual(self._mails[0]["subject"], "[Test] Bientôt")

    def test_during_a_campaign(self):
        """A patient who is enrolled and written to is a patient to test with."""
        self.start(self.recall)
        self.run_crons()
        before = self.enrollment(self.ada).read()[0]
        self.prepare().action_send()
        self.assertEqual(self.enrollment(self.ada).read()[0], before)
        self.assertIn("[Test]", self._mails[-1]["subject"])

    # ---------------------------------------------------------------- addresses

    def test_only_people_of_the_clinic(self):
        """A test contains a patient's data: no other address gets one."""
        for address in (
            "ada.sample@example.com",
            "somebody@example.org",
            "manager@elm.example.com, somebody@example.org",
            "",
        ):
            with self.subTest(address=address), self.assertRaises(UserError):
                self.prepare(email_to=address).action_send()
        self.assertFalse(self._mails)

    def test_no_user_of_another_company(self):
        foreign = self._staff(
            "foreign", self.other_clinic, [Command.set(self.other_clinic.ids)]
        )
        foreign.email = "foreign@lake.example.com"
        with self.assertRaises(UserError):
            self.prepare(email_to="foreign@lake.example.com").action_send()

    def test_no_portal_user(self):
        portal = self._staff(
            "portal", self.clinic, self.clinic.ids, "base.group_portal"
        )
        portal.email = "portal@elm.example.com"
        with self.assertRaises(UserError):
            self.prepare(email_to="portal@elm.example.com").action_send()
        with self.assertRaises(AccessError):
            self.prepare(user=portal)

    # ------------------------------------------------------------------- errors

    def fail_with(self, error):
        def send_email(*_arguments, **_options):
            raise error

        with (
            patch.object(IrMail_Server, "send_email", send_email),
            self.assertRaises(UserError) as caught,
        ):
            self.prepare().action_send()
        return str(caught.exception)

    def test_the_mail_server_does_not_answer(self):
        text = self.fail_with(ConnectionRefusedError("refused"))
        self.assertIn("does not answer", text)

    def test_the_mail_server_refuses_the_password(self):
        text = self.fail_with(smtplib.SMTPAuthenticationError(535, b"bad password"))
        self.assertIn("takes nothing from us", text)
        self.assertIn("535 bad password", text)

    def test_an_e_mail_that_cannot_be_filled_in(self):
        self.mailing.body_html = '<p><t t-out="object.no_such_field"></t></p>'
        with self.assertRaisesRegex(UserError, "cannot be filled in"):
            self.prepare().action_send()

    def test_a_step_without_an_e_mail(self):
        self.mailing.unlink()
        with self.assertRaisesRegex(UserError, "has no e-mail"):
            self.prepare().action_send()

    # ------------------------------------------------------------ other channels

    def other_step(self, channel, **values):
        return self.env["reactivation.step"].create(
            {
                "name": channel.title(),
                "method_id": self.recall.method_ids.id,
                "channel": channel,
                "sequence": 9,
                **values,
            }
        )

    def test_the_text_of_a_call(self):
        step = self.other_step("call", script="Hello {first_name},\nthis is {clinic}.")
        test = self.prepare(step)
        self.assertEqual(test.channel, "call")
        self.assertEqual(
            str(test.text), "<p>Hello Ada,</p><p>this is Elm Street Clinic.</p>"
        )

    def test_the_text_of_a_message(self):
        step = self.other_step("social", message="Hello {first_name}!")
        self.assertEqual(str(self.prepare(step).text), "<p>Hello Ada!</p>")

    def test_the_letter_on_paper(self):
        """The PDF has the address, in the language that was chosen."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.ada.write({"street": "2 Main Street", "city": "Albany", "zip": "12207"})
        step = self.other_step("letter", letter_body="<p>Dear {first_name},</p>")
        step.with_context(lang="fr_FR").letter_body = "<p>Chère {first_name},</p>"
        test = self.prepare(step, lang="fr_FR")
        self.assertIn("Chère Ada,", test.text)
        before = self.counts()
        page = test._print().decode()
        self.assertIn("Chère Ada,", page)
        self.assertIn("2 Main Street", page)
        self.assertEqual(self.counts(), before)
        self.assertNotEqual(self.ada.lang, "fr_FR")
        self.assertIn("letter_file", test.action_download()["url"])
        self.assertTrue(test.letter_file)

    def test_a_step_with_two_channels(self):
        """Both can be tried."""
        step = self.other_step(
            "mail", fallback_channel="call", script="Hello {first_name}"
        )
        test = self.prepare(step)
        self.assertEqual((test.channel, test.channel_names), ("mail", "mail,call"))
        test.channel = "call"
        self.assertEqual(str(test.text), "<p>Hello Ada</p>")

    def test_a_minor(self):
        """The guardian gets it, in the guardian's language."""
        self.env["res.lang"]._activate_lang("fr_FR")
        guardian = self.person("Gus Sample", lang="fr_FR")
        self.ada.write({"birth_date": "2019-01-01", "guardian_id": guardian.id})
        step = self.other_step("social", message="Hello {first_name}!")
        step.with_context(lang="fr_FR").message = "Bonjour {first_name} !"
        self.assertEqual(str(self.prepare(step).text), "<p>Bonjour Ada !</p>")

    # -------------------------------------------------------------------- roles

    def test_the_front_desk_sends_no_tests(self):
        with self.assertRaises(AccessError):
            self.prepare(user=self.desk)
        step = self.step.with_user(self.desk).with_context(
            allowed_company_ids=self.clinic.ids
        )
        with self.assertRaises(AccessError):
            step.action_send_test()

    def test_a_step_of_another_company(self):
        foreign = self.stranger()
        with self.assertRaises(AccessError):
            self.prepare(user=foreign).action_send()
        self.assertFalse(self._mails)

    def test_the_button_of_a_step(self):
        action = self.step.action_send_test()
        test = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual((test.step_id, test.partner_id), (self.step, self.ada))
