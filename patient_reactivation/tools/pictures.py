"""Pictures that are part of a page: they load nothing and need no server."""

from markupsafe import Markup, escape

# Light around the squares, in squares: scanners need it (ISO/IEC 18004: four).
QUIET_ZONE = 4


def qr_svg(text, label):
    """Draw a QR code, with the barcode library Odoo prints its own with.

    :param str label: what the picture is, for those who cannot see it
    :return: Markup: an SVG element that fills the width it is given
    """
    from reportlab.graphics.barcode.qrencoder import (  # noqa: PLC0415 - seldom needed
        QRCode,
        QRErrorCorrectLevel,
    )

    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    size = code.getModuleCount()
    squares = "".join(
        f"M{column} {row}h1v1h-1z"
        for row in range(size)
        for column in range(size)
        if code.isDark(row, column)
    )
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
