from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import config, email_normalize

from ..tools.problems import ERROR, WARNING, problem, wrap

# What a link of the checklist may open, and in which form.
MENDABLE = {
    "res.company": "base.view_company_form",
    "res.partner": "base.view_partner_form",
    "reactivation.campaign": "patient_reactivation.reactivation_campaign_view_form",
    "reactivation.segment": "patient_reactivation.reactivation_segment_view_form",
    "reactivation.method": "patient_reactivation.reactivation_method_view_form",
    "reactivation.step": "patient_reactivation.reactivation_step_view_form",
    "mailing.mailing": "patient_reactivation.mailing_mailing_view_form_step",
    "loyalty.program": "patient_reactivation.loyalty_program_view_form",
    "reactivation.tier": "patient_reactivation.reactivation_tier_view_form",
    "ir.actions.server": None,
}

# Fields of the company without which an e-mail names no postal address.
ADDRESS_FIELDS = ("street", "city", "zip", "country_id")


class ReactivationCampaign(models.Model):
    """Can the campaign start? Each fault is named, with a way to mend it."""

    _inherit = "reactivation.campaign"

    readiness = fields.Json(
        compute="_compute_readiness",
        groups="patient_reactivation.group_reactivation_manager",
        help="What keeps the campaign from starting, as the checklist shows it.",
    )

    @api.depends("state")
    @api.depends_context("lang", "uid")
    def _compute_readiness(self):
        """The state as saved: the checklist is drawn anew after each save."""
        for campaign in self:
            saved = campaign._origin
            campaign.readiness = (
                saved.id
                and campaign.state in ("draft", "paused")
                and saved._checklist()
            )

    def _checklist(self):
        """:return: the problems as the form draws them"""
        problems = self._problems()
        return {
            "resume": self.state == "paused",
            "ready": not any(item["level"] == ERROR for item in problems),
            "problems": [
                {**item, "can_mend": self._can_mend(item)} for item in problems
            ],
        }

    def _can_mend(self, item):
        """:return: bool: there is something to open, and the user may change it"""
        if item["page"]:
            return True
        if item["model"] not in MENDABLE:
            return False
        record = self.env[item["model"]].browse(item["id"])
        return record.has_access("write")

    # ----------------------------------------------------------------- problems

    def _problems(self):
        """What is wrong with the campaign, errors before warnings.

        :return: list of dicts of `tools/problems.py`
        """
        self.ensure_one()
        problems = self._errors()
        if self.state in ("draft", "paused"):
            problems = problems + self._warnings()
        return sorted(problems, key=lambda item: item["level"] != ERROR)

    def _errors(self):
        """:return: what would keep the campaign from working (and what a step
        says besides)"""
        return [
            *self._campaign_errors(),
            *self._company_errors(),
            *self._segment_errors(),
            *self._method_errors(),
            *self._loop_errors(),
        ]

    def _refuse_start(self):
        """:raise UserError: the campaign cannot work, with every reason"""
        self.ensure_one()
        errors = [item for item in self._errors() if item["level"] == ERROR]
        if errors:
            raise UserError(
                self.env._("The campaign cannot start yet:")
                + "".join(f"\n• {item['text']}" for item in errors)
            )

    def _campaign_errors(self):
        problems = []
        today = self.company_id._reactivation_today()
        if self.state == "done":
            problems.append(
                problem(self.env._("The campaign is closed. Copy it to begin anew."))
            )
        if not self.active:
            problems.append(
                problem(
                    self.env._("The campaign is archived. Restore it first."),
                    page="campaign",
                )
            )
        if self.date_end and self.date_end < today:
            problems.append(
                problem(
                    self.env._(
                        "“Enroll Until” is over. Choose a later day or leave it empty."
                    ),
                    page="dates",
                )
            )
        sender = self._sender()
        if not sender:
            problems.append(
                problem(
                    self.env._("Fill in the sender, or the e-mail of the company."),
                    page="sender",
                )
            )
        elif not email_normalize(sender):
            problems.append(
                problem(
                    self.env._("The sender “%s” is not an e-mail address.", sender),
                    page="sender",
                )
            )
        return problems

    def _company_errors(self):
        company = self.company_id
        missing = [
            self.env["res.company"]._fields[name].get_description(self.env)["string"]
            for name in ADDRESS_FIELDS
            if not company[name]
        ]
        if not missing:
            return []
        text = self.env._(
            "Every e-mail must name the postal address of %(company)s. "
            "Missing: %(fields)s.",
            company=company.name,
            fields=", ".join(missing),
        )
        return [problem(text, company._reactivation_mendable())]

    def _segment_errors(self):
        if not self.segment_ids:
            return [
                problem(self.env._("Add a segment: whom to win back."), page="segments")
            ]
        problems = []
        for segment in self.segment_ids:
            problems += wrap(segment._problems(), page="segments")
        return problems

    def _method_errors(self):
        methods = self._current_methods()
        if not methods:
            return [
                problem(
                    self.env._("Add a method: how to win them back."), page="methods"
                )
            ]
        problems = []
        for method in methods:
            problems += wrap(method._problems(), method)
        for mailing in methods.step_ids._mailings_used():
            problems += mailing._placeholder_problems()
        # What the clinic lacks is said by every step that needs it: once is enough.
        return list({(item["text"], item["id"]): item for item in problems}.values())

    # ----------------------------------------------------------------- warnings

    def _warnings(self):
        return [
            *self._date_warnings(),
            *self._audience_warnings(),
            *self._server_warnings(),
            *self._language_warnings(),
        ]

    def _date_warnings(self):
        if self.date_from and self.date_end and self.date_end < self.date_from:
            return [
                problem(
                    self.env._(
                        "The enrollment ends before it begins: nobody is enrolled."
                    ),
                    level=WARNING,
                    page="dates",
                )
            ]
        return []

    def _audience_warnings(self):
        problems = []
        segments_work = self.segment_ids and not any(
            segment._problems() for segment in self.segment_ids
        )
        if not self.date_start and segments_work and not self._has_audience_of(1):
            problems.append(
                problem(
                    self.env._(
                        "Nobody would be enrolled at the moment. “Preview Audience” "
                        "tells why."
                    ),
                    level=WARNING,
                    page="segments",
                )
            )
        limit = self.daily_limit
        if limit and segments_work and self._has_audience_of(limit * 365 + 1):
            problems.append(
                problem(
                    self.env._(
                        "With %s new patients a day it takes more than a year until "
                        "everybody is enrolled.",
                        limit,
                    ),
                    level=WARNING,
                    page="dates",
                )
            )
        if not self.control_percent:
            problems.append(
                problem(
                    self.env._(
                        "Without a control group nobody knows how many would have come "
                        "back anyway."
                    ),
                    level=WARNING,
                    page="measure",
                )
            )
        return problems

    def _server_warnings(self):
        if "mail" not in self._channels() or self._has_mail_server():
            return []
        return [
            problem(
                self.env._(
                    "No outgoing mail server is set up. E-mails leave only if this "
                    "machine sends them itself."
                ),
                level=WARNING,
                page=self.env.user._is_system() and "mail_servers",
            )
        ]

    @api.model
    def _has_mail_server(self):
        """:return: bool: somebody said which mail server to use"""
        if self.env["ir.mail_server"].sudo().search_count([], limit=1):
            return True
        return any(
            options.get("smtp_server")
            for options in (
                config._file_options,
                config._env_options,
                config._cli_options,
                config._runtime_options,
            )
        )

    def _language_warnings(self):
        problems = []
        house = self.company_id.partner_id.lang
        languages = dict(self.env["res.lang"].get_installed())
        for step in self._current_methods().step_ids:
            mailings = step._mailings_used()
            written = set(mailings.mapped("reactivation_lang"))
            if mailings and house in languages and house not in written:
                problems.append(
                    problem(
                        self.env._(
                            "Step “%(step)s” has no e-mail in %(language)s, the "
                            "language of the clinic.",
                            step=step.name,
                            language=languages[house],
                        ),
                        step,
                        WARNING,
                    )
                )
            for mailing in mailings:
                code = mailing.reactivation_lang
                if code and code not in languages:
                    problems.append(
                        problem(
                            self.env._(
                                "The e-mail “%(subject)s” is in a language that is not "
                                "installed (%(code)s).",
                                subject=mailing.subject,
                                code=code,
                            ),
                            mailing,
                            WARNING,
                        )
                    )
        return problems

    # ------------------------------------------------------------------ actions

    def action_mend(self, model=None, res_id=None):
        """Open what a line of the checklist is about; the way back is the
        breadcrumb.

        :return: dict: an action
        """
        self.ensure_one()
        self.check_access("write")
        if model not in MENDABLE:
            raise UserError(self.env._("There is nothing to open here."))
        record = self.env[model].browse(res_id)
        record.check_access("read")
        form = MENDABLE[model]
        return {
            "type": "ir.actions.act_window",
            "name": record.display_name,
            "res_model": model,
            "res_id": record.id,
            "views": [(self.env.ref(form).id if form else False, "form")],
            "target": "current",
        }

    def action_mail_servers(self):
        """Open the outgoing mail servers of the database."""
        self.check_access("write")
        return self.env["ir.actions.act_window"]._for_xml_id(
            "base.action_ir_mail_server_list"
        )


class ResCompany(models.Model):
    _inherit = "res.company"

    def _reactivation_mendable(self):
        """:return: the company, or its contact for a manager who may not change
        companies: the address, phone and website are the same"""
        self.ensure_one()
        return self if self.has_access("write") else self.partner_id


class ReactivationStep(models.Model):
    _inherit = "reactivation.step"

    def _mailings_used(self):
        """:return: the e-mails of those steps that send any"""
        return self.filtered(
            lambda step: {"mail", "preferred"} & set(step._channels())
        ).mailing_ids
