"""What ``check`` finds: chains that cannot work, and hops that are not allowed."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from rolehop.errors import RolehopError
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.model import Outcome, PolicyVerdict
from rolehop.show.condition_text import unknown_in_words
from rolehop.show.finding_text import found, sentence, wanted
from rolehop.text import clean

_NO_OWN_ROLE = "the source gets its role with a token, and which role is not known here"


class ProblemKind(Enum):
    """How sure it is that a chain breaks, the surest first."""

    BROKEN = "broken"
    """No policy can help: by the config, or the source is not who it must be."""
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Problem(NamedTuple):
    """One hop that is not allowed, or a chain that cannot work."""

    chain: str
    hop: int | None
    """``None``: the chain as a whole."""

    role: str | None
    """``None``: of the chain as a whole, or hop 0 of a source whose own role is not known."""

    kind: ProblemKind
    why: str
    verdict: HopVerdict | None = None
    error: RolehopError | None = None
    """Of a chain that cannot work."""

    def at(self, *, role: bool = False) -> str:
        """Return the hop, to stand before ``why``, with its ``role``; nothing if ``why`` names it."""
        if self.hop is None or self.error is not None:
            return ""
        return f"hop {self.hop}{f' to {self.role}' if role and self.role else ''}: "

    @property
    def details(self) -> tuple[str, ...]:
        """What was required and found, and how to fix it; slow, because remedies are searched."""
        if self.error is not None:
            return (f"to fix it: {self.error.fix}",) if self.error.fix else ()
        refused = self.kind is ProblemKind.REFUSED and self.verdict is not None
        return tuple(_details(self.verdict)) if refused and self.verdict is not None else ()


def problems_of(verdict: ChainVerdict) -> Iterator[Problem]:
    """Yield why a chain cannot work, then its hops that are not allowed."""
    error = verdict.broken
    if error is not None:
        roles = {hop.number: hop.verdict.request.role for hop in verdict.hops}
        role = roles.get(error.hop or 0)
        why = clean(": ".join(part for part in (error.what, error.cause) if part))
        broken = ProblemKind.BROKEN
        yield Problem(verdict.chain, error.hop, role, broken, why, error=error)
    if verdict.source_role_unknown:
        why = f"can't tell: {_NO_OWN_ROLE}"
        yield Problem(verdict.chain, 0, None, ProblemKind.UNKNOWN, why)
    for hop in verdict.hops:
        if hop.verdict.outcome is not Outcome.ALLOWED:
            refused = hop.verdict.outcome is Outcome.REFUSED
            kind = ProblemKind.REFUSED if refused else ProblemKind.UNKNOWN
            role = hop.verdict.request.role
            yield Problem(verdict.chain, hop.number, role, kind, _why(hop), hop)


def _why(hop: HopVerdict) -> str:
    verdict = hop.verdict
    if verdict.outcome is Outcome.REFUSED:
        first = verdict.first_wrong
        policy = verdict.refused[0]
        return (
            f"refused by {policy_name(policy)}: {sentence(first) if first else 'no reason found'}"
        )
    unknowns = ", ".join(unknown_in_words(each) for each in verdict.unknowns)
    return f"can't tell without knowing {unknowns}"


def policy_name(policy: PolicyVerdict, *, statement: bool = True) -> str:
    """Return the policy's name, and with ``statement`` which of its statements decides."""
    name = _LANES[policy.name.value]
    if policy.deciding is None or not statement:
        return name
    return f"{name}, {policy.deciding.statement.effect.value} statement {policy.deciding.statement.index}"


_LANES = {
    "trust": "the trust policy",
    "permissions": "the caller's permissions",
    "boundary": "the caller's boundary",
    "session": "the session policy",
    "scp": "the SCP",
    "rcp": "the RCP",
}


def _details(hop: HopVerdict) -> Iterator[str]:
    """Yield what was required and found, what else is wrong, then how to fix it."""
    first = hop.verdict.first_wrong
    for policy in hop.verdict.refused:
        for finding in policy.findings:
            if finding.truth is not Truth.FALSE:
                continue
            if finding is not first:
                yield f"{policy_name(policy)}: {sentence(finding)}"
            parts = (("wanted", wanted(finding)), ("found", found(finding)))
            yield from (f"{name} {text}" for name, text in parts if text is not None)
    from rolehop.show.remedies import in_short

    for step in (step for remedy in hop.remedies()[:1] for step in remedy.steps):
        yield f"to fix it, {in_short(step)}"
