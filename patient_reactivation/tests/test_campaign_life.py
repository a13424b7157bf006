from datetime import date, datetime

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestCampaignLife(MailClinicCase):
    """Draft, running, paused, done; a copy begins anew; what is archived is quiet."""

    def state_of(self, campaign):
        campaign.invalidate_recordset()
        return campaign.state

    def pace(self, days):
        for _day in range(days):
            self.run_day()

    # --------------------------------------------------------------------- ways

    def test_from_draft_to_done(self):
        self.lapsed()
        campaign = self.campaign()
        self.refresh()
        self.assertEqual(campaign.state, "draft")
        campaign.action_start()
        self.assertEqual(campaign.date_start, datetime.now())
        began = campaign.date_start
        campaign.action_pause()
        self.run_crons()
        self.assertEqual(self.mails_to("ada.sample@example.com"), [])
        self.later(hours=1)
        campaign.action_start()
        self.assertEqual((campaign.state, campaign.date_start), ("running", began))
        self.run_crons()
        self.assertEqual(len(self.mails_to("ada.sample@example.com")), 1)
        campaign.action_done()
        self.assertEqual(campaign.state, "done")

    def test_a_paused_campaign_that_broke_does_not_resume(self):
        """E12: the content was deleted in the meantime."""
        campaign = self.campaign(start=True)
        campaign.action_pause()
        campaign.method_ids.step_ids.mailing_ids.unlink()
        with self.assertRaisesRegex(UserError, "no e-mail"):
            campaign.action_start()
        self.assertEqual(campaign.state, "paused")

    def test_done_stays_done(self):
        campaign = self.campaign(start=True)
        campaign.action_done()
        with self.assertRaisesRegex(UserError, "closed"):
            campaign.action_start()
        campaign.action_pause()
        self.assertEqual(campaign.state, "done")

    def test_a_draft_is_not_paused(self):
        campaign = self.campaign()
        campaign.action_pause()
        self.assertEqual(campaign.state, "draft")

    # --------------------------------------------------------------------- copy

    def full_campaign(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        campaign = self.campaign(
            steps=2,
            control=20,
            daily_limit=30,
            date_from=date(2026, 3, 1),
            date_end=date(2026, 9, 1),
            purpose="offer",
            segment_ids=[
                Command.create(
                    {
                        "name": "Regulars",
                        "visit_pattern": "repeat",
                        "domain": "[('visit_count', '>', 3)]",
                    }
                ),
                Command.create({"name": "Rest", "sequence": 20}),
            ],
        )
        first, second = campaign.method_ids.step_ids
        french = first._create_mailing("fr_FR")
        french.write({"subject": "Revenez nous voir", "preview": "À bientôt"})
        second.write(
            {
                "channel": "call",
                "script": "Hello",
                "delay_days": 7,
                "condition": "always",
            }
        )
        second.mailing_ids.unlink()
        second.with_context(lang="fr_FR").script = "Bonjour"
        return campaign

    def test_copy_takes_the_whole_plan(self):
        campaign = self.full_campaign()
        copied = campaign.copy()
        self.assertEqual(copied.name, "Recall (copy)")
        self.assertRecordValues(
            copied,
            [
                {
                    "purpose": "offer",
                    "control_percent": 20,
                    "daily_limit": 30,
                    "company_id": self.clinic.id,
                    "state": "draft",
                }
            ],
        )
        self.assertEqual(
            copied.segment_ids.mapped(lambda item: (item.name, item.domain)),
            [("Regulars", "[('visit_count', '>', 3)]"), ("Rest", "[]")],
        )
        first, second = copied.method_ids.step_ids
        texts = {
            item.reactivation_lang: (item.subject, item.preview, str(item.body_html))
            for item in first.mailing_ids
        }
        original = {
            item.reactivation_lang: (item.subject, item.preview, str(item.body_html))
            for item in campaign.method_ids.step_ids[0].mailing_ids
        }
        self.assertEqual(texts, original)
        self.assertEqual(texts["fr_FR"][:2], ("Revenez nous voir", "À bientôt"))
        self.assertEqual(second.with_context(lang="en_US").script, "Hello")
        self.assertEqual(second.with_context(lang="fr_FR").script, "Bonjour")

    def test_copy_takes_nothing_of_the_results(self):
        self.lapsed()
        campaign = self.campaign(start=True, date_end=date(2026, 9, 1))
        self.run_crons()
        campaign.action_approve()
        campaign._alert("Look", "here")
        campaign.action_done()
        copied = campaign.copy()
        self.assertRecordValues(
            copied,
            [
                {
                    "state": "draft",
                    "date_start": False,
                    "date_from": False,
                    "date_end": False,
                    "approved_by_id": False,
                    "pause_reason": False,
                    "rehearsed_on": False,
                    "enrolled_count": 0,
                }
            ],
        )
        self.assertFalse(copied.activity_ids)
        self.assertNotEqual(
            copied.sudo().assignment_key, campaign.sudo().assignment_key
        )

    def test_copy_takes_the_methods_in_use_as_first_versions(self):
        """Neither a version being prepared nor an earlier one."""
        self.lapsed()
        campaign = self.campaign(start=True)
        method = campaign.method_ids
        draft = method.browse(method.action_new_version()["res_id"])
        self.assertEqual(campaign.copy()._current_methods().mapped("version"), [1])
        self.assertEqual(len(campaign.copy().method_ids), 1)
        draft.name = "Second try"
        draft.action_use()
        copied = campaign.copy().method_ids
        self.assertRecordValues(
            copied, [{"name": "Second try", "version": 1, "state": "current"}]
        )
        self.assertFalse(copied.replaces_id)
        self.assertTrue(copied.step_ids.mailing_ids)

    def test_copy_can_be_started(self):
        self.lapsed()
        campaign = self.campaign(start=True)
        campaign.action_done()
        self.lapsed("Bob")
        self.refresh()
        copied = (
            campaign.with_user(self.manager)
            .with_context(allowed_company_ids=self.clinic.ids)
            .copy()
        )
        copied.action_start()
        self.assertEqual(copied.state, "running")

    # --------------------------------------------------------- versions, digest

    def test_a_version_being_prepared_changes_nothing_yet(self):
        """Neither what was approved nor what keeps the campaign from going on."""
        self.lapsed()
        campaign = self.campaign(start=True)
        campaign.action_approve()
        draft = campaign.method_ids.browse(
            campaign.method_ids.action_new_version()["res_id"]
        )
        draft.step_ids.unlink()
        campaign.invalidate_recordset()
        self.assertTrue(campaign.is_approved)
        campaign.action_pause()
        campaign.action_start()

    def test_approval_ends_with_any_change_of_the_plan(self):
        """I5"""
        campaign = self.full_campaign()
        first, second = campaign.method_ids.step_ids
        changes = [
            (first, {"delay_hours": 3}),
            (first, {"mon": False}),
            (first, {"hour_from": 9, "hour_to": 12}),
            (second, {"script": "Something else"}),
            (first.mailing_ids[0], {"preview": "Something else"}),
            (campaign.segment_ids[0], {"domain": "[]"}),
            (campaign, {"date_from": date(2026, 4, 1)}),
        ]
        for record, values in changes:
            campaign.action_approve()
            campaign.invalidate_recordset()
            self.assertTrue(campaign.is_approved)
            record.write(values)
            campaign.invalidate_recordset()
            self.assertFalse(campaign.is_approved, values)
        campaign.action_approve()
        campaign.name = "Another name"
        campaign.invalidate_recordset()
        self.assertTrue(campaign.is_approved, "a name is no plan")

    # ------------------------------------------------------------------ archive

    def test_archiving_a_running_campaign_pauses_it(self):
        self.lapsed()
        campaign = self.campaign(start=True)
        campaign.action_archive()
        self.assertEqual(campaign.state, "paused")
        self.assertIn("archived", campaign.pause_reason)
        self.lapsed("Bob")
        self.pace(3)
        self.assertEqual(self.mails_to("example.com"), [], "nothing leaves")
        self.assertEqual(len(campaign.enrollment_ids), 1)
        campaign.action_unarchive()
        self.assertEqual(campaign.state, "paused", "somebody has to resume it")
        campaign.action_start()
        self.run_crons()
        self.assertEqual(len(self.mails_to("ada.sample@example.com")), 1)

    def test_archiving_a_draft_leaves_it_a_draft(self):
        campaign = self.campaign()
        campaign.action_archive()
        self.assertEqual(campaign.state, "draft")

    # ---------------------------------------------------------------------- end

    def test_it_closes_by_itself_when_all_is_done(self):
        self.lapsed()
        campaign = self.campaign(start=True, steps=2, date_end=self.days_ago(-3).date())
        self.pace(5)
        self.assertEqual(self.state_of(campaign), "running", "a step is to come")
        self.pace(5)
        self.assertEqual(self.state_of(campaign), "done")
        self.assertIn("Closed by itself", campaign.message_ids[0].body)
        self.assertEqual(
            self.enrollment(
                self.env["res.partner"].search([("name", "=", "Ada Sample")])
            ).state,
            "running",
            "returns still count",
        )

    def test_it_does_not_close_before_the_last_day_is_over(self):
        """The last day is a day of the clinic, whole."""
        campaign = self.campaign(start=True, date_end=self.days_ago(-3).date())
        self.pace(3)
        self.assertEqual(self.state_of(campaign), "running")
        self.run_day()
        self.assertEqual(self.state_of(campaign), "done")

    def test_without_a_last_day_it_goes_on(self):
        campaign = self.campaign(start=True)
        self.pace(10)
        self.assertEqual(self.state_of(campaign), "running")

    def test_a_paused_campaign_stays_paused(self):
        campaign = self.campaign(start=True, date_end=self.days_ago(-3).date())
        campaign.action_pause()
        self.pace(6)
        self.assertEqual(self.state_of(campaign), "paused")
