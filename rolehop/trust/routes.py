"""Ways to a role: the shortest sequences of hops that the policies allow, found breadth first.

Who a trust policy may name is looked up first, so that only hops that may be allowed are
evaluated; every hop of a route is then judged by the evaluator that ``explain`` uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from rolehop.trust.evaluate import Outcome, Request, Verdict, evaluate
from rolehop.trust.hops import Held, HopAsked, Setting, Start, after, at_start, request_of
from rolehop.trust.reach import Reach
from rolehop.values import dataclass, field

MOST_EVALUATIONS = 200_000
"""After so many the search ends and says so; a thousand roles that name each other need fewer."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """One source: who it is, and its own token call where it makes one."""

    source: str
    start: Start
    token: Request | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One hop of a route, judged; the token call of a federated source has no ``asked``."""

    asked: HopAsked | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Route:
    """One way from a source to a role that is wanted."""

    source: str
    legs: tuple[Leg, ...]

    @property
    def hops(self) -> tuple[HopAsked, ...]:
        """What each AssumeRole asks for, in order."""
        return tuple(leg.asked for leg in self.legs if leg.asked is not None)

    @property
    def outcome(self) -> Outcome:
        """Allowed, or unknown where a hop is."""
        outcomes = {leg.verdict.outcome for leg in self.legs}
        return Outcome.UNKNOWN if Outcome.UNKNOWN in outcomes else Outcome.ALLOWED


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    routes: tuple[Route, ...]
    """Allowed ones first, then those that can't be told; each kind by length."""

    more: bool
    """There are further routes, as short as these or to other roles wanted."""

    complete: bool
    """``False``: the search ended before it had seen everything."""


def search(
    beginnings: Sequence[Beginning],
    hops: Sequence[HopAsked],
    wanted: Callable[[str], bool],
    setting: Setting,
    *,
    most: int,
    judge: Callable[[Request], Verdict] = evaluate,
) -> Found:
    """Find the shortest routes from ``beginnings`` to each role that is ``wanted``.

    Args:
        beginnings: where a route may start.
        hops: every call that may be part of a route; of two for one role the first is preferred.
        wanted: tells by its ARN whether a role is where to go.
        setting: documents and what else is the same for all hops.
        most: how many routes to return.
        judge: the evaluator, or what counts its calls.
    """
    judged = _Judged(setting, judge, Reach(hops, setting.records))
    found: dict[tuple[str, tuple[str, ...]], Route] = {}
    for usable in (_SURE, _POSSIBLE):
        ways = [_Search(each, wanted, judged, usable) for each in beginnings]
        nearest = [route for way in ways for route in islice(way.routes(), most + len(found) + 1)]
        for route in sorted(nearest, key=lambda route: len(route.hops)):
            roles = tuple(str(hop.role) for hop in route.hops)
            found.setdefault((route.source, roles), route)
    routes = tuple(found.values())
    return Found(routes[:most], len(routes) > most, not judged.exhausted)


_SURE = frozenset({Outcome.ALLOWED})
_POSSIBLE = frozenset({Outcome.ALLOWED, Outcome.UNKNOWN})

_Key = tuple[object, ...]
"""What tells two sessions apart, as far as policies look at them."""


@dataclass(slots=True)
class _Judged:
    """Hops judged so far, shared by all searches."""

    setting: Setting
    judge: Callable[[Request], Verdict]
    reach: Reach
    known: dict[tuple[_Key, int], Verdict] = field(default_factory=dict)
    following: dict[_Key, dict[int, tuple[_Key, Held]]] = field(default_factory=dict)
    """By what a session carries into the next, and by hop: the session that comes of it."""

    exhausted: bool = False

    def verdict(self, key: _Key, held: Held, number: int, hop: HopAsked) -> Verdict | None:
        """Return a hop's verdict; ``None``: the search has taken too long."""
        found = self.known.get((key, number))
        if found is None:
            if len(self.known) >= MOST_EVALUATIONS:
                self.exhausted = True
                return None
            found = self.judge(request_of(held, hop, self.setting))
            self.known[key, number] = found
        return found


