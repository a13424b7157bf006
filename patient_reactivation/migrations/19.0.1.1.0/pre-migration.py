"""Before the tables change: what is in flight must not be sent again."""


def migrate(cr, version):
    """Claims of the version before may have gone out; they become uncertain.

    There a whole batch was claimed at once and sent under that claim.
    """
    cr.execute(
        "UPDATE reactivation_delivery SET state = 'uncertain' WHERE state = 'claimed'"
    )
    # Two narrower indexes take its place.
    cr.execute(
        "ALTER TABLE reactivation_outcome "
        "DROP CONSTRAINT IF EXISTS reactivation_outcome_fact_uniq"
    )
