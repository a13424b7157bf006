from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError
from odoo.tools import SQL

from ..tools import codes, offers
from .loyalty_card import QUIET

# Why a patient gets no coupon.
OFFER_REFUSALS = [
    ("payer", "Payer does not allow offers"),
    ("payer_unknown", "Payer is unknown"),
    ("gift_item", "Gift above the limit of one"),
    ("gift_year", "Gifts of twelve months reach the limit"),
    ("no_consent", "No consent to offers"),
    ("opted_out", "Opted out of offers"),
    ("no_reach", "Offers may not be made on this channel"),
    ("had_offer", "Had an offer since the last visit"),
    ("cooldown", "Used a coupon not long ago"),
    ("often", "Used coupons often enough"),
    ("budget", "Budget of the campaign is used up"),
    ("no_program", "No coupon for this tier"),
    ("program", "Coupon program does not work"),
]


# Columns of a coupon that differ from one to the next, with their types.
OWN_COLUMNS = {
    "code": "varchar",
    "card_id": "int4",
    "partner_id": "int4",
    "source_key": "varchar",
    "note": "varchar",
    "delivery_id": "int4",
    "enrollment_id": "int4",
    "tier_id": "int4",
    "episode_date": "date",
}

# Columns in which False is a value and not a missing one.
FLAGS = {"is_sent"}


class Wish:
    """A coupon that somebody shall get: where it comes from, and what became of it.

    `coupon` is the coupon (an existing one, when that is the better), or `refusal` a
    code of `OFFER_REFUSALS`.
    """

    def __init__(self, partner, program, **origin):
        self.partner, self.program = partner, program
        self.enrollment = origin.get("enrollment")
        self.delivery = origin.get("delivery")
        self.key = origin.get("key")
        self.note = origin.get("note")
        self.refusal = self.coupon = None
        self.gives_way = []


