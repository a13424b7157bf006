from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..models.reactivation_contact_policy import REFUSALS
from ..models.reactivation_patient import PATTERNS
from ..tools.spreadsheets import neutral_rows

# Rows of several campaigns are told apart, within the whole numbers of a browser.
CAMPAIGN_FACTOR = 1 << 31


class ReactivationAudience(models.Model):
    """Each lapsed patient, and what a campaign would do with them if it enrolled now.

    Of the campaign that the context names, a draft or not; asked of the segments and
    of the policy at the moment of reading.
    """

    _name = "reactivation.audience"
    _description = "Audience"
    _auto = False
    _order = "episode_date desc, partner_id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", string="Patient", readonly=True)
    patient_id = fields.Many2one(
        "reactivation.patient", string="Patient Record", readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one("reactivation.campaign", readonly=True)
    segment_id = fields.Many2one(
        "reactivation.segment",
        readonly=True,
        help="The first segment that fits. Empty: none does.",
    )
    refusal = fields.Selection(
        REFUSALS,
        string="Left Out Because",
        readonly=True,
        help="Empty: the patient is to be enrolled.",
    )
    fate = fields.Selection(
        [
            ("enroll", "To enroll"),
            ("control", "Control group"),
            ("left_out", "Left out"),
        ],
        string="What Happens",
        readonly=True,
    )
    episode_date = fields.Date(string="Last Visit", readonly=True)
    tier_id = fields.Many2one("reactivation.tier", readonly=True)
    visit_pattern = fields.Selection(PATTERNS, readonly=True)
    reason_id = fields.Many2one(
        "reactivation.reason", string="Reason for Lapse", readonly=True
    )
    practitioner_id = fields.Many2one(
        "res.partner", string="Last Practitioner", readonly=True
    )
    email = fields.Char(related="partner_id.email")
    phone = fields.Char(related="partner_id.phone")
    fit_segment_id = fields.Many2one(
        "reactivation.segment",
        string="Fits Segment",
        compute="_compute_fit_segment_id",
        search="_search_fit_segment_id",
        help="To look for everybody who fits a segment, in it or in one above.",
    )

    def _compute_fit_segment_id(self):
        # Several may fit: this field is to search with.
        self.fit_segment_id = False

    @api.model
    def _search_fit_segment_id(self, operator, value):
        if operator != "in":
            return NotImplemented
        campaign = self._campaign()
        segments = campaign.segment_ids.filtered(lambda item: item.id in value)
        query, conditions, _faults = segments._conditions(campaign.company_id)
        matching = SQL(" OR ").join(conditions.values()) if conditions else SQL("FALSE")
        query.add_where(matching)
        return Domain("patient_id", "any", query)

    # -------------------------------------------------------------------- query

    @api.model
    def _campaign(self):
        """:return: the campaign of the context that the user may read, as superuser"""
        number = self.env.context.get("reactivation_campaign")
        campaign = self.env["reactivation.campaign"].browse(number or ()).exists()
        campaign = campaign._filtered_access("read").sudo()
        return campaign.with_company(campaign.company_id)

    @property
    def _table_query(self):
        campaign = self._campaign()
        enrollments = campaign.env["reactivation.enrollment"]
        # The policy reads contacts, consents, lists of excluded addresses …
        self.env.flush_all()
        if not campaign:
            return self._nobody_sql()
        return SQL(
            """SELECT %(campaign)s * %(factor)s::bigint + audience.patient_id AS id,
                      audience.partner_id, audience.patient_id,
                      %(company)s AS company_id, %(campaign)s AS campaign_id,
                      audience.segment_id, audience.refusal,
                      CASE WHEN audience.refusal IS NOT NULL THEN 'left_out'
                           WHEN %(control)s THEN 'control'
                           ELSE 'enroll' END AS fate,
                      audience.episode_date, audience.tier_id,
                      audience.visit_pattern, audience.reason_id,
                      audience.practitioner_id
                 FROM (%(audience)s OFFSET 0) AS audience""",
            campaign=campaign.id or 0,
            company=campaign.company_id.id or 0,
            factor=CAMPAIGN_FACTOR,
            control=enrollments._control_sql(campaign),
            audience=enrollments._audience_sql(campaign),
        )

    @api.model
    def _nobody_sql(self):
        """:return: SQL of the columns, without rows: the context names no campaign"""
        columns = {
            "partner_id": SQL("int"),
            "patient_id": SQL("int"),
            "company_id": SQL("int"),
            "campaign_id": SQL("int"),
            "segment_id": SQL("int"),
            "refusal": SQL("varchar"),
            "fate": SQL("varchar"),
            "episode_date": SQL("date"),
            "tier_id": SQL("int"),
            "visit_pattern": SQL("varchar"),
            "reason_id": SQL("int"),
            "practitioner_id": SQL("int"),
        }
        return SQL(
            "SELECT NULL::bigint AS id, %s WHERE FALSE",
            SQL(", ").join(
                SQL("NULL::%s AS %s", kind, SQL.identifier(name))
                for name, kind in columns.items()
            ),
        )

    # ------------------------------------------------------------------ actions

    @api.model
    def _action_of(self, campaign):
        """:return: dict: the action that opens the audience of a campaign"""
        self.check_access("read")
        if not campaign.id:
            raise UserError(self.env._("Save the campaign first."))
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_audience_action"
        )
        action["context"] = {"reactivation_campaign": campaign.id}
        return action

    def action_open_patient(self):
        """Open the patient of a row: there is what can be mended."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "reactivation.patient",
            "res_id": self.patient_id.id,
            "views": [(False, "form")],
        }

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
