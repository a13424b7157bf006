"""Where everything is, how it is said, and how a step is run: standard library only.

All state lives in one ignored folder, `.clinic` beside the sources (or the folder
that CLINIC_STATE names), so deleting it undoes every set-up step.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("CLINIC_STATE") or ROOT / ".clinic").resolve()
LOGS = STATE / "logs"
STAMPS = STATE / "stamps"
BIN = STATE / "bin"
VENV = STATE / "venv"
PYTHON = VENV / "bin" / "python"
DATA_DIR = STATE / "data"


class SetupError(Exception):
    """Something the person at the keyboard must change, and how."""

    def __init__(self, problem, remedy):
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def say(text):
    """Print one line at once, even into a pipe."""
    print(text, flush=True)


def run_main(main):
    """Run `main`, turning what a person can fix into two lines and exit code 2."""
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(143))
    try:
        sys.exit(main())
    except SetupError as error:
        sys.stdout.flush()
        print(f"error: {error.problem}\n  fix: {error.remedy}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


@contextlib.contextmanager
def progress(what):
    """One line per long step: what it is, then how long it took."""
    start = time.monotonic()
    print(f"{what} ...", end=" ", flush=True)
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - start:.0f} s", flush=True)


def log_path(step):
    """The log file of a step."""
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / f"{step}.log"


def last_lines(path, count=15):
    """The end of a log, for an error message."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return "\n".join(lines[-count:])


def is_disk_full(text):
    """Does this output say that the disk is full?"""
    return os.strerror(errno.ENOSPC) in text


def logged(step, command, **options):
    """Run a command with all its output in the step's log; raise if it fails."""
    path = log_path(step)
    with path.open("ab") as log:
        log.write(f"$ {' '.join(map(str, command))}\n".encode())
        log.flush()
        start = log.tell()
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **options,
        )
    if done.returncode:
        with path.open("rb") as log:
            log.seek(start)
            output = log.read().decode(errors="replace")
        raise StepFailed(step, command, done.returncode, output)


class StepFailed(SetupError):
    """A command of a step ended badly; `output` is what it printed."""

    def __init__(self, step, command, code, output):
        self.output = output
        name = Path(str(command[0])).name
        if is_disk_full(output):
            super().__init__(
                f"the disk is full ({name} in step {step})",
                f"free some space at {STATE}, then run the same command again",
            )
            return
        tail = "\n    ".join(output.strip().splitlines()[-12:])
        super().__init__(
            f"{name} ended with code {code} in step {step}:\n    {tail}",
            f"read {log_path(step)}, then run the same command again",
        )


def require_space(megabytes, what):
    """Stop before a step that would fill the disk. CLINIC_FREE_MB fakes the figure."""
    faked = os.environ.get("CLINIC_FREE_MB")
    STATE.mkdir(parents=True, exist_ok=True)
    free = int(faked) if faked else shutil.disk_usage(STATE).free // 2**20
    if free < megabytes:
        raise SetupError(
            f"{what} needs {megabytes} MB, but only {free} MB are free at {STATE}",
            "free some space, or set CLINIC_STATE to a folder on a larger disk",
        )


def require_port(port, host="127.0.0.1"):
    """Stop when somebody else listens on `port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise SetupError(
                f"port {port} is taken ({os.strerror(error.errno)})",
                "stop that program, or choose another port: make demo PORT=8070",
            ) from error


def free_port(host="127.0.0.1"):
    """A port nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def digest(*parts):
    """A short fingerprint of strings and files."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        total.update(b"\0")
    return total.hexdigest()[:16]


def is_stamped(step, value):
    """Was this step finished with exactly these inputs?"""
    path = STAMPS / step
    return path.exists() and path.read_text() == value


def stamp(step, value):
    """Remember that a step is finished; written last and atomically."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    write_atomically(STAMPS / step, value)


def write_atomically(path, text, mode=0o644):
    """Replace a file in one go, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + f".part{os.getpid()}")
    part.write_text(text)
    part.chmod(mode)
    part.replace(path)


@contextlib.contextmanager
def lock(name="setup"):
    """One process at a time; the others wait and say so."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run to finish its {name} ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
