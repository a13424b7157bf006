import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.spreadsheets import neutral_rows
from ..tools.transaction import begin_read_committed

_logger = logging.getLogger(__name__)

# One refresh at a time in a database: the second finds nothing left to do.
REFRESH_LOCK = 7_251_903

PATTERNS = [("single", "Single Visit"), ("repeat", "Repeat Visits")]

STATUSES = [
    ("active", "Active"),
    ("booked", "Booked"),
    ("lapsed", "Lapsed"),
    ("excluded", "Excluded"),
]

EXCLUSIONS = [
    ("deceased", "Deceased"),
    ("archived", "Archived contact"),
    ("not_patient", "Not a patient"),
    ("staff", "Member of staff"),
    ("other_company", "Contact of another company"),
    ("reason", "Reason says do not reactivate"),
]

# How the clinic learned why a patient stays away.
REASON_SOURCES = [
    ("survey", "Survey"),
    ("staff", "Told to staff"),
    ("detected", "Found in the data"),
    ("import", "Imported"),
]

# What an answer to “would you recommend us” counts as, see `tools.nps`.
NPS_KINDS = [
    ("promoter", "Promoter"),
    ("passive", "Passive"),
    ("detractor", "Detractor"),
]

# Memory of one sort or hash table of the pass over all patients.
FULL_PASS_MEGABYTES = 128

# What a day was, above the 32 bits of its practitioner.
MARK_MISSED = 1 << 32
MARK_DONE = 2 << 32

FACT_COMPANY = SQL("fact.company_id")

# Facts the refresh writes, in the order of the temporary table.
FACTS = (
    "first_visit_date",
    "last_visit_date",
    "next_visit_date",
    "visit_count",
    "missed_visit_count",
    "last_practitioner_id",
    "visit_pattern",
    "status",
    "exclusion",
    "tier_id",
)


