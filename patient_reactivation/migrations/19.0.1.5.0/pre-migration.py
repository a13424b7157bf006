"""“May we call you?” was yes or not; now “no” and “not answered” differ."""


def migrate(cr, version):
    cr.execute(
        """SELECT 1 FROM information_schema.columns
            WHERE table_name = 'reactivation_feedback'
              AND column_name = 'may_call' AND data_type = 'boolean'"""
    )
    if cr.fetchone():
        cr.execute(
            """ALTER TABLE reactivation_feedback
                ALTER COLUMN may_call TYPE varchar
                USING CASE WHEN may_call THEN 'yes' END"""
        )
