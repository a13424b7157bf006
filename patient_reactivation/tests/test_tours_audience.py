"""A manager looks at who is in which segment, and who is left out and why."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestToursAudience(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("en_US")
        cls.clinic = cls.env["res.company"].create({"name": "Tour Clinic"})
        cls.manager = new_test_user(
            cls.env,
            login="tour_audience_manager",
            groups="patient_reactivation.group_reactivation_manager,"
            "base.group_partner_manager",
            company_id=cls.clinic.id,
            company_ids=cls.clinic.ids,
            lang="en_US",
        )
        for name, days, values in (
            ("Ada", [300], {"payer_class": "cash"}),
            ("Bob", [500], {}),
            ("Mute", [300], {"email": False}),
            ("Twice", [300, 400], {"payer_class": "cash"}),
            ("Other", [300, 400], {}),
        ):
            cls._patient(name, days, **values)
        cls.env["reactivation.patient"]._refresh()
        cls.campaign = cls.env["reactivation.campaign"].create(
            {
                "name": "Tour audience",
                "company_id": cls.clinic.id,
                "user_id": cls.manager.id,
                "segment_ids": [
                    Command.create(
                        {"name": "Came once", "sequence": 1, "visit_pattern": "single"}
                    ),
                    Command.create(
                        {"name": "In cash", "sequence": 2, "payer_cash": True}
                    ),
                    Command.create({"name": "Old filter", "sequence": 3}),
                ],
                "method_ids": [
                    Command.create(
                        {
                            "name": "E-mail",
                            "step_ids": [Command.create({"name": "One"})],
                        }
                    )
                ],
            }
        )
        cls.env.flush_all()
        cls.env.cr.execute(
            "UPDATE reactivation_segment SET domain = %s WHERE campaign_id = %s "
            "AND name = 'Old filter'",
            ("[('x_gone', '=', 1)]", cls.campaign.id),
        )
        cls.env.invalidate_all()

    @classmethod
    def _patient(cls, name, days, **values):
        partner = cls.env["res.partner"].create(
            {
                "name": f"{name} Toures",
                "email": f"{name.lower()}@example.com",
                **values,
            }
        )
        now = fields.Datetime.now()
        cls.env["reactivation.external.visit"].create(
            [
                {
                    "company_id": cls.clinic.id,
                    "reference": f"TOUR-AUDIENCE-{name}-{ago}",
                    "partner_id": partner.id,
                    "date": now - timedelta(days=ago),
                }
                for ago in days
            ]
        )

    def test_manager_sees_who_is_in_each_segment_and_who_is_left_out(self):
        """F10: a broken segment beside others that work."""
        self.start_tour("/odoo", "reactivation_audience", login=self.manager.login)
        self.assertFalse(self.campaign.segment_ids[0].inactive_from)
        self.assertFalse(self.campaign.enrollment_ids)
