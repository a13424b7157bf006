"""The owner's page: one clinic and one month, read at once."""

from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_date, formatLang

from ..models.reactivation_guide import MANAGER
from ..tools import months, rates
from ..tools.small_groups import is_small

# How far back the trend and the rates go.
MONTHS = 12

# What happened to patients -> (column of the enrollment, is it a day of the clinic).
EVENTS = {
    "enrolled": ("enrolled_on", False),
    "contacted": ("first_contact_date", False),
    "returned": ("returned_date", True),
    "won_back": ("loyal_date", True),
}
TREND = ("enrolled", "returned", "won_back")

# A month of a clinic. `days` begin the twelve months that end with it and the month
# after, `moments` are the same in UTC; `now` is the moment of reading.
Period = namedtuple("Period", "company month days moments now is_current")


class ReactivationDashboard(models.AbstractModel):
    """What the owner of a clinic wants to know, on the screen and on paper.

    It goes from hand to hand: groups of fewer than five patients are hidden, also from
    those who can subtract (`tools.small_groups`). It writes nothing.
    """

    _name = "reactivation.dashboard"
    _description = "Overview"

    @api.model
    @api.readonly
    def read_dashboard(self, month=None):
        """The figures of the current company. The reasons why patients are not
        contacted take the policy's time: `read_no_contact`.

        :param str month: as 2026-03; by default the clinic's current month
        :return: dict of what the page and the paper show; every figure as text
        :raise AccessError: the user is no manager
        :raise UserError: this is no month, or it has not begun
        """
        period = self._period(month)
        has_campaigns = bool(
            self.env["reactivation.campaign"].search_count(
                [("company_id", "=", period.company.id), ("date_start", "!=", False)],
                limit=1,
            )
        )
        events = self._events(period)
        return {
            "company": {"id": period.company.id, "name": period.company.name},
            "month": self._month(period),
            "is_new": not has_campaigns,
            "patients": self._patients(period),
            "activity": self._activity(period, events),
            "trend": self._trend(period, events),
            "rates": self._rates(period),
            "works": self._works(period),
            "money": self._money(period),
            "reasons": self._reasons(period),
            "words": self._words(period),
        }

    @api.model
    @api.readonly
    def read_no_contact(self):
        """:return: dict: why lapsed patients are not contacted, `rows` and `others`
        :raise AccessError: the user is no manager"""
        self._check_manager()
        return self._no_contact(self.env.company)

    # --------------------------------------------------------------------- period

    @api.model
    def _check_manager(self):
        if not self.env.su and not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers see the overview."))

    @api.model
    def _period(self, month):
        self._check_manager()
        company = self.env.company
        now = fields.Datetime.now()
        current = company._reactivation_today(now).replace(day=1)
        try:
            chosen = months.parse(month) if month else current
        except ValueError:
            chosen = None
        if not chosen or chosen > current:
            raise UserError(
                self.env._(
                    "“Month” must be a month that has begun, written as %(example)s.",
                    example=months.key(current),
                )
            )
        days = months.until(chosen, MONTHS)
        zone = company._reactivation_zone()
        return Period(
            company=company,
            month=chosen,
            days=days,
            moments=[months.midnight(day, zone) for day in days],
            now=now,
            is_current=chosen == current,
        )

    @api.model
    def _month(self, period):
        before = period.days[-3]
        return {
            "key": months.key(period.month),
            "name": self._month_name(period.month),
            "before": months.key(before),
            "before_name": self._month_name(before),
            "after": not period.is_current and months.key(period.days[-1]),
            "is_current": period.is_current,
            "since_name": self._month_name(period.days[0]),
            "today": format_date(
                self.env, period.company._reactivation_today(period.now)
            ),
        }

    @api.model
    def _month_name(self, day, style="MMMM yyyy"):
        return format_date(self.env, day, date_format=style)

    @api.model
    def _until(self, period):
        """:return: datetime: the end of the month, or now"""
        return min(period.moments[-1], period.now)

    # --------------------------------------------------------------------- events

    @api.model
    def _events(self, period):
        """:return: {event: list of numbers of patients, one per month}"""
        self.env["reactivation.enrollment"].flush_model()
        self.env["reactivation.outcome"].flush_model()
        counts = {event: [0] * MONTHS for event in [*EVENTS, "booked"]}

        def add(event, bucket, count):
            if bucket and 1 <= bucket <= MONTHS:
                counts[event][bucket - 1] += count

        for *buckets, count in self.env.execute_query(self._dates_sql(period)):
            for event, bucket in zip(EVENTS, buckets, strict=True):
                add(event, bucket, count)
        for bucket, count in self.env.execute_query(self._bookings_sql(period)):
            add("booked", bucket, count)
        return counts

    @api.model
    def _dates_sql(self, period):
        """The stories of patients differ in few ways if months are all one knows of
        them: they are read once, whatever is counted.

        :return: SQL of the month of each event (from 1; 0 and `MONTHS` + 1 are others),
            and the number of patients
        """
        months_of = SQL(", ").join(
            SQL(
                "width_bucket(%s, %s::%s[])",
                SQL.identifier(column),
                period.days if is_day else period.moments,
                SQL("date" if is_day else "timestamp"),
            )
            for column, is_day in EVENTS.values()
        )
        return SQL(
            """SELECT %(months)s, count(*) FROM reactivation_enrollment
                WHERE company_id = %(company)s AND stop_reason IS DISTINCT FROM 'merged'
             GROUP BY %(months)s""",
            months=months_of,
            company=period.company.id,
        )

    @api.model
    def _booked_sql(self, company):
        """The day an appointment is for says nothing about when it was made: what
        counts is when it was first noticed, in the calendar or by the staff.

        :return: SQL of `enrollment_id` and `date` of the first booking
        """
        return SQL(
            """SELECT noted.enrollment_id, min(noted.date) AS date
                 FROM (SELECT enrollment_id, create_date AS date
                         FROM reactivation_outcome
                        WHERE kind = 'booked' AND company_id = %(company)s
                    UNION ALL
                       SELECT id, staff_booked_on FROM reactivation_enrollment
                        WHERE company_id = %(company)s
                          AND staff_booked_on IS NOT NULL) AS noted
                WHERE noted.enrollment_id NOT IN (
                      SELECT id FROM reactivation_enrollment
                       WHERE stop_reason = 'merged')
             GROUP BY noted.enrollment_id""",
            company=company.id,
        )

    @api.model
    def _bookings_sql(self, period):
        return SQL(
            """SELECT width_bucket(first.date, %s::timestamp[]), count(*)
                 FROM (%s) AS first GROUP BY 1""",
            period.moments,
            self._booked_sql(period.company),
        )

    # ------------------------------------------------------------------- activity

    @api.model
    def _activity(self, period, events):
        """:return: list of dicts: what happened in the month, and in the one before"""
        return [
            {
                "key": event,
                "label": label,
                **self._count(events[event][-1]),
                "before": self._count(events[event][-2])["text"],
            }
            for event, label in self._event_labels().items()
        ]

    @api.model
    def _event_labels(self):
        return {
            "enrolled": self.env._("Enrolled"),
            "contacted": self.env._("Contacted"),
            "booked": self.env._("Booked"),
            "returned": self.env._("Returned"),
            "won_back": self.env._("Won back"),
        }

    @api.model
    def _trend(self, period, events):
        """:return: dict: `months` with a bar for each event, and the highest of all"""
        rows = []
        for place, day in enumerate(period.days[:-1]):
            bars = {event: self._count(events[event][place]) for event in TREND}
            rows.append(
                {
                    "key": months.key(day),
                    "name": self._month_name(day),
                    "short": self._month_name(day, "MMM"),
                    **bars,
                }
            )
        return {
            "months": rows,
            "labels": {event: self._event_labels()[event] for event in TREND},
            "top": max(row[event]["value"] or 0 for row in rows for event in TREND),
        }

    # ---------------------------------------------------------------------- words

    @api.model
    def _count(self, count):
        """A number of patients as it may be shown.

        :return: dict of `value` (None if hidden), `text`, and whether it is hidden
        """
        if count is None or is_small(count):
            return {"value": None, "text": self.env._("< 5"), "hidden": True}
        return {"value": count, "text": self._number(count), "hidden": False}

    @api.model
    def _number(self, number, digits=0):
        return formatLang(self.env, number, digits=digits)

    @api.model
    def _rate(self, successes, count):
        """:return: dict: a rate with its interval as numbers for the drawing and as
        texts, or None for a group nothing is said of"""
        if not count or is_small(count):
            return None
        found = rates.wilson(successes, count)
        percent = self.env["reactivation.experiment"]._percent
        return {
            **found._asdict(),
            "text": percent(found.value),
            "range": self.env._(
                "%(low)s to %(high)s",
                low=percent(found.low),
                high=percent(found.high),
            ),
            "count": self._number(count),
        }


class ReactivationOutcome(models.Model):
    _inherit = "reactivation.outcome"

    _booked_idx = models.Index(
        "(company_id, enrollment_id, create_date) WHERE kind = 'booked'"
    )
