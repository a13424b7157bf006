from odoo import models

# What a patient was promised.
TERMS = {
    "active",
    "discount",
    "discount_applicability",
    "discount_max_amount",
    "discount_mode",
    "discount_product_ids",
    "program_id",
    "required_points",
    "reward_product_id",
    "reward_product_qty",
    "reward_type",
}


class LoyaltyReward(models.Model):
    """What a coupon gives does not change while patients have it in their hands."""

    _inherit = "loyalty.reward"

    def write(self, vals):
        changed = TERMS & vals.keys()
        if changed:
            self.filtered(
                lambda reward: any(
                    reward._fields[name].convert_to_write(reward[name], reward)
                    != vals[name]
                    for name in changed
                )
            ).program_id._refuse_breaking_promises()
        return super().write(vals)

    def unlink(self):
        self.program_id._refuse_breaking_promises()
        return super().unlink()
