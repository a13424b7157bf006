from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.mail import email_normalize_all

from .reactivation_consent import SHARED_CHANNELS

MANAGER = "patient_reactivation.group_reactivation_manager"

# Whose chatter it is.
ENROLLMENT, CONTACT = "reactivation.enrollment", "res.partner"

# Fields of a contact that say nothing about a person, or must not be empty.
KEPT_FIELDS = ("name", "complete_name", "company_id", "active", "type", "lang")

# Types of fields that can hold personal data as they are.
PERSONAL_TYPES = ("char", "text", "html", "date", "binary", "properties", "json")


class ReactivationPrivacy(models.AbstractModel):
    """Erasure of a person.

    What is counted stays: enrollments, deliveries, outcomes and the dates of
    visits, without a person. What was said, and by whom, goes.
    """

    _name = "reactivation.privacy"
    _description = "Privacy"

    # -------------------------------------------------------------------- rights

    @api.model
    def _check_manager(self, partner):
        """Managers only, and only about contacts they may see.

        :raise AccessError: for anybody else
        """
        if not self.env.su and not self.env.user.has_group(MANAGER):
            raise AccessError(
                self.env._("Only a manager may erase or export the data of a patient.")
            )
        partner.check_access("read")

    @api.model
    def _check_erasable(self, partner):
        """:raise UserError: saying why this contact cannot be erased"""
        self._check_manager(partner)
        everybody = partner.sudo().with_context(active_test=False)
        if everybody.user_ids or everybody.employee:
            raise UserError(
                self.env._(
                    "%(name)s is a user or an employee. Only patients can be erased: "
                    "remove the user or the employee first.",
                    name=everybody.name or "",
                )
            )
        owned = self.env["res.company"].sudo().search([("partner_id", "=", partner.id)])
        if everybody.is_company or owned:
            raise UserError(
                self.env._(
                    "%(name)s is a company. Only people can be erased.",
                    name=everybody.name or "",
                )
            )
        if not self.env.su and self._companies_of(partner) - set(
            self.env.user.company_ids.ids
        ):
            raise AccessError(
                self.env._(
                    "This contact is known at a company you have no access to. Ask a "
                    "manager who works for all of them."
                )
            )

    @api.model
    def _companies_of(self, partner):
        """:return: ids of the companies that have data about a contact"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT company_id FROM reactivation_patient
                    WHERE partner_id = %(id)s
                    UNION SELECT company_id FROM reactivation_enrollment
                    WHERE partner_id = %(id)s
                    UNION SELECT company_id FROM reactivation_delivery
                    WHERE recipient_id = %(id)s
                    UNION SELECT company_id FROM reactivation_consent
                    WHERE partner_id = %(id)s
                    UNION SELECT company_id FROM reactivation_coupon
                    WHERE partner_id = %(id)s
                    UNION SELECT company_id FROM reactivation_feedback
                    WHERE partner_id = %(id)s
                    UNION SELECT company_id FROM reactivation_payment_request
                    WHERE partner_id = %(id)s
                    UNION SELECT company_id FROM reactivation_external_visit
                    WHERE partner_id = %(id)s""",
                id=partner.id,
            )
        )
        return {row[0] for row in rows}

    # ----------------------------------------------------------------- addresses

    @api.model
    def _addresses(self, people):
        """:return: {kind: normalized addresses of these contacts}"""
        mails, phones = set(), set()
        for partner in people:
            mails.update(email_normalize_all(partner.email or ""))
            phones.add(partner.phone_sanitized or (partner.phone or "").strip())
        return {"mail": mails - {False, ""}, "phone": phones - {False, ""}}

    @api.model
    def _other_users(self, people):
        """Who else uses the addresses of these contacts.

        Somebody who lives and is not erased with them. An address in common is
        not suppressed: the others would hear nothing any more.

        :return: {address: contacts}
        """
        addresses = self._addresses(people)
        for word in self._words_about_addresses(people):
            # Also one that is theirs no more.
            addresses["mail" if "@" in word.address else "phone"].add(word.address)
        everything = addresses["mail"] | addresses["phone"]
        if not everything:
            return {}
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM res_partner other
                    WHERE active AND deceased_date IS NULL AND id <> ALL(%(people)s)
                      AND (email_normalized = ANY(%(mails)s)
                           OR phone_sanitized = ANY(%(phones)s)
                           OR phone = ANY(%(phones)s)
                           OR email ~ '@.*@' AND EXISTS (
                                SELECT FROM unnest(%(mails)s) AS mail (address)
                                 WHERE strpos(lower(other.email), address) > 0))
                 ORDER BY id""",
                people=people.ids,
                mails=SQL("%s::varchar[]", list(addresses["mail"])),
                phones=SQL("%s::varchar[]", list(addresses["phone"])),
            )
        )
        found = {}
        for other in people.sudo().browse(row[0] for row in rows):
            own = self._addresses(other)
            for address in everything & (own["mail"] | own["phone"]):
                found[address] = found.get(address, other.browse()) | other
        return found

    @api.model
    def _suppress(self, people, others):
        """Nobody may write to or call them, whoever imports them again.

        :param dict others: of `_other_users`
        :return: the new fingerprints
        """
        suppression = self.env["reactivation.suppression"].sudo()
        entries = suppression.browse()
        for kind, addresses in self._addresses(people).items():
            # E-mail addresses and phone numbers.
            own = addresses - others.keys()
            entries |= suppression._add(kind, own, "erased")
        return entries

    @api.model
    def _words_about_addresses(self, people):
        """:return: what these contacts said no to, about one address"""
        return (
            self.env["reactivation.consent"]
            .sudo()
            .search(
                [
                    ("partner_id", "in", people.ids),
                    ("state", "=", "withdrawn"),
                    ("address", "!=", False),
                ]
            )
        )

    @api.model
    def _hand_on_objections(self, people, others):
        """A no about an address in common outlives the one who said it.

        It stays one about the address: who said “no messages at all” spoke of
        their own telephone, and not of that of others.
        """
        consents = self.env["reactivation.consent"].sudo()
        for word in self._words_about_addresses(people):
            # A person says so a few times, if at all.
            about = (word.company_id, word.channel, word.purpose)
            heirs = others.get(word.address)
            if not heirs or not consents._is_withdrawn(word.partner_id, *about):
                continue
            channels = [word.channel]
            if word.channel == "all":
                channels = ["mail"] if "@" in word.address else SHARED_CHANNELS
            for channel in channels:
                consents._withdraw(
                    heirs[0],
                    word.company_id,
                    channel,
                    word.purpose,
                    "staff",
                    address=word.address,
                    text=self.env._(
                        "Said about this address by somebody whose data was erased."
                    ),
                    key=f"erased:{word.id}:{channel}",
                )

    # -------------------------------------------------------------------- erase

    @api.model
    def _erase(self, partner, reason):
        """Erase a person: what we know and the contact itself.

        :return: the line of the log
        """
        self._check_erasable(partner)
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the person is erased."))
        people = self._people(partner)
        counts = self._forget(people)
        self._forget_traces(
            self.env["mailing.trace"]
            .sudo()
            .search([("model", "=", CONTACT), ("res_id", "in", people.ids)])
        )
        self._add_up(counts, self._forget_threads(CONTACT, people.ids))
        self._anonymize(people)
        return self._log("erased", counts, reason.strip())

    @api.model
    def _people(self, partner):
        """:return: the contact and its further addresses, which are no people"""
        addresses = (
            partner.sudo()
            .with_context(active_test=False)
            .search([("parent_id", "=", partner.id), ("type", "!=", "contact")])
            .filtered(lambda item: not item.reactivation_patient_ids)
        )
        return partner.sudo() | addresses

    @api.model
    def _forget_deleted(self, partners):
        """Contacts are about to be deleted: the same for what we know of them."""
        people = self._known(partners)
        if people:
            self._log("deleted", self._forget(people))

    @api.model
    def _known(self, partners):
        """:return: those of the contacts that we have data about"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM unnest(%s::int[]) AS partner (id)
                    WHERE EXISTS (SELECT FROM reactivation_patient
                                   WHERE partner_id = partner.id)
                       OR EXISTS (SELECT FROM reactivation_enrollment
                                   WHERE partner_id = partner.id)
                       OR EXISTS (SELECT FROM reactivation_delivery
                                   WHERE recipient_id = partner.id
                                     AND claimed_on IS NOT NULL)
                       OR EXISTS (SELECT FROM reactivation_consent
                                   WHERE partner_id = partner.id)
                       OR EXISTS (SELECT FROM reactivation_coupon
                                   WHERE partner_id = partner.id)
                       OR EXISTS (SELECT FROM reactivation_feedback
                                   WHERE partner_id = partner.id)
                       OR EXISTS (SELECT FROM reactivation_payment_request
                                   WHERE partner_id = partner.id)
                       OR EXISTS (SELECT FROM reactivation_external_visit
                                   WHERE partner_id = partner.id)""",
                partners.ids,
            )
        )
        return partners.sudo().browse(row[0] for row in rows)

    @api.model
    def _forget(self, people):
        """Remove what we know of contacts; suppress them first.

        :return: {what: number}
        """
        people = people.sudo()
        others = self._other_users(people)
        suppressed = self._suppress(people, others)
        self._hand_on_objections(people, others)
        enrollments, deliveries = self._history(people)
        busy = deliveries.filtered(lambda item: item.state in ("claimed", "sending"))
        counts = {
            "people": len(people),
            "suppressed": len(suppressed),
            "enrollments": len(enrollments),
            "deliveries": len(deliveries),
            **self._stop(enrollments, deliveries),
        }
        self._add_up(counts, self._forget_texts(people, enrollments, deliveries, busy))
        self._forget_person(enrollments, deliveries)
        counts["visits"] = self._forget_visits(people)
        counts["consents"] = self._forget_consents(people)
        counts["coupons"] = self._forget_coupons(people)
        counts["answers"] = self._forget_answers(people)
        self._add_up(counts, self._forget_requests(people))
        people.guardian_ward_ids.guardian_id = False
        self.env["reactivation.patient"].sudo().search(
            [("partner_id", "in", people.ids)]
        ).unlink()
        return counts

    @api.model
    def _history(self, people):
        """:return: the enrollments of contacts, and all deliveries to or about them.

        A message about a minor went to the guardian: it is part of the history of
        both, the enrollment only of that of the minor.
        """
        enrollments = (
            self.env[ENROLLMENT].sudo().search([("partner_id", "in", people.ids)])
        )
        deliveries = (
            self.env["reactivation.delivery"]
            .sudo()
            .search(
                [
                    "|",
                    ("enrollment_id", "in", enrollments.ids),
                    ("recipient_id", "in", people.ids),
                ]
            )
        )
        # Left behind when two contacts were merged.
        merged = deliveries.enrollment_id.filtered(lambda item: not item.partner_id)
        enrollments |= merged
        return enrollments, deliveries | merged.delivery_ids

    @api.model
    def _stop(self, enrollments, deliveries):
        """Nothing more is sent, and nobody has a task about it any more.

        :return: {"activities": number of tasks that were withdrawn}
        """
        tasks = deliveries.filtered(lambda item: item.state == "todo")
        count = len(tasks.activity_id)
        running = enrollments.filtered(lambda item: item.state == "running")
        running._stop("erased")
        (enrollments - running)._withdraw_deliveries("erased")
        # Calls to the guardian of somebody who stays.
        calls = tasks.filtered(lambda item: item.enrollment_id not in enrollments)
        calls._close_activities()
        calls.write(
            {
                "state": "skipped",
                "reason": "erased",
                "settled_on": fields.Datetime.now(),
            }
        )
        return {"activities": count}

    @api.model
    def _forget_texts(self, people, enrollments, deliveries, busy):
        """:return: {what: number}"""
        traces = (
            self.env["mailing.trace"]
            .sudo()
            .search([("reactivation_delivery_id", "in", deliveries.ids)])
        )
        # What the runner has in its hands it removes itself, or the night does.
        held = traces.filtered(lambda item: item.reactivation_delivery_id in busy)
        (traces - held).mail_mail_id.unlink()
        self._forget_traces(traces)
        counts = self._forget_threads(
            ENROLLMENT, enrollments.ids, held.mail_mail_id.mail_message_id
        )
        # Answers of a guardian about a minor who stays.
        answers = (
            self.env["mail.message"]
            .sudo()
            .search([("model", "=", ENROLLMENT), ("author_id", "in", people.ids)])
        )
        # Messages to a family that name them.
        named = self.env["mail.message"].sudo()
        if leads := (deliveries.lead_id - deliveries):
            named = named.search(
                [
                    ("message_id", "in", leads.mapped("message_id")),
                    ("model", "=", ENROLLMENT),
                ]
            )
        counts["messages"] += len(answers | named)
        (answers | named).unlink()
        self.env["mail.followers"].sudo().search(
            [("partner_id", "in", people.ids)]
        ).unlink()
        self.env["reactivation.objection"].sudo().search(
            [("partner_id", "in", people.ids)]
        ).unlink()
        return counts

    @api.model
    def _forget_traces(self, traces):
        """Odoo's statistics of mailings keep their numbers, and no address."""
        traces.links_click_ids.write({"mailing_trace_id": False, "ip": False})
        traces.write({"email": False, "message_id": False, "failure_reason": False})

    @api.model
    def _forget_threads(self, model, ids, kept=None):
        """Empty the chatter of records.

        :param kept: messages that stay for the time being
        :return: {what: number}
        """
        messages = self._on("mail.message", "model", model, ids)
        messages -= kept or messages.browse()
        files = self._on("ir.attachment", "res_model", model, ids)
        activities = self._on("mail.activity", "res_model", model, ids)
        counts = {
            "messages": len(messages),
            "files": len(files),
            "activities": len(activities),
        }
        messages.unlink()
        files.exists().unlink()
        activities.unlink()
        self._on("mail.followers", "res_model", model, ids).unlink()
        self._on("mail.scheduled.message", "model", model, ids).unlink()
        return counts

    @api.model
    def _on(self, kind, field, model, ids):
        """:return: messages, files … on records; done tasks and inactive ones too"""
        return (
            self.env[kind]
            .sudo()
            .with_context(active_test=False)
            .search([(field, "=", model), ("res_id", "in", ids)])
        )

    @api.model
    def _forget_person(self, enrollments, deliveries):
        """Enrollments and deliveries are facts about nobody in particular now."""
        deliveries.write(
            {
                "recipient_id": False,
                "failure": False,
                "message_id": False,
                "address_hash": False,
            }
        )
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                # Sent, and not noticed by the job that counts contacts.
                """UPDATE reactivation_enrollment enrollment
                      SET first_contact_date = contact.date
                     FROM (SELECT enrollment_id, min(sent_on) AS date
                             FROM reactivation_delivery
                            WHERE enrollment_id = ANY(%s) AND sent_on IS NOT NULL
                         GROUP BY enrollment_id) AS contact
                    WHERE contact.enrollment_id = enrollment.id
                      AND enrollment.first_contact_date IS NULL""",
                enrollments.ids,
            )
        )
        enrollments.invalidate_recordset(["first_contact_date"], flush=False)
        enrollments.with_context(tracking_disable=True).write(
            {"partner_id": False, "patient_id": False}
        )

    @api.model
    def _forget_visits(self, people):
        visits = (
            self.env["reactivation.external.visit"]
            .sudo()
            .search([("partner_id", "in", people.ids)])
        )
        visits.write({"partner_id": False, "patient_ref": False})
        return len(visits)

    @api.model
    def _forget_coupons(self, people):
        """Coupons that were issued and used stay in the books, of nobody. Who is erased
        has none any more: their secret links lead nowhere.

        :return: number of coupons
        """
        coupons = (
            self.env["reactivation.coupon"]
            .sudo()
            .search([("partner_id", "in", people.ids)])
        )
        coupons._revoke("erased")
        coupons._forget_person()
        return len(coupons)

    @api.model
    def _forget_answers(self, people):
        """What patients answered goes; how often a reason was given stays, of nobody.

        :return: number of answers
        """
        asked = (
            self.env["reactivation.feedback"]
            .sudo()
            .search([("partner_id", "in", people.ids)])
        )
        answers = asked.user_input_id | self.env["survey.user_input"].sudo().search(
            [("partner_id", "in", people.ids)]
        )
        self._forget_links("feedback_id", asked)
        asked.write({"partner_id": False, "helper_id": False})
        count = len(answers)
        answers.unlink()
        return count

    @api.model
    def _forget_requests(self, people):
        """Household and income go with the person; that there was a request stays.

        :return: {what: number}
        """
        requests = (
            self.env["reactivation.payment.request"]
            .sudo()
            .search([("partner_id", "in", people.ids)])
        )
        counts = self._forget_threads(requests._name, requests.ids)
        self._forget_links("payment_request_id", requests)
        requests._forget_figures()
        requests.filtered(lambda item: item.state in ("asked", "submitted")).write(
            {"state": "canceled", "decided_on": fields.Datetime.now()}
        )
        requests.write({"partner_id": False, "note": False, "told_refusal": False})
        counts["requests"] = len(requests)
        return counts

    @api.model
    def _forget_links(self, field, records):
        """Secret links of what is forgotten lead nowhere."""
        self.env["reactivation.token"].sudo().search(
            [(field, "in", records.ids)]
        ).unlink()

    @api.model
    def _forget_consents(self, people):
        consents = (
            self.env["reactivation.consent"]
            .sudo()
            .with_context(reactivation_erasure=True)
            .search([("partner_id", "in", people.ids)])
        )
        count = len(consents)
        consents.unlink()
        return count

    # ---------------------------------------------------------------- anonymize

    @api.model
    def _anonymize(self, people):
        """Empty the contact and its addresses, and archive them."""
        quiet = {"tracking_disable": True, "mail_notrack": True, "active_test": False}
        people = people.with_context(**quiet)
        # Whatever is written now must not reach an employer or a child.
        people.search(
            [("parent_id", "in", people.ids), ("id", "not in", people.ids)]
        ).write({"parent_id": False})
        people.write({"parent_id": False, "active": False})
        if not self._documents(people):
            people.bank_ids.unlink()
        people.write(self._anonymous_values())
        self.env.flush_all()
        columns = [
            SQL("%s = NULL", SQL.identifier(name))
            for name, field in people._fields.items()
            if self._is_personal(field) and field.company_dependent
        ]
        if columns:
            # What differs by company, at every one of them.
            self.env.cr.execute(
                SQL(
                    "UPDATE res_partner SET %s WHERE id = ANY(%s)",
                    SQL(", ").join(columns),
                    people.ids,
                )
            )
            people.invalidate_recordset(flush=False)
        self.env["reactivation.patient"].sudo()._refresh(people.ids)

    @api.model
    def _is_personal(self, field):
        """:return: bool: a field of contacts, of whatever addon, to be emptied"""
        return bool(
            field.store
            and field.type in PERSONAL_TYPES
            and field.name not in KEPT_FIELDS
            and not field.required
            and not field.related
            and not (field.compute and field.readonly)
        )

    @api.model
    def _anonymous_values(self):
        contact_fields = self.env[CONTACT]._fields
        values = {
            name: False
            for name, field in contact_fields.items()
            if self._is_personal(field) and not field.company_dependent
        }
        return values | {
            "name": self.env._("Erased patient"),
            "do_not_contact": True,
            "patient_mark": False,
            "guardian_id": False,
            "preferred_channel": False,
            "payer_class": "unknown",
            "category_id": [fields.Command.clear()],
            "user_id": False,
            "industry_id": False,
            "state_id": False,
            "country_id": False,
            "partner_latitude": 0,
            "partner_longitude": 0,
            "message_bounce": 0,
            "tz": False,
        }

    @api.model
    def _documents(self, people):
        """:return: number of documents that have to be kept with their customer"""
        if "account.move" not in self.env:
            return 0
        return (
            self.env["account.move"]
            .sudo()
            .search_count([("partner_id", "in", people.ids)])
        )

    # ----------------------------------------------------------------------- log

    @api.model
    def _log(self, way, counts, reason=False):
        return (
            self.env["reactivation.erasure"]
            .sudo()
            .create(
                {
                    **counts,
                    "way": way,
                    "reason": reason,
                    "date": fields.Datetime.now(),
                    "user_id": self.env.uid,
                }
            )
        )

    @staticmethod
    def _add_up(counts, more):
        for what, number in more.items():
            counts[what] = counts.get(what, 0) + number

    # ------------------------------------------------------------------- preview

    @api.model
    def _count(self, partner):
        """What an erasure would find, for the user who is about to decide.

        :return: {what: number}
        """
        people = self._people(partner)
        enrollments, deliveries = self._history(people)
        others = self._other_users(people)
        addresses = set().union(*self._addresses(people).values())
        meetings = self.env["calendar.event"].sudo().with_context(active_test=False)

        def on(kind, field):
            own = self._on(kind, field, ENROLLMENT, enrollments.ids)
            return len(own | self._on(kind, field, CONTACT, people.ids))

        def mine(model):
            records = self.env[model].sudo()
            return records.search_count([("partner_id", "in", people.ids)])

        waiting = deliveries.filtered(
            lambda item: item.state in ("pending", "claimed", "todo")
        )
        return {
            "addresses": len(people) - 1,
            "messages": on("mail.message", "model"),
            "files": on("ir.attachment", "res_model"),
            "activities": on("mail.activity", "res_model"),
            "consents": mine("reactivation.consent"),
            "coupons": mine("reactivation.coupon"),
            "answers": mine("survey.user_input"),
            "requests": mine("reactivation.payment.request"),
            "waiting": len(waiting),
            "wards": len(people.guardian_ward_ids - people),
            "enrollments": len(enrollments),
            "deliveries": len(deliveries),
            "visits": mine("reactivation.external.visit"),
            "meetings": meetings.search_count([("partner_ids", "in", people.ids)]),
            "documents": self._documents(people),
            "suppressed": len(addresses - others.keys()),
            "shared": len(others),
        }


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner"]

    guardian_ward_ids = fields.One2many(
        "res.partner",
        "guardian_id",
        string="Guardian Of",
        context={"active_test": False},
    )

    def unlink(self):
        """Deleted is erased, as far as we are concerned; merged is not."""
        merged = self.env.su and self.env.context.get("reactivation_merge")
        if self and not merged:
            self.check_access("unlink")
            self.env["reactivation.privacy"]._forget_deleted(self)
        return super().unlink()

    def action_reactivation_erase(self):
        """Ask a manager for the reason, after saying what goes and what stays."""
        self.ensure_one()
        self.env["reactivation.privacy"]._check_erasable(self)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Erase Patient"),
            "res_model": "reactivation.erase",
            "view_mode": "form",
            "target": "new",
            "context": {"default_partner_id": self.id},
        }

    def action_reactivation_export(self):
        """All that is known about a person, as a file."""
        self.ensure_one()
        self.env["reactivation.privacy"]._check_manager(self)
        return {
            "type": "ir.actions.act_url",
            "url": f"/reactivation/export/{self.id}",
            "target": "download",
        }
