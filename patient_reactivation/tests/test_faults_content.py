"""What a message may tell, whose it is, where its links lead, and what it makes the
server do."""

from contextlib import contextmanager
from threading import Thread
from unittest.mock import patch
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests
from markupsafe import Markup

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import BaseCase, HttpCase, tagged
from odoo.tools import mute_logger

from ..tools import minimum_information, own_content
from .common import MailClinicCase
from .test_runner import SmtpClinicCase

UNSUBSCRIBE = '<a href="/unsubscribe_from_list">Unsubscribe</a>'


@tagged("post_install", "-at_install")
class TestWhatMayBeTold(BaseCase):
    """H3: the linter, without a database."""

    def test_placeholders_that_tell(self):
        """H3"""
        for text in (
            "You were here on {{ object.episode_date }}",
            "{{object.practitioner_id.name}} misses you",
            "{{ object.partner_id.last_visit_date or '' }}",
            "Your balance: {{ object.partner_id.credit }}",
            '<t t-out="object.reason_id.name"/>',
            "<a t-att-href=\"'/x/' + object.tier_id.name\">x</a>",
            "{{ object.patient_id.last_practitioner_id.function }}",
            "{{ object.diagnosis_ids }}",
            "{{ object.segment_id.name }}",
            "{{ object.birth_date }} {{ object.partner_id.birth_date }}",
        ):
            self.assertTrue(minimum_information.forbidden(text), text)

    def test_placeholders_that_tell_nothing(self):
        """H3: name, clinic and how to reach it."""
        for text in (
            "Hello {{ object.patient_first_name }}",
            "{{ object.company_id.name }} {{ object.company_id.phone }}",
            '<t t-out="object.company_id.partner_id.contact_address_inline"/>',
            "The last visit was long ago: object.episode_date is only a word here",
            "",
            None,
        ):
            self.assertFalse(minimum_information.forbidden(text), text)

    def test_words_that_tell(self):
        """H3, English and French, with and without accents."""
        for text, word in (
            ("Time for your diabetes check", "diabetes"),
            ("Votre suivi de DIABÈTE", "DIABÈTE"),
            ("Consultation de gynécologie", "gynécologie"),
            ("Your root  canal is due", "root canal"),
            ("HIV test", "HIV"),
            ("/recall/oncology-2026", "oncology"),
            ("/rappel?motif=c%61ncer", "cancer"),
            ("Solde à régler", "Solde"),
            ("biopsy_result.pdf", "biopsy"),
        ):
            self.assertIn(word, minimum_information.telling(text), text)

    def test_words_that_tell_nothing(self):
        """H3: a warning that is always there is read by nobody."""
        for text in (
            "It is time for your next visit",
            "We would be glad to see you again.",
            "Il est temps de votre prochaine visite",
            "Your yearly check-up is overdue",
            "Papers, stickers and a solid standing",
            "Nous serions heureux de vous revoir",
            "",
        ):
            self.assertFalse(minimum_information.telling(text), text)

    # ------------------------------------------------------------------ fetches

    def test_foreign_content_is_taken_out(self):
        """F11: whatever makes a program fetch something."""
        own = "https://clinic.example"
        for body in (
            '<img src="http://169.254.169.254/latest/meta-data/"/>',
            '<img src="file:///etc/passwd"/>',
            '<img src="//evil.example/x.png"/>',
            '<img src="https://clinic.example.evil.example/web/image/1"/>',
            '<img src="https://clinic.example@evil.example/web/image/1"/>',
            '<img src="http://clinic.example/web/image/1"/>',
            '<img src="/web/image/../../r/abc"/>',
            '<img src="/r/abc"/>',
            '<img src="data:image/svg+xml;base64,PHN2Zz4="/>',
            '<img srcset="http://10.0.0.1/x 2x"/>',
            '<table background="http://10.0.0.1/x"><tr><td>x</td></tr></table>',
            '<p style="background-image: url(http://10.0.0.1/x)">x</p>',
            r'<p style="background: \75rl(http://10.0.0.1/x)">x</p>',
            '<style>@import "http://10.0.0.1/x";</style>',
            '<link rel="stylesheet" href="http://10.0.0.1/x"/>',
            '<iframe src="http://10.0.0.1/"></iframe>',
            '<object data="file:///etc/passwd"></object>',
            '<embed src="http://10.0.0.1/"/>',
            '<svg><image href="http://10.0.0.1/"/></svg>',
            '<meta http-equiv="refresh" content="0;url=http://10.0.0.1/"/>',
            '<base href="http://10.0.0.1/"/>',
            '<script src="http://10.0.0.1/x.js"></script>',
            '<!--[if mso]><v:image src="http://10.0.0.1/x"/><![endif]-->',
            '<video poster="http://10.0.0.1/x"></video>',
        ):
            self.assertTrue(own_content.foreign(body, own), body)
            left = own_content.without_foreign(f"<p>Dear Ada,</p>{body}", own)
            self.assertFalse(own_content.foreign(left, own), left)
            self.assertNotRegex(left, "10[.]0|169[.]254|file:|evil")
            self.assertIn("Dear Ada,", left)

    def test_own_content_stays(self):
        """F11: the clinic's logo, and text as it is."""
        own = "https://clinic.example"
        for body in (
            '<img src="/web/image/12?access_token=x">',
            '<img src="https://clinic.example/web/image/12">',
            '<img src="/web/static/img/logo.png">',
            '<img src="data:image/png;base64,iVBORw0KGgo=">',
            '<p style="color: red">1 &lt; 2 &amp; <b>more</b></p>',
            'Text &lt;b&gt; <a href="https://elsewhere.example/">a link</a>',
        ):
            self.assertEqual(own_content.without_foreign(body, own), body)


