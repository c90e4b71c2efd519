"""Stored sessions and sign-ins: list them with the chains that use them, and forget them.

`problem_rows` is what failed for SDKs, which `status` shows, too.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from rolehop.app.lost_index import load_index, may_have_more
from rolehop.app.planning import Planning
from rolehop.app.sdk_problems import sdk_failures
from rolehop.app.selecting import FleetRoles, matching_chains
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, RolehopError, VaultError
from rolehop.base.text import pluralize
from rolehop.base.waits import Wait
from rolehop.config.model import ChainConfig
from rolehop.plan.identity import principal_of
from rolehop.plan.selection import ChainEnd, selector, selects
from rolehop.sources import SOURCE_TYPES, stamp_asks_device
from rolehop.vault import FREEDESKTOP, backend_label

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from rolehop.app.context import App
    from rolehop.app.sdk_problems import SdkProblem
    from rolehop.config.model import SourceConfig
    from rolehop.plan.model import Plan
    from rolehop.plan.resolve import Resolved
    from rolehop.vault.index import Entry, Index


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of ``rolehop status``."""

    key: str
    chains: tuple[str, ...]
    hop: int
    """From 1; 0 is the source's own session or its MFA session."""
    role: str | None
    arn: str
    expires_at: datetime
    """By AWS's clock."""

    local_expires_at: datetime
    """The same by this machine's clock."""

    parent: str | None
    """Hop key of the session that signed, if that one is stored too."""
    backend: str
    kind: str
    """``source``, ``token``, ``hop`` or ``scope``."""
    source: str
    keyring: str
    """What people call the back end."""

    session_name: str
    """What the hop asked for, as are those below; empty for other steps and if it is not known."""
    policy_arns: tuple[str, ...]
    has_policy: bool
    source_identity: str
    tags: tuple[tuple[str, str], ...]
    narrowed: str = ""
    """What a scope made of it: ``read-only`` or ``scoped``; empty: no scope did."""
    planned: bool = True
    """A chain would take it now, without flags."""

    @property
    def read_only(self) -> bool:
        """True if ReadOnlyAccess is its only session policy."""
        only = [each.partition("::")[2] for each in self.policy_arns]
        return only == ["aws:policy/ReadOnlyAccess"] and not self.has_policy


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One sign-in of ``rolehop status``."""

    sources: tuple[str, ...]
    """Those that start from it."""
    kind: str
    """Their type."""

    ends_at: datetime | None
    """By this machine's clock; ``None``: it is not known."""
    renews: bool
    """It is renewed without a person."""

    by_cli: bool = False
    """The AWS CLI made it."""

    ended: bool = False
    """AWS said that it has ended before its time."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is in a keyring that is locked, so that nothing of it can be used now."""

    backend: str
    keyring: str
    """What people call the back end."""
    sessions: int
    sign_ins: int
    unlock: str | None = None
    """How a person unlocks it from here; ``None``: in the desktop session."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored and can be used now."""

    sessions: Sequence[SessionRow]
    sign_ins: Sequence[SignInRow]
    hidden: Sequence[Hidden]
    """What is in keyrings that are locked, which is not among the others."""

    all_known: bool
    """The index is complete; ``False``: it was lost, and the keyring could not be searched."""

    problem: str | None
    """Why the state folder is not used, so that nothing can be seen."""


def stored(app: App, patterns: Sequence[str] = ()) -> Stored:
    """Return all sessions and sign-ins that have not expired, without what a locked keyring has.

    ``patterns``: only sessions that chains which match one use, with those that signed for them, and
    the sign-ins that these chains start from.

    Raises:
        ConfigError: a pattern matches no chain; the index was lost, and the config that says what
            to look for is broken.
    """
    chains = _chains_named(app, patterns)
    index = load_index(app) if app.state_problem is None else app.index
    live = [each for each in index.sessions.values() if each.local_expires_at > app.now()]
    sessions, sign_ins = _session_rows(app, index, live, chains), _sign_in_rows(app, index)
    if patterns:
        used = _with_parents(sessions, chains)
        sessions = [each for each in sessions if each.key in used]
        sources = _sources_of(app, index, chains)
        sign_ins = [each for each in sign_ins if not sources.isdisjoint(each[1].sources)]
    backends = Counter(each.backend for each in sessions)
    theirs = Counter(backend for backend, _ in sign_ins)
    locked = [each for each in {**backends, **theirs} if _is_locked(app, each)]
    hidden = [_hidden(app, each, backends[each], theirs[each]) for each in locked]
    return Stored(
        [each for each in sessions if each.backend not in locked],
        [row for backend, row in sign_ins if backend not in locked],
        hidden,
        not index.lost,
        app.state_problem,
    )


