"""The loopback address that an identity provider sends the browser back to.

It listens on 127.0.0.1 alone, at a port of its own. One request is accepted: a GET of the one
path, asked of this very host and port, with the state that only our browser window knows. All
others get an answer without effect, and the first good one ends it. Nothing of the request is
ever shown in a page.
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
    "The sign-in was refused or given up. The terminal says more.",
)
_STRANGE = (
    "Nothing to do here",
    "This address waits for another sign-in. Begin anew in the terminal.",
)


@dataclass(frozen=True, slots=True)
class _Answer:
    code: Secret | None
    error: str = ""


class Callback:
    """A context manager; the port is taken when it is made.

    Args:
        state: what the answer must repeat.
        port: a port of one's own choice, for providers that want it registered; 0: any.

    Raises:
        SourceError: the port is taken.
    """

    def __init__(self, state: str, port: int = 0) -> None:
        self._state = state
        self._answers: queue.Queue[_Answer] = queue.Queue()
        self._taken = threading.Lock()
        try:
            self._server = _Server((HOST, port), self)
        except OSError as error:
            raise SourceError(
                f"the sign-in cannot be answered at {HOST}:{port}",
                cause=error.strerror,
                fix="end the program that uses this port, or sign in without a browser here",
            ) from None
        self.port: int = self._server.server_address[1]

    @property
    def redirect_uri(self) -> str:
        """The address, port included."""
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

    def judged(self, method: str, target: str, hosts: list[str]) -> tuple[int, tuple[str, str]]:
        """Judge one request; return the status and the words of the page."""
        parts = urlsplit(target)
        if method != "GET":
            return 405, _STRANGE
        if hosts != [f"{HOST}:{self.port}"]:
            return 421, _STRANGE
        if parts.path != PATH:
            return 404, _STRANGE
        told = parse_qs(parts.query, max_num_fields=20)
        state = told.get("state", [])
        if len(state) != 1 or not hmac.compare_digest(state[0].encode(), self._state.encode()):
            return 400, _STRANGE
        code, error = told.get("code", []), told.get("error", [])
        if len(code) + len(error) != 1 or not self._taken.acquire(blocking=False):
            return 400, _STRANGE
        if error:
            words = ": ".join([*error, *told.get("error_description", [])[:1]])
            self._answers.put(_Answer(None, clean(words)[:_LONGEST_ERROR]))
            return 200, _REFUSED
        self._answers.put(_Answer(Secret(code[0])))
        return 200, _DONE


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A second listener must fail, not share the port and take our answer.
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], callback: Callback) -> None:
        self.callback = callback
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that hangs up is no error, and a traceback may hold the code."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _CLIENT_SECONDS
    server_version = "rolehop"
    sys_version = ""

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host") or []
        status, words = self.server.callback.judged(self.command, self.path, hosts)
        body, policy = page(*words)
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
    """Return the page with fixed words, and the policy that lets its own style alone in."""
    template = files("rolehop.oauth").joinpath("page.html").read_text(encoding="utf-8")
    found = re.search(r"<style>(.*?)</style>", template, re.DOTALL)
    style = found[1] if found else ""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return template.replace("{title}", title).replace("{text}", text).encode(), policy
