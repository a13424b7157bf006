"""All checks of the sources that need no running Odoo; ends with 1 if one fails."""

import ast
import re
import shutil
import subprocess
import sys

from lxml import etree

from workspace import PYTHON, ROOT, STATE, run_main, say

# Parts are joined here, so that this file holds none of the names it looks for.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("pythonhosted", "org"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("snapshot", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("security", "ubuntu", "com"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("static", "crates", "io"),
    )
]
HOST = re.compile("|".join(map(re.escape, HOSTS)))
# A folder that exists on one machine only, such as a home folder or this checkout.
FOLDER = re.compile(
    r"(?<![\w.:/\-~*$}])/(?:home/\w|root/|work/|Users/\w|opt/\w|mnt/\w)"
    rf"|{re.escape(str(ROOT))}(?:/|\b)"
)
TEXT_LIMIT = 2_000_000


def committed():
    """The files that git has or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") and (ROOT / ".git").exists():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        names = done.stdout.decode().split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    hidden = (STATE.name, ".git", "__pycache__")
    paths = (path for path in ROOT.rglob("*") if path.is_file())
    return [path for path in paths if not set(path.parts) & set(hidden)]


def addons():
    """Our addons' folder names."""
    return sorted(path.parent.name for path in ROOT.glob("*/__manifest__.py"))


def run(*command):
    """Run a linter; its output is the complaint."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.strip().splitlines() or ["failed"] if done.returncode else []


def check_ruff(_files):
    """Faults and complexity."""
    return run(PYTHON, "-m", "ruff", "check", "--output-format=concise", ".")


def check_format(_files):
    """One layout for all (`make format` applies it)."""
    return run(PYTHON, "-m", "ruff", "format", "--check", ".")


def check_pylint_odoo(_files):
    """Odoo's own rules."""
    names = addons()
    if not names:
        return []
    return run(PYTHON, "-m", "pylint", "--rcfile=setup.cfg", *names)


def check_xml(files):
    """Every XML and SVG file can be parsed."""
    complaints = []
    for path in files:
        if path.suffix in (".xml", ".svg"):
            try:
                etree.parse(str(path))
            except etree.XMLSyntaxError as error:
                complaints.append(f"{path.relative_to(ROOT)}: {error}")
    return complaints


def check_names(files):
    """No package registry's address and no folder of one machine in any file."""
    complaints = []
    for path in files:
        if path.stat().st_size > TEXT_LIMIT:
            continue
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            for found in (HOST.search(line), FOLDER.search(line)):
                if found:
                    where = f"{path.relative_to(ROOT)}:{number}"
                    complaints.append(f"{where}: names {found[0]}")
    return complaints


def check_test_imports(_files):
    """Odoo runs only the tests that `tests/__init__.py` imports; pytest runs all."""
    complaints = []
    for name in addons():
        folder = ROOT / name / "tests"
        if not folder.is_dir():
            continue
        init = folder / "__init__.py"
        tree = ast.parse(init.read_text() if init.exists() else "")
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        imported = {alias.name for node in imports for alias in node.names}
        files = {path.stem for path in folder.glob("test_*.py")}
        for missing in sorted(files - imported):
            complaints.append(f"{name}/tests/__init__.py does not import {missing}")
    return complaints


def check_manifests(_files):
    """Data files that a manifest names exist, and every data file is named."""
    complaints = []
    for name in addons():
        folder = ROOT / name
        manifest = ast.literal_eval((folder / "__manifest__.py").read_text())
        named = set(manifest.get("data", [])) | set(manifest.get("demo", []))
        complaints += [
            f"{name}/__manifest__.py names {path}, which does not exist"
            for path in sorted(named)
            if not (folder / path).exists()
        ]
        found = _data_files(folder) - named
        complaints += [f"{name}/{path} is in no manifest" for path in sorted(found)]
    return complaints


def _data_files(folder):
    """Files that mean nothing unless a manifest loads them."""
    kinds = ("views", "data", "security", "wizard", "report", "demo", "templates")
    paths = (path for kind in kinds for path in (folder / kind).rglob("*"))
    wanted = (path for path in paths if path.suffix in (".xml", ".csv"))
    return {path.relative_to(folder).as_posix() for path in wanted}


CHECKS = (
    check_ruff,
    check_format,
    check_xml,
    check_names,
    check_manifests,
    check_test_imports,
    check_pylint_odoo,
)


def main():
    """Run every check, or those named on the command line."""
    wanted = sys.argv[1:]
    files = committed()
    failed = 0
    for check in CHECKS:
        name = check.__name__.removeprefix("check_")
        if wanted and name not in wanted:
            continue
        complaints = check(files)
        failed += bool(complaints)
        say(f"{name}: {'ok' if not complaints else f'{len(complaints)} complaints'}")
        for line in complaints:
            say(f"  {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    run_main(main)
