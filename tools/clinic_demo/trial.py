"""A trial of which everything is known: what each method really does, per segment.

The patients of a third clinic are all away when its campaign begins, or lapse when it
has been decided. Whether somebody returns, and stays, follows from the table below and
from two numbers drawn per patient and absence; it does not depend on what the product
makes of it. A method has an effect only on whoever has really got its message.

No database.
"""

import random
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from clinic_demo.life import NEVER, Fact, Patient, Visit
from clinic_demo.names import FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS, PLACES

CLINIC = "riv"
KIND = "trial"
# Of whom so many lapse when both windows of the first patients are over.
LATER = 0.1
CONTROL_PERCENT = 25.0
# Return and loyalty window of the campaign, in days.
RETURN_DAYS, LOYALTY_DAYS = 90, 180
# The first evening on which somebody may lapse after the decision.
DECIDED_DAYS = RETURN_DAYS + LOYALTY_DAYS + 4
# Six months, in days, and never fewer: whoever stays comes again before that.
LAPSE_DAYS = 184
YEAR = 365
LEFT_ALONE, MAIL, LETTER = "control", "mail", "letter"

SEGMENTS = {
    "once": "Came once",
    "recent": "Regulars, away under a year",
    "gone": "Regulars, away a year or more",
}
METHODS = {MAIL: "E-mail", LETTER: "Letter"}


@dataclass(frozen=True)
class Truth:
    """What becomes of patients who get a method, or are left alone."""

    returns: float  # P(a visit within the return window)
    stays: float  # P(another one within the loyalty window | returned)

    @property
    def won_back(self):
        """P(returned and stayed)."""
        return self.returns * self.stays


# Nobody stays away because of a message: each method brings back also those who would
# have come anyway. In the first segment the letter brings back as many as the e-mail
# does, and they do not stay; in the last one it makes no difference which one is used.
TRUTH = {
    "once": {
        LEFT_ALONE: Truth(0.12, 0.5),
        MAIL: Truth(0.55, 0.88),
        LETTER: Truth(0.55, 0.25),
    },
    "recent": {
        LEFT_ALONE: Truth(0.14, 0.6),
        MAIL: Truth(0.25, 0.6),
        LETTER: Truth(0.64, 0.8),
    },
    "gone": {
        LEFT_ALONE: Truth(0.1, 0.5),
        MAIL: Truth(0.3, 0.6),
        LETTER: Truth(0.3, 0.6),
    },
}


def best(segment):
    """:return: the method that wins back the most, or None where several do"""
    truths = TRUTH[segment]
    most = max(truth.won_back for truth in truths.values())
    first = [name for name, truth in truths.items() if truth.won_back == most]
    return first[0] if len(first) == 1 and first[0] != LEFT_ALONE else None


