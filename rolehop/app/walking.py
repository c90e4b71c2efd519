"""Walk one chain for a command: ask what has to be asked, walk, and keep what later commands use.

That is the session's flags, the hot path's record, how often a chain is used, and why a walk for an
SDK failed. The walk itself is `app.chain_walk`, which a handover from the record does not load.

Each function says what it adds to the one below it; only `rolehop.walk.walk` walks:

    session_for_handover   counts the use, and notes in the history who gets the session
      _from_record           a cached session by its record alone
      guard.ask              the confirmation and the reason: a proof that they were given
      _remembered            flags and record, for the next command
        _recorded              the history of the walk, and what was refused in it
          ChainWalk.session      planned again whenever something is found out
            _renewed               the old session if it is good and a new one cannot be had
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rolehop.app.asking import PERSON, SILENT, AskedBy
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import NoTerminal, error_context
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rolehop.app.asking import Asking, ListingProgress
    from rolehop.app.chain_walk import ChainWalk, SharedByWalks
    from rolehop.app.context import App
    from rolehop.app.fastpath_writer import Replannings
    from rolehop.app.ports import Progress
    from rolehop.app.proof import Proof
    from rolehop.base.credentials import Session
    from rolehop.base.errors import RolehopError
    from rolehop.handover.environment import Change
    from rolehop.plan.model import Plan
    from rolehop.walk.ports import Listener


@dataclass(frozen=True, slots=True)
class HandoverSession:
    """A session to hand to a program."""

    chain: str
    region: str | None
    """The region to export, if any."""
    session: Session
    flags: tuple[str, ...] = ()
    """The flags given that the shell remembers, e.g. ``--read-only``."""

    def changes(self, environ: Mapping[str, str]) -> tuple[Change, ...]:
        """Return what changes in ``environ`` when a program or a shell gets the session."""
        from rolehop.handover.environment import assumed

        return assumed(
            self.session, chain=self.chain, region=self.region, before=environ, flags=self.flags
        )


def session_of_chain(
    app: App,
    name: str,
    options: WalkOptions,
    proof: Proof,
    listener: Listener = SILENT,
    *,
    shared: SharedByWalks | None = None,
    asked_by: AskedBy = PERSON,
) -> tuple[Plan, Session]:
    """Return the plan of a chain that was followed, and the session of its last hop.

    Raises:
        NoTerminal: the chain asks for something that ``proof`` has not.
        RolehopError: see `rolehop.walk.walk.walk`; ``chain`` names this chain.
    """
    with error_context(name):
        return _recorded(app, name, options, proof, listener, shared, asked_by)


def session_of_source(
    app: App, name: str, options: WalkOptions, proof: Proof, listener: Listener = SILENT
) -> tuple[Plan, Session]:
    """Return the session of a chain's source alone, and its plan; no hop is walked.

    Raises as `session_of_chain`.
    """
    with error_context(name):
        return _recorded(app, name, options, proof, listener, source_only=True)


def renew_stored(
    app: App,
    name: str,
    options: WalkOptions,
    listener: Listener = SILENT,
    *,
    shared: SharedByWalks,
) -> Plan:
    """Make the session of a chain anew, and store its flags; it stays in the keyring. Return the plan.

    Raises:
        NoTerminal: the chain requires a reason, and ``options`` have none.
        RolehopError: see `rolehop.walk.walk.walk`; ``chain`` names this chain.
    """
    with error_context(name):
        plan, session = _recorded(app, name, options, None, listener, shared)
        store_flags(app, session, options)
        return plan


def session_for_handover(
    app: App,
    name: str,
    options: WalkOptions,
    progress: Progress,
    *,
    command: str,
    use_record: bool = True,
) -> HandoverSession:
    """Return a chain's session to hand to a program, after asking for confirmation and reason.

    ``command`` hands it over, for the history. ``use_record``: a cached session may come from the
    hot path's record, without config or plan: no chain that asks for something has one.

    Raises:
        Declined: the chain has ``confirm = true`` and the answer was not yes.
        NoTerminal: something has to be asked, and nobody can be.
        RolehopError: see `rolehop.walk.walk.walk`.
    """
    with error_context(name):
        found = _from_record(app, name, options, progress) if use_record else None
        if found is None:
            from rolehop.app.guard import ask

            options, proof = ask(app, name, options)
            found = _remembered(app, name, options, proof, progress)
    app.history.handed_over(command, found.chain, found.session, options.reason)
    count_use(app, found.chain)
    return found


def note_handover(app: App, command: str, chain: str, session: Session) -> None:
    """Note in the history that ``command`` handed over a session that was got elsewhere."""
    app.history.handed_over(command, chain, session, None)


def will_run(app: App, program: str) -> None:
    """Tell the history which program this process starts with the sessions it hands over."""
    app.history.runs = program


def asking_for_accounts(
    app: App,
    options: WalkOptions,
    listener: Listener,
    progress: ListingProgress,
    asked_by: AskedBy = PERSON,
) -> Asking:
    """Return how AWS is asked for the accounts of fleets: by walks with ``options``."""
    from rolehop.app.asking import Asking
    from rolehop.app.guard import ask_to_read, person_for
    from rolehop.app.proof import UNASKED

    def walk(chain: str) -> tuple[Plan, Session]:
        given = ask_to_read(app, chain, options) if asked_by.can_agree else (options, UNASKED)
        return session_of_chain(app, chain, *given, listener)

    return Asking(person_for(app, options), walk, progress)


def store_flags(app: App, session: Session, options: WalkOptions) -> None:
    """Store the flags of a session, so that refreshing it never widens access."""
    if not options.hop_flags:
        return
    from rolehop.vault.notes import remember_flags

    access_key_id = session.credentials.access_key_id
    try:
        remember_flags(app.state_folder, app.vault.seals, access_key_id, options, app.now())
    except OSError:
        app.note_once("flags", "the flags cannot be stored: rolehop refresh will not know them")


def write_record(
    app: App,
    plan: Plan,
    options: WalkOptions,
    asked_for: str,
    shared: Replannings | None = None,
) -> None:
    """Write the hot path's record of an answer that needed no flags, for the name asked for.

    Pass the same ``shared`` for many chains.
    """
    if options == WalkOptions(no_prompt=options.no_prompt) and app.config_file is None:
        from rolehop.app.fastpath_writer import write_fastpath_record

        write_fastpath_record(app, plan, asked_for, shared)


def write_missing_records(app: App, plans: Mapping[str, Plan], options: WalkOptions) -> None:
    """Do the same for chains that were renewed, by the name each was asked for."""
    from rolehop.app.fastpath_writer import has_fastpath_record

    shared: Replannings = {}
    for name, plan in plans.items():
        if not has_fastpath_record(app, plan, name):
            write_record(app, plan, options, name, shared)


def count_use(app: App, name: str) -> None:
    """Count the handover for the picker's order; failing to is harmless."""
    from rolehop.vault.notes import note_use

    with contextlib.suppress(OSError):
        note_use(app.state_folder, name, app.now().timestamp())


