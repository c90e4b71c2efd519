"""An index that rules out hops that a caller certainly cannot make, before evaluation.

Hops that may be allowed stay in; only the evaluator decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rolehop.arn import ACCOUNT_ID, account_of
from rolehop.policy.chains.model import AssumeRoleRequest
from rolehop.policy.chains.requests import session_caller
from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.evaluation.principals import Caller, session_of
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.language.parser import Effect, Principal, PrincipalKind

ANYONE = "*"
"""The index key of statements for everyone, and of policies that were not seen."""


EVERY = ""
"""The group of all hops: those of a caller that is not known."""


class Reach:
    """Hops by the names in their roles' trust policies."""

    def __init__(self, hops: Sequence[AssumeRoleRequest], records: IamInventory) -> None:
        """Read each role's trust policy once."""
        self._hops = hops
        self._records = records
        self._by_name: dict[str, list[int]] = {}
        self._names: list[tuple[str, ...]] = []
        self._of_role: dict[str, list[int]] = {}
        self._allowed: dict[str, frozenset[str] | None] = {}
        names: dict[str, tuple[str, ...]] = {}
        for number, hop in enumerate(hops):
            role = str(hop.role)
            if role not in names:
                names[role] = tuple(dict.fromkeys(trusted_names(records.trust(role))))
            self._names.append(names[role])
            self._of_role.setdefault(role, []).append(number)
            for name in names[role]:
                self._by_name.setdefault(name, []).append(number)

    def groups_of(self, caller: Caller) -> list[str]:
        """Return the groups of hops that ``caller`` may be allowed; ``EVERY``: all hops."""
        if caller.arn is None:
            return [EVERY]
        names = dict.fromkeys((*_names_of(caller), caller.account or ""))
        return [name for name in names if name in self._by_name]

    def group(self, name: str) -> Sequence[int]:
        """Return the numbers of a group's hops, in order."""
        return range(len(self._hops)) if name == EVERY else self._by_name[name]

    def permits(self, caller: Caller, name: str, number: int) -> bool:
        """True if ``caller`` may be allowed a hop of one of its groups.

        If only the account is named, the caller's own permissions decide.
        """
        if name != caller.account:
            return True
        permitted = self._permitted(caller)
        return permitted is None or str(self._hops[number].role) in permitted

    def leading_to(self, wanted: Callable[[str], bool]) -> set[int]:
        """Return the hops that may be part of a route to a role that is wanted."""
        by_caller: dict[str, list[int]] = {}
        for number, hop in enumerate(self._hops):
            for name in self.groups_of(session_caller(hop, self._records)):
                by_caller.setdefault(name, []).append(number)
        found = {number for number, hop in enumerate(self._hops) if wanted(str(hop.role))}
        queue, seen = list(found), set[str]()
        while queue:
            for name in set(self._names[queue.pop()]) - seen:
                seen.add(name)
                before = set(by_caller.get(name, ())) - found
                found |= before
                queue += before
        return found

    def hops_to(self, role: str, caller: Caller) -> Iterator[int]:
        """Yield the numbers of the hops to a role that ``caller`` may be allowed, in order."""
        groups = self.groups_of(caller)
        for number in self._of_role.get(role, ()):
            in_group = [name for name in groups if name == EVERY or name in self._names[number]]
            if any(self.permits(caller, name, number) for name in in_group):
                yield number

    def _permitted(self, caller: Caller) -> frozenset[str] | None:
        """Return the roles that the caller's permissions name; ``None``: they may allow any."""
        named = caller.named or ""
        if named not in self._allowed:
            self._allowed[named] = listed_resources(self._records.permissions(named))
        return self._allowed[named]


def listed_resources(shown: PolicySet) -> frozenset[str] | None:
    """Return the resources that permissions list; ``None``: some has a wildcard, or is unseen."""
    found: set[str] = set()
    if shown.missing:
        return None
    for document in shown.documents:
        for statement in document.policy.statements:
            if statement.effect is Effect.DENY:
                continue
            for template in statement.resources or (None,):
                if template is None or template.fixed is None or template.fixed.count(":") < 5:
                    return None
                found.add(template.fixed)
    return frozenset(found)


def trusted_names(shown: PolicySet) -> Iterable[str]:
    """Yield every name that a trust policy may allow: ARNs, accounts, unique IDs, ``ANYONE``."""
    if shown.missing:
        yield ANYONE
    for document in shown.documents:
        for statement in document.policy.statements:
            if statement.effect is Effect.DENY:
                continue
            if statement.principals is None:
                yield ANYONE
            for principal in statement.principals or ():
                yield from _names_of_principal(principal)


def _names_of_principal(principal: Principal) -> Iterable[str]:
    if principal.kind is not PrincipalKind.AWS:
        return
    text = principal.text
    account = account_of(text)
    if account is not None and text.endswith(":root"):
        yield account
    elif ACCOUNT_ID.fullmatch(text) or account is None:
        yield text
    else:
        yield text
        if ":role/" in text:
            yield session_of(text)  # of a session whose role's path is not known
        elif ":assumed-role/" in text:
            yield f"{text.rpartition('/')[0]}/*"  # of one whose own name is not known


def _names_of(caller: Caller) -> Iterable[str]:
    yield ANYONE
    yield from filter(None, (caller.arn, caller.named, caller.unique_id))
    if caller.is_session and caller.role is None:
        yield session_of(caller.named or "")
