"""Who returned and who stayed: our pass over all enrollments against the bare SQL of
somebody who knows how.

What the bare SQL does: the first booking, the return and the stay of every enrollment
by the same definitions (windows, local days, a visit counts for the last enrollment
before it), from meetings and imported visits, into a new table without any index. What
it does not: anything that can be configured, what was paid and what it cost, the first
contact, comparing with what is stored, stages, and the list of what changed.
"""

from bench_refresh import ZONE
from workspace import SetupError, say

NAME = "Bench outcomes"

# Each patient of the clinic on one of the last 500 days, in the midst of their visits.
ENROLL = """
INSERT INTO reactivation_enrollment (
       campaign_id, company_id, partner_id, segment_id, method_id, is_control,
       state, stage, steps_ended, enrolled_on, episode_date, return_closes,
       loyalty_closes, create_date, write_date)
SELECT %(campaign)s, %(company)s, id, %(segment)s, %(method)s, FALSE,
       'done', 'enrolled', 'completed', moment, moment::date - 1,
       moment + INTERVAL '90 days', moment + INTERVAL '270 days', %(now)s, %(now)s
  FROM (SELECT id, %(now)s::timestamp - (1 + id %% 500) * INTERVAL '1 day' AS moment
          FROM res_partner WHERE email LIKE 'patient%%@example.com') AS partner
"""

FACTS = "id, booked_date, returned_date, loyal_date"

BARE = """
WITH visit AS (
    SELECT attendee.partner_id, COALESCE(practitioner.company_id, 1) AS company_id,
           event.start AS date, 'done' AS state
      FROM calendar_attendee attendee
      JOIN calendar_event event ON event.id = attendee.event_id
 LEFT JOIN res_users practitioner ON practitioner.id = event.user_id
     WHERE event.active AND attendee.state IS DISTINCT FROM 'declined'
       AND attendee.partner_id IN (SELECT partner_id FROM reactivation_enrollment)
 UNION ALL
    SELECT partner_id, company_id, date, state FROM reactivation_external_visit
     WHERE state IN ('done', 'planned')
), mine AS MATERIALIZED (
    SELECT enrollment.id, enrollment.return_closes, campaign.loyalty_days, visit.date,
           (visit.date AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS day,
           CASE WHEN visit.date > %(now)s THEN 'planned'
                WHEN visit.state = 'done' THEN 'done' END AS state
      FROM reactivation_enrollment enrollment
      JOIN reactivation_campaign campaign ON campaign.id = enrollment.campaign_id
      JOIN visit ON visit.partner_id = enrollment.partner_id
                AND visit.company_id = enrollment.company_id
                AND visit.date > enrollment.enrolled_on
     WHERE NOT EXISTS (
           SELECT FROM reactivation_enrollment later
            WHERE later.partner_id = enrollment.partner_id
              AND later.company_id = enrollment.company_id
              AND (later.enrolled_on, later.id)
                  > (enrollment.enrolled_on, enrollment.id)
              AND later.enrolled_on < visit.date)
), returned AS (
    SELECT id, min(day) AS day FROM mine
     WHERE state = 'done' AND date <= return_closes GROUP BY id
), loyal AS (
    SELECT mine.id, min(mine.day) AS day FROM mine
      JOIN returned ON returned.id = mine.id
     WHERE state = 'done' AND mine.day > returned.day
       AND mine.day <= returned.day + loyalty_days
  GROUP BY mine.id
), booked AS (
    SELECT id, min(date) AS date FROM mine
     WHERE state = 'planned' AND date <= return_closes GROUP BY id
)
SELECT enrollment.id, booked.date AS booked_date, returned.day AS returned_date,
       loyal.day AS loyal_date
  FROM reactivation_enrollment enrollment
LEFT JOIN booked ON booked.id = enrollment.id
LEFT JOIN returned ON returned.id = enrollment.id
LEFT JOIN loyal ON loyal.id = enrollment.id
 WHERE enrollment.partner_id IS NOT NULL
"""


def measure_outcomes_refresh(bench):
    """The nightly pass over the enrollments of all patients, who have ten visits each,
    that finds nothing changed: against the bare statement writing its facts into a new
    table without any index. The first pass, which writes them all, is told beside."""
    count = _enrollments(bench)
    values = {"now": bench.now, "zone": ZONE}

    def refresh(env):
        return env["reactivation.outcome"]._refresh(everything=True, moment=bench.now)

    def ours(env):
        if changed := refresh(env):
            raise SetupError(
                f"the second pass changed {changed} enrollments",
                "a fault of the outcomes: run their tests",
            )

    def bare(env):
        env["reactivation.patient"]._allow_memory()
        env.cr.execute("DROP TABLE IF EXISTS bench_outcome")
        env.cr.execute(f"CREATE TABLE bench_outcome AS {BARE}", values)

    bench.vacuum("reactivation_enrollment")
    [first] = bench.race(refresh, turns=1)
    bench.vacuum("reactivation_enrollment", "reactivation_outcome")
    seconds, baseline = bench.race(ours, bare)
    _check_same(bench)
    bench.sql("DROP TABLE bench_outcome")
    bench.figure(
        "outcomes_refresh",
        seconds,
        baseline,
        enrollments=count,
        first_seconds=round(first, 1),
    )


def measure_outcomes_running(bench):
    """What runs every ten minutes: the pass over the enrollments whose windows are open
    (more than half of all), which finds nothing changed."""
    _enrollments(bench)
    with bench.environment() as env:
        env["reactivation.outcome"]._refresh(everything=True, moment=bench.now)
        env["reactivation.patient"]._refresh()
    bench.vacuum(
        "reactivation_enrollment", "reactivation_outcome", "reactivation_patient"
    )
    [seconds] = bench.race(
        lambda env: env["reactivation.outcome"]._refresh(moment=bench.now)
    )
    bench.figure("outcomes_running", seconds)


def _check_same(bench):
    """A figure is worth nothing unless both sides found the same."""
    with bench.environment() as env:
        env.cr.execute(
            f"""SELECT count(*), count(returned_date), count(loyal_date)
                  FROM (SELECT {FACTS} FROM bench_outcome
                        EXCEPT
                        SELECT {FACTS} FROM reactivation_enrollment) AS difference"""
        )
        different = env.cr.fetchone()
        env.cr.execute("SELECT count(returned_date) FROM bench_outcome")
        (returned,) = env.cr.fetchone()
    if any(different) or not returned:
        raise SetupError(
            f"{different[0]} enrollments differ from what the bare SQL finds",
            "a fault of the outcomes or of the benchmark: run their tests",
        )
    say(f"  both sides found the same {returned} returns")


def _enrollments(bench):
    """:return: int: the number of enrollments, which are made once"""
    with bench.environment() as env:
        campaigns = env["reactivation.campaign"]
        if not campaigns.search_count([("name", "=", NAME)]):
            campaign = campaigns.create(
                {
                    "name": NAME,
                    "segment_ids": [(0, 0, {"name": "All"})],
                    "method_ids": [(0, 0, {"name": "Nothing"})],
                }
            )
            values = {
                "now": bench.now,
                "company": env.company.id,
                "campaign": campaign.id,
                "segment": campaign.segment_ids.id,
                "method": campaign.method_ids.id,
            }
            env.cr.execute(ENROLL, values)
        env.cr.execute(
            "SELECT count(*) FROM reactivation_enrollment WHERE partner_id IS NOT NULL"
        )
        return env.cr.fetchone()[0]
