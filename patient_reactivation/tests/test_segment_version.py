"""Segments that change while a campaign runs: patients stay where they were."""

from odoo.fields import Command
from odoo.tests import tagged

from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestSegmentVersion(ClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.recall = cls.campaign()
        cls.everybody = cls.recall.segment_ids

    def test_before_anybody_is_enrolled_it_is_the_same(self):
        self.everybody.inactive_from = 7
        self.assertEqual(self.recall.segment_ids, self.everybody)
        self.assertEqual(self.everybody.version, 1)

    def test_change_makes_a_version(self):
        self.start(self.recall)
        self.recall.write(
            {"segment_ids": [Command.update(self.everybody.id, {"inactive_from": 9})]}
        )
        new = self.recall.segment_ids
        self.assertNotEqual(new, self.everybody)
        self.assertRecordValues(
            new, [{"version": 2, "inactive_from": 9, "replaces_id": self.everybody.id}]
        )
        self.assertEqual(self.everybody.inactive_from, 0)
        self.assertTrue(self.everybody.is_retired)
        self.assertEqual(self.enrollment(self.ada).segment_id, self.everybody)
        bob = self.lapsed("Bob", days=400)
        self.refresh()
        self.env["reactivation.enrollment"]._cron_enroll()
        self.assertEqual(self.enrollment(bob).segment_id, new)
        self.assertIn("Every lapsed patient", self.recall.message_ids[0].body)
        self.assertIn("9 months", self.recall.message_ids[0].body)
        self.assertIn("(version 1)", self.everybody.display_name)

    def test_tags_that_are_added_one_by_one(self):
        tags = self.env["res.partner.category"].create([{"name": "A"}, {"name": "B"}])
        self.everybody.tag_ids = tags[0]
        self.ada.category_id = tags[0]
        self.start(self.recall)
        self.everybody.write({"tag_ids": [Command.link(tags[1].id)]})
        self.assertEqual(self.recall.segment_ids.tag_ids, tags)
        self.assertEqual(self.everybody.tag_ids, tags[0])

    def test_name_and_order_are_no_change(self):
        self.start(self.recall)
        self.everybody.write({"name": "All", "sequence": 3})
        self.assertEqual(self.recall.segment_ids, self.everybody)

    def test_deleted_segment_keeps_its_patients(self):
        self.start(self.recall)
        self.recall.segment_ids = [Command.create({"name": "Others"})]
        self.everybody.unlink()
        self.assertTrue(self.everybody.exists())
        self.assertEqual(self.recall.segment_ids.name, "Others")
        self.assertEqual(self.enrollment(self.ada).segment_id, self.everybody)
        self.recall.segment_ids.unlink()
        self.assertFalse(self.recall.segment_ids)
        self.assertEqual(self.recall.all_segment_ids, self.everybody)

    def test_copy_has_the_segments_in_use(self):
        self.start(self.recall)
        self.everybody.inactive_from = 9
        copy = self.recall.copy()
        self.assertEqual(len(copy.all_segment_ids), 1)
        self.assertRecordValues(
            copy.segment_ids, [{"inactive_from": 9, "version": 1, "replaces_id": False}]
        )