@tagged("post_install", "-at_install")
class TestWhatAnEmailTells(MailClinicCase):
    """H3 where the campaign is started."""

    def setUp(self):
        super().setUp()
        self.ada = self.lapsed("Ada")
        self.refresh()
        self.draft = self.campaign()
        self.mailing = self.draft.method_ids.step_ids.mailing_ids

    def told(self, level):
        return [
            item["text"] for item in self.draft._problems() if item["level"] == level
        ]

    def assertRefused(self, what):
        with self.assertRaisesRegex(UserError, what):
            self.draft.action_start()

    def test_ready_text_tells_nothing(self):
        """H3: the text a new e-mail begins with, in every language."""
        self.assertFalse(self.mailing._information_problems())
        self.draft.action_start()

    def test_placeholders_are_refused(self):
        """H3: subject, preview, link and text."""
        for field, value in (
            ("subject", "Since {{ object.episode_date }}"),
            ("preview", "{{ object.practitioner_id.name }} misses you"),
            ("body_html", f'<p><t t-out="object.reason_id.name"/>{UNSUBSCRIBE}</p>'),
            (
                "body_html",
                f'<a t-att-href="object.tier_id.name">Book</a>{UNSUBSCRIBE}',
            ),
        ):
            before = self.mailing[field]
            self.mailing[field] = value
            self.assertRefused("must not")
            self.mailing[field] = before

    def test_words_are_warned_of(self):
        """H3: subject, preview, sender, link, attachment; it starts all the same."""
        self.mailing.write(
            {
                "subject": "Your diabetes check",
                "preview": "From oncology",
                "email_from": '"Elm Street Psychiatry" <clinic@example.com>',
                "attachment_ids": [
                    Command.create({"name": "biopsy.pdf", "datas": b"eA=="})
                ],
                "body_html": '<a href="https://example.com/vasectomy?x=1">Book</a>'
                f"<p>Cancer is a word of the text.</p>{UNSUBSCRIBE}",
            }
        )
        warnings = " ".join(self.told("warning"))
        for word in ("diabetes", "oncology", "Psychiatry", "biopsy", "vasectomy"):
            self.assertIn(word, warnings)
        # What only the patient reads is the clinic's own affair.
        self.assertNotIn("Cancer", warnings)
        self.assertFalse(self.told("error"))
        self.draft.action_start()

    def test_the_e_mail_that_leaves(self):
        """H3: headers and links of the message as it leaves."""
        self.draft.name = "Diabetes recall"
        self.draft.method_ids.step_ids.name = "Oncology 1"
        self.draft.segment_ids.name = "Psychiatry"
        self.draft.action_start()
        self.run_crons()
        (mail,) = self.mails_to("ada@example.com")
        seen = f"{mail['subject']} {mail['email_from']} {mail['reply_to']} "
        seen += f"{mail['headers']} {mail['body']}"
        self.assertFalse(
            [
                word
                for word in minimum_information.telling(seen)
                if word.lower() in ("diabetes", "oncology", "psychiatry")
            ]
        )


