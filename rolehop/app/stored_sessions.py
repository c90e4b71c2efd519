"""List stored sessions and what failed for SDKs, rebuilding a lost index; forget sessions.

The keyring library cannot list its items. So if the index was lost, every configured chain is
planned and its sessions are looked up. Sessions of chains that are no longer configured stay
unknown until they expire.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rolehop.app.listing import matching_chains
from rolehop.app.planning import Stamps, plan_chain
from rolehop.errors import ConfigError, RolehopError, VaultError
from rolehop.files import sweep_unfinished
from rolehop.plan.model import HopStep, Step
from rolehop.show.rows import ProblemRow, SessionRow
from rolehop.startup.dataclass import dataclass, replace
from rolehop.state.last_refusal import forget_refusal
from rolehop.state.recent import forget_recent
from rolehop.state.refused_steps import forget_refused_steps
from rolehop.state.sdk_problems import forget_problems, sdk_problems
from rolehop.state.walk_flags import forget_flags
from rolehop.vault.index import Index, make_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.app.context import App


def load_index(app: App) -> Index:
    """Return the index, rebuilt if it was lost.

    Raises:
        ConfigError: it was lost, and the config that says what to look for is broken.
    """
    if app.config_file is not None:
        _ = app.config  # a file that the user named must exist and be valid
    index = app.index
    if not index.lost:
        return index
    _look_up_keys(app)
    stamps = Stamps()
    for name in app.config.chains:
        index = _with_chain(app, index, name, stamps)
    rebuilt = replace(index, keys=app.index.keys, lost=False)
    app.vault.note(lambda now: _completed(app, now, rebuilt))
    return rebuilt


def session_rows(app: App) -> list[SessionRow]:
    """Return a row per session that has not expired, in the order they were stored."""
    index, now = load_index(app), app.now()
    return [
        SessionRow(
            key=entry.key,
            chains=entry.chains,
            hop=entry.hop,
            role=entry.role or None,
            arn=entry.arn,
            expires_at=entry.expires_at,
            local_expires_at=entry.local_expires_at,
            parent=entry.parent if entry.parent in index.sessions else None,
            backend=entry.backend,
            kind=entry.step,
            source=entry.source,
        )
        for entry in index.sessions.values()
        if entry.local_expires_at > now
    ]


def problem_rows(app: App) -> list[ProblemRow]:
    """Return a row per chain whose last `credential-process` failed, the latest first."""
    return [
        ProblemRow(each.chain, each.at, each.exit_code, each.what, each.cause, each.fix)
        for each in sdk_problems(app.state_folder, app.now())
    ]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The result of forgetting sessions."""

    count: int
    other_backends: frozenset[str]
    """Back ends that are not in use here and still have some of the sessions."""


def forget_sessions(app: App, patterns: Sequence[str] | None) -> Forgotten:
    """Delete the last sessions of chains and those made with them; ``None``: every session.

    Notes of flags, reasons, refusals and failures go with every session.

    Raises:
        ConfigError: a pattern matches no chain.
        VaultError: the keyring failed.
    """
    everything = patterns is None
    if everything:
        _forget_notes(app)
    index = load_index(app)
    if everything:
        with contextlib.suppress(ConfigError):  # where there is nothing to forget, it may be broken
            app.source_callers.forget()
    if everything and index.mfa:
        app.vault.digest_key.forget()
    chains, stamps = () if patterns is None else matching_chains(app, patterns), Stamps()
    below = (key for chain in chains for key in _keys_below(app, index, chain, stamps))
    keys = list(index.sessions if everything else dict.fromkeys(below))
    deleted = app.vault.forget(keys) if keys else ()
    left = {
        index.sessions[key].backend for key in keys if key not in deleted and key in index.sessions
    }
    if everything and index.strays:
        left |= _forget_orphans(app, index)
    if everything and not left:
        with contextlib.suppress(OSError):  # they end by themselves
            forget_refused_steps(app.state_folder)
    return Forgotten(len(deleted), frozenset(left))


def _forget_notes(app: App) -> None:
    for forget in (forget_flags, forget_refusal, forget_problems, forget_recent):
        try:
            forget(app.state_folder)
        except OSError as error:
            app.note(f"a note in the state folder could not be deleted: {error}")
    for part, name in (
        ("flags", None),
        ("sdk", None),
        ("recent", None),
        ("refused", None),
        ("", "refused.json"),
    ):
        sweep_unfinished(app.state_folder / part, name, 0)


def _forget_orphans(app: App, index: Index) -> set[str]:
    """Delete the orphaned sessions of the back end in use; return the others' back ends."""
    app.vault.forget_orphans()
    return {orphan.backend for orphan in index.strays} - {app.vault.backend}


def _keys_below(app: App, index: Index, chain: str, stamps: Stamps) -> list[str]:
    """Return the hop keys of the chain's last session and of all sessions made with it.

    They include sessions of the same chain and hop from before its config was edited.
    """
    plan = plan_chain(app, chain, stamps=stamps, callers=app.source_callers)
    chain = plan.chain
    last = {plan.key} | {
        entry.key
        for entry in index.sessions.values()
        if chain in entry.chains and entry.hop == len(plan.hops)
    }
    return sorted({below for key in last for below in index.below(key)})


def _look_up_keys(app: App) -> None:
    """Read the stored keys of every source that has some, which adds them to the index."""
    for name in _sources_with_keys(app):
        with contextlib.suppress(VaultError):  # the vault says once what is wrong
            app.vault.keys.get(name)


def _completed(app: App, now: Index, found: Index) -> Index:
    """Return the index with all that was found; to be called while it is locked.

    A process that was storing a key had locked it until then, so the keyring is asked again.
    """
    for name in _sources_with_keys(app):
        with contextlib.suppress(VaultError):
            entry = app.vault.keys.stored_entry(name)
            if entry is not None and name not in now.keys:
                now = now.with_key(name, entry)
    return replace(_merged(now, found), lost=False)


def _sources_with_keys(app: App) -> list[str]:
    from rolehop.sources import SOURCE_TYPES

    sources = app.config.sources.items()
    return [name for name, source in sources if SOURCE_TYPES[source.type].keeps_keys]


def _with_chain(app: App, index: Index, name: str, stamps: Stamps) -> Index:
    try:
        plan = plan_chain(app, name, stamps=stamps, callers=app.source_callers)
    except RolehopError:
        return index  # it cannot be walked now either
    for step in plan.steps:
        index = _with_step(app, index, step, name)
    return index


def _with_step(app: App, index: Index, step: Step, chain: str) -> Index:
    known = index.sessions.get(step.key)
    if known is not None and chain in known.chains:
        return index
    session = app.vault.find(step)  # noted together with all others
    if session is None:
        return index
    parent = index.sessions.get(step.parent or "") if isinstance(step, HopStep) else None
    return index.with_session(make_entry(step, session, chain, app.vault.backend or "", parent))


def _merged(now: Index, found: Index) -> Index:
    for entry in found.sessions.values():
        now = now.with_session(entry)
    return now
