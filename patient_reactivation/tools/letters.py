"""Where the parts of a letter stand on the page, so that the address shows in the
window of the envelope and nothing else does.

Folded in three the paper slides in the envelope: only what is inside of the window
whichever way it slid counts. All measures are in millimeters from the top left.
"""

import math
import unicodedata
from collections import namedtuple

# left, top, width, height of the address; where the text may begin.
Layout = namedtuple(
    "Layout", "name left top width height body_top page_width page_height margin"
)

LAYOUTS = {
    # Envelope #10 (4 1/8 x 9 1/2 in), window 4 1/2 x 1 1/8 in, 7/8 in from the left
    # and 1/2 in from the bottom.
    "us": Layout("us", 23.0, 56.0, 87.0, 25.0, 97.0, 215.9, 279.4, 23.0),
    # DIN 5008 form B, also the window of DL envelopes: 20 mm from the left, 45 mm
    # from the top; above the address a line of 17.7 mm for the sender.
    "din": Layout("din", 25.0, 62.0, 80.0, 27.0, 98.0, 210.0, 297.0, 25.0),
    # The window at the right, as in France.
    "right": Layout("right", 110.0, 58.0, 80.0, 27.0, 100.0, 210.0, 297.0, 25.0),
}

# A little less than the sheet: one that is as long begins another one.
_SPARE = 2.0

LETTER_COUNTRIES = frozenset(("US", "CA", "MX", "PR", "PH", "CL", "CO", "VE", "GT"))
RIGHT_COUNTRIES = frozenset(("FR", "BE", "LU", "IT", "CH", "MC"))

# A wkhtmltopdf without the patches of its authors prints smaller by this.
UNPATCHED = 1.25

# Font sizes in points that are tried, from the largest.
_ADDRESS_SIZES = (10.0, 9.0, 8.0, 7.0)
_BODY_SIZES = (11.0, 10.5, 10.0, 9.5, 9.0, 8.5, 8.0)
# A name that is longer than the template's makes a text a row longer.
SMALLEST = 7.5
_MILLIMETERS = 25.4 / 72
_ADDRESS_LEADING, _BODY_LEADING = 1.2, 1.35
_WIDTH_OF_LETTER = 0.58

# The date, the note about further letters, and the space around them, in rows.
_BODY_EXTRA = 6
_BOTTOM = 12.0


def layout_of(country_code, paper):
    """:return: name of the layout for a clinic

    :param country_code: of the clinic, decides when it is known
    :param paper: format of the clinic's paper, such as A4 or Letter
    """
    if country_code in LETTER_COUNTRIES:
        return "us"
    if country_code in RIGHT_COUNTRIES:
        return "right"
    if country_code:
        return "din"
    return "us" if paper in ("Letter", "Legal") else "din"


def page_style(layout):
    """:return: CSS of a page, on which all places are shares of its width and height.

    How long a millimeter is depends on how wkhtmltopdf was built; a share of the
    paper is the same everywhere.
    """
    ratio = (layout.page_height - _SPARE) / layout.page_width
    return f"position: relative; width: 100%; height: 0; padding-bottom: {ratio:.4%};"


def place_style(layout, left, top, width=None, height=None):
    """:return: CSS of a part of a page, from millimeters"""
    tall = layout.page_height - _SPARE
    width = width or layout.page_width - left - layout.margin
    style = (
        f"position: absolute; left: {left / layout.page_width:.4%};"
        f" top: {top / tall:.4%}; width: {width / layout.page_width:.4%};"
    )
    return f"{style} height: {height / tall:.4%};" if height else style


def paper_of(layout):
    """:return: name of the paper a layout is printed on: us_letter or a4"""
    return "us_letter" if layout == "us" else "a4"


def _width(line):
    """:return: how many average letters a line is as wide as"""
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in line
        if not unicodedata.combining(char)
    )


def _height(lines, size, width, leading):
    """:return: millimeters that lines take, those that are too long broken"""
    per_line = width / (size * _MILLIMETERS * _WIDTH_OF_LETTER)
    rows = sum(max(1, math.ceil(_width(line) / per_line)) for line in lines)
    return rows * size * _MILLIMETERS * leading


def address_place(lines, layout):
    """Where an address stands in the window, and how large it is printed.

    :return: (font size in points, millimeters from the top): in the middle of the
        window, where it shows whichever way the paper slid
    """
    for size in _ADDRESS_SIZES:
        tall = _height(lines, size, layout.width, _ADDRESS_LEADING)
        if tall <= layout.height:
            return size, layout.top + (layout.height - tall) / 2
    return _ADDRESS_SIZES[-1], layout.top


def cut(lines, limit=90):
    """:return: the lines, none longer than two rows of the smallest print"""
    return [line if len(line) <= limit else f"{line[: limit - 1]}…" for line in lines]


def body_height(layout):
    """:return: millimeters there are for the text of a letter"""
    return layout.page_height - layout.body_top - _BOTTOM


def body_size(text, layout, besides=0):
    """:param besides: millimeters of the page that something else takes
    :return: font size in points at which a text fits on the page; None when it is
        too long for one"""
    lines = [*(text or "").splitlines(), *[""] * _BODY_EXTRA]
    width = layout.page_width - 2 * layout.margin
    for size in _BODY_SIZES:
        tall = _height(lines, size, width, _BODY_LEADING) + besides
        if tall <= body_height(layout):
            return size
    return None
