from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError


class ReactivationErase(models.TransientModel):
    """A manager erases a person, and reads before what that means."""

    _name = "reactivation.erase"
    _description = "Erase a Patient"

    partner_id = fields.Many2one(
        "res.partner", string="Patient", required=True, ondelete="cascade"
    )
    goes = fields.Html(compute="_compute_words", string="Goes")
    stays = fields.Html(compute="_compute_words", string="Stays")
    shared = fields.Html(compute="_compute_words", string="Addresses in Common")
    reason = fields.Text(required=True)
    is_understood = fields.Boolean(string="I understand that nobody can undo this")

    @api.depends("partner_id")
    def _compute_words(self):
        privacy = self.env["reactivation.privacy"]
        for wizard in self:
            partner = wizard.partner_id
            if not partner:
                wizard.goes = wizard.stays = wizard.shared = False
                continue
            # Who may not erase is told nothing.
            privacy._check_erasable(partner)
            counts = privacy._count(partner)
            wizard.goes = self._list(self._words_goes(counts))
            wizard.stays = self._list(self._words_stays(counts))
            wizard.shared = self._words_shared(partner)

    @api.model
    def _list(self, lines):
        """:return: HTML of the lines: (text, number), or (text, None) without one"""
        items = [
            Markup("<li>%s</li>") % text
            if number is None
            else Markup("<li>%s</li>")
            % self.env._(
                "%(what)s: %(details)s",
                what=text,
                details=Markup("<b>%s</b>") % number,
            )
            for text, number in lines
            if number != 0
        ]
        return Markup("<ul>%s</ul>") % Markup().join(items)

    @api.model
    def _words_goes(self, counts):
        return [
            (
                self.env._(
                    "The contact: name, addresses, numbers, photo, notes and every "
                    "other personal field. It is archived."
                ),
                None,
            ),
            (self.env._("Its further addresses"), counts["addresses"]),
            (
                self.env._("Messages to and from the patient, and notes"),
                counts["messages"],
            ),
            (self.env._("Files of the contact and of messages"), counts["files"]),
            (self.env._("Tasks, done and to do"), counts["activities"]),
            (self.env._("Answers to surveys"), counts["answers"]),
            (self.env._("Messages and calls that are planned"), counts["waiting"]),
            (
                self.env._("Consents and objections, with their proof"),
                counts["consents"],
            ),
            (
                self.env._("Minors who have no guardian any more"),
                counts["wards"],
            ),
        ]

    @api.model
    def _words_stays(self, counts):
        return [
            (
                self.env._("Enrollments in campaigns, without the patient"),
                counts["enrollments"],
            ),
            (
                self.env._("Their deliveries, without an address"),
                counts["deliveries"],
            ),
            (
                self.env._("Coupons: in the books, without the patient"),
                counts["coupons"],
            ),
            (
                self.env._(
                    "Requests for payment help, without the patient, household and "
                    "income"
                ),
                counts["requests"],
            ),
            (
                self.env._("Imported visits: the date, without the patient"),
                counts["visits"],
            ),
            (
                self.env._(
                    "Meetings in the calendar, with an “Erased patient”. Look at their "
                    "titles and descriptions yourself"
                ),
                counts["meetings"],
            ),
            (
                self.env._(
                    "Invoices, which have to be kept. They show the contact as it is "
                    "from now on: keep a copy of each before you go on"
                ),
                counts["documents"],
            ),
            (
                self.env._(
                    "Fingerprints of the addresses, so that nobody writes to the "
                    "person after a new import"
                ),
                counts["suppressed"],
            ),
            (
                self.env._("A line in the log: when, by whom and why, without a name"),
                None,
            ),
        ]

    @api.model
    def _words_shared(self, partner):
        """Who else is reached where this patient was."""
        privacy = self.env["reactivation.privacy"]
        others = privacy._other_users(privacy._people(partner))
        if not others:
            return False
        visible = {
            item.id
            for item in self.env["res.partner"]
            .browse(other.id for group in others.values() for other in group)
            ._filtered_access("read")
        }
        somebody = self.env._("a contact you cannot see")
        lines = [
            Markup("<li>%s – %s</li>")
            % (
                address,
                ", ".join(
                    (other.name or "") if other.id in visible else somebody
                    for other in group[:5]
                ),
            )
            for address, group in sorted(others.items())
        ]
        return Markup("<ul>%s</ul>") % Markup().join(lines)

    def action_erase(self):
        self.check_access("write")
        self.ensure_one()
        if not self.is_understood:
            raise UserError(
                self.env._("Confirm that you understand that nobody can undo this.")
            )
        self.env["reactivation.privacy"]._erase(self.partner_id, self.reason)
        # The reason stays in the log only.
        self.sudo().unlink()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("The patient is erased."),
                "next": {
                    "type": "ir.actions.act_window",
                    "res_model": "reactivation.patient",
                    "name": self.env._("Patients"),
                    "views": [(False, "list")],
                    "target": "main",
                },
            },
        }
