"""The report of ``doctor``: groups of findings, each with a mark, and what to type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, ShellCommand
from rolehop.base.text import pluralize
from rolehop.terminal.layout import FINE, LABEL, LOOK, WRONG, Line, StyledText, View, line, to_copy
from rolehop.terminal.messages import message

if TYPE_CHECKING:
    from rolehop.commands.doctor.finding import DoctorFinding, Repair

_MARKS = {"fine": FINE, "look": LOOK, "broken": WRONG}
_GROUPS = {
    "program": "Program",
    "shell": "Shell",
    "environment": "Shell",
    "config": "Config",
    "sources": "Config",
    "files": "Files",
    "profiles": "Files",
    "keyring": "Keyring",
    "network": "Network",
}
"""The group of each topic."""

_LABEL = 11  # columns
_INDENT = _LABEL + 2  # where the words begin


class DoctorReport:
    """Draws findings one after the other, as they come."""

    def __init__(
        self,
        quote: Callable[[str], str],
        home: str,
        columns: int | None,
        named: Callable[[str], str],
        *,
        verbose: bool,
    ) -> None:
        """Draw nothing yet.

        Args:
            quote: writes an argument for the shell that a command is pasted into.
            home: the home folder, which is written as ``~``.
            columns: of the terminal; ``None``: a pipe, where nothing is wrapped.
            named: puts names of accounts into a text.
            verbose: with all names, and why each thing matters.
        """
        self._quote = quote
        self._home = home
        self._window = columns
        self._columns = None if columns is None else max(columns, 2 * _INDENT) - _INDENT
        self._named = named
        self._verbose = verbose
        self._group = ""

    def view(self, finding: DoctorFinding) -> View:
        """Show one finding: its mark, what was found, why that matters, and what to type."""
        group = _GROUPS.get(finding.topic, finding.topic)
        label = "" if group == self._group else group
        self._group = group
        mark = _MARKS[finding.state.value]
        head = (
            StyledText(f"{label:{_LABEL}}", LABEL),
            mark,
            StyledText(" " * (2 - len(mark.text))),
        )
        shown = [*self._lines(head, self._at_home(finding.said(all_names=self._verbose)))]
        if finding.why and (self._verbose or finding.state.value == "broken"):
            shown += self._lines((StyledText(" " * _INDENT),), self._at_home(finding.why), LABEL)
        if finding.fix:
            shown += self._lines((StyledText(" " * _INDENT),), self._to_type(finding.fix))
        return shown

    def summary(self, findings: Sequence[DoctorFinding]) -> View:
        """Show e.g. ``12 checks: 10 fine, 2 to look at. rolehop doctor --fix can do 1 of them.``."""
        counts = Counter(finding.state.value for finding in findings)
        parts = [f"{counts['fine']} fine"]
        parts += [f"{counts['look']} to look at"] if counts["look"] else []
        parts += [f"{counts['broken']} broken"] if counts["broken"] else []
        text = f"{pluralize(len(findings), 'check')}: {', '.join(parts)}."
        repairs = sum(1 for finding in findings if finding.repair is not None)
        text += f" rolehop doctor --fix can do {repairs} of them." if repairs else ""
        return [line(), *message("", text, self._quote, self._window, hanging="")]

    def _lines(self, head: tuple[StyledText, ...], text: str, style: str = "") -> Iterator[Line]:
        lines = message("", self._named(text), self._quote, self._columns, hanging="", style=style)
        for number, each in enumerate(lines):
            begin = (StyledText(" " * _INDENT),) if number else head
            yield Line((*begin, *each.words), whole=True)

    def _to_type(self, fix: str) -> str:
        """Return what to do with ``~`` for the home folder, where a shell makes that of it."""
        if not isinstance(fix, Advice):
            return self._at_home(fix)
        home, here = f" {self._home}/", " ~/"  # not behind a quote
        return Advice(
            *(
                ShellCommand(each.replace(home, here)) if isinstance(each, ShellCommand) else each
                for each in fix.parts
            )
        )

    def _at_home(self, text: str) -> str:
        """Return a text with ``~`` for the home folder; advice is to be typed, and stays."""
        return text if isinstance(text, Advice) else text.replace(f"{self._home}/", "~/")


def repair_view(repair: Repair) -> View:
    """Show a change before it is made, as a diff does."""
    return [line(repair.path), *_signed("-", repair.before), *_signed("+", repair.after)]


def _signed(sign: str, lines: Iterable[str]) -> Iterator[Line]:
    return (to_copy(f"  {sign} {each}") for each in lines)


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
