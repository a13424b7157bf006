from odoo import api, models

from ..tools.links import COUPON_PATH, SURVEY_PATH


class MailRenderMixin(models.AbstractModel):
    _inherit = "mail.render.mixin"

    @api.model
    def _shorten_links(self, html, link_tracker_vals, blacklist=None, base_url=None):
        """The page of a coupon or a survey is under a secret: a tracker would keep one
        for every patient, where all staff can read it."""
        return super()._shorten_links(
            html,
            link_tracker_vals,
            blacklist=[
                *(blacklist or []),
                COUPON_PATH.rstrip("/"),
                SURVEY_PATH.rstrip("/"),
            ],
            base_url=base_url,
        )
