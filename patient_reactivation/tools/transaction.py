"""Transactions of cron jobs that work beside users and beside each other."""

from odoo import modules


def begin_read_committed(env):
    """Commit, and begin a transaction at the level READ COMMITTED.

    Odoo's default, REPEATABLE READ, makes a job fail when somebody changes one
    of its rows while it runs. Set-based statements that carry their conditions
    with them are right at the weaker level, where they look at the row again.
    Called by cron entry points only, between two pieces of work.
    """
    env["ir.cron"]._commit_progress()
    env.invalidate_all()
    if not modules.module.current_test:  # a test stays in its one transaction
        env.cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
