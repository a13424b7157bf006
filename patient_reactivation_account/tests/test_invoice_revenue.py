"""Invoices of returned patients as revenue, each counted once."""

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.patient_reactivation.tests.common import MailClinicCase


@tagged("post_install", "-at_install")
class TestInvoiceRevenue(MailClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.books = {clinic: cls.open_books(clinic) for clinic in cls.clinics()}
        cls.clinic.reactivation_revenue_source = "invoices"
        cls.ada = cls.lapsed("Ada")
        cls.recall = cls.campaign(start=True)

    @classmethod
    def clinics(cls):
        return cls.clinic, cls.other_clinic

    @classmethod
    def open_books(cls, company):
        """:return: the little a clinic needs to write invoices: a journal, an account
        of revenue, and a tax of 10 %"""
        accounts = cls.env["account.account"].with_company(company)
        revenue, receivable, tax_account = accounts.create(
            [
                {
                    "name": name,
                    "code": code,
                    "account_type": kind,
                    "company_ids": [Command.set(company.ids)],
                }
                for name, code, kind in (
                    ("Revenue", "400001", "income"),
                    ("Patients", "110001", "asset_receivable"),
                    ("Tax", "200001", "liability_current"),
                )
            ]
        )
        cls.env["ir.default"].set(
            "res.partner",
            "property_account_receivable_id",
            receivable.id,
            company_id=company.id,
        )
        journal = cls.env["account.journal"].create(
            {
                "name": "Sales",
                "code": "SAL",
                "type": "sale",
                "company_id": company.id,
                "default_account_id": revenue.id,
            }
        )
        group = cls.env["account.tax.group"].create(
            {"name": "Tax", "company_id": company.id}
        )
        tax = cls.env["account.tax"].create(
            {
                "name": "10 %",
                "amount": 10,
                "company_id": company.id,
                "tax_group_id": group.id,
                "country_id": cls.env.ref("base.us").id,
                "invoice_repartition_line_ids": cls._repartition(tax_account),
                "refund_repartition_line_ids": cls._repartition(tax_account),
            }
        )
        return journal, revenue, tax

    @staticmethod
    def _repartition(account):
        return [
            Command.create({"repartition_type": "base"}),
            Command.create({"repartition_type": "tax", "account_id": account.id}),
        ]

    def invoice(self, price=100, partner=None, kind="out_invoice", post=True, **values):
        """An invoice of today."""
        company = values.pop("company", self.clinic)
        journal, revenue, tax = self.books[company]
        line = {
            "name": "Cleaning",
            "quantity": 1,
            "price_unit": price,
            "account_id": revenue.id,
            "tax_ids": [Command.set(tax.ids)],
        }
        invoice = self.env["account.move"].create(
            {
                "move_type": kind,
                "partner_id": (partner or self.ada).id,
                "journal_id": journal.id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [Command.create(line)],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def go(self, days=1):
        self.later(days=days)
        self.run_crons()

    def nightly(self):
        self.env["reactivation.outcome"]._cron_refresh_all()
        self.env.invalidate_all()

    def revenue(self, partner=None, campaign=None):
        self.env.invalidate_all()
        story = self.enrollment(partner or self.ada, campaign or self.recall)
        return story.revenue

    def test_from_the_return_to_the_end_of_the_loyalty_window(self):
        self.later(days=5)
        self.invoice(999)
        self.later(days=5)
        self.visit(self.ada, 0)
        self.invoice(120)
        self.go(30)
        self.visit(self.ada, 0)
        self.invoice(80)
        self.go(160)
        self.invoice(500)
        self.nightly()
        self.assertEqual(self.revenue(), 200, "Without taxes.")

    def test_drafts_and_canceled_ones_do_not_count(self):
        self.later(days=10)
        self.visit(self.ada, 0)
        self.invoice(50, post=False)
        invoice = self.invoice(120)
        self.go()
        self.assertEqual(self.revenue(), 120)
        invoice.button_draft()
        invoice.button_cancel()
        self.go()
        self.assertEqual(self.revenue(), 0)

    def test_bills_of_suppliers_are_no_revenue(self):
        self.later(days=10)
        self.visit(self.ada, 0)
        self.invoice(120, kind="out_receipt")
        self.go()
        self.assertEqual(self.revenue(), 120)

    def test_credit_notes_may_outweigh(self):
        """What was invoiced before the return and given back after it."""
        self.later(days=10)
        self.visit(self.ada, 0)
        self.invoice(120)
        self.invoice(150, kind="out_refund")
        self.go()
        self.assertEqual(self.revenue(), -30)
        self.assertEqual(self.recall.revenue, -30)
        self.assertEqual(self.recall.net_revenue, -30)

    def test_late_credit_note_corrects_the_past(self):
        """Entered when all windows are over, dated within them."""
        self.later(days=10)
        self.visit(self.ada, 0)
        self.invoice(120)
        day = fields.Date.today()
        self.go()
        self.later(days=400)
        self.nightly()
        self.assertEqual(self.revenue(), 120)
        self.invoice(120, kind="out_refund", invoice_date=day)
        self.nightly()
        self.assertEqual(self.revenue(), 0)

    def test_in_another_currency(self):
        """As it was booked: by the rate of its day."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": euro.id,
                "company_id": self.clinic.id,
                "rate": 0.5,
                "name": "2026-01-01",
            }
        )
        self.later(days=10)
        self.visit(self.ada, 0)
        self.invoice(40, currency_id=euro.id)
        self.go()
        self.assertEqual(self.revenue(), 80)

    def test_invoice_of_another_clinic(self):
        """H1"""
        self.later(days=10)
        self.visit(self.ada, 0)
        self.invoice(120, company=self.other_clinic)
        self.go()
        self.assertEqual(self.revenue(), 0)

    def test_three_campaigns_one_revenue(self):
        """L4"""
        campaigns = self.recall
        for number in range(2):
            self.run_crons()
            self.enrollment(self.ada, campaigns[-1]).action_stop()
            self.later(days=10)
            campaigns |= self.campaign(start=True, name=f"Again {number}")
        self.run_crons()
        self.later(days=1)
        self.visit(self.ada, 0)
        self.invoice(120)
        self.go()
        found = [self.revenue(campaign=campaign) for campaign in campaigns]
        self.assertEqual(found, [0, 0, 120])

    def test_paid_by_the_household(self):
        """The company of a contact is invoiced for it; one that is a patient itself
        is not."""
        self.ada.parent_id = self.person("Marlow Household", is_company=True)
        self.later(days=10)
        self.visit(self.ada, 0)
        self.invoice(120, partner=self.ada.parent_id)
        self.go()
        self.assertEqual(self.revenue(), 120)
        self.visit(self.ada.parent_id, 20)
        self.nightly()
        self.env["reactivation.patient"]._refresh()
        self.nightly()
        self.assertEqual(self.revenue(), 0)

    def test_another_source(self):
        self.clinic.reactivation_revenue_source = "visits"
        self.later(days=10)
        self.visit(self.ada, 0, amount=44)
        self.invoice(120)
        self.go()
        self.assertEqual(self.revenue(), 44)
