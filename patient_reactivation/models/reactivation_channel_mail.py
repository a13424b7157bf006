from odoo import api, models
from odoo.tools import SQL

# Status of the mailing trace -> state of the delivery.
TRACE_STATES = {
    "sent": "sent",
    "open": "sent",
    "reply": "sent",
    "pending": "sent",
    "bounce": "failed",
    "error": "failed",
    "cancel": "skipped",
    "outgoing": "uncertain",
    "process": "uncertain",
}

# Why the composer of Odoo left a recipient out -> code of the contact policy.
CANCEL_REASONS = {
    "mail_bl": "blacklisted",
    "mail_optout": "blacklisted",
    "mail_email_missing": "no_address",
    "mail_email_invalid": "invalid_address",
}


class ReactivationChannelMail(models.AbstractModel):
    """E-mail: the step's mailing of Odoo's Email Marketing, to due patients only."""

    _name = "reactivation.channel.mail"
    _inherit = "reactivation.channel"
    _description = "E-mail Channel"

    @api.model
    def _address_refusal_sql(self):
        """A contact with several addresses is refused when any one is excluded."""
        return SQL(
            """CASE
                WHEN COALESCE(trim(recipient.email), '') = '' THEN 'no_address'
                WHEN recipient.email_normalized IS NULL
                     OR recipient.email_normalized !~ '^[^@]+@[^@]+[.][^@.]+$'
                     THEN 'invalid_address'
                WHEN EXISTS (SELECT 1 FROM mail_blacklist blocked
                              WHERE blocked.active
                                AND blocked.email = recipient.email_normalized)
                     THEN 'blacklisted'
                WHEN recipient.email ~ '[,;]' AND EXISTS (
                         SELECT 1 FROM mail_blacklist blocked
                          WHERE blocked.active
                            AND strpos(lower(recipient.email), blocked.email) > 0)
                     THEN 'blacklisted'
            END"""
        )

    @api.model
    def _step_problems(self, step):
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
        return problems

    @api.model
    def _deliver(self, deliveries):
        by_mailing = {}
        for delivery in deliveries:
            mailing = delivery.step_id._pick_mailing(delivery.enrollment_id)
            by_mailing.setdefault(mailing, self.env["reactivation.delivery"])
            by_mailing[mailing] |= delivery
        for mailing, batch in by_mailing.items():
            # One call per language of a step: each is a mailing of its own.
            self._deliver_mailing(mailing, batch)

    @api.model
    def _deliver_mailing(self, mailing, deliveries):
        if not mailing:
            deliveries._stamp("skipped", "no_content")
            return
        company = deliveries.company_id
        by_enrollment = {
            delivery.enrollment_id.id: delivery.id for delivery in deliveries
        }
        mailing.sudo().with_company(company).with_context(
            reactivation_deliveries=by_enrollment
        ).action_send_mail(list(by_enrollment))
        self._stamp_results(deliveries)

    @api.model
    def _stamp_results(self, deliveries):
        traces = (
            self.env["mailing.trace"]
            .sudo()
            .search([("reactivation_delivery_id", "in", deliveries.ids)])
        )
        latest = {
            trace.reactivation_delivery_id: trace for trace in traces.sorted("id")
        }
        results = {}
        for delivery in deliveries:
            trace = latest.get(delivery)
            state = TRACE_STATES[trace.trace_status] if trace else "uncertain"
            reason = CANCEL_REASONS.get(trace.failure_type) if trace else False
            failure = False
            if state == "failed":
                labels = dict(
                    trace._fields["failure_type"]._description_selection(self.env)
                )
                failure = trace.failure_reason or labels.get(trace.failure_type)
            results.setdefault((state, reason, failure), []).append(delivery.id)
        for (state, reason, failure), ids in results.items():
            # A write per kind of result, of which there are a handful.
            deliveries.browse(ids)._stamp(state, reason, failure)
