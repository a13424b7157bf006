"""The reports of a very large clinic, each as the web client asks for it."""

from datetime import timedelta

import odoo_env

ENROLLMENTS = 1_000_000
CAMPAIGNS = 20
DAYS = 548

# Enrollments per patient of SIZE, so that a small clinic is measured quickly.
PER_PATIENT = 50

NAME = "Bench report"

# hash(n, salt) as a number from 0 to 1.
UNIT = "((hashint8extended(n, {0}) & 2147483647)::float / 2147483648)"

# Some campaigns are far larger than others (the power of 1.5). One patient of ten is in
# the control group; methods differ in what they do.
ENROLL = f"""
INSERT INTO reactivation_enrollment (
       campaign_id, company_id, segment_id, allocation_id, is_control, method_id,
       state, stage, steps_ended, enrolled_on, episode_date, return_closes,
       loyalty_closes, first_contact_date, booked_date, returned_date, loyal_date,
       visit_pattern, create_date, write_date)
SELECT plan.campaign_id, %(company)s, plan.segment_id, plan.allocation_id,
       drawn.is_control, CASE WHEN NOT drawn.is_control THEN plan.method_id END,
       CASE WHEN fact.age > 90 OR fact.back THEN 'done' ELSE 'running' END,
       CASE WHEN fact.back AND drawn.stays THEN 'loyal'
            WHEN fact.back THEN 'returned'
            WHEN fact.age > 90 THEN 'not_returned' ELSE 'contacted' END,
       'completed', %(now)s::timestamp - fact.age * INTERVAL '1 day',
       %(now)s::date - fact.age - 250,
       %(now)s::timestamp + (90 - fact.age) * INTERVAL '1 day',
       %(now)s::timestamp + (270 - fact.age) * INTERVAL '1 day',
       CASE WHEN NOT drawn.is_control
            THEN %(now)s::timestamp - fact.age * INTERVAL '1 day' END,
       CASE WHEN fact.back
            THEN %(now)s::timestamp - (fact.age - fact.day) * INTERVAL '1 day' END,
       CASE WHEN fact.back THEN %(now)s::date - fact.age + fact.day END,
       CASE WHEN fact.back AND drawn.stays AND fact.age > fact.day + 40
            THEN %(now)s::date - fact.age + fact.day + 40 END,
       CASE WHEN n %% 3 = 0 THEN 'single' ELSE 'repeat' END, %(now)s, %(now)s
  FROM generate_series(1::bigint, %(enrollments)s) AS n
 CROSS JOIN LATERAL (
       SELECT floor(%(campaigns)s * power({UNIT.format(1)}, 1.5::float))::int
                  AS campaign,
              {UNIT.format(2)} < 0.1 AS is_control,
              floor(3 * {UNIT.format(3)})::int AS segment,
              floor(2 * {UNIT.format(4)})::int AS method,
              {UNIT.format(5)} < 0.6 AS stays,
              {UNIT.format(6)} AS luck,
              floor({DAYS} * {UNIT.format(7)})::int AS age,
              1 + floor(85 * {UNIT.format(8)})::int AS day) AS drawn
 CROSS JOIN LATERAL (
       SELECT drawn.age, drawn.day,
              drawn.day < drawn.age AND drawn.luck < CASE
                  WHEN drawn.is_control THEN 0.06
                  WHEN drawn.method = 0 THEN 0.1 ELSE 0.16 END AS back) AS fact
  JOIN bench_plan plan ON plan.campaign = drawn.campaign
   AND plan.segment = drawn.segment AND plan.method = drawn.method
 ORDER BY n
"""

