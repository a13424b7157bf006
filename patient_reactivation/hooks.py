"""Installation hooks."""


def uninstall_hook(env):
    """Give back what this addon changed in others: indexes, and a list."""
    sources = env["reactivation.visit.source"].with_context(active_test=False)
    sources.search([])._drop_indexes()
    sources._drop_contact_index()
    # The list of Email Marketing asks for a field that leaves with this addon.
    env.ref(
        "mass_mailing.mailing_mailing_action_mail"
    ).domain = "[('mailing_type', '=', 'mail')]"
