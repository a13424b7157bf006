from babel.dates import format_skeleton
from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_time
from odoo.tools.misc import babel_locale_parse

from ..models.reactivation_delivery_task import MANUAL_CHANNELS
from ..models.reactivation_step import channel_icon


class ReactivationRehearsalLine(models.TransientModel):
    """One step of a rehearsal."""

    _name = "reactivation.rehearsal.line"
    _description = "Step of a Rehearsal"
    _order = "sequence, id"

    rehearsal_id = fields.Many2one(
        "reactivation.rehearsal", required=True, ondelete="cascade"
    )
    sequence = fields.Integer(readonly=True)
    step_id = fields.Many2one("reactivation.step", readonly=True, ondelete="cascade")
    name = fields.Char(readonly=True)
    date = fields.Datetime(string="When", readonly=True)
    clinic_time = fields.Char(string="At the Clinic", readonly=True)
    patient_time = fields.Char(
        string="At the Patient's", readonly=True, help="Empty: the same clock."
    )
    channel = fields.Char(string="Channel's Code", readonly=True)
    channel_name = fields.Char(string="Channel", readonly=True)
    address = fields.Char(string="To", readonly=True)
    outcome = fields.Selection(
        [("sent", "Sent"), ("waits", "Still Waiting"), ("skipped", "Not Sent")],
        readonly=True,
    )
    reason = fields.Char(string="Why", readonly=True)
    explanation = fields.Text(readonly=True)
    reaction = fields.Text(string="What a Reaction Changes", readonly=True)
    subject = fields.Char(readonly=True)
    preview = fields.Char(string="Preview Text", readonly=True)
    # Rendered by the campaign's own content, shown in a frame only.
    content = fields.Html(sanitize=False, readonly=True)

    def _is_by_hand(self):
        return self.channel in MANUAL_CHANNELS

    def _icon(self):
        return channel_icon(self.channel)


