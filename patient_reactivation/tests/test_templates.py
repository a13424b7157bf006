"""Campaigns that are ready to be used, in the languages of the clinic."""

import re

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.patient_reactivation.tests.common import ClinicCase
from odoo.addons.patient_reactivation.tools import minimum_information

# No message tells of these, in its subject, its preview or its text.
TELLING = re.compile(
    r"diagnos|disease|illness|surg|cancer|therap|treatment|specialist|balance|"
    r"overdue|owe|discount|last chance|only today|hurry|months ago|year|"
    r"maladie|chirurg|traitement|solde|remise|dernière chance|il y a \d|année",
    re.IGNORECASE,
)


@tagged("post_install", "-at_install")
class TestTemplates(ClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["ir.module.module"]._load_module_terms(
            ["patient_reactivation"], ["fr_FR"]
        )
        cls.clinic.write(
            {"phone": "+1 212-555-0100", "website": "https://elm.example.com"}
        )
        cls.clinic.partner_id.lang = "en_US"
        cls.templates = cls.env["reactivation.campaign.template"].search(
            [("company_id", "=", False)]
        )
        cls.recall = cls.env.ref("patient_reactivation.campaign_template_recall")
        cls.cover = cls.env.ref("patient_reactivation.campaign_template_cover")

    def use(self, template, user=None, lang="en_US"):
        """The campaign a manager gets of a template."""
        template = self.as_user(user or self.manager, template)
        action = template.with_context(lang=lang).action_use()
        return self.env[action["res_model"]].browse(action["res_id"])

    def errors(self, campaign):
        return [
            item["text"] for item in campaign._problems() if item["level"] == "error"
        ]

    # -------------------------------------------------------------------- ready

    def test_every_template_is_ready_to_start(self):
        """Nothing is missing but a click, whichever template is used."""
        self.assertGreaterEqual(len(self.templates), 4)
        for template in self.templates:
            with self.subTest(template=template.name):
                campaign = self.use(template)
                self.assertEqual(campaign.state, "draft")
                self.assertEqual(campaign.company_id, self.clinic)
                self.assertEqual(self.errors(campaign), [])
                self.assertGreater(campaign.control_percent, 0)
                for method in campaign.method_ids:
                    self.assertIn(len(method.step_ids), (2, 3, 4, 5))

    def test_no_step_has_anything_to_mend(self):
        """Not even a warning: the conditions of the steps mean something."""
        for template in self.templates:
            for method in self.use(template).method_ids:
                with self.subTest(template=template.name, method=method.name):
                    self.assertEqual([item["text"] for item in method._problems()], [])

    def test_ready_in_french(self):
        """A French manager gets French names, and every e-mail in both languages."""
        for template in self.templates:
            with self.subTest(template=template.name):
                campaign = self.use(template, lang="fr_FR")
                self.assertEqual(self.errors(campaign), [])
                for step in campaign.method_ids.step_ids:
                    if "mail" not in step._channels():
                        continue
                    self.assertEqual(
                        set(step.sudo().mailing_ids.mapped("reactivation_lang")),
                        {"en_US", "fr_FR"},
                    )

    def test_the_words_are_those_of_each_language(self):
        """A translation of the template's words reaches e-mail, script and letter."""
        step = self.env.ref("patient_reactivation.campaign_template_recall_step_1_1")
        step.with_context(lang="fr_FR").subject = "C'est le moment"
        step.update_field_translations(
            "mail_body", {"fr_FR": {"Hello {first_name},": "Bonjour {first_name},"}}
        )
        step.update_field_translations(
            "letter_body", {"fr_FR": {"Dear {name},": "Cher {name},"}}
        )
        call = self.env.ref("patient_reactivation.campaign_template_recall_step_1_3")
        call.with_context(lang="fr_FR").script = "Bonjour, ici {clinic}."
        campaign = self.use(self.recall)
        steps = campaign.method_ids[0].step_ids
        mailings = {
            mailing.reactivation_lang: mailing for mailing in steps[0].mailing_ids
        }
        self.assertEqual(mailings["fr_FR"].subject, "C'est le moment")
        self.assertIn("Bonjour", mailings["fr_FR"].body_html)
        self.assertEqual(mailings["en_US"].subject, "Time for your next visit")
        self.assertIn("Hello", mailings["en_US"].body_html)
        self.assertNotIn("Bonjour", mailings["en_US"].body_html)
        french = steps.with_context(lang="fr_FR")
        self.assertIn("Cher {name}", french[0].letter_body)
        self.assertEqual(french[2].script, "Bonjour, ici {clinic}.")
        english = steps.with_context(lang="en_US")
        self.assertIn("Dear {name}", english[0].letter_body)
        self.assertIn("Hello, this is", english[2].script)

    def test_a_clinic_that_speaks_another_language(self):
        """The e-mails of the company's own language are there to be rewritten."""
        self.env["res.lang"]._activate_lang("de_DE")
        self.clinic.partner_id.lang = "de_DE"
        campaign = self.use(self.recall)
        languages = campaign.method_ids.step_ids.mailing_ids.mapped("reactivation_lang")
        self.assertEqual(set(languages), {"de_DE", "en_US", "fr_FR"})

    def test_one_language(self):
        self.env["res.lang"].search([("code", "=", "fr_FR")]).active = False
        campaign = self.use(self.recall)
        languages = campaign.method_ids.step_ids.mailing_ids.mapped("reactivation_lang")
        self.assertEqual(set(languages), {"en_US"})

    # -------------------------------------------------------------------- words

    def test_e_mails_are_filled_in_for_a_patient(self):
        """H3: what leaves names the patient and the clinic, and tells nothing more."""
        patient = self.lapsed("Ada Sample", lang="fr_FR")
        self.refresh()
        trial = self.env["reactivation.trial"]
        for template in self.templates:
            campaign = self.use(template)
            with trial._undone():
                enrollment = trial._try_enrollment(campaign, patient, self.opening)
                for mailing in campaign.method_ids.step_ids.mailing_ids:
                    with self.subTest(template=template.name, mail=mailing.subject):
                        parts = trial._mail_parts(mailing, enrollment)
                        self.check_mail(mailing, parts)

    def check_mail(self, mailing, parts):
        self.assertTrue(parts["subject"] and parts["preview"])
        self.assertIn(" Ada,", parts["body"])
        self.assertIn("1 Main Street", parts["body"])
        self.assertIn("+1 212-555-0100", parts["body"])
        self.assertIn("/unsubscribe_from_list", parts["body"])
        self.assertNotIn("{", mailing.subject + mailing.preview)
        words = re.sub(r"<style.*?</style>|<[^>]*>", " ", parts["body"], flags=re.S)
        for text in (parts["subject"], parts["preview"], words):
            self.assertNotRegex(text, TELLING)

    def test_the_minimum_of_information(self):
        """H3: the linter finds nothing in any template, in any language."""
        for template in self.templates:
            campaign = self.use(template)
            for mailing in campaign.method_ids.step_ids.mailing_ids:
                with self.subTest(template=template.name, mail=mailing.subject):
                    for text in (mailing.subject, mailing.preview):
                        self.assertEqual(minimum_information.forbidden(text), [])
                        self.assertEqual(minimum_information.telling(text), [])
                    self.assertEqual(
                        minimum_information.forbidden(mailing.body_html), []
                    )

    def test_a_name_that_is_not_known(self):
        """“Hello,” and not “Hello ,” for who has no name."""
        patient = self.lapsed("Ada Sample")
        home = self.doctor.partner_id.id
        patient.write({"name": False, "type": "other", "parent_id": home})
        campaign = self.use(self.recall)
        trial = self.env["reactivation.trial"]
        mailing = (
            campaign.method_ids[0]
            .step_ids[0]
            .mailing_ids.filtered(lambda item: item.reactivation_lang == "en_US")
        )
        with trial._undone():
            enrollment = trial._try_enrollment(campaign, patient, self.opening)
            body = trial._mail_parts(mailing, enrollment)["body"]
        self.assertIn("Hello,", body)

    def test_a_manager_may_edit_the_e_mails(self):
        """Nothing in them asks for more than a manager may write."""
        campaign = self.use(self.recall)
        mailing = campaign.method_ids[0].step_ids[0].mailing_ids[0]
        mailing = self.as_user(self.manager, mailing)
        mailing.write({"body_html": mailing.body_html, "subject": "Hello again"})
        self.assertEqual(mailing.subject, "Hello again")

    # ----------------------------------------------------------------- segments

    def test_segments_are_those_of_the_clinic(self):
        """Tiers and reasons of the clinic are used."""
        segments = self.use(self.recall).segment_ids
        self.assertEqual(
            segments.tier_ids, self.env.ref("patient_reactivation.reactivation_tier_6")
        )
        self.assertEqual(segments.mapped("visit_pattern"), ["repeat", "single"])
        reasons = self.use(self.cover).segment_ids.reason_ids
        self.assertEqual(
            set(reasons.mapped("code")), {"coverage_lost", "coverage_changed"}
        )

    def test_a_clinic_with_tiers_of_its_own(self):
        """Other tiers: the months are a condition, and mean the same patients."""
        self.env["reactivation.tier"].create(
            {"name": "9+", "months_from": 9, "company_id": self.clinic.id}
        )
        recent = self.lapsed("Rea Recent", days=220)
        late = self.lapsed("Lena Late", days=500)
        self.refresh()
        campaign = self.use(self.recall)
        self.assertFalse(campaign.segment_ids.tier_ids)
        campaign.control_percent = 0
        campaign.action_start()
        self.assertEqual(campaign.enrollment_ids.partner_id, recent)
        self.assertNotIn(late, campaign.enrollment_ids.partner_id)

    def test_a_reason_that_was_deleted_means_nobody(self):
        """A template for a reason never turns into one for everybody."""
        reasons = self.env["reactivation.reason"].search(
            [("code", "in", ["coverage_lost", "coverage_changed"])]
        )
        reasons.unlink()
        self.lapsed("Ada Sample")
        self.refresh()
        campaign = self.use(self.cover)
        campaign.action_start()
        self.assertFalse(campaign.enrollment_ids)

    def test_two_reasons_are_two_segments(self):
        """Whoever lost the coverage is found, and nobody else."""
        lost = self.lapsed("Cleo Covered")
        self.lapsed("Ada Sample")
        self.refresh()
        self.row(lost).reason_id = self.env.ref(
            "patient_reactivation.reactivation_reason_coverage_lost"
        )
        campaign = self.use(self.cover)
        campaign.control_percent = 0
        campaign.action_start()
        self.assertEqual(campaign.enrollment_ids.partner_id, lost)
        self.assertEqual(campaign.enrollment_ids.segment_id, campaign.segment_ids[0])

    # ------------------------------------------------------------------ gallery

    def test_what_a_card_draws(self):
        timeline = self.recall.timeline
        self.assertEqual(timeline["steps"], 4)
        self.assertEqual(
            [step["day"] for step in timeline["methods"][0]["steps"]],
            ["Day 0", "Day 7", "Day 14", "Day 28"],
        )
        self.assertEqual(timeline["days"], 35)

    def test_an_icon_is_a_name(self):
        with self.assertRaises(ValidationError):
            self.recall.icon = 'fa-phone" onclick="alert(1)'

    def test_another_addon_adds_a_template(self):
        """Plain records are enough."""
        template = self.env["reactivation.campaign.template"].create(
            {
                "name": "Video check",
                "segment_ids": [Command.create({"name": "Everybody"})],
                "method_ids": [
                    Command.create(
                        {
                            "name": "Own channel",
                            "step_ids": [
                                Command.create(
                                    {
                                        "name": "Own channel",
                                        "channel": "preferred",
                                        "subject": "Hello again",
                                        "preview": "A word from us",
                                        "mail_body": "<p>Hello {first_name},</p>",
                                        "script": "Hello, this is {clinic}.",
                                    }
                                )
                            ],
                        }
                    )
                ],
            }
        )
        campaign = self.use(template)
        self.assertEqual(self.errors(campaign), [])
        self.assertEqual(len(campaign.method_ids.step_ids.mailing_ids), 2)

    # -------------------------------------------------------------------- roles

    def test_the_front_desk_uses_no_template(self):
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.recall).action_use()
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.recall).read(["name"])

    def test_a_portal_user_sees_no_template(self):
        portal = self._staff(
            "portal_template", self.clinic, self.clinic.ids, "base.group_portal"
        )
        with self.assertRaises(AccessError):
            self.as_user(portal, self.recall).read(["name"])

    def test_a_manager_changes_no_template(self):
        """They serve every company."""
        with self.assertRaises(AccessError):
            self.as_user(self.manager, self.recall).name = "Mine"

    def test_a_template_of_another_company(self):
        foreign = self.recall.copy({"company_id": self.other_clinic.id})
        self.assertTrue(foreign.method_ids.step_ids)
        with self.assertRaises(AccessError):
            self.as_user(self.manager, foreign).action_use()
        steps = self.as_user(self.manager, foreign.method_ids.step_ids.browse())
        self.assertFalse(steps.search([("company_id", "=", self.other_clinic.id)]))

    def test_the_campaign_is_of_the_company_one_works_in(self):
        manager = self._staff(
            "manager_both",
            self.other_clinic,
            [Command.set([self.clinic.id, self.other_clinic.id])],
            "patient_reactivation.group_reactivation_manager",
        )
        template = self.as_user(manager, self.recall)
        action = template.with_company(self.other_clinic).action_use()
        campaign = self.env["reactivation.campaign"].browse(action["res_id"])
        self.assertEqual(campaign.company_id, self.other_clinic)