def _chains_named(app: App, patterns: Sequence[str]) -> set[str]:
    """Return the chains that match; while the config is broken, those of stored sessions."""
    if app.config_problem is None:
        return set(matching_chains(app, patterns)) if patterns else set()

    return stored_chains(app.index, patterns)


def _sources_of(app: App, index: Index, chains: set[str]) -> set[str | None]:
    from rolehop.plan.resolve import source_name_of

    if app.config_problem is not None:
        entries = index.sessions.values()
        return {each.source for each in entries if not chains.isdisjoint(each.chains)}
    configs = [app.config.chains.get(each) for each in chains]  # none for an AWS profile
    return {source_name_of(app.config, each) for each in configs if each is not None}


def _is_locked(app: App, backend: str) -> bool:
    """True if a back end certainly has to be unlocked; the others do not say so without asking."""
    if backend != FREEDESKTOP:
        return False
    from rolehop.vault.session_bus import is_secret_service_locked

    return is_secret_service_locked(app.variables)


def _hidden(app: App, backend: str, sessions: int, sign_ins: int) -> Hidden:
    from rolehop.vault.backend_selection import how_to_unlock

    unlock = how_to_unlock(backend, app.variables, sys.platform)
    return Hidden(backend, backend_label(backend), sessions, sign_ins, unlock)


_KINDS = ("source", "token", "hop", "scope")


def _with_parents(rows: Sequence[SessionRow], chains: set[str]) -> set[str]:
    """Return the hop keys of the sessions that ``chains`` use, and of those that signed for them."""
    parents = {each.key: each.parent for each in rows}
    used = set[str]()
    for each in rows:
        key = None if chains.isdisjoint(each.chains) else each.key
        while key is not None and key not in used:
            used.add(key)
            key = parents.get(key)
    return used


def _session_rows(
    app: App, index: Index, live: Sequence[Entry], named: Collection[str]
) -> list[SessionRow]:
    """Return a row per session that has not expired: by hop, source and role, the longest first.

    ``named`` may be AWS profiles, too.
    """
    now, users = app.now(), dict[str, list[str]]()
    with contextlib.suppress(ConfigError):  # a broken config: the index alone says who used them
        profiles = [each for each in named if each not in app.config.chains]
        users = chains_by_key(app, live, profiles)
    rows = [
        SessionRow(
            key=entry.key,
            chains=tuple(dict.fromkeys((*entry.chains, *users.get(entry.key, ())))),
            hop=entry.hop,
            role=entry.role or None,
            arn=entry.arn,
            expires_at=entry.expires_at,
            local_expires_at=entry.local_expires_at,
            parent=entry.parent if entry.parent in index.sessions else None,
            backend=entry.backend,
            kind=entry.step,
            source=entry.source,
            keyring=backend_label(entry.backend),
            session_name=entry.session_name,
            policy_arns=entry.policy_arns,
            has_policy=entry.has_policy,
            source_identity=entry.source_identity,
            tags=entry.tags,
            narrowed=entry.narrowed,
            planned=bool(users.get(entry.key)),
        )
        for entry in live
    ]

    def order(row: SessionRow) -> tuple[object, ...]:
        role = (row.role or "").partition("::")[2].casefold()
        asked = (row.policy_arns, row.has_policy, row.session_name, row.source_identity, row.tags)
        left = now - row.local_expires_at  # the longer, the less
        return (row.hop, _KINDS.index(row.kind), row.source, role, *asked, left)

    return sorted(rows, key=order)


