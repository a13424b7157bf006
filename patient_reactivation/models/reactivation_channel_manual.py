from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_list

from ..tools.languages import own_name
from ..tools.placeholders import plain


class ReactivationChannelManual(models.AbstractModel):
    """A channel on which a person of the clinic makes the contact.

    A delivery becomes a task for the front desk, and is done when somebody says so.
    A family that is told together is one task.
    """

    _name = "reactivation.channel.manual"
    _inherit = "reactivation.channel"
    _description = "Channel of the Front Desk"
    _activity_xml_id = "mail.mail_activity_data_todo"

    @api.model
    def _activity_type(self):
        """:return: the type of the task; one that was deleted is a to-do"""
        kind = self.env.ref(self._activity_xml_id, raise_if_not_found=False)
        return kind or self.env.ref("mail.mail_activity_data_todo")

    @api.model
    def _summary(self, delivery):
        """:return: what is to be done, in a line, in the staff's language"""
        raise NotImplementedError

    @api.model
    def _note(self, delivery):
        """:return: Markup: all that is needed to do it, in the staff's language"""
        raise NotImplementedError

    @api.model
    def _deliver(self, deliveries):
        """Make one task per patient or family, for the step's caller."""
        campaign = deliveries.campaign_id
        company = deliveries.company_id
        enrollment_model = self.env["ir.model"]._get_id("reactivation.enrollment")
        kind = self._activity_type()
        user = deliveries.step_id.user_id.filtered("active") or campaign._caretaker()
        today = company._reactivation_today()
        # A scheduled action has no language of its own.
        texts = self.with_context(lang=user.lang or self.env.lang)
        # Two hundred calls are one list to work through, not two hundred e-mails.
        tasks = self.env["mail.activity"].sudo()
        activities = tasks.with_context(mail_activity_quick_update=True).create(
            [
                {
                    "res_model_id": enrollment_model,
                    "res_id": delivery.enrollment_id.id,
                    "activity_type_id": kind.id,
                    "user_id": user.id,
                    "date_deadline": today,
                    "summary": texts._summary(delivery),
                    "note": texts._note(delivery),
                }
                for delivery in deliveries
            ]
        )
        for delivery, activity in zip(deliveries, activities, strict=True):
            # Each delivery has a task of its own; written together at the flush.
            delivery.activity_id = activity
        deliveries._with_members().write(
            {"state": "todo", "settled_on": fields.Datetime.now()}
        )

    # -------------------------------------------------------------------- texts

    @api.model
    def _who(self, delivery):
        """:return: the names of everybody the contact is about"""
        names = [
            plain(name) for name in delivery._patients().sorted("id").mapped("name")
        ]
        return format_list(self.env, filter(None, names))

    @api.model
    def _whom(self, delivery):
        """:return: who is called or written to; a family by all of its names"""
        patients = delivery._patients()
        if delivery.recipient_id in patients and len(patients) > 1:
            return self._who(delivery)
        return plain(delivery.recipient_id.name)

    @api.model
    def _person_lines(self, delivery):
        """:return: list of Markup: whom one speaks with, and about whom"""
        recipient = delivery.recipient_id
        patients = delivery._patients()
        lines = []
        if recipient not in patients:
            lines.append(
                self.env._("Guardian of %(patient)s", patient=self._who(delivery))
            )
        elif len(patients) > 1:
            lines.append(
                self.env._("For the whole family: %(names)s", names=self._who(delivery))
            )
        if recipient.lang and recipient.lang != self.env.lang:
            languages = dict(self.env["res.lang"].get_installed())
            if language := languages.get(recipient.lang):
                lines.append(
                    self.env._("Language: %(language)s", language=own_name(language))
                )
        return [Markup("<p>%s</p>") % line for line in lines]

    @api.model
    def _paragraphs(self, text):
        """:return: list of Markup: a paragraph per line of a plain text"""
        return [Markup("<p>%s</p>") % line for line in (text or "").splitlines()]

    @api.model
    def _script_lines(self, delivery):
        """:return: list of Markup: the words to say, in the staff's language"""
        step = delivery.step_id.with_env(self.env)
        return self._paragraphs(step._fill(step.script, delivery))

    @api.model
    def _message_of(self, delivery):
        """:return: what is written to the patient, in the patient's language"""
        step = delivery.step_id.with_context(
            lang=self._reader_lang(delivery.recipient_id, delivery.company_id)
        )
        return step._fill(step.message, delivery)
