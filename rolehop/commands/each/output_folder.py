"""What ``each --output`` writes: a folder for each target, with stdout, stderr and what became of it.

``each --report`` reads the results of several such folders.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.durations import read_moment
from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.file_access import distrust_of_folder
from rolehop.base.files import (
    PRIVATE_FOLDER,
    make_private_folder,
    open_emptied,
    read_regular,
    write_beside,
)
from rolehop.base.startup import Pattern
from rolehop.commands.each.outputs import FileOutput
from rolehop.commands.each.targets import (
    ResultClass,
    TargetProblem,
    TargetRow,
    no_output,
    result_document,
)
from rolehop.vault.notes import UNUSABLE, number_in, text_in

if TYPE_CHECKING:
    from rolehop.commands.each.targets import RunTarget, Shard

STDOUT, STDERR, RESULT, RUN = "stdout", "stderr", "result.json", "run.json"
_UNSAFE = Pattern(r"[^A-Za-z0-9_.@+-]|^\.")

_TAKEN = Pattern(
    r"(?i)stdout|stderr|(?:result|run)\.json|(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?"
)

LARGEST = 1 << 26
"""Bytes of a file that is read again."""

_LONGEST_NAME = 100  # characters; file systems take 255 bytes


def folder_name(chain: str, region: str | None = None) -> str:
    """Return the relative path of a target's folder: ``prod/web`` or ``prod/web/eu-west-1``.

    Whatever the names are, it leads nowhere else: other characters than those of chains' names
    are written as ``%41``.
    """
    parts = [*chain.split("/"), *([region] if region else [])]
    return "/".join(map(_safe_part, parts))


def _safe_part(name: str) -> str:
    safe = _UNSAFE.sub(lambda found: _escaped(found[0]), name) or "%"
    if _TAKEN.fullmatch(safe):
        safe = _escaped(safe[0]) + safe[1:]
    return safe if len(safe) <= _LONGEST_NAME else f"{safe[:_LONGEST_NAME]}~{_short_digest(name)}"


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def _short_digest(name: str) -> str:
    return digest_of(name)[:8]


@dataclass(frozen=True, slots=True)
class DescribedRun:
    """What is in the file that describes a run."""

    shard: str | None
    whole: str
    targets: dict[str, tuple[str, str | None]]
    """Chain and region by the target's name."""


def run_in(document: dict[str, Any]) -> DescribedRun:
    """Read the document; raises what is in `UNUSABLE`."""
    targets = {
        text_in(each, "target"): (text_in(each, "chain"), text_or_none(each, "region"))
        for each in document["targets"]
    }
    return DescribedRun(text_or_none(document, "shard"), text_in(document, "whole"), targets)


def text_or_none(document: Mapping[str, Any], name: str) -> str | None:
    """Return a text, or ``None`` if the member is null; raises as `run_in`."""
    return None if document[name] is None else text_in(document, name)


