"""A browser for the tests: the machine's own, else Debian's, unpacked privately."""

import os
import shutil
import subprocess

import debian
from workspace import (
    BIN,
    STATE,
    SetupError,
    is_stamped,
    log_path,
    logged,
    progress,
    require_space,
    stamp,
)

PREFIX = STATE / "chromium"
WRAPPER = BIN / "chromium"
# The names Odoo's test runner looks for, in its order.
NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-liberation")
COMMAND = "apt-get install chromium"
FLAGS = (
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


def ensure():
    """Make sure that `.clinic/bin/chromium` works; return its path."""
    if is_stamped("chromium", str(WRAPPER)) and WRAPPER.exists():
        return WRAPPER
    own = _on_path()
    if own:
        _write_wrapper(own)
    elif not _fetched_privately() and not _installed_by_root():
        raise SetupError(
            f"no browser for the browser tests (see {log_path('chromium')})",
            f"{COMMAND} (as root), then run the same command again",
        )
    stamp("chromium", str(WRAPPER))
    return WRAPPER


def _on_path():
    """A browser of the machine that really starts; Ubuntu's is an empty shell."""
    path = os.pathsep.join(
        part for part in os.environ["PATH"].split(os.pathsep) if part != str(BIN)
    )
    for name in NAMES:
        found = shutil.which(name, path=path)
        if found and _works([found]):
            return found
    return None


def _fetched_privately():
    """Unpack Debian's chromium and what it lacks here; False if that cannot work."""
    if not shutil.which("apt-get"):
        return False
    program = PREFIX / "usr/lib/chromium/chromium"
    if not program.exists():
        require_space(700, "Chromium")
        with progress("Fetching Chromium (130 MB)"):
            debian.fetch("chromium", PACKAGES, PREFIX)
    if program.exists():
        _write_wrapper(program, PREFIX)
    return program.exists() and _works([str(WRAPPER)])


def _installed_by_root():
    """The last resort: install the package on the system."""
    if os.geteuid() or not shutil.which("apt-get"):
        return False
    with progress(f"{COMMAND} (the private copy does not work here)"):
        try:
            logged("chromium", ["apt-get", "update"])
            logged("chromium", [*COMMAND.split(), "--yes", "--no-install-recommends"])
        except SetupError:
            return False
    own = _on_path()
    if own:
        _write_wrapper(own)
    return bool(own)


def _write_wrapper(program, prefix=None):
    """`.clinic/bin/chromium`, under every name that Odoo's test runner tries."""
    flags = list(FLAGS)
    if not os.geteuid():
        flags.append("--no-sandbox")
    debian.write_wrapper(WRAPPER, program, prefix, flags)
    for name in NAMES:
        alias = BIN / name
        if alias != WRAPPER:
            alias.unlink(missing_ok=True)
            alias.symlink_to(WRAPPER.name)


def _works(command):
    """Does this browser render a page?"""
    page = "data:text/html,<p id=x></p><script>x.append(6*7)</script>"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    options.append(f"--user-data-dir={STATE / 'home' / 'probe'}")
    with log_path("chromium").open("a") as log:
        try:
            done = subprocess.run(
                [*command, *options, "--dump-dom", page],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                timeout=60,
                check=False,
                env=os.environ | {"HOME": str(STATE / "home")},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log.write(f"{command}: {error}\n")
            return False
    return ">42<" in done.stdout
