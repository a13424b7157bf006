"""Installation hooks."""


def uninstall_hook(env):
    """Drop the indexes that visit sources put on tables of other addons."""
    env["reactivation.visit.source"].with_context(active_test=False).search(
        []
    )._drop_indexes()
