"""Format an error as lines: what happened, the cause or what it may be, what to do."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.advice import Advice, ShellCommand, posix_argument
from rolehop.credentials import scrub
from rolehop.errors import ConfigError, ConfigProblem, HopRefused, RolehopError
from rolehop.terminal.wrapping import wrap_message
from rolehop.text import clean

_SUSPECT = "    - "


def error_lines(
    error: RolehopError,
    quote: Callable[[str], str] = posix_argument,
    width: int | None = None,
    named: Callable[[str], str] = lambda text: text,
) -> list[str]:
    """Return the lines for stderr, live secrets scrubbed.

    ``quote`` writes an argument of a command in the shell of whoever reads the lines. ``width`` is
    that of their terminal in columns; ``None``: no line is wrapped. ``named`` puts names of
    accounts beside their IDs.
    """

    def wrapped(label: str, text: str, hanging: str = "    ") -> list[str]:
        return wrap_message(label, named(text), quote, width, hanging=hanging)

    lines = wrapped("rolehop: ", error.what)
    cause = error.cause
    if isinstance(error, ConfigError) and error.complaints:
        for each in error.complaints:
            lines += wrapped("  ", _problem(each))
        cause = None
    if isinstance(error, HopRefused):
        cause = error.brief or cause
    if cause:
        lines += wrapped("  cause: ", cause)
    for suspect in error.suspects:
        lines += wrapped(_SUSPECT, suspect, " " * len(_SUSPECT))
    if error.fix:
        lines += wrap_message("  try: ", error.fix, quote, width)
    return [scrub(line) for line in lines]


def _problem(problem: ConfigProblem) -> Advice:
    """Return the text of a problem; its file may have blanks in its name, and stays in one piece."""
    return Advice(ShellCommand(problem.place), f": {clean(problem.said)}")
