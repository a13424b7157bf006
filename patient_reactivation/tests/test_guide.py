from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestGuide(ClinicCase):
    """The first steps say what is true, per clinic, and to managers only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.phone = "+1 212-555-0100"
        cls.guide = (
            cls.env["reactivation.guide"]
            .with_user(cls.manager)
            .with_context(allowed_company_ids=cls.clinic.ids)
        )

    def steps(self, guide=None):
        self.env.invalidate_all()
        steps = (guide or self.guide).get_steps()["steps"]
        return {step["key"]: step for step in steps}

    def states(self):
        return [step["state"] for step in self.steps().values()]

    def menu_ids(self, user):
        return self.env["ir.ui.menu"].with_user(user).load_menus(False)

    # -------------------------------------------------------------------- steps

    def test_from_the_empty_app_to_a_running_campaign(self):
        later = "later"
        self.clinic.street = False
        self.assertEqual(self.states(), ["next", *[later] * 5])
        self.lapsed("Ada")
        self.refresh()
        self.assertEqual(self.states(), ["done", "next", *[later] * 4])
        self.clinic.street = "1 Main Street"
        self.assertEqual(self.states(), ["done", "done", "next", *[later] * 3])
        campaign = self.campaign()
        # There is somebody to reach: the audience needs no tick of its own.
        self.assertEqual(self.states(), [*["done"] * 4, "next", "later"])
        campaign.rehearsed_on = self.days_ago(0)
        self.assertEqual(self.states(), [*["done"] * 5, "next"])
        campaign.action_start()
        self.assertEqual(self.states(), ["done"] * 6)

    def test_numbers_are_those_of_the_clinic(self):
        self.lapsed("Ada")
        self.lapsed("Bob", days=20)
        stranger = self.person("Stranger")
        self.visit(stranger, 250, company_id=self.other_clinic.id)
        self.refresh()
        text = self.steps()["visits"]["text"]
        self.assertIn("found: 2", text)
        self.assertIn("away: 1", text)

    def test_what_is_missing_is_named(self):
        self.clinic.write({"zip": False, "email": "clinic", "phone": False})
        step = self.steps()["clinic"]
        self.assertFalse(step["done"])
        self.assertIn("Zip", step["text"])
        self.assertIn("Email", step["text"])
        self.assertIn("Phone", step["text"])

    def test_an_audience_of_nobody_is_not_done(self):
        self.campaign()
        step = self.steps()["audience"]
        self.assertFalse(step["done"])
        self.assertIn("0", step["text"])

    def test_faults_are_counted_before_the_start(self):
        campaign = self.campaign()
        campaign.method_ids.step_ids.mailing_ids.unlink()
        self.assertIn("1", self.steps()["start"]["text"])
        self.assertEqual(
            self.guide.action_campaign()["res_id"], campaign.id, "leads to the list"
        )

    def test_visits_are_looked_for_at_once(self):
        self.lapsed("Ada")
        self.assertFalse(self.steps()["visits"]["done"])
        self.guide.action_refresh()
        self.assertTrue(self.steps()["visits"]["done"])

    def test_the_campaign_of_another_clinic_is_not_ours(self):
        self.campaign(company_id=self.other_clinic.id)
        self.assertFalse(self.steps()["template"]["done"])

    def test_every_button_leads_somewhere(self):
        self.lapsed("Ada")
        self.refresh()
        self.campaign()
        for step in self.steps().values():
            for button in step["buttons"]:
                action = getattr(self.guide, button["method"])()
                self.assertTrue(action, button)

    # ----------------------------------------------------------------- the menu

    def test_the_menu_goes_when_a_campaign_has_started(self):
        menu = self.env.ref("patient_reactivation.reactivation_guide_menu").id
        parent = self.env.ref("patient_reactivation.reactivation_menu").id
        menus = self.menu_ids(self.manager)
        self.assertEqual(menus[parent]["children"][0], menu, "it comes first")
        self.lapsed("Ada")
        self.campaign(start=True)
        menus = self.menu_ids(self.manager)
        self.assertNotIn(menu, menus)
        self.assertNotIn(menu, menus[parent]["children"])

    def test_the_menu_goes_when_it_was_put_away(self):
        menu = self.env.ref("patient_reactivation.reactivation_guide_menu").id
        self.guide.action_hide()
        self.assertNotIn(menu, self.menu_ids(self.manager))
        other = new_test_user(
            self.env,
            login="other_manager_guide",
            groups="patient_reactivation.group_reactivation_manager",
            company_id=self.other_clinic.id,
            company_ids=[(6, 0, self.other_clinic.ids)],
        )
        self.assertIn(menu, self.menu_ids(other), "another clinic's menu stays")
        self.guide.action_show()
        self.assertIn(menu, self.menu_ids(self.manager))

    # -------------------------------------------------------------------- roles

    def test_the_front_desk_has_no_guide(self):
        """I1"""
        menu = self.env.ref("patient_reactivation.reactivation_guide_menu").id
        self.assertNotIn(menu, self.menu_ids(self.desk))
        desk = self.env["reactivation.guide"].with_user(self.desk)
        for name in ("get_steps", "action_hide", "action_refresh", "action_sources"):
            with self.assertRaises(AccessError):
                getattr(desk, name)()

    def test_strangers_reach_nothing(self):
        """I3"""
        portal = new_test_user(
            self.env, login="guide_portal", groups="base.group_portal"
        )
        guide = self.env["reactivation.guide"].with_user(portal)
        public = self.env["reactivation.guide"].with_user(
            self.env.ref("base.public_user")
        )
        for who in (guide, public):
            for name in ("get_steps", "action_hide", "action_show", "action_refresh"):
                with self.assertRaises(AccessError):
                    getattr(who, name)()
