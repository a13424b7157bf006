import io
from datetime import date, datetime

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import file_open
from odoo.tools.misc import mute_logger

from .common import ClinicCase


class ImportCase(ClinicCase):
    """Files go in through Odoo's own import, as they do for a user."""

    def import_file(self, model, columns, content, user=None, **options):
        """Import a CSV file.

        :param list columns: the field each column is mapped to, False to ignore
        :param bytes content: the file
        :return: result of the import: ids, messages
        """
        env = self.env if user is None else self.env(user=user)
        context = options.pop("context", {})
        wizard = (
            env["base_import.import"]
            .with_context(**context)
            .create(
                {
                    "res_model": model,
                    "file": content,
                    "file_name": "file.csv",
                    "file_type": "text/csv",
                }
            )
        )
        options = {
            "has_headers": True,
            "quoting": '"',
            "separator": ",",
            "encoding": "",
            "date_format": "%Y-%m-%d",
            "datetime_format": "%Y-%m-%d %H:%M:%S",
            "float_thousand_separator": "",
            "float_decimal_separator": ".",
            **options,
        }
        return wizard.execute_import(columns, [name or "" for name in columns], options)

    def import_visits(self, content, **options):
        columns = ["reference", "patient_ref", "date", "state", "amount"]
        return self.import_file(
            "reactivation.external.visit", columns, content.encode(), **options
        )

    def assertImported(self, result):
        errors = [item for item in result["messages"] if item["type"] == "error"]
        self.assertEqual(errors, [])


HEADER = "reference,patient_ref,date,state,amount\n"


