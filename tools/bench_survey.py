"""Inviting to a survey: our runner, against the wizard of Odoo's survey."""

import os

import bench_coupons
import bench_delivery
from workspace import SetupError

INVITED = 10_000
WARM_UP = 20
BUTTON = '<div><t t-out="object.survey_invitation"></t></div>'


def measure_survey_invite(bench):
    """Invite 10,000 patients to a survey by e-mail, each by a link of their own: ours
    through the runner, with the policy, the time of rest, the promise of a reward, and
    a commit around each message; Odoo's with its wizard, and then its queue. Neither
    talks to a server. Milliseconds per patient."""
    wanted = int(os.environ.get("INVITED") or INVITED)
    bench_delivery.ensure_enrollments(bench)
    bench_delivery._nothing_due(bench)
    with bench.environment() as env:
        env.cr.execute(bench_coupons.MORE, [wanted + WARM_UP])
        survey = env.ref("patient_reactivation.survey_we_miss_you")
        reward = env.ref("patient_reactivation.loyalty_program_answer")
        campaign = bench_delivery.campaign(env)
        steps = campaign.method_ids.step_ids
        # Patients are on the way already: the step is made to ask behind their backs.
        env.cr.execute(
            "UPDATE reactivation_step SET survey_id = %s, reward_program_id = %s"
            " WHERE id = ANY(%s)",
            [survey.id, reward.id, steps.ids],
        )
        env.cr.execute(
            """UPDATE mailing_mailing SET body_html = %s || body_html
                WHERE reactivation_step_id = ANY(%s)
                  AND body_html NOT LIKE '%%survey_invitation%%'""",
            [BUTTON, steps.ids],
        )
        env.invalidate_all()
        found = env["reactivation.enrollment"].search(
            [("partner_id.email", "!=", False), ("is_control", "=", False)],
            limit=wanted + WARM_UP,
            order="id",
        )
        found.write({"state": "running"})
        found.partner_id.payer_class = "cash"
        ids, people = found.ids, found.partner_id.ids
    if len(ids) < wanted + WARM_UP:
        raise SetupError(
            f"{len(ids)} patients are enrolled, {wanted + WARM_UP} are needed",
            "raise SIZE",
        )
    turn = {}

    def prepare(begin, end):
        turn.update(ours=ids[begin:end], theirs=people[begin:end])
        with bench.environment() as env:
            bench_delivery._make_due(env, ids=turn["ours"])
            env["reactivation.delivery"]._schedule_due()

    def ours(env):
        env["reactivation.delivery"]._cron_run()

    def theirs(env):
        template = env.ref("survey.mail_template_user_input_invite")
        wizard = env["survey.invite"].create(
            {
                "survey_id": survey.id,
                "partner_ids": [(6, 0, turn["theirs"])],
                "template_id": template.id,
                "send_email": True,
            }
        )
        wizard.action_invite()
        env.flush_all()
        while mails := env["mail.mail"].search(
            [("state", "=", "outgoing")], limit=1000
        ):
            # As Odoo's queue takes them.
            mails.send(auto_commit=False)

    with bench_delivery._without_network():
        prepare(0, WARM_UP)
        bench.race(ours, theirs, turns=1)
        prepare(WARM_UP, WARM_UP + wanted)
        seconds, core = bench.race(ours, theirs, turns=1)
    with bench.environment() as env:
        asked = env["reactivation.feedback"].search_count([])
        promised = env["reactivation.feedback"].search_count(
            [("reward_program_id", "!=", False)]
        )
        core_asked = env["survey.user_input"].search_count([])
    if {asked, promised, core_asked} != {wanted + WARM_UP}:
        raise SetupError(
            f"we asked {asked} ({promised} with a promise), Odoo {core_asked}, of "
            f"{wanted + WARM_UP}",
            "a fault of the benchmark: work in a new database",
        )
    bench.figure(
        "survey_invite",
        seconds,
        core,
        invited=wanted,
        ms=round(1000 * seconds / wanted, 3),
        core_ms=round(1000 * core / wanted, 3),
    )
