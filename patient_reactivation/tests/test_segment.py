"""Who is in which segment of a campaign, told while it is being designed."""

import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from ..models.reactivation_segment import CRITERIA
from .common import ClinicCase

COST = "patient_reactivation.reactivation_reason_cost"
TIER_12 = "patient_reactivation.reactivation_tier_12"


@tagged("post_install", "-at_install")
class TestSegment(ClinicCase):
    def segments(self, *criteria):
        """A draft campaign with segments of these criteria, in order."""
        return self.campaign(
            segment_ids=[
                Command.create(
                    {"name": f"Segment {place}", "sequence": place, **values}
                )
                for place, values in enumerate(criteria, 1)
            ]
        ).segment_ids

    def who(self, segment):
        """Names of the patients in a segment, as a click on its number opens them."""
        action = segment.with_env(self.env_of(self.manager)).action_open_patients()
        audience = self.env["reactivation.audience"].with_env(self.env_of(self.manager))
        rows = audience.with_context(**action["context"]).search(action["domain"])
        return sorted(rows.partner_id.mapped("name"))

    def counts(self, segments):
        """What the form shows: (in it, fit but are in one above), per segment."""
        found = self.env["reactivation.segment"].live_counts(
            self.clinic.id, [self.values(segment) for segment in segments]
        )
        return [(row["count"], row["fits"] - row["count"]) for row in found["rows"]]

    def values(self, segment, **changes):
        """What the browser sends of a segment."""
        values = segment.copy_data()[0]
        values["id"] = segment.id
        for name in list(values):
            if segment._fields[name].type == "many2many":
                values[name] = segment[name].ids
        return {**values, **changes}

    # ----------------------------------------------------------------- criteria

    def test_every_criterion_finds_its_patients(self):
        """One clinic of eight patients, each of whom one criterion finds."""
        tag = self.env["res.partner.category"].create({"name": "Braces"})
        cost = self.env.ref(COST)
        doctor = self.person("Dr. Roe")
        self.lapsed("Base")
        self.lapsed("Tier", days=400)
        self.lapsed("Twice", visits=2)
        self.lapsed("Tagged", category_id=[Command.link(tag.id)])
        self.lapsed("Cash", payer_class="cash")
        self.lapsed("Federal", payer_class="federal")
        reason = self.lapsed("Reason")
        treated = self.person("Treated")
        self.visit(treated, 250, practitioner_id=doctor.id)
        self.refresh()
        self.row(reason).reason_id = cost
        everybody = {
            *("Base", "Tier", "Twice", "Tagged", "Cash", "Federal"),
            *("Reason", "Treated"),
        }
        for criteria, expected in (
            ({}, everybody),
            ({"tier_ids": [Command.link(self.env.ref(TIER_12).id)]}, {"Tier"}),
            ({"inactive_from": 12}, {"Tier"}),
            ({"inactive_to": 12}, everybody - {"Tier"}),
            ({"inactive_from": 7, "inactive_to": 9}, everybody - {"Tier"}),
            ({"visit_pattern": "repeat"}, {"Twice"}),
            ({"reason_ids": [Command.link(cost.id)]}, {"Reason"}),
            ({"practitioner_ids": [Command.link(doctor.id)]}, {"Treated"}),
            ({"payer_cash": True}, {"Cash"}),
            ({"payer_cash": True, "payer_federal": True}, {"Cash", "Federal"}),
            ({"payer_unknown": True}, everybody - {"Cash", "Federal"}),
            ({"tag_ids": [Command.link(tag.id)]}, {"Tagged"}),
            ({"domain": "[('partner_id.name', 'ilike', 'base')]"}, {"Base"}),
            ({"domain": "[('payer_class', '=', 'cash')]"}, {"Cash"}),
            (
                {"domain": "['!', ('partner_id.payer_class', '=', 'cash')]"},
                everybody - {"Cash"},
            ),
            (
                {"domain": "[('partner_id.category_id.name', '=', 'Braces')]"},
                {"Tagged"},
            ),
            ({"domain": "[('inactivity_days', '>', 300)]"}, {"Tier"}),
            ({"domain": "[('last_visit_date', '<', '-1y')]"}, {"Tier"}),
        ):
            with self.subTest(criteria):
                segment = self.segments(criteria)
                self.assertEqual(set(self.who(segment)), expected)
                self.assertEqual(self.counts(segment), [(len(expected), 0)])

    def test_payer_that_was_never_entered_is_unknown(self):
        partner = self.lapsed()
        self.refresh()
        partner.payer_class = False
        self.assertEqual(
            self.who(self.segments({"payer_unknown": True})), [partner.name]
        )
        self.assertEqual(self.who(self.segments({"payer_federal": True})), [])

    def test_months_count_from_the_clinics_day(self):
        """The day on which six months are over at the clinic, not in UTC."""
        partner = self.person()
        self.visit(partner, self.days_ago(365))
        self.refresh()
        segment = self.segments({"inactive_from": 12})
        self.assertEqual(self.counts(segment), [(1, 0)])
        # A quarter past two in the night in UTC is the evening before in New York.
        with self.at(self.days_ago(0).replace(hour=2, minute=15)):
            self.assertEqual(self.counts(segment), [(0, 0)])

    # ------------------------------------------------------------ order, overlap

    def test_first_match_wins_and_the_overlap_names_who_took_them(self):
        for number in range(3):
            self.lapsed(f"Cash {number}", payer_class="cash")
        self.lapsed("Twice in cash", payer_class="cash", visits=2)
        self.lapsed("Twice", visits=2)
        self.refresh()
        cash, repeat, rest = segments = self.segments(
            {"payer_cash": True}, {"visit_pattern": "repeat"}, {}
        )
        self.assertEqual(self.counts(segments), [(4, 0), (1, 1), (0, 5)])
        found = self.env["reactivation.segment"].live_counts(
            self.clinic.id, [self.values(segment) for segment in segments]
        )
        self.assertEqual(
            found["rows"][2]["taken"],
            [{"name": "Segment 1", "count": 4}, {"name": "Segment 2", "count": 1}],
        )
        self.assertEqual((found["lapsed"], found["none"]), (5, 0))
        self.assertEqual(self.who(repeat), ["Twice"])
        action = repeat.with_env(self.env_of(self.manager)).action_open_patients(
            taken=True
        )
        taken = (
            self.env["reactivation.audience"]
            .with_env(self.env_of(self.manager))
            .with_context(**action["context"])
            .search(action["domain"])
        )
        self.assertEqual(taken.partner_id.name, "Twice in cash")
        self.assertEqual(taken.segment_id, cash)
        # Dragged to the top, before anything is saved.
        self.assertEqual(self.counts(rest | cash | repeat), [(5, 0), (0, 4), (0, 2)])

    def test_counts_follow_what_is_typed_before_it_is_saved(self):
        self.lapsed("Ada", days=400)
        self.lapsed("Bob")
        self.refresh()
        segment = self.segments({})
        rows = [
            self.values(segment, inactive_from=12),
            {"id": False, "name": "New", "visit_pattern": "single"},
        ]
        found = self.env["reactivation.segment"].live_counts(self.clinic.id, rows)
        self.assertEqual([row["count"] for row in found["rows"]], [1, 1])
        self.assertFalse(segment.inactive_from)

    def test_sixty_segments_are_counted_in_one_query(self):
        """60 segments: the number of queries is that of one segment."""
        for number in range(6):
            self.lapsed(f"Patient {number}", days=250 + 31 * number)
        self.refresh()
        many = self.segments(
            *({"inactive_from": number % 12 + 1} for number in range(59)), {}
        )
        one = self.segments({"inactive_from": 1})
        queries = []
        for segments in (one, many):
            self.env.flush_all()
            segments.mapped("inactive_from")
            before = self.cr.sql_log_count
            matches, faults, lapsed = segments._matches(self.clinic)
            queries.append(self.cr.sql_log_count - before)
            self.assertFalse(faults)
            self.assertEqual(lapsed, 6)
            self.assertEqual(sum(match.count for match in matches.values()), 6)
        self.assertEqual(queries[0], queries[1])
        campaign = many.campaign_id
        campaign.action_start()
        self.assertEqual(campaign.enrolled_count, 6)

    def test_more_segments_than_bits_in_a_number(self):
        """The seventieth segment is counted as well as the first."""
        self.lapsed("Last", payer_class="cash")
        self.refresh()
        segments = self.segments(
            *({"visit_pattern": "repeat"} for _number in range(69)),
            {"payer_cash": True},
        )
        self.assertEqual(self.counts(segments)[-1], (1, 0))

    # -------------------------------------------------------------- broken, code

    def broken(self, domain):
        """A segment whose condition was valid once."""
        segment = self.segments({"name": "Old"}, {"name": "Rest"})[0]
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE reactivation_segment SET domain = %s WHERE id = %s",
            (domain, segment.id),
        )
        segment.invalidate_recordset()
        return segment

    def test_field_that_disappeared_is_named_and_stops_only_its_campaign(self):
        """F10, a domain on a field that disappears: no traceback anywhere."""
        self.lapsed()
        self.refresh()
        segment = self.broken("[('partner_id.x_studio_plan', '=', 'gold')]")
        campaign = segment.campaign_id
        (problem,) = segment._problems()
        self.assertEqual((problem["level"], problem["id"]), ("error", segment.id))
        self.assertIn("“partner_id.x_studio_plan”", problem["text"])
        self.assertIn("remove this condition", problem["text"])
        found = self.env["reactivation.segment"].live_counts(
            self.clinic.id, [self.values(item) for item in campaign.segment_ids]
        )
        self.assertIn("x_studio_plan", found["rows"][0]["problem"])
        self.assertEqual(found["rows"][1]["count"], 1)
        preview = self.env["reactivation.audience.preview"].create(
            {"campaign_id": campaign.id}
        )
        self.assertIn("x_studio_plan", preview.result["segments"][0]["problem"])
        with self.assertRaisesRegex(UserError, "x_studio_plan"):
            campaign.action_start()

    def test_a_running_campaign_with_a_broken_segment_pauses_with_an_alert(self):
        """A domain on a field that disappears while the campaign runs."""
        segment = self.broken("[]")
        campaign = segment.campaign_id
        campaign.user_id = self.manager
        other = self.campaign(name="Other")
        (campaign | other).action_start()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE reactivation_segment SET domain = %s WHERE id = %s",
            ("[('x_gone', '=', 1)]", segment.id),
        )
        segment.invalidate_recordset()
        self.lapsed()
        self.run_crons()
        self.assertEqual(campaign.state, "paused")
        self.assertIn("x_gone", campaign.pause_reason)
        alert = campaign.activity_ids
        self.assertEqual(alert.user_id, self.manager)
        self.assertIn("x_gone", alert.note)
        self.assertFalse(campaign.enrollment_ids)
        self.assertEqual(other.enrolled_count, 1)
        self.env["reactivation.no.contact"].search([])

    def test_broken_values_are_explained(self):
        """F10: whatever was stored, it is a sentence and never a traceback."""
        for domain, word in (
            ("[('visit_count', '=', 'many')]", "visit_count"),
            ("[('last_visit_date', '<', 'some day')]", "last_visit_date"),
            ("[('partner_id.name', '=like', 'x\\\\')]", "partner_id.name"),
            ("[('partner_id.name', '=', 'a\\x00b')]", "partner_id.name"),
            ("[('partner_id.birth_date', '>', {})]", "partner_id.birth_date"),
            ("[('last_practitioner_id', 'any', [('gone', '=', 1)])]", "gone"),
            ("[('visit_count', 'resembles', 3)]", "not a filter"),
            ("['&', ('visit_count', '=', 3)]", "not a filter"),
            ("[('visit_count', '=', 3)", "not a filter"),
            ("5", "not a filter"),
            ("(" * 5000, "not a filter"),
            ("[('visit_count', '=', env.user.id)]", "not a filter"),
            ("__import__('os').system('true')", "not a filter"),
        ):
            with self.subTest(domain[:60]):
                segment = self.broken(domain)
                (problem,) = segment._problems()
                self.assertIn(word, problem["text"])
                with self.assertRaises(ValidationError), self.env.cr.savepoint():
                    segment.write({"domain": f"{domain} "})
                self.assertEqual(
                    self.env["reactivation.segment"].live_counts(
                        self.clinic.id, [self.values(segment)]
                    )["rows"][0]["count"],
                    0,
                )

    def test_sql_in_values_is_a_value(self):
        """F10: quotes, comments and placeholders find a name, and nothing more."""
        names = (
            "x'); DROP TABLE reactivation_segment; --",
            'x" OR 1=1 --',
            "%s %(id)s %%",
            "x'||(SELECT password FROM res_users LIMIT 1)||'",
            "\\'; SELECT pg_sleep(9); --",
        )
        for name in names:
            self.lapsed(name, email="x@example.com")
        self.lapsed("Bystander")
        self.refresh()
        for name in names:
            for field in ("partner_id.name", "partner_id"):
                with self.subTest(name, field=field):
                    segment = self.segments({"domain": repr([(field, "=", name)])})
                    self.assertEqual(self.who(segment), [name])

    def test_sql_in_the_name_of_a_field_is_refused(self):
        """F10"""
        for name in (
            'id"; DROP TABLE res_partner; --',
            "id) OR (1=1",
            "partner_id.id OR TRUE",
            "1",
        ):
            with self.subTest(name), self.assertRaises(ValidationError):
                with self.env.cr.savepoint():
                    self.segments({"domain": repr([(name, "=", 1)])})

    def test_what_the_author_may_not_read_is_no_condition(self):
        """I7: the number of matches would tell what the field holds."""
        segment = self.segments({})
        field = self.env["res.partner"]._fields["signup_type"]
        self.assertEqual(field.groups, "base.group_erp_manager")
        secret = "[('partner_id.signup_type', '=', 'reset')]"
        mine = segment.with_env(self.env_of(self.manager))
        with (
            self.assertRaisesRegex(ValidationError, "may not read"),
            self.env.cr.savepoint(),
        ):
            mine.domain = secret
        found = mine.live_counts(self.clinic.id, [self.values(segment, domain=secret)])
        self.assertIn("may not read", found["rows"][0]["problem"])
        self.assertEqual(found["rows"][0]["count"], 0)

    # ------------------------------------------------------------- roles, clinics

    def test_front_desk_sees_saved_numbers_and_no_names(self):
        """I1"""
        self.lapsed()
        self.refresh()
        segment = self.segments({}).with_env(self.env_of(self.desk))
        rows = [
            self.values(segment.sudo(), domain="[('partner_id.name', 'ilike', 'z')]"),
            {"id": False, "name": "Mine"},
        ]
        found = segment.live_counts(self.clinic.id, rows)
        self.assertEqual([row["count"] for row in found["rows"]], [1])
        self.assertFalse(found["may_open"])
        with self.assertRaises(AccessError):
            segment.action_open_patients()
        with self.assertRaises(AccessError):
            self.env["reactivation.audience"].with_env(
                self.env_of(self.desk)
            ).with_context(reactivation_campaign=segment.campaign_id.id).search([])

    def test_another_clinic_is_not_counted(self):
        """H5"""
        stranger = self.person("Stranger")
        self.visit(stranger, 300, company_id=self.other_clinic.id)
        self.lapsed("Ours")
        self.refresh()
        segment = self.segments({})
        self.assertEqual(self.who(segment), ["Ours"])
        with self.assertRaises(AccessError):
            segment.with_env(self.env_of(self.manager)).live_counts(
                self.other_clinic.id, []
            )
        theirs = self.campaign(company_id=self.other_clinic.id)
        audience = self.env["reactivation.audience"].with_env(self.env_of(self.manager))
        self.assertFalse(
            audience.with_context(reactivation_campaign=theirs.id).search([])
        )
        self.assertFalse(audience.search([]))

    def test_practitioners_to_choose_are_those_who_saw_patients(self):
        doctor, patient = self.person("Dr. Zacharias"), self.person("Zacharias")
        self.visit(patient, 250, practitioner_id=doctor.id)
        self.refresh()
        choice = self.env["res.partner"].search(
            [("reactivation_treated_ids", "!=", False), ("name", "ilike", "zachar")]
        )
        self.assertEqual(choice, doctor)

    def test_time_away_must_end_after_it_begins(self):
        with self.assertRaises(ValidationError):
            self.segments({"inactive_from": 12, "inactive_to": 6})
        with self.assertRaises(psycopg2.errors.CheckViolation), self.env.cr.savepoint():
            with self.assertLogs("odoo.sql_db", "ERROR"):
                self.segments({"inactive_from": -1}).flush_recordset()

    def test_a_copy_keeps_the_criteria(self):
        tag = self.env["res.partner.category"].create({"name": "Braces"})
        segment = self.segments(
            {"tag_ids": [Command.link(tag.id)], "payer_cash": True, "inactive_from": 9}
        )
        copy = segment.campaign_id.copy().segment_ids
        for name in CRITERIA:
            self.assertEqual(copy[name], segment[name], name)
        self.assertIn("Away 9 months or more", copy.summary)
        self.assertIn("Pays in Cash", copy.summary)
        self.assertIn("Braces", copy.summary)

    def test_a_new_criterion_needs_a_new_approval(self):
        campaign = self.segments({}).campaign_id
        campaign.action_approve()
        self.assertTrue(campaign.is_approved)
        campaign.segment_ids.payer_cash = True
        campaign.invalidate_recordset(["is_approved"])
        self.assertFalse(campaign.is_approved)
