from dateutil.relativedelta import relativedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from odoo.addons.base.models.res_partner import _tz_get

from ..tools.links import is_safe_link


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

    reactivation_pace = fields.Integer(
        string="Messages per Minute",
        help="No more than this many messages leave in a minute, as the mail server "
        "or the front desk can take. 0: as fast as possible.",
    )
    reactivation_bounce_limit = fields.Float(
        string="Pause at Bounces (%)",
        default=2.0,
        help="A campaign pauses by itself when this share of its last messages went "
        "to addresses that do not exist.",
    )
    reactivation_complaint_limit = fields.Float(
        string="Pause at Complaints (%)",
        default=0.1,
        help="A campaign pauses by itself when this share of its last messages was "
        "reported as spam. Mail providers block senders above 0.3 %.",
    )
    reactivation_approval_limit = fields.Integer(
        string="Second Person From (patients)",
        default=500,
        help="A campaign to this many patients or more is started by one manager "
        "after another one has approved it. 0: never.",
    )
    reactivation_retention_months = fields.Integer(
        string="Keep Texts For (months)",
        default=24,
        help="The texts of messages and replies are removed after this time; the "
        "numbers stay. 0: keep them.",
    )

    reactivation_hour_from = fields.Float(
        string="Contact From",
        default=8.0,
        help="First hour of the day on the patient's own clock.",
    )
    reactivation_hour_to = fields.Float(
        string="Contact To",
        default=20.0,
        help="On the patient's own clock; messages leave before it.",
    )
    reactivation_cap_day = fields.Integer(
        string="Contacts in 24 Hours",
        default=1,
        help="Per patient and per address, over all campaigns and channels.",
    )
    reactivation_cap_week = fields.Integer(
        string="Contacts in 7 Days",
        default=3,
        help="Per patient and per address, over all campaigns and channels.",
    )

    reactivation_coupon_cooldown = fields.Integer(
        string="Next Coupon After (months)",
        default=12,
        help="Who has used a coupon gets no other one from campaigns for this long, so "
        "that nobody stays away for the sake of a discount.",
    )
    reactivation_coupon_often = fields.Integer(
        string="Coupons in 24 Months",
        default=2,
        help="Who has used this many coupons of campaigns in 24 months gets no other "
        "one. 0: no limit.",
    )
    reactivation_coupon_by_hand = fields.Integer(
        string="Coupons by Hand in 30 Days",
        default=10,
        help="So many coupons one manager may give by hand in 30 days.",
    )
    reactivation_typical_fee = fields.Float(
        string="Typical Fee of a Visit",
        default=100.0,
        help="In the company's currency. A percentage is compared with other coupons "
        "by what it is worth on such a visit: a patient gets the best one only.",
    )

    reactivation_survey_fatigue_days = fields.Integer(
        string="Ask Again After (days)",
        default=90,
        help="A patient is asked for an opinion once in this time, whichever campaign "
        "would ask.",
    )
    reactivation_survey_days = fields.Integer(
        string="Answer Within (days)",
        default=60,
        help="A survey can be answered so long after the invitation.",
    )
    reactivation_follow_up_user_id = fields.Many2one(
        "res.users",
        string="Follows Up Reasons",
        domain="[('share', '=', False), ('company_ids', 'in', id)]",
        help="Who gets the follow-ups of the reasons that patients give. Empty: a "
        "manager of the clinic.",
    )
    reactivation_manager_id = fields.Many2one(
        "res.users",
        string="Makes Personal Calls",
        domain="[('share', '=', False), ('company_ids', 'in', id)]",
        help="The manager who calls patients that are to be called by one, unless a "
        "manager is responsible for their campaign. Empty: any manager of the clinic.",
    )
    reactivation_payment_months = fields.Integer(
        string="Keep Household and Income (months)",
        default=12,
        help="What patients told of their household and income is removed so long "
        "after the decision; 0: at once. Without a decision after the request, but not "
        "before 60 days.",
    )
    reactivation_payment_term = fields.Integer(
        string="Payment Help Lasts (months)",
        default=12,
        help="How long an approved request holds, unless another day is chosen.",
    )

    reactivation_video_url = fields.Char(
        string="Video Link",
        help="The link of the clinic's own video room, as your provider gives it to "
        "you. It must be one that may be used for health care.",
    )
    reactivation_family_rule = fields.Selection(
        [
            ("together", "One contact names all of them"),
            ("apart", "Each their own, on another day"),
        ],
        string="Families",
        default="together",
        required=True,
        help="Patients who share an address or number.",
    )

    @api.constrains("reactivation_video_url")
    def _check_reactivation_video_url(self):
        for company in self:
            url = company.reactivation_video_url
            if url and not is_safe_link(url):
                raise ValidationError(
                    self.env._(
                        "The video link must begin with https:// and name a host, "
                        "without spaces, user name or password."
                    )
                )

    @api.constrains("reactivation_hour_from", "reactivation_hour_to")
    def _check_reactivation_hours(self):
        for company in self:
            start, end = company.reactivation_hour_from, company.reactivation_hour_to
            if not 0 <= start < end <= 24:
                raise ValidationError(
                    self.env._(
                        "The hours for contacting patients must begin before they "
                        "end, within one day."
                    )
                )

    @api.constrains("reactivation_cap_day", "reactivation_cap_week")
    def _check_reactivation_caps(self):
        for company in self:
            day, week = company.reactivation_cap_day, company.reactivation_cap_week
            if min(day, week) < 1:
                raise ValidationError(
                    self.env._(
                        "Allow at least one contact in 24 hours and in 7 days. To "
                        "contact nobody, pause the campaigns."
                    )
                )

    @api.constrains(
        "reactivation_coupon_cooldown",
        "reactivation_coupon_often",
        "reactivation_coupon_by_hand",
        "reactivation_typical_fee",
    )
    def _check_reactivation_coupons(self):
        for company in self:
            if (
                min(
                    company.reactivation_coupon_cooldown,
                    company.reactivation_coupon_often,
                    company.reactivation_coupon_by_hand,
                )
                < 0
            ):
                raise ValidationError(
                    self.env._("The limits of coupons cannot be negative.")
                )
            if company.reactivation_typical_fee <= 0:
                raise ValidationError(
                    self.env._("“Typical Fee of a Visit” must be more than 0.")
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

    @api.constrains(
        "reactivation_survey_fatigue_days",
        "reactivation_survey_days",
        "reactivation_payment_months",
        "reactivation_payment_term",
    )
    def _check_reactivation_surveys(self):
        for company in self:
            if company.reactivation_survey_days < 1:
                raise ValidationError(
                    self.env._("“Answer Within” must be at least one day.")
                )
            if company.reactivation_payment_term < 1:
                raise ValidationError(
                    self.env._("“Payment Help Lasts” must be at least one month.")
                )
            if (
                min(
                    company.reactivation_survey_fatigue_days,
                    company.reactivation_payment_months,
                )
                < 0
            ):
                raise ValidationError(
                    self.env._(
                        "“Ask Again After” and “Keep Household and Income” cannot be "
                        "negative."
                    )
                )

    def _reactivation_follow_up_user(self):
        """:return: the user who follows up what patients say; a manager if nobody is
        named, or who was named has left"""
        self.ensure_one()
        user = self.sudo().reactivation_follow_up_user_id
        if user in self._reactivation_staff("user"):
            return user
        managers = self._reactivation_staff("manager")
        return managers[:1] or self.env.ref("base.user_admin")

    def _reactivation_caller(self, preferred):
        """:param preferred: who is asked first, if a manager of this clinic
        :return: the manager who makes a personal call; whoever follows up what patients
            say in a clinic without managers"""
        self.ensure_one()
        company = self.sudo()
        managers = self._reactivation_staff("manager")
        for user in (
            preferred,
            company.reactivation_manager_id,
            company.reactivation_follow_up_user_id,
            managers[:1],
        ):
            if user and user in managers:
                return user
        return self._reactivation_follow_up_user()

    def _reactivation_staff(self, role):
        """:param str role: user (front desk) or manager
        :return: the people who work at the clinic in this role or above it"""
        self.ensure_one()
        company = self.sudo()
        return (
            self.env.ref(f"patient_reactivation.group_reactivation_{role}")
            .sudo()
            .all_user_ids.filtered(
                lambda item: (
                    item.active
                    and not item.share
                    and item.id != SUPERUSER_ID
                    and company in item.company_ids
                )
            )
            .sorted("id")
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
