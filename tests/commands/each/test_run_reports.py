"""What several folders of results say together: the newest result, and which shards do not fit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.commands.each.output_folder import RESULT, RUN, read_report
from rolehop.commands.each.targets import ResultClass, TargetRow, no_output, result_document

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def folder(at: Path, result: ResultClass, hour: int | None, **run: object) -> Path:
    """Write a folder that has the result of the target ``prod``, and that of no other."""
    ended = None if hour is None else NOON.replace(hour=hour)
    row = TargetRow("prod", "prod", result, ended_at=ended)
    (at / "prod").mkdir(parents=True)
    document = result_document(row, no_output(folder="prod"))
    (at / "prod" / RESULT).write_text(json.dumps(document))
    described = {"shard": None, "whole": "w", "targets": [], **run}
    (at / RUN).write_text(json.dumps(described))
    return at


@pytest.mark.parametrize(
    ("hours", "result"),
    [
        ((9, 8), "command failed"),
        ((8, 9), "ok"),
        ((None, 8), "ok"),
        ((8, None), "command failed"),
        ((8, 8), "ok"),
    ],
)
def test_of_two_results_the_newest_counts(
    tmp_path: Path, hours: tuple[int | None, int | None], result: str
) -> None:
    first = folder(tmp_path / "1", ResultClass.FAILED, hours[0])
    second = folder(tmp_path / "2", ResultClass("ok"), hours[1])
    found = read_report([first, second])
    assert [each.result.value for each in found.rows] == [result]
    assert found.problems == []


@pytest.mark.parametrize(
    ("one", "other", "problems"),
    [
        (("1/2", "w"), ("2/2", "w"), []),
        (("1/2", "w"), ("2/2", "x"), ["the shards were made from different chains: some may be in none of them"]),
        (("1/1", "w"), ("1/2", "w"), ["shards that are not here: 2/2", "these are shards of runs that were parted differently"]),
        (("1/many", "w"), ("1/many", "w"), []),
    ],
)  # fmt: skip
def test_shards_that_do_not_fit(
    tmp_path: Path, one: tuple[str, str], other: tuple[str, str], problems: list[str]
) -> None:
    folders = [
        folder(tmp_path / str(number), ResultClass("ok"), 8, shard=shard, whole=whole)
        for number, (shard, whole) in enumerate((one, other))
    ]
    assert read_report(folders).problems == problems
