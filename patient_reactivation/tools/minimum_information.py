"""What the outside of a message may tell: as little as a postcard.

The subject, the preview, the sender, links and names of files are seen by whoever
looks at the screen, by mail providers and by the family. They may name the patient
and the clinic, and nothing that says what the patient was there for: no diagnosis,
no procedure, no specialty, no balance, no date of a visit. Placeholders that would
bring such facts are refused; words are a matter of judgment and only warned of.
"""

import re
import unicodedata
from urllib.parse import unquote

# Fields that hold such a fact, on whichever record a path ends.
FORBIDDEN_FIELDS = frozenset(
    {
        "booked_date",
        "birth_date",
        "deceased_date",
        "domain",
        "episode_date",
        "function",
        "guardian_id",
        "inactivity_days",
        "inactivity_tier_id",
        "last_practitioner_id",
        "last_visit_date",
        "loyal_date",
        "method_id",
        "next_visit_date",
        "patient_status",
        "payer_class",
        "practitioner_id",
        "reason_id",
        "returned_date",
        "segment_id",
        "stage",
        "state",
        "stop_reason",
        "tier_id",
        "total_spent",
        "visit_count",
        "visit_pattern",
    }
)

# Beginnings of names of such fields, those of other addons too.
FORBIDDEN_STEMS = (
    "amount",
    "balance",
    "credit",
    "debit",
    "diagnos",
    "disease",
    "last_visit",
    "next_visit",
    "practitioner",
    "procedure",
    "specialt",
    "treatment",
)

# Words that tell, English and French, as beginnings of words without accents. A
# campaign called “Diabetes recall” is the reason for this list; it is kept short, so
# that a warning means something.
TELLING_WORDS = (
    # diagnoses and conditions
    "abces",
    "abscess",
    "addict",
    "alcohol",
    "alcool",
    "anxiet",
    "cancer",
    "carie",
    "cataract",
    "cavit",
    "chlamyd",
    "depress",
    "diabet",
    "diagnos",
    "gingivit",
    "glaucom",
    "grossesse",
    "hepatit",
    "herpes",
    "hiv",
    "hypertens",
    "infection",
    "infertil",
    "insuffisance",
    "migraine",
    "obes",
    "parodont",
    "periodont",
    "pregnan",
    "sida",
    "std",
    "sti",
    "symptom",
    "tumeur",
    "tumor",
    "vih",
    # procedures
    "avortement",
    "abortion",
    "biops",
    "botox",
    "chimio",
    "chemo",
    "chirurg",
    "colonoscop",
    "coloscop",
    "dialys",
    "extraction",
    "frottis",
    "implant",
    "mammogra",
    "pap",
    "root canal",
    "surger",
    "vaccin",
    "vasectom",
    # specialties
    "cardiolog",
    "dermatolog",
    "fertilit",
    "gynecolog",
    "gynaecolog",
    "neurolog",
    "oncolog",
    "psychiatr",
    "psycholog",
    "psychotherap",
    "urolog",
    # money
    "balance due",
    "impaye",
    "outstanding balance",
    "solde",
    "unpaid",
)

# Words that are meant whole: their beginnings are innocent.
WHOLE_WORDS = frozenset({"hiv", "pap", "sida", "std", "sti", "vih", "solde"})

_PATH = re.compile(r"\bobject((?:\.[A-Za-z_]\w*)+)")
_EXPRESSION = re.compile(
    r"""\{\{(.*?)\}\}|\bt-[a-z-]+\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.DOTALL
)


def paths(text):
    """:return: the fields that placeholders of a text reach for, as written"""
    found = []
    for match in _EXPRESSION.finditer(text or ""):
        expression = next(group for group in match.groups() if group is not None)
        found += [path[1:] for path in _PATH.findall(expression)]
    return list(dict.fromkeys(found))


def forbidden(text):
    """:return: placeholders of a text that bring what must not be said"""
    return [
        f"object.{path}"
        for path in paths(text)
        if any(_is_forbidden(name) for name in path.split("."))
    ]


def _is_forbidden(name):
    return name in FORBIDDEN_FIELDS or name.startswith(FORBIDDEN_STEMS)


def telling(text):
    """:return: words of a text that tell what a patient was there for, as written"""
    text = _EXPRESSION.sub(" ", unquote(text or ""))
    return list(
        dict.fromkeys(
            match.group().strip()
            for match in _WORDS.finditer(text)
            if _tells(_plain(match.group()))
        )
    ) + [
        phrase
        for phrase in TELLING_WORDS
        if " " in phrase and phrase in " ".join(_plain(text).split())
    ]


# A word as a reader sees it; addresses and names of files fall into theirs.
_WORDS = re.compile(r"[^\W\d_]+")


def _tells(word):
    for stem in TELLING_WORDS:
        if stem in WHOLE_WORDS:
            if word == stem:
                return True
        elif word.startswith(stem):
            return True
    return False


def _plain(text):
    """:return: the text in small letters without accents"""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
