"""How patients come, stay away and react: known probabilities, no database.

A `Life` is followed day by day. It tells the clinic only what a clinic would notice
(an appointment is made, kept, canceled or missed; somebody says why they stay away).
Each kind of decision has its own stream of random numbers, so that a patient who gets
no e-mail lives exactly the life of the same patient with e-mails, up to the first.
"""

import math
import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta


@dataclass(frozen=True)
class Habits:
    """Probabilities and rhythm of one kind of patient."""

    share: float  # of all patients
    rhythm: tuple  # days from one visit to the next: shortest, longest
    stay: float  # P(comes again) after an ordinary visit
    comeback: float  # mean days until a patient who left returns unasked
    react: float  # P(books) after the first e-mail, if nobody called or wrote before
    stay_after_return: float  # P(comes again) after a visit that ended an absence


HABITS = {
    "regular": Habits(0.31, (28, 120), 0.985, 350, 0.35, 0.80),
    "seasonal": Habits(0.09, (345, 385), 0.92, 330, 0.15, 0.55),
    "single": Habits(0.18, (30, 90), 0.0, 2400, 0.16, 0.50),
    "fading": Habits(0.27, (28, 110), 0.80, 800, 0.30, 0.65),
    "coverage_lost": Habits(0.06, (28, 90), 0.96, 3000, 0.08, 0.40),
    "moved": Habits(0.05, (28, 120), 0.97, 1e9, 0.0, 0.0),
    "deceased": Habits(0.04, (21, 90), 0.97, 1e9, 0.0, 0.0),
}

# Kinds whose visits end with an event in life, on a day drawn at the beginning.
ENDINGS = ("coverage_lost", "moved", "deceased")

# Why the others stay away: how often, and how it changes P(books).
REASONS = {
    "cost": (0.26, 0.7),
    "no_time": (0.30, 1.4),
    "dissatisfied": (0.14, 0.3),
    "recovered": (0.18, 0.6),
    "other_provider": (0.12, 0.1),
}

REBOOK_ON_SITE = 0.4
WALK_IN = 0.12
CANCEL = 0.06
MISS = 0.05
BOOK_AGAIN = 0.7
NEXT_CONTACT = 0.6  # reacting to each further contact, compared with the one before
OPEN = 0.45
REPLY = 0.5  # of those who book
UNSUBSCRIBE = 0.02
SAY_WHY = 0.06  # of those who do not book
REASON_KNOWN = 0.4  # when a patient leaves
PICK_UP = 0.55  # the phone is answered
STRANGER = 0.02  # by somebody else, who has the number now
BY_PHONE = 1.5  # books when asked in person, compared with an e-mail
BY_LETTER = 0.5
REFUSE = 0.02  # any contact from now on
SAY_WHY_ASKED = 0.3  # of those who do not book
ASK_LATER = 0.25  # of those who neither book nor say no
NEVER = date.max


@dataclass
class Visit:
    """An appointment, planned or past."""

    key: str
    patient: "Patient"
    start: datetime  # local time at the clinic
    booked: date
    state: str = "planned"  # done, missed, canceled
    walk_in: bool = False

    @property
    def day(self):
        """The calendar day at the clinic."""
        return self.start.date()


@dataclass
class Patient:
    """A person as the clinic knows them, and the kind that it does not know."""

    key: str
    clinic: str
    kind: str
    joined: date
    ends: date
    first_name: str
    last_name: str
    lang: str
    sex: str
    birth: date
    practitioner: int = 0
    email: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    zip: str = ""
    guardian: str = ""
    channel: str = ""
    payer: str = "unknown"
    do_not_contact: bool = False
    objected: bool = False  # long ago, in the earlier system
    dead_mailbox: bool = False  # the mail server does not know the address
    consented: bool = False  # to offers, on a signed form
    family: str = ""

    @property
    def name(self):
        """As on an envelope."""
        return f"{self.first_name} {self.last_name}"


@dataclass
class Fact:
    """Something the clinic notices on a day."""

    kind: str  # booked, kept, canceled, missed, reason, deceased, unsubscribed, …
    patient: Patient
    visit: Visit | None = None
    value: object = None


