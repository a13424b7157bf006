from odoo import models


class PrivacyLookupWizard(models.TransientModel):
    """Odoo's *Privacy Lookup* finds contacts, and deletes them on demand.

    What we know goes with the contact. It must not be listed on its own: deleting
    an enrollment there would change the results of its campaign.
    """

    _inherit = "privacy.lookup.wizard"

    def _get_query_models_blacklist(self):
        ours = [name for name in self.env if name.startswith("reactivation.")]
        return [*super()._get_query_models_blacklist(), *ours]
