from odoo import http
from odoo.exceptions import AccessError
from odoo.http import content_disposition, request

HEADERS = {
    "Content-Type": "application/zip",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ExportController(http.Controller):
    @http.route(
        "/reactivation/export/<int:partner_id>",
        type="http",
        auth="user",
        methods=["GET"],
    )
    def export_patient(self, partner_id):
        """The data of a person. Who may not have it is not told there is any."""
        privacy = request.env["reactivation.privacy"]
        partner = request.env["res.partner"].browse(partner_id).exists()
        try:
            content = partner and privacy._export_zip(partner)
        except AccessError:
            content = None
        if not content:
            raise request.not_found()
        name = content_disposition(privacy._export_name(partner))
        return request.make_response(
            content,
            headers=[*HEADERS.items(), ("Content-Disposition", name)],
        )
