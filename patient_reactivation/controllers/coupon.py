from odoo import http
from odoo.http import request

from .page import in_language, refuse_guess, render_page


class CouponController(http.Controller):
    """The coupon on the patient's phone, under the secret link of the message.

    Reading the page changes nothing, whoever reads it: mail programs open every link.
    """

    @http.route(
        "/reactivation/coupon/<string:token>",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
        save_session=False,
    )
    def coupon(self, token, **_other):
        if token.isascii() and token.isdecimal() and request.env.user._is_internal():
            # Messages that Odoo keeps have the number in the place of the secret.
            return request.redirect(f"/odoo/reactivation-coupons/{int(token)}")
        if refuse_guess("coupon"):
            return self._refuse(429)
        coupon = request.env["reactivation.token"]._find(token)
        if not coupon or not coupon.partner_id:
            refuse_guess("coupon", count=True)
            return self._refuse(404)
        coupon = in_language(
            coupon, coupon.partner_id.lang or coupon.company_id.partner_id.lang
        )
        return self._page(coupon, coupon._page_values())

    def _refuse(self, status):
        """Whatever is wrong with a link, the answer tells nothing about it."""
        coupons = request.env["reactivation.coupon"]
        return self._page(coupons, coupons._page_values_unknown(status == 429), status)

    def _page(self, coupons, values, status=200):
        template = "patient_reactivation.coupon_page"
        return render_page(template, coupons.env, values, status)
