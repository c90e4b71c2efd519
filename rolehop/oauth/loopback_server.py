"""The loopback address to which an identity provider redirects the browser.

It listens on 127.0.0.1 only, on a port of its own. One request is accepted: a GET of one path, to
this host and port, with the state that only our browser window knows. Any other request gets an
answer without effect, and the first valid one ends the wait. Nothing of the request is ever shown
in a page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import re
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Self
from urllib.parse import parse_qs, urlsplit

from rolehop.credentials import Secret
from rolehop.errors import SourceError
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

PATH = "/oauth/callback"
HOST = "127.0.0.1"
DEADLINE_SECONDS = 600.0
"""As long as AWS keeps a sign-in open."""

_CLIENT_SECONDS = 10.0  # browsers open connections ahead and send nothing on them
_LONGEST_ERROR = 200

_DONE = (
    "Signed in",
    "You can close this page and go back to the terminal.",
)
_REFUSED = (
    "Not signed in",
    "The sign-in was refused or cancelled. The terminal says more.",
)
_UNEXPECTED = (
    "Nothing to do here",
    "This address waits for another sign-in. Start again in the terminal.",
)


@dataclass(frozen=True, slots=True)
class _Answer:
    code: Secret | None
    error: str = ""


class Callback:
    """A context manager that listens for the answer; the port is bound when it is created.

    Args:
        state: the value that the answer must repeat.
        port: the port, for providers that need it registered; 0 for any.

    Raises:
        SourceError: the port is in use.
    """

    def __init__(self, state: str, port: int = 0) -> None:
        self._state = state
        self._answers: queue.Queue[_Answer] = queue.Queue()
        self._taken = threading.Lock()
        try:
            self._server = _Server((HOST, port), self)
        except OSError as error:
            raise SourceError(
                f"rolehop cannot listen for the sign-in on {HOST}:{port}",
                cause=error.strerror,
                fix="end the program that uses this port, or sign in without a browser here",
            ) from None
        self.port: int = self._server.server_address[1]

    @property
    def redirect_uri(self) -> str:
        """The URL, port included."""
        return f"http://{HOST}:{self.port}{PATH}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float = DEADLINE_SECONDS) -> Secret:
        """Return the authorization code.

        Raises:
            SourceError: the provider sent an error, or nothing came in time.
        """
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise SourceError(
                "nobody signed in",
                cause=f"the browser did not come back within {seconds / 60:.0f} min",
                fix="try again; on a machine without a browser use --no-browser",
            ) from None
        if answer.code is None:
            raise SourceError(
                "the sign-in was refused",
                cause=answer.error,
                fix="sign in again, and allow rolehop what it asks for",
            )
        return answer.code

    def answer(self, method: str, target: str, hosts: list[str]) -> tuple[int, tuple[str, str]]:
        """Return the status and the page's texts for one request, and accept it if it is valid."""
        parts = urlsplit(target)
        if method != "GET":
            return 405, _UNEXPECTED
        if hosts != [f"{HOST}:{self.port}"]:
            return 421, _UNEXPECTED
        if parts.path != PATH:
            return 404, _UNEXPECTED
        query = parse_qs(parts.query, max_num_fields=20)
        state = query.get("state", [])
        if len(state) != 1 or not hmac.compare_digest(state[0].encode(), self._state.encode()):
            return 400, _UNEXPECTED
        code, error = query.get("code", []), query.get("error", [])
        if len(code) + len(error) != 1 or not self._taken.acquire(blocking=False):
            return 400, _UNEXPECTED
        if error:
            text = ": ".join([*error, *query.get("error_description", [])[:1]])
            self._answers.put(_Answer(None, clean(text)[:_LONGEST_ERROR]))
            return 200, _REFUSED
        self._answers.put(_Answer(Secret(code[0])))
        return 200, _DONE


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A second listener must fail, rather than share the port and receive our answer.
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], callback: Callback) -> None:
        self.callback = callback
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a browser that hangs up is not an error, and a traceback may hold the code."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _CLIENT_SECONDS
    server_version = "rolehop"
    sys_version = ""

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host") or []
        status, texts = self.server.callback.answer(self.command, self.path, hosts)
        body, policy = page(*texts)
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the request line holds the code."""
        del format, args


@cache
def page(title: str, text: str) -> tuple[bytes, str]:
    """Return the page with fixed texts, and the policy that allows nothing but its own style."""
    template = files("rolehop.oauth").joinpath("page.html").read_text(encoding="utf-8")
    found = re.search(r"<style>(.*?)</style>", template, re.DOTALL)
    style = found[1] if found else ""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return template.replace("{title}", title).replace("{text}", text).encode(), policy
