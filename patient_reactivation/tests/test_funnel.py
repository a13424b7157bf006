"""The funnel: what became of each contact, from the plan to the visit."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ClinicCase

COUNTS = ("planned", "sent", "opened", "clicked", "replied", "booked", "returned")


@tagged("post_install", "-at_install")
class TestFunnel(ClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recall = cls.campaign(steps=2)
        cls.call = cls.env["reactivation.step"].create(
            {
                "name": "Call",
                "method_id": cls.recall.method_ids.id,
                "channel": "call",
                "sequence": 9,
                "script": "Would Thursday suit you?",
                "delay_days": 7,
            }
        )
        cls.mail, cls.reminder = cls.recall.method_ids.step_ids[:2]
        cls.people = cls.env["res.partner"].concat(
            *(cls.lapsed(f"Patient {number}") for number in range(6))
        )
        cls.start(cls.recall)

    def contact(self, partner, step, days, **values):
        """A step that was sent to a patient so many days ago."""
        enrollment = self.enrollment(partner)
        sent_on = self.days_ago(days)
        return self.env["reactivation.delivery"].create(
            {
                "enrollment_id": enrollment.id,
                "step_id": step.id,
                "campaign_id": self.recall.id,
                "company_id": self.clinic.id,
                "channel": step.channel,
                "state": "sent",
                "date": sent_on,
                "first_date": sent_on,
                "sent_on": sent_on,
                **values,
            }
        )

    def sums(self, domain=(), names=COUNTS):
        self.env.flush_all()
        (found,) = self.env["reactivation.funnel"]._read_group(
            domain, [], [f"{name}:sum" for name in names]
        )
        return found

    def by_step(self, name):
        rows = self.env["reactivation.funnel"]._read_group([], ["step_id"], [name])
        return {step: count for step, count in rows if count}

    def groups(self, side="channel", user=None):
        self.env.flush_all()
        model = self.as_user(user or self.manager, self.env["reactivation.funnel"])
        return model.read_funnel(self.recall.id, side)["groups"]

    # ------------------------------------------------------------------ numbers

    def test_what_became_of_each_contact(self):
        self.later(days=20)
        ada, ben, cleo = self.people[:3]
        self.contact(ada, self.mail, 15, opened_on=self.days_ago(14))
        self.contact(ben, self.mail, 15, bounced_on=self.days_ago(14))
        self.contact(
            cleo,
            self.mail,
            15,
            opened_on=self.days_ago(14),
            clicked_on=self.days_ago(14),
            replied_on=self.days_ago(13),
        )
        self.contact(ada, self.reminder, 8, state="skipped", sent_on=False)
        self.assertEqual(self.sums(), (4, 3, 2, 1, 1, 0, 0))
        self.assertEqual(self.sums(names=["bounced"]), (1,))

    def test_machines_are_counted_apart(self):
        """L5"""
        mail = self.contact(self.people[0], self.mail, 0)
        outcomes = self.env["reactivation.outcome"]
        outcomes._append("opened", mail, is_bot=True)
        outcomes._append("clicked", mail, is_bot=True)
        names = ["opened", "clicked", "machine_opened", "machine_clicked"]
        self.assertEqual(self.sums(names=names), (0, 0, 1, 1))
        outcomes._append("opened", mail)
        self.assertEqual(self.sums(names=names), (1, 0, 1, 1))

    def test_return_counts_for_the_last_contact_before_it(self):
        self.later(days=30)
        ada, ben, cleo = self.people[:3]
        for partner in self.people[:2]:
            self.contact(partner, self.mail, 20)
            self.contact(partner, self.reminder, 13)
        self.contact(cleo, self.mail, 5)
        self.visit(ada, 10)
        self.visit(ben, 15)
        self.visit(cleo, 25)
        self.env["reactivation.outcome"]._refresh()
        self.env.flush_all()
        self.assertEqual(self.by_step("returned:sum"), {self.reminder: 1, self.mail: 1})
        self.assertEqual(self.recall.returned_count, 3)

    def test_booking_counts_when_it_was_noticed(self):
        ada, ben = self.people[:2]
        self.later(days=20)
        for partner in (ada, ben):
            self.contact(partner, self.mail, 10)
            self.contact(partner, self.call, 3)
        self.visit(ada, -5, state="planned")
        self.env["reactivation.outcome"]._refresh()
        # Frozen time is not the database's: both were noticed two weeks before.
        self.env.flush_all()
        self.cr.execute(
            "UPDATE reactivation_outcome SET create_date = %s", (self.days_ago(6),)
        )
        self.enrollment(ben).staff_booked_on = self.days_ago(1)
        self.env.flush_all()
        self.assertEqual(self.by_step("booked:sum"), {self.mail: 1, self.call: 1})

    # -------------------------------------------------------------------- drawn

    def crowd_of_contacts(self):
        self.later(days=20)
        for partner in self.people:
            self.contact(partner, self.mail, 15, opened_on=self.days_ago(14))
        for partner in self.people[:5]:
            self.contact(partner, self.call, 8)
        for partner in self.people[:2]:
            self.contact(partner, self.reminder, 2)
        self.visit(self.people[0], 5)
        self.env["reactivation.outcome"]._refresh()

    def test_drawn_by_channel(self):
        self.crowd_of_contacts()
        everything, mail, call = self.groups()
        self.assertEqual(everything["key"], "all")
        self.assertEqual((mail["key"], call["key"]), ("mail", "call"))
        stages = {stage["name"]: stage for stage in mail["stages"]}
        self.assertEqual(list(stages), list(COUNTS))
        self.assertEqual(stages["opened"]["count"], 6)
        self.assertEqual(stages["opened"]["share"], 6 / 8)
        self.assertTrue(stages["opened"]["is_hint"])
        self.assertFalse(stages["returned"]["is_hint"])
        self.assertEqual(
            [stage["name"] for stage in call["stages"]],
            ["planned", "sent", "booked", "returned"],
            "Nobody opens a call.",
        )
        self.assertEqual(call["stages"][-1]["count"], 1)
        self.assertEqual(everything["stages"][0]["count"], 13)

    def test_drawn_by_step_small_groups_hidden(self):
        """J9"""
        self.crowd_of_contacts()
        everything, mail, reminder, call = self.groups("step")
        self.assertEqual(mail["name"], "E-mail 1")
        self.assertEqual(mail["detail"], "E-mails")
        self.assertTrue(reminder["hidden"])
        self.assertEqual(reminder["stages"], [])
        self.assertFalse(call["hidden"])

    def test_one_query_however_many_contacts(self):
        self.crowd_of_contacts()
        self.groups("step")
        self.env.invalidate_all()
        with self.assertQueryCount(20):
            self.groups("step")

    def test_nothing_planned(self):
        self.assertEqual(self.groups(), [])

    def test_bar_opens_its_contacts(self):
        self.crowd_of_contacts()
        funnel = self.as_user(self.manager, self.env["reactivation.funnel"])
        action = funnel.open_stage(self.recall.id, "channel", "call", "returned")
        found = funnel.search(action["domain"])
        self.assertEqual(found.partner_id, self.people[0])
        self.assertEqual(found.step_id, self.call)
        delivery = found.action_open_delivery()
        self.assertEqual(
            (delivery["res_model"], delivery["res_id"]),
            ("reactivation.delivery", found.id),
        )
        action = funnel.open_stage(self.recall.id, "step", "all", "planned")
        self.assertEqual(funnel.search_count(action["domain"]), 13)
        with self.assertRaises(ValueError):
            funnel.open_stage(self.recall.id, "channel", "call", "nothing")
        with self.assertRaises(ValueError):
            funnel.read_funnel(self.recall.id, "weather")

    # -------------------------------------------------------------------- roles

    def test_managers_of_the_company_only(self):
        self.crowd_of_contacts()
        for user in (self.desk, self.stranger(), self.env.ref("base.public_user")):
            funnel = self.as_user(user, self.env["reactivation.funnel"])
            with self.assertRaises(AccessError):
                funnel.read_funnel(self.recall.id)
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.env["reactivation.funnel"]).search([])
        strange = self.as_user(
            self.env["res.users"].search([("login", "=like", "stranger_%")]),
            self.env["reactivation.funnel"],
        )
        self.assertFalse(strange.search([]))
        self.assertTrue(
            self.as_user(self.manager, self.env["reactivation.funnel"]).search([])
        )

    def test_export_is_of_managers_and_neutral(self):
        """F3"""
        self.people[0].name = "=1+1"
        self.contact(self.people[0], self.mail, 1)
        self.env.flush_all()
        row = self.env["reactivation.funnel"].search([], limit=1)
        found = self.as_user(self.manager, row).export_data(["partner_id/name"])
        self.assertEqual(found["datas"], [["'=1+1"]])
        with self.assertRaisesRegex(UserError, "manager"):
            self.as_user(self.desk, row).export_data(["partner_id/name"])
