from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import SQL, file_open, mute_logger

from .common import ClinicCase

# Withdrawn (channel, purpose) -> what may still be sent, and what may not.
COVERING = [
    (("mail", "offer"), [("mail", "service"), ("mail", "care"), ("sms", "offer")]),
    (("mail", "service"), [("mail", "care"), ("sms", "offer")]),
    (("mail", "care"), [("sms", "care"), ("call", "offer")]),
    (("mail", "paid"), [("mail", "care"), ("mail", "service"), ("mail", "offer")]),
    (("sms", "all"), [("mail", "offer"), ("mail", "care"), ("call", "care")]),
    (("all", "offer"), [("mail", "service"), ("call", "care")]),
    (("all", "all"), []),
]
COVERED = [
    (("mail", "offer"), [("mail", "offer"), ("mail", "paid")]),
    (("mail", "service"), [("mail", "service"), ("mail", "offer"), ("mail", "paid")]),
    (
        ("mail", "care"),
        [("mail", "care"), ("mail", "service"), ("mail", "offer"), ("mail", "paid")],
    ),
    (("mail", "paid"), [("mail", "paid")]),
    (("sms", "all"), [("sms", "care"), ("sms", "service"), ("sms", "offer")]),
    (("all", "offer"), [("mail", "offer"), ("sms", "offer"), ("letter", "offer")]),
    (("all", "all"), [("mail", "care"), ("call", "offer"), ("social", "paid")]),
]

# Later grant (way, channel, purpose) -> whether it ends a STOP of offers by mail.
ENDING = [
    (("form", "mail", "offer"), True),
    (("page", "mail", "offer"), True),
    (("reply", "mail", "offer"), True),
    (("form", "all", "all"), True),
    (("staff", "mail", "offer"), False),
    (("import", "mail", "offer"), False),
    (("form", "mail", "care"), False),
    (("form", "sms", "offer"), False),
]


