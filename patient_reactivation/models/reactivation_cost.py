from odoo import fields, models

from .reactivation_step import FALLBACK_CHANNELS

# A call nobody answers takes this long, in minutes.
UNANSWERED_MINUTES = 1


class ReactivationCost(models.Model):
    """What reaching a patient costs the clinic, per channel: paper and postage, the
    price of a text, a minute of somebody at the phone."""

    _name = "reactivation.cost"
    _description = "Cost of a Channel"
    _order = "company_id, channel"
    _rec_name = "channel"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    channel = fields.Selection(
        [*FALLBACK_CHANNELS, ("action", "Server action")], required=True
    )
    price = fields.Monetary(
        required=True, help="For one message, or for one minute, without taxes."
    )
    unit = fields.Selection(
        [("piece", "Message"), ("minute", "Minute")],
        string="Per",
        default="piece",
        required=True,
    )
    minutes = fields.Float(
        default=5.0,
        help="How long it takes on average, where nobody has noted it.",
    )

    _channel_uniq = models.Constraint(
        "UNIQUE(company_id, channel)",
        "There is a price for this channel already. Change that one.",
    )
    _price_check = models.Constraint(
        "CHECK(price >= 0)", "“Price” cannot be negative. 0 is free of charge."
    )
    _minutes_check = models.Constraint(
        "CHECK(unit <> 'minute' OR minutes > 0)",
        "“Minutes”: say how long it takes on average.",
    )
