"""The table of a run and its JSON lines, and the watchers that show it while it is under way."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import IO, TYPE_CHECKING

from rolehop.base.durations import age_text, rfc3339, show_span
from rolehop.base.startup import Pattern
from rolehop.base.text import clean, pluralize, visible_json
from rolehop.commands.each.merged_view import MOST_MERGED, MergedTable, merged_line, merged_rows
from rolehop.commands.each.targets import (
    PlannedRow,
    ResultClass,
    TargetRow,
    no_output,
    result_document,
)
from rolehop.terminal.layout import (
    FINE,
    WRONG,
    Grid,
    Line,
    Row,
    StyledText,
    View,
    line,
    row,
    wrapped,
)
from rolehop.terminal.output import (
    copy_program_output,
    is_asking,
    show_counter,
    write_lines,
    write_stdout,
)
from rolehop.terminal.terminal import not_written
from rolehop.walk.sts_errors import NOT_ASKED_AGAIN

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.commands.each.output_folder import OutputFolder
    from rolehop.commands.each.outputs import CommandOutput
    from rolehop.terminal.terminal import Terminal

_MOST_ROWS = 60
"""A table of more shows only what is not ok, and no more than this of it."""


def results_view(rows: Sequence[TargetRow], *, verbose: bool, may_resume: bool = True) -> View:
    """Show every target, then the counts; of very many, only what is not ok unless ``verbose``.

    ``may_resume``: say how what is not ok is run again.
    """
    shown = rows
    if len(rows) > _MOST_ROWS and not verbose:
        shown = [each for each in rows if each.result is not ResultClass.OK][:_MOST_ROWS]
    shared = _shared_problems(rows)
    drawn = [_result_row(each, shared) for each in shown]
    columns = ("CHAIN", "ACCOUNT", "EXIT", "TIME", "RESULT")
    grid = [Grid(columns, drawn, right=(2, 3), elided=(0, 1))] if drawn else []
    resume = may_resume and any(each.result is not ResultClass.OK for each in rows)
    advice = [line("retry the rest: add --resume")] if resume else []
    above = [each for text, count in shared.items() for each in _shared_lines(text, count)]
    return [*above, *grid, *_counts(rows, len(rows) - len(shown)), *advice]


_OF_CHAIN = Pattern(r"^(AWS refused hop [0-9]+) of \S+,")


def _shared_problems(rows: Sequence[TargetRow]) -> dict[str, int]:
    """Return what several targets failed for, whichever chain was walked, with their number."""
    counted = Counter(_problem_of(each) for each in rows if each.problem)
    return {text: count for text, count in counted.items() if count > 1}


def _problem_of(each: TargetRow) -> str:
    text = each.problem.in_one_line if each.problem else ""
    text = _OF_CHAIN.sub(r"\1,", text).removesuffix(NOT_ASKED_AGAIN)
    text = text.replace(f" in {each.account}: ", ": ", 1)
    text = text.replace(f"(rolehop refresh {each.chain})", "(rolehop refresh CHAIN)")
    return text.replace(f"'{each.chain}'", "each")


def _shared_lines(text: str, count: int) -> Iterator[Line]:
    yield from wrapped(f"{pluralize(count, 'target')}: {text}", f"{WRONG.text} ", "  ")


def _result_row(each: TargetRow, shared: Mapping[str, int]) -> Row:
    code = "–" if each.exit_code is None else str(each.exit_code)
    mark = FINE if each.result is ResultClass.OK else WRONG
    alone = each.problem is not None and _problem_of(each) not in shared
    return row(
        StyledText(each.name, "bold"),
        each.account or "–",
        code,
        "–" if each.seconds is None else f"{each.seconds:.1f} s",
        StyledText(f"{mark.text} {each.result.value}", mark.style),
        under=each.problem.in_one_line if each.problem and alone else "",
    )


def _counts(rows: Sequence[TargetRow], hidden: int) -> Iterator[Line]:
    counted = Counter(each.result for each in rows)
    parts = [f"{counted[kind]:,} {kind.value}" for kind in ResultClass if counted[kind]]
    more = f" ({hidden:,} of them not shown: -v shows all)" if hidden else ""
    yield line(f"{pluralize(len(rows), 'target')}: {', '.join(parts)}{more}")


def planned_view(rows: Sequence[PlannedRow], now: datetime, *, verbose: bool) -> View:
    """Show what a run would do; ``verbose``: with the command of each target."""
    regions = any(each.region for each in rows)
    drawn = [
        row(
            StyledText(each.name, "bold"),
            each.account or "–",
            each.role or "–",
            "yes" if each.cached else "no",
            each.region or "",
            under=_planned_under(each, now, verbose=verbose),
        )
        for each in rows
    ]
    failing = sum(1 for each in rows if each.problem)
    refused = sum(1 for each in rows if each.refused_at)
    count = f"{pluralize(len(rows), 'target')}: nothing was run"
    count += f"; {failing:,} of them will fail" if failing else ""
    count += f"; AWS refused {refused:,} of them lately" if refused else ""
    columns = ("CHAIN", "ACCOUNT", "ROLE", "CACHED", "REGION" if regions else "")
    return [Grid(columns, drawn, elided=(0, 1, 2)), line(count)]


def _planned_under(each: PlannedRow, now: datetime, *, verbose: bool) -> str:
    problem = f"will fail: {clean(each.problem)}" if each.problem else ""
    refused = f"AWS refused it {age_text(each.refused_at, now)}" if each.refused_at else ""
    return "; ".join(filter(None, (problem, refused, " ".join(each.argv) if verbose else "")))


def result_line(row: TargetRow, output: dict[str, object]) -> str:
    """Return one line of ``rolehop.each/1``; ``output``: as `no_output`, with texts or without."""
    return visible_json(json.dumps(result_document(row, output), ensure_ascii=False))


def planned_line(row: PlannedRow) -> str:
    """Return one line of ``rolehop.each-plan/1``."""
    document = {
        "schema": "rolehop.each-plan/1",
        "target": row.name,
        "chain": row.chain,
        "account": row.account,
        "role": row.role,
        "region": row.region,
        "cached": row.cached,
        "will_fail": row.problem,
        "refused_at": rfc3339(row.refused_at),
        "command": list(row.argv),
    }
    return visible_json(json.dumps(document, ensure_ascii=False))


def progress_text(total: int, running: int, done: int, failed: int, seconds: float) -> str:
    """Return one line on a run that is under way: counts, and about how long it still takes.

    ``seconds`` have passed since it began.
    """
    parts = [f"{done} of {total} done", f"{running} running", f"{failed} failed"]
    if done and done < total:
        left = int(seconds / done * (total - done)) + 1
        parts.append(f"about {show_span(left)} left")
    return ", ".join(parts)


_ASKING_PAUSE = 0.1  # seconds
_MOST_IN_JSON = 1 << 20  # bytes of each stream


class GroupedWatcher:
    """Implements `RunWatcher`: a heading, and what the command wrote.

    Nothing is shown while a person is asked something.
    """

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal = terminal
        self._total = total
        self._begun = time.monotonic()
        self._running = self._done = self._failed = 0
        self._is_stopping = False
        self._guard = threading.Lock()

    def began(self, name: str) -> None:
        """Count a command that begins."""
        del name
        with self._guard:
            self._running += 1
            self._count()

    def ended(self, row: TargetRow, output: CommandOutput | None) -> None:
        """Show what a command wrote, and count it.

        Raises:
            BrokenPipeError: the reader of stdout has gone.
            RolehopError: it could not be written.
        """
        with self._writing(of=row):
            self._running -= output is not None
            if row.result is not ResultClass.NOT_RUN:
                self._done += 1
                self._failed += row.result is not ResultClass.OK
            self._show(row, output)

    def stopping(self) -> None:
        """Wait for no answer any more."""
        self._is_stopping = True

    def finish(self) -> None:
        """Remove the line of progress."""
        if self._terminal.rewrites_lines:
            show_counter("", self._terminal.columns)

    def close(self) -> None:
        """Show what is known once all targets are done, and no progress any more."""
        self.finish()

    @contextmanager
    def _writing(self, of: TargetRow | None = None) -> Iterator[None]:
        """Replace the line of progress by what is written in here, and show it again.

        ``of``: the target that is done, and what becomes of it if this cannot be written.
        """
        with self._guard:
            while is_asking() and not self._is_stopping:
                time.sleep(_ASKING_PAUSE)
            self.finish()
            try:
                yield
            except BrokenPipeError:
                raise
            except OSError as error:
                failure = not_written(error, "" if of is None else f" of {clean(of.name)}")
                if of is not None and of.result is ResultClass.OK:
                    failure.fix = f"{failure.fix}; its command was run, and --resume leaves it out"
                raise failure from None
            self._count()

    def _count(self) -> None:
        if self._terminal.rewrites_lines and not is_asking():
            seconds = time.monotonic() - self._begun
            text = progress_text(self._total, self._running, self._done, self._failed, seconds)
            show_counter(text, self._terminal.columns)

    def _show(self, row: TargetRow, output: CommandOutput | None) -> None:
        if output is None or not (_size(output.stdout) or _size(output.stderr)):
            return
        if not self._terminal.quiet:
            write_lines(f"==> {_heading(row)} <==")
        copy_program_output(output.stdout, sys.stdout)
        copy_program_output(output.stderr, sys.stderr)


class CountingWatcher(GroupedWatcher):
    """Shows how far the run is, and nothing else: the output is in files."""

    def _show(self, row: TargetRow, output: CommandOutput | None) -> None:
        """Show nothing."""


class PrefixWatcher(CountingWatcher):
    """Shows each line as it comes, behind the name of its target."""

    def wrote(self, name: str, line: bytes, is_stderr: bool) -> None:
        """Show one line of a command; raises as `ended`."""
        with self._writing():
            text = f"{clean(name)}: ".encode("utf-8", "surrogateescape") + line
            copy_program_output(BytesIO(text), sys.stderr if is_stderr else sys.stdout)


class JsonWatcher(GroupedWatcher):
    """Writes a JSON document of one line for each target, the begin of its output in it."""

    def __init__(self, terminal: Terminal, total: int, folder: OutputFolder | None = None) -> None:
        """``folder``: where the output is, if it is in files."""
        super().__init__(terminal, total)
        self._folder = folder

    def _show(self, row: TargetRow, output: CommandOutput | None) -> None:
        """Write the document."""
        members = no_output(folder=self._folder.name_of(row.name) if self._folder else None)
        if output is not None and self._folder is None:
            both = (output.stdout, output.stderr)
            members["stdout"], members["stderr"] = map(_begin_of, both)
            members["cut"] = any(_size(each) > _MOST_IN_JSON for each in both)
        write_stdout(result_line(row, members) + "\n", "utf-8")


class MergingWatcher(GroupedWatcher):
    """Merges what commands write to stdout; the rest is shown as it is.

    With ``table`` all of it is written at the end, else each line as soon as its target is done.
    """

    def __init__(self, terminal: Terminal, total: int, table: MergedTable | None) -> None:
        super().__init__(terminal, total)
        self._table = table

    def _show(self, row: TargetRow, output: CommandOutput | None) -> None:
        stdout: str | None = ""
        if output is not None:
            stdout = None if _size(output.stdout) > MOST_MERGED else _whole(output.stdout)
        for each in merged_rows(row, stdout):
            if self._table is None:
                write_stdout(merged_line(each) + "\n", "utf-8")
            else:
                self._table.add(each)
        if output is not None and _size(output.stderr):
            if not self._terminal.quiet:
                write_lines(f"==> {_heading(row)} <==")
            copy_program_output(output.stderr, sys.stderr)

    def close(self) -> None:
        """Write the table, if it is one."""
        super().close()
        if self._table is not None:
            write_stdout(self._table.text, "utf-8")


def _heading(row: TargetRow) -> str:
    where = ", ".join(filter(None, (row.account_name and clean(row.account_name), row.account)))
    return f"{row.name} ({where})" if where else row.name


def _size(file: IO[bytes]) -> int:
    return file.seek(0, 2)


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST_MERGED).decode("utf-8", "replace")


def _begin_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MOST_IN_JSON).decode("utf-8", "replace")
