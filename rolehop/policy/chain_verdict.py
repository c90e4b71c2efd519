"""Evaluate a whole chain, hop by hop, and find fixes for the hops that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rolehop.policy.chains.scenario import ChainScenario
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import Outcome, Verdict
from rolehop.policy.remedies.search import Remedy, find_remedies
from rolehop.startup.dataclass import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class StsAnswer:
    """STS's answer when it refused a hop."""

    code: str
    """E.g. ``AccessDenied``."""

    at: datetime
    """Aware, in UTC."""


@dataclass(frozen=True, slots=True)
class HopVerdict:
    """One hop; number 0 is a federated source's own role."""

    number: int
    verdict: Verdict
    scenario: ChainScenario = field(repr=False)
    verdicts: Mapping[int, Verdict] = field(repr=False)
    """The verdicts of all hops of the scenario, by number."""

    sts_answer: StsAnswer | None = None
    """Set if STS refused what the documents allow."""

    def remedies(self) -> tuple[Remedy, ...]:
        """Return fixes for this hop if it is refused, the best first."""
        return find_remedies(self.scenario, self.number, self.verdicts)


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """A chain's hops, each judged as if those before it were allowed."""

    chain: str
    source: str
    hops: tuple[HopVerdict, ...]
    source_role_unknown: bool = False
    """The source is federated and its role is not known, so hop 0 cannot be evaluated."""

    def refused_by_sts(self, number: int, answer: StsAnswer) -> ChainVerdict:
        """Return the verdict after STS refused hop ``number``: an allowed hop becomes unknown."""
        return replace(self, hops=tuple(_after_refusal(e, number, answer) for e in self.hops))

    @property
    def outcome(self) -> Outcome:
        """Refused if any hop is, otherwise unknown if any hop is, otherwise allowed."""
        outcomes = {hop.verdict.outcome for hop in self.hops}
        if self.source_role_unknown:
            outcomes.add(Outcome.UNKNOWN)
        for each in (Outcome.REFUSED, Outcome.UNKNOWN):
            if each in outcomes:
                return each
        return Outcome.ALLOWED


STS_REFUSAL = "sts-refusal"
"""The unknown of a hop that the documents allow and STS refused: the reason is not known."""


def _after_refusal(hop: HopVerdict, number: int, answer: StsAnswer) -> HopVerdict:
    if hop.number != number or hop.verdict.outcome is not Outcome.ALLOWED:
        return hop
    unsure = replace(hop.verdict, outcome=Outcome.UNKNOWN, unknowns=(STS_REFUSAL,))
    return replace(hop, verdict=unsure, sts_answer=answer)


def judge_chain(chain: str, source: str, scenario: ChainScenario) -> ChainVerdict:
    """Judge every hop of ``scenario``."""
    verdicts = {number: evaluate(request) for number, request in scenario.requests().items()}
    hops = tuple(
        HopVerdict(number, verdict, scenario, verdicts) for number, verdict in verdicts.items()
    )
    return ChainVerdict(chain, source, hops)
