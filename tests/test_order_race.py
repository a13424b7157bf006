"""Orders, tills and the front desk want one coupon at the same moment."""

import itertools

import pytest
from in_process import environment, loaded, together

DATABASE = "clinic_order_race"
ROUNDS = 3


@pytest.fixture(scope="module")
def registry():
    """A clinic that writes orders and has a till, in this process."""
    with loaded(DATABASE, glue=True) as registry:
        with environment(registry) as env:
            env["res.partner"].search([("name", "=like", "Patient %")]).write(
                {"payer_class": "cash"}
            )
            env["reactivation.patient"]._refresh()
            env["pos.config"].create({"name": "Till"})
            staff(env)
        yield registry


def staff(env):
    groups = (
        "patient_reactivation.group_reactivation_user",
        "sales_team.group_sale_salesman_all_leads",
        "point_of_sale.group_pos_user",
    )
    env["res.users"].with_context(no_reset_password=True).create(
        [
            {
                "name": name,
                "login": name.lower(),
                "group_ids": [(4, env.ref(group).id) for group in groups],
            }
            for name in ("Dana", "Dirk")
        ]
    )


@pytest.fixture(params=range(ROUNDS))
def coupon(registry, request):
    """:return: id of a new coupon of a patient who has none"""
    with environment(registry) as env:
        return give(env).id


def give(env):
    had = env["reactivation.coupon"].search([]).partner_id
    patient = env["res.partner"].search(
        [("payer_class", "=", "cash"), ("id", "not in", had.ids)], limit=1
    )
    program = env.ref("patient_reactivation.loyalty_program_20")
    granted = env["reactivation.coupon"]._grant(env.company, patient, program, "race")
    return granted[patient][0]


def quotation(env, coupon):
    """:return: id of a quotation with the coupon on it"""
    product = env["product.product"].search([("name", "=", "Cleaning")], limit=1)
    product = product or env["product.product"].create(
        {"name": "Cleaning", "type": "service", "lst_price": 100, "taxes_id": False}
    )
    order = env["sale.order"].create(
        {
            "partner_id": coupon.partner_id.id,
            "order_line": [(0, 0, {"product_id": product.id})],
        }
    )
    for card, rewards in order._try_apply_code(coupon.code).items():
        assert not order._apply_program_reward(rewards, card)
    assert order.amount_total == 80
    return order.id


class Race:
    """What somebody of the staff does in a transaction of their own, as a request."""

    def __init__(self, registry, coupon_id):
        self.registry, self.coupon_id = registry, coupon_id
        self.won, self.words = [], []
        self._logins = itertools.cycle(("dana", "dirk"))

    def _run(self, task, name):
        """:param task: function of an environment: why not, or a false value"""
        login = next(self._logins)

        def run():
            from odoo.exceptions import UserError
            from odoo.service.model import retrying

            with environment(self.registry) as env:
                user = env["res.users"].search([("login", "=", login)])
                env = env(user=user)
                try:
                    words = retrying(lambda: task(env), env)
                except UserError as error:
                    words = str(error)
            if words:
                self.words.append(words)
            else:
                self.won.append(name)

        return run

    def order(self, order_id):
        def confirm(env):
            env["sale.order"].browse(order_id).action_confirm()

        return self._run(confirm, ("sale.order", order_id))

    def desk(self):
        def redeem(env):
            return env["reactivation.coupon"].desk_redeem(self.coupon_id)["refusal"]

        return self._run(redeem, "desk")

    def till(self, bill):
        def hold(env):
            config = env["pos.config"].search([("name", "=", "Till")])
            coupon = env["reactivation.coupon"].sudo().browse(self.coupon_id)
            return config.hold_patient_coupons(
                bill, coupon.partner_id.id, coupon.card_id.ids
            )

        return self._run(hold, bill)

    def check(self, *words):
        """One got it, and everybody else a sentence."""
        assert len(self.won) == 1, (self.won, self.words)
        for said in self.words:
            assert any(text in said for text in words), said
        with environment(self.registry) as env:
            coupon = env["reactivation.coupon"].browse(self.coupon_id)
            [winner] = self.won
            held = isinstance(winner, str) and winner.startswith("bill")
            assert coupon.state == ("open" if held else "redeemed")
            assert coupon.card_id.points == (1 if held else 0)
            used = coupon.card_id.history_ids.filtered("used")
            assert len(used) == (0 if held else 1)
            if isinstance(winner, tuple):
                assert (coupon.order_model, coupon.order_id) == winner
            elif held:
                assert coupon.till_order == winner
            assert "twice" not in coupon.event_ids.mapped("kind")


def test_two_orders(registry, coupon):
    """A7, K6: two quotations with one coupon, confirmed at once: one is an order."""
    with environment(registry) as env:
        coupons = env["reactivation.coupon"].browse(coupon)
        orders = [quotation(env, coupons) for _number in range(2)]
    race = Race(registry, coupon)
    together(*map(race.order, orders))
    race.check("used already")
    with environment(registry) as env:
        states = env["sale.order"].browse(orders).mapped("state")
        assert sorted(states) == ["draft", "sale"]


def test_order_and_desk(registry, coupon):
    """A7: the order is confirmed while the desk scans the telephone."""
    with environment(registry) as env:
        order = quotation(env, env["reactivation.coupon"].browse(coupon))
    race = Race(registry, coupon)
    together(race.order(order), race.desk())
    race.check("used already")


def test_two_tills(registry, coupon):
    """A7: three bills are paid at once: one has the coupon."""
    race = Race(registry, coupon)
    together(*map(race.till, ("bill 1", "bill 2", "bill 3")))
    race.check("being used at a till")


def test_till_and_others(registry, coupon):
    """A7: a till, an order and the desk."""
    with environment(registry) as env:
        order = quotation(env, env["reactivation.coupon"].browse(coupon))
    race = Race(registry, coupon)
    together(race.till("bill 1"), race.order(order), race.desk())
    race.check("being used at a till", "used already")
