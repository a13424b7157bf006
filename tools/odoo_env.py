"""Odoo as the tools use it: configuration, databases and their templates.

Runs inside the virtual environment. A database is never installed twice for the same
sources: `template()` builds one and every user gets a clone of it. Addons that join
ours with other apps of Odoo (`glue_addons()`) have a template of their own: what they
add must not be needed by the others.
"""

import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
import psycopg2.sql

import postgres
from workspace import (
    BIN,
    DATA_DIR,
    PYTHON,
    ROOT,
    STATE,
    SetupError,
    digest,
    free_port,
    lock,
    log_path,
    progress,
    write_atomically,
)

CONFIG = STATE / "odoo.conf"
# The first one becomes the default of every partner and user.
LANGUAGES = "en_US,fr_FR"
# Folders of an addon that never change what an installation writes to the database.
NOT_INSTALLED = ("tests", "static", "readme", "__pycache__")
BAD_LOG_LINE = re.compile(r"^\S+ \S+ \d+ (ERROR|CRITICAL) ", re.MULTILINE)
NAME_BASE = "clinic_base_"
NAME_ADDONS = "clinic_addons_"
NAME_GLUE = "clinic_glue_"


def manifest(addon):
    """The manifest of one of our addons, as a dictionary."""
    return ast.literal_eval((ROOT / addon / "__manifest__.py").read_text())


def addons():
    """Names of our installable addons: the top-level folders with a manifest."""
    found = (path.parent.name for path in ROOT.glob("*/__manifest__.py"))
    return sorted(name for name in found if manifest(name).get("installable", True))


def glue_addons():
    """Those that Odoo installs by itself beside the apps they join ours with."""
    return [name for name in addons() if manifest(name).get("auto_install")]


def own_addons():
    """Our addons without those that need further apps."""
    glue = set(glue_addons())
    return [name for name in addons() if name not in glue]


def foreign_depends(names=None):
    """Every module that our addons need and that is not ours."""
    ours = set(addons())
    needed = set()
    for name in names or ours:
        needed.update(manifest(name).get("depends", []))
    return sorted(needed - ours)


def odoo_version():
    """The version of the Odoo in use, without importing its registry."""
    from odoo import release

    return release.version


def sources_hash(names=None):
    """A fingerprint of every file of our addons that an installation reads."""
    parts = []
    for name in own_addons() if names is None else names:
        for path in sorted((ROOT / name).rglob("*")):
            inside = path.relative_to(ROOT / name).parts
            if path.is_file() and not set(inside) & set(NOT_INSTALLED):
                parts += [str(path.relative_to(ROOT)), path]
    return digest(*parts)


def addons_path():
    """Odoo's own addons, then ours."""
    import odoo.addons

    inside = [Path(path) for path in odoo.addons.__path__]
    # A source checkout keeps most addons beside the package, not in it.
    beside = [folder.parent.parent / "addons" for folder in inside]
    for folder in inside + beside:
        if (folder / "web" / "__manifest__.py").exists():
            return f"{folder},{ROOT}"
    raise SetupError("this Odoo has no web client", "use a complete Odoo 19.0")


def write_config():
    """Write odoo.conf for the server in use and return its path."""
    found = postgres.params()
    options = {
        "addons_path": addons_path(),
        "data_dir": DATA_DIR,
        "db_host": found["host"],
        "db_port": found["port"],
        "db_user": found["user"],
        "db_password": found["password"],
        "http_interface": "127.0.0.1",
        "without_demo": True,
        "max_cron_threads": 0,
        "limit_time_real": 0,
        "limit_time_cpu": 0,
        "limit_memory_soft": 0,
        "limit_memory_hard": 0,
        "list_db": False,
        "admin_passwd": "admin",
        "server_wide_modules": "base,rpc,web",
    }
    lines = [f"{key} = {value}" for key, value in options.items()]
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    write_atomically(CONFIG, "\n".join(["[options]", *lines]) + "\n", mode=0o600)
    return CONFIG


def environ():
    """The environment of a child process that runs Odoo."""
    path = os.pathsep.join(
        [str(BIN), str(PYTHON.parent), str(postgres.programs()), os.environ["PATH"]]
    )
    env = os.environ | postgres.client_env()
    return env | {
        "PATH": path,
        "PYTHONPYCACHEPREFIX": str(STATE / "pycache"),
        # Odoo would rather keep its own files in the home folder.
        "XDG_DATA_HOME": str(STATE / "home"),
        "ODOO_RC": str(CONFIG),
    }


def ensure_pg():
    """Start PostgreSQL if it does not run; make libpq of this process find it."""
    postgres.start()
    os.environ.update(postgres.client_env())


def configure_odoo(dbname, *options):
    """Set Odoo's configuration in this process for `dbname`; return the config.

    `options` are further command-line options, such as `--http-port=8069`.
    """
    ensure_pg()
    os.environ.update(environ())
    from odoo.tools import config

    arguments = [f"--config={write_config()}", f"--database={dbname}", *options]
    config.parse_config(arguments, setup_logging=True)
    return config