def _sign_in_rows(app: App, index: Index) -> list[tuple[str, SignInRow]]:
    """Return a row per sign-in of the config's sources and AWS profiles, with its back end."""
    from rolehop.sources import base_of, profiles_with_sign_in, token_name

    def place(source: SourceConfig) -> tuple[str | None, SourceConfig]:
        base = base_of(source, lambda: app.aws_config)
        return token_name(base, lambda: app.source_context), base

    sources: dict[str, list[SourceConfig]] = {}
    with contextlib.suppress(ConfigError):  # then its sign-ins belong to nothing
        for name, base in map(place, app.config.sources.values()):
            if name is not None:
                sources.setdefault(name, []).append(base)
        if index.sign_ins.keys() - sources.keys():  # maybe by an AWS profile
            profiles = profiles_with_sign_in(app.config.sources, app.source_context)
            for name, base in map(place, profiles):
                if name is not None and name in index.sign_ins:
                    sources[name] = [base]
    rows = (_sign_in_row(app, index, name, theirs) for name, theirs in sources.items())
    return [row for row in rows if row is not None]


def _sign_in_row(
    app: App, index: Index, name: str, sources: list[SourceConfig]
) -> tuple[str, SignInRow] | None:
    from rolehop.sources import login_support

    names, kind = tuple(each.name for each in sources), sources[0].type
    if name in index.sign_ins:
        end = index.sign_in_ends.get(name)
        if end is None:
            return "", SignInRow(names, kind, None, renews=False)
        return end.backend, SignInRow(names, kind, end.ends_at, end.renews, ended=end.ended)
    support = login_support(sources[0])
    if support is None or support.cli_sign_in_end is None:
        return None
    ends_at = support.cli_sign_in_end(sources[0], app.source_context)
    return ("", SignInRow(names, kind, ends_at, False, by_cli=True)) if ends_at else None


