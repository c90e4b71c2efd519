"""Open a console in a browser, by a page on this machine that gives the sign-in to one request."""

from __future__ import annotations

import hmac
import os
import secrets
import shutil
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Self

from rolehop.app.walking import person_for
from rolehop.aws.net.loopback_pages import (
    Page,
    PageRequest,
    PageServer,
    onward_page,
    page,
    user_of_connection,
)
from rolehop.base.credentials import Secret
from rolehop.base.errors import NoTerminal, RolehopError

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import Person, StartedBrowser
    from rolehop.commands.console.login import BrowserWindow, ConsoleLogin, ConsoleRequest
    from rolehop.plan.walk_options import WalkOptions

_OPENED_WITHIN_SECONDS = 60
_LOOKS = 4  # a second, at what should open the browser
_AFTER_FAILURE_SECONDS = 2  # for what it started before it failed

# Not the command itself: one that left out a flag (--read-only) would open more than was asked for.
_PRINT = "the same command with --print shows a link to open elsewhere"


def window_of(app: App, name: str, *, browser: str | None, container: bool) -> BrowserWindow | None:
    """Return where the console of a chain opens, by the config and by what was asked for.

    ``None``: in the system's browser. ``container``: one of Firefox was asked for.

    Raises:
        UsageError: a container was asked for in another browser.
    """
    from rolehop.commands.console.login import window_for
    from rolehop.config.schema import fill

    said, chain = app.config.console, app.config.chains.get(name)
    called, color = (name, None) if chain is None else (chain.name, chain.color)
    return window_for(
        called,
        color,
        browser=said.browser,
        profile=None if said.profile is None else fill(said.profile, {"chain": called}),
        container=said.container,
        asked_browser=browser,
        asked_container=container,
    )


def check_browser(app: App, options: WalkOptions, request: ConsoleRequest) -> None:
    """Check that a browser can open what AWS is about to be asked for.

    Raises:
        NoTerminal: none can be opened here, or not the one that is meant, and the console was asked
            for in it.
    """
    if not request.in_browser:
        return
    if not person_for(app, options).has_browser:
        raise _no_browser("no browser", _PRINT)
    if request.window is not None:
        commands = request.window.commands("", app.environ, sys.platform)
        path = app.environ.get("PATH")
        if not any(shutil.which(program, path=path) for program, *_ in commands):
            raise _no_browser(f"no {request.window.browser}", _PRINT)


def open_console(
    app: App, login: ConsoleLogin, options: WalkOptions, window: BrowserWindow | None = None
) -> datetime:
    """Open a browser that signs in; return when it took the page (UTC).

    ``window``: where; ``None``: in the system's browser.

    Raises:
        NoTerminal: no browser can be opened here.
        RolehopError: the browser did not ask for the page, or what should open it failed.
    """
    link = _how_to_open_elsewhere(login)
    person = person_for(app, options)
    user = os.getuid() if hasattr(os, "getuid") else None
    with OneShotPage(login.url, login.fields, user=user, sign_out_url=login.sign_out_url) as page:
        commands = None if window is None else window.commands
        browser = person.open_window(page.url, commands)
        if browser is None:
            what = "no browser" if window is None else f"no {window.browser}"
            raise _no_browser(what, link)
        cause = _wait_until_taken(page, browser, person)
        if cause is not None:
            if window is not None and window.needs is not None:
                cause = f"{cause}; {window.needs}"
            raise RolehopError("the console was not opened", cause=cause, fix=link)
    return app.now()


def _how_to_open_elsewhere(login: ConsoleLogin) -> str:
    return _PRINT if login.is_secret else f"open {login.url}"


def _no_browser(what: str, fix: str) -> NoTerminal:
    return NoTerminal(f"{what} can be opened here", fix=fix)


def _wait_until_taken(page: OneShotPage, browser: StartedBrowser, person: Person) -> str | None:
    """Wait for the browser, with the seconds that are left shown from the second one on.

    Returns why it did not take the page; ``None`` if it did.
    """
    with person.countdown("waiting for the browser") as show:
        for left in range(_OPENED_WITHIN_SECONDS - 1, -1, -1):
            for _ in range(_LOOKS):
                if page.wait(1 / _LOOKS):
                    return None
                failure = browser.failure()
                if failure is not None:
                    return None if page.wait(_AFTER_FAILURE_SECONDS) else failure
            show(left)
    return f"no browser asked for it within {_OPENED_WITHIN_SECONDS} s"


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
