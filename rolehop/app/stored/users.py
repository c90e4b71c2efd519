"""Which chains use which stored session: those whose plans have its hop key, as `list` goes by it.

The index names only the chains that were walked when a session was stored. One that finds it there
uses it, too, and is not noted: a walk that needs no call writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.listing import FleetRoles
from rolehop.app.planning import Stamps, plan_chain, resolve_chain
from rolehop.errors import RolehopError
from rolehop.sources import SOURCE_TYPES, stamp_asks_device

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rolehop.app.context import App
    from rolehop.config.model import ChainConfig
    from rolehop.plan.resolve import Resolved
    from rolehop.vault.index import Entry


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
        self._stamps = Stamps()
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
            resolved = resolve_chain(self._app, chain.name, stamps=self._stamps)
        except RolehopError:
            return keys
        # Where hop 1 is the member's own, its limit decides whether GetSessionToken comes first.
        if len(resolved.hops) > 1:
            roles = FleetRoles(self._app.config, chain, resolved)
            self._fleets[fleet] = roles, keys[:-1]
        return keys

    def planned(self, name: str) -> tuple[str, ...]:
        """Return the hop keys of a chain's plan; none if it has no session, or cannot be planned."""
        try:
            resolved = resolve_chain(self._app, name, stamps=self._stamps)
            if not self._may_have_session(resolved):
                return ()
            plan = plan_chain(self._app, name, stamps=self._stamps)
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
