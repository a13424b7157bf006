from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .reactivation_consent import NO_ADDRESSES, WITHDRAWN_ADDRESSES

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
    ("condition", "Not needed: the step before was answered"),
    ("no_answer", "Nobody answered the phone"),
    ("wrong_number", "Number belongs to somebody else"),
    ("not_interested", "Not interested"),
    ("no_coupon", "No open coupon to remind of"),
    ("survey_recent", "Was asked for an opinion not long ago"),
    ("survey_done", "Answered the survey already"),
    ("no_survey", "Survey is closed"),
    # Only waiting: these pass.
    ("quiet_hours", "Outside of the patient's contact hours"),
    ("step_hours", "Outside of the days and hours of the step"),
    ("cap_day", "Contacted enough for today"),
    ("cap_week", "Contacted enough for this week"),
    ("replied", "Reply waits for an answer of the clinic"),
    ("temporary", "Mail server asked to try again later"),
    ("outage", "Channel does not work at the moment"),
]

# While the reply of a patient waits for the staff, look again after this long.
ANSWER_TIME = timedelta(hours=12)

# A thank-you answers what the patient did: it is sent to who is on the way meanwhile,
# has come, or said why not to ask any more. Not to who objected.
THANKS_SQL = SQL("(step.delay_from = 'answer')")
PAST_THANKS = (
    "booked",
    "returned",
    "excluded",
    "campaign_over",
    "completed",
    "expired",
    "not_interested",
    # The patient goes on with another method.
    "condition",
)

# No more patients than this are named in one message. An address that more of them
# have in common is no family's.
FAMILY_SIZE = 6


