from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.i18n import format_list

from ..tools import placeholders
from ..tools.links import SURVEY_PATH
from ..tools.problems import problem


class HtmlByLanguage(fields.Html):
    """A formatted text that is a text of its own in every language.

    Odoo's translated HTML is one structure with translated sentences: whoever
    writes the French letter would change the English one.
    """

    def _get_attrs(self, model_class, name):
        attrs = super()._get_attrs(model_class, name)
        attrs["translate"] = True
        return attrs


class ReactivationStep(models.Model):
    """What a step says, on each channel it may take."""

    _inherit = "reactivation.step"

    script = fields.Text(
        translate=True,
        help="What the caller says to the patient. {first_name}, {clinic} and the "
        "other placeholders are filled in.",
    )
    letter_body = HtmlByLanguage(
        string="Letter",
        sanitize_style=True,
        help="The text of the letter, in the language of whoever gets it. Date, "
        "address and the clinic's name are added. {first_name}, {clinic} and the "
        "other placeholders are filled in.",
    )
    message = fields.Text(
        translate=True,
        help="What is written to the patient, in the patient's language. "
        "{first_name}, {clinic}, {link}, {video_link} and the other placeholders are "
        "filled in.",
    )
    action_id = fields.Many2one(
        "ir.actions.server",
        string="Action",
        domain="[('model_name', '=', 'reactivation.enrollment'),"
        " ('usage', '=', 'ir_actions_server')]",
        ondelete="set null",
        help="Runs for each patient, on the enrollment. An administrator writes such "
        "actions.",
    )

    @api.constrains("action_id")
    def _check_action_id(self):
        """The action runs as the server: only one that whoever chooses it may run."""
        for step in self.filtered("action_id"):
            action = step.action_id.sudo()
            if action.model_name != "reactivation.enrollment":
                raise ValidationError(
                    self.env._(
                        "The action of step “%(step)s” does not work on enrollments.",
                        step=step.name,
                    )
                )
            groups, user = action.group_ids, self.env.user
            # A constraint is always checked as superuser: asked is who is at work.
            may_run = user._is_superuser() or groups & user.all_group_ids
            if groups and not may_run:
                raise ValidationError(
                    self.env._(
                        "You may not run the action “%(action)s”: it is for others.",
                        action=action.name,
                    )
                )

    def _content(self):
        """:return: all that the patients of this step are told, as plain values"""
        self.ensure_one()
        step = self.sudo()
        texts = [
            [name, lang, str(step.with_context(lang=lang)[name] or "")]
            for name in ("script", "letter_body", "message")
            for lang, _label in self.env["res.lang"].get_installed()
        ]
        return [*texts, ["action_id", "", step.action_id.id]]

    # ------------------------------------------------------------- placeholders

    def _placeholder_problems(self, name):
        """:return: list of sentences and dicts: placeholders of one text that cannot
        be filled in, in any of the languages

        :param str name: name of the field with the text
        """
        self.ensure_one()
        missing, broken = set(), False
        for lang, _label in self.env["res.lang"].get_installed():
            # A handful of languages.
            text = self.with_context(lang=lang)[name]
            missing.update(placeholders.unknown(text))
            broken = broken or placeholders.is_broken(text)
        problems = [
            self.env._(
                "Step “%(step)s” uses the placeholder {%(placeholder)s}, which does "
                "not exist. There are: %(known)s.",
                step=self.name,
                placeholder=placeholder,
                known=", ".join(f"{{{known}}}" for known in placeholders.KNOWN),
            )
            for placeholder in sorted(missing)
        ]
        if broken:
            problems.append(
                self.env._(
                    "Step “%(step)s” has a brace without its partner: a placeholder "
                    "looks like {first_name}.",
                    step=self.name,
                )
            )
        return problems + self._empty_placeholder_problems(name)

    def _empty_placeholder_problems(self, name):
        """Placeholders of the clinic that would leave a hole in the sentence."""
        wanted = set()
        for lang, _label in self.env["res.lang"].get_installed():
            wanted |= placeholders.names(self.with_context(lang=lang)[name])
        company = self.company_id.sudo()
        problems = []
        if "video_link" in wanted and not company.reactivation_video_url:
            problems.append(
                self.env._(
                    "Step “%(step)s” mentions the video link, and %(company)s has "
                    "none. Enter it in the settings.",
                    step=self.name,
                    company=company.name,
                )
            )
        if wanted & {"website", "link"} and not company.website:
            problems.append(
                problem(
                    self.env._(
                        "The texts mention the website, and %(company)s has none. "
                        "Enter it in the company's form.",
                        company=company.name,
                    ),
                    self.company_id._reactivation_mendable(),
                )
            )
        if "phone" in wanted and not company.phone:
            problems.append(
                problem(
                    self.env._(
                        "The texts mention the clinic's phone number, and %(company)s "
                        "has none. Enter it in the company's form.",
                        company=company.name,
                    ),
                    self.company_id._reactivation_mendable(),
                )
            )
        return problems

    def _fill(self, text, delivery):
        """Fill in the placeholders of a text for the patients of one delivery.

        :param text: str, or Markup (the values are escaped)
        :return: of the same type; in the language of the environment
        """
        delivery = delivery.sudo()
        return self._fill_for(
            text,
            delivery._patients().sorted("id"),
            delivery._with_members().coupon_id.sorted("id"),
            survey=delivery.enrollment_id.feedback_ids[:1],
        )

    def _fill_for(self, text, patients, coupons=None, offer=None, survey=None):
        """Fill in the placeholders of a text for one or several patients.

        :param coupons: those of these patients; what is said of coupons is left out
            where there is none, or none that may be used any more
        :param dict offer: what is said of a coupon instead, for a trial
        :param survey: what the patient is asked; a trial has none, and its link leads
            nowhere
        """
        self.ensure_one()
        text = text or ""
        values = self._placeholder_values(patients, placeholders.names(text))
        if "survey_link" in placeholders.names(text):
            base = f"{self.get_base_url()}{SURVEY_PATH}…"
            values["survey_link"] = survey._links()[survey.id] if survey else base
        if not offer and coupons:
            offer = coupons.with_env(self.env).sudo()._lawful_to_show()._texts()
        if offer and offer["coupon_code"]:
            values |= {name: placeholders.plain(offer[name]) for name in offer}
        elif placeholders.names(text) & placeholders.OF_COUPONS:
            text = placeholders.without_coupons(text)
        return placeholders.fill(text, values)

    def _placeholder_values(self, patients, wanted=placeholders.KNOWN):
        """:return: {name: value as plain text} of the placeholders that are wanted"""
        company = self.company_id.sudo()
        people = [placeholders.plain(name) for name in patients.mapped("name")]
        people = [name for name in people if name]
        makers = {
            "first_name": lambda: format_list(
                self.env, [name.split()[0] for name in people]
            ),
            "name": lambda: format_list(self.env, people),
            "clinic": lambda: company.name,
            "phone": lambda: company.phone,
            "website": lambda: company.website,
            "video_link": lambda: company.reactivation_video_url,
            "link": self._link,
        }
        return {
            name: placeholders.plain(makers[name]())
            for name in makers
            if name in wanted
        }

    def _link(self):
        """:return: the short link to the clinic's website, tracked for this step"""
        self.ensure_one()
        return self.env["reactivation.channel.social"]._short_link(self)
