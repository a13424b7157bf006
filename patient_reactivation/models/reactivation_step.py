from markupsafe import Markup

from odoo import api, fields, models

from ..tools.problems import WARNING, problem

# Expressions of the e-mail that are evaluated for each patient when it is sent.
# Nothing but plain `t-out`: managers may not save anything else in an e-mail.
BODY_PLACEHOLDERS = {
    "first_name_placeholder": Markup('<t t-out="object.patient_salutation"></t>'),
    "address_placeholder": Markup(
        '<t t-out="object.company_id.partner_id.contact_address_inline"></t>'
    ),
}

# The channels a step may have; what a step falls back to names one for certain.
FALLBACK_CHANNELS = [
    ("mail", "E-mail"),
    ("call", "Phone call"),
    ("video", "Video call"),
    ("letter", "Letter"),
    ("social", "Social media"),
]
STEP_CHANNELS = [
    *FALLBACK_CHANNELS,
    ("action", "Server action"),
    ("preferred", "The patient's own channel"),
]

CHANNEL_ICONS = {
    "mail": "fa-envelope",
    "sms": "fa-comment",
    "call": "fa-phone",
    "video": "fa-video-camera",
    "letter": "fa-file-text-o",
    "social": "fa-share-alt",
    "action": "fa-bolt",
    "preferred": "fa-user",
}


def channel_icon(name):
    """:return: the icon of a channel; that of another addon may have none"""
    return CHANNEL_ICONS.get(name, "fa-cog")


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Where the delay of a step begins; before a coupon's last day it runs backwards.
DELAYS = [
    ("previous", "The step before"),
    ("enrollment", "Enrollment"),
    ("coupon", "The coupon's last day (before it)"),
    ("answer", "The answer to the survey (only then)"),
]

CONDITIONS = [
    ("always", "Always"),
    ("not_opened", "If the step before was not opened"),
    ("not_clicked", "If no link of the step before was clicked"),
    ("not_replied", "If the step before was not answered"),
    ("not_surveyed", "If the survey was not answered"),
]

