"""The reports of ``check`` for programs: JUnit XML for CI, SARIF for code scanning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.model import Outcome, PolicyVerdict
from rolehop.show.condition_text import unknown_in_words
from rolehop.show.finding_text import found, sentence, wanted
from rolehop.show.remedies import in_short
from rolehop.text import clean

Document = dict[str, object]
_NO_OWN_ROLE = "the source gets its role with a token, and which role is not known here"


class FileLocation(NamedTuple):
    """A location in a file, for SARIF."""

    uri: str
    """Relative to the folder in which ``check`` ran, or an absolute ``file:`` URI."""

    line: int
    """From 1."""


Locate = Callable[[str, int], FileLocation]
"""Returns the location of a hop, by chain and number."""


class Problem(NamedTuple):
    """One hop that is not allowed."""

    chain: str
    hop: int
    role: str | None
    """``None``: hop 0 of a source whose own role is not known."""

    refused: bool
    why: str
    verdict: HopVerdict | None = None

    @property
    def details(self) -> tuple[str, ...]:
        """What was required and found, and how to fix it; slow, because remedies are searched."""
        return tuple(_details(self.verdict)) if self.refused and self.verdict is not None else ()


def problems_of(verdict: ChainVerdict) -> Iterator[Problem]:
    """Yield the hops of a chain that are not allowed."""
    if verdict.source_role_unknown:
        yield Problem(verdict.chain, 0, None, False, f"can't tell: {_NO_OWN_ROLE}")
    for hop in verdict.hops:
        if hop.verdict.outcome is not Outcome.ALLOWED:
            refused = hop.verdict.outcome is Outcome.REFUSED
            role = hop.verdict.request.role
            yield Problem(verdict.chain, hop.number, role, refused, _why(hop), hop)


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
    for step in (step for remedy in hop.remedies()[:1] for step in remedy.steps):
        yield f"to fix it, {in_short(step)}"


# ---- JUnit


def as_junit(verdicts: Sequence[ChainVerdict], *, strict: bool) -> str:
    """Return JUnit XML: a suite for each chain, a case for each hop.

    A refused hop is a failure. An unknown one is skipped, or with ``strict``, where ``check`` fails
    too, a failure.
    """
    return "\n".join(_junit(verdicts, strict=strict))


def _junit(verdicts: Sequence[ChainVerdict], *, strict: bool) -> Iterator[str]:
    suites = [_Suite.of(each, strict=strict) for each in verdicts]
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    whole = _Suite(
        "rolehop check",
        sum(each.tests for each in suites),
        sum(each.failures for each in suites),
        sum(each.skipped for each in suites),
    )
    yield f"<testsuites {whole.attributes}>"
    for suite in suites:
        yield f"  <testsuite {suite.attributes}>"
        yield from suite.cases
        yield "  </testsuite>"
    yield "</testsuites>"


class _Suite(NamedTuple):
    """One chain, or all of them together."""

    name: str
    tests: int
    failures: int
    skipped: int
    cases: tuple[str, ...] = ()

    @property
    def attributes(self) -> str:
        """How an element of it begins."""
        counts = f'tests="{self.tests}" failures="{self.failures}" skipped="{self.skipped}"'
        return f'name={_attribute(self.name)} {counts} errors="0"'

    @classmethod
    def of(cls, verdict: ChainVerdict, *, strict: bool) -> _Suite:
        problems = {each.hop: each for each in problems_of(verdict)}
        roles = {hop.number: hop.verdict.request.role for hop in verdict.hops}
        roles = {**({0: "the source's own role"} if verdict.source_role_unknown else {}), **roles}
        failures = sum(each.refused or strict for each in problems.values())
        cases = tuple(
            _case(verdict.chain, f"hop {hop} {role}", problems.get(hop), strict=strict)
            for hop, role in roles.items()
        )
        return cls(verdict.chain, len(roles), failures, len(problems) - failures, cases)


def _case(chain: str, name: str, problem: Problem | None, *, strict: bool) -> str:
    start = f"    <testcase classname={_attribute(chain)} name={_attribute(name)}"
    if problem is None:
        return f"{start}/>"
    tag = "failure" if problem.refused or strict else "skipped"
    kind = f' type="{"refused" if problem.refused else "unknown"}"' if tag == "failure" else ""
    body = "\n".join(escape(clean(each)) for each in problem.details)
    return f"{start}><{tag}{kind} message={_attribute(problem.why)}>{body}</{tag}></testcase>"


def _attribute(value: str) -> str:
    return quoteattr(clean(value))


# ---- SARIF

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = (
    (
        "hop-refused",
        "HopRefused",
        "error",
        "A hop of the chain would be refused",
        "A policy that was given refuses the call by which this hop takes its role.",
    ),
    (
        "hop-unknown",
        "HopUnknown",
        "warning",
        "Whether a hop is allowed is not known",
        "What would settle it is not in the policies that were given, or only the call itself shows it.",
    ),
)


def sarif_document(
    verdicts: Sequence[ChainVerdict], places: Locate, *, version: str, strict: bool
) -> Document:
    """Return SARIF 2.1.0 as GitHub's code scanning takes it.

    Args:
        verdicts: the chains.
        places: returns the location that a result points at.
        version: of rolehop.
        strict: unknown results are errors.
    """
    driver = {
        "name": "rolehop",
        "version": version,
        "rules": [
            {
                "id": rule,
                "name": name,
                "shortDescription": {"text": short},
                "fullDescription": {"text": whole},
                "help": {"text": "rolehop explain CHAIN names the statement and the fix."},
                "defaultConfiguration": {"level": level},
            }
            for rule, name, level, short, whole in _RULES
        ],
    }
    results = [
        _result(problem, places(problem.chain, problem.hop), strict=strict)
        for each in verdicts
        for problem in problems_of(each)
    ]
    run = {"tool": {"driver": driver}, "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, place: FileLocation, *, strict: bool) -> Document:
    to = f" to {problem.role}" if problem.role else ""
    text = f"{problem.chain}: hop {problem.hop}{to}: {problem.why}"
    artifact: Document = {"uri": place.uri}
    if not place.uri.startswith("file:"):
        artifact["uriBaseId"] = "%SRCROOT%"
    return {
        "ruleId": _RULES[not problem.refused][0],
        "ruleIndex": int(not problem.refused),
        "level": "error" if problem.refused or strict else "warning",
        "message": {"text": "\n".join(map(clean, (text, *problem.details)))},
        "partialFingerprints": {"chainHop/v1": f"{problem.chain}#{problem.hop}"},
        "locations": [
            {
                "logicalLocations": [{"name": problem.chain, "kind": "resource"}],
                "physicalLocation": {
                    "artifactLocation": artifact,
                    "region": {"startLine": place.line},
                },
            }
        ],
    }
