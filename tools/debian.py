"""Debian packages without touching the system: fetched and unpacked, not installed.

Lists, cache and sources are private folders; no step needs root. Mirrors are those the
machine is already configured with.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from workspace import STATE, SetupError, StepFailed, logged, write_atomically

APT = STATE / "apt"
KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
)
NO_ODOO = (
    "git clone --depth 1 --branch 19.0 the Odoo repository into a folder and run the"
    " same command with ODOO_HOME=that-folder"
)
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <!-- The first writable cache wins, so ours stands before the system's. -->
  <cachedir>{state}/home/fontconfig</cachedir>
  <dir>{state}/chromium/usr/share/fonts</dir>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
</fontconfig>
"""
NETWORK = re.compile(
    r"Could not resolve|Temporary failure|Unable to connect|Connection (failed|refused|"
    r"timed out)|Network is unreachable|Could not connect|Failed to fetch"
)


def require_apt(remedy):
    """Stop on systems that have no apt-get or dpkg."""
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            raise SetupError(f"{program} is missing: this is not Debian", remedy)


class Apt:
    """An apt whose lists and downloads live in one folder of ours."""

    def __init__(self, name, sources=None):
        self.step = f"apt-{name}"
        self.folder = APT / name
        for folder in ("lists/partial", "cache/archives/partial", "debs", "log"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        self.options = [
            f"-oDir::State::lists={self.folder / 'lists'}",
            f"-oDir::Cache={self.folder / 'cache'}",
            f"-oDir::Log={self.folder / 'log'}",
            # Hooks of the system (appstream, docker) would write outside our folder.
            "-oAPT::Update::Post-Invoke::=",
            "-oAPT::Update::Post-Invoke-Success::=",
            "-oAPT::Sandbox::User=root",
            "-oAcquire::Retries=1",
            "-oAcquire::http::Timeout=30",
            "-oAPT::Install-Recommends=false",
        ]
        if sources:
            own = self.folder / "sources.list"
            own.write_text(sources)
            self.options += [
                f"-oDir::Etc::sourcelist={own}",
                "-oDir::Etc::sourceparts=/dev/null",
                "-oDir::Etc::preferences=/dev/null",
                "-oDir::Etc::preferencesparts=/dev/null",
            ]

    def run(self, *arguments, **options):
        """Run apt-get with its output in the log."""
        try:
            logged(self.step, ["apt-get", *self.options, *arguments], **options)
        except StepFailed as error:
            raise explained(error) from error

    def output(self, *arguments):
        """What an apt-get query prints; empty if it fails."""
        done = subprocess.run(
            ["apt-get", *self.options, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def update(self):
        """Fetch the package lists."""
        self.run("update")

    def closure(self, *packages):
        """`packages` and what they need that the system has not installed."""
        text = self.output("install", "--simulate", "--yes", *packages)
        return re.findall(r"^Inst (\S+)", text, re.MULTILINE)

    def unpack(self, packages, prefix):
        """Download and unpack packages into `prefix`, complete or not at all."""
        debs = self.folder / "debs"
        self.run("download", *packages, cwd=debs)
        part = prefix.with_name(prefix.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for deb in sorted(debs.glob("*.deb")):
            logged(self.step, ["dpkg", "-x", deb, part])
        shutil.rmtree(prefix, ignore_errors=True)
        part.rename(prefix)
        shutil.rmtree(debs)


def explained(error):
    """Say `no network` where apt says it in many words."""
    if not NETWORK.search(error.output):
        return error
    return SetupError(
        "a Debian mirror cannot be reached",
        "connect to the network (or set the proxy for apt), then run the same"
        " command again: finished downloads are kept",
    )


def system_apt():
    """The machine's own sources with private lists, up to date."""
    require_apt(NO_ODOO)
    apt = Apt("system")
    apt.update()
    return apt


def debian_mirror(apt):
    """The address of a Debian mirror among the machine's sources."""
    fields = "$(REPO_URI)|$(LABEL)|$(ORIGIN)"
    targets = apt.output("indextargets", "--format", fields, "Created-By: Packages")
    rows = [line.split("|") for line in targets.splitlines()]
    for uri, label, origin in rows:
        if label == "Debian" and origin == "Debian":
            return uri
    raise SetupError("no Debian mirror is configured on this machine", NO_ODOO)


def sid_apt():
    """Debian's newest suite from the machine's own mirror, checked by its keyring."""
    mirror = debian_mirror(system_apt())
    for keyring in KEYRINGS:
        if Path(keyring).exists():
            break
    else:
        raise SetupError(
            "the keys of the Debian archive are missing",
            "apt-get install debian-archive-keyring",
        )
    apt = Apt("sid", f"deb [signed-by={keyring}] {mirror} sid main\n")
    apt.update()
    return apt


def fetch(name, packages, prefix):
    """Unpack packages of the machine's own release, with what they lack here.

    Does nothing when the release has no real package of that name.
    """
    apt = system_apt()
    missing = apt.closure(*packages)
    if name in missing:
        apt.unpack(missing, prefix)


def write_wrapper(path, program, prefix=None, flags=(), **variables):
    """A start script: a private home, private fonts, and libraries below `prefix`."""
    home = STATE / "home"
    home.mkdir(parents=True, exist_ok=True)
    fonts = STATE / "fonts.conf"
    write_atomically(fonts, FONTS.format(state=STATE))
    variables |= {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CACHE_HOME": home / "cache",
        "FONTCONFIG_FILE": fonts,
    }
    if prefix:
        variables["LD_LIBRARY_PATH"] = os.pathsep.join(library_folders(prefix))
    lines = [f"export {key}={shlex.quote(str(v))}" for key, v in variables.items()]
    command = " ".join(shlex.quote(str(part)) for part in (program, *flags))
    script = "\n".join(["#!/bin/sh", *lines, f'exec {command} "$@"']) + "\n"
    write_atomically(path, script, mode=0o755)


def library_folders(prefix):
    """Folders below `prefix` that hold shared libraries."""
    machine = f"{platform.machine()}-linux-gnu"
    bases = [prefix / "usr/lib" / machine, prefix / "lib" / machine, prefix / "usr/lib"]
    found = {lib.parent for base in bases for lib in base.glob("*.so*")}
    found |= {lib.parent for lib in (prefix / "usr/lib").glob("*/*/*.so*")}
    return [str(path) for path in sorted(found)]
