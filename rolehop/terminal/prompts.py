"""The person at the terminal: questions, choices, and the browser."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.base.errors import NoTerminal
from rolehop.base.text import clean
from rolehop.terminal import output
from rolehop.terminal.terminal import Terminal

if TYPE_CHECKING:
    from rolehop.app.ports import BrowserCommands
    from rolehop.aws.net.loopback_pages import OneShotPage
    from rolehop.terminal.desktop import BrowserStart

# Programs that open an address in the desktop's browser: freedesktop, Debian, WSL.
_OPENERS = ("xdg-open", "wslview", "x-www-browser", "sensible-browser")
_SHOWN = 30  # options at once; more are found by typing


class TerminalPerson:
    """The person at the terminal; implements ``app.ports.Person``."""

    def __init__(self, terminal: Terminal, environ: Mapping[str, str]) -> None:
        self._terminal = terminal
        self._environ = environ
        self.ask = terminal.ask
        self.countdown = terminal.countdown

    @property
    def can_ask(self) -> bool:
        """True if this process has a terminal device."""
        try:
            with self._terminal.device("a question"):
                return True
        except NoTerminal:
            return False

    def say(self, line: str) -> None:
        """Show one line on the terminal device, else on stderr."""
        if not self.show(line):
            output.write_lines(f"rolehop: {clean(line)}")

    def show(self, *lines: str) -> bool:
        """Show lines on the terminal device alone; ``False`` if there is none."""
        try:
            with self._terminal.device("a message") as (_, writer):
                for line in lines:
                    output.write_lines(self._terminal.wrapped(line, writer), writer)
        except NoTerminal:
            return False
        return True

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Return the index of one of ``options``, picked from a list.

        On a terminal that cannot show one, it is chosen by number or by a part of its text.

        Raises:
            NoTerminal: there is no terminal.
            KeyboardInterrupt: Esc, Ctrl-C or Ctrl-D; the terminal is as it was.
        """
        if len(options) == 1:
            return 0
        if not self.can_ask:
            raise NoTerminal(f"a choice is needed and there is no terminal to ask on: {question}")
        # A thread other than the main one gets no signals, which must leave the terminal as it was.
        if self._terminal.is_dumb or threading.current_thread() is not threading.main_thread():
            return self._numbered(question, options)
        return self._picked(question, options)

    def _picked(self, question: str, options: Sequence[str]) -> int:
        from rolehop.app.ports import Choice
        from rolehop.terminal.picker import Picker, pick

        names, texts = [], []
        for option in options:
            name, _, text = option.partition("  ")
            names.append(name)
            texts.append(text.strip())
        if len(set(names)) < len(names):
            names, texts = list(options), [""] * len(options)
        choices = [Choice(name, text, "", "") for name, text in zip(names, texts, strict=True)]
        picker = Picker(choices, noun="choice", question=clean(question))
        picked = pick(picker, self._terminal, self._environ.get("TERM"))
        if picked is None:
            raise KeyboardInterrupt
        self.say(f"{question} {picked[0].name}")  # the list is gone from the terminal
        return choices.index(picked[0])

    def _numbered(self, question: str, options: Sequence[str]) -> int:
        shown = tuple(range(len(options)))
        while True:
            self._list(options, shown)
            typed = self.ask(f"{clean(question)} (number, or a part of the name):", needed=question)
            if typed.isascii() and typed.isdecimal() and 0 < int(typed) <= len(options):
                return int(typed) - 1
            found = tuple(
                number for number, each in enumerate(options) if typed.lower() in each.lower()
            )
            if len(found) == 1:
                return found[0]
            shown = found or tuple(range(len(options)))

    def _list(self, options: Sequence[str], shown: Sequence[int]) -> None:
        for number in shown[:_SHOWN]:
            self.say(f"{number + 1:4d}  {options[number]}")
        if len(shown) > _SHOWN:
            self.say(f"      … and {len(shown) - _SHOWN} more: type a part of the name")

    @property
    def has_browser(self) -> bool:
        """True if a browser can be opened that reaches this machine's loopback address."""
        return has_browser(self._environ, sys.platform)

    def open_browser(self, page: OneShotPage) -> bool:
        """Open ``page`` in a browser; ``False`` if none could be opened here."""
        return self.open_window(page) is not None

    def open_window(
        self, page: OneShotPage, commands: BrowserCommands | None = None
    ) -> BrowserStart | None:
        """Open ``page`` by the first of ``commands`` that starts; ``None`` if none does.

        Without ``commands``: in the system's browser.
        """
        if not self.has_browser:
            return None
        from rolehop.handover.environment import child_environment
        from rolehop.terminal.desktop import BrowserStart

        start = BrowserStart(
            (commands or browser_commands)(page.argument, self._environ, sys.platform),
            child_environment(self._environ, ()),
        )
        return start if start.has_started else None


