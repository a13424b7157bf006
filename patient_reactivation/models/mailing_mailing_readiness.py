from odoo import models

from ..tools import expressions, placeholders
from ..tools.problems import problem


class MailingMailing(models.Model):
    """Will the placeholders of a step's e-mail have a value?"""

    _inherit = "mailing.mailing"

    def _placeholder_problems(self):
        """Resolve every placeholder against the patients' enrollments, without
        evaluating any: what does not exist would stop the campaign at the first
        message.

        :return: list of dicts of `tools/problems.py`
        """
        self.ensure_one()
        texts = []
        for name in ("subject", "preview"):
            texts += [
                self._expression_fault(item) for item in expressions.of_text(self[name])
            ]
        try:
            found, directives = expressions.of_html(str(self.body_html or ""))
        except ValueError as error:
            return [
                problem(self._about(self.env._("it cannot be read (%s)", error)), self)
            ]
        texts += [self._expression_fault(item) for item in found]
        texts += [
            self.env._("“%s” is not a placeholder", directive)
            for directive in directives
        ]
        texts += self._text_placeholders()
        return [
            problem(self._about(text), self) for text in dict.fromkeys(texts) if text
        ]

    def _about(self, fault):
        """:return: str: the e-mail, its language and what is wrong with it"""
        languages = dict(self.env["res.lang"].get_installed())
        code = self.reactivation_lang or ""
        return self.env._(
            "E-mail “%(subject)s” (%(language)s): %(fault)s.",
            subject=self.subject,
            language=languages.get(code, code),
            fault=fault,
        )

    def _expression_fault(self, expression):
        """:return: str: what is wrong with a placeholder, or None"""
        try:
            paths, harmless = expressions.paths(expression)
        except SyntaxError:
            return self.env._("the placeholder “%s” is mistyped", expression)
        enrollment = self.env["reactivation.enrollment"]
        allowed = enrollment.mail_allowed_qweb_expressions()
        if harmless:
            for path in paths:
                if path.startswith("object.") and not enrollment._has_path(path):
                    return self.env._("the placeholder “%s” does not exist", path)
            if all(path in allowed for path in paths):
                return None
        return self.env._(
            "the placeholder “%s” is not one that managers may use", expression
        )

    def _text_placeholders(self):
        """:return: list of faults: placeholders of scripts, letters and messages,
        which would reach the patient as they are written"""
        whole = f"{self.subject} {self.preview} {self.body_html}"
        return [
            self.env._(
                "“%s” is filled in in scripts, letters and messages only",
                f"{{{name}}}",
            )
            for name in placeholders.KNOWN
            if f"{{{name}}}" in whole.replace("{{", "").replace("}}", "")
        ]


class ReactivationEnrollment(models.Model):
    _inherit = "reactivation.enrollment"

    def _has_path(self, path):
        """:return: bool: the dotted name `object.…` leads to a field"""
        model = self
        for name in path.split(".")[1:]:
            field = model._fields.get(name) if model is not None else None
            if field is None:
                return False
            model = self.env[field.comodel_name] if field.relational else None
        return True