@tagged("post_install", "-at_install")
class TestExternalVisitImport(ImportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(
            context={**cls.env.context, "allowed_company_ids": cls.clinic.ids}
        )
        cls.ada = cls.person("Ada One", ref="P1", company_id=cls.clinic.id)
        cls.bob = cls.person("Bob Two", ref="P2")
        cls.Visit = cls.env["reactivation.external.visit"]

    def test_rows_find_their_patient_by_number(self):
        result = self.import_visits(
            HEADER
            + "V1,P1,2025-05-01 14:00:00,Took Place,80\n"
            + "V2,P2,2025-06-01 14:00:00,Missed,0\n"
        )
        self.assertImported(result)
        visits = self.Visit.browse(result["ids"])
        self.assertEqual(visits.partner_id, self.ada | self.bob)
        self.assertEqual(visits.mapped("state"), ["done", "missed"])
        self.assertEqual(visits[0].date, datetime(2025, 5, 1, 14, 0))

    def test_importing_again_updates_and_never_doubles(self):
        """E8"""
        rows = HEADER + "V1,P1,2025-05-01 14:00:00,Took Place,80\n"
        first = self.import_visits(rows)
        again = self.import_visits(rows.replace("80", "95"))
        self.assertImported(again)
        self.assertEqual(first["ids"], again["ids"])
        self.assertEqual(self.Visit.browse(first["ids"]).amount, 95)

    def test_unchanged_rows_are_not_written(self):
        rows = HEADER + "V1,P1,2025-05-01 14:00:00,Took Place,80\n"
        self.import_visits(rows)
        writes = []
        origin = type(self.Visit).write
        self.patch(
            type(self.Visit),
            "write",
            lambda records, vals: writes.append(vals) or origin(records, vals),
        )
        self.assertImported(self.import_visits(rows))
        self.assertEqual(writes, [])

    def test_bom_semicolons_and_crlf(self):
        """E8"""
        rows = (HEADER + "V1,P1,2025-05-01 14:00:00,Took Place,80\n").replace(",", ";")
        content = b"\xef\xbb\xbf" + rows.replace("\n", "\r\n").encode()
        columns = ["reference", "patient_ref", "date", "state", "amount"]
        result = self.import_file(
            "reactivation.external.visit", columns, content, separator=";"
        )
        self.assertImported(result)
        self.assertEqual(self.Visit.browse(result["ids"]).reference, "V1")

    def test_duplicate_rows_in_a_file_are_one_visit(self):
        """E8: the last one counts."""
        result = self.import_visits(
            HEADER
            + "V1,P1,2025-05-01 14:00:00,Took Place,80\n"
            + "V1,P1,2025-05-02 14:00:00,Took Place,90\n"
        )
        self.assertImported(result)
        self.assertEqual(len(result["ids"]), 2)
        visit = self.Visit.search([("reference", "=", "V1")])
        self.assertEqual((len(visit), visit.amount), (1, 90))

    def test_unknown_patient_is_reported_with_its_line(self):
        result = self.import_visits(
            HEADER
            + "V1,P1,2025-05-01 14:00:00,Took Place,80\n"
            + "V2,P9,2025-05-02 14:00:00,Took Place,80\n"
        )
        self.assertFalse(result["ids"])
        lines = [
            item["rows"]["from"]
            for item in result["messages"]
            if item["type"] == "error" and "P9" in item["message"]
        ]
        self.assertIn(1, lines)
        self.assertFalse(self.Visit.search([("reference", "=", "V1")]))

    def test_wrong_date_is_reported_with_its_line(self):
        result = self.import_visits(
            HEADER
            + "V1,P1,2025-05-01 14:00:00,Took Place,80\n"
            + "V2,P1,2025-13-45 14:00:00,Took Place,80\n"
        )
        self.assertTrue(
            [item for item in result["messages"] if item["type"] == "error"]
        )
        self.assertIn("2025-13-45", str(result["messages"]))

    def test_wrong_state_is_reported_with_its_line(self):
        result = self.import_visits(
            HEADER + "V1,P1,2025-05-01 14:00:00,Attended maybe,80\n"
        )
        self.assertIn("Attended maybe", str(result["messages"]))

    def test_two_contacts_with_one_number_are_reported(self):
        self.person("Ada Twin", ref="P1", company_id=self.clinic.id)
        result = self.import_visits(
            HEADER + "V1,P1,2025-05-01 14:00:00,Took Place,80\n"
        )
        self.assertIn("2 contacts", str(result["messages"]))

    def test_a_number_of_another_company_is_not_found(self):
        """H1"""
        self.person("Cleo Far", ref="P7", company_id=self.other_clinic.id)
        result = self.import_visits(
            HEADER + "V1,P7,2025-05-01 14:00:00,Took Place,80\n"
        )
        self.assertIn("P7", str(result["messages"]))
        self.assertFalse(result["ids"])

    def test_same_reference_in_two_companies(self):
        self.import_visits(HEADER + "V1,P2,2025-05-01 14:00:00,Took Place,80\n")
        self.visit(self.bob, 10, reference="V1", company_id=self.other_clinic.id)
        self.assertEqual(self.Visit.sudo().search_count([("reference", "=", "V1")]), 2)

    def test_visit_without_patient_is_refused(self):
        with self.assertRaises(UserError):
            self.Visit.create({"reference": "V1", "date": datetime(2025, 1, 1)})

    def test_naughty_reference_is_text(self):
        """F10"""
        result = self.import_visits(
            HEADER + '"x\'); DROP TABLE res_users;--",P1,2025-05-01 14:00:00,done,1\n'
        )
        self.assertImported(result)

    def test_template_can_be_imported_as_it_is(self):
        """The file offered for download goes in without a change."""
        template = self.Visit.get_import_templates()[0]["template"].lstrip("/")
        patients = self.env["res.partner"].get_import_templates()[-1]["template"]
        with file_open(patients.lstrip("/"), "rb") as file:
            content = file.read()
        columns = content.split(b"\n")[0].decode().split(",")
        self.assertImported(self.import_file("res.partner", columns, content))
        with file_open(template, "rb") as file:
            content = file.read()
        self.assertEqual(content.split(b"\n")[0].decode() + "\n", HEADER)
        self.assertImported(self.import_visits(content.decode()))
        ada = self.env["res.partner"].search([("ref", "=", "P-0001")])
        self.refresh()
        self.assertPatient(ada, visit_count=2)

    def test_template_goes_in_for_a_french_user_too(self):
        """Its values are the same in every language."""
        self.env = self.env(context={**self.env.context, "lang": "fr_FR"})
        self.Visit = self.Visit.with_env(self.env)
        self.test_template_can_be_imported_as_it_is()

    def test_xlsx_goes_in_too(self):
        import xlsxwriter

        stream = io.BytesIO()
        book = xlsxwriter.Workbook(stream)
        sheet = book.add_worksheet()
        for number, row in enumerate(
            [
                HEADER.strip().split(","),
                ["V1", "P1", "2025-05-01 14:00:00", "done", "8"],
            ]
        ):
            sheet.write_row(number, 0, row)
        book.close()
        wizard = self.env["base_import.import"].create(
            {
                "res_model": "reactivation.external.visit",
                "file": stream.getvalue(),
                "file_name": "visits.xlsx",
                "file_type": "application/vnd.openxmlformats-officedocument"
                ".spreadsheetml.sheet",
            }
        )
        columns = HEADER.strip().split(",")
        result = wizard.execute_import(
            columns,
            columns,
            {
                "has_headers": True,
                "datetime_format": "%Y-%m-%d %H:%M:%S",
                "date_format": "%Y-%m-%d",
                "float_decimal_separator": ".",
                "float_thousand_separator": ",",
            },
        )
        self.assertImported(result)

    def test_patients_are_found_again_by_their_number(self):
        rows = (
            b"ref,name,birth_date\nP1,Ada Renamed,1980-01-02\nP5,Eve New,1990-03-04\n"
        )
        context = {"default_patient_mark": "patient"}
        result = self.import_file(
            "res.partner", ["ref", "name", "birth_date"], rows, context=context
        )
        self.assertImported(result)
        self.assertEqual(result["ids"][0], self.ada.id)
        self.assertEqual(self.ada.name, "Ada Renamed")
        eve = self.env["res.partner"].browse(result["ids"][1])
        self.assertEqual(
            (eve.patient_mark, eve.birth_date), ("patient", date(1990, 3, 4))
        )
        self.assertPatient(eve, visit_count=0, status="active")

    def test_other_imports_of_contacts_stay_as_they_are(self):
        result = self.import_file("res.partner", ["ref", "name"], b"ref,name\nP1,Eve\n")
        self.assertImported(result)
        self.assertNotEqual(result["ids"][0], self.ada.id)

    @mute_logger("odoo.sql_db")
    def test_fifty_thousand_rows_need_few_queries(self):
        """E8: the number of queries grows with the batches, not with the rows."""

        def queries(count):
            rows = "".join(
                f"{count}-{number},P1,2025-05-01 14:00:00,done,1\n"
                for number in range(count)
            )
            before = self.env.cr.sql_log_count
            self.assertImported(self.import_visits(HEADER + rows))
            return self.env.cr.sql_log_count - before

        few = queries(20)
        self.assertLess(queries(400), few + 20)
