"""Pages for a browser on this machine: a small server on 127.0.0.1, on a port of its own.

Whoever makes one decides what is answered. Nothing of a request is ever shown in a page, and a page
loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError
from rolehop.base.text import clean

HOST = "127.0.0.1"

# Fetch standard, "Sec-Purpose"; the others are of Safari and of older browsers.
_AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")

_SCRIPTS = {
    True: "const go = () => document.forms[0].submit();",
    # The page itself stays out of the history.
    False: "const go = () => location.replace(document.getElementById('onward').href);",
}

_AT_ONCE = "go()"

# A page elsewhere may be closed by us, and not read: once it is there, its address cannot be had.
# It may lead whoever opened it elsewhere: so that is an empty frame, in which the policy lets nothing
# load, and not this page. Without an opener it could not be closed.
_AFTER_FIRST = """
const first = document.getElementById("first");
const frame = document.createElement("iframe");
frame.hidden = true;
document.body.append(frame);
const visit = () => {
  const there = frame.contentWindow.open(first.href, "_blank", "popup,width=480,height=600");
  if (!there) return;
  const timer = setInterval(() => {
    try { if (!there.closed && there.location.href) return; } catch {}
    clearInterval(timer);
    there.close();
    go();
  }, 100);
};
first.addEventListener("click", event => { event.preventDefault(); visit(); });
visit();
"""

_FIRST = '<p class="onward"><a id="first" target="_blank" href="{1}">{0}</a></p>'
_CLIENT_SECONDS = 10.0  # browsers open connections ahead and send nothing on them


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a browser asks for."""

    method: str
    target: str
    """Path and query, as they came."""

    hosts: tuple[str, ...]
    """Every Host header."""

    origins: tuple[str, ...]
    """Every Origin header."""

    is_ahead: bool
    """The browser fetches it before anybody wants to see it."""

    is_embedded: bool
    """Another page loads it: as a picture, a script, into a frame. Browsers send no Origin then."""

    client: tuple[str, int]
    """The client's end of the connection: address and port."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer; it may hold secrets, which are not shown."""

    status: int
    body: bytes
    policy: str
    """The Content-Security-Policy."""

    def __repr__(self) -> str:
        return f"Page({self.status})"


