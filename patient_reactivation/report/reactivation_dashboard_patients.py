"""The owner's page: who stays away, who cannot be reached, and what they say."""

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools import nps
from ..tools.small_groups import fold, is_small

# So many reasons are named; the others are counted together.
MOST_REASONS = 5


class ReactivationDashboard(models.AbstractModel):
    _inherit = "reactivation.dashboard"

    # ------------------------------------------------------------------- patients

    @api.model
    def _patients(self, period):
        """:return: dict: lapsed patients by tier, how many of them are in a campaign,
        and who is excluded; as it is now, whatever the month"""
        tiers, exclusions, known = {}, {}, 0
        in_campaign = 0
        for status, exclusion, tier_id, count, enrolled in self._patient_rows(period):
            known += count
            if status == "lapsed":
                tiers[tier_id] = tiers.get(tier_id, 0) + count
                in_campaign += enrolled
            elif status == "excluded":
                exclusions[exclusion] = exclusions.get(exclusion, 0) + count
        return {
            "known": self._count(known),
            "lapsed": self._lapsed(tiers, in_campaign),
            "excluded": self._excluded(exclusions),
        }

    @api.model
    def _patient_rows(self, period):
        """:return: list of (status, exclusion, tier id, patients, those who are in a
        campaign)"""
        self.env["reactivation.patient"].flush_model()
        self.env["reactivation.enrollment"].flush_model()
        return self.env.execute_query(
            SQL(
                """SELECT patient.status, patient.exclusion, patient.tier_id, count(*),
                          count(running.patient_id)
                     FROM reactivation_patient patient
                LEFT JOIN (SELECT DISTINCT patient_id FROM reactivation_enrollment
                            WHERE state = 'running' AND company_id = %(company)s)
                          AS running ON running.patient_id = patient.id
                    WHERE patient.company_id = %(company)s
                 GROUP BY 1, 2, 3""",
                company=period.company.id,
            )
        )

    @api.model
    def _lapsed(self, tiers, in_campaign):
        folded = fold(tiers)
        names = self.env["reactivation.tier"].browse(filter(None, tiers))
        names = {tier.id: tier.display_name for tier in names}
        total = sum(tiers.values())
        # Who is in no campaign is the rest: both may be shown, or neither.
        is_split = not is_small(in_campaign) and not is_small(total - in_campaign)
        return {
            **self._count(total),
            "rows": [
                {
                    "key": tier_id,
                    "label": names.get(tier_id, self.env._("In no tier")),
                    "share": count / total,
                    **self._count(count),
                }
                for tier_id, count in folded.shown
            ],
            "others": self._count(folded.others),
            "in_campaign": self._count(in_campaign if is_split else None),
            "in_none": self._count(total - in_campaign if is_split else None),
        }

    @api.model
    def _excluded(self, exclusions):
        folded = fold(exclusions)
        field = self.env["reactivation.patient"]._fields["exclusion"]
        names = dict(field._description_selection(self.env))
        return {**self._count(sum(exclusions.values())), **self._named(folded, names)}

    @api.model
    def _named(self, folded, names):
        """:return: dict: `rows` of what is shown, by name, and the `others`"""
        return {
            "rows": [
                {"key": key, "label": names.get(key, key), **self._count(count)}
                for key, count in folded.shown
            ],
            "others": self._count(folded.others),
        }

    # ----------------------------------------------------------------- no contact

    @api.model
    def _no_contact(self, company):
        """Why lapsed patients are not contacted, by the report that answers it. What
        only waits is left out: it is sent in the end.

        :return: dict: `rows` of the most frequent reasons, and the `others`
        """
        model = self.env["reactivation.no.contact"]
        counts = {
            reason: count
            for reason, count in model._read_group(
                self._no_contact_domain(company),
                ["reason"],
                ["partner_id:count_distinct"],
            )
        }
        names = dict(model._fields["reason"]._description_selection(self.env))
        return self._named(fold(counts, MOST_REASONS), names)

    @api.model
    def _no_contact_domain(self, company):
        return Domain("company_id", "=", company.id) & Domain("kind", "!=", "waits")

    # -------------------------------------------------------------------- reasons

    @api.model
    def _reasons(self, period):
        """:return: dict: what patients said in the twelve months: their reasons, with
        what the clinic does about each, and whether they would recommend it"""
        reasons, answers = {}, dict.fromkeys(("promoter", "passive", "detractor"), 0)
        for reason_id, kind, count in self._feedback_rows(period):
            if kind in answers:
                answers[kind] += count
            elif reason_id:
                reasons[reason_id] = count
        folded = fold(reasons, MOST_REASONS)
        known = {
            reason.id: reason
            for reason in self.env["reactivation.reason"].browse(
                reason_id for reason_id, _count in folded.shown
            )
        }
        return {
            "rows": [self._reason(known[key], count) for key, count in folded.shown],
            "others": self._count(folded.others),
            "nps": self._nps(*answers.values()),
        }

    @api.model
    def _reason(self, reason, count):
        return {
            "key": reason.id,
            "label": reason.display_name,
            "route": reason._fields["route"].convert_to_export(reason.route, reason),
            **self._count(count),
        }

    @api.model
    def _feedback_rows(self, period):
        """:return: list of (reason id, None, answers) and of (None, kind of the
        recommendation, answers)"""
        self.env["reactivation.feedback"].flush_model()
        return self.env.execute_query(
            SQL(
                """SELECT reason_id, nps_kind, count(*) FROM reactivation_feedback
                    WHERE company_id = %s AND answered_on >= %s AND answered_on < %s
                 GROUP BY GROUPING SETS ((reason_id), (nps_kind))""",
                period.company.id,
                period.moments[0],
                period.moments[-1],
            )
        )

    @api.model
    def _nps(self, promoters, passives, detractors):
        found = nps.score(promoters, passives, detractors)
        if not found or is_small(found.count):
            return {**self._count(found.count if found else 0), "score": None}
        score, low, high = (
            f"{'−' if number < -0.5 else ''}{abs(number):.0f}" for number in found[:3]
        )
        return {
            **self._count(found.count),
            "score": score,
            "range": self.env._("%(low)s to %(high)s", low=low, high=high),
        }
