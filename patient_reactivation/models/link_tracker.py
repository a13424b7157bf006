from odoo import api, models


class LinkTracker(models.Model):
    _inherit = "link.tracker"

    @api.model
    def _get_title_from_url(self, url):
        """Odoo visits every address to learn its title. A link in a message of a
        campaign makes the server call nobody: it may lead to a machine of its own
        network, and it would be done once for each new link while patients wait."""
        if self.env.context.get("reactivation_deliveries") or self.env.context.get(
            "reactivation_no_fetch"
        ):
            return url
        return super()._get_title_from_url(url)
