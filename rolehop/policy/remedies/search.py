"""Find remedies for a hop that is refused: changes that together let it through.

A remedy is tried before it is proposed: its changes are applied one by one, to the config or to a
policy, and the chain is evaluated again after each, until nothing refuses the hop and no other hop
becomes worse. Changes to the user's own config come before changes to a policy. Policies that stop
mattering once the trust policy is right are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rolehop.base.arn import account_of
from rolehop.base.dataclass import dataclass, replace
from rolehop.policy.context_keys import OF_MFA
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import Outcome, PolicyType, PolicyVerdict, Verdict
from rolehop.policy.inventory import READ_ONLY_SCOPE
from rolehop.policy.language.parser import Effect
from rolehop.policy.remedies.change_builder import policy_changes
from rolehop.policy.remedies.config_changes import (
    OPTIONAL_ACTIONS,
    Candidate,
    ConfigChange,
    drop_optional_action,
    satisfy_conditions,
)
from rolehop.policy.remedies.policy_change import ChangeKind, PolicyChange, with_policy_changes
from rolehop.policy.requests import ChainScenario

_MOST_ROUNDS = 8
_MOST_TRIES = 24
Step = ConfigChange | PolicyChange
Finder = Callable[[PolicyVerdict, ChainScenario, int], Iterator[Candidate]]


@dataclass(frozen=True, slots=True)
class Remedy:
    """Changes that together let a hop through, in the order in which to make them."""

    steps: tuple[Step, ...]

    @property
    def changes(self) -> bool:
        """True if a policy is changed."""
        return any(isinstance(step, PolicyChange) for step in self.steps)

    @property
    def edits(self) -> bool:
        """True if the config is changed, too."""
        return any(isinstance(step, ConfigChange) for step in self.steps)


def find_remedies(
    scenario: ChainScenario, hop: int, verdicts: Mapping[int, Verdict]
) -> tuple[Remedy, ...]:
    """Return at most two remedies for ``hop``, the better first; none if it is not refused.

    ``verdicts``: of every hop of ``scenario``, by number.
    """
    verdict = verdicts[hop]
    if verdict.outcome is not Outcome.REFUSED:
        return ()
    search = _RemedySearch(scenario, hop, verdicts)
    first = search.remedy(satisfy_conditions)
    found = [first]
    if first is None or first.edits:
        other = search.remedy(None)
        found += [] if other is None or _gives_up(other, first) else [other]
    if any(each.action in OPTIONAL_ACTIONS for each in verdict.refused):
        spared = search.remedy(drop_optional_action)
        # If a Deny is the reason, omitting the action is the better remedy; otherwise the other is.
        if spared is not None and spared.edits:
            found.insert(0 if _is_denied(verdict) else len(found), spared)
    return tuple(remedy for remedy in found if remedy is not None)[:2]


def find_action_remedies(
    scenario: ChainScenario, number: int, verdict: Verdict
) -> tuple[Remedy, ...]:
    """Return the remedy for a call that is no hop, if it is refused; it changes policies alone.

    Args:
        scenario: of the chain whose session calls.
        number: that of the last hop and one more: the call comes after it.
        verdict: of the call, by the documents alone.
    """
    if refused_by_read_only_scope(verdict):
        return ()
    steps: tuple[Step, ...] = ()
    after = verdict
    for _ in range(_MOST_ROUNDS):
        if after.outcome is not Outcome.REFUSED:
            return (Remedy(steps),) if steps else ()
        # If the resource's own policy names the caller, others may need no change.
        own = [policy for policy in after.refused if policy.name is PolicyType.TRUST]
        made = policy_changes(after, number, scenario, own or None)
        if not made or any(each in steps for each in made):
            return ()
        steps = (*_not_replaced(steps, made), *made)
        changes = [step for step in steps if isinstance(step, PolicyChange)]
        after = evaluate(with_policy_changes(verdict.request, changes))
    return ()


_BRINGS: dict[str, tuple[str, ...]] = {
    "audience": (),
    "external_id": ("sts:externalid",),
    "mfa_serial": OF_MFA,
    "session_name": ("sts:rolesessionname",),
}
"""Condition keys that a key of the config meets, with nothing to be said for not meeting them."""


def refused_by_read_only_scope(verdict: Verdict) -> bool:
    """True if rolehop's own policy that only reads refuses a call: nobody can edit it."""
    scope = verdict.request.policy_set(PolicyType.SCOPE)
    refuses = any(each.name is PolicyType.SCOPE for each in verdict.refused)
    return refuses and any(each.name == READ_ONLY_SCOPE for each in scope.documents)


