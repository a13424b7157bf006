"""Set up everything the project needs, below `.clinic`; finished steps are skipped.

    python3 tools/bootstrap.py [odoo] [python] [postgres] [browser] [pdf]

Without names, all steps. Runs on the system's Python with the standard library only.
"""

import os
import shutil
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def use_supported_python():
    """Start again with a Python that Odoo 19 supports, or say which to install."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which("python3.%d" % minor)  # noqa: UP031 (runs on old Pythons)
        if found:
            os.execv(found, [found] + sys.argv)
    sys.stderr.write(
        "error: Python 3.11, 3.12 or 3.13 is needed, this is %d.%d\n"  # noqa: UP031
        "  fix: apt-get install python3.11 python3.11-venv, or set PYTHON to one\n"
        % sys.version_info[:2]
    )
    sys.exit(2)


if __name__ == "__main__":
    use_supported_python()

import importlib.util  # noqa: E402
from pathlib import Path  # noqa: E402

from workspace import (  # noqa: E402
    PYTHON,
    ROOT,
    STATE,
    VENV,
    SetupError,
    StepFailed,
    digest,
    is_stamped,
    lock,
    logged,
    progress,
    require_space,
    run_main,
    stamp,
    write_atomically,
)

REQUIREMENTS = (
    ROOT / "tools" / "odoo-requirements.txt",
    ROOT / "requirements.txt",
    ROOT / "test-requirements.txt",
)
CONSTRAINTS = ROOT / "tools" / "constraints.txt"
# Lets pip see an Odoo that brings no metadata of its own.
METADATA = "Metadata-Version: 2.1\nName: odoo\nVersion: 19.0\n"


def python():
    """A virtual environment with exactly the pinned packages."""
    version = sys.version.split()[0]
    wanted = digest(version, str(VENV), *REQUIREMENTS, CONSTRAINTS)
    if is_stamped("python", wanted) and PYTHON.exists():
        return
    if not importlib.util.find_spec("ensurepip"):
        raise SetupError(
            "this Python cannot make virtual environments (no ensurepip)",
            "apt-get install python3-venv",
        )
    require_space(900, "the Python packages")
    with progress("Installing Python packages"):
        _make_venv(version)
        _install_requirements()
    stamp("python", wanted)


def _make_venv(version):
    """Create the environment, anew if another Python made it."""
    if not is_stamped("venv", version) or not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        logged("python", [sys.executable, "-m", "venv", VENV])
        stamp("venv", version)


def _install_requirements():
    files = [part for path in REQUIREMENTS for part in ("-r", path)]
    files += ["-c", CONSTRAINTS]
    env = os.environ | {
        "PIP_CACHE_DIR": str(STATE / "pip"),
        "PIP_NO_COMPILE": "1",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    try:
        logged("python", [PYTHON, "-m", "pip", "install", *files], env=env)
    except StepFailed as error:
        raise _explained(error) from error


def _explained(error):
    """Say `no network` where pip says that it found no versions."""
    signs = ("NewConnectionError", "NameResolutionError", "Timeout", "ProxyError")
    if not any(sign in error.output for sign in signs):
        return error
    return SetupError(
        "the Python package index cannot be reached",
        "connect to the network (or configure pip's proxy), then run the same"
        " command again",
    )


def odoo():
    """Odoo 19.0, importable from the virtual environment."""
    import odoo_source

    folder = odoo_source.ensure()
    site = next((VENV / "lib").glob("python3*/site-packages"), None)
    if site:
        _link(site, folder)


def _link(site, folder):
    """Make `import odoo` and pip's requirement `odoo` find this Odoo."""
    write_if_changed(site / "odoo.pth", f"{folder}\n")
    own = site / "odoo-19.0.dist-info"
    if any(folder.glob("odoo-*-info")):
        shutil.rmtree(own, ignore_errors=True)
    else:
        write_if_changed(own / "METADATA", METADATA)


def write_if_changed(path, text):
    """Leave a file that is right alone, so that nothing is rebuilt for it."""
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text)


def postgres():
    """A running database server."""
    import postgres as server

    server.start()


def browser():
    """A browser that Odoo's test runner finds."""
    import browser as chromium

    chromium.ensure()


def pdf():
    """A program that prints, if the machine can have one."""
    import pdf as printer

    printer.ensure()


# Order matters: Odoo is linked into the environment, PostgreSQL comes with it.
STEPS = {
    "python": python,
    "odoo": odoo,
    "postgres": postgres,
    "browser": browser,
    "pdf": pdf,
}


def main():
    """Run the named steps, or all."""
    names = sys.argv[1:] or list(STEPS)
    unknown = set(names) - set(STEPS)
    if unknown:
        raise SetupError(f"unknown step {unknown.pop()}", f"one of {', '.join(STEPS)}")
    # Started by root, PostgreSQL runs as nobody and must be able to read its programs.
    os.umask(os.umask(0) & ~0o055)
    Path(STATE).mkdir(parents=True, exist_ok=True)
    with lock("setup"):
        for name, step in STEPS.items():
            if name in names:
                step()
    return 0


if __name__ == "__main__":
    run_main(main)
