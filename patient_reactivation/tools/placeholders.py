"""Placeholders in texts that people write: {first_name}, {clinic} …

A text is filled once, from left to right: what is put in is never looked at again,
so a patient whose name contains braces stays a patient with such a name.
"""

import re
import unicodedata

from markupsafe import Markup, escape

# In the order in which they are offered.
KNOWN = (
    "first_name",
    "name",
    "clinic",
    "phone",
    "website",
    "video_link",
    "link",
    "offer",
    "coupon_code",
    "coupon_until",
    "survey_link",
)

# A paragraph that names one of these is for patients with a coupon only.
OF_COUPONS = frozenset({"offer", "coupon_code", "coupon_until"})

_PARAGRAPH = re.compile(
    r"<(p|li|h[1-6]|blockquote|tr|div)\b(?:(?!<\1\b|</\1>).)*</\1>", re.DOTALL
)

# With the space before it: where nothing is known, "Hello {first_name}," must read
# "Hello," and not "Hello ,".
_PLACEHOLDER = re.compile(r"([ \u00a0\u202f]?)\{([^{}]*)\}")
_BRACE = re.compile(r"[{}]")

# They turn the direction of all that follows, or hide it.
_TRICKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")

_SPACES = "\r\n\t\v\f"


def names(text):
    """:return: set of what stands between braces in a text, known or not"""
    return {match[2].strip() for match in _PLACEHOLDER.finditer(text or "")}


def unknown(text):
    """:return: sorted list of the placeholders of a text that do not exist"""
    return sorted(names(text).difference(KNOWN))


def is_broken(text):
    """:return: bool: a brace of the text has no partner"""
    return bool(_BRACE.search(_PLACEHOLDER.sub("", text or "")))


def fill(text, values):
    """Put values into the placeholders of a text.

    A placeholder without an entry in `values` stays as it is. In markup the values
    are escaped.

    :param text: str or Markup
    :param dict values: {name: value}; an empty value takes the space before it away
    :return: str, or Markup when the text is
    """
    is_markup = isinstance(text, Markup)

    def value_of(match):
        space, name = match[1], match[2].strip()
        if name not in values:
            return match[0]
        value = values[name]
        if not value:
            return ""
        return space + str(escape(value) if is_markup else value)

    filled = _PLACEHOLDER.sub(value_of, str(text or ""))
    return Markup(filled) if is_markup else filled


def without_coupons(text):
    """Leave out what is said to patients with a coupon: each line of a plain text, each
    paragraph of a formatted one, that names a placeholder of coupons.

    :param text: str or Markup
    :return: of the same type
    """
    if isinstance(text, Markup):
        kept = _PARAGRAPH.sub(
            lambda match: "" if names(match[0]) & OF_COUPONS else match[0], str(text)
        )
        return Markup(kept)
    lines = str(text or "").splitlines()
    return "\n".join(line for line in lines if not names(line) & OF_COUPONS)


def without_tricks(value):
    """:return: str: a text with its lines, without characters that play tricks"""
    return "".join(
        char
        for char in str(value or "")
        if char in _SPACES
        or (char not in _TRICKS and unicodedata.category(char) != "Cc")
    )


def plain(value):
    """:return: a value as one line of text, without characters that play tricks"""
    return " ".join(without_tricks(value).split())
