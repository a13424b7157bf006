from collections import namedtuple
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.quiet_hours import SAFE_HOURS, next_allowed
from ..tools.time_zones import AREA_LENGTH, area_codes, phone_places, zone_groups
from .reactivation_consent import PURPOSES

# On these the law of the number counts as well as the law of the address.
PHONE_CHANNELS = ("sms", "call", "video", "action")

# A letter wakes nobody: it has no hours.
SILENT_CHANNELS = ("letter",)
ALL_DAY = (0.0, 24.0, False)

# No hour of the day is allowed: settings that contradict the law. Look again later.
NEVER_AGAIN_BEFORE = timedelta(days=1)

# Where a rule applies; None is everywhere.
Scope = namedtuple("Scope", "rule countries states")


class ReactivationContactRule(models.Model):
    """What the law of a country or state demands of messages, from day to day.

    Rules narrow and never widen: of all that match, and of what the clinic set for
    itself, the strictest holds. A rule says only what it has a value for.
    """

    _name = "reactivation.contact.rule"
    _description = "Contact Rule"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company",
        index=True,
        help="Empty: the rule holds for all companies. A rule of a company holds for "
        "its branches as well.",
    )
    country_id = fields.Many2one("res.country", help="Where the patient lives.")
    country_group_id = fields.Many2one(
        "res.country.group", help="Instead of one country."
    )
    state_ids = fields.Many2many(
        "res.country.state",
        string="States",
        domain="[('country_id', '=', country_id)]",
        help="Empty: the whole country. On calls and texts the state of the area "
        "code counts as well as the state of the address.",
    )
    channel = fields.Selection(
        selection="_selection_channel", help="Empty: every channel."
    )
    purpose = fields.Selection(PURPOSES, help="Empty: every purpose.")
    date_from = fields.Date(
        string="In Force From", help="First day. Empty: it always was."
    )
    date_to = fields.Date(string="In Force Until", help="Last day. Empty: no end.")
    hour_from = fields.Float(
        string="From",
        help="First hour on the patient's clock. 0 to 0: the rule says nothing "
        "about hours.",
    )
    hour_to = fields.Float(
        string="To", help="On the patient's clock; the message arrives before it."
    )
    no_sunday = fields.Boolean(string="Not on Sundays")
    cap_day = fields.Integer(
        string="At Most in 24 Hours",
        help="Contacts per patient and per address. 0: the rule says nothing.",
    )
    cap_week = fields.Integer(
        string="At Most in 7 Days",
        help="Contacts per patient and per address. 0: the rule says nothing.",
    )
    consent = fields.Selection(
        [
            ("none", "None needed"),
            ("implied", "Implied by a visit"),
            ("express", "Express"),
        ],
        help="Empty: the rule says nothing about consent. Offers need express consent "
        "where no rule says otherwise.",
    )
    implied_months = fields.Integer(
        string="Implied For (months)",
        help="A visit implies consent up to and including the same day so many months "
        "later.",
    )
    consent_months = fields.Integer(
        string="Consent Lasts (months)", help="0: until it is withdrawn."
    )
    legal_source = fields.Text(
        help="Where this is written, so that the next person can check it."
    )
    summary = fields.Char(string="Demands", compute="_compute_summary")

    _cap_check = models.Constraint(
        "CHECK(COALESCE(cap_day, 0) >= 0 AND COALESCE(cap_week, 0) >= 0)",
        "A limit of contacts cannot be negative. 0 is no limit.",
    )
    _consent_months_check = models.Constraint(
        "CHECK(COALESCE(consent_months, 0) >= 0)",
        "“Consent Lasts” cannot be negative. 0 is until it is withdrawn.",
    )

    @api.model
    def _selection_channel(self):
        channels = self.env["res.partner"]._fields["preferred_channel"]
        return channels._description_selection(self.env)

    # ------------------------------------------------------------------ compute

    @api.depends(
        "hour_from",
        "hour_to",
        "no_sunday",
        "cap_day",
        "cap_week",
        "consent",
        "implied_months",
        "consent_months",
    )
    @api.depends_context("lang")
    def _compute_summary(self):
        for rule in self:
            demands = [*rule._hours_text(), *rule._caps_text(), *rule._consent_text()]
            rule.summary = ", ".join(demands)

    def _hours_text(self):
        if self.hour_to:
            yield self.env._(
                "%(start)s to %(end)s",
                start=_clock(self.hour_from),
                end=_clock(self.hour_to),
            )
        if self.no_sunday:
            yield self.env._("not on Sundays")

    def _caps_text(self):
        if self.cap_day:
            yield self.env._("at most %s in 24 hours", self.cap_day)
        if self.cap_week:
            yield self.env._("at most %s in 7 days", self.cap_week)

    def _consent_text(self):
        if self.consent == "none":
            yield self.env._("no consent needed")
        elif self.consent == "implied":
            yield self.env._(
                "consent implied for %s months after a visit", self.implied_months
            )
        elif self.consent == "express":
            yield self.env._("express consent")
        if self.consent_months and self.consent in ("implied", "express"):
            yield self.env._("granted within %s months", self.consent_months)

    # -------------------------------------------------------------- constraints

    @api.constrains("hour_from", "hour_to")
    def _check_hours(self):
        for rule in self:
            if not rule.hour_from and not rule.hour_to:
                continue
            if not 0 <= rule.hour_from < rule.hour_to <= 24:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s”: the hours must begin before they end, within "
                        "one day. 0 to 0 is no limit.",
                        rule=rule.name,
                    )
                )

    @api.constrains("country_id", "country_group_id", "state_ids")
    def _check_place(self):
        for rule in self:
            if rule.country_id and rule.country_group_id:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s”: choose a country or a group of countries, not "
                        "both.",
                        rule=rule.name,
                    )
                )
            if rule.state_ids.country_id - rule.country_id:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s”: the states must be states of the country.",
                        rule=rule.name,
                    )
                )

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for rule in self:
            if rule.date_from and rule.date_to and rule.date_from > rule.date_to:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s” ends before it begins.",
                        rule=rule.name,
                    )
                )

    @api.constrains("consent", "implied_months")
    def _check_implied_months(self):
        for rule in self:
            if rule.consent == "implied" and rule.implied_months < 1:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s”: say for how many months a visit implies consent.",
                        rule=rule.name,
                    )
                )

    def copy_data(self, default=None):
        return [
            {**values, "name": self.env._("%s (copy)", rule.name)}
            if "name" not in (default or {})
            else values
            for rule, values in zip(self, super().copy_data(default), strict=True)
        ]

    # ------------------------------------------------------------ what is in force

    @api.model
    def _in_force(self, company, day, channel=None, purpose=None):
        """:return: the rules of a company on a day, as superuser; on one channel and
        for one purpose, or on any"""
        domain = Domain.AND(
            [
                Domain("company_id", "in", [False, *company.sudo().parent_ids.ids]),
                Domain("date_from", "=", False) | Domain("date_from", "<=", day),
                Domain("date_to", "=", False) | Domain("date_to", ">=", day),
                Domain("channel", "in", [False, channel]) if channel else Domain.TRUE,
                Domain("purpose", "in", [False, purpose]) if purpose else Domain.TRUE,
            ]
        )
        return self.sudo().with_context(active_test=True).search(domain)

    @api.model
    def _note(self, company):
        """:return: which rules a clinic has to know of, in words"""
        country = company.country_id
        if not country:
            return self.env._(
                "Set the country of the company to see which rules apply."
            )
        rules = self._in_force(company, company._reactivation_today())
        here = rules.filtered(
            lambda rule: (
                not (rule.country_id or rule.country_group_id)
                or country in rule._countries()
            )
        )
        own = here.filtered(
            lambda rule: not rule.state_ids or company.state_id in rule.state_ids
        )
        note = self.env._(
            "Rules that apply in %(country)s: %(rules)s.",
            country=country.name,
            rules=" · ".join(f"{rule.name} ({rule.summary})" for rule in own)
            or self.env._("none but that offers need express consent"),
        )
        for rule in own.filtered("hour_to"):
            starts = (company.reactivation_hour_from, rule.hour_from)
            ends = (company.reactivation_hour_to, rule.hour_to)
            if max(starts) >= min(ends):
                note += " " + self.env._(
                    "“%(rule)s” leaves none of the clinic's hours: nothing is sent.",
                    rule=rule.name,
                )
        states = (here - own).state_ids - company.state_id
        if states:
            note += " " + self.env._(
                "More for patients in %(states)s.",
                states=", ".join(states.mapped("name")),
            )
        return note

    def _countries(self):
        """:return: the countries of a rule; none is everywhere"""
        return self.country_id or self.country_group_id.country_ids

    def _scopes(self):
        """:return: list of `Scope`, with the codes of countries and states"""
        scopes = []
        for rule in self:
            countries = states = None
            if rule.country_id or rule.country_group_id:
                countries = frozenset(rule._countries().mapped("code"))
            if rule.state_ids:
                states = frozenset(
                    (state.country_id.code, state.code) for state in rule.state_ids
                )
            scopes.append(Scope(rule, countries, states))
        return scopes

    # ------------------------------------------------------------------ consent

    @api.model
    def _consent_refusal_sql(self, company, channel, purpose, today):
        """Whether the consent that is needed is missing, as one expression.

        It reads the aliases `recipient` (res_partner) and `patient`
        (reactivation_patient). A visit implies consent up to and including the same
        day so many months later; what a shorter month lacks ends on its last day.

        :return: SQL of the code 'no_consent', or NULL
        """
        rules = self._in_force(company, today, channel, purpose).filtered("consent")
        ledger = self.env["reactivation.consent"]

        def granted(months=None):
            return ledger._granted_sql(company, channel, purpose, months or None)

        missing = []
        if purpose != "care" and company.reactivation_consent_required:
            missing.append(SQL("NOT %s", granted()))
        needing = rules.filtered(lambda rule: rule.consent != "none")
        for (consent, implied, months), group in needing.grouped(
            lambda rule: (rule.consent, rule.implied_months, rule.consent_months)
        ).items():
            allowed = granted(months)
            if consent == "implied":
                allowed = SQL(
                    "(COALESCE(patient.last_visit_date + %s * INTERVAL '1 month' >= "
                    "%s, FALSE) OR %s)",
                    implied,
                    today,
                    allowed,
                )
            here = group._applies_sql(company, channel in PHONE_CHANNELS)
            missing.append(SQL("CASE WHEN %s THEN NOT %s END", here, allowed))
        if purpose == "offer":
            # Only the law of the address can say that an offer needs no consent.
            known = rules._applies_sql(company)
            missing.append(
                SQL("CASE WHEN %s THEN FALSE ELSE NOT %s END", known, granted())
            )
        if not missing:
            return SQL("NULL")
        return SQL("CASE WHEN %s THEN 'no_consent' END", SQL(" OR ").join(missing))

    def _applies_sql(self, company, by_number=False):
        """:return: SQL: one of the rules applies to the alias `recipient`"""
        matches = [rule._address_sql(company) for rule in self]
        if by_number:
            matches += [sql for rule in self for sql in rule._number_sql()]
        if not matches:
            return SQL("FALSE")
        return SQL("(%s)", SQL(" OR ").join(matches))

    def _address_sql(self, company):
        """Without an address, the patient lives where the clinic is."""
        home = company.sudo().country_id
        country = SQL("COALESCE(recipient.country_id, %s)", home.id or None)
        if self.state_ids:
            state = SQL(
                "COALESCE(recipient.state_id, CASE WHEN %s = %s THEN %s::int END)",
                country,
                home.id or None,
                company.sudo().state_id.id or None,
            )
            return SQL("COALESCE(%s IN %s, FALSE)", state, tuple(self.state_ids.ids))
        if self.country_id or self.country_group_id:
            countries = tuple(self._countries().ids) or (0,)
            return SQL("COALESCE(%s IN %s, FALSE)", country, countries)
        return SQL("TRUE")

    def _number_sql(self):
        """:return: list of SQL, by the beginning of the recipient's number"""
        ((_rule, countries, states),) = self._scopes()
        if not countries:
            return []
        areas = [
            prefix
            for prefix, (country, codes) in area_codes().items()
            if country in countries
            and (not states or any((country, code) in states for code in codes))
        ]
        matches = []
        if areas:
            matches.append(
                SQL(
                    "COALESCE(left(recipient.phone_sanitized, %s) = ANY(%s), FALSE)",
                    AREA_LENGTH,
                    areas,
                )
            )
        codes = {country.phone_code for country in self._countries()} - {0, 1}
        if codes and not states:
            pattern = f"^\\+({'|'.join(str(code) for code in sorted(codes))})"
            matches.append(
                SQL("COALESCE(recipient.phone_sanitized ~ %s, FALSE)", pattern)
            )
        return matches

    # ------------------------------------------------------------ hours and limits

    @api.model
    def _places(self, partner, company, channel):
        """:return: set of (country, state) whose law counts for a contact"""
        state = partner.state_id
        country = partner.country_id or state.country_id or company.country_id
        if not state and country == company.country_id:
            state = company.state_id
        places = {(country.code, state.code or None)}
        if channel in PHONE_CHANNELS:
            # A toll-free number belongs to no place.
            places |= phone_places(partner.phone_sanitized or None) - {
                ("US", None),
                ("CA", None),
            }
        return frozenset(places)

    @api.model
    def _strictest(self, partners, company, channel, purpose, moment, demand):
        """What the rules that match each contact demand together.

        :param demand: function of the matching rules
        :return: {contact id: result of `demand`}
        """
        day = company._reactivation_today(moment)
        scopes = self._in_force(company, day, channel, purpose)._scopes()
        results, demands = {}, {}
        for partner in partners.sudo():
            places = self._places(partner, company.sudo(), channel)
            if places not in demands:
                # Thousands of contacts live in a handful of places.
                demands[places] = demand(
                    [scope.rule for scope in scopes if _covers(scope, places)]
                )
            results[partner.id] = demands[places]
        return results

    @api.model
    def _caps(self, partners, company, channel, purpose, moment):
        """How often contacts may be contacted. 0 is no limit.

        :return: {contact id: (in 24 hours, in 7 days)}
        """
        own = company.sudo()
        of_clinic = (own.reactivation_cap_day, own.reactivation_cap_week)

        def demand(rules):
            caps = [of_clinic, *((rule.cap_day, rule.cap_week) for rule in rules)]
            return tuple(
                min(filter(None, cap), default=0) for cap in zip(*caps, strict=True)
            )

        return self._strictest(partners, company, channel, purpose, moment, demand)

    @api.model
    def _next_allowed(self, partners, company, channel, purpose, moment):
        """When contacts may be contacted, on their own clocks.

        :param datetime moment: naive UTC
        :return: {contact id: None if at that moment, else the next one, naive UTC}
        """
        found = self._next_contact(partners, company, channel, purpose, moment)
        return {number: late and late[1] for number, late in found.items()}

    @api.model
    def _next_contact(self, partners, company, channel, purpose, moment, step=None):
        """As `_next_allowed`, with the reason.

        :param step: a step with days and hours of its own
        :return: {contact id: None if at that moment, else (code of the refusal, the
            next one, naive UTC)}
        """
        clinic = company.sudo()
        of_clinic = (clinic.reactivation_hour_from, clinic.reactivation_hour_to)
        of_step = step._window() if step else None
        silent = channel in SILENT_CHANNELS
        if silent and not of_step:
            return dict.fromkeys(partners.ids)

        def demand(rules):
            hours = [(rule.hour_from, rule.hour_to) for rule in rules if rule.hour_to]
            starts, ends = zip(of_clinic, *hours, strict=True)
            return max(starts), min(ends), any(rule.no_sunday for rule in rules)

        windows = self._strictest(partners, company, channel, purpose, moment, demand)
        found, answers = {}, {}
        for partner in partners.sudo():
            window = ALL_DAY if silent else windows[partner.id]
            groups, window = self._clock_of(partner, clinic, window, silent)
            key = (tuple(groups), window)
            if key not in answers:
                answers[key] = self._opening(moment, groups, window, of_step)
            found[partner.id] = answers[key]
        return found

    @api.model
    def _opening(self, moment, groups, window, of_step):
        """:return: None if it is open, else (why it is not, when it will be)"""
        opens = next_allowed(moment, groups, *window)
        code = "quiet_hours" if opens != moment else None
        if of_step and opens:
            both = next_allowed(moment, groups, *window, of_step)
            if both != opens:
                opens, code = both, code or "step_hours"
        if not code:
            return None
        return code, opens or moment + NEVER_AGAIN_BEFORE

    @api.model
    def _zone_of(self, partner, clinic):
        """:return: the name of the time zone a contact most likely lives in"""
        groups, _window = self._clock_of(partner, clinic, ALL_DAY)
        zones = (zone for group in groups for zone in group)
        return next(zones, None) or clinic._reactivation_zone()

    @api.model
    def _clock_of(self, partner, clinic, window, silent=False):
        """:return: (groups of zones of a contact, its window)"""
        groups, guessed = zone_groups(
            partner.tz,
            (partner.country_id or partner.state_id.country_id).code,
            partner.state_id.code,
            partner.phone_sanitized,
            clinic._reactivation_zone(),
            clinic.country_id.code,
        )
        if guessed and not silent:
            start, end, no_sunday = window
            safe_start, safe_end = SAFE_HOURS
            window = (max(start, safe_start), min(end, safe_end), no_sunday)
        return groups, window


def _covers(scope, places):
    """:return: whether a rule is law in one of the places"""
    if scope.states:
        return not scope.states.isdisjoint(places)
    if scope.countries:
        return any(country in scope.countries for country, _state in places)
    return True


def _clock(hour):
    return f"{int(hour)}:{round(hour % 1 * 60):02d}"
