from odoo import fields, models
from odoo.tools import SQL

from .reactivation_consent import SHARED_CHANNELS
from .res_partner import CHANNELS

# Purposes that can be stopped; who stops the first of them stops the others.
STOPPABLE = ("care", "service", "offer", "paid")

# Kind of an address -> channels that use it.
CHANNELS_OF_KIND = {"mail": ("mail",), "phone": SHARED_CHANNELS}

# The strictest comes first: what is known beats what is not.
PAYERS = ("federal", "private", "cash", "unknown")

# What is moved from an enrollment that is one too many: table, column of the model.
CONVERSATION = (
    ("mail_message", "model"),
    ("mail_activity", "res_model"),
    ("ir_attachment", "res_model"),
)


class MergePartnerAutomatic(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        """What any of the contacts objected to, the one that stays objects to."""
        people = self.env["res.partner"].sudo().browse(partner_ids).exists()
        companies = self._companies_with_words(people)
        before = [self._objections(partner, companies) for partner in people]
        addresses = self.env["reactivation.privacy"]._words_about_addresses(people)
        addresses = sorted(set(addresses.mapped("address")))
        about = self._words_about(addresses, companies)
        # Those that go are merged and not erased.
        result = super(
            MergePartnerAutomatic, self.with_context(reactivation_merge=True)
        )._merge(partner_ids, dst_partner, extra_checks)
        kept = people.exists()
        if len(kept) == 1 < len(people):
            self._keep_objections(kept, people - kept, before, companies)
            self._keep_words_about(
                kept, about - self._words_about(addresses, companies)
            )
            self.env["reactivation.patient"].sudo()._refresh(kept.ids)
        return result

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Unite the patients before the contacts are merged.

        Core would delete a row that the merge makes a duplicate of another one,
        and its reason, its enrollment or its history with it.
        """
        self.env.flush_all()
        sources, target = tuple(src_partners.ids), dst_partner.id
        self._move_routes(sources, target)
        self._unite_patients(sources, target)
        self._unite_requests(src_partners | dst_partner)
        enrollments = self._unite_enrollments(src_partners, dst_partner)
        self.env["reactivation.coupon"]._unite(src_partners | dst_partner)
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self._skip_delivered(enrollments)
        enrollments.feedback_ids._close_surplus()
        self.env["reactivation.patient"].sudo()._refresh([target])
        return result

    def _update_values(self, src_partners, dst_partner):
        """Core takes the value of the contact that stays, if it has one. Of the
        payer the strictest counts, and nobody is their own guardian."""
        everyone = src_partners | dst_partner
        payers = set(everyone.sudo().mapped("payer_class"))
        result = super()._update_values(src_partners, dst_partner)
        values = {}
        payer = next((payer for payer in PAYERS if payer in payers), False)
        own = dst_partner.sudo().payer_class
        if payer == "federal" or own in (False, "unknown"):
            values["payer_class"] = payer
        if dst_partner.guardian_id in everyone:
            values["guardian_id"] = (everyone.guardian_id - everyone)[:1].id
        if values:
            # Who merges contacts need not see who pays for them.
            dst_partner.sudo().write(values)
        return result

    # ----------------------------------------------------------------- patients

    def _unite_patients(self, sources, target):
        """Keep one row per company, with the reason any of them has."""
        cr = self.env.cr
        cr.execute(
            SQL(
                """UPDATE reactivation_patient kept
                      SET (reason_id, reason_source, reason_on) = (
                       SELECT other.reason_id, other.reason_source, other.reason_on
                         FROM reactivation_patient other
                        WHERE other.partner_id IN %(sources)s
                          AND other.company_id = kept.company_id
                          AND other.reason_id IS NOT NULL
                     ORDER BY other.write_date DESC NULLS LAST LIMIT 1)
                    WHERE kept.partner_id = %(target)s AND kept.reason_id IS NULL""",
                sources=sources,
                target=target,
            )
        )
        # The last recommendation, whichever of them gave it.
        cr.execute(
            SQL(
                """UPDATE reactivation_patient kept
                      SET (nps, nps_kind, nps_on) = (
                       SELECT said.nps, said.nps_kind, said.nps_on
                         FROM reactivation_patient said
                        WHERE said.partner_id IN %(everyone)s
                          AND said.company_id = kept.company_id
                     ORDER BY said.nps_kind IS NULL, said.nps_on DESC NULLS LAST
                        LIMIT 1)
                    WHERE kept.partner_id IN %(everyone)s""",
                everyone=(*sources, target),
            )
        )
        # Of several rows of one company the kept contact's own, else the oldest.
        cr.execute(
            SQL(
                """DELETE FROM reactivation_patient patient USING (
                       SELECT id, row_number() OVER (
                                  PARTITION BY company_id
                                  ORDER BY partner_id <> %(target)s,
                                           reason_id IS NULL, id) AS rank
                         FROM reactivation_patient
                        WHERE partner_id IN %(everyone)s) ranked
                    WHERE ranked.id = patient.id AND ranked.rank > 1""",
                target=target,
                everyone=(*sources, target),
            )
        )
        self.env["reactivation.patient"].invalidate_model()

    def _move_routes(self, sources, target):
        """What is being done about a reason goes with the person, once."""
        self.env.cr.execute(
            SQL(
                """WITH ranked AS (
                       SELECT id, company_id, row_number() OVER (
                                  PARTITION BY company_id
                                  ORDER BY partner_id <> %(target)s,
                                           reason_id IS NULL, id) AS rank
                         FROM reactivation_patient
                        WHERE partner_id IN %(everyone)s)
                   UPDATE reactivation_route route SET patient_id = kept.id
                     FROM ranked gone
                     JOIN ranked kept
                       ON kept.company_id = gone.company_id AND kept.rank = 1
                    WHERE route.patient_id = gone.id AND gone.rank > 1
                      AND NOT EXISTS (
                          SELECT FROM reactivation_route other
                            JOIN ranked ON ranked.id = other.patient_id
                           WHERE ranked.company_id = gone.company_id
                             AND other.reason_id = route.reason_id
                             AND other.episode_date
                                 IS NOT DISTINCT FROM route.episode_date
                             AND (ranked.rank = 1 OR other.id < route.id)
                             AND other.id <> route.id)""",
                target=target,
                everyone=(*sources, target),
            )
        )
        self.env["reactivation.route"].invalidate_model()

    def _unite_requests(self, everyone):
        """One request for payment help stays open per company: the one that is filled
        in, else the oldest."""
        requests = (
            self.env["reactivation.payment.request"]
            .sudo()
            .search(
                [
                    ("partner_id", "in", everyone.ids),
                    ("state", "in", ("asked", "submitted")),
                ],
                order="id",
            )
        )
        for group in requests.grouped("company_id").values():
            # One or two.
            kept = group.sorted(lambda item: item.state != "submitted")[:1]
            (group - kept).write(
                {"state": "canceled", "decided_on": fields.Datetime.now()}
            )
        self.env.flush_all()

    # -------------------------------------------------------------- enrollments

    def _unite_enrollments(self, sources, target):
        """One enrollment stays running per company, with the whole conversation.

        :return: the enrollments of all these contacts
        """
        everyone = (sources | target).ids
        enrollments = (
            self.env["reactivation.enrollment"]
            .sudo()
            .search([("partner_id", "in", everyone)])
        )
        enrollments._unite(sources, target)
        for table, column in CONVERSATION:
            # Texts must be found when the person asks for them, or to be erased.
            self.env.cr.execute(
                SQL(
                    """UPDATE %(table)s AS item SET res_id = kept.id
                         FROM reactivation_enrollment gone
                         JOIN reactivation_enrollment kept
                           ON kept.campaign_id = gone.campaign_id
                          AND kept.episode_date IS NOT DISTINCT FROM gone.episode_date
                          AND kept.partner_id = ANY(%(everyone)s)
                        WHERE gone.id = ANY(%(ids)s) AND gone.partner_id IS NULL
                          AND item.%(column)s = 'reactivation.enrollment'
                          AND item.res_id = gone.id""",
                    table=SQL.identifier(table),
                    column=SQL.identifier(column),
                    everyone=everyone,
                    ids=enrollments.ids,
                )
            )
        self.env.invalidate_all(flush=False)
        return enrollments

    def _skip_delivered(self, enrollments):
        """What the person got through one enrollment is not sent through another."""
        now = fields.Datetime.now()
        kept = enrollments.filtered(lambda item: item.state == "running")
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """INSERT INTO reactivation_delivery AS waiting (
                       enrollment_id, step_id, campaign_id, company_id, partner_id,
                       channel, date, first_date, state, reason, attempts, settled_on,
                       create_uid, create_date, write_uid, write_date)
                   SELECT DISTINCT ON (kept.id, done.step_id)
                          kept.id, done.step_id, kept.campaign_id, kept.company_id,
                          kept.partner_id, done.channel, done.date, done.first_date,
                          'skipped', 'merged', 0,
                          COALESCE(done.settled_on, %(now)s::timestamp),
                          %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM reactivation_enrollment kept
                     JOIN reactivation_enrollment other
                       ON other.campaign_id = kept.campaign_id
                      AND other.method_id = kept.method_id
                      AND other.id = ANY(%(ids)s)
                      AND other.stop_reason = 'merged'
                     JOIN reactivation_delivery done
                       ON done.enrollment_id = other.id
                      AND done.state IN ('sending', 'sent', 'uncertain')
                    WHERE kept.id = ANY(%(kept)s)
                 ORDER BY kept.id, done.step_id, done.settled_on DESC NULLS LAST
              ON CONFLICT (enrollment_id, step_id) DO UPDATE
                      SET state = 'skipped', reason = 'merged',
                          settled_on = excluded.settled_on
                    WHERE waiting.state IN ('pending', 'claimed')""",
                now=now,
                uid=self.env.uid,
                ids=enrollments.ids,
                kept=kept.ids,
            )
        )
        # The plan goes on behind the last of them.
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_enrollment enrollment
                      SET next_step_id = NULL, next_date = NULL
                     FROM reactivation_delivery delivery
                    WHERE enrollment.id = ANY(%s)
                      AND delivery.enrollment_id = enrollment.id
                      AND delivery.step_id = enrollment.next_step_id""",
                kept.ids,
            )
        )
        self.env.invalidate_all(flush=False)

    # --------------------------------------------------------------- objections

    def _objections(self, partner, companies):
        """What a contact must not get, by whoever's word.

        :param companies: those to ask about, see `_companies_with_words`

        :return: set of (company, channel, purpose); and, without a company and a
            purpose, of what is on a list of excluded or suppressed addresses
        """
        addresses = self.env["reactivation.privacy"]._addresses(partner)
        found = {
            (None, channel, None)
            for kind, channels in CHANNELS_OF_KIND.items()
            if self._is_excluded(kind, addresses[kind])
            for channel in channels
        }
        for company in companies:
            found |= self._words_in_force(partner, company, addresses)
        return found

    def _is_excluded(self, kind, addresses):
        """:return: bool: somebody asked that one of these is not used"""
        addresses = list(addresses)
        listed = {"mail": ("mail.blacklist", "email")}
        model, name = listed.get(kind, ("phone.blacklist", "number"))
        if self.env[model].sudo().search_count([(name, "in", addresses)], limit=1):
            return True
        refusal = self.env["reactivation.suppression"]._refusal_sql(
            kind, SQL("%s::varchar[]", addresses)
        )
        ((code,),) = self.env.execute_query(SQL("SELECT %s", refusal))
        # One that does not exist is no objection.
        return code in ("erased", "opted_out")

    def _companies_with_words(self, people):
        """:return: companies whose ledger has a word of these contacts, or about an
        address of theirs

        Also those where one of them only said yes: a no about the telephone counts
        everywhere, and that yes would end it there.
        """
        addresses = self.env["reactivation.privacy"]._addresses(people)
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT DISTINCT company_id FROM reactivation_consent
                    WHERE partner_id = ANY(%s) OR address = ANY(%s)""",
                people.ids,
                SQL("%s::varchar[]", list(addresses["mail"] | addresses["phone"])),
            )
        )
        return self.env["res.company"].sudo().browse(row[0] for row in rows)

    def _words_in_force(self, partner, company, addresses):
        """:return: set of (company, channel, purpose), asked in one query"""
        kinds = {
            channel: kind
            for kind, channels in CHANNELS_OF_KIND.items()
            for channel in channels
        }
        keys = [
            (company, channel, purpose)
            for channel, _label in CHANNELS
            for purpose in STOPPABLE
        ]
        consents = self.env["reactivation.consent"]
        answers = [
            consents._withdrawn_sql(
                company,
                channel,
                purpose,
                SQL("%s::varchar[]", list(addresses.get(kinds.get(channel), ()))),
            )
            for _company, channel, purpose in keys
        ]
        self.env.flush_all()
        row = self.env.execute_query(
            SQL(
                "SELECT %s FROM res_partner recipient WHERE id = %s",
                SQL(", ").join(answers),
                partner.id,
            )
        )[0]
        return {key for key, answer in zip(keys, row, strict=True) if answer}

    def _words_about(self, addresses, companies):
        """:return: set of (company, channel, purpose, address): what anybody who uses
        one of these addresses must not get there"""
        found = set()
        for address in addresses:
            # The one or two that these contacts spoke of.
            kind = "mail" if "@" in address else "phone"
            keys = [
                (company, channel, purpose)
                for company in companies
                for channel in CHANNELS_OF_KIND[kind]
                for purpose in STOPPABLE
            ]
            answers = [
                self.env["reactivation.consent"]._withdrawn_sql(
                    *key, SQL("ARRAY[%s]::varchar[]", address)
                )
                for key in keys
            ]
            self.env.flush_all()
            row = self.env.execute_query(
                # Nobody's own word: only those about the address.
                SQL(
                    "SELECT %s FROM (SELECT 0 AS id) AS recipient",
                    SQL(", ").join(answers),
                )
            )[0]
            found |= {
                (*key, address) for key, yes in zip(keys, row, strict=True) if yes
            }
        return found

    def _keep_words_about(self, kept, lost):
        """Append objections about an address, which others may use as well, that the
        word of the other contact would end."""
        purposes = {}
        for company, channel, purpose, address in lost:
            purposes.setdefault((company, channel, address), set()).add(purpose)
        for (company, channel, address), stopped in purposes.items():
            for purpose in self._widest(stopped):
                # A handful at most.
                self._object_again(kept, company, channel, purpose, address=address)

    def _keep_objections(self, kept, gone, before, companies):
        """Append what would be lost: an objection about an address the contact does
        not have any more, or one that another contact's later word would end."""
        after = self._objections(kept, companies)
        lost = set().union(*before) - after
        everywhere = self.env["res.company"].sudo().search([])
        words = {}
        for company, channel, purpose in lost:
            if company:
                words.setdefault((company, channel), set()).add(purpose)
        for _company, channel, purpose in lost:
            if not purpose:
                # Those lists are those of the whole database.
                for company in everywhere:
                    words[company, channel] = {"all"}
        numbers = "-".join(str(number) for number in sorted(gone.ids))
        for (company, channel), purposes in words.items():
            for purpose in self._widest(purposes):
                # A handful at most.
                key = f"merged:{numbers}:{company.id}:{channel}:{purpose}"
                self._object_again(kept, company, channel, purpose, key=key)

    def _object_again(self, kept, company, channel, purpose, **words):
        text = self.env._(
            "Merged: a contact that was merged into this one had objected."
        )
        self.env["reactivation.consent"].sudo()._withdraw(
            kept, company, channel, purpose, "staff", text=text, **words
        )

    def _widest(self, purposes):
        """:return: the purposes that stand for all of these"""
        if "all" in purposes:
            return ["all"]
        first = next((item for item in STOPPABLE if item in purposes), None)
        return [first] if first else []
