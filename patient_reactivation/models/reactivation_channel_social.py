from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.links import website_link


class ReactivationChannelSocial(models.AbstractModel):
    """Social media: a message prepared to copy, for somebody of the clinic to send.

    Nothing is sent to any network from here: the front desk decides where it knows
    the patient.
    """

    _name = "reactivation.channel.social"
    _inherit = "reactivation.channel.manual"
    _description = "Social Media Channel"
    _activity_xml_id = "patient_reactivation.mail_activity_type_social"

    @api.model
    def _address_refusal_sql(self):
        """Where the patient is to be found is known to the staff only."""
        return SQL("NULL::varchar")

    @api.model
    def _has_content(self, step):
        return bool(step.message)

    @api.model
    def _step_problems(self, step):
        if not step.message:
            return [
                self.env._(
                    "Step “%s” has no message: what is written to the patient?",
                    step.name,
                )
            ]
        return step._placeholder_problems("message")

    @api.model
    def _summary(self, delivery):
        return self.env._(
            "Message %(patient)s on social media", patient=self._whom(delivery)
        )

    @api.model
    def _note(self, delivery):
        """What is to be copied, and for whom."""
        lines = self._person_lines(delivery)
        lines += self._script_lines(delivery)
        lines.append(
            Markup("<p><i>%s</i></p>") % self.env._("Copy this message and send it:")
        )
        lines += self._paragraphs(self._message_of(delivery))
        return Markup().join(lines)

    # --------------------------------------------------------------------- link

    @api.model
    def _short_link(self, step):
        """The short link of a step: one for all its patients.

        It tells how many came, never who: there is nothing of the patient in it, and
        its names say nothing about health.

        :return: the link, or "" when the clinic has no website
        """
        company = step.company_id.sudo()
        url = website_link(company.website)
        if not url:
            return ""
        # Asked for each patient of a batch, and the same for all of them.
        known = self.env.cr.cache.setdefault("reactivation_short_links", {})
        key = (step.id, url)
        if key not in known:
            known[key] = self._tracker(step, url).short_url
        return known[key]

    @api.model
    def _tracker(self, step, url):
        """:return: the link tracker of a step, made when it is first asked for"""
        label = f"{step.campaign_id.id}-{step.id}"
        trackers = self.env["link.tracker"].sudo()
        return trackers.search([("label", "=", label), ("url", "=", url)], limit=1) or (
            trackers.create(
                # With a title, Odoo does not fetch the page to find one.
                {"url": url, "label": label, "title": step.company_id.sudo().name}
            )
        )


class ReactivationDelivery(models.Model):
    _inherit = "reactivation.delivery"

    prepared_message = fields.Text(
        string="Message to Send",
        compute="_compute_prepared_message",
        compute_sudo=True,
        help="Ready to copy, in the patient's language.",
    )

    @api.depends("channel", "step_id.message", "recipient_id.lang", "partner_id.name")
    @api.depends_context("lang")
    def _compute_prepared_message(self):
        for delivery in self:
            text = False
            if delivery.channel in ("social", "video") and delivery.recipient_id:
                kind = self.env[f"reactivation.channel.{delivery.channel}"]
                text = kind._message_of(delivery)
            delivery.prepared_message = text
