"""Output on stdout, notes and errors on stderr, questions on the terminal device.

* stdout carries what was asked for and nothing else, complete or not at all.
* stderr carries errors (what, cause, try), notes and progress.
* questions go to the terminal device itself, so that they work inside ``$( )`` and with a pipe
  on stdin; without a terminal device a question is an error.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from rolehop.base.dataclass import dataclass
from rolehop.base.errors import NoTerminal, RolehopError
from rolehop.base.text import clean
from rolehop.base.waits import ends_with_caller
from rolehop.terminal import output

if TYPE_CHECKING:
    from rich.console import Console

    from rolehop.terminal.layout import Line, Style, View

_GLANCE_SECONDS = 0.25


class DrawnCode(Protocol):
    """A QR code."""

    @property
    def columns(self) -> int:
        """How wide it is drawn, in characters."""
        ...

    @property
    def lines(self) -> int:
        """How high it is drawn."""
        ...

    def drawn(self, *, light_on_dark: bool) -> str:
        """Return its lines, drawn by blocks."""
        ...


@dataclass(slots=True)
class Settings:
    """The options that every command takes."""

    config: str | None = None
    color: str = "auto"
    quiet: bool = False
    verbose: bool = False
    debug: bool = False


class Terminal:
    """Writes to stdout, stderr and the terminal device, and asks questions on the latter."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], quote: Callable[[str], str]
    ) -> None:
        """Write for the person of this process; ``quote`` writes an argument in their shell."""
        self._settings = settings
        self._environ = environ
        self._quote = quote
        self._written: set[str] = set()
        self.account_names: Mapping[str, str] = {}
        """Names of accounts by ID, as far as they are known now: for notes, errors, questions."""

    @property
    def verbose(self) -> bool:
        """True with ``-v``."""
        return self._settings.verbose

    @property
    def quiet(self) -> bool:
        """True with ``-q``."""
        return self._settings.quiet

    @property
    def shows_progress(self) -> bool:
        """True if somebody watches stderr: it is a terminal, and there is no ``-q``."""
        return sys.stderr.isatty() and not self._settings.quiet

    @property
    def is_dumb(self) -> bool:
        """True if the terminal knows no control sequences, as that of Emacs's shell."""
        return self._environ.get("TERM") == "dumb"

    @property
    def rewrites_lines(self) -> bool:
        """True if live lines make sense: somebody watches stderr, on a terminal that can erase one."""
        return self.shows_progress and not self.is_dumb

    @property
    def columns(self) -> int | None:
        """The width of stderr in columns, by COLUMNS or its window; ``None``: it is no terminal."""
        return output.columns(sys.stderr, self._environ)

    def write_output(self, text: str, encoding: str | None = None) -> None:
        """Write ``text`` to stdout at once; exactly, unless stdout is a terminal.

        ``encoding`` is that of a document; without one, text is written as variables and file
        names are.

        Raises:
            BrokenPipeError: the reader has gone, which is not an error of ours.
            RolehopError: it could not be written: stdout is closed, or its disk is full.
        """
        try:
            output.write_stdout(text, encoding)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise not_written(error) from None

    def write_view(
        self, view: View, account_names: Mapping[str, str], *, beside: bool = False
    ) -> None:
        """Write a view to stdout; by the person's pager if it is longer than their terminal.

        ``account_names``, by ID, are shown for the IDs. ``beside``: to stderr, beside what stdout
        gets.
        """
        from rolehop.terminal.drawing import as_text
        from rolehop.terminal.layout import view_with_names

        file = sys.stderr if beside else sys.stdout
        view = view_with_names(view, account_names, numbers=self.verbose)
        if beside or self._shows(file):
            self._draw(view, file)
        else:
            self.write_output(as_text(view))

    def report(self, lines: Sequence[Line], file: TextIO | None = None) -> None:
        """Write the lines of messages to ``file`` or stderr, in their styles."""
        self._draw(lines, file or sys.stderr)

    def _draw(self, view: View, file: TextIO) -> None:
        from rolehop.terminal.drawing import draw
        from rolehop.terminal.layout import changed

        columns, colors = None, self.colors(file)
        if self._shows(file):
            columns = _UNKNOWN_WIDTH if not file.isatty() else None
            columns = output.columns_named(self._environ) or columns
            columns = output.columns(file, self._environ) or columns
            if not output.shows_all(file):  # before columns are measured
                view = changed(view, lambda text: output.as_shown(text, file), whole=True)
        lines = list(draw(view, columns))
        if file is sys.stdout:
            from rolehop.terminal.paging import page

            if page(output.visible_drawn(lines, colors=colors), self._environ):
                return
        output.write_drawn(lines, file, colors=colors)

    def _shows(self, file: TextIO) -> bool:
        """True if somebody looks at ``file``, or colours are asked for."""
        return file.isatty() or self._settings.color == "always"

    def write_long(self, text: str) -> None:
        """Write ``text`` as `write_output` does; by the person's pager if a terminal is too short for it.

        Raises as `write_output`.
        """
        from rolehop.terminal.paging import page

        if not page(output.visible_lines(text), self._environ):
            self.write_output(text)

    def write_code(self, code: DrawnCode) -> None:
        """Draw a QR code on stdout: dark on light where colours may be used.

        Without colours its blocks are taken for light, as the text of most terminals is.

        Raises:
            RolehopError: the terminal is too small for it, or cannot show blocks.
        """
        _check_blocks(sys.stdout)
        _check_room(code, output.size(sys.stdout, self._environ))
        console = self.console(sys.stdout)
        if console.color_system is None:  # not asked for, or a terminal without any (TERM=dumb)
            self.write_output(code.drawn(light_on_dark=True))
            return
        from rich.text import Text

        drawn = Text(code.drawn(light_on_dark=False), style="#000000 on #ffffff")
        console.print(drawn, end="", soft_wrap=True, crop=False)

    def note(self, text: str) -> None:
        """Write one message to stderr, each text once; nothing with ``-q``."""
        if self._settings.quiet or text in self._written:
            return
        self._written.add(text)
        self.say("rolehop: ", self.with_account_names(text))

    def say(self, label: str, text: str, *, style: Style = "", file: TextIO | None = None) -> None:
        """Write a message to ``file`` or stderr, wrapped to its window; ``label`` is dim."""
        from rolehop.terminal.messages import message

        columns = output.columns(file or sys.stderr, self._environ)
        self.report(message(label, text, self._quote, columns, style=style), file)

    def with_account_names(self, text: str) -> str:
        """Return a text for people with the names of accounts; nothing is loaded for them."""
        names = self.account_names
        if not names:
            return text
        from rolehop.base.advice import with_account_names

        return with_account_names(text, names, numbers=self.verbose)

    def write_lines_beside(self, lines: Iterable[str]) -> None:
        """Write lines to stderr, as they are, beside what stdout gets; nothing with ``-q``."""
        if not self._settings.quiet:
            output.write_lines("\n".join(lines))

    def console(self, file: TextIO) -> Console:
        """Return a rich console on ``file`` that honours ``--color`` and NO_COLOR."""
        from rich.console import Console

        mode = self._settings.color
        colored = self.colors(file)
        width = None if file.isatty() or self._environ.get("COLUMNS") else 80
        return Console(
            file=file,
            force_terminal=True if colored and mode == "always" else None,
            no_color=not colored,
            color_system="auto" if colored else None,
            width=width,
            highlight=False,
            emoji=False,
            markup=False,
            soft_wrap=False,
        )

    def colors(self, file: TextIO) -> bool:
        """True if ``file`` gets colours: by ``--color``, else on a terminal without NO_COLOR."""
        mode = self._settings.color
        if mode != "auto":
            return mode == "always"
        if os.name != "nt" and self._environ.get("TERM", "dumb") == "dumb":
            return False
        return file.isatty() and not self._environ.get("NO_COLOR")

    def fitted(self, line: str) -> str:
        """Return a line for stderr: as it is if the window has room for it, else wrapped."""
        width = self.columns
        if width is None:
            return line
        from rolehop.terminal.words import columns_of

        return line if columns_of(line) <= width else self._in_lines(line, width, "    ")

    def wrapped(self, text: str, device: TextIO) -> str:
        """Return a line for the terminal device, wrapped to its window."""
        named = self.with_account_names(text)
        return self._in_lines(named, self.columns_of(device), "  ")

    def _in_lines(self, text: str, width: int | None, hanging: str) -> str:
        from rolehop.terminal.drawing import as_text
        from rolehop.terminal.messages import message

        lines = message("", text, self._quote, width, hanging=hanging)
        return as_text(lines).removesuffix("\n")

    def columns_of(self, device: TextIO) -> int | None:
        """The width of the terminal device, by COLUMNS or its window."""
        return output.columns(device, self._environ)

    @contextlib.contextmanager
    def device(self, question: str) -> Iterator[tuple[TextIO, TextIO]]:
        """Open the terminal device for reading and writing.

        Raises:
            NoTerminal: this process has none; ``question`` says what would have been asked.
        """
        from pathlib import Path

        inward, outward = ("CONIN$", "CONOUT$") if os.name == "nt" else ("/dev/tty", "/dev/tty")
        encoding = "utf-8" if os.name == "nt" else None  # the locale's, as it is the terminal's
        with contextlib.ExitStack() as stack:
            try:
                reader = stack.enter_context(Path(inward).open(encoding=encoding, errors="replace"))
                writer = stack.enter_context(Path(outward).open("w", encoding=encoding))
            except OSError:
                raise NoTerminal(
                    f"{question} is needed and there is no terminal to ask on"
                ) from None
            output.prepare(writer)
            stack.enter_context(output.asking())
            yield reader, writer

    def ask(
        self, question: str, *, needed: str, hidden: bool = False, yes_or_no: bool = False
    ) -> str:
        """Ask for one line on the terminal device; ``hidden``: without echo.

        What was typed before it showed answers no secret and no question of ``yes_or_no``.
        ``needed`` names it in the error if there is no terminal, e.g. "an MFA code".

        Raises:
            NoTerminal: this process has no terminal.
            KeyboardInterrupt: Ctrl-C or Ctrl-D; the terminal is as it was.
        """
        with self.device(needed) as (reader, writer), ends_with_caller():
            # Echo off first: what is typed as soon as the question shows must not be seen or lost.
            with _no_echo(reader) if hidden else contextlib.nullcontext():
                if yes_or_no:
                    _forget_typed(reader)
                output.write_prompt(self.wrapped(question, writer), writer)
                _await_line(reader)
                line = reader.readline()
            if hidden:
                output.write_lines("", writer)
            if not line:
                raise KeyboardInterrupt
            return line.strip()

    @contextlib.contextmanager
    def countdown(self, text: str) -> Iterator[Callable[[int], None]]:
        """Give a function that shows ``text`` and a number of seconds on one terminal line.

        Without a terminal device nothing is shown, and on one that cannot erase a line no number.
        """
        with contextlib.ExitStack() as stack:
            try:
                _, writer = stack.enter_context(self.device("a countdown"))
            except NoTerminal:
                yield lambda seconds: None
                return
            if self.is_dumb:
                output.write_lines(text, writer)
                yield lambda seconds: None
                return
            stack.callback(output.rewrite_line, "", writer)
            yield lambda seconds: output.rewrite_line(f"{text} {seconds:2d} s ", writer)