@dataclass(slots=True)
class _Place:
    """A session that was reached, and the hops that lead to it by the shortest way."""

    held: Held
    depth: int
    role: str | None = None
    before: list[tuple[_Key, Leg]] = field(default_factory=list)


class _Search:
    """Breadth first from one beginning, by hops whose outcome is ``usable``."""

    def __init__(
        self,
        beginning: Beginning,
        wanted: Callable[[str], bool],
        judged: _Judged,
        usable: frozenset[Outcome],
    ) -> None:
        self.beginning = beginning
        self.wanted = wanted
        self.judged = judged
        self.usable = usable
        token = beginning.token
        self.token = () if token is None else (Leg(None, judged.judge(token)),)

    def routes(self) -> Iterator[Route]:
        """Give every shortest route, the nearest of the wanted roles first."""
        if any(leg.verdict.outcome not in self.usable for leg in self.token):
            return
        held = at_start(self.beginning.start, self.judged.setting)
        root: _Key = ("source", self.beginning.source)
        places = {root: _Place(held, 0)}
        nearest: dict[str, int] = {}
        edge = [root]
        while edge:
            edge = self._further(places, edge)
            for key in edge:
                place = places[key]
                role = place.role or ""
                # Another session of the same role, got by a detour, is no shortest way to it.
                if self.wanted(role) and nearest.setdefault(role, place.depth) == place.depth:
                    for legs in _ways(places, key):
                        yield Route(self.beginning.source, (*self.token, *legs))

    def _further(self, places: dict[_Key, _Place], edge: list[_Key]) -> list[_Key]:
        """Return the sessions one hop beyond ``edge`` that no shorter way reaches."""
        reached: dict[_Key, None] = {}
        for key in edge:
            place = places[key]
            done: set[_Key] = set()
            following = self.judged.following.setdefault(_carried(place.held), {})
            for number, hop in self.judged.reach.hops_of(place.held.caller):
                if number not in following:
                    held = after(place.held, hop, place.depth + 1, self.judged.setting.records)
                    following[number] = (_key(held, hop), held)
                next_key, held = following[number]
                known = places.get(next_key)
                if next_key in done or (known is not None and known.depth <= place.depth):
                    continue
                verdict = self.judged.verdict(key, place.held, number, hop)
                if verdict is None or verdict.outcome not in self.usable:
                    continue
                if verdict.outcome is Outcome.ALLOWED:
                    done.add(next_key)  # the same session needs no second way of asking
                if known is None:
                    known = _Place(held, place.depth + 1, str(hop.role))
                    places[next_key] = known
                    reached[next_key] = None
                known.before.append((key, Leg(hop, verdict)))
        return list(reached)


def _ways(places: dict[_Key, _Place], key: _Key) -> Iterator[tuple[Leg, ...]]:
    """Give all shortest ways to a session. No deeper than the chain of hops is long."""
    # A stack, not recursion: a chain of a thousand hops is a route like any other.
    stack: list[tuple[_Key, tuple[Leg, ...]]] = [(key, ())]
    while stack:
        at, legs = stack.pop()
        before = places[at].before
        if not before:
            yield legs
        stack.extend((each, (leg, *legs)) for each, leg in reversed(before))


def _carried(held: Held) -> _Key:
    tags = sorted(each for each in (held.tags or {}).items() if each[0].lower() in held.transitive)
    return (tuple(tags), held.transitive, held.source_identity, held.assumed)


def _key(held: Held, hop: HopAsked) -> _Key:
    return (
        held.caller.arn,
        held.caller.role,
        hop.policy,
        hop.policy_arns,
        tuple(sorted((held.tags or {}).items())),
        held.transitive,
        held.source_identity,
        held.assumed,
    )
