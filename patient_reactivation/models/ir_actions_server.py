from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

# How a record names its patients.
PARTNER_FIELDS = ("partner_id", "partner_ids")


class IrActionsServer(models.Model):
    """Automated actions can put patients into a campaign."""

    _inherit = "ir.actions.server"

    state = fields.Selection(
        selection_add=[("reactivation_enroll", "Enroll in Campaign")],
        ondelete={"reactivation_enroll": "cascade"},
    )
    reactivation_campaign_id = fields.Many2one(
        "reactivation.campaign",
        string="Campaign",
        ondelete="set null",
        help="Who is named by the record is enrolled if the campaign takes them: the "
        "contact policy, its segments, the control group and the daily limit hold.",
    )

    @api.model
    def _name_depends(self):
        return [*super()._name_depends(), "reactivation_campaign_id"]

    def _generate_action_name(self):
        self.ensure_one()
        if self.state == "reactivation_enroll" and self.reactivation_campaign_id:
            return self.env._(
                "Enroll in %(campaign)s", campaign=self.reactivation_campaign_id.name
            )
        return super()._generate_action_name()

    @api.model
    def _warning_depends(self):
        return [*super()._warning_depends(), "reactivation_campaign_id"]

    def _get_warning_messages(self):
        warnings = super()._get_warning_messages()
        if self.state == "reactivation_enroll":
            if not self.reactivation_campaign_id:
                warnings.append(self.env._("Choose the campaign to enroll in."))
            if self.model_id and not self._reactivation_partner_field():
                warnings.append(
                    self.env._(
                        "Records of “%s” name no contact who could be enrolled.",
                        self.model_id.name,
                    )
                )
        return warnings

    def _reactivation_partner_field(self):
        """:return: name of the field that leads to the patients, or None"""
        if self.model_name == "res.partner":
            return "id"
        model = self.env.get(self.model_name)
        fields_of_model = {} if model is None else model._fields
        found = [
            fields_of_model[name]
            for name in PARTNER_FIELDS
            if name in fields_of_model
            and fields_of_model[name].comodel_name == "res.partner"
        ]
        # The contact of a meeting is that of its organizer.
        found.sort(key=lambda field: bool(field.related))
        return found[0].name if found else None

    # ---------------------------------------------------------------------- run

    def _run_action_reactivation_enroll_multi(self, eval_context=None):
        """Enroll the patients of the records; without records all who are due."""
        self.ensure_one()
        env = eval_context["env"]
        campaign = self.reactivation_campaign_id.with_env(env(su=True))
        self._check_reactivation_enroll(env, campaign)
        enrollments = env["reactivation.enrollment"].sudo()
        automatic = "__action_done" in env.context or not eval_context.get("records")
        try:
            if not eval_context.get("records") and not eval_context.get("record"):
                # A scheduled action: nobody is named.
                enrollments._check_enrolls(campaign)
                enrollments._enroll(campaign.with_company(campaign.company_id))
                return False
            partners = self._reactivation_partners(
                eval_context.get("records") or eval_context["record"], campaign
            )
            answers = enrollments._enroll_named(campaign, partners.sudo())
        except UserError as error:
            if not automatic:
                raise
            # What set it off is somebody else's work, and must not be undone.
            self._alert_cannot_enroll(campaign, error)
            return False
        if automatic:
            return False
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if any(answers.values()) else "success",
                "message": enrollments._explain_answers(answers),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _check_reactivation_enroll(self, env, campaign):
        """:raise AccessError: a user may not enroll, or not for this company"""
        if env.su:
            # An automated or a scheduled action.
            return
        if not self.group_ids and not env.user.has_group(
            "patient_reactivation.group_reactivation_manager"
        ):
            raise AccessError(self.env._("Only managers enroll patients in campaigns."))
        if campaign.company_id not in env.companies:
            raise AccessError(
                self.env._("The campaign belongs to a company you do not work in.")
            )

    def _reactivation_partners(self, records, campaign):
        """:return: the contacts that the records name, of the campaign's company"""
        if "company_id" in records._fields:
            records = records.filtered(
                lambda record: (
                    not record.company_id or record.company_id == campaign.company_id
                )
            )
        name = self._reactivation_partner_field()
        partners = records if name == "id" else records[name]
        return partners.filtered(
            lambda partner: (
                not partner.company_id or partner.company_id == campaign.company_id
            )
        )

    def _alert_cannot_enroll(self, campaign, error):
        campaign = campaign._for_caretaker()
        env = campaign.env
        campaign._alert(
            env._("The automated action “%(name)s” enrolls nobody", name=self.name),
            str(error),
        )