# What may change while patients are on the way: nothing they would notice.
UNLOCKED_FIELDS = {"name", "user_id", "mailing_ids"}


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
        help="Days on the clinic's calendar; the hours are added to them.",
    )
    delay_hours = fields.Integer(
        string="Delay (hours)", help="Hours on top of the days."
    )
    delay_from = fields.Selection(
        DELAYS,
        string="Counted From",
        required=True,
        default="previous",
        help="Where the delay of this step begins. The first step always counts "
        "from the enrollment. A reminder comes so long before the coupon's last day.",
    )
    mon = fields.Boolean(string="Mon", default=True)
    tue = fields.Boolean(string="Tue", default=True)
    wed = fields.Boolean(string="Wed", default=True)
    thu = fields.Boolean(string="Thu", default=True)
    fri = fields.Boolean(string="Fri", default=True)
    sat = fields.Boolean(string="Sat", default=True)
    sun = fields.Boolean(string="Sun", default=True)
    hour_from = fields.Float(
        string="From (hour)",
        help="Only from this hour of the patient's own day. 0:00 to 0:00: at any "
        "hour the patient may be contacted.",
    )
    hour_to = fields.Float(
        string="Until (hour)", help="Only until this hour of the patient's own day."
    )
    condition = fields.Selection(
        CONDITIONS,
        required=True,
        default="always",
        help="What the patient did with the step before. Programs that open and "
        "click by themselves do not count.",
    )
    channel = fields.Selection(STEP_CHANNELS, required=True, default="mail")
    fallback_channel = fields.Selection(
        FALLBACK_CHANNELS,
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
    max_attempts = fields.Integer(
        string="Calls Without an Answer",
        required=True,
        default=3,
        help="After so many calls that nobody answered the step is given up.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Caller",
        help="Who gets the task. Empty: the responsible of the campaign.",
    )
    is_locked = fields.Boolean(related="method_id.is_locked")
    # Only shown next to the campaign: one e-mail per language.
    mailing_ids = fields.One2many(
        "mailing.mailing", "reactivation_step_id", string="E-mails", copy=True
    )
    mailing_count = fields.Integer(compute="_compute_mailing_count", compute_sudo=True)

    _valid_check = models.Constraint(
        "CHECK(valid_days > 0)", "A step must be valid for at least one day."
    )
    _delay_check = models.Constraint(
        "CHECK(delay_days >= 0 AND COALESCE(delay_hours, 0) >= 0)",
        "Delay: a step cannot come before the one before it.",
    )
    _weekdays_check = models.Constraint(
        "CHECK(mon OR tue OR wed OR thu OR fri OR sat OR sun)",
        "Weekdays: choose at least one day on which the step may take place.",
    )
    _hours_check = models.Constraint(
        "CHECK(COALESCE(hour_from, 0) = 0 AND COALESCE(hour_to, 0) = 0"
        " OR hour_from >= 0 AND hour_from < hour_to AND hour_to <= 24)",
        "Hours: “From” must be before “Until”, both between 0:00 and 24:00. Set both "
        "to 0:00 for any hour.",
    )
    _attempts_check = models.Constraint(
        "CHECK(max_attempts >= 1)",
        "Calls without an answer: at least one call must be tried.",
    )

    @api.onchange("channel")
    def _onchange_channel(self):
        """Name a new step by what it is, unless it has a name of its own."""
        labels = dict(self._fields["channel"]._description_selection(self.env))
        if not self.name or self.name in labels.values():
            self.name = labels.get(self.channel)

    # --------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        steps.method_id._check_unlocked()
        return steps

    def write(self, vals):
        if vals.keys() - UNLOCKED_FIELDS:
            self.method_id._check_unlocked()
        result = super().write(vals)
        if "method_id" in vals:
            self.method_id._check_unlocked()
        return result

    def update_field_translations(self, field_name, translations, source_lang=""):
        if field_name not in UNLOCKED_FIELDS:
            self.method_id._check_unlocked()
        return super().update_field_translations(
            field_name, translations, source_lang=source_lang
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_unused_only(self):
        self.method_id._check_unlocked()

    # ----------------------------------------------------------------- channels

    def _channels(self):
        """:return: names of the channels of these steps, each once, in order; for
        the patient's own channel those that have something to say"""
        names = []
        for step in self:
            if step.channel == "preferred":
                names += step._content_channels()
            else:
                names.append(step.channel)
            names.append(step.fallback_channel)
        return [name for name in dict.fromkeys(names) if name]

    def _content_channels(self):
        """:return: names of the channels this step has something to say on"""
        self.ensure_one()
        return [
            name
            for name, _label in FALLBACK_CHANNELS
            if self._channel_kind(name)._has_content(self)
        ]

    def _channel_kind(self, name):
        return self.env[f"reactivation.channel.{name}"]

    def _channel_problems(self):
        """:return: list of sentences or dicts: what keeps the step from working"""
        self.ensure_one()
        problems = []
        for name in self._channels():
            # A step has one channel, or two with the one it falls back to.
            problems += self._channel_kind(name)._step_problems(self)
        if self.channel == "preferred" and not self._content_channels():
            problems.append(
                self.env._(
                    "Step “%s” is for the patient's own channel and has nothing to "
                    "say on any. Write an e-mail, a script or a letter.",
                    self.name,
                )
            )
        return problems

    def _condition_problems(self, before):
        """:param before: the step before this one, or none
        :return: list of dicts: conditions that mean nothing
        """
        self.ensure_one()
        if self.condition in ("always", "not_surveyed"):
            return []
        if not before:
            return [
                problem(
                    self.env._(
                        "Step “%s” is the first one: there is no step before it that "
                        "its condition could be about.",
                        self.name,
                    ),
                    self,
                )
            ]
        if "mail" in before._channels():
            return []
        return [
            problem(
                self.env._(
                    "The condition of step “%(step)s” is about an e-mail, and the step "
                    "before it, “%(before)s”, sends none: it always takes place.",
                    step=self.name,
                    before=before.name,
                ),
                self,
                WARNING,
            )
        ]

    @api.depends("mailing_ids")
    def _compute_mailing_count(self):
        for step in self:
            step.mailing_count = len(step.mailing_ids)

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

    def action_open_step(self):
        """Open the step in a dialog, over the campaign."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": self._name,
            "res_id": self.id,
            "views": [
                (
                    self.env.ref("patient_reactivation.reactivation_step_view_form").id,
                    "form",
                )
            ],
            "target": "new",
        }

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

    def _pick_mailing(self, enrollment, has_coupon=False):
        """The e-mail in the recipient's language, the nearest one otherwise.

        :param bool has_coupon: the patient gets a coupon with it
        """
        # An e-mail in a language that was removed since is the last resort.
        installed = dict(self.env["res.lang"].get_installed())
        mailings = self.mailing_ids._for_offer(has_coupon)
        mailings = (
            mailings.filtered(lambda mailing: mailing.reactivation_lang in installed)
            or mailings
        )
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
