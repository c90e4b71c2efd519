"""What the commands that walk a chain share: the walk for a handover, and picking a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.app import walking
from rolehop.base.errors import NoTerminal, UsageError
from rolehop.base.text import clean

if TYPE_CHECKING:
    from rolehop.app.listing import ChainRow
    from rolehop.app.ports import Choice
    from rolehop.app.walking import HandoverSession
    from rolehop.cli.context import CommandContext
    from rolehop.plan.walk_options import WalkOptions


def session_for_handover(
    cli: CommandContext, command: str, chain: str, options: WalkOptions
) -> HandoverSession:
    """Walk ``chain`` for a handover by ``command``, its progress on stderr."""
    return walking.session_for_handover(
        cli.app,
        chain,
        options,
        cli.progress(),
        command=command,
        use_record=not cli.settings.debug,
    )


def chain_or_pick(
    cli: CommandContext, chain: str | None, typed: str, *, by_folder: bool = False
) -> str:
    """Return ``chain``, or the one that is picked on the terminal.

    ``typed`` is what may be typed instead, e.g. ``assume CHAIN``. ``by_folder``: a file .rolehop
    may name it.

    Raises:
        UsageError: none was named, and there is none to pick or no terminal to pick on.
    """
    if chain is None and by_folder:
        from rolehop.app.folder_chain import chain_of_folder

        chain = chain_of_folder(cli.app, attended=_has_terminal(cli), typed=typed)
    if chain is not None:
        return chain
    problem = UsageError("no chain is named", fix=f"rolehop {typed}, or rolehop list")
    try:
        with cli.terminal.device("a chain"):
            pass  # before the config is read: without a terminal the command line is what is wrong
        choices = _choices(cli)
        if choices:
            return pick(cli, choices, "chain")
    except NoTerminal:
        raise problem from None
    from rolehop.app.config_files import first_step

    problem.fix = first_step(cli.app)
    raise problem


def _has_terminal(cli: CommandContext) -> bool:
    try:
        with cli.terminal.device("a chain"):
            return True
    except NoTerminal:
        return False


def pick(cli: CommandContext, choices: list[Choice], noun: str) -> str:
    """Let the person at the terminal pick one of ``choices``, each a ``noun``; return its name.

    Raises:
        NoTerminal: this process has no terminal device, or one that cannot show a list.
        click.Abort: Esc or Ctrl-C; the terminal is as it was.
    """
    if cli.terminal.is_dumb:
        raise NoTerminal(f"a {noun} is needed, and this terminal cannot show a list (TERM=dumb)")
    from rolehop.terminal import picker

    picked = picker.pick(picker.Picker(choices, noun=noun), cli.terminal, cli.environ.get("TERM"))
    if picked is None:
        raise click.Abort
    return picked[0].name


def _end(row: ChainRow) -> str:
    """Return where a chain ends; nothing if that is not known."""
    from rolehop.terminal.layout import short_role

    if row.roles:
        return short_role(row.roles[-1])
    return f"{row.role} in {row.account}" if row.role and row.account else row.account


def _choices(cli: CommandContext) -> list[Choice]:
    """Return every configured chain, those used most and last first."""
    from rolehop.app.account_names import KnownNames
    from rolehop.app.listing import chain_rows_by_use
    from rolehop.app.ports import Choice
    from rolehop.base.advice import with_account_names
    from rolehop.base.durations import show_left

    rows = chain_rows_by_use(cli.app)
    names = KnownNames(cli.app)
    now = cli.app.now()
    return [
        Choice(
            row.name,
            clean(row.description),
            with_account_names(_end(row), names),
            show_left(row.cached.local_expires_at, now) if row.cached else "",
            row.color or "",
            tuple(f"label:{name}={value}" for name, value in row.labels.items()),
        )
        for row in rows
    ]
