"""Who would be enrolled: the preview of an audience, and the counts of its segments."""

import bench_refresh

CAMPAIGN = "Bench audience"

# Every so many contacts have said or met with something the policy asks about.
OBSTACLES = (
    """INSERT INTO mail_blacklist (email, active, create_date, write_date)
       SELECT email_normalized, id %% 4 <> 0, %(now)s, %(now)s FROM res_partner
        WHERE email_normalized LIKE 'patient%%' AND id %% 307 = 0
  ON CONFLICT DO NOTHING""",
    """INSERT INTO reactivation_consent (
              partner_id, company_id, channel, purpose, state, date, source, is_proven,
              create_date, write_date)
       SELECT id, %(company)s, 'mail', 'all',
              CASE WHEN id %% 2 = 0 THEN 'withdrawn' ELSE 'granted' END,
              %(now)s, 'form', TRUE, %(now)s, %(now)s
         FROM res_partner
        WHERE email_normalized LIKE 'patient%%' AND id %% 103 = 0""",
    """UPDATE res_partner SET payer_class = (ARRAY['federal', 'private', 'cash',
              'unknown'])[1 + id %% 4]
        WHERE email_normalized LIKE 'patient%%'""",
)


def measure_audience_preview(bench):
    """Preview the audience of a campaign with five segments: everybody who lapsed, in
    which segment, to be enrolled or why not; beside it the counts of the segments as
    the form of the campaign shows them while it is edited."""
    bench_refresh.ensure_patients(bench)
    number = _campaign(bench)
    found = {}

    def preview(env):
        made = env["reactivation.audience.preview"].create({"campaign_id": number})
        found["lapsed"] = made.lapsed_count
        found["to_enroll"] = made.enroll_count

    def live(env):
        campaign = env["reactivation.campaign"].browse(number)
        campaign.segment_ids._matches(campaign.company_id)

    seconds, counting = bench.race(preview, live)
    bench.figure(
        "audience_preview",
        seconds,
        segments=5,
        live_counts_seconds=round(counting, 4),
        **found,
    )


def _campaign(bench):
    """:return: the id of a campaign with five segments, two methods and a control
    group"""
    with bench.environment() as env:
        known = env["reactivation.campaign"].search([("name", "=", CAMPAIGN)])
        if known:
            return known[:1].id
        tag = env["res.partner.category"].create({"name": "Bench"})
        values = {
            "now": bench.now,
            "company": env.company.id,
            "tag": tag.id,
        }
        for statement in OBSTACLES:
            env.cr.execute(statement, values)
        env.cr.execute(
            """INSERT INTO res_partner_res_partner_category_rel
                      (partner_id, category_id)
               SELECT id, %(tag)s FROM res_partner
                WHERE email_normalized LIKE 'patient%%' AND id %% 11 = 0""",
            values,
        )
        env.cr.execute(
            "SELECT last_practitioner_id FROM reactivation_patient "
            "WHERE last_practitioner_id IS NOT NULL LIMIT 1"
        )
        practitioner = env.cr.fetchone()[0]
        segments = (
            {"visit_pattern": "single", "inactive_to": 24},
            {"tag_ids": [(6, 0, tag.ids)]},
            {"practitioner_ids": [(6, 0, [practitioner])], "inactive_from": 12},
            {"payer_cash": True, "payer_private": True},
            {"domain": "[('visit_count', '>', 3), ('partner_id.lang', '=', 'en_US')]"},
        )
        campaign = env["reactivation.campaign"].create(
            {
                "name": CAMPAIGN,
                "control_percent": 10,
                "segment_ids": [
                    (0, 0, {"name": f"Segment {place}", "sequence": place, **criteria})
                    for place, criteria in enumerate(segments)
                ],
                "method_ids": [
                    (0, 0, {"name": name, "step_ids": [(0, 0, {"name": "E-mail"})]})
                    for name in ("Friendly", "Matter-of-fact")
                ],
            }
        )
        number = campaign.id
    bench.vacuum("res_partner", "mail_blacklist", "reactivation_consent")
    return number
