from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .reactivation_contact_policy import REFUSALS

# Why somebody who was named is not enrolled, beside what the policy says.
REQUEST_REFUSALS = [
    *REFUSALS,
    ("not_patient", "Not a patient of this clinic"),
    ("not_lapsed", "Not lapsed"),
    ("daily_limit", "Enough new patients for today"),
    ("not_now", "The campaign enrolls nobody at the moment"),
]


class ReactivationEnrollment(models.Model):
    """Enrolling patients somebody names: a user, or an automated action."""

    _inherit = "reactivation.enrollment"

    @api.model
    def _enroll_named(self, campaign, partners):
        """Enroll some patients now; everything that holds for others holds for them.

        :return: dict {partner id: None when enrolled now, or why not}
        :raise UserError: the campaign enrolls nobody
        """
        self._check_enrolls(campaign)
        campaign = campaign.with_company(campaign.company_id)
        answers = self._answers_before(campaign, partners)
        self._enroll(campaign, partners=partners)
        chosen = [res_id for res_id, refusal in answers.items() if not refusal]
        enrolled = self.sudo().search(
            [
                ("campaign_id", "=", campaign.id),
                ("partner_id", "in", chosen),
                ("state", "=", "running"),
            ]
        )
        waiting = set(chosen) - set(enrolled.partner_id.ids)
        return answers | dict.fromkeys(
            waiting, "daily_limit" if campaign.daily_limit else "not_now"
        )

    @api.model
    def _check_enrolls(self, campaign):
        """:raise UserError: saying why the campaign enrolls nobody now"""
        today = campaign.company_id._reactivation_today(fields.Datetime.now())
        name = campaign.name
        if campaign.state == "draft":
            text = self.env._("The campaign “%s” has not started yet.", name)
        elif campaign.state == "paused":
            text = self.env._("The campaign “%s” is paused.", name)
        elif campaign.state == "done" or (
            campaign.date_end and campaign.date_end < today
        ):
            text = self.env._("The campaign “%s” is over.", name)
        elif campaign.date_from and campaign.date_from > today:
            text = self.env._("The campaign “%s” enrolls nobody yet.", name)
        else:
            return
        raise UserError(
            self.env._("%(reason)s Nobody can be enrolled in it.", reason=text)
        )

    @api.model
    def _answers_before(self, campaign, partners):
        """:return: dict {partner id: None, or why the patient is not enrolled}"""
        self.env.flush_all()
        company = campaign.company_id
        patients = (
            self.env["reactivation.patient"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("partner_id", "in", partners.ids),
                ]
            )
        )
        answers = dict.fromkeys(partners.ids, "not_patient")
        answers |= dict.fromkeys(patients.partner_id.ids, "not_lapsed")
        rows = self.env.execute_query(
            SQL(
                "SELECT partner_id, refusal FROM (%s) AS audience",
                self._audience_sql(campaign, partners=partners),
            )
        )
        return answers | dict(rows)

    @api.model
    def _explain_answers(self, answers):
        """:return: a sentence: how many are enrolled, and why others are not"""
        labels = dict(self._selection_request_refusals())
        enrolled = sum(not refusal for refusal in answers.values())
        counts = {}
        for refusal in filter(None, answers.values()):
            counts[refusal] = counts.get(refusal, 0) + 1
        text = self.env._("Enrolled: %(count)s.", count=enrolled)
        if counts:
            reasons = ", ".join(
                f"{labels.get(refusal, refusal)} ({count})"
                for refusal, count in sorted(counts.items(), key=lambda row: -row[1])
            )
            text = self.env._(
                "%(enrolled)s Not enrolled: %(reasons)s.",
                enrolled=text,
                reasons=reasons,
            )
        return text

    @api.model
    def _selection_request_refusals(self):
        labels = self.env["reactivation.enroll.line"]._fields["refusal"]
        return labels._description_selection(self.env)