def has_browser(environ: Mapping[str, str], platform: str) -> bool:
    """True if a browser can be opened here that reaches this machine's loopback address.

    Over SSH it would open, if at all, on the far side, where nobody sits.
    """
    if any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        return False
    if platform in ("darwin", "win32"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def browser_commands(
    url: str, environ: Mapping[str, str], platform: str
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that may open ``url``, the best first; no shell reads them."""
    if platform == "darwin":
        return (("open", url),)
    if platform == "win32":
        # cmd's start would read & in the address; this one takes it whole.
        return (("rundll32", "url.dll,FileProtocolHandler", url),)
    named = [_words(each) for each in environ.get("BROWSER", "").split(":")]
    chosen = [tuple(_with_url(words, _seen_by(words[0], url, environ))) for words in named if words]
    return (*chosen, *((opener, url) for opener in _OPENERS))


def _words(command: str) -> list[str]:
    import shlex

    try:
        return shlex.split(command)
    except ValueError:
        return []  # a quote that is not closed: as if there were no such command


def _seen_by(program: str, url: str, environ: Mapping[str, str]) -> str:
    """Return the address of a file as a program of Windows' sees it from WSL."""
    if not (program.lower().endswith(".exe") and url.startswith("file:///")):
        return url
    return f"file://wsl.localhost/{environ.get('WSL_DISTRO_NAME', '')}{url.removeprefix('file://')}"


def _with_url(words: list[str], url: str) -> list[str]:
    if any("%s" in word for word in words):
        return [word.replace("%s", url) for word in words]
    return [*words, url]


SAID_AFTER = (3, 10, 30)
"""Seconds after which a line of a log is written; the first is when anything is said at all."""


class _Waiting:
    """One wait."""

    def __init__(self, what: str, *, may_ask: bool) -> None:
        self.what = what
        self.may_ask = may_ask
        self.since = time.monotonic()
        self.said = 0


class SlowWaits:
    """Watches every wait of this process, with one thread that begins with the first."""

    def __init__(
        self, terminal: Terminal, wanted: Callable[[], bool], *, second: float = 1.0
    ) -> None:
        """``wanted`` returns false if nothing may be said: an SDK asked, and hides our stderr.

        ``second`` is how long one lasts here, in seconds.
        """
        self._second = second
        self._terminal = terminal
        self._wanted = wanted
        self._guard = threading.Lock()
        self._waits: list[_Waiting] = []
        self._thread: threading.Thread | None = None
        self._shown: _Waiting | None = None

    def begin(self, what: str, may_ask: bool, at_once: bool) -> Callable[[], None]:
        """Watch a wait, and say it now if it is to be said ``at_once``; return what ends it."""
        wait = _Waiting(what, may_ask=may_ask)
        if at_once and self._wanted() and not output.is_asking():
            self._terminal.note(what)
        with self._guard:
            self._waits.append(wait)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
        return lambda: self._end(wait)

    def _end(self, wait: _Waiting) -> None:
        with self._guard:
            self._waits.remove(wait)
            if self._shown is wait:
                self._shown = None
                output.show_beside("", self._terminal.columns)

    def _run(self) -> None:
        while True:
            time.sleep(self._second)
            with self._guard:
                if output.is_asking():
                    for wait in self._waits:
                        wait.since = time.monotonic()
                elif self._waits and self._wanted():
                    self._say(self._waits[0])

    def _say(self, wait: _Waiting) -> None:
        """Say how long the oldest wait takes, which the others are a part of."""
        seconds = int((time.monotonic() - wait.since) / self._second)
        if seconds < SAID_AFTER[0]:
            return
        if self._terminal.rewrites_lines and not wait.may_ask:
            self._shown = wait
            output.show_beside(f"{wait.what} for {seconds} s", self._terminal.columns)
            return
        passed = sum(1 for each in SAID_AFTER if each <= seconds)
        if passed > wait.said:
            wait.said = passed
            self._terminal.note(f"{wait.what} for more than {SAID_AFTER[passed - 1]} s")
