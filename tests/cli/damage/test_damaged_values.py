"""One odd value in an otherwise whole state file: readers do without it, and nothing is unexpected."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.base.digest import checked_line
from rolehop.base.errors import RolehopError
from rolehop.cli.context import CommandContext
from rolehop.cli.root import root
from rolehop.commands.serve.running import ServerNote
from tests.support.world import AUDITS, CONFIG, World, temporary_world

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 10**400, -(10**400), 1.5, 1e308, float("nan"), float("inf")),
    *(
        "",
        "x",
        "\x1b[31m\u202e",
        "x" * 5_000,
        "\ud800",
        [],
        [1],
        ["x"],
        [[1, 2]],
        [["a", "b"]],
        {},
        {"x": 1},
    ),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z"),
    *(
        "0001-01-01T00:00:00Z",
        "2026-01-01T00:00:00",
        "2999-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
    ),
)
_STATUS = ("status -v", "status --format json", "list", "plan spokes/444444444444")
READERS: dict[str, tuple[str, ...]] = {
    "history": ("history -v", "history --format json", "history --since 1h", "status"),
    "index.json": _STATUS,
    "sdk": ("status", "status --format json"),
    "last-refusal.json": (
        "explain --last --offline",
        "explain --last --offline --format json",
        "status",
    ),
    "organization.json": ("explain --last --offline", "explain admin --offline"),
    "usage.json": ("list",),
    "servers": ("status", "status --format json"),
}
"""By file or folder of the state; what no reader of these reads is for other tests."""

Place = tuple[str, int, tuple[str | int, ...]]
"""A file, the number of its line, and the way to a value in that line's JSON."""


