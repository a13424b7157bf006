"""What came of it, read from the database with the addon's own definitions."""

from collections import Counter

from odoo.tools import SQL

from odoo.addons.patient_reactivation.tools import nps

COLUMNS = ("enrolled", "contacted", "returned", "won back", "return", "win-back")
MEASURES = (
    "enrolled:sum",
    "contacted:sum",
    "returned:sum",
    "won_back:sum",
    "return_rate:avg",
    "win_back_rate:avg",
)
# What becomes of a coupon.
STATES = ("open", "redeemed", "expired", "revoked")
# Of those who are or were enrolled.
NOT_LEFT_OUT = ("enrolled", "other_campaign", "no_segment")
CONTROL = "control group (left alone)"


def figures(env):
    """The totals of the last line, as a dictionary."""
    report = env["reactivation.report"]
    ((enrolled, _contacted, returned, won_back, return_rate, win_back_rate),) = (
        report._read_group([], [], MEASURES)
    )
    return {
        "patients": env["reactivation.patient"].search_count([]),
        "lapsed": env["reactivation.patient"].search_count([("status", "=", "lapsed")]),
        "enrolled": enrolled,
        "delivered": env["reactivation.delivery"].search_count(
            [("state", "=", "sent")]
        ),
        "returned": returned,
        "won_back": won_back,
        "return_rate": round((return_rate or 0) / 100, 4),
        "win_back_rate": round((win_back_rate or 0) / 100, 4),
        "states": dict(
            env["reactivation.delivery"]._read_group([], ["state"], ["__count"])
        ),
        "skipped": _skipped(env),
        "left_out": dict(_left_out(env)),
        "methods": [_of_method(env, method) for method in _methods(env)],
        "coupons": _coupons(env),
        "survey": _survey(env),
    }


def _survey(env):
    """Who was asked and answered, what they would recommend, and what came of it."""
    asked = env["reactivation.feedback"].search([])
    answered = asked.filtered("answered_on")
    routes = env["reactivation.route"].search([("source", "=", "survey")])
    requests = env["reactivation.payment.request"].search([])
    return {
        "asked": len(asked),
        "started": len(asked.filtered("started_on")),
        "answered": len(answered),
        "answer_rate": round(len(answered) / len(asked), 4) if asked else None,
        "nps": {
            company.name: _nps(
                answered.filtered(lambda item, c=company: item.company_id == c)
            )
            for company in asked.company_id
        },
        "reasons": _most_first(
            (reason.code, len(group))
            for reason, group in answered.grouped("reason_id").items()
            if reason
        ),
        "routes": _most_first(
            (route, len(group)) for route, group in routes.grouped("route").items()
        ),
        "rewards": len(answered.coupon_id),
        "payment_help": _most_first(
            (state, len(group)) for state, group in requests.grouped("state").items()
        ),
    }


def _nps(feedback):
    """The Net Promoter Score of some answers with its 95 % interval, rounded."""
    kinds = Counter(feedback.mapped("nps_kind"))
    found = nps.score(kinds["promoter"], kinds["passive"], kinds["detractor"])
    return found and [round(number) for number in found]


def _coupons(env):
    """What became of the coupons, and who got none or could not use one."""
    states = dict(env["reactivation.coupon"]._read_group([], ["state"], ["__count"]))
    refused = env["reactivation.delivery"]._read_group(
        [("offer_refusal", "!=", False)], ["offer_refusal"], ["__count"]
    )
    at_desk = env["reactivation.coupon.event"]._read_group(
        [("kind", "=", "refused")], ["reason"], ["__count"]
    )
    return {
        "issued": sum(states.values()),
        **{state: states.get(state, 0) for state in STATES},
        "refused": _most_first(refused),
        "refused_at_desk": _most_first(at_desk),
    }


def _most_first(counts):
    return dict(sorted(counts, key=lambda item: (-item[1], item[0])))


def _methods(env):
    return env["reactivation.method"].search([], order="campaign_id, sequence, id")


