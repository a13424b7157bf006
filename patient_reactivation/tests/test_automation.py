"""Automated actions feed campaigns, and Automation Rules see what SQL writes."""

from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ClinicCase, MailClinicCase


class AutomationClinic:
    @classmethod
    def server_action(cls, campaign, model="res.partner", **values):
        return cls.env["ir.actions.server"].create(
            {
                "name": "Enroll",
                "model_id": cls.env["ir.model"]._get_id(model),
                "state": "reactivation_enroll",
                "reactivation_campaign_id": campaign.id,
                **values,
            }
        )

    def run_action(self, action, records, user=None, **context):
        action = action.with_user(user) if user else action
        return action.with_context(
            active_model=records._name,
            active_id=records[:1].id,
            active_ids=records.ids,
            allowed_company_ids=(user or self.env.user).company_ids.ids,
            **context,
        ).run()

    def alerts(self, campaign):
        return campaign.activity_ids.mapped("summary")


@tagged("post_install", "-at_install")
class TestEnrollInCampaign(AutomationClinic, ClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.ben = cls.lapsed("Ben")
        cls.recent = cls.lapsed("Recent", days=5)
        cls.stranger = cls.person("Stranger")
        cls.refused = cls.lapsed("Refused")
        cls.refused.do_not_contact = True
        cls.refresh()
        # Runs, and has enrolled nobody yet.
        cls.recall = cls.campaign()
        cls.recall.write({"state": "running", "date_start": cls.opening})

    # ------------------------------------------------------------ server action

    def test_contacts_are_enrolled_with_all_rules(self):
        """Only whom the record names, and only whom the policy allows."""
        action = self.server_action(self.recall)
        everybody = self.ada | self.recent | self.stranger | self.refused
        answer = self.run_action(action, everybody)
        self.assertEnrolled(self.recall, self.ada)
        enrollment = self.enrollment(self.ada)
        self.assertEqual(enrollment.segment_id, self.recall.segment_ids)
        self.assertEqual(enrollment.method_id, self.recall.method_ids)
        self.assertTrue(enrollment.next_date)
        self.assertIn("Enrolled: 1", answer["params"]["message"])
        self.assertIn("Not lapsed (1)", answer["params"]["message"])
        self.assertIn("Not a patient of this clinic (1)", answer["params"]["message"])
        self.assertIn("Asked not to be contacted (1)", answer["params"]["message"])

    def test_patients_and_records_with_a_contact(self):
        action = self.server_action(self.recall, "reactivation.patient")
        self.run_action(action, self.row(self.ada))
        self.assertEnrolled(self.recall, self.ada)
        meeting = self.meet(self.ben, 300)
        action = self.server_action(self.recall, "calendar.event")
        self.run_action(action, meeting)
        self.assertEnrolled(self.recall, self.ada | self.ben)

    def test_twice_is_once(self):
        action = self.server_action(self.recall)
        self.run_action(action, self.ada)
        answer = self.run_action(action, self.ada)
        self.assertEnrolled(self.recall, self.ada)
        self.assertIn("Enrolled: 0", answer["params"]["message"])

    def test_the_control_group_and_the_draw_are_the_same(self):
        """Whoever enrolls, the same patient is drawn for the same group."""
        people = self.ada | self.ben
        for number in range(20):
            people |= self.lapsed(f"Patient {number}")
        self.refresh()
        self.recall.control_percent = 50
        self.run_action(self.server_action(self.recall), people)
        named = {
            item.partner_id: item.is_control for item in self.recall.enrollment_ids
        }
        self.assertEqual(set(named.values()), {True, False})
        self.recall.enrollment_ids.unlink()
        self.env["reactivation.enrollment"]._enroll(self.recall)
        self.assertEqual(
            {item.partner_id: item.is_control for item in self.recall.enrollment_ids},
            named,
        )

    def test_daily_limit_holds(self):
        self.recall.daily_limit = 1
        answer = self.run_action(self.server_action(self.recall), self.ada | self.ben)
        self.assertEqual(len(self.recall.enrollment_ids), 1)
        self.assertIn("Enough new patients for today", answer["params"]["message"])

    def test_a_campaign_that_does_not_run_refuses(self):
        action = self.server_action(self.recall)
        for state, sentence in (
            ("draft", "has not started"),
            ("paused", "is paused"),
            ("done", "is over"),
        ):
            self.recall.state = state
            with self.assertRaisesRegex(UserError, sentence):
                self.run_action(action, self.ada)
        self.assertFalse(self.recall.enrollment_ids)

    def test_an_automation_is_not_stopped_by_a_campaign_that_is_over(self):
        """What set it off is saved; the caretaker hears of it once."""
        action = self.server_action(self.recall).sudo()
        self.recall.state = "done"
        for _again in range(2):
            self.assertFalse(self.run_action(action, self.ada, __action_done={}))
        (alert,) = self.alerts(self.recall)
        self.assertIn("enrolls nobody", alert)

    def test_scheduled_action_enrolls_who_is_due(self):
        action = self.server_action(self.recall)
        action.with_user(self.env.ref("base.user_root")).sudo().run()
        self.assertEnrolled(self.recall, self.ada | self.ben)

    def test_other_companys_patients_and_campaigns(self):
        """H5, I1: neither people nor campaigns cross over."""
        theirs = self.lapsed("Theirs", company_id=self.other_clinic.id)
        self.refresh()
        action = self.server_action(self.recall)
        self.run_action(action, theirs | self.ada)
        self.assertEnrolled(self.recall, self.ada)
        other = self.campaign(name="Other", company_id=self.other_clinic.id)
        other.state = "running"
        with self.assertRaises(AccessError):
            self.run_action(self.server_action(other), self.ben, self.manager)

    def test_only_managers_press_it(self):
        """I1: unless the administrator names other groups."""
        action = self.server_action(self.recall)
        with self.assertRaises(AccessError):
            self.run_action(action, self.ada, self.desk)
        action.group_ids = self.env.ref("patient_reactivation.group_reactivation_user")
        self.run_action(action, self.ada, self.desk)
        self.assertEnrolled(self.recall, self.ada)

    def test_action_that_cannot_work_says_so(self):
        action = self.server_action(self.recall, "res.country")
        self.assertIn("name no contact", action.warning)
        action = self.server_action(self.env["reactivation.campaign"])
        self.assertIn("Choose the campaign", action.warning)
        action = self.server_action(self.recall)
        self.assertFalse(action.warning)
        self.assertEqual(action._generate_action_name(), "Enroll in Recall")

    # ------------------------------------------------------------------- wizard

    def wizard(self, records, user=None, **values):
        wizards = self.env["reactivation.enroll"].with_user(user or self.manager)
        return wizards.with_context(
            active_model=records._name,
            active_ids=records.ids,
            allowed_company_ids=self.clinic.ids,
        ).create(values)

    def test_wizard_answers_for_each(self):
        wizard = self.wizard(self.ada | self.recent | self.refused)
        self.assertEqual(wizard.campaign_id, self.recall)
        wizard.action_enroll()
        self.assertEqual(
            {line.partner_id.name: line.refusal for line in wizard.line_ids},
            {"Ada": False, "Recent": "not_lapsed", "Refused": "do_not_contact"},
        )
        self.assertEqual((wizard.enrolled_count, wizard.refused_count), (1, 2))
        self.assertEnrolled(self.recall, self.ada)

    def test_wizard_from_patients(self):
        wizard = self.wizard(self.row(self.ben))
        wizard.action_enroll()
        self.assertEnrolled(self.recall, self.ben)

    def test_wizard_is_for_managers_and_their_company(self):
        """I1, H5"""
        with self.assertRaises(AccessError):
            self.wizard(self.ada, self.desk)
        other = self.campaign(name="Other", company_id=self.other_clinic.id)
        other.state = "running"
        wizard = self.wizard(self.ada, campaign_id=other.id)
        with self.assertRaises(AccessError):
            wizard.action_enroll()
        self.assertFalse(other.enrollment_ids)


@tagged("post_install", "-at_install")
class TestAutomationRules(AutomationClinic, MailClinicCase):
    """What is told to Automation Rules, and when; that they run is seen in a
    database that has them, in the tests from outside."""

    @contextmanager
    def listening(self):
        """A rule on each model that writes down what it is told."""
        self.heard = heard = []

        def created(service, records):
            heard.extend((records._name, "created", item.id) for item in records)

        def changed(service, records, old_values):
            for item in records:
                for name, old in old_values[item.id].items():
                    if item[name] != old:
                        heard.append((records._name, name, old, item[name]))

        service = self.registry["reactivation.automation"]
        with (
            patch.object(service, "_is_watched", lambda service, name: True),
            patch.object(service, "_run_created", created),
            patch.object(service, "_run_changed", changed),
        ):
            yield heard

    def of(self, model, *what):
        name = f"reactivation.{model}"
        return [row[1:] for row in self.heard if row[: 1 + len(what)] == (name, *what)]

    def test_nothing_is_asked_without_rules(self):
        """The addon is missing, or no rule hangs on the model: no query."""
        service = self.env["reactivation.automation"]
        with self.assertQueryCount(0):
            service._created("reactivation.enrollment", [1])
            service._changed("reactivation.enrollment", {1: {"stage": "enrolled"}})
            service._watch(self.env["reactivation.enrollment"].browse(1))

    def test_enrollment(self):
        ada = self.lapsed("Ada")
        with self.listening():
            self.campaign(start=True)
        self.assertEqual(
            self.of("enrollment", "created"), [("created", self.enrollment(ada).id)]
        )

    def test_return_of_a_patient(self):
        ada = self.lapsed("Ada")
        self.campaign(start=True)
        self.run_crons()
        self.later(hours=2)
        self.visit(ada, self.days_ago(0))
        self.later(hours=2)
        with self.listening():
            self.env["reactivation.outcome"]._refresh()
        outcome = self.enrollment(ada).outcome_ids.filtered(
            lambda item: item.kind == "returned"
        )
        self.assertEqual(self.of("outcome"), [("created", outcome.id)])
        self.assertEqual(
            self.of("enrollment", "stage"), [("stage", "contacted", "returned")]
        )
        self.assertEqual(self.of("enrollment", "state"), [("state", "running", "done")])

    def test_open_of_an_e_mail(self):
        ada = self.lapsed("Ada")
        self.campaign(start=True)
        self.run_crons()
        delivery = self.enrollment(ada).delivery_ids
        with self.listening():
            self.env["reactivation.outcome"]._append("opened", delivery)
            self.env["reactivation.outcome"]._append("opened", delivery)
        self.assertEqual(len(self.of("outcome", "created")), 1)
        self.assertEqual(len(self.of("delivery", "opened_on")), 1)

    def test_what_is_as_before_is_not_told(self):
        ada = self.lapsed("Ada")
        self.campaign(start=True)
        enrollment = self.enrollment(ada)
        service = self.env["reactivation.automation"]
        with self.listening(), service._later():
            service._watch(enrollment)
            enrollment.flush_recordset()
        self.assertFalse(self.heard)

    def test_the_value_before_the_first_change_counts(self):
        ada = self.lapsed("Ada")
        self.campaign(start=True)
        enrollment = self.enrollment(ada)
        service = self.env["reactivation.automation"]
        with self.listening(), service._later():
            for stage in ("contacted", "booked"):
                service._watch(enrollment)
                self.env.cr.execute(
                    "UPDATE reactivation_enrollment SET stage = %s WHERE id = %s",
                    [stage, enrollment.id],
                )
                enrollment.invalidate_recordset()
            self.assertFalse(self.heard, "rules wait")
        self.assertEqual(self.of("enrollment"), [("stage", "enrolled", "booked")])

    def test_a_rule_that_fails(self):
        """Only its own work is undone; it is logged without names and told once."""
        ada = self.lapsed("Ada Secret")
        campaign = self.campaign(start=True)
        enrollment = self.enrollment(ada)
        ada.comment = "Before"
        ada.flush_recordset()

        def fails():
            ada.comment = "By the rule"
            ada.flush_recordset()
            raise ValueError("Ada Secret has no number")

        class Rule:
            id = 7
            name = "Thank them"

            def sudo(self):
                return self

            def with_env(self, _env):
                return self

        service = self.env["reactivation.automation"]
        logger = "odoo.addons.patient_reactivation.models.reactivation_automation"
        for _again in range(2):
            with self.assertLogs(logger, "WARNING") as logs:
                service._apply(Rule(), enrollment, fails)
            self.assertIn("ValueError", logs.output[0])
            self.assertNotIn("Secret", "".join(logs.output))
        self.assertIn("Before", ada.comment)
        (alert,) = self.alerts(campaign)
        self.assertIn("Thank them", alert)

    @mute_logger("odoo.addons.patient_reactivation.models.reactivation_automation")
    def test_rules_run_after_the_batch(self):
        """No rule between the handing over of a message and its result."""
        ada = self.lapsed("Ada")
        ben = self.lapsed("Ben")
        self.campaign(start=True)
        seen = []
        service = self.registry["reactivation.automation"]
        fire = service._fire

        def look(service, events):
            if events.changed.get("reactivation.delivery"):
                seen.append(
                    sorted(self.env["reactivation.delivery"].search([]).mapped("state"))
                )
            return fire(service, events)

        with self.listening(), patch.object(service, "_fire", look):
            self.env["reactivation.delivery"]._cron_run()
        self.assertDeliveries(ada, ["sent"])
        self.assertDeliveries(ben, ["sent"])
        self.assertEqual(seen, [["sent", "sent"]])
        self.assertEqual(len(self.of("delivery", "created")), 2)
        self.assertEqual(
            self.of("delivery", "state"), [("state", "pending", "sent")] * 2
        )

    def test_stop_of_an_enrollment_is_told_with_its_deliveries(self):
        ada = self.lapsed("Ada")
        self.campaign(start=True)
        self.env["reactivation.delivery"]._schedule_due()
        with self.listening():
            self.enrollment(ada)._stop("stopped")
        self.assertEqual(
            self.of("delivery", "state"), [("state", "pending", "skipped")]
        )

    def test_server_action_is_one_of_a_rule(self):
        """The kinds of actions a rule may have include ours, for our models."""
        action = self.server_action(
            self.campaign(), "reactivation.enrollment", usage="ir_actions_server"
        )
        self.assertFalse(action.warning)
        self.assertIn("reactivation_enroll", action.allowed_states)
        parent = self.env["ir.actions.server"].create(
            {
                "model_id": action.model_id.id,
                "state": "multi",
                "name": "Both",
                "child_ids": [Command.link(action.id)],
            }
        )
        self.assertFalse(parent.warning)