@pytest.fixture(scope="module")
def full() -> Iterator[World]:
    """A world whose state folder has a file of every kind, and a copy of it."""
    with temporary_world() as world:
        world.config(f'{CONFIG}\n[organization]\nfrom = "hub"\n')
        assert world.rolehop("export", "admin").code == 0
        assert world.rolehop("assume", "hub", "--read-only", "--shell", "sh").code == 0
        del world.sts.world.roles[AUDITS[0]]
        flags = ("--tag", "a=b", "--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
        more = ("--duration", "20m", "--reason", "why", "--region", "eu-west-1")
        assert world.rolehop("export", "spokes/444444444444", *flags, *more).code == 5
        assert world.rolehop("credential-process", "spokes/444444444444").code == 5
        assert world.rolehop("export", "spokes/444444444444", *flags, *more).code == 5
        _store_organization(world)
        running = ServerNote(world.state)
        running.store(_server())
        shutil.copytree(world.state, world.folder / "state")
        yield world
        running.remove()


def _server() -> dict[str, object]:
    at = datetime.now(UTC).isoformat()
    chain = {"chain": "admin", "next_renewal": at, "expires_at": at, "problem": None, "arn": "a"}
    where = {"command": "serve", "address": "http://127.0.0.1:1", "socket": None}
    counted = {"requests": 1, "clients": ["aws-cli/2"], "token_file": None, "chains": [chain]}
    counted["for_containers"] = False
    return {"pid": os.getpid(), "started_at": at, **where, **counted}


def _store_organization(world: World) -> None:
    text = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    fields = {
        "schema": 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "chain": "hub",
        "management_account": "111111111111",
        "paths": {"444444444444": ["r-1", "444444444444"]},
        "targets": {"r-1": ["Root", ["p-1"], []], "444444444444": ["spoke", ["p-1"], []]},
        "policies": {"p-1": ["Full", text]},
        "enabled": [True, False],
    }
    (world.state / "organization.json").write_text(checked_line(json.dumps(fields)))


def lines_of(path: Path) -> list[Any]:
    """The lines without their checks, which `put` makes anew: they would hide what is odd."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: line[name] for name in line if name != "check"} for line in lines]


def ways(value: Any) -> Iterator[tuple[str | int, ...]]:
    yield ()
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, each in members:
        yield from ((name, *way) for way in ways(each))


def places(state: Path) -> list[Place]:
    return [
        (str(path.relative_to(state)), number, way)
        for path in sorted(state.rglob("*"))
        if path.suffix in (".json", ".jsonl") and path.relative_to(state).parts[0] in READERS
        for number, line in enumerate(lines_of(path))
        for way in ways(line)
    ]


def put(state: Path, place: Place, odd: Any) -> None:
    name, number, way = place
    lines = lines_of(state / name)
    if way:
        *above, last = way
        holder = lines[number]
        for each in above:
            holder = holder[each]
        holder[last] = odd
    else:
        lines[number] = odd
    (state / name).write_text("".join(map(_with_check, lines)))


def _with_check(value: Any) -> str:
    text = json.dumps(value)
    return checked_line(text) if isinstance(value, dict) else f"{text}\n"


def read_all(world: World, name: str) -> None:
    """Run what reads a file in this process; only `explain` may have nothing to explain."""
    environ = world.environ
    with (
        patch.dict(os.environ, environ),
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        for command in READERS[name.partition("/")[0]]:
            cli = CommandContext(environ)
            words = command.split()
            try:
                code = root.main(words, prog_name="rolehop", standalone_mode=False, obj=cli)
            except RolehopError as error:
                code = error.exit_code
            assert code in ((0, 2, 3, 5) if words[0] == "explain" else (0, None)), command


# How many are drawn; all of them are about eight thousand, at a fifth of a second each.
@settings(max_examples=40)
@given(data=st.data())
def test_one_odd_value_is_never_unexpected(full: World, data: st.DataObject) -> None:
    kept = full.folder / "state"
    place = data.draw(st.sampled_from(places(kept)))
    try:
        put(full.state, place, data.draw(st.sampled_from(ODD)))
        read_all(full, place[0])
    finally:
        shutil.copyfile(kept / place[0], full.state / place[0])


@pytest.mark.parametrize(
    ("name", "way", "odd", "command"),
    [
        ("history/000000000001.jsonl", ("at",), "9999-12-31T23:59:59-23:59", "history"),
        ("history/000000000001.jsonl", ("at",), "0001-01-01T00:00:00+23:59", "history"),
        ("last-refusal.json", ("at",), "9999-12-31T23:59:59-23:59", "explain --last --offline"),
        ("last-refusal.json", ("asked", "tags"), [1], "explain --last --offline"),
        ("last-refusal.json", ("asked", "duration"), "x", "explain --last --offline"),
        ("last-refusal.json", ("asked", "policy"), 7, "explain --last --offline"),
        ("index.json", ("started_at",), "9999-12-31T23:59:59Z", "status"),
    ],
)
def test_the_program_goes_on_without_it(
    full: World, name: str, way: tuple[str, ...], odd: object, command: str
) -> None:
    put(full.state, (name, 0, way), odd)
    done = full.rolehop(*command.split())
    shutil.copyfile(full.folder / "state" / name, full.state / name)
    assert done.code == (2 if command.startswith("explain") else 0), done.err


@pytest.mark.parametrize(
    ("name", "odd"),
    [("at", "2999-01-01T00:00:00+00:00"), ("chain", "x" * 5_000), ("exit_code", 10**400)],
    ids=["time", "chain", "code"],
)
def test_a_note_of_no_time_or_chain_is_not_shown(full: World, name: str, odd: object) -> None:
    (note,) = (each for each in full.state.glob("sdk/*.json"))
    file = str(note.relative_to(full.state))
    assert full.rolehop("status", "--format", "json").json["credential_process"]
    put(full.state, (file, 0, (name,)), odd)
    done = full.rolehop("status", "--format", "json")
    shutil.copyfile(full.folder / "state" / file, full.state / file)
    assert (done.code, done.json["credential_process"]) == (0, [])
