"""Surveys: who is asked, what patients answer, and what staff do about it."""

import random
import re
from datetime import timedelta

from odoo.fields import Command

# Of those who read the question and stay away, so many answer; most of them on a phone
# at once, some do not get to the end.
ANSWER, STOP_HALFWAY = 0.42, 0.08
LINK = re.compile(r"/reactivation/survey/([\w-]{32,})")
# Would recommend us: most like the clinic, whatever keeps them from coming.
RECOMMEND = {
    "dissatisfied": (0, 1, 2, 3, 3, 4, 5, 6),
    "other_provider": (3, 5, 6, 7, 7, 8),
    "cost": (5, 7, 8, 8, 9, 10),
}
OTHERS = (6, 7, 8, 8, 9, 9, 9, 10, 10)
# Of those for whom the cost is too much: want help, fill in the form.
WANTS_HELP, FILLS_IN = 0.7, 0.85
# What staff do about a reason brings so many back, where the patient may come at all.
BRINGS = {"payment": 0.25, "manager_call": 0.2, "times": 0.3, "coverage": 0.25}
APPROVED_BRINGS = 0.5
# Days until somebody fills in the form, decides, does a follow-up.
FORM, DECISION = 2, 4
# Income bands from the lowest; the last is above the scale.
BANDS = (0.35, 0.45, 0.2)

WORDS = {
    "en": {
        "subject": "Why have you not been back?",
        "thanks": "Thank you for your answer",
        "liked": (
            "The doctor took her time.",
            "Friendly people.",
            "Everything went well.",
        ),
        "disliked": {
            "dissatisfied": (
                "I waited for an hour and a half.",
                "Nobody called me back.",
            ),
            "cost": ("The bill was more than I was told.",),
            "no_time": ("There is nothing after five o'clock.",),
        },
        "done": {
            "payment": "Told the patient how to pay in parts.",
            "manager_call": "Listened and apologized; will think about it.",
            "coverage": "Checked the plan and noted it.",
            "times": "Offered Thursday evening.",
        },
        "approved": "Papers seen.",
        "refused": "Income is above the scale.",
    },
    "fr": {
        "subject": "Pourquoi ne vous voyons-nous plus ?",
        "thanks": "Merci pour votre réponse",
        "liked": (
            "La médecin a pris son temps.",
            "Des gens aimables.",
            "Tout allait bien.",
        ),
        "disliked": {
            "dissatisfied": (
                "J'ai attendu une heure et demie.",
                "On ne m'a pas rappelé.",
            ),
            "cost": ("La facture dépassait ce qu'on m'avait dit.",),
            "no_time": ("Il n'y a rien après dix-sept heures.",),
        },
        "done": {
            "payment": "Paiement en plusieurs fois expliqué.",
            "manager_call": "Écouté et présenté des excuses ; va réfléchir.",
            "coverage": "Régime vérifié et noté.",
            "times": "Jeudi soir proposé.",
        },
        "approved": "Justificatifs vus.",
        "refused": "Revenu au-dessus du barème.",
    },
}
# Income a year of one person, and of each further one, that counts as poor.
POVERTY = {"ny": (15_650, 5_500), "mtl": (27_600, 9_800)}


def set_up(office, company):
    """The clinic's ways to pay: in parts, and by household and income."""
    record = office.companies[company.key]
    env = office.env(context=dict(office.env.context, allowed_company_ids=[record.id]))
    names = {
        "en": ("Pay in parts", "Prices by income", "Nominal fee", "Half the fee"),
        "fr": (
            "Payer en plusieurs fois",
            "Tarifs selon le revenu",
            "Tarif symbolique",
            "Demi-tarif",
        ),
    }[company.lang[:2]]
    lists = env["product.pricelist"].create(
        [
            {
                "name": name,
                "company_id": record.id,
                "currency_id": record.currency_id.id,
                "sequence": 90,
                "item_ids": [
                    Command.create(
                        {
                            "compute_price": "percentage",
                            "percent_price": percent,
                            "applied_on": "3_global",
                        }
                    )
                ],
            }
            for name, percent in ((names[2], 90), (names[3], 50))
        ]
    )
    first, further = POVERTY[company.key]
    env["reactivation.payment.option"].create(
        [
            {
                "name": names[0],
                "kind": "installments",
                "installments": 6,
                "company_id": record.id,
            },
            {
                "name": names[1],
                "kind": "scale",
                "company_id": record.id,
                "scale_ids": [
                    Command.create(
                        {
                            "date_from": office.clinic.start,
                            "first_person": first,
                            "further_person": further,
                            "bracket_ids": [
                                Command.create(
                                    {
                                        "percent_from": low,
                                        "percent_to": high,
                                        "fee": "percent",
                                        "value": value,
                                        "pricelist_id": pricelist.id,
                                    }
                                )
                                for low, high, value, pricelist in (
                                    (0, 100, 10, lists[0]),
                                    (100, 200, 50, lists[1]),
                                )
                            ],
                        }
                    )
                ],
            },
        ]
    )