class Decision:
    """What the policy says about one delivery, at one moment.

    `refusal` and `wait` are codes of `REFUSALS`; at most one of them is set.
    `lead_id` is the delivery whose message names this patient too.
    """

    __slots__ = (
        "address_hash",
        "lead_id",
        "recipient_id",
        "refusal",
        "until",
        "wait",
    )

    def __init__(self):
        self.refusal = self.wait = self.until = None
        self.recipient_id = self.address_hash = self.lead_id = None


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
    def _crowds(self, company, moment=None):
        """The patients of a clinic, to be asked about all at once: most are adults who
        never said no and have one address. Their questions are put so that the
        database asks whole sets, on all its cores; the answers are the same.

        :return: list of (policy, SQL that joins `recipient`, SQL of who is meant)
        """
        plain = SQL(
            """(partner.birth_date > %s) IS NOT TRUE
               AND (partner.email LIKE '%%@%%@%%') IS NOT TRUE
               AND (partner.id IN (SELECT partner_id FROM reactivation_consent
                                    WHERE state = 'withdrawn'
                                      AND partner_id IS NOT NULL)) IS NOT TRUE
               AND (partner.email_normalized IN (%s)) IS NOT TRUE
               AND (partner.phone_sanitized IN (%s)) IS NOT TRUE""",
            self._adult_since(company, moment),
            WITHDRAWN_ADDRESSES,
            WITHDRAWN_ADDRESSES,
        )
        guardian = SQL(
            "LEFT JOIN res_partner recipient ON recipient.id = %s",
            self._recipient_sql(company, moment),
        )
        return [
            (
                self.with_context(reactivation_crowd="plain"),
                SQL("CROSS JOIN LATERAL (SELECT partner.*) AS recipient"),
                # Asked of the patients who are left when the tables are joined.
                SQL("CASE WHEN patient.partner_id > 0 THEN %s END", plain),
            ),
            (
                self.with_context(reactivation_crowd="other"),
                guardian,
                SQL(
                    """patient.partner_id = ANY (ARRAY(
                        SELECT partner.id FROM res_partner partner
                         WHERE (%s) IS NOT TRUE))""",
                    plain,
                ),
            ),
        ]

    @api.model
    def _refusal_sql(
        self, company, channels, purpose, moment=None, paid=False, thanks=None
    ):
        """Why a patient may not be contacted.

        A patient is refused when every one of the channels refuses.

        :param channels: names of the channels that may be used
        :param str purpose: care, service or offer
        :param bool paid: somebody else pays for the messages
        :param thanks: SQL of a boolean: it answers the patient, who may be on the way
            or have said why not to ask
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
                WHEN patient.exclusion IS NOT NULL
                     AND NOT (%(thanks)s AND patient.exclusion = 'reason')
                     OR NOT partner.active
                     THEN 'excluded'
                WHEN partner.do_not_contact OR recipient.do_not_contact
                     THEN 'do_not_contact'
                WHEN %(erased)s THEN 'erased'
                WHEN partner.birth_date > %(adult)s
                     AND (recipient.id IS NULL OR NOT recipient.active) THEN 'minor'
                WHEN patient.status = 'booked' AND NOT %(thanks)s THEN 'booked'
                ELSE %(reach)s
            END""",
            thanks=thanks or SQL("FALSE"),
            adult=self._adult_since(company, moment),
            erased=self._erased_sql(),
            reach=reach,
        )

    @api.model
    def _erased_sql(self):
        """:return: SQL over `partner`: somebody who was erased is back, whichever
        address of theirs tells"""
        suppression = self.env["reactivation.suppression"]
        if self.env.context.get("reactivation_crowd"):
            return suppression._any_of_sql(
                [
                    ("mail", SQL("partner.email_normalized")),
                    ("phone", SQL("partner.phone_sanitized")),
                ],
                Domain("reason", "=", "erased"),
            )
        return SQL(
            """EXISTS (SELECT FROM reactivation_suppression erased
                        WHERE erased.reason = 'erased' AND erased.lifted_on IS NULL
                          AND erased.address_hash IN (%s, %s))""",
            suppression._hash_sql("mail", SQL("partner.email_normalized")),
            suppression._hash_sql("phone", SQL("partner.phone_sanitized")),
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
                    company, channel, purpose, NO_ADDRESSES, person="partner"
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
    def _decide(self, deliveries, channel, campaign, now=True, moment=None):
        """Decide about a batch of one channel and campaign, right before contact.

        The number of queries does not depend on the size of the batch. Rows of
        the same person or address are locked against each other until the end
        of the transaction, so that two workers cannot both use the last contact
        a day allows.

        :param bool now: the contact is made at once, and counts for hours and caps
        :param datetime moment: when it is made, by default now
        :return: {delivery id: `Decision`}
        """
        self.env.flush_all()
        moment = moment or fields.Datetime.now()
        decisions = {delivery.id: Decision() for delivery in deliveries}
        if not deliveries:
            return decisions
        for row in self._facts(deliveries, channel, campaign, moment):
            decision = decisions[row[0]]
            decision.refusal, decision.recipient_id, decision.address_hash = row[1:4]
            if not decision.refusal and row[4]:
                decision.wait, decision.until = "replied", moment + ANSWER_TIME
        thanks = deliveries.filtered(lambda item: item.step_id.delay_from == "answer")
        live = self._live_refusals((deliveries - thanks).enrollment_id)
        for delivery in deliveries - thanks:
            decision = decisions[delivery.id]
            if code := live.get(delivery.enrollment_id.id):
                decision.refusal, decision.wait = code, None
        self._decide_reminders(deliveries, decisions, campaign.company_id)
        counts = now and self.env[f"reactivation.channel.{channel}"]._counts_as_contact
        if counts:
            purpose = self._strictest_purpose(deliveries, campaign)
            allowed = self._allowed(decisions)
            self._apply_hours(deliveries, allowed, channel, campaign, moment, purpose)
            self._lock_people(self._allowed(decisions))
        # Behind the lock: what another worker asked meanwhile counts.
        self._decide_surveys(deliveries, decisions, campaign.company_id)
        if counts:
            # A survey is about one person, and its link is for that person.
            alone = {item.id for item in deliveries if item.step_id.survey_id}
            alone |= set(thanks.ids)
            allowed = self._allowed(decisions)
            self._apply_caps(allowed, channel, campaign, moment, purpose, alone)
        return decisions

    @api.model
    def _allowed(self, decisions):
        """:return: those of these decisions that neither refuse nor wait"""
        return {
            number: decision
            for number, decision in decisions.items()
            if not decision.refusal and not decision.wait
        }

    @api.model
    def _decide_reminders(self, deliveries, decisions, company):
        """A reminder of a coupon is for those who have one and may still use it."""
        reminders = deliveries.filtered(
            lambda item: (
                item.step_id.offer == "remind" and not decisions[item.id].refusal
            )
        )
        if reminders:
            shown = self.env["reactivation.coupon"]._shown_to(
                reminders.partner_id, company
            )
            for delivery in reminders:
                if delivery.partner_id not in shown:
                    decisions[delivery.id].refusal = "no_coupon"

    @api.model
    def _decide_surveys(self, deliveries, decisions, company):
        """Nobody is asked for an opinion twice, nor again so soon, nor reminded of a
        survey that is closed."""
        asking = deliveries.filtered(
            lambda item: (
                item.step_id.survey_id
                and item.state in ("pending", "claimed")
                and not decisions[item.id].refusal
            )
        )
        feedback = self.env["reactivation.feedback"]
        recently = feedback._asked_recently(asking.enrollment_id, company)
        # The link of a reminder is that of the invitation.
        closed = asking.enrollment_id.sudo().feedback_ids.filtered(
            lambda item: not item._is_open()
        )
        for delivery in asking:
            refusal = recently.get(delivery.enrollment_id.id)
            if not refusal and (
                delivery.enrollment_id in closed.enrollment_id
                or not delivery.step_id.survey_id.sudo().active
            ):
                refusal = "no_survey"
            if refusal:
                decision = decisions[delivery.id]
                decision.refusal, decision.wait = refusal, None

    @api.model
    def _offer_refusals(self, deliveries, channel, campaign):
        """Why an offer may not be part of messages that may be sent themselves: what
        patients said about offers, and the consent those need.

        :return: {delivery id: code of `REFUSALS`} of those who may have no offer
        """
        company = campaign.company_id
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT * FROM (
                       SELECT delivery.id, %(refusal)s AS refusal
                         FROM reactivation_delivery delivery
                         JOIN res_partner partner ON partner.id = delivery.partner_id
                         JOIN res_partner recipient ON recipient.id = %(recipient)s
                    LEFT JOIN reactivation_patient patient
                           ON patient.partner_id = delivery.partner_id
                          AND patient.company_id = delivery.company_id
                        WHERE delivery.id = ANY(%(ids)s)) AS answer
                    WHERE refusal IS NOT NULL""",
                refusal=self._channel_refusal_sql(
                    company,
                    channel,
                    "offer",
                    company._reactivation_today(),
                    campaign.third_party_paid,
                ),
                recipient=self._recipient_sql(company),
                ids=deliveries.ids,
            )
        )
        return dict(rows)

    @api.model
    def _mail_refusal(self, recipient, company, purpose):
        """Whether an e-mail that somebody just asked for may be sent to them.

        Hours and caps are for those who did not ask.

        :return: code of a refusal, or None
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT CASE
                       WHEN recipient.deceased_date IS NOT NULL THEN 'deceased'
                       WHEN NOT recipient.active THEN 'excluded'
                       WHEN recipient.do_not_contact THEN 'do_not_contact'
                       ELSE %s END
                     FROM res_partner recipient WHERE recipient.id = %s""",
                self._opt_out_sql(company, "mail", purpose),
                recipient.id or None,
            )
        )
        return rows[0][0] if rows else "erased"

    @api.model
    def _strictest_purpose(self, deliveries, campaign):
        """:return: str: the purpose whose hours and caps hold for a batch"""
        if any(step.offer != "none" for step in deliveries.step_id):
            return "offer"
        return campaign.purpose

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
                                    AND NOT (%(thanks)s AND enrollment.stop_reason
                                             IN %(past_thanks)s)
                                    THEN COALESCE(enrollment.stop_reason, 'stopped')
                               WHEN enrollment.steps_ended
                                    NOT IN ('completed', 'expired')
                                    AND NOT (%(thanks)s AND enrollment.steps_ended
                                             IN %(past_thanks)s)
                                    THEN enrollment.steps_ended
                               -- Last of all: a task that is late may be done yet,
                               -- unless the patient objects.
                               ELSE COALESCE(%(refusal)s, CASE
                                    WHEN NOT %(thanks)s
                                         AND (enrollment.state = 'done'
                                              OR enrollment.steps_ended = 'expired')
                                         OR delivery.first_date < %(oldest)s
                                         - step.valid_days * INTERVAL '1 day'
                                         THEN 'expired'
                                    WHEN %(answered)s THEN 'condition' END) END,
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
                answered=self._answered_sql(),
                thanks=THANKS_SQL,
                past_thanks=PAST_THANKS,
                oldest=moment,
                refusal=self._refusal_sql(
                    company,
                    [channel],
                    campaign.purpose,
                    moment,
                    campaign.third_party_paid,
                    thanks=THANKS_SQL,
                ),
                hash=self._address_hash_sql(channel),
                replied=enrollments._open_reply_sql(),
                recipient=self._recipient_sql(company, moment),
                ids=tuple(deliveries.ids),
            )
        )

    @api.model
    def _answered_sql(self):
        """:return: SQL of a boolean over `delivery` and `step`: the patient did with
        the message before this one what makes the step unnecessary"""
        return SQL(
            """(step.condition = 'not_surveyed'
                AND delivery.state IN ('pending', 'claimed')
                AND EXISTS (SELECT FROM reactivation_feedback feedback
                             WHERE feedback.enrollment_id = delivery.enrollment_id
                               AND feedback.answered_on IS NOT NULL)
                OR step.condition NOT IN ('always', 'not_surveyed')
                AND delivery.state IN ('pending', 'claimed')
                AND (SELECT before.replied_on IS NOT NULL
                            OR step.condition <> 'not_replied'
                               AND before.clicked_on IS NOT NULL
                            OR step.condition = 'not_opened'
                               AND before.opened_on IS NOT NULL
                       FROM reactivation_delivery before
                       JOIN reactivation_step earlier ON earlier.id = before.step_id
                      WHERE before.enrollment_id = delivery.enrollment_id
                        AND before.sent_on IS NOT NULL
                        AND earlier.delay_from <> 'answer'
                        AND (earlier.sequence, earlier.id) < (step.sequence, step.id)
                   ORDER BY earlier.sequence DESC, earlier.id DESC LIMIT 1))"""
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
    def _apply_hours(self, deliveries, decisions, channel, campaign, moment, purpose):
        """Let those wait for whom it is too early or too late in the day."""
        rules = self.env["reactivation.contact.rule"]
        by_step = deliveries.filtered(lambda item: item.id in decisions).grouped(
            "step_id"
        )
        for step, group in by_step.items():
            # One step, or two or three of a family.
            people = self.env["res.partner"].browse(
                dict.fromkeys(decisions[item.id].recipient_id for item in group)
            )
            opens = rules._next_contact(
                people, campaign.company_id, channel, purpose, moment, step
            )
            for delivery in group:
                decision = decisions[delivery.id]
                if found := opens[decision.recipient_id]:
                    decision.wait, decision.until = found

    @api.model
    def _apply_caps(self, decisions, channel, campaign, moment, purpose, alone=()):
        """Let those wait who were contacted enough, by anybody, on any channel.

        Counted are the person and the address, over all campaigns and companies.
        Of several patients with one address the first is the lead, and its message
        names the others, if the clinic wants it so.

        :param alone: ids of deliveries that name one patient whatever the clinic wants
        """
        if not decisions:
            return
        company = campaign.company_id
        contacts = self._contacts(self._keys(decisions), moment)
        caps = self.env["reactivation.contact.rule"]._caps(
            self.env["res.partner"].browse(
                dict.fromkeys(decision.recipient_id for decision in decisions.values())
            ),
            company,
            channel,
            purpose,
            moment,
        )
        together = company.reactivation_family_rule != "apart"
        families = {}
        for number, decision in decisions.items():
            cap = caps[decision.recipient_id]
            family = families.get(decision.address_hash)
            if (
                family
                and number not in alone
                and self._joins(decision, family, contacts, cap, moment)
            ):
                decision.lead_id = family[0][0]
                family.append((number, decision.recipient_id))
                continue
            self._apply_cap(decision, contacts, cap, moment)
            if not decision.wait:
                for key in (decision.recipient_id, decision.address_hash):
                    # Counts for the others of this batch.
                    contacts.setdefault(key, []).append(moment)
                if together and decision.address_hash:
                    families[decision.address_hash] = [(number, decision.recipient_id)]

    @api.model
    def _joins(self, decision, family, contacts, cap, moment):
        """:return: bool: one more patient is named in the message to a family"""
        if len(family) >= FAMILY_SIZE:
            return False
        if any(decision.recipient_id == recipient for _number, recipient in family):
            return True
        return not any(
            self._full_until(contacts, [decision.recipient_id], days, limit, moment)
            for days, limit in zip((1, 7), cap, strict=True)
        )

    @api.model
    def _apply_cap(self, decision, contacts, cap, moment):
        own = [decision.recipient_id, decision.address_hash]
        per_day, per_week = cap
        for code, days, limit in (("cap_week", 7, per_week), ("cap_day", 1, per_day)):
            until = self._full_until(contacts, own, days, limit, moment)
            if until and (not decision.until or until > decision.until):
                decision.wait, decision.until = code, until

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
    def _keys(self, decisions):
        """:return: set of what contacts are counted by: persons and addresses"""
        return {
            key
            for decision in decisions.values()
            for key in (decision.recipient_id, decision.address_hash)
            if key
        }

    @api.model
    def _lock_people(self, decisions):
        if decisions:
            self._lock_contacts(self._keys(decisions))

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
        """:return: {contact id or address hash: moments of the last seven days}

        One message to a family is one contact of its address, and one of each person
        it was for.
        """
        rows = self.env.execute_query(
            SQL(
                """SELECT recipient_id, address_hash, COALESCE(sent_on, claimed_on),
                          COALESCE(lead_id, id)
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
        messages = {}
        for recipient, address_hash, at, message in rows:
            messages.setdefault(recipient, {})[message] = at
            messages.setdefault(address_hash, {})[message] = at
        return {key: list(times.values()) for key, times in messages.items()}