class ReactivationRehearsal(models.TransientModel):
    """The rehearsal in words."""

    _inherit = "reactivation.rehearsal"

    # --------------------------------------------------------------------- line

    def _line(self, step, delivery, story):
        """:return: values of the line of a step that was played"""
        people = self.env["res.partner"].sudo()
        recipient = people.browse(story.recipient_id) or self.partner_id.sudo()
        channel = delivery.channel
        if channel == "preferred":
            channel = step.channel
        values = {
            "step_id": step.id,
            "name": step.name,
            "date": story.moment,
            "channel": channel,
            "channel_name": self._channel_name(channel),
            "address": self._mask(recipient, channel),
            "outcome": story.outcome,
            "reason": self._refusal_label(story.refusal),
            "explanation": "\n".join(
                self._explanation(story, channel, recipient)
                + self._offer_explanation(delivery)
            ),
            "reaction": self._reaction(step),
            **self._times(story.moment, recipient),
        }
        return values | self._content(step, delivery, channel, recipient)

    def _channel_name(self, channel):
        field = self.env["reactivation.step"]._fields["channel"]
        return dict(field._description_selection(self.env)).get(channel, channel)

    def _content(self, step, delivery, channel, recipient):
        """What the patient sees or hears."""
        if channel == "action":
            name = step.sudo().action_id.display_name
            return {
                "content": Markup("<p>%s</p>")
                % self.env._("Runs the action “%s”.", name or "–")
            }
        if channel != "mail":
            coupons = delivery.coupon_id
            patient = self.partner_id.sudo()
            text = self._text_of(step, channel, patient, recipient, coupons)
            return {"content": text}
        mailing = step.sudo()._pick_mailing(
            delivery.enrollment_id, bool(delivery.coupon_id)
        )
        if not mailing:
            return {"content": False}
        try:
            parts = self._mail_parts(mailing, delivery.enrollment_id)
        except (UserError, ValueError) as error:
            return {
                "content": Markup("<p>%s</p>")
                % self.env._("The e-mail cannot be filled in: %s", error)
            }
        return {
            "subject": parts["subject"],
            "preview": parts["preview"],
            "content": parts["body"],
        }

    # -------------------------------------------------------------------- words

    def _explanation(self, story, channel, recipient):
        """:return: list of sentences: what happens, and why"""
        lines = []
        for tried, refusal in story.tried:
            lines.append(
                self.env._(
                    "Not by %(channel)s: %(reason)s.",
                    channel=self._channel_name(tried),
                    reason=self._refusal_label(refusal),
                )
            )
        if story.waits:
            reasons = dict.fromkeys(self._refusal_label(code) for code in story.waits)
            lines.append(
                self.env._(
                    "Due %(due)s, waits until %(until)s: %(reason)s.",
                    due=self._clinic_time(story.due),
                    until=self._clinic_time(story.moment),
                    reason=", ".join(reasons),
                )
            )
        if story.refusal:
            reason = self._refusal_label(story.refusal)
            lines.append(self.env._("Not sent: %s.", reason))
        elif story.is_open:
            lines.append(self.env._("It is not clear until when it waits."))
        elif channel in MANUAL_CHANNELS:
            lines.append(self.env._("Becomes a task in the work list."))
        elif channel == "action":
            lines.append(self.env._("The action runs by itself."))
        else:
            lines.append(self.env._("Is sent by itself."))
        if recipient != self.partner_id and not story.refusal:
            lines.append(
                self.env._("Goes to the guardian, %s.", recipient.display_name)
            )
        return lines

    def _offer_explanation(self, delivery):
        """:return: list of sentences: the coupon of the step, or why there is none"""
        coupon = delivery.coupon_id.sudo().with_env(self.env(su=True))
        if coupon:
            return [
                self.env._(
                    "With a coupon: %(offer)s, until %(until)s.",
                    offer=coupon.offer,
                    until=coupon._until_text(),
                )
            ]
        if delivery.offer_refusal:
            labels = dict(
                delivery._fields["offer_refusal"]._description_selection(self.env)
            )
            return [
                self.env._("Without the offer: %s.", labels[delivery.offer_refusal])
            ]
        return []

    def _reaction(self, step):
        """:return: what the patient can do to make the step unnecessary"""
        if step.delay_from == "answer":
            return self.env._("Only if the patient answers the survey.")
        return {
            "not_opened": self.env._(
                "Left out if the patient opens the message before."
            ),
            "not_clicked": self.env._(
                "Left out if the patient clicks a link in the message before, or "
                "answers it."
            ),
            "not_replied": self.env._(
                "Left out if the patient answers the message before."
            ),
            "not_surveyed": self.env._("Left out if the patient answers the survey."),
        }.get(step.condition, False)

    def _notes(self):
        """:return: list of (kind of alert, sentence) that stand above the steps"""
        notes = []
        if self.refusal:
            notes.append(
                (
                    "warning",
                    self.env._(
                        "%(patient)s would not be enrolled: %(reason)s. These are the "
                        "steps as they would be otherwise.",
                        patient=self.partner_id.name or "",
                        reason=self.refusal,
                    ),
                )
            )
        elif self.is_control:
            notes.append(
                (
                    "info",
                    self.env._(
                        "By chance %(patient)s is in the control group and would not "
                        "be contacted. These are the steps as they would be otherwise.",
                        patient=self.partner_id.name or "",
                    ),
                )
            )
        elif self.chance_method_id == self.method_id:
            notes.append(
                (
                    "success",
                    self.env._(
                        "%(patient)s would be enrolled and get this method.",
                        patient=self.partner_id.name or "",
                    ),
                )
            )
        else:
            notes.append(
                (
                    "info",
                    self.env._(
                        "%(patient)s would be enrolled and by chance get the method "
                        "“%(method)s”. You are looking at “%(chosen)s”.",
                        patient=self.partner_id.name or "",
                        method=self.chance_method_id.name or "",
                        chosen=self.method_id.name,
                    ),
                )
            )
        return notes + self._notes_plan()

    def _notes_plan(self):
        lines = [
            (
                "light",
                self.env._(
                    "As if the patient did not react to anything: whoever books, "
                    "comes back or says no gets no further step."
                ),
            )
        ]
        if self.campaign_id.daily_limit and not self.refusal:
            lines.append(
                (
                    "light",
                    self.env._(
                        "The campaign enrolls %s patients a day: it may begin later.",
                        self.campaign_id.daily_limit,
                    ),
                )
            )
        return lines

    # -------------------------------------------------------------------- times

    def _clinic_time(self, moment):
        return self._time_in(moment, self.company_id._reactivation_zone())

    def _time_in(self, moment, zone):
        """:return: day and time of a naive UTC moment, as the reader writes it"""
        local = fields.Datetime.context_timestamp(self.with_context(tz=zone), moment)
        locale = babel_locale_parse(self.env.lang or "en_US")
        day = format_skeleton("MMMEd", local, locale=locale)
        return f"{day}, {format_time(self.env, local.time(), time_format='short')}"

    def _times(self, moment, recipient):
        clinic = self.company_id.sudo()
        zone = self.env["reactivation.contact.rule"]._zone_of(recipient, clinic)
        here = self._clinic_time(moment)
        there = self._time_in(moment, zone)
        if there == here:
            return {"clinic_time": here, "patient_time": False}
        there = self.env._("(where the patient is: %s)", there)
        return {"clinic_time": here, "patient_time": there}
