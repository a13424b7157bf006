"""What came of it, read from the database with the addon's own definitions."""

from odoo.tools import SQL

COLUMNS = ("enrolled", "contacted", "returned", "won back", "return", "win-back")
MEASURES = (
    "enrolled:sum",
    "contacted:sum",
    "returned:sum",
    "won_back:sum",
    "return_rate:avg",
    "win_back_rate:avg",
)
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
        "skipped": dict(_skipped(env)),
        "left_out": dict(_left_out(env)),
    }


def _skipped(env):
    """Steps that were not sent, by the reason the engine gave: the most first.

    Decided about right before sending, or taken off the plan before that.
    """
    return env.execute_query(
        SQL(
            """SELECT reason, count(*) FROM (
                   SELECT delivery.reason FROM reactivation_delivery delivery
                    WHERE delivery.state = 'skipped'
                    UNION ALL
                   SELECT COALESCE(enrollment.stop_reason, enrollment.steps_ended)
                     FROM reactivation_enrollment enrollment
                     JOIN reactivation_step step
                       ON step.method_id = enrollment.method_id
                LEFT JOIN reactivation_delivery delivery
                       ON delivery.enrollment_id = enrollment.id
                      AND delivery.step_id = step.id
                    WHERE delivery.id IS NULL
                      AND enrollment.steps_ended <> 'completed') AS steps
             GROUP BY reason ORDER BY 2 DESC, 1"""
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


def reasons(env):
    """The lines of the table of reasons."""
    labels = dict(
        env["reactivation.delivery"]
        ._fields["reason"]
        ._description_selection(env(context={"lang": "en_US"}))
    )
    lines = []
    for title, rows in (
        ("messages and calls skipped, by reason", _skipped(env)),
        ("lapsed patients in no campaign, by reason", _left_out(env)),
    ):
        lines += [f"{title:<48}{'number':>10}", "-" * 58]
        lines += [f"    {labels[code]:<44}{count:>10}" for code, count in rows]
        lines.append("")
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
    lines.append("both clinics")
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
