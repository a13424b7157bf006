from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

# Why a patient is not contacted; of a waiting delivery: what it waits for.
REFUSALS = [
    ("deceased", "Deceased"),
    ("excluded", "Excluded from reactivation"),
    ("do_not_contact", "Asked not to be contacted"),
    ("erased", "Asked to be erased"),
    ("minor", "Minor without a guardian"),
    ("booked", "Has an appointment"),
    ("returned", "Came back already"),
    ("no_address", "No address or number"),
    ("invalid_address", "Address or number is not valid"),
    ("bounced", "Address does not exist (bounced)"),
    ("blacklisted", "Address is on the exclusion list"),
    ("opted_out", "Opted out"),
    ("no_consent", "No consent on record"),
    ("no_authorization", "No signed authorization for paid messages"),
    ("other_campaign", "In another running campaign"),
    ("enrolled", "Enrolled since the last visit already"),
    ("no_segment", "In no segment of the campaign"),
    ("stopped", "Stopped by staff"),
    ("campaign_over", "Campaign is over"),
    ("no_content", "No e-mail content"),
    ("expired", "Too late for this step"),
    ("merged", "Merged with another contact"),
    ("not_done", "Task was canceled by staff"),
    # Only waiting: these pass.
    ("quiet_hours", "Outside of the patient's contact hours"),
    ("cap_day", "Contacted enough for today"),
    ("cap_week", "Contacted enough for this week"),
    ("replied", "Reply waits for an answer of the clinic"),
    ("temporary", "Mail server asked to try again later"),
    ("outage", "Channel does not work at the moment"),
]

# While the reply of a patient waits for the staff, look again after this long.
ANSWER_TIME = timedelta(hours=12)


