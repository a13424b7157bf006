from werkzeug.exceptions import Unauthorized

from odoo import http
from odoo.http import request
from odoo.tools import consteq

from odoo.addons.mass_mailing.controllers.main import MassMailController

from ..models.reactivation_unsubscribe import CHOICES
from .page import HEADERS, in_language, render_page

LARGEST_ID = 2**31 - 1


class UnsubscribeController(MassMailController):
    """Unsubscribe from the e-mails of a campaign's steps.

    Odoo would put the address on a list nobody may write to, whoever asks. Here
    it is a word of the patient, with its purpose, to one clinic. Reading the page
    changes nothing, whoever reads it: mail providers open every link.
    """

    def _check_mailing_email_token(
        self, mailing_id, document_id, email, hash_token, required_mailing_id=False
    ):
        """Odoo fails at a link that nobody can have been sent; this refuses it."""
        complete = mailing_id and document_id and email and hash_token
        if complete and not self._is_plausible(
            mailing_id, str(document_id), email, hash_token
        ):
            raise Unauthorized()
        return super()._check_mailing_email_token(
            mailing_id, document_id, email, hash_token, required_mailing_id
        )

    # --------------------------------------------------------------------- routes

    @http.route()
    def mailing_unsubscribe_oneclick(
        self, mailing_id, document_id=None, email=None, hash_token=None, **_other
    ):
        """The mail program of the patient asks, without a session (RFC 8058)."""
        params = (document_id, email, hash_token)
        if not self._is_ours(mailing_id):
            return super().mailing_unsubscribe_oneclick(mailing_id, *params)
        mailing, link = self._open(mailing_id, *params)
        if not link:
            return self._page_unknown()
        self._pages(mailing, link)._choose(link, "stop", "List-Unsubscribe=One-Click")
        return request.make_response("", headers=list(HEADERS.items()))

    # The token of the link proves who asks: a session proves nothing more, and
    # the page has to work for those who refuse cookies.
    @http.route(csrf=False)
    def mailing_confirm_unsubscribe(
        self,
        mailing_id,
        document_id=None,
        email=None,
        hash_token=None,
        choice=None,
        **_other,
    ):
        params = (document_id, email, hash_token)
        if not self._is_ours(mailing_id):
            return super().mailing_confirm_unsubscribe(mailing_id, *params)
        return self._page(mailing_id, *params, choice)

    @http.route()
    def mailing_confirm_unsubscribe_post(
        self, mailing_id, document_id=None, email=None, hash_token=None, **_other
    ):
        params = (document_id, email, hash_token)
        number = str(mailing_id)
        number = int(number) if number.isascii() and number.isdecimal() else 0
        if not self._is_ours(number):
            return super().mailing_confirm_unsubscribe_post(number, *params)
        return self._page(number, *params, "stop")

    # It acts at a mere visit in Odoo, so that forgery is no concern of it.
    @http.route(csrf=False)
    def mailing_unsubscribe(
        self,
        mailing_id,
        document_id=None,
        email=None,
        hash_token=None,
        choice=None,
        **_other,
    ):
        """The address of old: for our e-mails it asks first."""
        params = (document_id, email, hash_token)
        if not self._is_ours(mailing_id):
            return super().mailing_unsubscribe(mailing_id, *params)
        return self._page(mailing_id, *params, choice)

    # ----------------------------------------------------------------------- link

    def _is_ours(self, mailing_id):
        """An e-mail of a step; or one that is gone, whose links still hold."""
        if not 0 < mailing_id <= LARGEST_ID:
            return True
        mailing = request.env["mailing.mailing"].sudo().browse(mailing_id).exists()
        return not mailing or bool(mailing.reactivation_step_id)

    def _is_plausible(self, mailing_id, document_id, email, hash_token):
        parts = (document_id, email, hash_token)
        return (
            isinstance(mailing_id, int)
            and 0 < mailing_id <= LARGEST_ID
            and all(isinstance(part, str) and part for part in parts)
            and document_id.isascii()
            and document_id.isdecimal()
            and hash_token.isascii()
        )

    def _open(self, mailing_id, document_id, email, hash_token):
        """:return: the e-mail, and what its link is about if it is genuine"""
        mailing = request.env["mailing.mailing"].sudo().browse(mailing_id)
        if not self._is_plausible(mailing_id, document_id, email, hash_token):
            return mailing, None
        # The token does not need the e-mail, which may be deleted by now.
        token = mailing._generate_mailing_recipient_token(document_id, email)
        if not consteq(token, hash_token):
            return mailing, None
        pages = request.env["reactivation.unsubscribe"].sudo()
        mailing = mailing.exists()
        return mailing, pages._link(mailing, int(document_id), email)

    # ---------------------------------------------------------------------- pages

    def _pages(self, mailing, link):
        """:return: what writes the pages, in the language of the e-mail"""
        lang = mailing.reactivation_lang or link["partner"].lang
        return in_language(request.env["reactivation.unsubscribe"].sudo(), lang)

    def _page(self, mailing_id, document_id, email, hash_token, choice):
        """Note what was chosen, if anything was, and show where things stand."""
        mailing, link = self._open(mailing_id, document_id, email, hash_token)
        if not link:
            return self._page_unknown()
        pages = self._pages(mailing, link)
        shown = pages._state(link)
        if request.httprequest.method == "POST" and choice in CHOICES:
            pages._choose(link, choice, pages._text(link, shown, choice))
            shown = choice
        return self._render(pages, **pages._words(link, shown))

    def _page_unknown(self):
        """Whatever is wrong with a link, the answer is the same."""
        pages = request.env["reactivation.unsubscribe"]
        return self._render(pages, status=401, **pages._words_wrong_link())

    def _render(self, pages, status=200, **values):
        template = "patient_reactivation.unsubscribe_page"
        return render_page(template, pages.env, values, status)
