"""Find the chain whose credentials a refused call was signed with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.access_denied.model import AccessDenied
from rolehop.app.judging.federated_call import federated_call
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.app.planning import plan_chain, resolve_chain
from rolehop.arn import is_same_principal
from rolehop.errors import RolehopError
from rolehop.plan.identity import is_caller_known, wrong_caller
from rolehop.policy.evaluation.principals import caller_from_arn
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.sources import SOURCE_TYPES, is_federated
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.plan.resolve import Resolved


@dataclass(frozen=True, slots=True)
class RefusedSession:
    """Credentials of a chain that AWS refused a call."""

    chain: str
    number: int
    """Number of the hop whose session it is; 0: the source itself."""

    is_hop: bool
    """The call was the chain's next hop."""


def refused_session(
    app: App, denied: AccessDenied, policies: PolicyOptions, *, offline: bool
) -> RefusedSession | None:
    """Return the chain that made the call of ``denied``; ``None``: none that is known here did.

    A hop comes before another call of the same session, a stored session of just this ARN before
    others of its role, the end of a chain before its middle, and a source whose owner is known
    before one of which nothing speaks against it. Without ``offline`` AWS is asked whose the keys
    at hand are.
    """
    if denied.caller is None:
        return None
    search = _Search(app, denied.caller, policies, offline)
    role = denied.resource if denied.action.startswith("sts:") else None
    for known in (True, None):
        for name, resolved in search.chains:
            roles = [str(each) for each, _ in resolved.hops]
            for number in (at for at, each in enumerate(roles) if each == role):
                if search.is_session(name, resolved, number) is known:
                    return RefusedSession(name, number, is_hop=True)
    return search.stored() or next(search.sessions(), None)


class _Search:
    """The configured chains, and whose their sessions are."""

    def __init__(self, app: App, caller: str, policies: PolicyOptions, offline: bool) -> None:
        self._app, self._caller, self._policies = app, caller, policies
        self._offline = offline
        self._known: dict[str, bool | None] = {}
        self.chains = list(_resolved(app))

    def is_session(self, chain: str, resolved: Resolved, number: int) -> bool | None:
        """True if the caller is the session of a hop, or the source (0); ``None``: not known."""
        if number:
            return is_same_principal(str(resolved.hops[number - 1][0]), self._caller)
        key = repr(resolved.source)
        if key not in self._known:
            self._known[key] = self._is_source(chain, resolved)
        return self._known[key]

    def stored(self) -> RefusedSession | None:
        """Return the stored session of the caller's very ARN."""
        names = {name for name, _ in self.chains}
        return next(
            (
                RefusedSession(chain, entry.hop, is_hop=False)
                for entry in self._app.index.sessions.values()
                if entry.arn == self._caller
                for chain in entry.chains
                if chain in names
            ),
            None,
        )

    def sessions(self) -> Iterator[RefusedSession]:
        """Yield the sessions of hops that the caller may be, ends of chains first; then sources."""
        for at_end in (True, False):
            for name, resolved in self.chains:
                last = len(resolved.hops)
                for number in (last,) if at_end else range(1, last):
                    if self.is_session(name, resolved, number) is True:
                        yield RefusedSession(name, number, is_hop=False)
        for name, resolved in self.chains:
            if self.is_session(name, resolved, 0) is True:
                yield RefusedSession(name, 0, is_hop=False)

    def _is_source(self, chain: str, resolved: Resolved) -> bool | None:
        source, caller = resolved.source, self._caller
        if wrong_caller(source, caller) is not None:
            return False
        named = self._policies.caller or source.principal
        own = federated_call(self._app, source, resolved.region, IamInventory(), named)
        named = named if own is None else own.role
        if named is None and is_federated(source):
            return None if ":assumed-role/" in caller else False
        if is_caller_known(source) and isinstance(source.settings.get("role"), str):
            return True
        named = named or self._owner(chain)
        if named is not None:
            return _is_same(named, caller)
        return False if SOURCE_TYPES[source.type].keeps_keys and ":user/" not in caller else None

    def _owner(self, chain: str) -> str | None:
        """Return the ARN that AWS has named for a chain's source, or names now."""
        try:
            plan = plan_chain(self._app, chain)
            entry = self._app.index.sessions.get(plan.steps[0].key)
            if entry is not None or self._offline:
                return None if entry is None else entry.arn
            from rolehop.app.judging.live_iam import LiveIam

            return LiveIam(self._app).source_caller(plan)
        except RolehopError:
            return None  # it may still be the one


def _is_same(named: str, caller: str) -> bool:
    """True if both are one user, or the same role's session under whatever name."""
    return is_same_principal(named, caller) or (
        caller_from_arn(named).named == caller_from_arn(caller).named
    )


def _resolved(app: App) -> Iterator[tuple[str, Resolved]]:
    for name in app.config.chains:
        try:
            yield name, resolve_chain(app, name)
        except RolehopError:
            continue  # other chains may still be the one
