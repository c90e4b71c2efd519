"""Advice that contains commands, with each value quoted for the shell that it is pasted into."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rolehop.base.startup import Pattern
from rolehop.base.text import clean, is_visible, visible

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

PLACEHOLDER = "NAME"
"""Stands for a value that cannot be typed."""

_END_OF_OPTIONS = "-- "

# An option whose value follows: one that begins with a dash must be part of the same word.
_OPTION = Pattern(r" --[a-z-]+ \Z")

# What no shell gives a meaning to. An @ or = may not come first: PowerShell, zsh.
_PLAIN = Pattern(r"[A-Za-z0-9_./:+][A-Za-z0-9_./:+@=-]*")


class Argument(str):
    """A value, from anywhere, as one argument of a command."""

    __slots__ = ()


class Whole(str):
    """A text that no line break may part, such as a file's path."""

    __slots__ = ()


class ShellCommand(Whole):
    """A command as it is typed; rolehop's own are recognized without it."""

    __slots__ = ()


class Advice(str):
    """A text for people with commands in it, e.g. ``Advice("rolehop plan ", Argument(name))``.

    As a string its arguments are quoted for POSIX shells; :meth:`in_shell` quotes for another.
    """

    __slots__ = ("_parts",)
    _parts: tuple[str, ...]

    def __new__(cls, *parts: str) -> Advice:
        """Join ``parts``; those that are :class:`Argument` are quoted, also within advice."""
        flat = tuple(
            part
            for each in parts
            for part in (each._parts if isinstance(each, Advice) else (each,))
        )
        self = super().__new__(cls, _joined(flat, posix_argument))
        self._parts = flat
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        """What it was made of."""
        return self._parts

    def in_shell(self, quote: Callable[[str], str]) -> str:
        """Return the text with each argument as ``quote`` writes it."""
        return _joined(self._parts, quote)


def install_extra(extra: str) -> Advice:
    """Return the command that adds one of rolehop's extras, with the Python that runs this.

    Its pip finds rolehop installed, from a clone or from anywhere, and fetches only the libraries. Another
    Python's would fetch whatever has the name on an index.
    """
    python = sys.executable
    # A path of Windows has backslashes, and PowerShell runs nothing that is quoted.
    program = python if sys.platform == "win32" and " " not in python else Argument(python)
    return Advice(program, " -m pip install ", Argument(f"rolehop[{extra}]"))


def one_line(text: str, quote: Callable[[str], str]) -> str:
    """Return a message as one visible line for the shell that ``quote`` writes for.

    White space becomes single blanks, except in advice: a name in a command may have two.
    """
    return visible(text.in_shell(quote)) if isinstance(text, Advice) else clean(text)


def is_plain(text: str) -> bool:
    """True if every shell reads ``text`` as one argument without quotes."""
    return _PLAIN.fullmatch(text) is not None


def typed(text: str, quote: Callable[[str], str]) -> str:
    """Return ``text`` as a person types it as one argument; ``quote`` writes odd ones as one word.

    It is the placeholder if a terminal cannot show it as it is. Options end before a text that
    looks like one.
    """
    if is_plain(text):
        return text
    if not is_visible(text):
        return PLACEHOLDER
    return f"-- {quote(text)}" if text.startswith("-") else quote(text)


def posix_argument(text: str) -> str:
    """Return ``text`` as a person types it in a POSIX shell."""
    if is_plain(text):
        return text
    import shlex

    return typed(text, shlex.quote)


def _joined(parts: tuple[str, ...], quote: Callable[[str], str]) -> str:
    text = ""
    for each in parts:
        found = quote(each) if isinstance(each, Argument) else each
        if found.startswith(_END_OF_OPTIONS) and _OPTION.search(text):
            text, found = f"{text[:-1]}=", found.removeprefix(_END_OF_OPTIONS)
        text += found
    return text


AccountNames = Mapping[str, str]
"""Names of accounts by ID."""

# A word with an ID in it: an ARN, ``ACCOUNT:role/NAME``, or the ID alone. What follows a slash or a
# dash is a part of another name, e.g. of a fleet's chain. And words in quotes, which are AWS's.
_WORD = Pattern(
    r"""(?P<quoted>"[^"]* [^"]*")|(?P<quote>['"]?)(?<![^\s,;()'"])"""
    r"""(?P<word>[^\s,;()'"]*?(?<![\w/-])(?P<id>[0-9]{12})(?![\w])[^\s,;()'"]*?)"""
    r"""(?=[.:?]?(?:[\s,;()'"]|$))(?P<end>['"]?)"""
)


def account_label(account: str, names: AccountNames) -> str:
    """Return ``billing (444444444444)``, or the ID alone if it has no name."""
    return f"{names[account]} ({account})" if account in names else account


def with_account_names(text: str, names: AccountNames, *, numbers: bool = False) -> str:
    """Return ``text`` with names of accounts.

    ``444444444444`` becomes ``billing``, or ``billing (444444444444)`` with ``numbers``. A word with
    an ID in it, such as an ARN, is followed by ``(billing)``, so that it stays as it can be copied.
    What is quoted stays as it is, and of advice commands and their arguments.
    """
    if not names:
        return text
    if isinstance(text, Advice):
        return Advice(
            *(
                each
                if isinstance(each, Argument | Whole)
                else with_account_names(each, names, numbers=numbers)
                for each in text.parts
            )
        )
    return _WORD.sub(lambda found: _named(found, names, numbers=numbers), text)


def _named(found: re.Match[str], names: AccountNames, *, numbers: bool) -> str:
    account, whole = found["id"], found[0]
    name = names.get(account) if account else None
    if name is None or found.string.startswith((f" ({name})", ")"), found.end()):
        return whole
    if found["word"] == account:
        return whole.replace(account, account_label(account, names) if numbers else name)
    return f"{whole} ({name})"
