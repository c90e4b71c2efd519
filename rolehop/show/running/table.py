"""The table of a run, its JSON lines, and the line that shows how far it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from rolehop.show.layout import Grid, Line, Row, StyledText, View, line, row
from rolehop.show.running.rows import PlannedRow, ResultClass, TargetRow
from rolehop.show.times import rfc3339, show_span
from rolehop.text import clean, pluralize, visible_json

_MOST_ROWS = 60
"""A table of more shows only what is not ok, and no more than this of it."""


def results_view(rows: Sequence[TargetRow], *, verbose: bool, may_resume: bool = True) -> View:
    """Show every target, then the counts; of very many, only what is not ok unless ``verbose``.

    ``may_resume``: say how what is not ok is run again.
    """
    shown = rows
    if len(rows) > _MOST_ROWS and not verbose:
        shown = [each for each in rows if each.result is not ResultClass.OK][:_MOST_ROWS]
    drawn = [_result_row(each) for each in shown]
    columns = ("CHAIN", "ACCOUNT", "EXIT", "CLASS", "TIME")
    grid = [Grid(columns, drawn)] if drawn else []
    resume = may_resume and any(each.result is not ResultClass.OK for each in rows)
    advice = [line("the same command with --resume runs only what is not ok")] if resume else []
    return [*grid, *_counts(rows, len(rows) - len(shown)), *advice]


def _result_row(each: TargetRow) -> Row:
    code = "-" if each.exit_code is None else str(each.exit_code)
    good = each.result is ResultClass.OK
    return row(
        StyledText(each.name, "bold"),
        each.account or "-",
        code,
        StyledText(each.result.value, "green" if good else "red"),
        "-" if each.seconds is None else f"{each.seconds:.1f} s",
        under=each.problem.in_one_line if each.problem else "",
    )


def _counts(rows: Sequence[TargetRow], hidden: int) -> Iterator[Line]:
    counted = Counter(each.result for each in rows)
    parts = [f"{counted[kind]:,} {kind.value}" for kind in ResultClass if counted[kind]]
    more = f" ({hidden:,} of them not shown: -v shows all)" if hidden else ""
    yield line(f"{pluralize(len(rows), 'target')}: {', '.join(parts)}{more}")


def planned_view(rows: Sequence[PlannedRow], *, verbose: bool) -> View:
    """Show what a run would do; ``verbose``: with the command of each target."""
    drawn = [
        row(
            StyledText(each.chain, "bold"),
            each.account or "-",
            each.role or "-",
            each.region or "-",
            "yes" if each.cached else "no",
            under=_planned_under(each, verbose=verbose),
        )
        for each in rows
    ]
    failing = sum(1 for each in rows if each.problem)
    count = f"{pluralize(len(rows), 'target')}, {failing} of them will fail; nothing was run"
    return [Grid(("CHAIN", "ACCOUNT", "ROLE", "REGION", "CACHED"), drawn), line(count)]


def _planned_under(each: PlannedRow, *, verbose: bool) -> str:
    problem = f"will fail: {clean(each.problem)}" if each.problem else ""
    return "; ".join(filter(None, (problem, " ".join(each.argv) if verbose else "")))


def no_output(*, folder: str | None = None) -> dict[str, object]:
    """Return the members of a document that say where the output is, if it is not in there."""
    return {"stdout": None, "stderr": None, "cut": False, "folder": folder}


def result_line(row: TargetRow, output: dict[str, object]) -> str:
    """Return one line of ``rolehop.each/1``; ``output``: as `no_output`, with texts or without."""
    return visible_json(json.dumps(result_document(row, output), ensure_ascii=False))


def result_document(row: TargetRow, output: dict[str, object]) -> dict[str, object]:
    """Return ``rolehop.each/1``; ``output`` as for `result_line`."""
    problem = row.problem
    return {
        "schema": "rolehop.each/1",
        **_identity(row),
        "class": row.result.value,
        "exit_code": row.exit_code,
        "seconds": None if row.seconds is None else round(row.seconds, 3),
        "ended_at": rfc3339(row.ended_at),
        "error": None
        if problem is None
        else {"what": problem.what, "cause": problem.cause, "fix": problem.fix, "hop": problem.hop},
        **output,
    }


def _identity(row: TargetRow) -> dict[str, object]:
    return {
        "target": row.name,
        "chain": row.chain,
        "account": row.account,
        "account_name": row.account_name,
        "role": row.role,
        "region": row.region,
    }


def planned_line(row: PlannedRow) -> str:
    """Return one line of ``rolehop.each-plan/1``."""
    document = {
        "schema": "rolehop.each-plan/1",
        "chain": row.chain,
        "account": row.account,
        "role": row.role,
        "region": row.region,
        "cached": row.cached,
        "will_fail": row.problem,
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
