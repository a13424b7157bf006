"""The life of coupons in campaigns: issued once, never lost, ended when they say."""

import io
import json
import zipfile
from datetime import date, timedelta

from lxml import html

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import Untouched
from .test_coupon_campaign import OfferClinic
from .test_runner import DELIVERY_LOG, SmtpClinicCase, refused


@tagged("post_install", "-at_install")
class TestCouponLife(OfferClinic, SmtpClinicCase):
    def offered(self, name="Ada Sample", days=200, **values):
        """A lapsed patient who may be offered anything."""
        return self.lapsed(name, days, **{"payer_class": "cash", **values})

    def states(self, partner):
        return self.coupons_of(partner).mapped("state")

    def refusal_of(self, partner):
        """:return: why the last message of a patient had no offer"""
        return self.enrollment(partner).delivery_ids.sorted("id")[-1:].offer_refusal

    # ------------------------------------------------------------------ message

    def test_reminder_before_the_end(self):
        """It goes to those whose coupon is still open, a week before the last day."""
        ada, ben, meg = (self.offered(name) for name in ("Ada", "Ben", "Meg"))
        meg.payer_class = "federal"
        campaign = self.offer_campaign(steps=2)
        campaign.method_ids.step_ids[1].write(
            {"offer": "remind", "delay_from": "coupon", "delay_days": 7}
        )
        self.start(campaign)
        self.run_crons()
        [coupon] = self.coupons_of(ada)
        self.assertEqual(coupon.valid_until, date(2026, 4, 1))
        self.assertTrue(self.coupons_of(ben)._redeem())
        self.run_day(22)
        self.assertDeliveries(ada, ["sent"])
        self.run_day(2)
        self.assertDeliveries(ada, ["sent", "sent"])
        second = self.enrollment(ada).delivery_ids.sorted("id")[1]
        self.assertEqual(second.coupon_id, coupon)
        self.assertLessEqual(
            abs((second.sent_on.date() - date(2026, 3, 25)).days), 1, second.sent_on
        )
        mail = self.mails_to(ada.email)[1]
        self.assertIn(coupon.code_shown, mail["body"])
        self.assertEqual(len(self.coupons_of(ada)), 1)
        # Nobody is reminded of what they have used, or never had.
        self.assertEqual(len(self.mails_to(ben.email)), 1)
        self.assertEqual(len(self.mails_to(meg.email)), 1)

    def test_no_consent_to_offers_no_offer(self):
        """Who said no to offers gets the care message, as before, and no coupon."""
        ada, ben = self.offered("Ada"), self.offered("Ben")
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "mail", "offer", "page"
        )
        self.start(self.offer_campaign())
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        self.assertEqual(self.refusal_of(ada), "opted_out")
        self.assertNotIn("% off", self.body_to(ada))
        self.assertEqual(len(self.coupons_of(ben)), 1)

    def test_family_reads_each_name(self):
        """One message to one address: each member's own coupon, by first name."""
        home = {"email": "home@example.com", "phone": "+12125550142"}
        ada = self.offered("Ada One", **home)
        ben = self.offered("Ben Two", 400, **home)
        meg = self.offered("Meg Three", payer_class="federal", **home)
        self.start(self.offer_campaign())
        self.run_crons()
        [mail] = self.mails_to("home@example.com")
        words = html.fromstring(mail["body"]).text_content()
        for person, percent in ((ada, 20), (ben, 50)):
            [coupon] = self.coupons_of(person)
            self.assertEqual(coupon.value, percent)
            self.assertIn(coupon.code_shown, words)
        self.assertFalse(self.coupons_of(meg))
        self.assertEqual(words.count("% off"), 2)

    def test_two_versions_of_an_e_mail(self):
        """The clinic writes one e-mail for those with a coupon, one for the others."""
        ada, meg = self.offered("Ada"), self.offered("Meg", payer_class="federal")
        campaign = self.offer_campaign()
        step = campaign.method_ids.step_ids
        first = step.mailing_ids
        first.reactivation_offer = "with"
        second = first.copy({"reactivation_offer": "without"})
        second.reactivation_step_id = step
        second.body_html = str(first.body_html).replace("Hello", "Good morning")
        self.start(campaign)
        self.run_crons()
        self.assertIn("Hello", self.body_to(ada))
        self.assertIn("Good morning", self.body_to(meg))

    def test_links_of_the_message_open_the_page(self):
        """What leaves has a secret link; what Odoo keeps has none."""
        ada = self.offered()
        self.start(self.offer_campaign())
        self.run_crons()
        [coupon] = self.coupons_of(ada)
        [mail] = self.mails_to(ada.email)
        [link] = {
            link
            for link in html.fromstring(mail["body"]).xpath("//a/@href")
            if "/reactivation/coupon/" in link
        }
        secret = link.rpartition("/")[2]
        self.assertGreaterEqual(len(secret), 32)
        self.assertEqual(self.env["reactivation.token"]._find(secret), coupon)
        kept = self.enrollment(ada).message_ids.mapped("body")
        self.assertNotIn(secret, " ".join(map(str, kept)))

    # ------------------------------------------------------------------ failing

    def test_message_that_never_left_takes_the_coupon_back(self):
        """Nobody has it: it counts neither for the budget nor for the next time."""
        ada = self.offered()
        campaign = self.offer_campaign()
        campaign.coupon_budget = 1
        self.start(campaign)
        with self.server_answers(then=refused(554, "5.7.1 policy")):
            self.run_crons()
            self.run_crons()
        self.assertDeliveries(ada, ["failed"])
        [coupon] = self.coupons_of(ada)
        self.assertEqual(
            (coupon.state, coupon.revoke_reason), ("revoked", "not_delivered")
        )
        self.assertEqual(coupon.card_id.points, 0)
        self.assertEqual(campaign.coupon_count, 0)
        ben = self.offered("Ben")
        campaign.action_resume() if campaign.state == "paused" else None
        self.run_crons()
        self.run_crons()
        self.assertEqual(self.states(ben), ["open"])

    def test_second_attempt_has_the_same_coupon(self):
        """C2: taken at the second attempt; one coupon, one code."""
        ada = self.offered()
        self.start(self.offer_campaign())
        with self.server_answers(refused(450, "4.2.0 Mailbox busy")):
            self.run_crons()
            [coupon] = self.coupons_of(ada)
            self.later(hours=0.5)
            self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        self.assertEqual(self.coupons_of(ada), coupon)
        self.assertEqual(coupon.state, "open")
        for mail in self.mails_to(ada.email):
            self.assertIn(coupon.code_shown, mail["body"])

    def test_fallback_has_the_same_coupon(self):
        """The e-mail bounces, and the caller tells of the same coupon."""
        ada = self.offered(phone="+1 212 555 0100")
        campaign = self.offer_campaign(steps=2)
        campaign.method_ids.step_ids[0].write(
            {
                "fallback_channel": "call",
                "script": "You have a coupon: {offer}, {coupon_code}, {coupon_until}.",
            }
        )
        self.start(campaign)
        answer = refused(550, "5.1.1 user unknown")
        with self.server_answers(to={ada.email: answer}):
            self.run_crons()
            self.run_crons()
        [delivery] = self.enrollment(ada).delivery_ids
        self.assertEqual((delivery.channel, delivery.state), ("call", "todo"))
        [coupon] = self.coupons_of(ada).filtered(lambda item: item.state == "open")
        self.assertEqual(delivery.coupon_id, coupon)
        self.assertIn(coupon.code_shown, self.enrollment(ada).activity_ids.note)

    def test_death_while_coupons_are_made(self):
        """B5: the transaction that dies leaves neither coupon, card nor message."""
        ada = self.offered()
        campaign = self.offer_campaign()
        campaign.coupon_budget = 5
        self.start(campaign)
        deliveries = self.env["reactivation.delivery"]
        deliveries._schedule_due()
        savepoint = self.env.cr.savepoint()
        claimed, _decided = deliveries._claim(50)
        self.assertTrue(claimed.coupon_id)
        cards = claimed.coupon_id.card_id.ids
        savepoint.close(rollback=True)
        self.env.invalidate_all()
        self.assertFalse(self.coupons_of(ada))
        self.assertFalse(self.env["loyalty.card"].browse(cards).exists())
        self.assertFalse(self.env["reactivation.coupon.budget"].search([]).issued)
        self.assertDeliveries(ada, ["pending"])
        self.run_crons()
        self.assertEqual(self.states(ada), ["open"])
        [mail] = self.mails_to(ada.email)
        self.assertIn(self.coupons_of(ada).code_shown, mail["body"])

    def test_death_after_coupons_are_made(self):
        """B5: what may have left keeps its coupon; what was next uses its own."""
        people = self.env["res.partner"].union(
            *(self.offered(f"Patient {number}") for number in range(4))
        )
        self.start(self.offer_campaign())
        deliveries = self.env["reactivation.delivery"]
        deliveries._schedule_due()
        claimed, _decided = deliveries._claim(50)
        claimed[0].write({"state": "sending"})
        before = claimed.coupon_id
        self.assertEqual(len(before), 4)
        self.later(hours=1)
        with mute_logger(DELIVERY_LOG):
            self.run_crons()
            self.run_crons()
        self.assertEqual(claimed.mapped("state"), ["uncertain"] + ["sent"] * 3)
        self.assertEqual(claimed.coupon_id, before)
        self.assertEqual(before.mapped("state"), ["open"] * 4)
        self.assertEqual(len(self.coupons_of(people)), 4)

    # -------------------------------------------------------------------- rules

    def test_budget(self):
        """A13: ten coupons for twelve patients; two read the message without one."""
        people = [self.offered(f"Patient {number}") for number in range(12)]
        campaign = self.offer_campaign()
        campaign.coupon_budget = 10
        self.start(campaign)
        self.run_crons()
        self.assertEqual(campaign.coupon_count, 10)
        refusals = [self.refusal_of(person) for person in people]
        self.assertEqual(refusals.count("budget"), 2)
        self.assertEqual(len(self.emails), 12)

    def test_later_tier_takes_the_place_of_the_first(self):
        """The patient stays away and crosses into the next tier: the better coupon."""
        ada = self.offered(days=350)
        campaign = self.offer_campaign(steps=2)
        campaign.method_ids.step_ids.write({"offer": "issue"})
        campaign.method_ids.step_ids[1].delay_days = 20
        self.start(campaign)
        self.run_crons()
        self.assertEqual(self.coupons_of(ada).mapped("value"), [20])
        self.enrollment(ada).action_stop()
        self.later(days=20)
        second = self.offer_campaign(name="Later")
        self.start(second)
        self.run_crons()
        self.run_crons()
        first, later = self.coupons_of(ada)
        self.assertEqual((first.state, first.revoke_reason), ("revoked", "superseded"))
        self.assertEqual((later.state, later.value), ("open", 50))
        self.assertEqual((first.card_id.points, later.card_id.points), (0, 1))

    def test_two_campaigns_and_one_offer(self):
        """K9: the best one only, whichever came first."""
        ada = self.offered()
        self.start(self.offer_campaign(program=self.program("Thirty", value=30)))
        self.run_crons()
        [coupon] = self.coupons_of(ada)
        other = self.offer_campaign(program=self.program("Ten", value=10), name="Two")
        self.enrollment(ada).action_stop()
        self.start(other)
        self.run_crons()
        self.later(days=8)
        self.run_crons()
        self.assertEqual(self.coupons_of(ada), coupon)
        mails = self.mails_to(ada.email)
        self.assertEqual(len(mails), 2)
        for mail in mails:
            self.assertIn(coupon.code_shown, mail["body"])

    def test_lapsing_on_purpose(self):
        """K7: a coupon was used, the patient stays away again: not before a year."""
        ada = self.offered()
        self.start(self.offer_campaign())
        self.run_crons()
        self.assertTrue(self.coupons_of(ada)._redeem())
        self.visit(ada, fields.Datetime.now())
        self.run_crons()
        self.later(days=220)
        self.visit(ada, 200)
        self.start(self.offer_campaign(name="Again"))
        self.run_day(2)
        self.assertEqual(self.refusal_of(ada), "cooldown")
        self.assertEqual(len(self.coupons_of(ada)), 1)
        self.assertEqual(len(self.mails_to(ada.email)), 2)

    def test_expired_coupon_is_closed_by_the_runner(self):
        """D11: open all through the last day, by the clinic's clock."""
        ada = self.offered()
        self.start(self.offer_campaign())
        self.run_crons()
        [coupon] = self.coupons_of(ada)
        with self.at(coupon.expires_at - timedelta(minutes=1)):
            self.assertTrue(coupon._is_live())
            self.coupons._expire()
            self.assertEqual(coupon.state, "open")
        with self.at(coupon.expires_at):
            self.assertFalse(coupon._is_live())
            self.run_crons()
            self.assertEqual(coupon.state, "expired")

    # --------------------------------------------------------- promised and given

    def test_incentive_is_given_once(self):
        """An answer that is sent twice gets one coupon; the law holds here as well."""
        ada, meg = self.offered("Ada"), self.offered("Meg", payer_class="federal")
        both = ada | meg
        for _time in range(2):
            given = self.coupons._grant(self.clinic, both, self.twenty, "survey-1")
            self.assertEqual(given[ada][0], self.coupons_of(ada))
            self.assertEqual(given[meg], (None, "payer"))
        self.assertEqual(len(self.coupons_of(ada)), 1)
        self.coupons._grant(self.clinic, ada, self.twenty, "survey-2")
        self.assertEqual(len(self.coupons_of(ada)), 2)

    def test_manager_gives_with_a_reason_and_a_limit(self):
        """K8: who, to whom and why is on record; nobody gives more than so many."""
        self.clinic.reactivation_coupon_by_hand = 2
        give = self.env["reactivation.coupon.give"].with_user(self.manager)
        give = give.with_context(allowed_company_ids=self.clinic.ids)

        def wizard(person, note="Waited an hour"):
            values = {"partner_id": person.id, "program_id": self.twenty.id}
            return give.create({**values, "note": note})

        people = [self.offered(f"Patient {number}") for number in range(3)]
        for person in people[:2]:
            action = wizard(person).action_give()
            coupon = self.coupons.browse(action["res_id"])
            self.assertEqual(
                (coupon.source, coupon.note, coupon.issued_by_id),
                ("manual", "Waited an hour", self.manager),
            )
        with self.assertRaisesRegex(UserError, "Another manager can"):
            wizard(people[2]).action_give()
        with self.assertRaisesRegex(UserError, "“Why”"):
            wizard(people[2], " ").action_give()
        with self.assertRaisesRegex(UserError, "to themselves"):
            self.manager.partner_id.payer_class = "cash"
            wizard(self.manager.partner_id).action_give()
        with self.assertRaisesRegex(UserError, "Only a manager"):
            self.coupons.with_user(self.desk)._give_by_hand(
                self.clinic, people[2], self.twenty, "A friend"
            )
        self.later(days=31)
        wizard(people[2]).action_give()
        self.assertEqual(self.states(people[2]), ["open"])

    def test_law_binds_managers_too(self):
        """K1: the dialog says it before anything is given, and refuses it after."""
        meg = self.offered("Meg", payer_class="federal")
        wizard = (
            self.env["reactivation.coupon.give"]
            .with_user(self.manager)
            .with_context(allowed_company_ids=self.clinic.ids)
            .create(
                {
                    "partner_id": meg.id,
                    "program_id": self.twenty.id,
                    "note": "Waited an hour",
                }
            )
        )
        self.assertIn("Payer does not allow offers", wizard.refusal)
        with self.assertRaisesRegex(UserError, "Payer does not allow offers"):
            wizard.action_give()
        self.assertFalse(self.coupons_of(meg))

    def test_small_gifts_add_up(self):
        """K4: $15.01 is refused; five gifts of $15 are lawful, the sixth is not."""
        meg = self.offered("Meg", payer_class="federal")
        dear = self.program("Dear", "gift", 15.01)
        gift = self.program("Gift", "gift", 15)

        def grant(program, key):
            return self.coupons._grant(self.clinic, meg, program, key)[meg]

        self.assertEqual(grant(dear, "0"), (None, "gift_item"))
        for number in range(5):
            coupon, code = grant(gift, f"gift {number}")
            self.assertIsNone(code)
            coupon._redeem()
        self.assertEqual(grant(gift, "six"), (None, "gift_year"))
        # D12: the year slides; it does not begin anew in January.
        self.later(days=305)
        self.assertEqual(fields.Date.today().year, 2027)
        self.assertEqual(grant(gift, "six"), (None, "gift_year"))
        self.later(days=61)
        self.assertIsNone(grant(gift, "six")[1])

    # ------------------------------------------------------------------- privacy

    def test_erased_patient(self):
        """The coupon stays in the books, and leads to nobody."""
        ada = self.offered()
        self.start(self.offer_campaign())
        self.run_crons()
        [coupon] = self.coupons_of(ada)
        self.env["reactivation.privacy"]._erase(ada, "Asked by letter")
        self.assertEqual((coupon.state, coupon.revoke_reason), ("revoked", "erased"))
        self.assertFalse(coupon.partner_id or coupon.code)
        self.assertFalse(coupon.card_id.partner_id)
        self.assertFalse(
            self.env["reactivation.token"].search([("coupon_id", "=", coupon.id)])
        )

    def test_export_names_the_coupons(self):
        ada = self.offered()
        self.start(self.offer_campaign())
        self.run_crons()
        [coupon] = self.coupons_of(ada)
        content = self.env["reactivation.privacy"]._export_zip(ada)
        text = zipfile.ZipFile(io.BytesIO(content)).read("data.json").decode()
        [row] = json.loads(text)["coupons"]
        self.assertIn(coupon.code_shown, str(row))
        self.assertIn("20% off your visit", str(row))

    def test_merged_patients_keep_the_better_coupon(self):
        """A11: two contacts of one person had a coupon each."""
        ada, ada_again = self.offered("Ada"), self.offered("Ada Again", 400)
        self.start(self.offer_campaign())
        self.run_crons()
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            (ada | ada_again).ids, ada
        )
        self.env.invalidate_all()
        coupons = self.coupons_of(ada)
        self.assertEqual(
            coupons.filtered(lambda item: item.state == "open").mapped("value"), [50]
        )
        self.assertEqual(
            coupons.filtered(lambda item: item.state == "revoked").revoke_reason,
            "merged",
        )

    def test_nobody_deletes_a_coupon(self):
        coupon = self.coupons._grant(self.clinic, self.offered(), self.twenty, "1")
        [(coupon, _code)] = coupon.values()
        with self.assertRaisesRegex(UserError, "part of the books"):
            coupon.unlink()
        with self.assertRaisesRegex(UserError, "cannot be changed"):
            coupon._redeem()
            coupon.event_ids.write({"note": "Never happened"})


