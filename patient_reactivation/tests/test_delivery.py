from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tests import tagged
from odoo.tools import file_open

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestDelivery(MailClinicCase):
    """The right e-mail, to the right patient, once, and to nobody else."""

    def test_first_e_mail_leaves_and_is_personal(self):
        ada = self.lapsed("Ada Lovelace")
        self.campaign(start=True)
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        (mail,) = self.mails_to("ada.lovelace@example.com")
        self.assertIn("Hello Ada,", mail["body"])
        self.assertIn("1 Main Street", mail["body"])
        self.assertEqual(self.enrollment(ada).stage, "contacted")

    def test_patient_without_a_name_gets_a_whole_sentence(self):
        """E11"""
        ada = self.lapsed("Ada")
        self.campaign(start=True)
        self.env.cr.execute("UPDATE res_partner SET name = '' WHERE id = %s", (ada.id,))
        ada.invalidate_recordset()
        self.run_crons()
        (mail,) = self.mails_to("ada@example.com")
        self.assertIn("Hello,", mail["body"])
        self.assertNotIn("False", mail["body"])

    def test_name_is_text_and_never_markup_or_template(self):
        """F1, F2"""
        self.lapsed(
            "<b>{{object.env}}</b> <script>alert(1)</script>", email="x@example.com"
        )
        self.campaign(start=True)
        self.run_crons()
        (mail,) = self.mails_to("x@example.com")
        self.assertNotIn("<script>", mail["body"])
        self.assertIn("{{object.env}}", mail["body"])

    def test_steps_follow_each_other_by_their_delay(self):
        ada = self.lapsed()
        self.campaign(start=True, steps=2)
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        self.run_day(6)
        self.assertDeliveries(ada, ["sent"])
        self.run_day()
        self.assertDeliveries(ada, ["sent", "sent"])
        self.run_day(10)
        self.assertDeliveries(ada, ["sent", "sent"])
        self.assertFalse(self.enrollment(ada).next_date)

    def test_running_twice_sends_once(self):
        """A1"""
        self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        self.run_crons()
        self.assertEqual(len(self.mails_to("ada.sample@example.com")), 1)

    def test_control_group_is_never_contacted(self):
        for number in range(20):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True, control=50)
        self.run_crons()
        control = campaign.enrollment_ids.filtered("is_control")
        self.assertTrue(control)
        self.assertFalse(control.delivery_ids)
        self.assertEqual(len(self._mails), 20 - len(control))

    def test_booking_stops_the_next_step(self):
        """E7: re-checked immediately before each step."""
        ada = self.lapsed()
        self.campaign(start=True, steps=2)
        self.run_crons()
        self.later(days=8)
        self.meet(ada, -3)
        self.env["reactivation.delivery"]._cron_run()
        self.assertDeliveries(ada, ["sent", ("skipped", "booked")])
        self.assertEqual(len(self.mails_to("ada.sample@example.com")), 1)

    def test_return_stops_the_next_step(self):
        ada = self.lapsed()
        self.campaign(start=True, steps=2)
        self.run_crons()
        self.later(days=8)
        self.visit(ada, 1)
        self.env["reactivation.delivery"]._cron_run()
        self.assertDeliveries(ada, ["sent", ("skipped", "returned")])

    def test_unsubscribed_in_between(self):
        """A3"""
        ada = self.lapsed()
        self.campaign(start=True, steps=2)
        self.run_crons()
        self.env["mail.blacklist"]._add("ada.sample@example.com")
        self.run_day(8)
        self.assertDeliveries(ada, ["sent", ("skipped", "blacklisted")])
        self.assertEqual(self.enrollment(ada).stop_reason, "blacklisted")

    def test_address_lost_in_between_and_found_again(self):
        ada = self.lapsed()
        campaign = self.campaign(start=True, steps=3)
        self.run_crons()
        ada.email = False
        self.run_day(8)
        ada.email = "new@example.com"
        self.run_day(8)
        self.assertDeliveries(ada, ["sent", ("skipped", "no_address"), "sent"])
        self.assertEqual(campaign.contacted_count, 1)

    def test_e_mail_in_the_patients_language(self):
        """E10"""
        campaign = self.campaign()
        self.env["res.lang"]._activate_lang("fr_FR")
        country = self.env.ref("base.us")
        country.with_context(lang="fr_FR").name = "États-Unis"
        self.clinic.partner_id.country_id = country
        step = campaign.method_ids.step_ids
        french = step._create_mailing("fr_FR")
        french.subject = "Bonjour"
        self.lapsed("Luc", lang="fr_FR")
        self.lapsed("Ada", lang="en_US")
        self.refresh()
        campaign.action_start()
        self.run_crons()
        [luc] = self.mails_to("luc@example.com")
        [ada] = self.mails_to("ada@example.com")
        self.assertEqual(luc["subject"], "Bonjour")
        self.assertNotEqual(ada["subject"], "Bonjour")
        # Also the clinic's address, of mails that leave together.
        self.assertIn("États-Unis", luc["body"])
        self.assertIn("United States", ada["body"])

    def test_language_without_an_e_mail_gets_the_houses(self):
        """E10"""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.lapsed("Luc", lang="fr_FR")
        self.campaign(start=True)
        self.run_crons()
        self.assertEqual(len(self.mails_to("luc@example.com")), 1)

    def test_family_with_one_address_each_get_their_own(self):
        """E4: nobody is dropped as a duplicate of a relative, where the clinic wants
        each to have a message of their own."""
        self.clinic.reactivation_family_rule = "apart"
        for name in ("Ada", "Bob", "Cleo"):
            self.lapsed(name, email="family@example.com")
        campaign = self.campaign(start=True)
        deliveries = self.env["reactivation.delivery"]
        for sent in (1, 2, 3, 3):
            # One message a day to an address, whoever it is for; and each gets one.
            self.run_crons()
            deliveries = campaign.enrollment_ids.delivery_ids
            self.assertEqual(deliveries.mapped("state").count("sent"), sent)
            self.later(days=1, hours=1)
        self.assertEqual(len(self.mails_to("family@example.com")), 3)

    def test_more_patients_than_a_batch(self):
        for number in range(60):
            self.lapsed(f"Patient {number}")
        self.campaign(start=True)
        self.run_crons()
        addresses = [str(mail["email_to"]) for mail in self._mails]
        self.assertEqual((len(addresses), len(set(addresses))), (60, 60))

    def test_paused_campaign_sends_nothing(self):
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        campaign.action_pause()
        self.run_day(3)
        self.assertDeliveries(ada, [])
        campaign.action_start()
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])

    def test_closed_campaign_sends_nothing_more(self):
        ada = self.lapsed()
        campaign = self.campaign(start=True, steps=2)
        self.run_crons()
        campaign.action_done()
        self.run_day(10)
        self.assertDeliveries(ada, ["sent"])

    def test_neutralized_copy_sends_nothing(self):
        """B12"""
        self.lapsed()
        campaign = self.campaign(start=True)
        self.env.flush_all()
        with file_open("patient_reactivation/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.run_day(3)
        self.assertEqual(campaign.state, "paused")
        self.assertFalse(self._mails)

    # -------------------------------------------------- guards of Odoo's mailing

    def test_step_mailing_has_no_audience_of_its_own(self):
        """Whatever Odoo asks it, its recipients are the claimed deliveries."""
        self.lapsed()
        campaign = self.campaign(start=True)
        mailing = campaign.method_ids.step_ids.mailing_ids
        self.assertEqual(mailing._get_recipients(), [])
        mailing.mailing_domain = "[]"
        self.assertEqual(mailing._get_recipients(), [])
        self.assertEqual(mailing._get_remaining_recipients(), [])

    def test_send_and_retry_buttons_refuse(self):
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        mailing = campaign.method_ids.step_ids.mailing_ids
        for attempt in (
            lambda: mailing.action_send_mail(),
            lambda: mailing.action_send_mail([]),
            lambda: mailing.action_send_mail(self.enrollment(ada).ids),
            mailing.action_put_in_queue,
            mailing.action_launch,
            mailing.action_retry_failed,
        ):
            with self.assertRaises(UserError):
                attempt()
        self.assertFalse(self._mails)

    def test_mailing_queue_of_odoo_finds_nothing(self):
        """A2"""
        self.lapsed()
        campaign = self.campaign(start=True)
        self.run_crons()
        mailing = campaign.method_ids.step_ids.mailing_ids
        self.assertEqual(mailing.state, "draft")
        self.assertFalse(mailing.kpi_mail_required)
        before = len(self._mails)
        self.env["mailing.mailing"]._process_mass_mailing_queue()
        mailing.sudo().write({"state": "in_queue"})
        self.env["mailing.mailing"]._process_mass_mailing_queue()
        self.assertEqual(len(self._mails), before)

    def test_other_mailings_are_left_alone(self):
        ada = self.person()
        mailing = self.env["mailing.mailing"].create(
            {
                "subject": "News",
                "body_html": "<p>News</p>",
                "mailing_model_id": self.env["ir.model"]._get_id("res.partner"),
                "mailing_domain": [("id", "=", ada.id)],
            }
        )
        mailing.action_send_mail()
        self.assertEqual(mailing.state, "done")
        self.assertEqual(len(self.mails_to("ada.sample@example.com")), 1)

    def test_names_in_links_tell_nothing(self):
        """utm_source carries the mailing's name to other sites."""
        campaign = self.campaign(name="Diabetes recall")
        for mailing in campaign.method_ids.step_ids.mailing_ids:
            self.assertNotIn("iabetes", mailing.source_id.name)
            self.assertFalse(mailing.campaign_id)

    def test_one_click_unsubscribe_is_plain_ascii(self):
        """E3: not folded, not encoded."""
        self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        (mail,) = self.mails_to("ada.sample@example.com")
        address = mail["headers"]["List-Unsubscribe"]
        message = self.env["ir.mail_server"]._build_email__(
            "a@example.com",
            ["b@example.com"],
            "Subject",
            "Body",
            headers=mail["headers"],
        )
        raw = message.as_bytes()
        self.assertIn(b"List-Unsubscribe: " + address.encode(), raw)
        self.assertGreater(len(address), 78)

    def test_plain_text_has_the_patients_own_links(self):
        """E2: who reads plain text can unsubscribe too."""
        self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        (mail,) = self.mails_to("ada.sample@example.com")
        self.assertNotIn("/unsubscribe_from_list", mail["body_alternative"])
        self.assertIn("confirm_unsubscribe", mail["body_alternative"])
        self.assertNotIn("blank.gif", mail["body_alternative"])
        self.assertIn("blank.gif", mail["body"])

    def test_address_of_the_clinic_is_there_once(self):
        """E1"""
        self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        (mail,) = self.mails_to("ada.sample@example.com")
        self.assertEqual(mail["body"].count("1 Main Street"), 1)

    def test_patients_answer_the_clinic(self):
        """H2: sender and answer are of the campaign's company."""
        self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        (mail,) = self.mails_to("ada.sample@example.com")
        self.assertIn("Elm Street Clinic", mail["email_from"])
        self.assertIn("clinic@example.com", mail["email_from"])
        self.assertNotIn("OdooBot", str(mail["reply_to"]))

    def test_replies_land_on_the_enrollment(self):
        ada = self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        message = self.enrollment(ada).message_ids[:1]
        self.assertEqual(message.model, "reactivation.enrollment")
        self.assertTrue(message.message_id)

    def test_trace_names_its_delivery(self):
        ada = self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        trace = self.env["mailing.trace"].search(
            Domain("model", "=", "reactivation.enrollment")
            & Domain("res_id", "=", self.enrollment(ada).id)
        )
        self.assertEqual(
            trace.reactivation_delivery_id, self.enrollment(ada).delivery_ids
        )