def failures_of(app: App, patterns: Sequence[str] = ()) -> list[SdkProblem]:
    """Return how the last `credential-process` of each chain failed, the latest first.

    Raises:
        ConfigError: a pattern matches no chain.
    """
    chains = _chains_named(app, patterns)
    return [each for each in sdk_failures(app) if not patterns or each.chain in chains]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The result of forgetting sessions."""

    count: int
    """How many were stored."""
    other_backends: Mapping[str, int]
    """How many of them the back ends (``module.Class``) still have that are not in use here."""
    sign_ins: int
    """How many sign-ins there are, which stay."""
    may_be_more: bool = False
    """Of every session: only the config, which is broken, says which others to look for."""

    def left(self) -> list[str]:
        """Return what stays in each, for people."""
        return [
            f"{pluralize(count, 'session')} in {backend_label(name)}"
            for name, count in sorted(self.other_backends.items())
        ]


def forget_sessions(
    app: App,
    patterns: Sequence[str] | None,
    confirm: Callable[[int], object] = lambda count: None,
) -> Forgotten:
    """Delete the last sessions of chains and those made with them; ``None``: every session.

    ``confirm`` is told how many these are before one is deleted, and may raise; not of every session.

    Notes of flags, reasons, refusals and failures go with every session, once those are gone: shells
    that hold one need them as long as this fails.

    Raises:
        ConfigError: a pattern matches no chain, and none of which sessions are stored.
        VaultError: the keyring failed, or the state folder is not used, which says what is stored.
    """
    if app.state_problem is not None:
        raise VaultError(
            "no session was forgotten: what is stored cannot be seen",
            cause=app.state_problem,
            fix="put that right, then run it again; until then each session ends by itself",
        )
    everything = patterns is None
    index = load_index(app)
    keys = list(index.sessions if patterns is None else _named_keys(app, index, patterns))
    if patterns is not None:
        confirm(len(keys))
    deleted, count = _forget_keys(app, keys) if keys else ((), 0)
    left = Counter(
        index.sessions[key].backend for key in keys if key not in deleted and key in index.sessions
    )
    if everything and index.orphans:
        count += app.vault.forget_orphans(index)
        left.update(each.backend for each in index.orphans if each.backend != app.vault.backend)
    if everything and index.mfa:
        app.vault.note(lambda index: index.without_digests())
    if everything:
        app.source_callers.forget()
        _forget_notes(app)
    if everything and not left:
        from rolehop.vault.refusals import RefusedSteps

        with contextlib.suppress(OSError):  # they end by themselves
            RefusedSteps(app.state_folder, app.now).forget()
    more = everything and may_have_more(app, index)
    return Forgotten(count, dict(left), len(app.index.sign_ins), more)


def _named_keys(app: App, index: Index, patterns: Sequence[str]) -> Iterable[str]:
    """Return the hop keys of the sessions of the chains that match, and of those made with them."""
    if app.config_problem is not None:
        return keys_of_stored(index, stored_chains(index, patterns))
    chains, gone = named_chains(app, index, patterns)
    planning = Planning(app)
    below = [key for chain in chains for key in _keys_below(planning, index, chain)]
    return dict.fromkeys([*below, *keys_of_gone(index, gone)])


def _forget_keys(app: App, keys: Sequence[str]) -> tuple[tuple[str, ...], int]:
    # Each call is short, so none of them says that hundreds take a while.
    what = f"deleting {pluralize(len(keys), 'session')} from the keyring"
    with Wait(what, may_ask=True):
        return app.vault.forget(keys)


def _forget_notes(app: App) -> None:
    from rolehop.app import sdk_problems
    from rolehop.vault import notes, refusals

    folder = app.state_folder
    for forget in (
        partial(notes.forget_flags, folder),
        refusals.last_refusal_note(folder).forget,
        sdk_problems.problem_notes(folder).forget,
        refusals.recent_failures(folder).forget,
    ):
        try:
            forget()
        except OSError as error:
            app.note(f"a note in the state folder could not be deleted: {error}")


def _keys_below(planning: Planning, index: Index, chain: str) -> list[str]:
    """Return the hop keys of the chain's last session and of all sessions made with it.

    They include sessions of the same chain and hop from before its config was edited.
    """
    plan = planning.plan(chain, callers=planning.app.source_callers)
    chain = plan.chain
    last = {plan.key} | {
        entry.key
        for entry in index.sessions.values()
        if chain in entry.chains and entry.hop == _number(plan)
    }
    return sorted({below for key in last for below in index.below(key)})


def _number(plan: Plan) -> int:
    """Return the number of the step whose session is handed out."""
    return plan.calls[-1].number if plan.calls else 0


def chains_by_key(
    app: App, entries: Collection[Entry], profiles: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Return the chains that use each of these sessions, by hop key, in the order of the config.

    ``profiles``: AWS profiles that count as chains. A chain is planned only if one of its roles has
    a session, and of a fleet's chains one for all that have none of their own; none is whose source
    is told by a card or a token, which might hang.
    """
    users: dict[str, list[str]] = {each.key: [] for each in entries}
    if not users:
        return users
    keys = _PlannedKeys(app, entries)
    for chain in app.config.chains.values():
        for key in keys.of_chain(chain):
            if key in users:
                users[key].append(chain.name)
    for name in profiles:
        for key in keys.planned(name):
            if key in users:
                users[key].append(name)
    return users


class _PlannedKeys:
    """The hop keys of chains that may have one of ``entries``."""

    def __init__(self, app: App, entries: Iterable[Entry]) -> None:
        self._app = app
        self._planning = Planning(app)
        # Empty: a source's own session, which any chain may start from.
        self._roles = {entry.role for entry in entries}
        self._fleets: dict[str, tuple[FleetRoles, tuple[str, ...]]] = {}

    def of_chain(self, chain: ChainConfig) -> tuple[str, ...]:
        """Return the hop keys of a chain of the config; none if none of its roles has a session."""
        if chain.fleet is None:
            return self.planned(chain.name)
        if chain.fleet in self._fleets:
            fleet, shared = self._fleets[chain.fleet]
            roles = fleet.of(chain)
            if roles is not None and roles[-1] not in self._roles:
                return shared
            return self.planned(chain.name)
        return self._of_first_member(chain, chain.fleet)

    def _of_first_member(self, chain: ChainConfig, fleet: str) -> tuple[str, ...]:
        keys = self.planned(chain.name)
        try:
            resolved = self._planning.resolve(chain.name)
        except RolehopError:
            return keys
        # Where hop 1 is the member's own, its limit decides whether GetSessionToken comes first.
        if len(resolved.hops) > 1:
            roles = FleetRoles(self._app.config, chain, resolved)
            own = 1 if resolved.scope is None else 2  # the member's hop, and its scope
            self._fleets[fleet] = roles, keys[:-own]
        return keys

    def planned(self, name: str) -> tuple[str, ...]:
        """Return the hop keys of a chain's plan; none if it has no session, or cannot be planned."""
        try:
            resolved = self._planning.resolve(name)
            if not self._may_have_session(resolved):
                return ()
            plan = self._planning.plan(name)
        except RolehopError:
            return ()
        return tuple(step.key for step in plan.steps)

    def _may_have_session(self, resolved: Resolved) -> bool:
        source = resolved.source
        if SOURCE_TYPES[source.type].keeps_keys and source.name not in self._app.index.keys:
            return False  # and the keyring, which might ask to be unlocked, is left alone
        if stamp_asks_device(source):
            return False
        roles = {str(role) for role, _ in resolved.hops}
        return "" in self._roles or not roles.isdisjoint(self._roles)


