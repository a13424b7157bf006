"""The shipped reasons say what the clinic does about them, where nobody has said so
yet.

Nothing is followed up for reasons that were known before: nobody gets a hundred tasks
on the morning after the upgrade.
"""

# Code of the reason -> what is done, and within how many days.
ROUTES = {
    "cost": ("payment", 2),
    "coverage_changed": ("coverage", 3),
    "coverage_lost": ("coverage", 3),
    "dissatisfied": ("manager_call", 2),
    "no_time": ("times", 5),
}


def migrate(cr, version):
    """Data files leave records alone that exist already."""
    cr.execute("UPDATE reactivation_reason SET route = 'suppress' WHERE excludes")
    for code, (route, days) in ROUTES.items():
        # Five reasons.
        cr.execute(
            """UPDATE reactivation_reason reason SET route = %s, route_days = %s
                 FROM ir_model_data shipped
                WHERE shipped.module = 'patient_reactivation'
                  AND shipped.model = 'reactivation.reason'
                  AND shipped.name = %s AND shipped.res_id = reason.id
                  AND reason.route = 'none' AND NOT COALESCE(reason.excludes, FALSE)""",
            (route, days, f"reactivation_reason_{code}"),
        )
    cr.execute("UPDATE reactivation_patient SET reason_pending = FALSE")
