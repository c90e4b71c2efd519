"""The types that a shell's module is made of: its dialect, its init text, and a start as a subshell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from rolehop.base.advice import PLACEHOLDER, typed
from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import UsageError
from rolehop.base.startup import Pattern
from rolehop.base.text import HIDDEN_LETTERS
from rolehop.handover.environment import Change

Colors = Mapping[str, str]
"""The name of a chain to a colour of the config, ``red`` or ``bright_red``."""

COLORS_HERE = "@COLORS@"
COMPLETION_HERE = "# @COMPLETION@"
HIDDEN_HERE = "@HIDDEN@"
_COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_PLACE = Pattern(r"(?:# )?@[A-Z]+@")


def filled(template: str, texts: Mapping[str, str]) -> str:
    """Return ``template`` with each place, e.g. ``@INIT@``, replaced by its one of ``texts``.

    All in one pass: the name of a chain or a folder may look like a place, and stays as it is.
    """
    return _PLACE.sub(lambda place: texts[place[0]], template)


def in_braces(letter: str) -> str:
    r"""Return e.g. ``\x{3164}``, as most regular expressions have it."""
    return f"\\x{{{ord(letter):x}}}"


def in_four_digits(letter: str) -> str:
    r"""Return e.g. ``\u3164``."""
    return f"\\u{ord(letter):04x}"


@dataclass(frozen=True, slots=True)
class InitScript:
    """What ``rolehop init`` prints for a shell, and how a start-up file uses it.

    The text defines the function ``rolehop``: ``assume``, ``leave`` and ``refresh`` change the shell
    that calls it, everything else goes to the program as it is. The function evaluates only what
    its own command printed, only after exit code 0, and only if that begins as statements of its
    shell do (a help text does not). The text also defines what a prompt shows.
    """

    template: str
    """The text, with :data:`COLORS_HERE`, :data:`HIDDEN_HERE`, :data:`COMPLETION_HERE` to fill in."""

    extension: str
    """Of the file that ``rolehop init SHELL --install`` writes, ``.bash``."""

    startup_file: str
    """The shell's start-up file, as its manual writes it."""

    eval_line: str | None
    """The line there that evaluates what ``rolehop init`` prints; ``None``: the shell cannot."""

    source_line: str
    """The line there that reads the installed file ``{}``, a word of the shell."""

    hidden_letter: Callable[[str], str] = in_braces
    """Writes one of the letters that show nothing, for the shell's patterns."""

    color_table: Callable[[Colors], str] | None = None
    """Writes the colours in the shell's own language; ``None``: its prompt shows none."""

    def text(self, colors: Colors, completion: str | None) -> str:
        """Return the text itself; ``completion`` is the shell's completion script."""
        texts = {
            COLORS_HERE: self.color_table(colors) if self.color_table else "",
            HIDDEN_HERE: "".join(map(self.hidden_letter, HIDDEN_LETTERS)),
            COMPLETION_HERE: (completion or ":").strip(),
        }
        return filled(self.template, texts)


@dataclass(frozen=True, slots=True)
class SubshellStart:
    """How a program is started as a shell with the chain in its prompt."""

    arguments: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    """Of its environment, besides the session."""

    files: Mapping[str, str] = field(default_factory=dict)
    """What must be in the folder then, by name."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One shell's language."""

    render: Callable[[Iterable[Change]], str]
    """Changes to text for the shell to evaluate; raises ValueError for what cannot be carried."""

    quote: Callable[[str], str]
    """A text to one word, or one expression, of the shell."""

    failure: str
    """The one statement, without a newline, that makes the evaluation itself fail."""

    eval_command: str = 'eval "$({})"'
    """What a person types to evaluate what the command ``{}`` prints."""

    quote_typed: Callable[[str], str] | None = None
    """A visible text to one argument in an interactive line; ``None``: as ``quote``."""

    not_typed: str = ""
    """Characters that cannot be quoted inside ``eval_command``."""

    exit_statement: str | None = "exit"
    """The statement that ends the shell itself; ``None``: evaluated text cannot."""

    init: InitScript | None = None
    """``None``: the shell has no start-up text."""

    subshell: Callable[[Path, str, Mapping[str, str]], SubshellStart] | None = None
    """How ``rolehop shell`` starts it, given the folder of its files, the init text and the
    environment; ``None``: its prompt cannot be changed from outside."""

    def argument(self, text: str) -> str:
        """Return ``text`` as a person types it as one argument, also inside ``eval_command``."""
        if not set(self.not_typed).isdisjoint(text):
            return PLACEHOLDER
        return typed(text, self.quote_typed or self.quote)


def color_number(color: str) -> int:
    """Return the number, 0 to 15, that terminals give a colour of the config."""
    plain = color.removeprefix("bright_")
    return _COLORS.index(plain) + (8 if plain != color else 0)


_NAME = Pattern(r"[A-Za-z_][A-Za-z0-9_]*")

Renderer = Callable[[Iterable[Change]], str]
"""Changes to a text for a shell to evaluate: one statement a line; no changes, no text.

It raises UsageError for a value that the shell cannot be given, and ValueError for a change that
no shell can carry.
"""


def statement_renderer(
    set_to: Callable[[str, str], str], unset: Callable[[str], str], *, end: str = ";"
) -> Renderer:
    r"""Return the renderer that writes each change with ``set_to`` or ``unset``, and ``end``.

    The semicolons are for those who leave out the quotes: in ``eval $(rolehop assume x)`` (and in
    fish's ``eval (…)``) the shell joins the lines by spaces before it reads them.
    """

    def render(changes: Iterable[Change]) -> str:
        return "".join(
            f"{unset(name) if value is None else set_to(name, value)}{end}\n"
            for name, value in checked(changes)
        )

    return render


def checked(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield each change that a shell can carry at all.

    Raises:
        ValueError: a name that no variable can have, or a value with a NUL; the value is not shown.
    """
    for name, value in changes:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"not the name of a variable: {name!r}")
        if value is not None and "\0" in value:
            raise ValueError(f"the value of {name} has a NUL character, which no shell can carry")
        yield name, value


def refused(name: str, shell: str, cause: str) -> UsageError:
    """Return the error for a value that ``shell`` cannot be given; the value is not shown."""
    return UsageError(
        f"the value of {name} cannot be written for {shell}",
        cause=cause,
        fix="rolehop exec CHAIN -- COMMAND hands it to one command without any quoting",
    )


def needs_unicode(name: str, value: str, shell: str) -> None:
    """Refuse bytes that are not text, which Python keeps as lone surrogates.

    Raises:
        UsageError: there is one.
    """
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise refused(name, shell, "it is not Unicode text, and this shell reads nothing else")
