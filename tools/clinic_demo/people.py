"""The clinic: companies, practitioners and patients, drawn from a seed. No database."""

import random
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, timedelta

from clinic_demo import trial
from clinic_demo.life import ENDINGS, HABITS, NEVER, Life, Patient, follow
from clinic_demo.names import FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS, PLACES

YEARS = 5
CAMPAIGN_DAYS = 400
SMALLEST = 30
DEAD_MAILBOX = 0.04
CONSENT = 0.3


@dataclass
class Company:
    """One of the two clinics, or the one of the trial."""

    key: str
    name: str
    country: str
    state: str
    timezone: str
    currency: str
    lang: str
    street: str
    city: str
    zip: str
    phone: str
    email: str
    website: str
    share: float  # of all patients
    french: float  # share of French speakers among them
    practitioners: tuple
    # Visits before this many days before the campaign are in the earlier system.
    calendar_days: int
    is_trial: bool = False

    @property
    def mail_domain(self):
        """What follows the @ in the addresses of the clinic."""
        return self.email.split("@")[1]


COMPANIES = (
    Company(
        key="ny",
        name="Harbor Street Clinic",
        country="US",
        state="NY",
        timezone="America/New_York",
        currency="USD",
        lang="en_US",
        street="14 Harbor Street",
        city="New York",
        zip="10013",
        phone="+1 212-555-0100",
        email="hello@harborstreet.example.com",
        website="https://harborstreet.example.com",
        share=0.58,
        french=0.04,
        practitioners=("Naomi Adler", "Marcus Okafor"),
        calendar_days=540,
    ),
    Company(
        key="mtl",
        name="Clinique du Verger",
        country="CA",
        state="QC",
        timezone="America/Toronto",
        currency="CAD",
        lang="fr_FR",
        street="220 avenue du Verger",
        city="Montréal",
        zip="H2X 1Y4",
        phone="+1 514-555-0100",
        email="bonjour@clinique-verger.example.org",
        website="https://clinique-verger.example.org",
        share=0.42,
        french=0.75,
        practitioners=("Hélène Lacroix", "Étienne Gosselin"),
        calendar_days=300,
    ),
)

# Large enough to tell methods apart, and of whose patients everything is known.
TRIAL_COMPANY = Company(
    key=trial.CLINIC,
    name="Riverside Family Practice",
    country="US",
    state="NY",
    timezone="America/New_York",
    currency="USD",
    lang="en_US",
    street="3 Riverside Parade",
    city="New York",
    zip="10024",
    phone="+1 646-555-0100",
    email="hello@riversidefamily.example.net",
    website="https://riversidefamily.example.net",
    share=0.0,
    french=0.0,
    practitioners=("Priya Raman",),
    calendar_days=0,
    is_trial=True,
)


@dataclass
class Clinic:
    """Everything the demonstration starts from."""

    seed: int
    today: date
    start: date  # of the campaigns
    companies: tuple
    patients: list
    lives: dict
    history: list = field(default_factory=list)  # (day, facts) before the start

    def patients_of(self, company):
        """The patients of one of the clinics."""
        return [one for one in self.patients if one.clinic == company.key]


def make_clinic(seed, today, size=400, days=CAMPAIGN_DAYS, trial_size=0):
    """The clinic of a seed: the same seed and day always give the same one.

    :param int trial_size: patients of the third clinic; without any there is none
    """
    if size < SMALLEST:
        raise ValueError(f"a clinic needs at least {SMALLEST} patients")
    draw = random.Random(f"{seed}/people")
    start = today - timedelta(days=days)
    patients = []
    for company in COMPANIES:
        count = round(size * company.share)
        if company is COMPANIES[-1]:
            count = size - len(patients)
        patients += _patients(draw, company, count, start, today)
    _spread_phone_numbers(draw, patients)
    _spread_consents(random.Random(f"{seed}/consents"), patients)
    lives = {patient.key: Life(patient, seed) for patient in patients}
    companies = COMPANIES
    if trial_size:
        companies += (TRIAL_COMPANY,)
        tried = trial.make_lives(seed, start, today, trial_size)
        patients += [life.patient for life in tried]
        lives |= {life.patient.key: life for life in tried}
    clinic = Clinic(seed, today, start, companies, patients, lives)
    opened = start - timedelta(days=365 * YEARS)
    clinic.history = follow(lives.values(), opened, start)
    return clinic


def _patients(draw, company, count, start, today):
    kinds = _kinds(draw, count)
    found = []
    while len(found) < count:
        size = draw.choices((1, 2, 3, 4), (0.62, 0.16, 0.12, 0.10))[0]
        size = min(size, count - len(found))
        found += _household(draw, company, kinds, len(found), size, start, today)
    return found


def _kinds(draw, count):
    """Every kind in its share, in random order; none is left out."""
    kinds = list(HABITS)
    for name, habits in HABITS.items():
        kinds += [name] * (round(count * habits.share) - 1)
    kinds = (kinds + ["regular"] * count)[:count]
    draw.shuffle(kinds)
    return kinds


