from odoo import fields, models
from odoo.tools import SQL


class ReactivationEnrollment(models.Model):
    """Going on with another method, because of what the patient said."""

    _inherit = "reactivation.enrollment"

    def _switch(self, method):
        """Take what is left of the present steps off, and begin the method's.

        The patient still counts for the method they were given at first: whom chance
        gave a method decides what it is worth, not what became of it.
        """
        enrollments = self.filtered(
            lambda item: (item.switched_method_id or item.method_id) != method
        )
        first = method._first_step()
        if not enrollments or not first:
            return
        enrollments._withdraw_deliveries("condition")
        now = fields.Datetime.now()
        zone = method.company_id._reactivation_zone()
        ((date,),) = self.env.execute_query(
            SQL(
                "SELECT %s",
                self.env["reactivation.delivery"]._delay_sql(
                    SQL("%s::timestamp", now),
                    SQL("%s", first.delay_days),
                    SQL("%s", first.delay_hours),
                    SQL("%s", zone),
                ),
            )
        )
        enrollments.write(
            {
                "switched_method_id": method.id,
                "next_step_id": first.id,
                "next_date": date,
                "steps_ended": False,
            }
        )
        for enrollment in enrollments:
            # The conversation tells why the plan changed.
            enrollment._message_log(
                body=self.env._(
                    "The patient goes on with the method “%(method)s”: %(reason)s.",
                    method=method.name,
                    reason=enrollment.reason_id.name
                    or enrollment.patient_id.reason_id.name,
                )
            )
