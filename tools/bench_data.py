"""A clinic of any size, made by the database itself: patients and their meetings.

Everything follows from a row's number through PostgreSQL's hash functions, so the
same size is the same clinic again. Rows lie in the tables as they would in a clinic
that wrote them down day by day: in the order of time, the patients mixed.
"""

import odoo_env
from workspace import SetupError, progress, require_space

VISITS_PER_PATIENT = 10
PRACTITIONERS = 20
# A meeting, its two attendees (their list on the meeting is not made: nothing that
# is measured reads it) and indexes.
BYTES_PER_VISIT = 1500

# hash(n, salt) as a number from 0 to 1.
UNIT = "((hashint8extended({0}, {1}) & 2147483647)::float / 2147483648)"

PATIENTS = """
INSERT INTO res_partner (
       name, complete_name, type, active, lang, tz, email, email_normalized,
       company_id, deceased_date, patient_mark, do_not_contact, partner_share,
       create_uid, create_date, write_uid, write_date)
SELECT 'Patient ' || n, 'Patient ' || n, 'contact', n %% 97 <> 0, 'en_US',
       'America/New_York', 'patient' || n || '@example.com',
       'patient' || n || '@example.com',
       CASE WHEN n %% 3 = 0 THEN %(company)s END,
       CASE WHEN n %% 211 = 0 THEN %(now)s::date - 100 END,
       CASE WHEN n %% 499 = 0 THEN 'not_patient' END,
       n %% 101 = 0, TRUE, 1, %(long_ago)s, 1, %(long_ago)s
  FROM generate_series(1, %(patients)s) AS n
"""

# Six years back and a month ahead. Some patients come far more often than others
# (the power of 1.3); some days have two rows (every 20th follows the one before).
MEETINGS = f"""
CREATE TEMP TABLE bench_meeting AS
SELECT n, row_number() OVER ()::int + %(last_event)s AS event_id,
       %(first_patient)s + floor(%(patients)s * power(
           {UNIT.format("n - (n %% 20 = 0)::int", 1)}, 1.3::float))::int AS partner_id,
       (hashint8extended(n, 2) & 2147483647) %% %(practitioners)s AS practitioner,
       date_trunc('minute', %(now)s::timestamp - INTERVAL '2190 days'
           + ((n - (n %% 20 = 0)::int) * 2220::float / %(visits)s) * INTERVAL '1 day')
           AS start
  FROM generate_series(1::bigint, %(visits)s) AS n
"""

EVENTS = """
INSERT INTO calendar_event (
       id, name, user_id, privacy, show_as, active, allday, start, stop, duration,
       create_uid, create_date, write_uid, write_date)
SELECT event_id, 'Visit', (%(users)s::int[])[1 + practitioner], 'confidential', 'busy',
       n %% 50 <> 0, FALSE, start, start + INTERVAL '30 minutes', 0.5,
       1, %(long_ago)s, 1, %(long_ago)s
  FROM bench_meeting ORDER BY n
"""

ATTENDEES = """
INSERT INTO calendar_attendee (
       event_id, partner_id, state, access_token, common_name,
       create_uid, create_date, write_uid, write_date)
SELECT event_id, attendee.partner_id, attendee.state,
       md5(event_id || '/' || attendee.partner_id), NULL,
       1, %(long_ago)s, 1, %(long_ago)s
  FROM bench_meeting
 CROSS JOIN LATERAL (VALUES
       ((%(staff)s::int[])[1 + practitioner], 'accepted'),
       (partner_id, CASE n %% 23 WHEN 0 THEN 'declined' WHEN 1 THEN 'accepted'
                                ELSE 'needsAction' END)
       ) AS attendee (partner_id, state)
 ORDER BY n
"""

# Every twentieth visit more is one of another system.
IMPORTED = """
INSERT INTO reactivation_external_visit (
       company_id, reference, partner_id, practitioner_id, date, state, amount,
       create_uid, create_date, write_uid, write_date)
SELECT %(company)s, 'V' || n, partner_id, (%(staff)s::int[])[1 + practitioner], date,
       CASE WHEN n %% 7 = 1 THEN 'canceled' WHEN date > %(now)s THEN 'planned'
            WHEN n %% 7 = 0 THEN 'missed' ELSE 'done' END,
       80, 1, %(long_ago)s, 1, %(long_ago)s
  FROM bench_meeting
 CROSS JOIN LATERAL (SELECT start + (n %% 3) * INTERVAL '12 hours' AS date) AS shifted
 WHERE n %% 20 = 7 ORDER BY n
"""

