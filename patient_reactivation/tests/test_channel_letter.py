import io

from markupsafe import Markup

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import OdooPdfFileReader

from .common import MailClinicCase

LETTER = (
    "<p>Dear {first_name},</p><p>please call us at {phone}.</p><p>Regards, {clinic}</p>"
)


class LetterCase(MailClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.phone = "+1 212 555 0100"
        cls.us = cls.env.ref("base.us")
        cls.letters = cls.env["reactivation.channel.letter"]

    @classmethod
    def at_home(cls, name="Ada Sample", **values):
        """A lapsed patient with a postal address."""
        address = {
            "street": "12 Rose Lane",
            "city": "Albany",
            "zip": "12207",
            "country_id": cls.us.id,
            **values,
        }
        return cls.lapsed(name, **address)

    @classmethod
    def letter_campaign(cls, body=LETTER, start=True, **values):
        campaign = cls.step_campaign("letter", letter_body=body, **values)
        if start:
            cls.start(campaign)
        return campaign

    def delivery(self, partner):
        return self.enrollment(partner).delivery_ids

    def todo(self):
        """:return: the letters of the clinic that are still to be sent"""
        return self.env["reactivation.delivery"].search(
            [("state", "=", "todo"), ("company_id", "=", self.clinic.id)]
        )

    def page(self, partner):
        return self.letters._page(self.delivery(partner))


@tagged("post_install", "-at_install")
class TestChannelLetter(LetterCase):
    """A letter: a task, a page in the printer, and a click when it is in the mail."""

    def test_a_letter_is_a_task_until_it_is_in_the_mail(self):
        ada = self.at_home()
        self.letter_campaign()
        self.run_crons()
        self.assertDeliveries(ada, ["todo"])
        delivery = self.delivery(ada)
        activity = delivery.activity_id
        self.assertEqual(activity.summary, "Send a letter to Ada Sample")
        self.assertIn("12 Rose Lane", activity.note)
        self.assertEqual(
            delivery.letter_address, "Ada Sample, 12 Rose Lane, Albany 12207"
        )
        delivery.with_env(self.env_of(self.desk)).action_mark_letters_sent()
        self.assertDeliveries(ada, ["sent"])
        self.assertEqual(delivery.result, "done")
        self.assertFalse(activity.active)

    def test_printing_changes_nothing_and_many_are_marked_at_once(self):
        people = [self.at_home(f"Patient {number}") for number in range(3)]
        self.letter_campaign()
        self.run_crons()
        deliveries = self.todo()
        self.assertEqual(len(deliveries), 3)
        action = deliveries.with_env(self.env_of(self.desk)).action_print_letters()
        self.assertEqual(action["report_name"], "patient_reactivation.letter_us_letter")
        for person in people:
            self.assertDeliveries(person, ["todo"])
        deliveries.with_env(self.env_of(self.desk)).action_mark_letters_sent()
        for person in people:
            self.assertDeliveries(person, ["sent"])
        with self.assertRaisesRegex(UserError, "still to be sent"):
            deliveries.action_print_letters()

    def test_addresses_that_a_letter_cannot_reach(self):
        """E1: refused with a reason, and the next channel is used."""
        nowhere = self.lapsed("Nora Nowhere")
        no_city = self.at_home("Nick Nocity", city=False)
        no_zip = self.at_home("Zoe Nozip", zip=" ")
        dots = self.at_home("Dot Dash", street="---")
        unknown = self.at_home("Una Known", street=" Unknown ")
        ireland = self.env["res.country"].search(
            [("zip_required", "=", False)], limit=1
        )
        abroad = self.at_home("Aoife Abroad", zip=False, country_id=ireland.id)
        self.letter_campaign(start=False)
        answers = self.env["reactivation.contact.policy"]._explain(
            nowhere | no_city | no_zip | dots | unknown | abroad, self.clinic
        )
        found = {person: answers[person][("letter", "care")] for person in answers}
        self.assertEqual(found[nowhere.id], "no_address")
        for partner in (no_city, no_zip, dots, unknown):
            self.assertEqual(found[partner.id], "invalid_address", partner.name)
        self.assertIsNone(found[abroad.id])

    def test_letters_have_no_hours(self):
        """D3: a letter wakes nobody."""
        ada = self.at_home()
        self.letter_campaign()
        self.later(hours=16)  # half past two at night at the clinic
        self.run_crons()
        self.assertDeliveries(ada, ["todo"])

    def test_no_letters_to_who_wants_none(self):
        ada = self.at_home()
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "letter", "all", "phone"
        )
        self.letter_campaign()
        self.run_crons()
        self.assertFalse(self.enrollment(ada))

    def test_the_letter_is_in_the_patients_language(self):
        """E10"""
        self.env["res.lang"]._activate_lang("fr_FR")
        ada = self.at_home(lang="fr_FR")
        bea = self.at_home("Bea Sample", street="13 Rose Lane")
        campaign = self.letter_campaign(start=False)
        step = campaign.method_ids.step_ids
        step.with_context(lang="fr_FR").letter_body = "<p>Bonjour {first_name},</p>"
        # Each language is a text of its own.
        self.assertIn("Dear", step.letter_body)
        self.refresh()
        campaign.action_start()
        self.run_crons()
        self.assertIn("Bonjour Ada,", self.page(ada)["body"])
        self.assertEqual(self.page(ada)["date"], "2 mars 2026")
        self.assertIn("Dear Bea,", self.page(bea)["body"])
        self.assertEqual(self.page(bea)["date"], "March 2, 2026")

    def test_a_language_that_was_removed(self):
        """E10: the language of the patient is not installed any more."""
        self.env["res.lang"]._activate_lang("fr_FR")
        ada = self.at_home(lang="fr_FR")
        self.letter_campaign()
        self.run_crons()
        self.uninstall_language("fr_FR")
        self.assertIn("Dear Ada,", self.page(ada)["body"])

    def test_placeholders_and_hostile_names(self):
        """F1, F2: names are text, in the address and in the body."""
        ada = self.at_home(
            "<script>alert(1)</script> {clinic} {{object.env}}", email="x@example.com"
        )
        self.letter_campaign(body="<p>Dear {name},</p><p>{clinic}</p>")
        self.run_crons()
        html = self.html(self.delivery(ada))
        self.assertNotIn("<script>alert", html)
        self.assertIn(
            "&lt;script&gt;alert(1)&lt;/script&gt; {clinic} {{object.env}}", html
        )
        self.assertEqual(html.count("Elm Street Clinic"), 2)
        note = self.delivery(ada).activity_id.note
        self.assertNotIn("<script>", note)

    def html(self, deliveries):
        report = "patient_reactivation.letter_us_letter"
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            report, deliveries.ids
        )
        return html.decode()

    def test_a_letter_abroad_names_the_country(self):
        at_home = self.at_home()
        canada = self.at_home("Bea Sample", country_id=self.env.ref("base.ca").id)
        self.letter_campaign()
        self.run_crons()
        self.assertEqual(
            self.letters._address_lines(self.delivery(canada))[-1], "CANADA"
        )
        lines = self.letters._address_lines(self.delivery(at_home))
        self.assertEqual(lines, ["Ada Sample", "12 Rose Lane", "Albany 12207"])

    def test_a_family_gets_one_letter(self):
        """E4: one letter names all of them, neighbors are no family, and nobody is
        left out."""
        family = [self.at_home(f"{name} Sample") for name in ("Ada", "Ben", "Cleo")]
        neighbor = self.at_home("Ned Neighbor")
        self.letter_campaign()
        self.run_crons()
        for person in family:
            self.assertDeliveries(person, ["todo"])
        deliveries = self.env["reactivation.delivery"].concat(
            *(self.delivery(person) for person in family)
        )
        (lead,) = deliveries.filtered(lambda item: not item.lead_id)
        self.assertEqual(len(deliveries.activity_id), 1)
        page = self.letters._page(lead)
        self.assertIn("Dear Ada, Ben, and Cleo,", page["body"])
        self.assertEqual(page["address"][0], "Ada Sample, Ben Sample, and Cleo Sample")
        self.assertFalse(self.delivery(neighbor).lead_id)
        self.assertNotIn("Ned", str(page))
        # Whichever of them is chosen in the list.
        deliveries[-1].with_env(self.env_of(self.desk)).action_mark_letters_sent()
        for person in family:
            self.assertDeliveries(person, ["sent"])
        self.assertDeliveries(neighbor, ["todo"])

    def test_families_apart(self):
        """E4: by the clinic's other rule each gets a letter, on another day."""
        self.clinic.reactivation_family_rule = "apart"
        family = [self.at_home(f"{name} Sample") for name in ("Ada", "Ben")]
        self.letter_campaign()
        self.run_crons()
        states = sorted(self.delivery(person).state for person in family)
        self.assertEqual(states, ["pending", "todo"])
        self.run_day(2)
        for person in family:
            self.assertDeliveries(person, ["todo"])

    def test_a_minors_letter_goes_to_the_guardian(self):
        """E5"""
        mother = self.person(
            "Mia Sample",
            street="1 Elm",
            city="Albany",
            zip="12207",
            country_id=self.us.id,
        )
        kim = self.at_home("Kim Sample", birth_date="2020-01-01", guardian_id=mother.id)
        self.letter_campaign()
        self.run_crons()
        page = self.page(kim)
        self.assertEqual(page["address"][:2], ["Mia Sample", "1 Elm"])
        self.assertIn("Dear Kim,", page["body"])
        self.assertIn("Guardian of Kim Sample", self.delivery(kim).activity_id.note)

    def test_a_run_that_stopped_makes_no_burst(self):
        """D7: after nine days one letter, not three; what is too late never appears."""
        ada = self.at_home()
        campaign = self.letter_campaign(start=False, valid_days=5)
        for day in (3, 6):
            self.env["reactivation.step"].create(
                {
                    "name": f"Letter {day}",
                    "method_id": campaign.method_ids.id,
                    "sequence": day + 10,
                    "channel": "letter",
                    "letter_body": LETTER,
                    "delay_days": 3,
                }
            )
        self.refresh()
        campaign.action_start()
        self.env["reactivation.enrollment"]._cron_enroll()
        self.later(days=9)
        self.run_crons()
        self.assertDeliveries(ada, [("skipped", "expired")])
        activities = self.env["mail.activity"].search(
            [
                ("res_model", "=", "reactivation.enrollment"),
                ("res_id", "=", self.enrollment(ada).id),
            ]
        )
        self.assertFalse(activities)
        self.run_day(3)
        self.assertDeliveries(ada, [("skipped", "expired"), "todo"])
        self.run_day(9)
        self.assertDeliveries(ada, [("skipped", "expired"), "todo", "todo"])

    def test_what_keeps_a_letter_from_working(self):
        """E12"""
        campaign = self.letter_campaign(body="<p>Dear {frist_name},</p>", start=False)
        step = campaign.method_ids.step_ids
        problems = self.letters._step_problems(step)
        self.assertEqual(len(problems), 1)
        self.assertIn("{frist_name}", problems[0])
        step.letter_body = "<p>Dear {first_name,</p>"
        self.assertIn("brace", self.letters._step_problems(step)[0])
        step.letter_body = "<p><br></p>"
        self.assertIn("no letter", self.letters._step_problems(step)[0])
        self.assertFalse(self.letters._has_content(step))
        step.letter_body = "<p>%s</p>" % ("word " * 3000)
        self.assertIn("one page", self.letters._step_problems(step)[0])
        step.letter_body = LETTER
        self.assertEqual(self.letters._step_problems(step), [])
        self.clinic.street = False
        self.assertIn("postal address", self.letters._step_problems(step)[0]["text"])

    def test_a_letter_says_nothing_about_health_by_itself(self):
        """H3"""
        ada = self.at_home()
        self.letter_campaign(body="<p>Dear {first_name},</p>")
        self.run_crons()
        page = self.page(ada)
        words = " ".join(str(value) for value in page.values()).lower()
        for word in ("visit", "patient", "treatment", "doctor", "last", "recall"):
            self.assertNotIn(word, words)

    def test_who_prints_letters(self):
        """H5, I1, I3"""
        ada = self.at_home()
        self.letter_campaign()
        self.run_crons()
        delivery = self.delivery(ada)
        stranger = self.stranger()
        portal = new_test_user(self.env, "portal_letter", groups="base.group_portal")
        staff = new_test_user(self.env, "staff_letter", groups="base.group_user")
        report = self.env["report.patient_reactivation.letter_a4"]
        for user in (stranger, portal, staff):
            with self.assertRaises(AccessError):
                delivery.with_env(self.env_of(user)).action_print_letters()
            with self.assertRaises(AccessError):
                delivery.with_env(self.env_of(user)).action_mark_letters_sent()
            with self.assertRaises(AccessError):
                report.with_env(self.env_of(user))._get_report_values(delivery.ids)
        self.assertTrue(
            report.with_env(self.env_of(self.desk))._get_report_values(delivery.ids)[
                "pages"
            ]
        )

    def test_several_letters_are_one_file_with_a_page_each(self):
        """A long name stays on its page."""
        for number in range(2):
            self.at_home(f"Patient {number}", street=f"{number} Rose Lane")
        self.at_home("Wilhelmina " * 30, street="Long " * 40, email="w@example.com")
        self.letter_campaign()
        self.run_crons()
        deliveries = self.todo()
        report = self.env.ref("patient_reactivation.action_report_letter_us_letter")
        with mute_logger("odoo.addons.base.models.ir_actions_report"):
            pdf, kind = report.with_context(
                force_report_rendering=True
            )._render_qweb_pdf(report.id, deliveries.ids)
        self.assertEqual(kind, "pdf")
        reader = OdooPdfFileReader(io.BytesIO(pdf))
        self.assertEqual(reader.getNumPages(), 3)
        box = [float(number) for number in reader.getPage(0).mediaBox]
        self.assertAlmostEqual(box[2], 612, delta=2)
        self.assertAlmostEqual(box[3], 792, delta=2)

    def test_two_papers_are_not_mixed(self):
        ada = self.at_home()
        self.letter_campaign()
        self.run_crons()
        self.clinic.country_id = self.env.ref("base.de")
        action = self.delivery(ada).action_print_letters()
        self.assertEqual(action["report_name"], "patient_reactivation.letter_a4")
        self.assertIn("Rose Lane", str(Markup().join(self.page(ada)["address"])))
