import re

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

# Odoo's designer writes a style on every element, also on a placeholder, which
# shows none. With anything but `t-out` on it, only template editors may save it.
STYLED_PLACEHOLDER = re.compile(r'(<t t-out="[^"]*") style="[^"]*"')

# What patients see of an e-mail, and which one they get: it stays as it is while
# they are on the way.
LOCKED_FIELDS = {
    "active",
    "attachment_ids",
    "body_arch",
    "body_html",
    "mailing_model_id",
    "preview",
    "reactivation_lang",
    "reactivation_offer",
    "reactivation_step_id",
    "subject",
}


class MailingMailing(models.Model):
    """The e-mail of a campaign's step, in one language.

    Its audience is the step's claimed deliveries and nobody else: Odoo's send
    and retry buttons and the mailing queue must never widen it.
    """

    _inherit = "mailing.mailing"

    reactivation_step_id = fields.Many2one(
        "reactivation.step", string="Step", index="btree_not_null", ondelete="cascade"
    )
    reactivation_lang = fields.Selection(
        selection=lambda self: self.env["res.lang"].get_installed(),
        string="E-mail Language",
    )

    reactivation_offer = fields.Selection(
        [
            ("any", "Everybody"),
            ("with", "Patients with a coupon"),
            ("without", "Patients without a coupon"),
        ],
        string="Goes To",
        default="any",
        help="Who may have no offer gets the e-mail without it: the same one, in which "
        "the coupon is left out, or one of its own.",
    )

    reactivation_locked = fields.Boolean(
        related="reactivation_step_id.is_locked", string="Text Stays as It Is"
    )

    _reactivation_lang_uniq = models.UniqueIndex(
        "(reactivation_step_id, reactivation_lang, reactivation_offer) "
        "WHERE reactivation_step_id IS NOT NULL",
        "This step already has an e-mail in this language.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        steps = self.env["reactivation.step"]
        for vals in vals_list:
            step = steps.browse(vals.get("reactivation_step_id"))
            if step:
                vals.update(self._prepare_step_vals(step, vals))
                vals.update(self._prepare_body_vals(vals))
        mailings = super().create(vals_list)
        mailings.reactivation_step_id.method_id._check_unlocked()
        return mailings

    @api.ondelete(at_uninstall=False)
    def _unlink_unused_only(self):
        self.reactivation_step_id.method_id._check_unlocked()

    @api.model
    def _prepare_body_vals(self, vals):
        """:return: the body of an e-mail as a manager may save it, if there is one"""
        if not vals.get("body_html"):
            return {}
        return {"body_html": STYLED_PLACEHOLDER.sub(r"\1", str(vals["body_html"]))}

    def _prepare_step_vals(self, step, vals):
        """What the e-mail of a step must be, whoever makes it."""
        lang = vals.get("reactivation_lang") or self.env.lang or "en_US"
        campaign = step.campaign_id
        return {
            "mailing_type": "mail",
            "mailing_model_id": self.env["ir.model"]._get_id("reactivation.enrollment"),
            "mailing_domain": "[('id', '=', 0)]",
            "reactivation_lang": lang,
            # Replies land on the thread of the patient's enrollment.
            "reply_to_mode": "update",
            "email_from": campaign.email_from or campaign.company_id.email_formatted,
            # The name travels in links as utm_source: it must tell nothing.
            "name": f"{campaign.id}-{step.id}-{lang}",
            "keep_archives": False,
        }

    def _for_offer(self, has_coupon):
        """:return: those of a step's e-mails that are for patients with a coupon, or
        without; those for everybody last"""
        own = "with" if has_coupon else "without"
        special = self.filtered(lambda mailing: mailing.reactivation_offer == own)
        return special + self.filtered(
            lambda mailing: mailing.reactivation_offer in ("any", False)
        )

    def write(self, vals):
        if self.env.context.get("reactivation_deliveries"):
            # Core marks a mailing as done and asks for its statistics mail when
            # it sends: a step's e-mail goes on, one patient after another.
            vals = {
                name: value
                for name, value in vals.items()
                if name not in ("state", "kpi_mail_required")
            }
        if self.reactivation_step_id:
            if LOCKED_FIELDS & vals.keys():
                self.reactivation_step_id.method_id._check_unlocked()
            vals = {**vals, **self._prepare_body_vals(vals)}
        result = super().write(vals)
        if "reactivation_step_id" in vals:
            self.reactivation_step_id.method_id._check_unlocked()
        return result

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for vals in vals_list:
            if vals.get("reactivation_step_id"):
                vals.pop("name", None)
        return vals_list

    def update_field_translations(self, field_name, translations, source_lang=""):
        if field_name in LOCKED_FIELDS:
            self.reactivation_step_id.method_id._check_unlocked()
        return super().update_field_translations(
            field_name, translations, source_lang=source_lang
        )

    # ------------------------------------------------------------------ actions

    def action_add_language(self):
        """Open a new e-mail of the step, in an installed language it lacks."""
        self.ensure_one()
        step = self.reactivation_step_id
        written = set(step.mailing_ids.mapped("reactivation_lang"))
        missing = [
            code
            for code, _name in self.env["res.lang"].get_installed()
            if code not in written
        ]
        if not missing:
            raise UserError(
                self.env._(
                    "This step has an e-mail in every installed language. More "
                    "languages are installed in the settings."
                )
            )
        form = self.env.ref("patient_reactivation.mailing_mailing_view_form_step")
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": step._create_mailing(missing[0]).id,
            "views": [(form.id, "form")],
            "context": step._mailing_context(),
        }

    # ------------------------------------------------------------------- guards

    def _get_recipients_domain(self):
        if self.reactivation_step_id:
            return Domain("delivery_ids", "any", self._claimed_domain())
        return super()._get_recipients_domain()

    def _claimed_domain(self):
        return Domain("step_id", "=", self.reactivation_step_id.id) & Domain(
            "state", "=", "claimed"
        )

    def _action_send_mail(self, res_ids=None):
        """Only the runner sends a step's e-mail, and only to claimed deliveries."""
        of_steps = self.filtered("reactivation_step_id")
        if of_steps:
            allowed = self.env.context.get("reactivation_deliveries") or {}
            if not res_ids or set(res_ids) - set(allowed):
                raise UserError(
                    self.env._(
                        "This e-mail belongs to a campaign, which sends it to each "
                        "patient when it is due. Start the campaign instead."
                    )
                )
        return super()._action_send_mail(res_ids)

    def action_put_in_queue(self):
        self._refuse_for_steps()
        return super().action_put_in_queue()

    def action_retry_failed(self):
        self._refuse_for_steps()
        return super().action_retry_failed()

    def _refuse_for_steps(self):
        if self.reactivation_step_id:
            raise UserError(
                self.env._(
                    "This e-mail belongs to a campaign. Failed deliveries are "
                    "retried from the campaign's deliveries."
                )
            )

    def _get_seen_list(self):
        """Once only is guaranteed by the delivery, not by the address: members of
        a family may share one."""
        if self.reactivation_step_id:
            return set()
        return super()._get_seen_list()
