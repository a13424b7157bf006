from odoo import fields, models


class ReactivationReason(models.Model):
    """Why a patient stopped coming."""

    _name = "reactivation.reason"
    _description = "Reason for Lapse"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(
        required=True,
        help="A short name that stays the same in every language, for imports and "
        "automation.",
    )
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    color = fields.Integer()
    excludes = fields.Boolean(
        string="Do Not Reactivate",
        help="Patients with this reason are not asked to come back.",
    )

    _code_uniq = models.Constraint(
        "UNIQUE(code)", "Another reason has this code already."
    )
