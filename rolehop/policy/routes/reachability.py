"""An index that rules out hops that a caller certainly cannot make, before evaluation.

Hops that may be allowed stay in; only the evaluator decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolehop.arn import ACCOUNT_ID, account_of
from rolehop.policy.chains.model import AssumeRoleRequest
from rolehop.policy.evaluation.model import PolicySet
from rolehop.policy.evaluation.principals import Caller, session_of
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.language.parser import Effect, Principal, PrincipalKind

ANYONE = "*"
"""The index key of statements for everyone, and of policies that were not seen."""


class Reach:
    """Hops by the names in their roles' trust policies."""

    def __init__(self, hops: Sequence[AssumeRoleRequest], records: IamInventory) -> None:
        """Read each role's trust policy once."""
        self._hops = hops
        self._records = records
        self._by_name: dict[str, list[int]] = {}
        self._allowed: dict[str, frozenset[str] | None] = {}
        names: dict[str, tuple[str, ...]] = {}
        for number, hop in enumerate(hops):
            role = str(hop.role)
            if role not in names:
                names[role] = tuple(dict.fromkeys(trusted_names(records.trust(role))))
            for name in names[role]:
                self._by_name.setdefault(name, []).append(number)

    def hops_of(self, caller: Caller) -> list[tuple[int, AssumeRoleRequest]]:
        """Return the hops that ``caller`` may be allowed, each with its number, in order."""
        if caller.arn is None:
            return list(enumerate(self._hops))
        found = {number for name in _names_of(caller) for number in self._by_name.get(name, ())}
        # If the account is named, the caller's own permissions decide.
        by_account = self._by_name.get(caller.account or "", ())
        permitted = self._permitted(caller) if by_account else None
        found.update(
            number
            for number in by_account
            if permitted is None or str(self._hops[number].role) in permitted
        )
        return [(number, self._hops[number]) for number in sorted(found)]

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
