from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

# What the staff says about an appointment holds for this long, until a source of
# visits shows it.
STAFF_BOOKING_DAYS = 14

STAFF = "patient_reactivation.group_reactivation_user"

# In the context of the one write of a stage that was derived; no request can send it.
DERIVED = object()


class ReactivationEnrollment(models.Model):
    """What a human may decide about the stage: that an appointment was made.

    All other stages come from visits and messages.
    """

    _inherit = "reactivation.enrollment"

    # Cards are dragged between the columns; `write` decides which way they may go.
    stage = fields.Selection(readonly=False)
    staff_booked_on = fields.Datetime(
        string="Booked According to Staff",
        readonly=True,
        copy=False,
        help="Somebody of the staff knows of an appointment. The stage shows it for "
        "14 days; by then the visits should.",
    )

    _booked_idx = models.Index(
        "(company_id, booked_date) WHERE booked_date IS NOT NULL"
    )
    _staff_booked_idx = models.Index(
        "(company_id, id, staff_booked_on) WHERE staff_booked_on IS NOT NULL"
    )
    _returned_idx = models.Index(
        "(company_id, returned_date) WHERE returned_date IS NOT NULL"
    )

    def write(self, vals):
        derived = self.env.context.get("reactivation_stage") is DERIVED
        if "stage" not in vals or derived:
            return super().write(vals)
        vals = dict(vals)
        stage = vals.pop("stage")
        moved = self.filtered(lambda item: item.stage != stage)
        moved._check_move(stage)
        if vals:
            super().write(vals)
        moved.sudo()._note_staff_booking()
        return True

    def action_booked(self):
        """The staff knows of an appointment; where nothing can be dragged."""
        self.write({"stage": "booked"})

    def _check_move(self, stage):
        """Refuse every move but that to Booked, and say why."""
        if not self:
            return
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group(STAFF):
            raise AccessError(
                self.env._("Only the front desk and managers move patients to Booked.")
            )
        if stage != "booked":
            raise UserError(self._why_not_moved(stage))
        for enrollment in self:
            if enrollment.returned_date or enrollment.stage == "not_returned":
                raise UserError(
                    self.env._(
                        "%(patient)s: the stage “%(stage)s” follows from visits and "
                        "dates. It is not changed by hand.",
                        patient=enrollment.partner_id.name or "",
                        stage=enrollment._stage_label(enrollment.stage),
                    )
                )

    def _stage_label(self, stage):
        return dict(self._fields["stage"]._description_selection(self.env)).get(stage)

    def _why_not_moved(self, stage):
        label = self._stage_label(stage)
        if stage in ("returned", "loyal", "one_time", "not_returned"):
            return self.env._(
                "“%(stage)s” comes from visits alone: enter the visit, and the patient "
                "moves there.",
                stage=label,
            )
        return self.env._(
            "“%(stage)s” comes from the messages and calls of the campaign. By hand, a "
            "patient only moves to Booked.",
            stage=label,
        )

    def _note_staff_booking(self):
        """Somebody of the staff knows of an appointment: nothing more is sent."""
        enrollments = self.filtered(
            lambda item: not item.returned_date and item.partner_id
        )
        if not enrollments:
            return
        now = fields.Datetime.now()
        enrollments.write({"staff_booked_on": now})
        running = enrollments.filtered(
            lambda item: item.state == "running" and not item.is_control
        )
        running._stop_steps("booked")
        enrollments._restage(now)

    def _restage(self, moment):
        """Derive the stage again, at once; an ordinary write, which automation sees."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT enrollment.id, %s
                     FROM reactivation_enrollment enrollment
                     JOIN reactivation_campaign campaign
                       ON campaign.id = enrollment.campaign_id
                    WHERE enrollment.id = ANY(%s)""",
                self._stage_sql(moment),
                self.ids,
            )
        )
        stages = {}
        for number, stage in rows:
            stages.setdefault(stage, []).append(number)
        for stage, ids in stages.items():
            # A write per stage, of which there are seven.
            moved = self.browse(ids).filtered(lambda item, to=stage: item.stage != to)
            moved.with_context(reactivation_stage=DERIVED).write({"stage": stage})

    @staticmethod
    def _staff_booking_since(moment):
        """:return: the oldest word of the staff that still holds"""
        return moment - timedelta(days=STAFF_BOOKING_DAYS)
