"""What the commands that walk a chain have in common."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING

import click

from rolehop.app.context import App
from rolehop.errors import Declined, NoTerminal, UsageError, error_context
from rolehop.plan.walk_options import WalkOptions
from rolehop.show.picker import Choice
from rolehop.show.times import show_left
from rolehop.startup.dataclass import dataclass
from rolehop.terminal.terminal import Settings
from rolehop.text import clean, quoted

if TYPE_CHECKING:
    from rolehop.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.ports import Listener


@dataclass(frozen=True, slots=True)
class HandoverSession:
    """What a walk hands over."""

    chain: str
    region: str | None
    """Where a flag or the config names one."""
    session: Session


def walk_to_hand_over(app: App, chain: str, options: WalkOptions) -> HandoverSession:
    """Ask where the chain wants to be confirmed, then walk it with its lines on stderr."""
    with error_context(chain):
        handed = _from_record(app, chain, options) or _walked(app, chain, options)
    _note_use(app, handed.chain)
    return handed


def _walked(app: App, chain: str, options: WalkOptions) -> HandoverSession:
    ask_to_confirm(app, chain)
    ask_for_reason(app, chain, options)
    plan, session = app.walk(chain, options, watcher(app))
    for step in plan.hops:
        if step.shortened:
            app.terminal.note(f"hop {step.number}: {step.shortened}")
    remember_walk(app, plan, options)
    note_flags(app, session, options)
    return HandoverSession(plan.chain, plan.export_region, session)


def _note_use(app: App, chain: str) -> None:
    """Count the handover for the picker's order; not counted is no harm."""
    from rolehop.state.chain_usage import note_use

    with contextlib.suppress(OSError):
        note_use(app.state_folder, chain, app.now().timestamp())


def remember_walk(app: App, plan: Plan, options: WalkOptions) -> None:
    """Leave a record behind the answer, where the next one would be asked in the same way."""
    if options == WalkOptions(no_prompt=options.no_prompt) and app.settings.config is None:
        from rolehop.app.fastpath_writer import remember

        remember(app, plan)


def _from_record(app: App, chain: str, options: WalkOptions) -> HandoverSession | None:
    """Return a cached session by its record alone: no config, no plan, no keyring library."""
    if options != WalkOptions() or app.settings != Settings(quiet=app.settings.quiet):
        return None
    from rolehop.fastpath import cached_item

    found = cached_item(chain, app.variables)
    if found is None or found[0].confirm:
        return None
    from rolehop.vault.serialization import Damaged, read_item

    record, item = found
    try:
        session = read_item(item, record.key)
    except Damaged:
        return None
    if app.terminal.shows_progress:
        left = show_left(session.expires_at, app.now())
        app.terminal.note(f"{record.label}  from cache, {left}")
    return HandoverSession(chain, record.region or None, session)


def ask_to_confirm(app: App, chain: str) -> None:
    """Ask before a chain with ``confirm = true`` is walked.

    Raises:
        Declined: anything but yes was the answer.
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
        raise Declined(
            f"chain '{chain}' was not confirmed, so nothing was done",
            cause=f"the answer was {quoted(clean(answer))}" if answer else "the answer was empty",
            fix="answer y to go on",
            chain=chain,
        )


def ask_for_reason(app: App, chain: str, options: WalkOptions) -> None:
    """Ask on the terminal for the reason that the chain's config requires, where none was given.

    Raises:
        NoTerminal: nobody is there to say it.
    """
    found = app.config.chains.get(chain)
    if found is None or not found.reason_required or options.reason is not None:
        return
    try:
        if options.no_prompt:
            raise NoTerminal("a reason is needed and no question may be asked")
        while not options.reason:
            asked = app.terminal.ask(f"{chain}: why do you need it?", needed="a reason")
            options.reason = clean(asked)
    except NoTerminal as error:
        error.chain = chain
        error.cause = f"chain '{chain}' has reason = \"required\""
        error.fix = "say it with --reason TEXT"
        raise


def note_flags(app: App, session: Session, options: WalkOptions) -> None:
    """Note which flags a session was made with, so that refreshing it does not widen it."""
    if not options.hop_flags:
        return
    from rolehop.state.walk_flags import remember_flags

    access_key_id = session.credentials.access_key_id
    try:
        remember_flags(app.state_folder, access_key_id, options, app.now())
    except OSError:
        app.terminal.note("the flags cannot be noted: rolehop refresh will not know of them")


def watcher(app: App) -> Listener:
    """Return who watches a walk: live lines, plain lines, or nobody."""
    from rolehop.terminal.progress import LiveLines, PlainLines, Silent

    if app.terminal.quiet:
        return Silent()
    return (
        LiveLines(app.terminal, app.now)
        if app.terminal.shows_progress
        else PlainLines(app.terminal, app.now)
    )


def chain_or_pick(app: App, chain: str | None, typed: str) -> str:
    """Return ``chain``, or the one that is picked on the terminal.

    ``typed`` is what may be typed instead, e.g. ``assume CHAIN``.

    Raises:
        UsageError: none was named, and there is none to pick or no terminal to pick on.
    """
    if chain is not None:
        return chain
    problem = UsageError("no chain is named", cause=f"rolehop {typed}", fix="rolehop list")
    try:
        with app.terminal.device("a chain"):
            pass  # before the config is read: without a terminal the command line is what is wrong
        if app.config.chains:
            return pick_chain(app)
    except NoTerminal:
        raise problem from None
    problem.fix = "rolehop config init"
    raise problem


def issued_after(app: App) -> datetime:
    """Return now in whole seconds: sessions issued from here on count as new."""
    return app.now().replace(microsecond=0)


def pick_chain(app: App) -> str:
    """Let the person at the terminal pick a chain; return its name.

    Raises:
        NoTerminal: this process has no terminal device.
        click.Abort: Esc or Ctrl-C; the terminal is as it was.
    """
    with app.terminal.device("a chain") as (reader, writer):
        choices = choices_of(app)
        from rolehop.terminal.picker import Picker, _run  # asyncio: a quarter of a walk's start

        picker = Picker(choices, color=app.terminal.colors(writer))
        picked = _run(picker, reader, writer, app.environ.get("TERM"))
    if picked is None:
        raise click.Abort
    return picked


def choices_of(app: App) -> list[Choice]:
    """Return every configured chain, the most often and lately used first."""
    from rolehop.app.listing import chain_rows
    from rolehop.show.times import show_left
    from rolehop.state.chain_usage import in_order, load_uses

    now = app.now()
    rows = {row.name: row for row in chain_rows(app)}
    ordered = in_order(list(rows), load_uses(app.state_folder), now.timestamp())
    return [
        Choice(
            name,
            clean(rows[name].description),
            rows[name].account,
            show_left(until, now) if (until := rows[name].cached_until) else "",
            rows[name].color or "",
        )
        for name in ordered
    ]
