"""A campaign in each clinic, as a manager would set it up: from a ready template; the
third clinic's compares two methods."""

from odoo.fields import Command

from clinic_demo import trial
from clinic_demo.coupons import offer_coupons
from clinic_demo.surveys import ask_why

CONTROL_PERCENT = 22.0
# Two methods of four steps over e-mail, phone call and letter.
TEMPLATE = "patient_reactivation.campaign_template_back"

NAMES = {"en": "Welcome Back", "fr": "Heureux de vous revoir"}
# The template is for those who are away for a year; here also for others.
SEGMENTS = (
    ("single", (), {"en": "Came once", "fr": "Venus une fois"}),
    (
        "repeat",
        (6,),
        {
            "en": "Regulars, away under a year",
            "fr": "Habitués, absents depuis moins d'un an",
        },
    ),
    (
        "repeat",
        (12,),
        {
            "en": "Regulars, away a year or more",
            "fr": "Habitués, absents depuis un an ou plus",
        },
    ),
)

TRIAL_NAME = "What Brings Them Back"
TRIAL_SEGMENTS = {
    "once": {"visit_pattern": "single"},
    "recent": {"visit_pattern": "repeat", "inactive_to": 12},
    "gone": {"visit_pattern": "repeat", "inactive_from": 12},
}
LETTER = """<p>Dear {name},</p>
<p>It has been a while since your last visit, and we would be glad to see you again.
You reach us at {phone}, and we will find a time that suits you.</p>
<p>With kind regards,<br/>Your team at {clinic}</p>"""

# In Canada a message about services needs consent, which a visit implies for two years.
PURPOSES = {"ny": "care", "mtl": "service"}


def start_campaigns(office):
    """Create and start a campaign in each clinic."""
    campaigns = office.env["reactivation.campaign"]
    for company in office.clinic.companies:
        create = _create_trial if company.is_trial else _create
        campaigns |= create(office, company)
    office.env.cr.commit()
    for campaign in campaigns:
        campaign.with_company(campaign.company_id).action_start()
    office.env.cr.commit()
    return campaigns


def _create(office, company):
    env = office.env(context=dict(office.env.context, lang=company.lang))
    template = env.ref(TEMPLATE).with_company(office.companies[company.key])
    campaign = env["reactivation.campaign"].browse(template.action_use()["res_id"])
    spoken = company.lang[:2]
    campaign.write(
        {
            "name": NAMES[spoken],
            "user_id": env.ref("base.user_admin").id,
            "purpose": PURPOSES[company.key],
            "control_percent": CONTROL_PERCENT,
            # Drawn from the seed: a second run gives everybody the same method.
            "assignment_key": f"demo-{office.clinic.seed}-{company.key}",
            "segment_ids": [
                Command.clear(),
                *(
                    Command.create(_segment(env, number, *segment, spoken))
                    for number, segment in enumerate(SEGMENTS, 1)
                ),
            ],
        }
    )
    # The front desk makes the calls and sends the letters.
    offer_coupons(campaign)
    ask_why(campaign)
    campaign.method_ids.step_ids.user_id = office.desk
    return campaign


def _segment(env, number, pattern, months, names, spoken):
    tiers = [
        env.ref(f"patient_reactivation.reactivation_tier_{month}") for month in months
    ]
    return {
        "name": names[spoken],
        "sequence": 10 * number,
        "visit_pattern": pattern,
        "tier_ids": [Command.set([tier.id for tier in tiers])],
    }


def _create_trial(office, company):
    """Two methods of one step each; the one that is best is used from then on."""
    campaign = office.env["reactivation.campaign"].create(
        {
            "name": TRIAL_NAME,
            "company_id": office.companies[company.key].id,
            "user_id": office.env.ref("base.user_admin").id,
            "control_percent": trial.CONTROL_PERCENT,
            "attribution_days": trial.RETURN_DAYS,
            "loyalty_days": trial.LOYALTY_DAYS,
            "allocation": "equal",
            "adoption": "automatic",
            "assignment_key": f"demo-{office.clinic.seed}-{company.key}",
            "segment_ids": [
                Command.create({"name": trial.SEGMENTS[key], **TRIAL_SEGMENTS[key]})
                for key in trial.SEGMENTS
            ],
            "method_ids": [
                Command.create({"name": name, "step_ids": [_trial_step(office, key)]})
                for key, name in trial.METHODS.items()
            ],
        }
    )
    steps = campaign.method_ids.step_ids
    steps.filtered(lambda step: step.channel == trial.MAIL)._create_mailing(
        company.lang
    )
    # So many patients: somebody else than who starts it has to look at the plan.
    campaign.with_user(office.env.ref("base.user_admin")).action_approve()
    return campaign


def _trial_step(office, channel):
    return Command.create(
        {
            "name": trial.METHODS[channel],
            "channel": channel,
            "letter_body": LETTER if channel == trial.LETTER else False,
            "user_id": office.desk.id,
        }
    )
