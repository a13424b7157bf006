"""Odoo 19.0: the one ODOO_HOME names, else Debian's package, unpacked privately."""

import os
import re
import shutil
from pathlib import Path

import debian
from workspace import STATE, SetupError, is_stamped, progress, require_space, stamp

PREFIX = STATE / "odoo"
PACKAGES = (
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-font-awesome",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-inconsolata",
    "fonts-ocr-b",
)
SERIES = "19.0"
# Debian strips this file, and every page of the web client logs its absence.
STRIPPED = "addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"


def ensure():
    """Return the folder that makes `import odoo` work, fetching Odoo if needed."""
    home = os.environ.get("ODOO_HOME")
    if home:
        return _from_home(Path(home).expanduser())
    folder = PREFIX / "usr/lib/python3/dist-packages"
    if not is_stamped("odoo", SERIES) or not _series(folder):
        with progress("Fetching Odoo (150 MB) and unpacking it (1.2 GB)"):
            _fetch(folder)
        stamp("odoo", SERIES)
    return folder


def _fetch(folder):
    require_space(1700, "Odoo")
    debian.sid_apt().unpack(PACKAGES, PREFIX)
    if _series(folder) != SERIES:
        raise SetupError("Debian's package is no Odoo 19.0", debian.NO_ODOO)
    for name in ("addons", "doc", "setup"):
        # Duplicates that would shadow modules of these names.
        shutil.rmtree(folder / name, ignore_errors=True)
    stripped = folder / "odoo" / STRIPPED
    stripped.parent.mkdir(parents=True, exist_ok=True)
    stripped.touch()


def _from_home(home):
    """A checkout or an installation of the user's own."""
    for folder in (home, home.parent):
        found = _series(folder)
        if found == SERIES:
            return folder.resolve()
        if found:
            raise SetupError(
                f"ODOO_HOME={home} is Odoo {found}, but {SERIES} is needed",
                f"git checkout {SERIES} there, or unset ODOO_HOME",
            )
    raise SetupError(
        f"ODOO_HOME={home} holds no Odoo (odoo/release.py is missing)",
        f"point it to a checkout of branch {SERIES}, or unset it",
    )


def _series(folder):
    """The series ("19.0") that the package `odoo` in this folder says it is."""
    release = folder / "odoo" / "release.py"
    if not release.exists():
        return None
    found = re.search(r"^version_info\s*=\s*\((.*?)\)", release.read_text(), re.M)
    if not found:
        return "of an unknown version"
    major, minor = (part.strip(" '\"") for part in found[1].split(",")[:2])
    return f"{major}.{minor}"
