from markupsafe import Markup

from odoo import api, fields, models

# Expressions of the e-mail that are evaluated for each patient when it is sent.
# Nothing but plain `t-out`: managers may not save anything else in an e-mail.
BODY_PLACEHOLDERS = {
    "first_name_placeholder": Markup('<t t-out="object.patient_salutation"></t>'),
    "address_placeholder": Markup(
        '<t t-out="object.company_id.partner_id.contact_address_inline"></t>'
    ),
}

STEP_CHANNELS = [("mail", "E-mail"), ("call", "Phone call")]

CHANNEL_ICONS = {
    "mail": "fa-envelope",
    "sms": "fa-comment",
    "call": "fa-phone",
    "video": "fa-video-camera",
    "letter": "fa-file-text-o",
    "social": "fa-share-alt",
}


class ReactivationStep(models.Model):
    """One contact through one channel, some days after the one before."""

    _name = "reactivation.step"
    _description = "Step"
    _order = "sequence, id"

    name = fields.Char(required=True, default=lambda self: self.env._("E-mail"))
    sequence = fields.Integer(default=10)
    method_id = fields.Many2one(
        "reactivation.method", required=True, index=True, ondelete="cascade"
    )
    campaign_id = fields.Many2one(related="method_id.campaign_id", store=True)
    company_id = fields.Many2one(related="method_id.company_id", store=True)
    delay_days = fields.Integer(
        string="Delay (days)",
        help="Days after enrollment, or after the step before.",
    )
    channel = fields.Selection(STEP_CHANNELS, required=True, default="mail")
    fallback_channel = fields.Selection(
        STEP_CHANNELS,
        string="Otherwise",
        help="The channel to use when the first one cannot reach the patient: no "
        "address, opted out, refused by the mail server.",
    )
    valid_days = fields.Integer(
        string="Valid For (days)",
        default=14,
        required=True,
        help="What could not be sent so many days after it was due is not sent any "
        "more. Until then failed attempts are repeated.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Caller",
        help="Who gets the task. Empty: the responsible of the campaign.",
    )
    script = fields.Text(help="What the caller says to the patient.")
    # Only shown next to the campaign: one e-mail per language.
    mailing_ids = fields.One2many(
        "mailing.mailing", "reactivation_step_id", string="E-mails", copy=True
    )
    mailing_count = fields.Integer(compute="_compute_mailing_count", compute_sudo=True)

    _valid_check = models.Constraint(
        "CHECK(valid_days > 0)", "A step must be valid for at least one day."
    )
    _delay_check = models.Constraint(
        "CHECK(delay_days >= 0)", "A step cannot come before the one before it."
    )

    @api.onchange("channel")
    def _onchange_channel(self):
        """Name a new step by what it is, unless it has a name of its own."""
        labels = dict(self._fields["channel"]._description_selection(self.env))
        if not self.name or self.name in labels.values():
            self.name = labels.get(self.channel)

    def _channels(self):
        """:return: names of the channels of these steps, each once, in order"""
        names = []
        for step in self:
            names += [step.channel, step.fallback_channel]
        return [name for name in dict.fromkeys(names) if name]

    @api.depends("mailing_ids")
    def _compute_mailing_count(self):
        for step in self:
            step.mailing_count = len(step.mailing_ids)

    def _summary(self):
        """:return: what the campaign's form shows of this step, as JSON"""
        self.ensure_one()
        channels = dict(self._fields["channel"]._description_selection(self.env))
        languages = dict(self.env["res.lang"].get_installed())
        return {
            "id": self._origin.id,
            "name": self.name,
            "channel": channels.get(self.channel),
            "icon": CHANNEL_ICONS.get(self.channel, "fa-cog"),
            "fallback": channels.get(self.fallback_channel),
            "has_mail": "mail" in self._channels(),
            "has_call": "call" in self._channels(),
            "script": (self.script or "").strip().split("\n")[0],
            "mails": [
                {
                    "id": mailing._origin.id,
                    "subject": mailing.subject,
                    # "French / Français": by its own name in every language.
                    "lang": languages.get(mailing.reactivation_lang, "").split(" / ")[
                        -1
                    ],
                }
                for mailing in self.mailing_ids
            ],
        }

    def action_open_mailing(self):
        """Open the e-mail in Odoo's designer; a new one starts with our text."""
        self.ensure_one()
        mailing = self.mailing_ids[:1] or self._create_mailing()
        action = {
            "type": "ir.actions.act_window",
            "name": self.env._("E-mails of %s", self.name),
            "res_model": "mailing.mailing",
            "context": self._mailing_context(),
        }
        form = self.env.ref("patient_reactivation.mailing_mailing_view_form_step").id
        if len(self.mailing_ids) > 1:
            return action | {
                "views": [
                    (
                        self.env.ref(
                            "patient_reactivation.mailing_mailing_view_list_step"
                        ).id,
                        "list",
                    ),
                    (form, "form"),
                ],
                "domain": [("reactivation_step_id", "=", self.id)],
            }
        return action | {"res_id": mailing.id, "views": [(form, "form")]}

    def _mailing_context(self):
        return {
            "default_reactivation_step_id": self.id,
            "default_mailing_type": "mail",
            "default_mailing_model_id": self.env["ir.model"]._get_id(
                "reactivation.enrollment"
            ),
        }

    def _create_mailing(self, lang=None):
        """:return: a new e-mail of this step with the ready text of a language"""
        lang = lang or self.company_id.partner_id.lang or self.env.lang or "en_US"
        step = self.with_context(lang=lang)
        body = step.env["ir.qweb"]._render(
            "patient_reactivation.mailing_body_recall",
            {"company": self.company_id, **BODY_PLACEHOLDERS},
        )
        return self.env["mailing.mailing"].create(
            {
                "reactivation_step_id": self.id,
                "reactivation_lang": lang,
                "subject": step.env._("It is time for your next visit"),
                "preview": step.env._("We would be glad to see you again."),
                "body_html": body,
                "body_arch": body,
            }
        )

    def _pick_mailing(self, enrollment):
        """The e-mail in the recipient's language, the nearest one otherwise."""
        mailings = self.mailing_ids
        wanted = enrollment.recipient_id.lang or ""
        house = self.company_id.partner_id.lang or ""
        for test in (
            lambda lang: lang == wanted,
            lambda lang: wanted and lang[:2] == wanted[:2],
            lambda lang: lang == house,
        ):
            match = mailings.filtered(
                lambda mailing, test=test: test(mailing.reactivation_lang or "")
            )
            if match:
                return match[0]
        return mailings[:1]
