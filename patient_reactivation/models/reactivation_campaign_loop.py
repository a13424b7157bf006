from odoo import models

from ..tools.problems import problem


class ReactivationCampaign(models.Model):
    """Do the steps lead patients back to where they come from?"""

    _inherit = "reactivation.campaign"

    def _loop_errors(self):
        """A step that enrolls patients in the campaign they come from, directly or
        through other campaigns, would never end."""
        problems = []
        for step in self._current_methods().step_ids:
            through = step._campaigns_led_to()
            if self in through:
                problems.append(
                    problem(
                        self.env._(
                            "Step “%s” leads back to this campaign: patients would "
                            "go round in a circle.",
                            step.name,
                        ),
                        step,
                    )
                )
                continue
            names = self._way_back(through)
            if names:
                problems.append(
                    problem(
                        self.env._(
                            "Step “%(step)s” leads back to this campaign by way of "
                            "%(campaigns)s: patients would go round in a circle.",
                            step=step.name,
                            campaigns=", ".join(names),
                        ),
                        step,
                    )
                )
        return problems

    def _way_back(self, campaigns):
        """:return: names of the campaigns on the way from these to this one, or []"""
        ways = [(campaign,) for campaign in campaigns]
        seen = self.browse()
        for way in ways:
            campaign = way[-1]
            if campaign in seen or campaign.state == "done":
                continue
            seen |= campaign
            following = campaign._current_methods().step_ids._campaigns_led_to()
            if self in following:
                return [item.name for item in way]
            ways += [(*way, item) for item in following]
        return []


class ReactivationStep(models.Model):
    _inherit = "reactivation.step"

    def _campaigns_led_to(self):
        """:return: campaigns in which these steps enroll the patient, whichever
        company they are of"""
        actions = self.filtered(lambda step: "action" in step._channels())
        todo = actions.action_id.sudo()
        seen = todo.browse()
        while todo:
            # A server action may run others, level by level.
            seen |= todo
            todo = todo.child_ids - seen
        return seen.filtered(
            lambda action: action.state == "reactivation_enroll"
        ).reactivation_campaign_id
