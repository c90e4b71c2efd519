"""Format an error as lines: what happened, the cause, what to do."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.advice import one_line, posix_argument
from rolehop.credentials import scrub
from rolehop.errors import ConfigError, HopRefused, RolehopError
from rolehop.text import clean


def error_lines(error: RolehopError, quote: Callable[[str], str] = posix_argument) -> list[str]:
    """Return the lines for stderr, live secrets scrubbed.

    ``quote`` writes an argument of a command in the shell of whoever reads the lines.
    """
    lines = [f"rolehop: {one_line(error.what, quote)}"]
    cause, suspects = error.cause, tuple[str, ...]()
    if isinstance(error, ConfigError) and error.complaints:
        lines += [f"  {clean(str(each))}" for each in error.complaints]
        cause = None
    if isinstance(error, HopRefused):
        cause, suspects = error.brief or cause, error.suspects
    lines += [
        f"  {label}: {one_line(text, quote)}"
        for label, text in (("cause", cause), ("try", error.fix))
        if text
    ]
    lines += [f"    {one_line(each, quote)}" for each in suspects]
    return [scrub(line) for line in lines]
