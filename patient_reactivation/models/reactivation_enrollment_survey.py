from odoo import api, fields, models

from ..tools.links import SURVEY_PATH


class ReactivationEnrollment(models.Model):
    """The survey of a patient in the texts of a campaign."""

    _inherit = "reactivation.enrollment"

    feedback_ids = fields.One2many("reactivation.feedback", "enrollment_id")
    survey_invitation = fields.Html(
        compute="_compute_survey",
        compute_sudo=True,
        sanitize=False,
        help="The button to the survey, and what an answer is rewarded with. Nothing "
        "for patients who are not asked.",
    )
    survey_link = fields.Char(compute="_compute_survey", compute_sudo=True)

    @api.depends("feedback_ids.state", "feedback_ids.deadline")
    def _compute_survey(self):
        channel = self.env["reactivation.channel"]
        lawful = self.feedback_ids._lawful_promises()
        for enrollment in self:
            feedback = enrollment.feedback_ids[:1]
            if not feedback or not feedback._is_open():
                enrollment.survey_invitation = enrollment.survey_link = False
                continue
            lang = channel._reader_lang(enrollment.recipient_id, enrollment.company_id)
            feedback = feedback.with_context(lang=lang)
            enrollment.survey_link = f"{SURVEY_PATH}{feedback.id}"
            # One message each.
            enrollment.survey_invitation = feedback._invitation(feedback in lawful)

    @api.model
    def mail_allowed_qweb_expressions(self):
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.survey_invitation",
            "object.survey_link",
        )


class ReactivationFeedback(models.Model):
    """How patients see that they are asked."""

    _inherit = "reactivation.feedback"

    def _invitation(self, promise):
        """:param bool promise: the reward may be promised
        :return: Markup: the button to the survey as an e-mail shows it"""
        self.ensure_one()
        return self.env["ir.qweb"]._render(
            "patient_reactivation.survey_block",
            {
                "link": f"{SURVEY_PATH}{self.id}",
                "reward": promise and self._promise_text(),
            },
        )

    # --------------------------------------------------------------------- page

    def _page_values(self):
        """What the page tells: a first name and the clinic, nothing else of a person.

        :return: dict of the template's values
        """
        self.ensure_one()
        company = self.company_id
        values = {
            "clinic": company.name,
            "phone": company.phone,
            "name": self._first_name(),
            "title": self._page_title(),
            "message": self._page_message(),
            "reward": False,
            "coupon_link": False,
            "payment_link": False,
            "may_start": self._is_open(),
            "goes_on": self.state == "started",
        }
        if values["may_start"]:
            values["reward"] = bool(self._lawful_promises()) and self._promise_text()
        elif self.answered_on:
            values |= self._thanks_values()
        return values

    def _thanks_values(self):
        """:return: dict: what there is for who has answered"""
        coupon = self.sudo().coupon_id
        links = {}
        if coupon and coupon._is_live() and coupon._lawful_to_show():
            # Reading changes nothing: the secret was made with the coupon.
            links["coupon_link"] = coupon._lasting_link()
        return links

    def _reward_is_coming(self):
        """:return: bool: what was promised for the answer is about to be issued"""
        self.ensure_one()
        return not self.sudo().coupon_id and bool(self._lawful_promises())

    def _page_title(self):
        if self.answered_on:
            return self.env._("Thank you, %s!", self._first_name())
        if self._is_open():
            return self.env._("%s, may we ask you something?", self._first_name())
        return self.env._("This survey is closed.")

    def _page_message(self):
        if self.answered_on:
            return self.env._(
                "Your answers have reached us. They help us to do better."
            )
        if self._is_open():
            return self.env._(
                "We have not seen you for a while, and would like to know why. A few "
                "questions, two minutes; you may leave out what you do not want to "
                "answer."
            )
        return self.env._(
            "Thank you for wanting to answer. You can still tell us: give us a call."
        )

    @api.model
    def _page_values_unknown(self, throttled=False):
        """:return: dict of the template's values for a link that opens nothing"""
        message = self.env._(
            "This link does not open a survey. Please open it from the message itself, "
            "or call the clinic."
        )
        if throttled:
            message = self.env._("Too many attempts. Please try again in ten minutes.")
        return {
            "clinic": False,
            "phone": False,
            "title": self.env._("This link does not work."),
            "message": message,
            "may_start": False,
            "coupon_link": False,
            "payment_link": False,
            "reward": False,
        }
