"""Upgrades: what stands in the database of an older version is carried over."""

import importlib.util
from datetime import datetime, timedelta

from odoo.tests import tagged
from odoo.tools.misc import file_path

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestMigration(MailClinicCase):
    def migrate(self, version, *stages):
        self.env.flush_all()
        for stage in stages:
            path = f"patient_reactivation/migrations/{version}/{stage}-migration.py"
            spec = importlib.util.spec_from_file_location(stage, file_path(path))
            script = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(script)
            script.migrate(self.cr, "19.0.1.0.0")
        self.env.invalidate_all()

    def test_deliveries_of_1_0(self):
        """Sent stays sent, in flight is uncertain, what waits is sent once."""
        people = [
            self.lapsed(name) for name in ("Sent", "Claimed", "Waits", "Next", "Booked")
        ]
        campaign = self.campaign(start=True, steps=2)
        sent, claimed, waits, ahead, booked = (
            self.enrollment(person) for person in people
        )
        first, second = campaign.method_ids.step_ids
        long_ago = datetime.now() - timedelta(days=3)
        states = {sent: "sent", claimed: "claimed", waits: "pending", booked: "sent"}
        for enrollment, state in states.items():
            self.env["reactivation.delivery"].create(
                {
                    "enrollment_id": enrollment.id,
                    "step_id": first.id,
                    "campaign_id": campaign.id,
                    "company_id": self.clinic.id,
                    "channel": "mail",
                    "date": long_ago,
                    "state": state,
                    "sent_on": long_ago if state == "sent" else False,
                    "claimed_on": long_ago if state == "claimed" else False,
                }
            )
            # Version 1.0 dated the next step as soon as this one was scheduled.
            enrollment.write(
                {
                    "next_step_id": second.id,
                    "next_date": datetime.now() + timedelta(days=4),
                }
            )
        booked.write({"next_step_id": False, "next_date": False})
        booked.booked_date = datetime.now() + timedelta(days=2)
        campaign.resumed_on = False
        self.migrate("19.0.1.1.0", "pre", "post")
        self.assertEqual(campaign.resumed_on, campaign.date_start)
        self.assertEqual(claimed.delivery_ids.state, "uncertain")
        self.assertEqual(sent.delivery_ids.settled_on, long_ago)
        self.assertEqual(sent.delivery_ids.first_date, long_ago)
        self.assertEqual(sent.delivery_ids.recipient_id, people[0])
        self.assertFalse(waits.next_date)
        self.assertFalse(waits.steps_ended)
        self.assertEqual(booked.steps_ended, "booked")
        self.assertTrue(ahead.next_date)
        totals = self.env["reactivation.runner"]._totals(campaign)[campaign.id]
        self.assertEqual(totals["lost"], 0)
        self.run_day(12)
        self.assertDeliveries(people[0], ["sent", "sent"])
        self.assertDeliveries(people[1], ["uncertain", "sent"])
        self.assertDeliveries(people[2], ["sent", "sent"])
        self.assertDeliveries(people[3], ["sent", "sent"])
        self.assertDeliveries(people[4], ["sent"])

    def test_tiers_of_1_2(self):
        """The shipped tiers get the shipped coupons; what a clinic chose stays."""
        tiers = {
            months: self.env.ref(f"patient_reactivation.reactivation_tier_{months}")
            for months in (6, 12)
        }
        chosen = self.env["loyalty.program"].create(
            {"name": "Ours", "program_type": "coupons"}
        )
        tiers[6].program_id = False
        tiers[12].program_id = chosen
        self.env.flush_all()
        self.migrate("19.0.1.3.0", "post")
        twenty = self.env.ref("patient_reactivation.loyalty_program_20")
        self.assertEqual(tiers[6].program_id, twenty)
        self.assertEqual(tiers[12].program_id, chosen)

    def test_no_calls_of_1_4(self):
        """“No” was the same as no answer: what was answered is read again, and counts
        as the objection it is. Who did not say stays who did not say."""
        people = {name: self.lapsed(name) for name in ("Yes", "No", "Silent")}
        campaign = self.campaign(start=True)
        survey = self.env.ref("patient_reactivation.survey_we_miss_you")
        question = survey.question_ids.filtered(
            lambda item: item.reactivation_meaning == "call"
        )
        given = {}
        for name, partner in people.items():
            given[name] = self.env["reactivation.feedback"].create(
                {
                    "enrollment_id": self.enrollment(partner).id,
                    "campaign_id": campaign.id,
                    "company_id": self.clinic.id,
                    "partner_id": partner.id,
                    "survey_id": survey.id,
                    "invited_on": datetime.now(),
                    "deadline": datetime.now() + timedelta(days=60),
                }
            )
            given[name]._start()
            if choice := question.suggested_answer_ids.filtered(
                lambda item, name=name: item.value == name
            ):
                given[name].user_input_id._save_lines(question, str(choice.id))
            given[name].processed_on = datetime.now()
        self.env.flush_all()
        self.cr.execute(
            """ALTER TABLE reactivation_feedback ALTER COLUMN may_call TYPE boolean
                USING (id = %s)""",
            [given["Yes"].id],
        )
        self.migrate("19.0.1.5.0", "pre", "post")
        answers = {name: item.may_call for name, item in given.items()}
        self.assertEqual(answers, {"Yes": "yes", "No": "no", "Silent": False})
        words = self.env["reactivation.consent"].search([])
        self.assertEqual(words.partner_id, people["No"])
        self.assertEqual((words.channel, words.state), ("call", "withdrawn"))

    def test_reasons_of_1_3(self):
        """The shipped reasons get their responses; what the clinic has changed stays,
        and nobody gets a hundred tasks on the next morning."""
        reasons = {
            reason.code: reason for reason in self.env["reactivation.reason"].search([])
        }
        self.lapsed("Ada")
        self.refresh()
        patient = self.patients.search([], limit=1)
        patient.write({"reason_id": reasons["cost"].id})
        self.env.flush_all()
        # As version 1.3 left it: a flag, and no response.
        self.cr.execute("UPDATE reactivation_reason SET route = 'none'")
        self.cr.execute(
            "UPDATE reactivation_reason SET route = 'times' WHERE code = 'dissatisfied'"
        )
        self.migrate("19.0.1.4.0", "post")
        found = {code: reason.route for code, reason in reasons.items()}
        self.assertEqual(found["cost"], "payment")
        self.assertEqual(found["moved"], "suppress")
        self.assertEqual(found["dissatisfied"], "times", "Chosen by the clinic.")
        self.assertEqual(found["recovered"], "none")
        self.assertTrue(reasons["moved"].excludes)
        self.env["reactivation.route"]._cron_open()
        self.assertFalse(self.env["reactivation.route"].search([]))

    def test_enrollments_of_1_4(self):
        """They count beside new ones: with the shares as they turned out."""
        people = [self.lapsed(f"P {number}") for number in range(10)]
        campaign = self.campaign(start=True)
        method = campaign.method_ids
        other = method.copy({"name": "Other", "campaign_id": campaign.id})
        stories = campaign.enrollment_ids
        self.assertEqual(len(stories), len(people))
        stories[:2].write({"is_control": True, "method_id": False})
        stories[2:5].method_id = other
        # As version 1.4 left them.
        stories.allocation_id = False
        self.env["reactivation.allocation"].search([]).unlink()
        self.migrate("19.0.1.5.0", "post")
        allocation = stories.allocation_id
        self.assertRecordValues(
            allocation,
            [
                {
                    "kind": "before",
                    "segment_id": campaign.segment_ids.id,
                    "company_id": self.clinic.id,
                    "control_percent": 20,
                    "date": campaign.date_start,
                }
            ],
        )
        shares = {line.method_id: line.share for line in allocation.share_ids}
        self.assertEqual(shares, {method: 0.625, other: 0.375})
        self.assertEqual(allocation.share_ids.segment_id, campaign.segment_ids)
        trial = self.env["reactivation.experiment"]._trials(
            campaign, moment=stories[0].loyalty_closes
        )[campaign.segment_ids]
        self.assertEqual(sum(arm.count for arm in trial.ways[other]), 3)
        self.assertEqual(sum(arm.count for arm in trial.control), 2)
        self.lapsed("New")
        self.refresh()
        self.env["reactivation.enrollment"]._cron_enroll()
        self.assertEqual(len(campaign.allocation_ids), 2)
