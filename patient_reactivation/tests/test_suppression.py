from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestSuppression(ClinicCase):
    """Addresses nobody may use, of which only a fingerprint is kept."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.suppressions = cls.env["reactivation.suppression"]

    def as_user(self, user, records=None):
        return super().as_user(user, self.suppressions if records is None else records)

    def refusal(self, kind, *addresses, company=False):
        self.env.flush_all()
        sql = self.suppressions._refusal_sql(
            kind, SQL("%s::varchar[]", list(addresses)), company
        )
        return self.env.execute_query(SQL("SELECT %s", sql))[0][0]

    def lift(self, entries, user=None, reason="The mailbox was repaired."):
        wizard = self.as_user(
            user or self.manager, self.env["reactivation.suppression.lift"]
        )
        wizard.create({"suppression_ids": entries.ids, "reason": reason}).action_lift()
        self.env.invalidate_all()

    # ------------------------------------------------------------------- entries

    def test_refusal_by_reason(self):
        """C3, J1"""
        for reason, code in (
            ("bounced", "bounced"),
            ("complaint", "opted_out"),
            ("erased", "erased"),
        ):
            self.assertIsNone(self.refusal("mail", f"{reason}@example.com"))
            self.suppressions._add("mail", [f"{reason}@example.com"], reason)
            self.assertEqual(self.refusal("mail", f"{reason}@example.com"), code)

    def test_any_address_of_a_patient_counts(self):
        """E1, E2: the second one too."""
        self.suppressions._add("mail", ["second@example.com"], "bounced")
        self.assertEqual(
            self.refusal("mail", "first@example.com", "second@example.com"), "bounced"
        )
        self.assertIsNone(self.refusal("mail"))

    def test_the_weightiest_reason_is_told(self):
        for reason in ("bounced", "complaint", "erased"):
            self.suppressions._add("mail", ["ada@example.com"], reason)
        self.assertEqual(self.refusal("mail", "ada@example.com"), "erased")

    def test_an_address_is_found_however_it_is_written(self):
        """J2: imported again, in other letters."""
        self.suppressions._add("mail", ["  Ada <ADA@Example.com> "], "erased")
        self.assertEqual(self.refusal("mail", "ada@example.com"), "erased")
        self.suppressions._add("phone", ["(212) 555-0142"], "erased", self.clinic)
        self.assertEqual(self.refusal("phone", "+12125550142"), "erased")
        self.assertIsNone(self.refusal("mail", "+12125550142"))

    def test_what_is_no_address_is_left_out(self):
        """E1, E3"""
        self.assertFalse(
            self.suppressions._add("mail", ["", "n/a", False, None], "bounced")
        )
        self.assertFalse(self.suppressions._add("phone", ["", False], "bounced"))
        self.assertFalse(self.suppressions._hash("mail", "n/a"))
        # A number that is none is kept as it was written, and crashes nothing.
        self.assertTrue(self.suppressions._add("phone", ["ext. 555"], "bounced"))

    def test_adding_again_is_one_row(self):
        """A5"""
        first = self.suppressions._add("mail", ["a@example.com"] * 3, "bounced")
        self.assertEqual(len(first), 1)
        self.assertFalse(self.suppressions._add("mail", ["A@example.com"], "bounced"))
        other = self.suppressions._add("mail", ["a@example.com"], "erased")
        self.assertEqual(len(other), 1)

    def test_the_address_cannot_be_read(self):
        """G12, J1"""
        entry = self.suppressions._add("mail", ["ada@example.com"], "erased")
        for value in entry.read()[0].values():
            self.assertNotIn("ada", str(value).lower())
        self.assertRegex(entry.address_hash, "^[0-9a-f]{64}$")

    def test_fingerprint_is_the_same_in_sql(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT %s, %s",
                self.suppressions._hash_sql("mail", SQL("%s", "zoë@example.com")),
                self.suppressions._hash_sql("mail", SQL("NULL::varchar")),
            )
        )
        expected = self.suppressions._hash("mail", "Zoë@example.com".replace("Z", "z"))
        self.assertEqual(rows, [(expected, None)])

    def test_the_salt_is_made_once_and_is_secret(self):
        """G12"""
        salt = self.suppressions._salt()
        self.assertGreaterEqual(len(salt), 32)
        self.assertEqual(self.suppressions._salt(), salt)
        parameters = self.env["ir.config_parameter"]
        parameters.search(
            [("key", "=", "patient_reactivation.suppression_salt")]
        ).unlink()
        other = self.suppressions._salt()
        self.assertNotEqual(other, salt)
        self.assertEqual(self.suppressions._salt(), other)
        self.assertFalse(
            self.as_user(self.manager, parameters).has_access("read"), "a secret"
        )

    def test_entry_of_a_company_is_its_own(self):
        self.suppressions._add("mail", ["a@example.com"], "bounced", self.clinic)
        self.suppressions._add("mail", ["b@example.com"], "bounced")
        for address, company, expected in (
            ("a@example.com", self.clinic, "bounced"),
            ("a@example.com", self.other_clinic, None),
            ("a@example.com", False, "bounced"),
            ("b@example.com", self.other_clinic, "bounced"),
        ):
            self.assertEqual(
                self.refusal("mail", address, company=company), expected, address
            )

    def test_entry_outlives_its_contact(self):
        """J2, J8"""
        ada = self.person("Ada")
        self.suppressions._add("mail", [ada.email], "erased")
        ada.unlink()
        again = self.person("Ada")
        self.assertEqual(self.refusal("mail", again.email_normalized), "erased")

    def test_number_of_queries_does_not_grow(self):
        """L1"""
        self.suppressions._add("mail", ["first@example.com"], "bounced")
        with self.assertQueryCount(1):
            self.suppressions._add(
                "mail", [f"p{number}@example.com" for number in range(100)], "bounced"
            )

    # ---------------------------------------------------------------------- lift

    def test_manager_lifts_with_a_reason(self):
        """I4"""
        entry = self.suppressions._add("mail", ["ada@example.com"], "bounced")
        self.lift(entry)
        self.assertIsNone(self.refusal("mail", "ada@example.com"))
        self.assertRecordValues(
            entry,
            [
                {
                    "lifted_by_id": self.manager.id,
                    "lift_reason": "The mailbox was repaired.",
                    "is_lifted": True,
                }
            ],
        )
        self.assertTrue(entry.lifted_on)
        # It bounces again: a new entry, and the old one stays as it was.
        again = self.suppressions._add("mail", ["ada@example.com"], "bounced")
        self.assertEqual(len(again), 1)
        self.assertEqual(self.refusal("mail", "ada@example.com"), "bounced")

    def test_lift_needs_a_reason_and_a_manager(self):
        """I4"""
        entry = self.suppressions._add("mail", ["ada@example.com"], "bounced")
        with self.assertRaises(UserError):
            self.lift(entry, reason="  ")
        with self.assertRaises(AccessError):
            self.lift(entry, user=self.desk)
        with self.assertRaises(AccessError):
            self.as_user(self.desk, entry).action_lift()
        action = self.as_user(self.manager, entry).action_lift()
        self.assertEqual(action["context"]["default_suppression_ids"], entry.ids)
        self.assertEqual(self.refusal("mail", "ada@example.com"), "bounced")

    def test_nobody_lifts_what_a_person_asked_for(self):
        """I4: not even a manager, not even by the wizard."""
        for reason in ("complaint", "erased"):
            entry = self.suppressions._add("mail", ["ada@example.com"], reason)
            with self.assertRaises(UserError):
                self.as_user(self.manager, entry).action_lift()
            with self.assertRaises(UserError):
                self.lift(entry)
            self.assertFalse(entry.lifted_on)

    def test_lifted_once(self):
        """I4: the first reason stays on record."""
        entry = self.suppressions._add("mail", ["ada@example.com"], "bounced")
        self.lift(entry)
        with self.assertRaises(UserError):
            self.lift(entry, reason="Another one")

    def test_never_changed_never_deleted(self):
        entry = self.suppressions._add("mail", ["ada@example.com"], "bounced")
        with self.assertRaises(UserError):
            entry.sudo().write({"reason": "complaint"})
        with self.assertRaises(UserError):
            entry.sudo().unlink()

    # --------------------------------------------------------------------- roles

    def test_roles(self):
        """I1, I4"""
        entry = self.suppressions._add("mail", ["ada@example.com"], "bounced")
        for user in (self.desk, self.manager):
            mine = self.as_user(user, entry)
            self.assertTrue(mine.read(["reason"]))
            for operation in ("write", "create", "unlink"):
                self.assertFalse(mine.has_access(operation), operation)
            with self.assertRaises(UserError):
                mine.write({"lifted_on": self.days_ago(0)})

    def test_other_companys_entries_are_not_there(self):
        """H5"""
        theirs, ours, everywhere = (
            self.suppressions._add("mail", ["ada@example.com"], "bounced", company)
            for company in (self.other_clinic, self.clinic, False)
        )
        found = self.as_user(self.manager).search([])
        self.assertIn(ours, found)
        self.assertIn(everywhere, found)
        self.assertNotIn(theirs, found)
        with self.assertRaises(AccessError):
            self.lift(theirs)

    def test_manager_finds_an_entry_by_the_whole_address(self):
        entry = self.suppressions._add("mail", ["ada@example.com"], "bounced")
        self.suppressions._add("mail", ["bob@example.com"], "bounced")
        search = self.as_user(self.manager).search
        self.assertEqual(search([("display_name", "=", "Ada@example.com")]), entry)
        self.assertFalse(search([("display_name", "=", "ada")]))
