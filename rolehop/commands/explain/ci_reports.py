"""The reports of ``check`` for programs: JUnit XML for CI, SARIF for code scanning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from rolehop.policy.chain_verdict import ChainVerdict
from rolehop.show.checking.problems import Problem, ProblemKind, problems_of
from rolehop.text import clean

Document = dict[str, object]


class FileLocation(NamedTuple):
    """A location in a file, for SARIF."""

    uri: str
    """Relative to the folder in which ``check`` ran, or an absolute ``file:`` URI."""

    line: int
    """From 1."""


Locate = Callable[[str, int], FileLocation]
"""Returns the location of a hop, by chain and number; 0: of the chain, or its source's own role."""


# ---- JUnit


def as_junit(verdicts: Sequence[ChainVerdict], *, strict: bool) -> str:
    """Return JUnit XML: a suite for each chain, a case for each hop.

    A refused hop is a failure, and so is a case of its own if the chain cannot work. An unknown hop
    is skipped, or with ``strict``, where ``check`` fails too, a failure.
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
        found = list(problems_of(verdict))
        broken = [each for each in found if each.kind is ProblemKind.BROKEN]
        problems = {each.hop: each for each in found if each not in broken}
        roles = {hop.number: hop.verdict.request.role for hop in verdict.hops}
        roles = {**({0: "the source's own role"} if verdict.source_role_unknown else {}), **roles}
        failures = sum(_fails(each, strict=strict) for each in found)
        named = [
            *(("the chain as a whole", each) for each in broken),
            *((f"hop {hop} {role}", problems.get(hop)) for hop, role in roles.items()),
        ]
        cases = tuple(_case(verdict.chain, name, each, strict=strict) for name, each in named)
        return cls(verdict.chain, len(cases), failures, len(found) - failures, cases)


def _fails(problem: Problem, *, strict: bool) -> bool:
    return strict or problem.kind is not ProblemKind.UNKNOWN


def _case(chain: str, name: str, problem: Problem | None, *, strict: bool) -> str:
    start = f"    <testcase classname={_attribute(chain)} name={_attribute(name)}"
    if problem is None:
        return f"{start}/>"
    tag = "failure" if _fails(problem, strict=strict) else "skipped"
    kind = f' type="{problem.kind.value}"' if tag == "failure" else ""
    body = "\n".join(escape(clean(each)) for each in problem.details)
    return f"{start}><{tag}{kind} message={_attribute(problem.why)}>{body}</{tag}></testcase>"


def _attribute(value: str) -> str:
    return quoteattr(clean(value))


# ---- SARIF

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_EXPLAIN = "rolehop explain CHAIN names the statement and the fix."
_RULES = {
    ProblemKind.REFUSED: (
        "hop-refused",
        "HopRefused",
        "error",
        "A hop of the chain would be refused",
        "A policy that was given refuses the call by which this hop takes its role.",
        _EXPLAIN,
    ),
    ProblemKind.UNKNOWN: (
        "hop-unknown",
        "HopUnknown",
        "warning",
        "Whether a hop is allowed is not known",
        "What would settle it is not in the policies that were given, or only the call itself shows it.",
        _EXPLAIN,
    ),
    ProblemKind.BROKEN: (
        "chain-broken",
        "ChainBroken",
        "error",
        "The chain cannot work",
        "Whatever policies allow, its config cannot be followed, or AWS is certain to refuse it.",
        "rolehop plan CHAIN says what is wrong.",
    ),
}


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
                "help": {"text": advice},
                "defaultConfiguration": {"level": level},
            }
            for rule, name, level, short, whole, advice in _RULES.values()
        ],
    }
    results = [
        _result(problem, places(problem.chain, problem.hop or 0), strict=strict)
        for each in verdicts
        for problem in problems_of(each)
    ]
    run = {"tool": {"driver": driver}, "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, at: FileLocation, *, strict: bool) -> Document:
    text = f"{problem.chain}: {problem.at(role=True)}{problem.why}"
    artifact: Document = {"uri": at.uri}
    if not at.uri.startswith("file:"):
        artifact["uriBaseId"] = "%SRCROOT%"
    return {
        "ruleId": _RULES[problem.kind][0],
        "ruleIndex": list(_RULES).index(problem.kind),
        "level": "error" if _fails(problem, strict=strict) else "warning",
        "message": {"text": "\n".join(map(clean, (text, *problem.details)))},
        "partialFingerprints": {
            "chainHop/v1": f"{problem.chain}#{'' if problem.hop is None else problem.hop}"
        },
        "locations": [
            {
                "logicalLocations": [{"name": problem.chain, "kind": "resource"}],
                "physicalLocation": {
                    "artifactLocation": artifact,
                    "region": {"startLine": at.line},
                },
            }
        ],
    }
