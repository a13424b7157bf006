from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .common import MailClinicCase

ROOM = "https://video.example.com/elm-street"


@tagged("post_install", "-at_install")
class TestChannelVideo(MailClinicCase):
    """A video call is offered by phone; who accepts gets the clinic's link, once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.reactivation_video_url = ROOM
        cls.video = cls.env["reactivation.channel.video"]

    def video_campaign(self, **values):
        texts = {
            "script": "Hello, this is {clinic}. Would {first_name} like to talk?",
            "message": "Hello {first_name},\nhere is our room: {video_link}",
        }
        return self.step_campaign("video", **texts | values)

    def offered(self, partner, **values):
        """:return: the delivery of a patient who is to be offered a video call"""
        campaign = self.video_campaign(**values)
        self.refresh()
        campaign.action_start()
        self.run_crons()
        self.assertDeliveries(partner, ["todo"])
        return self.enrollment(partner).delivery_ids

    def caller(self, name="Ada Sample", **values):
        return self.lapsed(name, phone="+12125550123", **values)

    def test_the_desk_gets_a_task_with_the_words(self):
        ada = self.caller()
        delivery = self.offered(ada)
        activity = delivery.activity_id
        self.assertEqual(activity.summary, "Offer a video call to Ada Sample")
        for words in (
            "+12125550123",
            "Hello, this is Elm Street Clinic. Would Ada like to talk?",
            ROOM,
        ):
            self.assertIn(words, activity.note)
        self.assertFalse(self.mails_to("ada.sample@example.com"))

    def test_who_accepts_gets_the_link_once(self):
        ada = self.caller()
        delivery = self.offered(ada)
        delivery.with_env(self.env_of(self.desk)).action_result_accepted()
        (mail,) = self.mails_to("ada.sample@example.com")
        self.assertEqual(mail["subject"], "Your link")
        self.assertIn("Hello Ada,", mail["body"])
        self.assertIn(f'href="{ROOM}"', mail["body"])
        self.assertIn("1 Main Street", mail["body"])
        self.assertIn("Elm Street Clinic", mail["email_from"])
        for word in ("Enrollment", "campaign", "Recall", "patient"):
            self.assertNotIn(word, mail["body"])
        # On the patient's thread, where an answer arrives too.
        message = self.enrollment(ada).message_ids.filtered("subject")
        self.assertIn(ROOM, message.body)
        self.assertDeliveries(ada, ["sent"])
        self.video._send_link(delivery)
        self.assertEqual(len(self.mails_to("ada.sample@example.com")), 1)

    def test_the_link_comes_in_the_patients_language(self):
        """E10"""
        self.env["res.lang"]._activate_lang("fr_FR")
        ada = self.caller(lang="fr_FR")
        campaign = self.video_campaign()
        step = campaign.method_ids.step_ids
        step.with_context(lang="fr_FR").message = "Bonjour {first_name}, {video_link}"
        self.refresh()
        campaign.action_start()
        self.run_crons()
        delivery = self.enrollment(ada).delivery_ids
        self.assertIn("Language: ", delivery.activity_id.note)
        self.assertIn("Hello, this is", delivery.activity_id.note)
        self.video._send_link(delivery)
        (mail,) = self.mails_to("ada.sample@example.com")
        self.assertIn("Bonjour Ada,", mail["body"])

    def test_no_e_mail_to_who_wants_none(self):
        """A3, J7: the desk is told to read the link out."""
        ada = self.caller()
        delivery = self.offered(ada)
        self.env["mail.blacklist"]._add("ada.sample@example.com")
        with self.assertRaisesRegex(UserError, f"Read the link out instead: {ROOM}"):
            delivery.with_env(self.env_of(self.desk)).action_result_accepted()
        self.assertFalse(self.mails_to("ada.sample@example.com"))
        self.assertFalse(delivery.video_link_sent_on)
        ada.email = False
        with self.assertRaisesRegex(UserError, "No address"):
            self.video._send_link(delivery)

    def test_who_wants_no_calls_is_not_offered_one(self):
        ada = self.caller()
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "call", "all", "phone"
        )
        answer = self.env["reactivation.contact.policy"]._explain(ada, self.clinic)
        self.assertEqual(answer[ada.id]["video", "care"], "opted_out")
        self.assertIsNone(answer[ada.id]["mail", "care"])

    def test_a_message_without_the_placeholder_has_the_link_all_the_same(self):
        ada = self.caller()
        delivery = self.offered(ada, message="See you soon, {first_name}!")
        self.video._send_link(delivery)
        (mail,) = self.mails_to("ada.sample@example.com")
        self.assertIn("See you soon, Ada!", mail["body"])
        self.assertIn(ROOM, mail["body"])

    def test_a_hostile_name_is_text(self):
        """F1, F2, F4"""
        ada = self.caller("<img src=x onerror=alert(1)>", email="ada@example.com")
        delivery = self.offered(ada, message="Hello {name} {video_link}")
        self.assertNotIn("<img", delivery.activity_id.note)
        self.video._send_link(delivery)
        (mail,) = self.mails_to("ada@example.com")
        self.assertNotIn("<img src=x", mail["body"])
        self.assertIn("&lt;img", mail["body"])

    def test_what_keeps_a_video_step_from_working(self):
        """E12"""
        step = self.video_campaign().method_ids.step_ids
        self.assertEqual(self.video._step_problems(step), [])
        step.message = "Hello {nobody}"
        self.assertIn("{nobody}", self.video._step_problems(step)[0])
        step.message = False
        self.assertFalse(self.video._has_content(step))
        self.assertIn("no message", self.video._step_problems(step)[0])
        self.clinic.reactivation_video_url = False
        self.assertIn("video link", self.video._step_problems(step)[-1])

    def test_only_a_safe_link_can_be_set(self):
        """F6"""
        for url in ("http://a.example.com", "javascript:alert(1)", "https://a b.com"):
            with self.assertRaises(ValidationError):
                self.clinic.reactivation_video_url = url

    def test_two_clinics_two_rooms(self):
        """H2"""
        self.other_clinic.reactivation_video_url = "https://video.example.com/lakeside"
        ada = self.caller()
        delivery = self.offered(ada)
        self.video.with_company(self.other_clinic)._send_link(delivery)
        (mail,) = self.mails_to("ada.sample@example.com")
        self.assertIn(ROOM, mail["body"])
        self.assertNotIn("lakeside", mail["body"])


@tagged("post_install", "-at_install")
class TestChannelOrder(MailClinicCase):
    """The clinic's own order of channels."""

    def test_the_order_is_the_clinics(self):
        self.assertEqual(
            self.clinic._reactivation_channel_order(), ["mail", "call", "letter"]
        )
        order = self.env["reactivation.channel.order"].with_env(
            self.env_of(self.manager)
        )
        first = order.create(
            {"company_id": self.clinic.id, "channel": "letter", "sequence": 2}
        )
        order.create({"company_id": self.clinic.id, "channel": "call", "sequence": 1})
        self.assertEqual(self.clinic._reactivation_channel_order(), ["call", "letter"])
        first.sequence = 0
        self.clinic.invalidate_recordset()
        self.assertEqual(self.clinic._reactivation_channel_order(), ["letter", "call"])
        self.assertEqual(
            self.other_clinic._reactivation_channel_order(), ["mail", "call", "letter"]
        )

    def test_the_settings_page_keeps_the_order(self):
        settings = self.env["res.config.settings"].create(
            {
                "company_id": self.clinic.id,
                "reactivation_family_rule": "apart",
                "reactivation_video_url": ROOM,
                "reactivation_channel_ids": [
                    (0, 0, {"channel": "call", "sequence": 1}),
                    (0, 0, {"channel": "mail", "sequence": 2}),
                ],
            }
        )
        settings.execute()
        self.assertEqual(self.clinic._reactivation_channel_order(), ["call", "mail"])
        self.assertEqual(self.clinic.reactivation_family_rule, "apart")
        self.assertEqual(self.clinic.reactivation_video_url, ROOM)
        self.assertFalse(self.other_clinic.reactivation_channel_ids)
        settings = self.env["res.config.settings"].create({})
        first, second = settings.reactivation_channel_ids
        settings.reactivation_channel_ids = [
            (1, first.id, {"sequence": 5}),
            (1, second.id, {"sequence": 1}),
        ]
        settings.execute()
        self.clinic.invalidate_recordset()
        self.assertEqual(self.clinic._reactivation_channel_order(), ["mail", "call"])

    def test_who_changes_the_order(self):
        """I1, I3, H5"""
        order = self.env["reactivation.channel.order"]
        mine = order.create({"company_id": self.clinic.id, "channel": "mail"})
        theirs = order.create({"company_id": self.other_clinic.id, "channel": "mail"})
        self.assertEqual(order.with_env(self.env_of(self.desk)).search([]), mine)
        with self.assertRaises(AccessError):
            mine.with_env(self.env_of(self.desk)).sequence = 3
        with self.assertRaises(AccessError):
            theirs.with_env(self.env_of(self.manager)).sequence = 3
        portal = new_test_user(self.env, "portal_order", groups="base.group_portal")
        with self.assertRaises(AccessError):
            mine.with_env(self.env_of(portal)).read(["channel"])
