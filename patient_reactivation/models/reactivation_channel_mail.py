import logging

from odoo import api, models, modules
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools import smtp
from ..tools.links import COUPON_PATH, PERSONAL_LINK, SURVEY_PATH
from ..tools.transaction import commit, rollback
from .reactivation_token import REMEMBERED

_logger = logging.getLogger(__name__)

# Why the composer of Odoo left a recipient out -> code of the contact policy.
CANCEL_REASONS = {
    "mail_bl": "blacklisted",
    "mail_optout": "opted_out",
    "mail_email_missing": "no_address",
    "mail_email_invalid": "invalid_address",
}


class ReactivationChannelMail(models.AbstractModel):
    """E-mail: the step's mailing of Odoo's Email Marketing, to due patients only.

    Odoo composes the messages of a batch; they are handed to the mail server here,
    one by one, each with a commit before and after (`_transmit`). Odoo's own way
    commits after the call only: a process that dies in between sends twice.
    """

    _name = "reactivation.channel.mail"
    _inherit = "reactivation.channel"
    _description = "E-mail Channel"
    _address_kind = "mail"

    @api.model
    def _address_refusal_sql(self):
        """A contact with several addresses is refused when any one is excluded."""
        if self.env.context.get("reactivation_crowd") == "plain":
            blocked = SQL(
                """recipient.email_normalized IN (
                       SELECT email FROM mail_blacklist WHERE active)"""
            )
        else:
            blocked = self._blocked_sql()
        return SQL(
            """CASE
                WHEN COALESCE(trim(recipient.email), '') = '' THEN 'no_address'
                WHEN recipient.email_normalized IS NULL
                     OR recipient.email_normalized !~ '^[^@]+@[^@]+[.][^@.]+$'
                     OR length(recipient.email_normalized) > 254
                     THEN 'invalid_address'
                WHEN %s THEN 'blacklisted'
            END""",
            blocked,
        )

    @api.model
    def _blocked_sql(self):
        """:return: SQL over `recipient`: one of its addresses is on Odoo's list"""
        return SQL(
            """(EXISTS (SELECT 1 FROM mail_blacklist blocked
                         WHERE blocked.active
                           AND blocked.email = recipient.email_normalized)
                OR recipient.email LIKE '%%@%%@%%' AND EXISTS (
                         SELECT 1 FROM mail_blacklist blocked
                          WHERE blocked.active
                            AND blocked.email = ANY (%s)))""",
            self._addresses_sql(),
        )

    @api.model
    def _addresses_sql(self):
        return SQL(
            r"""CASE WHEN recipient.email LIKE '%%@%%@%%' THEN
                    ARRAY(SELECT lower(found.part[1]) FROM regexp_matches(
                        recipient.email, '[^\s,;:<>"'']+@[^\s,;:<>"'']+', 'g'
                        ) AS found (part))
                ELSE ARRAY[recipient.email_normalized]::text[] END"""
        )

    @api.model
    def _has_content(self, step):
        return bool(step.sudo().mailing_ids)

    @api.model
    def _step_problems(self, step):
        """:return: sentences and dicts of `tools/problems.py`"""
        problems = []
        if not step.mailing_ids:
            problems.append(
                self.env._("Step “%s” has no e-mail. Write one first.", step.name)
            )
        for mailing in step.mailing_ids:
            if not mailing.subject or not mailing.body_html:
                problems.append(
                    self.env._("The e-mail of step “%s” is empty.", step.name)
                )
            elif "/unsubscribe_from_list" not in mailing.body_html:
                problems.append(
                    self.env._(
                        "The e-mail “%s” has no unsubscribe link. Add a block with "
                        "one, or the link /unsubscribe_from_list.",
                        mailing.subject,
                    )
                )
            problems += mailing._information_problems()
        return problems

    # ----------------------------------------------------------------- delivery

    @api.model
    def _deliver(self, deliveries):
        by_mailing = {}
        for delivery in deliveries:
            mailing = delivery.step_id._pick_mailing(
                delivery.enrollment_id, bool(delivery._with_members().coupon_id)
            )
            by_mailing.setdefault(mailing, self.env["reactivation.delivery"])
            by_mailing[mailing] |= delivery
        for mailing, batch in by_mailing.items():
            # One call per language of a step: each is a mailing of its own.
            self._deliver_mailing(mailing, batch)

    @api.model
    def _deliver_mailing(self, mailing, deliveries):
        if not mailing:
            deliveries._settle("skipped", "no_content")
            return
        by_enrollment = {
            delivery.enrollment_id.id: (delivery.id, delivery.message_id)
            for delivery in deliveries
        }
        try:
            # Odoo composes the batch and calls `mail.mail.send`, which ends in
            # `_transmit`.
            mailing.sudo().with_company(deliveries.company_id).with_context(
                reactivation_deliveries=by_enrollment
            ).action_send_mail(list(by_enrollment))
        except (UserError, ValueError) as error:
            # The text of the e-mail cannot be filled in: the same for everybody.
            rollback(self.env)
            campaign = deliveries.campaign_id._for_caretaker()
            campaign._pause_because(
                campaign.env._("The e-mail “%s” cannot be filled in", mailing.subject),
                smtp.mask_addresses(error),
            )
            commit(self.env)
        else:
            self._settle_left_out(deliveries)

    @api.model
    def _settle_left_out(self, deliveries):
        """Those whom Odoo's composer left out, and why."""
        left = deliveries.filtered(lambda item: item.state == "claimed")
        if not left:
            return
        traces = (
            self.env["mailing.trace"]
            .sudo()
            .search(
                [
                    ("reactivation_delivery_id", "in", left.ids),
                    ("trace_status", "=", "cancel"),
                ]
            )
        )
        for failure_type, group in traces.grouped("failure_type").items():
            # A write per reason, of which there are a handful.
            group.reactivation_delivery_id._settle(
                "skipped", CANCEL_REASONS.get(failure_type, "blacklisted")
            )

    @api.model
    def _transmit(self, mails, by_enrollment):
        """Hand composed messages to the mail server, one after the other.

        The commit that says *this one is being sent* also holds the result of the
        one before it: a process that dies leaves exactly one uncertain message.
        """
        # What follows (an alert, for example) may send mails of its own.
        self = self.with_context(reactivation_deliveries=None)
        mails = mails.with_env(self.env)
        ids = {res_id: row[0] for res_id, row in by_enrollment.items()}
        # The messages exist for the runner only: Odoo's queue must not see them.
        mails.write({"state": "cancel"})
        campaign = self._campaign_of(mails)
        sent = self.env["mail.mail"]
        deliveries = self.env["reactivation.delivery"]
        groups = mails._split_by_mail_configuration()
        with deliveries._last_look(campaign, "mail") as last_look:
            for server_id, domain_id, smtp_from, batch in groups:
                # Nearly always one group: mails of one mailing have one sender.
                session = self._connect(server_id, smtp_from, mails)
                if session is None:
                    break
                # All of them are put into their final form first: a commit empties
                # the cache, and everything would be read again for each message.
                links = self._personal_links(mails.browse(batch), ids)
                messages = [
                    (
                        mail.id,
                        ids[mail.res_id],
                        self._build(
                            mail.with_context(reactivation_links=links),
                            server_id,
                            domain_id,
                        ),
                    )
                    for mail in mails.browse(batch)
                ]
                for mail_id, delivery_id, built in messages:
                    delivery = deliveries.browse(delivery_id)
                    if not delivery._begin_sending(last_look):
                        break
                    error = self._send_one(built, session, server_id)
                    if not error:
                        sent |= sent.browse(mail_id)
                        delivery._end_sending("sent")
                    elif not self._write_failure(delivery, error):
                        break
                self._disconnect(session)
        self._tidy(mails, sent, ids)

    @api.model
    def _connect(self, server_id, smtp_from, mails):
        """:return: a session, or None when there is no mail server to talk to"""
        company = mails.env.company
        status = self.env["reactivation.channel.status"]
        try:
            session = self.env["ir.mail_server"]._connect__(
                mail_server_id=server_id, smtp_from=smtp_from
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is there
            text = smtp.mask_addresses(error)
            _logger.warning("No connection to the mail server: %s", text)
            campaign = self._campaign_of(mails)
            status._fail(company, "mail", text, campaign)
            commit(self.env)
            return None
        return smtp.WatchedSession(session) if session else _Nobody()

    @staticmethod
    def _disconnect(session):
        try:
            session.quit()
        except Exception:  # noqa: BLE001 - the messages are out; so is the server
            _logger.debug("The mail server had closed the connection already.")

    @api.model
    def _campaign_of(self, mails):
        return mails[:1].mailing_id.reactivation_step_id.campaign_id

    @api.model
    def _personal_links(self, mails, ids):
        """The secret links of these messages, which exist from here on only: neither
        the stored text nor a link tracker knows them.

        A message gets those of its own delivery only. Its text holds what patients
        wrote, their names for example: a number in it proves nothing.

        :param dict ids: {enrollment id: id of the delivery}
        :return: {enrollment id: {(path, number): address of the page}}
        """
        own = self._own_pages(ids)
        wanted = {
            mail.res_id: own[mail.res_id] & self._named_pages(mail) for mail in mails
        }
        numbers = {COUPON_PATH: set(), SURVEY_PATH: set()}
        for path, number in set().union(*wanted.values()):
            numbers[path].add(number)
        coupons = self.env["reactivation.coupon"].sudo().browse(numbers[COUPON_PATH])
        asked = self.env["reactivation.feedback"].sudo().browse(numbers[SURVEY_PATH])
        if asked:
            # The key of the server may be another one than at the invitation.
            until = max(asked.mapped("deadline")) + REMEMBERED
            self.env["reactivation.token"]._ensure("feedback_id", asked, until)
        links = {}
        for path, made in (
            (COUPON_PATH, coupons._make_links()),
            (SURVEY_PATH, asked._links()),
        ):
            links |= {(path, number): link for number, link in made.items()}
        return {
            res_id: {page: links[page] for page in pages}
            for res_id, pages in wanted.items()
        }

    @api.model
    def _own_pages(self, ids):
        """:param dict ids: {enrollment id: id of the delivery}
        :return: {enrollment id: set of (path, number)}: the coupons of a message,
            those of a family included, and the survey of its patient"""
        deliveries = self.env["reactivation.delivery"].sudo().browse(ids.values())
        return {
            delivery.enrollment_id.id: {
                *(
                    (COUPON_PATH, item.id)
                    for item in delivery._with_members().coupon_id
                ),
                *(
                    (SURVEY_PATH, item.id)
                    for item in delivery.enrollment_id.feedback_ids
                ),
            }
            for delivery in deliveries
        }

    @api.model
    def _named_pages(self, mail):
        """:return: set of (path, number) that stand in the text of a message"""
        found = PERSONAL_LINK.findall(str(mail.body_html or ""))
        return {(path, int(number)) for path, number in found}

    @api.model
    def _build(self, mail, server_id, domain_id):
        """Put one message into the form in which it leaves.

        :return: list of (mail server with its context, message), one for each
            address the recipient has; or the `DeliveryError` that kept it from that
        """
        server = self.env["ir.mail_server"]
        built = []
        try:
            for email in mail._prepare_outgoing_list(
                mail_server=server.browse(server_id)
            ):
                sender = server.with_context(
                    send_validated_to=email["email_to_normalized"],
                    **self._domain_context(domain_id, email),
                )
                message = sender._build_email__(
                    email_from=mail.email_from,
                    email_to=email["email_to"],
                    subject=email["subject"],
                    body=email["body"],
                    body_alternative=email["body_alternative"],
                    email_cc=email["email_cc"],
                    reply_to=email["reply_to"],
                    attachments=email["attachments"],
                    message_id=email["message_id"],
                    references=email["references"],
                    object_id=email["object_id"],
                    subtype="html",
                    subtype_alternative="plain",
                    headers=email["headers"],
                )
                built.append((sender, message))
        except Exception as error:  # noqa: BLE001 - one patient's failure is a state
            return self._explain(error)
        return built

    @api.model
    def _send_one(self, built, session, server_id):
        """Hand over one message.

        :return: None, or the `DeliveryError` that tells what happened
        """
        if isinstance(built, smtp.DeliveryError):
            return built
        try:
            for sender, message in built:
                sender.send_email(
                    message, mail_server_id=server_id, smtp_session=session
                )
        except Exception as error:  # noqa: BLE001 - one patient's failure is a state
            return self._explain(error)
        return None

    @api.model
    def _domain_context(self, domain_id, email):
        if not domain_id:
            return {}
        domain = self.env["mail.alias.domain"].sudo().browse(domain_id)
        return {
            "domain_notifications_email": domain.default_from_email,
            "domain_bounce_address": email["headers"].get("Return-Path")
            or domain.bounce_email,
        }

    @api.model
    def _explain(self, error):
        """:return: the `DeliveryError` behind whatever Odoo made of it"""
        cause = error
        while cause is not None:
            if isinstance(cause, smtp.DeliveryError):
                return cause
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, AssertionError):
            # Odoo found no address it could use, before it said anything.
            return smtp.DeliveryError(smtp.UNUSABLE, str(error))
        return smtp.explain(error, handed_over=False)

    @api.model
    def _write_failure(self, delivery, error):
        """Write what became of a message that was not taken.

        :return: bool: False when the next message would fare no better
        """
        campaign = delivery.campaign_id
        if error.kind == smtp.UNCERTAIN:
            delivery._end_sending("uncertain", failure=error.text)
            return False
        if error.kind == smtp.PROVIDER:
            # No fault of this patient: the delivery waits as it was.
            delivery._try_later("outage", error.text, delivery.date)
            campaign = campaign._for_caretaker()
            campaign._pause_because(
                campaign.env._("The mail server takes nothing from us"), error.text
            )
            return False
        if error.kind == smtp.TEMPORARY:
            if not delivery._try_later("temporary", error.text):
                delivery._end_sending("failed", failure=error.text)
            return not self._server_is_gone(error)
        if error.kind == smtp.UNUSABLE:
            # The mail server was not even asked.
            delivery._end_sending("failed", "invalid_address", error.text)
            return True
        reason = "bounced" if error.kind == smtp.HARD_BOUNCE else None
        delivery._end_sending("failed", reason, error.text)
        if reason:
            delivery._note_hard_bounce()
            return True
        return not campaign._pause_if_all_refused("mail")

    @staticmethod
    def _server_is_gone(error):
        return not error.text[:3].isdigit() or error.text.startswith("421")

    @api.model
    def _tidy(self, mails, sent, ids):
        """Write the statistics of Odoo and remove the messages, sent or not: their
        text is on the patient's thread."""
        traces = mails.mailing_trace_ids
        traces.invalidate_recordset(["trace_status"])
        # One that was opened or bounced in the meantime stays so.
        sent.mailing_trace_ids.filtered(
            lambda trace: trace.trace_status == "outgoing"
        ).set_sent()
        failed = self.env["reactivation.delivery"].browse(
            ids[mail.res_id] for mail in mails - sent
        )
        (mails - sent).mailing_trace_ids.filtered(
            lambda trace: trace.reactivation_delivery_id.state == "failed"
        ).set_failed(failure_type="mail_smtp")
        failed._forget_mails()
        sent.unlink()
        if sent:
            self.env["reactivation.channel.status"]._works(mails.env.company, "mail")
        commit(self.env)


class _Nobody:
    """The session of a test, in which Odoo connects nowhere."""

    from_filter = smtp_from = False

    def quit(self):
        """Nothing to end."""

    def send_message(self, *_arguments):
        """Never called: Odoo sends nothing in a test."""
        raise AssertionError(modules.module.current_test)
