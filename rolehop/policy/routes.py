"""Find routes to a role: the shortest sequences of allowed hops, searched breadth first.

The principals of trust policies are indexed first, so that only hops that may be allowed are
evaluated. Every hop of a route is evaluated as ``explain`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from rolehop.base.arn import ACCOUNT_ID, account_of
from rolehop.base.dataclass import dataclass, field
from rolehop.policy.chain_model import AssumeRoleRequest, CallerState, EvaluationContext
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import Outcome, PolicySet, Request, Verdict
from rolehop.policy.evaluation.principals import Caller, session_of
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.parser import Effect, Principal, PrincipalKind
from rolehop.policy.requests import build_request, next_state, session_caller

ANYONE = "*"
"""The index key of statements for everyone, and of policies that were not seen."""

EVERY = ""
"""The group of all hops: those of a caller that is not known."""


class Reach:
    """Hops by the names in their roles' trust policies."""

    def __init__(self, hops: Sequence[AssumeRoleRequest], inventory: IamInventory) -> None:
        """Read each role's trust policy once."""
        self._hops = hops
        self._records = inventory
        self._by_name: dict[str, list[int]] = {}
        self._names: list[tuple[str, ...]] = []
        self._of_role: dict[str, list[int]] = {}
        self._allowed: dict[str, frozenset[str] | None] = {}
        names: dict[str, tuple[str, ...]] = {}
        for number, hop in enumerate(hops):
            role = str(hop.role)
            if role not in names:
                names[role] = tuple(dict.fromkeys(trusted_names(inventory.trust(role))))
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


MOST_EVALUATIONS = 200_000
"""The search stops after this many and says so; a thousand roles that trust each other need fewer."""

MOST_ROUTES = 1_000
"""The largest number that can be requested."""


@dataclass(frozen=True, slots=True)
class RouteStart:
    """One source: its session, and the calls by which it gets it."""

    source: str
    held: CallerState
    source_requests: tuple[Request, ...] = ()
    """A federated source's call for its own role, then those of an AWS profile's roles: part of
    every route that starts here."""

    first: int = 1
    """The number of the first of all hops: 0 where the source is federated."""


@dataclass(frozen=True, slots=True)
class RouteHop:
    """One hop of a route, evaluated; hops that belong to the source have no ``asked``."""

    asked: AssumeRoleRequest | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Route:
    """One route from a source to a requested role."""

    source: str
    route_hops: tuple[RouteHop, ...]
    first: int = 1
    """The number of the first hop."""

    @property
    def hops(self) -> tuple[AssumeRoleRequest, ...]:
        """The calls of a chain to paste; none: the source's session is already the role."""
        return tuple(
            hop_verdict.asked for hop_verdict in self.route_hops if hop_verdict.asked is not None
        )

    @property
    def outcome(self) -> Outcome:
        """Allowed, or unknown if any hop is."""
        outcomes = {hop_verdict.verdict.outcome for hop_verdict in self.route_hops}
        return Outcome.UNKNOWN if Outcome.UNKNOWN in outcomes else Outcome.ALLOWED


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search."""

    routes: tuple[Route, ...]
    """Allowed ones first, then unknown ones; each by length."""

    more: bool
    """There are more routes, as short as these or to other requested roles."""

    complete: bool
    """``False``: the search stopped before it was complete."""


def search(
    starts: Sequence[RouteStart],
    hops: Sequence[AssumeRoleRequest],
    wanted: Callable[[str], bool],
    context: EvaluationContext,
    *,
    most: int,
    judge: Callable[[Request], Verdict] = evaluate,
) -> Found:
    """Find the shortest routes from ``starts`` to each role that is ``wanted``.

    Args:
        starts: where a route may start.
        hops: every call that may be part of a route; the first for a role is preferred.
        wanted: True for the ARN of a requested role.
        context: documents and other inputs that are the same for all hops.
        most: how many routes to return.
        judge: the evaluator, or a wrapper that counts its calls.
    """
    reach = Reach(hops, context.inventory)
    judged = _Judged(context, judge, hops, reach, reach.leading_to(wanted))
    found: dict[tuple[str, tuple[str, ...]], Route] = {}
    for usable in (_SURE, _POSSIBLE):
        searches = [_RouteSearch(start, wanted, judged, usable) for start in starts]
        nearest = [
            route
            for each_search in searches
            for route in islice(each_search.routes(), most + len(found) + 1)
        ]
        for route in sorted(nearest, key=lambda route: len(route.hops)):
            roles = tuple(str(hop.role) for hop in route.hops)
            found.setdefault((route.source, roles), route)
    routes = tuple(found.values())
    return Found(routes[:most], len(routes) > most, not judged.exhausted)


_ALLOWED = Outcome.ALLOWED
_SURE = frozenset({_ALLOWED})
_POSSIBLE = frozenset({_ALLOWED, Outcome.UNKNOWN})

_Key = tuple[object, ...]
"""Identifies a session by everything that policies look at."""


@dataclass(slots=True)
class _Judged:
    """Hops evaluated so far, shared by all searches."""

    context: EvaluationContext
    judge: Callable[[Request], Verdict]
    hops: Sequence[AssumeRoleRequest]
    reach: Reach
    useful: set[int]
    """The hops that may lead to a role that is wanted: only these are evaluated."""

    known: dict[tuple[_Key, _Key, int], Verdict | None] = field(default_factory=dict)
    """``None``: refused."""

    following: dict[_Key, _Following] = field(default_factory=dict)
    """By what a session carries into the next one."""

    exhausted: bool = False

    @property
    def roles(self) -> set[str]:
        """The role of every hop."""
        return {str(hop.role) for hop in self.hops}

    def verdict(
        self, key: _Key, held: CallerState, number: int, hop: AssumeRoleRequest
    ) -> Verdict | None:
        """Return a hop's verdict; ``None``: it is refused, or the search reached its limit."""
        asked = key, _policy_names(held), number
        if asked in self.known:
            return self.known[asked]
        if len(self.known) >= MOST_EVALUATIONS:
            self.exhausted = True
            return None
        found = self.judge(build_request(held, hop, self.context))
        usable = None if found.outcome is Outcome.REFUSED else found
        self.known[asked] = usable
        return usable


