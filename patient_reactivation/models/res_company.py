from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from odoo.addons.base.models.res_partner import _tz_get


class ResCompany(models.Model):
    _inherit = "res.company"

    reactivation_tz = fields.Selection(
        _tz_get,
        string="Clinic's Time Zone",
        help="Decides which calendar day a visit belongs to. Empty: the time zone "
        "of the company's contact, or UTC.",
    )
    reactivation_lapse_months = fields.Integer(
        string="Lapsed After (months)",
        default=6,
        help="A patient without a visit for this long and without a booked one is "
        "lapsed.",
    )
    reactivation_minor_age = fields.Integer(
        string="Of Age At",
        default=18,
        help="Younger patients are contacted through their guardian only.",
    )
    reactivation_consent_required = fields.Boolean(
        string="Consent Needed for Offers",
        help="Offers and news of the clinic go only to patients whose consent is on "
        "record with its date and its source. Care reminders need none.",
    )

    @api.constrains("reactivation_lapse_months", "reactivation_minor_age")
    def _check_reactivation_numbers(self):
        for company in self:
            if company.reactivation_lapse_months < 1:
                raise ValidationError(
                    self.env._("“Lapsed After” must be at least one month.")
                )
            if not 0 <= company.reactivation_minor_age <= 30:
                raise ValidationError(
                    self.env._("“Of Age At” must be between 0 and 30 years.")
                )

    @api.model
    def _reactivation_main(self):
        """:return: the company of visits that name none"""
        return self.sudo().search([], order="id", limit=1)

    def _reactivation_zone(self):
        """:return: the name of the clinic's time zone"""
        self.ensure_one()
        return self.reactivation_tz or self.sudo().partner_id.tz or "UTC"

    def _reactivation_today(self, moment=None):
        """:return: the calendar day at the clinic, as a `date`"""
        self.ensure_one()
        moment = moment or fields.Datetime.now()
        return fields.Datetime.context_timestamp(
            self.with_context(tz=self._reactivation_zone()), moment
        ).date()

    def _reactivation_lapse_date(self, moment=None):
        """:return: the latest last visit that makes a patient lapsed"""
        months = self.reactivation_lapse_months
        return self._reactivation_today(moment) - relativedelta(months=months)

    @api.model
    def _reactivation_zone_sql(self, company_sql):
        """:return: SQL of the time zone of a company given as SQL"""
        companies = self.sudo().with_context(active_test=False).search([])
        zones = {company.id: company._reactivation_zone() for company in companies}
        if len(set(zones.values())) == 1:
            return SQL("%s", next(iter(zones.values())))
        return SQL(
            "CASE %s %s ELSE 'UTC' END",
            company_sql,
            SQL(" ").join(SQL("WHEN %s THEN %s", *item) for item in zones.items()),
        )
