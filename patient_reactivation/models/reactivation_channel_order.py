from odoo import api, fields, models

# While the clinic has not said otherwise.
DEFAULT_ORDER = ("mail", "call", "letter")


class ReactivationChannelOrder(models.Model):
    """The channels of a clinic, the best one first.

    A step on “the patient's own channel” takes the first of them that is allowed,
    for a patient who prefers none or whose channel cannot be used.
    """

    _name = "reactivation.channel.order"
    _description = "Order of Channels"
    _order = "company_id, sequence, id"
    _rec_name = "channel"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.company,
    )
    sequence = fields.Integer(default=10)
    channel = fields.Selection(selection="_selection_channel", required=True)

    _channel_uniq = models.Constraint(
        "UNIQUE(company_id, channel)", "This channel is in the list already."
    )

    @api.model
    def _selection_channel(self):
        """Those a patient can prefer and a step can take."""
        preferred = self.env["res.partner"]._fields["preferred_channel"]
        return [
            (name, label)
            for name, label in preferred._description_selection(self.env)
            if f"reactivation.channel.{name}" in self.env
        ]


class ResCompany(models.Model):
    """What the channels need to know of the clinic."""

    _inherit = "res.company"

    reactivation_channel_ids = fields.One2many(
        "reactivation.channel.order", "company_id", string="Order of Channels"
    )

    def _reactivation_channel_order(self):
        """:return: list of the names of the clinic's channels, the best one first"""
        self.ensure_one()
        lines = self.sudo().reactivation_channel_ids
        channels = lines.sorted(lambda line: (line.sequence, line.id)).mapped("channel")
        known = dict(self.env["reactivation.channel.order"]._selection_channel())
        # The addon of a channel may be gone.
        return [name for name in channels if name in known] or list(DEFAULT_ORDER)
