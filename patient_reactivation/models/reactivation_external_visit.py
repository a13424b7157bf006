from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.spreadsheets import neutral_rows

IMPORT_FIELDS = (
    "company_id",
    "reference",
    "patient_ref",
    "partner_id",
    "date",
    "state",
    "practitioner_id",
    "amount",
)


class ReactivationExternalVisit(models.Model):
    """A visit kept in another system and imported from a file.

    (company, reference) is the identity of a row: importing the same file again
    updates, and never doubles.
    """

    _name = "reactivation.external.visit"
    _description = "Imported Visit"
    _order = "date desc, id desc"
    _rec_name = "reference"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    reference = fields.Char(
        required=True,
        copy=False,
        help="The number of the visit in the other system. Importing it again "
        "updates this visit.",
    )
    patient_ref = fields.Char(
        string="Patient Number",
        help="The patient's number in the other system: the Reference of the "
        "contact. It finds the contact when the file names no contact.",
    )
    # A visit outlives the contact, without a name: the clinic's totals stay right.
    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        index="btree_not_null",
        ondelete="set null",
    )
    date = fields.Datetime(required=True, index=True)
    state = fields.Selection(
        [
            ("done", "Took Place"),
            ("planned", "Planned"),
            ("missed", "Missed"),
            ("canceled", "Canceled"),
        ],
        string="Status",
        required=True,
        default="done",
    )
    practitioner_id = fields.Many2one("res.partner", ondelete="set null")
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount = fields.Monetary()

    _reference_uniq = models.Constraint(
        "UNIQUE(company_id, reference)",
        "This company already has a visit with this reference.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        # First of all: who may not create is told nothing about patients.
        self.check_access("create")
        self._resolve_patients(vals_list)
        for vals in vals_list:
            if not vals.get("partner_id"):
                raise UserError(
                    self.env._(
                        "Visit “%s” names no patient. Fill in the patient or the "
                        "patient number.",
                        vals.get("reference") or "",
                    )
                )
        return super().create(vals_list)

    def write(self, vals):
        if vals.get("patient_ref") and "partner_id" not in vals:
            vals = dict(vals)
            self._resolve_patients([vals])
        return super().write(vals)

    # ------------------------------------------------------------------- import

    @api.model
    def get_import_templates(self):
        return [
            {
                "label": self.env._("Import Template for Visits"),
                "template": "/patient_reactivation/static/csv/visits.csv",
            }
        ]

    def _load_records(self, data_list, update=False):
        """Match the rows of a file with what is already here, by reference.

        Of several rows with one reference the last one counts, as if the file
        had been imported row by row.
        """
        self._resolve_patients([data["values"] for data in data_list])
        known = self._find_by_reference([data["values"] for data in data_list])
        latest, order = {}, []
        for data in data_list:
            values = data["values"]
            key = self._import_key(values)
            order.append(key)
            if data.get("xml_id") or values.get("id") or not key[1]:
                latest[len(order), data.get("xml_id") or values.get("id")] = data
                order[-1] = (len(order), data.get("xml_id") or values.get("id"))
                continue
            if key in known:
                values["id"] = known[key]
            if key in latest:
                values = {**latest[key]["values"], **values}
            latest[key] = {**data, "values": values}
        super()._load_records(list(latest.values()), update)
        return self.browse(latest[key]["record"].id for key in order)

    def _import_key(self, values):
        reference = (values.get("reference") or "").strip()
        if reference:
            values["reference"] = reference
        return (values.get("company_id") or self.env.company.id, reference)

    def _find_by_reference(self, vals_list):
        """:return: {(company id, reference): id} of the rows already here"""
        keys = [self._import_key(values) for values in vals_list]
        visits = self.search_fetch(
            Domain("company_id", "in", list({key[0] for key in keys}))
            & Domain("reference", "in", list({key[1] for key in keys})),
            list(IMPORT_FIELDS),
        )
        return {(visit.company_id.id, visit.reference): visit.id for visit in visits}

    def _load_records_write(self, values):
        """Write only what the file changes: importing it again touches nothing."""
        convert = self._convert_to_write
        current = convert({name: self[name] for name in values if name != "id"})
        changed = {
            name: value
            for name, value in convert(values).items()
            if name != "id" and current.get(name) != value
        }
        return super()._load_records_write(changed) if changed else None

    def _resolve_patients(self, vals_list):
        """Fill in the contact of values that name only a patient number.

        :raise UserError: naming the number nobody or several people have
        """
        wanted = [
            values
            for values in vals_list
            if values.get("patient_ref") and not values.get("partner_id")
        ]
        if not wanted:
            return
        references = {values["patient_ref"].strip() for values in wanted}
        found = {}
        for reference, company, partners in (
            self.env["res.partner"]
            .with_context(active_test=False)
            ._read_group(
                [("ref", "in", list(references))],
                ["ref", "company_id"],
                ["id:recordset"],
            )
        ):
            found.setdefault(reference, {})[company.id] = partners
        for values in wanted:
            values["patient_ref"] = values["patient_ref"].strip()
            values["partner_id"] = self._pick_patient(values, found)

    def _pick_patient(self, values, found):
        """The contact with a number: of the visit's company first, then shared."""
        reference = values["patient_ref"]
        by_company = found.get(reference, {})
        company_id = values.get("company_id") or self.env.company.id
        partners = by_company.get(company_id) or by_company.get(False)
        if not partners:
            raise UserError(
                self.env._(
                    "No patient has the number “%s”. Import the patients first, with "
                    "this number as their Reference.",
                    reference,
                )
            )
        if len(partners) > 1:
            raise UserError(
                self.env._(
                    "%(count)s contacts have the patient number “%(number)s”. Merge "
                    "them or correct their Reference.",
                    count=len(partners),
                    number=reference,
                )
            )
        return partners.id

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
