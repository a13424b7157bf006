import hashlib
import secrets

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize

from odoo.addons.phone_validation.tools import phone_validation

SALT = "patient_reactivation.suppression_salt"

KINDS = [("mail", "E-mail"), ("phone", "Phone number")]

# Reason -> code of the contact policy, the weightiest first.
REFUSAL_OF_REASON = {
    "erased": "erased",
    "complaint": "opted_out",
    "wrong_number": "wrong_number",
    "bounced": "bounced",
}


class ReactivationSuppression(models.Model):
    """Addresses nobody may use any more, kept as hashes only.

    An entry outlives the contact it came from: whoever is deleted and imported
    again stays left alone, and nobody can read from it who that was.
    """

    _name = "reactivation.suppression"
    _description = "Suppressed Address"
    _order = "date desc, id desc"
    _rec_name = "address_hash"

    kind = fields.Selection(KINDS, required=True, readonly=True)
    address_hash = fields.Char(
        string="Fingerprint",
        required=True,
        readonly=True,
        help="The address cannot be read from it. To find an entry, search for the "
        "whole address.",
    )
    reason = fields.Selection(
        [
            ("bounced", "Does not exist"),
            ("wrong_number", "Belongs to somebody else"),
            ("complaint", "Objected"),
            ("erased", "Erased on request"),
        ],
        required=True,
        readonly=True,
    )
    company_id = fields.Many2one(
        "res.company", readonly=True, help="Empty: nobody here may use the address."
    )
    date = fields.Datetime(string="Since", required=True, readonly=True)
    note = fields.Char(readonly=True)
    is_lifted = fields.Boolean(compute="_compute_is_lifted", string="Lifted")
    lifted_on = fields.Datetime(readonly=True)
    lifted_by_id = fields.Many2one("res.users", string="Lifted By", readonly=True)
    lift_reason = fields.Char(string="Why Lifted", readonly=True)

    # Adding an address again is no new entry, until the first one is lifted.
    _address_uniq = models.UniqueIndex(
        "(address_hash, reason, COALESCE(company_id, 0)) WHERE lifted_on IS NULL",
        "This address is suppressed already.",
    )

    @api.depends("lifted_on")
    def _compute_is_lifted(self):
        for entry in self:
            entry.is_lifted = bool(entry.lifted_on)

    # ----------------------------------------------------------------- addresses

    @api.model
    def _normalize(self, kind, address, country=False):
        """One way to write an address.

        :param str kind: mail or phone
        :param country: of a phone number without a prefix
        :return: the e-mail address in lower case, or the number as E.164 where it
            is a valid one; False if there is none
        """
        address = (address or "").strip()
        if kind == "mail":
            return email_normalize(address)
        if not address:
            return False
        country = country or self.env.company.country_id
        number = phone_validation.phone_format(
            address,
            country.code,
            country.phone_code,
            force_format="E164",
            raise_exception=False,
        )
        return number or address

    @api.model
    def _salt(self):
        """:return: what makes our hashes ours; made once per database"""
        parameters = self.env["ir.config_parameter"].sudo()
        salt = parameters.get_param(SALT)
        if salt:
            return salt
        self.env.cr.execute(
            SQL(
                """INSERT INTO ir_config_parameter
                       (key, value, create_uid, create_date, write_uid, write_date)
                   VALUES (%(key)s, %(value)s, %(uid)s, %(now)s, %(uid)s, %(now)s)
              ON CONFLICT (key) DO NOTHING""",
                key=SALT,
                value=secrets.token_hex(32),
                uid=self.env.uid,
                now=fields.Datetime.now(),
            )
        )
        parameters.invalidate_model()
        self.env.registry.clear_cache("stable")
        return parameters.get_param(SALT)

    @api.model
    def _hash(self, kind, address, country=False):
        """:return: the fingerprint of an address, or False if it is none"""
        normalized = self._normalize(kind, address, country)
        if not normalized:
            return False
        return self._digest(kind, normalized)

    @api.model
    def _digest(self, kind, normalized, salt=None):
        text = f"{salt or self._salt()}:{kind}:{normalized}"
        return hashlib.sha256(text.encode()).hexdigest()

    @api.model
    def _hash_sql(self, kind, address_sql):
        """:return: SQL of the fingerprint of an address that is normalized"""
        return SQL(
            "encode(sha256(convert_to(%s || %s, 'UTF8')), 'hex')",
            f"{self._salt()}:{kind}:",
            address_sql,
        )

    @api.model
    def _refusal_sql(self, kind, addresses_sql, company=False):
        """Why addresses may not be used.

        :param str kind: mail or phone
        :param addresses_sql: SQL of an array of normalized addresses
        :param company: only its entries and those of all; otherwise of everybody
        :return: SQL: a code of the contact policy, or NULL
        """
        codes = SQL(" ").join(
            SQL("WHEN %s THEN %s", *item) for item in REFUSAL_OF_REASON.items()
        )
        answer = SQL(
            """(SELECT CASE suppression.reason %(codes)s END
                  FROM unnest(%(addresses)s) AS suppressed(address)
                  JOIN reactivation_suppression suppression
                    ON suppression.address_hash = %(hash)s
                   AND suppression.lifted_on IS NULL %(company)s
              ORDER BY array_position(%(reasons)s, suppression.reason)
                 LIMIT 1)""",
            codes=codes,
            addresses=addresses_sql,
            hash=self._hash_sql(kind, SQL("suppressed.address")),
            company=SQL(
                "AND COALESCE(suppression.company_id, %(id)s) = %(id)s", id=company.id
            )
            if company
            else SQL(""),
            reasons=SQL("%s::varchar[]", list(REFUSAL_OF_REASON)),
        )
        crowd = self.env.context.get("reactivation_crowd")
        if not crowd:
            return answer
        if crowd == "plain" and (address := self._single(addresses_sql)):
            return self._refusal_of_one_sql(kind, address, company)
        return SQL(
            "CASE WHEN cardinality(%s) > 1 OR %s THEN %s END",
            addresses_sql,
            self._any_of_sql([(kind, SQL("(%s)[1]", addresses_sql))]),
            answer,
        )

    @api.model
    def _single(self, addresses_sql):
        """:return: SQL of the only address of a recipient who has one at most, or
        None when these are other addresses"""
        for channel, column in (
            ("mail", "email_normalized"),
            ("call", "phone_sanitized"),
        ):
            if (
                addresses_sql
                == self.env[f"reactivation.channel.{channel}"]._addresses_sql()
            ):
                return SQL.identifier("recipient", column)
        return None

    @api.model
    def _refusal_of_one_sql(self, kind, address, company):
        """:return: SQL: the answer of `_refusal_sql` about a single address"""
        answers = []
        for reason, code in REFUSAL_OF_REASON.items():
            entries = Domain("reason", "=", reason)
            if company:
                entries &= Domain("company_id", "in", [False, company.id])
            answers.append(
                SQL(
                    "WHEN %s THEN %s",
                    self._any_of_sql([(kind, address)], entries),
                    code,
                )
            )
        return SQL("CASE %s END", SQL(" ").join(answers))

    @api.model
    def _any_of_sql(self, addresses, domain=Domain.TRUE):
        """Is one of these addresses suppressed? For so many rows that the entries are
        read once, and not looked up for each.

        :param addresses: list of (kind, SQL of a normalized address)
        :param domain: which entries count
        :return: SQL of a boolean, or NULL
        """
        entries = self.sudo()._search(Domain("lifted_on", "=", False) & domain)
        if not self.sudo().search_count(Domain("id", "in", entries), limit=1):
            return SQL("FALSE")
        return SQL(
            "(%s)",
            SQL(" OR ").join(
                SQL(
                    "%s IN %s",
                    self._hash_sql(kind, address),
                    entries.subselect("address_hash"),
                )
                for kind, address in addresses
            ),
        )

    # --------------------------------------------------------------------- write

    @api.model
    def _add(self, kind, addresses, reason, company=False, note=False):
        """Suppress addresses. One that is suppressed already stays as it is.

        :param str kind: mail or phone
        :param addresses: as they were written anywhere
        :param str reason: bounced, complaint or erased
        :param company: the only one that may not use them; by default nobody may
        :return: the new entries
        """
        country = company.country_id if company else False
        salt = self._salt()
        normalized = {self._normalize(kind, item, country) for item in addresses}
        hashes = sorted(self._digest(kind, item, salt) for item in normalized if item)
        if not hashes:
            return self
        rows = self.env.execute_query(
            SQL(
                """INSERT INTO reactivation_suppression (
                       kind, address_hash, reason, company_id, date, note,
                       create_uid, create_date, write_uid, write_date)
                   SELECT %(kind)s, address_hash, %(reason)s, %(company)s, %(now)s,
                          %(note)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM unnest(%(hashes)s) AS new(address_hash)
              ON CONFLICT DO NOTHING
                RETURNING id""",
                kind=kind,
                reason=reason,
                company=company.id if company else None,
                note=note or None,
                uid=self.env.uid,
                now=fields.Datetime.now(),
                hashes=hashes,
            )
        )
        return self.browse(row[0] for row in rows)

    def write(self, vals):
        if not self.env.su or set(vals) - {"lifted_on", "lifted_by_id", "lift_reason"}:
            raise UserError(
                self.env._("Suppressed addresses are never changed, only lifted.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Suppressed addresses are never deleted."))

    # ---------------------------------------------------------------------- lift

    def action_lift(self):
        """Ask for the reason, then lift."""
        self._check_lift()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Use the Address Again"),
            "res_model": "reactivation.suppression.lift",
            "view_mode": "form",
            "target": "new",
            "context": {"default_suppression_ids": self.ids},
        }

    def _lift(self, reason):
        """Let an address be used again: it was repaired, or bounced by mistake."""
        self._check_lift()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the address may be used again."))
        self.sudo().write(
            {
                "lifted_on": fields.Datetime.now(),
                "lifted_by_id": self.env.uid,
                "lift_reason": reason.strip(),
            }
        )

    def _check_lift(self):
        """Managers only, and never against the word of a person."""
        if not self.env.user.has_group(
            "patient_reactivation.group_reactivation_manager"
        ):
            raise AccessError(
                self.env._("Only managers may lift a suppressed address.")
            )
        self.check_access("read")
        if self.filtered(lambda entry: entry.reason != "bounced"):
            raise UserError(
                self.env._(
                    "Somebody asked for this, and nobody here may decide otherwise. "
                    "Only addresses that did not exist can be lifted."
                )
            )
        if self.filtered("lifted_on"):
            raise UserError(self.env._("This was lifted already."))

    # -------------------------------------------------------------------- search

    @api.model
    def _search_display_name(self, operator, value):
        """The whole address finds its entry, though it is not kept."""
        if operator in ("ilike", "like", "=", "in"):
            values = [value] if isinstance(value, str) else list(value or [])
            hashes = {
                self._digest(kind, normalized)
                for text in values
                if isinstance(text, str)
                for kind, _label in KINDS
                if (normalized := self._normalize(kind, text))
            }
            return [("address_hash", "in", [*hashes, *filter(None, values)])]
        return super()._search_display_name(operator, value)
