"""Nothing in English is left for a French clinic, nor for its patients."""

import os
import re
from collections import Counter
from unittest.mock import patch

import polib

from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path
from odoo.tools.translate import TranslationModuleReader

from .common import ClinicCase

ADDON = "patient_reactivation"
REMEDY = (
    "Run `make translate` (or `odoo i18n export`), then fill in i18n/fr.po. A term "
    "that reads the same in both languages is repeated there."
)
# What a translation must hand through as it is: placeholders and HTML elements.
KEPT = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\{.*?\}\}|</?[a-z]\w*")
# A line may break at a plain space, and must not break here.
BREAKABLE = re.compile(r" [:;!?»](?![\w=])| %(?![(sd])|« ")


def addon_terms(env, addon):
    """:return: every term that Odoo exports of an addon"""
    walk = os.walk

    def walk_addon(path, **options):
        # Odoo would look for it in the sources of all addons, for seconds.
        return walk(os.path.join(path, addon), **options)

    with patch("odoo.tools.translate.os.walk", walk_addon):
        reader = TranslationModuleReader(env.cr, [addon])
    return {row[4] for row in reader}


class Catalog:
    """Mixin: the French catalog of an addon is complete and well set."""

    addon = ADDON

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["ir.module.module"]._get(cls.addon)._update_translations("fr_FR", True)
        cls.terms = addon_terms(cls.env, cls.addon)
        catalog = polib.pofile(file_path(f"{cls.addon}/i18n/fr.po"))
        cls.french = {entry.msgid: entry.msgstr for entry in catalog}

    def assertNone(self, found, problem, remedy=REMEDY):
        if found:
            lines = "".join(f"\n- {term!r}" for term in sorted(found))
            self.fail(f"{problem} ({len(found)}):{lines}\n{remedy}")

    def test_every_term_is_in_the_template(self):
        template = polib.pofile(file_path(f"{self.addon}/i18n/{self.addon}.pot"))
        missing = self.terms - {entry.msgid for entry in template}
        self.assertNone(missing, "Terms that the .pot file lacks")

    def test_every_term_has_a_french_translation(self):
        missing = {term for term in self.terms if not self.french.get(term)}
        self.assertNone(missing, "Terms without a French translation")

    def test_placeholders_and_elements_are_kept(self):
        changed = {
            f"{term} -> {french}"
            for term, french in self.french.items()
            if french and Counter(KEPT.findall(term)) != Counter(KEPT.findall(french))
        }
        self.assertNone(
            changed, "Translations that lose or change a placeholder or an element"
        )

    def test_french_punctuation_stays_on_its_line(self):
        breaking = {text for text in self.french.values() if BREAKABLE.search(text)}
        self.assertNone(breaking, "Translations that need a non-breaking space")


@tagged("post_install", "-at_install")
class TestTranslations(Catalog, TransactionCase):
    def test_the_export_finds_terms_of_every_kind(self):
        for term in (
            "Lapsed Patients",  # a view
            "Reason for Lapse",  # a field
            "Moved away",  # a record
            "Write E-mail",  # a template of the web client
            "Day %s",  # JavaScript
            "Visits of %s",  # Python
            "A step is delivered once.",  # a constraint
            "Unsubscribe from these e-mails",  # the e-mail
        ):
            with self.subTest(term=term):
                self.assertIn(term, self.terms)

    def test_every_choice_is_shown_in_french(self):
        """Also where a field takes its choices from another one."""
        wrong = set()
        for model in self.env.registry.values():
            for field in model._fields.values():
                if field.type == "selection" and ADDON in field._modules:
                    wrong |= self.wrong_choices(field)
        self.assertNone(
            wrong,
            "Choices shown in English",
            "A field borrows choices by `_description_selection(self.env)`.",
        )

    def wrong_choices(self, field):
        english, french = (
            field._description_selection(self.env(context={"lang": lang}))
            for lang in ("en_US", "fr_FR")
        )
        return {
            f"{field}: {shown}"
            for (_value, source), (_same, shown) in zip(english, french, strict=True)
            if shown != self.french.get(source, shown)
        }

    def test_the_ready_email_is_in_the_patients_language(self):
        campaign = self.env["reactivation.campaign"].create(
            {
                "name": "We miss you",
                "method_ids": [
                    (0, 0, {"name": "One e-mail", "step_ids": [(0, 0, {})]}),
                ],
            }
        )
        step = campaign.method_ids.step_ids
        french = step._create_mailing("fr_FR")
        self.assertEqual(french.reactivation_lang, "fr_FR")
        self.assertEqual(french.subject, "C'est le moment de votre prochaine visite")
        self.assertEqual(french.preview, "Au plaisir de vous revoir bientôt.")
        for words in ("Bonjour<", "Votre dernière visite", "répondez", "désinscrire"):
            self.assertIn(words, french.body_html)
        for words in ("Hello", "visit is due", "Unsubscribe", "Your team"):
            self.assertNotIn(words, french.body_html)
        english = step._create_mailing("en_US")
        self.assertEqual(english.subject, "It is time for your next visit")
        self.assertIn("Hello<", english.body_html)


@tagged("post_install", "-at_install")
class TestLanguageOfStaff(ClinicCase):
    """A scheduled action has no language: who reads its words has."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["ir.module.module"]._get(ADDON)._update_translations("fr_FR", True)
        cls.manager.lang = "fr_FR"

    def test_the_task_to_call_is_in_the_callers_language(self):
        ada = self.lapsed(phone="+1 212 555 0100")
        campaign = self.campaign(user_id=self.manager.id)
        campaign.method_ids.step_ids.write({"channel": "call", "script": "Bonjour"})
        self.refresh()
        campaign.action_start()
        self.run_crons()
        activity = self.enrollment(ada).activity_ids
        self.assertEqual(activity.summary, "Appeler Ada Sample")

    def test_an_alert_is_in_the_language_of_the_responsible(self):
        campaign = self.campaign(user_id=self.manager.id, start=True)
        self.env["reactivation.runner"]._get().is_held = True
        self.env["reactivation.runner"]._warn_if_stalled()
        alert = campaign.activity_ids
        self.assertEqual(alert.summary, "Des messages attendent et ne partent pas")
        self.assertIn("sauvegarde restaurée", alert.note)

    def test_the_reason_of_a_pause_too(self):
        campaign = self.campaign(user_id=self.manager.id, start=True)
        campaign._for_caretaker()._break_at(sent=100, bounced=50, complained=0)
        self.assertEqual(campaign.state, "paused")
        self.assertIn(
            "adresses n'existent pas\N{NO-BREAK SPACE}: ", campaign.pause_reason
        )
