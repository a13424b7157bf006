from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.survey.controllers.main import Survey

from .page import SECRET_HEADERS, in_language, refuse_guess, render_page


class SurveyController(Survey):
    """The survey of a patient, under the secret link of the message.

    Reading the page changes nothing, whoever reads it: mail programs open every link.
    An answer begins when a person presses the button.
    """

    @http.route(
        "/reactivation/survey/<string:token>",
        type="http",
        auth="public",
        # The secret proves who asks: a session proves nothing more.
        csrf=False,
        methods=["GET", "POST"],
        sitemap=False,
        save_session=False,
    )
    def reactivation_survey(self, token, **_other):
        if token.isascii() and token.isdecimal() and request.env.user._is_internal():
            # Messages that Odoo keeps have the number in the place of the secret.
            return request.redirect(f"/odoo/reactivation-feedback/{int(token)}")
        feedback = request.env["reactivation.feedback"]
        if refuse_guess("survey"):
            return self._survey_page(feedback, feedback._page_values_unknown(True), 429)
        found = request.env["reactivation.token"]._find(token, "feedback_id")
        if not found or not found.partner_id:
            refuse_guess("survey", count=True)
            return self._survey_page(feedback, feedback._page_values_unknown(), 404)
        found = in_language(
            found, found.partner_id.lang or found.company_id.partner_id.lang
        )
        if request.httprequest.method == "POST":
            try:
                return request.redirect(found._start(), code=303)
            except UserError:
                # Answered in the meantime, or over: the page says so.
                found.invalidate_recordset()
        return self._survey_page(found, found._page_values())

    def _survey_page(self, feedback, values, status=200):
        template = "patient_reactivation.survey_page"
        return render_page(template, feedback.env, values, status)

    # ---------------------------------------------------------- Odoo's own pages

    def _check_validity(
        self,
        survey_sudo,
        answer_sudo,
        answer_token,
        ensure_token=True,
        check_partner=True,
    ):
        """Of patients who were asked the link proves who they are, whoever else is
        logged in on their computer; staff fill it in with them on the phone."""
        feedback = answer_sudo.reactivation_feedback_id
        if feedback:
            check_partner = False
            if not answer_sudo.partner_id or not feedback.partner_id:
                return "token_wrong"
        return super()._check_validity(
            survey_sudo,
            answer_sudo,
            answer_token,
            ensure_token=ensure_token,
            check_partner=check_partner,
        )

    @http.route()
    def survey_display_page(self, survey_token, answer_token, **post):
        response = super().survey_display_page(survey_token, answer_token, **post)
        _survey, answer = self._fetch_from_access_token(survey_token, answer_token)
        if answer.reactivation_feedback_id:
            for name, value in SECRET_HEADERS.items():
                response.headers[name] = value
        return response

    @http.route()
    def survey_retry(self, survey_token, answer_token, **post):
        """Odoo makes a second answer at a mere visit; a patient has one."""
        _survey, answer = self._fetch_from_access_token(survey_token, answer_token)
        if answer.reactivation_feedback_id:
            return request.redirect(answer.get_start_url())
        return super().survey_retry(survey_token, answer_token, **post)
