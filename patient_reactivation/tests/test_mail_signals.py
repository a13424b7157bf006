import email
import email.policy
import json
from pathlib import Path

from odoo.tests import TransactionCase, tagged

from ..tools.mail_signals import (
    is_auto_reply,
    looks_like_machine,
    opt_out_words,
    parse_complaint,
    parse_dsn,
)

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

# Strings that have broken other programs, when they are at hand.
NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "strings" / "blns.json"

DSN = """\
Return-Path: <>
From: {sender}
To: bounce@example.com
Subject: {subject}
Message-ID: <report@mx.example.net>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="xxx"

--xxx
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{words}

--xxx
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--xxx
Content-Type: text/rfc822-headers

From: clinic@example.com
To: {recipient}
Message-ID: {message_id}
Subject: We miss you

--xxx--
"""

COMPLAINT = """\
From: feedback@provider.example
To: bounce@example.com
Subject: complaint
Message-ID: <complaint@provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="xxx"

--xxx
Content-Type: text/plain

This is an email abuse report.

--xxx
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <ada@example.com>

--xxx
Content-Type: message/rfc822

From: clinic@example.com
To: ada@example.com
Message-ID: {message_id}
Subject: We miss you

Hello

--xxx--
"""


def parse(text):
    return email.message_from_string(text, policy=email.policy.SMTP)


def report(**values):
    """A bounce as mail servers write it, in whatever language."""
    return DSN.format(
        **{
            "sender": "MAILER-DAEMON@mx.example.net",
            "subject": "Undelivered Mail Returned to Sender",
            "words": "I'm sorry to have to inform you …",
            "recipient": "ada@example.com",
            "action": "failed",
            "status": "5.1.1",
            "diagnostic": "smtp; 550 5.1.1 User unknown",
            "message_id": "<original@example.com>",
            **values,
        }
    )


def complaint(kind="abuse", message_id="<original@example.com>"):
    return COMPLAINT.format(kind=kind, message_id=message_id)


