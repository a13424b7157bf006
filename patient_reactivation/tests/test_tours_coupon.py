"""Coupons as people meet them: in the campaign, on the phone and at the desk."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from freezegun import freeze_time
from lxml import html

from odoo.tests import tagged

from odoo.addons.mail.tests.common import MockEmail

from .common import ANY_HOUR, TourCase, stay_in_transaction

PATH = "/odoo/reactivation-redeem"


class CouponTours(TourCase):
    clinic_values = {**ANY_HOUR, "phone": "+1 212-555-0100"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.desk = cls.staff("tour_desk", "user")
        cls.manager = cls.staff("tour_manager")
        cls.coupons = cls.env["reactivation.coupon"]
        cls.twenty = cls.env.ref("patient_reactivation.loyalty_program_20")
        cls.fifty = cls.env.ref("patient_reactivation.loyalty_program_50")
        cls.ada = cls.patient(
            "Ada Tour",
            payer_class="cash",
            birth_date="1980-04-01",
            email="ada@tour.example",
        )

    @classmethod
    def give(cls, partner, program=None, key="tour", company=None):
        """A coupon as it was promised for something."""
        granted = cls.coupons._grant(
            company or cls.clinic, partner, program or cls.twenty, key
        )
        return granted[partner][0]


@tagged("post_install", "-at_install")
class TestToursRedeem(CouponTours):
    def address(self, **coupons):
        codes = {name: coupon.code_shown for name, coupon in coupons.items()}
        return f"{PATH}?{urlencode(codes)}"

    def at_the_desk(self):
        """:return: address with a good code, a used one, and one of another clinic"""
        lakeside = self.env["res.company"].create({"name": "Lakeside Clinic"})
        ben, lena = (
            self.patient(name, payer_class="cash") for name in ("Ben Tour", "Lena Tour")
        )
        self.coupon = self.give(self.ada)
        used, foreign = self.give(ben), self.give(lena, company=lakeside)
        used._redeem()
        return self.address(ada=self.coupon, used=used, foreign=foreign)

    def test_desk_redeems_by_scanning(self):
        """H6, K5, G9: used once; the second time, another clinic's and a wrong code are
        refused with a sentence to say aloud."""
        address = self.at_the_desk()
        self.start_tour(address, "reactivation_redeem", login=self.desk.login)
        self.assertEqual(self.coupon.state, "redeemed")
        self.assertEqual(self.coupon.redeemed_by_id, self.desk)
        kinds = self.coupon.event_ids.mapped(lambda event: (event.kind, event.reason))
        self.assertEqual(
            sorted(kinds, key=str), [("redeemed", False), ("refused", "insured")]
        )

    def test_manager_undoes_on_a_phone(self):
        self.browser_size = "390x844"
        self.touch_enabled = True
        address = self.at_the_desk()
        self.coupon._redeem()
        self.start_tour(address, "reactivation_redeem_undo", login=self.manager.login)
        self.assertEqual(self.coupon.state, "open")
        self.assertEqual(self.coupon.card_id.points, 1)
        self.assertEqual(self.coupon.event_ids[:1].note, "The visit was canceled")

    def test_redeem_from_the_patient(self):
        small, large = self.give(self.ada), self.give(self.ada, self.fifty, "second")
        self.env["reactivation.patient"]._refresh()
        row = self.env["reactivation.patient"].search(
            [("partner_id", "=", self.ada.id), ("company_id", "=", self.clinic.id)]
        )
        self.start_tour(
            f"/odoo/reactivation-patients/{row.id}",
            "reactivation_redeem_patient",
            login=self.desk.login,
        )
        self.assertEqual((small.state, large.state), ("open", "redeemed"))


@tagged("post_install", "-at_install")
class TestToursCampaign(MockEmail, CouponTours):
    """From the ready campaign to the desk, as a new clinic meets it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stay_in_transaction(cls)

    @staticmethod
    def next_morning():
        """:return: the next Monday, noon in New York or an hour before"""
        now = datetime.now()
        monday = now + timedelta(days=7 - now.weekday())
        return monday.replace(hour=16, minute=0, second=0, microsecond=0)

    def person(self, name, days=300, **values):
        return self.patient(
            name,
            (days,),
            email=f"{name.split()[0].lower()}@tour.example",
            tz="America/New_York",
            **values,
        )

    def letters_to(self, partner):
        """:return: what the e-mails to somebody say, and their links"""
        pages = [
            html.fromstring(mail["body"])
            for mail in self._mails
            if partner.email in str(mail["email_to"])
        ]
        return [
            (page.text_content(), [str(link) for link in page.xpath("//a/@href")])
            for page in pages
        ]

    def test_from_the_ready_campaign_to_the_desk(self):
        """K1, K2: designed, sent, opened on a phone, redeemed at the desk; a patient of
        Medicare and one with an unknown payer never see an offer."""
        self.env["reactivation.patient"]._refresh()
        self.start_tour(
            "/odoo/reactivation-templates",
            "reactivation_coupon_campaign",
            login=self.manager.login,
        )
        ben = self.person("Ben Tour", 500, payer_class="private")
        cleo = self.person("Cleo Tour", payer_class="cash")
        meg = self.person("Meg Tour", payer_class="federal")
        una = self.person("Una Tour")
        self.env["reactivation.patient"]._refresh()
        campaign = self.env["reactivation.campaign"].search(
            [("company_id", "=", self.clinic.id)]
        )
        self.assertEqual((campaign.state, campaign.coupon_budget), ("running", 100))
        with freeze_time(self.next_morning()), self.mock_mail_gateway():
            for _run in range(3):
                # Who has no postal address gets the e-mail instead of the letter.
                self.env["reactivation.enrollment"]._cron_enroll()
                self.env["reactivation.delivery"]._cron_run()
            coupons = self.coupons.search([("campaign_id", "=", campaign.id)])
            value = {coupon.partner_id: coupon.value for coupon in coupons}
            self.assertEqual(value, {self.ada: 20, ben: 50, cleo: 20})
            for nobody in (meg, una):
                [(words, links)] = self.letters_to(nobody)
                self.assertIn("glad to welcome you", words)
                self.assertNotIn("% off", words)
                self.assertNotIn("coupon", words.lower())
                self.assertFalse([link for link in links if "coupon" in link])
            [(words, links)] = self.letters_to(self.ada)
        coupon = coupons.filtered(lambda item: item.partner_id == self.ada)
        self.assertIn(coupon.code_shown, words)
        [link] = [link for link in links if "/reactivation/coupon/" in link]
        self.look_at_the_phone("/reactivation/" + link.partition("/reactivation/")[2])
        self.coupon = coupon
        self.start_tour(
            f"{PATH}?{urlencode({'ada': coupon.code_shown})}",
            "reactivation_redeem_once",
            login=self.desk.login,
        )
        self.assertEqual(coupon.state, "redeemed")
        self.start_tour(
            f"/odoo/reactivation-campaigns/{campaign.id}",
            "reactivation_coupon_revoke",
            login=self.manager.login,
        )
        self.assertEqual(
            sorted(coupons.mapped("state")), ["redeemed", "revoked", "revoked"]
        )

    def look_at_the_phone(self, path):
        """The square is large enough to be scanned, and nothing is cut off."""
        self.browser_size = "390x844"
        self.browser_js(
            path,
            """
            const square = document.querySelector("svg").getBoundingClientRect();
            const page = document.documentElement;
            const words = document.body.innerText;
            if (square.width < 240 || square.bottom > window.innerHeight) {
                console.error(`The square is ${square.width} wide`);
            } else if (page.scrollWidth > window.innerWidth) {
                console.error("The page is wider than the phone");
            } else if (!words.includes("20% off your visit")) {
                console.error(words);
            } else {
                console.log("test successful");
            }
            """,
            ready="document.readyState === 'complete'",
        )
        self.browser_size = "1366x768"
