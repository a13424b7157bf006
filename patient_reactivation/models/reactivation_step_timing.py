from odoo import models

from .reactivation_step import WEEKDAYS


class ReactivationStep(models.Model):
    """When a step goes out: on which days, at which hours."""

    _inherit = "reactivation.step"

    def _window(self):
        """:return: (first hour, last hour, days of the week with Monday as 0), or None
        when the step may go out whenever the patient may be contacted"""
        self.ensure_one()
        days = frozenset(number for number, day in enumerate(WEEKDAYS) if self[day])
        if len(days) == 7 and not self.hour_to:
            return None
        return self.hour_from, self.hour_to or 24.0, days