class ReactivationCoupon(models.Model):
    """The one path on which coupons are issued, whoever promised them."""

    _inherit = "reactivation.coupon"

    @api.model
    def _issue(self, company, wishes, source="campaign", campaign=None):
        """Issue coupons to patients of one clinic, in the transaction of the caller.

        The number of queries does not depend on the number of wishes. Each wish gets
        its `coupon` or its `refusal`.

        :param wishes: list of `Wish`
        :param str source: a code of `SOURCES`
        :param campaign: whose budget it is, if any
        :return: the coupons that are new
        """
        wishes = self._drop_useless(company, wishes)
        if not wishes:
            return self.browse()
        people = self.env["res.partner"].browse(
            dict.fromkeys(wish.partner.id for wish in wishes)
        )
        self._lock_people(people)
        history = self._history(company, people)
        judge = self._judge(company, people)
        terms = self._terms_of(company, {wish.program for wish in wishes})
        wanted = []
        for wish in wishes:
            past, promised = history[wish.partner.id], terms[wish.program]
            offer = offers.Offer(promised["kind"], promised["worth"])
            if self._decide_about(wish, source, offer, past, judge):
                wanted.append(wish)
        if campaign and wanted:
            allowed = self.env["reactivation.coupon.budget"]._take(
                campaign, len(wanted)
            )
            for wish in wanted[allowed:]:
                wish.refusal = "budget"
            wanted = wanted[:allowed]
        return self._create_coupons(company, wanted, source, campaign, terms)

    @api.model
    def _drop_useless(self, company, wishes):
        """:return: the wishes whose program works"""
        problems = {}
        for wish in wishes:
            if not wish.program:
                wish.refusal = "no_program"
                continue
            if wish.program not in problems:
                # One program per tier.
                problems[wish.program] = wish.program._reactivation_problems(company)
            if problems[wish.program]:
                wish.refusal = "program"
        return [wish for wish in wishes if not wish.refusal]

    @api.model
    def _lock_people(self, people):
        """One worker at a time decides about the coupons of a patient."""
        self.env.execute_query(
            SQL(
                """SELECT pg_advisory_xact_lock(number) FROM (
                       SELECT DISTINCT hashtextextended(id::text, 20261124) AS number
                         FROM unnest(%s::int[]) AS id ORDER BY 1) AS numbers""",
                people.ids,
            )
        )

    @api.model
    def _history(self, company, people):
        """:return: {contact id: list of `offers.Past`} of the whole legal entity"""
        self.env.flush_all()
        root = company.sudo().root_id
        family = self.env["res.company"].sudo().search([("id", "child_of", root.id)])
        rows = self.env.execute_query(
            SQL(
                """SELECT partner_id, id, state, kind, worth, source, source_key,
                          episode_date, enrollment_id, company_id, redeemed_day,
                          expires_at, revoke_reason
                     FROM reactivation_coupon
                    WHERE partner_id = ANY(%s) AND company_id = ANY(%s)
                 ORDER BY id""",
                people.ids,
                family.ids,
            )
        )
        history = {partner_id: [] for partner_id in people.ids}
        today = company._reactivation_today()
        for partner_id, *row in rows:
            past = offers.Past(*row[:8], row[8] == company.id, *row[8:])
            if not past.own:
                giver = family.browse(past.company)
                past = past._replace(
                    worth=giver.currency_id._convert(
                        past.worth, company.currency_id, company, today
                    )
                )
            history[partner_id].append(past)
        return history

    @api.model
    def _limits(self, company):
        """:return: `offers.Limits` of a clinic today"""
        today = company._reactivation_today()
        return offers.Limits(
            today - relativedelta(months=company.reactivation_coupon_cooldown),
            today - relativedelta(months=24),
            company.reactivation_coupon_often,
            today - relativedelta(months=12),
        )

    @api.model
    def _allowances(self, company, people):
        """:return: {contact: `Allowance`} by the law in force today"""
        today = company._reactivation_today()
        rules = self.env["reactivation.offer.rule"]._in_force(company, today)
        kinds = {}
        found = {}
        for partner in people.sudo():
            key = partner.payer_class, partner.state_id.id
            if key not in kinds:
                # A handful of payers and states.
                kinds[key] = rules._allowance(company, *key, today)
            found[partner] = kinds[key]
        return found

    @api.model
    def _judge(self, company, people):
        """Read what decides about offers to patients at this moment.

        :return: function (patient, `offers.Offer`, history, id of a coupon not to
            count): None, or why the law does not let the patient have it; with the
            attributes `limits` and `now`
        """
        allowances = self._allowances(company, people)
        limits, now = self._limits(company), fields.Datetime.now()

        def judge(partner, offer, history, besides=None):
            code = offers.lawful(
                offer, allowances[partner], history, limits, now, besides
            )
            if code == "payer" and partner.sudo().payer_class in (False, "unknown"):
                return "payer_unknown"
            return code

        judge.limits, judge.now = limits, now
        return judge

    @api.model
    def _decide_about(self, wish, source, offer, history, judge):
        """Decide about one wish; all it needs is read already.

        :return: bool: a new coupon is wanted
        """
        kept = None
        if wish.key:
            kept = next(
                (past for past in history if past.own and past.key == wish.key), None
            )
        elif source == "campaign":
            wish.refusal, kept, gives_way = offers.decide(
                offer,
                wish.enrollment.episode_date,
                wish.enrollment.id,
                history,
                judge.limits,
                judge.now,
            )
            wish.gives_way = [past.id for past in gives_way]
        if kept:
            offer = offers.Offer(kept.kind, kept.worth)
        # The law comes first: what it says is shown, whatever else there is.
        unlawful = judge(wish.partner, offer, history, kept.id if kept else None)
        wish.refusal = unlawful or wish.refusal
        if not wish.refusal and kept:
            wish.coupon = self.browse(kept.id)
        return not wish.refusal and not wish.coupon

    # ----------------------------------------------------------------- creation

    @api.model
    def _create_coupons(self, company, wishes, source, campaign, terms):
        if not wishes:
            return self.browse()
        self.browse(
            number for wish in wishes for number in wish.gives_way
        ).sudo()._revoke("superseded")
        numbers = [codes.make() for _wish in wishes]
        cards = (
            self.env["loyalty.card"]
            .sudo()
            .with_context(**QUIET)
            .create(
                [
                    {
                        "program_id": wish.program.id,
                        "partner_id": wish.partner.id,
                        "points": 1,
                        "code": code,
                        "expiration_date": terms[wish.program]["valid_until"],
                    }
                    for wish, code in zip(wishes, numbers, strict=True)
                ]
            )
        )
        reason = self.env._("Patient reactivation")
        self.env["loyalty.history"].sudo().create(
            [{"card_id": card.id, "issued": 1, "description": reason} for card in cards]
        )
        created = self._insert_coupons(
            company, wishes, cards, numbers, source, campaign, terms
        )
        for wish, code in zip(wishes, numbers, strict=True):
            wish.coupon = created[code]
        return self.union(*created.values())

    @api.model
    def _insert_coupons(self, company, wishes, cards, numbers, source, campaign, terms):
        """Write the coupons, of one program after the other: Odoo's `create` takes
        most of the time of a large campaign, and nothing here needs it.

        :return: {code: coupon}
        """
        self.env.flush_all()
        created = {}
        rows = list(zip(wishes, cards.ids, numbers, strict=True))
        for program in {wish.program for wish in wishes}:
            # One program per tier.
            shared = {
                **terms[program],
                "company_id": company.id,
                "program_id": program.id,
                "source": source,
                "campaign_id": campaign.id if campaign else None,
                "issued_on": fields.Datetime.now(),
                "issued_by_id": self.env.uid,
                "state": "open",
                "is_sent": False,
                "create_uid": self.env.uid,
                "write_uid": self.env.uid,
                "create_date": fields.Datetime.now(),
                "write_date": fields.Datetime.now(),
            }
            own = [
                (
                    code,
                    card_id,
                    wish.partner.id,
                    wish.key or None,
                    wish.note or None,
                    wish.delivery.id if wish.delivery else None,
                    *self._of_enrollment(wish.enrollment),
                )
                for wish, card_id, code in rows
                if wish.program == program
            ]
            columns = zip(*own, strict=True)
            found = self.env.execute_query(
                SQL(
                    """INSERT INTO reactivation_coupon (%(names)s)
                       SELECT own.*, %(shared)s FROM unnest(%(own)s) AS own
                  ON CONFLICT DO NOTHING RETURNING code, id""",
                    names=SQL(", ").join(map(SQL.identifier, [*OWN_COLUMNS, *shared])),
                    shared=SQL(", ").join(
                        SQL(
                            "%s",
                            None if value is False and name not in FLAGS else value,
                        )
                        for name, value in shared.items()
                    ),
                    own=SQL(", ").join(
                        SQL("%s::%s[]", list(values), SQL.identifier(kind))
                        for values, kind in zip(
                            columns, OWN_COLUMNS.values(), strict=True
                        )
                    ),
                )
            )
            created |= {code: self.browse(number) for code, number in found}
        if len(created) < len(wishes):
            # Somebody was faster, between our look at the history and now.
            raise ConcurrencyError("A patient got a coupon at the same moment")
        self.invalidate_model()
        self.env["reactivation.campaign"].invalidate_model(["coupon_ids"])
        return created

    @api.model
    def _of_enrollment(self, enrollment):
        """:return: tuple: what a coupon keeps of an enrollment: id, tier, episode"""
        if not enrollment:
            return None, None, None
        return (
            enrollment.id,
            enrollment.tier_id.id or None,
            enrollment.episode_date or None,
        )

    @api.model
    def _terms_of(self, company, programs):
        """:return: {program: dict: what a coupon of it promises from today}"""
        today = company._reactivation_today()
        terms = {}
        for program in programs:
            # One program per tier.
            promised = program.sudo()
            until = today + timedelta(days=promised.reactivation_valid_days or 30)
            if promised.date_to:
                until = min(until, promised.date_to)
            terms[program] = {
                "kind": promised.reactivation_kind,
                "value": promised.reactivation_value,
                "currency_id": promised.currency_id.id,
                "product_id": promised.reactivation_product_id.id,
                "worth": promised._reactivation_worth(company),
                "valid_until": until,
                "expires_at": self._midnight_after(company, until),
            }
        return terms

    # ---------------------------------------------------------------- incentives

    @api.model
    def _grant(self, company, partners, program, key, enrollments=None):
        """Issue what was promised for something else, an answer for example: once.

        :param program: `loyalty.program`
        :param str key: what it is promised for; a patient gets one coupon per key
        :param dict enrollments: {contact: enrollment} it belongs to, if any
        :return: {contact: (coupon or None, code of the refusal or None)}
        """
        enrollments = enrollments or {}
        wishes = [
            Wish(partner, program, key=key, enrollment=enrollments.get(partner))
            for partner in partners
        ]
        self._issue(company, wishes, "incentive")
        return {wish.partner: (wish.coupon, wish.refusal) for wish in wishes}

    @api.model
    def _give_by_hand(self, company, partner, program, note):
        """A manager gives a coupon, with a reason; so many in a month and not more.

        :return: the coupon
        :raise UserError: why not, in words
        """
        user = self.env.user
        if not self.env.su and not user.has_group(
            "patient_reactivation.group_reactivation_manager"
        ):
            raise UserError(self.env._("Only a manager may give coupons."))
        partner.check_access("read")
        if not (note or "").strip():
            raise UserError(self.env._("“Why”: say what the coupon is for."))
        if partner.commercial_partner_id == user.partner_id.commercial_partner_id:
            raise UserError(self.env._("Nobody gives a coupon to themselves."))
        self._lock_people(user.partner_id)
        given = self.sudo().search_count(
            [
                ("source", "=", "manual"),
                ("issued_by_id", "=", user.id),
                ("issued_on", ">", fields.Datetime.now() - timedelta(days=30)),
            ]
        )
        limit = company.reactivation_coupon_by_hand
        if given >= limit:
            raise UserError(
                self.env._(
                    "You have given %(count)s coupons in 30 days, which is all one "
                    "person may give. Another manager can, or the limit is raised in "
                    "the settings.",
                    count=given,
                )
            )
        wish = Wish(partner, program, note=note.strip())
        self._issue(company, [wish], "manual")
        if wish.refusal:
            raise UserError(self._refusal_sentence(partner, wish.refusal))
        return wish.coupon

    @api.model
    def _judge_promises(self, company, wishes):
        """Write on wishes of one clinic why the law would refuse them today. Nothing is
        issued."""
        wishes = self._drop_useless(company, wishes)
        if not wishes:
            return
        people = self.env["res.partner"].browse(
            dict.fromkeys(wish.partner.id for wish in wishes)
        )
        history = self._history(company, people)
        judge = self._judge(company, people)
        terms = self._terms_of(company, {wish.program for wish in wishes})
        for wish in wishes:
            promised = terms[wish.program]
            offer = offers.Offer(promised["kind"], promised["worth"])
            wish.refusal = judge(wish.partner, offer, history[wish.partner.id])

    @api.model
    def _refusal_to_give(self, company, partner, program):
        """:return: str: why a patient may not have a coupon by hand, or False"""
        wish = Wish(partner, program)
        self._judge_promises(company, [wish])
        return bool(wish.refusal) and self._refusal_sentence(partner, wish.refusal)

    @api.model
    def _refusal_sentence(self, partner, code):
        labels = dict(
            self.env["reactivation.delivery"]
            ._fields["offer_refusal"]
            ._description_selection(self.env)
        )
        return self.env._(
            "%(patient)s may not get this coupon: %(reason)s.",
            patient=partner.display_name,
            reason=labels[code],
        )
