"""What ``check`` prints: a table, JUnit's XML for CI, and SARIF for code scanning."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import quoteattr

from rolehop.show.layout import Grid, View, Words, line, row
from rolehop.show.reasons import sentence
from rolehop.trust.chain import ChainVerdict, HopVerdict
from rolehop.trust.evaluate import Outcome
from rolehop.trust.truth import Truth
from rolehop.words import clean

Document = dict[str, object]
_SAYS = {
    Outcome.ALLOWED: "allowed",
    Outcome.REFUSED: "refused",
    Outcome.UNKNOWN: "can't tell",
}
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def checks_view(verdicts: Sequence[ChainVerdict]) -> View:
    """Show one line for each chain, and a reason below where it is not allowed."""
    rows = []
    for each in verdicts:
        said = Words(_SAYS[each.outcome], "red" if each.outcome is Outcome.REFUSED else "")
        rows.append(row(Words(clean(each.chain), "bold"), said, str(len(each.hops))))
    blocks: list[Grid] = [Grid(("CHAIN", "VERDICT", "HOPS"), rows)] if rows else []
    reasons = [
        line(text)
        for each in verdicts
        for problem in problems(each)
        for text in textwrap.wrap(
            clean(f"{each.chain}: {problem}"), 80, subsequent_indent="  ", break_on_hyphens=False
        )
    ]
    refused = sum(each.outcome is Outcome.REFUSED for each in verdicts)
    unknown = sum(each.outcome is Outcome.UNKNOWN for each in verdicts)
    total = line(f"{len(verdicts)} chains, {refused} refused, {unknown} can't tell")
    return [*blocks, *([line(), *reasons, line()] if reasons else []), total]


def problems(verdict: ChainVerdict) -> tuple[str, ...]:
    """Return one line for each hop that is not allowed."""
    return tuple(
        f"hop {hop.number} {_why(hop)}"
        for hop in verdict.hops
        if hop.verdict.outcome is not Outcome.ALLOWED
    )


def _why(hop: HopVerdict) -> str:
    verdict = hop.verdict
    if verdict.outcome is Outcome.REFUSED:
        first = verdict.first_wrong
        lane = verdict.refused[0].name.value
        return f"refused ({lane}): {sentence(first) if first else 'no reason found'}"
    return f"can't tell: {', '.join(verdict.unknowns)} not known"


def as_junit(verdicts: Sequence[ChainVerdict]) -> str:
    """Return JUnit XML: a suite for each chain, a case for each hop; unknown is "skipped"."""
    return "\n".join(_junit(verdicts))


def _junit(verdicts: Sequence[ChainVerdict]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<testsuites name="rolehop check">'
    for each in verdicts:
        outcomes = [hop.verdict.outcome for hop in each.hops]
        yield (
            f"  <testsuite name={_attribute(each.chain)} tests={_attribute(len(outcomes))}"
            f" failures={_attribute(outcomes.count(Outcome.REFUSED))}"
            f' skipped={_attribute(outcomes.count(Outcome.UNKNOWN))} errors="0">'
        )
        for hop in each.hops:
            yield from _case(each, hop)
        yield "  </testsuite>"
    yield "</testsuites>"


def _case(chain: ChainVerdict, hop: HopVerdict) -> Iterator[str]:
    name = f"hop {hop.number} {hop.verdict.request.role}"
    start = f"    <testcase classname={_attribute(chain.chain)} name={_attribute(name)}"
    tag = {Outcome.REFUSED: "failure", Outcome.UNKNOWN: "skipped"}.get(hop.verdict.outcome)
    if tag is None:
        yield f"{start}/>"
        return
    yield f"{start}><{tag} message={_attribute(_why(hop))}/></testcase>"


def _attribute(value: object) -> str:
    return quoteattr(clean(str(value)))


def sarif_document(verdicts: Sequence[ChainVerdict], places: Mapping[str, str]) -> Document:
    """Return SARIF 2.1.0; ``places`` gives the file that a chain's results point at."""
    rules = (
        ("hop-refused", "A hop of the chain would be refused", "error"),
        ("hop-unknown", "Whether a hop is allowed can't be told", "warning"),
    )
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "rolehop",
                        "rules": [
                            {
                                "id": name,
                                "shortDescription": {"text": text},
                                "defaultConfiguration": {"level": level},
                            }
                            for name, text, level in rules
                        ],
                    }
                },
                "results": [
                    _result(each, hop, places.get(each.chain))
                    for each in verdicts
                    for hop in each.hops
                    if hop.verdict.outcome is not Outcome.ALLOWED
                ],
            }
        ],
    }


def _result(chain: ChainVerdict, hop: HopVerdict, place: str | None) -> Document:
    refused = hop.verdict.outcome is Outcome.REFUSED
    text = f"{chain.chain}: hop {hop.number} to {hop.verdict.request.role} {_why(hop)}"
    wrong = [
        f"{finding.element}: wanted {finding.wanted}, found {finding.found or 'nothing'}"
        for lane in hop.verdict.refused
        for finding in lane.findings
        if finding.truth is Truth.FALSE
    ]
    result: Document = {
        "ruleId": "hop-refused" if refused else "hop-unknown",
        "level": "error" if refused else "warning",
        "message": {"text": "; ".join([text, *wrong])},
        "partialFingerprints": {"chainHop/v1": f"{chain.chain}#{hop.number}"},
    }
    logical = {"name": chain.chain, "kind": "resource"}
    location: Document = {"logicalLocations": [logical]}
    if place is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": place}}
    result["locations"] = [location]
    return result
