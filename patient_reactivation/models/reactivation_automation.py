import logging
import secrets
from contextlib import contextmanager

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.transaction import commit, rollback

_logger = logging.getLogger(__name__)

# What the runner and the outcomes write with statements of their own. Everywhere
# else Odoo notices by itself that records are created or changed.
WATCHED = ("reactivation.enrollment", "reactivation.delivery", "reactivation.outcome")

# What says nothing of the record itself.
UNWATCHED = ("id", "create_uid", "create_date", "write_uid", "write_date")

# Rules are run on so many records at a time: the memory stays flat.
CHUNK = 500

# Where the cursor keeps what happened until the rules may see it.
KEY = "reactivation_automation"


class ReactivationAutomation(models.AbstractModel):
    """Automation Rules see what is written by SQL, too.

    Odoo's Automation Rules (addon `base_automation`, which may be missing) hang on
    `create` and `write`. Enrollments, deliveries and outcomes are written many at
    once by statements; who does so says it here, and the rules are run as if the
    records had been written one by one.

    While the runner works, rules wait (`_later`): none of them runs between the
    moment a message is handed over and the moment its result is on disk. A rule
    that fails is undone, logged and reported; the campaign goes on.
    """

    _name = "reactivation.automation"
    _description = "Automation of Campaigns"

    # ---------------------------------------------------------------- questions

    @api.model
    def _is_watched(self, name):
        """:return: bool: some rule may hang on this model

        Odoo puts the methods of a model that has rules inside others; asking for
        that costs nothing.
        """
        if "base.automation" not in self.env:
            return False
        cls = self.env.registry[name]
        return hasattr(cls.create, "origin") or hasattr(cls.write, "origin")

    # ------------------------------------------------------------------ reports

    @api.model
    def _created(self, name, ids):
        """Records were created by a statement.

        :param str name: model
        :param ids: of the new records
        """
        ids = list(ids)
        if ids and self._is_watched(name):
            with self._later(at_once=True) as events:
                events.created.setdefault(name, {}).update(dict.fromkeys(ids))

    @api.model
    def _changed(self, name, old_values):
        """Records were changed by a statement.

        What is as it was before is left out, so it does no harm to name too many.

        :param str name: model
        :param dict old_values: {id: {field: value before, as a record gives it}}
        """
        if old_values and self._is_watched(name):
            with self._later(at_once=True) as events:
                events.add_changed(name, old_values)

    @api.model
    def _watch(self, records):
        """Keep the values of records that are about to change, within `_later`."""
        if records and self._is_watched(records._name):
            events = self.env.cr.cache.get(KEY)
            if events is not None:
                events.add_changed(records._name, self._values_of(records))

    @contextmanager
    def _watch_table(self, name, query):
        """Keep the values of many records on the server while statements change them.

        :param str name: model
        :param SQL query: gives their ids
        :return: context manager
        """
        if not self._is_watched(name):
            yield
            return
        model = self.env[name]
        names = self._field_names(model)
        table = SQL.identifier(model._table)
        execute = self.env.cr.execute
        before = SQL.identifier(f"reactivation_before_{secrets.token_hex(4)}")
        self.env.flush_all()
        execute(
            SQL(
                """CREATE TEMP TABLE %s ON COMMIT DROP AS
                   SELECT id, %s FROM %s AS saved WHERE id IN (%s)""",
                before,
                self._columns("saved", names),
                table,
                query,
            )
        )
        yield
        self.env.flush_all()
        rows = self.env.execute_query_dict(
            SQL(
                """SELECT before.* FROM %s AS before
                     JOIN %s AS saved ON saved.id = before.id
                    WHERE (%s) IS DISTINCT FROM (%s)""",
                before,
                table,
                self._columns("before", names),
                self._columns("saved", names),
            )
        )
        execute(SQL("DROP TABLE %s", before))
        self._changed(name, {row.pop("id"): self._as_read(model, row) for row in rows})

    @api.model
    def _columns(self, alias, names):
        return SQL(", ").join(SQL.identifier(alias, name) for name in names)

    @api.model
    def _as_read(self, model, row):
        """:return: dict: values of columns as records give them"""
        return {
            name: model._fields[name].convert_to_record(
                model._fields[name].convert_to_cache(value, model, validate=False),
                model,
            )
            for name, value in row.items()
        }

    @api.model
    def _field_names(self, model):
        """:return: names of the fields that have a column of their own"""
        return [
            name
            for name, field in model._fields.items()
            if field.store
            and field.column_type
            and not field.translate
            and not field.company_dependent
            and name not in UNWATCHED
        ]

    @api.model
    def _values_of(self, records):
        names = self._field_names(records)
        records = records.sudo().with_env(self.env(su=True))
        return {
            record.id: {name: record[name] for name in names}
            for record in records.exists()
        }

    # -------------------------------------------------------------------- later

    def _together(self):
        """Let rules wait until the end of the block, which is part of a larger piece
        of work: nothing is committed.

        :return: context manager
        """
        return self._later(at_once=True)

    @contextmanager
    def _later(self, at_once=False):
        """Let rules wait until the end of the block; a block inside it joins it.

        :param bool at_once: the records are part of a larger piece of work, which
            commits; otherwise what was done is committed before the rules run
        :return: context manager of what has happened
        """
        cache = self.env.cr.cache
        if KEY in cache:
            yield cache[KEY]
            return
        events = cache[KEY] = _Events()
        try:
            yield events
        except Exception:
            cache.pop(KEY, None)
            if events and not at_once:
                # What is on disk has happened all the same.
                rollback(self.env)
                self._fire(events)
                commit(self.env)
            raise
        finally:
            cache.pop(KEY, None)
        if events and at_once:
            self._fire(events)
        elif events:
            commit(self.env)
            self._fire(events)
            commit(self.env)

    @api.model
    def _fire(self, events):
        env = self.sudo().with_context(reactivation_deliveries=None).env
        env.flush_all()
        for name, found in events.created.items():
            records = env[name].browse(found).exists()
            for start in range(0, len(records), CHUNK):
                self._run_created(records[start : start + CHUNK])
        for name, old_values in events.changed.items():
            ids = list(old_values)
            for start in range(0, len(ids), CHUNK):
                records = env[name].browse(ids[start : start + CHUNK]).exists()
                self._run_changed(records, old_values)

    @api.model
    def _run_created(self, records):
        from odoo.addons.base_automation.models.base_automation import CREATE_TRIGGERS

        rules = records.env["base.automation"]._get_actions(records, CREATE_TRIGGERS)
        for rule in rules.with_context(old_values=None):
            records = records.with_env(rule.env)
            self._apply(
                rule,
                records,
                lambda rule=rule, records=records: rule._process(
                    rule._filter_post(records, feedback=True)
                ),
            )

    @api.model
    def _run_changed(self, records, old_values):
        from odoo.addons.base_automation.models.base_automation import WRITE_TRIGGERS

        old_values = {
            record.id: old_values[record.id]
            for record in records
            if any(
                record[name] != value for name, value in old_values[record.id].items()
            )
        }
        records = records.browse(old_values)
        if not records:
            return
        rules = records.env["base.automation"]._get_actions(records, WRITE_TRIGGERS)
        for rule in rules:
            self._apply(
                rule,
                records,
                lambda rule=rule: self._process_changed(rule, records, old_values),
            )

    @api.model
    def _process_changed(self, rule, records, old_values):
        records = records.with_env(rule.env)
        before = self._filter_before(rule, records, old_values)
        rule = rule.with_context(old_values=old_values)
        after, domain = rule._filter_post_export_domain(
            before.with_env(rule.env), feedback=True
        )
        rule._process(after, domain_post=domain)

    @api.model
    def _filter_before(self, rule, records, old_values):
        """:return: those that met the condition *before the update*"""
        if not rule.sudo().filter_pre_domain:
            return records
        # The condition reads the records as they were.
        records.env.flush_all()
        for record in records:
            for name, value in old_values[record.id].items():
                field = record._fields[name]
                cached = field.convert_to_cache(value, record, validate=False)
                field._update_cache(record, cached)
        try:
            return rule._filter_pre(records)
        finally:
            records.invalidate_recordset(flush=False)

    # ----------------------------------------------------------------- failures

    @api.model
    def _apply(self, rule, records, function):
        """Run one rule. If it fails, only what itself did is undone."""
        # The rule may delete what it is about: ask before.
        campaigns = records.campaign_id
        try:
            with self.env.cr.savepoint():
                function()
                self.env.flush_all()
        except Exception as error:  # noqa: BLE001 - a rule is anybody's code
            # The text of the error may name a patient.
            _logger.warning(
                "Automation rule %s failed on %s records of %s: %s",
                rule.id,
                len(records),
                records._name,
                type(error).__name__,
            )
            self._alert(rule, campaigns.exists(), error)

    @api.model
    def _alert(self, rule, campaigns, error):
        for campaign in campaigns:
            # A handful, and only when a rule fails.
            campaign = campaign._for_caretaker()
            env = campaign.env
            said = str(error) if isinstance(error, UserError) else ""
            campaign._alert(
                env._(
                    "The automation rule “%(name)s” fails",
                    name=rule.sudo().with_env(env).name,
                ),
                env._(
                    "The campaign goes on without it. Correct the rule or switch it "
                    "off (Settings, Technical, Automation Rules). %(details)s",
                    details=said,
                ),
            )

    # --------------------------------------------------------------------- hook

    def _register_hook(self):
        """While rules wait, Odoo's own way to them only takes notes."""
        super()._register_hook()
        if "base.automation" not in self.env:
            return
        cls = self.env.registry["base.automation"]
        if hasattr(cls._get_actions, "reactivation_origin"):
            return

        def _get_actions(self, records, triggers):
            events = self.env.cr.cache.get(KEY)
            if (
                events is not None
                and records._name in WATCHED
                and "on_create_or_write" in triggers
            ):
                # Before a write; a new record is not there yet.
                self.env["reactivation.automation"]._watch(records)
                return self.browse()
            return _get_actions.reactivation_origin(self, records, triggers)

        _get_actions.reactivation_origin = cls._get_actions
        cls._get_actions = _get_actions


class _Events:
    """What happened to records, until the rules may see it."""

    def __init__(self):
        self.created = {}
        self.changed = {}

    def __bool__(self):
        return bool(self.created or self.changed)

    def add_changed(self, name, old_values):
        """Of several changes of one record, the values before the first count."""
        known = self.changed.setdefault(name, {})
        for res_id, values in old_values.items():
            mine = known.setdefault(res_id, {})
            for field, value in values.items():
                mine.setdefault(field, value)
