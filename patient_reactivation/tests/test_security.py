from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import get_public_method
from odoo.tests import tagged

from .common import MailClinicCase, TwoClinics


@tagged("post_install", "-at_install")
class TestSecurity(TwoClinics, MailClinicCase):
    """Each role, the portal, the public, and the other company."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.our_models = sorted(
            name for name in cls.env if name.startswith("reactivation.")
        )

    # -------------------------------------------------------------------- roles

    def test_front_desk_reads_and_notes_the_reason(self):
        row = self.as_user(self.desk, self.row(self.ada))
        row.reason_id = self.env.ref("patient_reactivation.reactivation_reason_no_time")
        self.assertEqual(row.visit_count, 1)
        self.assertTrue(
            self.as_user(self.desk, self.recall).read(["name", "return_rate"])
        )
        self.assertTrue(
            self.as_user(self.desk, self.enrollment(self.ada)).read(["stage"])
        )

    def test_front_desk_does_not_touch_campaigns_consents_or_sources(self):
        """I1"""
        for name, values in (
            ("reactivation.campaign", {"name": "Mine"}),
            ("reactivation.consent", {"partner_id": self.ada.id}),
            ("reactivation.tier", {"name": "Mine", "months_from": 1}),
            ("reactivation.visit.source", {"name": "Mine"}),
            ("reactivation.segment", {"name": "Mine", "campaign_id": self.recall.id}),
        ):
            with self.assertRaises(AccessError, msg=name):
                self.env[name].with_user(self.desk).create(values)
        for record in (
            self.recall,
            self.recall.method_ids,
            self.enrollment(self.ada),
            self.source,
        ):
            with self.assertRaises(AccessError, msg=record._name):
                self.as_user(self.desk, record).write({"write_date": False})

    def test_front_desk_does_not_start_or_stop(self):
        """I1"""
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.recall).action_pause()
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.enrollment(self.ada)).action_stop()

    def test_front_desk_does_not_export(self):
        """I1: not even one who may export other lists."""
        self.desk.group_ids += self.env.ref("base.group_allow_export")
        for records in (self.row(self.ada), self.enrollment(self.ada)):
            with self.assertRaisesRegex(UserError, "manager"):
                self.as_user(self.desk, records).export_data(["partner_id/name"])
            self.assertTrue(
                self.as_user(self.manager, records).export_data(["partner_id/name"])
            )

    def test_manager_runs_a_campaign(self):
        self.recall.action_pause()
        self.as_user(self.manager, self.recall).action_start()
        self.assertEqual(self.recall.state, "running")
        preview = self.env["reactivation.audience.preview"].with_user(self.manager)
        preview = preview.with_context(allowed_company_ids=self.clinic.ids)
        self.assertTrue(preview.create({"campaign_id": self.recall.id}).line_ids)

    def test_manager_writes_a_campaign_from_nothing(self):
        manager = self.env(
            user=self.manager,
            context={**self.env.context, "allowed_company_ids": self.clinic.ids},
        )
        campaign = manager["reactivation.campaign"].create(
            {
                "name": "Mine",
                "segment_ids": [Command.create({"name": "All"})],
                "method_ids": [
                    Command.create(
                        {"name": "M", "step_ids": [Command.create({"name": "S"})]}
                    )
                ],
            }
        )
        action = campaign.method_ids.step_ids.action_open_mailing()
        self.assertEqual(action["res_model"], "mailing.mailing")
        campaign.action_start()
        self.assertEqual(campaign.company_id, self.clinic)

    # ---------------------------------------------------------------- companies

    def test_other_companys_records_are_not_there(self):
        """H5"""
        for name in (
            "reactivation.patient",
            "reactivation.visit",
            "reactivation.external.visit",
            "reactivation.campaign",
            "reactivation.segment",
            "reactivation.method",
            "reactivation.step",
            "reactivation.enrollment",
            "reactivation.report",
        ):
            model = self.env[name].with_user(self.manager)
            model = model.with_context(allowed_company_ids=self.clinic.ids)
            found = model.search([])
            self.assertTrue(found, name)
            self.assertEqual(found.company_id, self.clinic, name)

    def test_other_companys_url_is_refused(self):
        """H5"""
        for record in (
            self.other_recall,
            self.other_recall.method_ids,
            self.other_recall.enrollment_ids,
            self.row(self.theirs, self.other_clinic),
        ):
            with self.assertRaises(AccessError, msg=record._name):
                self.as_user(self.manager, record).read([])

    def test_other_companys_tier_is_not_there(self):
        tier = self.env["reactivation.tier"].create(
            {"name": "Theirs", "months_from": 1, "company_id": self.other_clinic.id}
        )
        with self.assertRaises(AccessError):
            self.as_user(self.manager, tier).read(["name"])

    def test_manager_cannot_start_the_other_companys_campaign(self):
        """H5"""
        with self.assertRaises(AccessError):
            self.as_user(self.manager, self.other_recall).action_pause()

    # --------------------------------------------------------- portal and public

    def outsiders(self):
        portal = self._staff("port", self.clinic, self.clinic.ids, "base.group_portal")
        return portal, self.env.ref("base.public_user")

    def test_outsiders_reach_no_model(self):
        """I3"""
        for user in self.outsiders():
            for name in self.our_models:
                model = self.env[name].with_user(user)
                if model._abstract:
                    continue
                for operation in ("read", "write", "create", "unlink"):
                    self.assertFalse(
                        model.sudo(False).has_access(operation), (name, operation)
                    )

    def test_outsiders_reach_no_method(self):
        """I3: every public method of every model, called as RPC would."""
        self.lapsed("Ben", email=False)
        self.refresh()
        records = {
            "reactivation.campaign": self.recall,
            "reactivation.segment": self.recall.segment_ids,
            "reactivation.method": self.recall.method_ids,
            "reactivation.step": self.recall.method_ids.step_ids,
            "reactivation.enrollment": self.enrollment(self.ada),
            "reactivation.patient": self.row(self.ada),
            "reactivation.coupon": self.coupon(),
            "reactivation.visit.source": self.source,
            "reactivation.visit": self.visits_of(self.ada),
            "reactivation.no.contact": self.env["reactivation.no.contact"].search(
                [("company_id", "=", self.clinic.id)], limit=1
            ),
        }
        checked = 0
        for user in self.outsiders():
            for name in self.our_models:
                model = records.get(name, self.env[name])
                for method in self.own_public_methods(name):
                    target = model.with_user(user).sudo(False)
                    with self.assertRaises(UserError, msg=(name, method)):
                        getattr(target, method)()
                        target.check_access("read")
                    checked += 1
        self.assertGreater(checked, 20)

    def coupon(self):
        """A coupon of a patient who pays in cash."""
        self.ada.payer_class = "cash"
        program = self.env.ref("patient_reactivation.loyalty_program_20")
        granted = self.env["reactivation.coupon"]._grant(
            self.clinic, self.ada, program, "security"
        )
        return granted[self.ada][0]

    def own_public_methods(self, name):
        """Names of the methods our classes add that RPC may call."""
        names = set()
        for cls in type(self.env[name]).mro():
            if cls.__module__.startswith("odoo.addons.patient_reactivation."):
                names |= {
                    key
                    for key, value in vars(cls).items()
                    if callable(value) and key.startswith("action_")
                }
        for method in names:
            get_public_method(self.env[name], method)
        return sorted(names)

    def test_internal_user_without_a_role_sees_nothing(self):
        clerk = self._staff("clerk", self.clinic, self.clinic.ids)
        for name in self.our_models:
            model = self.env[name].with_user(clerk)
            if not model._abstract:
                self.assertFalse(model.has_access("read"), name)

    def test_internal_user_without_a_role_opens_contacts(self):
        clerk = self._staff("clerk", self.clinic, self.clinic.ids)
        partner = self.as_user(clerk, self.ada)
        views = partner.get_views([(False, "form"), (False, "list"), (False, "search")])
        self.assertTrue(views)
        self.assertTrue(partner.read(["name", "email"]))
