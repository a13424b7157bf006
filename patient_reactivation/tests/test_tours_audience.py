"""A manager looks at who is in which segment, and who is left out and why."""

from odoo.fields import Command
from odoo.tests import tagged

from .common import TourCase


@tagged("post_install", "-at_install")
class TestToursAudience(TourCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.staff(
            "tour_audience_manager", "manager", "base.group_partner_manager"
        )
        for name, days, values in (
            ("Ada", [300], {"payer_class": "cash"}),
            ("Bob", [500], {}),
            ("Mute", [300], {"email": False}),
            ("Twice", [300, 400], {"payer_class": "cash"}),
            ("Other", [300, 400], {}),
        ):
            values = {"email": f"{name.lower()}@example.com", **values}
            cls.patient(f"{name} Toures", days, **values)
        cls.env["reactivation.patient"]._refresh()
        cls.campaign = cls.new_campaign(
            cls.manager,
            name="Tour audience",
            segment_ids=[
                Command.create(
                    {"name": "Came once", "sequence": 1, "visit_pattern": "single"}
                ),
                Command.create({"name": "In cash", "sequence": 2, "payer_cash": True}),
                Command.create({"name": "Old filter", "sequence": 3}),
            ],
            method_ids=cls.method("E-mail", name="One"),
        )
        cls.env.flush_all()
        cls.env.cr.execute(
            "UPDATE reactivation_segment SET domain = %s WHERE campaign_id = %s "
            "AND name = 'Old filter'",
            ("[('x_gone', '=', 1)]", cls.campaign.id),
        )
        cls.env.invalidate_all()

    def test_manager_sees_who_is_in_each_segment_and_who_is_left_out(self):
        """F10: a broken segment beside others that work."""
        self.start_tour("/odoo", "reactivation_audience", login=self.manager.login)
        self.assertFalse(self.campaign.segment_ids[0].inactive_from)
        self.assertFalse(self.campaign.enrollment_ids)
