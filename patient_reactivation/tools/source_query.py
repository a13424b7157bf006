"""Compile the paths and domains of a visit source into one SQL statement.

A path is a dotted chain of field names, for example ``event_id.user_id``.
Many2one hops are LEFT JOINs (a meeting without a company is still a meeting),
x2many hops are inner JOINs (one row per attendee). Related fields that are not
stored are followed to the column that holds the value.
"""

from odoo.tools import SQL, Query

# A record of these models changes for a hundred reasons that have nothing to do
# with a visit, so their write_date says nothing about the visits that lead there.
NOT_WATCHED = ("res.partner", "res.users", "res.company", "res.currency")


class SourceError(Exception):
    """A mistake in a source, tied to the field of the form that holds it.

    :param str field: technical name of the field of `reactivation.visit.source`
    :param callable message: called with an environment, returns the sentence
        to show (translated in the reader's language)
    """

    def __init__(self, field, message):
        super().__init__(field)
        self.field = field
        self.message = message


def type_names(env):
    """:return: {field type: what a reader calls it}"""
    return {
        "boolean": env._("yes or no"),
        "char": env._("a text"),
        "date": env._("a date"),
        "datetime": env._("a date and time"),
        "float": env._("a number"),
        "html": env._("a text"),
        "integer": env._("a whole number"),
        "many2many": env._("a list of records"),
        "many2one": env._("a link to a record"),
        "monetary": env._("an amount"),
        "one2many": env._("a list of records"),
        "selection": env._("a choice"),
        "text": env._("a text"),
    }


class SourceQuery:
    """The FROM clause of one source, grown by each path that is asked for.

    :param model: recordset of the source's model, in superuser mode
    """

    def __init__(self, model):
        self.model = model.sudo().with_context(active_test=False)
        self.query = Query(model.env, model._table, model._table_sql)
        self.watched = []
        self._hops = {}
        self._watch(self.model, model._table)

    def _watch(self, model, alias):
        """Remember tables whose write date tells that a visit has changed."""
        if (
            model._auto
            and model._log_access
            and model._name not in NOT_WATCHED
            and (model._table, alias) not in self.watched
        ):
            self.watched.append((model._table, alias))

    def column(self, field_name, path, comodels=None, types=None):
        """Resolve a path.

        :param str field_name: the source's field the path was typed into
        :param str path: dotted field names, starting at the source's model
        :param comodels: names of the models a relational path may end at
        :param types: field types a plain path may end at
        :return: (SQL expression, field it ends at)
        :raise SourceError: on an unknown field, a hop through a plain field, a
            field without a column, or an end of another kind
        """
        model, alias = self.model, self.query.table
        names = [name.strip() for name in path.split(".")]
        for position, name in enumerate(names):
            field = model._fields.get(name)
            if field is None:
                raise SourceError(
                    field_name,
                    lambda env, n=name, m=model: env._(
                        "“%(model)s” has no field “%(name)s”. "
                        "Pick a field from the list.",
                        model=m._description,
                        name=n,
                    ),
                )
            last = position == len(names) - 1
            if not last and not field.relational:
                raise SourceError(
                    field_name,
                    lambda env, n=name, p=path: env._(
                        "“%(name)s” in “%(path)s” holds a plain value, "
                        "nothing can be reached through it. "
                        "End the path there or choose a link.",
                        name=n,
                        path=p,
                    ),
                )
            model, alias, sql = self._hop(field_name, model, alias, field, last)
        self._check_end(field_name, field, path, comodels, types)
        return sql, field

    def _hop(self, field_name, model, alias, field, last):
        """Follow one field; return (next model, its alias, SQL of the value)."""
        if field.related and not field.store:
            try:
                model, field, alias = model._traverse_related_sql(
                    alias, field, self.query
                )
            except ValueError as error:
                raise self._no_column(field_name, field) from error
            self._watch(model, alias)
        if field.type in ("many2many", "one2many"):
            return self._hop_x2many(field_name, model, alias, field, last)
        if not field.store or not field.column_type:
            raise self._no_column(field_name, field)
        sql = model._field_to_sql(alias, field.name, self.query)
        if last or field.type != "many2one":
            return model, alias, sql
        comodel, coalias = field.join(model, alias, self.query)
        comodel = comodel.sudo().with_context(active_test=False)
        self._watch(comodel, coalias)
        return comodel, coalias, sql

    def _hop_x2many(self, field_name, model, alias, field, last):
        if not field.store:
            raise self._no_column(field_name, field)
        comodel = self.model.env[field.comodel_name]
        if field.type == "many2many":
            relation = self.query.join(
                alias, "id", field.relation, field.column1, field.name
            )
            sql = SQL.identifier(relation, field.column2)
            if last:
                return comodel, relation, sql
            coalias = self.query.join(
                relation, field.column2, comodel._table, "id", f"{field.name}_rec"
            )
        else:
            coalias = self.query.join(
                alias, "id", comodel._table, field.inverse_name, field.name
            )
            sql = SQL.identifier(coalias, "id")
        self._watch(comodel, coalias)
        return comodel, coalias, sql

    @staticmethod
    def _no_column(field_name, field):
        return SourceError(
            field_name,
            lambda env: env._(
                "“%(name)s” is computed on the fly and not kept in the database. "
                "Choose a stored field.",
                name=field.name,
            ),
        )

    @staticmethod
    def _check_end(field_name, field, path, comodels, types):
        if comodels and field.comodel_name not in comodels:
            raise SourceError(
                field_name,
                lambda env: env._(
                    "“%(path)s” does not lead to %(wanted)s. Extend the path "
                    "until it does, for example with “.partner_id”.",
                    path=path,
                    wanted=" / ".join(env[name]._description for name in comodels),
                ),
            )
        if types and field.type not in types:
            raise SourceError(
                field_name,
                lambda env: env._(
                    "“%(path)s” holds %(found)s, but %(wanted)s is needed here. "
                    "Choose another field.",
                    path=path,
                    found=type_names(env).get(field.type, field.type),
                    wanted=" / ".join(type_names(env)[name] for name in types),
                ),
            )

    def condition(self, domain):
        """:return: SQL of a domain over the source's model"""
        domain = domain.optimize_full(self.model)
        return domain._to_sql(self.model, self.query.table, self.query)
