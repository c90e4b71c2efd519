"""What the commands that walk a chain share: the walk for a handover, and picking a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app import walking
from rolehop.base.errors import Declined, NoTerminal, UsageError
from rolehop.base.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rolehop.app.listing import ChainRow
    from rolehop.app.ports import Choice
    from rolehop.app.walking import HandoverSession
    from rolehop.cli.context import CommandContext
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.terminal.output import Drawn
    from rolehop.terminal.picker import Details


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
            from rolehop.app.listing import place_of_last_used

            last = place_of_last_used(cli.app, [each.name for each in choices])
            return pick(cli, choices, "chain", at=last, details=_plan_of(cli))
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


def pick(
    cli: CommandContext,
    choices: list[Choice],
    noun: str,
    *,
    at: int = 0,
    details: Details | None = None,
) -> str:
    """Let the person at the terminal pick one of ``choices``, each a ``noun``; return its name.

    ``at`` is marked first; ``details`` says more of one.

    Raises:
        NoTerminal: this process has no terminal device, or one that cannot show a list.
        Declined: Esc or Ctrl-C; the terminal is as it was.
    """
    if cli.terminal.is_dumb:
        raise NoTerminal(f"a {noun} is needed, and this terminal cannot show a list (TERM=dumb)")
    from rolehop.terminal import picker

    state = picker.Picker(choices, noun=noun, at=at, details=details)
    picked = picker.pick(state, cli.terminal, cli.environ.get("TERM"))
    if picked is None:
        raise Declined(f"no {noun} was picked, so nothing was done")
    return picked[0].name


def _plan_of(cli: CommandContext) -> Details:
    """Return what draws the plan of a chain below the list."""

    def drawn(choice: Choice, columns: int) -> Iterable[Drawn]:
        from rolehop.app.account_names import KnownNames
        from rolehop.app.planning import Planning
        from rolehop.app.source_start import start_of_walk
        from rolehop.base.errors import RolehopError
        from rolehop.plan.walk_options import WalkOptions
        from rolehop.terminal.drawing import draw
        from rolehop.terminal.error_text import error_lines
        from rolehop.terminal.plan_view import plan_view

        options, names, now = WalkOptions(), KnownNames(cli.app), cli.app.now()
        try:
            plan = Planning(cli.app).plan_and_diagnose(choice.name, options)
            start = start_of_walk(cli.app, plan)
        except RolehopError as error:
            return draw(error_lines(error, cli.quote_argument, columns), columns)
        shown = plan_view(plan, options, start, now, names, description=choice.description)
        return draw(shown, columns)

    return drawn


def _choices(cli: CommandContext) -> list[Choice]:
    """Return every configured chain, those used most and last first."""
    from rolehop.app.account_names import KnownNames
    from rolehop.app.listing import chain_rows_by_use
    from rolehop.app.ports import Choice
    from rolehop.base.durations import show_left
    from rolehop.terminal.layout import account_role

    rows = chain_rows_by_use(cli.app)
    names = KnownNames(cli.app)
    now = cli.app.now()
    return [
        Choice(
            row.name,
            clean(row.description),
            account_role(row.account, row.role, names) if row.account else "",
            show_left(row.cached.local_expires_at, now) if row.cached else "",
            row.color or "",
            tuple(_found_by(row)),
        )
        for row in rows
    ]


def _found_by(row: ChainRow) -> Iterator[str]:
    """Give what a chain is found by beside its name and role."""
    yield from (f"label:{name}={value}" for name, value in row.labels.items())
    yield from (f"tag:{name}={value}" for name, value in (row.tags or {}).items())
    if row.unit:
        yield f"ou:{row.unit}"
    yield row.account
