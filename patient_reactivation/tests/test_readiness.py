from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..tools import expressions
from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestReadiness(ClinicCase):
    """What cannot work does not start, and each fault is named with a way to mend
    it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recall = cls.campaign(control=10)
        cls.step = cls.recall.method_ids.step_ids
        cls.mailing = cls.step.mailing_ids
        cls.env["ir.mail_server"].create(
            {"name": "Clinic", "smtp_host": "mail.example.com"}
        )
        cls.lapsed("Ada", phone="+1 212-555-0142")
        cls.refresh()

    def faults(self, level="error", campaign=None):
        campaign = campaign or self.recall
        campaign.env.invalidate_all()
        return [item for item in campaign._problems() if item["level"] == level]

    def assertFault(self, *words, level="error", campaign=None):
        """One problem has all these words.

        :return: dict: the problem
        """
        faults = self.faults(level, campaign)
        for fault in faults:
            if all(word in fault["text"] for word in words):
                return fault
        raise AssertionError(f"{words} not in {[item['text'] for item in faults]}")

    def set_body(self, html):
        """What an administrator wrote into the e-mail's code."""
        self.mailing.body_html = (
            f'<div>{html}<a href="/unsubscribe_from_list">Stop</a></div>'
        )

    # -------------------------------------------------------------------- ready

    def test_a_complete_campaign_is_ready(self):
        self.assertEqual(self.faults(), [])
        self.assertEqual(self.faults("warning"), [])
        self.assertTrue(self.recall.readiness["ready"])
        self.recall.action_start()
        self.assertEqual(self.recall.state, "running")

    def test_the_checklist_is_for_drafts_and_pauses(self):
        self.recall.action_start()
        self.env.invalidate_all()
        self.assertFalse(self.recall.readiness)
        self.recall.action_pause()
        self.env.invalidate_all()
        self.assertTrue(self.recall.readiness["ready"])

    def test_a_new_campaign_has_no_checklist_yet(self):
        self.assertFalse(self.env["reactivation.campaign"].new({}).readiness)

    # ------------------------------------------------------------------- errors

    def test_the_postal_address_is_named_field_by_field(self):
        """E1 of the rules for e-mails: no start without a postal address."""
        self.clinic.write({"street": False, "city": False})
        fault = self.assertFault("Elm Street Clinic", "Street", "City")
        self.assertEqual(fault["model"], "res.company")
        with self.assertRaisesRegex(UserError, "City"):
            self.recall.action_start()

    def test_a_manager_mends_the_address_on_the_contact(self):
        self.clinic.street = False
        campaign = self.as_user(self.manager, self.recall)
        fault = self.assertFault("Street", campaign=campaign)
        self.assertEqual(
            (fault["model"], fault["id"]), ("res.partner", self.clinic.partner_id.id)
        )

    def test_a_link_that_the_user_may_not_use_is_not_offered(self):
        """This manager may not write contacts either."""
        self.clinic.street = False
        campaign = self.as_user(self.manager, self.recall)
        self.env.invalidate_all()
        (fault,) = [
            item
            for item in campaign.readiness["problems"]
            if item["model"] == "res.partner"
        ]
        self.assertFalse(fault["can_mend"])

    def test_the_sender_is_missing_or_no_address(self):
        self.clinic.email = False
        self.recall.email_from = False
        self.assertFault("sender")
        self.recall.email_from = "Elm Street Clinic"
        self.assertFault("Elm Street Clinic", "not an e-mail address")

    def test_without_a_sender_of_its_own_it_has_the_clinics(self):
        """The clinic's e-mail was entered after the campaign was made."""
        self.clinic.email = False
        self.recall.email_from = False
        self.clinic.email = "new@example.com"
        self.assertEqual(self.faults(), [])
        self.recall.action_start()
        self.assertIn("new@example.com", self.recall.email_from)
        self.assertIn("new@example.com", self.mailing.email_from)

    def test_what_the_clinic_lacks_is_said_once(self):
        self.clinic.phone = False
        self.step.write({"channel": "call", "script": "Call us: {phone}"})
        self.step.copy({"method_id": self.step.method_id.id})
        (fault,) = self.faults()
        self.assertIn("phone number", fault["text"])
        self.assertEqual((fault["model"], fault["id"]), ("res.company", self.clinic.id))

    def test_no_segment_no_method_no_step(self):
        """E12: a campaign with zero steps."""
        self.step.unlink()
        fault = self.assertFault("E-mails", "no step")
        self.assertEqual(fault["model"], "reactivation.method")
        self.recall.method_ids.unlink()
        self.assertEqual(self.assertFault("method")["page"], "methods")
        self.recall.segment_ids.unlink()
        self.assertEqual(self.assertFault("segment")["page"], "segments")

    def test_the_e_mail_was_deleted(self):
        """E12: template deleted."""
        self.mailing.unlink()
        fault = self.assertFault("E-mail 1", "no e-mail")
        self.assertEqual(
            (fault["model"], fault["id"]), ("reactivation.step", self.step.id)
        )
        with self.assertRaisesRegex(UserError, "E-mail 1"):
            self.recall.action_start()

    def test_the_content_of_other_channels_was_deleted(self):
        """E12: script, letter, message, server action."""
        action = self.env["ir.actions.server"].create(
            {
                "name": "Tell the clinic",
                "model_id": self.env["ir.model"]._get_id("reactivation.enrollment"),
                "state": "object_write",
                "update_path": "reason_id",
            }
        )
        contents = {
            "call": {"script": "Hello"},
            "letter": {"letter_body": "<p>Hello</p>"},
            "social": {"message": "Hello"},
            "action": {"action_id": action.id},
        }
        for channel, content in contents.items():
            self.step.write({"channel": channel, **content})
            self.assertEqual(self.faults(), [], channel)
            self.step.write(dict.fromkeys(content, False))
            fault = self.assertFault("E-mail 1")
            self.assertEqual((channel, fault["id"]), (channel, self.step.id))
        self.step.action_id = action
        action.unlink()
        self.assertFault("E-mail 1")

    def test_the_e_mail_was_archived(self):
        """E12: template archived."""
        self.mailing.active = False
        self.assertFault("E-mail 1", "no e-mail")

    def test_the_last_day_is_over(self):
        self.recall.date_end = date(2020, 1, 1)
        self.assertEqual(self.assertFault("Enroll Until")["page"], "dates")

    def test_an_archived_campaign_does_not_start(self):
        self.recall.active = False
        with self.assertRaisesRegex(UserError, "archived"):
            self.recall.action_start()

    def test_all_errors_are_told_at_once(self):
        self.clinic.street = False
        self.clinic.email = False
        self.recall.email_from = False
        self.mailing.unlink()
        with self.assertRaises(UserError) as caught:
            self.recall.action_start()
        for word in ("Street", "sender", "E-mail 1"):
            self.assertIn(word, str(caught.exception))

    # ------------------------------------------------------------- placeholders

    def test_placeholder_that_does_not_exist_in_the_body(self):
        """E12: named with the e-mail and its language."""
        self.set_body('<t t-out="object.patient_frist_name"/>')
        fault = self.assertFault(
            self.mailing.subject, "English", "object.patient_frist_name"
        )
        self.assertEqual(
            (fault["model"], fault["id"]), ("mailing.mailing", self.mailing.id)
        )

    def test_placeholder_that_does_not_exist_on_the_way(self):
        self.set_body('<t t-out="object.partner_id.nmae"/>')
        self.assertFault("object.partner_id.nmae", "does not exist")

    def test_placeholder_in_subject_and_preview(self):
        self.mailing.subject = "Hello {{ object.first }}"
        self.assertFault("object.first", "does not exist")
        self.mailing.write({"subject": "Hello", "preview": "{{ object.nickname }}"})
        self.assertFault("object.nickname", "does not exist")

    def test_mistyped_expression(self):
        self.mailing.subject = "Hello {{ object. }}"
        self.assertFault("object.", "mistyped")

    def test_expression_that_managers_may_not_use(self):
        """I7: what an administrator wrote into the code does not go out unseen."""
        self.set_body("<t t-out=\"object.env['res.users'].browse(1).name\"/>")
        self.assertFault("may use")
        self.set_body('<t t-foreach="object.outcome_ids" t-as="o">x</t>')
        self.assertFault("t-foreach")

    def test_placeholder_of_texts_in_an_e_mail(self):
        self.mailing.subject = "Hello {first_name}"
        self.assertFault("{first_name}")

    def test_placeholders_that_exist_are_fine(self):
        self.mailing.subject = "{{ object.patient_first_name }}, it is time"
        self.set_body(
            '<t t-out="object.patient_first_name or object.partner_id.name"/>'
            '<p t-if="object.company_id.phone">Call us</p>'
        )
        self.assertEqual(self.faults(), [])

    def test_placeholder_that_does_not_exist_in_a_script(self):
        """E12: texts have placeholders too."""
        self.step.write({"channel": "call", "script": "Hello {frist_name}"})
        self.assertFault("{frist_name}")

    # --------------------------------------------------------------------- loop

    def enroll_action(self, campaign, **values):
        return self.env["ir.actions.server"].create(
            {
                "name": "Enroll",
                "model_id": self.env["ir.model"]._get_id("reactivation.enrollment"),
                "state": "reactivation_enroll",
                "reactivation_campaign_id": campaign.id,
                **values,
            }
        )

    def leads_to(self, campaign, target):
        campaign.method_ids.step_ids.write(
            {"channel": "action", "action_id": self.enroll_action(target).id}
        )

    def test_a_step_that_leads_back_to_its_own_campaign(self):
        """E12: loop in steps."""
        self.leads_to(self.recall, self.recall)
        fault = self.assertFault("E-mail 1", "circle")
        self.assertEqual(fault["model"], "reactivation.step")
        with self.assertRaisesRegex(UserError, "circle"):
            self.recall.action_start()

    def test_a_loop_over_other_campaigns(self):
        """E12: loop over two others, and through an action that runs others."""
        second, third = self.campaign(name="Second"), self.campaign(name="Third")
        self.leads_to(self.recall, second)
        self.leads_to(second, third)
        self.assertEqual(self.faults(), [])
        self.leads_to(third, self.recall)
        self.assertFault("by way of Second, Third")
        third.action_done()
        self.assertEqual(self.faults(), [], "a closed campaign enrolls nobody")
        inner = self.enroll_action(self.recall)
        outer = self.env["ir.actions.server"].create(
            {
                "name": "Several",
                "model_id": inner.model_id.id,
                "state": "multi",
                "child_ids": [Command.set(inner.ids)],
            }
        )
        self.step.action_id = outer
        self.assertFault("leads back to this campaign:")

    def test_a_loop_over_a_campaign_of_another_clinic(self):
        """E12: a manager is told of it without seeing that campaign."""
        theirs = self.campaign(name="Theirs", company_id=self.other_clinic.id)
        self.leads_to(self.recall, theirs)
        self.leads_to(theirs, self.recall)
        self.assertFault(
            "Theirs", "circle", campaign=self.as_user(self.manager, self.recall)
        )

    # ----------------------------------------------------------------- warnings

    def test_no_mail_server(self):
        """C14: a company without a mail server is told before it starts."""
        self.env["ir.mail_server"].search([]).active = False
        fault = self.assertFault("mail server", level="warning")
        self.assertEqual(fault["page"], "mail_servers")
        self.step.write({"channel": "call", "script": "Hello"})
        self.assertFalse(self.faults("warning"), "who only calls needs none")

    def test_e_mail_missing_in_the_clinics_language(self):
        """E10"""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.clinic.partner_id.lang = "fr_FR"
        self.assertFault("E-mail 1", "French", level="warning")
        self.step._create_mailing("fr_FR")
        self.assertEqual(self.faults("warning"), [])

    def test_language_was_uninstalled(self):
        """E10: an e-mail in a language that is no longer there."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.step._create_mailing("fr_FR")
        self.env["res.lang"]._lang_get("fr_FR").active = False
        self.env.registry.clear_cache()
        self.assertFault("fr_FR", "not installed", level="warning")

    def test_nobody_in_the_audience(self):
        self.env["res.partner"].search([("name", "=", "Ada")]).do_not_contact = True
        self.assertFault("Nobody", level="warning")

    def test_no_control_group(self):
        self.recall.control_percent = 0
        fault = self.assertFault("control group", level="warning")
        self.assertEqual(fault["page"], "measure")

    def test_warnings_do_not_keep_it_from_starting(self):
        self.recall.control_percent = 0
        self.recall.action_start()
        self.assertEqual(self.recall.state, "running")

    def test_more_than_a_year_at_this_pace(self):
        self.env["reactivation.patient"].search([]).unlink()
        template = self.env["res.partner"].create(
            [{"name": f"P{n}", "email": f"p{n}@example.com"} for n in range(366)]
        )
        for partner in template:
            self.visit(partner, 300)
        self.refresh()
        self.recall.daily_limit = 1
        self.assertFault("more than a year", level="warning")
        self.recall.daily_limit = 2
        self.assertEqual(self.faults("warning"), [])

    # ------------------------------------------------------------------ mending

    def test_links_open_what_mends_it(self):
        action = self.recall.action_mend("mailing.mailing", self.mailing.id)
        self.assertEqual(
            (action["res_model"], action["res_id"]),
            ("mailing.mailing", self.mailing.id),
        )
        self.assertTrue(action["views"][0][0], "the designer, not Odoo's own form")

    def test_the_checklist_is_for_managers(self):
        """I1: the front desk sees the plan and mends nothing."""
        campaign = self.recall.with_user(self.desk).with_context(
            allowed_company_ids=self.clinic.ids
        )
        with self.assertRaises(AccessError):
            campaign.read(["readiness"])
        for call in (
            lambda: campaign.action_mend("reactivation.step", self.step.id),
            campaign.action_mail_servers,
            campaign.action_start,
            campaign.action_copy,
        ):
            with self.assertRaises(AccessError):
                call()

    def test_links_open_nothing_else(self):
        with self.assertRaises(UserError):
            self.recall.action_mend("res.users", self.env.uid)
        with self.assertRaises(AccessError):
            self.as_user(self.manager, self.recall).action_mend(
                "reactivation.campaign",
                self.campaign(company_id=self.other_clinic.id).id,
            )

    # -------------------------------------------------------------- expressions

    def test_what_an_expression_reads(self):
        self.assertEqual(
            expressions.paths("object.a.b or object.c"),
            (["object.a.b", "object.c"], True),
        )
        self.assertFalse(expressions.paths("object.a()")[1])
        self.assertFalse(expressions.paths("object['a']")[1])
        with self.assertRaises(SyntaxError):
            expressions.paths("object.")
        self.assertEqual(expressions.of_text("Hi {{ a.b ||| you }}!"), ["a.b"])
