import base64
import re
from email.utils import make_msgid

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize, html2plaintext

from ..tools import smtp
from ..tools.letters import paper_of

# Links of a test lead nowhere: nobody is unsubscribed, nothing is counted.
PERSONAL_LINK = re.compile(
    r'href="[^"]*/(?:unsubscribe_from_list|view|r/|reactivation/(?:coupon|survey)/)[^"]*"'
)


class ReactivationStepTest(models.TransientModel):
    """Try one step on oneself: what a certain patient would get."""

    _name = "reactivation.step.test"
    _description = "Test of a Step"
    _inherit = "reactivation.trial"

    step_id = fields.Many2one(
        "reactivation.step", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="step_id.company_id")
    channel = fields.Selection(
        selection="_selection_channel",
        required=True,
        compute="_compute_channel",
        store=True,
        precompute=True,
        readonly=False,
    )
    channel_names = fields.Char(compute="_compute_channel_names")
    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        domain="[('reactivation_patient_ids.company_id', '=', company_id)]",
        ondelete="cascade",
        help="Whose name and data fill in the placeholders.",
    )
    lang = fields.Selection(
        selection=lambda self: self.env["res.lang"].get_installed(),
        string="Language",
        help="Empty: the patient's own.",
    )
    email_to = fields.Char(
        string="Send To",
        default=lambda self: self.env.user.email,
        help="The address of somebody who works at the clinic: it contains a "
        "patient's data.",
    )
    letter_file = fields.Binary(attachment=False, readonly=True)
    text = fields.Html(
        compute="_compute_text",
        sanitize=False,
        string="What Is Said",
    )

    @api.model
    def _selection_channel(self):
        step = self.env["reactivation.step"]._fields["fallback_channel"]
        channel = self.env["reactivation.step"]._fields["channel"]
        known = dict(step._description_selection(self.env))
        known |= dict(channel._description_selection(self.env))
        known.pop("preferred", None)
        return list(known.items())

    @api.depends("step_id")
    def _compute_channel(self):
        for test in self:
            test.channel = (test._channels() or ["mail"])[0]

    @api.depends("step_id")
    def _compute_channel_names(self):
        for test in self:
            test.channel_names = ",".join(test._channels())

    def _channels(self):
        """:return: channels of the step, which may be the patient's own"""
        return [name for name in self.step_id._channels() if name != "preferred"]

    @api.depends("step_id", "channel", "partner_id", "lang")
    def _compute_text(self):
        for test in self:
            if test.channel in (False, "mail", "action") or not test.partner_id:
                test.text = False
                continue
            patient = test.partner_id.sudo()
            step = test.step_id
            if test.lang and test.channel == "call":
                step = step.with_context(lang=test.lang)
            test.text = test._text_of(step, test.channel, patient, test._reader())

    def _reader(self):
        """:return: who gets the message, speaking the language that was chosen"""
        reader = self._recipient()
        if not self.lang:
            return reader
        return reader.new({"lang": self.lang}, origin=reader)

    def _recipient(self):
        """:return: the patient, or the guardian of a minor"""
        patient = self.partner_id.sudo()
        policy = self.env["reactivation.contact.policy"]
        adult_since = policy._adult_since(self.company_id)
        minor = patient.birth_date and patient.birth_date > adult_since
        return minor and patient.guardian_id or patient

    @api.model_create_multi
    def create(self, vals_list):
        tests = super().create(vals_list)
        for test in tests.filtered(lambda item: not item.partner_id):
            # A person tries one at a time.
            test.partner_id = test._random_patient(test.step_id.campaign_id)
        return tests

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Test of “%s”", self.step_id.name),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    # ------------------------------------------------------------------ actions

    def action_send(self):
        """Send the e-mail to the address, and only there."""
        self.check_access("read")
        self.ensure_one()
        self._check_may()
        address = self._checked_address()
        message = self._build(address)
        self._hand_over(*message)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("The test is on its way to %s.", address),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def action_download(self):
        """The letter as it is printed, with the address in its window."""
        self.check_access("read")
        self.ensure_one()
        self._check_may()
        self.letter_file = base64.b64encode(self._print())
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/letter_file/letter.pdf"
            "?download=true",
            "target": "self",
        }

    def _print(self):
        """:return: the letter as bytes of a PDF; nothing of it is kept"""
        campaign = self.step_id.campaign_id.with_company(self.company_id)
        recipient = self._recipient()
        now = fields.Datetime.now()
        letters = self.env["reactivation.channel.letter"]
        report = "patient_reactivation.action_report_letter_" + paper_of(
            letters._layout(self.company_id)
        )
        with self._undone():
            enrollment = self._try_enrollment(campaign, self.partner_id, now)
            delivery = self._try_delivery(enrollment, self.step_id, now)
            self._write_row(
                delivery, channel="letter", state="todo", recipient_id=recipient.id
            )
            self._try_offer(delivery, "letter")
            if self.lang:
                self._write_row(recipient, lang=self.lang)
            pdf, _kind = (
                self.env["ir.actions.report"]
                .sudo()
                .with_company(self.company_id)
                ._render_qweb_pdf(report, delivery.ids)
            )
        return pdf

    # ------------------------------------------------------------------- checks

    def _check_may(self):
        self.check_access("write")
        self.step_id.check_access("write")
        if not self.partner_id:
            raise UserError(
                self.env._("Choose the patient whose data fills in the e-mail.")
            )
        self.partner_id.check_access("read")

    def _checked_address(self):
        """:return: the address, which belongs to somebody of the clinic"""
        address = email_normalize(self.email_to or "")
        if not address:
            raise UserError(
                self.env._("Enter the e-mail address the test is sent to: your own.")
            )
        staff = (
            self.env["res.users"]
            .sudo()
            .search(
                [
                    ("email_normalized", "=", address),
                    ("share", "=", False),
                    ("company_ids", "in", self.company_id.ids),
                ],
                limit=1,
            )
        )
        if not staff:
            raise UserError(
                self.env._(
                    "A test contains a patient's data. It is sent only to people who "
                    "work at %(company)s, and %(address)s is the address of no user.",
                    company=self.company_id.name,
                    address=address,
                )
            )
        return address

    # ------------------------------------------------------------------ message

    def _build(self, address):
        """Write the message as the patient would get it, to somebody else.

        :return: (mail server, message)
        """
        step = self.step_id.sudo()
        campaign = step.campaign_id.with_company(self.company_id)
        with self._undone():
            enrollment = self._try_enrollment(
                campaign, self.partner_id, fields.Datetime.now()
            )
            delivery = self._try_delivery(enrollment, step, fields.Datetime.now())
            self._write_row(delivery, channel="mail", state="claimed")
            self._try_offer(delivery, "mail")
            mailing = self._pick_mailing(step, enrollment, bool(delivery.coupon_id))
            parts = self._parts(mailing, enrollment)
            server = mailing.mail_server_id.id
            sender = mailing.email_from or self.company_id.email_formatted
            attachments = [
                (file.name, file.raw or b"", file.mimetype)
                for file in mailing.attachment_ids
            ]
        body = PERSONAL_LINK.sub('href="#"', parts["body"])
        servers = self.env["ir.mail_server"].sudo()
        return servers.browse(server), servers._build_email__(
            email_from=sender,
            email_to=[address],
            subject=self.env._("[Test] %s", parts["subject"]),
            body=body,
            body_alternative=html2plaintext(body),
            # An answer to a test is no answer of a patient.
            reply_to=address,
            attachments=attachments,
            message_id=make_msgid("reactivation-test"),
            subtype="html",
            subtype_alternative="plain",
        )

    def _pick_mailing(self, step, enrollment, has_coupon):
        mailing = step.mailing_ids._for_offer(has_coupon).filtered(
            lambda item: self.lang and item.reactivation_lang == self.lang
        )[:1]
        mailing = mailing or step._pick_mailing(enrollment, has_coupon)
        if not mailing:
            raise UserError(
                self.env._("Step “%s” has no e-mail. Write one first.", step.name)
            )
        return mailing

    def _parts(self, mailing, enrollment):
        try:
            return self._mail_parts(mailing, enrollment)
        except (UserError, ValueError) as error:
            raise UserError(
                self.env._("The e-mail cannot be filled in: %s", error)
            ) from error

    def _hand_over(self, server, message):
        """Give the message to the mail server. Nothing of it is kept."""
        try:
            server.send_email(message, mail_server_id=server.id)
        except Exception as error:
            cause = self.env["reactivation.channel.mail"]._explain(error)
            raise UserError(self._failure(cause)) from error

    def _failure(self, cause):
        """:return: what the mail server said, in words"""
        words = {
            smtp.TEMPORARY: self.env._(
                "The mail server does not answer, or asks to try again later."
            ),
            smtp.PROVIDER: self.env._(
                "The mail server takes nothing from us. Check its name, user and "
                "password, and the sender of the campaign."
            ),
            smtp.UNUSABLE: self.env._("The mail server cannot use this address."),
            smtp.HARD_BOUNCE: self.env._("The mail server knows no such address."),
            smtp.UNCERTAIN: self.env._(
                "The connection broke off. The test may have arrived."
            ),
        }.get(cause.kind, self.env._("The mail server refused the test."))
        return self.env._(
            "%(what)s It says: %(details)s", what=words, details=cause.text or "–"
        )
