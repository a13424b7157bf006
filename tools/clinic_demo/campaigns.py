"""A campaign in each clinic, as a manager would set it up: from a ready template."""

from odoo.fields import Command

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

# In Canada a message about services needs consent, which a visit implies for two years.
PURPOSES = {"ny": "care", "mtl": "service"}


def start_campaigns(office):
    """Create and start a campaign in each clinic."""
    campaigns = office.env["reactivation.campaign"]
    for company in office.clinic.companies:
        campaigns |= _create(office, company)
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
