"""The two campaigns, as a manager would set them up."""

from odoo.fields import Command

CONTROL_PERCENT = 22.0

TEXTS = {
    "en": {
        "campaign": "Welcome Back",
        "method": "Reminder by e-mail",
        "first": "Reminder",
        "second": "Second reminder",
        "script": "Hello, this is Harbor Street Clinic. We have not seen you for a "
        "while. Would you like to come in?",
        "segments": (
            "Came once",
            "Regulars, away under a year",
            "Regulars, away a year or more",
        ),
    },
    "fr": {
        "campaign": "Heureux de vous revoir",
        "method": "Rappel par courriel",
        "first": "Rappel",
        "second": "Second rappel",
        "script": "Bonjour, ici la Clinique du Verger. Cela fait longtemps que nous ne "
        "vous avons pas vu. Souhaitez-vous prendre rendez-vous ?",
        "segments": (
            "Venus une fois",
            "Habitués, absents depuis moins d'un an",
            "Habitués, absents depuis un an ou plus",
        ),
    },
}

# Languages of each clinic's e-mails, and days after which the second one follows.
PLANS = {
    "ny": {"languages": ("en_US",), "delay": 18, "purpose": "care"},
    # In Canada a message about services needs consent, which a visit implies for
    # two years.
    "mtl": {"languages": ("fr_FR", "en_US"), "delay": 24, "purpose": "service"},
}


def start_campaigns(office):
    """Create and start a campaign in each clinic."""
    campaigns = office.env["reactivation.campaign"]
    for company in office.clinic.companies:
        campaign = _create(office, company)
        for step in campaign.method_ids.step_ids:
            for lang in PLANS[company.key]["languages"]:
                step._create_mailing(lang)
        campaigns |= campaign
    office.env.cr.commit()
    for campaign in campaigns:
        campaign.with_company(campaign.company_id).action_start()
    office.env.cr.commit()
    return campaigns


def _create(office, company):
    env = office.env
    record = office.companies[company.key]
    text = TEXTS[company.lang[:2]]
    tiers = {
        months: env.ref(f"patient_reactivation.reactivation_tier_{months}")
        for months in (6, 12)
    }
    # Who cannot be reached by e-mail is called by the front desk.
    call = {
        "fallback_channel": "call",
        "script": text["script"],
        "user_id": office.desk.id,
    }
    conditions = (("single", ()), ("repeat", (6,)), ("repeat", (12,)))
    return (
        env["reactivation.campaign"]
        .with_company(record)
        .create(
            {
                "name": text["campaign"],
                "company_id": record.id,
                "user_id": env.ref("base.user_admin").id,
                "purpose": PLANS[company.key]["purpose"],
                "control_percent": CONTROL_PERCENT,
                # Drawn from the seed: a second run gives everybody the same method.
                "assignment_key": f"demo-{office.clinic.seed}-{company.key}",
                "segment_ids": [
                    Command.create(
                        {
                            "name": name,
                            "sequence": 10 * number,
                            "visit_pattern": pattern,
                            "tier_ids": [
                                Command.set([tiers[months].id for months in bands])
                            ],
                        }
                    )
                    for number, (name, (pattern, bands)) in enumerate(
                        zip(text["segments"], conditions, strict=True), 1
                    )
                ],
                "method_ids": [
                    Command.create(
                        {
                            "name": text["method"],
                            "step_ids": [
                                Command.create(
                                    {
                                        "name": text["first"],
                                        "sequence": 10,
                                        "delay_days": 0,
                                        **call,
                                    }
                                ),
                                Command.create(
                                    {
                                        "name": text["second"],
                                        "sequence": 20,
                                        "delay_days": PLANS[company.key]["delay"],
                                        **call,
                                    }
                                ),
                            ],
                        }
                    )
                ],
            }
        )
    )
