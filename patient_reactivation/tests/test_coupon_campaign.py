"""A campaign with coupons, as a manager designs it: what can go wrong, and is said."""

from datetime import date

from lxml import html

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .common import MailClinicCase


class OfferClinic(MailClinicCase):
    """A clinic whose campaigns give coupons."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.coupons = cls.env["reactivation.coupon"]
        cls.tier = cls.env.ref("patient_reactivation.reactivation_tier_6")
        cls.late_tier = cls.env.ref("patient_reactivation.reactivation_tier_12")
        cls.twenty = cls.env.ref("patient_reactivation.loyalty_program_20")
        cls.fifty = cls.env.ref("patient_reactivation.loyalty_program_50")

    @classmethod
    def program(cls, name="Ten", kind="percent", value=10, product=None, **values):
        """A coupon as the form of our own makes one."""
        reward = {"reward_type": "discount", "discount": value, "required_points": 1}
        reward["discount_mode"] = "percent" if kind == "percent" else "per_order"
        if kind == "gift":
            product = product or cls.gift(value)
            reward = {
                "reward_type": "product",
                "reward_product_id": product.id,
                "required_points": 1,
            }
        return cls.env["loyalty.program"].create(
            {
                "name": name,
                "program_type": "coupons",
                "trigger": "with_code",
                "applies_on": "current",
                "company_id": False,
                "currency_id": cls.clinic.currency_id.id,
                "communication_plan_ids": [Command.clear()],
                "reward_ids": [Command.clear(), Command.create(reward)],
                **values,
            }
        )

    @classmethod
    def gift(cls, price, name="Toothbrush"):
        return cls.env["product.product"].create({"name": name, "lst_price": price})

    @classmethod
    def offer_campaign(cls, steps=1, program=None, **values):
        """A campaign of e-mails whose first step gives coupons."""
        campaign = cls.campaign(steps=steps, **values)
        step = campaign.method_ids.step_ids[0]
        step.write({"offer": "issue", "program_id": program and program.id})
        return campaign

    def coupons_of(self, partner):
        return self.coupons.search([("partner_id", "in", partner.ids)], order="id")

    def body_to(self, partner):
        """:return: the text of the one e-mail somebody got"""
        [mail] = self.mails_to(partner.email)
        return html.fromstring(mail["body"]).text_content()

    def problems(self, campaign, level="error"):
        return [item["text"] for item in campaign._problems() if item["level"] == level]

    def assertProblem(self, campaign, words, level="error"):
        texts = self.problems(campaign, level)
        self.assertTrue(any(words in text for text in texts), texts)


@tagged("post_install", "-at_install")
class TestCouponCampaign(OfferClinic):
    def test_step_with_an_offer_shows_it_by_itself(self):
        """Choosing *Gives a coupon* is enough: the e-mail has a place for it, once."""
        campaign = self.offer_campaign()
        mailing = campaign.method_ids.step_ids.mailing_ids
        body = str(mailing.body_html)
        self.assertEqual(body.count("object.coupon_offer"), 1)
        self.assertLess(body.index("object.coupon_offer"), body.index("unsubscribe"))
        self.assertGreater(body.index("object.coupon_offer"), body.index("your next"))
        campaign.method_ids.step_ids.offer = "issue"
        self.assertEqual(str(mailing.body_html).count("object.coupon_offer"), 1)
        self.assertFalse(self.problems(campaign))

    def test_manager_may_save_what_the_offer_put_in(self):
        """The placeholder is one that managers without *Template Editor* may keep."""
        campaign = self.campaign()
        step = self.as_user(self.manager, campaign.method_ids.step_ids)
        step.offer = "issue"
        mailing = step.mailing_ids
        mailing.write({"body_html": str(mailing.body_html).replace("due", "near")})
        self.assertIn("object.coupon_offer", str(mailing.body_html))

    def test_program_without_reward(self):
        """A program without reward gives nothing: the campaign does not start."""
        program = self.program().with_context(loyalty_skip_reward_check=True)
        program.reward_ids.unlink()
        self.tier.program_id = program
        campaign = self.offer_campaign()
        self.assertProblem(campaign, "exactly one thing")
        with self.assertRaisesRegex(UserError, "exactly one thing"):
            self.start(campaign)

    def test_percentages_that_are_none(self):
        """E14: 0 % and 200 % are refused by the form, and by the campaign."""
        program = self.program()
        for value, words in ((0, "more than nothing"), (200, "100 or less")):
            with self.assertRaisesRegex(ValidationError, words):
                program.reactivation_value = value
        # Written with Odoo's own form, which allows it.
        program.reward_ids.discount = 200
        self.tier.program_id = program
        campaign = self.offer_campaign()
        self.assertProblem(campaign, "more than 100 %")

    def test_gift_without_a_price(self):
        """E14: nobody can say whether a gift without a price is lawful."""
        self.tier.program_id = self.program("Gift", "gift", 0)
        self.assertProblem(self.offer_campaign(), "worth nothing")

    def test_archived_program_cannot_be_given(self):
        self.twenty.active = False
        self.assertProblem(self.offer_campaign(), "archived")

    def test_no_tier_has_a_coupon(self):
        (self.tier | self.late_tier).program_id = False
        self.assertProblem(self.offer_campaign(), "no tier has one")

    def test_one_tier_has_no_coupon(self):
        """That may be meant: a warning. Its patients get the message without."""
        self.late_tier.program_id = False
        campaign = self.offer_campaign()
        self.assertProblem(campaign, "12 months and more", "warning")
        ben = self.lapsed("Ben", 400, payer_class="cash")
        self.start(campaign)
        self.run_crons()
        self.assertEqual(self.enrollment(ben).delivery_ids.offer_refusal, "no_program")
        self.assertDeliveries(ben, ["sent"])

    def test_program_of_another_company(self):
        """H6: a clinic gives coupons of its own and shared ones."""
        self.tier.program_id = self.program(company_id=self.other_clinic.id)
        self.assertProblem(self.offer_campaign(), "Lakeside Clinic")

    def test_program_that_has_ended(self):
        self.tier.program_id = self.program(date_to=date(2026, 3, 1))
        self.assertProblem(self.offer_campaign(), "has ended")

    def test_script_has_to_name_the_coupon(self):
        campaign = self.step_campaign("call", script="Hello {first_name}.")
        step = campaign.method_ids.step_ids
        step.offer = "issue"
        self.assertProblem(campaign, "does not mention the coupon")
        step.script = "Hello {first_name}.\nYou have {offer} until {coupon_until}."
        self.assertFalse(self.problems(campaign))

    def test_reminder_of_nothing(self):
        campaign = self.campaign()
        campaign.method_ids.step_ids.write({"offer": "remind"})
        self.assertProblem(campaign, "no step before it gives")

    def test_promise_written_by_hand(self):
        """K1: “20 %” in the text would reach Medicare patients. It is refused, unless
        the e-mail is for patients with a coupon only."""
        campaign = self.offer_campaign()
        mailing = campaign.method_ids.step_ids.mailing_ids
        mailing.body_html = str(mailing.body_html).replace(
            "We would be glad", "Get 20% off! We would be glad"
        )
        self.assertProblem(campaign, "names a price or a percentage")
        mailing.reactivation_offer = "with"
        self.assertFalse(self.problems(campaign))

    def test_promises_are_kept(self):
        """A program is neither archived nor changed while patients have its coupons."""
        self.lapsed("Ada", 200, payer_class="cash")
        self.start(self.offer_campaign())
        self.run_crons()
        self.assertEqual(self.twenty.reactivation_open_count, 1)
        for change in (
            lambda: self.twenty.write({"active": False}),
            lambda: self.twenty.reward_ids.write({"discount": 10}),
            lambda: self.twenty.write({"reactivation_value": 10}),
            lambda: self.twenty.reward_ids.unlink(),
        ):
            with self.assertRaisesRegex(UserError, "with patients: 1"):
                change()
        # What promises nothing else may be changed.
        self.twenty.write({"name": "Twenty", "reactivation_valid_days": 20})
        self.twenty.reward_ids.write({"discount": 20})
        self.later(days=31)
        self.twenty.active = False
        self.assertFalse(self.twenty.active)

    def test_tier_changed_after_issue(self):
        """The coupon that is out stays what it was; the next one is the new one."""
        ada = self.lapsed("Ada", 200, payer_class="cash")
        self.start(self.offer_campaign())
        self.run_crons()
        self.tier.program_id = self.program("Ten", value=10)
        self.assertEqual(self.coupons_of(ada).value, 20)
        ben = self.lapsed("Ben", 200, payer_class="cash")
        self.refresh()
        self.run_crons()
        self.assertEqual(self.coupons_of(ben).value, 10)

    def test_campaign_and_step_override_the_tier(self):
        ada = self.lapsed("Ada", 200, payer_class="cash")
        campaign = self.offer_campaign()
        campaign.program_id = self.program("Ten", value=10)
        self.start(campaign)
        self.run_crons()
        self.assertEqual(self.coupons_of(ada).value, 10)
        ben = self.lapsed("Ben", 200, payer_class="cash")
        other = self.offer_campaign(program=self.program("Five", value=5))
        other.program_id = campaign.program_id
        campaign.action_pause()
        self.start(other)
        self.run_crons()
        self.assertEqual(self.coupons_of(ben).value, 5)

    def test_stopped_campaign_revokes(self):
        """A manager takes back what was not used, once the campaign is stopped."""
        ada = self.lapsed("Ada", 200, payer_class="cash")
        ben = self.lapsed("Ben", 200, payer_class="cash")
        campaign = self.offer_campaign()
        self.start(campaign)
        self.run_crons()
        self.coupons_of(ben)._redeem()
        with self.assertRaisesRegex(UserError, "Pause or close"):
            campaign.action_revoke_coupons()
        campaign.action_done()
        self.as_user(self.manager, campaign).action_revoke_coupons()
        self.assertEqual(self.coupons_of(ada).state, "revoked")
        self.assertEqual(self.coupons_of(ada).card_id.points, 0)
        self.assertEqual(self.coupons_of(ben).state, "redeemed")
        self.assertEqual(
            (campaign.coupon_count, campaign.coupon_redeemed_count), (2, 1)
        )
