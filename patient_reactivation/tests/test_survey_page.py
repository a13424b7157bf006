"""The survey on the patient's phone, and what programs and other people can do
there.
"""

import csv
import io
import json
from datetime import timedelta
from urllib.parse import urlsplit

from lxml import html
from openpyxl import load_workbook

from odoo import http
from odoo.tests import HttpCase, tagged

from ..controllers.page import WRONG_LINKS
from ..models.survey_user_input import LONGEST_TEXT
from .test_payment_help import PaymentClinic
from .test_survey import SurveyClinic


class PageCase(HttpCase):
    """Mixin: what is on a page."""

    def path(self, link):
        parts = urlsplit(link)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def text(self, answer):
        main = html.fromstring(answer.content).find(".//main")
        return " ".join(main.text_content().split())

    def assertLoadsNothing(self, answer):
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("noindex", answer.headers["X-Robots-Tag"])
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        page = html.fromstring(answer.content)
        for node in page.xpath("//*[@src]"):
            self.assertTrue(node.get("src").startswith("data:"))


@tagged("post_install", "-at_install")
class TestSurveyPage(PageCase, SurveyClinic):
    def setUp(self):
        super().setUp()
        self.row_of_ada = self.asked(phone="+1 512 555 0143")
        self.page = self.path(self.link_of(self.row_of_ada))

    def call(self, path, **params):
        answer = self.url_open(
            path,
            data=json.dumps({"params": params}),
            headers={"Content-Type": "application/json"},
        )
        return answer.json()["result"]

    def test_page_says_little_and_loads_nothing(self):
        """G7, G8: a first name and the clinic."""
        answer = self.url_open(self.page)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("Ada, may we ask you something?", self.text(answer))
        self.assertIn(self.clinic.name, self.text(answer))
        for secret in ("Marlow", "ada.marlow@", "0143"):
            self.assertNotIn(secret, answer.text)
        self.assertLoadsNothing(answer)

    def test_scanner_creates_nothing(self):
        """G5, B: any number of GET and HEAD of the link create nothing; a person's
        press of the button does."""
        inputs = self.env["survey.user_input"].search_count([])
        for _turn in range(3):
            self.url_open(self.page)
            self.opener.head(self.base_url() + self.page)
        self.assertEqual(self.env["survey.user_input"].search_count([]), inputs)
        self.assertEqual(self.row_of_ada.state, "invited")
        started = self.url_open(self.page, data={"start": "1"}, allow_redirects=False)
        self.assertEqual(started.status_code, 303)
        self.assertEqual(self.env["survey.user_input"].search_count([]), inputs + 1)
        self.env.invalidate_all()
        self.assertEqual(self.row_of_ada.state, "started")

    def test_two_tabs_are_one_answer(self):
        first = self.url_open(self.page, data={"start": "1"}, allow_redirects=False)
        second = self.url_open(self.page, data={"start": "1"}, allow_redirects=False)
        self.assertEqual(first.headers["Location"], second.headers["Location"])
        self.assertEqual(
            self.env["survey.user_input"].search_count(
                [("reactivation_feedback_id", "=", self.row_of_ada.id)]
            ),
            1,
        )

    def test_from_the_link_to_the_thanks(self):
        """All of it over HTTP, as a phone does it; sent twice, it is one answer."""
        answer = self.url_open(self.page, data={"start": "1"})
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.env.invalidate_all()
        given = self.row_of_ada.user_input_id
        submit = f"/survey/submit/{self.survey.access_token}/{given.access_token}"
        pages = self.survey.page_ids.sorted("sequence")
        self.call(submit, page_id=pages[0].id, **{str(self.question("nps").id): "9"})
        choice = str(self.choice("no_time").id)
        last = {"page_id": pages[1].id, str(self.question("reason").id): choice}
        self.call(submit, **last)
        again = self.call(submit, **last)
        self.assertEqual(again[1]["error"], "unauthorized")
        self.env.invalidate_all()
        self.assertEqual(self.row_of_ada.state, "answered")
        self.work()
        self.assertEqual(self.row_of_ada.reason_id.code, "no_time")
        self.assertEqual(self.row_of_ada.nps, 9)
        thanks = self.url_open(self.page)
        self.assertIn("Thank you, Ada!", self.text(thanks))
        self.assertNotIn("<form", thanks.text)
        posted = self.url_open(self.page, data={"start": "1"})
        self.assertIn("Thank you, Ada!", self.text(posted))

    def test_no_second_answer_by_retry(self):
        """Odoo's link to take a survey again makes an answer at a mere visit."""
        self.url_open(self.page, data={"start": "1"})
        self.env.invalidate_all()
        given = self.row_of_ada.user_input_id
        before = self.env["survey.user_input"].search_count([])
        self.url_open(f"/survey/retry/{self.survey.access_token}/{given.access_token}")
        self.assertEqual(self.env["survey.user_input"].search_count([]), before)
        # Without a token of a patient nothing is made either.
        self.opener.cookies.clear()
        self.url_open(f"/survey/start/{self.survey.access_token}")
        self.assertEqual(self.env["survey.user_input"].search_count([]), before)

    def test_wrong_links(self):
        """G1: shortened, changed, of another kind: the same neutral page."""
        secret = self.page.rpartition("/")[2]
        coupon = self.coupons._grant(
            self.clinic, self.row_of_ada.partner_id, self.twenty, "other"
        )[self.row_of_ada.partner_id][0]
        other = coupon._make_links()[coupon.id].rpartition("/")[2]
        pages = set()
        for wrong in (secret[:-1], secret + "a", secret.upper(), other, "x", "1"):
            answer = self.url_open(f"/reactivation/survey/{wrong}")
            self.assertEqual(answer.status_code, 404, wrong)
            pages.add(self.text(answer))
        self.assertEqual(len(pages), 1)
        posted = self.url_open(
            f"/reactivation/survey/{secret[:-1]}", data={"start": "1"}
        )
        self.assertEqual(posted.status_code, 404)

    def test_guessing_is_slowed_down(self):
        """G3."""
        for number in range(WRONG_LINKS):
            self.url_open(f"/reactivation/survey/guess{number}")
        self.assertEqual(self.url_open(self.page).status_code, 429)

    def test_after_the_last_day(self):
        """G2: it says so, and how to reach the clinic."""
        self.clinic.phone = "+1 212 555 0100"
        self.row_of_ada.deadline -= timedelta(days=90)
        answer = self.url_open(self.page)
        self.assertIn("This survey is closed", self.text(answer))
        self.assertIn("+1 212 555 0100", self.text(answer))
        posted = self.url_open(self.page, data={"start": "1"})
        self.assertIn("This survey is closed", self.text(posted))
        self.assertFalse(self.row_of_ada.user_input_id)

    def test_expired_while_answering(self):
        self.url_open(self.page, data={"start": "1"})
        self.env.invalidate_all()
        given = self.row_of_ada.user_input_id
        given.deadline = self.row_of_ada.deadline = self.days_ago(1)
        answer = self.url_open(given.get_start_url())
        self.assertEqual(answer.status_code, 200)
        result = self.call(
            f"/survey/submit/{self.survey.access_token}/{given.access_token}",
            page_id=self.survey.page_ids[0].id,
        )
        self.assertEqual(result[1]["error"], "answer_deadline")

    def test_erased_patient(self):
        """J1: the link of who was erased opens nothing, and no error."""
        self.url_open(self.page, data={"start": "1"})
        self.env.invalidate_all()
        address = self.row_of_ada.user_input_id.get_start_url()
        self.env["reactivation.privacy"]._erase(self.row_of_ada.partner_id, "Asked")
        self.assertEqual(self.url_open(self.page).status_code, 404)
        answer = self.url_open(address)
        self.assertEqual(answer.status_code, 200)
        self.assertNotIn("recommend us", answer.text)

    def test_language_without_translation(self):
        """Who reads a language the questionnaire has not is asked in one it has."""
        self.env["res.lang"]._activate_lang("de_DE")
        self.row_of_ada.partner_id.lang = "de_DE"
        self.assertEqual(self.url_open(self.page).status_code, 200)
        answer = self.url_open(self.page, data={"start": "1"})
        self.assertEqual(answer.status_code, 200)
        self.assertIn("recommend us", answer.text)

    def test_french(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.row_of_ada.partner_id.lang = "fr_FR"
        self.survey.with_context(lang="fr_FR").title = "Vous nous manquez"
        answer = self.url_open(self.page)
        self.assertIn('lang="fr', answer.text)
        started = self.url_open(self.page, data={"start": "1"})
        self.assertIn("Vous nous manquez", started.text)

    def test_somebody_else_is_logged_in(self):
        """The link proves who answers, whoever is logged in on the computer; staff fill
        it in with the patient on the phone."""
        self.authenticate(self.desk.login, self.desk.login)
        answer = self.url_open(self.page, data={"start": "1"})
        self.assertIn("recommend us", answer.text)

    def test_filled_in_on_the_phone(self):
        campaign = self.survey_campaign(name="Calls", thanks=False)
        step = campaign.method_ids.step_ids
        step.write({"channel": "call", "script": "Hello"})
        ben = self.lapsed("Ben Call", phone="+1 212 555 0111", payer_class="cash")
        self.start(campaign)
        self.run_crons()
        task = self.enrollment(ben).delivery_ids
        self.assertTrue(task.asks_survey)
        action = self.as_user(self.desk, task).action_fill_in_survey()
        feedback = self.feedback_of(ben)
        self.assertEqual(feedback.helper_id, self.desk)
        self.authenticate(self.desk.login, self.desk.login)
        self.assertIn("recommend us", self.url_open(action["url"]).text)

    def test_link_of_one_with_the_numbers_of_another(self):
        """G4: what is sent along with a link names nobody else: only the patient of the
        link begins, and an answer is that of its own secret."""
        bea = self.asked("Bea Hill", self.survey_campaign(name="Other"))
        bea._start()
        given = bea.user_input_id
        self.url_open(
            self.page,
            data={
                "start": "1",
                "feedback_id": bea.id,
                "partner_id": bea.partner_id.id,
                "user_input_id": given.id,
                "answer_token": given.access_token,
                "token": given.access_token,
            },
        )
        self.env.invalidate_all()
        mine = self.row_of_ada.user_input_id
        self.assertNotEqual(mine, given)
        self.assertEqual(mine.partner_id, self.row_of_ada.partner_id)
        submit = f"/survey/submit/{self.survey.access_token}/{mine.access_token}"
        page = self.survey.page_ids.sorted("sequence")[0].id
        liked = str(self.question("liked").id)
        self.call(
            submit,
            page_id=page,
            answer_token=mine.access_token,
            user_input_id=given.id,
            reactivation_feedback_id=bea.id,
            **{liked: "Mine"},
        )
        self.env.invalidate_all()
        self.assertFalse(given.user_input_line_ids)
        self.assertEqual(self.texts_of(mine), ["Mine"])
        self.assertEqual(mine.reactivation_feedback_id, self.row_of_ada)
        other = self.survey.copy({"access_mode": "token"})
        wrong = f"/survey/submit/{other.access_token}/{mine.access_token}"
        self.assertIn("error", self.call(wrong, page_id=page)[1])

    def test_mail_was_forwarded(self):
        """G10: a friend who opens the link reads a first name and the clinic; what was
        answered stays unseen, and nothing can be answered or taken back a second time.
        """
        self.answer(
            self.row_of_ada, "cost", 3, disliked="Waiting for two hours", finish=True
        )
        self.opener.cookies.clear()
        given = self.row_of_ada.user_input_id
        for answer in (
            self.url_open(self.page),
            self.url_open(self.page, data={"start": "1"}),
            self.url_open(f"/survey/print/{self.survey.access_token}"),
            self.url_open(f"/survey/{self.survey.access_token}/x"),
        ):
            for secret in ("two hours", "Marlow", given.access_token, "ada.marlow"):
                self.assertNotIn(secret, answer.text)
        self.assertEqual(
            self.env["survey.user_input"].search_count(
                [("partner_id", "=", self.row_of_ada.partner_id.id)]
            ),
            1,
        )

    def test_promise_on_the_last_page_is_lawful(self):
        """O5: the page Odoo ends a survey with says that a coupon is on its way to who
        may have one at this moment."""
        feedback = self.asked(
            "Bea Hill", self.survey_campaign(self.twenty, name="Other")
        )
        self.answer(feedback, "cost", finish=False)
        feedback.user_input_id._mark_done()
        last = feedback.user_input_id.get_start_url()
        self.assertIn("coupon is being made", self.url_open(last).text)
        feedback.partner_id.payer_class = "federal"
        self.assertNotIn("coupon is being made", self.url_open(last).text)
        feedback.partner_id.payer_class = "cash"
        self.work()
        self.assertTrue(feedback.coupon_id)
        self.assertNotIn("coupon is being made", self.url_open(last).text)

    def test_texts_are_neutral_in_odoos_own_exports(self):
        """F3: the answers themselves, by Odoo's buttons for CSV and XLSX: what a
        patient wrote is no formula there either."""
        formulas = ("=cmd|' /C calc'!A0", "@SUM(A1)", "\t=1+1")
        first, *more = formulas
        self.answer(self.row_of_ada, liked=first, disliked=more[0], finish=False)
        given = self.row_of_ada.user_input_id
        given._save_lines(self.question("easier"), [], comment=more[1])
        given.write({"nickname": "=1+1"})
        self.manager.group_ids += self.env.ref("base.group_allow_export")
        self.authenticate(self.manager.login, self.manager.login)
        lines = given.user_input_line_ids.ids
        for model, field, ids in (
            ("survey.user_input.line", "value_text_box", lines),
            ("survey.user_input.line", "display_name", lines),
            ("survey.user_input", "nickname", given.ids),
        ):
            for cells in self.exported(model, field, ids):
                texts = [cell for cell in cells if cell]
                self.assertTrue(texts, field)
                for text in texts:
                    self.assertFalse(text.startswith(("=", "@", "\t")), text)

    def texts_of(self, answer):
        return [
            text for text in answer.user_input_line_ids.mapped("value_text_box") if text
        ]

    def exported(self, model, field, ids):
        """:return: the cells of a column in Odoo's CSV and in its XLSX"""
        data = {
            "model": model,
            "fields": [{"name": field, "label": field, "type": "char"}],
            "ids": ids,
            "domain": [],
            "import_compat": False,
            "context": {"allowed_company_ids": self.clinic.ids},
        }
        posted = {
            "data": json.dumps(data),
            "csrf_token": http.Request.csrf_token(self),
        }
        answers = [
            self.url_open(f"/web/export/{kind}", data=posted)
            for kind in ("csv", "xlsx")
        ]
        for answer in answers:
            self.assertEqual(answer.status_code, 200)
        rows = list(csv.reader(io.StringIO(answers[0].text)))
        sheet = load_workbook(io.BytesIO(answers[1].content)).active
        for cell in sheet["A"]:
            self.assertNotEqual(cell.data_type, "f")
        return [
            [row[0] for row in rows[1:] if row],
            [cell.value for cell in sheet["A"][1:]],
        ]

    def test_nothing_is_uploaded(self):
        """F5, F8: a file or a monster of a text is no answer and no server error; of a
        text what somebody can read is kept, without characters that hide what it says.
        """
        self.url_open(self.page, data={"start": "1"})
        self.env.invalidate_all()
        given = self.row_of_ada.user_input_id
        files = self.env["ir.attachment"].search_count([])
        submit = f"/survey/submit/{self.survey.access_token}/{given.access_token}"
        liked = str(self.question("liked").id)
        page = self.survey.page_ids.sorted("sequence")[0].id
        for text, kept in (
            ("<svg onload=alert(1)>", None),
            ("data:image/svg+xml;base64,PHN2Zz4=", None),
            ("x" * 300_000, "x" * LONGEST_TEXT),
            ("x" * 10_000_000, "x" * LONGEST_TEXT),
            ("a\u202eb\u0000c\u0007\u2066\nd", "abc\nd"),
            ("😀" * 5000, None),
        ):
            answer = self.url_open(
                submit,
                data=json.dumps({"params": {"page_id": page, liked: text}}),
                headers={"Content-Type": "application/json"},
            )
            self.assertLess(answer.status_code, 500)
            self.assertNotIn("error", answer.json(), text[:20])
            self.env.invalidate_all()
            self.assertEqual(self.texts_of(given), [kept or text])
        self.assertEqual(self.env["ir.attachment"].search_count([]), files)
        posted = self.url_open(self.page, files={"file": ("x.svg", b"<svg/>")})
        self.assertLess(posted.status_code, 500)
        self.assertEqual(self.env["ir.attachment"].search_count([]), files)


@tagged("post_install", "-at_install")
class TestPaymentPage(PageCase, PaymentClinic):
    def setUp(self):
        super().setUp()
        self.request = self.ask()
        self.page = self.path(self.request._form_link())

    def test_two_small_steps(self):
        """Household first, then its incomes; what is sent is what is needed."""
        answer = self.url_open(self.page)
        self.assertIn("People in the household", self.text(answer))
        self.assertLoadsNothing(answer)
        answer = self.url_open(f"{self.page}?people=4")
        self.assertIn("32,150", self.text(answer))
        fields = html.fromstring(answer.content).xpath("//form//@name")
        self.assertEqual(set(fields), {"people", "band"})
        self.assertEqual(self.request.state, "asked", "Looking changes nothing.")
        sent = self.url_open(
            self.page, data={"people": "4", "band": self.scale.bracket_ids[0].id}
        )
        self.assertIn("Thank you", self.text(sent))
        self.env.invalidate_all()
        self.assertEqual(self.request.state, "submitted")
        self.assertEqual(self.request.household_size, 4)

    def test_wrong_input_is_said(self):
        """A household of zero, income as text: the field and the remedy, nothing
        lost.
        """
        answer = self.url_open(f"{self.page}?people=0")
        self.assertIn("between 1 and 20", self.text(answer))
        answer = self.url_open(self.page, data={"people": "0", "band": "1"})
        self.assertIn("between 1 and 20", self.text(answer))
        answer = self.url_open(self.page, data={"people": "3", "band": "a lot"})
        text = self.text(answer)
        self.assertIn("choose one of the lines", text)
        self.assertIn("26,650", text, "The household is kept.")
        self.assertEqual(self.request.state, "asked")

    def test_only_with_the_secret(self):
        for wrong in ("x", "1", self.page.rpartition("/")[2][:-1]):
            answer = self.url_open(
                f"/reactivation/payment/{wrong}", data={"people": "2"}
            )
            self.assertEqual(answer.status_code, 404)
        self.assertEqual(self.request.state, "asked")

    def test_too_late(self):
        self.later(days=61)
        answer = self.url_open(f"{self.page}?people=2")
        self.assertIn("cannot be filled in any more", self.text(answer))
