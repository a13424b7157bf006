from odoo import api, fields, models
from odoo.http import request
from odoo.tools import SQL
from odoo.tools.mail import email_normalize_all

from ..tools.mail_signals import looks_like_machine
from ..tools.smtp import mask_addresses


class MailingTrace(models.Model):
    """What became of a message is noted on its delivery, as a fact.

    Nothing is stopped or sent from here. What scanners and providers fetch is noted
    as theirs, and is not counted by Odoo's own statistics.
    """

    _inherit = "mailing.trace"

    reactivation_delivery_id = fields.Many2one(
        "reactivation.delivery", index="btree_not_null", ondelete="set null"
    )

    # Bounces and replies are found by it. Odoo has no index.
    _reactivation_message_id_idx = models.Index(
        "(message_id) WHERE message_id IS NOT NULL"
    )

    @api.model
    def _reactivation_find(self, message_ids):
        """:return: the traces of deliveries with one of these Message-IDs"""
        if not message_ids:
            return self.browse()
        return self.sudo().search(
            [
                ("message_id", "in", list(message_ids)),
                ("reactivation_delivery_id", "!=", False),
            ]
        )

    # ------------------------------------------------------------------- events

    def set_opened(self, domain=None):
        traces = self._reactivation_note("opened", domain)
        return super(MailingTrace, traces).set_opened()

    def set_clicked(self, domain=None):
        traces = self._reactivation_note("clicked", domain)
        return super(MailingTrace, traces).set_clicked()

    def set_replied(self, domain=None):
        traces = self._reactivation_note("replied", domain)
        return super(MailingTrace, traces).set_replied()

    def set_bounced(self, domain=None, bounce_message=False):
        traces = self | (self.search(domain) if domain else self.browse())
        ours = traces.filtered("reactivation_delivery_id")
        bounced = super(MailingTrace, traces - ours).set_bounced(
            bounce_message=bounce_message
        )
        if ours:
            arrived = ours._reactivation_arrived()
            text = arrived._reactivation_bounce(bounce_message)
            bounced |= super(MailingTrace, arrived).set_bounced(bounce_message=text)
        return bounced

    # ------------------------------------------------------------ opens, clicks

    def _reactivation_note(self, kind, domain=None):
        """Note an event on the deliveries of traces.

        :param domain: of further traces
        :return: the traces that Odoo may count too
        """
        traces = self | (self.search(domain) if domain else self.browse())
        ours = traces.filtered("reactivation_delivery_id")
        answer = self.env.context.get("reactivation_answer")
        if not ours or answer in ("auto", "staff"):
            # An answer that is none; `mail.thread` looks after it.
            return traces - ours
        ours = ours._reactivation_arrived()
        machines = ours.browse()
        if kind != "replied" and not answer:
            machines = ours._reactivation_machines()
        outcomes = self.env["reactivation.outcome"].sudo()
        for group, is_bot in ((machines, True), (ours - machines, False)):
            # People and machines.
            deliveries = group.sudo().reactivation_delivery_id
            outcomes._append(kind, deliveries, is_bot=is_bot)
        return traces.filtered(lambda trace: not trace.reactivation_delivery_id) | (
            ours - machines
        )

    def _reactivation_arrived(self):
        """:return: traces of messages that somebody can have got by now

        Numbers of traces can be guessed. What is being sent at this moment, or
        nobody knows of, can have arrived.
        """
        now = fields.Datetime.now()

        def arrived(trace):
            delivery = trace.sudo().reactivation_delivery_id
            if delivery.sent_on:
                return delivery.sent_on <= now
            return delivery.state in ("sending", "uncertain")

        return self.filtered(arrived)

    def _reactivation_machines(self):
        """:return: traces that probably a machine asks for, in this request"""
        user_agent = method = None
        if request and request.httprequest.method in ("GET", "HEAD"):
            method = request.httprequest.method
            user_agent = request.httprequest.headers.get("User-Agent", "")
        now = fields.Datetime.now()

        def is_machine(trace):
            delivery = trace.sudo().reactivation_delivery_id
            since = delivery.sent_on or delivery.claimed_on
            seconds = (now - since).total_seconds() if since else 0
            return looks_like_machine(user_agent, method, seconds)

        return self.filtered(is_machine)

    def _reactivation_clicked(self, code):
        """A link of this message is asked for.

        :param str code: of the link
        :return: bool: a person did that, and Odoo may count it
        """
        link = self.env["link.tracker.code"].sudo().search([("code", "=", code)])
        if link.link_id.mass_mailing_id != self.mass_mailing_id:
            return False
        arrived = self._reactivation_arrived()
        machines = arrived._reactivation_machines()
        self.env["reactivation.outcome"].sudo()._append(
            "clicked", machines.reactivation_delivery_id, is_bot=True
        )
        return bool(arrived - machines)

    # ------------------------------------------------------------------ bounces

    def _reactivation_bounce(self, text):
        """A mail server reports that it could not deliver a message after all.

        Of one that came by mail the context tells `reactivation_bounce`: kind
        ("hard" or "policy", see `tools.mail_signals.Bounce`) and the addresses it is
        about. Without it, whoever calls knows that the address is of no use.

        :return: the text without addresses
        """
        kind, told = self.env.context.get("reactivation_bounce") or ("hard", ())
        text = mask_addresses(text)
        dead = set()
        for trace in self:
            # A report is about one message, seldom about a handful.
            dead |= trace._reactivation_dead(kind, told)
        self.env["reactivation.suppression"].sudo()._add("mail", dead, "bounced")
        deliveries = self.sudo().reactivation_delivery_id._with_members()
        self._reactivation_fail(deliveries, "bounced" if dead else None, text)
        self.env["reactivation.outcome"].sudo()._append("bounced", deliveries)
        return text

    @api.model
    def _reactivation_fail(self, deliveries, reason, failure):
        """Only what was sent can bounce, and only as an e-mail: by the time of a
        second report, the step may have gone through another channel."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = 'failed', reason = %(reason)s,
                          failure = %(failure)s,
                          settled_on = COALESCE(settled_on, %(now)s)
                    WHERE id = ANY(%(ids)s) AND channel = 'mail'
                      AND state IN ('sent', 'sending', 'uncertain')""",
                reason=reason,
                failure=failure or None,
                now=fields.Datetime.now(),
                ids=deliveries.ids,
            )
        )
        deliveries.invalidate_recordset(flush=False)

    def _reactivation_dead(self, kind, addresses):
        """:return: the addresses of this message that are of no use any more"""
        if kind != "hard":
            return set()
        delivery = self.sudo().reactivation_delivery_id
        recipient = delivery.recipient_id or delivery.enrollment_id.recipient_id
        own = {self.email, *email_normalize_all(recipient.email or "")} - {False, None}
        told = set(filter(None, addresses))
        if told:
            # None of ours: the patient had it forwarded, and that failed.
            return own & told
        return own if len(own) == 1 else set()
