from odoo import api, fields, models
from odoo.exceptions import UserError

PURPOSES = [
    ("care", "Care reminder"),
    ("service", "Service of the clinic"),
    ("offer", "Offer"),
]


class ReactivationConsent(models.Model):
    """Ledger of what patients allowed and withdrew. Rows are only ever added.

    A grant counts when it can be proven: with its date and its source. One
    without them is kept as it was recorded, and counts as no consent.
    """

    _name = "reactivation.consent"
    _description = "Consent"
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        "res.partner", string="Patient", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    channel = fields.Selection(
        selection=lambda self: (
            self.env["res.partner"]
            ._fields["preferred_channel"]
            ._description_selection(self.env)
        ),
        required=True,
        default="mail",
    )
    purpose = fields.Selection(PURPOSES, required=True, default="offer")
    state = fields.Selection(
        [("granted", "Granted"), ("withdrawn", "Withdrawn")],
        required=True,
        default="granted",
    )
    date = fields.Datetime(help="When the patient said so.")
    source = fields.Selection(
        [
            ("form", "Signed form"),
            ("page", "Web page"),
            ("reply", "Reply of the patient"),
            ("staff", "Told to staff"),
            ("import", "Earlier system"),
        ],
        help="How the patient said so.",
    )
    text = fields.Text(help="The words the patient agreed to.")
    is_proven = fields.Boolean(
        compute="_compute_is_proven",
        store=True,
        string="Counts",
        help="A grant without a date and a source cannot be proven and does not "
        "count. A withdrawal always counts.",
    )

    _current_idx = models.Index(
        "(partner_id, company_id, channel, purpose, date DESC, id DESC)"
    )

    @api.depends("state", "date", "source")
    def _compute_is_proven(self):
        for consent in self:
            consent.is_proven = consent.state == "withdrawn" or bool(
                consent.date and consent.source
            )

    def write(self, vals):
        if not self.env.su or set(vals) - {"partner_id", "is_proven"}:
            raise UserError(
                self.env._("Consents are never changed. Add a new one instead.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("Consents are never deleted. Add a withdrawal instead.")
        )