@contextlib.contextmanager
def server_cursor(dbname="postgres"):
    """An autocommit cursor, as CREATE DATABASE needs one."""
    found = postgres.params()
    connection = psycopg2.connect(
        dbname=dbname,
        **{key: value for key, value in found.items() if value},
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _execute(statement, *names):
    identifiers = [psycopg2.sql.Identifier(name) for name in names]
    with server_cursor() as cursor:
        cursor.execute(psycopg2.sql.SQL(statement).format(*identifiers))


def databases(prefix=""):
    """Names of the existing databases that start with `prefix`."""
    with server_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")
        names = (name for (name,) in cursor.fetchall())
        return sorted(name for name in names if name.startswith(prefix))


def drop_db(name):
    """Drop a database and its files, whoever is connected to it."""
    _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    shutil.rmtree(DATA_DIR / "filestore" / name, ignore_errors=True)


def create_db(name):
    """Create an empty database (C collation, as Odoo does)."""
    drop_db(name)
    _execute(
        "CREATE DATABASE {} ENCODING 'unicode' LC_COLLATE 'C' TEMPLATE template0",
        name,
    )


def clone_db(source, name):
    """Copy a database and its files; takes a second."""
    drop_db(name)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with server_cursor() as cursor:
        cursor.execute(end, [source])
        modern = cursor.connection.server_version >= 150000
    # Copying files beats logging every page, the default since PostgreSQL 15.
    strategy = " STRATEGY file_copy" if modern else ""
    _execute("CREATE DATABASE {} TEMPLATE {}" + strategy, name, source)
    copy_files(source, name)


def copy_files(source, name):
    """Give a database the files of the one it was copied from; takes no space."""
    files = DATA_DIR / "filestore" / source
    target = DATA_DIR / "filestore" / name
    shutil.rmtree(target, ignore_errors=True)
    if files.exists():
        shutil.copytree(files, target, copy_function=_hard_link)
    return target


def _hard_link(source, target):
    """Filestore files are named by their content and never rewritten."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def run_odoo(step, dbname, *options):
    """Run Odoo once on a database and stop; an error in its log is a failure."""
    log = log_path(step)
    log.unlink(missing_ok=True)
    command = [PYTHON, "-m", "odoo", "--config", write_config(), "-d", dbname]
    command += ["--stop-after-init", "--no-http", "--logfile", log, *options]
    console = log_path(f"{step}-console")
    with console.open("wb") as output:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=STATE,
            env=environ(),
            check=False,
        )
    text = log.read_text(errors="replace") if log.exists() else ""
    if done.returncode or BAD_LOG_LINE.search(text):
        shown = errors_of(text) or console.read_text(errors="replace")[-4000:]
        raise SetupError(
            f"Odoo failed in step {step} (exit code {done.returncode}):\n{shown}",
            f"correct the addon; the whole log is {log}",
        )


def errors_of(text, limit=60):
    """The error lines of an Odoo log with their tracebacks."""
    shown, keep = [], False
    for line in text.splitlines():
        if re.match(r"^\d{4}-\d\d-\d\d ", line):
            keep = bool(BAD_LOG_LINE.match(line))
        if keep:
            shown.append(line)
    return "\n".join(shown[:limit])


def _base_template():
    """A database with the core modules our addons stand on, in two languages."""
    depends = foreign_depends(own_addons())
    key = digest(odoo_version(), LANGUAGES, ",".join(depends))
    name = NAME_BASE + key
    if name in databases(NAME_BASE):
        return name
    building = "clinic_building_base"
    with progress(f"Installing {len(depends)} core modules and what they need"):
        create_db(building)
        modules = ",".join(depends)
        run_odoo("template-base", building, "-i", modules, "--load-language", LANGUAGES)
        _publish(building, name)
    _drop_others(NAME_BASE, name)
    return name


def template(glue=False):
    """The database with our addons; built only when their files have changed.

    :param bool glue: with the apps that `glue_addons()` join ours with, too
    """
    ensure_pg()
    with lock("template"):
        base = _base_template()
        name = _addons_template(NAME_ADDONS, base, own_addons())
        if glue:
            name = _addons_template(NAME_GLUE, name, glue_addons())
        return name


def _addons_template(prefix, base, names):
    """A clone of `base` with addons of ours and what they need."""
    name = prefix + digest(base, sources_hash(names))
    if name not in databases(prefix):
        kind = prefix.split("_")[1]
        building, step = f"clinic_building_{kind}", f"template-{kind}"
        with progress(f"Installing {', '.join(names)}"):
            clone_db(base, building)
            # Loading the language again translates what our addons bring.
            options = ["-i", ",".join(names), "--load-language", LANGUAGES]
            run_odoo(step, building, *options)
            _check_installed(step, building, names)
            _publish(building, name)
        _drop_others(prefix, name)
    return name


def _check_installed(step, dbname, names):
    """Odoo only warns about an addon that it could not install."""
    with server_cursor(dbname) as cursor:
        cursor.execute("SELECT name FROM ir_module_module WHERE state = 'installed'")
        missing = set(names) - {name for (name,) in cursor.fetchall()}
    if missing:
        raise SetupError(
            f"not installed: {', '.join(sorted(missing))}",
            f"see {log_path(step)}",
        )


def _publish(building, name):
    """Give a finished database its final name: an interrupted one never gets it."""
    _execute("ALTER DATABASE {} RENAME TO {}", building, name)
    files = DATA_DIR / "filestore" / building
    if files.exists():
        target = DATA_DIR / "filestore" / name
        shutil.rmtree(target, ignore_errors=True)
        files.rename(target)


def _drop_others(prefix, keep):
    for name in databases(prefix):
        if name != keep:
            drop_db(name)


def create_db_from_template(name, glue=False):
    """A fresh database with our addons, French loaded and no demo data.

    :param bool glue: with `glue_addons()`, too
    """
    clone_db(template(glue), name)
    return name


__all__ = [
    "CONFIG",
    "addons",
    "addons_path",
    "clone_db",
    "copy_files",
    "configure_odoo",
    "create_db",
    "create_db_from_template",
    "databases",
    "drop_db",
    "ensure_pg",
    "environ",
    "free_port",
    "glue_addons",
    "own_addons",
    "run_odoo",
    "server_cursor",
    "sources_hash",
    "template",
    "write_config",
]

if __name__ == "__main__":
    print(create_db_from_template(sys.argv[1], glue="glue" in sys.argv[2:]))
