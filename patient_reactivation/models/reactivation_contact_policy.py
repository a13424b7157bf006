from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

REFUSALS = [
    ("deceased", "Deceased"),
    ("excluded", "Excluded from reactivation"),
    ("do_not_contact", "Asked not to be contacted"),
    ("minor", "Minor without a guardian"),
    ("booked", "Has an appointment"),
    ("returned", "Came back already"),
    ("no_address", "No e-mail address"),
    ("invalid_address", "E-mail address is not valid"),
    ("blacklisted", "Address is on the exclusion list"),
    ("no_consent", "No consent on record"),
    ("other_campaign", "In another running campaign"),
    ("enrolled", "Enrolled since the last visit already"),
    ("no_segment", "In no segment of the campaign"),
    ("stopped", "Campaign was stopped"),
    ("no_content", "No e-mail content"),
]


class ReactivationContactPolicy(models.AbstractModel):
    """The one place that decides whether a patient may be contacted.

    It answers set-based: an SQL expression that is the code of the refusal, or
    NULL. The expression reads the aliases `patient` (reactivation_patient),
    `partner` and `recipient` (res_partner; the guardian of a minor).
    """

    _name = "reactivation.contact.policy"
    _description = "Contact Policy"

    @api.model
    def _adult_since(self, company, moment=None):
        """:return: the latest date of birth that is of age"""
        today = company._reactivation_today(moment)
        return today - relativedelta(years=company.reactivation_minor_age)

    @api.model
    def _recipient_sql(self, company, moment=None):
        """:return: SQL of the id of the contact who gets the message"""
        return SQL(
            "CASE WHEN partner.birth_date > %s THEN partner.guardian_id "
            "ELSE partner.id END",
            self._adult_since(company, moment),
        )

    @api.model
    def _refusal_sql(self, company, channels, purpose, moment=None):
        """Why a patient may not be contacted.

        A patient is refused when every one of the channels refuses.

        :param channels: names of the channels that may be used
        :param str purpose: care, service or offer
        :return: SQL of a code of `REFUSALS`, or NULL
        """
        per_channel = [
            self._channel_refusal_sql(company, channel, purpose) for channel in channels
        ]
        reach = SQL("'no_content'")
        if per_channel:
            reach = SQL(
                "CASE WHEN %s THEN %s END",
                SQL(" AND ").join(SQL("%s IS NOT NULL", sql) for sql in per_channel),
                per_channel[0],
            )
        return SQL(
            """CASE
                WHEN patient.exclusion = 'deceased'
                     OR recipient.deceased_date <= %(today)s THEN 'deceased'
                WHEN patient.exclusion IS NOT NULL THEN 'excluded'
                WHEN partner.do_not_contact OR recipient.do_not_contact
                     THEN 'do_not_contact'
                WHEN partner.birth_date > %(adult)s AND recipient.id IS NULL
                     THEN 'minor'
                WHEN patient.status = 'booked' THEN 'booked'
                ELSE %(reach)s
            END""",
            today=company._reactivation_today(moment),
            adult=self._adult_since(company, moment),
            reach=reach,
        )

    @api.model
    def _channel_refusal_sql(self, company, channel, purpose):
        address = self.env[f"reactivation.channel.{channel}"]._address_refusal_sql()
        consent = SQL("NULL")
        if purpose != "care" and company.reactivation_consent_required:
            consent = SQL(
                "CASE WHEN NOT %s THEN 'no_consent' END",
                self._consent_sql(company, channel, purpose),
            )
        return SQL("COALESCE(%s, %s)", address, consent)

    @api.model
    def _consent_sql(self, company, channel, purpose):
        """:return: SQL: the latest proven word of the patient is a grant"""
        return SQL(
            """COALESCE((
                SELECT consent.state = 'granted' FROM reactivation_consent consent
                 WHERE consent.partner_id = recipient.id
                   AND consent.company_id = %s AND consent.channel = %s
                   AND consent.purpose = %s AND consent.is_proven
              ORDER BY consent.date DESC NULLS FIRST, consent.id DESC LIMIT 1
            ), FALSE)""",
            company.id,
            channel,
            purpose,
        )

    @api.model
    def _live_refusals(self, enrollments):
        """What the visits say at this very moment, whatever was noticed before.

        :return: {enrollment id: "booked" or "returned"}
        """
        if not enrollments:
            return {}
        self.env.flush_all()
        restrict = SQL("SELECT unnest(%s::int[])", enrollments.partner_id.ids)
        union = self.env["reactivation.visit.source"]._union_sql(restrict)
        rows = self.env.execute_query(
            SQL(
                """SELECT enrollment.id,
                          bool_or(visit.state = 'done'
                                  AND visit.day > enrollment.episode_date)
                     FROM reactivation_enrollment enrollment
                     JOIN (%s) AS visit
                       ON visit.partner_id = enrollment.partner_id
                      AND visit.company_id = enrollment.company_id
                    WHERE enrollment.id IN %s
                      AND (visit.state = 'planned' OR visit.state = 'done'
                           AND visit.day > enrollment.episode_date)
                 GROUP BY enrollment.id""",
                union,
                tuple(enrollments.ids),
            )
        )
        return {row[0]: "returned" if row[1] else "booked" for row in rows}

    @api.model
    def _refusals(self, enrollments, channel, purpose, company):
        """Ask the policy about a batch, immediately before it is contacted.

        :return: {enrollment id: code of `REFUSALS`} of those to leave alone
        """
        self.env.flush_all()
        moment = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """SELECT enrollment.id, %(refusal)s
                     FROM reactivation_enrollment enrollment
                LEFT JOIN reactivation_patient patient
                       ON patient.partner_id = enrollment.partner_id
                      AND patient.company_id = enrollment.company_id
                     JOIN res_partner partner ON partner.id = enrollment.partner_id
                LEFT JOIN res_partner recipient ON recipient.id = %(recipient)s
                    WHERE enrollment.id IN %(ids)s""",
                refusal=self._refusal_sql(company, [channel], purpose, moment),
                recipient=self._recipient_sql(company, moment),
                ids=tuple(enrollments.ids) or (0,),
            )
        )
        answers = {row[0]: row[1] for row in rows}
        live = self._live_refusals(enrollments)
        refusals = {}
        for enrollment in enrollments:
            # A patient whose contact is gone is not in the answers at all.
            code = live.get(enrollment.id) or answers.get(enrollment.id, "excluded")
            if code:
                refusals[enrollment.id] = code
        return refusals