def _of_method(env, method):
    """What a method has done so far, as a dictionary."""
    mine = env["reactivation.enrollment"].search(
        [("method_id", "=", method.id), ("is_control", "=", False)]
    )
    deliveries = env["reactivation.delivery"]
    states = dict(
        deliveries._read_group(
            [("enrollment_id", "in", mine.ids)], ["state"], ["__count"]
        )
    )
    sent = [("enrollment_id", "in", mine.ids), ("state", "=", "sent")]
    booked = env["reactivation.outcome"].search(
        [("enrollment_id", "in", mine.ids), ("kind", "=", "booked")]
    )
    return {
        "campaign": method.campaign_id.name,
        "method": method.name,
        "steps": len(method.step_ids),
        "enrolled": len(mine),
        "delivered": dict(deliveries._read_group(sent, ["channel"], ["__count"])),
        "skipped": _skipped(env, method),
        "failed": states.get("failed", 0),
        "uncertain": states.get("uncertain", 0),
        "booked": len(booked.enrollment_id),
        "returned": len(mine.filtered("returned_date")),
    }


def _skipped(env, methods=None):
    """Steps that were not taken, by the reason the engine gave: the most first.

    Decided about right before sending, or taken off the plan before that.
    """
    methods = _methods(env) if methods is None else methods
    return dict(
        env.execute_query(
            SQL(
                """SELECT reason, count(*) FROM (
                   SELECT COALESCE(delivery.reason, enrollment.stop_reason,
                                   enrollment.steps_ended) AS reason
                     FROM reactivation_enrollment enrollment
                     JOIN reactivation_step step
                       ON step.method_id = enrollment.method_id
                LEFT JOIN reactivation_delivery delivery
                       ON delivery.enrollment_id = enrollment.id
                      AND delivery.step_id = step.id
                    WHERE enrollment.method_id = ANY (%s)
                      AND NOT enrollment.is_control
                      AND (delivery.state = 'skipped'
                           OR delivery.id IS NULL
                          AND enrollment.steps_ended <> 'completed')) AS steps
             GROUP BY reason ORDER BY 2 DESC, 1""",
                methods.ids,
            )
        )
    )


def _left_out(env):
    """Lapsed patients who are in no campaign, by reason: the most first."""
    counts = {}
    for campaign in env["reactivation.campaign"].search([]):
        for _segment, refusal, count in env["reactivation.enrollment"]._audience_counts(
            campaign
        ):
            if refusal and refusal not in NOT_LEFT_OUT:
                counts[refusal] = counts.get(refusal, 0) + count
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def methods(env):
    """The lines of the comparison of methods: a column for each."""
    found = [_of_method(env, method) for method in _methods(env)]
    labels = _labels(env, "reactivation.delivery", "channel")
    reasons = _labels(env, "reactivation.delivery", "reason")
    lines = []
    for campaign in dict.fromkeys(one["campaign"] for one in found):
        columns = [one for one in found if one["campaign"] == campaign]
        rows = [
            ("steps", "steps"),
            ("patients enrolled", "enrolled"),
            *_keyed("delivered by ", columns, "delivered", labels),
            *_keyed("skipped: ", columns, "skipped", reasons),
            ("failed", "failed"),
            ("uncertain", "uncertain"),
            ("patients who booked", "booked"),
            ("patients who returned", "returned"),
        ]
        head = "".join(f"{one['method']:>24}" for one in columns)
        lines += [f"{campaign:<48}{head}", "-" * (48 + 24 * len(columns))]
        for title, key in rows:
            numbers = [key(one) if callable(key) else one[key] for one in columns]
            lines.append(f"    {title:<44}" + "".join(f"{n:>24}" for n in numbers))
        lines.append("")
    return lines


def _keyed(title, columns, name, labels):
    """Rows for every key the dictionary `name` has in a column: the largest first."""
    totals = Counter()
    for one in columns:
        totals.update(one[name])
    return [
        (
            f"{title}{labels[code].lower() if name == 'delivered' else labels[code]}",
            lambda one, code=code: one[name].get(code, 0),
        )
        for code, _total in totals.most_common()
    ]


def _labels(env, model, field):
    english = env(context={"lang": "en_US"})
    return dict(env[model]._fields[field]._description_selection(english))


def reasons(env):
    """The lines of the table of reasons."""
    labels = _labels(env, "reactivation.delivery", "reason")
    lines = []
    for title, rows in (
        ("steps skipped, by reason", _skipped(env).items()),
        ("lapsed patients in no campaign, by reason", _left_out(env)),
    ):
        lines += [f"{title:<48}{'number':>10}", "-" * 58]
        lines += [f"    {labels[code]:<44}{count:>10}" for code, count in rows]
        lines.append("")
    return lines