class OutputFolder:
    """The folder that ``--output`` names, and one in it for each target."""

    def __init__(self, root: Path, targets: Sequence[RunTarget]) -> None:
        """Create it.

        Raises:
            UsageError: it cannot be created, or others could change what is in it.
        """
        self._root = root
        names = {each.name: folder_name(each.chain, each.region) for each in targets}
        # Some file systems take two names that differ only by case for one.
        folded = Counter(name.casefold() for name in names.values())
        self._names = {
            each: f"{name}~{_short_digest(each)}" if folded[name.casefold()] > 1 else name
            for each, name in names.items()
        }
        problem = _problem_of(root)
        if problem is not None:
            fix = "name a folder that only you can write"
            raise UsageError(f"{root} cannot take the output", cause=problem, fix=fix)

    def describe(
        self, whole: Sequence[RunTarget], own: Sequence[RunTarget], shard: Shard | None
    ) -> None:
        """Write which targets belong to the run, for a report: also one that never begins is missed.

        ``whole`` are those of all shards, ``own`` those of this one. The targets of earlier runs
        stay in the report.

        Raises:
            UsageError: another shard's run is in the folder, or a file that is not of `each`.
            RolehopError: that is not possible.
        """
        named = None if shard is None else str(shard)
        targets = {(each.chain, each.region): each.name for each in own}
        document = {
            "schema": "rolehop.each-run/1",
            "shard": named,
            "whole": digest_of([each.name for each in whole]),
            "targets": [
                {"target": name, "chain": chain, "region": region}
                for (chain, region), name in (self._earlier(named) | targets).items()
            ],
        }
        try:
            write_beside(self._root / RUN, json.dumps(document, indent=2) + "\n", lasting=False)
        except OSError as error:
            raise _not_written(self._root, error) from None

    def _earlier(self, shard: str | None) -> dict[tuple[str, str | None], str]:
        """Return the targets of earlier runs in the folder."""
        path = self._root / RUN
        fix = "name another folder"
        try:
            found = run_in(json.loads(read_regular(path, LARGEST)))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _not_written(self._root, error) from None
        except UNUSABLE:
            raise UsageError(f"{path} is not what rolehop each writes", fix=fix) from None
        if found.shard != shard:
            of = f"shard {found.shard}" if found.shard else "a run without --shard"
            raise UsageError(f"{self._root} has the results of {of}", fix=fix)
        return {key: name for name, key in found.targets.items()}

    def forget(self, targets: Sequence[RunTarget]) -> None:
        """Delete what earlier runs said of targets that are to be run: a killed run says nothing.

        Raises:
            RolehopError: that is not possible.
        """
        for target in targets:
            folder = self._root / self._names[target.name]
            try:
                if folder.exists():
                    self._make(folder)
                    (folder / RESULT).unlink(missing_ok=True)
            except OSError as error:
                raise _not_written(folder, error) from None

    def output(self, target: RunTarget) -> FileOutput:
        """Return where the output of a target goes.

        Raises:
            RolehopError: its files cannot be written.
        """
        folder = self._root / self._names[target.name]
        try:
            self._make(folder)
            return FileOutput(
                partial(open_emptied, folder / STDOUT), partial(open_emptied, folder / STDERR)
            )
        except OSError as error:
            raise _not_written(folder, error) from None

    def store(self, target: RunTarget, row: TargetRow) -> None:
        """Write what became of a target.

        Raises:
            RolehopError: that is not possible.
        """
        name = self._names[target.name]
        document = result_document(row, no_output(folder=name))
        try:
            self._make(self._root / name)
            text = json.dumps(document, indent=2) + "\n"
            write_beside(self._root / name / RESULT, text, lasting=False)
        except OSError as error:
            raise _not_written(self._root / name, error) from None

    def name_of(self, target: str) -> str:
        """Return the relative path of the folder of the target of that name."""
        return self._names[target]

    def _make(self, folder: Path) -> None:
        """Create a target's folder; no link leads out of the root, and no other user writes there.

        Nobody else can put a link there later: `distrust_of_folder` judges the whole way to it.
        """
        step = self._root
        for part in folder.relative_to(self._root).parts:
            step /= part
            with suppress(FileExistsError):
                step.mkdir(mode=PRIVATE_FOLDER)
            if not stat.S_ISDIR(step.lstat().st_mode):
                raise NotADirectoryError(
                    errno.ENOTDIR, "a link is in the place of a folder", str(step)
                )
            distrust = distrust_of_folder(step)
            if distrust is not None:
                raise PermissionError(errno.EPERM, str(distrust), str(step))


def _problem_of(root: Path) -> str | None:
    """Create the folder; return why output must not go there."""
    try:
        make_private_folder(root)
        found = distrust_of_folder(root)
    except OSError as error:
        return error.strerror or str(error)
    if not root.is_dir():
        return "it is no folder"
    return None if found is None else str(found)


def _not_written(folder: Path, error: OSError) -> RolehopError:
    return RolehopError(
        f"{folder} cannot be written",
        cause=error.strerror or str(error),
        fix="check whether its disk has room, and whose it is",
    )


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