class PageServer(ThreadingHTTPServer):
    """A context manager that answers while it is open; the port is bound when it is created.

    Args:
        answer: gives the page for a request; called from threads.
        port: 0 for any.
        sent: is told of a page once it is on its way.

    Raises:
        OSError: the port is in use.
    """

    daemon_threads = True
    # A second listener must fail, rather than share the port and receive our requests.
    allow_reuse_address = False

    def __init__(
        self,
        answer: Callable[[PageRequest], Page],
        port: int = 0,
        *,
        sent: Callable[[Page], object] = lambda page: None,
    ) -> None:
        self.answer = answer
        self.sent = sent
        super().__init__((HOST, port), _Handler)
        self.port: int = self.server_address[1]

    @property
    def authority(self) -> str:
        """Host and port, as a browser names them."""
        return f"{HOST}:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a browser that hangs up is not an error, and a traceback may hold a secret."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = _CLIENT_SECONDS
    server_version = "rolehop"
    sys_version = ""

    def _answer(self) -> None:
        request = PageRequest(
            self.command,
            self.path,
            tuple(self.headers.get_all("Host") or ()),
            tuple(self.headers.get_all("Origin") or ()),
            any(self.headers.get(name) for name in _AHEAD),
            self.headers.get("Sec-Fetch-Dest", "document") != "document",
            self.client_address,
        )
        found = self.server.answer(request)
        self.send_response(found.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(found.body)))
        self.send_header("Content-Security-Policy", found.policy)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.body)
        self.server.sent(found)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the request line may hold a secret."""
        del format, args


@cache
def page(title: str, text: str) -> tuple[bytes, str]:
    """Return the page with fixed texts, and the policy that allows nothing but its own style."""
    template, policy = _template()
    return _filled(template, title, text, ""), f"{policy}; form-action 'none'"


def onward_page(
    title: str,
    text: str,
    url: str,
    fields: Mapping[str, str | Secret],
    *,
    first: tuple[str, str] | None = None,
) -> tuple[bytes, str]:
    """Return a page that goes on to ``url`` as soon as it is shown, and its policy.

    ``fields`` are sent by POST: what a form sends is neither in the address of a page nor in the
    browser's history. Without fields the page is a link. Without scripts, a click goes on.

    ``first``: words and address of a link that is opened in a window of its own before. The page
    goes on when that has been answered, and closes it. Browsers that open no window without a click
    wait for one on the link.
    """
    template, policy = _template()
    before = "" if first is None else _FIRST.format(*map(escape, first))
    script = _SCRIPTS[bool(fields)] + (_AT_ONCE if first is None else _AFTER_FIRST)
    onward = f"{before}{_onward(url, fields)}<script>{script}</script>"
    return _filled(template, title, text, onward), f"{policy}; script-src '{_digest(script)}'"


def _onward(url: str, fields: Mapping[str, str | Secret]) -> str:
    if not fields:
        return f'<p class="onward"><a id="onward" href="{escape(url)}">Continue</a></p>'
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(_revealed(value))}">'
        for name, value in fields.items()
    )
    return f'<form method="post" action="{escape(url)}">{hidden}<button>Continue</button></form>'


@cache
def _template() -> tuple[str, str]:
    template = files("rolehop.aws.net").joinpath("page.html").read_text(encoding="utf-8")
    found = re.search(r"<style>(.*?)</style>", template, re.DOTALL)
    style = found[1] if found else ""
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; img-src data:; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return template, policy


def _filled(template: str, title: str, text: str, form: str) -> bytes:
    before, after = template.split("{form}")
    filled = before.replace("{title}", title).replace("{text}", text)
    return f"{filled}{form}{after}".encode()


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_HOST = "127.0.0.1"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

# _HOST as the tables have it, on machines of either byte order. A program that uses IPv6
# sockets for everything has it behind a prefix.
_LOOPBACK = ("0100007F", "7F000001")
_PREFIXES = ("", "0000000000000000FFFF0000", "00000000000000000000FFFF")
_ESTABLISHED = "01"

GONE = -1
"""In place of a user ID: the client has closed the connection, so whose it was is not known."""


def user_of_connection(client: tuple[str, int], server_port: int) -> int | None:
    """Return the user ID of whoever connected from ``client`` to ``server_port`` at 127.0.0.1.

    ``client`` is its address and port. Only 127.0.0.1 is looked for: the port alone may be anybody's
    at 127.0.0.2, which is this machine as well. `GONE` for another address.

    ``None``: not known, on other systems than Linux (proc_pid_net(5), "tcp": local address, remote
    address, state, …, user), and if the program is on the other side of a virtual machine. `GONE`:
    the table has user 0 for a connection that its program has closed, or no longer has it.
    """
    address, port = client
    if address != _HOST:
        return GONE
    theirs, ours = _ends(port), _ends(server_port)
    rows = [row for table in _TABLES for row in _rows(table)]
    for row in rows:
        if row[1] in theirs and row[2] in ours:
            return int(row[7]) if row[3] == _ESTABLISHED else GONE
    is_open = any(row[1] in ours and row[2] in theirs and row[3] == _ESTABLISHED for row in rows)
    return None if is_open or not rows else GONE


def _rows(table: Path) -> list[list[str]]:
    try:
        return [row.split() for row in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []


def _ends(port: int) -> set[str]:
    return {f"{prefix}{address}:{port:04X}" for prefix in _PREFIXES for address in _LOOPBACK}


PATH = "/oauth/callback"

DEADLINE_SECONDS = 600.0
"""As long as AWS keeps a sign-in open."""

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
            self._server = PageServer(self._page, port)
        except OSError as error:
            raise SourceError(
                f"rolehop cannot listen for the sign-in on {HOST}:{port}",
                cause=error.strerror,
                fix="end the program that uses this port, or sign in without a browser here",
            ) from None
        self.port = self._server.port

    @property
    def redirect_uri(self) -> str:
        """The URL, port included."""
        return f"http://{HOST}:{self.port}{PATH}"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

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

    def _page(self, request: PageRequest) -> Page:
        status, texts = self._answer(request)
        return Page(status, *page(*texts))

    def _answer(self, request: PageRequest) -> tuple[int, tuple[str, str]]:
        """Return the status and the page's texts for one request, and accept it if it is valid."""
        parts = urlsplit(request.target)
        if request.method != "GET":
            return 405, _UNEXPECTED
        if request.hosts != (self._server.authority,):
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
