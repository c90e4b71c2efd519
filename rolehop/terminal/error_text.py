"""Format an error as lines: what happened, the cause or what it may be, what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Whole, posix_argument
from rolehop.base.credentials import scrub
from rolehop.base.errors import (
    FIX_LABEL,
    ConfigError,
    ConfigProblem,
    Declined,
    HopRefused,
    RolehopError,
)
from rolehop.base.text import clean
from rolehop.terminal.layout import ERROR, LABEL, Line, Style, StyledText
from rolehop.terminal.messages import command_alone, message

if TYPE_CHECKING:
    from rolehop.terminal.json_text import Document

_HEAD = "rolehop: "


def error_lines(
    error: RolehopError,
    quote: Callable[[str], str] = posix_argument,
    width: int | None = None,
    named: Callable[[str], str] = lambda text: text,
    *,
    verbose: bool = False,
) -> list[Line]:
    """Return the lines for stderr, live secrets scrubbed.

    ``quote`` writes an argument of a command in the shell of whoever reads the lines. ``width`` is
    that of their terminal in columns; ``None``: no line is wrapped. ``named`` puts names of
    accounts for their IDs. ``verbose``: a refusal in AWS's words, with all that it may be.
    """
    lines: list[Line] = []
    head = LABEL if isinstance(error, Declined) else ERROR  # what a person wanted is no alarm
    for label, text in _parts(error, verbose=verbose):
        alone = command_alone(text, quote) if label == FIX_LABEL else None
        lines += [alone] if alone is not None else _part(label, text, quote, width, named, head)
    return list(map(_scrubbed, lines))


def _part(
    label: str,
    text: str,
    quote: Callable[[str], str],
    width: int | None,
    named: Callable[[str], str],
    head: Style,
) -> list[Line]:
    return message(
        label,
        named(text) if label != FIX_LABEL or isinstance(text, Advice) else text,
        quote,
        width,
        hanging="    " if label == _HEAD else " " * max(len(label), 4),
        label_style=head if label == _HEAD else LABEL,
        style="" if label in (_HEAD, FIX_LABEL) else LABEL,
    )


def _scrubbed(line: Line) -> Line:
    words = (StyledText(scrub(each.text), each.style) for each in line.words)
    return line._replace(words=tuple(words))


def _parts(error: RolehopError, *, verbose: bool) -> list[tuple[str, str]]:
    """Return the parts of an error as a terminal shows them, problems of a config one by one."""
    problems = error.complaints if isinstance(error, ConfigError) else ()
    cause = None if problems else error.cause
    brief = error.brief if isinstance(error, HopRefused) and not verbose else None
    (_, what), *others = error.parts(brief or cause)
    if brief:
        others = [each for each in others if each[1] not in error.suspects]
    return [(_HEAD, what), *(("  ", _problem(problem)) for problem in problems), *others]


def _problem(problem: ConfigProblem) -> Advice:
    """Return the text of a problem; its file may have blanks in its name, and stays in one piece."""
    return Advice(Whole(problem.place), f": {clean(problem.said)}")


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
