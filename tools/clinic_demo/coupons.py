"""Coupons: which campaigns give them, and what happens to them at the front desk."""

import random
from datetime import timedelta

from odoo.fields import Command

# Of the patients who come with a coupon that may be used, or is over, so many bring it.
BRING, BRING_OVER = 0.8, 0.6
# Visits that somebody else pays, or that have another discount: the coupon waits.
INSURED, DISCOUNTED = 0.15, 0.06
# Codes that are typed wrongly first, and redemptions that a manager takes back.
MISTYPED, UNDONE = 0.12, 0.05
# So many patients of a clinic can be served at a discount.
BUDGET = 60
REMIND_DAYS = 7
# One that is over is thrown away after so many days.
KEPT_DAYS = 30
SUBJECTS = {
    "en": "Your coupon is still waiting",
    "fr": "Votre bon vous attend toujours",
}


def offer_coupons(campaign):
    """Let the e-mails of a campaign give each patient the coupon of their tier, and
    remind those who have not used it a week before it ends."""
    campaign.coupon_budget = BUDGET
    for method in campaign.method_ids:
        mails = method.step_ids.filtered(lambda step: step.channel == "mail")
        mails.write({"offer": "issue"})
        languages = mails.mailing_ids.mapped("reactivation_lang")
        method.step_ids = [
            Command.create(
                {
                    "name": "Reminder before the coupon ends",
                    "sequence": 1 + max(method.step_ids.mapped("sequence")),
                    "channel": "mail",
                    "hour_from": mails[0].hour_from,
                    "hour_to": mails[0].hour_to,
                }
            )
        ]
        reminder = method.step_ids.sorted("sequence")[-1]
        for lang in dict.fromkeys(languages):
            # One or two of a clinic.
            mailing = reminder._create_mailing(lang)
            mailing.subject = SUBJECTS[(lang or "en")[:2]]
        reminder.write(
            {"offer": "remind", "delay_from": "coupon", "delay_days": REMIND_DAYS}
        )


def redeem(office, visits):
    """Patients who came today show their coupon, and the front desk scans it.

    Through the methods of the page staff use; nothing is written here.

    :param visits: list of `Visit` that took place
    """
    for visit in visits:
        number = office.partners[visit.patient.key]
        coupon = office.env["reactivation.coupon"].search(
            [
                ("partner_id", "=", number),
                ("state", "in", ("open", "expired")),
                ("valid_until", ">=", visit.day - timedelta(days=KEPT_DAYS)),
            ],
            limit=1,
        )
        if coupon:
            draw = random.Random(f"{office.clinic.seed}/coupon/{visit.key}")
            _at_the_desk(office, visit, coupon, draw)


def _at_the_desk(office, visit, coupon, draw):
    brings, mistyped, insured, discounted, undone = (draw.random() for _n in range(5))
    if brings >= (BRING if coupon._is_live() else BRING_OVER):
        return
    company = coupon.company_id
    desk = (
        office.env["reactivation.coupon"]
        .with_user(office.desk)
        .with_company(company)
        .with_context(allowed_company_ids=company.ids)
    )
    code = coupon.code_shown
    if mistyped < MISTYPED:
        desk.desk_find(code[:-1])
    found = desk.desk_find(code, coupon.partner_id.id)
    answer = desk.desk_redeem(
        found["coupon"]["id"],
        coupon.partner_id.id,
        discounted=discounted < DISCOUNTED,
        insured=visit.patient.payer == "private" and insured < INSURED,
    )
    if answer["redeemed"] and undone < UNDONE:
        manager = desk.with_user(office.env.ref("base.user_admin"))
        manager.desk_undo(coupon.id, "Scanned for the wrong visit")
        desk.desk_redeem(coupon.id, coupon.partner_id.id)
