from odoo import api, fields, models

# What the clinic does when a patient stays away for a reason.
ROUTES = [
    ("none", "Nothing more"),
    ("payment", "Offer payment options"),
    ("manager_call", "Personal call by the manager"),
    ("coverage", "Verify coverage"),
    ("times", "Offer evening or weekend times, or video"),
    ("suppress", "Do not ask to come back"),
]


class ReactivationReason(models.Model):
    """Why a patient stopped coming, and what the clinic does about it."""

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
    route = fields.Selection(
        ROUTES,
        string="What We Do",
        required=True,
        default="none",
        help="Follows by itself when the reason of a patient is found: in the survey, "
        "by the front desk, or in the data.",
    )
    route_days = fields.Integer(
        string="Within (days)",
        default=2,
        help="The follow-up is due so many days after the reason was found.",
    )
    route_note = fields.Text(
        string="What to Say",
        translate=True,
        help="Stands in the follow-up, for whoever does it.",
    )
    excludes = fields.Boolean(
        string="Do Not Reactivate",
        compute="_compute_excludes",
        inverse="_inverse_excludes",
        store=True,
        help="Patients with this reason are not asked to come back.",
    )
    is_objection = fields.Boolean(
        string="Is an Objection",
        help="Who gives this reason in the survey wants no more messages: it goes into "
        "the ledger of consents, as if they had unsubscribed from everything.",
    )

    _code_uniq = models.Constraint(
        "UNIQUE(code)", "Another reason has this code already."
    )
    _route_days_check = models.Constraint(
        "CHECK(route_days >= 0)", "“Within (days)” cannot be negative."
    )

    @api.depends("route")
    def _compute_excludes(self):
        for reason in self:
            reason.excludes = reason.route == "suppress"

    def _inverse_excludes(self):
        """Imports and older data set the flag: it is the response then."""
        for reason in self:
            if reason.excludes:
                reason.route = "suppress"
            elif reason.route == "suppress":
                reason.route = "none"
