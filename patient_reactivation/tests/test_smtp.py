"""What the answers of a mail server mean."""

import smtplib
from types import SimpleNamespace

from odoo.tests import BaseCase, tagged

from ..tools import smtp


@tagged("post_install", "-at_install")
class TestAnswersOfServers(BaseCase):
    def test_kinds_of_answers(self):
        """C2, C3: what is tried again, what is never tried again."""
        for code, text, at_data, kind in (
            (421, "4.3.2 Service shutting down", False, smtp.TEMPORARY),
            (450, "4.2.0 Greylisted, try again", False, smtp.TEMPORARY),
            (452, "4.2.2 Mailbox full", True, smtp.TEMPORARY),
            (550, "5.1.1 <a@b.org> user unknown", False, smtp.HARD_BOUNCE),
            (550, "No such user here", False, smtp.HARD_BOUNCE),
            (551, "User not local", False, smtp.HARD_BOUNCE),
            (550, "5.4.1 Recipient address rejected: Access denied", False, "hard"),
            (550, "5.7.1 Relaying denied", False, smtp.REFUSED),
            (554, "5.7.1 Blocked by our blocklist", False, smtp.REFUSED),
            (552, "5.2.2 Mailbox full", False, smtp.REFUSED),
            (550, "5.1.1 user unknown", True, smtp.REFUSED),
            (535, "5.7.8 Authentication failed", False, smtp.PROVIDER),
            (530, "5.7.0 Must issue STARTTLS", False, smtp.PROVIDER),
        ):
            with self.subTest(code=code, text=text):
                self.assertEqual(smtp.classify(code, text, at_data), kind)

    def send(self, error, at_data):
        """Let a session fail, before or while the text is handed over."""

        def data(_text):
            raise error

        session = SimpleNamespace(data=data)

        def send_message(*_arguments):
            if at_data:
                session.data("text")
            raise error

        session.send_message = send_message
        watched = smtp.WatchedSession(session)
        with self.assertRaises(smtp.DeliveryError) as caught:
            watched.send_message("message", "from", ["to"])
        self.assertIs(session.data, data)
        return caught.exception

    def test_line_between_certain_and_uncertain(self):
        """C4: what breaks off before the text is certainly without effect."""
        for error in (
            smtplib.SMTPServerDisconnected("Connection unexpectedly closed"),
            TimeoutError("timed out"),
            ConnectionResetError(104, "Connection reset by peer"),
        ):
            with self.subTest(error=error):
                self.assertEqual(self.send(error, False).kind, smtp.TEMPORARY)
                self.assertEqual(self.send(error, True).kind, smtp.UNCERTAIN)
        answer = smtplib.SMTPDataError(554, b"5.6.0 rejected")
        self.assertEqual(self.send(answer, True).kind, smtp.REFUSED)
        self.assertEqual(self.send(UnicodeError("?"), False).kind, smtp.REFUSED)

    def test_no_address_in_what_is_kept(self):
        """F12"""
        error = smtplib.SMTPRecipientsRefused(
            {"ada@example.com": (550, b"5.1.1 <ada@example.com>\r\nBcc: bob@b.org")}
        )
        text = str(self.send(error, False))
        self.assertEqual(text, "550 5.1.1 <…@…> Bcc: …@…")