class ReactivationPatient(models.Model):
    """One patient at one company: facts of the visits, kept by `_refresh`.

    A table of its own and not columns on `res.partner`: the facts differ per
    company, and nightly updates must not collide with users who edit contacts.
    """

    _name = "reactivation.patient"
    _description = "Patient"
    _order = "last_visit_date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    first_visit_date = fields.Date(string="First Visit", readonly=True)
    last_visit_date = fields.Date(string="Last Visit", readonly=True)
    next_visit_date = fields.Datetime(string="Next Visit", readonly=True)
    visit_count = fields.Integer(string="Visits", readonly=True)
    missed_visit_count = fields.Integer(string="Missed Visits", readonly=True)
    last_practitioner_id = fields.Many2one(
        "res.partner",
        string="Last Practitioner",
        readonly=True,
        ondelete="set null",
    )
    visit_pattern = fields.Selection(
        PATTERNS,
        readonly=True,
        help="Came once and stayed away, or came more often.",
    )
    status = fields.Selection(
        STATUSES, readonly=True, default="active", required=True, group_expand=True
    )
    exclusion = fields.Selection(
        EXCLUSIONS, string="Why Excluded", readonly=True, index="btree_not_null"
    )
    tier_id = fields.Many2one(
        "reactivation.tier",
        string="Tier",
        readonly=True,
        ondelete="set null",
        group_expand="_group_expand_tier_id",
    )
    reason_id = fields.Many2one(
        "reactivation.reason", string="Reason for Lapse", ondelete="set null"
    )
    reason_color = fields.Integer(related="reason_id.color")
    reason_source = fields.Selection(
        REASON_SOURCES, string="Reason Known From", readonly=True
    )
    reason_on = fields.Datetime(string="Reason Known Since", readonly=True)
    reason_pending = fields.Boolean(
        readonly=True, help="What follows from the reason is still to be begun."
    )
    nps = fields.Integer(
        string="Would Recommend (0–10)", readonly=True, aggregator=None
    )
    nps_kind = fields.Selection(
        NPS_KINDS,
        string="Recommendation",
        readonly=True,
        help="The last answer to whether they would recommend the clinic.",
    )
    nps_on = fields.Datetime(string="Asked for a Recommendation On", readonly=True)
    inactivity_days = fields.Integer(
        compute="_compute_inactivity_days",
        search="_search_inactivity_days",
        string="Days Inactive",
        aggregator=None,
    )
    email = fields.Char(related="partner_id.email")
    phone = fields.Char(related="partner_id.phone")
    preferred_channel = fields.Selection(related="partner_id.preferred_channel")
    image_128 = fields.Image(related="partner_id.image_128")
    avatar_128 = fields.Image(related="partner_id.avatar_128")

    _partner_company_uniq = models.Constraint(
        "UNIQUE(partner_id, company_id)", "This contact is a patient already."
    )
    _audience_idx = models.Index("(company_id, status, tier_id)")
    _reason_pending_idx = models.Index("(id) WHERE reason_pending")
    _next_visit_idx = models.Index(
        "(next_visit_date) WHERE next_visit_date IS NOT NULL"
    )

    # ------------------------------------------------------------------ compute

    @api.depends("last_visit_date", "company_id")
    def _compute_inactivity_days(self):
        today = {company: company._reactivation_today() for company in self.company_id}
        for patient in self:
            last = patient.last_visit_date
            patient.inactivity_days = (
                (today[patient.company_id] - last).days if last else 0
            )

    @api.model
    def _search_inactivity_days(self, operator, value):
        """Inactivity of n days is a last visit n days before today."""
        flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "in": "in"}
        if operator not in flipped:
            return NotImplemented
        today = self.env.company._reactivation_today()
        if operator == "in":
            days = [today - timedelta(days=int(item)) for item in value if item]
            domain = Domain("last_visit_date", "in", days)
            if not all(value):
                domain |= Domain("last_visit_date", "in", [today, False])
            return domain
        return Domain("last_visit_date", "!=", False) & Domain(
            "last_visit_date", flipped[operator], today - timedelta(days=value)
        )

    @api.model
    def _group_expand_tier_id(self, tiers, domain):
        """Show the tiers of the current company, empty ones too."""
        own = tiers.search([("company_id", "=", self.env.company.id)])
        return tiers | (own or tiers.search([("company_id", "=", False)]))

    # ------------------------------------------------------------------ actions

    def write(self, vals):
        if not self.env.su and set(vals) - {"reason_id", "payer_class"}:
            raise UserError(
                self.env._(
                    "These facts are read from the visits. Only the reason and the "
                    "payer can be set."
                )
            )
        if "reason_id" in vals:
            vals = {**vals, **self._reason_values(vals["reason_id"])}
        result = super().write(vals)
        if "reason_id" in vals:
            # The reason may exclude: the status must follow at once.
            self.flush_recordset()
            self.sudo()._refresh(self.partner_id.ids)
            cron = self.env.ref(
                "patient_reactivation.ir_cron_routes", raise_if_not_found=False
            )
            if vals["reason_pending"] and cron:
                # What follows from it is begun in a moment, and not in this form.
                cron.sudo()._trigger()
        return result

    def _reason_values(self, reason_id):
        """:return: dict: what is kept about a reason that is written. One that comes
        with an imported file is known since long: nothing follows from it by itself."""
        source = self.env.context.get("reactivation_reason_source", "staff")
        if self.env.context.get("import_file"):
            source = "import"
        return {
            "reason_source": source if reason_id else False,
            "reason_on": fields.Datetime.now() if reason_id else False,
            "reason_pending": bool(reason_id) and source != "import",
        }

    @api.model
    def _detect_reasons(self):
        """Reasons that the data tell: coverage that has ended, of patients who stay
        away. Noted once for each end; what is known from elsewhere stays.

        Coverage that was over when a file told us is noted as imported, and nothing
        follows from it by itself.

        :return: the patients whose reason was found
        """
        reason = self.env["reactivation.reason"].search(
            [("code", "=", "coverage_lost")]
        )
        if not reason:
            return self.browse()
        patients = self._without_coverage()
        found = patients.filtered(lambda item: not item.reason_id)
        old = found.filtered(
            lambda item: (
                item.partner_id.coverage_end_imported == item.partner_id.coverage_ends
            )
        )
        old._set_reason(reason, "import")
        (found - old)._set_reason(reason, "detected")
        for day, partners in patients.partner_id.grouped("coverage_ends").items():
            # Few days: what ended since the last look.
            partners.coverage_end_noted = day
        return found

    @api.model
    def _without_coverage(self):
        """:return: the lapsed patients whose coverage has ended, by the clinic's
        calendar, and of whom that is not noted yet"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT patient.id FROM res_partner partner
                     JOIN reactivation_patient patient
                       ON patient.partner_id = partner.id
                    WHERE partner.coverage_ends < %s
                      AND partner.coverage_ends
                          IS DISTINCT FROM partner.coverage_end_noted
                      AND patient.status = 'lapsed'""",
                self._per_company_sql(
                    lambda company: SQL("%s::date", company._reactivation_today()),
                    SQL("NULL::date"),
                    SQL("patient.company_id"),
                ),
            )
        )
        return self.sudo().browse(row[0] for row in rows)

    def _set_reason(self, reason, source):
        """Note why patients stay away, and how the clinic knows.

        :param str source: a code of `REASON_SOURCES`
        """
        if self:
            self.with_context(reactivation_reason_source=source).write(
                {"reason_id": reason.id}
            )

    def _keeps_reason(self, given):
        """:param given: a reason that the patient gave in a survey
        :return: bool: it does not take the place of the one that is known. Who is not
            to be asked to come back stays so; and “unknown” tells nothing new."""
        self.ensure_one()
        known = self.reason_id
        suppressed = known.excludes and not given.excludes
        return bool(known) and (suppressed or given.code == "unknown")

    def _ask_about_reason(self, given):
        """Let somebody look at patients whose reason says not to ask them, and who gave
        another one."""
        if given.code == "unknown":
            return
        for company, patients in self.grouped("company_id").items():
            # One clinic, nearly always.
            user = company._reactivation_follow_up_user()
            texts = patients.with_context(lang=user.lang or self.env.lang)
            todo = self.env.ref("mail.mail_activity_data_todo")
            self.env["mail.activity"].sudo().with_context(
                mail_activity_quick_update=True
            ).create(
                [
                    {
                        "res_model_id": self.env["ir.model"]._get_id("res.partner"),
                        "res_id": patient.partner_id.id,
                        "activity_type_id": todo.id,
                        "user_id": user.id,
                        "date_deadline": company._reactivation_today(),
                        "summary": patient.env._("Check the reason"),
                        "note": patient.env._(
                            "In the survey the patient answered “%(given)s”. The "
                            "reason on the patient is “%(known)s”, after which nobody "
                            "is asked to come back: it was kept. Change it if the "
                            "answer is right.",
                            given=given.with_env(patient.env).name,
                            known=patient.reason_id.name,
                        ),
                    }
                    for patient in texts
                ]
            )

    def action_open_visits(self):
        self.ensure_one()
        return self.partner_id.action_open_reactivation_visits()

    def action_open_enrollments(self):
        self.ensure_one()
        return self.partner_id.action_open_reactivation_enrollments()

    def action_open_consents(self):
        self.ensure_one()
        return self.partner_id.action_open_reactivation_consents()

    def action_open_coupons(self):
        self.ensure_one()
        return self.partner_id.action_open_reactivation_coupons()

    def action_redeem_coupon(self):
        self.ensure_one()
        return self.partner_id.action_redeem_reactivation_coupon()

    def action_give_coupon(self):
        self.ensure_one()
        return self.partner_id.action_give_reactivation_coupon()

    def action_record_objection(self):
        self.ensure_one()
        return self.partner_id.action_record_objection()

    def action_open_partner(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "views": [(False, "form")],
        }

    def action_refresh(self):
        """Read the visits of these patients again, on the user's request."""
        self.check_access("write")
        self.sudo()._refresh(self.partner_id.ids)

    # ------------------------------------------------------------------ refresh

    @api.model
    def _ensure(self, partners, company):
        """Make rows for contacts that a user marks as patients."""
        known = self.sudo().search([("partner_id", "in", partners.ids)]).partner_id
        self.sudo().create(
            [
                {
                    "partner_id": partner.id,
                    "company_id": (partner.company_id or company).id,
                }
                for partner in partners - known
            ]
        )
        self.sudo()._refresh(partners.ids)

    @api.model
    def _refresh(self, partner_ids=None, moment=None):
        """Bring the patients up to date with the visits, set-based.

        :param list partner_ids: contacts to look at; None for all of them
        :param datetime moment: what counts as now (UTC)
        :return: (inserted, updated, deleted) numbers of rows
        """
        self.env.flush_all()
        moment = moment or fields.Datetime.now()
        restrict = None
        if partner_ids is not None:
            if not partner_ids:
                return (0, 0, 0)
            restrict = SQL("SELECT unnest(%s::int[])", list(partner_ids))
        return self._refresh_from(restrict, moment)

    @api.model
    def _refresh_from(self, restrict, moment):
        """`_refresh` for the partners of a subquery (SQL), None for all."""
        cr = self.env.cr
        if restrict is None:
            self._allow_memory()
        cr.execute("DROP TABLE IF EXISTS reactivation_fresh")
        # CREATE TABLE AS may use parallel workers, INSERT and UPDATE may not.
        cr.execute(
            SQL(
                "CREATE TEMP TABLE reactivation_fresh ON COMMIT DROP AS %s",
                self._facts_sql(restrict, moment),
            )
        )
        cr.execute("ANALYZE reactivation_fresh")
        counts = self._write_facts(restrict)
        cr.execute("DROP TABLE reactivation_fresh")
        self.invalidate_model(FACTS)
        self.env["res.partner"].invalidate_model(
            self.env["res.partner"]._REACTIVATION_FACTS
        )
        return counts

    @api.model
    def _allow_memory(self):
        """Let this transaction group millions of days in memory instead of on disk.
        Memory is taken as needed only; an administrator may have allowed more."""
        self.env.cr.execute(
            """SELECT set_config('work_mem', %(megabytes)s || 'MB', TRUE)
                 FROM pg_settings
                WHERE name = 'work_mem' AND setting::bigint < %(megabytes)s * 1024""",
            {"megabytes": FULL_PASS_MEGABYTES},
        )

    def _facts_sql(self, restrict, moment):
        """SELECT of one row per patient and company whose facts differ from the
        stored ones: the fresh facts, `known_id` (NULL: not stored yet), `gone`.

        Each OFFSET 0 keeps the planner from writing an expression out once more
        wherever its column is used.
        """
        names = [SQL.identifier(name) for name in FACTS]
        known = SQL("TRUE")
        if restrict is not None:
            known = SQL("known.partner_id IN (%s)", restrict)
        return SQL(
            """
            WITH fact AS (%(visits)s), joined AS (
                SELECT COALESCE(fact.partner_id, known.partner_id) AS partner_id,
                       COALESCE(fact.company_id, known.company_id) AS company_id,
                       fact.partner_id IS NULL AS without_visit,
                       fact.first_visit_date, fact.last_visit_date,
                       fact.next_visit_date,
                       COALESCE(fact.visit_count, 0) AS visit_count,
                       COALESCE(fact.missed_visit_count, 0) AS missed_visit_count,
                       (fact.practitioner & 4294967295)::int AS last_practitioner_id,
                       CASE WHEN fact.visit_count = 1 THEN 'single'
                            WHEN fact.visit_count > 1 THEN 'repeat' END::varchar
                           AS visit_pattern,
                       known.id AS known_id, known.reason_id, %(known_facts)s
                  FROM fact
                  FULL JOIN (SELECT * FROM reactivation_patient known
                              WHERE %(known)s) AS known
                         ON known.partner_id = fact.partner_id
                        AND known.company_id = fact.company_id
            ), excluded AS (
                SELECT fact.*, %(exclusion)s AS exclusion,
                       fact.without_visit AND fact.reason_id IS NULL
                           AND partner.patient_mark IS DISTINCT FROM 'patient' AS gone
                  FROM joined AS fact
                  JOIN res_partner partner ON partner.id = fact.partner_id
             LEFT JOIN reactivation_reason reason ON reason.id = fact.reason_id
                OFFSET 0
            ), fresh AS (
                SELECT fact.*, %(status)s AS status, %(tier)s AS tier_id
                  FROM excluded AS fact
                OFFSET 0
            )
            SELECT partner_id, company_id, %(facts)s, known_id, gone
              FROM fresh
             WHERE gone OR known_id IS NULL
                OR (%(facts)s) IS DISTINCT FROM (%(stored)s)
            """,
            visits=self._visit_facts_sql(restrict, moment),
            known=known,
            facts=SQL(", ").join(names),
            stored=SQL(", ").join(SQL.identifier(f"known_{name}") for name in FACTS),
            known_facts=SQL(", ").join(
                SQL("known.%s AS %s", name, SQL.identifier(f"known_{text}"))
                for name, text in zip(names, FACTS, strict=True)
            ),
            status=self._status_sql(moment),
            exclusion=self._exclusion_sql(moment),
            tier=self._tier_sql(moment),
        )

    def _visit_facts_sql(self, restrict, moment):
        """SELECT of what the visits tell about each patient at each company.

        Several rows of one calendar day are one visit; a day with an attended
        and a missed row is an attended one. What a day or a patient needs of its
        rows is packed into a number whose maximum is the answer, which is cheaper
        than a sort or than one counter for each: MARK_DONE or MARK_MISSED and
        below it the practitioner; in the last one the day above the practitioner.
        """
        return SQL(
            """
            SELECT partner_id, company_id,
                   min(day) FILTER (WHERE mark >= %(done)s) AS first_visit_date,
                   max(day) FILTER (WHERE mark >= %(done)s) AS last_visit_date,
                   min(planned) AS next_visit_date,
                   count(*) FILTER (WHERE mark >= %(done)s)::int AS visit_count,
                   count(*) FILTER (WHERE mark = %(missed)s)::int
                       AS missed_visit_count,
                   max(((day - DATE '1970-01-01')::bigint << 32) + mark - %(done)s)
                       FILTER (WHERE mark > %(done)s) AS practitioner
              FROM (SELECT partner_id, company_id, day, max(mark) AS mark,
                           min(date) FILTER (WHERE state = 'planned') AS planned
                      FROM (SELECT partner_id, company_id, day, date, state,
                                   CASE state
                                       WHEN 'done' THEN
                                           %(done)s + COALESCE(practitioner_id, 0)
                                       WHEN 'missed' THEN %(missed)s
                                   END AS mark
                              FROM (%(union)s) AS visit) AS visit
                  GROUP BY partner_id, company_id, day) AS day
          GROUP BY partner_id, company_id
            """,
            union=self.env["reactivation.visit.source"]._union_sql(restrict, moment),
            done=MARK_DONE,
            missed=MARK_MISSED,
        )

    def _per_company_sql(self, make, default, company_sql=FACT_COMPANY):
        """CASE over the companies; `make(company)` gives the SQL of each."""
        companies = self.env["res.company"].sudo().search([])
        return SQL(
            "CASE %s %s ELSE %s END",
            company_sql,
            SQL(" ").join(
                SQL("WHEN %s THEN %s", company.id, make(company))
                for company in companies
            ),
            default,
        )

    def _exclusion_sql(self, moment):
        today = self._per_company_sql(
            lambda company: SQL("%s::date", company._reactivation_today(moment)),
            SQL("%s::date", moment.date()),
        )
        return SQL(
            """CASE
                WHEN partner.deceased_date <= %(today)s THEN 'deceased'
                WHEN partner.patient_mark = 'not_patient' THEN 'not_patient'
                WHEN NOT partner.active THEN 'archived'
                WHEN partner.patient_mark IS DISTINCT FROM 'patient'
                     AND partner.id IN (SELECT partner_id FROM res_users
                                         WHERE NOT COALESCE(share, FALSE))
                    THEN 'staff'
                WHEN partner.company_id <> fact.company_id THEN 'other_company'
                WHEN reason.excludes THEN 'reason'
            END::varchar""",
            today=today,
        )

    def _status_sql(self, moment):
        lapsed = self._per_company_sql(
            lambda company: SQL(
                "fact.last_visit_date <= %s", company._reactivation_lapse_date(moment)
            ),
            SQL("FALSE"),
        )
        return SQL(
            """CASE
                WHEN fact.exclusion IS NOT NULL THEN 'excluded'
                WHEN fact.next_visit_date IS NOT NULL THEN 'booked'
                WHEN %(lapsed)s THEN 'lapsed'
                ELSE 'active'
            END::varchar""",
            lapsed=lapsed,
        )

    def _tier_sql(self, moment):
        def bands(company):
            cases = SQL(" ").join(
                SQL(
                    "WHEN fact.last_visit_date <= %s AND %s THEN %s",
                    newest,
                    SQL("fact.last_visit_date > %s", oldest) if oldest else SQL("TRUE"),
                    tier_id,
                )
                for tier_id, oldest, newest in self.env["reactivation.tier"]._bands(
                    company, moment
                )
            )
            return SQL("CASE %s ELSE NULL END", cases) if cases.code else SQL("NULL")

        return SQL("(%s)::int", self._per_company_sql(bands, SQL("NULL")))

    def _write_facts(self, restrict):
        """Insert, update and delete what differs; nothing else is touched."""
        cr = self.env.cr
        names = [SQL.identifier(name) for name in FACTS]
        columns = SQL(", ").join(names)
        values = {"columns": columns, "uid": self.env.uid, "now": fields.Datetime.now()}
        cr.execute(
            SQL(
                """INSERT INTO reactivation_patient (
                       partner_id, company_id, %(columns)s,
                       create_uid, create_date, write_uid, write_date)
                   SELECT partner_id, company_id, %(columns)s,
                          %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM reactivation_fresh
                    WHERE known_id IS NULL AND NOT gone
              ON CONFLICT (partner_id, company_id) DO NOTHING""",
                **values,
            )
        )
        inserted = cr.rowcount
        cr.execute(
            SQL(
                """UPDATE reactivation_patient patient
                      SET (%(columns)s, write_date) = (%(fresh)s, %(now)s)
                     FROM reactivation_fresh fresh
                    WHERE fresh.known_id = patient.id AND NOT fresh.gone
                      AND (%(patient)s) IS DISTINCT FROM (%(fresh)s)""",
                fresh=SQL(", ").join(SQL("fresh.%s", name) for name in names),
                patient=SQL(", ").join(SQL("patient.%s", name) for name in names),
                **values,
            )
        )
        updated = cr.rowcount
        cr.execute(
            """DELETE FROM reactivation_patient patient
                USING reactivation_fresh fresh
                WHERE fresh.known_id = patient.id AND fresh.gone"""
        )
        return inserted, updated, cr.rowcount

    # --------------------------------------------------------------------- cron

    @api.model
    def _try_refresh_lock(self):
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", (REFRESH_LOCK,))
        return self.env.cr.fetchone()[0]

    @api.model
    def _cron_refresh_full(self):
        """Nightly: everything, which also notices deleted visits."""
        begin_read_committed(self.env)
        if not self._try_refresh_lock():
            _logger.info("A refresh is running already; this one is not needed.")
            return
        moment = fields.Datetime.now()
        counts = self._refresh_from(None, moment)
        self.env["reactivation.visit.source"]._set_watermark(moment)
        _logger.info("Full refresh: %s new, %s changed, %s gone.", *counts)

    @api.model
    def _cron_refresh_incremental(self):
        """Every few minutes: patients whose visits or contact changed."""
        begin_read_committed(self.env)
        if not self._try_refresh_lock():
            return
        moment = fields.Datetime.now()
        counts = self._refresh_changed(moment)
        self.env["reactivation.visit.source"]._set_watermark(moment)
        _logger.info("Incremental refresh: %s new, %s changed, %s gone.", *counts)

    @api.model
    def _refresh_changed(self, moment):
        """Refresh the patients that may have changed since the watermark."""
        self.env.flush_all()
        since = self.env["reactivation.visit.source"]._get_watermark()
        if since is None:
            return self._refresh_from(None, moment)
        cr = self.env.cr
        cr.execute("DROP TABLE IF EXISTS reactivation_changed")
        changed = self.env["reactivation.visit.source"]._changed_partners_sql(since)
        cr.execute(
            SQL(
                """CREATE TEMP TABLE reactivation_changed ON COMMIT DROP AS
                   SELECT partner_id FROM (%s) AS changed (partner_id)
                    WHERE partner_id IS NOT NULL
                    UNION
                   SELECT partner_id FROM reactivation_patient
                    WHERE next_visit_date <= %s
                    UNION
                   SELECT patient.partner_id FROM reactivation_patient patient
                     JOIN res_partner partner ON partner.id = patient.partner_id
                    WHERE partner.write_date >= %s""",
                changed or SQL("SELECT NULL::int"),
                moment,
                since,
            )
        )
        restrict = SQL("SELECT partner_id FROM reactivation_changed")
        if self._is_large_share(cr.rowcount):
            restrict = None
        cr.execute("ANALYZE reactivation_changed")
        counts = self._refresh_from(restrict, moment)
        cr.execute("DROP TABLE reactivation_changed")
        return counts

    def _is_large_share(self, count):
        """Are these so many patients that reading everything is faster?"""
        # The planner's estimate: exact counting takes as long as some refreshes.
        self.env.cr.execute(
            "SELECT reltuples FROM pg_class WHERE oid = %s::regclass", (self._table,)
        )
        return count > max(1000, self.env.cr.fetchone()[0] / 10)

    # ------------------------------------------------------------------- export

    def export_data(self, fields_to_export):
        self._check_export()
        return neutral_rows(super().export_data(fields_to_export))

    def _check_export(self):
        """Lists of patients leave the clinic by a manager's hand only."""
        if not self.env.user.has_group(
            "patient_reactivation.group_reactivation_manager"
        ):
            raise AccessError(
                self.env._("Only a manager may export patients. Ask one to do it.")
            )
