"""The shipped tiers get the shipped coupons, where the clinic has not chosen others."""


def migrate(cr, version):
    """Data files leave records alone that exist already."""
    for months in (6, 12):
        # Two tiers.
        percent = {6: 20, 12: 50}[months]
        cr.execute(
            """UPDATE reactivation_tier tier SET program_id = program.res_id
                 FROM ir_model_data shipped, ir_model_data program
                WHERE shipped.module = 'patient_reactivation'
                  AND shipped.name = %s AND shipped.res_id = tier.id
                  AND program.module = 'patient_reactivation' AND program.name = %s
                  AND tier.program_id IS NULL""",
            (f"reactivation_tier_{months}", f"loyalty_program_{percent}"),
        )