@tagged("post_install", "-at_install")
class TestConsent(ClinicCase):
    """What patients allowed and withdrew, and what follows from it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.consents = cls.env["reactivation.consent"]
        cls.ada = cls.person("Ada", phone="+1 212-555-0142")

    def as_user(self, user, records=None):
        return super().as_user(user, self.consents if records is None else records)

    def say(self, state, partner, channel, purpose, way, company=None, **words):
        method = self.consents._withdraw if state == "stop" else self.consents._grant
        return method(partner, company or self.clinic, channel, purpose, way, **words)

    def stop(self, partner, channel="mail", purpose="offer", way="page", **words):
        return self.say("stop", partner, channel, purpose, way, **words)

    def allow(self, partner, channel="mail", purpose="offer", way="form", **words):
        return self.say("allow", partner, channel, purpose, way, **words)

    def is_withdrawn(self, partner, channel, purpose, company=None):
        return self.consents._is_withdrawn(
            partner,
            company or self.clinic,
            channel,
            purpose,
            filter(None, [partner.email_normalized, partner.phone_sanitized]),
        )

    def is_granted(
        self, partner, channel="mail", purpose="offer", company=None, **rule
    ):
        self.env.flush_all()
        granted = self.consents._granted_sql(
            company or self.clinic, channel, purpose, **rule
        )
        return self.env.execute_query(
            SQL(
                "SELECT %s FROM res_partner recipient WHERE id = %s",
                granted,
                partner.id,
            )
        )[0][0]

    # --------------------------------------------------------------- withdrawals

    def test_withdrawal_covers_what_is_further_from_care(self):
        """A3, J7: the table of what is covered, and what is not."""
        for number, (said, asked) in enumerate(COVERED):
            partner = self.person(f"Covered {number}")
            self.stop(partner, *said)
            for channel, purpose in asked:
                self.assertTrue(
                    self.is_withdrawn(partner, channel, purpose),
                    f"{said} must cover {(channel, purpose)}",
                )
        for number, (said, asked) in enumerate(COVERING):
            partner = self.person(f"Free {number}")
            self.stop(partner, *said)
            for channel, purpose in asked:
                self.assertFalse(
                    self.is_withdrawn(partner, channel, purpose),
                    f"{said} must not cover {(channel, purpose)}",
                )

    def test_only_the_persons_own_later_word_ends_it(self):
        """J6: nobody may override a STOP, and an old consent is not revived."""
        for number, (grant, ends) in enumerate(ENDING):
            partner = self.person(f"Person {number}")
            way, channel, purpose = grant
            self.stop(partner)
            self.later(hours=1)
            self.allow(partner, channel, purpose, way)
            self.assertEqual(
                self.is_withdrawn(partner, "mail", "offer"), not ends, grant
            )

    def test_earlier_grant_does_not_end_it(self):
        """J6"""
        self.allow(self.ada)
        self.later(hours=1)
        self.stop(self.ada)
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))
        # Nor one that is put on record only now.
        self.consents.create(
            {
                "partner_id": self.ada.id,
                "company_id": self.clinic.id,
                "date": self.days_ago(9),
                "source": "form",
            }
        )
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))
        self.assertFalse(self.is_granted(self.ada))

    def test_stop_after_start_after_stop(self):
        """J6"""
        for word, expected in (
            (self.stop, True),
            (self.allow, False),
            (self.stop, True),
            (self.allow, False),
        ):
            # All in one second: the order they were noted in counts.
            word(self.ada)
            self.assertEqual(self.is_withdrawn(self.ada, "mail", "offer"), expected)

    def test_a_grant_that_ran_out_ends_nothing(self):
        self.stop(self.ada)
        self.later(days=1)
        self.allow(self.ada, valid_until=self.days_ago(-10).date())
        self.assertFalse(self.is_withdrawn(self.ada, "mail", "offer"))
        self.later(days=12)
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))

    def test_stop_of_one_covers_the_familys_address(self):
        """E4"""
        family = [
            self.person(f"Member {number}", email="Family@Example.com")
            for number in range(5)
        ]
        stranger = self.person("Stranger")
        self.stop(family[0], address="family@EXAMPLE.com")
        for member in family:
            self.assertTrue(self.is_withdrawn(member, "mail", "offer"))
        self.assertFalse(self.is_withdrawn(stranger, "mail", "offer"))
        # Another member's wish does not undo it; the own one does, for all.
        self.later(hours=1)
        self.allow(family[1], address="family@example.com")
        self.assertTrue(self.is_withdrawn(family[1], "mail", "offer"))
        self.allow(family[0], address="family@example.com")
        self.assertFalse(self.is_withdrawn(family[2], "mail", "offer"))

    def test_stop_covers_a_number_however_it_is_written(self):
        """E4, E3"""
        son = self.person("Son", phone="(212) 555-0142", country_id=self.us.id)
        self.stop(self.ada, "sms", "all", "reply", address="212 555 0142")
        self.assertTrue(self.is_withdrawn(son, "sms", "care"))
        self.assertFalse(self.is_withdrawn(son, "mail", "care"))

    @property
    def us(self):
        return self.env.ref("base.us")

    def test_a_new_address_does_not_undo_a_stop(self):
        self.stop(self.ada, address="ada@example.com")
        self.ada.email = "ada.new@example.com"
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))

    def test_grant_for_one_address_does_not_free_another(self):
        self.stop(self.ada, address="ada@example.com")
        self.later(hours=1)
        self.allow(self.ada, address="elsewhere@example.com")
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))

    def test_texts_and_calls_stop_at_every_company(self):
        """H4: a number belongs to the person, e-mails to the clinic that sends."""
        for channel, elsewhere in (
            ("sms", True),
            ("call", True),
            ("mail", False),
            ("letter", False),
        ):
            partner = self.person(f"Shared {channel}")
            self.stop(partner, channel, "all")
            self.assertTrue(self.is_withdrawn(partner, channel, "care"))
            self.assertEqual(
                self.is_withdrawn(partner, channel, "care", self.other_clinic),
                elsewhere,
                channel,
            )

    def test_start_at_one_company_frees_what_it_may(self):
        """H4: the company that was told to start again may; the other may not."""
        self.stop(self.ada, "sms", "all", "reply", company=self.other_clinic)
        self.later(hours=1)
        self.allow(self.ada, "sms", "all", "reply")
        self.assertFalse(self.is_withdrawn(self.ada, "sms", "care"))
        self.assertTrue(self.is_withdrawn(self.ada, "sms", "care", self.other_clinic))

    def test_withdrawn_by_text_leaves_e_mail(self):
        """J7"""
        self.stop(self.ada, "sms", "all", "reply", address=self.ada.phone)
        self.assertFalse(self.is_withdrawn(self.ada, "mail", "offer"))

    def test_revoked_authorization_stops_paid_messages_only(self):
        """J7"""
        self.allow(self.ada, purpose="paid")
        self.assertTrue(self.is_granted(self.ada, purpose="paid"))
        self.later(hours=1)
        self.stop(self.ada, purpose="paid", way="staff")
        self.assertFalse(self.is_granted(self.ada, purpose="paid"))
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "paid"))
        self.assertFalse(self.is_withdrawn(self.ada, "mail", "offer"))

    def test_withdrawal_without_a_date_counts_from_now(self):
        stopped = self.consents.create(
            {
                "partner_id": self.ada.id,
                "company_id": self.clinic.id,
                "state": "withdrawn",
            }
        )
        self.assertTrue(stopped.date)
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))

    def test_old_withdrawal_without_a_date_never_ends(self):
        stopped = self.stop(self.ada)
        self.env.cr.execute(
            "UPDATE reactivation_consent SET date = NULL WHERE id = %s", (stopped.id,)
        )
        self.later(hours=1)
        self.allow(self.ada)
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))

    # -------------------------------------------------------------------- grants

    def test_grant_needs_its_date_and_its_source(self):
        """E9"""
        values = {"partner_id": self.ada.id, "company_id": self.clinic.id}
        for missing in ({"date": self.days_ago(3)}, {"source": "form"}, {}):
            grant = self.consents.create({**values, **missing})
            self.assertFalse(grant.is_proven)
            self.assertFalse(self.is_granted(self.ada))

    def test_latest_word_decides(self):
        self.assertFalse(self.is_granted(self.ada))
        self.allow(self.ada, way="staff")
        self.assertTrue(self.is_granted(self.ada))
        self.assertFalse(self.is_granted(self.ada, "sms"))
        self.assertFalse(self.is_granted(self.ada, purpose="service"))
        self.assertFalse(self.is_granted(self.ada, company=self.other_clinic))
        self.later(hours=1)
        self.stop(self.ada, "all", "all")
        self.assertFalse(self.is_granted(self.ada))

    def test_grant_of_everything_counts_for_each(self):
        self.allow(self.ada, "all", "all")
        self.assertTrue(self.is_granted(self.ada, "sms", "service"))

    def test_grant_grows_old(self):
        self.allow(self.ada)
        self.later(days=100)
        self.assertTrue(self.is_granted(self.ada, months=6))
        self.assertFalse(self.is_granted(self.ada, months=3))

    def test_grant_runs_out(self):
        self.allow(self.ada, valid_until=self.days_ago(-10).date())
        self.assertTrue(self.is_granted(self.ada))
        self.later(days=10)
        self.assertTrue(self.is_granted(self.ada))
        self.later(days=1)
        self.assertFalse(self.is_granted(self.ada))

    def test_grant_is_for_the_number_it_was_given_for(self):
        """T1: a new number needs a new consent."""
        self.allow(self.ada, "sms", address="(212) 555-0142")
        self.assertTrue(self.is_granted(self.ada, "sms"))
        self.ada.phone = "+1 212-555-0199"
        self.assertFalse(self.is_granted(self.ada, "sms"))

    # -------------------------------------------------------------------- ledger

    def test_said_twice_with_one_key_is_one_row(self):
        """A5"""
        first = self.stop(self.ada, key="page:1")
        self.assertEqual(self.stop(self.ada, key="page:1"), first)
        self.assertNotEqual(self.stop(self.ada), self.stop(self.ada))

    def test_the_key_is_unique(self):
        """A5"""
        self.stop(self.ada, key="page:1")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.consents.create({"partner_id": self.ada.id, "key": "page:1"})

    def test_who_recorded_it(self):
        by_staff = self.as_user(self.desk)._withdraw(
            self.ada, self.clinic, "mail", "all", "staff"
        )
        self.assertEqual(by_staff.sudo().user_id, self.desk)
        self.assertFalse(self.stop(self.ada, way="page").user_id)
        mine = self.as_user(self.manager).create(
            {"partner_id": self.ada.id, "user_id": self.desk.id}
        )
        self.assertEqual(mine.user_id, self.manager)

    def test_nobody_said_it_tomorrow(self):
        """A grant from the future would outlast every STOP until then."""
        with self.assertRaises(ValidationError):
            self.consents.create(
                {"partner_id": self.ada.id, "date": self.days_ago(-1), "source": "form"}
            )

    def test_never_changed_never_deleted_but_for_an_erasure(self):
        row = self.allow(self.ada, text="Yes")
        for values in ({"state": "withdrawn"}, {"date": False}, {"text": "No"}):
            with self.assertRaises(UserError):
                row.sudo().write(values)
        with self.assertRaises(UserError):
            row.sudo().unlink()
        with self.assertRaises(UserError):
            self.as_user(self.manager, row).with_context(
                reactivation_erasure=True
            )._unlink_never()
        erasing = row.sudo().with_context(reactivation_erasure=True)
        erasing.write({"text": False, "address": False})
        erasing.unlink()
        self.assertFalse(row.exists())

    def test_deleted_contact_takes_its_words_along(self):
        """J8"""
        row = self.allow(self.ada)
        self.ada.unlink()
        self.assertFalse(row.exists())

    def test_merged_contact_keeps_every_no(self):
        """A11: the union of what both withdrew."""
        twin = self.person("Ada Twin")
        self.stop(twin, purpose="offer")
        self.allow(self.ada)
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.ada | twin).ids, self.ada
        )
        self.env.invalidate_all()
        kept = self.consents.search([("partner_id", "=", self.ada.id)])
        self.assertLessEqual({"granted", "withdrawn"}, set(kept.mapped("state")))
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "offer"))

    # --------------------------------------------------------------------- roles

    def test_front_desk_records_withdrawals_only(self):
        """I1, J4"""
        consents = self.as_user(self.desk)
        values = {"partner_id": self.ada.id, "company_id": self.clinic.id}
        consents.create({**values, "state": "withdrawn", "source": "staff"})
        with self.assertRaises(AccessError):
            consents.create({**values, "state": "granted", "source": "form"})

    def test_manager_records_both(self):
        consents = self.as_user(self.manager)
        values = {"partner_id": self.ada.id, "company_id": self.clinic.id}
        consents.create(
            [{**values, "state": "withdrawn"}, {**values, "source": "form"}]
        )

    def test_other_companys_words_are_not_there(self):
        """H5"""
        row = self.allow(self.ada, company=self.other_clinic)
        for user in (self.desk, self.manager):
            theirs = self.as_user(user, row)
            with self.assertRaises(AccessError):
                theirs.read(["state"])
            with self.assertRaises(AccessError):
                theirs.create(
                    {
                        "partner_id": self.ada.id,
                        "company_id": self.other_clinic.id,
                        "state": "withdrawn",
                    }
                )

    def test_portal_user_reaches_nothing(self):
        """I3"""
        portal = self._staff("port", self.clinic, self.clinic.ids, "base.group_portal")
        for name in (
            "reactivation.consent",
            "reactivation.suppression",
            "reactivation.suppression.lift",
            "reactivation.objection",
        ):
            for operation in ("read", "write", "create", "unlink"):
                self.assertFalse(
                    self.env[name].with_user(portal).has_access(operation), name
                )

    def test_only_managers_export(self):
        """I1, J3"""
        row = self.allow(self.ada)
        with self.assertRaises(UserError):
            self.as_user(self.desk, row).export_data(["state"])
        found = self.as_user(self.manager, row).export_data(["channel", "state"])
        self.assertEqual(found["datas"], [["E-mail", "Granted"]])

    # -------------------------------------------------------------------- import

    def import_file(self, content, user=None):
        columns = content.split("\n")[0].split(",")
        wizard = self.as_user(
            user or self.manager, self.env["base_import.import"]
        ).create(
            {
                "res_model": "reactivation.consent",
                "file": content.encode(),
                "file_name": "consents.csv",
                "file_type": "text/csv",
            }
        )
        return wizard.execute_import(
            columns,
            columns,
            {
                "has_headers": True,
                "separator": ",",
                "quoting": '"',
                "date_format": "%Y-%m-%d",
                "datetime_format": "%Y-%m-%d %H:%M:%S",
                "float_thousand_separator": "",
                "float_decimal_separator": ".",
            },
        )

    def test_consents_come_from_a_file(self):
        """E8, E9: of an earlier system; without date or source they do not count."""
        bob = self.person("Bob", ref="P-0002", phone="+1 212-555-0177")
        self.ada.ref = "P-0001"
        done = self.import_file(
            "patient_ref,channel,purpose,state,date,source,text,address\n"
            "P-0001,mail,offer,granted,2026-01-15 09:30:00,form,Yes,ADA@example.com\n"
            "P-0002,mail,offer,granted,,,,\n"
            "P-0002,sms,all,withdrawn,,import,,212-555-0177\n"
        )
        self.assertFalse(done["messages"], done["messages"])
        self.assertTrue(self.is_granted(self.ada))
        self.assertFalse(self.is_granted(bob))
        self.assertTrue(self.is_withdrawn(bob, "sms", "care"))
        rows = self.consents.search([("partner_id", "in", (self.ada | bob).ids)])
        self.assertEqual(
            set(rows.mapped("address")), {"ada@example.com", "+12125550177", False}
        )

    def test_front_desk_imports_no_grants(self):
        """I1"""
        self.ada.ref = "P-0001"
        done = self.import_file(
            "patient_ref,channel,purpose,state,date,source\n"
            "P-0001,mail,offer,granted,2026-01-15 09:30:00,form\n",
            self.desk,
        )
        self.assertTrue(done["messages"])
        self.assertFalse(self.is_granted(self.ada))

    def test_template_of_the_file_can_be_imported(self):
        self.person("Ada Sample", ref="P-0001")
        self.person("Luc Exemple", ref="P-0002")
        (template,) = self.consents.get_import_templates()
        with file_open(template["template"].lstrip("/")) as file:
            done = self.import_file(file.read())
        self.assertFalse(done["messages"], done["messages"])

    # --------------------------------------------------------------- objection

    def objection(self, user=None, partner=None, **values):
        return self.as_user(
            user or self.desk, self.env["reactivation.objection"]
        ).create(
            {
                "partner_id": (partner or self.ada).id,
                "note": "Leave me alone!",
                **values,
            }
        )

    def test_objection_by_phone_is_a_stop(self):
        """J4"""
        mother = self.person("Mother", email="ada@example.com")
        self.objection().action_record()
        for channel in ("mail", "sms", "call", "letter"):
            self.assertTrue(self.is_withdrawn(self.ada, channel, "care"), channel)
        self.assertTrue(self.is_withdrawn(mother, "mail", "care"))
        rows = self.consents.search([("partner_id", "=", self.ada.id)])
        self.assertEqual(set(rows.mapped("source")), {"staff"})
        self.assertEqual(rows.user_id, self.desk)
        self.assertEqual(set(rows.mapped("text")), {"By phone: Leave me alone!"})
        self.later(hours=1)
        self.allow(self.ada, "all", "all", "staff")
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "care"))

    def test_objection_for_oneself_only(self):
        """J4, E4"""
        mother = self.person("Mother", email="ada@example.com")
        self.objection(covers_address=False, channel="mail").action_record()
        self.assertTrue(self.is_withdrawn(self.ada, "mail", "care"))
        self.assertFalse(self.is_withdrawn(mother, "mail", "care"))

    def test_objection_to_offers_by_text(self):
        """J4"""
        self.objection(channel="sms", purpose="offer").action_record()
        self.assertTrue(self.is_withdrawn(self.ada, "sms", "offer"))
        self.assertFalse(self.is_withdrawn(self.ada, "sms", "care"))
        self.assertFalse(self.is_withdrawn(self.ada, "call", "offer"))
        (row,) = self.consents.search([("partner_id", "=", self.ada.id)])
        self.assertEqual(row.address, "+12125550142")

    def test_objection_is_not_for_another_company(self):
        """H5"""
        with self.assertRaises(AccessError):
            self.objection(company_id=self.other_clinic.id).action_record()

    def test_objection_needs_a_role(self):
        clerk = self._staff("clerk", self.clinic, self.clinic.ids)
        with self.assertRaises(AccessError):
            self.objection(clerk)

    def test_ledger_of_a_patient_opens_from_the_contact(self):
        row = self.allow(self.ada)
        self.stop(self.person("Bob"))
        action = self.as_user(self.desk, self.ada).action_open_reactivation_consents()
        self.assertEqual(self.consents.search(action["domain"]), row)
        action = self.as_user(self.desk, self.ada).action_record_objection()
        self.assertEqual(action["context"]["default_partner_id"], self.ada.id)
