"""What a campaign would do with one patient, without doing it."""

import time
from datetime import datetime, timedelta

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.patient_reactivation.tests.common import MailClinicCase, Untouched

TWO_MAILS = [{"channel": "mail"}, {"channel": "mail", "delay_days": 7}]


@tagged("post_install", "-at_install")
class TestRehearsal(Untouched, MailClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.phone = "+1 212-555-0100"
        cls.ada = cls.lapsed(
            "Ada Sample",
            phone="+1 212-555-0142",
            street="2 Main Street",
            city="New York",
            zip="10002",
            country_id=cls.env.ref("base.us").id,
            state_id=cls.env.ref("base.state_us_27").id,
        )
        cls.refresh()

    def plan(self, steps, **values):
        """A draft campaign of one method with these steps."""
        campaign = self.campaign(steps=0, **values)
        campaign.method_ids.step_ids = [
            Command.create({"name": f"Step {number + 1}", "sequence": number, **step})
            for number, step in enumerate(steps)
        ]
        for step in campaign.method_ids.step_ids:
            if "mail" in step._channels():
                step._create_mailing("en_US")
        return campaign

    def rehearse(self, campaign, partner=None, method=None, user=None):
        user = user or self.manager
        rehearsals = self.env["reactivation.rehearsal"].with_user(user)
        return rehearsals.with_context(
            allowed_company_ids=user.company_ids.ids, lang="en_US"
        ).create(
            {
                "campaign_id": campaign.id,
                "method_id": (method or campaign.method_ids[:1]).id,
                "partner_id": (partner or self.ada).id,
            }
        )

    # --------------------------------------------------------------------- plan

    def test_a_plan_over_three_channels(self):
        """An e-mail, a call and a letter: when, to where, and with which words."""
        campaign = self.plan(
            [
                {"channel": "mail"},
                {
                    "channel": "call",
                    "delay_days": 7,
                    "script": "Hello {first_name}, this is {clinic}.",
                    "condition": "not_replied",
                },
                {
                    "channel": "letter",
                    "delay_days": 14,
                    "letter_body": "<p>Dear {name},</p>",
                },
            ]
        )
        lines = self.rehearse(campaign).line_ids
        self.assertEqual(lines.mapped("outcome"), ["sent"] * 3)
        self.assertEqual(lines.mapped("channel"), ["mail", "call", "letter"])
        days = [(line.date.date() - self.opening.date()).days for line in lines]
        self.assertEqual(days, [0, 7, 21])
        self.assertEqual(lines[0].subject, "It is time for your next visit")
        self.assertIn("Hello Ada,", " ".join(lines[0].content.split()))
        self.assertEqual(lines[0].address, "a•••@example.com")
        self.assertIn("Hello Ada, this is Elm Street Clinic.", lines[1].content)
        self.assertEqual(lines[1].address, "••• 0142")
        self.assertIn("answers", lines[1].reaction)
        self.assertFalse(lines[2].reaction)
        self.assertIn("Dear Ada Sample,", lines[2].content)
        self.assertEqual(lines[2].address, "10002 New York")

    def test_nothing_stays_and_nothing_leaves(self):
        """Not an enrollment, not a message, not a task, not a link."""
        campaign = self.plan(
            [{"channel": "mail"}, {"channel": "call", "script": "Hello {first_name}"}],
            control=0,
        )
        before, state = self.counts(), campaign.state
        messages = len(campaign.message_ids)
        rehearsal = self.rehearse(campaign)
        self.assertEqual(len(rehearsal.line_ids), 2)
        self.assertEqual(self.counts(), before)
        self.assertEqual(campaign.state, state)
        self.assertEqual(len(campaign.message_ids), messages)
        self.assertFalse(self._mails)

    def test_the_campaign_does_what_was_rehearsed(self):
        """The same moments as when it runs."""
        campaign = self.plan(
            [
                {"channel": "mail", "hour_from": 13.0, "hour_to": 15.0},
                {"channel": "mail", "delay_days": 5, "sat": False, "sun": False},
                {"channel": "mail", "delay_days": 3, "delay_hours": 2},
            ]
        )
        planned = self.rehearse(campaign).line_ids.mapped("date")
        self.start(campaign)
        for moment in planned:
            self.frozen.move_to(moment)
            self.run_crons()
        sent = self.enrollment(self.ada).delivery_ids.sorted("id").mapped("sent_on")
        self.assertEqual(sent, planned)

    def test_it_waits_for_the_morning(self):
        """Who is put off until the hours of the patient is told so."""
        campaign = self.plan([{"channel": "mail"}])
        with self.at(datetime(2026, 3, 3, 4, 0)):
            line = self.rehearse(campaign).line_ids
            self.assertEqual(line.date, datetime(2026, 3, 3, 13, 0))
        self.assertIn("waits until", line.explanation)
        self.assertIn("contact hours", line.explanation)

    def test_two_clocks(self):
        """F: the clinic's clock and the patient's are both shown."""
        self.ada.write({"tz": "America/Los_Angeles", "state_id": False, "phone": False})
        self.ada.write({"country_id": False, "zip": False, "city": False})
        line = self.rehearse(self.plan([{"channel": "mail"}])).line_ids
        self.assertNotEqual(line.patient_time, line.clinic_time)
        self.assertTrue(line.patient_time)

    def test_caps_hold_in_a_rehearsal(self):
        """Two steps on one day: the second waits until a day has passed."""
        campaign = self.plan([{"channel": "mail"}, {"channel": "mail"}])
        first, second = self.rehearse(campaign).line_ids
        self.assertGreaterEqual(second.date - first.date, timedelta(days=1))
        self.assertIn("Contacted enough", second.explanation)

    # -------------------------------------------------------------- not enrolled

    def test_no_address_and_another_channel(self):
        """What falls back says so, with the words of the other channel."""
        self.ada.email = False
        campaign = self.plan(
            [
                {
                    "channel": "mail",
                    "fallback_channel": "call",
                    "script": "Hello {first_name}",
                }
            ]
        )
        line = self.rehearse(campaign).line_ids
        self.assertEqual((line.outcome, line.channel), ("sent", "call"))
        self.assertIn("No address or number", line.explanation)
        self.assertIn("Hello Ada", line.content)

    def test_an_opted_out_patient_is_explained(self):
        """The plan is there all the same, each step with its reason."""
        campaign = self.plan(TWO_MAILS)
        self.env["mail.blacklist"]._add(self.ada.email)
        rehearsal = self.rehearse(campaign)
        self.assertEqual(rehearsal.refusal, "Address is on the exclusion list")
        self.assertEqual(rehearsal.line_ids.mapped("outcome"), ["skipped"] * 2)
        self.assertIn("would not be enrolled", rehearsal.timeline)

    def test_a_booked_patient(self):
        campaign = self.plan([{"channel": "mail"}])
        self.meet(self.ada, datetime(2026, 3, 9, 15, 0))
        self.refresh()
        rehearsal = self.rehearse(campaign)
        self.assertTrue(rehearsal.refusal)
        self.assertEqual(rehearsal.line_ids.reason, "Has an appointment")

    def test_somebody_who_never_came(self):
        stranger = self.person("Sten Stranger")
        rehearsal = self.rehearse(self.plan([{"channel": "mail"}]), stranger)
        self.assertEqual(rehearsal.refusal, "Not a patient of this clinic")
        self.assertEqual(len(rehearsal.line_ids), 1)

    def test_a_patient_in_another_campaign(self):
        """The other campaign is named as the reason; its enrollment stays as it is."""
        other = self.campaign(start=True)
        enrollment = self.enrollment(self.ada, other)
        before = enrollment.read()[0]
        rehearsal = self.rehearse(self.plan([{"channel": "mail"}]))
        self.assertEqual(rehearsal.refusal, "In another running campaign")
        self.assertEqual(rehearsal.line_ids.outcome, "sent")
        self.assertEqual(enrollment.read()[0], before)

    def test_a_patient_who_is_enrolled_already(self):
        campaign = self.campaign(start=True)
        rehearsal = self.rehearse(campaign)
        self.assertEqual(rehearsal.refusal, "Enrolled since the last visit already")
        self.assertEqual(len(rehearsal.line_ids), 1)

    def test_no_segment(self):
        campaign = self.plan([{"channel": "mail"}])
        campaign.segment_ids.visit_pattern = "repeat"
        rehearsal = self.rehearse(campaign)
        self.assertEqual(rehearsal.refusal, "In no segment of the campaign")

    # ------------------------------------------------------------------- chance

    def test_chance_is_the_same_as_when_it_runs(self):
        """Method and control group are those the patient gets for real."""
        campaign = self.plan([{"channel": "mail"}], control=30)
        self.env["reactivation.method"].create(
            {
                "name": "Calls",
                "campaign_id": campaign.id,
                "step_ids": [
                    Command.create(
                        {"name": "Call", "channel": "call", "script": "Hello"}
                    )
                ],
            }
        )
        patients = [self.ada] + [self.lapsed(f"Pat Number{n}") for n in range(12)]
        self.refresh()
        drawn = {}
        for patient in patients:
            rehearsal = self.rehearse(campaign, patient)
            drawn[patient] = (rehearsal.is_control, rehearsal.chance_method_id)
        self.start(campaign)
        for patient in patients:
            enrollment = self.enrollment(patient)
            self.assertEqual(
                drawn[patient], (enrollment.is_control, enrollment.method_id)
            )
        self.assertEqual(
            {control for control, _method in drawn.values()}, {True, False}
        )

    def test_the_method_by_chance(self):
        """Without a choice it is the one the patient would get."""
        campaign = self.plan([{"channel": "mail"}])
        rehearsal = (
            self.env["reactivation.rehearsal"]
            .with_context(lang="en_US")
            .create({"campaign_id": campaign.id})
        )
        self.assertEqual(rehearsal.partner_id, self.ada)
        self.assertEqual(rehearsal.method_id, campaign.method_ids)
        self.assertEqual(rehearsal.chance_method_id, campaign.method_ids)
        self.assertIn("would be enrolled", rehearsal.timeline)

    # --------------------------------------------------------------- own channel

    def test_the_patients_own_channel(self):
        """What the patient prefers, if there are words for it."""
        self.ada.preferred_channel = "call"
        campaign = self.plan([{"channel": "preferred", "script": "Hello {first_name}"}])
        campaign.method_ids.step_ids._create_mailing("en_US")
        line = self.rehearse(campaign).line_ids
        self.assertEqual(line.channel, "call")
        self.ada.phone = False
        line = self.rehearse(campaign).line_ids
        self.assertEqual(line.channel, "mail")

    # ------------------------------------------------------------------- safety

    def test_nobody_runs_anything_in_an_e_mail(self):
        """The e-mail is shut in a frame, and a name stays text."""
        self.ada.name = "<script>alert(1)</script>"
        rehearsal = self.rehearse(self.plan([{"channel": "mail"}]))
        self.assertNotIn("<script>", rehearsal.timeline)
        self.assertIn('sandbox=""', rehearsal.timeline)

    def test_forty_steps(self):
        """A method with 40 steps is rehearsed in seconds."""
        campaign = self.plan(
            [
                {"channel": "call", "delay_days": 3, "script": "Hello {first_name}"}
                for _number in range(40)
            ]
        )
        with self.assertQueryCount(2500):
            began = time.perf_counter()
            rehearsal = self.rehearse(campaign)
        self.assertEqual(len(rehearsal.line_ids), 40)
        self.assertLess(time.perf_counter() - began, 20)

    def test_once_more_with_another_patient(self):
        ben = self.lapsed("Ben Sample", email="ben@example.com")
        self.refresh()
        rehearsal = self.rehearse(self.plan([{"channel": "mail"}]))
        rehearsal.partner_id = ben
        rehearsal.action_rehearse()
        self.assertEqual(rehearsal.line_ids.address, "b•••@example.com")
        self.assertEqual(len(rehearsal.line_ids), 1)

    def test_another_patient(self):
        """One of the audience, and not the same again unless there is nobody else."""
        rehearsal = self.rehearse(self.plan([{"channel": "mail"}]))
        rehearsal.action_another_patient()
        self.assertEqual(rehearsal.partner_id, self.ada)
        ben = self.lapsed("Ben Sample", email="ben@example.com")
        self.refresh()
        rehearsal.action_another_patient()
        self.assertEqual(rehearsal.partner_id, ben)
        rehearsal.action_another_patient()
        self.assertEqual(rehearsal.partner_id, self.ada)

    def test_an_e_mail_that_cannot_be_filled_in(self):
        """It is said in the plan, and the other steps are shown."""
        campaign = self.plan(TWO_MAILS)
        mailing = campaign.method_ids.step_ids[0].mailing_ids
        mailing.body_html = '<p><t t-out="object.no_such_field"></t></p>'
        first, second = self.rehearse(campaign).line_ids
        self.assertIn("cannot be filled in", first.content)
        self.assertIn("Hello Ada,", " ".join(second.content.split()))

    def test_nothing_to_rehearse(self):
        campaign = self.campaign(steps=0)
        with self.assertRaisesRegex(UserError, "nothing to rehearse"):
            self.rehearse(campaign)

    # -------------------------------------------------------------------- roles

    def test_the_front_desk_does_not_rehearse(self):
        campaign = self.plan([{"channel": "mail"}])
        with self.assertRaises(AccessError):
            self.rehearse(campaign, user=self.desk)
        desk_campaign = campaign.with_user(self.desk).with_context(
            allowed_company_ids=self.clinic.ids
        )
        with self.assertRaises(AccessError):
            desk_campaign.action_rehearse()

    def test_a_campaign_of_another_company(self):
        """Its manager sees neither the campaign nor its patients."""
        foreign = self.stranger()
        with self.assertRaises(AccessError):
            self.rehearse(self.plan([{"channel": "mail"}]), user=foreign)

    def test_a_portal_user(self):
        portal = self._staff(
            "portal_rehearsal", self.clinic, self.clinic.ids, "base.group_portal"
        )
        with self.assertRaises(AccessError):
            self.rehearse(self.plan([{"channel": "mail"}]), user=portal)

    def test_a_method_of_another_campaign(self):
        campaign = self.plan([{"channel": "mail"}])
        other = self.plan([{"channel": "mail"}])
        with self.assertRaises(ValidationError):
            self.rehearse(campaign, method=other.method_ids)

    def test_buttons(self):
        campaign = self.plan([{"channel": "mail"}])
        action = campaign.action_rehearse()
        rehearsal = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(rehearsal.campaign_id, campaign)
        action = campaign.method_ids.action_rehearse()
        rehearsal = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(rehearsal.method_id, campaign.method_ids)
