"""The monthly report on paper: the figures of the screen, and nothing of a few."""

import io
from datetime import datetime

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import OdooPdfFileReader

from ..tools.pictures import bars_svg, interval_svg
from .test_dashboard import DashboardCase

SCRIPT = "<script>alert(1)</script>"


@tagged("post_install", "-at_install")
class TestMonthly(DashboardCase):
    def html(self, month="2026-02", user=None):
        report = self.as_user(user or self.manager, self.env["ir.actions.report"])
        html, _kind = report._render_qweb_html(
            "patient_reactivation.monthly_us_letter", None, data={"month": month}
        )
        return html.decode()

    def test_same_figures_as_on_the_screen(self):
        self.tell()
        html = self.html()
        for text in (
            "February 2026",
            "Elm Street Clinic",
            "40\N{NO-BREAK SPACE}%",
            "+20.0 points",
            "Month by month",
            "What these words mean",
            "No visit for 6 months or more",
            "03/02/2026",
        ):
            self.assertIn(text, html)
        self.assertEqual(html.count("<svg"), 3)

    def test_clinic_with_nothing(self):
        self.assertIn("No campaign has begun yet", self.html())

    def test_names_are_text(self):
        """F1: those of segments, methods and campaigns, on paper as on the screen."""
        campaign = self.tell()
        campaign.name = campaign.segment_ids.name = f"Segment {SCRIPT}"
        campaign.method_ids.name = f"Method {SCRIPT}"
        self.clinic.name = f"Clinic {SCRIPT}"
        self.env["reactivation.decision"].create(
            {
                "campaign_id": campaign.id,
                "segment_id": campaign.segment_ids.id,
                "method_id": campaign.method_ids.id,
                "date": datetime(2026, 2, 5),
                "count": 40,
                "win_back_rate": 0.25,
            }
        )
        html = self.html()
        self.assertNotIn(SCRIPT, html)
        for name in ("Segment", "Method", "Clinic"):
            self.assertIn(f"{name} &lt;script&gt;", html)

    def test_drawn_names_are_text(self):
        drawn = bars_svg([(SCRIPT, [3])], [SCRIPT], ["#000"], 3, SCRIPT)
        self.assertNotIn(SCRIPT, drawn)

    def test_drawing_of_what_is_hidden_has_no_number(self):
        """J9: five units high, whatever it is."""
        drawn = bars_svg([("May", [None, 40])], ["a", "b"], ["#000", "#111"], 40, "x")
        self.assertIn('height="5" fill="none"', drawn)
        self.assertEqual(drawn.count(">40</text>"), 1)

    def test_drawing_of_an_interval(self):
        drawn = interval_svg(
            {"value": 0.5, "low": 0.25, "high": 0.75}, {"value": 0.2}, 1.0
        )
        self.assertIn('<rect x="50.0" y="3" width="100.0"', drawn)
        self.assertIn('<rect x="39.0" y="0"', drawn)

    def test_pdf_on_the_paper_of_the_country(self):
        self.tell()
        page = self.as_user(self.manager, self.env["reactivation.dashboard"])
        action = page.action_print("2026-02")
        self.assertEqual(
            action["report_name"], "patient_reactivation.monthly_us_letter"
        )
        self.assertEqual(action["data"], {"month": "2026-02"})
        with mute_logger("odoo.addons.base.models.ir_actions_report"):
            pdf, kind = (
                self.as_user(self.manager, self.env["ir.actions.report"])
                .with_context(force_report_rendering=True)
                ._render_qweb_pdf(action["report_name"], None, data=action["data"])
            )
        self.assertEqual(kind, "pdf")
        reader = OdooPdfFileReader(io.BytesIO(pdf))
        self.assertLessEqual(reader.getNumPages(), 2)
        box = [float(number) for number in reader.getPage(0).mediaBox]
        self.assertAlmostEqual(box[2], 612, delta=2)
        self.clinic.country_id = self.env.ref("base.de")
        action = page.action_print("2026-02")
        self.assertEqual(action["report_name"], "patient_reactivation.monthly_a4")

    def test_who_prints_it(self):
        with self.assertRaises(AccessError):
            self.html(user=self.desk)
        report = self.as_user(self.manager, self.env["ir.actions.report"])
        with self.assertRaises(AccessError):
            report._render_qweb_html(
                "patient_reactivation.monthly_a4", self.other_clinic.ids
            )
        self.assertIn("Lakeside Clinic", self.html(user=self.stranger()))

    def test_wrong_month(self):
        with self.assertRaisesRegex(UserError, "“Month”"):
            self.html("February")
