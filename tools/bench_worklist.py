"""The list of the front desk, with as many open tasks as a very large clinic has."""

OPEN = 100_000
PAGE = 80

# The web client stops counting here, and shows "10,000+".
COUNT_LIMIT = 10_001

CAMPAIGN = "Bench work list"

STATEMENTS = (
    """INSERT INTO res_partner (
              name, complete_name, type, active, lang, tz, phone, phone_sanitized,
              email, partner_share, create_date, write_date)
       SELECT 'Callee ' || n, 'Callee ' || n, 'contact', TRUE, 'en_US',
              (ARRAY['America/New_York', 'America/Chicago', 'America/Denver',
                     'America/Los_Angeles'])[1 + n %% 4],
              '+1' || (ARRAY[212, 312, 303, 213])[1 + n %% 4]
                  || lpad(n::text, 7, '5'),
              '+1' || (ARRAY[212, 312, 303, 213])[1 + n %% 4]
                  || lpad(n::text, 7, '5'),
              'callee' || n || '@example.com', TRUE, %(now)s, %(now)s
         FROM generate_series(1, %(open)s) AS n""",
    """INSERT INTO reactivation_patient (
              partner_id, company_id, status, visit_count, last_visit_date)
       SELECT id, %(company)s, 'lapsed', 1 + id %% 37, %(now)s::date - 250
         FROM res_partner WHERE email LIKE 'callee%%'""",
    """INSERT INTO reactivation_enrollment (
              campaign_id, company_id, partner_id, patient_id, state, stage,
              is_control, method_id, enrolled_on, episode_date, return_closes,
              loyalty_closes, steps_ended)
       SELECT %(campaign)s, %(company)s, patient.partner_id, patient.id, 'running',
              'enrolled', FALSE, %(method)s, %(now)s, patient.last_visit_date,
              %(now)s::timestamp + INTERVAL '90 days',
              %(now)s::timestamp + INTERVAL '270 days', 'completed'
         FROM reactivation_patient patient
         JOIN res_partner partner ON partner.id = patient.partner_id
        WHERE partner.email LIKE 'callee%%'""",
    """INSERT INTO mail_activity (
              res_model_id, res_model, res_id, activity_type_id, user_id,
              date_deadline, active, summary, create_date, write_date)
       SELECT model.id, model.model, enrollment.id, %(kind)s, %(user)s,
              %(now)s::date, TRUE, 'Call', %(now)s, %(now)s
         FROM reactivation_enrollment enrollment
         JOIN ir_model model ON model.model = 'reactivation.enrollment'
        WHERE enrollment.campaign_id = %(campaign)s""",
    """INSERT INTO reactivation_delivery (
              enrollment_id, step_id, campaign_id, company_id, partner_id,
              recipient_id, channel, state, date, first_date, settled_on, attempts,
              activity_id, call_attempts, result, call_at)
       SELECT enrollment.id, %(step)s, %(campaign)s, %(company)s,
              enrollment.partner_id, enrollment.partner_id, 'call', 'todo',
              due.date, due.date, due.date, 1, activity.id, enrollment.id %% 3,
              CASE WHEN enrollment.id %% 10 = 0 THEN 'call_later' END,
              CASE WHEN enrollment.id %% 10 = 0
                   THEN due.date + INTERVAL '12 days' END
         FROM reactivation_enrollment enrollment
         JOIN mail_activity activity ON activity.res_id = enrollment.id
          AND activity.res_model = 'reactivation.enrollment'
   CROSS JOIN LATERAL (
              SELECT %(now)s::timestamp
                     - (enrollment.id %% 12) * INTERVAL '1 day' AS date) AS due
        WHERE enrollment.campaign_id = %(campaign)s""",
)

TABLES = (
    "res_partner",
    "reactivation_patient",
    "reactivation_enrollment",
    "mail_activity",
    "reactivation_delivery",
)


def measure_worklist(bench):
    """The first page of the work list with 100,000 open calls, as the web client asks
    for it when the front desk opens the app: 80 rows, and how many there are; beside
    it the rows that are possible at this hour of the patients."""
    user = _tasks(bench)
    found = {}

    def work(env):
        return env["reactivation.work"].with_user(user)

    def first_page(env):
        page = work(env).web_search_read(
            [("due", "<", "today +1d")],
            _columns(work(env)),
            limit=PAGE,
            count_limit=COUNT_LIMIT,
        )
        found["rows"], found["counted"] = len(page["records"]), page["length"]

    def count_all(env):
        found["open"] = work(env).search_count([])

    def possible_now(env):
        work(env).web_search_read(
            [("is_callable", "=", True)], {}, limit=PAGE, count_limit=COUNT_LIMIT
        )

    page, counting, possible = bench.race(first_page, count_all, possible_now)
    bench.figure(
        "worklist",
        page + counting,
        page_seconds=round(page, 4),
        count_seconds=round(counting, 4),
        possible_now_seconds=round(possible, 4),
        **found,
    )


def _columns(work):
    """:return: what the list asks for"""
    names = work.get_view(view_type="list")["models"]["reactivation.work"]
    return {
        name: {"fields": {"display_name": {}}}
        if work._fields[name].type == "many2one"
        else {}
        for name in names
        if name != "id"
    }


def _tasks(bench):
    """:return: the id of a user of the front desk, before whom the calls lie"""
    with bench.environment() as env:
        users = env["res.users"].with_context(no_reset_password=True)
        known = users.search([("login", "=", "bench_desk")])
        if known:
            return known.id
        user = users.create(
            {
                "name": "Bench Desk",
                "login": "bench_desk",
                "tz": "America/New_York",
                "group_ids": [
                    (4, env.ref("patient_reactivation.group_reactivation_user").id)
                ],
            }
        )
        campaign = env["reactivation.campaign"].create(
            {
                "name": CAMPAIGN,
                "segment_ids": [(0, 0, {"name": "All"})],
                "method_ids": [
                    (
                        0,
                        0,
                        {
                            "name": "Calls",
                            "step_ids": [(0, 0, {"name": "Call", "channel": "call"})],
                        },
                    )
                ],
            }
        )
        values = {
            "now": bench.now,
            "open": OPEN,
            "company": env.company.id,
            "campaign": campaign.id,
            "method": campaign.method_ids.id,
            "step": campaign.method_ids.step_ids.id,
            "kind": env.ref("mail.mail_activity_data_call").id,
            "user": user.id,
        }
        for statement in STATEMENTS:
            env.cr.execute(statement, values)
    bench.vacuum(*TABLES)
    return user.id