def _household(draw, company, kinds, number, size, start, today):
    """One to four people of one address; the third and fourth are children."""
    lang = "fr" if draw.random() < company.french else "en"
    last_name = draw.choice(LAST_NAMES[lang])
    address = _address(draw, company)
    domain = draw.choice(MAIL_DOMAINS)
    shared = f"{slug(last_name)}{draw.randint(10, 99)}@{domain}"
    one_mailbox = size > 1 and draw.random() < 0.5
    members = []
    for rank in range(size):
        child = rank >= 2
        kind = kinds[number + rank]
        member = _person(draw, company, number + rank, kind, lang, start, today)
        member.last_name = last_name
        member.street, member.city, member.zip = address
        member.family = f"{company.key}-{number}" if size > 1 else ""
        member.birth = _birth(draw, today, child)
        own = f"{slug(member.first_name)}.{slug(last_name)}{number + rank}@{domain}"
        member.email = shared if one_mailbox else own
        if child:
            member.email = "" if draw.random() < 0.8 else member.email
            # Nearly every child has a guardian on file.
            member.guardian = members[0].key if draw.random() < 0.9 else ""
        members.append(member)
    for member in members:
        _irregularities(draw, member)
    return members


def _person(draw, company, number, kind, lang, start, today):
    opened = start - timedelta(days=365 * YEARS)
    sex = draw.choice("fm")
    # A clinic grows: every tenth patient comes for the first time while the
    # campaign is on its way.
    if draw.random() < 0.9 or kind in ENDINGS:
        joined = _between(draw, opened, start - timedelta(days=30))
    else:
        joined = _between(draw, start, today - timedelta(days=30))
    ends = NEVER
    if kind in ENDINGS:
        ends = _between(draw, joined + timedelta(days=20), today)
    return Patient(
        key=f"{company.key}{number + 1:04}",
        clinic=company.key,
        kind=kind,
        joined=joined,
        ends=ends,
        first_name=draw.choice(FIRST_NAMES[lang][sex]),
        last_name="",
        lang="fr_FR" if lang == "fr" else "en_US",
        sex=sex,
        birth=today,
        practitioner=draw.randrange(len(company.practitioners)),
        channel=draw.choices(
            ("", "mail", "sms", "call", "letter"), (0.5, 0.3, 0.08, 0.1, 0.02)
        )[0],
        payer=draw.choices(
            ("private", "cash", "federal", "unknown"), (0.5, 0.2, 0.2, 0.1)
        )[0],
    )


def _irregularities(draw, patient):
    """What every real address book is full of."""
    drawn = draw.random()
    if drawn < 0.05:
        patient.email = ""
    elif drawn < 0.07:
        patient.email = draw.choice(("none", "n/a", "no e-mail", "x@"))
    elif drawn < 0.09:
        patient.do_not_contact = True
    elif drawn < 0.11 and "@" in patient.email and not patient.family:
        patient.objected = True


def _address(draw, company):
    places = PLACES[company.country]
    street = draw.choice(places["streets"])
    city, pattern = draw.choice(places["towns"])
    digits = re.sub("#", lambda _match: str(draw.randint(0, 9)), pattern)
    return f"{draw.randint(1, 480)} {street}", city, digits


def _birth(draw, today, child):
    years = draw.uniform(3, 16) if child else min(max(draw.gauss(48, 17), 19), 94)
    return today - timedelta(days=round(years * 365.25))


def _spread_phone_numbers(draw, patients):
    """555-0101 to 555-0199 belong to nobody; there are 99 in each area."""
    homes = {}
    free = {
        country: [
            f"{area}-555-{n:04}" for area in places["areas"] for n in range(101, 200)
        ]
        for country, places in PLACES.items()
    }
    for numbers in free.values():
        draw.shuffle(numbers)
    country_of = {company.key: company.country for company in COMPANIES}
    for patient in patients:
        home = patient.family or patient.key
        numbers = free[country_of[patient.clinic]]
        if home not in homes:
            # A very large clinic has more homes than there are such numbers.
            homes[home] = numbers[len(homes) % len(numbers)]
        if draw.random() < 0.95:
            patient.phone = f"+1 {homes[home]}"


def _spread_consents(draw, patients):
    """What is on record about mailboxes and forms; nobody's life depends on it."""
    gone = {
        patient.email
        for patient in patients
        if "@example" in patient.email and draw.random() < DEAD_MAILBOX
    }
    for patient in patients:
        patient.dead_mailbox = patient.email in gone
        patient.consented = draw.random() < CONSENT


def _between(draw, first, last):
    return first + timedelta(days=draw.randint(0, max((last - first).days, 0)))


def slug(text):
    """Plain small letters, as in an e-mail address."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", plain.lower())
