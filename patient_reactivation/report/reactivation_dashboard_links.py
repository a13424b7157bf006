"""The owner's page: from a figure to what is behind it, and to the paper."""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..models.reactivation_experiment import MEASURES
from ..tools import letters
from .reactivation_dashboard import EVENTS

ADDON = "patient_reactivation"

# What can be opened, each by the method `_open_<figure>`.
FIGURES = (
    "lapsed",
    "excluded",
    "in_campaign",
    "no_contact",
    "event",
    "rate",
    "control",
    "money",
    "matrix",
    "decisions",
    "reason",
    "nps",
    "costs",
)


class ReactivationDashboard(models.AbstractModel):
    _inherit = "reactivation.dashboard"

    @api.model
    def open_figure(self, figure, month=None, key=None):
        """The patients, enrollments or the report behind a figure. What is opened
        obeys the access rights and the companies of whoever looks.

        :param str figure: one of `FIGURES`
        :param str month: the month of the page, as 2026-03
        :param key: which row of the figure
        :return: an action
        :raise UserError: there is no such figure
        """
        period = self._period(month)
        if figure not in FIGURES:
            self._refuse_figure(figure)
        return getattr(self, f"_open_{figure}")(period, key)

    @api.model
    def _refuse_figure(self, figure):
        raise UserError(self.env._("The overview has no figure “%s”.", figure))

    @api.model
    def action_print(self, month=None):
        """:return: the action of the report on the clinic's paper"""
        period = self._period(month)
        company = period.company
        paper = letters.paper_of(
            letters.layout_of(company.country_id.code, company.paperformat_id.format)
        )
        report = self.env.ref(f"{ADDON}.action_report_monthly_{paper}")
        return report.report_action(
            company, data={"month": self._month(period)["key"]}, config=False
        )

    @api.model
    def _action(self, xml_id, domain, company, **values):
        """:return: dict of an action of the menu, with this domain and no filter"""
        action = self.env["ir.actions.actions"]._for_xml_id(f"{ADDON}.{xml_id}")
        domain = Domain(domain) & Domain("company_id", "=", company.id)
        # The web client shows the name it was told to display, if there is one.
        values = {**values, "display_name": values.get("name", action["name"])}
        return {**action, "domain": list(domain), "context": {}, **values}

    # ------------------------------------------------------------------- patients

    @api.model
    def _open_lapsed(self, period, key):
        """Lapsed patients; of a tier, or of no tier (0), or all of them."""
        domain = Domain("status", "=", "lapsed")
        if key is not None:
            domain &= Domain("tier_id", "=", key or False)
        return self._action("reactivation_patient_action", domain, period.company)

    @api.model
    def _open_excluded(self, period, key):
        domain = Domain("status", "=", "excluded")
        if key:
            domain &= Domain("exclusion", "=", key)
        return self._action("reactivation_patient_action", domain, period.company)

    @api.model
    def _open_in_campaign(self, period, _key):
        domain = [("state", "=", "running"), ("patient_id.status", "=", "lapsed")]
        return self._open_enrollments(
            period, domain, self.env._("Lapsed Patients in a Campaign")
        )

    @api.model
    def _open_no_contact(self, period, key):
        domain = self._no_contact_domain(period.company)
        if key:
            domain &= Domain("reason", "=", key)
        return self._action("reactivation_no_contact_action", domain, period.company)

    # ---------------------------------------------------------------- enrollments

    @api.model
    def _open_enrollments(self, period, domain, name):
        domain = Domain(domain) & (
            Domain("stop_reason", "=", False) | Domain("stop_reason", "!=", "merged")
        )
        return self._action(
            "reactivation_enrollment_action", domain, period.company, name=name
        )

    @api.model
    def _open_event(self, period, key):
        """Whom something happened to in the month."""
        labels = self._event_labels()
        if key not in labels:
            self._refuse_figure(key)
        domain = (
            [("id", "in", self._booked_ids(period))]
            if key == "booked"
            else self._event_domain(period, key)
        )
        name = f"{labels[key]} · {self._month_name(period.month)}"
        return self._open_enrollments(period, domain, name)

    @api.model
    def _event_domain(self, period, event):
        column, is_day = EVENTS[event]
        start, end = (period.days if is_day else period.moments)[-2:]
        return [(column, ">=", str(start)), (column, "<", str(end))]

    @api.model
    def _booked_ids(self, period):
        start, end = period.moments[-2:]
        rows = self.env.execute_query(
            SQL(
                """SELECT enrollment_id FROM (%s) AS first
                    WHERE date >= %s AND date < %s""",
                self._booked_sql(period.company),
                start,
                end,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _open_rate(self, period, key):
        """The patients a rate is made of."""
        return self._open_rate_group(period, key, is_control=False)

    @api.model
    def _open_control(self, period, key):
        return self._open_rate_group(period, key, is_control=True)

    @api.model
    def _open_rate_group(self, period, measure, is_control):
        if measure not in MEASURES:
            self._refuse_figure(measure)
        _happened, closes = MEASURES[measure]
        domain = [
            ("is_control", "=", is_control),
            (closes, ">=", str(period.moments[0])),
            (closes, "<=", str(self._until(period))),
        ]
        return self._open_enrollments(period, domain, self.env._("Windows Closed"))

    @api.model
    def _open_money(self, period, key):
        """Who brought in or cost something: windows closed, or open."""
        closes = (
            [("loyalty_closes", "<=", str(self._until(period)))]
            if key == "closed"
            else [("loyalty_closes", ">", str(self._until(period)))]
        )
        domain = [
            ("is_control", "=", False),
            ("loyalty_closes", ">=", str(period.moments[0])),
            *closes,
        ]
        return self._open_enrollments(period, domain, self.env._("Revenue and Costs"))

    # -------------------------------------------------------------------- reports

    @api.model
    def _open_matrix(self, _period, key):
        action = self.env["ir.actions.actions"]._for_xml_id(
            f"{ADDON}.reactivation_matrix_action"
        )
        return {**action, "context": {"reactivation_campaign": key}}

    @api.model
    def _open_decisions(self, period, _key):
        return self._action(
            "reactivation_decision_action",
            [("state", "=", "proposed")],
            period.company,
        )

    @api.model
    def _open_reason(self, period, key):
        """The answers of the twelve months, of one reason or of all."""
        domain = self._answered_domain(period)
        domain &= (
            Domain("reason_id", "=", key) if key else Domain("reason_id", "!=", False)
        )
        return self._action("reactivation_feedback_action", domain, period.company)

    @api.model
    def _open_nps(self, period, _key):
        domain = self._answered_domain(period) & Domain("nps_kind", "!=", False)
        return self._action("reactivation_feedback_action", domain, period.company)

    @api.model
    def _answered_domain(self, period):
        return Domain("answered_on", ">=", str(period.moments[0])) & Domain(
            "answered_on", "<", str(period.moments[-1])
        )

    @api.model
    def _open_costs(self, period, _key):
        return self._action("reactivation_cost_action", Domain.TRUE, period.company)
