"""The lines that report an error: what happened, what documents at hand settle, what to do."""

from __future__ import annotations

import contextlib

from rolehop.base.errors import HopRefused, RolehopError
from rolehop.cli.context import CommandContext
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.layout import Line


def lines_of(
    error: RolehopError, cli: CommandContext, options: WalkOptions | None = None
) -> list[Line]:
    """Return the lines for stderr; ``options``: the flags of the walk, if it may not be the last one."""
    if isinstance(error, HopRefused) and error.suspects and error.chain and error.hop:
        _settle(error, cli, options)
    return error_lines(
        error,
        cli.quote_argument,
        cli.terminal.columns,
        cli.terminal.with_account_names,
        verbose=cli.terminal.verbose,
    )


def _settle(error: HopRefused, cli: CommandContext, options: WalkOptions | None) -> None:
    """Put what documents at hand settle in place of what it may be."""
    from rolehop.app.judging.refused_walk import settled_by_documents

    with contextlib.suppress(RolehopError, OSError):  # the refusal itself must be reported
        settled = settled_by_documents(cli.app, error.chain or "", error.hop or 0, options)
        if settled:
            error.brief, error.suspects = f"{settled[0]}; AWS says only {error.code}", settled
