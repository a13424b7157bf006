import math

from odoo import api, fields, models


class ReactivationAudiencePreview(models.TransientModel):
    """Who would be enrolled if the campaign started now, and who would not, and why."""

    _name = "reactivation.audience.preview"
    _description = "Audience Preview"

    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, readonly=True, ondelete="cascade"
    )
    campaign_state = fields.Selection(related="campaign_id.state")
    line_ids = fields.One2many(
        "reactivation.audience.preview.line", "preview_id", readonly=True
    )
    lapsed_count = fields.Integer(string="Lapsed Patients", readonly=True)
    enroll_count = fields.Integer(string="To Enroll", readonly=True)
    excluded_count = fields.Integer(string="Left Out", readonly=True)
    control_count = fields.Integer(string="Of Those, Control Group", readonly=True)
    daily_limit = fields.Integer(related="campaign_id.daily_limit")
    day_count = fields.Integer(
        string="Days", readonly=True, help="How long it takes at the daily limit."
    )
    result = fields.Json(
        readonly=True, help="The audience as it is drawn: segments and reasons."
    )

    @api.model_create_multi
    def create(self, vals_list):
        previews = super().create(vals_list)
        for preview in previews:
            # A preview is of one campaign; there is only ever one of them.
            preview._fill()
        return previews

    def _fill(self):
        self.campaign_id.check_access("read")
        enrollments = self.env["reactivation.enrollment"].sudo()
        campaign = self.campaign_id.with_company(self.campaign_id.company_id)
        rows = enrollments._audience_rows(campaign.sudo())
        lines, control = {}, 0
        for _fits, segment, refusal, is_control, count in rows:
            lines[segment, refusal] = lines.get((segment, refusal), 0) + count
            control += count if is_control else 0
        total = sum(lines.values())
        enroll = sum(count for (_, refusal), count in lines.items() if not refusal)
        limit = self.campaign_id.daily_limit
        self.write(
            {
                "lapsed_count": total,
                "enroll_count": enroll,
                "excluded_count": total - enroll,
                "control_count": control,
                "day_count": math.ceil(enroll / limit) if limit else 0,
                "result": {
                    "segments": self._segment_rows(rows),
                    "reasons": self._reason_rows(lines),
                },
                "line_ids": [
                    fields.Command.create(
                        {"segment_id": segment, "refusal": refusal, "count": count}
                    )
                    for (segment, refusal), count in sorted(
                        lines.items(), key=lambda line: -line[1]
                    )
                ],
            }
        )

    def _segment_rows(self, rows):
        """:return: list of dicts: each segment, in order, and what becomes of its
        patients"""
        segments = list(self.campaign_id.segment_ids)
        faults = self.campaign_id.segment_ids._fault_texts()
        matches = self.env["reactivation.segment"]._tally(
            segments, [(row[0], row[4]) for row in rows]
        )
        fates = {segment.id: [0, 0, 0] for segment in segments}
        for _fits, segment, refusal, is_control, count in rows:
            if segment:
                fates[segment][2 if refusal else 1 if is_control else 0] += count
        return [
            {
                "id": segment.id,
                "name": segment.name,
                "summary": segment.summary,
                "count": sum(fates[segment.id]),
                "contact": fates[segment.id][0],
                "control": fates[segment.id][1],
                "left_out": fates[segment.id][2],
                "taken": [
                    {"name": other.name, "count": count}
                    for other, count in matches[segment].taken
                ],
                "problem": faults.get(segment, False),
            }
            for segment in segments
        ]

    def _reason_rows(self, lines):
        """:return: list of dicts: why patients are left out, most frequent first"""
        labels = dict(self.env["reactivation.enrollment"]._selection_stop_reason())
        counts = {}
        for (_segment, refusal), count in lines.items():
            if refusal:
                counts[refusal] = counts.get(refusal, 0) + count
        return [
            {"code": code, "text": labels.get(code, code), "count": count}
            for code, count in sorted(counts.items(), key=lambda item: -item[1])
        ]

    # ------------------------------------------------------------------ actions

    def action_start(self):
        self.check_access("read")
        return self.campaign_id.action_start()

    def action_open(self, segment=None, fate=None, refusal=None):
        """Open the patients behind a number, each with their reason.

        :param int segment: only of this segment
        :param str fate: enroll, control or left_out
        :param str refusal: only who is left out for this reason
        """
        self.check_access("read")
        self.ensure_one()
        action = self.env["reactivation.audience"]._action_of(self.campaign_id)
        wanted = {"segment_id": segment, "fate": fate, "refusal": refusal}
        action["domain"] = [
            (name, "=", value) for name, value in wanted.items() if value
        ]
        if refusal:
            names = {row["code"]: row["text"] for row in self.result["reasons"]}
            action["name"] = names.get(refusal, action["name"])
        elif segment:
            action["name"] = self.env["reactivation.segment"].browse(segment).name
        if fate == "left_out":
            action["context"]["search_default_group_refusal"] = 1
        return action


class ReactivationAudiencePreviewLine(models.TransientModel):
    _name = "reactivation.audience.preview.line"
    _description = "Line of an Audience Preview"
    _order = "refusal desc, count desc, id"

    preview_id = fields.Many2one(
        "reactivation.audience.preview", required=True, ondelete="cascade"
    )
    segment_id = fields.Many2one("reactivation.segment", readonly=True)
    refusal = fields.Selection(
        selection=lambda self: self.env[
            "reactivation.enrollment"
        ]._selection_stop_reason(),
        string="Left Out Because",
        readonly=True,
    )
    count = fields.Integer(string="Patients", readonly=True)
