from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import email_normalize

from .reactivation_campaign_readiness import ADDRESS_FIELDS

MANAGER = "patient_reactivation.group_reactivation_manager"


class ResCompany(models.Model):
    _inherit = "res.company"

    reactivation_guide_hidden = fields.Boolean(
        help="A manager has put the first steps away."
    )

    def _reactivation_needs_guide(self):
        """:return: bool: one of these clinics has not started a campaign yet"""
        companies = self.sudo().filtered(
            lambda company: not company.reactivation_guide_hidden
        )
        started = (
            self.env["reactivation.campaign"]
            .sudo()
            ._read_group(
                [("company_id", "in", companies.ids), ("date_start", "!=", False)],
                ["company_id"],
            )
        )
        return bool(companies - self.browse(row[0].id for row in started))


class ReactivationCampaign(models.Model):
    _inherit = "reactivation.campaign"

    rehearsed_on = fields.Datetime(
        readonly=True, copy=False, help="When somebody last tried it with a patient."
    )


class ReactivationGuide(models.AbstractModel):
    """The way from the empty app to the first campaign, read from what is there.

    Nothing is ticked off by hand: a step is done when the database says so.
    """

    _name = "reactivation.guide"
    _description = "First Steps"

    @api.model
    def _check_manager(self):
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers set up campaigns."))

    @api.model
    def get_steps(self):
        """:return: dict: the clinic and its steps, as the page draws them"""
        self._check_manager()
        campaign = self._campaign()
        steps = [
            self._visits_step(),
            self._clinic_step(),
            self._template_step(campaign),
            self._audience_step(campaign),
            self._rehearsal_step(campaign),
            self._start_step(campaign),
        ]
        following = next((step for step in steps if not step["done"]), None)
        for step in steps:
            step["state"] = "done" if step["done"] else "later"
        if following:
            following["state"] = "next"
        return {
            "company": self.env.company.name,
            "steps": steps,
            "done": sum(step["done"] for step in steps),
            "hidden": self.env.company.reactivation_guide_hidden,
        }

    @api.model
    def _campaign(self):
        """:return: the campaign the guide is about: one that was started, or else
        the latest draft"""
        return self.env["reactivation.campaign"].search(
            [("company_id", "=", self.env.company.id)],
            order="date_start, id desc",
            limit=1,
        )

    def _step(self, key, title, text, done, *buttons):
        """:return: dict of one step

        :param buttons: pairs of a label and the method it calls
        """
        return {
            "key": key,
            "title": title,
            "text": text,
            "done": bool(done),
            "buttons": [
                {"label": label, "method": method} for label, method in buttons
            ],
        }

    # -------------------------------------------------------------------- steps

    def _visits_step(self):
        patients = self.env["reactivation.patient"]
        domain = [("company_id", "=", self.env.company.id)]
        known = patients.search_count(domain)
        lapsed = patients.search_count([*domain, ("status", "=", "lapsed")])
        if not known:
            text = self.env._(
                "No visit was found yet. They are read from the calendar, from the "
                "sources you name, or from a file you import."
            )
        elif not lapsed:
            text = self.env._(
                "Patients found: %(patients)s. None of them has stayed away long "
                "enough.",
                patients=known,
            )
        else:
            text = self.env._(
                "Patients found: %(patients)s. Stayed away: %(lapsed)s.",
                patients=known,
                lapsed=lapsed,
            )
        first = (self.env._("See the Patients"), "action_patients")
        if not known:
            first = (self.env._("Look for Visits Now"), "action_refresh")
        return self._step(
            "visits",
            self.env._("Find the visits"),
            text,
            known,
            first,
            (self.env._("Visit Sources"), "action_sources"),
            (self.env._("Import Visits"), "action_import"),
        )

    def _clinic_step(self):
        company = self.env.company
        missing = [
            company._fields[name].get_description(self.env)["string"]
            for name in (*ADDRESS_FIELDS, "phone")
            if not company[name]
        ]
        if not email_normalize(company.email or ""):
            missing.append(company._fields["email"].get_description(self.env)["string"])
        text = self.env._(
            "Patients see who writes to them, and where to find and call you."
        )
        if missing:
            text = self.env._(
                "Patients must see who writes to them, and where to find and call "
                "you. Missing: %(fields)s.",
                fields=", ".join(missing),
            )
        return self._step(
            "clinic",
            self.env._("Complete your address"),
            text,
            not missing,
            (self.env._("Open the Clinic"), "action_clinic"),
        )

    def _template_step(self, campaign):
        text = self.env._(
            "A template brings the segments, the steps and all the texts. You change "
            "what you like."
        )
        buttons = [(self.env._("Choose a Template"), "action_templates")]
        if campaign:
            text = self.env._("Your campaign: “%s”.", campaign.name)
            buttons.insert(0, (self.env._("Open the Campaign"), "action_campaign"))
        return self._step(
            "template", self.env._("Choose a campaign"), text, campaign, *buttons
        )

    def _audience_step(self, campaign):
        title = self.env._("See whom it reaches")
        faults = campaign and campaign._segment_errors()
        if not campaign or faults:
            text = self.env._("Segments say who is asked to come back, and who is not.")
            if faults:
                text = faults[0]["text"]
            buttons = [(self.env._("Open the Campaign"), "action_campaign")]
            return self._step(
                "audience", title, text, False, *(buttons if campaign else [])
            )
        counts = self.env["reactivation.enrollment"]._audience_counts(campaign)
        size = sum(count for _segment, refusal, count in counts if not refusal)
        left_out = sum(row[2] for row in counts) - size
        enrolled = campaign.enrolled_count
        if enrolled:
            text = self.env._("Enrolled patients: %s.", enrolled)
        elif not left_out:
            text = self.env._("It would reach %s now.", size)
        else:
            text = self.env._(
                "It would reach %(size)s now. Left out, each with the reason: "
                "%(others)s.",
                size=size,
                others=left_out,
            )
        return self._step(
            "audience",
            title,
            text,
            size or enrolled,
            (self.env._("Preview Audience"), "action_audience"),
        )

    def _rehearsal_step(self, campaign):
        done = campaign.rehearsed_on or campaign.date_start
        text = self.env._(
            "Choose a patient and see what would be sent when. Nothing leaves."
        )
        if campaign.rehearsed_on:
            text = self.env._("You have seen what a patient would get.")
        buttons = []
        if campaign:
            buttons = [(self.env._("Rehearse"), "action_rehearse")]
        return self._step(
            "rehearsal", self.env._("Rehearse with a patient"), text, done, *buttons
        )

    def _start_step(self, campaign):
        text = self.env._("Patients are enrolled, and the first messages go out.")
        if campaign and not campaign.date_start:
            errors = [item for item in campaign._errors() if item["level"] == "error"]
            if errors:
                text = self.env._(
                    "To mend first: %(count)s. The campaign lists what is missing.",
                    count=len(errors),
                )
        if campaign.date_start:
            text = self.env._("It has begun. The campaign shows who comes back.")
        buttons = []
        if campaign:
            buttons = [(self.env._("Open the Campaign"), "action_campaign")]
        return self._step(
            "start", self.env._("Start it"), text, campaign.date_start, *buttons
        )

    # ------------------------------------------------------------------ actions

    def _open(self, xml_id):
        self._check_manager()
        return self.env["ir.actions.act_window"]._for_xml_id(
            f"patient_reactivation.{xml_id}"
        )

    def _form(self, record):
        return {
            "type": "ir.actions.act_window",
            "name": record.display_name,
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    @api.model
    def action_patients(self):
        return self._open("reactivation_patient_action")

    @api.model
    def action_sources(self):
        return self._open("reactivation_visit_source_action")

    @api.model
    def action_import(self):
        return self._open("reactivation_external_visit_action")

    @api.model
    def action_refresh(self):
        """Read the visits now instead of in a few minutes.

        :return: action: what was found, in a word
        """
        self._check_manager()
        self.env["reactivation.patient"].sudo()._refresh()
        visits = self._visits_step()
        text = visits["text"]
        if not visits["done"]:
            text = self.env._(
                "Still no visit. In the calendar, a visit is a meeting that is over "
                "and has the patient as an attendee. Other apps are named under Visit "
                "Sources."
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if visits["done"] else "warning",
                "message": text,
            },
        }

    @api.model
    def action_clinic(self):
        self._check_manager()
        return self._form(self.env.company._reactivation_mendable())

    @api.model
    def action_templates(self):
        self._check_manager()
        return self.env["reactivation.campaign"].action_open_templates()

    @api.model
    def action_campaign(self):
        self._check_manager()
        return self._form(self._campaign())

    @api.model
    def action_audience(self):
        self._check_manager()
        return self._campaign().action_preview_audience()

    @api.model
    def action_rehearse(self):
        self._check_manager()
        return self._campaign().action_rehearse()

    @api.model
    def action_hide(self):
        """Put the first steps away, for everybody in this clinic."""
        self._check_manager()
        self.env.company.sudo().reactivation_guide_hidden = True

    @api.model
    def action_show(self):
        """Take them out again."""
        self._check_manager()
        self.env.company.sudo().reactivation_guide_hidden = False
