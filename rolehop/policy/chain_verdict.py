"""The verdict on a chain, hop by hop; what AWS said of a hop counts more than its policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import RolehopError
from rolehop.policy.access_denied import AccessDenied
from rolehop.policy.chain_model import (
    AssumeRoleRequest,
    CallerState,
    EvaluationContext,
    StartingCredentials,
)
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import (
    NOT_VISIBLE,
    Outcome,
    PolicySet,
    PolicyType,
    PolicyVerdict,
    Verdict,
)
from rolehop.policy.inventory import IamInventory
from rolehop.policy.requests import (
    ChainScenario,
    build_request,
    initial_state,
    next_state,
    scope_request,
)

if TYPE_CHECKING:
    from rolehop.policy.remedies.search import Remedy


@dataclass(frozen=True, slots=True)
class AwsRefusal:
    """What AWS answered when it refused a call: STS to a hop, or another service to another call."""

    code: str
    """E.g. ``AccessDenied``; empty: the text had none."""

    at: datetime | None
    """Aware, in UTC; ``None``: not known."""

    message: str = ""
    """AWS's words, as they came."""

    fix: str | None = None
    """What to do, by these words alone."""

    event: AccessDenied | None = field(default=None, repr=False)
    """What AWS said of the call besides its words, e.g. in an event of CloudTrail."""

    @property
    def about_policies(self) -> bool:
        """True if a policy refused, rather than e.g. an expired session."""
        return self.code.startswith("AccessDenied") or self.denied is not None

    @property
    def denied(self) -> AccessDenied | None:
        """What the words say; ``None``: they are none of AWS's access-denied texts."""
        from rolehop.policy.denied_text import read_access_denied  # few calls were refused

        return self.event or read_access_denied(self.message)

    @property
    def names_policy(self) -> bool:
        """True if AWS says which type of policy refused."""
        return self.denied is not None and self.denied.policy is not None

    @property
    def policy_type(self) -> PolicyType | None:
        """The type of policy that AWS names for certain, if it is one of those judged here."""
        denied = self.denied
        lane = None if denied is None or denied.unclear else denied.lane
        if lane == "resource":  # of another call than a hop, where it stands in its place
            return PolicyType.TRUST
        return next((each for each in PolicyType if each.value == lane), None)


@dataclass(frozen=True, slots=True)
class HopVerdict:
    """One hop; number 0 is a federated source's own role."""

    number: int
    verdict: Verdict
    scenario: ChainScenario = field(repr=False)
    verdicts: Mapping[int, Verdict] = field(repr=False)
    """The verdicts of all hops of the scenario, by number."""

    aws_refusal: AwsRefusal | None = None
    """Set if STS refused this very call: ``verdict`` then says so, too."""

    @property
    def by_documents(self) -> Verdict:
        """The verdict of the documents alone, whatever STS answered."""
        return self.verdicts[self.number]

    @property
    def is_scope(self) -> bool:
        """True if the call is that of the scope, after the last hop."""
        return self.number > len(self.scenario.hops)

    @property
    def name(self) -> str:
        """What people call it: ``hop 2``, or ``scope``."""
        return "scope" if self.is_scope else f"hop {self.number}"

    @property
    def asked(self) -> str:
        """The role that is asked for; of a scope, which names none, the action."""
        request = self.verdict.request
        return request.actions[0] if self.is_scope else request.role

    _found: list[tuple[Remedy, ...]] = field(default_factory=list, compare=False, repr=False)
    """The fixes, once they have been looked for."""

    def remedies(self) -> tuple[Remedy, ...]:
        """Return fixes for this hop if it is refused, the best first."""
        if self.is_scope:
            return ()  # only a policy that denies it can be the reason, and nothing here sets one
        if not self._found:
            from rolehop.policy.remedies.search import find_remedies  # few hops are refused

            self._found.append(find_remedies(self.scenario, self.number, self.verdicts))
        return self._found[0]


@dataclass(frozen=True, slots=True)
class ActionVerdict:
    """Another call than a hop, by a session of a chain."""

    verdict: Verdict
    by_documents: Verdict
    """The verdict of the documents alone, whatever AWS answered."""

    scenario: ChainScenario = field(repr=False)
    """Of the chain, up to the session that calls."""

    answer: AwsRefusal | None = None
    """Set if AWS refused this very call: ``verdict`` then says so, too."""

    _found: list[tuple[Remedy, ...]] = field(default_factory=list, compare=False, repr=False)

    @property
    def number(self) -> int:
        """The number of the call, as if it were the next hop."""
        return len(self.scenario.hops) + 1

    def remedies(self) -> tuple[Remedy, ...]:
        """Return the fix for this call if the documents refuse it; none: no policy can be changed."""
        if not self._found:
            from rolehop.policy.remedies.search import find_action_remedies

            found = find_action_remedies(self.scenario, self.number, self.by_documents)
            self._found.append(found)
        return self._found[0]


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """A chain's hops, each judged as if those before it were allowed."""

    chain: str
    source: str
    hops: tuple[HopVerdict, ...]
    source_role_unknown: bool = False
    """The source is federated and its role is not known, so hop 0 cannot be evaluated."""

    account: str | None = None
    """Of the session that is handed out, as far as the config says; 12 digits."""

    broken: RolehopError | None = None
    """Why no walk of the chain can work, whatever policies say; ``hops`` may be empty then."""

    def after_refusal(self, number: int, answer: AwsRefusal) -> ChainVerdict:
        """Return the verdict after STS refused hop ``number``: that is certain, whatever else is."""
        hops = (_after_refusal(e, answer) if e.number == number else e for e in self.hops)
        return replace(self, hops=tuple(hops))

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