def named_chains(
    app: App, index: Index, patterns: Sequence[str]
) -> tuple[list[str], frozenset[str]]:
    """Return the chains that match, and those of stored sessions that are there no more.

    Raises:
        ConfigError: a pattern matches neither.
    """
    there = app.config.chains
    stored = {name for entry in index.sessions.values() for name in entry.chains}
    stored = {name for name in stored if name not in there}
    chains, gone = dict[str, None](), set[str]()
    for pattern in patterns:
        named = {each for each in stored if _is_stored_of(index, each, pattern)}
        named = named and named - app.aws_config.profiles.keys()
        try:
            chains |= dict.fromkeys(matching_chains(app, (pattern,)))
        except ConfigError:
            if not named:
                raise
        gone |= named
    return list(chains), frozenset(gone)


def stored_chains(index: Index, patterns: Sequence[str]) -> set[str]:
    """Return the chains of stored sessions that match: all that is known while the config is broken.

    Raises:
        ConfigError: a pattern matches none of them, so that only the config says what it means.
    """
    stored = {name for entry in index.sessions.values() for name in entry.chains}
    found = set[str]()
    for pattern in patterns:
        named = {each for each in stored if _is_stored_of(index, each, pattern)}
        if not named:
            raise ConfigError(
                f"no stored session is known to be one of '{pattern}'",
                cause="the config, which says what it means, is broken",
                fix="correct the config, and repeat the command",
            )
        found |= named
    return found


def keys_of_stored(index: Index, chains: set[str]) -> list[str]:
    """Return the hop keys of the last sessions that chains have, and of those made with them.

    Where no hop of a chain is stored any longer, a source's session that others use, too, stays.
    """
    last: list[str] = []
    for chain in chains:
        theirs = [entry for entry in index.sessions.values() if chain in entry.chains]
        deepest = max(entry.hop for entry in theirs)
        last += [
            entry.key
            for entry in theirs
            if entry.hop == deepest and (deepest or chains.issuperset(_users(index, entry.key)))
        ]
    return sorted({below for key in last for below in index.below(key)})


def _users(index: Index, key: str) -> set[str]:
    """Return the chains of a session and of those made with it."""
    return {chain for below in index.below(key) for chain in index.sessions[below].chains}


def _is_stored_of(index: Index, chain: str, pattern: str) -> bool:
    """True if a pattern means a chain that only stored sessions tell of: by its name, or its end."""
    fleet, slash, _ = chain.partition("/")
    wanted = selector(f"{pattern}/" if slash and fleet == pattern else pattern)
    return selects(wanted, ChainConfig(chain), lambda: _stored_end(index, chain))


def _stored_end(index: Index, chain: str) -> ChainEnd:
    """Return where the deepest stored session of a chain ends."""
    theirs = [each for each in index.sessions.values() if chain in each.chains]
    deepest = max(theirs, key=lambda each: each.hop)
    return ChainEnd(*principal_of(deepest.role or deepest.arn))


def keys_of_gone(index: Index, gone: frozenset[str]) -> list[str]:
    """Return the hop keys of sessions that only these chains have, and of those made with them."""
    keys = [key for key, entry in index.sessions.items() if gone.issuperset(entry.chains)]
    return [below for key in keys for below in index.below(key)] if gone else []
