"""Load the index of what is stored, and make it anew if it was lost or a bit of it was changed.

The keyring library cannot list its items. So every configured chain is planned and its sessions are
looked up. A keyring that lists its items after all tells which others are there; what a damaged
index says of others is kept as long as it may be true. None of these is shown or used: they are
deleted with the next session that is stored, or by `logout --all`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from rolehop.app.config_files import with_same_config
from rolehop.base.advice import Advice, Whole
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, RolehopError, VaultError
from rolehop.base.text import clean
from rolehop.config.model import Config
from rolehop.plan.model import Step
from rolehop.vault import GPG_STORE, KERNEL
from rolehop.vault.index import Index, OrphanedSession, make_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.app.context import App
    from rolehop.app.planning import Planning
    from rolehop.vault.index import Entry

_DAMAGED = "the list of stored sessions was damaged: it is made anew from the keyring"

_STILL_DAMAGED = (
    "the list of stored sessions is damaged, until the keyring can be searched for them"
)

_MAY_BE_MORE = (
    "the index was lost, and this keyring lists nothing. Sessions made with flags, or of chains no"
    " longer in the config, may be left: each expires by itself"
)


def load_index(app: App) -> Index:
    """Return the index, made anew if it was lost.

    Raises:
        ConfigError: it was lost, and the config that says what to look for is broken.
    """
    if app.config_file is not None:
        _ = app.config  # a file that the user named must exist and be valid
    before = app.index
    if not before.lost:
        return before
    if app.config_problem is not None:
        return _found_without_config(app, before)
    from rolehop.app.planning import Planning

    _look_up_keys(app, before)
    _look_up_sign_ins(app, before)
    # Nothing that a damaged index says of a session is taken from it.
    index = replace(before, sessions={}) if before.damaged else before
    planning = Planning(app)
    for name in app.config.chains:
        index = _with_chain(planning, index, name)
    orphans = index.orphans | _lost_sessions(app, index, before)
    found = app.index
    rebuilt = replace(
        index,
        keys=found.keys,
        sign_ins=found.sign_ins,
        sign_in_ends=found.sign_in_ends,
        orphans=orphans,
    )
    if before.damaged:
        app.note_once("damaged index", _STILL_DAMAGED if app.vault.unreadable else _DAMAGED)
    if app.vault.unreadable:
        rebuilt = replace(rebuilt, sessions={**before.sessions, **index.sessions})
    if app.state_problem is None:
        app.vault.note(lambda now: _completed(app, now, rebuilt, before))
    return replace(rebuilt, lost=app.vault.unreadable)


def _found_without_config(app: App, before: Index) -> Index:
    """Return what the keyring itself lists; the index stays lost until a config says what to look for."""
    index = replace(before, sessions={}) if before.damaged else before
    return replace(index, orphans=index.orphans | _lost_sessions(app, index, before))


def may_have_more(app: App, index: Index) -> bool:
    """True if the keyring may have sessions that neither ``index`` nor a broken config names."""
    if not is_lost_to_broken_config(app, index):
        return False
    try:
        return app.vault.found_keys() is None
    except VaultError:
        return True


def is_lost_to_broken_config(app: App, index: Index) -> bool:
    """True if entries of a lost index are known to the broken config alone.

    No keyring is asked which IAM user keys and sign-ins it has, even one that lists its sessions.
    """
    return app.config_problem is not None and index.lost and not _is_new(app, index)


def _is_new(app: App, index: Index) -> bool:
    """True if nothing says that a lost index ever had an entry, or if others came since."""
    had_entries = (app.state_folder / "history").exists() and not app.index.sessions
    return not had_entries and not index.damaged


def _look_up_keys(app: App, index: Index) -> None:
    """Read the stored keys of every source that has some, which adds them to the index.

    Of keys that only a damaged index names, the entry is removed if there are none.
    """
    for name in {**dict.fromkeys(_sources_with_keys(app)), **(index.keys if index.damaged else {})}:
        with suppress(VaultError):  # the vault says once what is wrong
            app.vault.keys.get(name)


def _look_up_sign_ins(app: App, index: Index) -> None:
    """Note every sign-in that the keyring has: which one it is, is a part of its sessions' keys.

    Of sign-ins that only a damaged index names, the entry is removed if there are none.
    """
    named = index.sign_ins if index.damaged else {}
    for name in {**dict.fromkeys(_sign_in_names(app)), **named}:
        with suppress(VaultError):  # as for keys
            app.vault.tokens.look_up(name)


def _sign_in_names(app: App) -> list[str]:
    from rolehop.sources import base_of, profiles_with_sign_in, token_name

    sources = [*app.config.sources.values()]
    with suppress(ConfigError):  # the AWS files are broken: no chain starts there now
        sources += profiles_with_sign_in(app.config.sources, app.source_context)
    bases = (base_of(each, lambda: app.aws_config) for each in sources)
    names = (token_name(each, lambda: app.source_context) for each in bases)
    return [each for each in names if each is not None]


def _sources_with_keys(app: App) -> list[str]:
    from rolehop.sources import SOURCE_TYPES

    sources = app.config.sources.items()
    return [name for name, source in sources if SOURCE_TYPES[source.type].keeps_keys]


def _with_chain(planning: Planning, index: Index, name: str) -> Index:
    try:
        plan = planning.plan(name, callers=planning.app.source_callers)
    except RolehopError:
        return index  # it cannot be walked now either
    for step in plan.steps:
        index = _with_step(planning.app, index, step, name)
    return index


def _with_step(app: App, index: Index, step: Step, chain: str) -> Index:
    known = index.sessions.get(step.key)
    if known is not None and chain in known.chains:
        return index
    session = app.vault.find(step)  # noted together with all others
    if session is None:
        return index
    parent = index.sessions.get(step.parent or "")
    return index.with_session(
        make_entry(step, session, chain, app.vault.backend or "", parent, app.now())
    )


def _lost_sessions(app: App, index: Index, before: Index) -> frozenset[OrphanedSession]:
    """Return what the keyring has and a damaged index no longer names; say so if it cannot be listed.

    An index that is only new, or lost a while ago, tells nothing of what others stored there.
    """
    if _is_new(app, before):
        return frozenset()
    named = _named_by_damaged(before, index.sessions)
    try:
        found = app.vault.found_keys()
    except VaultError:
        return named
    in_use = app.vault.backend or ""
    if found is None:
        app.note(_MAY_BE_MORE)
        there = {each for each in named if each.backend == in_use}
    else:
        there = {OrphanedSession(key, in_use) for key in found if key not in index.sessions}
    # A back end that one entry alone names may be another one with a changed bit, which nobody
    # could ever be asked for.
    named_by = Counter(each.backend for each in before.sessions.values())
    elsewhere = {each for each in named if each.backend != in_use and named_by[each.backend] > 1}
    return frozenset(there | elsewhere)


def _named_by_damaged(before: Index, found: Mapping[str, Entry]) -> frozenset[OrphanedSession]:
    """Return what a damaged index names and was not found."""
    entries = before.sessions.values() if before.damaged else ()
    return frozenset(
        OrphanedSession(each.key, each.backend) for each in entries if each.key not in found
    )


def _completed(app: App, now: Index, found: Index, before: Index) -> Index:
    """Return the index with all that was found; to be called while it is locked.

    A process that was storing a key had locked it until then, so the keyring is asked again.
    """
    for name in _sources_with_keys(app):
        with suppress(VaultError):
            entry = app.vault.keys.stored_entry(name)
            if entry is not None and name not in now.keys:
                now = now.with_key(name, entry)
    unread = app.vault.unreadable
    # What was stored since is right, and all of it if another process has made it anew by now.
    if now.damaged and not unread:
        kept = {key: each for key, each in now.sessions.items() if each != before.sessions.get(key)}
        now = replace(now, sessions=kept)
    return replace(_merged(now, found), lost=unread, damaged=unread and now.damaged)


def _merged(now: Index, found: Index) -> Index:
    for entry in found.sessions.values():
        now = now.with_session(entry)
    orphans = {each for each in found.orphans if each.key not in now.sessions}
    return replace(now, orphans=now.orphans | orphans)


_NAMED_IN_CONFIGS = frozenset([GPG_STORE, KERNEL])
"""Back ends that are used because a config names them. No other name is taken from the index: it
would be imported, and whoever can write the index could name any module."""


def without_broken_config(app: App) -> App:
    """Return ``app``, or one with an empty config if its own is broken, which is said in a note."""
    try:
        _ = app.config
    except ConfigError as problem:
        app.note(_said(app, problem))
        other = app.with_config(Config(vault_backend=_backend_of_stored(app)))
        other.config_problem = problem
        return other
    return app


def _said(app: App, problem: ConfigError) -> Advice:
    """Return the first problem in a line, and how all of them are shown."""
    if not problem.complaints:
        return Advice(f"the config is not used: {problem.what}", *_cause(problem))
    first, *others = problem.complaints
    more = f" (and {len(others)} more)" if others else ""
    return Advice(
        *("the config is not used: ", Whole(first.place), f": {clean(first.said)}{more}; "),
        with_same_config(app, "config check"),
    )


def _cause(problem: ConfigError) -> tuple[str, ...]:
    return () if problem.cause is None else (f": {clean(problem.cause)}",)


def _backend_of_stored(app: App) -> str | None:
    """Return the back end of all that is stored, if a config has to name it and nothing else does."""
    if app.environ.get("PYTHON_KEYRING_BACKEND"):
        return None
    index = app.index
    backends = {each.backend for each in index.sessions.values()}
    backends |= {each.backend for each in index.orphans}
    backends |= {each.backend for each in index.keys.values()}
    return backends.pop() if len(backends) == 1 and backends <= _NAMED_IN_CONFIGS else None
