"""The loopback address to which an identity provider redirects the browser.

It listens on 127.0.0.1 only, on a port of its own. One request is accepted: a GET of one path, to
this host and port, with the state that only our browser window knows. Any other request gets an
answer without effect, and the first valid one ends the wait. Nothing of the request is ever shown
in a page.
"""

from __future__ import annotations

import hmac
import queue
import threading
from typing import Self
from urllib.parse import parse_qs, urlsplit

from rolehop.credentials import Secret
from rolehop.errors import SourceError
from rolehop.net.loopback_pages import HOST, Page, PageRequest, PageServer, page
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

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
