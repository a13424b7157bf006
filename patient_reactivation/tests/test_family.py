from odoo.fields import Command
from odoo.tests import tagged

from .common import NOW, MailClinicCase

HOME = "family@example.com"
PHONE = "+12125550142"


@tagged("post_install", "-at_install")
class TestFamily(MailClinicCase):
    """Patients who share an address: one contact names all of them."""

    def family(self, *names, **values):
        values = {"email": HOME, "phone": PHONE, **values}
        return [self.lapsed(name, **values) for name in names]

    def states(self, people):
        return [self.enrollment(person).delivery_ids.state for person in people]

    def call_campaign(self):
        campaign = self.campaign()
        campaign.method_ids.step_ids.write({"channel": "call", "script": "Hello"})
        return campaign

    def start(self, campaign):
        self.refresh()
        campaign.action_start()
        self.run_crons()
        return campaign

    def claim(self, campaign):
        """:return: (deliveries that a runner claimed, the one that stands for all)"""
        self.refresh()
        campaign.action_start()
        deliveries = self.env["reactivation.delivery"]
        deliveries._schedule_due()
        claimed, _decided = deliveries._claim(50)
        return claimed, claimed.filtered(lambda item: not item.lead_id)

    def test_one_message_names_all(self):
        """E4: five members of a family share an e-mail; one message per address."""
        people = self.family("Ada One", "Ben Two", "Cleo Three", "Dan Four", "Eve Five")
        self.start(self.campaign())
        self.assertEqual(len(self.mails_to(HOME)), 1)
        body = self.mails_to(HOME)[0]["body"]
        for name in ("Ada", "Ben", "Cleo", "Dan", "Eve"):
            self.assertIn(name, body)
        self.assertEqual(self.states(people), ["sent"] * 5)
        leads = self.enrollment(people[0]).delivery_ids
        for person in people[1:]:
            leads |= self.enrollment(person).delivery_ids.lead_id
        self.assertEqual(len(leads), 1)

    def test_names_in_the_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.family("Ada One", "Ben Two", lang="fr_FR")
        self.start(self.campaign())
        body = self.mails_to(HOME)[0]["body"]
        self.assertIn("Ada et Ben", body)

    def test_apart_by_the_clinics_choice(self):
        """E4: each their own, on another day; nobody is dropped as a duplicate."""
        self.clinic.reactivation_family_rule = "apart"
        people = self.family("Ada One", "Ben Two", "Cleo Three")
        self.start(self.campaign())
        self.assertEqual(len(self.mails_to(HOME)), 1)
        self.assertEqual(sorted(self.states(people)), ["pending", "pending", "sent"])
        self.run_day(2)
        self.assertEqual(len(self.mails_to(HOME)), 3)
        self.assertEqual(self.states(people), ["sent"] * 3)

    def test_who_may_not_be_written_to_is_not_named(self):
        """E4, E7"""
        ada, ben, cleo = self.family("Ada One", "Ben Two", "Cleo Three")
        campaign = self.campaign()
        self.refresh()
        campaign.action_start()
        self.meet(ben, NOW.replace(month=4))
        self.env["reactivation.consent"]._withdraw(
            cleo, self.clinic, "mail", "all", "staff"
        )
        self.run_crons()
        body = self.mails_to(HOME)[0]["body"]
        self.assertIn("Ada", body)
        self.assertNotIn("Ben", body)
        self.assertNotIn("Cleo", body)
        self.assertEqual(self.states([ada, ben, cleo]), ["sent", "skipped", "skipped"])

    def test_stop_about_the_address_covers_all(self):
        """E4"""
        ada, ben = self.family("Ada One", "Ben Two")
        campaign = self.campaign()
        self.refresh()
        campaign.action_start()
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "mail", "all", "page", address=HOME
        )
        self.run_crons()
        self.assertFalse(self._mails)
        self.assertEqual(self.states([ada, ben]), ["skipped", "skipped"])

    def test_members_at_another_step_or_method_are_told_too(self):
        """Chance gave them different methods: still one message."""
        campaign = self.campaign()
        campaign.write(
            {
                "method_ids": [
                    Command.create(
                        {
                            "name": "Other",
                            "step_ids": [Command.create({"name": "Other e-mail"})],
                        }
                    )
                ]
            }
        )
        campaign.method_ids[1].step_ids._create_mailing("en_US")
        people = self.family(*(f"Child{number} Doe" for number in range(6)))
        self.refresh()
        campaign.action_start()
        for number, person in enumerate(people):
            method = campaign.method_ids[number % 2]
            self.enrollment(person).write(
                {"method_id": method.id, "next_step_id": method.step_ids.id}
            )
        self.run_crons()
        self.assertEqual(len(self.mails_to(HOME)), 1)
        self.assertEqual(self.states(people), ["sent"] * 6)

    def test_members_behind_the_batch_are_told_too(self):
        first = self.family("Ada One")
        others = [self.lapsed(f"Other {number}") for number in range(3)]
        last = self.family("Zoe One")
        self.refresh()
        self.campaign().action_start()
        self.env["reactivation.delivery"]._schedule_due()
        self.env["reactivation.delivery"]._run_batch(2)
        self.assertEqual(self.states(first + last), ["sent", "sent"])
        self.assertEqual(len(self.mails_to(HOME)), 1)
        self.assertIn("pending", self.states(others))

    def test_a_place_of_work_is_no_family(self):
        """Seven who share an address: six are named, one waits."""
        people = self.family(*(f"Worker{number} Doe" for number in range(7)))
        self.start(self.campaign())
        self.assertEqual(sorted(self.states(people)), ["pending"] + ["sent"] * 6)

    def test_minors_and_their_mother(self):
        """The mother is a patient too, and gets one message about all."""
        (mother,) = self.family("Mother Doe")
        child = self.lapsed(
            "Child Doe", email=False, birth_date="2018-01-01", guardian_id=mother.id
        )
        self.start(self.campaign())
        self.assertEqual(len(self.mails_to(HOME)), 1)
        self.assertIn("Child", self.mails_to(HOME)[0]["body"])
        self.assertEqual(self.states([mother, child]), ["sent", "sent"])

    def test_refused_address_fails_for_all_and_counts_once(self):
        ada, ben = self.family("Ada One", "Ben Two")
        campaign = self.campaign()
        claimed, lead = self.claim(campaign)
        self.assertEqual(len(claimed), 2)
        with lead._last_look(campaign, "mail") as last_look:
            self.assertTrue(lead._begin_sending(last_look))
            self.env.invalidate_all()
            self.assertEqual(set(claimed.mapped("state")), {"sending"})
            lead._end_sending("failed", "bounced", "550 5.1.1")
        self.assertEqual(self.states([ada, ben]), ["failed", "failed"])

    def test_death_of_the_process_leaves_all_uncertain(self):
        """B4 with a family."""
        people = self.family("Ada One", "Ben Two")
        campaign = self.campaign()
        claimed, lead = self.claim(campaign)
        with lead._last_look(campaign, "mail") as last_look:
            lead._begin_sending(last_look)
        self.later(hours=1)
        self.run_crons()
        self.assertEqual(self.states(people), ["uncertain", "uncertain"])
        self.assertFalse(self._mails)

    def test_one_drops_out_at_the_last_look(self):
        """A6 with a family: the message would name who has booked; it is written
        anew."""
        ada, ben = self.family("Ada One", "Ben Two")
        campaign = self.campaign()
        claimed, lead = self.claim(campaign)
        member = claimed - lead
        self.meet(member.partner_id, NOW.replace(month=4))
        with lead._last_look(campaign, "mail") as last_look:
            self.assertFalse(lead._begin_sending(last_look))
        self.assertEqual(set(claimed.mapped("state")), {"claimed"})
        claimed._give_back()
        self.run_crons()
        self.assertEqual(len(self.mails_to(HOME)), 1)
        self.assertEqual(sorted(self.states([ada, ben])), ["sent", "skipped"])

    # -------------------------------------------------------------------- tasks

    def test_one_call_about_all(self):
        """E4 with a telephone: one task, which names them."""
        people = self.family("Ada One", "Ben Two", email=False)
        self.start(self.call_campaign())
        self.assertEqual(self.states(people), ["todo", "todo"])
        tasks = self.env["mail.activity"].search(
            [("res_model", "=", "reactivation.enrollment")]
        )
        self.assertEqual(len(tasks), 1)
        self.assertIn("Ada", tasks.summary)
        self.assertIn("Ben", tasks.summary)
        tasks._action_done()
        self.assertEqual(self.states(people), ["sent", "sent"])

    def test_one_books_the_others_are_still_called(self):
        """E7, E4: the task was the booker's; the sibling gets one of their own."""
        people = self.family("Ada One", "Ben Two", email=False)
        self.start(self.call_campaign())
        lead = self.env["reactivation.delivery"].search([("activity_id", "!=", False)])
        booker = lead.partner_id
        sibling = (people[0] | people[1]) - booker
        self.meet(booker, NOW.replace(month=4))
        self.run_day(2)
        self.assertEqual(self.enrollment(booker).delivery_ids.state, "skipped")
        task = self.enrollment(sibling).delivery_ids
        self.assertEqual((task.state, task.reason), ("todo", False))
        self.assertIn(sibling.name.split()[0], task.activity_id.summary)
        self.assertNotIn(booker.name.split()[0], task.activity_id.summary)
