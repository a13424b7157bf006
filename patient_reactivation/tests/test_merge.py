from odoo.tests import tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestMerge(MailClinicCase):
    """Two contacts turn out to be one person, or one person is deleted."""

    def merge(self, source, target):
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (source | target).ids, target
        )
        self.env.invalidate_all()

    def test_visits_add_up(self):
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        self.refresh()
        self.merge(twin, ada)
        self.assertPatient(ada, visit_count=2, visit_pattern="repeat")

    def test_reason_of_the_merged_contact_is_kept(self):
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        self.refresh()
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        self.row(twin).reason_id = cost
        self.merge(twin, ada)
        self.assertPatient(ada, reason_id=cost)

    def test_patient_merged_into_a_stranger(self):
        ada, stranger = self.lapsed("Ada", days=300), self.person("Stranger")
        self.refresh()
        self.merge(ada, stranger)
        self.assertPatient(stranger, visit_count=1)

    def test_three_contacts_at_two_companies(self):
        people = [
            self.lapsed(f"Ada {number}", days=300 + number) for number in range(3)
        ]
        self.visit(people[1], 9, company_id=self.other_clinic.id)
        self.visit(people[2], 8, company_id=self.other_clinic.id)
        self.refresh()
        self.env["base.partner.merge.automatic.wizard"]._merge(
            [person.id for person in people], people[0]
        )
        self.env.invalidate_all()
        self.assertPatient(people[0], visit_count=3)
        self.assertPatient(people[0], self.other_clinic, visit_count=2)

    def test_one_enrollment_stays_running(self):
        """A11"""
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=250)
        campaign = self.campaign(start=True, steps=2)
        self.run_crons()
        self.assertEqual(campaign.enrolled_count, 2)
        self.merge(twin, ada)
        running = self.enrollment(ada).filtered(lambda item: item.state == "running")
        self.assertEqual(len(running), 1)
        self.assertEqual(len(self.enrollment(ada)), 2)

    def test_same_episode_counts_once(self):
        """A11: both rows were one patient in one campaign all along."""
        ada, twin = self.lapsed("Ada", days=300), self.lapsed("Ada A", days=300)
        campaign = self.campaign(start=True, steps=2)
        self.run_crons()
        self.merge(twin, ada)
        self.assertEqual(len(self.enrollment(ada)), 1)
        campaign.invalidate_recordset()
        self.assertEqual(campaign.enrolled_count, 1)
        self.assertEqual(len(campaign.enrollment_ids), 2)

    def test_deleted_contact_keeps_the_counts(self):
        """J8"""
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        self.run_crons()
        ada.unlink()
        campaign.invalidate_recordset()
        self.assertEqual(campaign.enrolled_count, 1)
        self.assertFalse(campaign.enrollment_ids.partner_id)
        self.run_crons()
