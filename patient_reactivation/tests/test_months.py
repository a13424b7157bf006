from datetime import date, datetime

from odoo.tests import BaseCase, tagged

from ..tools import months


@tagged("post_install", "-at_install")
class TestMonths(BaseCase):
    def test_month_of_an_address(self):
        self.assertEqual(months.parse("2026-03"), date(2026, 3, 1))
        self.assertEqual(months.key(date(2026, 3, 31)), "2026-03")

    def test_what_is_no_month(self):
        for text in ("2026-13", "2026-00", "26-03", "2026-3", "1999-12", "", 202603):
            with self.assertRaises(ValueError):
                months.parse(text)

    def test_months_until_one(self):
        self.assertEqual(
            months.until(date(2026, 1, 1), 2),
            [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)],
        )

    def test_midnight_of_the_clinic(self):
        """Five hours after that of UTC in winter, four in summer."""
        zone = "America/New_York"
        self.assertEqual(
            months.midnight(date(2026, 3, 1), zone), datetime(2026, 3, 1, 5)
        )
        self.assertEqual(
            months.midnight(date(2026, 4, 1), zone), datetime(2026, 4, 1, 4)
        )
