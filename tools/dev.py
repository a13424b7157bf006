"""A database to work in: `serve` it or open a `shell`, updating changed addons."""

import os
import sys

import odoo_env
from workspace import PYTHON, STATE, is_stamped, require_port, run_main, say, stamp


def prepare(database):
    """Create the database, or update it if the addons have changed since."""
    odoo_env.ensure_pg()
    step = f"dev-{database}"
    wanted = odoo_env.sources_hash(odoo_env.addons())
    exists = database in odoo_env.databases(database)
    if not exists or os.environ.get("FRESH") == "1":
        odoo_env.create_db_from_template(database)
    elif not is_stamped(step, wanted):
        say("Updating the addons ...")
        odoo_env.run_odoo(step, database, "-u", ",".join(odoo_env.addons()))
    stamp(step, wanted)


def main():
    """Replace this process by Odoo."""
    action, database = sys.argv[1:3]
    port = os.environ.get("PORT") or "8069"
    if action == "serve":
        require_port(port)
    prepare(database)
    command = [str(PYTHON), "-m", "odoo"]
    options = ["--config", str(odoo_env.write_config()), "-d", database]
    if action == "shell":
        command.append("shell")
        options.append("--no-http")
    else:
        say(f"http://127.0.0.1:{port}/odoo  login admin, password admin")
        options += [f"--http-port={port}", f"--db-filter=^{database}$"]
    os.chdir(STATE)
    os.execve(command[0], command + options, odoo_env.environ())


if __name__ == "__main__":
    run_main(main)
