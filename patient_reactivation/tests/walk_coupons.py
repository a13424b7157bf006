"""What the random walk does with coupons, and the rules of them."""

from odoo.tools import SQL

# Event -> how often, beside the others of the walk.
COUPON_EVENTS = {
    "payer_changes": 5,
    "coupon_redeemed": 12,
    "coupon_undone": 2,
    "coupon_ordered": 6,
    "coupon_order_canceled": 3,
    "coupon_revoked": 1,
    "coupons_revoked": 1,
    "incentive": 14,
    "coupon_given": 3,
}

PAYERS = ("cash", "cash", "cash", "private", "private", "federal", "unknown", False)
MAY_HAVE = ("cash", "private")
SCRIPT = "We miss you. You have {offer}: {coupon_code}, until {coupon_until}."


class CouponWalk:
    """Mixin of the walk: campaigns give coupons, which people use, lose and bring."""

    # The last coupon whose right to exist was looked at.
    seen = 0

    def with_offers(self, campaign):
        """Some campaigns give coupons, with a budget or without."""
        if self.random.random() < 0.35:
            return
        campaign.program_id = self.env.ref(
            "patient_reactivation.loyalty_program_"
            + self.random.choice(("20", "20", "50"))
        )
        campaign.coupon_budget = self.random.choice((0, 0, 3, 8))
        steps = campaign.method_ids.step_ids.sorted("sequence")
        steps[0].write({"offer": "issue", "script": SCRIPT})
        if len(steps) > 2:
            steps[2].write({"offer": "remind", "script": SCRIPT})

    def program(self):
        percent = self.random.choice(("20", "50"))
        return self.env.ref(f"patient_reactivation.loyalty_program_{percent}")

    # ------------------------------------------------------------------- events

    def event_payer_changes(self):
        person = self.somebody()
        person.partner.payer_class = self.random.choice(PAYERS)

    def event_coupon_redeemed(self):
        """At the desk, with whatever the visit is."""
        live = [("state", "=", "open")] if self.random.random() < 0.8 else []
        coupon = self.one_of("reactivation.coupon", [*self.of_ours(), *live])
        desk = self.coupons_at(coupon.company_id)
        answer = desk.desk_redeem(
            coupon.id,
            discounted=self.random.random() < 0.1,
            insured=self.random.random() < 0.1,
        )
        self.note(f"    {answer['code'] or 'redeemed'}")
        lawful = coupon.partner_id.payer_class in MAY_HAVE
        self.check(
            lawful or not answer["redeemed"], f"{coupon} was used against the law"
        )

    def event_coupon_undone(self):
        coupon = self.one_of(
            "reactivation.coupon", [*self.of_ours(), ("state", "=", "redeemed")]
        )
        self.coupons_at(coupon.company_id).desk_undo(coupon.id, "A mistake")

    def event_coupon_ordered(self):
        """What Odoo's sales do when an order with a coupon is confirmed."""
        coupon = self.one_of(
            "reactivation.coupon", [*self.of_ours(), ("state", "=", "open")]
        )
        if coupon._refusal(coupon.company_id, coupon.partner_id.id):
            return
        self.env["loyalty.history"].create(
            {
                "card_id": coupon.card_id.id,
                "used": 1,
                "description": "An order",
                "order_model": "res.partner",
                "order_id": coupon.partner_id.id,
            }
        )
        coupon.card_id.points -= 1

    def event_coupon_order_canceled(self):
        coupon = self.one_of(
            "reactivation.coupon",
            [*self.of_ours(), ("order_model", "!=", False)],
        )
        lines = self.env["loyalty.history"].search(
            [("card_id", "=", coupon.card_id.id), ("order_model", "!=", False)]
        )
        lines.unlink()
        coupon.card_id.points += 1

    def event_coupon_revoked(self):
        self.one_of("reactivation.coupon", self.of_ours()).action_revoke()

    def event_coupons_revoked(self):
        """All that a campaign gave and nobody has used."""
        self.one_of(
            "reactivation.campaign",
            [
                ("state", "in", ("paused", "done")),
                ("company_id", "in", self.clinics.ids),
            ],
        ).action_revoke_coupons()

    def event_incentive(self):
        """Promised for an answer: nine answers there are, and some come twice."""
        person = self.somebody()
        key = f"answer {self.random.randint(1, 9)}"
        self.env["reactivation.coupon"]._grant(
            self.random.choice(self.clinics), person.partner, self.program(), key
        )

    def event_coupon_given(self):
        person = self.somebody()
        self.env["reactivation.coupon"]._give_by_hand(
            self.random.choice(self.clinics), person.partner, self.program(), "Waited"
        )

    def of_ours(self):
        return [
            ("company_id", "in", self.clinics.ids),
            ("partner_id", "!=", False),
        ]

    def coupons_at(self, company):
        return self.env["reactivation.coupon"].with_company(company)

    # ---------------------------------------------------------------- the books

    def check_coupons(self):
        """After every event."""
        for rule in (
            self.coupons_are_lawful,
            self.coupons_are_worth_what_they_say,
            self.coupons_one_at_a_time,
            self.coupons_in_the_budget,
        ):
            rule()

    def coupons_are_lawful(self):
        """K1, K2: nobody gets a new one whose payer does not allow it."""
        found = self.rows(
            """SELECT coupon.id, partner.payer_class FROM reactivation_coupon coupon
                 JOIN res_partner partner ON partner.id = coupon.partner_id
                WHERE coupon.id > %s""",
            self.seen,
        )
        self.seen = max([self.seen, *(number for number, _payer in found)])
        wrong = [row for row in found if row[1] not in MAY_HAVE]
        self.check(not wrong, f"coupons against the law: {wrong}")

    def coupons_are_worth_what_they_say(self):
        """An open one has its point, a used or revoked one has none; never a debt."""
        wrong = self.rows(
            """SELECT coupon.id, coupon.state, card.points
                 FROM reactivation_coupon coupon
                 JOIN loyalty_card card ON card.id = coupon.card_id
                WHERE card.points NOT IN (0, 1)
                   OR coupon.state = 'open' AND card.points <> 1
                   OR coupon.state IN ('redeemed', 'revoked') AND card.points <> 0"""
        )
        self.check(not wrong, f"points of coupons: {wrong}")
        wrong = self.rows(
            """SELECT id, state FROM reactivation_coupon
                WHERE (state = 'redeemed') <> (redeemed_on IS NOT NULL)
                   OR (state = 'revoked') <> (revoke_reason IS NOT NULL)
                   OR card_id IS NULL"""
        )
        self.check(not wrong, f"coupons contradict themselves: {wrong}")

    def coupons_one_at_a_time(self):
        """K9: of campaigns, one for a lapse and one in the hand; one per promise."""
        for what, condition in (
            ("episode_date", "source = 'campaign' AND state IN ('open', 'redeemed')"),
            ("company_id", "source = 'campaign' AND state = 'open'"),
            ("source_key", "source_key IS NOT NULL"),
        ):
            wrong = self.rows(
                "SELECT partner_id, company_id, %s, array_agg(id)"
                " FROM reactivation_coupon WHERE partner_id IS NOT NULL AND %s"
                " AND %s IS NOT NULL GROUP BY 1, 2, 3 HAVING count(*) > 1",
                SQL.identifier(what),
                # Constants of this file.
                SQL(condition),
                SQL.identifier(what),
            )
            self.check(not wrong, f"more than one coupon by {what}: {wrong}")

    def coupons_in_the_budget(self):
        """A13: what was counted is what was issued, and not more than allowed."""
        wrong = self.rows(
            """SELECT campaign.id, campaign.coupon_budget, budget.issued, (
                      SELECT count(*) FROM reactivation_coupon coupon
                       WHERE coupon.campaign_id = campaign.id
                         AND coupon.revoke_reason IS DISTINCT FROM 'not_delivered')
                 FROM reactivation_coupon_budget budget
                 JOIN reactivation_campaign campaign
                   ON campaign.id = budget.campaign_id"""
        )
        wrong = [
            row for row in wrong if row[2] != row[3] or (row[1] and row[2] > row[1])
        ]
        self.check(not wrong, f"budgets (campaign, limit, counted, issued): {wrong}")
