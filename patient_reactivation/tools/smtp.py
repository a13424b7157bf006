"""What a mail server answered, and whether the message may have left.

An SMTP dialogue that breaks off is either certainly without effect or uncertain: the
line between the two is the moment the text of the message was handed over (RFC 5321,
4.1.1.4: the server takes responsibility with the answer to the end of the data).
"""

import contextlib
import re
import smtplib

from .mail_signals import classify_bounce

ADDRESS = re.compile(r"[^\s<>@,;:\"']+@[^\s<>@,;:\"']+")

# What becomes of a message that was not taken.
TEMPORARY = "temporary"  # try again later
HARD_BOUNCE = "hard"  # no such mailbox: never again
REFUSED = "refused"  # not this message; the address may be right
PROVIDER = "provider"  # the server takes nothing from us
UNCERTAIN = "uncertain"  # nobody knows
UNUSABLE = "unusable"  # there is no address to send it to


class DeliveryError(Exception):
    """A message was not taken, or nobody knows whether it was.

    :param str kind: one of the constants of this module
    :param str text: what the server said, without addresses of patients
    """

    def __init__(self, kind, text):
        self.kind = kind
        self.text = mask_addresses(text)
        super().__init__(self.text)


def mask_addresses(text):
    """Leave out e-mail addresses: neither logs nor lists may show them."""
    text = " ".join(str(text or "").split())
    return ADDRESS.sub("…@…", text)[:500]


def classify(code, text, at_data=False):
    """The kind of failure an answer of the server means.

    :param int code: three digits (RFC 5321, 4.2)
    :param str text: the words after it
    :param bool at_data: the answer was to the text of the message, not the address
    """
    if 400 <= code < 500:
        return TEMPORARY
    if code in (530, 534, 535, 538):
        return PROVIDER
    if at_data:
        return REFUSED
    kind = classify_bounce("failed", "", f"{code} {text}")
    return HARD_BOUNCE if kind == "hard" else REFUSED


class WatchedSession:
    """A session of smtplib that tells how far a message came.

    Everything else of the session is passed through.
    """

    def __init__(self, session):
        self._session = session

    def __getattr__(self, name):
        return getattr(self._session, name)

    def send_message(self, message, smtp_from, smtp_to_list):
        """Send one message.

        :raise DeliveryError: the message was not taken, or nobody knows
        """
        handed_over = []
        data = getattr(self._session, "data", None)

        def watched_data(text):
            handed_over.append(True)
            return data(text)

        self._session.data = watched_data
        try:
            self._session.send_message(message, smtp_from, smtp_to_list)
        except Exception as error:
            self._reset(error)
            raise explain(error, bool(handed_over)) from None
        finally:
            self._session.data = data

    def _reset(self, error):
        """End a dialogue the server refused: smtplib does not after a refused DATA,
        and the server would take the next message for a part of this one."""
        reset = getattr(self._session, "rset", None)
        if reset and isinstance(error, smtplib.SMTPResponseException):
            with contextlib.suppress(OSError, smtplib.SMTPException):
                reset()


def explain(error, handed_over):
    """What an error of smtplib means.

    :param bool handed_over: the text of the message had been handed over
    :return: a `DeliveryError`
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        text = _text(text)
        return DeliveryError(classify(code, text), f"{code} {text}")
    if isinstance(error, smtplib.SMTPSenderRefused):
        text = _text(error.smtp_error)
        kind = TEMPORARY if error.smtp_code < 500 else PROVIDER
        return DeliveryError(kind, f"{error.smtp_code} {text}")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        text = _text(error.smtp_error)
        kind = classify(error.smtp_code, text, at_data=True)
        return DeliveryError(kind, f"{error.smtp_code} {text}")
    if isinstance(error, OSError | smtplib.SMTPException):
        kind = UNCERTAIN if handed_over else TEMPORARY
        return DeliveryError(kind, f"{type(error).__name__}: {error}")
    # Not a word of it reached the server: a message that cannot be written.
    kind = UNCERTAIN if handed_over else REFUSED
    return DeliveryError(kind, f"{type(error).__name__}: {error}")


def _text(answer):
    if isinstance(answer, bytes):
        return answer.decode("utf-8", "replace")
    return str(answer)
