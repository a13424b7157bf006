from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestChannelAction(MailClinicCase):
    """Any server action, run for each patient who is due."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = cls.env["reactivation.channel.action"]

    def action(self, code="record.message_post(body='done')", **values):
        return self.env["ir.actions.server"].create(
            {
                "name": "Tell the other system",
                "model_id": self.env["ir.model"]._get_id("reactivation.enrollment"),
                "state": "code",
                "code": code,
                **values,
            }
        )

    def action_campaign(self, action, start=True, **values):
        campaign = self.step_campaign("action", action_id=action.id, **values)
        if start:
            self.start(campaign)
        return campaign

    def test_the_action_runs_once_for_each_patient(self):
        """A1"""
        people = [self.lapsed(f"Patient {number}") for number in range(3)]
        self.action_campaign(self.action())
        self.run_crons()
        self.run_crons()
        for person in people:
            self.assertDeliveries(person, ["sent"])
            told = self.enrollment(person).message_ids.filtered(
                lambda message: "done" in message.body
            )
            self.assertEqual(len(told), 1)

    def test_it_runs_in_the_company_of_the_campaign(self):
        """H1"""
        ada = self.lapsed()
        self.action_campaign(
            self.action("record.message_post(body='%s' % env.companies.mapped('name'))")
        )
        self.run_crons()
        bodies = " ".join(self.enrollment(ada).message_ids.mapped("body"))
        self.assertIn("Elm Street Clinic", bodies)
        self.assertNotIn("Lakeside", bodies)

    def test_a_failure_is_the_patients_own(self):
        """One fails: what it did is undone, the others go on, and staff read why."""
        good, bad = self.lapsed("Good One"), self.lapsed("Bad One")
        self.action_campaign(
            self.action(
                "record.message_post(body='half done')\n"
                "if 'Bad' in record.partner_id.name:\n"
                "    raise UserError('The system of x@example.com is closed.')"
            )
        )
        self.run_crons()
        self.assertDeliveries(good, ["sent"])
        self.assertDeliveries(bad, ["failed"])
        delivery = self.enrollment(bad).delivery_ids
        # F12: no address in what is shown.
        self.assertEqual(delivery.failure, "The system of …@… is closed.")
        self.assertFalse(
            self.enrollment(bad).message_ids.filtered(lambda m: "half" in m.body)
        )

    @mute_logger("odoo.sql_db")
    def test_an_error_of_the_database_stops_nobody_else(self):
        first, second = self.lapsed("First One"), self.lapsed("Second One")
        self.action_campaign(
            self.action(
                "if 'First' in record.partner_id.name:\n"
                "    env.cr.execute('SELECT nothing FROM nowhere')\n"
                "else:\n"
                "    record.message_post(body='done')"
            )
        )
        self.run_crons()
        self.assertDeliveries(first, ["failed"])
        self.assertDeliveries(second, ["sent"])
        self.assertTrue(self.enrollment(first).delivery_ids.failure)

    def test_a_deleted_action(self):
        """E12: the campaign cannot be started; a running one leaves the patient out."""
        ada = self.lapsed()
        action = self.action()
        campaign = self.action_campaign(action)
        action.unlink()
        step = campaign.method_ids.step_ids
        self.assertFalse(self.kind._has_content(step))
        self.assertIn("no action", self.kind._step_problems(step)[0])
        self.run_crons()
        self.assertDeliveries(ada, [("skipped", "no_content")])

    def test_an_action_that_works_on_something_else_now(self):
        ada = self.lapsed()
        action = self.action()
        self.action_campaign(action)
        action.model_id = self.env["ir.model"]._get_id("res.partner")
        self.run_crons()
        self.assertDeliveries(ada, [("skipped", "no_content")])

    def test_the_last_look_holds_here_too(self):
        """A6, E7: booked in the meantime."""
        ada = self.lapsed()
        self.action_campaign(self.action())
        self.env["reactivation.enrollment"]._cron_enroll()
        self.meet(ada, -3)
        self.env["reactivation.delivery"]._cron_run()
        self.assertDeliveries(ada, [("skipped", "booked")])

    def test_managers_choose_actions_and_write_none(self):
        """I7"""
        mine = self.action()
        other = self.env["ir.actions.server"].create(
            {
                "name": "Something else",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "state": "code",
                "code": "pass",
            }
        )
        actions = self.env["ir.actions.server"].with_env(self.env_of(self.manager))
        found = actions.search([("id", "in", (mine | other).ids)])
        self.assertEqual(found, mine)
        self.assertEqual(found.name, "Tell the other system")
        with self.assertRaises(AccessError):
            mine.with_env(
                self.env_of(self.manager)
            ).code = "env['res.users'].search([]).unlink()"
        with self.assertRaises(AccessError):
            mine.with_env(self.env_of(self.manager)).read(["code"])
        with self.assertRaises(AccessError):
            actions.create({"name": "x", "model_id": mine.model_id.id, "state": "code"})
        step = self.action_campaign(mine, start=False).method_ids.step_ids
        with self.assertRaises(ValidationError):
            step.with_env(self.env_of(self.manager)).action_id = other.id
        for login, group in (("desk_a", "base.group_user"), ("p", "base.group_portal")):
            user = new_test_user(self.env, login, groups=group)
            with self.assertRaises(AccessError):
                actions.with_env(self.env_of(user)).search([])
            with self.assertRaises(AccessError):
                step.with_env(self.env_of(user)).action_id = mine.id

    def test_an_action_for_administrators_is_not_a_managers(self):
        """I7: what a manager may not run, no step of hers runs."""
        action = self.action(
            group_ids=[(4, self.env.ref("base.group_system").id)],
        )
        step = self.action_campaign(self.action(), start=False).method_ids.step_ids
        with self.assertRaisesRegex(ValidationError, "may not run"):
            step.with_env(self.env_of(self.manager)).action_id = action.id

    def test_administrators_still_see_every_action(self):
        admin = new_test_user(
            self.env,
            "admin_action",
            groups="base.group_system,patient_reactivation.group_reactivation_manager",
        )
        other = self.env["ir.actions.server"].search(
            [("model_name", "!=", "reactivation.enrollment")], limit=1
        )
        self.assertTrue(
            other.with_env(self.env_of(admin)).search([("id", "=", other.id)])
        )
        self.assertTrue(other.with_env(self.env_of(admin)).read(["code"]))