@dataclass
class Life:
    """One patient from the first visit on."""

    patient: Patient
    seed: object
    visits: list = field(default_factory=list)

    def __post_init__(self):
        self.habits = HABITS[self.patient.kind]
        streams = ("life", "mail", "hour", "phone", "letter")
        self.own, self.mail, self.hour, self.phone, self.letter = (
            random.Random(f"{self.seed}/{self.patient.key}/{name}") for name in streams
        )
        low, high = self.habits.rhythm
        self.rhythm = self.own.uniform(low, high)
        names, weights = zip(*[(n, w) for n, (w, _f) in REASONS.items()], strict=True)
        self.reason = self.own.choices(names, weights)[0]
        if self.patient.kind == "coverage_lost":
            self.reason = "coverage_lost"
        self.due = self.patient.joined
        self.planned = None
        self.away = False
        self.contacts = 0
        self.told = {}

    # ------------------------------------------------------------------ the days

    def next_day(self):
        """The next day on which something happens if nobody interferes."""
        days = [self.due, *self.told]
        if self.planned:
            days.append(self.planned.day)
        if self.patient.ends not in self.told and not self.over:
            days.append(self.patient.ends)
        return min(days)

    @property
    def over(self):
        """Has the event happened that ends this patient's visits?"""
        return self.habits is None

    def live(self, day):
        """What the clinic notices of this patient on `day`."""
        facts = []
        if not self.over and day >= self.patient.ends:
            facts += self._end(day)
        if self.planned and self.planned.day <= day:
            facts += self._attend()
        if self.due <= day:
            facts += self._book(day)
        for told in [told for told in self.told if told <= day]:
            facts.append(self.told.pop(told))
        return facts

    def _end(self, day):
        kind = self.patient.kind
        facts = []
        if kind == "coverage_lost":
            self.away = True
            self.due = self._comeback(day)
            self.patient.ends = NEVER
        else:
            self.habits, self.due = None, NEVER
        if self.planned:
            facts.append(self._close("canceled"))
        self._tell_later(day, kind)
        return facts

    def _tell_later(self, day, kind):
        """The clinic learns of it some weeks later, or never."""
        later = day + timedelta(days=self.own.randint(5, 40))
        if kind == "deceased":
            self.told[later] = Fact("deceased", self.patient, value=day)
        elif self.own.random() < REASON_KNOWN:
            self.told[later] = Fact("reason", self.patient, value=kind)

    def _book(self, day, walk_in=None):
        if walk_in is None:
            walk_in = self.own.random() < WALK_IN
        if walk_in and self.visits:
            lead = 0
        else:
            lead = self.own.randint(2, 12)
        self.due = NEVER
        return [self._plan(day, day + timedelta(days=lead))]

    def _plan(self, today, wanted):
        wanted = max(wanted, today)
        while wanted.weekday() > 4:
            wanted += timedelta(days=1)
        start = time(self.hour.randint(8, 16), self.hour.choice((0, 30)))
        self.planned = Visit(
            key=f"{self.patient.key}-{len(self.visits) + 1}",
            patient=self.patient,
            start=datetime.combine(wanted, start),
            booked=today,
            walk_in=wanted == today,
        )
        self.visits.append(self.planned)
        return Fact("booked", self.patient, self.planned)

    def _attend(self):
        day = self.planned.day
        first = not any(visit.state == "done" for visit in self.visits)
        drawn = 1.0 if first or self.planned.walk_in else self.own.random()
        if drawn < CANCEL + MISS:
            fact = self._close("canceled" if drawn < CANCEL else "missed")
            if self.own.random() < BOOK_AGAIN:
                self.due = day + timedelta(days=self.own.randint(5, 20))
            else:
                self._leave(day)
            return [fact]
        facts = [self._close("done")]
        returned, self.away = self.away, False
        stay = self.habits.stay_after_return if returned else self.habits.stay
        if self.own.random() >= stay:
            self._leave(day)
            return facts
        gap = self.rhythm if not returned else min(self.rhythm, 75)
        again = day + timedelta(days=round(gap * self.own.uniform(0.85, 1.15)))
        if self.own.random() < REBOOK_ON_SITE and gap < 200:
            facts.append(self._plan(day, again))
        else:
            self.due = max(again - timedelta(days=7), day + timedelta(days=1))
        return facts

    def _leave(self, day):
        self.away = True
        self.due = self._comeback(day)
        known = self.own.random() < REASON_KNOWN * 0.5
        if known and self.patient.kind in ("single", "fading"):
            told = day + timedelta(days=self.own.randint(20, 120))
            self.told[told] = Fact("reason", self.patient, value=self.reason)

    def _comeback(self, day):
        """Nobody returns the day after leaving; later, any day is as likely."""
        gap = 40 + self.own.expovariate(1 / self.habits.comeback)
        return day + timedelta(days=min(math.ceil(gap), 20_000))

    def _close(self, state):
        visit, self.planned = self.planned, None
        visit.state = state
        kind = {"done": "kept"}.get(state, state)
        return Fact(kind, self.patient, visit)

    # ----------------------------------------------------------------- reactions

    def probability(self, channel=1.0):
        """P(books because of the contact that is made now).

        :param float channel: how well the channel works, compared with an e-mail
        """
        if self.over or self.planned or not self.away:
            return 0.0
        factor = channel * NEXT_CONTACT ** (self.contacts - 1)
        if self.patient.kind in ("single", "fading"):
            factor *= REASONS[self.reason][1]
        return min(self.habits.react * factor, 1)

    def _book_soon(self, day, wait):
        """Intend to call the clinic within a week.

        :param float wait: 0 to 1
        """
        self.due = min(self.due, day + timedelta(days=1 + int(wait * 6)))

    def _why(self):
        reason = "moved" if self.patient.kind == "moved" else self.reason
        return Fact("reason", self.patient, value=reason)

    def read(self, day):
        """An e-mail has arrived: what the clinic notices of it today.

        Always takes the same number of draws, whatever comes of them.
        """
        self.contacts += 1
        opens, books, replies, unsubscribes, says, wait = (
            self.mail.random() for _draw in range(6)
        )
        if self.patient.kind == "deceased" and self.over:
            return []
        if books < self.probability():
            self._book_soon(day, wait)
            facts = [Fact("opened", self.patient)]
            return facts + [Fact("replied", self.patient)] * (replies < REPLY)
        facts = [Fact("opened", self.patient)] * (opens < OPEN)
        if unsubscribes < UNSUBSCRIBE:
            facts.append(Fact("unsubscribed", self.patient))
        elif says < SAY_WHY and (self.away or self.over):
            facts.append(self._why())
        return facts

    def receive_letter(self, day):
        """A letter has arrived. Whoever wants to come calls the clinic."""
        self.contacts += 1
        books, wait = self.letter.random(), self.letter.random()
        if books < self.probability(BY_LETTER):
            self._book_soon(day, wait)

    def answer(self, day):
        """The clinic calls.

        :return: (str, list of Fact): what came of it, as the work list names it, and
            what the caller notes besides
        """
        picks, books, refuses, says, later = (self.phone.random() for _draw in range(5))
        if picks >= PICK_UP or (self.patient.kind == "deceased" and self.over):
            return "no_answer", []
        if picks < STRANGER:
            return "wrong_number", []
        self.contacts += 1
        if books < self.probability(BY_PHONE):
            return "booked", self.book_by_phone(day)
        if refuses < REFUSE:
            return "do_not_contact", []
        if says < SAY_WHY_ASKED and (self.away or self.over):
            return "not_interested", [self._why()]
        return "call_later" if later < ASK_LATER else "done", []

    def book_by_phone(self, day):
        """:return: list of Fact: the appointment, unless there is one"""
        if self.over or self.planned:
            return []
        return self._book(day, walk_in=False)


def follow(lives, start, end):
    """Let every life run from `start` to the day before `end`.

    :return: list of (day, facts) in order of days, without the days of nothing
    """
    noticed = {}
    for life in lives:
        day = max(start, life.next_day())
        while day < end:
            noticed.setdefault(day, []).extend(life.live(day))
            day = max(day, life.next_day())
    return sorted(noticed.items())
