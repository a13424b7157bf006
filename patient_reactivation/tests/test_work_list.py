from datetime import datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged

from .test_task_results import TaskCase


@tagged("post_install", "-at_install")
class TestWorkList(TaskCase):
    """What the front desk finds in the morning."""

    def rows(self, *domain, user=None):
        work = self.env["reactivation.work"].with_user(user or self.desk)
        work = work.with_context(allowed_company_ids=self.clinic.ids)
        work.env.invalidate_all()
        return work.search(list(domain))

    def test_regulars_come_first(self):
        self.callee("Nora New", 1)
        self.callee("Rita Regular", 2, visits=5)
        self.calls()
        self.run_crons()
        rows = self.rows()
        self.assertEqual(rows.partner_id.mapped("name"), ["Rita Regular", "Nora New"])
        self.assertEqual(rows.mapped("value"), [5, 1])
        self.assertEqual(rows[0].phone, "+1 212-555-0102")
        self.assertEqual(rows.user_id, self.desk)

    def test_urgency_says_what_comes_first(self):
        first, later, due, late = (
            self.callee(f"Patient {name}", number)
            for number, name in enumerate(("First", "Later", "Due", "Late"))
        )
        self.calls()
        self.run_crons()
        now = fields.Datetime.now()
        self.task(first).write(
            {"result": "call_later", "call_at": now - timedelta(minutes=5)}
        )
        self.task(later).write(
            {"result": "no_answer", "call_at": now + timedelta(days=1)}
        )
        self.task(late).first_date = now - timedelta(days=13, hours=12)
        found = {row.partner_id: row.urgency for row in self.rows()}
        self.assertEqual(found, {first: 4, late: 3, due: 2, later: 0})
        self.assertEqual(self.rows()[0].partner_id, first)

    def test_replies_stand_on_top_and_an_answer_takes_them_off(self):
        """A reply is done by answering it: one click less."""
        ada = self.callee()
        self.calls()
        self.run_crons()
        enrollment = self.enrollment(ada)
        enrollment._ask_for_answer({"text": "When are you open?", "subject": ""})
        rows = self.rows()
        self.assertEqual(rows.mapped("kind"), ["reply", "call"])
        self.assertTrue(self.at_desk(self.task(ada)).has_reply)
        action = rows[0].action_open()
        self.assertEqual(action["res_model"], "reactivation.enrollment")
        # A note among colleagues is no answer.
        self.at_desk(enrollment).message_post(
            body="I shall ask the doctor", partner_ids=ada.ids
        )
        self.assertEqual(self.rows().mapped("kind"), ["reply", "call"])
        self.at_desk(enrollment).message_post(
            body="From eight to six",
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            partner_ids=ada.ids,
        )
        self.assertEqual(self.rows().mapped("kind"), ["call"])

    def test_returning_patients_are_announced(self):
        today, soon, next_week, back = (
            self.callee(f"Patient {name}", number)
            for number, name in enumerate(("Today", "Soon", "Next Week", "Back"))
        )
        self.calls()
        self.run_crons()
        now = datetime.now()
        self.meet(today, now + timedelta(hours=5))
        self.meet(soon, now + timedelta(days=3))
        self.meet(next_week, now + timedelta(days=7))
        self.visit(back, now + timedelta(minutes=20))
        with self.at(now + timedelta(hours=1)):
            self.run_crons()
            rows = self.rows(("kind", "=", "returning"))
            self.assertEqual(
                [(row.partner_id.name, row.urgency) for row in rows],
                [
                    ("Patient Back", 3),
                    ("Patient Today", 3),
                    ("Patient Soon", 1),
                ],
            )
            self.assertFalse(self.rows(("kind", "=", "call")))

    def test_uncertain_messages(self):
        self.lapsed()
        self.campaign(start=True)
        self.run_crons()
        delivery = self.env["reactivation.delivery"].search([])
        delivery.write({"state": "uncertain", "claimed_on": fields.Datetime.now()})
        row = self.rows()
        self.assertEqual((row.kind, row.delivery_id), ("uncertain", delivery))
        self.assertEqual(row.action_open()["res_id"], delivery.id)

    def test_patient_s_hours(self):
        """T3: nine in New York is six in Los Angeles."""
        us = self.env.ref("base.us").id
        east = self.callee("Erin East", 1)
        west = self.callee(
            "Wes West",
            2,
            phone="+1 213-555-0142",
            country_id=us,
            state_id=self.env.ref("base.state_us_5").id,
        )
        self.calls()
        self.run_crons()
        self.later(hours=4)
        self.run_crons()
        with self.at(datetime(2026, 3, 4, 14)):
            rows = {row.partner_id: row for row in self.rows()}
            self.assertTrue(rows[east].is_callable)
            self.assertFalse(rows[east].callable_from)
            self.assertFalse(rows[west].is_callable)
            self.assertIn("11:00", rows[west].callable_from)
            self.assertEqual(self.rows(("is_callable", "=", True)).partner_id, east)
            self.assertEqual(self.rows(("is_callable", "=", False)).partner_id, west)
            self.assertIn("06:00", self.at_desk(self.task(west)).patient_clock)

    def test_opening_takes_the_call_and_the_list_goes_along(self):
        self.callee("Ada Sample", 1)
        self.callee("Ben Sample", 2, visits=2)
        self.calls()
        self.run_crons()
        rows = self.rows()
        action = rows[0].with_context(active_ids=rows.ids).action_open()
        self.assertEqual(action["params"]["resIds"], rows.delivery_id.ids)
        self.assertEqual(action["params"]["action"]["res_id"], rows[0].delivery_id.id)
        self.assertEqual(rows[0].delivery_id.holder_id, self.desk)
        theirs = self.rows(user=self.colleague)
        self.assertEqual(theirs[0].holder_id, self.desk)
        # Whoever just begins gets the next free one.
        action = theirs.browse().action_start()
        self.assertEqual(action["params"]["action"]["res_id"], rows[1].delivery_id.id)

    def test_start_calling_as_the_button_does(self):
        """The web client hands over the ids of the chosen rows, or none."""
        self.callee("Ada Sample", 1)
        self.callee("Ben Sample", 2, visits=2)
        self.calls()
        self.run_crons()
        rows = self.rows()
        for chosen, first in ((rows.browse(), rows[0]), (rows[1], rows[1])):
            action = call_kw(rows.browse(), "action_start", [chosen.ids], {})
            self.assertEqual(action["params"]["action"]["res_id"], first.delivery_id.id)
        self.assertEqual(action["params"]["resIds"], rows[1].delivery_id.ids)

    def test_first_page_as_the_web_client_asks(self):
        self.callee()
        self.calls()
        self.run_crons()
        found = (
            self.rows()
            .browse()
            .web_search_read(
                [("due", "<", "today +1d")],
                {"partner_id": {"fields": {"display_name": {}}}, "callable_from": {}},
                limit=80,
            )
        )
        self.assertEqual(found["length"], 1)

    def test_groups(self):
        self.callee()
        self.calls()
        self.run_crons()
        work = self.rows().browse()
        for group in ("kind", "user_id", "campaign_id", "result", "due:day"):
            self.assertEqual(len(work._read_group([], [group], ["__count"])), 1)

    def test_family_is_one_row(self):
        """E4"""
        ada = self.callee()
        self.callee("Ben Sample", phone=ada.phone)
        self.calls()
        self.run_crons()
        self.assertEqual(len(self.rows()), 1)

    def test_roles(self):
        """I1, I3: the list is for the front desk and managers of that clinic."""
        ada = self.callee()
        self.calls()
        self.run_crons()
        self.assertEqual(self.rows(user=self.manager).partner_id, ada)
        row = self.rows()
        with self.assertRaisesRegex(UserError, "Only a manager may export"):
            row.export_data(["partner_id"])
        with self.assertRaises(AccessError):
            row.write({"value": 3})
        stranger = self.stranger()
        work = self.env["reactivation.work"]
        theirs = work.with_user(stranger).with_context(
            allowed_company_ids=self.other_clinic.ids
        )
        self.assertFalse(theirs.search([]))
        with self.assertRaises(AccessError):
            theirs.browse(row.ids).action_open()
        for groups in ("base.group_portal", "base.group_user"):
            user = new_test_user(self.env, login=groups[-7:], groups=groups)
            with self.assertRaises(AccessError):
                work.with_user(user).search([])

    def test_receptionist_edits_no_campaign_and_grants_nothing(self):
        """I1"""
        ada = self.callee()
        campaign = self.campaign()
        with self.assertRaises(AccessError):
            self.at_desk(campaign).write({"name": "Mine"})
        with self.assertRaises(AccessError):
            self.at_desk(campaign.method_ids.step_ids).write({"script": "Hi"})
        with self.assertRaises(AccessError):
            self.at_desk(self.env["reactivation.consent"]).create(
                {
                    "partner_id": ada.id,
                    "company_id": self.clinic.id,
                    "channel": "call",
                    "purpose": "all",
                    "state": "granted",
                    "source": "form",
                }
            )
