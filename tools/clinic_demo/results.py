"""What came of it, read from the database with the addon's own definitions."""

COLUMNS = ("enrolled", "contacted", "returned", "won back", "return", "win-back")
MEASURES = (
    "enrolled:sum",
    "contacted:sum",
    "returned:sum",
    "won_back:sum",
    "return_rate:avg",
    "win_back_rate:avg",
)
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
    }


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
