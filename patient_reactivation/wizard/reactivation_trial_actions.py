from odoo import models


class ReactivationCampaign(models.Model):
    _inherit = "reactivation.campaign"

    def action_rehearse(self):
        """See what the campaign would do with one patient, day by day."""
        self.ensure_one()
        rehearsals = self.env["reactivation.rehearsal"]
        return rehearsals.create({"campaign_id": self.id})._open()


class ReactivationMethod(models.Model):
    _inherit = "reactivation.method"

    def action_rehearse(self):
        """See what the method would do with one patient, day by day."""
        self.ensure_one()
        rehearsals = self.env["reactivation.rehearsal"]
        return rehearsals.create(
            {"campaign_id": self.campaign_id.id, "method_id": self.id}
        )._open()


class ReactivationStep(models.Model):
    _inherit = "reactivation.step"

    def action_send_test(self):
        """Try the step on oneself, with the data of a patient."""
        self.ensure_one()
        tests = self.env["reactivation.step.test"]
        return tests.create({"step_id": self.id})._open()


class MailingMailing(models.Model):
    _inherit = "mailing.mailing"

    def action_reactivation_send_test(self):
        """Try the e-mail on oneself, with the data of a patient."""
        self.ensure_one()
        tests = self.env["reactivation.step.test"]
        values = {"step_id": self.reactivation_step_id.id, "channel": "mail"}
        if self.reactivation_lang:
            values["lang"] = self.reactivation_lang
        return tests.create(values)._open()

    def action_test(self):
        """Odoo's own test takes any patient, and its unsubscribe link is genuine."""
        if len(self) == 1 and self.reactivation_step_id:
            return self.action_reactivation_send_test()
        return super().action_test()
