import hashlib

from markupsafe import Markup

from odoo import api, models
from odoo.tools import SQL, email_normalize
from odoo.tools.mail import email_normalize_all

from ..tools import mail_signals

# As much of an answer as the task shows; all of it is in the conversation.
NOTE_LENGTH = 300

# As much of a patient's words as is kept to prove what was said.
PROOF_LENGTH = 200


class ReactivationEnrollment(models.Model):
    """The conversation with the patient: what an answer means, and who reads it."""

    _name = "reactivation.enrollment"
    _inherit = ["reactivation.enrollment", "mail.activity.mixin"]

    # The front desk reads enrollments, and may mark the tasks on them as done.
    _mail_post_access = "read"

    @api.model
    def _reply_activity_type(self):
        kind = self.env.ref(
            "patient_reactivation.mail_activity_type_reply", raise_if_not_found=False
        )
        # Somebody may have deleted it: answers must get through all the same.
        return (kind or self.env.ref("mail.mail_activity_data_todo")).sudo()

    @api.model
    def _open_reply_sql(self):
        """:return: SQL of a boolean over the alias `enrollment`: an answer of the
        patient waits for one of the clinic"""
        return SQL(
            """EXISTS (
                SELECT FROM mail_activity
                 WHERE mail_activity.res_model = 'reactivation.enrollment'
                   AND mail_activity.res_id = enrollment.id
                   AND mail_activity.activity_type_id = %s
                   AND mail_activity.active)""",
            self._reply_activity_type().id,
        )

    def _kind_of_answer(self, message, message_dict):
        """:return: "auto" (a machine), "staff" (of the clinic), or "person" """
        if mail_signals.is_auto_reply(message, message_dict.get("subject")):
            return "auto"
        author = self.env["res.partner"].sudo().browse(message_dict.get("author_id"))
        own = author in self.recipient_id | self.partner_id
        if author and not own:
            companies = self.env["res.company"].sudo().search([])
            if not author.partner_share or author in companies.partner_id:
                return "staff"
        return "person"

    def _note_answer(self, kind, answer):
        """Note what an incoming e-mail says.

        :param str kind: see `_kind_of_answer`
        :param dict answer: sender, subject, text, message_id, references
        """
        outcomes = self.env["reactivation.outcome"].sudo()
        for enrollment in self:
            # An answer is about one enrollment, seldom about two.
            delivery = enrollment._answered_delivery(answer["references"])
            if kind == "auto":
                outcomes._append("auto_replied", delivery)
            elif kind == "person":
                outcomes._append("replied", delivery)
                enrollment._obey(delivery, answer)
                enrollment._ask_for_answer(answer)

    def _answered_delivery(self, references):
        """:return: the delivery that was answered: the one that is referred to, or
        else the last that was sent"""
        traces = self.env["mailing.trace"]._reactivation_find(references)
        traces = traces._reactivation_arrived()
        deliveries = traces.reactivation_delivery_id & self.sudo().delivery_ids
        if not deliveries:
            deliveries = self.sudo().delivery_ids.filtered("sent_on")
        return deliveries.sorted(lambda item: (item.sent_on is False, item.id))[-1:]

    # ------------------------------------------------------------------ opt-out

    def _obey(self, delivery, answer):
        """A word that ends it all, from the address that was written to."""
        sender = email_normalize(answer["sender"] or "")
        recipient = delivery.recipient_id or self.recipient_id
        own = {
            *email_normalize_all(recipient.email or ""),
            *self.env["mailing.trace"]
            ._reactivation_find(answer["references"])
            .mapped("email"),
        }
        if not sender or sender not in own:
            return
        words = answer["text"].strip() or answer["subject"] or ""
        if mail_signals.opt_out_words(words):
            digest = hashlib.sha256((answer["message_id"] or "").encode()).hexdigest()
            self._withdraw_by_mail(delivery, sender, f"reply:{digest}", words)
            self.env["reactivation.outcome"].sudo()._append("unsubscribed", delivery)

    def _withdraw_by_mail(self, delivery, address, key, words=False):
        """No e-mail of any kind to this person and this address any more.

        :param str key: noting the same again changes nothing
        """
        self.ensure_one()
        person = delivery.recipient_id or self.recipient_id or self.partner_id
        if not person:
            # Erased in the meantime: there is nobody left to write to.
            return
        self.env["reactivation.consent"].sudo()._withdraw(
            person,
            self.company_id,
            "mail",
            "all",
            "reply",
            address=address,
            text=words and self._plain(words)[:PROOF_LENGTH],
            key=key,
        )

    # --------------------------------------------------------------------- task

    def _message_post_after_hook(self, message, msg_vals):
        """Whoever answers the patient has done the task of answering."""
        result = super()._message_post_after_hook(message, msg_vals)
        if self._is_answer_of_staff(message):
            self._reply_tasks()._action_done()
        return result

    def _is_answer_of_staff(self, message):
        """:return: bool: somebody of the clinic wrote this to the patient"""
        return (
            message.message_type == "comment"
            and not message.subtype_id.internal
            and self.env.user._is_internal()
            and message.author_id == self.env.user.partner_id
            and bool(
                (message.partner_ids | self.message_partner_ids)
                & (self.recipient_id | self.partner_id)
            )
        )

    def _reply_tasks(self):
        """:return: the open tasks of answering these patients, as superuser"""
        return (
            self.env["mail.activity"]
            .sudo()
            .search(
                [
                    ("res_model", "=", self._name),
                    ("res_id", "in", self.ids),
                    ("activity_type_id", "=", self._reply_activity_type().id),
                ]
            )
        )

    @api.model
    def _plain(self, text):
        """Text as a database can keep it."""
        return " ".join((text or "").replace("\0", " ").split())

    def _ask_for_answer(self, answer):
        """One open task for whoever looks after the campaign.

        While it is open, nothing is sent to the patient (`_open_reply_sql`).
        """
        self.ensure_one()
        if self._reply_tasks():
            return
        kind = self._reply_activity_type()
        activities = self.env["mail.activity"].sudo()
        owner = self.campaign_id._caretaker()
        texts = self.with_context(lang=owner.lang or self.env.lang)
        # The sender is named only in the conversation; the task must not send
        # e-mails of its own, with the patient's words, to anybody.
        activities.with_context(mail_activity_quick_update=True).create(
            {
                "res_model_id": self.env["ir.model"]._get_id(self._name),
                "res_id": self.id,
                "activity_type_id": kind.id,
                "user_id": owner.id,
                "date_deadline": self.company_id._reactivation_today(),
                "automated": True,
                "summary": texts.env._(
                    "Reply of %(patient)s", patient=self._plain(self.partner_id.name)
                ),
                "note": Markup("<p>%s</p>")
                % self._plain(answer["text"] or answer["subject"])[:NOTE_LENGTH],
            }
        )
