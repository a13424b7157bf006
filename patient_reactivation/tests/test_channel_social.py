from unittest.mock import patch

from odoo.tests import tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestChannelSocial(MailClinicCase):
    """A message to copy: prepared here, sent by a person."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.website = "https://elm.example.com/welcome"
        cls.social = cls.env["reactivation.channel.social"]
        # Nobody fetches the page of a link to find its title.
        fetch = patch.object(
            cls.registry["link.tracker"],
            "_get_title_from_url",
            side_effect=AssertionError("The page of a link was fetched."),
        )
        fetch.start()
        cls.addClassCleanup(fetch.stop)

    def social_campaign(self, **values):
        values.setdefault("message", "Hello {first_name}, find a time: {link}")
        return self.step_campaign("social", **values)

    def started(self, **values):
        campaign = self.social_campaign(**values)
        self.refresh()
        campaign.action_start()
        self.run_crons()
        return campaign

    def delivery(self, partner):
        return self.enrollment(partner).delivery_ids

    def test_the_message_is_ready_to_copy(self):
        ada = self.lapsed()
        campaign = self.started()
        self.assertDeliveries(ada, ["todo"])
        delivery = self.delivery(ada)
        link = self.social._short_link(campaign.method_ids.step_ids)
        self.assertEqual(
            delivery.with_env(self.env_of(self.desk)).prepared_message,
            f"Hello Ada, find a time: {link}",
        )
        self.assertIn("/r/", link)
        activity = delivery.activity_id
        self.assertEqual(activity.summary, "Message Ada Sample on social media")
        self.assertIn("Hello Ada, find a time:", activity.note)
        delivery.with_env(self.env_of(self.desk)).action_result_done()
        self.assertDeliveries(ada, ["sent"])

    def test_one_link_for_a_step_that_tells_nothing_of_anybody(self):
        """G7, H3: the link is the same for all, its names say nothing."""
        people = [self.lapsed(f"Patient {number}") for number in range(3)]
        before = self.env["link.tracker"].search_count([])
        campaign = self.started()
        links = {
            self.delivery(person).prepared_message.split()[-1] for person in people
        }
        self.assertEqual(len(links), 1)
        tracker = self.env["link.tracker"].search([], order="id desc", limit=1)
        self.assertEqual(self.env["link.tracker"].search_count([]), before + 1)
        self.assertEqual(tracker.redirected_url, "https://elm.example.com/welcome")
        self.assertFalse(tracker.campaign_id or tracker.source_id or tracker.medium_id)
        step = campaign.method_ids.step_ids
        self.assertEqual(tracker.label, f"{campaign.id}-{step.id}")

    def test_the_message_is_in_the_patients_language(self):
        """E10"""
        self.env["res.lang"]._activate_lang("fr_FR")
        ada = self.lapsed(lang="fr_FR")
        campaign = self.social_campaign()
        step = campaign.method_ids.step_ids
        step.with_context(lang="fr_FR").message = "Bonjour {first_name} {link}"
        self.refresh()
        campaign.action_start()
        self.run_crons()
        self.assertIn("Bonjour Ada", self.delivery(ada).prepared_message)
        self.assertIn("Bonjour Ada", self.delivery(ada).activity_id.note)
        self.assertIn("Copy this message", self.delivery(ada).activity_id.note)

    def test_a_hostile_name_is_text(self):
        """F1, F2"""
        ada = self.lapsed("<script>alert(1)</script> {link}", email="x@example.com")
        self.started(message="Hello {name}")
        delivery = self.delivery(ada)
        self.assertEqual(
            delivery.prepared_message, "Hello <script>alert(1)</script> {link}"
        )
        self.assertNotIn("<script>", delivery.activity_id.note)

    def test_what_keeps_a_social_step_from_working(self):
        """E12"""
        step = self.social_campaign().method_ids.step_ids
        self.assertEqual(self.social._step_problems(step), [])
        self.clinic.website = False
        self.assertIn("website", self.social._step_problems(step)[0]["text"])
        step.message = "Hello {x"
        self.assertIn("brace", self.social._step_problems(step)[0])
        step.message = False
        self.assertIn("no message", self.social._step_problems(step)[0])

    def test_every_channel_can_be_explained_and_ruled(self):
        """The patient's table of answers and the rules know all channels."""
        ada = self.lapsed(
            phone="+12125550123", street="1 Elm", city="Albany", zip="12207"
        )
        policy = self.env["reactivation.contact.policy"]
        answers = policy._explain(ada, self.clinic)[ada.id]
        for channel in ("mail", "call", "video", "letter", "social"):
            self.assertIsNone(answers[channel, "care"], channel)
            self.env["reactivation.contact.rule"].create(
                {"name": channel, "channel": channel, "cap_week": 1}
            )
        self.assertTrue(policy._explain_html(ada, self.clinic)[ada.id])
