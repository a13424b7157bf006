"""Pages patients open without an account, under an address nobody can guess."""

import hashlib

from odoo.http import request

# The address of a page is secret: nobody keeps it, hears of it or lists it.
SECRET_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}

# A page of ours says as little about the patient as it can, and loads nothing.
HEADERS = {
    **SECRET_HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
}

# More unknown links from one place in ten minutes are no slips of the finger.
WRONG_LINKS = 30


def render_page(template, env, values, status=200):
    """Write a page that stands on its own, in the language of an environment.

    :param str template: xml id of a template whose document is complete
    :return: the response
    """
    return request.make_response(
        env["ir.qweb"]
        .sudo()
        ._render(
            template,
            {"lang": env.lang or "en_US", **values},
            minimal_qcontext=True,
        ),
        headers=[("Content-Type", "text/html; charset=utf-8"), *HEADERS.items()],
        status=status,
    )


def in_language(records, lang):
    """:return: the records in a patient's language, if it is installed"""
    installed = {code for code, _name in request.env["res.lang"].get_installed()}
    return records.with_context(lang=lang) if lang in installed else records


def refuse_guess(page, count=False):
    """Slow down who tries links of a kind of page; the address itself is not kept.

    :param str page: the kind of page
    :param bool count: this was a wrong one
    :return: bool: there were too many from one place
    """
    address = request.httprequest.remote_addr or ""
    key = f"{page}:" + hashlib.sha256(address.encode()).hexdigest()[:32]
    throttle = request.env["reactivation.throttle"]
    if count:
        throttle._count(key)
    return throttle._is_blocked(key, WRONG_LINKS)
