import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools.misc import hmac

# 192 bits.
TOKEN_BYTES = 24

# Somebody who opens the page late is told so; after that it is unknown.
REMEMBERED = timedelta(days=60)


class ReactivationToken(models.Model):
    """Secret links to pages of patients. Only a fingerprint of the secret is kept:
    whoever reads the database cannot open a page."""

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
        """The secret that a record has in every message about it: made of the secret of
        the database, so that nothing but its fingerprint has to be kept.

        :return: str: 256 bits
        """
        return hmac(self.env(su=True), "reactivation", (record._name, record.id))

    @api.model
    def _ensure(self, field, records, expires_at):
        """Make the secrets of records open their pages.

        :param str field: which page: the name of a field of this model
        :param datetime expires_at: until when
        """
        self.sudo().create(
            [
                {
                    "token_hash": self._hash(self._secret(record)),
                    field: record.id,
                    "expires_at": expires_at,
                }
                for record in records
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
