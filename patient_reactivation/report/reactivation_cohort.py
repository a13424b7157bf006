"""Who returned by when: by month of enrollment, by method or by segment."""

from datetime import UTC, datetime, time

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import format_date

from ..tools import survival
from ..tools.nps import SMALLEST_GROUP
from ..tools.time_zones import load_zone
from .reactivation_matrix import CONTROL

DAYS = 7

# What the patients of a campaign are divided by; over the alias `patient`.
SIDES = {
    "month": SQL("date_trunc('month', patient.day)::date"),
    "method": SQL(
        "CASE WHEN patient.is_control THEN %s ELSE patient.method_id END", CONTROL
    ),
    "segment": SQL("patient.segment_id"),
}


class ReactivationCohort(models.AbstractModel):
    """The share that has returned, week by week since the enrollment.

    Patients whose window is open count as long as they were followed, and not as if
    they had stayed away.
    """

    _name = "reactivation.cohort"
    _description = "Returns by Week Since Enrollment"

    @api.model
    @api.readonly
    def read_cohort(self, campaign_id, side="month"):
        """What the cohort of a campaign shows.

        A patient is followed for whole weeks from the day of the enrollment, until
        today or the end of the return window; the last week may be shorter. A week is
        shown where at least five patients were followed that long (J9).

        :param int campaign_id: a campaign the user may read
        :param str side: month, method or segment
        :return: dict for the view: `campaign`, `last` (weeks of the window), `groups`
            and `total`, each with `weeks`: dicts of `week`, `share`, `low`, `high`,
            `at_risk` and `followed`
        :raise AccessError: the user may not see the campaign, or no reports
        :raise ValueError: there is no such side
        """
        if side not in SIDES:
            raise ValueError(side)
        campaign = self.env["reactivation.campaign"].browse(campaign_id)
        campaign.check_access("read")
        self.env["reactivation.report"].check_access("read")
        last = -(-campaign.attribution_days // DAYS)
        counts = self._counts(campaign, side, last)
        everybody = {}
        for group in counts.values():
            for key, found in group.items():
                both = everybody.setdefault(key, [0, 0])
                both[0] += found[0]
                both[1] += found[1]
        return {
            "campaign": {
                "id": campaign.id,
                "name": campaign.display_name,
                "return_days": campaign.attribution_days,
            },
            "side": side,
            "last": last,
            "groups": [
                self._group(key, name, counts[key], last)
                for key, name in self._named(side, counts)
            ],
            "total": self._group(None, self.env._("All patients"), everybody, last),
        }

    @api.model
    def open_group(self, campaign_id, side, key):
        """:return: an action: the patients of one row"""
        self.env["reactivation.report"].check_access("read")
        if side not in SIDES:
            raise ValueError(side)
        campaign = self.env["reactivation.campaign"].browse(campaign_id)
        action = campaign.action_open_enrollments()
        action["domain"] += self._group_domain(campaign, side, key)
        action["context"] = {}
        return action

    @api.model
    def _group_domain(self, campaign, side, key):
        if side == "month":
            first = fields.Date.to_date(key)
            zone = load_zone(campaign.company_id._reactivation_zone()) or UTC
            begin, end = (
                datetime.combine(day, time.min, zone)
                .astimezone(UTC)
                .replace(tzinfo=None)
                for day in (first, fields.Date.add(first, months=1))
            )
            return [("enrolled_on", ">=", begin), ("enrolled_on", "<", end)]
        if side == "method" and key == CONTROL:
            return [("is_control", "=", True)]
        if side == "method":
            return [("method_id", "=", key), ("is_control", "=", False)]
        return [("segment_id", "=", key)]

    # ------------------------------------------------------------------- counts

    @api.model
    def _counts(self, campaign, side, last):
        """One query; the database returns a row per group and week only.

        :return: {group: {(weeks followed, week of the return or None): [patients,
            those of them who returned so far]}}
        """
        self.env["reactivation.enrollment"].flush_model()
        today = campaign.company_id._reactivation_today()
        rows = self.env.execute_query(
            SQL(
                """SELECT %(group)s, patient.followed,
                          CASE WHEN patient.week <= patient.followed
                               THEN patient.week END,
                          count(*), count(patient.week)
                     FROM (SELECT enrollment.method_id, enrollment.segment_id,
                                  enrollment.is_control, local.day,
                                  -- Both functions pass over what is empty.
                                  CASE WHEN enrollment.returned_date IS NOT NULL
                                       THEN LEAST(%(last)s, 1 + GREATEST(0,
                                           enrollment.returned_date - local.day)
                                           / %(days)s)
                                  END AS week,
                                  CASE WHEN enrollment.return_closes <= %(now)s
                                       THEN %(last)s
                                       ELSE LEAST(%(last)s, GREATEST(0,
                                           %(today)s - local.day) / %(days)s)
                                  END AS followed
                             FROM reactivation_enrollment enrollment
                       CROSS JOIN LATERAL (
                                  SELECT (enrollment.enrolled_on AT TIME ZONE 'UTC'
                                          AT TIME ZONE %(zone)s)::date AS day
                                  ) AS local
                            WHERE enrollment.campaign_id = %(campaign)s
                              AND enrollment.stop_reason IS DISTINCT FROM 'merged'
                          ) AS patient
                 GROUP BY 1, 2, 3""",
                group=SIDES[side],
                last=last,
                days=DAYS,
                now=fields.Datetime.now(),
                today=today,
                zone=campaign.company_id._reactivation_zone(),
                campaign=campaign.id,
            )
        )
        counts = {}
        for key, followed, week, count, returned in rows:
            group = counts.setdefault(key, {})
            group[followed, week] = [count, returned]
        return counts

    @api.model
    def _named(self, side, counts):
        """:return: list of (key, name) of the groups, in order"""
        keys = list(counts)
        if side == "month":
            return [
                (key, format_date(self.env, key, date_format="MMM y"))
                for key in sorted(keys)
            ]
        model = self.env[f"reactivation.{side}"].sudo()
        records = model.browse(key for key in keys if key).sorted()
        named = [(record.id, record.display_name) for record in records]
        if side == "method" and CONTROL in counts:
            named.append((CONTROL, self.env._("Control group")))
        if None in counts:
            named.append((None, self.env._("None")))
        return named

    @api.model
    def _group(self, key, name, counts, last):
        enrolled = sum(count for count, _returned in counts.values())
        group = {
            "key": fields.Date.to_string(key) if hasattr(key, "year") else key,
            "name": name,
            "enrolled": enrolled,
            "returned": sum(returned for _count, returned in counts.values()),
            "open": sum(
                count
                for (followed, _week), (count, _returned) in counts.items()
                if followed < last
            ),
            "hidden": 0 < enrolled < SMALLEST_GROUP,
            "weeks": [],
        }
        if group["hidden"]:
            return {**group, "enrolled": 0, "returned": 0, "open": 0}
        patients = {where: count for where, (count, _returned) in counts.items()}
        group["weeks"] = [
            week._asdict()
            for week in survival.by_week(patients, last)
            if week.followed >= SMALLEST_GROUP
        ]
        return group
