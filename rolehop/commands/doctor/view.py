"""The report of ``doctor``: a line for each finding, why, and what to type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rolehop.base.advice import one_line
from rolehop.base.errors import FIX_LABEL
from rolehop.base.text import pluralize
from rolehop.terminal.layout import Line, View, line, to_copy, wrapped

if TYPE_CHECKING:
    from rolehop.commands.doctor.finding import DoctorFinding, Repair

_STYLES = {"fine": "", "look": "yellow", "broken": "red"}
_INDENT = " " * 8
_TRY = _INDENT + FIX_LABEL.lstrip()


def finding_view(
    finding: DoctorFinding, quote: Callable[[str], str], *, verbose: bool = False
) -> View:
    """Show one finding: how it is, what it is about, and what was found.

    ``quote`` writes an argument for the shell that its command is pasted into.
    """
    state = finding.state.value
    return [
        *wrapped(
            finding.said(all_names=verbose), f"{state:<8}{finding.topic}: ", _INDENT, _STYLES[state]
        ),
        *(wrapped(finding.why, _INDENT, _INDENT, "dim") if finding.why else ()),
        *([to_copy(f"{_TRY}{one_line(finding.fix, quote)}")] if finding.fix else ()),
    ]


def repair_view(repair: Repair) -> View:
    """Show a change before it is made, as a diff does."""
    return [line(repair.path), *_signed("-", repair.before), *_signed("+", repair.after)]


def _signed(sign: str, lines: Iterable[str]) -> Iterator[Line]:
    return (to_copy(f"  {sign} {each}") for each in lines)


def summary(findings: Sequence[DoctorFinding]) -> str:
    """Return e.g. ``12 looked at: 10 fine, 1 to look at, 1 broken``."""
    counts = Counter(finding.state.value for finding in findings)
    parts = [f"{counts['fine']} fine"]
    parts += [f"{counts['look']} to look at"] if counts["look"] else []
    parts += [f"{counts['broken']} broken"] if counts["broken"] else []
    return f"{pluralize(len(findings), 'finding')}: {', '.join(parts)}"


def doctor_document(findings: Iterable[DoctorFinding]) -> dict[str, object]:
    """Return ``rolehop.doctor/1``."""
    return {"schema": "rolehop.doctor/1", "findings": [_finding(finding) for finding in findings]}


def _finding(finding: DoctorFinding) -> dict[str, object]:
    repair = finding.repair
    return {
        "topic": finding.topic,
        "state": finding.state.value,
        "what": finding.said(),
        "names": list(finding.names),
        "why": finding.why,
        "fix": finding.fix,
        "repair": None
        if repair is None
        else {"file": repair.path, "before": list(repair.before), "after": list(repair.after)},
    }