class Decision:
    """What the policy says about one delivery, at one moment.

    `refusal` and `wait` are codes of `REFUSALS`; at most one of them is set.
    """

    __slots__ = ("address_hash", "recipient_id", "refusal", "until", "wait")

    def __init__(self):
        self.refusal = self.wait = self.until = None
        self.recipient_id = self.address_hash = None


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
    def _refusal_sql(self, company, channels, purpose, moment=None, paid=False):
        """Why a patient may not be contacted.

        A patient is refused when every one of the channels refuses.

        :param channels: names of the channels that may be used
        :param str purpose: care, service or offer
        :param bool paid: somebody else pays for the messages
        :return: SQL of a code of `REFUSALS`, or NULL
        """
        today = company._reactivation_today(moment)
        per_channel = [
            self._channel_refusal_sql(company, channel, purpose, today, paid)
            for channel in channels
        ]
        if not per_channel:
            reach = SQL("'no_content'")
        elif len(per_channel) == 1:
            reach = per_channel[0]
        else:
            # The first channel's answer is the one that is shown; it is long, and
            # written once.
            reach = SQL(
                "CASE WHEN %s THEN NULL ELSE %s END",
                SQL(" OR ").join(SQL("%s IS NULL", sql) for sql in per_channel[1:]),
                per_channel[0],
            )
        return SQL(
            """CASE
                WHEN patient.exclusion = 'deceased'
                     OR partner.deceased_date IS NOT NULL
                     OR recipient.deceased_date IS NOT NULL THEN 'deceased'
                WHEN patient.exclusion IS NOT NULL OR NOT partner.active
                     THEN 'excluded'
                WHEN partner.do_not_contact OR recipient.do_not_contact
                     THEN 'do_not_contact'
                WHEN %(erased)s THEN 'erased'
                WHEN partner.birth_date > %(adult)s
                     AND (recipient.id IS NULL OR NOT recipient.active) THEN 'minor'
                WHEN patient.status = 'booked' THEN 'booked'
                ELSE %(reach)s
            END""",
            adult=self._adult_since(company, moment),
            erased=self._erased_sql(),
            reach=reach,
        )

    @api.model
    def _erased_sql(self):
        """:return: SQL over `partner`: somebody who was erased is back, whichever
        address of theirs tells"""
        suppression = self.env["reactivation.suppression"]
        return SQL(
            """EXISTS (SELECT FROM reactivation_suppression erased
                        WHERE erased.reason = 'erased' AND erased.lifted_on IS NULL
                          AND erased.address_hash IN (%s, %s))""",
            suppression._hash_sql("mail", SQL("partner.email_normalized")),
            suppression._hash_sql("phone", SQL("partner.phone_sanitized")),
        )

    @api.model
    def _refusal_of_contact(self, partners, company, channels, purpose, with_id=False):
        """:return: SQL of the refusal of some contacts, who need no enrollment;
        rows (refusal,) or (contact id, refusal)"""
        return SQL(
            """SELECT %(columns)s
                 FROM res_partner partner
            LEFT JOIN reactivation_patient patient
                   ON patient.partner_id = partner.id
                  AND patient.company_id = %(company)s
            LEFT JOIN res_partner recipient ON recipient.id = %(recipient)s
                WHERE partner.id IN %(ids)s""",
            columns=SQL(
                "partner.id, %s" if with_id else "%s",
                self._refusal_sql(company, channels, purpose),
            ),
            company=company.id,
            recipient=self._recipient_sql(company),
            ids=tuple(partners.ids) or (0,),
        )

    @api.model
    def _channel_refusal_sql(self, company, channel, purpose, today, paid=False):
        """Why one channel may not be used: address, opt-outs, consent."""
        consent = self.env["reactivation.consent"]
        answers = [
            self._opt_out_sql(company, channel, purpose),
            # What was said of a child holds as well as what the guardian said.
            SQL(
                "CASE WHEN partner.id <> recipient.id AND %s THEN 'opted_out' END",
                consent._withdrawn_sql(
                    company, channel, purpose, SQL("ARRAY[]::text[]"), person="partner"
                ),
            ),
        ]
        if paid:
            answers.append(
                SQL(
                    "CASE WHEN NOT %s THEN 'no_authorization' END",
                    consent._granted_sql(company, channel, "paid"),
                )
            )
        answers.append(
            self.env["reactivation.contact.rule"]._consent_refusal_sql(
                company, channel, purpose, today
            )
        )
        return SQL("COALESCE(%s)", SQL(", ").join(answers))

    @api.model
    def _opt_out_sql(self, company, channel, purpose):
        """:return: SQL over `recipient`: why its address may not be used, or NULL.
        What can change from one second to the next."""
        kind = self.env[f"reactivation.channel.{channel}"]
        addresses = kind._addresses_sql()
        answers = [kind._address_refusal_sql()]
        if kind._address_kind:
            answers.append(
                self.env["reactivation.suppression"]._refusal_sql(
                    kind._address_kind, addresses, company
                )
            )
        answers.append(
            SQL(
                "CASE WHEN %s THEN 'opted_out' END",
                self.env["reactivation.consent"]._withdrawn_sql(
                    company, channel, purpose, addresses
                ),
            )
        )
        return SQL("COALESCE(%s)", SQL(", ").join(answers))

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

    # ----------------------------------------------------------------- decision

    @api.model
    def _decide(self, deliveries, channel, campaign, now=True):
        """Decide about a batch of one channel and campaign, right before contact.

        The number of queries does not depend on the size of the batch. Rows of
        the same person or address are locked against each other until the end
        of the transaction, so that two workers cannot both use the last contact
        a day allows.

        :param bool now: the contact is made at once, and counts for hours and caps
        :return: {delivery id: `Decision`}
        """
        self.env.flush_all()
        moment = fields.Datetime.now()
        company, purpose = campaign.company_id, campaign.purpose
        decisions = {delivery.id: Decision() for delivery in deliveries}
        if not deliveries:
            return decisions
        for row in self._facts(deliveries, channel, campaign, moment):
            decision = decisions[row[0]]
            decision.refusal, decision.recipient_id, decision.address_hash = row[1:4]
            if not decision.refusal and row[4]:
                decision.wait, decision.until = "replied", moment + ANSWER_TIME
        live = self._live_refusals(deliveries.enrollment_id)
        for delivery in deliveries:
            decision = decisions[delivery.id]
            if code := live.get(delivery.enrollment_id.id):
                decision.refusal, decision.wait = code, None
        allowed = {
            number: decision
            for number, decision in decisions.items()
            if not decision.refusal and not decision.wait
        }
        if now and self.env[f"reactivation.channel.{channel}"]._counts_as_contact:
            self._apply_hours(allowed, company, channel, purpose, moment)
            self._apply_caps(allowed, company, channel, purpose, moment)
        return decisions

    @api.model
    def _facts(self, deliveries, channel, campaign, moment):
        """:return: rows (delivery id, refusal, recipient, address hash, waits for
        an answer)"""
        company = campaign.company_id
        enrollments = self.env["reactivation.enrollment"]
        return self.env.execute_query(
            SQL(
                """SELECT delivery.id,
                          CASE WHEN partner.id IS NULL THEN 'erased'
                               WHEN enrollment.state = 'stopped'
                                    THEN COALESCE(enrollment.stop_reason, 'stopped')
                               WHEN enrollment.steps_ended
                                    NOT IN ('completed', 'expired')
                                    THEN enrollment.steps_ended
                               -- Last of all: a task that is late may be done yet,
                               -- unless the patient objects.
                               ELSE COALESCE(%(refusal)s, CASE
                                    WHEN enrollment.state = 'done'
                                         OR enrollment.steps_ended = 'expired'
                                         OR delivery.first_date < %(oldest)s
                                         - step.valid_days * INTERVAL '1 day'
                                         THEN 'expired' END) END,
                          recipient.id, %(hash)s, %(replied)s
                     FROM reactivation_delivery delivery
                     JOIN reactivation_step step ON step.id = delivery.step_id
                     JOIN reactivation_enrollment enrollment
                       ON enrollment.id = delivery.enrollment_id
                LEFT JOIN reactivation_patient patient
                       ON patient.partner_id = enrollment.partner_id
                      AND patient.company_id = enrollment.company_id
                LEFT JOIN res_partner partner ON partner.id = enrollment.partner_id
                LEFT JOIN res_partner recipient ON recipient.id = %(recipient)s
                    WHERE delivery.id IN %(ids)s""",
                oldest=moment,
                refusal=self._refusal_sql(
                    company,
                    [channel],
                    campaign.purpose,
                    moment,
                    campaign.third_party_paid,
                ),
                hash=self._address_hash_sql(channel),
                replied=enrollments._open_reply_sql(),
                recipient=self._recipient_sql(company, moment),
                ids=tuple(deliveries.ids),
            )
        )

    @api.model
    def _address_hash_sql(self, channel):
        """:return: SQL of the hash that stands for the recipient's first address"""
        kind = self.env[f"reactivation.channel.{channel}"]
        if not kind._address_kind:
            return SQL("NULL")
        return self.env["reactivation.suppression"]._hash_sql(
            kind._address_kind, SQL("(%s)[1]", kind._addresses_sql())
        )

    @api.model
    def _apply_hours(self, decisions, company, channel, purpose, moment):
        """Let those wait for whom it is too early or too late in the day."""
        people = self.env["res.partner"].browse(
            dict.fromkeys(decision.recipient_id for decision in decisions.values())
        )
        opens = self.env["reactivation.contact.rule"]._next_allowed(
            people, company, channel, purpose, moment
        )
        for decision in decisions.values():
            if until := opens[decision.recipient_id]:
                decision.wait, decision.until = "quiet_hours", until

    @api.model
    def _apply_caps(self, decisions, company, channel, purpose, moment):
        """Let those wait who were contacted enough, by anybody, on any channel.

        Counted are the person and the address, over all campaigns and companies.
        """
        ready = [decision for decision in decisions.values() if not decision.wait]
        if not ready:
            return
        keys = {
            key
            for decision in ready
            for key in (decision.recipient_id, decision.address_hash)
            if key
        }
        self._lock_contacts(keys)
        contacts = self._contacts(keys, moment)
        caps = self.env["reactivation.contact.rule"]._caps(
            self.env["res.partner"].browse(
                dict.fromkeys(decision.recipient_id for decision in ready)
            ),
            company,
            channel,
            purpose,
            moment,
        )
        for decision in ready:
            own = [decision.recipient_id, decision.address_hash]
            per_day, per_week = caps[decision.recipient_id]
            for code, days, cap in (("cap_week", 7, per_week), ("cap_day", 1, per_day)):
                until = self._full_until(contacts, own, days, cap, moment)
                if until and (not decision.until or until > decision.until):
                    decision.wait, decision.until = code, until
            if not decision.wait:
                for key in own:
                    # Counts for the others of this batch: a family's address.
                    contacts.setdefault(key, []).append(moment)

    @api.model
    def _full_until(self, contacts, keys, days, cap, moment):
        """:return: when the next contact is possible, None if it is now"""
        if not cap:
            return None
        window = timedelta(days=days)
        latest = None
        for key in keys:
            if not key:
                continue
            # A clock that was ahead leaves contacts in the future: they count.
            recent = sorted(at for at in contacts.get(key, ()) if at > moment - window)
            if len(recent) >= cap:
                free = recent[-cap] + window
                latest = max(latest or free, free)
        return latest

    @api.model
    def _lock_contacts(self, keys):
        """One worker at a time decides about a person or an address.

        In the order of their numbers, so that two workers never wait for each
        other; free again when the transaction ends.
        """
        self.env.execute_query(
            SQL(
                """SELECT pg_advisory_xact_lock(number) FROM (
                       SELECT DISTINCT hashtextextended(key, 20260302) AS number
                         FROM unnest(%s::text[]) AS key ORDER BY 1) AS numbers""",
                [str(key) for key in keys],
            )
        )

    @api.model
    def _contacts(self, keys, moment):
        """:return: {contact id or address hash: moments of the last seven days}"""
        rows = self.env.execute_query(
            SQL(
                """SELECT recipient_id, address_hash, COALESCE(sent_on, claimed_on)
                     FROM reactivation_delivery
                    WHERE (recipient_id = ANY(%(people)s)
                           OR address_hash = ANY(%(hashes)s))
                      AND (claimed_on > %(since)s
                           -- A call is made days after it was asked for.
                           OR claimed_on IS NOT NULL AND sent_on > %(since)s)
                      AND state IN ('claimed', 'sending', 'sent', 'uncertain')""",
                people=[key for key in keys if isinstance(key, int)],
                hashes=[key for key in keys if isinstance(key, str)],
                since=moment - timedelta(days=8),
            )
        )
        contacts = {}
        for recipient, address_hash, at in rows:
            contacts.setdefault(recipient, []).append(at)
            contacts.setdefault(address_hash, []).append(at)
        return contacts
