"""Patients who were enrolled before get an allocation, so that they count beside those
who are enrolled now: the shares as they turned out."""


def migrate(cr, version):
    cr.execute(
        """INSERT INTO reactivation_allocation (
               campaign_id, company_id, segment_id, date, kind, control_percent,
               create_uid, create_date, write_uid, write_date)
           SELECT campaign_id, max(company_id), segment_id, min(enrolled_on), 'before',
                  100.0 * count(*) FILTER (WHERE is_control) / count(*),
                  1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC'
             FROM reactivation_enrollment
            WHERE segment_id IS NOT NULL AND allocation_id IS NULL
         GROUP BY campaign_id, segment_id"""
    )
    cr.execute(
        """INSERT INTO reactivation_allocation_share (
               allocation_id, company_id, segment_id, method_id, share, returned, closed,
               create_uid, create_date, write_uid, write_date)
           SELECT allocation.id, allocation.company_id, allocation.segment_id,
                  enrollment.method_id,
                  count(*)::float / sum(count(*)) OVER (PARTITION BY allocation.id),
                  0, 0, 1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC'
             FROM reactivation_enrollment enrollment
             JOIN reactivation_allocation allocation
               ON allocation.campaign_id = enrollment.campaign_id
              AND allocation.segment_id = enrollment.segment_id
              AND allocation.kind = 'before'
            WHERE enrollment.method_id IS NOT NULL AND NOT enrollment.is_control
         GROUP BY allocation.id, enrollment.method_id"""
    )
    cr.execute(
        """UPDATE reactivation_enrollment enrollment SET allocation_id = allocation.id
             FROM reactivation_allocation allocation
            WHERE allocation.campaign_id = enrollment.campaign_id
              AND allocation.segment_id = enrollment.segment_id
              AND allocation.kind = 'before' AND enrollment.allocation_id IS NULL"""
    )
