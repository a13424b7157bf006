from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_datetime

from .reactivation_step import WEEKDAYS

# When nobody answered: the other half of the next working day.
MORNING, AFTERNOON = time(10), time(14)


class ReactivationDelivery(models.Model):
    """When a task is done: on the clinic's clock, within the hours of the patient."""

    _inherit = "reactivation.delivery"

    def _clinic_time(self, moment):
        """:return: a moment as it is read on the clinic's clock"""
        return format_datetime(
            self.env,
            moment,
            tz=self.company_id._reactivation_zone(),
            dt_format="short",
        )

    def _next_allowed(self, moment):
        """:return: None if the patient may be called at that moment, else when"""
        self.ensure_one()
        return self.env["reactivation.contact.rule"]._next_allowed(
            self.recipient_id,
            self.company_id,
            self.channel,
            self.campaign_id.purpose,
            moment,
        )[self.recipient_id.id]

    def _working_days(self):
        """:return: the days of the week on which this task is done, Monday is 0"""
        chosen = {number for number, name in enumerate(WEEKDAYS) if self.step_id[name]}
        return chosen if 0 < len(chosen) < len(WEEKDAYS) else {0, 1, 2, 3, 4}

    def _next_attempt(self, moment=None):
        """Who did not answer in the morning may do so in the afternoon.

        :return: datetime: the other half of the next working day, within the hours
            of the patient
        """
        self.ensure_one()
        moment = moment or fields.Datetime.now()
        zone = ZoneInfo(self.company_id._reactivation_zone())
        local = moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
        hour = AFTERNOON if local.hour < 12 else MORNING
        day = local.date() + timedelta(days=1)
        while day.weekday() not in self._working_days():
            day += timedelta(days=1)
        again = datetime.combine(day, hour, zone).astimezone(ZoneInfo("UTC"))
        again = again.replace(tzinfo=None)
        return self._next_allowed(again) or again

    def _check_call_at(self, call_at):
        """Refuse a time that is over, or at which the patient may not be called."""
        if call_at < fields.Datetime.now():
            raise ValidationError(
                self.env._("This time is over. Choose one in the future.")
            )
        for task in self:
            # One task, or the few of one list.
            if opens := task._next_allowed(call_at):
                raise ValidationError(
                    self.env._(
                        "%(patient)s may not be called then: on their clock it is "
                        "%(local)s. The next possible time is %(opens)s at the "
                        "clinic, %(there)s where the patient lives.",
                        patient=task._names(),
                        local=task._patient_time(call_at),
                        opens=task._clinic_time(opens),
                        there=task._patient_time(opens),
                    )
                )

    def _patient_zone(self):
        """:return: the name of the time zone the patient most likely lives in"""
        self.ensure_one()
        rules = self.env["reactivation.contact.rule"]
        return rules._zone_of(self.recipient_id.sudo(), self.company_id.sudo())

    def _patient_time(self, moment):
        """:return: the hour on the patient's clock"""
        return format_datetime(
            self.env, moment, tz=self._patient_zone(), dt_format="EEE HH:mm"
        )

    def _ask_time(self):
        """:return: action: the little dialog that asks when to call again"""
        self._check_staff()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Call Later"),
            "res_model": "reactivation.task.later",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_delivery_ids": [(6, 0, self.ids)],
                "default_note": self._said(None),
                "reactivation_reason_id": self.env.context.get(
                    "reactivation_reason_id"
                ),
                "reactivation_minutes": self._said_minutes(),
            },
        }
