"""Pictures that are part of a page: they load nothing and need no server."""

import base64
import io

from markupsafe import Markup, escape
from PIL import Image

# Light around the squares, in squares: scanners need it (ISO/IEC 18004: four).
QUIET_ZONE = 4


def _squares(text):
    """:return: number of squares of a side, list of (column, row) of the dark ones"""
    from reportlab.graphics.barcode.qrencoder import (  # noqa: PLC0415 - seldom needed
        QRCode,
        QRErrorCorrectLevel,
    )

    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    size = code.getModuleCount()
    dark = [
        (column, row)
        for row in range(size)
        for column in range(size)
        if code.isDark(row, column)
    ]
    return size, dark


def qr_svg(text, label):
    """Draw a QR code, with the barcode library Odoo prints its own with.

    :param str label: what the picture is, for those who cannot see it
    :return: Markup: an SVG element that fills the width it is given
    """
    size, dark = _squares(text)
    squares = "".join(f"M{column} {row}h1v1h-1z" for column, row in dark)
    whole = size + 2 * QUIET_ZONE
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s"'
        ' viewBox="-%s -%s %s %s" shape-rendering="crispEdges">'
        '<path fill="#fff" d="M-%s -%sh%sv%sh-%sz"/><path d="%s"/></svg>'
    ) % (
        escape(label),
        QUIET_ZONE,
        QUIET_ZONE,
        whole,
        whole,
        QUIET_ZONE,
        QUIET_ZONE,
        whole,
        whole,
        whole,
        squares,
    )


def qr_png(text, scale=8):
    """Draw a QR code for paper. Odoo's own picture needs a drawing library that not
    every server has.

    :param int scale: dots of a square's side
    :return: str: address of a PNG picture that is its own data
    """
    size, dark = _squares(text)
    whole = size + 2 * QUIET_ZONE
    picture = Image.new("1", (whole, whole), 1)
    for column, row in dark:
        picture.putpixel((column + QUIET_ZONE, row + QUIET_ZONE), 0)
    picture = picture.resize((whole * scale, whole * scale), Image.Resampling.NEAREST)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def bars_svg(groups, labels, colors, top, label):
    """Draw numbers of several kinds side by side, group after group. It renders on
    paper too, where nothing can be drawn by the browser of a user.

    :param list groups: of (name below the bars, list of numbers; None: not shown)
    :param list labels: names of the kinds
    :param list colors: one per kind, as #71639e
    :param top: the number the whole height stands for
    :param str label: what the picture is, for those who cannot see it
    :return: Markup: an SVG element, 880 by 180 units
    """
    width, height, floor = 880, 180, 150
    wide = width / max(1, len(groups))
    bar = wide * 0.8 / max(1, len(labels))
    parts = [
        Markup('<path d="M0 %s.5h%s" stroke="#999" fill="none"/>') % (floor, width)
    ]
    for place, (name, numbers) in enumerate(groups):
        left = place * wide + wide * 0.1
        for kind, number in enumerate(numbers):
            x = left + kind * bar
            parts.append(_bar(x, bar, floor, number, top, colors[kind]))
        parts.append(
            Markup(
                '<text x="%.1f" y="%s" font-size="10" text-anchor="middle">%s</text>'
            )
            % (place * wide + wide / 2, floor + 13, name)
        )
    for kind, text in enumerate(labels):
        x = kind * 160
        parts.append(
            Markup(
                '<rect x="%s" y="%s" width="9" height="9" fill="%s"/>'
                '<text x="%s" y="%s" font-size="10">%s</text>'
            )
            % (x, height - 10, colors[kind], x + 13, height - 2, text)
        )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s"'
        ' width="%s" height="%s" viewBox="0 0 %s %s" font-family="sans-serif">%s</svg>'
    ) % (label, width, height, width, height, Markup().join(parts))


def _bar(left, width, floor, number, top, color):
    """:return: Markup of a bar with its number; of an empty one if it is hidden"""
    if number is None:
        return Markup(
            '<rect x="%.1f" y="%s" width="%.1f" height="5" fill="none" stroke="%s"'
            ' stroke-dasharray="2 1"/>'
        ) % (left + 1, floor - 5, width - 2, color)
    if not number:
        return Markup()
    high = max(1.0, number / top * (floor - 14))
    return Markup(
        '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>'
        '<text x="%.1f" y="%.1f" font-size="8" text-anchor="middle">%s</text>'
    ) % (
        left,
        floor - high,
        width - 1,
        high,
        color,
        left + width / 2,
        floor - high - 3,
        number,
    )


def interval_svg(rate, control, top):
    """Draw a rate with its interval, and that of the control group as a line.

    :param dict rate: `value`, `low` and `high`, shares between 0 and 1
    :param dict control: likewise, or None
    :param float top: the share the whole width stands for
    :return: Markup: an SVG element, 200 by 14 units
    """
    width = 200

    def place(share):
        return round(min(1.0, share / top) * width, 1)

    low, high = place(rate["low"]), place(rate["high"])
    line = Markup()
    if control:
        line = Markup('<rect x="%s" y="0" width="2" height="14" fill="#333"/>') % (
            place(control["value"]) - 1
        )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s – %s"'
        ' width="200" height="14" viewBox="0 0 200 14">'
        '<rect y="3" width="200" height="8" fill="#e5e5e5"/>'
        '<rect x="%s" y="3" width="%s" height="8" fill="#b9b0d6"/>'
        '<rect x="%s" y="3" width="4" height="8" fill="#71639e"/>%s</svg>'
    ) % (
        rate["low"],
        rate["high"],
        low,
        round(high - low, 1),
        place(rate["value"]) - 2,
        line,
    )