def _gives_up(other: Remedy, first: Remedy | None) -> bool:
    """True if a remedy weakens a check that the first one passes with a key of the user's config."""
    steps = () if first is None else first.steps
    edits = [step for step in steps if isinstance(step, ConfigChange)]
    brought = {each for edit in edits for each in edit.hop_keys & _BRINGS.keys()}
    if brought and len(edits) == len(steps):
        return True
    changes = [step for step in other.steps if isinstance(step, PolicyChange)]
    weaker = {k.lower() for e in changes for k in (*e.sent, *e.without, *e.waived)}
    return any(weaker.intersection(_BRINGS[each]) for each in brought)


def layers_made_irrelevant(
    verdict: Verdict, hop: int, scenario: ChainScenario
) -> frozenset[PolicyType]:
    """Return the policies that need not allow once the trust policy names the caller.

    Within one account, a caller that the trust policy names needs no other Allow (IAM user guide,
    "Policy evaluation logic"). ``verdict``: of ``hop`` of ``scenario``.
    """
    request, after = verdict.request, verdict
    made: tuple[PolicyChange, ...] = ()
    if request.caller.account != account_of(request.role):
        return frozenset()
    for _ in range(_MOST_ROUNDS):
        trust = [policy for policy in after.refused if policy.name is PolicyType.TRUST]
        if not trust:
            break
        more = policy_changes(after, hop, scenario, trust, with_external_id=True)
        if not more:
            return frozenset()
        made = (*made, *more)
        after = evaluate(with_policy_changes(request, made))
    still = {policy.name for policy in after.refused}
    return frozenset(policy.name for policy in verdict.refused) - still - {PolicyType.TRUST}


def _is_denied(verdict: Verdict) -> bool:
    deciding = verdict.refused[0].deciding
    return deciding is not None and deciding.statement.effect is Effect.DENY


@dataclass(frozen=True, slots=True)
class _Attempt:
    scenario: ChainScenario
    steps: tuple[Step, ...] = ()

    def verdicts(self) -> dict[int, Verdict]:
        """Evaluate every hop with the steps applied."""
        made = [step for step in self.steps if isinstance(step, PolicyChange)]
        return {
            number: evaluate(
                with_policy_changes(request, [each for each in made if each.hop == number])
            )
            for number, request in self.scenario.requests().items()
        }


@dataclass(frozen=True, slots=True)
class _RemedySearch:
    scenario: ChainScenario
    hop: int
    verdicts: Mapping[int, Verdict]

    def remedy(self, finder: Finder | None) -> Remedy | None:
        """Return the remedy that changes the config as ``finder`` proposes, and policies otherwise.

        ``None`` if there is none. Of several values that one policy asks for, another one may pass
        what the first does not: such are tried before policies are changed for it.
        """
        start = _Attempt(self.scenario)
        first = self._found(
            start, self.verdicts, finder, iter(range(_MOST_ROUNDS)), only_first=True
        )
        if finder is None or (first is not None and not first.changes):
            return first
        tries = iter(range(_MOST_TRIES))
        own = self._found(start, self.verdicts, finder, tries, policies=first is None)
        return own or first

    def _found(
        self,
        attempt: _Attempt,
        verdicts: Mapping[int, Verdict],
        finder: Finder | None,
        tries: Iterator[int],
        *,
        policies: bool = True,
        only_first: bool = False,
    ) -> Remedy | None:
        """Return the first remedy that begins with ``attempt``, after at most ``tries`` more."""
        worse = self._worse(verdicts)
        undocumented = _undocumented(verdicts[self.hop]) if worse is None else ()
        if worse is None and not undocumented:
            return Remedy(attempt.steps)
        if worse is None:
            settled = self._settled(attempt, verdicts[self.hop], undocumented)
            ways = iter(() if settled is None or not policies else (settled,))
        else:
            ways = self._better(attempt, worse, verdicts[worse], finder, policies=policies)
        for way in ways:
            if next(tries, None) is None:
                return None
            found = self._found(
                way, way.verdicts(), finder, tries, policies=policies, only_first=only_first
            )
            if found is not None or only_first:
                return found
        return None

    def _worse(self, verdicts: Mapping[int, Verdict]) -> int | None:
        """Return a hop that is still refused, or became refused."""
        refused = [n for n, each in verdicts.items() if each.outcome is Outcome.REFUSED]
        return next(
            (
                number
                for number in refused
                if number == self.hop or self.verdicts[number].outcome is not Outcome.REFUSED
            ),
            None,
        )

    def _better(
        self,
        attempt: _Attempt,
        hop: int,
        verdict: Verdict,
        finder: Finder | None,
        *,
        policies: bool,
    ) -> Iterator[_Attempt]:
        """Yield it with one more config change, then with a change to every policy that refuses."""
        idle = layers_made_irrelevant(verdict, hop, attempt.scenario)
        refusing = [policy for policy in verdict.refused if policy.name not in idle]
        if finder is not None and hop == self.hop:
            for policy in refusing:
                for edit, changed in finder(policy, attempt.scenario, hop):
                    steps = _joined(attempt.steps, edit)
                    if steps is not None:
                        yield _Attempt(changed, steps)
        made = policy_changes(verdict, hop, attempt.scenario, refusing) if policies else ()
        changed_policies = _with(attempt, made)
        if changed_policies is not None:
            yield changed_policies

    def _settled(
        self, attempt: _Attempt, verdict: Verdict, undocumented: Sequence[PolicyVerdict]
    ) -> _Attempt | None:
        """Change the policies whose effect AWS does not document: a fix must be certain."""
        return _with(attempt, policy_changes(verdict, self.hop, attempt.scenario, undocumented))


