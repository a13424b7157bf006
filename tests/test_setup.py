"""The set-up seen from outside: what it says and leaves when something is missing."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import bootstrap
import lint
import odoo_env
import workspace

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
# What stub programs need; everything else is absent from a stubbed PATH.
BASICS = ("sh", "cat", "env", "dirname", "mkdir", "touch")
FAKE_DPKG = 'mkdir -p "$3/usr/lib/python3/dist-packages/odoo"\n' + (
    "echo \"version_info = (19, 0, 0, FINAL, 0, '')\" "
    '> "$3/usr/lib/python3/dist-packages/odoo/release.py"'
)


@pytest.fixture
def state(tmp_path):
    """An empty state folder."""
    return tmp_path / "state"


@pytest.fixture
def stubs(tmp_path):
    """A folder that is the whole PATH; `stubs(name=script)` adds programs to it."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    for name in BASICS:
        (folder / name).symlink_to(f"/bin/{name}")

    def add(**programs):
        for name, script in programs.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        return str(folder)

    return add


def run(state, *command, **env):
    """Run a tool with its own state; variables set to None are unset."""
    surroundings = os.environ | {"CLINIC_STATE": str(state)} | env
    # The surrounding test run has its own server and home.
    for name in ("PGHOST", "PGUSER", "CLINIC_PG", "DATABASE_URL", "ODOO_HOME"):
        if name not in env:
            surroundings.pop(name, None)
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def set_up(state, *steps, **env):
    """Run the bootstrap."""
    return run(state, TOOLS / "bootstrap.py", *steps, **env)


