"""What commands print, merged: each row with its account, JSON taken apart, nothing left out in silence."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from rolehop.commands.each.merged_view import MergedTable, merged_line, merged_rows, values_of
from rolehop.commands.each.targets import ResultClass, TargetProblem, TargetRow
from tests.commands.each.fleet import ACCOUNTS, give_fleet
from tests.guide.json_page import differences
from tests.support.world import World

OK = TargetRow("far/web", "far/web", ResultClass.OK, "4" * 12, "web", "Far", "eu-west-1", 0, 1.0)
REFUSED = TargetRow(
    "far/db", "far/db", ResultClass.REFUSED, problem=TargetProblem("AWS refused", "=x")
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        (" \n", []),
        ("[]", []),
        ('[{"a": 1}, 2, "x", null]', [{"a": 1}, 2, "x", None]),
        ('{"a": [1]}\n', [{"a": [1]}]),
        ('{\n  "a": 1\n}\n', [{"a": 1}]),
        ('{"a": 1}\n\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ("012345678901\n", ["012345678901"]),
        ("123\n", ["123"]),
        ("true", ["true"]),
        ('"x"', ['"x"']),
        ("two\nlines\r\n", ["two\nlines"]),
        ('{"a": 1}\nnot this', ['{"a": 1}\nnot this']),
        ('{"a": NaN}', ['{"a": NaN}']),
        ('{"a": 1e999}', ['{"a": 1e999}']),
        ("[" * 100_000, ["[" * 100_000]),
        ('{"a": ' + "9" * 5_000 + "}", ['{"a": ' + "9" * 5_000 + "}"]),
    ],
)
def test_what_is_json_is_taken_apart(text: str, values: list[Any]) -> None:
    assert values_of(text) == values


def documents(row: TargetRow, stdout: str | None) -> list[dict[str, Any]]:
    lines = [merged_line(each) for each in merged_rows(row, stdout)]
    assert all("\n" not in each and each.isprintable() for each in lines)
    found = [json.loads(each) for each in lines]
    assert not [wrong for each in found for wrong in differences(each)]
    return found


def test_every_row_says_whose_it_is() -> None:
    found = documents(OK, '[{"a": "\\u001b[31mx\\ud800\\u202e"}, {}]')
    assert [each.pop("value") for each in found] == [{"a": "\x1b[31mx\ud800\u202e"}, {}]
    assert found[0] == {
        "schema": "rolehop.each-row/1",
        "target": "far/web",
        "chain": "far/web",
        "account": "4" * 12,
        "account_name": "web",
        "role": "Far",
        "region": "eu-west-1",
        "class": "ok",
        "error": None,
        "cut": False,
    }


def test_who_is_not_ok_has_a_row_even_without_output() -> None:
    assert documents(OK, "") == []
    (refused,) = documents(REFUSED, "")
    assert (refused["class"], refused["value"]) == ("refused", None)
    assert refused["error"] == "AWS refused: =x"
    (failed,) = documents(REFUSED, "some")
    assert failed["value"] == "some"


def test_what_is_too_long_is_said_to_be_cut() -> None:
    (found,) = documents(OK, None)
    assert (found["value"], found["cut"]) == (None, True)


def rows_of(*printed: tuple[TargetRow, str]) -> list[dict[str, str]]:
    table = MergedTable()
    for row, text in printed:
        for each in merged_rows(row, text):
            table.add(each)
    return list(csv.DictReader(io.StringIO(table.text, newline="")))


def test_csv_has_a_column_for_every_key() -> None:
    found = rows_of(
        (OK, '[{"id": "i-1", "tags": {"a": [1]}, "n": 1.5}, {"id": "i-2", "on": true, "x": null}]'),
        (REFUSED, ""),
        (OK, 'a, "b"\nc'),
        (OK, '{"account": "5", "value": ""}'),
    )
    assert list(found[0])[8:] == ["id", "tags", "n", "on", "x", "value", "value.account"]
    assert (found[0]["tags"], found[0]["n"], found[0]["on"]) == ('{"a": [1]}', "1.5", "")
    assert (found[1]["on"], found[1]["x"], found[1]["account"]) == ("true", "", "4" * 12)
    assert (found[2]["class"], found[2]["id"], found[2]["account"]) == ("refused", "", "")
    assert found[3]["value"] == 'a, "b"\nc'
    assert (found[4]["account"], found[4]["value.account"]) == ("4" * 12, "5")


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "\tx", "\rx"])
def test_no_cell_is_a_formula(text: str) -> None:
    (found,) = rows_of((OK, json.dumps({text: text, "n": -1})))
    cell = f"'{text}".replace("\r", "\n")
    assert (found[cell], found["n"]) == (cell, "-1")


SCRIPT = (
    'echo to-stderr >&2; test {account} = 600000000001 && exit 3; echo \'[{"a": 1}, {"a": 2}]\''
)


def test_a_run_prints_the_rows_of_all_targets(world: World) -> None:
    give_fleet(world)
    words = ("each", "far/*", "--format")
    done = world.rolehop(*words, "ndjson", "--", "sh", "-c", SCRIPT)
    found = [json.loads(each) for each in done.out.splitlines()]
    assert (done.code, len(found)) == (1, 4 * 2 + 2)
    assert {each["account"] for each in found} == set(ACCOUNTS.values())
    assert {each["class"] for each in found if each["value"] is None} == {
        "command failed",
        "refused",
    }
    for said in (
        "==> far/good (good, 600000000000) <==\nto-stderr\n",
        "6 targets: 4 ok, 1 command",
    ):
        assert said in done.err
    table = world.rolehop(*words, "csv", "--", "sh", "-c", SCRIPT)
    rows = list(csv.DictReader(io.StringIO(table.out, newline="")))
    assert (table.code, len(rows)) == (1, len(found))
    assert {each["a"] for each in rows if each["class"] == "ok"} == {"1", "2"}


@pytest.mark.parametrize("flag", ["--prefix", "--output=out", "--dry-run"])
def test_what_prints_nothing_to_merge_is_refused(world: World, flag: str) -> None:
    give_fleet(world)
    done = world.rolehop("each", "far/*", flag, "--format", "csv", "--", "true")
    assert (done.code, done.out) == (2, "")
    assert f"{flag.partition('=')[0]} and --format csv exclude each other" in done.err
    assert world.rolehop("each", "--report", "x", "--format", "ndjson").code == 2