def keep_sdk_problem(app: App, chain: str, error: RolehopError, code: int | None = None) -> None:
    """Keep why `credential-process` failed for `status`; ``code`` replaces the error's exit code."""
    from rolehop.app.sdk_problems import as_problem, note_problem

    if app.is_config_loaded:  # else nothing was walked, and the config may be what is wrong
        chain = _own_name(app, chain)
    note_problem(app.state_folder, as_problem(chain, error, app.now(), code))


def _remembered(
    app: App, name: str, options: WalkOptions, proof: Proof, progress: Progress
) -> HandoverSession:
    """Return the session; keep its flags, and the record that gives the next one from the cache."""
    plan, session = _recorded(app, name, options, proof, progress)
    for note in _less_than_asked(plan, session):
        app.note(note)
    write_record(app, plan, options, name)
    store_flags(app, session, options)
    return HandoverSession(plan.chain, plan.export_region, session, options.shell_flags)


def _less_than_asked(plan: Plan, session: Session) -> Iterator[str]:
    """Say which calls got less time than was asked for, as planned or as the walk found."""
    for step in plan.calls:
        if step.shortened:
            what = "scope" if step is plan.scope else f"hop {step.number}"
            yield f"{what}: {step.shortened}"
    if plan.scope is None or plan.scope.shortened:
        return
    asked = plan.scope.scope.duration_seconds
    given = int((session.local_expires_at - session.issued_at).total_seconds())
    if asked is not None and given < asked - _NOT_LESS_SECONDS:
        from rolehop.base.durations import format_duration, show_span

        yield (
            f"scope: {format_duration(asked)} asked, {show_span(given)} given: a scope lasts no longer"
            " than the session it narrows"
        )


