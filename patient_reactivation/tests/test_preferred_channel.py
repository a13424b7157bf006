from odoo.tests import tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestPreferredChannel(MailClinicCase):
    """A step through the patient's own channel."""

    def start(self, *channels, **values):
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        if "mail" not in channels:
            step.mailing_ids.unlink()
        step.write(
            {
                "channel": "preferred",
                "script": "Hello" if "call" in channels else False,
                "letter_body": "<p>Dear {first_name}</p>"
                if "letter" in channels
                else False,
                **values,
            }
        )
        self.refresh()
        campaign.action_start()
        self.run_crons()
        return campaign

    def channel(self, partner):
        delivery = self.enrollment(partner).delivery_ids
        return delivery.channel, delivery.state

    def test_the_patients_wish_comes_first(self):
        phone = "+12125550142"
        ada = self.lapsed("Ada", phone=phone, preferred_channel="call")
        ben = self.lapsed("Ben", phone="+12125550143", preferred_channel="mail")
        self.start("mail", "call")
        self.assertEqual(self.channel(ada), ("call", "todo"))
        self.assertEqual(self.channel(ben), ("mail", "sent"))

    def test_without_a_wish_the_order_of_the_clinic(self):
        ada = self.lapsed("Ada", phone="+12125550142")
        self.start("mail", "call")
        self.assertEqual(self.channel(ada), ("mail", "sent"))

    def test_the_clinics_own_order(self):
        ada = self.lapsed("Ada", phone="+12125550142")
        order = self.env["reactivation.channel.order"]
        for sequence, channel in enumerate(("call", "mail")):
            order.create(
                {
                    "company_id": self.clinic.id,
                    "sequence": sequence,
                    "channel": channel,
                }
            )
        self.start("mail", "call")
        self.assertEqual(self.channel(ada), ("call", "todo"))

    def test_a_wish_the_clinic_did_not_list(self):
        """Who wants a letter gets one, also where letters are not in the order; nobody
        else does."""
        post = {"street": "5 Main St", "city": "New York", "zip": "10001"}
        ada = self.lapsed("Ada", preferred_channel="letter", **post)
        ben = self.lapsed("Ben", email="ben@example.com", **post)
        self.env["reactivation.channel.order"].create(
            {"company_id": self.clinic.id, "channel": "mail"}
        )
        self.start("mail", "letter")
        self.assertEqual(self.channel(ada), ("letter", "todo"))
        self.assertEqual(self.channel(ben), ("mail", "sent"))

    def test_a_wish_that_is_not_allowed(self):
        """Wants e-mails, and opted out of them: the next channel."""
        ada = self.lapsed("Ada", phone="+12125550142", preferred_channel="mail")
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "mail", "all", "page"
        )
        self.start("mail", "call")
        self.assertEqual(self.channel(ada), ("call", "todo"))

    def test_a_wish_without_content(self):
        ada = self.lapsed("Ada", phone="+12125550142", preferred_channel="call")
        self.start("mail")
        self.assertEqual(self.channel(ada), ("mail", "sent"))

    def test_nobody_who_can_be_reached_nowhere_is_enrolled(self):
        ada = self.lapsed("Ada", email=False)
        campaign = self.start("mail", "call")
        self.assertFalse(self.enrollment(ada, campaign))

    def test_reached_nowhere_any_more(self):
        ada = self.lapsed("Ada")
        campaign = self.start("mail", "call", delay_days=1)
        ada.email = False
        self.run_day(1)
        self.assertEqual(self.channel(ada), ("preferred", "skipped"))
        self.assertEqual(
            self.enrollment(ada, campaign).delivery_ids.reason, "no_address"
        )

    def test_bounce_goes_to_the_next_channel(self):
        ada = self.lapsed("Ada", phone="+12125550142")
        campaign = self.start("mail", "call")
        delivery = self.enrollment(ada, campaign).delivery_ids
        delivery.write({"state": "failed", "reason": "bounced"})
        self.run_day(1)
        self.assertEqual(self.channel(ada), ("call", "todo"))
        self.assertEqual(delivery.fallback_reason, "bounced")

    def test_booked_is_booked_on_every_channel(self):
        ada = self.lapsed("Ada", phone="+12125550142")
        campaign = self.start("mail", "call", delay_days=1)
        self.meet(ada, self.days_ago(-30))
        self.run_day(1)
        delivery = self.enrollment(ada, campaign).delivery_ids
        self.assertEqual((delivery.state, delivery.reason), ("skipped", "booked"))
        self.assertEqual(self.enrollment(ada, campaign).steps_ended, "booked")