@tagged("post_install", "-at_install")
class TestWhoseItIs(SmtpClinicCase):
    def test_two_companies_in_one_run(self):
        """H3: both leave, each with its own sender, its own answers and address."""
        self.other_clinic.write(
            {"street": "9 Lake Road", "city": "Buffalo", "email": "lake@example.org"}
        )
        self.lapsed("Ours")
        theirs = self.person("Theirs")
        self.visit(theirs, 250, company_id=self.other_clinic.id)
        self.campaign(start=True)
        self.campaign(start=True, name="Other", company_id=self.other_clinic.id)
        self.env["reactivation.delivery"].sudo()._cron_run()
        (ours,) = self.mails_to("ours@example.com")
        (other,) = self.mails_to("theirs@example.com")
        for mail, own, foreign in (
            (ours, "clinic@example.com", "lake@example.org"),
            (other, "lake@example.org", "clinic@example.com"),
        ):
            self.assertIn(own, mail["email_from"])
            self.assertNotIn(foreign, mail["email_from"] + str(mail["reply_to"]))
        self.assertIn("1 Main Street", ours["body"])
        self.assertIn("9 Lake Road", other["body"])

    def test_company_without_a_mail_server(self):
        """C14: nothing is lost, somebody is told, and it goes on once there is one."""
        ada = self.lapsed("Ada")
        recall = self.campaign(start=True)
        self.env["ir.mail_server"].search([]).active = False
        with self.no_server():
            self.run_crons()
        self.assertDeliveries(ada, ["pending"])
        self.assertTrue(recall.activity_ids)
        self.later(days=1)
        with self.server_answers() as taken:
            self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        self.assertEqual(taken, ["ada@example.com"])

    def test_language_of_the_e_mail_is_taken_away(self):
        """E10: a patient whose language nobody writes any more gets the clinic's."""
        lang = self.env["res.lang"]._activate_lang("fr_FR")
        ada = self.lapsed("Ada", lang="fr_FR")
        recall = self.campaign()
        recall.method_ids.step_ids._create_mailing("fr_FR")
        self.refresh()
        recall.action_start()
        ada.lang = False
        lang.active = False
        self.run_crons()
        self.assertDeliveries(ada, ["sent"])
        (mail,) = self.mails_to("ada@example.com")
        self.assertIn("next visit", str(mail["subject"]))
        # The form of the campaign and of the e-mail still open.
        for record in (recall, recall.method_ids.step_ids.mailing_ids):
            record.read()


class Trap:
    """A machine of the clinic's own network that nobody outside may reach."""

    def __init__(self):
        self.asked = []

    def __call__(self, environ, start_response):
        self.asked.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"<html><head><title>Secret of the network</title></head></html>"]

    @contextmanager
    def open(self):
        class Quiet(WSGIRequestHandler):
            def log_message(self, *_arguments):
                """Nothing."""

        with make_server("127.0.0.1", 0, self, handler_class=Quiet) as server:
            thread = Thread(target=server.serve_forever, daemon=True)
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


@tagged("post_install", "-at_install")
class TestNothingIsFetched(MailClinicCase):
    """F11: a template makes the server ask nobody, however it is used."""

    def setUp(self):
        super().setUp()
        self.trap = Trap()
        opened = self.trap.open()
        opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.fetched = []

        def request(_session, _method, url, **_options):
            self.fetched.append(url)
            raise requests.ConnectionError(url)

        fetching = patch.object(requests.Session, "request", request)
        fetching.start()
        self.addCleanup(fetching.stop)

    def body(self):
        """Every way Odoo knows to name an image or a page."""
        places = (
            self.trap.url,
            "http://169.254.169.254/latest",
            "http://localhost:5432",
            "file:///etc",
        )
        parts = []
        for place in places:
            parts.append(f'<img src="{place}/image.png"/>')
            parts.append(f'<a href="{place}/page">Book</a>')
            parts.append(f'<p style="background-image:url({place}/css.png)">x</p>')
            parts.append(
                f'<!--[if mso]><v:image src="{place}/vml.png" '
                'style="width:10px;height:10px"/><![endif]-->'
            )
        return f"<div>{''.join(parts)}{UNSUBSCRIBE}</div>"

    def test_saving_and_sending_an_e_mail(self):
        """F11: images, pictures of old Outlook, titles of links."""
        self.lapsed("Ada")
        recall = self.campaign()
        mailing = recall.method_ids.step_ids.mailing_ids
        mailing.write({"body_html": self.body(), "body_arch": self.body()})
        recall.method_ids.copy().unlink()
        self.refresh()
        recall.action_start()
        self.run_crons()
        self.assertEqual(len(self.mails_to("ada@example.com")), 1)
        self.assertEqual((self.fetched, self.trap.asked), ([], []))

    @mute_logger("odoo.addons.mass_mailing.models.mailing")
    def test_an_e_mail_that_is_no_step_is_as_in_odoo(self):
        """Only campaigns are told to fetch nothing."""
        self.env["mailing.mailing"].create(
            {
                "subject": "News",
                "mailing_model_id": self.env["ir.model"]._get_id("res.partner"),
                "body_html": f'<div><!--[if mso]><v:image src="{self.trap.url}/x" '
                'style="width:10px;height:10px"/><![endif]--></div>',
            }
        )
        self.assertEqual(set(self.fetched), {f"{self.trap.url}/x"})

    def test_printing_a_letter(self):
        """F11: the program that makes the PDF gets nothing to fetch."""
        ada = self.lapsed(
            "Ada",
            street="12 Rose Lane",
            city="Albany",
            zip="12207",
            country_id=self.env.ref("base.us").id,
        )
        recall = self.step_campaign(
            "letter",
            letter_body=Markup("<p>Dear {first_name},</p>") + Markup(self.body()),
        )
        step = recall.method_ids.step_ids
        # As somebody writes it who goes around the editor.
        self.env.cr.execute(
            "UPDATE reactivation_step SET letter_body = jsonb_build_object("
            "'en_US', %s::text) WHERE id = %s",
            [f"<p>Dear {{first_name}},</p>{self.body()}", step.id],
        )
        step.invalidate_recordset()
        self.refresh()
        recall.action_start()
        self.run_crons()
        delivery = self.enrollment(ada).delivery_ids
        self.assertEqual(delivery.state, "todo")
        report = self.env.ref(
            delivery.action_print_letters()["report_name"].replace(
                "patient_reactivation.", "patient_reactivation.action_report_"
            )
        )
        page = self.env["reactivation.channel.letter"]._page(delivery)["body"]
        self.assertIn("Dear Ada,", page)
        self.assertFalse(own_content.foreign(page, delivery.get_base_url()))
        pdf, kind = report.with_context(force_report_rendering=True)._render_qweb_pdf(
            report.report_name, delivery.ids
        )
        self.assertEqual(kind, "pdf")
        self.assertTrue(pdf.startswith(b"%PDF"))
        self.assertEqual((self.fetched, self.trap.asked), ([], []))


