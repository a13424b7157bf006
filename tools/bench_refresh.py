"""Reading all visits: our refresh against the bare SQL of somebody who knows how.

What the bare SQL does: the same visit facts per patient and company (first, last and
next visit, visits and missed ones counted by local calendar day, a day with an attended
and a missed row being attended, the practitioner of the latest day) from meetings and
imported visits, without members of staff, in the same time zone and with the same
memory, as one statement with two levels of grouping, which is faster than
count(DISTINCT). What it does not: anything that can be configured (sources, paths,
domains, several companies), the status, exclusion and tier of a patient, comparing with
what is stored. So its ratio to our pass also carries what those cost.
"""

import bench_data
import odoo_env
from workspace import SetupError, say

ZONE = "America/New_York"

BARE = """
WITH visit AS (
    SELECT attendee.partner_id, COALESCE(practitioner.company_id, 1) AS company_id,
           event.start AS date, 'done' AS state,
           practitioner.partner_id AS practitioner
      FROM calendar_attendee attendee
      JOIN calendar_event event ON event.id = attendee.event_id
 LEFT JOIN res_users practitioner ON practitioner.id = event.user_id
     WHERE event.active AND attendee.state IS DISTINCT FROM 'declined'
       AND attendee.partner_id NOT IN (
               SELECT partner_id FROM res_users WHERE share IS NOT TRUE)
 UNION ALL
    SELECT partner_id, company_id, date, state, practitioner_id
      FROM reactivation_external_visit
     WHERE state IN ('done', 'planned', 'missed') AND partner_id IS NOT NULL
), day AS (
    SELECT partner_id, company_id,
           (date AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS day,
           bool_or(state = 'done' AND date <= %(now)s) AS done,
           bool_or(state = 'missed' AND date <= %(now)s) AS missed,
           min(date) FILTER (WHERE date > %(now)s) AS planned,
           max(practitioner) FILTER (WHERE state = 'done' AND date <= %(now)s)
               AS practitioner
      FROM visit
  GROUP BY 1, 2, 3
)
SELECT partner_id, company_id,
       min(day) FILTER (WHERE done) AS first_visit_date,
       max(day) FILTER (WHERE done) AS last_visit_date,
       min(planned) AS next_visit_date,
       count(*) FILTER (WHERE done)::int AS visit_count,
       count(*) FILTER (WHERE missed AND NOT done)::int AS missed_visit_count,
       (max(ARRAY[day - DATE '1970-01-01', practitioner])
           FILTER (WHERE done AND practitioner IS NOT NULL))[2] AS last_practitioner_id
  FROM day
 GROUP BY 1, 2
"""

VISIT_FACTS = (
    "partner_id, company_id, first_visit_date, last_visit_date, next_visit_date,"
    " visit_count, missed_visit_count, last_practitioner_id"
)

# One meeting of a thousand is moved by a day, and says when; those that were moved
# before are old news.
CHANGED = 1000
FORGET = """
UPDATE calendar_event SET write_date = %(now)s - INTERVAL '1 year'
 WHERE write_date >= %(now)s - INTERVAL '1 day'
"""
CHANGE = """
UPDATE calendar_event
   SET start = start - INTERVAL '1 day', stop = stop - INTERVAL '1 day',
       write_date = %(now)s
 WHERE id %% %(share)s = %(turn)s
"""


def measure_first(bench):
    """The first pass, which inserts every patient: against a bare INSERT into a table
    with the same columns, constraints and indexes."""
    _make_copy(bench)

    def clear(_turn):
        bench.sql("TRUNCATE reactivation_patient CASCADE", "TRUNCATE bench_patient")

    def bare(env):
        _use_our_memory(env)
        env.cr.execute(
            f"""INSERT INTO bench_patient ({VISIT_FACTS}, status, create_uid,
                       create_date, write_uid, write_date)
                SELECT {VISIT_FACTS}, 'active', 1, %(now)s, 1, %(now)s
                  FROM ({BARE}) AS fact""",
            _values(bench),
        )

    ours, theirs = bench.race(_full(bench), bare, prepare=clear)
    _check_same(bench)
    bench.sql("DROP TABLE bench_patient")
    bench.figure("refresh_first", ours, theirs)


def measure_full(bench):
    """The nightly pass that finds nothing changed: against the bare statement writing
    its facts into a new table without any index."""
    ensure_patients(bench)

    def bare(env):
        _use_our_memory(env)
        env.cr.execute("DROP TABLE IF EXISTS bench_patient")
        env.cr.execute(f"CREATE TABLE bench_patient AS {BARE}", _values(bench))

    ours, theirs = bench.race(_full(bench, expect=(0, 0, 0)), bare)
    _check_same(bench)
    bench.sql("DROP TABLE bench_patient")
    bench.figure("refresh_full", ours, theirs)


def measure_incremental(bench):
    """The pass of every few minutes, one visit of a thousand having changed: against
    our full pass with nothing changed."""
    ensure_patients(bench)

    def change(turn):
        with bench.environment() as env:
            env["reactivation.visit.source"]._set_watermark(bench.now)
            values = {"now": bench.now, "share": CHANGED, "turn": turn}
            env.cr.execute(FORGET, values)
            env.cr.execute(CHANGE, values)

    def incremental(env):
        env["reactivation.patient"]._refresh_changed(bench.now)

    # That the full pass finds nothing left shows that the other one was complete.
    full_pass = _full(bench, expect=(0, 0, 0))
    ours, full = bench.race(incremental, full_pass, prepare=change)
    changed = bench.size * bench_data.VISITS_PER_PATIENT // CHANGED
    bench.figure("refresh_incremental", ours, full, changed=changed)


def ensure_patients(bench):
    """Have the patients in the table, as after a first full pass."""
    with bench.environment() as env:
        env["reactivation.patient"]._refresh(moment=bench.now)
    bench.vacuum("reactivation_patient")


def _full(bench, expect=None):
    def full(env):
        found = env["reactivation.patient"]._refresh(moment=bench.now)
        if expect is not None and found != expect:
            raise SetupError(
                f"the full pass wrote {found} rows instead of {expect}",
                "a fault of the refresh: run its tests",
            )

    return full


def _values(bench):
    return {"now": bench.now, "zone": ZONE}


def _use_our_memory(env):
    """The bare statement gets the memory that our pass gives itself."""
    env["reactivation.patient"]._allow_memory()


def _make_copy(bench):
    with odoo_env.server_cursor(bench.database) as cursor:
        cursor.execute(
            "CREATE TABLE bench_patient (LIKE reactivation_patient INCLUDING ALL)"
        )
        cursor.execute(
            """SELECT pg_get_constraintdef(oid) FROM pg_constraint
                WHERE conrelid = 'reactivation_patient'::regclass AND contype = 'f'"""
        )
        for (definition,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE bench_patient ADD {definition}")


def _check_same(bench):
    """A figure is worth nothing unless both sides found the same."""
    with bench.environment() as env:
        env.cr.execute(
            f"""SELECT count(*) FROM (
                    (SELECT {VISIT_FACTS} FROM bench_patient
                     EXCEPT SELECT {VISIT_FACTS} FROM reactivation_patient)
                    UNION ALL
                    (SELECT {VISIT_FACTS} FROM reactivation_patient
                     EXCEPT SELECT {VISIT_FACTS} FROM bench_patient)) AS difference"""
        )
        different = env.cr.fetchone()[0]
    if different:
        raise SetupError(
            f"{different} patients differ from what the bare SQL finds",
            "a fault of the refresh or of the benchmark: run the tests of the refresh",
        )
    say("  both sides found the same facts")
