"""Transactions of cron jobs that work beside users and beside each other."""

from contextlib import contextmanager

from psycopg2.extensions import (
    ISOLATION_LEVEL_READ_COMMITTED,
    ISOLATION_LEVEL_REPEATABLE_READ,
)

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


@contextmanager
def work_read_committed(env):
    """Commit, and run every transaction of the block at READ COMMITTED.

    For a cron entry point that commits after each message; see
    `begin_read_committed` for why.
    """
    env["ir.cron"]._commit_progress()
    env.invalidate_all()
    if modules.module.current_test:  # a test stays in its one transaction
        yield
        return
    connection = env.cr.connection
    connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
    try:
        yield
        env.cr.commit()
    except Exception:
        env.cr.rollback()
        raise
    finally:
        if not connection.closed:
            # What the block set up for its session goes with it.
            env.cr.execute("DEALLOCATE ALL")
            env.cr.execute("RESET plan_cache_mode")
            env.cr.commit()
            connection.set_isolation_level(ISOLATION_LEVEL_REPEATABLE_READ)


def commit(env, done=0):
    """Commit what was done so far; in a test, only write it.

    :param int done: records the job got on with. A job that is killed three times
        by its time limit without having said so is left out by Odoo.
    """
    if modules.module.current_test:
        env.flush_all()
    elif done:
        env["ir.cron"]._commit_progress(done)
    else:
        env.cr.commit()


def rollback(env):
    """Undo what was not committed; a test keeps its transaction."""
    env.clear()
    if not modules.module.current_test:
        env.cr.rollback()
