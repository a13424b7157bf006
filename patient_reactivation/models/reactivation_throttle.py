from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# Wrong guesses are counted in windows of this length.
WINDOW = timedelta(minutes=10)


class ReactivationThrottle(models.Model):
    """Who guesses codes and links is slowed down, whatever worker they reach."""

    _name = "reactivation.throttle"
    _description = "Wrong Guesses"
    _log_access = False
    _allow_sudo_commands = False

    key = fields.Char(required=True, help="Who guesses, and what.")
    begins = fields.Datetime(required=True)
    guesses = fields.Integer(required=True, default=0)

    _key_uniq = models.Constraint("UNIQUE(key, begins)", "One row for each window.")

    @api.model
    def _window(self):
        now = fields.Datetime.now()
        seconds = int(WINDOW.total_seconds())
        return now - timedelta(
            seconds=(now.minute * 60 + now.second) % seconds,
            microseconds=now.microsecond,
        )

    @api.model
    def _is_blocked(self, key, limit):
        """:return: bool: somebody guessed wrong too often in this window"""
        row = self.sudo().search([("key", "=", key), ("begins", "=", self._window())])
        return row.guesses >= limit

    @api.model
    def _count(self, key):
        """One more wrong guess. :return: int: how many there are in this window"""
        self.env.cr.execute(
            SQL(
                """INSERT INTO reactivation_throttle (key, begins, guesses)
                   VALUES (%s, %s, 1)
              ON CONFLICT (key, begins)
                DO UPDATE SET guesses = reactivation_throttle.guesses + 1
                RETURNING guesses""",
                key,
                self._window(),
            )
        )
        self.invalidate_model()
        return self.env.cr.fetchone()[0]

    @api.autovacuum
    def _gc_guesses(self):
        old = fields.Datetime.now() - timedelta(days=1)
        self.sudo().search([("begins", "<", old)]).unlink()
