"""The patients' mailboxes: an SMTP listener that keeps each mail as a file.

Run as a program it listens (in a process of its own: a moved clock must not reach
it) until its standard input closes. Imported, it reads what has arrived.
"""

import asyncio
import email
import email.policy
import email.utils
import html
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
PIXEL = re.compile(r"/mail/track/(\d+)/")
# Files in the folder by which the listener is told what to do.
UNKNOWN = "unknown.txt"
HANG = "hang"
TAG = re.compile(r"<(style|script).*?</\1>|<[^>]+>", re.DOTALL)


@dataclass
class Mail:
    """What a patient sees of a mail."""

    path: Path
    address: str
    sender: str
    reply_to: str
    message_id: str
    subject: str
    text: str
    mail_id: int | None
    unsubscribe: str = ""
    links: str = ""  # all of the content: where its buttons lead

    def is_answered_to(self, addresses):
        """Does an answer to this mail go to one of these?"""
        return email.utils.parseaddr(self.reply_to)[1] in addresses


class Mailbox:
    """The folder in which the listener keeps the mails."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._read = self._last()

    def _last(self):
        return max((int(path.stem) for path in self.folder.glob("*.eml")), default=0)

    def new(self):
        """The mails that arrived since the last call, oldest first."""
        mails = []
        while (path := self.folder / f"{self._read + 1:06}.eml").exists():
            self._read += 1
            mails.append(parse(path))
        return mails

    def close_mailboxes(self, addresses):
        """From now on the mail server says that it does not know these."""
        path = self.folder / UNKNOWN
        path.write_text("\n".join(sorted(addresses)), encoding="utf-8")

    def hang_once(self):
        """Let the mail server break off after the text of the next mail."""
        (self.folder / HANG).touch()

    def count(self):
        """How many mails are kept."""
        return sum(1 for _path in self.folder.glob("*.eml"))


def parse(path):
    """Read a mail from its file."""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(("html", "plain"))
    content = body.get_content() if body else ""
    pixel = PIXEL.search(content)
    return Mail(
        path=path,
        address=email.utils.parseaddr(str(message["To"]))[1].lower(),
        sender=str(message["From"]),
        reply_to=str(message["Reply-To"] or message["From"]),
        message_id=str(message["Message-Id"]).strip(),
        subject=str(message["Subject"]),
        text=" ".join(html.unescape(TAG.sub(" ", content)).split()),
        mail_id=int(pixel[1]) if pixel else None,
        unsubscribe=str(message["List-Unsubscribe"] or "").strip("<> "),
        links=content,
    )


class AddressBook:
    """Which patient a mail speaks of."""

    def __init__(self, patients):
        by_key = {patient.key: patient for patient in patients}
        self._of = {}
        for patient in patients:
            guardian = by_key.get(patient.guardian)
            for address in {patient.email, guardian.email if guardian else ""} - {""}:
                self._of.setdefault(address.lower(), []).append(patient)

    def patients(self, mail):
        """:return: list of the patients a mail is about

        A family may share an address, and a parent gets the mails for a child: those
        the text calls by their first names are meant, or the first of the house.
        """
        candidates = self._of.get(mail.address, [])
        named = [
            patient
            for patient in candidates
            if re.search(rf"\b{re.escape(patient.first_name)}\b", mail.text)
        ]
        return named or candidates[:1]


class Listener:
    """The SMTP server as a child process."""

    def __init__(self, folder, python=sys.executable):
        self.process = subprocess.Popen(
            [str(python), __file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for whoever started us: they stop the listener last.
            start_new_session=True,
        )
        line = self.process.stdout.readline()
        if not line.strip():
            raise RuntimeError("the SMTP listener did not start")
        self.port = int(line)

    def stop(self):
        """End the listener; it notices that its input is closed."""
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.stop()


class Keeper:
    """Writes each mail into the folder before it is acknowledged."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        taken = [int(path.stem) for path in self.folder.glob("*.eml")]
        self.number = max(taken, default=0)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        """Does anybody live here? (the name is aiosmtpd's)"""
        unknown = self.folder / UNKNOWN
        if unknown.exists():
            addresses = unknown.read_text(encoding="utf-8").split("\n")
            if address.lower() in addresses:
                return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        """Keep a mail."""
        self.number += 1
        while (path := self.folder / f"{self.number:06}.eml").exists():
            self.number += 1
        part = path.with_suffix(".part")
        part.write_bytes(envelope.original_content)
        part.replace(path)
        hang = self.folder / HANG
        if hang.exists():
            hang.unlink()
            # It is kept, and nobody tells the sender.
            server.transport.abort()
        return "250 kept"


async def listen(folder):
    """Serve SMTP on a free port until standard input closes."""
    from aiosmtpd.smtp import SMTP

    loop = asyncio.get_running_loop()
    keeper = Keeper(folder)
    server = await loop.create_server(
        lambda: SMTP(keeper, hostname="localhost", enable_SMTPUTF8=True), HOST, 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(listen(sys.argv[1]))
