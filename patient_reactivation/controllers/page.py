"""Pages patients open without an account, under an address nobody can guess."""

from odoo.http import request

# A page says as little about the patient as it can, and the address it is under is
# secret: nobody keeps it, hears of it or loads anything into it.
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
}


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
