from datetime import date, datetime

from odoo.tests import tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestMerge(MailClinicCase):
    """Two contacts turn out to be one person, or one person is deleted."""

    def merge(self, source, target):
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (source | target).ids, target
        )
        self.env.invalidate_all()

    def test_visits_add_up(self):
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        self.refresh()
        self.merge(twin, ada)
        self.assertPatient(ada, visit_count=2, visit_pattern="repeat")

    def test_reason_of_the_merged_contact_is_kept(self):
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        self.refresh()
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        self.row(twin).reason_id = cost
        self.merge(twin, ada)
        self.assertPatient(ada, reason_id=cost)

    def test_what_the_merged_contact_said_is_kept(self):
        """The reason with how and when it became known, and the recommendation."""
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        self.refresh()
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        when = datetime(2026, 3, 1, 12)
        said = {"nps": 0, "nps_kind": "detractor", "nps_on": when}
        self.row(twin).write(said)
        with self.at(when):
            self.row(twin)._set_reason(cost, "survey")
        self.merge(twin, ada)
        self.assertPatient(
            ada, reason_id=cost, reason_source="survey", reason_on=when, **said
        )

    def test_patient_merged_into_a_stranger(self):
        ada, stranger = self.lapsed("Ada", days=300), self.person("Stranger")
        self.refresh()
        self.merge(ada, stranger)
        self.assertPatient(stranger, visit_count=1)

    def test_three_contacts_at_two_companies(self):
        people = [
            self.lapsed(f"Ada {number}", days=300 + number) for number in range(3)
        ]
        self.visit(people[1], 9, company_id=self.other_clinic.id)
        self.visit(people[2], 8, company_id=self.other_clinic.id)
        self.refresh()
        self.env["base.partner.merge.automatic.wizard"]._merge(
            [person.id for person in people], people[0]
        )
        self.env.invalidate_all()
        self.assertPatient(people[0], visit_count=3)
        self.assertPatient(people[0], self.other_clinic, visit_count=2)

    def test_one_enrollment_stays_running(self):
        """A11"""
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        campaign = self.campaign(start=True, steps=2)
        self.run_crons()
        self.assertEqual(campaign.enrolled_count, 2)
        self.merge(twin, ada)
        running = self.enrollment(ada).filtered(lambda item: item.state == "running")
        self.assertEqual(len(running), 1)
        self.assertEqual(len(self.enrollment(ada)), 2)

    def test_same_episode_counts_once(self):
        """A11: both rows were one patient in one campaign all along."""
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=300)
        campaign = self.campaign(start=True, steps=2)
        self.run_crons()
        self.merge(twin, ada)
        self.assertEqual(len(self.enrollment(ada)), 1)
        campaign.invalidate_recordset()
        self.assertEqual(campaign.enrolled_count, 1)
        self.assertEqual(len(campaign.enrollment_ids), 2)

    def test_deleted_contact_keeps_the_counts(self):
        """J8"""
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        self.run_crons()
        ada.unlink()
        campaign.invalidate_recordset()
        self.assertEqual(campaign.enrolled_count, 1)
        self.assertFalse(campaign.enrollment_ids.partner_id)
        self.run_crons()

    # ------------------------------------------------------------------ messages

    def test_both_are_due_and_one_gets_it(self):
        """A11: two contacts, both enrolled and due; one message after the merge."""
        ada = self.lapsed("Ada", days=300, email="ada@example.com")
        twin = self.lapsed("Ada A", days=250, email="twin@example.com")
        campaign = self.campaign(start=True, steps=2)
        self.env["reactivation.enrollment"]._cron_enroll()
        self.env["reactivation.delivery"]._schedule_due()
        self.merge(twin, ada)
        self.run_crons()
        self.assertEqual(len(self._mails), 1)
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)
        deliveries = campaign.enrollment_ids.delivery_ids
        self.assertEqual(sorted(deliveries.mapped("state")), ["sent", "skipped"])
        skipped = deliveries.filtered(lambda item: item.state == "skipped")
        self.assertEqual(skipped.reason, "merged")
        self.run_day(8)
        self.assertEqual(len(self._mails), 2)

    def test_a_step_is_not_sent_again_through_the_other_one(self):
        """A11: what the twin got, the person got."""
        twin = self.lapsed("Ada A", days=300, email="twin@example.com")
        campaign = self.campaign(start=True, steps=3)
        self.run_crons()
        self.run_day(7)
        self.assertEqual(len(self.mails_to("twin@example.com")), 2)
        ada = self.lapsed("Ada", days=250, email="ada@example.com")
        self.refresh()
        self.env["reactivation.enrollment"]._cron_enroll()
        self.env["reactivation.delivery"]._schedule_due()
        self.merge(twin, ada)
        running = self.enrollment(ada).filtered(lambda item: item.state == "running")
        self.assertEqual(
            [(item.state, item.reason) for item in running.delivery_ids],
            [("skipped", "merged")] * 2,
        )
        self.run_day(6)
        self.assertEqual(len(self.mails_to("ada@example.com")), 0)
        self.run_day(2)
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)
        totals = self.env["reactivation.runner"]._totals(campaign)[campaign.id]
        self.assertEqual(totals["lost"], 0)

    def test_what_ended_for_one_does_not_go_on(self):
        """A11: staff stopped it for the twin, in the same campaign and episode."""
        for stopped in (0, 1):
            people = [
                self.lapsed("Ada", email=f"ada{stopped}@example.com"),
                self.lapsed("Ada A", email=f"twin{stopped}@example.com"),
            ]
            campaign = self.campaign(start=True, steps=2)
            self.run_crons()
            self.enrollment(people[stopped])._stop("stopped")
            self.merge(people[1], people[0])
            self.assertEqual(self.enrollment(people[0]).state, "stopped")
            self.assertEqual(self.enrollment(people[0]).stop_reason, "stopped")
            self.assertEqual(len(self.mails_to(people[0].email)), 1)
            self.run_day(9)
            self.assertEqual(len(self.mails_to(people[0].email)), 1)
            campaign.action_pause()

    def test_deliveries_follow(self):
        """A11"""
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        campaign = self.campaign(start=True)
        self.run_crons()
        self.merge(twin, ada)
        deliveries = campaign.enrollment_ids.delivery_ids
        self.assertEqual(deliveries.partner_id, ada)
        self.assertEqual(deliveries.recipient_id, ada)

    def test_conversation_of_both_is_found(self):
        """A11, J3: of two enrollments that were one, one has all the texts."""
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=300)
        self.campaign(start=True)
        self.run_crons()
        self.enrollment(twin).message_post(
            body="Words of the twin", author_id=twin.id, message_type="email"
        )
        self.merge(twin, ada)
        bodies = "".join(self.enrollment(ada).message_ids.mapped("body"))
        self.assertIn("Words of the twin", bodies)
        self.env["reactivation.privacy"]._erase(ada, "Asked")
        self.assertFalse(
            self.env["mail.message"].search([("body", "ilike", "Words of the twin")])
        )
        deliveries = self.env["reactivation.delivery"].search([])
        self.assertFalse(deliveries.recipient_id)
        self.assertFalse(any(deliveries.mapped("address_hash")))

    def test_no_query_for_each_delivery(self):
        """A11"""

        def queries(steps):
            ada, twin = self.lapsed(f"A{steps}"), self.lapsed(f"B{steps}", days=300)
            campaign = self.campaign(start=True, steps=steps)
            self.run_crons()
            for _step in range(steps):
                self.run_day(7)
            self.env.flush_all()
            before = self.cr.sql_log_count
            self.merge(twin, ada)
            self.env.flush_all()
            found = self.cr.sql_log_count - before
            campaign.action_pause()
            return found

        queries(1)
        few = queries(1)
        self.assertLessEqual(queries(6), few + 5)

    # ---------------------------------------------------------------- objections

    def refused(self, partner, channel="mail", purpose="care", company=None):
        """What the policy answers about a contact."""
        self.refresh()
        return self.refusal(partner, channel, purpose, company)

    def test_what_is_true_of_one_is_true_of_both(self):
        """A11: do not contact, deceased, federal payer."""
        for field, value, expected in (
            ("do_not_contact", True, "do_not_contact"),
            ("deceased_date", date(2026, 1, 1), "deceased"),
        ):
            for marked in (0, 1):
                people = [self.lapsed("Ada"), self.lapsed("Ada A")]
                people[marked][field] = value
                self.merge(people[1], people[0])
                self.assertEqual(people[0][field], value)
                self.assertEqual(self.refused(people[0]), expected)

    def test_the_strictest_payer_counts(self):
        """A11, O1"""
        for own, other, expected in (
            ("unknown", "federal", "federal"),
            ("private", "federal", "federal"),
            ("federal", "cash", "federal"),
            ("unknown", "private", "private"),
            ("cash", "private", "cash"),
            ("private", "unknown", "private"),
        ):
            ada = self.lapsed("Ada", payer_class=own)
            self.merge(self.lapsed("Ada A", payer_class=other), ada)
            self.assertEqual(ada.payer_class, expected, (own, other))

    def test_withdrawal_moves(self):
        """A11: what the twin withdrew stays withdrawn."""
        ada, twin = self.lapsed("Ada"), self.lapsed("Ada A")
        consents = self.env["reactivation.consent"]
        consents._withdraw(twin, self.clinic, "mail", "all", "page", address=twin.email)
        self.merge(twin, ada)
        self.assertEqual(self.refused(ada), "opted_out")
        self.assertEqual(len(consents.search([("partner_id", "=", ada.id)])), 1)

    def test_later_word_of_the_other_one_revives_nothing(self):
        """A11, J6: the union of what both objected to."""
        for first in (0, 1):
            people = [self.lapsed("Ada"), self.lapsed("Ada A")]
            consents = self.env["reactivation.consent"]
            consents._withdraw(people[first], self.clinic, "mail", "offer", "page")
            self.later(days=1)
            consents._grant(people[1 - first], self.clinic, "mail", "offer", "form")
            self.assertFalse(self.refused(people[1 - first], purpose="offer"))
            self.later(days=1)
            self.merge(people[1], people[0])
            self.assertEqual(self.refused(people[0], purpose="offer"), "opted_out")
            # Not more than was said.
            self.assertFalse(self.refused(people[0]))

    def test_word_at_another_clinic_ends_no_objection_to_calls(self):
        """A11: a no about the telephone counts at every company; the yes of the
        other contact, at a company where nobody ever said no, does not end it."""
        ada, twin = self.lapsed("Ada"), self.lapsed("Ada A", phone="+12125550142")
        consents = self.env["reactivation.consent"]
        consents._withdraw(ada, self.clinic, "call", "care", "staff")
        self.later(days=1)
        consents._grant(twin, self.other_clinic, "call", "care", "form")
        self.merge(ada, twin)
        for company in (self.clinic, self.other_clinic):
            self.assertEqual(self.refused(twin, "call", company=company), "opted_out")

    def test_word_about_an_address_others_use(self):
        """A11, E4: the no was about an address that somebody else has, too; the yes
        of the other contact, later and about nothing in particular, does not end it."""
        ada, twin = self.lapsed("Ada"), self.lapsed("Ada A", phone="+12125550142")
        ben = self.lapsed("Ben", email="home@example.com", phone="+12125550199")
        consents = self.env["reactivation.consent"]
        consents._withdraw(
            ada, self.clinic, "mail", "all", "page", address="home@example.com"
        )
        consents._withdraw(
            ada, self.clinic, "call", "care", "staff", address="+12125550199"
        )
        self.later(days=1)
        consents._grant(twin, self.clinic, "all", "all", "form")
        for channel in ("mail", "call"):
            self.assertEqual(self.refused(ben, channel), "opted_out", channel)
        self.merge(ada, twin)
        for channel in ("mail", "call"):
            self.assertEqual(self.refused(ben, channel), "opted_out", channel)
        # Only what would be lost is said again.
        words = consents.search(
            [("partner_id", "=", twin.id), ("address", "!=", False)]
        ).filtered(lambda word: "Merged" in (word.text or ""))
        self.assertEqual(
            sorted(words.mapped("address")), ["+12125550199", "home@example.com"]
        )

    def test_word_about_an_address_that_lasts_by_itself(self):
        ada, twin = self.lapsed("Ada"), self.lapsed("Ada A")
        consents = self.env["reactivation.consent"]
        consents._withdraw(
            ada, self.clinic, "mail", "all", "page", address="home@example.com"
        )
        self.merge(ada, twin)
        self.assertEqual(
            len(consents.search([("address", "=", "home@example.com")])), 1
        )

    def test_excluded_address_that_is_given_up(self):
        """A11: the twin's address was on a list; the objection is the person's."""
        ada = self.lapsed("Ada", phone="+12125550101")
        twin = self.lapsed("Ada A", phone="+12125550102")
        self.env["mail.blacklist"]._add(twin.email)
        self.env["phone.blacklist"]._add([twin.phone_sanitized])
        self.merge(twin, ada)
        self.assertEqual(ada.email, "ada@example.com")
        for channel in ("mail", "call"):
            self.assertEqual(self.refused(ada, channel), "opted_out", channel)
        words = self.env["reactivation.consent"].search([("partner_id", "=", ada.id)])
        self.assertEqual(set(words.mapped("source")), {"staff"})
        self.assertIn("Merged", words[0].text)
        self.assertIn(self.other_clinic, words.company_id)

    def test_objection_about_an_address_by_somebody_else(self):
        """A11, E4: the family's STOP covered the twin."""
        ada, twin = self.lapsed("Ada"), self.lapsed("Ada A", email="home@example.com")
        mother = self.person("Mother", email="home@example.com")
        self.env["reactivation.consent"]._withdraw(
            mother, self.clinic, "mail", "care", "reply", address="home@example.com"
        )
        self.assertEqual(self.refused(twin), "opted_out")
        self.merge(twin, ada)
        self.assertEqual(self.refused(ada), "opted_out")

    def test_suppressed_address_that_is_given_up(self):
        """A11, J2: somebody who complained or was erased is still the same person."""
        suppression = self.env["reactivation.suppression"]
        for reason in ("complaint", "erased"):
            ada = self.lapsed("Ada", email=f"{reason}@example.com")
            twin = self.lapsed("Ada A", email=f"twin.{reason}@example.com")
            suppression._add("mail", [twin.email], reason)
            self.merge(twin, ada)
            self.assertEqual(self.refused(ada), "opted_out", reason)

    def test_address_that_does_not_exist_is_no_objection(self):
        """A11: the better address is the one that is kept."""
        ada, twin = self.lapsed("Ada"), self.lapsed("Ada A")
        self.env["reactivation.suppression"]._add("mail", [twin.email], "bounced")
        self.merge(twin, ada)
        self.assertFalse(self.refused(ada))

    def test_nobody_is_erased_or_suppressed_by_a_merge(self):
        """A11, J1"""
        ada, twin = self.lapsed("Ada"), self.lapsed("Ada A", days=300)
        self.campaign(start=True)
        self.run_crons()
        logs = self.env["reactivation.erasure"].search_count([])
        self.merge(twin, ada)
        self.assertFalse(self.env["reactivation.suppression"].search([]))
        self.assertEqual(self.env["reactivation.erasure"].search_count([]), logs)
        self.assertEqual(len(self.enrollment(ada)), 2)

    def test_objection_of_three(self):
        """A11: one refuses e-mails, one calls, the third nothing."""
        people = [
            self.lapsed("Ada", phone="+12125550101"),
            self.lapsed("Ada A", phone="+12125550102"),
            self.lapsed("Ada B", phone="+12125550103"),
        ]
        consents = self.env["reactivation.consent"]
        consents._withdraw(people[1], self.clinic, "mail", "offer", "page")
        self.env["phone.blacklist"]._add([people[2].phone_sanitized])
        self.env["base.partner.merge.automatic.wizard"]._merge(
            [person.id for person in people], people[0]
        )
        self.env.invalidate_all()
        self.assertEqual(self.refused(people[0], "mail", "offer"), "opted_out")
        self.assertFalse(self.refused(people[0], "mail", "care"))
        self.assertEqual(self.refused(people[0], "call", "care"), "opted_out")

    # -------------------------------------------------------------------- people

    def test_patient_merged_into_the_guardian(self):
        """A11: nobody is their own guardian."""
        mother = self.person("Mother", phone="+12125550101")
        other = self.person("Father")
        child = self.lapsed("Child", birth_date="2019-01-01", guardian_id=mother.id)
        sister = self.lapsed("Sister", birth_date="2019-01-01", guardian_id=child.id)
        self.campaign(start=True)
        self.run_crons()
        self.merge(child, mother)
        self.assertFalse(mother.guardian_id)
        self.assertEqual(sister.guardian_id, mother)
        self.assertPatient(mother, visit_count=1)
        self.assertEqual(self.refused(mother), "minor")
        twin = self.lapsed("Twin", birth_date="2019-01-01", guardian_id=other.id)
        self.merge(twin, mother)
        self.assertEqual(mother.guardian_id, other)

    def test_contacts_of_two_companies(self):
        """A11, H1: each clinic keeps its history; nobody gets two messages."""
        ada = self.lapsed("Ada", company_id=self.clinic.id)
        twin = self.person("Ada A", company_id=self.other_clinic.id)
        self.visit(twin, 300, company_id=self.other_clinic.id)
        self.campaign(start=True, steps=2)
        self.campaign(start=True, steps=2, company_id=self.other_clinic.id)
        self.env["reactivation.enrollment"]._cron_enroll()
        self.env["reactivation.delivery"]._schedule_due()
        self.merge(twin, ada)
        self.assertEqual(len(self.enrollment(ada)), 2)
        self.assertPatient(ada, visit_count=1)
        self.assertPatient(ada, self.other_clinic, visit_count=1)
        self.run_crons()
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)

    def test_front_desk_merges(self):
        """A11: who may merge contacts needs no right to campaigns."""
        ada = self.lapsed("Ada", email="same@example.com")
        twin = self.lapsed("Ada A", days=300, email="same@example.com")
        self.campaign(start=True)
        self.run_crons()
        self.env["reactivation.consent"]._withdraw(
            twin, self.clinic, "mail", "all", "page"
        )
        wizard = self.env["base.partner.merge.automatic.wizard"].with_user(self.desk)
        wizard = wizard.with_context(allowed_company_ids=self.clinic.ids)
        wizard._merge((ada | twin).ids, ada.with_env(wizard.env))
        self.env.invalidate_all()
        self.assertFalse(twin.exists())
        self.assertEqual(self.refused(ada), "opted_out")
