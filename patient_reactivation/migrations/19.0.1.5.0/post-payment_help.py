"""The last day was reckoned from the day help was asked for: of what is not decided yet
it is reckoned from the approval."""


def migrate(cr, version):
    cr.execute(
        """UPDATE reactivation_payment_request SET date_to = NULL
            WHERE state IN ('asked', 'submitted')"""
    )
