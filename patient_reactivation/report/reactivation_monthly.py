from odoo import api, models

from ..tools.pictures import bars_svg, interval_svg
from .reactivation_dashboard import TREND

# Of the bars of the trend, in the order of `TREND`.
COLORS = ("#c9c3de", "#71639e", "#1f7a4d")


class ReportMonthly(models.AbstractModel):
    """The overview of a month on paper, with the same figures as on the screen."""

    _name = "report.patient_reactivation.monthly_a4"
    _description = "Monthly Report on A4"

    @api.model
    def _get_report_values(self, docids, data=None):
        """:raise AccessError: the user is no manager, or not of this clinic
        :raise UserError: the month is wrong"""
        companies = self.env["res.company"].browse(docids) or self.env.company
        return {
            "doc_ids": companies.ids,
            "doc_model": "res.company",
            "docs": companies,
            # One is printed at a time.
            "pages": [
                self._page(item, (data or {}).get("month")) for item in companies
            ],
        }

    @api.model
    def _page(self, company, month):
        dashboard = self.env["reactivation.dashboard"].with_company(company)
        page = dashboard.read_dashboard(month)
        page["no_contact"] = dashboard.read_no_contact()
        trend = page["trend"]
        page["picture"] = trend["top"] and bars_svg(
            [
                (row["short"], [row[event]["value"] for event in TREND])
                for row in trend["months"]
            ],
            [trend["labels"][event] for event in TREND],
            COLORS,
            trend["top"],
            self.env._("Patients by month"),
        )
        highs = [
            part["high"]
            for row in page["rates"]
            for part in (row["rate"], row["control"])
            if part
        ]
        for row in page["rates"]:
            row["picture"] = row["rate"] and interval_svg(
                row["rate"], row["control"], max(highs)
            )
        return page


class ReportMonthlyUs(models.AbstractModel):
    _name = "report.patient_reactivation.monthly_us_letter"
    _inherit = "report.patient_reactivation.monthly_a4"
    _description = "Monthly Report on US Letter"
