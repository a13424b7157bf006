from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from .reactivation_patient import PATTERNS, STATUSES

# Computed field of the contact -> column of the patient row it shows.
FACT_COLUMNS = {
    "first_visit_date": "first_visit_date",
    "last_visit_date": "last_visit_date",
    "next_visit_date": "next_visit_date",
    "visit_count": "visit_count",
    "missed_visit_count": "missed_visit_count",
    "visit_pattern": "visit_pattern",
    "patient_status": "status",
    "inactivity_tier_id": "tier_id",
    "lapse_reason_id": "reason_id",
    "inactivity_days": "inactivity_days",
}

# Who reads what a patient said, and who pays for them: nobody else by any way.
STAFF = "patient_reactivation.group_reactivation_user"

CHANNELS = [
    ("mail", "E-mail"),
    ("sms", "Text message"),
    ("call", "Phone call"),
    ("video", "Video call"),
    ("letter", "Letter"),
    ("social", "Social media"),
]


class ResPartner(models.Model):
    """A contact as a patient of the current company.

    The facts live in `reactivation.patient`, one row per company; here they can
    be shown, searched, sorted and grouped like fields of the contact.
    """

    _inherit = "res.partner"

    _REACTIVATION_FACTS = ("is_patient", *FACT_COLUMNS)

    patient_mark = fields.Selection(
        [("patient", "Patient"), ("not_patient", "Not a patient")],
        string="Counts as Patient",
        help="Empty: a contact with a visit is a patient. “Patient” also lists a "
        "contact who never came; “Not a patient” keeps suppliers and relatives out.",
    )
    birth_date = fields.Date(string="Date of Birth")
    deceased_date = fields.Date(
        help="A deceased patient is never contacted.",
    )
    guardian_id = fields.Many2one(
        "res.partner",
        string="Guardian",
        index="btree_not_null",
        ondelete="set null",
        help="Messages about a minor go to this contact.",
    )
    do_not_contact = fields.Boolean(
        help="The patient asked not to be asked back.",
    )
    preferred_channel = fields.Selection(CHANNELS)
    payer_class = fields.Selection(
        [
            ("federal", "Federal program (Medicare, Medicaid, TRICARE …)"),
            ("private", "Private insurance"),
            ("cash", "Pays in cash"),
            ("unknown", "Unknown"),
        ],
        default="unknown",
        help="Decides which offers are lawful. Unknown counts as federal.",
        groups=STAFF,
    )
    coverage_ends = fields.Date(
        string="Coverage Ended On",
        help="The last day of the patient's insurance or program, when it is known to "
        "end. After it the reason “Coverage lost” is noted by itself.",
        groups=STAFF,
    )
    coverage_end_noted = fields.Date(readonly=True, groups=STAFF)
    coverage_end_imported = fields.Date(
        readonly=True,
        groups=STAFF,
        help="It had ended already when a file told us: no news.",
    )
    payment_help = fields.Char(
        compute="_compute_payment_help", string="Payment Help", groups=STAFF
    )
    lapse_reason_text = fields.Char(
        compute="_compute_reactivation_texts", string="Known From", groups=STAFF
    )
    recommendation = fields.Char(
        compute="_compute_reactivation_texts", string="Would Recommend", groups=STAFF
    )
    reactivation_patient_ids = fields.One2many("reactivation.patient", "partner_id")
    payment_request_ids = fields.One2many(
        "reactivation.payment.request", "partner_id", string="Payment Help Requests"
    )
    reactivation_treated_ids = fields.One2many(
        "reactivation.patient",
        "last_practitioner_id",
        string="Patients Who Saw Them Last",
    )
    is_patient = fields.Boolean(
        compute="_compute_patient_facts", search="_search_is_patient"
    )
    first_visit_date = fields.Date(
        string="First Visit",
        compute="_compute_patient_facts",
        search="_search_first_visit_date",
    )
    last_visit_date = fields.Date(
        string="Last Visit",
        compute="_compute_patient_facts",
        search="_search_last_visit_date",
    )
    next_visit_date = fields.Datetime(
        string="Next Visit",
        compute="_compute_patient_facts",
        search="_search_next_visit_date",
    )
    visit_count = fields.Integer(
        string="Visits",
        compute="_compute_patient_facts",
        search="_search_visit_count",
    )
    missed_visit_count = fields.Integer(
        string="Missed Visits",
        compute="_compute_patient_facts",
        search="_search_missed_visit_count",
    )
    inactivity_days = fields.Integer(
        string="Days Inactive",
        compute="_compute_patient_facts",
        search="_search_inactivity_days",
    )
    visit_pattern = fields.Selection(
        PATTERNS,
        compute="_compute_patient_facts",
        search="_search_visit_pattern",
    )
    patient_status = fields.Selection(
        STATUSES,
        compute="_compute_patient_facts",
        search="_search_patient_status",
    )
    inactivity_tier_id = fields.Many2one(
        "reactivation.tier",
        compute="_compute_patient_facts",
        search="_search_inactivity_tier_id",
    )
    lapse_reason_id = fields.Many2one(
        "reactivation.reason",
        string="Reason for Lapse",
        compute="_compute_patient_facts",
        inverse="_inverse_lapse_reason_id",
        search="_search_lapse_reason_id",
    )

    # Who else lives at an address is asked for every batch of messages.
    _reactivation_email_idx = models.Index(
        "(email_normalized) WHERE email_normalized IS NOT NULL"
    )
    _reactivation_phone_idx = models.Index(
        "(phone_sanitized) WHERE phone_sanitized IS NOT NULL"
    )

    _coverage_idx = models.Index("(coverage_ends) WHERE coverage_ends IS NOT NULL")

    # ------------------------------------------------------------------ compute

    def _reactivation_row(self):
        """:return: {contact: its patient row at the current company}"""
        rows = self.env["reactivation.patient"].search(
            [("partner_id", "in", self.ids), ("company_id", "=", self.env.company.id)]
        )
        return {row.partner_id: row for row in rows}

    @api.depends_context("company")
    @api.depends(
        "reactivation_patient_ids",
        *(f"reactivation_patient_ids.{name}" for name in FACT_COLUMNS.values()),
    )
    def _compute_patient_facts(self):
        empty = self.env["reactivation.patient"]
        visible = empty.has_access("read")
        rows = self._reactivation_row() if visible else {}
        for partner in self:
            row = rows.get(partner._origin, empty)
            partner.is_patient = bool(row)
            for name, column in FACT_COLUMNS.items():
                partner[name] = row[column]

    def _inverse_lapse_reason_id(self):
        rows = self._reactivation_row()
        for reason, partners in self.grouped("lapse_reason_id").items():
            # One write per reason, which is one for every normal edit.
            self.env["reactivation.patient"].browse(
                rows[partner].id for partner in partners if partner in rows
            ).write({"reason_id": reason.id})

    @api.depends_context("lang")
    def _compute_contact_address(self):
        """The country has a name in each language; Odoo keeps that of the first
        reader, also for the others whose mails leave together with theirs."""
        return super()._compute_contact_address()

    @api.depends_context("lang")
    def _compute_contact_address_inline(self):
        return super()._compute_contact_address_inline()

    # ------------------------------------------------------------------- search

    def _search_patient_fact(self, column, operator, value):
        """Contacts whose patient row at the current company matches.

        “Not set” also finds contacts that are no patients of this company.
        """
        own = Domain("company_id", "=", self.env.company.id)
        # 0 equals False in Python, and is a number here.
        if operator == "in" and any(item is False for item in value):
            others = self._search_patient_fact(column, "not in", {False})
            domain = ~Domain(others)
            rest = [item for item in value if item is not False]
            if rest:
                domain |= Domain(self._search_patient_fact(column, "in", rest))
            return domain
        if operator == "not in" and any(item is not False for item in value):
            return NotImplemented
        return Domain(
            "reactivation_patient_ids",
            "any",
            own & Domain(column, operator, value),
        )

    def _search_is_patient(self, operator, value):
        if operator != "in":
            return NotImplemented
        domain = Domain(
            "reactivation_patient_ids",
            "any",
            [("company_id", "=", self.env.company.id)],
        )
        return Domain.OR([domain if item else ~domain for item in value])

    def _search_first_visit_date(self, operator, value):
        return self._search_patient_fact("first_visit_date", operator, value)

    def _search_last_visit_date(self, operator, value):
        return self._search_patient_fact("last_visit_date", operator, value)

    def _search_next_visit_date(self, operator, value):
        return self._search_patient_fact("next_visit_date", operator, value)

    def _search_visit_count(self, operator, value):
        return self._search_patient_fact("visit_count", operator, value)

    def _search_missed_visit_count(self, operator, value):
        return self._search_patient_fact("missed_visit_count", operator, value)

    def _search_inactivity_days(self, operator, value):
        return self._search_patient_fact("inactivity_days", operator, value)

    def _search_visit_pattern(self, operator, value):
        return self._search_patient_fact("visit_pattern", operator, value)

    def _search_patient_status(self, operator, value):
        return self._search_patient_fact("status", operator, value)

    def _search_inactivity_tier_id(self, operator, value):
        return self._search_patient_fact("tier_id", operator, value)

    def _search_lapse_reason_id(self, operator, value):
        return self._search_patient_fact("reason_id", operator, value)

    # ------------------------------------------------------------ sort and group

    def _field_to_sql(self, alias, field_expr, query=None):
        """Give the facts a column, so that contacts sort and group by them."""
        column = FACT_COLUMNS.get(field_expr)
        visible = self.env["reactivation.patient"].has_access("read")
        if not column or query is None or not visible:
            return super()._field_to_sql(alias, field_expr, query)
        row = query.make_alias(alias, "reactivation_patient")
        query.add_join(
            "LEFT JOIN",
            row,
            "reactivation_patient",
            SQL(
                "%s = %s AND %s = %s",
                SQL.identifier(row, "partner_id"),
                SQL.identifier(alias, "id"),
                SQL.identifier(row, "company_id"),
                self.env.company.id,
            ),
        )
        if column == "inactivity_days":
            return SQL(
                "(%s::date - %s)",
                self.env.company._reactivation_today(),
                SQL.identifier(row, "last_visit_date"),
            )
        field = self.env["reactivation.patient"]._fields[column]
        return SQL.identifier(row, column, to_flush=field)

    # --------------------------------------------------------------------- CRUD

    @api.model
    def _has_field_access(self, field, operation):
        """Whoever enters a contact writes the default of its payer, and reads none."""
        if field.name == "payer_class" and operation == "write":
            return True
        return super()._has_field_access(field, operation)

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._with_old_coverage(vals) for vals in vals_list]
        partners = super().create(vals_list)
        marked = partners.filtered(lambda partner: partner.patient_mark == "patient")
        if marked:
            self.env["reactivation.patient"]._ensure(marked, self.env.company)
        return partners

    def write(self, vals):
        vals = self._with_old_coverage(vals)
        result = super().write(vals)
        if vals.get("patient_mark") == "patient":
            self.env["reactivation.patient"]._ensure(self, self.env.company)
        if {"patient_mark", "deceased_date", "active", "company_id"} & set(vals):
            known = (
                self.env["reactivation.patient"]
                .sudo()
                .search([("partner_id", "in", self.ids)])
            )
            known._refresh(known.partner_id.ids)
        return result

    # ------------------------------------------------------------------- import

    @api.model
    def _with_old_coverage(self, vals):
        """:return: dict: the values; of a file also which coverage is over already"""
        day = fields.Date.to_date(vals.get("coverage_ends"))
        today = self.env.company._reactivation_today()
        if day and day < today and self.env.context.get("import_file"):
            return {**vals, "coverage_end_imported": day}
        return vals

    def _load_records(self, data_list, update=False):
        """Patients of a file are found again by their number.

        Only where the file (or the menu it was opened from) says that its rows
        are patients; any other import of contacts stays as it is.
        """
        default = self.env.context.get("default_patient_mark")
        numbered = {}
        for data in data_list:
            values = data["values"]
            if (
                values.get("ref")
                and not data.get("xml_id")
                and not values.get("id")
                and (values.get("patient_mark") or default) == "patient"
            ):
                numbered.setdefault(values["ref"], []).append(data)
        known = {}
        for partner in self.with_context(active_test=False).search_fetch(
            [
                ("ref", "in", list(numbered)),
                ("company_id", "in", [False, self.env.company.id]),
            ],
            ["ref"],
        ):
            known.setdefault(partner.ref, []).append(partner.id)
        for ref, ids in known.items():
            if len(ids) > 1:
                raise UserError(
                    self.env._(
                        "%(count)s contacts have the patient number “%(number)s”. "
                        "Merge them or correct their Reference.",
                        count=len(ids),
                        number=ref,
                    )
                )
            for data in numbered[ref]:
                data["values"]["id"] = ids[0]
        return super()._load_records(data_list, update)

    # ------------------------------------------------------------------ actions

    @api.model
    def get_import_templates(self):
        return [
            *super().get_import_templates(),
            {
                "label": self.env._("Import Template for Patients"),
                "template": "/patient_reactivation/static/csv/patients.csv",
            },
        ]

    def _reactivation_action(self, name):
        """:return: an action about this contact, for the staff only"""
        self.ensure_one()
        self.env["reactivation.patient"].check_access("read")
        return self.env["ir.actions.act_window"]._for_xml_id(
            f"patient_reactivation.{name}"
        )

    def action_open_reactivation_visits(self):
        action = self._reactivation_action("reactivation_visit_action")
        action["domain"] = [("partner_id", "=", self.id)]
        action["context"] = {}
        action["display_name"] = self.env._("Visits of %s", self.name)
        return action

    def action_open_reactivation_enrollments(self):
        action = self._reactivation_action("reactivation_enrollment_action")
        action["domain"] = [("partner_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_open_reactivation_consents(self):
        """What the patient allowed and withdrew, the latest word first."""
        action = self._reactivation_action("reactivation_consent_action")
        action["domain"] = [("partner_id", "=", self.id)]
        action["context"] = {"default_partner_id": self.id}
        action["display_name"] = self.env._("Consents of %s", self.name)
        return action

    def action_open_reactivation_coupons(self):
        """The coupons of the patient: those that may be used are offered first."""
        action = self._reactivation_action("reactivation_coupon_action")
        action["domain"] = [("partner_id", "=", self.id)]
        action["context"] = {"default_partner_id": self.id}
        action["display_name"] = self.env._("Coupons of %s", self.name)
        return action

    def action_redeem_reactivation_coupon(self):
        """Open the page of the desk for this patient."""
        self.ensure_one()
        self.env["reactivation.patient"].check_access("read")
        return self.env["reactivation.coupon"]._action_of_desk(partner_id=self.id)

    def action_give_reactivation_coupon(self):
        """Give the patient a coupon by hand."""
        action = self._reactivation_action("reactivation_coupon_give_action")
        action["context"] = {"default_partner_id": self.id}
        return action

    @api.depends_context("company", "lang")
    def _compute_reactivation_texts(self):
        """Where the reason is known from, and what was answered: of one clinic."""
        patients = self.env["reactivation.patient"]
        found = self._reactivation_row() if patients.has_access("read") else {}
        labels = dict(
            patients._fields["reason_source"]._description_selection(self.env)
        )
        for partner in self:
            row = found.get(partner._origin)
            partner.lapse_reason_text = partner.recommendation = False
            if row and row.reason_id and row.reason_on:
                partner.lapse_reason_text = self.env._(
                    "%(known)s, %(date)s",
                    known=labels.get(row.reason_source, ""),
                    date=format_date(self.env, row.reason_on),
                )
            if row and row.nps_kind:
                partner.recommendation = self.env._(
                    "%(number)s of 10, %(date)s",
                    number=row.nps,
                    date=format_date(self.env, row.nps_on),
                )

    @api.depends("payment_request_ids.state", "payment_request_ids.date_to")
    @api.depends_context("company", "lang")
    def _compute_payment_help(self):
        requests = self.env["reactivation.payment.request"]
        found = requests
        if requests.has_access("read"):
            found = requests.search(
                [
                    ("partner_id", "in", self._origin.ids),
                    ("company_id", "=", self.env.company.id),
                ],
                order="id",
            )
        latest = {request.partner_id.id: request for request in found}
        labels = dict(requests._fields["state"]._description_selection(self.env))
        for partner in self:
            request = latest.get(partner._origin.id)
            text = labels[request.state] if request else False
            if request and request.is_in_force:
                text = self.env._(
                    "Reduced prices until %s", format_date(self.env, request.date_to)
                )
            partner.payment_help = text

    @api.depends(
        "payment_request_ids.state",
        "payment_request_ids.date_from",
        "payment_request_ids.date_to",
        "payment_request_ids.pricelist_id",
    )
    def _compute_product_pricelist(self):
        """Also when a request for payment help is decided."""
        return super()._compute_product_pricelist()

    def action_payment_help(self):
        """Open the patient's request for payment help; a new one if there is none."""
        self.env["reactivation.payment.request"].check_access("read")
        self.check_access("read")
        self.ensure_one()
        requests = self.env["reactivation.payment.request"]
        request = requests._ask(self, self.env.company, "desk")[self]
        return {
            "type": "ir.actions.act_window",
            "res_model": requests._name,
            "res_id": request.id,
            "views": [(False, "form")],
        }

    def action_record_objection(self):
        """The patient said to staff what must not be sent any more."""
        action = self._reactivation_action("reactivation_objection_action")
        action["context"] = {"default_partner_id": self.id}
        return action
