from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.problems import ERROR, wrap


class ReactivationMethod(models.Model):
    """Versions of a method: what patients are enrolled on stays as it is.

    A change is made in a draft, a copy, which is then used for those who are
    enrolled from now on; the others go on with theirs to its end.
    """

    _inherit = "reactivation.method"

    state = fields.Selection(
        [("draft", "Being Prepared"), ("current", "In Use"), ("retired", "Earlier")],
        string="Status",
        default="current",
        required=True,
        readonly=True,
        copy=False,
        index=True,
    )
    version = fields.Integer(default=1, required=True, readonly=True, copy=False)
    replaces_id = fields.Many2one(
        "reactivation.method",
        string="Changes",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The version this one was made from.",
    )
    next_version_ids = fields.One2many("reactivation.method", "replaces_id")
    draft_id = fields.Many2one(
        "reactivation.method",
        string="Version Being Prepared",
        compute="_compute_draft_id",
    )
    is_locked = fields.Boolean(
        compute="_compute_is_locked",
        help="Patients are enrolled on it: its steps and texts stay as they are.",
    )
    earlier_count = fields.Integer(compute="_compute_earlier_count")

    # ------------------------------------------------------------------ compute

    @api.depends("next_version_ids.state")
    def _compute_draft_id(self):
        for method in self:
            method.draft_id = method.next_version_ids.filtered(
                lambda version: version.state == "draft"
            )[:1]

    def _compute_is_locked(self):
        """One query for all: is anybody enrolled on it?"""
        used = self._used()
        for method in self:
            method.is_locked = method._origin in used

    def _used(self):
        """:return: those of these methods that patients are enrolled on"""
        saved = self._origin
        if not saved:
            return saved
        self.env["reactivation.enrollment"].flush_model(
            ["method_id", "switched_method_id"]
        )
        rows = self.env.execute_query(
            SQL(
                """SELECT method.id FROM reactivation_method method
                    WHERE method.id IN %s
                      AND (EXISTS (SELECT FROM reactivation_enrollment enrollment
                                    WHERE enrollment.method_id = method.id)
                           OR EXISTS (
                               SELECT FROM reactivation_enrollment enrollment
                                WHERE enrollment.switched_method_id = method.id))""",
                tuple(saved.ids),
            )
        )
        return saved.browse(row[0] for row in rows)

    @api.depends("replaces_id")
    def _compute_earlier_count(self):
        for method in self:
            method.earlier_count = len(method._earlier())

    def _earlier(self):
        """:return: the versions before this one, the latest first"""
        self.ensure_one()
        versions = self.browse()
        method = self.replaces_id
        while method and method not in versions:
            # A handful of versions.
            versions |= method
            method = method.replaces_id
        return versions

    def _in_use_as(self, methods):
        """This method as it is given to new patients: a later version takes its place.

        :param methods: those in use
        :return: one of them, or none
        """
        found, seen = self, self.browse()
        while found and found not in methods and found not in seen:
            # A handful of versions.
            seen |= found
            later = found.next_version_ids.filtered(lambda item: item.state != "draft")
            found = later[:1]
        return found & methods

    def _check_unlocked(self):
        """:raise UserError: patients are enrolled on one of these methods"""
        locked = self._used()[:1]
        if locked:
            raise UserError(
                self.env._(
                    "Patients are enrolled on method “%(method)s”: what they get "
                    "does not change on the way. Choose “New Version” on the method, "
                    "change that one, and use it from then on.",
                    method=locked.name,
                )
            )

    # --------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        """What is added to a campaign that has begun is a draft first: nobody may
        be enrolled on half a method."""
        methods = super().create(vals_list)
        begun = methods.filtered(
            lambda method: method.state == "current" and method.campaign_id.date_start
        )
        begun.state = "draft"
        return methods

    @api.ondelete(at_uninstall=False)
    def _unlink_unused_only(self):
        self._check_unlocked()

    def write(self, vals):
        if "campaign_id" in vals:
            moved = self.filtered(
                lambda item: item.campaign_id.id != vals["campaign_id"]
            )
            moved._check_unlocked()
        return super().write(vals)

    # ------------------------------------------------------------------ actions

    def action_new_version(self):
        """Make a copy to change, and open it; open the one there is already."""
        self.ensure_one()
        self.check_access("write")
        if self.state == "retired":
            raise UserError(
                self.env._(
                    "This is an earlier version. Make the new one from the version "
                    "that is in use."
                )
            )
        if self.state == "draft":
            return self._action_open()
        draft = self.draft_id or self.copy(
            {
                "campaign_id": self.campaign_id.id,
                "state": "draft",
                "version": self.version + 1,
                "replaces_id": self.id,
                "sequence": self._make_room(),
            }
        )
        return draft._action_open()

    def _make_room(self):
        """Number the methods of the campaign anew, with gaps.

        :return: the sequence of a method right after this one
        """
        for number, method in enumerate(self.campaign_id.method_ids):
            # A handful of methods.
            method.sequence = (number + 1) * 10
        return self.sequence + 1

    def _action_open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "current",
        }

    def action_use(self):
        """Use a draft for those who are enrolled from now on."""
        self.ensure_one()
        self.check_access("write")
        # Two managers at once: the second one finds that it is in use.
        self.lock_for_update()
        self.invalidate_recordset(["state"])
        if self.state != "draft":
            raise UserError(
                self.env._("Version %s is no draft any more.", self.version)
            )
        old = self.replaces_id.filtered(lambda method: method.state == "current")
        old.state = "retired"
        self.state = "current"
        self._refuse_use()
        self.campaign_id._note_new_method(self, old)
        return True

    def _refuse_use(self):
        """:raise UserError: the method cannot work, with every reason"""
        problems = wrap(self._problems(), self)
        for mailing in self.step_ids._mailings_used():
            problems += mailing._placeholder_problems()
        problems += [
            item
            for item in self.campaign_id._loop_errors()
            if item["model"] == "reactivation.step" and item["id"] in self.step_ids.ids
        ]
        errors = [item["text"] for item in problems if item["level"] == ERROR]
        if errors:
            raise UserError(
                self.env._("The version cannot be used yet:")
                + "".join(f"\n• {error}" for error in errors)
            )

    def action_discard_draft(self):
        """Delete a draft; the version in use stays."""
        self.ensure_one()
        if self.state != "draft":
            raise UserError(
                self.env._("Only a version that was never used can be discarded.")
            )
        campaign = self.campaign_id
        self.unlink()
        return {
            "type": "ir.actions.act_window",
            "name": campaign.display_name,
            "res_model": campaign._name,
            "res_id": campaign.id,
            "views": [(False, "form")],
            "target": "current",
        }

    def action_open_earlier(self):
        """Show the earlier versions of the method."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Earlier Versions of %s", self.name),
            "res_model": self._name,
            "views": [
                (
                    self.env.ref(
                        "patient_reactivation.reactivation_method_view_list_version"
                    ).id,
                    "list",
                ),
                (False, "form"),
            ],
            "domain": [("id", "in", self._earlier().ids)],
            "context": {"create": False},
        }

    @api.depends("name", "version", "state")
    def _compute_display_name(self):
        for method in self:
            name = method.name or ""
            if method.version > 1 or method.state == "draft" and method.replaces_id:
                name = self.env._(
                    "%(method)s (version %(version)s)",
                    method=name,
                    version=method.version,
                )
            method.display_name = name


class ReactivationCampaign(models.Model):
    """A campaign shows the methods in use and those being prepared."""

    _inherit = "reactivation.campaign"

    method_ids = fields.One2many(domain=[("state", "!=", "retired")])
    # Patients go on with the version they were enrolled on.
    all_method_ids = fields.One2many(
        "reactivation.method", "campaign_id", string="Methods of All Versions"
    )

    def _current_methods(self):
        """:return: the methods new patients are given"""
        return self.method_ids.filtered(lambda method: method.state == "current")

    def _note_new_method(self, method, old):
        """Write into the chatter from when on which version is used."""
        self.ensure_one()
        if old:
            body = self.env._(
                "Method “%(method)s”: version %(version)s is used for patients who "
                "are enrolled from now on. Those enrolled before keep version "
                "%(before)s.",
                method=method.name,
                version=method.version,
                before=old.version,
            )
        else:
            body = self.env._(
                "Method “%(method)s” is used for patients who are enrolled from now "
                "on.",
                method=method.name,
            )
        self.message_post(body=body)


class ReactivationEnrollment(models.Model):
    _inherit = "reactivation.enrollment"

    # Is a method in use? Asked before every change of its steps.
    _method_idx = models.Index("(method_id) WHERE method_id IS NOT NULL")