@tagged("post_install", "-at_install")
class TestWhereLinksLead(MailClinicCase, HttpCase):
    """F6: nobody is sent elsewhere by a link of the clinic."""

    EVIL = ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x")
    NAMES = ("next", "redirect", "url", "return", "goto", "to")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        recall = cls.campaign(start=True)
        cls.mailing = recall.method_ids.step_ids.mailing_ids
        cls.enrolled = recall.enrollment_ids

    def ask(self, path, data=None, **params):
        query = "&".join(
            f"{name}={requests.utils.quote(value, safe='')}"
            for name, value in params.items()
        )
        path += ("&" if "?" in path else "?") + query
        return self.url_open(path, data=data, allow_redirects=False)

    def assertStays(self, answer):
        self.assertNotIn("evil", answer.headers.get("Location", ""))
        self.assertNotIn("javascript", answer.headers.get("Location", ""))
        self.assertNotIn("evil.example", answer.text)

    def test_tracked_links(self):
        """F6: they lead where the campaign says, whatever is added to them."""
        tracker = self.env["link.tracker"].create(
            {"url": "https://www.example.com/book", "title": "Book"}
        )
        for evil in self.EVIL:
            for name in self.NAMES:
                for path in (f"/r/{tracker.code}", f"/r/{tracker.code}/m/1"):
                    answer = self.ask(path, **{name: evil})
                    self.assertStays(answer)
                    self.assertTrue(
                        answer.headers.get("Location", "").startswith(
                            "https://www.example.com/book"
                        )
                    )

    def test_pages_of_the_addon(self):
        """F6: the page to unsubscribe on, with a link that is right and one that is
        not, seen and pressed."""
        email = "ada@example.com"
        token = self.mailing._generate_mailing_recipient_token(self.enrolled.id, email)
        for key in (token, "wrong"):
            path = (
                f"/mailing/{self.mailing.id}/confirm_unsubscribe"
                f"?document_id={self.enrolled.id}&email={email}&hash_token={key}"
            )
            for evil in self.EVIL:
                params = dict.fromkeys(self.NAMES, evil)
                for data in (None, {**params, "choice": "none"}):
                    answer = self.ask(path, data=data, **params)
                    self.assertStays(answer)
                    self.assertIn(answer.status_code, (200, 401))

    def test_export_of_a_patient(self):
        """F6: who is not allowed is not sent elsewhere either."""
        for evil in self.EVIL:
            params = dict.fromkeys(self.NAMES, evil)
            answer = self.ask(f"/reactivation/export/{self.ada.id}", **params)
            # Odoo's own login keeps the whole address it returns to: its host is ours.
            where = answer.headers.get("Location", "")
            self.assertRegex(where, r"^(http://127\.0\.0\.1:\d+)?/web/login|^$")
