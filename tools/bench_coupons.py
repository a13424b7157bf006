"""Issuing coupons: ours, with law, history and budget, against Odoo's own wizard."""

import bench_delivery
from workspace import SetupError

COUPONS = 10_000

# More patients of the campaign: of the first ones not everybody has lapsed.
MORE = """
INSERT INTO reactivation_enrollment (
       campaign_id, company_id, partner_id, state, stage, is_control, method_id,
       enrolled_on, episode_date)
SELECT sample.campaign_id, sample.company_id, patient.partner_id, 'done', 'enrolled',
       FALSE, sample.method_id, now(), patient.last_visit_date
  FROM (SELECT * FROM reactivation_enrollment
         WHERE NOT is_control AND partner_id IS NOT NULL LIMIT 1) AS sample
  JOIN reactivation_patient patient ON patient.company_id = sample.company_id
 WHERE patient.last_visit_date IS NOT NULL AND NOT EXISTS (
       SELECT FROM reactivation_enrollment enrollment
        WHERE enrollment.partner_id = patient.partner_id)
 LIMIT %s
"""


def measure_issue_coupons(bench):
    """Issue a coupon to each of 10,000 enrolled patients on the one path there is: the
    law, what they had before, budget, card, history and coupon. Against the wizard of
    Odoo's loyalty, which makes cards for the same people: milliseconds per patient."""
    bench_delivery.ensure_enrollments(bench)
    with bench.environment() as env:
        env.cr.execute(MORE, [2 * COUPONS])
        campaign = bench_delivery.campaign(env)
        campaign.coupon_budget = 10 * COUPONS
        found = env["reactivation.enrollment"].search(
            [("partner_id.active", "=", True)], limit=COUPONS, order="id"
        )
        ids, people, campaign_id = found.ids, found.partner_id.ids, campaign.id
        found.partner_id.payer_class = "cash"
        programs = {
            name: env.ref(f"patient_reactivation.loyalty_program_{percent}").id
            for name, percent in (("ours", 20), ("theirs", 50))
        }
    count = len(ids)
    if count < COUPONS:
        raise SetupError(
            f"{count} patients are enrolled, {COUPONS} are needed", "raise SIZE"
        )

    def prepare(_turn):
        bench.sql(
            "DELETE FROM reactivation_coupon_event",
            "DELETE FROM reactivation_coupon",
            "DELETE FROM reactivation_coupon_budget",
            "DELETE FROM loyalty_history",
            "DELETE FROM loyalty_card",
        )
        bench.vacuum("reactivation_coupon", "loyalty_card", "loyalty_history")

    def ours(env):
        from odoo.addons.patient_reactivation.models.reactivation_coupon_issue import (
            Wish,
        )

        program = env["loyalty.program"].browse(programs["ours"])
        wishes = [
            Wish(enrollment.partner_id, program, enrollment=enrollment)
            for enrollment in env["reactivation.enrollment"].browse(ids)
        ]
        campaign = env["reactivation.campaign"].browse(campaign_id)
        issued = env["reactivation.coupon"]._issue(
            campaign.company_id, wishes, campaign=campaign
        )
        if len(issued) != count:
            refusals = {wish.refusal for wish in wishes}
            raise SetupError(
                f"{len(issued)} of {count} coupons were issued: {refusals}",
                "a fault of the benchmark: work in a new database",
            )

    def theirs(env):
        wizard = env["loyalty.generate.wizard"].create(
            {
                "program_id": programs["theirs"],
                "mode": "selected",
                "customer_ids": [(6, 0, people)],
                "points_granted": 1,
            }
        )
        # Without e-mails, as ours.
        wizard = wizard.with_context(action_no_send_mail=True)
        made = wizard.generate_coupons()
        if len(made) != count:
            raise SetupError(
                f"the wizard made {len(made)} cards", "look at its customers"
            )

    mine, core = bench.race(ours, theirs, prepare=prepare)
    prepare(0)
    bench.figure(
        "issue_coupons", mine, core, coupons=count, ms=round(1000 * mine / count, 4)
    )
