from odoo import fields, models


class ReactivationErasure(models.Model):
    """Proof that a person was erased: when, by whom and why, never who it was.

    It belongs to no company: what is erased is gone everywhere.
    """

    _name = "reactivation.erasure"
    _description = "Erasure"
    _order = "date desc, id desc"
    _rec_name = "date"

    date = fields.Datetime(required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", string="Erased By", readonly=True, ondelete="restrict"
    )
    way = fields.Selection(
        [("erased", "Erased on request"), ("deleted", "Contact was deleted")],
        string="How",
        required=True,
        readonly=True,
    )
    reason = fields.Text(readonly=True)
    people = fields.Integer(string="Contacts", readonly=True)
    enrollments = fields.Integer(
        readonly=True, help="They stay in the results of their campaigns."
    )
    deliveries = fields.Integer(readonly=True)
    messages = fields.Integer(string="Messages Removed", readonly=True)
    files = fields.Integer(string="Files Removed", readonly=True)
    activities = fields.Integer(string="Tasks Removed", readonly=True)
    consents = fields.Integer(string="Consents Removed", readonly=True)
    answers = fields.Integer(
        string="Survey Answers", readonly=True, help="What the patient answered."
    )
    requests = fields.Integer(
        string="Payment Help",
        readonly=True,
        help="Requests, without household and income.",
    )
    coupons = fields.Integer(
        readonly=True,
        help="They stay in the books without a patient; open ones were revoked.",
    )
    visits = fields.Integer(
        string="Imported Visits",
        readonly=True,
        help="They keep their date and have no patient any more.",
    )
    suppressed = fields.Integer(
        string="Addresses Suppressed",
        readonly=True,
        help="Fingerprints that keep the person from being contacted after a new "
        "import.",
    )
