from odoo import api, fields, models


class ReactivationAudiencePreview(models.TransientModel):
    """Who would be enrolled if the campaign started now, and who would not."""

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

    @api.model_create_multi
    def create(self, vals_list):
        previews = super().create(vals_list)
        for preview in previews:
            # A preview is of one campaign; there is only ever one of them.
            preview._fill()
        return previews

    def _fill(self):
        counts = self.env["reactivation.enrollment"]._audience_counts(self.campaign_id)
        enroll = sum(count for _segment, refusal, count in counts if not refusal)
        total = sum(count for _segment, _refusal, count in counts)
        self.write(
            {
                "lapsed_count": total,
                "enroll_count": enroll,
                "excluded_count": total - enroll,
                "control_count": round(enroll * self.campaign_id.control_percent / 100),
                "line_ids": [
                    fields.Command.create(
                        {"segment_id": segment, "refusal": refusal, "count": count}
                    )
                    for segment, refusal, count in counts
                ],
            }
        )

    def action_start(self):
        return self.campaign_id.action_start()


class ReactivationAudiencePreviewLine(models.TransientModel):
    _name = "reactivation.audience.preview.line"
    _description = "Line of an Audience Preview"
    _order = "refusal desc, count desc, id"

    preview_id = fields.Many2one(
        "reactivation.audience.preview", required=True, ondelete="cascade"
    )
    segment_id = fields.Many2one("reactivation.segment", readonly=True)
    refusal = fields.Selection(
        selection=lambda self: (
            self.env["reactivation.delivery"]
            ._fields["reason"]
            ._description_selection(self.env)
        ),
        string="Left Out Because",
        readonly=True,
    )
    count = fields.Integer(string="Patients", readonly=True)
