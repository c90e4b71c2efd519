"""Pages for a browser of this user on this machine: a small server on 127.0.0.1, on a port of its own.

One server for all of them, and one check: whoever connects is this user, as far as the system tells,
and asks for a page as a browser does that somebody sent there. What is in an argument of a program
is everybody's to read: the address of a page that is given once, or, where the system does not tell
who connects, that of a file which leads there. Nothing of a request is ever shown in a page, and a
page loads nothing.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import os
import queue
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from rolehop.aws.net.addresses import is_web_address
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError
from rolehop.base.files import write_beside
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
_CLIENT_SECONDS = 10.0  # a whole exchange; browsers open connections ahead and send nothing on them

_NOTHING = ("Nothing to do here", "This page was for one request. Start again in the terminal.")
_LEADING = ("Opening a page of rolehop", "If nothing happens, go on by the link.")


class Peers(Enum):
    """What this system tells of who connects over loopback; all that depends on it is decided here."""

    TOLD = "Linux: the kernel's tables name the user of every connection; nobody else is answered"

    # Windows' relay into the virtual machine is a process of root's there; with a mirrored network
    # there is no row (WSL's documentation, "localhost").
    RELAYED = "WSL: the same, but who is not in them, or root, may be a browser of Windows'"

    UNTOLD = "macOS, Windows: it does not tell"

    @property
    def needs_secret(self) -> bool:
        """True if a page is for whoever has its address, so that no argument may hold that."""
        return self is not Peers.TOLD

    def lets_in(self, client: tuple[str, int], server_port: int) -> bool:
        """True if the page of a server is for who connected from ``client``, address and port."""
        if self is Peers.UNTOLD:
            return True
        user = user_of_connection(client, server_port)
        if user == os.getuid():
            return True
        return self is Peers.RELAYED and user in (None, 0)


def peers_of(platform: str, release: str) -> Peers:
    """Return what a system tells, by ``sys.platform`` and its kernel's release."""
    if platform != "linux":
        return Peers.UNTOLD
    return Peers.RELAYED if "microsoft" in release.lower() else Peers.TOLD


def _peers_here() -> Peers:
    return peers_of(sys.platform, os.uname().release if hasattr(os, "uname") else "")


@dataclass(frozen=True, slots=True)
class Page:
    """An answer; it may hold secrets, which are not shown."""

    status: int
    body: bytes
    policy: str
    """The Content-Security-Policy."""

    location: str | None = None
    """Where the browser goes instead."""

    def __repr__(self) -> str:
        return f"Page({self.status})"


