"""A whole chain judged: hop by hop, each with its verdict and the mends."""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.trust.evaluate import Outcome, Request, Verdict, evaluate
from rolehop.trust.mend import Mend, mends
from rolehop.values import dataclass


@dataclass(frozen=True, slots=True)
class HopVerdict:
    """One hop; number 0 is a federated source's own role."""

    number: int
    verdict: Verdict
    mends: tuple[Mend, ...]


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """A chain's hops, each judged as if those before it were allowed."""

    chain: str
    source: str
    hops: tuple[HopVerdict, ...]

    @property
    def outcome(self) -> Outcome:
        """The chain's: refused where a hop is, else unknown where one is, else allowed."""
        outcomes = {hop.verdict.outcome for hop in self.hops}
        for each in (Outcome.REFUSED, Outcome.UNKNOWN):
            if each in outcomes:
                return each
        return Outcome.ALLOWED


def judge_chain(
    chain: str, source: str, requests: Sequence[Request], *, first: int = 1
) -> ChainVerdict:
    """Judge the requests of a chain; ``first`` is the number of the first one."""
    hops = []
    for number, request in enumerate(requests, start=first):
        verdict = evaluate(request)
        hops.append(HopVerdict(number, verdict, mends(verdict)))
    return ChainVerdict(chain, source, tuple(hops))
