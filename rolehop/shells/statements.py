"""What all shells have in common: one statement a line, and values that none of them can carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rolehop.errors import UsageError
from rolehop.handover.environment import Change
from rolehop.startup.lazy_regex import Pattern

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
