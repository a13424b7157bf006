"""What the form of a campaign shows beside its segments, while they are edited."""

from odoo import api, models
from odoo.exceptions import AccessError
from odoo.fields import Command

from .reactivation_segment import CRITERIA


class ReactivationSegment(models.Model):
    _inherit = "reactivation.segment"

    @api.model
    @api.readonly
    def live_counts(self, company_id, rows):
        """How many lapsed patients are in each segment, as it stands in the form.

        Only who may change segments is told about criteria that are not saved: a
        number of matches is an answer about patients.

        :param int company_id: the company of the campaign
        :param list rows: dict of the criteria of each segment, in order, with its
            `id` and `name`
        :return: dict: number of `lapsed` patients, how many are in `none`, whether
            the user `may_open` the names, and `rows` in the same order
        """
        self.check_access("read")
        company = self.env["res.company"].browse(company_id)
        if company not in self.env.companies:
            raise AccessError(self.env._("You do not work for this company."))
        may_edit = self.has_access("write")
        if may_edit:
            segments, secrets = self._drafts(company, rows)
        else:
            segments = self.browse(row.get("id") for row in rows if row.get("id"))
            segments, secrets = segments._filtered_access("read"), {}
            segments = segments.filtered(lambda item: item.company_id == company)
        matches, faults, lapsed = segments._matches(company)
        faults |= secrets
        return {
            "lapsed": lapsed,
            "none": lapsed - sum(match.count for match in matches.values()),
            "may_open": may_edit,
            "rows": [
                {
                    "id": segment._origin.id,
                    "count": match.count,
                    "fits": match.fits,
                    "taken": [
                        {"name": other.name or "", "count": count}
                        for other, count in match.taken
                    ],
                    "problem": faults.get(segment, False),
                    "summary": segment.summary,
                }
                for segment, match in matches.items()
            ],
        }

    @api.model
    def _drafts(self, company, rows):
        """:return: (segments of a form that is not saved, {segment: what is not
        allowed in it})"""
        segments, secrets = self.browse(), {}
        saved = {
            segment.id: segment
            for segment in self.browse(
                row["id"] for row in rows if row.get("id")
            ).exists()
        }
        for row in rows:
            origin = saved.get(row.get("id"))
            draft = self.new(self._draft_values(row), origin=origin)
            if draft.domain != (origin.domain if origin else False):
                fault = draft._has_domain() and draft._secret_of_draft(company)
                if fault:
                    secrets[draft] = fault
                    draft.domain = "[('id', '=', 0)]"
            segments |= draft
        return segments, secrets

    def _secret_of_draft(self, company):
        """:return: a sentence when the user may not ask this; what cannot be read at
        all is explained elsewhere"""
        if self._conditions(company)[2]:
            return False
        return self._secret()

    @api.model
    def _draft_values(self, row):
        values = {"name": str(row.get("name") or "")}
        for name in CRITERIA:
            value = row.get(name)
            kind = self._fields[name].type
            if kind == "many2many":
                ids = [item for item in value or [] if isinstance(item, int)]
                values[name] = [Command.set(ids)]
            elif kind == "integer":
                values[name] = value if isinstance(value, int) else 0
            elif kind == "boolean":
                values[name] = bool(value)
            else:
                values[name] = value if isinstance(value, str) else False
        return values

    # ------------------------------------------------------------------ actions

    def action_open_patients(self, taken=False):
        """Open the patients of the segment, with what becomes of each.

        :param bool taken: those who fit, and are in a segment above
        """
        self.check_access("read")
        self.ensure_one()
        action = self.env["reactivation.audience"]._action_of(self.campaign_id)
        if taken:
            action["name"] = self.env._("%s: In a Segment Above", self.name)
            action["domain"] = [
                ("fit_segment_id", "=", self.id),
                ("segment_id", "!=", self.id),
            ]
        else:
            action["name"] = self.name
            action["domain"] = [("segment_id", "=", self.id)]
        return action
