"""Links that are given to patients."""

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", re.IGNORECASE)
# How a page of a patient stands in a text until the message leaves: with the number of
# its coupon or its survey, which is no secret. What the patient gets has a secret in
# its place.
COUPON_PATH = "/reactivation/coupon/"
SURVEY_PATH = "/reactivation/survey/"
PERSONAL_LINK = re.compile(
    r"""[^\s"'<>]*(/reactivation/(?:coupon|survey)/)(\d{1,10})(?![\w-])"""
)

_NEVER = re.compile(r"""[\s"'<>\\`{}]""")


def is_safe_link(url):
    """:return: bool: an https link to a named host, with nothing hidden in it"""
    if _NEVER.search(url) or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and "@" not in parts.netloc
        and bool(_HOST.match(parts.hostname or ""))
        and port != 0
    )


def website_link(website):
    """:return: the address of a clinic's website as a link, or "" if it is none"""
    url = (website or "").strip()
    if not url or _NEVER.search(url):
        return ""
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    return url
