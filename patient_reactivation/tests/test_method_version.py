from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestMethodVersion(MailClinicCase):
    def run_with(self, *people, **values):
        """A campaign with two steps that people are enrolled on."""
        campaign = self.campaign(steps=2, **values)
        campaign.method_ids.step_ids[0].mailing_ids.subject = "The first text"
        campaign.method_ids.step_ids[1].mailing_ids.subject = "The second text"
        self.start(campaign)
        for partner in people:
            self.assertTrue(self.enrollment(partner))
        return campaign

    def new_version(self, method):
        return method.browse(method.action_new_version()["res_id"])

    def subjects(self, address):
        return [mail["subject"] for mail in self.mails_to(address)]

    # ------------------------------------------------------------------ the lock

    def test_method_with_patients_stays_as_it_is(self):
        """Whatever a patient would notice; and the way out is named."""
        ada = self.lapsed()
        campaign = self.run_with(ada)
        method = campaign.method_ids
        first, second = method.step_ids
        mailing = first.mailing_ids
        self.assertTrue(method.is_locked)
        for change in (
            lambda: first.write({"delay_days": 3}),
            lambda: first.write({"channel": "call"}),
            lambda: first.write({"script": "Something else"}),
            lambda: first.write({"mon": False}),
            lambda: second.write({"sequence": -1}),
            lambda: second.unlink(),
            lambda: method.write({"step_ids": [Command.create({"name": "Third"})]}),
            lambda: method.write({"step_ids": [Command.delete(second.id)]}),
            lambda: first.update_field_translations("script", {"en_US": "Hi"}),
            lambda: mailing.write({"subject": "Something else"}),
            lambda: mailing.write({"body_html": "<p>Something else</p>"}),
            lambda: mailing.update_field_translations("subject", {"en_US": "Hi"}),
            lambda: mailing.unlink(),
            lambda: first._create_mailing("fr_FR"),
            lambda: method.unlink(),
        ):
            with self.assertRaisesRegex(UserError, "New Version"):
                change()

    def test_what_patients_do_not_notice_stays_free(self):
        ada = self.lapsed()
        campaign = self.run_with(ada)
        method = campaign.method_ids
        method.write({"name": "Two e-mails", "weight": 3})
        method.step_ids[0].write({"name": "Hello", "user_id": self.manager.id})
        campaign.email_from = "Elm <elm@example.com>"
        self.assertEqual(
            set(method.step_ids.mailing_ids.mapped("email_from")),
            {"Elm <elm@example.com>"},
        )

    def test_method_without_patients_is_free(self):
        campaign = self.campaign(start=True, steps=2)
        method = campaign.method_ids
        self.assertFalse(method.is_locked)
        method.step_ids[1].delay_days = 3
        method.step_ids[0].unlink()
        self.assertEqual(len(method.step_ids), 1)

    def test_step_moves_neither_out_of_nor_into_a_locked_method(self):
        ada = self.lapsed()
        locked = self.run_with(ada).method_ids
        free = self.campaign(name="Other").method_ids
        step, mailing = free.step_ids, free.step_ids.mailing_ids
        taken = locked.step_ids[0]
        with self.assertRaisesRegex(UserError, "New Version"):
            taken.method_id = free
        with self.assertRaisesRegex(UserError, "New Version"):
            step.method_id = locked
        with self.assertRaisesRegex(UserError, "New Version"):
            mailing.write({"reactivation_step_id": taken.id})
        with self.assertRaisesRegex(UserError, "New Version"):
            taken.mailing_ids.reactivation_step_id = step

    # ------------------------------------------------------------------ versions

    def test_those_on_the_way_keep_their_version(self):
        """Ada gets the second step she was promised, Bob the new one."""
        ada = self.lapsed("Ada Old")
        campaign = self.run_with(ada)
        old = campaign.method_ids
        self.run_crons()
        new = self.new_version(old)
        self.assertEqual((new.state, new.version), ("draft", 2))
        self.assertEqual(old.draft_id, new)
        self.assertEqual(
            new.step_ids.mailing_ids.mapped("subject"),
            ["The first text", "The second text"],
        )
        new.step_ids[0].mailing_ids.subject = "The new first text"
        new.step_ids[1].unlink()
        # Nobody gets a draft.
        bob = self.lapsed("Bob Early")
        self.run_crons()
        self.assertEqual(self.enrollment(bob).method_id, old)
        new.action_use()
        self.assertEqual((old.state, new.state), ("retired", "current"))
        self.assertEqual(campaign.method_ids, new)
        self.assertEqual(campaign.all_method_ids, old | new)
        self.assertIn("version 2 is used", str(campaign.message_ids[0].body))
        cleo = self.lapsed("Cleo New")
        self.run_crons()
        self.run_day(8)
        self.assertEqual(self.enrollment(cleo).method_id, new)
        self.assertEqual(
            self.subjects("ada.old@example.com"), ["The first text", "The second text"]
        )
        self.assertEqual(
            self.subjects("bob.early@example.com"),
            ["The first text", "The second text"],
        )
        self.assertEqual(self.subjects("cleo.new@example.com"), ["The new first text"])

    def test_the_sender_changes_for_all_versions(self):
        ada = self.lapsed()
        campaign = self.run_with(ada)
        old = campaign.method_ids
        self.new_version(old).action_use()
        campaign.email_from = "Elm <elm@example.com>"
        self.assertEqual(
            set(campaign.all_method_ids.step_ids.mailing_ids.mapped("email_from")),
            {"Elm <elm@example.com>"},
        )

    def test_there_is_one_draft_at_a_time(self):
        ada = self.lapsed()
        method = self.run_with(ada).method_ids
        first, again = self.new_version(method), self.new_version(method)
        self.assertEqual(first, again)
        self.assertEqual(self.new_version(first), first)

    def test_versions_are_numbered_and_found_again(self):
        ada = self.lapsed()
        first = self.run_with(ada).method_ids
        second = self.new_version(first)
        second.action_use()
        third = self.new_version(second)
        third.action_use()
        self.assertEqual(third.version, 3)
        self.assertEqual(third.display_name, "E-mails (version 3)")
        found = third.action_open_earlier()
        self.assertEqual(found["domain"], [("id", "in", (second | first).ids)])
        with self.assertRaisesRegex(UserError, "earlier version"):
            first.action_new_version()
        with self.assertRaisesRegex(UserError, "no draft"):
            second.action_use()

    def test_draft_that_cannot_work_is_not_used(self):
        """E12: each fault is named, and the version in use stays."""
        ada = self.lapsed()
        old = self.run_with(ada).method_ids
        new = self.new_version(old)
        new.step_ids[0].mailing_ids.unlink()
        new.step_ids[1].write({"channel": "call"})
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            new.action_use()
        self.assertIn("has no e-mail", str(caught.exception))
        self.assertIn("has no script", str(caught.exception))
        new.step_ids.unlink()
        with self.assertRaisesRegex(UserError, "has no step"), self.env.cr.savepoint():
            new.action_use()
        self.env.invalidate_all()
        self.assertEqual((old.state, new.state), ("current", "draft"))

    def test_discarded_draft_leaves_nothing(self):
        ada = self.lapsed()
        method = self.run_with(ada).method_ids
        new = self.new_version(method)
        mailings = new.step_ids.mailing_ids
        new.action_discard_draft()
        self.assertFalse(new.exists())
        self.assertFalse(mailings.exists())
        self.assertFalse(method.draft_id)
        with self.assertRaisesRegex(UserError, "never used"):
            method.action_discard_draft()

    def test_method_added_to_a_running_campaign_waits(self):
        """Nobody may be enrolled on half a method."""
        ada = self.lapsed()
        campaign = self.run_with(ada)
        campaign.method_ids = [Command.create({"name": "Calls", "weight": 1000})]
        calls = campaign.method_ids - self.enrollment(ada).method_id
        self.assertEqual(calls.state, "draft")
        for number in range(5):
            self.lapsed(f"Patient {number}")
        self.run_crons()
        self.assertFalse(calls.is_locked)
        calls.step_ids = [
            Command.create({"name": "Call", "channel": "call", "script": "Hello"})
        ]
        calls.action_use()
        for number in range(20):
            self.lapsed(f"New {number}", phone=f"+1 212 555 01{number + 10}")
        self.run_crons()
        self.assertTrue(calls.is_locked)

    def test_methods_without_steps_enroll_nobody(self):
        """Step deleted while the campaign runs and nobody is on it yet."""
        campaign = self.campaign(start=True)
        campaign.method_ids.step_ids.unlink()
        ada = self.lapsed()
        self.run_crons()
        self.assertFalse(self.enrollment(ada))

    def test_copy_has_the_current_version_as_its_first(self):
        ada = self.lapsed()
        campaign = self.run_with(ada)
        self.env["res.lang"]._activate_lang("fr_FR")
        second = self.new_version(campaign.method_ids)
        second.step_ids[0].write({"script": "Hello"})
        second.step_ids[0].with_context(lang="fr_FR").script = "Bonjour"
        second.action_use()
        self.new_version(second).name = "A draft"
        copied = campaign.copy()
        method = copied.method_ids
        self.assertEqual(len(method), 1)
        self.assertEqual(
            (method.name, method.version, method.state, method.replaces_id.ids),
            ("E-mails", 1, "current", []),
        )
        self.assertFalse(method.is_locked)
        french = method.step_ids[0].with_context(lang="fr_FR")
        self.assertEqual(french.script, "Bonjour")

    # -------------------------------------------------------------------- faults

    def test_step_deleted_while_deliveries_wait(self):
        """Step deleted while deliveries wait: refused for users; should it happen
        all the same, the plan of the patient goes on to its end."""
        ada = self.lapsed()
        campaign = self.run_with(ada)
        self.run_crons()
        second = campaign.method_ids.step_ids[1]
        with self.assertRaisesRegex(UserError, "New Version"):
            second.unlink()
        enrollment = self.enrollment(ada)
        self.assertEqual(enrollment.next_step_id, second)
        self.env.cr.execute("DELETE FROM reactivation_step WHERE id = %s", [second.id])
        self.env.invalidate_all()
        self.run_day(9)
        self.assertEqual(enrollment.steps_ended, "completed")
        self.assertDeliveries(ada, ["sent"])

    def test_step_moved_while_deliveries_wait(self):
        """Step moved while deliveries wait: nothing is sent twice or forgotten."""
        ada = self.lapsed()
        campaign = self.run_with(ada)
        self.run_crons()
        first, second = campaign.method_ids.step_ids
        with self.assertRaisesRegex(UserError, "New Version"):
            first.sequence = 99
        self.env.cr.execute(
            "UPDATE reactivation_step SET sequence = 99 WHERE id = %s", [first.id]
        )
        self.env.invalidate_all()
        self.run_day(20)
        self.assertDeliveries(ada, ["sent", "sent"])
        self.assertEqual(self.enrollment(ada).delivery_ids.step_id, first | second)

    def test_language_that_was_uninstalled(self):
        """Language uninstalled: another one is sent, and the timeline says so."""
        self.env["res.lang"]._activate_lang("fr_FR")
        luc = self.lapsed("Luc Old", lang="fr_FR")
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        step._create_mailing("fr_FR").subject = "Bonjour"
        step.mailing_ids[0].subject = "Hello"
        self.start(campaign)
        self.uninstall_language("fr_FR")
        self.run_crons()
        self.assertDeliveries(luc, ["sent"])
        self.assertEqual(self.subjects("luc.old@example.com"), ["Hello"])
        lost = {
            mail["lang"]: mail["lost"]
            for mail in campaign.method_ids.step_summary[0]["mails"]
        }
        self.assertEqual(lost, {"fr_FR": True, "English (US)": False})

    def test_only_text_is_in_an_uninstalled_language(self):
        """Language uninstalled: what the clinic wrote is better than nothing."""
        self.env["res.lang"]._activate_lang("fr_FR")
        ada = self.lapsed()
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        step.mailing_ids.unlink()
        step._create_mailing("fr_FR").subject = "Bonjour"
        self.start(campaign)
        self.uninstall_language("fr_FR")
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])

    # --------------------------------------------------------------------- roles

    def test_front_desk_looks_and_changes_nothing(self):
        """I1"""
        ada = self.lapsed()
        method = self.run_with(ada).method_ids.with_user(self.desk)
        self.assertTrue(method.is_locked)
        self.assertTrue(method.step_summary)
        for attempt in (
            method.action_new_version,
            method.action_use,
            method.action_discard_draft,
        ):
            with self.assertRaises(AccessError):
                attempt()
        self.assertEqual(len(method.sudo().campaign_id.all_method_ids), 1)

    def test_manager_makes_a_version(self):
        """I2: with the rights of a manager and nothing more."""
        ada = self.lapsed()
        campaign = self.run_with(ada)
        method = campaign.method_ids.with_user(self.manager).with_context(
            allowed_company_ids=self.clinic.ids
        )
        new = self.new_version(method)
        new.step_ids[1].unlink()
        new.action_use()
        self.assertEqual(campaign.method_ids, new.sudo())
