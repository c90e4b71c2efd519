"""Format an error as lines: what happened, the cause or what it may be, what to do."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.base.advice import Advice, ShellCommand, posix_argument
from rolehop.base.credentials import scrub
from rolehop.base.errors import FIX_LABEL, ConfigError, ConfigProblem, HopRefused, RolehopError
from rolehop.base.text import clean
from rolehop.terminal.json_text import Document
from rolehop.terminal.terminal import wrap_message


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
    lines: list[str] = []
    for label, text in _parts(error):
        hanging = " " * len(label) if label.endswith("- ") else "    "
        said = text if label == FIX_LABEL else named(text)
        lines += wrap_message(label, said, quote, width, hanging=hanging)
    return [scrub(line) for line in lines]


def _parts(error: RolehopError) -> list[tuple[str, str]]:
    """Return the parts of an error as a terminal shows them, problems of a config one by one."""
    problems = error.complaints if isinstance(error, ConfigError) else ()
    cause = None if problems else error.cause
    if isinstance(error, HopRefused):
        cause = error.brief or cause
    (_, what), *others = error.parts(cause)
    return [("rolehop: ", what), *(("  ", _problem(problem)) for problem in problems), *others]


def _problem(problem: ConfigProblem) -> Advice:
    """Return the text of a problem; its file may have blanks in its name, and stays in one piece."""
    return Advice(ShellCommand(problem.place), f": {clean(problem.said)}")


def error_document(error: RolehopError) -> Document:
    """Return ``rolehop.error/1``."""
    return {
        "schema": "rolehop.error/1",
        "code": error.exit_code,
        "what": error.what,
        "cause": error.cause,
        "fix": error.fix,
        "chain": error.chain,
        "hop": error.hop,
    }
