"""The lines that report an error: what happened, what documents at hand settle, what to do."""

from __future__ import annotations

import contextlib

from rolehop.base.errors import HopRefused, RolehopError
from rolehop.cli.context import CommandContext
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.layout import Line

_SUSPECT = 74  # characters: no line of a refusal wraps


def lines_of(
    error: RolehopError, cli: CommandContext, options: WalkOptions | None = None
) -> list[Line]:
    """Return the lines for stderr; ``options``: the flags of the walk, if it may not be the last one."""
    if isinstance(error, HopRefused) and error.suspects and error.chain and error.hop:
        error.suspects = _settled_first(error, cli, options)
    return error_lines(
        error, cli.quote_argument, cli.terminal.columns, cli.terminal.with_account_names
    )


def _settled_first(
    error: HopRefused, cli: CommandContext, options: WalkOptions | None
) -> tuple[str, ...]:
    """Put what documents at hand settle before the questions; as many lines in all."""
    from rolehop.app.judging.refused_walk import settled_by_documents

    with contextlib.suppress(RolehopError, OSError):  # the refusal itself must be reported
        settled = settled_by_documents(cli.app, error.chain or "", error.hop or 0, options)
        lines = [each if len(each) <= _SUSPECT else f"{each[: _SUSPECT - 2]} …" for each in settled]
        return (*lines, *error.suspects)[: len(error.suspects)]
    return error.suspects
