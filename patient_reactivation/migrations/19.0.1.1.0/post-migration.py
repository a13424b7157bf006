"""Fill in what the new columns say about deliveries and enrollments made before."""


def migrate(cr, version):
    """One open delivery per enrollment, and a reason where no step follows."""
    cr.execute(
        """UPDATE reactivation_delivery
              SET first_date = date, recipient_id = partner_id,
                  claimed_on = COALESCE(claimed_on, sent_on),
                  settled_on = CASE WHEN state <> 'pending'
                                    THEN COALESCE(sent_on, claimed_on, date) END
            WHERE first_date IS NULL"""
    )
    # The step after a waiting delivery is dated when that one is settled.
    cr.execute(
        """UPDATE reactivation_enrollment enrollment
              SET next_step_id = NULL, next_date = NULL
             FROM reactivation_delivery delivery
            WHERE delivery.enrollment_id = enrollment.id
              AND delivery.state = 'pending'"""
    )
    cr.execute(
        """UPDATE reactivation_enrollment enrollment
              SET steps_ended = CASE
                      WHEN state = 'stopped' THEN COALESCE(stop_reason, 'stopped')
                      WHEN returned_date IS NOT NULL THEN 'returned'
                      WHEN booked_date IS NOT NULL THEN 'booked'
                      ELSE 'completed' END
            WHERE steps_ended IS NULL AND NOT COALESCE(is_control, FALSE)
              AND next_date IS NULL
              AND NOT EXISTS (SELECT 1 FROM reactivation_delivery delivery
                               WHERE delivery.enrollment_id = enrollment.id
                                 AND delivery.state = 'pending')"""
    )
    cr.execute(
        """UPDATE reactivation_campaign SET resumed_on = date_start
            WHERE resumed_on IS NULL"""
    )
    cr.execute("UPDATE reactivation_outcome SET is_bot = FALSE WHERE is_bot IS NULL")
