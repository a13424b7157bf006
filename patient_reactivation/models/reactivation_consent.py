from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..tools.spreadsheets import neutral_rows

# What messages of a campaign can be. The order is from what is closest to the
# patient's care to what is furthest away from it.
PURPOSES = [
    ("care", "Care reminder"),
    ("service", "Service of the clinic"),
    ("offer", "Offer"),
]

# What a word of a patient can be about.
LEDGER_PURPOSES = [
    *PURPOSES,
    ("paid", "Message paid by a third party"),
    ("all", "Everything"),
]

# Purpose of a message -> purposes whose withdrawal covers it. Who wants no
# reminders about their care wants no offers either.
COVERED_BY = {
    "care": ("care", "all"),
    "service": ("care", "service", "all"),
    "offer": ("care", "service", "offer", "all"),
    "paid": ("care", "service", "offer", "paid", "all"),
    "all": ("all",),
}

# How the patient said so in person. Nothing else ends a withdrawal: what staff
# or an earlier system say about it does not.
OWN_WORD = ("form", "page", "reply")

# A number belongs to the person, whichever clinic of ours uses it: what was said
# to one of them counts at all of them.
SHARED_CHANNELS = ("sms", "call")

# For questions about a person, whatever their addresses.
NO_ADDRESSES = SQL("ARRAY[]::text[]")

# Addresses somebody said no about, and the lists of addresses of one person that are
# compared with them.
WITHDRAWN_ADDRESSES = SQL(
    """SELECT address FROM reactivation_consent
        WHERE state = 'withdrawn' AND address IS NOT NULL"""
)


