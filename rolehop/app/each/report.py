"""Read what runs have left in their folders, those of all shards together; nothing is left out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rolehop.app.each.output_folder import (
    LARGEST,
    RESULT,
    RUN,
    DescribedRun,
    run_in,
    text_or_none,
)
from rolehop.durations import read_moment
from rolehop.errors import RolehopError, UsageError
from rolehop.files import read_regular
from rolehop.show.running.rows import ResultClass, TargetProblem, TargetRow
from rolehop.startup.dataclass import dataclass
from rolehop.state.json_file import UNUSABLE, number_in, text_in

_LONGEST = 1e9  # seconds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunReport:
    """The results of several folders."""

    rows: list[TargetRow]
    """One for each target; those without a result are not run."""

    problems: list[str]
    """What makes the report incomplete: shards that are not there, or of another run."""


def read_report(folders: Sequence[Path]) -> RunReport:
    """Return what became of every target, sorted by name.

    Of a target with several results the newest counts.

    Raises:
        UsageError: there are no results in a folder.
        RolehopError: a file cannot be read, or is none of `each`.
    """
    runs, results = list[DescribedRun](), dict[str, TargetRow]()
    for folder in folders:
        found = sorted(_files(folder))
        if not found:
            fix = "name what --output named"
            raise UsageError(f"{folder} has no results of rolehop each", fix=fix)
        for path in found:
            if path.name == RUN:
                runs.append(_read(path, run_in))
            else:
                row = _read(path, _as_row)
                if row.name not in results or _at(results[row.name]) <= _at(row):
                    results[row.name] = row
    for run in runs:
        for name, (chain, region) in run.targets.items():
            missing = TargetRow(name, chain, ResultClass.NOT_RUN, region=region)
            results.setdefault(name, missing)
    return RunReport([results[name] for name in sorted(results)], list(_problems(runs)))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the result of each target, and what describes the run; no link is followed."""
    for root, _, names in os.walk(folder):
        wanted = {RESULT, RUN} if Path(root) == folder else {RESULT}
        yield from (Path(root) / name for name in names if name in wanted)


def _read(path: Path, convert: Callable[[dict[str, Any]], T]) -> T:
    try:
        return convert(json.loads(read_regular(path, LARGEST)))
    except OSError as error:
        raise RolehopError(f"{path} cannot be read", cause=error.strerror or str(error)) from None
    except UNUSABLE:
        fix = "run that target again, or delete it"
        raise RolehopError(f"{path} is not what rolehop each writes", fix=fix) from None


def _as_row(document: dict[str, Any]) -> TargetRow:
    code = document["exit_code"]
    seconds = document["seconds"]
    return TargetRow(
        text_in(document, "target"),
        text_in(document, "chain"),
        ResultClass(document["class"]),
        text_or_none(document, "account"),
        text_or_none(document, "account_name"),
        text_or_none(document, "role"),
        text_or_none(document, "region"),
        None if code is None else number_in(document, "exit_code"),
        None if seconds is None else max(0.0, min(_LONGEST, float(seconds))),
        _problem(document["error"]),
        None if document["ended_at"] is None else read_moment(document["ended_at"]),
    )


def _problem(document: Mapping[str, Any] | None) -> TargetProblem | None:
    if document is None:
        return None
    return TargetProblem(
        text_in(document, "what"),
        text_or_none(document, "cause"),
        text_or_none(document, "fix"),
        None if document["hop"] is None else number_in(document, "hop"),
    )


def _at(row: TargetRow) -> float:
    return -1.0 if row.ended_at is None else row.ended_at.timestamp()


def _problems(runs: Sequence[DescribedRun]) -> Iterator[str]:
    """Yield which shards are missing, and whether all are of the same targets."""
    shards = {each.shard for each in runs if each.shard is not None}
    counts = {each.partition("/")[2] for each in shards}
    for count in sorted(counts):
        wanted = range(1, int(count) + 1) if count.isdecimal() and len(count) < 5 else ()
        missing = [f"{number}/{count}" for number in wanted if f"{number}/{count}" not in shards]
        if missing:
            yield f"shards that are not here: {', '.join(missing)}"
    if len(counts) > 1:
        yield "these are shards of runs that were parted differently"
    if len({each.whole for each in runs if each.shard is not None}) > 1:
        yield "the shards were made from different chains: some may be in none of them"
