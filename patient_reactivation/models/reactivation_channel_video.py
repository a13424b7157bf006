from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.links import is_safe_link
from ..tools.placeholders import names, plain


class ReactivationChannelVideo(models.AbstractModel):
    """Video call: the front desk offers one by phone; who accepts gets the link.

    The link is the clinic's own room at its own provider, the same for everybody:
    it tells nothing about the patient.
    """

    _name = "reactivation.channel.video"
    _inherit = "reactivation.channel.call"
    _description = "Video Call Channel"
    _activity_xml_id = "patient_reactivation.mail_activity_type_video"

    @api.model
    def _has_content(self, step):
        return bool(step.message)

    @api.model
    def _step_problems(self, step):
        company = step.company_id.sudo()
        problems = []
        if not step.message:
            problems.append(
                self.env._(
                    "Step “%s” has no message: what does the e-mail with the video "
                    "link say?",
                    step.name,
                )
            )
        if not company.reactivation_video_url:
            problems.append(
                self.env._(
                    "Step “%(step)s” offers a video call, and %(company)s has no "
                    "video link. Enter it in the settings.",
                    step=step.name,
                    company=company.name,
                )
            )
            return problems
        problems += step._placeholder_problems("script")
        return problems + [
            problem
            for problem in step._placeholder_problems("message")
            if problem not in problems
        ]

    @api.model
    def _summary(self, delivery):
        return self.env._(
            "Offer a video call to %(patient)s", patient=self._whom(delivery)
        )

    @api.model
    def _note(self, delivery):
        """What the caller sees: the number, the script, and the link to read out."""
        lines = [Markup("<p><b>%s</b></p>") % (delivery.recipient_id.phone or "")]
        lines += self._person_lines(delivery)
        lines += self._script_lines(delivery)
        if url := delivery.company_id.sudo().reactivation_video_url:
            lines.append(
                Markup("<p>%s</p>") % self.env._("Video link: %(link)s", link=url)
            )
        return Markup().join(lines)

    # --------------------------------------------------------------------- link

    @api.model
    def _send_link(self, delivery):
        """Send the link of the video room to who accepted it, once.

        :raise UserError: there is no link, or no e-mail may be sent to this person
        """
        delivery = delivery.sudo()
        delivery.ensure_one()
        company, recipient = delivery.company_id, delivery.recipient_id
        url = company.reactivation_video_url
        if not url or not is_safe_link(url):
            raise UserError(
                self.env._(
                    "%(company)s has no video link. A manager enters it in the "
                    "settings.",
                    company=company.name,
                )
            )
        delivery.lock_for_update()
        delivery.invalidate_recordset(["video_link_sent_on"])
        if delivery.video_link_sent_on:
            return
        if refusal := self.env["reactivation.contact.policy"]._mail_refusal(
            recipient, company, delivery.campaign_id.purpose
        ):
            labels = dict(delivery._fields["reason"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "No e-mail may be sent to %(patient)s: %(why)s. Read the link "
                    "out instead: %(link)s",
                    patient=plain(recipient.name),
                    why=labels.get(refusal, refusal),
                    link=url,
                )
            )
        delivery.video_link_sent_on = fields.Datetime.now()
        lang = self._reader_lang(recipient, company)
        self.with_context(lang=lang)._post_link(delivery, url)

    @api.model
    def _post_link(self, delivery, url):
        """Write the e-mail onto the patient's thread, in the patient's language."""
        company = delivery.company_id
        step = delivery.step_id.with_env(self.env)
        lines = self._paragraphs(step._fill(step.message, delivery))
        if "video_link" not in names(step.message):
            lines.append(Markup("<p>%s</p>") % url)
        link = Markup('<a href="%s">%s</a>') % (url, url)
        body = Markup().join(lines).replace(Markup.escape(url), link)
        sender = company.partner_id
        delivery.enrollment_id.with_context(lang=self.env.lang).message_post(
            body=body,
            subject=self.env._("Your link"),
            author_id=sender.id,
            email_from=delivery.campaign_id.email_from or company.email_formatted,
            partner_ids=delivery.recipient_id.ids,
            message_type="comment",
            # A note: nobody else is told.
            subtype_xmlid="mail.mt_note",
            email_layout_xmlid="patient_reactivation.mail_layout_plain",
        )


class ReactivationDelivery(models.Model):
    _inherit = "reactivation.delivery"

    video_link_sent_on = fields.Datetime(readonly=True)


class ReactivationContactPolicy(models.AbstractModel):
    _inherit = "reactivation.contact.policy"

    @api.model
    def _opt_out_sql(self, company, channel, purpose):
        """A video call is offered by phone: who wants no calls gets no offer."""
        answer = super()._opt_out_sql(company, channel, purpose)
        if channel != "video":
            return answer
        return SQL(
            "COALESCE(%s, CASE WHEN %s THEN 'opted_out' END)",
            answer,
            self.env["reactivation.consent"]._withdrawn_sql(
                company,
                "call",
                purpose,
                self.env["reactivation.channel.call"]._addresses_sql(),
            ),
        )
