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