def coupons(env):
    """The lines about coupons: issued, what became of them, refused by reason."""
    found = _coupons(env)
    refused = _labels(env, "reactivation.delivery", "offer_refusal")
    at_desk = _labels(env, "reactivation.coupon.event", "reason")
    lines = [f"{'coupons':<48}{'number':>10}", "-" * 58]
    for title in ("issued", *STATES):
        lines.append(f"    {title:<44}{found[title]:>10}")
    for title, labels, key in (
        ("messages without an offer, by reason", refused, "refused"),
        ("refused at the front desk, by reason", at_desk, "refused_at_desk"),
    ):
        lines += ["", f"{title:<48}{'number':>10}", "-" * 58]
        lines += [
            f"    {labels[code]:<44}{count:>10}" for code, count in found[key].items()
        ]
    return [*lines, ""]


def survey(env):
    """The lines about the survey: answers, recommendation, reasons by segment with what
    the clinic does about them, payment help."""
    found = _survey(env)
    rate = found["answer_rate"]
    lines = [f"{'survey':<48}{'number':>10}", "-" * 58]
    for title, number in (
        ("asked", found["asked"]),
        ("answered", found["answered"]),
        ("answer rate", "–" if rate is None else f"{100 * rate:.1f} %"),
        ("rewards given", found["rewards"]),
    ):
        lines.append(f"    {title:<44}{number:>10}")
    for name, score in found["nps"].items():
        text = "–" if score is None else f"{score[0]} ({score[1]} … {score[2]})"
        lines.append(f"    {f'NPS of {name}, 95 % interval':<44}{text:>22}")
    lines += ["", *_reasons_by_segment(env), ""]
    states = _labels(env, "reactivation.payment.request", "state")
    lines += [f"{'requests for payment help':<48}{'number':>10}", "-" * 58]
    lines += [
        f"    {states[state]:<44}{number:>10}"
        for state, number in found["payment_help"].items()
    ]
    return [*lines, ""]


def _reasons_by_segment(env):
    answered = env["reactivation.feedback"].search([("reason_id", "!=", False)])
    routes = _labels(env, "reactivation.reason", "route")
    lines = [
        f"{'reasons given, by segment':<38}{'patients':>10}  what follows",
        "-" * 80,
    ]
    for segment, group in answered.grouped("segment_id").items():
        lines.append(f"  {segment.campaign_id.name} · {segment.name}")
        counted = sorted(
            group.grouped("reason_id").items(), key=lambda item: -len(item[1])
        )
        for reason, given in counted:
            name = reason.with_context(lang="en_US").name
            lines.append(f"    {name:<34}{len(given):>10}  {routes[reason.route]}")
    return lines


def table(env):
    """The lines of the result table: each segment's methods and control group."""
    lines = [_line("", COLUMNS), "-" * 98]
    report = env["reactivation.report"]
    for campaign in env["reactivation.campaign"].search([], order="id"):
        domain = [("campaign_id", "=", campaign.id)]
        lines.append(f"{campaign.company_id.name} · {campaign.name}")
        for segment in campaign.segment_ids:
            groups = report._read_group(
                [*domain, ("segment_id", "=", segment.id)],
                ["is_control", "method_id"],
                MEASURES,
                order="is_control, method_id",
            )
            if groups:
                lines.append(f"  {segment.name}")
            for is_control, method, *numbers in groups:
                name = CONTROL if is_control else method.name
                lines.append(_line(f"    {name}", _shown(numbers)))
        lines.append(_line("  all", _shown(_totals(report, domain))))
        lines.append("")
    lines.append("all clinics")
    for is_control, *numbers in report._read_group([], ["is_control"], MEASURES):
        name = CONTROL if is_control else "contacted by a method"
        lines.append(_line(f"    {name}", _shown(numbers)))
    return lines


def _totals(report, domain):
    return report._read_group(domain, [], MEASURES)[0]


def _shown(numbers):
    *counts, return_rate, win_back_rate = numbers
    rates = (return_rate, win_back_rate)
    return [str(count or 0) for count in counts] + [
        # None: no window of this group has closed yet.
        "–" if rate is None or rate is False else f"{rate:.1f} %"
        for rate in rates
    ]


def _line(name, cells):
    return f"{name:<38}" + "".join(f"{cell:>10}" for cell in cells)