# Each patient who is contacted gets the first step, every ninth the second as well.
DELIVER = """
INSERT INTO reactivation_delivery (
       enrollment_id, step_id, campaign_id, company_id, channel, state, reason, date,
       first_date, sent_on, settled_on, attempts, opened_on, clicked_on, replied_on,
       bounced_on, create_date, write_date)
SELECT enrollment.id, step.id, enrollment.campaign_id, enrollment.company_id,
       step.channel,
       CASE WHEN fact.sent THEN 'sent' ELSE 'skipped' END,
       CASE WHEN NOT fact.sent THEN 'opted_out' END, fact.date, fact.date,
       CASE WHEN fact.sent THEN fact.date END, fact.date, 1,
       CASE WHEN fact.sent AND enrollment.id %% 3 = 0 THEN fact.date END,
       CASE WHEN fact.sent AND enrollment.id %% 12 = 0 THEN fact.date END,
       CASE WHEN fact.sent AND enrollment.id %% 40 = 0 THEN fact.date END,
       CASE WHEN fact.sent AND enrollment.id %% 50 = 1 THEN fact.date END,
       fact.date, fact.date
  FROM reactivation_enrollment enrollment
  JOIN bench_step step ON step.method_id = enrollment.method_id
   AND (step.rank = 1 OR enrollment.id %% 9 = 0)
 CROSS JOIN LATERAL (
       SELECT enrollment.enrolled_on + (step.rank - 1) * INTERVAL '7 days' AS date,
              (enrollment.id + step.rank) %% 15 <> 0 AS sent) AS fact
 WHERE enrollment.campaign_id = ANY (%(ids)s) AND NOT enrollment.is_control
"""

OUTCOMES = (
    """INSERT INTO reactivation_outcome (
              enrollment_id, campaign_id, company_id, kind, date, is_bot, create_date)
       SELECT id, campaign_id, company_id, kind,
              CASE kind WHEN 'booked' THEN booked_date
                        ELSE returned_date::timestamp END,
              FALSE, booked_date - INTERVAL '2 days'
         FROM reactivation_enrollment
   CROSS JOIN (VALUES ('booked'), ('returned')) AS fact (kind)
        WHERE campaign_id = ANY (%(ids)s) AND returned_date IS NOT NULL""",
    """INSERT INTO reactivation_outcome (
              enrollment_id, campaign_id, company_id, delivery_id, kind, date, is_bot,
              create_date)
       SELECT enrollment_id, campaign_id, company_id, id, 'opened', sent_on, is_bot,
              sent_on
         FROM reactivation_delivery
   CROSS JOIN (VALUES (TRUE), (FALSE)) AS who (is_bot)
        WHERE campaign_id = ANY (%(ids)s) AND state = 'sent'
          AND CASE WHEN is_bot THEN enrollment_id %% 5 = 0
                   ELSE enrollment_id %% 3 = 0 END""",
)

TABLES = (
    "reactivation_enrollment",
    "reactivation_delivery",
    "reactivation_outcome",
    "reactivation_allocation",
)


def measure_reports(bench):
    """The reports with a million enrollments and as many contacts in 20 campaigns of
    18 months: the page of campaigns with all that their cards show, the matrix, the
    cohorts and the drawn funnel of the largest one, the owner's page, the pivots of
    patients and of contacts. A figure for each."""
    largest, user, count = _reports(bench)

    def model(env, name):
        return env[f"reactivation.{name}"].with_user(user)

    def kanban(env):
        campaigns = model(env, "campaign")
        page = campaigns.web_search_read([], _columns(campaigns), limit=40)
        assert page["length"] >= CAMPAIGNS

    def matrix(env):
        model(env, "matrix").read_matrix(largest)

    def cohort(env):
        model(env, "cohort").read_cohort(largest, "month")

    def dashboard(env):
        model(env, "dashboard").read_dashboard()

    def funnel(env):
        model(env, "funnel").read_funnel(largest, "step")

    def funnel_pivot(env):
        _pivot(
            model(env, "funnel"),
            ["campaign_id", "step_id"],
            ["planned", "sent", "opened", "clicked", "replied", "booked", "returned"],
        )

    def report_pivot(env):
        _pivot(
            model(env, "report"),
            ["campaign_id", "method_id"],
            ["enrolled", "contacted", "returned", "won_back"],
            "return_rate:avg",
            "win_back_rate:avg",
        )

    sides = {
        "report_kanban": kanban,
        "report_matrix": matrix,
        "report_cohort": cohort,
        "report_dashboard": dashboard,
        "report_funnel": funnel,
        "report_pivot": report_pivot,
        "report_funnel_pivot": funnel_pivot,
    }
    for name, seconds in zip(sides, bench.race(*sides.values()), strict=True):
        bench.figure(name, seconds, enrollments=count)


def _pivot(model, groups, sums, *others):
    """All levels of a pivot at once, as its view asks for them."""
    model.formatted_read_grouping_sets(
        [],
        [groups[:number] for number in range(len(groups) + 1)],
        ["__count", *(f"{name}:sum" for name in sums), *others],
    )