TABLES = (
    "res_users",
    "res_partner",
    "calendar_event",
    "calendar_attendee",
    "reactivation_external_visit",
)


def create(name, patients, now):
    """Create the database `name` with so many patients."""
    visits = patients * VISITS_PER_PATIENT
    require_space(visits * BYTES_PER_VISIT // 2**20 + 500, f"{visits} visits")
    odoo_env.create_db_from_template(name)
    with progress(f"Making {patients} patients with {visits} visits"):
        with odoo_env.server_cursor(name) as cursor:
            _fill(cursor, patients, visits, now)
    return name


def _fill(cursor, patients, visits, now):
    # What Odoo fills in for every contact, whatever app asks for it.
    cursor.execute("ALTER TABLE res_partner ALTER autopost_bills SET DEFAULT 'ask'")
    values = _clinic(cursor)
    # Our rows refer to each other rightly: spare the checks, where that is allowed.
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if cursor.fetchone()[0]:
        cursor.execute("SET session_replication_role = replica")
    values |= {
        "patients": patients,
        "visits": visits,
        "practitioners": PRACTITIONERS,
        "now": now,
        # Before any watermark: nothing here counts as changed.
        "long_ago": "2020-01-01",
    }
    cursor.execute("SELECT max(id) + 1 FROM res_partner")
    values["first_patient"] = cursor.fetchone()[0]
    cursor.execute(PATIENTS, values)
    cursor.execute("SELECT COALESCE(max(id), 0) FROM calendar_event")
    values["last_event"] = cursor.fetchone()[0]
    indexes = _drop_indexes(cursor)
    for statement in (MEETINGS, EVENTS, ATTENDEES, IMPORTED):
        cursor.execute(statement, values)
    for definition in indexes:
        cursor.execute(definition)
    cursor.execute(
        "SELECT setval('calendar_event_id_seq', (SELECT max(id) FROM calendar_event))"
    )
    for table in TABLES:
        cursor.execute(f"VACUUM ANALYZE {table}")


def _drop_indexes(cursor):
    """Drop what is faster made again afterwards; return the statements for it."""
    cursor.execute(
        """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
             FROM pg_index
            WHERE indrelid = ANY (%s::regclass[]) AND NOT indisunique""",
        [list(TABLES[2:])],
    )
    indexes = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _name, definition in indexes]


def _clinic(cursor):
    """A clinic in New York with its staff; return what the rows refer to."""
    cursor.execute(
        "UPDATE res_company SET reactivation_tz = 'America/New_York' RETURNING id"
    )
    companies = [row[0] for row in cursor.fetchall()]
    if len(companies) != 1:
        raise SetupError(
            f"the template has {len(companies)} companies instead of one",
            "measure on a database without demo data",
        )
    values = {"company": companies[0], "count": PRACTITIONERS}
    cursor.execute(
        """INSERT INTO res_partner (name, complete_name, type, active, lang,
                  partner_share, create_date, write_date)
           SELECT 'Dr. ' || n, 'Dr. ' || n, 'contact', TRUE, 'en_US', FALSE,
                  '2020-01-01', '2020-01-01'
             FROM generate_series(1, %(count)s) AS n
        RETURNING id""",
        values,
    )
    values["staff"] = [row[0] for row in cursor.fetchall()]
    cursor.execute(
        """INSERT INTO res_users (login, active, share, company_id, partner_id,
                  notification_type, create_date, write_date)
           SELECT 'practitioner' || id, TRUE, FALSE, %(company)s, id, 'email',
                  '2020-01-01', '2020-01-01'
             FROM unnest(%(staff)s) AS id
        RETURNING id""",
        values,
    )
    values["users"] = [row[0] for row in cursor.fetchall()]
    return values