AWS_REFUSAL = "aws-refusal"
"""The unknown of a call that AWS refused, if neither its words nor the documents say why."""


def _after_refusal(hop: HopVerdict, answer: AwsRefusal) -> HopVerdict:
    inventory = hop.scenario.context.inventory
    return replace(
        hop, verdict=refused_by_aws(hop.by_documents, answer, inventory), aws_refusal=answer
    )


def refused_by_aws(verdict: Verdict, answer: AwsRefusal, inventory: IamInventory) -> Verdict:
    """Join the documents' verdict with what AWS answered, which is certain."""
    known, named = _with_named_policy(verdict, answer, inventory), answer.policy_type
    policies = tuple(
        _as_aws_says(policy, answer.denied) if policy.name is named else policy
        for policy in known.policies
    )
    # If the documents allow it, something is not visible or was changed since.
    allowed = known.outcome is Outcome.ALLOWED
    why_known = known.outcome is Outcome.REFUSED or (answer.names_policy and not allowed)
    outcome = Outcome.UNKNOWN if allowed else Outcome.REFUSED
    unknowns = () if why_known else (AWS_REFUSAL, *known.unknowns)
    return replace(known, outcome=outcome, policies=policies, unknowns=unknowns, assuming=())


def _with_named_policy(known: Verdict, answer: AwsRefusal, inventory: IamInventory) -> Verdict:
    """Judge by the policy that AWS names by its ARN, too, if its text is at hand."""
    denied, named = answer.denied, answer.policy_type
    if denied is None or named is None or denied.policy_arn is None:
        return known
    found, shown = inventory.named(named, denied.policy_arn), known.request.policy_set(named)
    if not found.documents or not shown.there or has_policy(shown, denied.policy_arn):
        return known
    if shown != NOT_VISIBLE:  # attached since it was read, or in a way that is not seen
        found = replace(shown, documents=(*shown.documents, *found.documents))
    return evaluate(replace(known.request, policies={**known.request.policies, named: found}))


def has_policy(shown: PolicySet, arn: str) -> bool:
    """True if a policy of this name is among the documents."""
    name = f" {arn.rpartition('/')[2]} "
    return any(name in f" {document.name} " for document in shown.documents)


def _as_aws_says(policy: PolicyVerdict, denied: AccessDenied | None) -> PolicyVerdict:
    """Return the verdict of the policy that AWS names; what the documents say of it stays."""
    if policy.outcome in (Outcome.REFUSED, Outcome.ALLOWED) or denied is None:
        return policy
    said = Finding("Document", Truth.FALSE, Reason.AWS_SAID, denied.policy_arn or "")
    return replace(policy, outcome=Outcome.REFUSED, findings=(said, *policy.findings))


class Memo:
    """What chains share that are judged by the same inventory and flags: most go through few hubs."""

    def __init__(self) -> None:
        self.starts: dict[tuple[object, ...], tuple[object, StartingCredentials]] = {}
        """By the ID of the source, which is beside it, and what else a plan says of its start."""

        self.contexts: dict[str | None, EvaluationContext] = {}
        """By region."""

        self.first: dict[tuple[int, str | None], _Session] = {}
        """By the ID of what is in ``starts``, and region."""

        self.hops: dict[tuple[int, AssumeRoleRequest], tuple[Verdict, _Session]] = {}
        """By the ID of the session that calls, which this keeps alive, and the call."""


class _Session:
    """The credentials at one point of a chain, made when a hop needs them."""

    __slots__ = ("_make", "_state")

    def __init__(self, make: Callable[[], CallerState]) -> None:
        self._make = make
        self._state: CallerState | None = None

    @property
    def state(self) -> CallerState:
        if self._state is None:
            self._state = self._make()
        return self._state


def judge_chain(
    chain: str, source: str, scenario: ChainScenario, memo: Memo | None = None
) -> ChainVerdict:
    """Judge every hop of ``scenario``; ``memo``: of chains that differ in the region alone."""
    if memo is None or scenario.source_requests:
        verdicts = {n: evaluate(request) for n, request in scenario.requests().items()}
    else:
        verdicts = _judged_once(scenario, memo)
    hops = tuple(
        HopVerdict(number, verdict, scenario, verdicts) for number, verdict in verdicts.items()
    )
    return ChainVerdict(chain, source, hops)


def _judged_once(scenario: ChainScenario, memo: Memo) -> dict[int, Verdict]:
    """Judge the hops that no chain before had after the same start and the same hops."""
    start, context = scenario.start, scenario.context
    session = memo.first.get((id(start), context.region))
    if session is None:  # it holds `start`, whose ID so stays its own
        session = _Session(partial(initial_state, start, context))
        memo.first[id(start), context.region] = session
    verdicts: dict[int, Verdict] = {}
    for number, hop in enumerate(scenario.hops, start=1):
        found = memo.hops.get((id(session), hop))
        if found is None:
            held = session.state
            after = _Session(partial(next_state, held, hop, number, context.inventory))
            found = evaluate(build_request(held, hop, context)), after
            memo.hops[id(session), hop] = found
        verdicts[number], session = found
    if scenario.scope is not None:
        asked = scope_request(session.state, context)
        verdicts[len(scenario.hops) + 1] = evaluate(asked)
    return verdicts
