from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import SQL


class ReactivationCampaign(models.Model):
    """Copying a campaign, archiving it, and its end."""

    _inherit = "reactivation.campaign"

    has_letters = fields.Boolean(compute="_compute_has_letters")

    @api.depends(
        "all_method_ids.step_ids.channel", "all_method_ids.step_ids.fallback_channel"
    )
    def _compute_has_letters(self):
        for campaign in self:
            channels = campaign.all_method_ids.step_ids._channels()
            campaign.has_letters = bool({"letter", "preferred"} & set(channels))

    # --------------------------------------------------------------------- copy

    def copy_data(self, default=None):
        """The plan without what came of it; the methods that are in use."""
        vals_list = super().copy_data(default)
        for campaign, vals in zip(self, vals_list, strict=True):
            if "name" not in (default or {}):
                vals["name"] = self.env._("%s (copy)", campaign.name)
            if "method_ids" not in (default or {}):
                vals["method_ids"] = [
                    Command.create(line) for line in campaign._methods_copied()
                ]
        return vals_list

    def _methods_copied(self):
        """:return: list of values: the current methods, each a first version"""
        # By id, as `copy_translations` expects it.
        return self._current_methods().sorted("id").copy_data()

    def copy_translations(self, new, excluded=()):
        super().copy_translations(new, excluded=(*excluded, "method_ids"))
        if "method_ids" in excluded:
            return
        methods = self._current_methods().sorted("id")
        for old_method, new_method in zip(
            methods, new.method_ids.sorted("id"), strict=False
        ):
            # A handful of methods.
            old_method.copy_translations(new_method)

    def action_copy(self):
        """Copy the campaign and open the copy."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.copy().id,
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------------ archive

    def write(self, vals):
        running = self.browse()
        if "active" in vals and not vals["active"]:
            # What nobody sees any more must not go on writing to patients.
            running = self.filtered(lambda campaign: campaign.state == "running")
        result = super().write(vals)
        if running:
            running.write(
                {
                    "state": "paused",
                    "pause_reason": self.env._("The campaign was archived."),
                }
            )
        return result

    # ---------------------------------------------------------------------- end

    @api.model
    def _close_over(self):
        """Close campaigns whose last day is over and whose steps are all done.

        Returns are counted until the windows close, as after “Close Campaign”. A
        paused campaign waits for a decision and stays paused.
        """
        campaigns = self.search(
            [("state", "=", "running"), ("date_end", "!=", False)]
        ).filtered(
            lambda campaign: (
                campaign.date_end < campaign.company_id._reactivation_today()
            )
        )
        over = campaigns - campaigns._with_open_steps()
        over.write({"state": "done"})
        for campaign in over:
            # Each in the language of who looks after it.
            campaign = campaign._for_caretaker()
            campaign.message_post(
                body=campaign.env._(
                    "Closed by itself: the last day for enrolling is over, and every "
                    "step is done. Returns are still counted."
                )
            )

    def _with_open_steps(self):
        """:return: those of the campaigns that still have somebody to contact"""
        if not self:
            return self
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT campaign.id FROM unnest(%s::int[]) AS campaign (id)
                    WHERE EXISTS (
                          SELECT 1 FROM reactivation_enrollment enrollment
                           WHERE enrollment.campaign_id = campaign.id
                             AND enrollment.state = 'running'
                             AND NOT enrollment.is_control
                             AND enrollment.steps_ended IS NULL)
                       OR EXISTS (
                          SELECT 1 FROM reactivation_delivery delivery
                           WHERE delivery.campaign_id = campaign.id
                             AND delivery.state NOT IN (
                                 'sent', 'skipped', 'failed', 'uncertain'))""",
                self.ids,
            )
        )
        return self.browse(row[0] for row in rows)

    # ------------------------------------------------------------------ actions

    def action_open_templates(self):
        """Open the gallery of ready campaigns; of no campaign in particular."""
        self.check_access("read")
        return self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_campaign_template_action"
        )

    def action_open_work(self):
        """What the front desk has to do for this campaign."""
        return self._action_of("patient_reactivation.reactivation_work_action")

    def action_open_letters(self):
        """The letters of this campaign, to print and to mark as sent."""
        action = self._action_of("patient_reactivation.reactivation_letter_action")
        action["domain"] += [("channel", "=", "letter"), ("lead_id", "=", False)]
        return action

    def _action_of(self, xml_id):
        """:return: dict: an action, for this campaign only"""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(xml_id)
        action["domain"] = [("campaign_id", "=", self.id)]
        return action
