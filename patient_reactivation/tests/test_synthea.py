"""Real input: a hospital's records, through the product's own import."""

import csv
import gzip
from datetime import datetime
from pathlib import Path

from odoo.tests import tagged

from .test_external_visit import ImportCase

DATA = Path(__file__).parents[3] / "shared" / "data" / "synthea"

# As of the end of a day: living patients, never visited, single and repeat
# visitors, and how many are away for more than so many days.
EXPECTED = {
    datetime(2019, 12, 31, 23, 59, 59): (850, 41, 116, 693, 476, 309, 216, 147),
    datetime(2021, 6, 30, 23, 59, 59): (823, 8, 104, 711, 253, 194, 148, 120),
    datetime(2022, 2, 5, 23, 59, 59): (820, 0, 103, 717, 487, 189, 143, 114),
}

PATIENT_COLUMNS = {
    "Id": "ref",
    "FIRST": "name",
    "LAST": "name",
    "BIRTHDATE": "birth_date",
    "DEATHDATE": "deceased_date",
    "ADDRESS": "street",
    "CITY": "city",
    "STATE": "state_id",
    "ZIP": "zip",
}

ENCOUNTER_COLUMNS = {
    "Id": "reference",
    "START": "date",
    "PATIENT": "patient_ref",
    "TOTAL_CLAIM_COST": "amount",
}


@tagged("post_install", "-at_install")
class TestSynthea(ImportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not DATA.is_dir():
            cls.skipTest(cls, "the Synthea records are not beside the project")
        cls.clinic.reactivation_tz = "UTC"
        cls.other_clinic.reactivation_tz = "UTC"
        cls.env = cls.env(
            context={**cls.env.context, "allowed_company_ids": cls.clinic.ids}
        )
        cls.patients_file = (DATA / "patients.csv").read_bytes()
        cls.encounters_file = gzip.decompress((DATA / "encounters.csv.gz").read_bytes())

    def columns(self, content, mapping):
        header = next(csv.reader(content.decode("utf-8-sig").splitlines()[:1]))
        return [mapping.get(name, False) for name in header]

    def import_patients(self):
        return self.import_file(
            "res.partner",
            self.columns(self.patients_file, PATIENT_COLUMNS),
            self.patients_file,
            context={"default_patient_mark": "patient"},
        )

    def import_encounters(self):
        return self.import_file(
            "reactivation.external.visit",
            self.columns(self.encounters_file, ENCOUNTER_COLUMNS),
            self.encounters_file,
            datetime_format="%Y-%m-%dT%H:%M:%SZ",
        )

    def count(self, *domain):
        return self.patients.search_count(
            [
                ("company_id", "=", self.clinic.id),
                "|",
                ("exclusion", "=", False),
                ("exclusion", "!=", "deceased"),
                *domain,
            ]
        )

    def test_the_whole_hospital_goes_in(self):
        """E8: BOM, CRLF, leading zeros, mojibake; L1: 27,891 rows."""
        patients = self.import_patients()
        self.assertImported(patients)
        self.assertEqual(len(patients["ids"]), 974)
        people = self.env["res.partner"].browse(patients["ids"])
        self.assertTrue(
            all(person.zip is False or len(person.zip) == 5 for person in people)
        )
        self.assertIn("02135", people.mapped("zip"))
        visits = self.import_encounters()
        self.assertImported(visits)
        self.assertEqual(len(visits["ids"]), 27_891)
        for moment, expected in EXPECTED.items():
            with self.at(moment), self.subTest(moment=moment):
                self.refresh()
                self.assertEqual(self.figures(), expected)
        again = self.import_encounters()
        self.assertImported(again)
        self.assertEqual(again["ids"], visits["ids"])
        self.assertEqual(self.import_patients()["ids"], patients["ids"])

    def figures(self):
        away = [
            self.count(("inactivity_days", ">", days)) for days in (180, 365, 730, 1095)
        ]
        return (
            self.count(),
            self.count(("visit_count", "=", 0)),
            self.count(("visit_pattern", "=", "single")),
            self.count(("visit_pattern", "=", "repeat")),
            *away,
        )
