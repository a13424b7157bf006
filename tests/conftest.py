"""What black-box tests share: databases, a real server, a real mail server."""

import itertools
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.cookiejar import CookieJar

import pytest
from aiosmtpd.controller import Controller

import odoo_env
from workspace import PYTHON, STATE

PATIENCE = 90  # seconds a loaded machine may need for what takes a few


def free_port():
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what):
    """Wait until a function returns something true, and return that."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.2)
    raise AssertionError(f"waited {PATIENCE} seconds in vain for {what}")


def midday_zone():
    """A time zone where patients may be written to, whenever this runs."""
    ahead = 13 - datetime.now(UTC).hour
    # The names of these zones count the other way round.
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


class Mailbox:
    """An SMTP server on this machine that keeps what it takes."""

    controller = Controller

    def __init__(self):
        self.port = free_port()
        self.messages = []
        self.recipients = []
        self._server = self.controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server, session, envelope):
        self.recipients += envelope.rcpt_tos
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append((envelope.content, message))
        return "250 OK"

    @property
    def server_values(self):
        """Values of the `ir.mail_server` that delivers here."""
        return {
            "name": "Local",
            "smtp_host": "127.0.0.1",
            "smtp_port": self.port,
            "smtp_encryption": "none",
        }

    @contextmanager
    def open(self):
        self._server.start()
        try:
            yield self
        finally:
            self._server.stop()


def deliver_to(client, mailbox):
    """Let the server send by this mailbox only: those of earlier tests are gone."""
    others = client.call("ir.mail_server", "search", [])
    client.call("ir.mail_server", "write", others, {"active": False})
    client.call("ir.mail_server", "create", mailbox.server_values)


@pytest.fixture
def mailbox():
    with Mailbox().open() as mailbox:
        yield mailbox


class Client:
    """The web client's way to the server: JSON-RPC with a session."""

    def __init__(self, url, database):
        self.url, self.database = url, database
        self._number = itertools.count(1)
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def rpc(self, path, **params):
        """Call a JSON-RPC route.

        :raise RefusedError: with the name of the error the server answers
        """
        body = {"jsonrpc": "2.0", "id": next(self._number), "params": params}
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self._opener.open(request, timeout=PATIENCE) as answer:
            answer = json.load(answer)
        if "error" in answer:
            raise RefusedError(answer["error"]["data"]["name"], answer["error"])
        return answer.get("result")

    def login(self, login, password):
        return self.rpc(
            "/web/session/authenticate",
            db=self.database,
            login=login,
            password=password,
        )

    def call(self, model, method, *args, **kwargs):
        """Call a method of a model."""
        return self.rpc(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=list(args),
            kwargs=kwargs,
        )

    def import_file(self, model, columns, content, **context):
        """Import a CSV file as the web client does."""
        wizard = self.call(
            "base_import.import",
            "create",
            {
                "res_model": model,
                # Not encoded: the wizard keeps the file as it is.
                "file": content.decode(),
                "file_name": "file.csv",
                "file_type": "text/csv",
            },
        )
        options = {
            "has_headers": True,
            "separator": ",",
            "quoting": '"',
            "date_format": "%Y-%m-%d",
            "datetime_format": "%Y-%m-%d %H:%M:%S",
            "float_thousand_separator": "",
            "float_decimal_separator": ".",
        }
        return self.call(
            "base_import.import",
            "execute_import",
            [wizard],
            columns,
            columns,
            options,
            context=context,
        )


class RefusedError(Exception):
    """The server answered with an error."""


class Server:
    """A real Odoo server on a database of its own."""

    def __init__(self, database):
        self.database = database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def client(self, login=None, password=None):
        client = Client(self.url, self.database)
        if login:
            client.login(login, password or login)
        return client

    def answers(self):
        try:
            urllib.request.urlopen(f"{self.url}/web/health", timeout=5).close()
        except OSError:
            return False
        return True

    @contextmanager
    def run(self, *options):
        odoo_env.create_db_from_template(self.database)
        log = STATE / "logs" / f"{self.database}.log"
        log.unlink(missing_ok=True)
        command = [PYTHON, "-m", "odoo", "--config", odoo_env.write_config()]
        command += ["-d", self.database, "--db-filter", f"^{self.database}$"]
        command += ["--http-interface=127.0.0.1", f"--http-port={self.port}"]
        command += ["--logfile", log, *options]
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=STATE,
            # A job that is due is noticed at once, and not within a minute.
            env=odoo_env.environ() | {"ODOO_NOTIFY_CRON_CHANGES": "1"},
        )
        try:
            wait_for(self.answers, f"the server; its log is {log}")
            yield self
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            odoo_env.drop_db(self.database)


@pytest.fixture(scope="session")
def server():
    """A running server with its crons."""
    with Server("clinic_black_box").run("--max-cron-threads=1") as server:
        yield server