def _columns(campaigns):
    """:return: what the cards ask for"""
    names = campaigns.get_view(view_type="kanban")["models"]["reactivation.campaign"]
    return {
        name: {"fields": {"display_name": {}}}
        if campaigns._fields[name].type == "many2one"
        else {}
        for name in names
        if name != "id"
    }


def _reports(bench):
    """Make what is to be reported, once.

    :return: (id of the largest campaign, id of a manager, number of enrollments)
    """
    count = min(ENROLLMENTS, bench.size * PER_PATIENT)
    with bench.environment() as env:
        made = env["reactivation.campaign"].search([("name", "like", f"{NAME} %")])
        user = _manager(env)
        values = {
            "company": env.company.id,
            "now": bench.now,
            "enrollments": count,
            "campaigns": CAMPAIGNS,
        }
        if not made:
            made = _campaigns(env, bench.now)
            plan, steps = _plan(env, made, bench.now), _steps(made)
            env.cr.commit()
            _fill(bench, {**values, "ids": made.ids}, plan, steps)
        env.cr.execute(
            """SELECT campaign_id FROM reactivation_enrollment
                WHERE campaign_id = ANY (%s)
             GROUP BY campaign_id ORDER BY count(*) DESC LIMIT 1""",
            [made.ids],
        )
        return env.cr.fetchone()[0], user, count


def _manager(env):
    users = env["res.users"].with_context(no_reset_password=True)
    known = users.search([("login", "=", "bench_manager")])
    group = env.ref("patient_reactivation.group_reactivation_manager")
    return (
        known
        or users.create(
            {
                "name": "Bench Manager",
                "login": "bench_manager",
                "group_ids": [(4, group.id)],
            }
        )
    ).id


def _campaigns(env, now):
    steps = [
        (0, 0, {"name": "E-mail", "channel": "mail", "sequence": 1}),
        (0, 0, {"name": "Call", "channel": "call", "sequence": 2}),
    ]
    return env["reactivation.campaign"].create(
        [
            {
                "name": f"{NAME} {number}",
                "control_percent": 10,
                "segment_ids": [
                    (0, 0, {"name": name, "sequence": rank})
                    for rank, name in enumerate(("A year", "Longer", "The others"))
                ],
                "method_ids": [
                    (0, 0, {"name": name, "step_ids": steps})
                    for name in ("Letters", "E-mails")
                ],
                "date_start": now - timedelta(days=DAYS),
                "state": "running",
            }
            for number in range(CAMPAIGNS)
        ]
    )


def _plan(env, campaigns, now):
    """:return: rows of `bench_plan`: with which numbers which method is drawn"""
    allocations = env["reactivation.allocation"]
    rows = []
    for number, campaign in enumerate(campaigns):
        for rank, segment in enumerate(campaign.segment_ids):
            found = allocations.create(
                {
                    "campaign_id": campaign.id,
                    "segment_id": segment.id,
                    "date": now,
                    "kind": "equal",
                    "control_percent": 10,
                    "share_ids": [
                        (0, 0, {"method_id": method.id, "share": 0.5})
                        for method in campaign.method_ids
                    ],
                }
            )
            rows += [
                (number, rank, place, campaign.id, segment.id, found.id, method.id)
                for place, method in enumerate(campaign.method_ids)
            ]
    return rows


def _steps(campaigns):
    """:return: rows of `bench_step`"""
    return [
        (method.id, rank, step.id, step.channel)
        for method in campaigns.method_ids
        for rank, step in enumerate(method.step_ids, 1)
    ]


def _fill(bench, values, plan, steps):
    with odoo_env.server_cursor(bench.database) as cursor:
        # Our rows refer to each other rightly: spare the checks, where allowed.
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            """CREATE TEMP TABLE bench_plan (campaign int, segment int, method int,
                      campaign_id int, segment_id int, allocation_id int, method_id int)
            """
        )
        cursor.executemany(
            "INSERT INTO bench_plan VALUES (%s, %s, %s, %s, %s, %s, %s)", plan
        )
        cursor.execute(
            "CREATE TEMP TABLE bench_step (method_id int, rank int, id int,"
            " channel text)"
        )
        cursor.executemany("INSERT INTO bench_step VALUES (%s, %s, %s, %s)", steps)
        for statement in (ENROLL, DELIVER, *OUTCOMES):
            cursor.execute(statement, values)
    bench.vacuum(*TABLES)
