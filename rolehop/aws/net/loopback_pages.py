"""Pages for a browser on this machine: a small server on 127.0.0.1, on a port of its own.

Whoever makes one decides what is answered. Nothing of a request is ever shown in a page, and a page
loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Self

from rolehop.credentials import Secret
from rolehop.startup.dataclass import dataclass

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
    template = files("rolehop.net").joinpath("page.html").read_text(encoding="utf-8")
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
