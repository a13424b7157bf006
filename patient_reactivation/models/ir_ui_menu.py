from odoo import api, models


class IrUiMenu(models.Model):
    """“Get Started” is in the menu as long as somebody needs it."""

    _inherit = "ir.ui.menu"

    @api.model
    def load_menus(self, debug):
        menus = super().load_menus(debug)
        guide = self.env.ref(
            "patient_reactivation.reactivation_guide_menu", raise_if_not_found=False
        )
        if not guide or guide.id not in menus:
            return menus
        if self.env.user.company_ids._reactivation_needs_guide():
            return menus
        # What is kept in the cache stays as it is.
        return {
            key: {
                **menu,
                "children": [child for child in menu["children"] if child != guide.id],
            }
            for key, menu in menus.items()
            if key != guide.id
        }
