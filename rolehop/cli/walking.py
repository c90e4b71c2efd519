"""What the commands that walk a chain have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from rolehop.cli.terminal import Settings
from rolehop.cli.wiring import App, WalkOptions
from rolehop.errors import NoTerminal, UsageProblem
from rolehop.show.times import show_left

if TYPE_CHECKING:
    from rolehop.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.ports import Listener


@dataclass(frozen=True, slots=True)
class Handed:
    """What a walk hands over."""

    chain: str
    region: str | None
    """Where a flag or the config names one."""
    session: Session


def walk_to_hand_over(app: App, chain: str, options: WalkOptions) -> Handed:
    """Ask where the chain wants to be confirmed, then walk it with its lines on stderr."""
    cached = _from_record(app, chain, options)
    if cached is not None:
        return cached
    ask_to_confirm(app, chain)
    plan, session = app.walk(chain, options, watcher(app))
    remember_walk(app, plan, options)
    return Handed(plan.chain, plan.handed_region, session)


def remember_walk(app: App, plan: Plan, options: WalkOptions) -> None:
    """Leave a record behind the answer, where the next one would be asked in the same way."""
    if options == WalkOptions(no_prompt=options.no_prompt) and app.settings.config is None:
        from rolehop.cli.remember import remember

        remember(app, plan)


def _from_record(app: App, chain: str, options: WalkOptions) -> Handed | None:
    """Return a cached session by its record alone: no config, no plan, no keyring library."""
    if options != WalkOptions() or app.settings != Settings(quiet=app.settings.quiet):
        return None
    from rolehop.fast import cached_item

    found = cached_item(chain, app.variables)
    if found is None or found[0].confirm:
        return None
    from rolehop.vault.item import Damaged, read_item

    record, item = found
    try:
        session = read_item(item, record.key)
    except Damaged:
        return None
    if app.terminal.shows_progress:
        left = show_left(session.expires_at, app.now())
        app.terminal.note(f"{record.label}  from cache, {left}")
    return Handed(chain, record.region or None, session)


def ask_to_confirm(app: App, chain: str) -> None:
    """Ask before a chain with ``confirm = true`` is walked; anything but yes interrupts.

    Raises:
        NoTerminal: nobody is there to say yes.
    """
    found = app.config.chains.get(chain)
    if found is None or not found.confirm:
        return
    try:
        answer = app.terminal.ask(
            f"{chain}: {found.description or 'this chain asks first'}. Go on? [y/N] ",
            needed="a confirmation",
        )
    except NoTerminal as error:
        error.chain = chain
        error.cause = f"chain '{chain}' has confirm = true"
        error.fix = "run it in a terminal"
        raise
    if answer.lower() not in ("y", "yes"):
        raise click.Abort


def watcher(app: App) -> Listener:
    """Return who watches a walk: live lines, plain lines, or nobody."""
    from rolehop.cli.progress import LiveLines, PlainLines, Silent

    if app.terminal.quiet:
        return Silent()
    return (
        LiveLines(app.terminal, app.now)
        if app.terminal.shows_progress
        else PlainLines(app.terminal, app.now)
    )


def needs_chain(chain: str | None, command: str) -> str:
    """Return ``chain``.

    Raises:
        UsageProblem: none was named.
    """
    if chain is None:
        raise UsageProblem(
            "no chain is named", cause=f"rolehop {command} CHAIN", fix="rolehop list"
        )
    return chain


def chain_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete names of chains: from the config alone, silent when it is broken."""
    from rolehop.errors import RolehopError

    app = ctx.find_object(App) or App.of_this_process()
    try:
        return [name for name in app.config.chains if name.startswith(incomplete)]
    except RolehopError:
        return []


def since(app: App) -> datetime:
    """Return now in whole seconds: sessions issued from here on count as new."""
    return app.now().replace(microsecond=0)