def ask_why(campaign):
    """Let a campaign ask at last those whom nothing has brought back, and thank those
    who answer."""
    env = campaign.env
    survey = env.ref("patient_reactivation.survey_we_miss_you")
    reward = env.ref("patient_reactivation.loyalty_program_answer")
    for method in campaign.method_ids:
        mails = method.step_ids.filtered(lambda step: step.channel == "mail")
        languages = list(dict.fromkeys(mails.mailing_ids.mapped("reactivation_lang")))
        last = max(method.step_ids.mapped("sequence"))
        method.step_ids = [
            Command.create(
                {
                    "name": name,
                    "sequence": last + number,
                    "channel": "mail",
                    "delay_days": 14,
                    "hour_from": mails[0].hour_from,
                    "hour_to": mails[0].hour_to,
                }
            )
            for number, name in ((1, "Ask why"), (2, "Thank-you"))
        ]
        question, thanks = method.step_ids.sorted("sequence")[-2:]
        for step, key in ((question, "subject"), (thanks, "thanks")):
            for lang in languages:
                # One or two of a clinic.
                step._create_mailing(lang).subject = WORDS[(lang or "en")[:2]][key]
        question.write({"survey_id": survey.id, "reward_program_id": reward.id})
        thanks.write({"delay_from": "answer", "delay_days": 0, "offer": "reward"})


def read(office, mail, day):
    """A mail has arrived: whoever opens its link may answer.

    Through the link in the mail and the methods of its page; nothing is written here.
    """
    found = LINK.search(mail.links)
    if not found:
        return
    feedback = office.env["reactivation.token"]._find(found[1], "feedback_id")
    if not feedback or not feedback.partner_id or not feedback._is_open():
        return
    life = office.clinic.lives[office.keys[feedback.partner_id.id]]
    draw = random.Random(f"{office.clinic.seed}/survey/{feedback.id}")
    dead = life.patient.kind == "deceased" and life.over
    if dead or not (life.away or life.over) or draw.random() >= ANSWER:
        return
    feedback._start()
    _fill_in(feedback, life, draw)
    if draw.random() >= STOP_HALFWAY:
        feedback.user_input_id._mark_done()


def _fill_in(feedback, life, draw):
    reason = life._why().value
    words = WORDS[life.patient.lang[:2]]
    by_meaning = {
        question.reactivation_meaning: question
        for question in feedback.survey_id.question_ids
    }
    choices = by_meaning["reason"].suggested_answer_ids
    chosen = choices.filtered(lambda item: item.reactivation_reason_id.code == reason)
    answers = {
        "nps": str(draw.choice(RECOMMEND.get(reason, OTHERS))),
        "communication": str(draw.randint(2, 5)),
        "reason": str(chosen.id),
        "easier": [str(draw.choice(by_meaning["easier"].suggested_answer_ids).id)],
        "call": str(draw.choice(by_meaning["call"].suggested_answer_ids).id),
    }
    if draw.random() < 0.5:
        answers["liked"] = draw.choice(words["liked"])
    if texts := words["disliked"].get(reason):
        answers["disliked"] = draw.choice(texts)
    if reason in ("cost", "coverage_lost"):
        wants = draw.random() < WANTS_HELP
        answers["payment"] = str(
            by_meaning["payment"]
            .suggested_answer_ids.filtered(
                lambda item: item.reactivation_is_yes == wants
            )
            .id
        )
    for meaning, answer in answers.items():
        feedback.user_input_id._save_lines(by_meaning[meaning], answer)


def work(office, day):
    """Staff do the follow-ups that are due; patients fill in forms; a manager
    decides.
    """
    _follow_up(office, day)
    _fill_in_forms(office, day)
    _decide(office, day)


def _follow_up(office, day):
    due = office.env["reactivation.route"].search(
        [("state", "=", "todo"), ("date_due", "<=", day)]
    )
    for route in due:
        life = office.clinic.lives[office.keys[route.partner_id.id]]
        done = WORDS[route.company_id.partner_id.lang[:2]]["done"]
        task = route.activity_id
        task.with_user(task.user_id).action_feedback(feedback=done[route.route])
        _bring(office, life, f"route/{route.id}", BRINGS[route.route], day)


def _fill_in_forms(office, day):
    asked = office.env["reactivation.payment.request"].search(
        [
            ("state", "=", "asked"),
            ("asked_on", "<=", day - timedelta(days=FORM)),
            ("asked_on", ">", day - timedelta(days=FORM + 2)),
        ]
    )
    for request in asked:
        draw = random.Random(f"{office.clinic.seed}/form/{request.id}")
        if draw.random() < FILLS_IN and request._form_is_open():
            household = draw.randint(1, 5)
            bands = request.scale_id._bands(household)
            ((band, _text),) = draw.choices(bands, BANDS)
            request._submit(str(household), band.id or "above")


def _decide(office, day):
    waiting = office.env["reactivation.payment.request"].search(
        [
            ("state", "=", "submitted"),
            ("submitted_on", "<=", day - timedelta(days=DECISION)),
        ]
    )
    for request in waiting.with_user(office.env.ref("base.user_admin")):
        words = WORDS[request.company_id.partner_id.lang[:2]]
        if request.is_above:
            request.note = words["refused"]
            request.action_refuse()
            continue
        request.note = words["approved"]
        request.action_approve()
        life = office.clinic.lives[office.keys[request.partner_id.id]]
        _bring(office, life, f"help/{request.id}", APPROVED_BRINGS, day)


def _bring(office, life, key, probability, day):
    """What was done about the reason may bring the patient back."""
    draw = random.Random(f"{office.clinic.seed}/{key}")
    comes, wait = draw.random(), draw.random()
    if comes < probability and life.away and not life.over and not life.planned:
        life._book_soon(day, wait)
