from odoo import fields, models


class MailActivity(models.Model):
    """A task of a delivery that is done or canceled says so to the delivery."""

    _inherit = "mail.activity"

    def _reactivation_deliveries(self):
        return (
            self.env["reactivation.delivery"]
            .sudo()
            .search([("activity_id", "in", self.ids), ("state", "=", "todo")])
        )

    def _reactivation_routes(self):
        return (
            self.env["reactivation.route"]
            .sudo()
            .search([("activity_id", "in", self.ids), ("state", "=", "todo")])
        )

    def _action_done(self, feedback=False, attachment_ids=None):
        deliveries = self._reactivation_deliveries()
        self._reactivation_routes()._note_activity_end("done", feedback or False)
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        # Done in Odoo's own list of activities: nothing is known but that.
        deliveries._note_task_end(
            {
                "state": "sent",
                "sent_on": fields.Datetime.now(),
                "result": "done",
                "result_note": feedback or False,
            }
        )
        return result

    def unlink(self):
        deliveries = self._reactivation_deliveries()
        self._reactivation_routes()._note_activity_end("canceled")
        result = super().unlink()
        deliveries._note_task_end({"state": "skipped", "reason": "not_done"})
        return result