@tagged("post_install", "-at_install")
class TestCouponShown(Untouched, OfferClinic):
    """What managers and printers see before and after."""

    def test_rehearsal_shows_the_offer_and_gives_nothing(self):
        ada = self.lapsed("Ada", 200, payer_class="cash")
        meg = self.lapsed("Meg", 200, payer_class="federal")
        self.refresh()
        campaign = self.offer_campaign()
        before = self.counts()
        for person, words in ((ada, "20% off"), (meg, "Payer does not allow offers")):
            rehearsal = (
                self.env["reactivation.rehearsal"]
                .with_user(self.manager)
                .with_context(allowed_company_ids=self.clinic.ids)
                .create(
                    {
                        "campaign_id": campaign.id,
                        "method_id": campaign.method_ids.id,
                        "partner_id": person.id,
                    }
                )
            )
            line = rehearsal.line_ids[:1]
            self.assertIn(words, str(line.read()[0]))
        self.assertEqual(self.counts(), before)
        self.assertFalse(self.coupons_of(ada | meg))

    def test_letter_prints_code_and_square(self):
        """A letter has the coupon with its code to scan; without an offer neither."""
        address = {
            "street": "12 Rose Lane",
            "city": "Albany",
            "zip": "12207",
            "country_id": self.env.ref("base.us").id,
        }
        self.clinic.phone = "+1 212 555 0100"
        ada = self.lapsed("Ada", 200, payer_class="cash", **address)
        meg = self.lapsed("Meg", 200, payer_class="federal", **address)
        campaign = self.step_campaign(
            "letter",
            letter_body="<p>Dear {name},</p><p>Take this: {offer}, {coupon_code},"
            " {coupon_until}.</p><p>Call us.</p>",
        )
        campaign.method_ids.step_ids.offer = "issue"
        self.start(campaign)
        self.run_crons()
        letters = self.env["reactivation.channel.letter"]
        page = letters._page(self.enrollment(ada).delivery_ids)
        [coupon] = self.coupons_of(ada)
        self.assertIn(coupon.code_shown, page["body"])
        [printed] = page["coupons"]
        self.assertEqual(printed["code"], coupon.code_shown)
        self.assertTrue(printed["qr"].startswith("data:image/png;base64,"))
        page = letters._page(self.enrollment(meg).delivery_ids)
        self.assertNotIn("Take this", page["body"])
        self.assertIn("Call us", page["body"])
        self.assertFalse(page["coupons"])

    def test_what_may_be_offered(self):
        """K2: the patient's form says it, and the front desk enters the payer there."""
        una = self.lapsed("Una", 200)
        self.refresh()
        patient = self.as_user(self.desk, self.row(una))
        self.assertIn("Enter it first", patient.allowed_offer)
        for payer, words in (
            ("cash", "Any coupon"),
            ("federal", "Small gifts only"),
            ("private", "Any coupon"),
        ):
            patient.payer_class = payer
            self.assertEqual(una.payer_class, payer)
            self.assertIn(words, patient.allowed_offer)
        rule = self.env["reactivation.offer.rule"]
        rule.create({"name": "Nothing", "allow": "none", "payer_class": "private"})
        patient.invalidate_recordset()
        self.assertIn("No coupon", patient.allowed_offer)

    def test_plan_of_a_campaign(self):
        """The manager sees what each tier gets, before anything starts."""
        campaign = self.offer_campaign()
        plan = html.fromstring(campaign.offer_plan).text_content()
        self.assertIn("6 to 12 months: 20% off your visit, for 30 days", plan)
        self.assertIn("12 months and more: 50% off your visit, for 30 days", plan)
        campaign.program_id = self.program("Ten", value=10)
        plan = html.fromstring(campaign.offer_plan).text_content()
        self.assertEqual(plan.count("10% off"), 2)
        self.late_tier.program_id = campaign.program_id = False
        self.assertIn("no coupon", campaign.offer_plan)

    def test_sheet_to_hand_over(self):
        """K3: printed in the patient's name; not when coverage has changed since."""
        ada = self.lapsed("Ada", 200, payer_class="cash")
        [(coupon, _code)] = self.coupons._grant(
            self.clinic, ada, self.twenty, "1"
        ).values()
        action = self.as_user(self.desk, coupon).action_print()
        self.assertEqual(action["report_name"], "patient_reactivation.coupon_print")
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "patient_reactivation.coupon_print", coupon.ids
        )
        self.assertIn(coupon.code_shown, content.decode())
        ada.payer_class = "federal"
        with self.assertRaisesRegex(UserError, "cannot be used"):
            self.as_user(self.desk, coupon).action_print()
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "patient_reactivation.coupon_print", coupon.ids
        )
        self.assertNotIn(coupon.code_shown, content.decode())

    def test_program_with_two_gifts_gives_neither(self):
        """E14: a program that offers a choice cannot be promised in one sentence."""
        program = self.program()
        program.reward_ids = [
            Command.create(
                {"reward_type": "discount", "discount": 5, "required_points": 1}
            )
        ]
        self.tier.program_id = program
        self.assertProblem(self.offer_campaign(), "exactly one thing")
