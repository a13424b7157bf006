from markupsafe import Markup

from odoo import fields, models
from odoo.tools import format_list

from ..tools.placeholders import plain
from .reactivation_route import CALL

CALL_TYPE = "mail.mail_activity_data_call"

# What a follow-up is for Odoo's list of activities.
ACTIVITY_TYPES = {
    "payment": "patient_reactivation.mail_activity_type_payment",
    "manager_call": CALL_TYPE,
    "coverage": "patient_reactivation.mail_activity_type_coverage",
    "times": "patient_reactivation.mail_activity_type_times",
}


class ReactivationRoute(models.Model):
    """The task of a follow-up: who does it, and what it says."""

    _inherit = "reactivation.route"

    def _make_activities(self, company, ways):
        """Tell somebody of the clinic, with all that is needed to do it.

        :param dict ways: what `_ask_policy` answered
        """
        if not self:
            return
        users = self._users(company)
        # Twenty follow-ups are a list to work through, not twenty e-mails.
        activities = (
            self.env["mail.activity"]
            .sudo()
            .with_context(mail_activity_quick_update=True)
            .create(
                [
                    {
                        "res_model_id": self.env["ir.model"]._get_id("res.partner"),
                        "res_id": route.partner_id.id,
                        "user_id": users[route].id,
                        "date_deadline": route.date_due,
                        **route._task_values(users[route], ways[route.id]),
                    }
                    for route in self
                ]
            )
        )
        for route, activity in zip(self, activities, strict=True):
            # Each has one of its own; written together at the flush.
            route.write({"activity_id": activity.id, "user_id": users[route].id})

    def _rewrite_activities(self, ways):
        """Say in the tasks what is allowed now."""
        for route in self.filtered("activity_id"):
            # Each has words of its own; those whose answer changed.
            user = route.activity_id.user_id
            route.activity_id.write(route._task_values(user, ways[route.id]))

    def _users(self, company):
        """:return: {follow-up: who does it}: a manager where that is promised"""
        general = company._reactivation_follow_up_user()
        calls = self.filtered(lambda item: item.route == "manager_call")
        callers = {}
        for responsible, routes in calls.grouped(
            lambda item: item.enrollment_id.campaign_id.user_id
        ).items():
            # One for each of the people who look after campaigns.
            callers |= dict.fromkeys(routes, company._reactivation_caller(responsible))
        return {route: callers.get(route, general) for route in self}

    def _task_values(self, user, ways):
        """:param ways: the channels that may be used
        :return: dict: what a task says, in the language of who does it"""
        self.ensure_one()
        texts = self.with_context(lang=user.lang or self.env.lang)
        kind = ACTIVITY_TYPES[self.route]
        if self._is_written(ways) and kind == CALL_TYPE:
            kind = "mail.mail_activity_data_email"
        return {
            "activity_type_id": (
                self.env.ref(kind, raise_if_not_found=False)
                or self.env.ref("mail.mail_activity_data_todo")
            ).id,
            "summary": texts._summary(ways),
            "note": texts._note(ways),
        }

    def _is_written(self, ways):
        """:return: bool: the patient is written to because no call is allowed"""
        return bool(ways) and CALL not in ways

    def _summary(self, ways):
        self.ensure_one()
        labels = dict(self._fields["route"]._description_selection(self.env))
        words = {"what": labels[self.route], "reason": self.reason_id.name}
        if self._is_written(ways) and self.route == "manager_call":
            return self.env._("Write, do not call: %(reason)s", reason=words["reason"])
        if self._is_written(ways):
            return self.env._("%(what)s: %(reason)s (do not call)", **words)
        if self.refusal:
            return self.env._("%(what)s: %(reason)s (do not contact)", **words)
        return self.env._("%(what)s: %(reason)s", **words)

    def _note(self, ways):
        """:return: Markup: what is known, and what to say"""
        self.ensure_one()
        labels = dict(self._fields["source"]._description_selection(self.env))
        lines = [
            self.env._(
                "Why the patient stays away: %(reason)s (%(known)s).",
                reason=self.reason_id.name,
                known=labels.get(self.source, ""),
            ),
            *self._allowed_lines(ways),
        ]
        lines += (self.reason_id.route_note or "").splitlines()
        if self.route == "payment":
            options = self.env["reactivation.payment.option"].search(
                [("company_id", "in", (self.company_id.id, False))]
            )
            lines += [f"• {option._line()}" for option in options]
        return Markup().join(Markup("<p>%s</p>") % line for line in lines)

    def _allowed_lines(self, ways):
        """:return: list of Markup: what the contact policy says, and with whom one
        speaks"""
        lines = []
        reasons = dict(self._fields["refusal"]._description_selection(self.env))
        if self._is_written(ways):
            channels = self.env["reactivation.contact.policy"]._step_channels()
            lines.append(
                self.env._(
                    "Do not call: %(reason)s. Write instead: %(channels)s.",
                    reason=reasons[self.refusal],
                    channels=format_list(self.env, [channels[way] for way in ways]),
                )
            )
        elif self.refusal:
            lines.append(
                self.env._("Do not contact the patient: %s.", reasons[self.refusal])
            )
        partner = self.partner_id
        policy = self.env["reactivation.contact.policy"]
        adult_since = policy._adult_since(self.company_id)
        if partner.birth_date and partner.birth_date > adult_since and ways:
            lines.append(
                self.env._(
                    "The patient is a minor: speak with %s.",
                    plain(partner.guardian_id.name),
                )
            )
        return [Markup("<b>%s</b>") % line for line in lines]

    def _note_activity_end(self, state, note=False):
        """The activity was done or removed, wherever that was."""
        if self:
            self.write(
                {
                    "state": state,
                    "done_on": fields.Datetime.now(),
                    "feedback_note": note,
                }
            )
