import re

from markupsafe import Markup

from odoo import fields, models

from .reactivation_step import (
    BODY_PLACEHOLDERS,
    CONDITIONS,
    DELAYS,
    FALLBACK_CHANNELS,
    STEP_CHANNELS,
    WEEKDAYS,
)
from .reactivation_step_offer import OFFERS
from .reactivation_step_survey import SURVEY_PLACEHOLDER

# What a step of a campaign has of the step of the template, as it is.
PLAN_FIELDS = (
    "delay_days",
    "delay_hours",
    "delay_from",
    "hour_from",
    "hour_to",
    "condition",
    "channel",
    "fallback_channel",
    "valid_days",
    "max_attempts",
    "offer",
)
TEXT_FIELDS = ("script", "letter_body", "message")

# What may stand in an e-mail, and what is evaluated for each patient when it is sent.
# The space goes with the name: "Hello," when none is known.
MAIL_PLACEHOLDERS = {
    " {first_name}": BODY_PLACEHOLDERS["first_name_placeholder"],
    "{first_name}": Markup('<t t-out="object.patient_first_name"></t>'),
    "{name}": Markup('<t t-out="object.partner_id.name"></t>'),
    "{clinic}": Markup('<t t-out="object.company_id.name"></t>'),
    "{phone}": Markup('<t t-out="object.company_id.phone"></t>'),
    "{website}": Markup('<t t-out="object.company_id.website"></t>'),
}
PLACEHOLDER = re.compile("|".join(re.escape(name) for name in MAIL_PLACEHOLDERS))

# Where the coupon stands, alone in its paragraph.
MAIL_COUPON = '<t t-out="object.coupon_offer"></t>'

# Mail programs know no classes: a paragraph carries its own distance.
PARAGRAPH_STYLE = ' style="margin:0 0 16px 0;"'


class ReactivationCampaignTemplateStep(models.Model):
    """One contact of a template, and its words in every language."""

    _name = "reactivation.campaign.template.step"
    _description = "Step of a Campaign Template"
    _order = "sequence, id"

    method_id = fields.Many2one(
        "reactivation.campaign.template.method",
        required=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="method_id.company_id", store=True)
    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    delay_days = fields.Integer(string="Delay (days)")
    delay_hours = fields.Integer(string="Delay (hours)")
    delay_from = fields.Selection(
        DELAYS,
        string="Counted From",
        required=True,
        default="previous",
    )
    is_workday = fields.Boolean(string="Monday to Friday Only", default=True)
    hour_from = fields.Float(string="From (hour)")
    hour_to = fields.Float(string="Until (hour)")
    condition = fields.Selection(CONDITIONS, required=True, default="always")
    channel = fields.Selection(STEP_CHANNELS, required=True, default="mail")
    fallback_channel = fields.Selection(FALLBACK_CHANNELS, string="Otherwise")
    offer = fields.Selection(OFFERS, required=True, default="none")
    survey_id = fields.Many2one("survey.survey", string="Asks", ondelete="set null")
    reward_program_id = fields.Many2one(
        "loyalty.program",
        string="Reward for the Answer",
        domain="[('program_type', '=', 'coupons')]",
        ondelete="set null",
    )
    valid_days = fields.Integer(string="Valid For (days)", default=14, required=True)
    max_attempts = fields.Integer(
        string="Calls Without an Answer", default=3, required=True
    )
    text_step_id = fields.Many2one(
        "reactivation.campaign.template.step",
        string="Same Words As",
        ondelete="set null",
        help="Another step whose words this one uses: two methods that say the same "
        "differ only in how they say it.",
    )
    subject = fields.Char(translate=True)
    preview = fields.Char(
        string="Preview Text",
        translate=True,
        help="What the inbox shows after the subject.",
    )
    mail_body = fields.Html(
        string="E-mail",
        translate=True,
        help="Paragraphs; the clinic's name, its postal address and the unsubscribe "
        "link are put around them. {first_name}, {clinic}, {phone} and {website} are "
        "filled in.",
    )
    script = fields.Text(translate=True)
    letter_body = fields.Html(string="Letter", translate=True)
    message = fields.Text(translate=True)

    # --------------------------------------------------------------------- plan

    def _step_values(self, number):
        """:return: values of the same step in a campaign"""
        values = {name: self[name] for name in PLAN_FIELDS}
        if self.is_workday:
            values |= {day: day not in ("sat", "sun") for day in WEEKDAYS}
        return values | {
            "name": self.name,
            "sequence": number + 1,
            "survey_id": self.survey_id.id,
            "reward_program_id": self.reward_program_id.id if self.survey_id else False,
        }

    def _kinds(self):
        """:return: names of the channels this step may take"""
        kinds = {self.channel, self.fallback_channel} - {False}
        return dict(FALLBACK_CHANNELS).keys() if "preferred" in kinds else kinds

    # -------------------------------------------------------------------- words

    def _words(self):
        """:return: the step whose words are used"""
        self.ensure_one()
        return self.text_step_id or self

    def _mailing_values(self, step, languages):
        """:return: list of values, of one e-mail for each language"""
        values = []
        for lang in languages:
            # English and French, seldom one more.
            words = self._words().with_context(lang=lang)
            body = words._mail_html(step.company_id)
            values.append(
                {
                    "reactivation_step_id": step.id,
                    "reactivation_lang": lang,
                    "subject": words.subject,
                    "preview": words.preview,
                    "body_html": body,
                    "body_arch": body,
                }
            )
        return values

    def _mail_html(self, company):
        """:return: the whole e-mail of a company, in the language of the context"""
        words = PLACEHOLDER.sub(
            lambda match: str(MAIL_PLACEHOLDERS[match[0]]), str(self.mail_body or "")
        )
        # A box is no paragraph.
        words = words.replace("<p>{coupon}</p>", MAIL_COUPON)
        words = words.replace("<p>{survey}</p>", SURVEY_PLACEHOLDER)
        words = words.replace("<p>", f"<p{PARAGRAPH_STYLE}>")
        return self.env["ir.qweb"]._render(
            "patient_reactivation.campaign_template_mail",
            {
                "company": company.sudo(),
                "words": Markup(words),
                "phone_placeholder": MAIL_PLACEHOLDERS["{phone}"],
                "address_placeholder": BODY_PLACEHOLDERS["address_placeholder"],
            },
        )

    def _translate(self, step):
        """Write the texts of a campaign's step in every installed language."""
        channels = self._kinds()
        wanted = {
            "script": "call" in channels,
            "letter_body": "letter" in channels,
            "message": "video" in channels or "social" in channels,
        }
        names = [name for name in TEXT_FIELDS if wanted[name]]
        languages = [code for code, _name in self.env["res.lang"].get_installed()]
        for lang in dict.fromkeys(["en_US", *languages]):
            # One write per language: a text is one of its own in each.
            words = self._words().with_context(lang=lang)
            if values := {name: words[name] for name in names if words[name]}:
                step.with_context(lang=lang).write(values)
