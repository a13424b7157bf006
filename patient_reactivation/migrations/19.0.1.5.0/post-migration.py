"""Patients who were enrolled before get an allocation, so that they count beside those
who are enrolled now: the shares as they turned out.

Who answered in a survey that they do not want to be called is not called any more."""

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    allocate(cr)
    note_no_calls(cr)


def note_no_calls(cr):
    """What was answered is still there, as long as texts are kept."""
    cr.execute(
        """UPDATE reactivation_feedback feedback
              SET may_call = CASE WHEN choice.reactivation_is_yes
                                  THEN 'yes' ELSE 'no' END
             FROM survey_user_input_line line
             JOIN survey_question question
               ON question.id = line.question_id
              AND question.reactivation_meaning = 'call'
             JOIN survey_question_answer choice ON choice.id = line.suggested_answer_id
            WHERE line.user_input_id = feedback.user_input_id
              AND feedback.processed_on IS NOT NULL
        RETURNING feedback.id, may_call"""
    )
    refused = [row[0] for row in cr.fetchall() if row[1] == "no"]
    env = api.Environment(cr, SUPERUSER_ID, {})
    env.invalidate_all(flush=False)
    env["reactivation.feedback"].browse(refused)._note_no_calls()


def allocate(cr):
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
               allocation_id, company_id, segment_id, method_id, share, returned,
               closed, create_uid, create_date, write_uid, write_date)
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
