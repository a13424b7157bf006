import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models

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
        "reactivation.coupon", required=True, index=True, ondelete="cascade"
    )
    expires_at = fields.Datetime(required=True, index=True)

    _hash_uniq = models.Constraint("UNIQUE(token_hash)", "This link exists.")

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
    def _find(self, token):
        """:return: the coupon of a secret, as superuser; empty if it is none or over"""
        found = self.sudo().search(
            [
                ("token_hash", "=", self._hash(str(token)[:200])),
                ("expires_at", ">", fields.Datetime.now()),
            ]
        )
        return found.coupon_id

    @api.autovacuum
    def _gc_tokens(self):
        self.sudo().search([("expires_at", "<", fields.Datetime.now())]).unlink()