def _with(attempt: _Attempt, made: Sequence[PolicyChange]) -> _Attempt | None:
    if not made or any(each in attempt.steps for each in made):
        return None
    return _Attempt(attempt.scenario, (*_not_replaced(attempt.steps, made), *made))


# What a verdict may hang on although every document and key is known.
_UNDOCUMENTED = frozenset(("Principal", "NotPrincipal", "Action", "Resource", "wildcard-grant"))


def _is_undocumented(name: str, verdict: Verdict) -> bool:
    """True if what a verdict hangs on is known, and only what AWS does with it is not."""
    if not name.startswith("Condition ForAnyValue:"):
        return name in _UNDOCUMENTED
    _, operator, key = name.split(" ", 2)
    absent = verdict.request.context.lookup(key) is None
    return operator.lower().endswith("ifexists") and absent


def _undocumented(verdict: Verdict) -> tuple[PolicyVerdict, ...]:
    """Return the policies, as if they refused, if nothing but AWS's documentation leaves them open."""
    known = all(_is_undocumented(unknown, verdict) for unknown in verdict.unknowns)
    if verdict.outcome is not Outcome.UNKNOWN or not known:
        return ()
    return tuple(
        _as_refusing(policy) for policy in verdict.policies if policy.outcome is Outcome.UNKNOWN
    )


def _as_refusing(policy: PolicyVerdict) -> PolicyVerdict:
    deny = next((each for each in policy.open if each.statement.effect is Effect.DENY), None)
    reason = Reason.NO_ALLOW if deny is None else Reason.EXPLICIT_DENY
    element = "Document" if deny is None else "Effect"
    finding = Finding(element, Truth.FALSE, reason, policy.action)
    return replace(policy, outcome=Outcome.REFUSED, deciding=deny, findings=(finding,))


def _not_replaced(steps: Sequence[Step], made: Sequence[PolicyChange]) -> tuple[Step, ...]:
    """Return the steps without changes of a statement that is changed once more."""
    again = {
        (each.hop, each.policy_type, each.document, each.index)
        for each in made
        if each.kind is ChangeKind.REPLACE
    }
    return tuple(
        step
        for step in steps
        if not isinstance(step, PolicyChange)
        or (step.hop, step.policy_type, step.document, step.index) not in again
    )


def _contradict(old: ConfigChange, new: ConfigChange) -> bool:
    """True if a change takes back a value of another; more tags at one place go together."""
    for key in old.keys.keys() & new.keys.keys():
        was, now = old.keys[key], new.keys[key]
        more = isinstance(was, Mapping) and isinstance(now, Mapping) and was.items() <= now.items()
        if not more or ChangeKind.REMOVE in (old.kind, new.kind):
            return True
    return False


def _joined(steps: Sequence[Step], edit: ConfigChange) -> tuple[Step, ...] | None:
    """Add a config change, merged with one of the same location; ``None`` if a key repeats."""
    here = {
        at: e
        for at, e in enumerate(steps)
        if isinstance(e, ConfigChange) and (e.hop, e.location) == (edit.hop, edit.location)
    }
    if any(_contradict(each, edit) for each in here.values()):
        return None
    for at, each in here.items():
        if (each.kind is ChangeKind.REMOVE) is (edit.kind is ChangeKind.REMOVE):
            kind = edit.kind if each.kind is edit.kind else ChangeKind.REPLACE
            both = replace(
                each,
                kind=kind,
                keys={**each.keys, **edit.keys},
                example=each.example or edit.example,
                form={**each.form, **edit.form},
                provided_by=each.provided_by or edit.provided_by,
            )
            return (*steps[:at], both, *steps[at + 1 :])
    return (*steps, edit)