@dataclass(slots=True)
class _ReachedSession:
    """A session that was reached, and the last hops of the shortest routes to it."""

    held: CallerState
    depth: int
    role: str | None = None
    before: list[tuple[_Key, RouteHop]] = field(default_factory=list)
    """Incoming hops already evaluated."""

    others: Iterator[tuple[_Key, int]] = iter(())
    """Other possible incoming hops of equally short routes: found and evaluated on demand."""


class _Following(dict[int, tuple[_Key, CallerState]]):
    """The sessions that hops give to sessions which carry the same, by the hops' numbers."""

    def __init__(self, judged: _Judged, node: _ReachedSession) -> None:
        super().__init__()
        self._judged = judged
        self._node = node

    def __missing__(self, number: int) -> tuple[_Key, CallerState]:
        hop, node = self._judged.hops[number], self._node
        held = next_state(node.held, hop, node.depth + 1, self._judged.context.inventory)
        self[number] = (_key(held, hop), held)
        return self[number]


class _RouteSearch:
    """Breadth-first search from one start, over hops whose outcome is ``usable``."""

    def __init__(
        self,
        start: RouteStart,
        wanted: Callable[[str], bool],
        judged: _Judged,
        usable: frozenset[Outcome],
    ) -> None:
        self.source, self.first = start.source, start.first
        self.wanted = wanted
        self.judged = judged
        self.usable = usable
        self.source_requests = tuple(
            RouteHop(None, judged.judge(request)) for request in start.source_requests
        )
        held = start.held
        role = held.caller.named if held.caller.is_session else None
        depth = start.first - 1 + len(self.source_requests)
        self.root: _Key = ("source", start.source)
        # Hops to sessions that no hop has reached yet, by what is carried and by group. The others
        # are never looked at again: thousands of roles may be open to each of thousands.
        self.unreached: dict[tuple[_Key, str], list[int]] = {}
        self.nodes: dict[_Key, _ReachedSession] = {self.root: _ReachedSession(held, depth, role)}

    def routes(self) -> Iterator[Route]:
        """Yield every shortest route, the nearest of the wanted roles first."""
        if any(
            hop_verdict.verdict.outcome not in self.usable for hop_verdict in self.source_requests
        ):
            return
        nearest: dict[str, int] = {}
        missing = {role for role in self.judged.roles if self.wanted(role)}
        edge = [self.root]
        while edge:
            for key in edge:
                node = self.nodes[key]
                role = node.role or ""
                # Another session of the same role, reached by a detour, is not a shortest route.
                if self.wanted(role) and nearest.setdefault(role, node.depth) == node.depth:
                    for route_hops in self._paths_to(key):
                        yield Route(self.source, (*self.source_requests, *route_hops), self.first)
            if missing <= nearest.keys():
                return  # farther sessions are of other roles, or no shortest routes
            edge = self._further(edge)

    def _further(self, edge: list[_Key]) -> list[_Key]:
        """Return the sessions one hop beyond ``edge`` that no shorter route reaches."""
        reached: dict[_Key, None] = {}
        for at, key in enumerate(edge):
            node = self.nodes[key]
            following = self._following(node)
            for number in self._unreached(node, following):
                next_key, held = following[number]
                if next_key in self.nodes:
                    continue
                hop = self.judged.hops[number]
                route_hop = self._evaluated_hop(key, number, hop)
                if route_hop is not None:
                    if hop.policy is not None or hop.policy_arns:
                        # Its session policy is named by the number that the hop has on this route.
                        inventory = self.judged.context.inventory
                        held = next_state(node.held, hop, node.depth + 1, inventory)
                    others = self._others(next_key, str(hop.role), edge, at, number)
                    before = [(key, route_hop)]
                    self.nodes[next_key] = _ReachedSession(
                        held, node.depth + 1, str(hop.role), before, others
                    )
                    reached[next_key] = None
        return list(reached)

    def _unreached(self, node: _ReachedSession, following: _Following) -> list[int]:
        """Return the hops that a session may make and that lead to a session not reached yet."""
        found: set[int] = set()
        carried, reach = _carried(node.held), self.judged.reach
        for group in reach.groups_of(node.held.caller):
            numbers = self.unreached.get((carried, group))
            if numbers is None:
                numbers = [each for each in reach.group(group) if each in self.judged.useful]
            left = [number for number in numbers if following[number][0] not in self.nodes]
            self.unreached[carried, group] = left
            found.update(e for e in left if reach.permits(node.held.caller, group, e))
        return sorted(found)

    def _following(self, node: _ReachedSession) -> _Following:
        """Return the sessions that hops give to the session of ``node``, by the hops' numbers."""
        carried = _carried(node.held)
        if carried not in self.judged.following:
            self.judged.following[carried] = _Following(self.judged, node)
        return self.judged.following[carried]

    def _others(
        self, key: _Key, role: str, edge: list[_Key], first: int, first_number: int
    ) -> Iterator[tuple[_Key, int]]:
        """Yield what may lead from ``edge`` to session ``key`` besides the hop that came first."""
        for at in range(first, len(edge)):
            node = self.nodes[edge[at]]
            following = self._following(node)
            for number in self.judged.reach.hops_to(role, node.held.caller):
                later = at > first or number > first_number
                if later and following[number][0] == key:
                    yield edge[at], number

    def _evaluated_hop(self, key: _Key, number: int, hop: AssumeRoleRequest) -> RouteHop | None:
        """Judge one hop; ``None``: it is not usable, or the search has taken too long."""
        verdict = self.judged.verdict(key, self.nodes[key].held, number, hop)
        usable = verdict is not None and verdict.outcome in self.usable
        return RouteHop(hop, verdict) if verdict is not None and usable else None

    def _paths_to(self, key: _Key) -> Iterator[tuple[RouteHop, ...]]:
        """Yield all shortest routes to a session."""
        if key == self.root:
            yield ()
            return
        # A stack, not recursion: a route may have a thousand hops.
        stack: list[tuple[Iterator[tuple[_Key, RouteHop]], tuple[RouteHop, ...]]] = [
            (self._parents_of(key), ())
        ]
        while stack:
            parents, route_hops = stack[-1]
            found = next(parents, None)
            if found is None:
                stack.pop()
                continue
            at, hop_verdict = found
            if at == self.root:
                yield (hop_verdict, *route_hops)
            else:
                stack.append((self._parents_of(at), (hop_verdict, *route_hops)))

    def _parents_of(self, key: _Key) -> Iterator[tuple[_Key, RouteHop]]:
        """Yield the sessions from which one is reached, each with its hop, evaluated lazily.

        Layers of roles that all trust the previous layer have too many routes to list.
        """
        node = self.nodes[key]
        yield from list(node.before)
        for at, number in node.others:
            # One hop between the same two sessions is enough.
            if any(
                at == each and hop_verdict.verdict.outcome is _ALLOWED
                for each, hop_verdict in node.before
            ):
                continue
            hop_verdict = self._evaluated_hop(at, number, self.judged.hops[number])
            if hop_verdict is not None:
                node.before.append((at, hop_verdict))
                yield at, hop_verdict


def _carried(held: CallerState) -> _Key:
    tags = sorted(each for each in (held.tags or {}).items() if each[0].lower() in held.transitive)
    return (tuple(tags), held.transitive, held.source_identity, *_of_source(held))


def _of_source(held: CallerState) -> _Key:
    """Return what is unseen of the source's session, and assumed of it."""
    return (held.unseen, held.unread, held.assumed)


def _policy_names(held: CallerState) -> _Key:
    return (*(document.name for document in held.session.documents), *held.session.missing)


def _key(held: CallerState, hop: AssumeRoleRequest) -> _Key:
    return (
        held.caller.arn,
        held.caller.role,
        hop.policy,
        hop.policy_arns,
        tuple(sorted((held.tags or {}).items())),
        held.transitive,
        held.source_identity,
        *_of_source(held),
    )
