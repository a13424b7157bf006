import ast
import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, sql

from ..tools.source_query import SourceError, SourceQuery

_logger = logging.getLogger(__name__)

# The identifier of a row of `reactivation.visit` is (record, source, patient)
# packed into one number: 6 bits name the source, 20 bits the patient.
SLOTS = 64
PARTNER_BITS = 20

# Legacy systems write 1900-01-01 or 1970-01-01 where they know no date.
EARLIEST_VISIT = "1970-01-02"

# A row is stamped with the start of its transaction. A transaction that is open
# this long before it commits is still noticed by the incremental pass.
WATERMARK_OVERLAP = timedelta(minutes=15)

# What an index may carry along (`_carried_columns`).
CARRIED_TYPES = (
    "boolean",
    "date",
    "datetime",
    "float",
    "integer",
    "many2one",
    "monetary",
    "selection",
)

CONTACT_INDEX = "res_partner_reactivation_write_date"

DOMAIN_FIELDS = ("done_domain", "planned_domain", "missed_domain")


class ReactivationVisitSource(models.Model):
    """Where visits are found: a model, the paths to their facts, three domains.

    A source is compiled into one SELECT; `reactivation.visit` is the UNION ALL
    of all of them. Nothing is copied.
    """

    _name = "reactivation.visit.source"
    _description = "Visit Source"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    slot = fields.Integer(readonly=True, copy=False, required=True)
    model_id = fields.Many2one(
        "ir.model",
        string="Model",
        ondelete="set null",
        domain=[("transient", "=", False), ("abstract", "=", False)],
        help="The kind of record that stands for a visit, for example Meetings, "
        "Sales Orders or the appointments of another addon.",
    )
    # Kept beside model_id: when an addon is uninstalled the link is lost, and the
    # source must still say what it was made for (and work again when it is back).
    model = fields.Char(
        string="Model Name",
        compute="_compute_model",
        store=True,
        readonly=True,
    )
    partner_path = fields.Char(
        string="Patient",
        required=True,
        help="Path to the contact who came. A path through several links is "
        "written with dots; a list of attendees gives one visit for each.",
    )
    date_path = fields.Char(
        string="Date",
        required=True,
        help="Path to the date, or date and time, of the visit.",
    )
    company_path = fields.Char(
        string="Company",
        help="Path to the clinic that was visited. Leave it empty when all "
        "records belong to the company below.",
    )
    practitioner_path = fields.Char(
        string="Practitioner",
        help="Path to the user or contact who saw the patient.",
    )
    amount_path = fields.Char(
        string="Amount", help="Path to the amount of the visit, if there is one."
    )
    done_domain = fields.Char(
        string="Took Place",
        default="[]",
        help="Past records that are attended visits.",
    )
    planned_domain = fields.Char(
        string="Planned",
        default="[]",
        help="Future records that are booked appointments.",
    )
    missed_domain = fields.Char(
        string="Missed",
        default="[(0, '=', 1)]",
        help="Past records that are appointments the patient missed.",
    )
    company_id = fields.Many2one(
        "res.company",
        string="Company Without Path",
        help="The clinic of visits that name no company. Empty: the first one.",
    )
    watermark = fields.Datetime(
        string="Read Until",
        readonly=True,
        copy=False,
        help="Changes made before this moment are known. Empty: everything is read "
        "again with the next refresh.",
    )
    problem = fields.Char(compute="_compute_problem")
    health = fields.Selection(
        [("ok", "OK"), ("problem", "Problem")],
        string="State",
        compute="_compute_health",
    )
    incremental = fields.Boolean(
        compute="_compute_problem",
        help="Changes are noticed within minutes. Otherwise this source is read "
        "again every night only.",
    )

    _slot_uniq = models.Constraint(
        "UNIQUE(slot)", "Two visit sources may not share a slot."
    )

    # ------------------------------------------------------------------ compute

    @api.depends("model_id")
    def _compute_model(self):
        for source in self:
            source.model = source.model_id.model or source.model

    @api.depends(
        "model",
        "partner_path",
        "date_path",
        "company_path",
        "practitioner_path",
        "amount_path",
        "active",
        *DOMAIN_FIELDS,
    )
    def _compute_problem(self):
        for source in self:
            source.problem = False
            source.incremental = False
            if not (source.model and source.partner_path and source.date_path):
                continue
            try:
                compiled = source._compile()
                source.incremental = bool(compiled.watched)
            except SourceError as error:
                source.problem = error.message(self.env)

    @api.depends("problem")
    def _compute_health(self):
        for source in self:
            source.health = "problem" if source.problem else "ok"

    # -------------------------------------------------------------- constraints

    @api.constrains(
        "model_id",
        "partner_path",
        "date_path",
        "company_path",
        "practitioner_path",
        "amount_path",
        *DOMAIN_FIELDS,
    )
    def _check_source(self):
        """Compile each source and run it, so that a mistake is found on saving."""
        for source in self:
            try:
                statement = source._visit_select(source._compile())
                # A query per source: each is another statement, on saving only.
                with self.env.cr.savepoint():
                    self.env.execute_query(SQL("%s LIMIT 1", statement))
            except SourceError as error:
                field = self._fields[error.field].get_description(self.env)["string"]
                raise ValidationError(
                    self.env._(
                        "%(name)s, field “%(field)s”: %(message)s",
                        name=source.name,
                        field=field,
                        message=error.message(self.env),
                    )
                ) from error
            except psycopg2.Error as error:
                raise ValidationError(
                    self.env._(
                        "%(name)s cannot be read: %(message)s",
                        name=source.name,
                        message=str(error).splitlines()[0],
                    )
                ) from error

    # --------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        taken = set(self.with_context(active_test=False).search([]).mapped("slot"))
        free = iter(slot for slot in range(SLOTS) if slot not in taken)
        for vals in vals_list:
            vals["slot"] = next(free, None)
            if vals["slot"] is None:
                raise ValidationError(
                    self.env._(
                        "There can be at most %s visit sources. "
                        "Delete one that is no longer used.",
                        SLOTS,
                    )
                )
        sources = super().create(vals_list)
        sources._create_indexes()
        return sources

    def write(self, vals):
        result = super().write(vals)
        if not {"name", "sequence", "watermark"}.issuperset(vals):
            self._create_indexes()
            self._reset_watermark()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_reset_watermark(self):
        """The visits of a deleted source leave with the next refresh."""
        self._reset_watermark()

    @api.onchange("model_id")
    def _onchange_model_id(self):
        """Propose the paths that most models offer."""
        if not self.model_id or self.model not in self.env:
            return
        names = self.env[self.model]._fields
        proposals = {
            "partner_path": ("patient_id", "partner_id", "partner_ids"),
            "date_path": ("start", "date_start", "date_order", "date"),
            "company_path": ("company_id",),
            "practitioner_path": ("practitioner_id", "user_id"),
            "amount_path": ("amount_total",),
        }
        for field, candidates in proposals.items():
            self[field] = next((name for name in candidates if name in names), False)

    # ------------------------------------------------------------------ actions

    def action_preview(self):
        """Show the newest visits this source yields."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_visit_action"
        )
        action["display_name"] = self.env._("Preview of %s", self.name)
        action["domain"] = [("source_id", "=", self.id)]
        action["context"] = {}
        return action

    # ---------------------------------------------------------------- compiling

    def _model(self):
        """:return: the empty recordset of the source's model
        :raise SourceError: when the model is not installed"""
        self.ensure_one()
        if not self.model or self.model not in self.env:
            raise SourceError(
                "model_id",
                lambda env: env._(
                    "the model “%s” is not installed. Install its addon again, or "
                    "archive this source.",
                    self.model or "",
                ),
            )
        model = self.env[self.model]
        if model._abstract or model._transient:
            raise SourceError(
                "model_id",
                lambda env: env._("“%s” keeps no records.", model._description),
            )
        if model._name == "reactivation.visit":
            raise SourceError(
                "model_id", lambda env: env._("a source cannot read the visits.")
            )
        return model

    def _domain(self, field_name):
        """Parse one of the three domains (data only: nothing is evaluated).

        :raise SourceError: on a syntax error or an unknown field
        """
        text = self[field_name] or "[(0, '=', 1)]"
        model = self._model()
        try:
            domain = Domain(ast.literal_eval(text.strip()))
            domain.validate(model.sudo())
        except (ValueError, SyntaxError, TypeError, MemoryError) as error:
            reason = str(error).splitlines()[0] if str(error) else text
            raise SourceError(
                field_name,
                lambda env: env._(
                    "this is not a valid filter (%(reason)s). Write a list of "
                    "conditions such as [('state', '=', 'done')].",
                    reason=reason,
                ),
            ) from error
        return domain

    def _compile(self):
        """Resolve paths and domains.

        :return: a `SourceQuery` that carries the resolved columns as attributes
        :raise SourceError: naming the field of the form that holds the mistake
        """
        compiled = SourceQuery(self._model())
        compiled.partner, field = compiled.column(
            "partner_path", self.partner_path, comodels=("res.partner",)
        )
        # A link of the model itself: `_create_indexes` and the ORM see to an index.
        compiled.partner_indexed = (
            compiled.model._fields.get(self.partner_path) == field
            and field.store
            and field.type in ("many2one", "many2many")
        )
        compiled.date, compiled.date_field = compiled.column(
            "date_path", self.date_path, types=("date", "datetime")
        )
        compiled.company = self._compile_company(compiled)
        compiled.practitioner = self._compile_practitioner(compiled)
        compiled.amount = SQL("NULL::numeric")
        if self.amount_path:
            sql, _field = compiled.column(
                "amount_path", self.amount_path, types=("float", "monetary", "integer")
            )
            compiled.amount = SQL("%s::numeric", sql)
        for name in DOMAIN_FIELDS:
            setattr(compiled, name, self._compile_condition(compiled, name))
        return compiled

    def _compile_condition(self, compiled, name):
        try:
            return compiled.condition(self._domain(name))
        except (ValueError, NotImplementedError) as error:
            text = str(error)
            raise SourceError(
                name,
                lambda env: env._("this filter cannot be used: %s", text),
            ) from error

    def _compile_company(self, compiled):
        fallback = self.company_id or self.env["res.company"]._reactivation_main()
        if not self.company_path:
            return SQL("%s::int", fallback.id)
        sql, _field = compiled.column(
            "company_path", self.company_path, comodels=("res.company",)
        )
        return SQL("COALESCE(%s, %s)", sql, fallback.id)

    def _compile_practitioner(self, compiled):
        if not self.practitioner_path:
            return SQL("NULL::int")
        sql, field = compiled.column(
            "practitioner_path",
            self.practitioner_path,
            comodels=("res.users", "res.partner"),
        )
        if field.comodel_name == "res.users":
            # One hop more, over the join that the path to the company may have made.
            sql, _field = compiled.column(
                "practitioner_path", f"{self.practitioner_path}.partner_id"
            )
        return sql

    def _visit_select(self, compiled, restrict=None, moment=None):
        """The SELECT of one source, in the columns of `reactivation.visit`.

        :param restrict: SQL of a subquery that yields the partners to look at
        :param datetime moment: what counts as now (UTC)
        """
        self.ensure_one()
        now = moment or fields.Datetime.now()
        zone = self.env["res.company"]._reactivation_zone_sql(compiled.company)
        if compiled.date_field.type == "date":
            # A day without a time is noon at the clinic, so that it stays that
            # day wherever it is looked at.
            date = SQL(
                "((%s + TIME '12:00') AT TIME ZONE %s AT TIME ZONE 'UTC')",
                compiled.date,
                zone,
            )
            day = compiled.date
        else:
            date = compiled.date
            day = SQL("(%s AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", date, zone)
        # Evaluated for every row there is: the fewest comparisons come first.
        state = SQL(
            """CASE
                WHEN %(date)s > %(now)s THEN
                    CASE WHEN %(planned)s THEN 'planned'
                         WHEN %(done)s THEN 'suspect' END
                WHEN %(date)s < %(earliest)s THEN
                    CASE WHEN %(done)s THEN 'suspect' END
                WHEN %(missed)s THEN 'missed'
                WHEN %(done)s THEN 'done'
            END""",
            date=date,
            now=now,
            earliest=EARLIEST_VISIT,
            planned=compiled.planned_domain,
            done=compiled.done_domain,
            missed=compiled.missed_domain,
        )
        wanted, where = self._restriction(compiled.partner, restrict)
        each = restrict is not None and compiled.partner_indexed
        if each:
            where = SQL("%s = wanted.partner_id", compiled.partner)
        record = SQL.identifier(compiled.query.table, "id")
        select = SQL(
            """SELECT * FROM (SELECT
                ((%(record)s::bigint * %(slots)s + %(slot)s) << %(bits)s)
                    + %(partner)s %% (1 << %(bits)s) AS id,
                %(partner)s AS partner_id,
                %(company)s AS company_id,
                %(date)s AS date,
                %(day)s AS day,
                %(state)s AS state,
                %(practitioner)s AS practitioner_id,
                %(amount)s AS amount,
                %(source)s::int AS source_id,
                %(model)s::varchar AS res_model,
                %(record)s AS res_id
            FROM %(from)s WHERE %(compiled_date)s IS NOT NULL AND %(where)s
            ) AS visit WHERE state IS NOT NULL""",
            compiled_date=compiled.date,
            record=record,
            slots=SLOTS,
            slot=self.slot,
            bits=PARTNER_BITS,
            partner=compiled.partner,
            company=compiled.company,
            date=date,
            day=day,
            state=state,
            practitioner=compiled.practitioner,
            amount=compiled.amount,
            source=self.id,
            model=self.model,
            where=where,
            **{"from": compiled.query.from_clause},
        )
        if not each:
            return select
        # One look into the index per patient, whatever the planner believes: it
        # takes a patient for having hundreds of meetings, because the practitioners
        # have, and would read the whole calendar. OFFSET 0 keeps it from joining.
        return SQL(
            """SELECT visit.* FROM (%s) AS wanted
                CROSS JOIN LATERAL (%s OFFSET 0) AS visit""",
            wanted,
            select,
        )

    def _restriction(self, partner, restrict):
        """Keep members of staff out, and everybody who is not in `restrict`.

        :param restrict: SQL of a subquery of partners, or None
        :return: (SQL of the partners to look at or None, SQL of the condition)
        """
        # NOT IN on purpose: the few members of staff become a hash table that is
        # asked before anything is joined; NOT EXISTS would join them last.
        staff = SQL(
            """SELECT staff.partner_id FROM res_users staff
                 JOIN res_partner staff_partner ON staff_partner.id = staff.partner_id
                WHERE NOT COALESCE(staff.share, FALSE)
                  AND staff_partner.patient_mark IS DISTINCT FROM 'patient'"""
        )
        if restrict is None:
            where = SQL("%s IS NOT NULL AND %s NOT IN (%s)", partner, partner, staff)
            return None, where
        # Staff leave the list before its visits are looked up: one practitioner
        # has more meetings than ten thousand patients.
        wanted = SQL(
            """SELECT DISTINCT partner_id FROM (%s) AS restricted (partner_id)
                WHERE partner_id NOT IN (%s)""",
            restrict,
            staff,
        )
        return wanted, SQL("%s IN (%s)", partner, wanted)

    @api.model
    def _compiled_sources(self):
        """:return: list of (source, compiled) of the active sources that work.

        A broken source (its addon was uninstalled, a field was removed) never
        takes the others down: it is left out here and says so on its form.
        """
        result = []
        for source in self.sudo().search([]):
            try:
                result.append((source, source._compile()))
            except SourceError as error:
                _logger.info(
                    "Visit source %s left out: %s", source.id, error.message(self.env)
                )
        return result

    @api.model
    def _union_sql(self, restrict=None, moment=None):
        """UNION ALL of the active sources.

        :param restrict: SQL of a subquery that yields the partners to look at
        :return: `SQL` of a SELECT with the columns of `reactivation.visit`
        """
        selects = [
            source._visit_select(compiled, restrict, moment)
            for source, compiled in self._compiled_sources()
        ]
        if not selects:
            return SQL(
                """SELECT NULL::bigint AS id, NULL::int AS partner_id,
                NULL::int AS company_id, NULL::timestamp AS date, NULL::date AS day,
                NULL::varchar AS state, NULL::int AS practitioner_id,
                NULL::numeric AS amount, NULL::int AS source_id,
                NULL::varchar AS res_model, NULL::int AS res_id WHERE FALSE"""
            )
        return SQL(" UNION ALL ").join(SQL("(%s)", select) for select in selects)

    @api.model
    def _changed_partners_sql(self, since):
        """Partners of rows written since a moment, over all sources.

        One SELECT per watched table, so that each can use its own index.

        :return: `SQL` of a SELECT with one column, or None without sources
        """
        selects = []
        for _source, compiled in self._compiled_sources():
            for _table, alias in compiled.watched:
                selects.append(
                    SQL(
                        "SELECT %s FROM %s WHERE %s >= %s",
                        compiled.partner,
                        compiled.query.from_clause,
                        SQL.identifier(alias, "write_date"),
                        since,
                    )
                )
        return SQL(" UNION ").join(selects) if selects else None

    @api.model
    def _get_watermark(self):
        """:return: the moment up to which all sources are read, or None"""
        watermarks = self.sudo().search([]).mapped("watermark")
        return min(watermarks) if watermarks and all(watermarks) else None

    @api.model
    def _set_watermark(self, moment):
        self.sudo().search([]).watermark = moment - WATERMARK_OVERLAP

    @api.model
    def _reset_watermark(self):
        self.sudo().search([]).watermark = False

    # ------------------------------------------------------------------ indexes

    def init(self):
        result = super().init()
        self._create_contact_index()
        return result

    def _index_specs(self):
        """:return: {index name: (table, column, columns to carry along)} the
        incremental pass lives on"""
        specs = {}
        for source in self:
            try:
                compiled = source._compile()
            except SourceError:
                continue
            columns = [(table, "write_date", ()) for table, _alias in compiled.watched]
            field = compiled.model._fields.get(source.partner_path)
            if field and field.store and field.type == "many2one" and not field.index:
                carried = source._carried_columns(compiled, field)
                columns.append((compiled.model._table, field.name, carried))
            for table, column, carried in columns:
                name = sql.make_index_name(table, f"reactivation_{column}")
                specs[name] = (table, column, carried)
        return specs

    def _carried_columns(self, compiled, field):
        """Further columns of the table that the source reads: with them in the
        index, the visits of a patient are found without a look into the table.
        Only of types that are small: an index refuses long texts."""
        read = self._visit_select(compiled).to_flush
        return sorted(
            {
                other.name
                for other in read
                if other.model_name == field.model_name
                and other.type in CARRIED_TYPES
                and other.store
                and other != field
            }
            | {"id"}
        )

    def _create_indexes(self):
        for name, (table, column, carried) in self._index_specs().items():
            if sql.table_kind(self.env.cr, table) == sql.TableKind.Regular:
                include = SQL("")
                if carried:
                    names = SQL(", ").join(SQL.identifier(item) for item in carried)
                    include = SQL("INCLUDE (%s)", names)
                # One statement per index: DDL cannot be batched.
                self.env.cr.execute(
                    SQL(
                        "CREATE INDEX IF NOT EXISTS %s ON %s (%s) %s",
                        SQL.identifier(name),
                        SQL.identifier(table),
                        SQL.identifier(column),
                        include,
                    )
                )

    @api.model
    def _create_contact_index(self):
        """Find the contacts that changed without reading all of them.

        A BRIN index is a few pages and is hardly ever written. From PostgreSQL 16 on
        it leaves updates of a contact as cheap as they were; before, it would not.
        """
        if self.env.cr.connection.server_version >= 160000:
            self.env.cr.execute(
                SQL(
                    """CREATE INDEX IF NOT EXISTS %s ON res_partner
                        USING brin (write_date)
                         WITH (pages_per_range = 32, autosummarize = on)""",
                    SQL.identifier(CONTACT_INDEX),
                )
            )

    def _drop_indexes(self):
        for name in self._index_specs():
            self.env.cr.execute(SQL("DROP INDEX IF EXISTS %s", SQL.identifier(name)))

    @api.model
    def _drop_contact_index(self):
        self.env.cr.execute(
            SQL("DROP INDEX IF EXISTS %s", SQL.identifier(CONTACT_INDEX))
        )
