from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestHeartbeat(MailClinicCase):
    """Does it send? What people see of the runner, and who may touch it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cron = cls.env.ref("patient_reactivation.ir_cron_deliveries")
        cls.cron.active = True
        cls.runner = cls.env["reactivation.runner"]._get()
        cls.runner.write({"last_start": False, "last_error": False, "is_held": False})
        cls.ada = cls.lapsed("Ada")
        cls.recall = cls.campaign(start=True)

    def ran(self, **ago):
        self.runner.last_start = fields.Datetime.now() - timedelta(**ago)
        self.env.invalidate_all()

    # ------------------------------------------------------------------- health

    def test_before_the_first_run(self):
        self.assertEqual(self.runner.health, "new")
        self.assertIn("has not run yet", self.runner.heartbeat)

    def test_it_works(self):
        self.ran(minutes=3)
        self.assertEqual(self.runner.health, "ok")
        self.assertEqual(
            self.runner.heartbeat, "Sending ran 3 minutes ago; 1 messages wait."
        )

    def test_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.ran(minutes=3)
        self.assertIn("3 minutes", self.runner.with_context(lang="fr_FR").heartbeat)
        self.assertNotIn("ago", self.runner.with_context(lang="fr_FR").heartbeat)

    def test_it_stalled(self):
        self.later(hours=1)
        self.ran(minutes=40)
        self.assertEqual(self.runner.health, "stalled")

    def test_silence_without_anything_to_send_is_no_fault(self):
        self.recall.action_pause()
        self.later(hours=1)
        self.ran(minutes=40)
        self.assertEqual(self.runner.health, "ok")

    def test_an_error_stopped_it(self):
        self.ran(minutes=1)
        self.runner.last_error = "ValueError: x"
        self.assertEqual(self.runner.health, "error")

    def test_somebody_switched_it_off(self):
        self.ran(minutes=1)
        self.cron.active = False
        self.env.invalidate_all()
        self.assertEqual(self.runner.health, "off")
        self.assertFalse(self.runner.next_run)

    def test_a_copy_is_held(self):
        """B11"""
        self.ran(minutes=1)
        self.runner.is_held = True
        self.assertEqual(self.runner.health, "held")
        self.assertEqual(self.recall.runner_health, "held")

    def test_a_clock_that_was_set_back_shows_no_future(self):
        """D8"""
        self.ran(days=-1)
        self.assertNotIn("in 1 day", self.runner.heartbeat)

    # ---------------------------------------------------------------- companies

    def test_only_the_users_companies_are_counted(self):
        """H5"""
        self.visit(self.person("Theirs"), 250, company_id=self.other_clinic.id)
        self.campaign(start=True, name="Other", company_id=self.other_clinic.id)
        self.env["reactivation.channel.status"]._fail(
            self.other_clinic, "mail", "Connection refused", self.recall
        )
        self.assertEqual(self.runner.waiting_count, 2)
        own = self.as_user(self.manager, self.runner)
        self.assertEqual(own.waiting_count, 1)
        self.assertFalse(own.channel_status_ids)
        self.assertFalse(self.as_user(self.manager, self.recall).channel_status_ids)

    def test_channels_that_do_not_work_are_shown_until_they_do(self):
        status = self.env["reactivation.channel.status"]
        status._fail(self.clinic, "mail", "Connection refused", self.recall)
        recall = self.as_user(self.manager, self.recall)
        self.assertEqual(recall.channel_status_ids.error, "Connection refused")
        recall.channel_status_ids.action_retry_now()
        self.assertFalse(recall.channel_status_ids.retry_at)
        status._works(self.clinic, "mail")
        self.env.invalidate_all()
        self.assertFalse(recall.channel_status_ids)

    def test_the_front_desk_does_not_try_again(self):
        """I1"""
        status = self.env["reactivation.channel.status"]
        status._fail(self.clinic, "mail", "Connection refused", self.recall)
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.recall.channel_status_ids).action_retry_now()

    # ----------------------------------------------------------------- campaign

    def test_a_campaign_counts_what_needs_a_hand(self):
        self.env["reactivation.delivery"]._schedule_due()
        delivery = self.enrollment(self.ada).delivery_ids
        self.assertEqual(self.recall.waiting_count, 1)
        for state, counts in (
            ("uncertain", (0, 1, 0)),
            ("failed", (0, 1, 0)),
            ("todo", (0, 0, 1)),
            ("sent", (0, 0, 0)),
        ):
            delivery.state = state
            self.env.invalidate_all()
            recall = self.recall
            self.assertEqual(
                (recall.waiting_count, recall.attention_count, recall.todo_count),
                counts,
                state,
            )

    def test_campaigns_are_counted_together(self):
        second = self.campaign(name="Second")
        both = self.recall + second
        both.mapped("heartbeat")
        self.env.invalidate_all()
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        both[:1].mapped("attention_count")
        one = self.env.cr.sql_log_count - before
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        both.mapped("attention_count")
        self.assertLessEqual(self.env.cr.sql_log_count - before, one + 1)

    def test_a_draft_has_no_heartbeat(self):
        self.assertFalse(self.campaign(name="Draft").heartbeat)

    def test_every_role_opens_the_form(self):
        for user in (self.desk, self.manager):
            with Form(self.as_user(user, self.recall)) as form:
                self.assertIn("messages wait", form.heartbeat)

    def test_the_buttons_open_what_they_count(self):
        attention = self.recall.action_open_attention()
        self.assertEqual(attention["context"], {"search_default_attention": 1})
        why = self.recall.action_open_no_contact()
        self.assertEqual(why["res_model"], "reactivation.no.contact")
        self.assertEqual(why["domain"], [("campaign_id", "=", self.recall.id)])

    # ----------------------------------------------------------------- approval

    def large(self):
        self.recall.action_done()
        self.clinic.reactivation_approval_limit = 2
        campaign = self.campaign(name="Large")
        self.lapsed("Ben")
        self.lapsed("Cleo")
        self.refresh()
        return campaign

    def test_a_large_campaign_asks_for_a_second_person(self):
        """I5"""
        campaign = self.large()
        self.assertTrue(campaign.needs_approval)
        self.clinic.reactivation_approval_limit = 3
        campaign.invalidate_recordset()
        self.assertFalse(campaign.needs_approval)
        self.clinic.reactivation_approval_limit = 0
        campaign.invalidate_recordset()
        self.assertFalse(campaign.needs_approval)

    def test_one_approves_and_another_starts(self):
        """I5"""
        campaign = self.large()
        second = self._staff(
            "second",
            self.clinic,
            self.clinic.ids,
            "patient_reactivation.group_reactivation_manager",
        )
        self.as_user(self.manager, campaign).action_approve()
        with self.assertRaisesRegex(UserError, "another manager"):
            self.as_user(self.manager, campaign).action_start()
        self.as_user(second, campaign).action_start()
        self.assertEqual(campaign.state, "running")
        self.assertFalse(campaign.needs_approval)

    def test_the_front_desk_approves_nothing(self):
        """I5"""
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.large()).action_approve()

    # ----------------------------------------------------------- runner, settings

    def test_there_is_one_page_of_the_runner(self):
        action = self.as_user(self.manager, self.runner.browse()).action_open()
        self.assertEqual(action["res_id"], self.runner.id)
        with Form(self.as_user(self.manager, self.runner)) as form:
            self.assertFalse(form.can_confirm)

    def test_only_an_administrator_releases_a_copy(self):
        """B11"""
        self.runner.is_held = True
        for user in (self.desk, self.manager):
            with self.assertRaises(AccessError):
                self.as_user(user, self.runner).action_confirm_database()
        self.assertTrue(self.runner.is_held)

    def test_settings_show_and_release(self):
        """B11"""
        self.ran(minutes=3)
        self.runner.is_held = True
        admin = new_test_user(
            self.env,
            login="administrator",
            groups="base.group_system,patient_reactivation.group_reactivation_manager",
            company_id=self.clinic.id,
            company_ids=self.clinic.ids,
        )
        settings = self.as_user(admin, self.env["res.config.settings"]).create({})
        self.assertEqual(settings.reactivation_health, "held")
        self.assertIn("3 minutes ago", settings.reactivation_heartbeat)
        self.assertTrue(settings.reactivation_can_confirm)
        settings.action_reactivation_confirm_database()
        self.assertFalse(self.runner.is_held)

    def test_settings_belong_to_the_company(self):
        settings = self.env["res.config.settings"].create({"reactivation_pace": 40})
        settings.execute()
        self.assertEqual(self.clinic.reactivation_pace, 40)
        self.assertEqual(self.other_clinic.reactivation_pace, 0)
