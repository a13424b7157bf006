"""Who is in which segment: the criteria as SQL, and what is wrong with them."""

from collections import namedtuple

import psycopg2

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL, Query

from ..tools.problems import problem

# Segments whose answers about one patient fit into one number of the database.
BITS = 62

# What literal_eval and the building of a condition make of nonsense.
UNREADABLE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)

# `count` patients are in the segment, `fits` would be but for the segments above;
# `taken` of them are in these: list of (segment, number).
Match = namedtuple("Match", "count fits taken")


class ReactivationSegment(models.Model):
    _inherit = "reactivation.segment"

    # ------------------------------------------------------------ SQL of criteria

    @api.model
    def _query(self):
        """:return: `Query` over `patient` and its contact, `partner`"""
        query = Query(self.env, "patient", SQL.identifier("reactivation_patient"))
        query.add_join(
            "JOIN", "partner", "res_partner", SQL("partner.id = patient.partner_id")
        )
        return query

    def _condition(self, query, company, moment=None, domain=None):
        """What one segment asks, over the aliases of the query.

        Conditions on the contact are asked of the alias `partner`, which is there
        anyway: a list of a million contacts that fit is never made.

        :return: SQL of a boolean
        """
        model = (
            self.env["reactivation.patient"]
            .sudo()
            .with_company(company)
            .with_context(active_test=False, tz=company._reactivation_zone())
        )
        if domain is None:
            domain = self._domain(company, moment)
        _check_patterns(domain)
        domain = domain.optimize_full(model).map_conditions(_on_contact)
        return domain._to_sql(model, "patient", query)

    def _conditions(self, company, moment=None):
        """The criteria of several segments as one query can ask them.

        A segment that is at fault matches nobody.

        :return: (`Query`, {segment: SQL of a boolean}, {segment: its fault})
        """
        query, conditions, faults = self._query(), {}, {}
        for segment in self:
            joins = dict(query._joins)
            try:
                conditions[segment] = segment._condition(query, company, moment)
            except Exception as error:  # noqa: BLE001 - fields have code of their own
                query._joins = joins
                faults[segment] = segment._explain(error, company)
                conditions[segment] = SQL("FALSE")
        if self._has_own(conditions) and self._refused(query, conditions.values()):
            # One of them; which one is asked only now that something is wrong.
            for segment in self:
                if self._refused(query, [conditions[segment]]):
                    faults[segment] = segment._explain(None, company)
                    conditions[segment] = SQL("FALSE")
        return query, conditions, faults

    @api.model
    def _has_own(self, segments):
        """Only what somebody wrote can be something the database refuses."""
        return any(segment._has_domain() for segment in segments)

    @api.model
    def _refused(self, query, conditions):
        """:return: the database's error about these conditions, or None"""
        sql = SQL(
            "SELECT %s FROM %s LIMIT 0", SQL(", ").join(conditions), query.from_clause
        )
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(sql, log_exceptions=False)
        except (psycopg2.DataError, psycopg2.ProgrammingError, ValueError) as error:
            return error
        return None

    # -------------------------------------------------------------------- faults

    def _fault_texts(self, company=None):
        """:return: {segment: sentence}: which cannot be asked, and the remedy"""
        faults = {}
        for owner, segments in self.grouped("company_id").items():
            company_of = company or owner or self.env.company
            faults |= segments._conditions(company_of)[2]
        return faults

    def _problems(self):
        """:return: list of dicts of `tools/problems.py`"""
        return [problem(text, segment) for segment, text in self._fault_texts().items()]

    def _explain(self, error, company):
        """:return: a sentence: which field is at fault, and what to do"""
        name = self.name or ""
        try:
            conditions = list(self._own_domain().iter_conditions())
        except UNREADABLE:
            return self.env._(
                "Segment “%(name)s”: “Other Conditions” is not a filter. Open the "
                "segment and choose the conditions again.",
                name=name,
            )
        missing = self._missing_field(conditions, self.env["reactivation.patient"])
        if missing:
            return self.env._(
                "Segment “%(name)s”: the field “%(field)s” of “Other Conditions” does "
                "not exist (any more). Open the segment and remove this condition.",
                name=name,
                field=missing,
            )
        for condition in conditions:
            if self._cannot_ask(condition, company):
                return self.env._(
                    "Segment “%(name)s”: the value of the field “%(field)s” in “Other "
                    "Conditions” does not fit. Open the segment and choose it again.",
                    name=name,
                    field=condition.field_expr,
                )
        return self.env._(
            "Segment “%(name)s” cannot be asked (%(error)s). Open the segment and "
            "choose the conditions again.",
            name=name,
            error=error or "",
        )

    def _cannot_ask(self, condition, company):
        query = self._query()
        try:
            sql = self._condition(query, company, domain=condition)
        except Exception as error:  # noqa: BLE001 - fields have code of their own
            return error
        return self._refused(query, [sql])

    def _missing_field(self, conditions, model):
        """:return: the first name on a path that is no field, as it was written"""
        for condition in conditions:
            current = model
            for name in str(condition.field_expr).split("."):
                field = current._fields.get(name) if current is not None else None
                if field is None:
                    if current is None:
                        # A part of a date, or a property.
                        break
                    return condition.field_expr
                comodel = field.comodel_name if field.relational else None
                current = self.env[comodel] if comodel else None
            inner = condition.value
            if current is not None and isinstance(inner, list | tuple | Domain):
                if condition.operator in ("any", "not any"):
                    missing = self._missing_field(
                        Domain(inner).iter_conditions(), current
                    )
                    if missing:
                        return f"{condition.field_expr}.{missing}"
        return None

    # -------------------------------------------------------------------- counts

    @api.model
    def _lapsed_sql(self, company, moment=None):
        """:return: SQL over `patient`: who stayed away long enough"""
        return SQL(
            "patient.company_id = %s AND patient.last_visit_date <= %s",
            company.id,
            company._reactivation_lapse_date(moment),
        )

    @api.model
    def _case_sql(self, conditions):
        """:return: SQL of the id of the first segment whose condition holds, or NULL"""
        if not conditions:
            return SQL("NULL::int")
        cases = SQL(" ").join(
            SQL("WHEN %s THEN %s", sql, segment.id)
            for segment, sql in conditions.items()
        )
        return SQL("(CASE %s END)::int", cases)

    @api.model
    def _bits_sql(self, conditions):
        """All answers about a patient, packed: one bit for each segment.

        :param conditions: list of SQL of booleans
        :return: list of SQL of numbers
        """
        return [
            SQL(
                "(0::bigint + %s)",
                SQL(" + ").join(
                    SQL("CASE WHEN %s THEN %s::bigint ELSE 0 END", sql, 1 << bit)
                    for bit, sql in enumerate(conditions[start : start + BITS])
                ),
            )
            for start in range(0, len(conditions), BITS)
        ] or [SQL("0::bigint")]

    @api.model
    def _unpack(self, numbers):
        """:return: list of positions of the segments that fit, in order"""
        return [
            part * BITS + bit
            for part, number in enumerate(numbers)
            for bit in range(number.bit_length())
            if number >> bit & 1
        ]

    def _matches(self, company, moment=None):
        """How many lapsed patients are in each segment, in the order of `self`.

        One query for all of them, whatever their number.

        :return: ({segment: `Match`}, {segment: fault}, number of lapsed patients)
        """
        # Segments of a form that is not saved yet are told apart by their place.
        segments = list(self)
        query, conditions, faults = self._conditions(company, moment)
        bits = self._bits_sql([conditions[segment] for segment in segments])
        self.env["reactivation.patient"]._allow_memory()
        names = SQL(", ").join(
            SQL.identifier(f"bits{number}") for number in range(len(bits))
        )
        rows = self.env.execute_query(
            SQL(
                "SELECT count(*), %(names)s FROM (SELECT %(bits)s FROM %(tables)s "
                "WHERE %(lapsed)s) AS matched GROUP BY %(names)s",
                names=names,
                bits=SQL(", ").join(
                    SQL("%s AS %s", sql, SQL.identifier(f"bits{number}"))
                    for number, sql in enumerate(bits)
                ),
                tables=query.from_clause,
                lapsed=self._lapsed_sql(company, moment),
            )
        )
        matches = self._tally(segments, [(row[1:], row[0]) for row in rows])
        return matches, faults, sum(row[0] for row in rows)

    @api.model
    def _tally(self, segments, rows):
        """Sum up packed answers.

        :param rows: of (numbers of `_bits_sql`, number of patients)
        :return: {segment: `Match`}
        """
        counts = [0] * len(segments)
        taken = [{} for _segment in segments]
        for numbers, count in rows:
            places = self._unpack(numbers)
            for place in places[1:]:
                by = taken[place]
                by[places[0]] = by.get(places[0], 0) + count
            if places:
                counts[places[0]] += count
        return {
            segment: Match(
                counts[place],
                counts[place] + sum(taken[place].values()),
                [(segments[by], number) for by, number in sorted(taken[place].items())],
            )
            for place, segment in enumerate(segments)
        }


def _check_patterns(domain):
    """:raise ValueError: a pattern the database gives up on, at the first patient"""
    for condition in domain.iter_conditions():
        value = condition.value
        if "=" in condition.operator and condition.operator.endswith("like"):
            if isinstance(value, str):
                slashes = len(value) - len(value.rstrip("\\"))
                if slashes % 2:
                    raise ValueError(value)


def _on_contact(condition):
    """Ask conditions on the patient's contact of the alias `partner`."""
    positive = condition.operator == "any!"
    if condition.field_expr != "partner_id" or not (
        positive or condition.operator == "not any!"
    ):
        return condition
    if not isinstance(condition.value, Domain):
        return condition

    def to_sql(model, _alias, query):
        contacts = model.env["res.partner"]
        sql = condition.value._to_sql(contacts, "partner", query)
        return sql if positive else SQL("(%s) IS NOT TRUE", sql)

    return Domain.custom(to_sql=to_sql)