_UNKNOWN_WIDTH = 80
"""Columns of what is no terminal, and is to be coloured."""


def not_written(error: OSError, whose: str = "") -> RolehopError:
    """Return the error for output that stdout did not accept; ``whose``: e.g. `` of prod/web``."""
    return RolehopError(
        f"the output{whose} could not be written",
        cause=(error.strerror or str(error)).lower(),
        fix="check where stdout goes: whether it is open and has room",
    )


def not_in_order(error: OSError) -> RolehopError:
    """Return the error for a file, named in ``error``, whose disk is full or failing."""
    return RolehopError(
        f"{clean(str(error.filename))} could not be read or written",
        cause=(error.strerror or str(error)).lower(),
        fix="check whether its disk has room and is in order",
    )


def _check_blocks(file: TextIO) -> None:
    try:
        if file.isatty():
            "█▀▄".encode(file.encoding)
    except UnicodeEncodeError:
        raise RolehopError(
            "this terminal cannot show a QR code",
            cause=f"its character set, {file.encoding}, has no blocks",
            fix="use a UTF-8 locale, or --print for the link itself",
        ) from None


def _check_room(code: DrawnCode, size: tuple[int, int] | None) -> None:
    """Check that a terminal of ``size``, columns and lines, shows the whole of a QR code."""
    if size is not None and (code.columns > size[0] or code.lines > size[1]):
        raise RolehopError(
            "the QR code does not fit into this terminal",
            cause=f"it needs {code.columns} columns and {code.lines} lines, and there are"
            f" {size[0]} and {size[1]}",
            fix="make its characters smaller, or use --print for the link itself",
        )