class TrialLife:
    """One patient of the trial, followed like a `life.Life`.

    :param list past: days of the visits after which the patient stays away
    :param date start: of the campaign
    """

    planned, over = None, False

    def __init__(self, patient, seed, past, start):
        self.patient = patient
        self.seed = seed
        self.start = start
        self.coming = list(past)
        self.visits = []
        self.away = False
        self.absences = 0
        self.reached = False  # by a message, in this absence
        self.truth = None  # about this absence, with or without a message

    # ------------------------------------------------------------------ the days

    def next_day(self):
        """The next day on which the patient comes if nobody writes."""
        return self.coming[0] if self.coming else NEVER

    def live(self, day):
        """What the clinic notices of this patient on `day`."""
        facts = []
        while self.coming and self.coming[0] <= day:
            facts += self._come(self.coming.pop(0))
        return facts

    def _come(self, day):
        visit = Visit(
            key=f"{self.patient.key}-{len(self.visits) + 1}",
            patient=self.patient,
            start=datetime.combine(day, time(8 + len(self.visits) % 8, 30)),
            booked=day,
            state="done",
            walk_in=True,
        )
        self.visits.append(visit)
        if self.away:
            self._return(day)
        elif not self.coming:
            self._go_on(day)
        return [Fact("booked", self.patient, visit), Fact("kept", self.patient, visit)]

    def _return(self, day):
        """Was it for once? This absence, and what was drawn for it, is over."""
        self.away = False
        if self.stay < self.truth.stays:
            self.coming = [self._workday(day, 30, 150)]
        else:
            self._leave(day)

    def _go_on(self, day):
        """Whoever has stayed comes again and again; all others were to leave."""
        if self.absences:
            self.coming = [self._workday(day, 60, 110)]
        else:
            self._leave(day)

    def _leave(self, day):
        """The patient stays away: what would become of it is drawn now."""
        self.away, self.reached = True, False
        self.absences += 1
        self.draw = random.Random(f"{self.seed}/{self.patient.key}/{self.absences}")
        self.back, self.stay, self.opens = (self.draw.random() for _draw in range(3))
        lapsed = max(day + timedelta(days=LAPSE_DAYS), self.start)
        self.truth = TRUTH[self.segment(lapsed)][LEFT_ALONE]
        # Later than any message arrives, and still within the return window.
        alone = self._workday(lapsed, 20, 80)
        self.coming = [alone] if self.back < self.truth.returns else []

    def _workday(self, day, earliest, latest):
        """:return: date, so many days later, or the Monday after that"""
        later = day + timedelta(days=self.draw.randint(earliest, latest))
        return later + timedelta(days=7 - later.weekday() if later.weekday() > 4 else 0)

    # ----------------------------------------------------------------- reactions

    def segment(self, day):
        """:return: key of the segment of a patient who is away on that day"""
        if len(self.visits) == 1:
            return "once"
        return "gone" if (day - self.visits[-1].day).days >= YEAR else "recent"

    def _reach(self, method, day):
        """A message has arrived: the first one of an absence is what counts.

        :return: bool: the patient comes because of it
        """
        if not self.away or self.reached:
            return False
        self.reached = True
        self.truth = TRUTH[self.segment(day)][method]
        comes = self.back < self.truth.returns
        if comes:
            self.coming = [self._workday(day, 3, 15)]
        return comes

    def read(self, day):
        """An e-mail has arrived: what the clinic notices of it today."""
        comes = self._reach(MAIL, day)
        return [Fact("opened", self.patient)] * (comes or self.opens < 0.45)

    def receive_letter(self, day):
        """A letter has arrived."""
        self._reach(LETTER, day)


# ----------------------------------------------------------------------- people


def make_lives(seed, start, today, size):
    """The patients of the trial, as many of each segment.

    :return: list of `TrialLife`: the same for the same seed and days
    """
    draw = random.Random(f"{seed}/{KIND}")
    later = round(size * LATER)
    lives = []
    for number in range(size):
        # Nobody lapses after a year or more: the later ones have to be of the others.
        names = list(SEGMENTS)[:2] if number < later else list(SEGMENTS)
        name = names[number % len(names)]
        if number < later:
            last = _between(draw, start + timedelta(days=DECIDED_DAYS), today)
            last -= timedelta(days=LAPSE_DAYS)
        else:
            away = (370, 900) if name == "gone" else (LAPSE_DAYS + 1, 300)
            last = start - timedelta(days=draw.randint(*away))
        visits = 1 if name == "once" else draw.randint(2, 3)
        past = [last - timedelta(days=70 * back) for back in range(visits)]
        lives.append(TrialLife(_person(draw, number), seed, past[::-1], start))
    return lives


def _person(draw, number):
    """Somebody who can be reached, at an address that nobody shares."""
    sex = draw.choice("fm")
    first, last = draw.choice(FIRST_NAMES["en"][sex]), draw.choice(LAST_NAMES["en"])
    places = PLACES["US"]
    city, pattern = places["towns"][0]
    return Patient(
        key=f"{CLINIC}{number + 1:05}",
        clinic=CLINIC,
        kind=KIND,
        joined=NEVER,
        ends=NEVER,
        first_name=first,
        last_name=last,
        lang="en_US",
        sex=sex,
        birth=datetime(1950 + number % 50, 1 + number % 12, 1 + number % 28).date(),
        email=f"{first.lower()}.{CLINIC}{number + 1}@{draw.choice(MAIL_DOMAINS)}",
        street=f"{number + 1} {draw.choice(places['streets'])}",
        city=city,
        zip=pattern.replace("#", "1"),
        payer="private",
    )


def _between(draw, first, last):
    return first + timedelta(days=draw.randint(0, max((last - first).days - 1, 0)))