@tagged("post_install", "-at_install")
class TestMailSignals(TransactionCase):
    """What incoming e-mail and requests tell, and what they do not."""

    def check(self, function, yes, no):
        for expected, cases in ((True, yes), (False, no)):
            for case in cases:
                # A table: the case that is wrong is named.
                arguments = case if isinstance(case, tuple) else (case,)
                with self.subTest(case=case):
                    self.assertIs(function(*arguments), expected)

    def test_automatic_replies(self):
        """C13"""
        self.check(
            is_auto_reply,
            [
                ({"Auto-Submitted": "auto-replied"}, "Re: We miss you"),
                ({"auto-submitted": "Auto-Generated (vacation)"}, "Hello"),
                ({"Auto-Submitted": "auto-notified; owner-email=a@example.com"}, ""),
                ({"X-Autoreply": "yes"}, "Hello"),
                ({"X-Autorespond": "We miss you"}, "Hello"),
                ({"X-Auto-Response": "1"}, "Hello"),
                ({"Precedence": "auto_reply"}, "Hello"),
                ({"Precedence": "junk"}, "Hello"),
                ({"Return-Path": "<>"}, "Hello"),
                ({"X-POST-MessageClass": "9; Autoresponder"}, "Hello"),
                ({"Content-Type": "multipart/report; boundary=x"}, "Read: We miss"),
                ({}, "Automatic reply: We miss you"),
                ({}, "Out of Office AutoReply: We miss you"),
                ({}, "Out of office"),
                ({}, "Réponse automatique : Vous nous manquez"),
                ({}, "Absence du bureau : Vous nous manquez"),
                ({}, "Automatische Antwort: Wir vermissen Sie"),
                ({}, "Abwesenheitsnotiz: Wir vermissen Sie"),
                ({}, "AUTOMATISCHE ANTWORT: WIR"),
                ({}, "Respuesta automática: Le echamos de menos"),
                ({}, "Risposta automatica: Ci manca"),
                ({}, "Resposta automática: Sentimos a sua falta"),
                ({}, "Automatisch antwoord: Wij missen u"),
                ({}, "Odpowiedź automatyczna: Tęsknimy"),
                ({}, "Автоматический ответ: Мы скучаем"),
                ({}, "自動返信: お待ちしております"),
                ({}, "Otomatik yanıt: Sizi özledik"),
            ],
            [
                ({}, "Re: We miss you"),
                ({}, "Re: Automatic reply: We miss you"),
                ({}, "AW: Abwesenheitsnotiz"),
                ({}, "Automatic replyfoo"),
                ({}, "My teeth are out of office hours"),
                ({}, ""),
                ({}, None),
                ({"Auto-Submitted": "no"}, "Re: We miss you"),
                ({"Auto-Submitted": "No (typed by hand)"}, "Re: We miss you"),
                ({"Precedence": "list"}, "Re: We miss you"),
                ({"Return-Path": "<ada@example.com>"}, "Re: We miss you"),
                # As Outlook and Exchange write them for people.
                (
                    {
                        "Return-Path": "ada@example.com",
                        "Thread-Index": "AQHb",
                        "X-Auto-Response-Suppress": "DR, OOF, AutoReply",
                        "X-MS-Exchange-Inbox-Rules-Loop": "clinic@example.com",
                        "X-MS-Has-Attach": "",
                        "X-Mailer": "Microsoft Outlook 16.0",
                        "Content-Type": "multipart/alternative; boundary=x",
                    },
                    "RE: We miss you",
                ),
            ],
        )

    def test_headers_of_a_message(self):
        message = parse("Auto-Submitted: auto-replied\nSubject: Hi\n\nAway")
        self.assertTrue(is_auto_reply(message))
        message = parse("Subject: =?utf-8?q?R=C3=A9ponse_automatique_=3A_x?=\n\nAway")
        self.assertTrue(is_auto_reply(message))
        self.assertFalse(is_auto_reply(parse("Subject: Re: x\n\nHello")))

    def test_reports_of_delivery(self):
        """C2, C3, C13: hard, not yet, and not the address's fault."""
        cases = [
            ("failed", "5.1.1", "smtp; 550 5.1.1 User unknown", "hard"),
            ("failed", "5.1.10", "smtp; 550 5.1.10 RecipientNotFound", "hard"),
            ("failed", "5.1.2", "smtp; 550 5.1.2 Host unknown", "hard"),
            ("failed", "5.2.1", "smtp; 550 5.2.1 Mailbox disabled", "hard"),
            ("failed", "5.4.4", "dns; no such domain", "hard"),
            ("failed", "5.0.0", "smtp; 550 No such user here", "hard"),
            ("failed", "5.0.0", "smtp; 550-5.1.1 The account does not exist", "hard"),
            ("failed", "5.0.0", "smtp; 550 5.7.1 Message rejected", "policy"),
            ("failed", "5.0.0", "smtp; 554 Listed in a blocklist", "policy"),
            ("failed", "5.0.0", "smtp; 554 Transaction failed", "policy"),
            ("failed", "5.7.1", "smtp; 550 5.7.1 Not authorized", "policy"),
            ("failed", "5.7.26", "smtp; 550 5.7.26 DMARC", "policy"),
            ("failed", "5.2.2", "smtp; 552 5.2.2 Mailbox full", "policy"),
            ("failed", "5.1.8", "smtp; 501 5.1.8 Bad sender", "policy"),
            (
                "failed",
                "5.4.1",
                "smtp; 550 5.4.1 Recipient address rejected: Access denied",
                "hard",
            ),
            ("delayed", "4.4.1", "smtp; 451 No answer", "soft"),
            ("delayed", "5.1.1", "smtp; 550 5.1.1", "soft"),
            ("failed", "4.2.2", "smtp; 452 4.2.2 Over quota", "soft"),
            ("delivered", "2.0.0", "smtp; 250 OK", "soft"),
            ("failed", "", "smtp; 550 5.1.1 unknown", "hard"),
            ("failed", "", "", "soft"),
            ("", "nonsense", "nonsense", "soft"),
        ]
        for action, status, diagnostic, kind in cases:
            # A table, as above.
            with self.subTest(status=status, diagnostic=diagnostic):
                text = report(action=action, status=status, diagnostic=diagnostic)
                found = parse_dsn(parse(text))
                self.assertEqual(found.kind if found else "soft", kind)

    def test_report_in_another_language(self):
        """C13: its machine-readable part is the same everywhere."""
        for words in (
            "Votre message n'a pas pu être remis : adresse inconnue, code 4.0.0",
            "Ihre Nachricht konnte nicht zugestellt werden",
            "メールを配信できませんでした",
        ):
            # Languages.
            found = parse_dsn(parse(report(words=words, subject=words)))
            self.assertEqual(found.kind, "hard")
            self.assertEqual(found.recipient, "ada@example.com")
            self.assertEqual(found.status, "5.1.1")
            self.assertEqual(found.message_ids, ("<original@example.com>",))

    def test_several_recipients_the_weightiest_counts(self):
        text = report(action="delayed", status="4.0.0").replace(
            "--xxx\nContent-Type: text/rfc822-headers",
            "Final-Recipient: rfc822; Ada.Two@Example.com\nAction: failed\n"
            "Status: 5.1.1\n\n--xxx\nContent-Type: text/rfc822-headers",
        )
        found = parse_dsn(parse(text))
        self.assertEqual((found.kind, found.recipient), ("hard", "ada.two@example.com"))

    def test_bounce_without_a_machine_readable_part(self):
        """As qmail and Exim write them."""
        text = (
            "From: MAILER-DAEMON@old.example.net\nSubject: failure notice\n"
            "Content-Type: text/plain\n\nHi. This is the qmail-send program.\n\n"
            "<ada@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
            "--- Below this line is a copy of the message.\n\n"
            "Message-ID: <original@example.com>\n"
        )
        found = parse_dsn(parse(text))
        self.assertEqual(found.kind, "hard")
        self.assertEqual(found.message_ids, ("<original@example.com>",))

    def test_a_date_is_no_status(self):
        """C13: a note of absence to the address of bounces."""
        text = (
            "From: Ada <ada@example.com>\nSubject: Abwesenheitsnotiz\n"
            "Auto-Submitted: auto-replied\nContent-Type: text/plain\n\n"
            "Ich bin bis zum 5.1.26 nicht da.\n"
        )
        self.assertIsNone(parse_dsn(parse(text)))

    def test_receipt_is_no_bounce(self):
        text = report().replace("delivery-status;", "disposition-notification;")
        text = text.replace(
            "message/delivery-status", "message/disposition-notification"
        )
        text = text.replace("Action: failed\nStatus: 5.1.1\n", "")
        self.assertIsNone(parse_dsn(parse(text)))

    def test_complaints(self):
        found = parse_complaint(parse(complaint()))
        self.assertEqual(found.kind, "abuse")
        self.assertEqual(found.recipient, "ada@example.com")
        self.assertEqual(found.message_ids, ("<original@example.com>",))
        self.assertIsNone(parse_complaint(parse(complaint(kind="not-spam"))))
        self.assertIsNone(parse_complaint(parse(report())))
        self.assertIsNone(parse_complaint(parse("Subject: Hi\n\nabuse")))

    def test_words_that_end_it_all(self):
        """T4, T5"""
        self.check(
            opt_out_words,
            [
                "stop", "STOP", "Stop.", "  stop !! ", "“STOP”",
                "stop\N{NO-BREAK SPACE}",
                "ＳＴＯＰ", "quit", "End", "revoke", "opt out", "Opt-Out", "OPTOUT",
                "cancel", "Unsubscribe", "unsubscribe me", "STOPALL", "remove",
                "please stop", "Stop please.", "Stop, thank you",
                "ARRET", "Arrêt", "arre\N{COMBINING CIRCUMFLEX ACCENT}t", "désabonner",
                "Désinscription", "s'il vous plaît désabonnez-moi",
                "Stopp", "abmelden", "Bitte abbestellen!", "baja", "Cancelar por favor",
                "STOP\n\nSent from my phone",
                "\n\n> Hello\n> We miss you\n\nSTOP\n",
                "On Monday, the clinic wrote:\n> We miss you\n\nstop",
                "STOP\n\nOn Monday, the clinic wrote:\n> We miss you",
                "STOP\r\n-- \r\nAda",
            ],
            [
                "", None, "   ", "hello", "Don't stop", "please stop by on Monday",
                "I will stop by", "stop smoking?", "Can I cancel my appointment?",
                "no", "yes", "ende", "the end", "end of March suits me",
                "leave me alone", "wrong number",
                "Hello\nSTOP", "> STOP", "> STOP\n\nThank you for writing",
                "On Monday, the clinic wrote:\n> STOP",
                "STOP" * 100,
            ],
        )  # fmt: skip

    def test_naughty_strings_mean_nothing(self):
        """F2, F5: nothing raises, and none of them opts anybody out."""
        words = [
            "\0",
            "\N{RIGHT-TO-LEFT OVERRIDE}pots",
            "😀" * 9999,
            "<b>stop</b",
            "{{1}}",
        ]
        if NAUGHTY.exists():
            words += json.loads(NAUGHTY.read_text())
        for text in words:
            # Each by itself.
            self.assertFalse(opt_out_words(text))
            self.assertFalse(is_auto_reply({"X-Nothing": text}, text))
            self.assertIn(looks_like_machine(text, "GET", 90), (True, False))
            header = " ".join(text.split())
            raw = f"Subject: {header}\nContent-Type: {header}\n\n{text}".encode()
            message = email.message_from_bytes(raw, policy=email.policy.SMTP)
            self.assertIsNone(parse_dsn(message))
            self.assertIsNone(parse_complaint(message))

    def test_broken_reports_do_not_raise(self):
        """F5, F7"""
        whole = report()
        for length in range(0, len(whole), 37):
            # Cut off anywhere.
            parse_dsn(parse(whole[:length]))
            parse_complaint(parse(complaint()[:length]))
        nested = report(words="x" * 200_000)
        self.assertEqual(parse_dsn(parse(nested)).kind, "hard")
        encoded = whole.replace(
            "message/delivery-status",
            "message/delivery-status\nContent-Transfer-Encoding: nonsense",
        )
        parse_dsn(parse(encoded))

    def test_machines(self):
        """G5, G6, L5"""
        self.check(
            looks_like_machine,
            [
                (FIREFOX, "HEAD", 3600),
                (FIREFOX, "GET", 59),
                (FIREFOX, "GET", -5),
                ("", "GET", 3600),
                ("  ", "GET", 3600),
                ("Mozilla/5.0", "GET", 3600),
                ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://x)", "GET", 3600),
                ("Mozilla/5.0 (compatible; bingbot/2.0)", "GET", 3600),
                ("Mozilla/5.0 (compatible; Barracuda Sentinel)", "GET", 3600),
                ("ProofPoint URL Defense", "GET", 3600),
                ("Mimecast-URL-Protect/1.0", "GET", 3600),
                ("Microsoft SafeLinks", "GET", 3600),
                ("SkypeUriPreview Preview/0.5", "GET", 3600),
                ("Slackbot-LinkExpanding 1.0", "GET", 3600),
                ("WhatsApp/2.23", "GET", 3600),
                ("facebookexternalhit/1.1", "GET", 3600),
                ("python-requests/2.32", "GET", 3600),
                ("curl/8.5.0", "GET", 3600),
                ("Mozilla/5.0 … HeadlessChrome/126.0", "GET", 3600),
                (None, None, 10),
            ],
            [
                (FIREFOX, "GET", 61),
                (FIREFOX, "GET", None),
                (SAFARI, "GET", 3600),
                ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "GET", 3600),
                ("YahooMailProxy; https://help.yahoo.com", "GET", 3600),
                ("Mozilla/5.0 (Linux; Android 15; CUBOT) Chrome/126", "GET", 3600),
                (None, None, 3600),
                (None, None, None),
            ],
        )
