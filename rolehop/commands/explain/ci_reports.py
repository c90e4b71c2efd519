"""The reports of ``check`` for CI: JUnit XML, and SARIF with the lines of the config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from rolehop.app.context import App
from rolehop.app.host import read_or_none
from rolehop.app.planning import Planning
from rolehop.base.errors import ConfigError, SourceError
from rolehop.base.startup import Pattern
from rolehop.base.text import clean
from rolehop.commands.explain.check_view import Problem, ProblemKind, problems_of
from rolehop.config.toml import index_lines, nearest_line
from rolehop.policy.chain_verdict import ChainVerdict

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
    suites = [_Suite.of(verdict, strict=strict) for verdict in verdicts]
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
        roles = {hop.number: hop.asked for hop in verdict.hops}
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
    body = "\n".join(escape(clean(detail)) for detail in problem.details)
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
        for verdict in verdicts
        for problem in problems_of(verdict)
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


Keys = tuple[str | int, ...]
_SECTION = Pattern(r"\s*\[\s*(?:profile\s+)?(?P<name>[^\]]+?)\s*\].*")


class ConfigLines:
    """Finds hops in the config files; each file is read once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lines = cache(_index_file)

    def find(self, chain: str, hop: int) -> FileLocation:
        """Return the line of a hop, else of its chain; of an AWS profile, that of its section.

        It points at the chain, too, if the chain cannot be resolved; of ``FLEET/*`` at the fleet.
        """
        fleet = self._app.config.chain_places.get(chain.removesuffix("*"))
        if fleet is not None and chain.endswith("/*"):
            return FileLocation(
                _uri(Path(fleet[0])), nearest_line(self._lines(fleet[0]), fleet[1]) or 1
            )
        if chain not in self._app.config.chains:
            path = self._app.aws_files[0]
            return FileLocation(_uri(path), _section_line(path, chain))
        file, keys = self._keys_of(chain, hop)
        return FileLocation(_uri(Path(file)), nearest_line(self._lines(file), keys) or 1)

    def _keys_of(self, chain: str, hop: int) -> tuple[str, Keys]:
        """Return the file and the TOML keys of a hop; another chain may define it (``from``)."""
        config = self._app.config
        try:
            written = Planning(self._app).resolve(chain).written
            found = written[hop - 1] if 0 < hop <= len(written) else None  # else source or scope
        except (ConfigError, SourceError):  # which is why the report points there
            found = None
        if found is None or found.in_profile:
            return config.place_of(chain)
        file, keys = config.place_of(found.chain)
        in_fleet = config.chains[found.chain].fleet is not None
        return file, (*keys, "role") if in_fleet else (*keys, "hops", found.number - 1)


def _index_file(file: str) -> Mapping[Keys, int]:
    # Windows editors like to begin a file with a byte order mark.
    return index_lines((read_or_none(Path(file)) or "").removeprefix("\ufeff"))


def _section_line(path: Path, profile: str) -> int:
    for number, text in enumerate((read_or_none(path) or "").splitlines(), start=1):
        match = _SECTION.fullmatch(text)
        if match and match["name"] == profile:
            return number
    return 1


def _uri(path: Path) -> str:
    """Return a path as a URI, relative to the current folder if it lies below it."""
    for one, here in ((path, Path.cwd()), (path.resolve(), Path.cwd().resolve())):
        if one.is_relative_to(here):
            return quote(one.relative_to(here).as_posix())
    return path.absolute().as_uri()