class OneShotPage:
    """A page that one request gets, until its server ends."""

    def __init__(self, page: Page, url: str, argument: str) -> None:
        self.page = page
        self.url = url
        """Its address, for a terminal."""

        self.argument = argument
        """What may be an argument of a program: that address, or of a file that leads there."""

        self._sent = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Return true once the page was given, false if it was not within ``seconds``."""
        return self._sent.wait(seconds)

    def note_sent(self) -> None:
        """Note that the page is on its way."""
        self._sent.set()


class PageServer(ThreadingHTTPServer):
    """A context manager that answers while it is open; the port is bound when it is created.

    Args:
        answer: gives the page for a path and query, which are not those of a page given once, or
            ``None``; called from threads.
        port: 0 for any.
        peers: what the system tells of who connects; ``None``: as this one does.

    Raises:
        OSError: the port is in use, or the system does not tell who connects, as it should.
    """

    daemon_threads = True
    # A second listener must fail, rather than share the port and receive our requests.
    allow_reuse_address = False

    def __init__(
        self,
        answer: Callable[[str], Page | None] = lambda target: None,
        port: int = 0,
        *,
        peers: Peers | None = None,
    ) -> None:
        self._other_answer = answer
        self._peers = _peers_here() if peers is None else peers
        self._once: dict[str, OneShotPage] = {}
        self._folder: Path | None = None
        super().__init__((HOST, port), _Handler)
        self.port: int = self.server_address[1]
        if self._peers is Peers.TOLD and not _tells_of_listener(self.port):
            self.server_close()
            raise PermissionError(errno.EACCES, "/proc/net/tcp does not tell who connects to it")

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
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def once(self, page: Page, lead: Callable[[str], str] = lambda url: url) -> OneShotPage:
        """Return the page's address, which is good for one request.

        ``lead`` returns the address that makes a browser open the page's, if it is another.
        """
        path = f"/{secrets.token_urlsafe(32)}"
        url = f"http://{self.authority}{path}"
        argument = self._file_to(lead(url)) if self._peers.needs_secret else lead(url)
        self._once[path] = one_shot = OneShotPage(page, url, argument)
        return one_shot

    def _file_to(self, url: str) -> str:
        """Return the address of a file for this user alone that leads to ``url``."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rolehop-"))
        file = self._folder / f"{secrets.token_hex(8)}.html"
        body, _ = onward_page(*_LEADING, url, {})
        write_beside(file, body, lasting=False, sweep=False)
        return file.as_uri()

    def verify_request(self, request: object, client_address: tuple[str, int]) -> bool:
        """True if whoever connects may ask; others are hung up on before a byte is read."""
        del request
        return self._peers.lets_in(client_address, self.port)

    def answer(self, target: str) -> tuple[Page, OneShotPage | None]:
        """Return the page for a path and query, and which one it is of those given once."""
        one_shot = self._once.pop(target, None)
        if one_shot is not None:
            return one_shot.page, one_shot
        return self._other_answer(target) or _nothing(), None

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a browser that hangs up is not an error, and a traceback may hold a secret."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "rolehop"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self._deadline = threading.Timer(_CLIENT_SECONDS, self._hang_up)
        self._deadline.daemon = True
        self._deadline.start()

    def finish(self) -> None:
        self._deadline.cancel()
        super().finish()

    def _hang_up(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self) -> None:
        found, one_shot = _nothing(), None
        if self._is_expected():
            found, one_shot = self.server.answer(self.path)
        self.send_response(found.status)
        if found.location is not None:
            self.send_header("Location", found.location)
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
        if one_shot is not None:
            one_shot.note_sent()
        self.close_connection = True

    def _is_expected(self) -> bool:
        """True if a browser asks that somebody sent here, and no page elsewhere makes it ask."""
        return (
            self.command == "GET"
            and self.headers.get_all("Host") == [self.server.authority]
            and "Origin" not in self.headers  # opening an address sends none
            and not any(self.headers.get(name) for name in _AHEAD)
            # A picture, a script, a frame: for those browsers send no Origin.
            and self.headers.get("Sec-Fetch-Dest", "document") == "document"
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the request line may hold a secret."""
        del format, args


def redirect(url: str) -> Page:
    """Return the answer that sends the browser on to ``url``.

    Raises:
        ValueError: it is not a web address, and must never reach a browser.
    """
    if not is_web_address(url):
        raise ValueError("not a web address")
    body, policy = page("Going on", "Your browser goes on by itself.")
    return Page(302, body, policy, url)


def _nothing() -> Page:
    return Page(404, *page(*_NOTHING))


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


_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

# HOST as the tables have it, on machines of either byte order. A program that uses IPv6
# sockets for everything has it behind a prefix.
_LOOPBACK = ("0100007F", "7F000001")
_PREFIXES = ("", "0000000000000000FFFF0000", "00000000000000000000FFFF")
_ESTABLISHED, _LISTENING = "01", "0A"

# How the tables name every user whom this user namespace has no number for (user_namespaces(7)).
_NOBODY = 65_534
_LOOKS = 3  # rows that come and go while a table is read may hide another one

GONE = -1
"""In place of a user ID: the client has closed the connection, so whose it was is not known."""


def user_of_connection(client: tuple[str, int], server_port: int) -> int | None:
    """Return the user ID of whoever connected from ``client`` to ``server_port`` at 127.0.0.1.

    ``client`` is its address and port. Only 127.0.0.1 is looked for: the port alone may be anybody's
    at 127.0.0.2, which is this machine as well. `GONE` for another address, and for a user whom
    nothing tells from others.

    ``None``: not known, on other systems than Linux (proc_pid_net(5), "tcp": local address, remote
    address, state, …, user), and if the program is on the other side of a virtual machine. `GONE`:
    the table has user 0 for a connection that its program has closed, or no longer has it.
    """
    address, port = client
    if address != HOST:
        return GONE
    user: int | None = GONE
    for _ in range(_LOOKS):
        user = _user_in_tables(_ends(port), _ends(server_port))
        if user is not None and user != GONE:
            return GONE if user == _NOBODY else user
    return user


def _user_in_tables(theirs: set[str], ours: set[str]) -> int | None:
    rows = [row for table in _TABLES for row in _rows(table)]
    for row in rows:
        if row[1] in theirs and row[2] in ours:
            return int(row[7]) if row[3] == _ESTABLISHED else GONE
    is_open = any(row[1] in ours and row[2] in theirs and row[3] == _ESTABLISHED for row in rows)
    return None if is_open or not rows else GONE


def _tells_of_listener(port: int) -> bool:
    """True if the tables have this process's own listener as this user's."""
    user, ours = os.getuid(), _ends(port)
    rows = [row for row in _rows(_TABLES[0]) if row[1] in ours and row[3] == _LISTENING]
    return user != _NOBODY and [int(row[7]) for row in rows] == [user]


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


@dataclass(frozen=True, slots=True)
class _Answer:
    code: Secret | None
    error: str = ""


class Callback(PageServer):
    """A context manager that listens for the answer; the port is bound when it is created.

    Args:
        state: the value that the answer must repeat.
        port: the port, for providers that need it registered; 0 for any.
        peers: as of `PageServer`.

    Raises:
        SourceError: the port is in use, or the system does not tell who connects, as it should.
    """

    def __init__(self, state: str, port: int = 0, *, peers: Peers | None = None) -> None:
        self._state = state
        self._answers: queue.Queue[_Answer] = queue.Queue()
        self._taken = threading.Lock()
        try:
            super().__init__(self._page, port, peers=peers)
        except OSError as error:
            raise SourceError(
                f"rolehop cannot listen for the sign-in on {HOST}:{port}",
                cause=error.strerror,
                fix="mount /proc as it usually is, or sign in with --no-browser"
                if error.errno == errno.EACCES
                else "end the program that uses this port, or sign in without a browser here",
            ) from None

    @property
    def redirect_uri(self) -> str:
        """The URL, port included."""
        return f"http://{self.authority}{PATH}"

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

    def _page(self, target: str) -> Page | None:
        """Return the page for one request, and accept it if it is the answer."""
        parts = urlsplit(target)
        query = parse_qs(parts.query, max_num_fields=20)
        state, code, error = (query.get(name, []) for name in ("state", "code", "error"))
        if parts.path != PATH or len(state) != 1 or len(code) + len(error) != 1:
            return None
        if not hmac.compare_digest(state[0].encode(), self._state.encode()):
            return None
        if not self._taken.acquire(blocking=False):
            return None
        if error:
            text = ": ".join([*error, *query.get("error_description", [])[:1]])
            self._answers.put(_Answer(None, clean(text)[:_LONGEST_ERROR]))
            return Page(200, *page(*_REFUSED))
        self._answers.put(_Answer(Secret(code[0])))
        return Page(200, *page(*_DONE))
