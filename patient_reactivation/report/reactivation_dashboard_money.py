"""The owner's page: what patients brought in after they returned, and what it cost."""

from odoo import api, models
from odoo.tools import SQL, formatLang

from ..models.reactivation_delivery_minutes import SPOKEN_CHANNELS
from ..models.reactivation_outcome_money import LETTERS
from ..tools.returns import return_on_investment
from ..tools.small_groups import fold, is_small

PARTS = ("message", "letter", "call", "coupon")


class ReactivationDashboard(models.AbstractModel):
    _inherit = "reactivation.dashboard"

    @api.model
    def _money(self, period):
        """Revenue and costs of the patients who were given a method and whose windows
        closed in the twelve months: of these all is known. Those whose windows are
        open stand beside it, as far as it is known.

        :return: dict: `columns` of the two, and the `missing` prices
        """
        found = {row["closed"]: row for row in self._money_rows(period)}
        missing = self._unpriced(period.company)
        knows_revenue = self._knows_revenue(period.company)
        columns = [
            {
                "key": "closed",
                "label": self.env._("Windows closed"),
                **self._balance(period, found.get(True), knows_revenue, missing),
            }
        ]
        if period.is_current:
            columns.append(
                {
                    "key": "open",
                    "label": self.env._("So far, windows open"),
                    **self._balance(period, found.get(False), knows_revenue, missing),
                    # Paid already, while what comes in is still to come.
                    "roi": None,
                }
            )
        labels = self._part_labels()
        return {
            "columns": columns,
            "parts": [
                {"key": part, "label": labels[part]} for part in (*PARTS, "others")
            ],
            "has_others": any(column["parts"]["others"] for column in columns),
            "currency": period.company.currency_id.name,
            "missing": [labels[part] for part in PARTS if part in missing],
            "knows_revenue": knows_revenue,
        }

    @api.model
    def _part_labels(self):
        return {
            "message": self.env._("Messages"),
            "letter": self.env._("Letters"),
            "call": self.env._("Calls"),
            "coupon": self.env._("Coupons"),
            "others": self.env._("Other costs, put together"),
        }

    @api.model
    def _money_rows(self, period):
        """:return: list of at most two dicts: sums of the amounts, and how many
        patients each is made of"""
        self.env["reactivation.enrollment"].flush_model()
        sums = SQL(", ").join(
            SQL(
                "sum(%(column)s) AS %(name)s,"
                " count(*) FILTER (WHERE %(column)s <> 0) AS %(patients)s",
                column=SQL.identifier(column),
                name=SQL.identifier(column),
                patients=SQL.identifier(f"{column}_patients"),
            )
            for column in ("revenue", *(f"{part}_cost" for part in PARTS))
        )
        return self.env.execute_query_dict(
            SQL(
                """SELECT loyalty_closes <= %(until)s AS closed, count(*) AS patients,
                          %(sums)s
                     FROM reactivation_enrollment
                    WHERE company_id = %(company)s AND loyalty_closes >= %(since)s
                      AND is_control IS NOT TRUE
                      AND stop_reason IS DISTINCT FROM 'merged'
                 GROUP BY 1""",
                until=self._until(period),
                sums=sums,
                company=period.company.id,
                since=period.moments[0],
            )
        )

    @api.model
    def _knows_revenue(self, company):
        """:return: bool: the clinic counts revenue, and a source of it is known"""
        source = company.reactivation_revenue_source
        if source != "visits":
            return source != "none"
        return self.env["reactivation.outcome"]._wants_visit_revenue()

    @api.model
    def _unpriced(self, company):
        """:return: set of the parts whose price somebody has yet to set: of channels
        the steps of the clinic's campaigns use"""
        rows = self.env.execute_query(
            SQL(
                """SELECT DISTINCT step.channel
                     FROM reactivation_step step
                     JOIN reactivation_method method ON method.id = step.method_id
                     JOIN reactivation_campaign campaign
                       ON campaign.id = method.campaign_id
                    WHERE campaign.company_id = %(company)s
                      AND campaign.date_start IS NOT NULL
                      AND step.channel <> 'preferred'
                      AND step.channel NOT IN (
                          SELECT channel FROM reactivation_cost
                           WHERE company_id = %(company)s)""",
                company=company.id,
            )
        )
        kinds = {
            **dict.fromkeys(LETTERS, "letter"),
            **dict.fromkeys(SPOKEN_CHANNELS, "call"),
        }
        return {kinds.get(channel, "message") for (channel,) in rows}

    @api.model
    def _balance(self, period, row, knows_revenue, missing):
        """One column of the table of money.

        Amounts of a few patients are hidden. Of the costs they are put together with
        the next larger part, so that the sum stays.
        """
        row = row or {}
        patients = row.get("patients", 0)
        parts = {part: row.get(f"{part}_cost") or 0 for part in PARTS}
        folded = fold(
            {part: row.get(f"{part}_cost_patients", 0) for part in PARTS}, together=max
        )
        is_known = not is_small(patients) and folded.others is not None
        shown = {part for part, _count in folded.shown}
        hidden = {
            part
            for part in PARTS
            if row.get(f"{part}_cost_patients") and part not in shown
        }
        texts = {
            part: None
            if part in hidden or (part in missing and not amount)
            else self._amount(period, amount)
            for part, amount in parts.items()
        }
        others = sum(parts[part] for part in hidden)
        texts["others"] = self._amount(period, others) if hidden and is_known else None
        cost = sum(parts.values()) if is_known else None
        revenue = row.get("revenue") or 0
        if not knows_revenue or is_small(patients):
            revenue = None
        elif is_small(row.get("revenue_patients", 0)):
            revenue = None
        both = revenue is not None and cost is not None and not missing
        roi = return_on_investment(revenue, cost) if both else None
        return {
            "patients": self._count(patients),
            "revenue": self._amount(period, revenue),
            "parts": texts,
            "cost": self._amount(period, cost),
            "net": self._amount(period, revenue - cost if both else None),
            "is_loss": both and revenue < cost,
            "roi": None if roi is None else self._percent_signed(roi),
        }

    @api.model
    def _amount(self, period, amount):
        """:return: str in the clinic's currency, or None if it is not known"""
        if amount is None:
            return None
        return formatLang(self.env, amount, currency_obj=period.company.currency_id)

    @api.model
    def _percent_signed(self, share):
        sign = "−" if share < 0 else "+"
        return sign + self.env["reactivation.experiment"]._percent(abs(share))
