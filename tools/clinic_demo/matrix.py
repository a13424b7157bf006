"""Segment × method as the product reports it, and beside it the truth of the trial."""

from clinic_demo import trial
from clinic_demo.people import TRIAL_COMPANY

# What a cell says of a measure: the names here, and in the matrix of the addon.
RATE = {"rate": "rate", "low": "low", "high": "high"}
LIFT = {"rate": "lift", "low": "lift_low", "high": "lift_high"}
# Intervals the truth is looked for in.
INTERVALS = ("return", "win_back", "return_lift", "win_back_lift")
FORMAT = "{:<36}{:>11}{:>25}{:>25}{:>27}  {}"
HEAD = (
    "what works",
    "closed/all",
    "return %",
    "win-back %",
    "lift of win-back",
    "decision",
)


def figures(env):
    """The matrices, and what is to be said of the trial, for the last line."""
    rows = _rows(env)
    return {"matrix": rows, "trial": _verdict(rows)}


def _rows(env):
    """:return: list of dict, one per campaign, segment and method or control group"""
    campaigns = env["reactivation.campaign"].search(
        [("date_start", "!=", False)], order="id"
    )
    # A handful of campaigns, each read by the addon itself.
    return [row for campaign in campaigns for row in _rows_of(campaign)]


def _rows_of(campaign):
    matrix = campaign.env["reactivation.matrix"]
    stays = matrix.read_matrix(campaign.id, "win_back")
    returns = matrix.read_matrix(campaign.id, "return")
    columns = stays["columns"]
    is_trial = campaign.company_id.name == TRIAL_COMPANY.name
    rows = []
    for of_stays, of_returns in zip(stays["rows"], returns["rows"], strict=True):
        for column, stay, back in zip(
            columns, of_stays["cells"], of_returns["cells"], strict=True
        ):
            row = {
                "clinic": campaign.company_id.name,
                "campaign": campaign.name,
                "segment": of_stays["name"],
                "method": column["name"],
                "control": not column["id"],
                "enrolled": stay["enrolled"],
                "closed": stay["closed"],
                "return": _interval(back, RATE),
                "win_back": _interval(stay, RATE),
                "return_lift": _interval(back, LIFT),
                "win_back_lift": _interval(stay, LIFT),
                "decision": stay["mark"] or None,
                "hidden": stay["hidden"],
            }
            rows.append(row | ({"truth": _truth(row)} if is_trial else {}))
    return rows


def _interval(cell, names):
    """:return: [value, low, high], or None where nothing is known yet"""
    found = [cell.get(names[name]) for name in ("rate", "low", "high")]
    return None if None in found else [round(number, 4) for number in found]


def _truth(row):
    """:return: dict: what is really so, for each of `INTERVALS`"""
    (segment,) = (key for key, name in trial.SEGMENTS.items() if name == row["segment"])
    truths = trial.TRUTH[segment]
    alone = truths[trial.LEFT_ALONE]
    mine = alone if row["control"] else truths[_key(row["method"])]
    return {
        "return": round(mine.returns, 4),
        "win_back": round(mine.won_back, 4),
        "return_lift": round(mine.returns - alone.returns, 4),
        "win_back_lift": round(mine.won_back - alone.won_back, 4),
    }


def _key(method):
    (key,) = (key for key, name in trial.METHODS.items() if name == method)
    return key


def _is_inside(row, name):
    """:return: bool: the truth is in the interval; None where there is none"""
    if "truth" not in row or row[name] is None:
        return None
    _value, low, high = row[name]
    return low <= row["truth"][name] <= high


def _verdict(rows):
    """What the trial has shown; None without a trial.

    `lifts` are the intervals that hold at all times together with 95 %; of the other
    ones, of rates, each holds with 95 %.
    """
    rows = [row for row in rows if "truth" in row]
    if not rows:
        return None
    inside = {
        name: [_is_inside(row, name) for row in rows if row[name]] for name in INTERVALS
    }
    all_of = sum(inside.values(), [])
    lifts = inside["return_lift"] + inside["win_back_lift"]
    adopted = dict.fromkeys(trial.SEGMENTS.values())
    for row in rows:
        if row["decision"] == "adopted":
            adopted[row["segment"]] = row["method"]
    best = {
        name: trial.METHODS.get(trial.best(key)) for key, name in trial.SEGMENTS.items()
    }
    return {
        "enrolled": sum(row["enrolled"] for row in rows),
        "intervals": len(all_of),
        "inside": sum(all_of),
        "lifts": len(lifts),
        "lifts_inside": sum(lifts),
        "adopted": adopted,
        "best": best,
        "right": adopted == best,
    }


# ------------------------------------------------------------------------ lines


def lines(env):
    """The lines of the last table."""
    rows = _rows(env)
    text = [FORMAT.format(*HEAD), "-" * 134]
    place = (None, None)
    for row in rows:
        if place[0] != row["campaign"]:
            text.append(f"{row['clinic']} · {row['campaign']}")
        if place != (row["campaign"], row["segment"]):
            text.append(f"  {row['segment']}")
        place = (row["campaign"], row["segment"])
        text += _lines_of(row)
    return [*text, "", *_sentences(rows)]


def _lines_of(row):
    shown = [
        FORMAT.format(
            f"    {row['method']}",
            "under 5" if row["hidden"] else f"{row['closed']}/{row['enrolled']}",
            _shown(row["return"]),
            _shown(row["win_back"]),
            _shown(row["win_back_lift"], "+"),
            row["decision"] or "",
        ).rstrip()
    ]
    if "truth" in row:
        names = ("return", "win_back", "win_back_lift")
        cells = [_shown_truth(row, name) for name in names]
        shown.append(FORMAT.format("      in truth", "", *cells, "").rstrip())
    return shown


def _shown(interval, sign=""):
    """:return: "45.2 (38.1 … 52.3)" """
    if interval is None:
        return "–"
    value, low, high = (f"{100 * number:{sign}.1f}" for number in interval)
    return f"{value} ({low} … {high})"


def _shown_truth(row, name):
    """The truth, where the product says something about it: is it in the interval?"""
    inside = _is_inside(row, name)
    if inside is None:
        return "–"
    sign = "+" if name.endswith("lift") else ""
    return f"{100 * row['truth'][name]:{sign}.1f} {'inside' if inside else 'OUTSIDE'}"


def _sentences(rows):
    """Is it the truth? In words, and segment by segment."""
    found = _verdict(rows)
    if not found:
        return []
    text = [
        f"{TRIAL_COMPANY.name}: {found['inside']} of {found['intervals']} intervals "
        f"hold the truth, {found['lifts_inside']} of {found['lifts']} of a lift.",
        f"Adopted methods are the truly best: {'yes' if found['right'] else 'NO'}.",
    ]
    for segment, best in found["best"].items():
        adopted = found["adopted"][segment]
        says = f"{adopted or 'none'} adopted, truly best: {best or 'none'}"
        text.append(f"    {segment:<34}{says}")
    return text
