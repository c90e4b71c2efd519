"""What all dialects have in common: one statement a line, and what none of them can carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rolehop.errors import UsageError
from rolehop.handover.environment import Change
from rolehop.startup.lazy_regex import Pattern

_NAME = Pattern(r"[A-Za-z_][A-Za-z0-9_]*")


def statements(
    changes: Iterable[Change],
    set_to: Callable[[str, str], str],
    unset: Callable[[str], str],
    *,
    end: str = ";",
) -> str:
    r"""Return one statement a line, each ended by ``end`` and a newline; no changes, no text.

    The semicolons are for those who leave out the quotes: in ``eval $(rolehop assume x)`` (and in
    fish's ``eval (…)``) the shell joins the lines by spaces before it reads them.

    Raises:
        ValueError: a name that is no variable's, or a value with a NUL; the value is not quoted.
    """
    return "".join(
        f"{unset(name) if value is None else set_to(name, value)}{end}\n"
        for name, value in checked(changes)
    )


def checked(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield each change that a shell can carry at all.

    Raises:
        ValueError: a name that is no variable's, or a value with a NUL; the value is not quoted.
    """
    for name, value in changes:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"not the name of a variable: {name!r}")
        if value is not None and "\0" in value:
            raise ValueError(f"the value of {name} has a NUL character, which no shell can carry")
        yield name, value


def refused(name: str, shell: str, cause: str) -> UsageError:
    """Return the error for a value that ``shell`` cannot be told; the value is not shown."""
    return UsageError(
        f"the value of {name} cannot be written for {shell}",
        cause=cause,
        fix="rolehop exec CHAIN -- COMMAND hands it to one command without any quoting",
    )


def needs_unicode(name: str, value: str, shell: str) -> None:
    """Refuse bytes that are no text, which Python keeps as lone surrogates.

    Raises:
        UsageError: there is one.
    """
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise refused(name, shell, "it is not Unicode text, and this shell reads nothing else")
