import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import config
from odoo.tools.misc import hmac

# 192 bits.
TOKEN_BYTES = 24

# An option of the server's configuration file, which no dump of the database has.
LINK_KEY = "reactivation_link_key"

# Somebody who opens the page late is told so; after that it is unknown.
REMEMBERED = timedelta(days=60)


class ReactivationToken(models.Model):
    """Secret links to pages of patients. Only a fingerprint of the secret is kept.

    Secrets of `_make` are random: whoever reads the database cannot open a page. Those
    of `_secret` can be made again, which messages that are printed or read twice need.
    They hold against readers of a dump only where the configuration of the server has a
    key (`reactivation_link_key`, a long random text): without one they are made of what
    is in the dump too.
    """

    _name = "reactivation.token"
    _description = "Secret Link"
    _log_access = False
    _allow_sudo_commands = False

    token_hash = fields.Char(required=True)
    coupon_id = fields.Many2one(
        "reactivation.coupon", index="btree_not_null", ondelete="cascade"
    )
    feedback_id = fields.Many2one(
        "reactivation.feedback", index="btree_not_null", ondelete="cascade"
    )
    payment_request_id = fields.Many2one(
        "reactivation.payment.request", index="btree_not_null", ondelete="cascade"
    )
    expires_at = fields.Datetime(required=True, index=True)

    _hash_uniq = models.Constraint("UNIQUE(token_hash)", "This link exists.")
    _subject_check = models.Constraint(
        "CHECK(num_nonnulls(coupon_id, feedback_id, payment_request_id) = 1)",
        "A link opens one page.",
    )

    @api.model
    def _hash(self, token):
        return hashlib.sha256(token.encode()).hexdigest()

    @api.model
    def _make(self, coupons):
        """:return: {coupon: a new secret for its page}"""
        made = {coupon: secrets.token_urlsafe(TOKEN_BYTES) for coupon in coupons}
        self.sudo().create(
            [
                {
                    "token_hash": self._hash(token),
                    "coupon_id": coupon.id,
                    "expires_at": coupon.expires_at + REMEMBERED,
                }
                for coupon, token in made.items()
            ]
        )
        return made

    @api.model
    def _secret(self, record):
        """:return: str: the one secret of a record, see `_secrets`"""
        return self._secrets(record)[record]

    @api.model
    def _secrets(self, records):
        """The secret that a record has in every message about it: made of the secret of
        the database and the key of the server, so that nothing but its fingerprint has
        to be kept. What was told to patients before there was a key stays as it was.

        :return: {record: str of 256 bits}
        """
        key = config.get(LINK_KEY)
        made = {record: self._derive(record, key) for record in records}
        if not key:
            return made
        earlier = {record: self._derive(record) for record in records}
        known = self._known([*made.values(), *earlier.values()])
        return {
            record: earlier[record]
            if earlier[record] in known and secret not in known
            else secret
            for record, secret in made.items()
        }

    @api.model
    def _derive(self, record, key=None):
        subject = (record._name, record.id, *([key] if key else []))
        return hmac(self.env(su=True), "reactivation", subject)

    @api.model
    def _known(self, tokens):
        """:return: set: those of these secrets that open a page"""
        hashes = {self._hash(token): token for token in tokens}
        found = self.sudo().search_fetch(
            [("token_hash", "in", list(hashes))], ["token_hash"]
        )
        return {hashes[token.token_hash] for token in found}

    @api.model
    def _ensure(self, field, records, expires_at):
        """Make the secrets of records open their pages. Those that do stay as they are.

        :param str field: which page: the name of a field of this model
        :param datetime expires_at: until when
        """
        secrets_of = self._secrets(records)
        known = self._known(secrets_of.values())
        self.sudo().create(
            [
                {
                    "token_hash": self._hash(secret),
                    field: record.id,
                    "expires_at": expires_at,
                }
                for record, secret in secrets_of.items()
                if secret not in known
            ]
        )

    @api.model
    def _find(self, token, field="coupon_id"):
        """:param str field: which page: the name of a field of this model
        :return: the record of a secret, as superuser; empty if it is none or over"""
        found = self.sudo().search(
            [
                ("token_hash", "=", self._hash(str(token)[:200])),
                ("expires_at", ">", fields.Datetime.now()),
            ]
        )
        return found[field]

    @api.autovacuum
    def _gc_tokens(self):
        self.sudo().search([("expires_at", "<", fields.Datetime.now())]).unlink()