_NOT_LESS_SECONDS = 120
"""The walk leaves a minute of a session's end to the call that narrows it, and clocks differ."""


def _from_record(
    app: App, name: str, options: WalkOptions, progress: Progress
) -> HandoverSession | None:
    """Return a cached session by its record alone: no config, no plan, no keyring library."""
    if options != WalkOptions(no_prompt=options.no_prompt) or app.config_file is not None:
        return None
    from rolehop.hotpath import cached_item

    found = cached_item(name, app.variables)
    if found is None:
        return None
    from rolehop.vault.serialization import Damaged, read_item

    record, item = found
    try:
        session = read_item(item, record.key)
    except Damaged:
        return None
    app.wants_journal = record.sink == "journald"
    progress.from_record(record.label, session.ends_at(app.now()))
    return HandoverSession(record.name, record.region or None, session)


def _recorded(
    app: App,
    name: str,
    options: WalkOptions,
    proof: Proof | None,
    listener: Listener,
    shared: SharedByWalks | None = None,
    asked_by: AskedBy = PERSON,
    *,
    source_only: bool = False,
) -> tuple[Plan, Session]:
    """Return plan and session; each call goes into the history, and what AWS refuses is kept.

    ``proof``: ``None`` if whoever called gives the session to nobody.
    """
    from rolehop.app.chain_walk import ChainWalk, SharedByWalks
    from rolehop.app.guard import person_for
    from rolehop.vault.refusals import record_refusals

    with (
        record_refusals(app.state_folder, name, options, app.now),
        app.history.walking(_own_name(app, name), options.reason) as record,
    ):
        person, shared = person_for(app, options), shared or SharedByWalks(app.vault)
        chain_walk = ChainWalk(
            app, name, options, proof, person, shared, asked_by, source_only=source_only
        )
        if app.config.listed_fleets:
            _check_fleets(app, chain_walk, name, options, asked_by)
        walked = chain_walk.session(record, listener)
    _forget_sdk_problem(app, walked[0].chain)
    return walked


def _check_fleets(
    app: App, chain_walk: ChainWalk, name: str, options: WalkOptions, asked_by: AskedBy
) -> None:
    """Check the lists that a walk of the chain ``name`` goes by. Raises as `check_fleets`."""
    from rolehop.app.fleet_proofs import check_fleets

    how = WalkOptions(
        no_prompt=options.no_prompt, mfa_stdin=options.mfa_stdin, reason=options.reason
    )
    asking = asking_for_accounts(app, how, SILENT, SILENT, asked_by)
    try:
        check_fleets(app, chain_walk.chains, asking)
    except NoTerminal as error:
        if not asked_by.can_agree:
            from rolehop.app.proof import commands_that_ask

            error.fix = commands_that_ask(name)
        raise


def _own_name(app: App, name: str) -> str:
    """Return the name of a chain that may be called by its account's ID."""
    chain = app.config.chains.get(name)
    return name if chain is None else chain.name


def _forget_sdk_problem(app: App, name: str) -> None:
    """Forget how `credential-process` failed for this chain; nothing is loaded if none did."""
    with contextlib.suppress(OSError):
        if not (app.state_folder / "sdk").exists():
            return
        from rolehop.app.sdk_problems import forget_problem

        forget_problem(app.state_folder, name)
