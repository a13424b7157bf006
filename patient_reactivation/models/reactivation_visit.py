from odoo import fields, models

from ..tools.spreadsheets import neutral_rows
from .reactivation_visit_source import PARTNER_BITS, SLOTS

VISIT_STATES = [
    ("done", "Took Place"),
    ("planned", "Planned"),
    ("missed", "Missed"),
    ("suspect", "Check the Date"),
]


class ReactivationVisit(models.Model):
    """The visits of all sources, read live: never a copy, never stale."""

    _name = "reactivation.visit"
    _description = "Visit"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", string="Patient", readonly=True)
    company_id = fields.Many2one("res.company", string="Company", readonly=True)
    date = fields.Datetime(readonly=True)
    day = fields.Date(
        readonly=True,
        help="The calendar day at the clinic. Several rows of a patient on one day "
        "count as one visit.",
    )
    state = fields.Selection(VISIT_STATES, string="Status", readonly=True)
    practitioner_id = fields.Many2one(
        "res.partner", string="Practitioner", readonly=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount = fields.Monetary(readonly=True, aggregator="sum")
    source_id = fields.Many2one(
        "reactivation.visit.source", string="Source", readonly=True
    )
    res_model = fields.Char(string="Document Model", readonly=True)
    res_id = fields.Many2oneReference(
        string="Document", model_field="res_model", readonly=True
    )

    @property
    def _table_query(self):
        # The paths and domains of a source carry what must be flushed with them.
        self.env["reactivation.visit.source"].flush_model()
        return self.env["reactivation.visit.source"]._union_sql()

    def action_open_document(self):
        """Open the meeting, order or imported row this visit stands for."""
        self.ensure_one()
        # Read from the identifier: asking the view for one row of millions by
        # its computed number would read them all.
        source_slot = (self.id >> PARTNER_BITS) % SLOTS
        record_id = (self.id >> PARTNER_BITS) // SLOTS
        source = (
            self.env["reactivation.visit.source"]
            .sudo()
            .with_context(active_test=False)
            .search([("slot", "=", source_slot)])
        )
        document = self.env[source.model].browse(record_id)
        if source.model == "calendar.attendee":
            document = document.sudo().event_id.sudo(False)
        document.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": document._name,
            "res_id": document.id,
            "views": [(False, "form")],
        }

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
