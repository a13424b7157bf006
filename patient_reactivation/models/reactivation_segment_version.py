from odoo import api, fields, models
from odoo.tools import SQL

from .reactivation_segment import CRITERIA


class ReactivationSegment(models.Model):
    """Versions of a segment: patients stay in the group they were enrolled in.

    A change of the criteria of a segment somebody is enrolled in makes a new segment
    that takes its place; the old one goes on counting its patients.
    """

    _inherit = "reactivation.segment"

    is_retired = fields.Boolean(
        string="Earlier",
        readonly=True,
        copy=False,
        help="Nobody is enrolled in it any more; a later version took its place.",
    )
    version = fields.Integer(default=1, required=True, readonly=True, copy=False)
    replaces_id = fields.Many2one(
        "reactivation.segment",
        string="Changes",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The version this one was made from.",
    )
    adopted_method_id = fields.Many2one(
        "reactivation.method",
        string="Adopted Method",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="What worked best: the new patients of this segment get it, apart from "
        "the control group.",
    )

    def _used(self):
        """:return: those of these segments that patients are enrolled in"""
        if not self.ids:
            return self.browse()
        self.env["reactivation.enrollment"].flush_model(["segment_id"])
        rows = self.env.execute_query(
            SQL(
                """SELECT segment.id FROM reactivation_segment segment
                    WHERE segment.id IN %s
                      AND EXISTS (SELECT FROM reactivation_enrollment enrollment
                                   WHERE enrollment.segment_id = segment.id)""",
                tuple(self.ids),
            )
        )
        return self.browse(row[0] for row in rows)

    def write(self, vals):
        """What patients are enrolled in stays as it is: a new version is made."""
        if not any(name in vals for name in CRITERIA):
            return super().write(vals)
        used = self.filtered(lambda item: not item.is_retired)._used()
        for segment in used:
            # A handful of segments are edited at a time.
            segment._make_version(vals)
        return super(ReactivationSegment, self - used).write(vals)

    def _make_version(self, vals):
        """Put a changed copy in the place of this segment.

        :return: the new version
        """
        new = self.copy(
            {
                "campaign_id": self.campaign_id.id,
                "version": self.version + 1,
                "replaces_id": self.id,
            }
        )
        new.write(vals)
        self._retire()
        self.campaign_id.message_post(
            body=self.env._(
                "Segment “%(name)s” has changed: %(before)s → %(after)s. Patients "
                "enrolled before stay in the earlier version, with their results; what "
                "was adopted for it is tried again in the new one.",
                name=new.name,
                before=self.summary,
                after=new.summary,
            )
        )
        return new

    def _retire(self):
        self.write({"is_retired": True})

    def unlink(self):
        """A segment with patients goes on counting them, out of sight."""
        used = self._used()
        used._retire()
        return super(ReactivationSegment, self - used).unlink()

    @api.depends("name", "version", "is_retired")
    def _compute_display_name(self):
        for segment in self:
            name = segment.name or ""
            if segment.is_retired:
                name = self.env._(
                    "%(segment)s (version %(version)s)",
                    segment=name,
                    version=segment.version,
                )
            segment.display_name = name


class ReactivationCampaign(models.Model):
    """A campaign shows the segments in use."""

    _inherit = "reactivation.campaign"

    segment_ids = fields.One2many(domain=[("is_retired", "=", False)])
    all_segment_ids = fields.One2many(
        "reactivation.segment", "campaign_id", string="Segments of All Versions"
    )
