"""wkhtmltopdf for printed letters: the machine's own, else Debian's, unpacked.

Nothing depends on it for safety, so a machine without it gets a notice only.
"""

import os
import platform
import shutil

import debian
from workspace import BIN, STATE, SetupError, progress, say

PREFIX = STATE / "wkhtmltopdf"
WRAPPER = BIN / "wkhtmltopdf"


def ensure():
    """Make sure that `wkhtmltopdf` is found, or say that nothing can be printed."""
    if shutil.which("wkhtmltopdf") or WRAPPER.exists():
        return
    try:
        _fetch()
    except SetupError as error:
        say(f"no PDF documents: {error.problem} (fix: apt-get install wkhtmltopdf)")


def _fetch():
    program = PREFIX / "usr/bin/wkhtmltopdf"
    with progress("Fetching wkhtmltopdf (30 MB)"):
        debian.require_apt("apt-get install wkhtmltopdf")
        debian.fetch("wkhtmltopdf", ["wkhtmltopdf"], PREFIX)
    if not program.exists():
        raise SetupError("this release has no wkhtmltopdf", "install it by hand")
    plugins = PREFIX / f"usr/lib/{platform.machine()}-linux-gnu/qt5/plugins"
    variables = {"QT_QPA_PLATFORM": "offscreen", "QT_PLUGIN_PATH": plugins}
    debian.write_wrapper(
        WRAPPER, program, PREFIX, XDG_RUNTIME_DIR=_runtime(), **variables
    )


def _runtime():
    """Qt asks for a private folder that only its user may enter."""
    folder = STATE / "home" / "runtime"
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    return folder
