"""What a random walk remembers by itself, to judge the addon by: no database.

People, what they said, what happened to them and what reached them, in the simplest
way that is right. Moments are naive UTC, as in Odoo.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

# Purpose of a message -> purposes whose withdrawal covers it.
COVERED_BY = {
    "care": {"care", "all"},
    "service": {"care", "service", "all"},
    "offer": {"care", "service", "offer", "all"},
}
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@dataclass
class Visit:
    """An appointment or a visit, at a company."""

    company: int
    start: datetime
    # planned and done become each other by the clock alone only in a calendar.
    in_calendar: bool
    state: str = "done"
    record: object = None


@dataclass(eq=False)
class Person:
    """A contact, as it is known to the walk."""

    key: int
    partner: object
    zone: str
    emails: tuple = ()
    phone: str | None = None
    guardian: "Person | None" = None
    minor: bool = False
    do_not_contact: bool = False
    deceased: bool = False
    archived: bool = False
    gone: bool = False  # merged into somebody else, or erased
    visits: list = field(default_factory=list)

    @property
    def alive(self):
        """May anybody be written to about this person at all?"""
        return not (self.deceased or self.archived or self.gone)

    def addresses(self, channel):
        """All addresses this person has on a channel."""
        if channel == "mail":
            return set(self.emails)
        return {self.phone} if self.phone else set()

    def first_address(self, channel):
        """The one that stands for all of them where contacts are counted."""
        return set(self.emails[:1]) if channel == "mail" else self.addresses(channel)


@dataclass(eq=False)
class Word:
    """A line of the ledger of consents."""

    number: int
    speaker: Person
    granted: bool
    company: int
    channel: str
    purpose: str
    address: str | None = None
    ends: bool = True  # a yes ends what the same person said before
    exact: bool = False  # about no other purpose
    free: frozenset = frozenset()  # companies where a yes had ended it by then

    def covers(self, purpose):
        """Is it about messages of this purpose?"""
        if self.exact:
            return self.purpose == purpose
        return self.purpose in COVERED_BY[purpose]

    def __repr__(self):
        said = "yes" if self.granted else "no"
        about = f"{self.company}, {self.channel}, {self.purpose}, {self.address}"
        return f"<{self.number}: {self.speaker.key} says {said} ({about})>"


@dataclass(eq=False)
class Contact:
    """A message that arrived, or a call that was made."""

    at: datetime
    delivery: int
    person: Person
    addresses: frozenset
    first: frozenset
    number: int = 0
    counts: bool = True
    message: int = 0  # the delivery that was told: one message may be for a family

    def __repr__(self):
        reached = ", ".join(sorted(self.addresses))
        return f"<{self.at}: delivery {self.delivery}, {reached}>"


class Memory:
    """Everything that happened, and the questions that can be asked about it."""

    def __init__(self):
        self.people = []
        self.words = []
        self.contacts = []
        self.suppressed = set()
        self.attempts = {}  # delivery -> Message-IDs that left for it
        self.arrived = {}  # (enrollment, step) -> contacts that count
        self._numbers = count(1)

    # ------------------------------------------------------------------- people

    def living(self):
        """People something can still happen to."""
        return [person for person in self.people if person.alive]

    def of_partner(self, partner_id):
        """The person behind a contact's number."""
        for person in self.people:
            if person.partner.id == partner_id and not person.gone:
                return person
        return None

    def users_of(self, address):
        """Those who live and use an address."""
        return [
            person
            for person in self.people
            if not (person.archived or person.deceased or person.gone)
            and (address in person.emails or address == person.phone)
        ]

    def merge(self, gone, kept):
        """Two contacts are one person: each no counts on, each yes is used up."""
        mine = [word for word in self.words if word.speaker in (gone, kept)]
        still = [word for no in mine for word in self._in_force(no)]
        for word in mine:
            word.speaker, word.ends = kept, False
            if not word.granted:
                self.words.remove(word)
        for word in still:
            word.speaker = kept
        self.words += still
        for contact in self.contacts:
            if contact.person is gone:
                contact.person = kept
        for person in self.people:
            if person.guardian is gone:
                person.guardian = None if person is kept else kept
        kept.visits += gone.visits
        kept.do_not_contact |= gone.do_not_contact
        kept.emails = kept.emails or gone.emails
        kept.phone = kept.phone or gone.phone
        gone.gone = True

    def erase(self, person):
        """Nobody may use the addresses, unless somebody else has them too."""
        person.gone = True
        for address in (*person.emails, person.phone):
            if address and not self.users_of(address):
                self.suppressed.add(address)
        for word in list(self.words):
            if word.speaker is person:
                heirs = self.users_of(word.address) if word.address else []
                ended = self._ended(word, word.company, word.channel)
                self.words.remove(word)
                if heirs and not word.granted and not ended:
                    heir = min(heirs, key=lambda one: one.partner.id)
                    # About the address, and nothing else the heir has.
                    channel = word.channel
                    if channel == "all":
                        channel = "mail" if "@" in word.address else "call"
                    self.say(
                        heir, False, word.company, channel, word.purpose, word.address
                    )
        for other in self.people:
            if other.guardian is person:
                other.guardian = None

    # -------------------------------------------------------------------- words

    def say(self, person, granted, company, channel, purpose, address=None):
        """Somebody says yes or no in person."""
        number = next(self._numbers)
        word = Word(number, person, granted, company, channel, purpose, address)
        self.words.append(word)
        return word

    def _ended(self, word, company, channel, purposes=None, addresses=()):
        """Did the same person say yes later?"""
        if word.granted:
            return False
        return any(
            later.granted
            and later.ends
            and later.speaker is word.speaker
            and later.number > word.number
            and later.company in (word.company, company)
            and later.channel in (channel, "all")
            and later.purpose in (purposes or {word.purpose, "all"})
            and (later.address in (None, word.address) or later.address in addresses)
            for later in self.words
        )

    def _in_force(self, word):
        """What is left of a no after all that the same person said later."""
        if word.granted:
            return []
        channels = ("mail", "call") if word.channel == "all" else (word.channel,)
        companies = {other.company for other in self.words}
        left = []
        for channel in channels:
            for purpose in COVERED_BY:
                free = {
                    company
                    for company in companies
                    if self._ended(
                        word,
                        company,
                        channel,
                        {purpose, "all"},
                        word.speaker.addresses(channel),
                    )
                }
                if word.covers(purpose) and word.company not in free:
                    left.append(
                        replace(
                            word,
                            channel=channel,
                            purpose=purpose,
                            exact=True,
                            free=word.free | free,
                        )
                    )
        return left

    def objections(self, person, company, channel, purpose):
        """What this person, or anybody about one of the addresses, does not want."""
        addresses = person.addresses(channel)
        return [
            word
            for word in self.words
            if not word.granted
            and word.channel in (channel, "all")
            and word.covers(purpose)
            and (word.company == company or channel == "call")
            and company not in word.free
            and (word.speaker is person or word.address in addresses)
            and not self._ended(word, company, channel, {purpose, "all"}, addresses)
        ]

    def has_consented(self, person, company, channel, purpose):
        """Has this person ever said yes to it?"""
        return any(
            word.granted
            and word.speaker is person
            and word.company == company
            and word.channel in (channel, "all")
            and word.purpose in (purpose, "all")
            for word in self.words
        )

    # ----------------------------------------------------------------- contacts

    def note_contact(self, key, contact):
        """Something reached a person."""
        contact.number = next(self._numbers)
        self.contacts.append(contact)
        self.arrived.setdefault(key, []).append(contact)

    def forget_contacts(self, delivery):
        """It came back, or the staff knows that it never arrived.

        :return: the deliveries of that message
        """
        messages = {item.message for item in self.contacts if item.delivery == delivery}
        forgotten = [item for item in self.contacts if item.message in messages]
        for contact in forgotten:
            contact.counts = False
        return {contact.delivery for contact in forgotten}

    def recent(self, person, addresses, now, window):
        """What reached a person or one of the addresses lately, each message once."""
        found = [
            contact
            for contact in self.contacts
            if contact.counts
            # A clock that was ahead leaves contacts in the future.
            and contact.at > now - window
            and (contact.person is person or contact.first & addresses)
        ]
        return list({contact.message: contact for contact in found}.values())

    # ------------------------------------------------------------------- visits

    @staticmethod
    def is_booked(person, company, now):
        """Is there an appointment to come?"""
        return any(
            visit.company == company
            and visit.start > now
            and (visit.state == "planned" or visit.in_calendar)
            and visit.state != "off"
            for visit in person.visits
        )

    @staticmethod
    def came_after(person, company, episode, zone, now):
        """Was there a visit on a later day than the one that was the last?"""
        return any(
            visit.company == company
            and visit.start <= now
            and (visit.state == "done" or visit.in_calendar)
            and visit.state not in ("off", "missed")
            and local(visit.start, zone).date() > episode
            for visit in person.visits
        )


def local(moment, zone):
    """What the clocks of a zone show."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))


def birth_of(minor):
    """A day of birth of somebody who stays a minor, or not, during the walk."""
    return date(2025, 5, 5) if minor else date(1970, 5, 5)
