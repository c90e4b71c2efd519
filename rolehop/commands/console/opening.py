"""Open a console in a browser, by a page on this machine that gives the sign-in to one request."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.app.guard import person_for
from rolehop.aws.net.loopback_pages import OneShotPage, Page, PageServer, onward_page, redirect
from rolehop.base.errors import NoTerminal, RolehopError
from rolehop.base.programs import has_program

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
        if not any(has_program(program, app.environ) for program, *_ in commands):
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
    with _page_server(link) as server:
        if window is None:
            page, commands = server.once(page_of(login)), None
        else:
            page, commands = server.once(page_of(login), window.address), window.commands
        browser = person.open_window(page, commands)
        if browser is None:
            what = "no browser" if window is None else f"no {window.browser}"
            raise _no_browser(what, link)
        cause = _wait_until_taken(page, browser, person)
        if cause is not None:
            if window is not None and window.needs is not None:
                cause = f"{cause}; {window.needs}"
            raise RolehopError("the console was not opened", cause=cause, fix=link)
    return app.now()


def _page_server(fix: str) -> PageServer:
    try:
        return PageServer()
    except OSError as error:
        raise RolehopError("the console was not opened", cause=error.strerror, fix=fix) from None


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


def page_of(login: ConsoleLogin) -> Page:
    """Return the page that sends a browser on to the console.

    A page cannot sign out for the browser unseen: browsers keep the cookies of other sites from what
    a page loads.
    """
    if login.sign_out_url is not None:
        first = (_SIGN_OUT, login.sign_out_url)
        return Page(200, *onward_page(*_SIGNING_OUT, login.url, login.fields, first=first))
    if not login.fields:
        return redirect(login.url)
    return Page(200, *onward_page(*_OPENING, login.url, login.fields))