def _forget_typed(reader: TextIO) -> None:
    """Forget what was typed, and not read, so far."""
    if sys.platform == "win32":  # pragma: no cover - its console has no termios
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
        return
    import termios

    with contextlib.suppress(termios.error):  # a background process whose shell is gone
        termios.tcflush(reader, termios.TCIFLUSH)


def _await_line(reader: TextIO) -> None:
    """Wait until a line is typed; a Ctrl-C is seen in any case.

    Python sees one that comes just before a blocking read only once that read has ended.
    """
    if sys.platform == "win32":  # pragma: no cover - its console cannot be waited for
        return
    import select

    while not select.select([reader], [], [], _GLANCE_SECONDS)[0]:
        pass


@contextlib.contextmanager
def _no_echo(reader: TextIO) -> Iterator[None]:
    if sys.platform == "win32":  # pragma: no cover - the console's echo is switched by msvcrt
        import ctypes
        import msvcrt

        handle = msvcrt.get_osfhandle(reader.fileno())
        mode = ctypes.c_uint32()
        kernel = ctypes.windll.kernel32
        kernel.GetConsoleMode(handle, ctypes.byref(mode))
        kernel.SetConsoleMode(handle, mode.value & ~0x4)
        try:
            yield
        finally:
            kernel.SetConsoleMode(handle, mode.value)
        return
    import termios

    before = termios.tcgetattr(reader)
    silent = termios.tcgetattr(reader)
    silent[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(reader, termios.TCSAFLUSH, silent)
        yield
    finally:
        termios.tcsetattr(reader, termios.TCSAFLUSH, before)
