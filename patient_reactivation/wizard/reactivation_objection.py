from odoo import api, fields, models

from ..models.reactivation_consent import LEDGER_PURPOSES

HEARD = [
    ("desk", "At the front desk"),
    ("phone", "By phone"),
    ("letter", "By letter"),
]


class ReactivationObjection(models.TransientModel):
    """A patient says no to somebody of the staff: the same as saying STOP."""

    _name = "reactivation.objection"
    _description = "Objection of a Patient"

    partner_id = fields.Many2one(
        "res.partner", string="Patient", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    channel = fields.Selection(
        selection="_selection_channel", required=True, default="all"
    )
    purpose = fields.Selection(LEDGER_PURPOSES, required=True, default="all")
    heard = fields.Selection(HEARD, string="Said", required=True, default="phone")
    note = fields.Text(string="In the Patient's Words", required=True)
    has_addresses = fields.Boolean(compute="_compute_has_addresses")
    covers_address = fields.Boolean(
        string="For Everybody at the Same Address",
        default=True,
        help="Members of a family often share an e-mail address or a phone number: "
        "nobody is written to or called there any more.",
    )

    @api.model
    def _selection_channel(self):
        return self.env["reactivation.consent"]._selection_channel()

    @api.depends("partner_id", "channel")
    def _compute_has_addresses(self):
        for objection in self:
            objection.has_addresses = bool(objection._addresses())

    def _addresses(self):
        """:return: addresses of the patient on the channel that was objected to"""
        partner = self.partner_id
        addresses = []
        if self.channel in ("mail", "all"):
            addresses.append(partner.email_normalized)
        if self.channel in ("sms", "call", "all"):
            addresses.append(partner.phone_sanitized or partner.phone)
        return [address for address in addresses if address]

    def action_record(self):
        """Add the withdrawal to the ledger, one row for each address."""
        consents = self.env["reactivation.consent"]
        consents.check_access("create")
        self.ensure_one()
        # Nobody objects for a patient they may not see.
        self.partner_id.check_access("read")
        heard = dict(self._fields["heard"]._description_selection(self.env))
        for address in (self.covers_address and self._addresses()) or [False]:
            # A patient has two at most.
            consents |= consents._withdraw(
                self.partner_id,
                self.company_id,
                self.channel,
                self.purpose,
                "staff",
                address=address,
                text=self.env._(
                    "%(what)s: %(details)s",
                    what=heard[self.heard],
                    details=self.note.strip(),
                ),
            )
        consents.check_access("read")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("The objection is on record and counts at once."),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
