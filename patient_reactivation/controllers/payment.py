from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from .page import in_language, refuse_guess, render_page


class PaymentController(http.Controller):
    """The form of a patient who asks for help with the cost: what is needed to decide,
    and nothing else. Reading it changes nothing."""

    @http.route(
        "/reactivation/payment/<string:token>",
        type="http",
        auth="public",
        # The secret proves who asks: a session proves nothing more.
        csrf=False,
        methods=["GET", "POST"],
        sitemap=False,
        save_session=False,
    )
    def payment(self, token, people=None, band=None, **_other):
        requests = request.env["reactivation.payment.request"]
        if refuse_guess("payment"):
            return self._page(requests, requests._page_values_unknown(True), 429)
        found = request.env["reactivation.token"]._find(token, "payment_request_id")
        if not found or not found.partner_id:
            refuse_guess("payment", count=True)
            return self._page(requests, requests._page_values_unknown(), 404)
        found = in_language(
            found, found.partner_id.lang or found.company_id.partner_id.lang
        )
        error = False
        if request.httprequest.method == "POST" and found._form_is_open():
            try:
                found._submit(people, band)
            except UserError as refused:
                error = str(refused)
        return self._page(found, found._page_values(people, error))

    def _page(self, requests, values, status=200):
        template = "patient_reactivation.payment_page"
        return render_page(template, requests.env, values, status)
