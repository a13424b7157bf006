"""Orders of the clinic, to tell stories about."""

from odoo.fields import Command

from odoo.addons.patient_reactivation.tests.test_coupon_campaign import OfferClinic


class OrderClinic(OfferClinic):
    """A clinic that writes orders."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._staff(
            "seller",
            cls.clinic,
            [Command.set(cls.clinic.ids)],
            "sales_team.group_sale_salesman_all_leads,base.group_partner_manager",
        )
        cls.cleaning = cls.env["product.product"].create(
            {"name": "Cleaning", "type": "service", "lst_price": 100, "taxes_id": False}
        )
        cls.ada = cls.lapsed("Ada", 200, payer_class="cash")
        cls.coupon = cls.give(cls.ada)

    @classmethod
    def give(cls, partner, program=None, key="order"):
        granted = cls.coupons._grant(cls.clinic, partner, program or cls.twenty, key)
        return granted[partner][0]

    def order(self, partner=None, **line):
        """A quotation of one cleaning, written by a seller."""
        order = self.env["sale.order"].create(
            {
                "partner_id": (partner or self.ada).id,
                "company_id": self.clinic.id,
                "order_line": [
                    Command.create({"product_id": self.cleaning.id, **line})
                ],
            }
        )
        return self.as_user(self.seller, order)

    def apply(self, order, text=None):
        """What the button *Coupon Code* does, and the choice of the one reward.

        :return: the error, or None
        """
        status = order._try_apply_code(text or self.coupon.code_shown)
        if "error" in status:
            return status["error"]
        for card, rewards in status.items():
            # One.
            answer = order._apply_program_reward(rewards, card)
            if "error" in answer:
                return answer["error"]
        return None if status else "nothing"
