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

ENROLLMENTS = 1_000_000
# Enrollments per patient of SIZE, so that a small clinic is measured quickly.
PER_PATIENT = 50
NAME = "Bench outcomes"

# One of seven came back, of those two thirds stayed; one of thirty has an appointment.
STATEMENTS = (
    """INSERT INTO res_partner (
              name, complete_name, type, active, lang, email, partner_share,
              autopost_bills, create_date, write_date)
       SELECT 'Outcome ' || n, 'Outcome ' || n, 'contact', TRUE, 'en_US',
              'outcome' || n || '@example.com', TRUE, 'ask', %(now)s, %(now)s
         FROM generate_series(1, %(enrollments)s) AS n""",
    """INSERT INTO reactivation_enrollment (
              campaign_id, company_id, partner_id, segment_id, method_id, is_control,
              state, stage, enrolled_on, episode_date, return_closes, loyalty_closes,
              create_date, write_date)
       SELECT %(campaign)s, %(company)s, id, %(segment)s, %(method)s, FALSE,
              'running', 'enrolled', moment, moment::date - 250,
              moment + INTERVAL '90 days', moment + INTERVAL '270 days',
              %(now)s, %(now)s
         FROM (SELECT id, %(now)s::timestamp
                          - (1 + id %% 500) * INTERVAL '1 day' AS moment
                 FROM res_partner WHERE email LIKE 'outcome%%') AS partner""",
    """INSERT INTO reactivation_external_visit (
              company_id, reference, partner_id, date, state, amount,
              create_date, write_date)
       SELECT %(company)s, 'O' || partner_id || '-' || number, partner_id,
              enrolled_on + days * INTERVAL '1 day',
              CASE WHEN enrolled_on + days * INTERVAL '1 day' > %(now)s
                   THEN 'planned' ELSE 'done' END,
              80, %(now)s, %(now)s
         FROM reactivation_enrollment
   CROSS JOIN LATERAL (VALUES
              (1, -250, TRUE),
              (2, (partner_id %% 80)::int + 1, partner_id %% 7 = 0),
              (3, (partner_id %% 80)::int + 61, partner_id %% 21 IN (0, 7))
              ) AS visit (number, days, comes)
        WHERE campaign_id = %(campaign)s AND comes""",
)

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
 WHERE enrollment.campaign_id = %(campaign)s
"""


def measure_outcomes_refresh(bench):
    """The nightly pass over a million enrollments that finds nothing changed: against
    the bare statement writing its facts into a new table without any index."""
    campaign_id, count = _enrollments(bench)
    values = {"now": bench.now, "zone": ZONE, "campaign": campaign_id}

    def refresh(env):
        return env["reactivation.outcome"]._refresh(
            everything=True,
            moment=bench.now,
            campaigns=env["reactivation.campaign"].browse(campaign_id),
        )

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

    with bench.environment() as env:
        refresh(env)
        env.cr.commit()
    bench.vacuum("reactivation_enrollment", "reactivation_outcome")
    seconds, baseline = bench.race(ours, bare)
    _check_same(bench, campaign_id)
    bench.sql("DROP TABLE bench_outcome")
    bench.figure("outcomes_refresh", seconds, baseline, enrollments=count)


def _check_same(bench, campaign_id):
    """A figure is worth nothing unless both sides found the same."""
    with bench.environment() as env:
        env.cr.execute(
            f"""SELECT count(*), count(returned_date), count(loyal_date)
                  FROM (SELECT {FACTS} FROM bench_outcome
                        EXCEPT SELECT {FACTS} FROM reactivation_enrollment
                                WHERE campaign_id = %s) AS difference""",
            [campaign_id],
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
    """:return: (id of a campaign with enrollments, their number)"""
    count = min(ENROLLMENTS, bench.size * PER_PATIENT)
    with bench.environment() as env:
        campaign = env["reactivation.campaign"].search([("name", "=", NAME)])
        if campaign:
            return campaign.id, count
        campaign = env["reactivation.campaign"].create(
            {
                "name": NAME,
                "segment_ids": [(0, 0, {"name": "All"})],
                "method_ids": [(0, 0, {"name": "Nothing"})],
            }
        )
        values = {
            "now": bench.now,
            "enrollments": count,
            "company": env.company.id,
            "campaign": campaign.id,
            "segment": campaign.segment_ids.id,
            "method": campaign.method_ids.id,
        }
        for statement in STATEMENTS:
            env.cr.execute(statement, values)
        found = campaign.id
    bench.vacuum(
        "res_partner", "reactivation_enrollment", "reactivation_external_visit"
    )
    return found, count