def assert_explained(done, problem, remedy):
    """Exit code 2, one line for the problem, one for the remedy, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    error, *_details, fix = done.stderr.strip().splitlines()
    assert error.startswith("error: ") and problem in error
    assert fix.startswith("  fix: ") and remedy in fix


def odoo_of(folder, version_info):
    """A folder that looks like an Odoo of this version."""
    package = folder / "odoo"
    package.mkdir(parents=True)
    (package / "release.py").write_text(f"version_info = {version_info}\n")
    return str(folder)


def test_odoo_home_is_taken_as_it_is(state, tmp_path):
    home = odoo_of(tmp_path / "mine", "(19, 0, 0, FINAL, 0, '')")
    done = set_up(state, "odoo", ODOO_HOME=home, PATH="/nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("info", ["(18, 0, 0, FINAL, 0, '')", "('saas~18', 4, 0)"])
def test_odoo_home_of_another_version(state, tmp_path, info):
    home = odoo_of(tmp_path / "old", info)
    done = set_up(state, "odoo", ODOO_HOME=home)
    assert_explained(done, "but 19.0 is needed", "git checkout 19.0")


def test_odoo_home_without_odoo(state, tmp_path):
    done = set_up(state, "odoo", ODOO_HOME=str(tmp_path))
    assert_explained(done, "holds no Odoo", "checkout of branch 19.0")


def test_no_apt(state, stubs):
    done = set_up(state, "odoo", PATH=stubs())
    assert_explained(done, "apt-get is missing", "ODOO_HOME")


def test_no_debian_mirror(state, stubs):
    apt_get = 'echo "http://mirror.invalid/ubuntu/|Ubuntu|Ubuntu"'
    done = set_up(state, "odoo", PATH=stubs(apt_get=apt_get, dpkg=""))
    assert_explained(done, "no Debian mirror", "git clone --depth 1 --branch 19.0")


def test_no_network(state, stubs):
    apt_get = 'echo "Err: Could not resolve host" >&2; exit 100'
    done = set_up(state, "odoo", PATH=stubs(apt_get=apt_get, dpkg=""))
    assert_explained(done, "mirror cannot be reached", "connect to the network")


def test_too_little_space(state, stubs):
    done = set_up(state, "odoo", PATH=stubs(), CLINIC_FREE_MB="5")
    assert_explained(done, "but only 5 MB are free", "CLINIC_STATE")


def apt_with_packages(tmp_path):
    """A stub apt-get that has one package and counts its downloads."""
    return textwrap.dedent(f"""\
        case "$*" in
        *indextargets*) echo "http://mirror.invalid/debian/|Debian|Debian" ;;
        *download*) echo x >> {tmp_path}/downloads; touch odoo.deb ;;
        esac""")


def test_disk_fills_up_while_unpacking(state, stubs, tmp_path):
    dpkg = 'echo "dpkg-deb: error: No space left on device" >&2; exit 2'
    path = stubs(apt_get=apt_with_packages(tmp_path), dpkg=dpkg)
    done = set_up(state, "odoo", PATH=path)
    assert_explained(done, "the disk is full", "free some space")


def test_interrupted_unpacking_is_taken_up_again(state, stubs, tmp_path):
    apt_get = apt_with_packages(tmp_path)
    path = stubs(apt_get=apt_get, dpkg=FAKE_DPKG + "\nexit 1")
    assert_explained(set_up(state, "odoo", PATH=path), "ended with code 1", "read ")
    assert not (state / "odoo").exists(), "half an Odoo must not look like one"

    stubs(dpkg=FAKE_DPKG)
    again = set_up(state, "odoo", PATH=path)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("Fetching Odoo")

    downloads = (tmp_path / "downloads").read_text()
    quiet = set_up(state, "odoo", PATH=path)
    assert (quiet.returncode, quiet.stdout) == (0, "")
    assert (tmp_path / "downloads").read_text() == downloads


def test_two_at_once_wait_for_each_other(state, tmp_path):
    home = odoo_of(tmp_path / "mine", "(19, 0, 0, FINAL, 0, '')")
    state.mkdir()
    with (state / "setup.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, TOOLS / "bootstrap.py", "odoo"],
            env=os.environ | {"CLINIC_STATE": str(state), "ODOO_HOME": home},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert "waiting for another run" in second.stdout.readline()
        assert second.poll() is None
    assert second.wait(timeout=60) == 0
    second.stdout.close()


def test_no_package_index(state, tmp_path):
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_RETRIES": "1",
    }
    done = set_up(state, "python", **nowhere)
    assert_explained(done, "package index cannot be reached", "connect")


def test_unsupported_python(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as stopped:
        bootstrap.use_supported_python()
    assert stopped.value.code == 2
    assert "this is 3.9\n  fix: apt-get install" in capsys.readouterr().err


def test_no_browser(state, stubs):
    path = stubs(apt_get="exit 1", dpkg="")
    done = set_up(state, "browser", PATH=path)
    assert done.returncode == 2
    path = stubs(apt_get="exit 0")
    done = set_up(state, "browser", PATH=path)
    assert_explained(done, "no browser", "apt-get install chromium")


def test_a_browser_that_does_not_start_is_not_used(state, stubs):
    done = set_up(state, "browser", PATH=stubs(chromium="exit 1"))
    assert_explained(done, "no browser", "apt-get install chromium")


def test_a_browser_of_the_machine_is_used(state, stubs):
    path = stubs(chromium='echo "<p>42</p>"')
    done = set_up(state, "browser", PATH=path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"{path}/chromium" in (state / "bin" / "google-chrome").read_text()


def test_port_is_taken(state):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run(state, TOOLS / "dev.py", "serve", "some_db", PORT=port)
    assert_explained(done, f"port {port} is taken", "PORT=")


def test_no_make(stubs):
    done = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "run"],
        env=os.environ | {"PATH": stubs()},
        capture_output=True,
        text=True,
    )
    assert_explained(done, "make is missing", "apt-get install make")


def test_a_second_set_up_has_nothing_to_say():
    done = set_up(workspace.STATE, "python", "browser")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def server(state):
    """Run tools/postgres.py in a state of its own, with the real programs."""
    state.mkdir()
    (state / "venv").symlink_to(workspace.VENV)
    yield lambda action, **env: run(state, TOOLS / "postgres.py", action, **env)
    run(state, TOOLS / "postgres.py", "stop")


def test_server_starts_stops_and_survives_a_crash(server, state):
    assert "answers" in server("start").stdout
    assert "answers" in server("start").stdout
    pid_file = state / "pg" / "postmaster.pid"
    pid = int(pid_file.read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    assert "answers" in server("start").stdout
    assert int(pid_file.read_text().splitlines()[0]) != pid
    assert server("stop").stdout == "PostgreSQL stopped\n"
    assert server("stop").stdout == "PostgreSQL was not running\n"


def test_server_forgets_the_process_id_of_another_program(server, state):
    server("start")
    server("stop")
    stale = f"{os.getpid()}\n{state}/pg\n"
    (state / "pg" / "postmaster.pid").write_text(stale)
    assert "answers" in server("start").stdout


def test_given_server_does_not_answer(server):
    done = server("start", DATABASE_URL="postgresql://me:secret@127.0.0.1:9/")
    assert_explained(done, "no PostgreSQL answers at 127.0.0.1:9", "DATABASE_URL")
    assert "secret" not in done.stderr


def test_given_server_is_used(server, state):
    folder = server("start").stdout.split()[-1]
    done = server("start", PGHOST=folder, PGUSER="clinic")
    assert done.returncode == 0, done.stderr
    url = f"postgresql:///?host={folder}&user=postgres"
    done = server("start", DATABASE_URL=url)
    assert_explained(done, "cannot use the role postgres", "CREATE ROLE")


def test_template_depends_on_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(odoo_env, "ROOT", tmp_path)
    addon = tmp_path / "some_addon"
    for folder in ("views", "tests", "static/src", "i18n"):
        (addon / folder).mkdir(parents=True)
    (addon / "__manifest__.py").write_text("{'depends': ['mail']}")

    def hash_with(name):
        (addon / name).write_text("x")
        return odoo_env.sources_hash()

    first = odoo_env.sources_hash()
    assert hash_with("tests/test_x.py") == first
    assert hash_with("static/src/x.js") == first
    with_view = hash_with("views/x.xml")
    assert with_view != first
    assert hash_with("i18n/fr.po") not in (first, with_view)
    assert odoo_env.foreign_depends() == ["mail"]


def test_errors_of_an_installation_are_shown_with_their_traceback():
    log = textwrap.dedent("""\
        2026-01-01 10:00:00,000 12 INFO db odoo.modules: loading
        2026-01-01 10:00:01,000 12 ERROR db odoo.sql_db: bad query
        Traceback: because
        2026-01-01 10:00:02,000 12 WARNING db odoo.x: careful
        """)
    shown = odoo_env.errors_of(log).splitlines()
    assert shown == log.splitlines()[1:3]


def test_skipped_browser_test_fails_the_run(tmp_path, state):
    case = tmp_path / "test_tour.py"
    case.write_text(
        textwrap.dedent("""\
            import unittest
            from odoo.tests import HttpCase

            class TestTour(HttpCase):
                test_tags = frozenset()

                @classmethod
                def setUpClass(cls):
                    raise unittest.SkipTest("Chrome executable not found")

                def test_tour(self):
                    pass
            """)
    )
    plugins = ["-p", "pytest_clinic", "-p", "no:odoo", "-p", "no:cacheprovider"]
    options = [f"--rootdir={tmp_path}", "-c", os.devnull]
    done = run(state, "-m", "pytest", *plugins, *options, case, PYTHONPATH=str(TOOLS))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "A browser test must not be skipped" in done.stdout


@pytest.mark.parametrize(
    "line",
    [
        "pip install -i https://" + "pypi." + "org/simple",
        "deb http://" + "deb.debian." + "org/debian sid main",
        "cd /" + "home/anna/clinic",
        'PATH = "/' + 'root/.local"',
        str(ROOT) + "/tools",
    ],
)
def test_lint_finds_hosts_and_folders_of_one_machine(line):
    assert lint.HOST.search(line) or lint.FOLDER.search(line)


@pytest.mark.parametrize(
    "line", ["url = '/my/home/x'", "https://example.com/work/1", "/usr/share/keyrings"]
)
def test_lint_leaves_ordinary_paths_alone(line):
    assert not lint.HOST.search(line) and not lint.FOLDER.search(line)
