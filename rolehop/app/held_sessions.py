"""What the vault holds: the index says it, and where the index was lost the keyring is asked.

The keyring library cannot list what it keeps, so after a loss every configured chain is planned
and looked for. What belongs to chains that the config no longer has stays unknown; it ends by
itself.
"""

from __future__ import annotations

import contextlib

from rolehop.app.context import App
from rolehop.app.planning import Stamps, plan_chain
from rolehop.errors import RolehopError, VaultError
from rolehop.plan.model import HopStep, Step
from rolehop.startup.dataclass import replace
from rolehop.vault.index import Index, make_entry


def held(app: App) -> Index:
    """Return the index, made whole first where it was lost.

    Raises:
        ConfigError: it was lost, and the config that would tell what to look for is broken.
    """
    if app.config_file is not None:
        _ = app.config  # a file that was named on purpose must be there and right
    index = app.index
    if not index.lost:
        return index
    _look_for_keys(app)
    stamps = Stamps()
    for name in app.config.chains:
        index = _with_chain(app, index, name, stamps)
    whole = replace(index, keys=app.index.keys, lost=False)
    with contextlib.suppress(OSError):  # a folder that cannot be written; the vault has said so
        app.index_store.change(lambda now: replace(_merged(now, whole), lost=False))
    return whole


def _look_for_keys(app: App) -> None:
    """Read the keys of every source that has some, which notes them in the index."""
    for name, source in app.config.sources.items():
        if source.type == "keys":
            with contextlib.suppress(VaultError):  # the vault says once what is wrong with it
                app.vault.keys.get(name)


def _with_chain(app: App, index: Index, name: str, stamps: Stamps) -> Index:
    try:
        plan = plan_chain(app, name, stamps=stamps)
    except RolehopError:
        return index  # it cannot be walked now either
    for step in plan.steps:
        index = _with_step(app, index, step, name)
    return index


def _with_step(app: App, index: Index, step: Step, chain: str) -> Index:
    known = index.sessions.get(step.key)
    if known is not None and chain in known.chains:
        return index
    session = app.vault.get(step, chain)
    if session is None:
        return index
    parent = index.sessions.get(step.parent or "") if isinstance(step, HopStep) else None
    return index.with_session(make_entry(step, session, chain, app.vault.backend or "", parent))


def _merged(now: Index, found: Index) -> Index:
    for entry in found.sessions.values():
        now = now.with_session(entry)
    return now