class ReactivationConsent(models.Model):
    """Ledger of what patients allowed and withdrew. Rows are only ever added.

    A grant counts when it can be proven: with its date and its source. One
    without them is kept as it was recorded, and counts as no consent.
    """

    _name = "reactivation.consent"
    _description = "Consent"
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        "res.partner", string="Patient", required=True, index=True, ondelete="cascade"
    )
    patient_ref = fields.Char(
        string="Patient Number",
        store=False,
        help="In a file to import, instead of the patient's name.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    channel = fields.Selection(
        selection="_selection_channel", required=True, default="mail"
    )
    purpose = fields.Selection(LEDGER_PURPOSES, required=True, default="offer")
    state = fields.Selection(
        [("granted", "Granted"), ("withdrawn", "Withdrawn")],
        required=True,
        default="granted",
    )
    date = fields.Datetime(help="When the patient said so.")
    source = fields.Selection(
        [
            ("form", "Signed form"),
            ("page", "Web page"),
            ("reply", "Reply of the patient"),
            ("staff", "Told to staff"),
            ("import", "Earlier system"),
        ],
        help="How the patient said so. A withdrawal is ended only by what the "
        "patient signed, clicked or answered later.",
    )
    text = fields.Text(help="The words the patient agreed to.")
    address = fields.Char(
        help="The e-mail address or phone number this is about. A withdrawal covers "
        "everybody who shares it. Empty: the patient, on this channel."
    )
    valid_until = fields.Date(help="A grant does not count after this day.")
    user_id = fields.Many2one(
        "res.users",
        string="Recorded By",
        default=lambda self: self.env.user,
        readonly=True,
        ondelete="set null",
    )
    key = fields.Char(
        readonly=True,
        copy=False,
        help="What was noted with the same key is noted once.",
    )
    is_proven = fields.Boolean(
        compute="_compute_is_proven",
        store=True,
        string="Counts",
        help="A grant without a date and a source cannot be proven and does not "
        "count. A withdrawal always counts.",
    )

    _current_idx = models.Index(
        "(partner_id, company_id, channel, purpose, date DESC, id DESC)"
    )
    _withdrawn_idx = models.Index("(partner_id) WHERE state = 'withdrawn'")
    _withdrawn_address_idx = models.Index("(address) WHERE state = 'withdrawn'")
    _key_uniq = models.UniqueIndex(
        "(key) WHERE key IS NOT NULL", "This was noted already."
    )

    @api.model
    def _selection_channel(self):
        channels = self.env["res.partner"]._fields["preferred_channel"]
        return [
            *channels._description_selection(self.env),
            ("all", self.env._("Every channel")),
        ]

    @api.depends("state", "date", "source")
    def _compute_is_proven(self):
        for consent in self:
            consent.is_proven = consent.state == "withdrawn" or bool(
                consent.date and consent.source
            )

    @api.constrains("date")
    def _check_date_is_past(self):
        """A word from the future would outlast every word until then."""
        now = fields.Datetime.now()
        if self.filtered(lambda consent: consent.date and consent.date > now):
            raise ValidationError(
                self.env._("The date is in the future: nobody can have said so yet.")
            )

    # ---------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        # First of all: who may not create is told nothing about patients.
        self.check_access("create")
        self.env["reactivation.external.visit"]._resolve_patients(vals_list)
        for vals in vals_list:
            vals.pop("patient_ref", None)
            if not self.env.su:
                vals["user_id"] = self.env.uid
            if vals.get("state") == "withdrawn" and not vals.get("date"):
                # It counts from now on, and a later grant can be told from it.
                vals["date"] = fields.Datetime.now()
            if vals.get("address"):
                vals["address"] = self._normalize_address(
                    vals["address"],
                    self.env["res.partner"].browse(vals.get("partner_id")),
                    self.env["res.company"].browse(vals.get("company_id")),
                )
        return super().create(vals_list)

    def write(self, vals):
        allowed = {"partner_id", "is_proven"}
        if not self._is_erasure() and (not self.env.su or set(vals) - allowed):
            raise UserError(
                self.env._("Consents are never changed. Add a new one instead.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        if not self._is_erasure():
            raise UserError(
                self.env._("Consents are never deleted. Add a withdrawal instead.")
            )

    def _is_erasure(self):
        """A person's data is being erased, which only our own code can say."""
        return self.env.su and self.env.context.get("reactivation_erasure")

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))

    @api.model
    def get_import_templates(self):
        return [
            {
                "label": self.env._("Import Template for Consents"),
                "template": "/patient_reactivation/static/csv/consents.csv",
            }
        ]

    @api.model
    def _normalize_address(self, address, partner, company):
        """:return: an e-mail address or phone number as it is compared"""
        kind = "mail" if "@" in address else "phone"
        country = partner.sudo().country_id or company.sudo().country_id
        suppression = self.env["reactivation.suppression"]
        return suppression._normalize(kind, address, country)

    # --------------------------------------------------------------------- words

    @api.model
    def _withdraw(self, partner, company, channel, purpose, way, **words):
        """Note that a patient does not want something any more.

        :param str channel: name of a channel, or all
        :param str purpose: care, service, offer, paid, or all
        :param str way: form, page, reply, staff or import
        :param words: `address`, `text`, and `key`, with which it is noted once
        :return: the row of the ledger, new or not
        """
        return self._say("withdrawn", partner, company, channel, purpose, way, **words)

    @api.model
    def _grant(self, partner, company, channel, purpose, way, **words):
        """Note that a patient allowed something. See `_withdraw`.

        :param words: also `valid_until`
        """
        return self._say("granted", partner, company, channel, purpose, way, **words)

    @api.model
    def _say(
        self,
        state,
        partner,
        company,
        channel,
        purpose,
        way,
        *,
        address=False,
        text=False,
        key=False,
        valid_until=False,
    ):
        """Append a row; the same key at the same moment is still one row."""
        self.env.flush_all()
        if address:
            address = self._normalize_address(address, partner, company)
        cr = self.env.cr
        cr.execute(
            SQL(
                """INSERT INTO reactivation_consent (
                       partner_id, company_id, channel, purpose, state, date, source,
                       text, address, key, valid_until, user_id, is_proven,
                       create_uid, create_date, write_uid, write_date)
                   VALUES (
                       %(partner)s, %(company)s, %(channel)s, %(purpose)s, %(state)s,
                       %(now)s, %(way)s, %(text)s, %(address)s, %(key)s, %(until)s,
                       %(recorder)s, TRUE, %(uid)s, %(now)s, %(uid)s, %(now)s)
              ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING
                RETURNING id""",
                partner=partner.id,
                company=company.id,
                channel=channel,
                purpose=purpose,
                state=state,
                way=way,
                text=text or None,
                address=address or None,
                key=key or None,
                until=valid_until or None,
                # On a page or by a reply the patient recorded it.
                recorder=None if way in ("page", "reply") else self.env.uid,
                uid=self.env.uid,
                now=fields.Datetime.now(),
            ),
            # Of several requests at the same moment all but one fail here, and are
            # tried again by the server: no error, and addresses are not for logs.
            log_exceptions=False,
        )
        row = cr.fetchone()
        if not row:
            cr.execute(SQL("SELECT id FROM reactivation_consent WHERE key = %s", key))
            row = cr.fetchone()
        return self.browse(row[0])

    # ----------------------------------------------------------------- questions

    @api.model
    def _withdrawn_sql(
        self, company, channel, purpose, addresses_sql, person="recipient"
    ):
        """Did the patient, or anybody about one of these addresses, say no?

        A no is ended only by the later own word of who said it: a proven grant of
        this purpose, on this channel (or of everything, on every one).

        :param addresses_sql: SQL of an array of normalized addresses, may be NULL
        :param str person: alias of the `res_partner` that is asked about
        :return: SQL of a boolean
        """
        ended = SQL(
            """EXISTS (
                SELECT FROM reactivation_consent later
                 WHERE later.partner_id = word.partner_id
                   AND later.company_id IN (word.company_id, %(company)s)
                   AND later.channel IN (%(channel)s, 'all')
                   AND later.purpose IN (%(purpose)s, 'all')
                   AND later.state = 'granted' AND later.is_proven
                   AND later.source IN %(own_word)s
                   AND (later.date, later.id) > (word.date, word.id)
                   AND (later.valid_until IS NULL OR later.valid_until >= %(today)s)
                   AND (later.address IS NULL OR later.address = word.address
                        OR later.address = ANY(%(addresses)s)))""",
            company=company.id,
            channel=channel,
            purpose=purpose,
            own_word=OWN_WORD,
            today=company._reactivation_today(),
            addresses=addresses_sql,
        )
        said = SQL(
            """SELECT FROM reactivation_consent word
                WHERE word.state = 'withdrawn' AND word.channel IN (%s, 'all')
                  AND word.purpose IN %s AND %s AND NOT %s""",
            channel,
            COVERED_BY[purpose],
            SQL("TRUE")
            if channel in SHARED_CHANNELS
            else SQL("word.company_id = %s", company.id),
            ended,
        )
        # Two lookups, each by an index of its own.
        by_person = SQL(
            "EXISTS (%s AND word.partner_id = %s)", said, SQL.identifier(person, "id")
        )
        by_address = SQL("EXISTS (%s AND word.address = ANY(%s))", said, addresses_sql)
        crowd = self.env.context.get("reactivation_crowd")
        if crowd:
            # Hardly anybody said no: who did is read once, and only they are asked.
            by_person = SQL(
                "(%s IN (SELECT partner_id FROM reactivation_consent"
                " WHERE state = 'withdrawn' AND partner_id IS NOT NULL) AND %s)",
                SQL.identifier(person, "id"),
                by_person,
            )
        if crowd == "plain":
            by_person = SQL("FALSE")
            if self.env["reactivation.suppression"]._single(addresses_sql):
                return by_person
        if addresses_sql == NO_ADDRESSES:
            return by_person
        return SQL("(%s OR %s)", by_person, by_address)

    @api.model
    def _granted_sql(self, company, channel, purpose, months=None, person="recipient"):
        """Is the latest word of the patient a proven yes that still counts?

        A yes about another address than the patient has now does not count.

        :param int months: older ones do not count; by default they all do
        :param str person: alias of the `res_partner` that is asked about
        :return: SQL of a boolean
        """
        since = SQL("TRUE")
        if months:
            since = SQL(
                "consent.date >= %s",
                fields.Datetime.now() - relativedelta(months=months),
            )
        answer = SQL(
            """COALESCE((
                SELECT consent.state = 'granted' AND %(since)s
                       AND (consent.valid_until IS NULL
                            OR consent.valid_until >= %(today)s)
                  FROM reactivation_consent consent
                 WHERE consent.partner_id = %(person)s.id
                   AND consent.company_id = %(company)s
                   AND consent.channel IN (%(channel)s, 'all')
                   AND consent.purpose IN (%(purpose)s, 'all')
                   AND consent.is_proven
                   AND (consent.state = 'withdrawn' OR consent.address IS NULL
                        OR consent.address IN (%(person)s.email_normalized,
                                               %(person)s.phone_sanitized))
              ORDER BY consent.date DESC NULLS FIRST, consent.id DESC LIMIT 1
            ), FALSE)""",
            since=since,
            today=company._reactivation_today(),
            person=SQL.identifier(person),
            company=company.id,
            channel=channel,
            purpose=purpose,
        )
        if not self.env.context.get("reactivation_crowd"):
            return answer
        return SQL(
            "COALESCE(%s IN (SELECT partner_id FROM reactivation_consent"
            " WHERE state = 'granted' AND partner_id IS NOT NULL) AND %s, FALSE)",
            SQL.identifier(person, "id"),
            answer,
        )

    @api.model
    def _is_withdrawn(self, partner, company, channel, purpose, addresses=()):
        """:return: whether the answer of `_withdrawn_sql` is yes for one contact"""
        self.env.flush_all()
        withdrawn = self._withdrawn_sql(
            company, channel, purpose, SQL("%s::varchar[]", list(addresses))
        )
        return self.env.execute_query(
            SQL(
                "SELECT %s FROM res_partner recipient WHERE id = %s",
                withdrawn,
                partner.id,
            )
        )[0][0]
