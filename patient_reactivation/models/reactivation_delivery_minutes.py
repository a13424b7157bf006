from odoo import fields, models
from odoo.exceptions import UserError

# The channels on which somebody of the staff speaks.
SPOKEN_CHANNELS = ("call", "video")

# A result that follows sooner was written down after the call, and one that comes
# later than so many usual calls lay open meanwhile.
SHORTEST_CALL = 0.5
USUAL_CALLS = 4
# In minutes, where the clinic has not said how long a call usually takes.
LONGEST_CALL = 60
# Nobody is on the phone for longer: a typing mistake.
LONGEST_SAID = 8 * 60


class ReactivationDelivery(models.Model):
    """How long a call took: as long as its sheet lay open, or as the caller says."""

    _inherit = "reactivation.delivery"

    minutes = fields.Float(
        readonly=True,
        help="How long the calls took that were answered, in minutes: as long as the "
        "sheet was open, up to four times the usual, or as the caller said. Empty: as "
        "long as calls usually do.",
    )
    taken_on = fields.Datetime(readonly=True, help="Since when the sheet is open.")

    def action_note_minutes(self, minutes=0):
        """Correct how long a call took; 0 is the usual time.

        :raise UserError: it is no call that was made, or no such time
        """
        self._check_staff()
        self.ensure_one()
        call = (self.lead_id or self).sudo()
        if call.channel not in SPOKEN_CHANNELS or not call.result:
            raise UserError(self.env._("Only a call that was made took time."))
        if not 0 <= minutes <= LONGEST_SAID:
            raise UserError(
                self.env._(
                    "“Minutes”: enter 0 to %s, and 0 where nobody knows.", LONGEST_SAID
                )
            )
        call.minutes = minutes

    def action_ask_minutes(self):
        """Ask how long the call took."""
        self._check_staff()
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Minutes of the Call"),
            "res_model": "reactivation.task.minutes",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_delivery_id": self.id,
                "default_minutes": (self.lead_id or self).minutes,
            },
        }

    def _begin_minutes(self):
        """The time of a call begins when its sheet is opened, and not again while it
        stays open."""
        now = fields.Datetime.now()
        for task in self:
            # One sheet is opened at a time.
            held = task.holder_id == self.env.user and task.held_until
            if not held or task.held_until <= now:
                task.taken_on = now

    def _note_minutes(self, result):
        """Add the time of a call to those before it. What nobody answered costs as an
        attempt."""
        if result == "no_answer":
            return
        for task in self.filtered(lambda item: item.channel in SPOKEN_CHANNELS):
            # One sheet is open at a time; results of several are given without it.
            if minutes := self._said_minutes() or task._measured_minutes():
                task.minutes += minutes

    def _said_minutes(self):
        """:return: float: minutes that were entered in the sheet, or 0; it hands them
        over with the button"""
        said = self.env.context.get("reactivation_minutes")
        if not isinstance(said, int | float) or not said > 0:
            return 0
        return min(said, LONGEST_SAID)

    def _measured_minutes(self):
        """:return: float: minutes the sheet was open; 0 if that says nothing"""
        self.ensure_one()
        if self.holder_id != self.env.user or not self.taken_on:
            return 0
        passed = (fields.Datetime.now() - self.taken_on).total_seconds() / 60
        if passed < SHORTEST_CALL:
            return 0
        return round(min(passed, self._longest_call()), 1)

    def _longest_call(self):
        """:return: float: minutes; a sheet that was open for longer was forgotten"""
        price = self.env["reactivation.cost"].search(
            [
                ("company_id", "=", self.company_id.id),
                ("channel", "=", self.channel),
                ("unit", "=", "minute"),
            ]
        )
        return price.minutes * USUAL_CALLS or LONGEST_CALL
