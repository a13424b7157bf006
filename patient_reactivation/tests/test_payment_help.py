"""Help with the cost: scales, the patient's form, the decision, and its prices."""

from datetime import timedelta

from psycopg2.errors import CheckViolation

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_survey import SurveyClinic


class PaymentClinic(SurveyClinic):
    """A clinic with prices by household and income."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.requests = cls.env["reactivation.payment.request"]
        cls.lists = cls.env["product.pricelist"].create(
            [
                {"name": name, "company_id": cls.clinic.id, "sequence": 90}
                for name in ("Nominal", "Half")
            ]
        )
        cls.option = cls.env["reactivation.payment.option"].create(
            {
                "name": "Prices by income",
                "kind": "scale",
                "company_id": cls.clinic.id,
                "scale_ids": [Command.create(cls.scale_values())],
            }
        )
        cls.scale = cls.option.scale_ids
        cls.decider = cls._staff(
            "decider",
            cls.clinic,
            [Command.set(cls.clinic.ids)],
            "patient_reactivation.group_reactivation_payment,"
            "base.group_partner_manager",
        )

    @classmethod
    def scale_values(
        cls, brackets=((0, 100, "nominal", 20), (100, 200, "percent", 50))
    ):
        return {
            "date_from": "2026-01-01",
            "first_person": 15650,
            "further_person": 5500,
            "bracket_ids": [
                Command.create(
                    {
                        "percent_from": low,
                        "percent_to": high,
                        "fee": fee,
                        "value": value,
                        "pricelist_id": cls.lists[number % 2].id,
                    }
                )
                for number, (low, high, fee, value) in enumerate(brackets)
            ],
        }

    def ask(self, name="Ada Marlow", **values):
        partner = self.lapsed(name, **values)
        self.refresh()
        return self.requests._ask(partner, self.clinic, "desk")[partner]

    def submitted(self, household="2", bracket=1, **values):
        request = self.ask(**values)
        request._submit(household, self.scale.bracket_ids[bracket].id)
        return request

    def price_list(self, partner, company=None):
        partner.invalidate_recordset()
        return partner.with_company(company or self.clinic).property_product_pricelist


@tagged("post_install", "-at_install")
class TestScale(PaymentClinic):
    def refuse(self, words, brackets):
        with self.assertRaisesRegex(ValidationError, words), self.cr.savepoint():
            self.scale.write(
                {
                    "bracket_ids": [
                        Command.clear(),
                        *self.scale_values(brackets)["bracket_ids"],
                    ]
                }
            )
            self.env.flush_all()

    def test_brackets_with_gaps_or_overlaps(self):
        self.refuse(
            "No bracket is for incomes",
            [(0, 100, "percent", 0), (120, 200, "percent", 50)],
        )
        self.refuse(
            "Two brackets are for the same",
            [(0, 100, "percent", 0), (90, 200, "percent", 50)],
        )
        self.refuse("begins at 50", [(50, 100, "percent", 0)])
        self.refuse("is empty", [(0, 0.0, "percent", 0), (100, 100, "percent", 50)])

    def test_one_bracket_changed(self):
        with self.assertRaisesRegex(ValidationError, "No bracket"):
            self.scale.bracket_ids[0].percent_to = 80

    @mute_logger("odoo.sql_db")
    def test_wrong_figures(self):
        for field, value in (
            ("first_person", 0),
            ("further_person", -1),
            ("date_to", "2025-01-01"),
        ):
            with self.assertRaises(CheckViolation), self.cr.savepoint():
                self.scale.write({field: value})
                self.env.flush_all()

    def test_dated_scales_do_not_overlap(self):
        with self.assertRaisesRegex(ValidationError, "same days"), self.cr.savepoint():
            self.option.scale_ids = [Command.create(self.scale_values())]
        self.scale.date_to = "2026-12-31"
        self.option.scale_ids = [
            Command.create(self.scale_values() | {"date_from": "2027-01-01"})
        ]
        self.assertEqual(self.option.current_scale_id, self.scale)
        self.later(days=400)
        self.option.invalidate_recordset()
        self.assertNotEqual(self.option.current_scale_id, self.scale)

    def test_bands_of_a_household(self):
        """What the patient chooses from: amounts, a year and a month."""
        texts = [text for _bracket, text in self.scale._bands(1)]
        self.assertEqual(len(texts), 3, "Also for incomes above the scale.")
        self.assertIn("15,650", texts[0])
        self.assertIn("1,304", texts[0])
        self.assertIn("31,300", texts[1])
        self.assertIn("or more", texts[2])
        self.assertIn("32,150", self.scale._bands(4)[0][1])

    @mute_logger("odoo.sql_db")
    def test_options_that_cannot_be(self):
        for values in (
            {"kind": "cash", "discount": 0},
            {"kind": "cash", "discount": 120},
            {"kind": "installments", "installments": 1},
        ):
            with self.assertRaises(CheckViolation), self.cr.savepoint():
                self.env["reactivation.payment.option"].create(
                    {"name": "Wrong", "company_id": self.clinic.id, **values}
                )
                self.env.flush_all()

    def test_task_about_cost_names_the_options(self):
        self.env["reactivation.payment.option"].create(
            {
                "name": "Pay at once",
                "kind": "cash",
                "discount": 10,
                "company_id": self.clinic.id,
            }
        )
        partner = self.lapsed("Ada Marlow")
        self.refresh()
        self.row(partner).write({"reason_id": self.reason["cost"].id})
        self.routes._cron_open()
        note = self.routes.search([]).activity_id.note
        self.assertIn("Prices by income", note)
        self.assertIn("Pay at once: 10 % less", note)


@tagged("post_install", "-at_install")
class TestRequest(PaymentClinic):
    def test_from_the_form_to_the_prices(self):
        """Asked, filled in, approved: the pricelist holds until its last day."""
        request = self.submitted()
        ada = request.partner_id
        self.assertEqual(request.state, "submitted")
        self.assertEqual(
            request.activity_ids.user_id.has_group(
                "patient_reactivation.group_reactivation_payment"
            ),
            True,
        )
        before = self.price_list(ada)
        mine = self.as_user(self.decider, request)
        self.assertEqual(mine.household_size, 2)
        self.assertIn("50", mine.pays_text)
        self.assertEqual(mine.pricelist_id, self.lists[1])
        mine.write({"date_to": "2026-06-30", "note": "Two children"})
        mine.action_approve()
        self.assertEqual(self.price_list(ada), self.lists[1])
        self.assertEqual(
            self.price_list(ada, self.other_clinic) & self.lists,
            self.lists.browse(),
            "H6: only at this clinic.",
        )
        self.assertEqual(
            ada.with_company(self.clinic).payment_help,
            "Reduced prices until 06/30/2026",
        )
        with self.at(fields.Datetime.to_datetime("2026-06-30 20:00:00")):
            self.assertEqual(self.price_list(ada), self.lists[1])
        # The last day is the clinic's: 23:00 in New York is the next day in Greenwich.
        with self.at(fields.Datetime.to_datetime("2026-07-01 03:00:00")):
            self.assertEqual(self.price_list(ada), self.lists[1])
        with self.at(fields.Datetime.to_datetime("2026-07-01 05:00:00")):
            self.assertEqual(self.price_list(ada), before)

    def test_the_patient_is_told(self):
        """Without figures, in the patient's language."""
        self.env["res.lang"]._activate_lang("fr_FR")
        country = self.env.ref("base.us")
        country.with_context(lang="fr_FR").name = "États-Unis"
        self.clinic.partner_id.country_id = country
        ada, bea = self.submitted(), self.submitted(name="Bea Marlow", lang="fr_FR")
        # Somebody who reads French has looked at the clinic's address before.
        partner = self.clinic.partner_id.with_context(lang="fr_FR")
        self.assertIn("États-Unis", partner.contact_address_inline)
        for request in ada | bea:
            self.as_user(self.decider, request).action_approve()
            self.assertTrue(request.told_on)
        [mail] = self.mails_to("ada.marlow@example.com")
        self.assertIn("approved", mail["body"])
        self.assertIn("United States", mail["body"])
        [french] = self.mails_to("bea.marlow@example.com")
        self.assertIn("Bonjour Bea", french["body"])
        self.assertIn("États-Unis", french["body"])
        self.assertNotIn("approved", french["body"])
        for told in (mail, french):
            for secret in ("household", "foyer", "15,650", "15\u202f650"):
                self.assertNotIn(secret, told["body"])

    def test_what_the_patient_replies(self):
        """It goes to the clinic's own address: whoever is on the request, or looks at
        it later, does not find it there."""
        request = self.submitted()
        self.as_user(self.decider, request).action_approve()
        [mail] = self.mails_to("ada.marlow@example.com")
        self.assertIn("clinic@example.com", mail["reply_to"])
        before = request.message_ids
        raw = (
            "From: Ada <ada.marlow@example.com>\nTo: catchall@test.mycompany.com\n"
            f"Subject: Re: Your request\nMessage-ID: <reply@example.com>\n"
            f"In-Reply-To: {mail['message_id']}\nReferences: {mail['message_id']}\n"
            "Content-Type: text/plain\n\nWe live from 900 a month now."
        )
        with self.assertRaisesRegex(ValueError, "No possible route"):
            self.env["mail.thread"].sudo().message_process(None, raw.encode())
        self.assertEqual(request.message_ids, before)

    def test_how_long_it_holds(self):
        """The term begins with the approval, however long that took; another day may be
        chosen."""
        self.clinic.reactivation_payment_term = 6
        slow, chosen = self.submitted(), self.submitted(name="Bea Marlow")
        self.as_user(self.decider, chosen).date_to = "2026-12-24"
        self.later(days=60)
        for request in slow | chosen:
            self.as_user(self.decider, request).action_approve()
        self.assertEqual(fields.Date.to_string(slow.date_to), "2026-11-01")
        self.assertEqual(fields.Date.to_string(chosen.date_to), "2026-12-24")

    def test_refused_with_a_note(self):
        request = self.submitted()
        mine = self.as_user(self.decider, request)
        with self.assertRaisesRegex(UserError, "Note on the Decision"):
            mine.action_refuse()
        mine.note = "Above the scale next month"
        mine.action_refuse()
        self.assertEqual(request.state, "refused")
        [mail] = self.mails_to("ada.marlow@example.com")
        self.assertNotIn("next month", mail["body"], "The note is for staff.")
        with self.assertRaisesRegex(UserError, "decided already"):
            mine.action_approve()

    def test_who_cannot_be_told_by_mail(self):
        """A state and a task, no traceback."""
        request = self.submitted(email=False)
        self.as_user(self.decider, request).action_approve()
        self.assertEqual(request.told_refusal, "No address or number")
        self.assertFalse(request.told_on)
        self.assertEqual(len(request.activity_ids), 1)

    def test_minor(self):
        """The guardian is told."""
        guardian = self.person("Gil Guardian")
        request = self.submitted(birth_date="2020-01-01", guardian_id=guardian.id)
        self.as_user(self.decider, request).action_approve()
        self.assertTrue(self.mails_to("gil.guardian@example.com"))
        self.assertFalse(self.mails_to("ada.marlow@example.com"))

    def test_bad_input(self):
        """Income as text, a household of zero, a band of somebody else."""
        request = self.ask()
        band = self.scale.bracket_ids[0].id
        for household in ("", "0", "-1", "two", "21", "1e1", "٣", "1" * 50, None):
            with self.assertRaisesRegex(UserError, "People in the Household"):
                request._submit(household, band)
        for wrong in ("", "much", "0", str(band + 999), None, "-1"):
            with self.assertRaisesRegex(UserError, "Income of the household"):
                request._submit("2", wrong)
        self.assertEqual(request.state, "asked")
        request._submit("2", "above")
        self.assertTrue(request.is_above)
        mine = self.as_user(self.decider, request)
        with self.assertRaisesRegex(UserError, "Pricelist"):
            mine.action_approve()

    def test_staff_cannot_make_a_household_up(self):
        """Also before the form is sent, and on the way through the states."""
        asked, submitted = self.ask(), self.submitted(name="Bea Marlow")
        for request in asked | submitted:
            mine = self.as_user(self.decider, request)
            for size in (-3, 21, 50):
                with self.assertRaisesRegex(ValidationError, "between 1 and 20"):
                    with self.cr.savepoint():
                        mine.household_size = size
        mine = self.as_user(self.decider, asked)
        with self.assertRaisesRegex(ValidationError, "between 1 and 20"):
            with self.cr.savepoint():
                # A band is one of a household.
                mine.bracket_id = self.scale.bracket_ids[0]
        mine.write({"household_size": 3, "bracket_id": self.scale.bracket_ids[0].id})
        mine.action_approve()
        self.assertEqual(asked.pricelist_id, self.lists[0])

    def test_only_buttons_decide(self):
        """What was decided, by whom and when is nothing to type in."""
        request = self.submitted()
        mine = self.as_user(self.decider, request)
        for values in (
            {"state": "approved"},
            {"decided_by_id": self.desk.id},
            {"decided_on": "2026-01-01 00:00:00"},
            {"date_from": "2026-01-01"},
            {"partner_id": self.person("Bea Hill").id},
            {"figures_removed_on": "2026-01-01 00:00:00"},
        ):
            with self.assertRaises(AccessError, msg=values):
                mine.write(values)
        mine.action_approve()
        self.assertEqual(request.decided_by_id, self.decider)
        for values in (
            {"date_to": "2036-01-01"},
            {"pricelist_id": self.lists[0].id},
            {"household_size": 9},
        ):
            with self.assertRaisesRegex(UserError, "decided already", msg=values):
                mine.write(values)

    def test_sent_twice(self):
        request = self.ask()
        request._submit("2", self.scale.bracket_ids[0].id)
        request._submit("9", self.scale.bracket_ids[1].id)
        self.assertEqual(request.household_size, 2)

    def test_one_open_request(self):
        request = self.ask()
        again = self.requests._ask(request.partner_id, self.clinic, "survey")
        self.assertEqual(again[request.partner_id], request)

    def test_the_last_decision_counts(self):
        first = self.submitted()
        self.as_user(self.decider, first).action_approve()
        second = self.requests._ask(first.partner_id, self.clinic, "desk")[
            first.partner_id
        ]
        second._submit("1", self.scale.bracket_ids[0].id)
        self.as_user(self.decider, second).action_approve()
        self.assertFalse(first.is_in_force)
        self.assertEqual(self.price_list(first.partner_id), self.lists[0])
        self.as_user(self.decider, second).action_end()
        self.assertNotIn(self.price_list(first.partner_id), self.lists)

    # -------------------------------------------------------------------- rights

    def test_who_sees_the_figures(self):
        """Those who decide, and nobody else: not the desk, not a manager, not the other
        clinic."""
        request = self.submitted()
        for user in (self.desk, self.manager):
            mine = self.as_user(user, request)
            self.assertEqual(mine.state, "submitted")
            for name in (
                "household_size",
                "bracket_id",
                "band_text",
                "pays_text",
                "pricelist_id",
                "is_above",
            ):
                with self.assertRaises(AccessError, msg=name):
                    mine.read([name])
            with self.assertRaises(AccessError):
                mine.action_approve()
            with self.assertRaises(AccessError):
                mine.search([("household_size", "=", 2)])
            data = mine.export_data(["state"]) if user == self.manager else None
            self.assertNotEqual(data, {})
        # The way back from prices to incomes is closed to the desk.
        for name in ("reactivation.fee.scale", "reactivation.fee.bracket"):
            with self.assertRaises(AccessError):
                self.as_user(self.desk, self.env[name]).search([])
        option = self.as_user(self.desk, self.option)
        self.assertEqual(option.read(["name"])[0]["name"], "Prices by income")
        for name in ("scale_ids", "current_scale_id"):
            with self.assertRaises(AccessError, msg=name):
                option.read([name])
        self.assertEqual(self.as_user(self.decider, request).household_size, 2)
        stranger = self.stranger()
        stranger.group_ids += self.env.ref(
            "patient_reactivation.group_reactivation_payment"
        )
        self.assertFalse(self.as_user(stranger, self.requests).search([]))
        tracked = request.message_ids.tracking_value_ids.field_id.mapped("name")
        self.assertFalse({"household_size", "bracket_id"} & set(tracked))

    def test_figures_go_after_their_time(self):
        """J5: removed when the clinic does not need them any more; the decision and its
        prices stay."""
        request = self.submitted()
        mine = self.as_user(self.decider, request)
        mine.date_to = fields.Date.today() + timedelta(days=700)
        mine.action_approve()
        retention = self.env["reactivation.privacy"]
        self.later(days=300)
        retention._cron_retention()
        self.assertEqual(request.household_size, 2)
        self.later(days=80)
        retention._cron_retention()
        self.assertTrue(request.figures_removed_on)
        self.assertEqual((request.household_size, request.bracket_id.id), (0, False))
        self.assertEqual(request.state, "approved")
        self.assertEqual(self.price_list(request.partner_id), self.lists[1])

    def test_figures_nobody_decides_on(self):
        """J5: what was filled in and never decided goes as well, and the request is
        closed: there is nothing left to decide on."""
        self.clinic.reactivation_payment_months = 0
        request, asked = self.submitted(), self.ask("Bea Hill")
        self.as_user(self.decider, asked).household_size = 4
        retention = self.env["reactivation.privacy"]
        self.later(days=20)
        retention._cron_retention()
        self.assertEqual(request.household_size, 2, "There is still time to decide.")
        self.later(days=45)
        retention._cron_retention()
        for closed in request | asked:
            self.assertTrue(closed.figures_removed_on)
            self.assertEqual((closed.household_size, closed.state), (0, "canceled"))
            self.assertFalse(closed.activity_ids)
        again = self.requests._ask(request.partner_id, self.clinic, "desk")
        self.assertNotEqual(again[request.partner_id], request)

    def test_note_is_for_who_decides(self):
        """Notes and the conversation may tell what the figures told: the same people
        read them, and they go with the figures (J5)."""
        request = self.submitted()
        mine = self.as_user(self.decider, request)
        mine.note = "Earns 900 a month"
        mine.message_post(body="Brought a pay slip of 900", message_type="comment")
        said = request.message_ids
        mine.action_approve()
        for user in (self.desk, self.manager):
            theirs = self.as_user(user, request)
            with self.assertRaises(AccessError):
                theirs.read(["note"])
            with self.assertRaises(AccessError):
                said.with_user(user).read(["body"])
            self.assertFalse(
                said.with_user(user).search([("id", "in", said.ids)]), user.name
            )
        self.assertIn("900", said.with_user(self.decider).mapped("body")[0])
        self.later(days=380)
        self.env["reactivation.privacy"]._cron_retention()
        self.env.invalidate_all()
        self.assertFalse(request.note)
        self.assertEqual(request.state, "approved")
        texts = request.message_ids.mapped("body")
        self.assertNotIn("900", " ".join(texts))

    def test_erased(self):
        """J1: nothing of household and income is left, and no prices."""
        request = self.submitted()
        mine = self.as_user(self.decider, request)
        mine.note = "Two children"
        mine.action_approve()
        self.env["reactivation.privacy"]._erase(request.partner_id, "Asked")
        self.assertFalse(request.partner_id)
        self.assertFalse(request.note)
        self.assertEqual(request.household_size, 0)
        self.assertFalse(request.message_ids)

    def test_merged(self):
        """Two contacts who both asked are one who asked: the filled-in one stays."""
        first, second = self.ask(), self.submitted(name="Ada Marlow-Hill")
        people = first.partner_id | second.partner_id
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge(people.ids, first.partner_id)
        self.env.invalidate_all()
        self.assertEqual((first.state, second.state), ("canceled", "submitted"))
        self.assertEqual(second.partner_id, first.partner_id)

    # -------------------------------------------------------------------- survey

    def test_asked_in_the_survey(self):
        """“Yes, tell me what is possible”: a request, and its form on the page that
        says thank you."""
        feedback = self.asked()
        self.answer(feedback, "cost", payment=True)
        [request] = self.requests.search([])
        self.assertEqual((request.source, request.state), ("survey", "asked"))
        self.assertEqual(feedback._page_values()["payment_link"], request._form_link())
        other = self.asked("Bea Hill", self.survey_campaign(name="Other"))
        self.answer(other, "cost", payment=False)
        self.assertEqual(len(self.requests.search([])), 1)
        self.assertFalse(other._page_values()["payment_link"])

    def test_without_a_scale(self):
        """A clinic without a scale: the request is seen, and the form says to call."""
        self.option.active = False
        request = self.ask()
        self.assertFalse(request._form_is_open())
        with self.assertRaisesRegex(UserError, "no form to fill in"):
            request.action_open_form()

    def test_somebody_hears_without_a_scale(self):
        """“Wants help” is a task where there is no form, and none where there is."""
        self.assertFalse(self.ask("Bea Hill").activity_ids)
        self.option.active = False
        feedback = self.asked()
        self.answer(feedback, "no_time", payment=True)
        request = self.requests.search([("feedback_id", "=", feedback.id)])
        [task] = request.activity_ids
        self.assertEqual(task.user_id, self.manager)
        self.assertEqual(task.date_deadline, fields.Date.today())
        self.requests._ask(feedback.partner_id, self.clinic, "desk")
        self.assertEqual(request.activity_ids, task, "Once.")

    def test_button_on_the_patient(self):
        partner = self.lapsed("Ada Marlow")
        action = self.as_user(self.desk, partner).action_payment_help()
        request = self.requests.browse(action["res_id"])
        self.assertEqual(request.partner_id, partner)
        self.assertEqual(request.company_id, self.clinic)
