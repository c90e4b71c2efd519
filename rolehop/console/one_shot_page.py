"""The page through which a browser signs in to the console: given once, to this user's browser.

The browser gets only the page's address as its argument, which other users of the machine can see;
the sign-in token is in the page, and goes on in a form: neither arguments nor history hold it.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from typing import Self

from rolehop.credentials import Secret
from rolehop.net.loopback_pages import Page, PageRequest, PageServer, onward_page, page
from rolehop.net.loopback_peer import user_of_connection

_OPENING = ("Opening the console", "If nothing happens, go on by the button.")
_SIGNING_OUT = (
    "Signing out, then in",
    "If nothing happens, your browser wants a click before it opens a window.",
)
_SIGN_OUT = "Sign out of the console that is open, then open this one"
_NOTHING = ("Nothing to do here", "This page was for one request. Start again in the terminal.")


class OneShotPage:
    """A context manager that listens; the port is bound when it is created.

    Args:
        url: where the browser goes on to; ``https``, or loopback in tests.
        fields: what a form sends there; none: the page is a link.
        user: the user ID whose connections alone are answered, where the system tells whose they
            are; ``None``: not checked.
        sign_out_url: where the browser signs out first. A page cannot do that for it unseen: browsers
            keep the cookies of other sites from what a page loads.

    Raises:
        OSError: no port can be bound.
    """

    def __init__(
        self,
        url: str,
        fields: Mapping[str, str | Secret],
        *,
        user: int | None,
        sign_out_url: str | None = None,
    ) -> None:
        self._url = url
        self._fields = fields
        self._user = user
        self._sign_out_url = sign_out_url
        self._path = f"/{secrets.token_urlsafe(32)}"
        self._guard = threading.Lock()
        self._is_taken = False
        self._sent = threading.Event()
        self._server = PageServer(self._answer, sent=self._note_sent)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self._server.authority}{self._path}"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def wait(self, seconds: float) -> bool:
        """Return true once the page was given, false if it was not within ``seconds``."""
        return self._sent.wait(seconds)

    def _answer(self, request: PageRequest) -> Page:
        if not self._is_expected(request) or not self._take():
            return Page(404, *page(*_NOTHING))
        if self._sign_out_url is None:
            return Page(200, *onward_page(*_OPENING, self._url, self._fields))
        first = (_SIGN_OUT, self._sign_out_url)
        return Page(200, *onward_page(*_SIGNING_OUT, self._url, self._fields, first=first))

    def _is_expected(self, request: PageRequest) -> bool:
        return (
            request.method == "GET"
            and hmac.compare_digest(request.target.encode(), self._path.encode())
            and request.hosts == (self._server.authority,)
            and not request.origins  # another page asks; opening an address sends none
            and not request.is_ahead
            and not request.is_embedded
            and self._is_ours(request.client)
        )

    def _is_ours(self, client: tuple[str, int]) -> bool:
        # root reads all that this process has; and on WSL, Windows' browser comes through it.
        allowed = (None, 0, self._user)
        return self._user is None or user_of_connection(client, self._server.port) in allowed

    def _take(self) -> bool:
        with self._guard:
            taken, self._is_taken = self._is_taken, True
        return not taken

    def _note_sent(self, given: Page) -> None:
        if given.status == 200:
            self._sent.set()
