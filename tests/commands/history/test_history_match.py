"""``history match`` with real walks, and the filters and formats of ``history``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import ADMIN, HUB, World


def trail_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what CloudTrail would have: rolehop's calls, and one of a program of each session."""
    events = []
    for each in lines:
        event = {"eventTime": each["at"], "eventID": f"e{each['number']}", "awsRegion": "eu-west-1"}
        if each["event"] == "call":
            name = each["action"].partition(":")[2]
            event |= {"eventSource": "sts.amazonaws.com", "eventName": name}
            event["responseElements"] = {"credentials": {"accessKeyId": each["access_key_id"]}}
        else:
            arn = f"arn:aws:sts::333333333333:assumed-role/Admin/{each['session_name']}"
            event |= {"eventSource": "s3.amazonaws.com", "eventName": "ListBuckets"}
            event["userIdentity"] = {"accessKeyId": each["access_key_id"], "arn": arn}
        events.append(event)
    return events


@pytest.fixture
def trail(world: World, tmp_path: Path) -> Path:
    assert world.rolehop("exec", "admin", "--reason", "INC-42", "--", "true").code == 0
    events = trail_of(world.rolehop("history", "--format", "json").json["lines"])
    other = json.loads(json.dumps(events[-1]))
    other |= {"eventID": "laptop"}
    other["userIdentity"]["accessKeyId"] = "ASIAOTHERLAPTOP"
    nobody = {**events[-1], "eventID": "nobody", "userIdentity": {"accessKeyId": "AKIAX"}}
    path = tmp_path / "trail.json"
    path.write_text(json.dumps({"Records": [*events, events[0], other, nobody, 1]}))
    return path


def test_calls_in_a_trail_are_told_by_chain_reason_and_program(world: World, trail: Path) -> None:
    events = world.rolehop("history", "match", str(trail), "--format", "json").json["events"]
    hub, admin, program, laptop, nobody = events
    for each, hop in ((hub, 1), (admin, 2)):
        assert (each["by"], each["chain"], each["hop"]) == ("request_id", "admin", hop)
        assert each["reasons"] == ["INC-42"]
    assert (program["by"], program["chain"]) == ("access_key_id", "admin")
    assert (program["programs"], program["reasons"]) == (["rolehop exec: true"], ["INC-42"])
    assert (laptop["by"], laptop["chain"], laptop["candidates"]) == (None, None, ["admin"])
    assert "a chain had this session name at this time" in laptop["why"]
    assert (nobody["by"], nobody["lines"]) == (None, [])


def test_a_person_sees_what_is_alike_in_one_row_and_how_many_there_are(
    world: World, trail: Path
) -> None:
    done = world.rolehop("history", "match", str(trail))
    assert done.code == 0
    assert done.err == (
        "rolehop: 5 events: 3 are of sessions of this history, 1 may be, which cannot be told, 1 are"
        " not, 1 were there twice, 1 could not be read\n"
    )
    assert "rolehop exec: true" in done.out
    assert "sts:AssumeRole" in done.out


def test_a_trail_may_come_on_stdin_and_go_on_as_lines_or_csv(world: World, trail: Path) -> None:
    text = trail.read_text()
    lines = world.rolehop("history", "match", "-", "--format", "ndjson", input=text).out
    assert [json.loads(each)["by"] for each in lines.splitlines()] == [
        *("request_id", "request_id", "access_key_id", None, None)
    ]
    table = world.rolehop("history", "match", "-", "--format", "csv", input=text).out
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [each["chain"] for each in rows] == ["admin", "admin", "admin", "", ""]


@pytest.mark.parametrize("text", [None, "no JSON", '{"Records":['])
def test_what_is_no_trail_is_said(world: World, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "trail.json"
    if text is not None:
        path.write_text(text)
    done = world.rolehop("history", "match", str(path))
    assert done.code == 2
    assert f"{path} cannot be read" in done.err


def test_lines_are_chosen_by_role_account_outcome_key_and_time(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=[])
    assert world.rolehop("exec", "admin", "--", "true").code == 5
    assert world.rolehop("exec", "hub", "--", "true").code == 0

    def roles(*options: str) -> list[str]:
        lines = world.rolehop("history", "--format", "json", *options).json["lines"]
        return [f"{each['event']} {each['role'].rpartition('/')[2]}" for each in lines]

    hub, refused, handed = "call Hub", "call Admin", "handover Hub"
    assert roles() == [hub, refused, handed]
    assert roles("--role", "Ad*") == roles("--role", ADMIN) == [refused]
    assert roles("--account", "222*") == roles("--role", HUB, "--role", "x") == [hub, handed]
    assert roles("--outcome", "accessdenied") == [refused]
    assert roles("--outcome", "ok", "--account", "333333333333") == []
    key = world.rolehop("history", "--format", "json").json["lines"][0]["access_key_id"]
    assert key.startswith("ASIA")
    assert roles("--key", key) == roles("--key", key[-4:]) == [hub, handed]
    assert roles("--until", "1h") == roles("--since", "2999-01-01") == []
    assert roles("--until", "2999-01-01", "--since", "1h") == roles()


def test_lines_for_other_programs(world: World) -> None:
    assert world.rolehop("exec", "hub", "--reason", "=1+1", "--", "true").code == 0
    lines = world.rolehop("history", "--format", "ndjson").out.splitlines()
    assert [json.loads(each)["event"] for each in lines] == ["call", "handover"]
    table = world.rolehop("history", "--format", "csv").out
    first, second = csv.DictReader(io.StringIO(table))
    assert (first["reason"], second["runs"], second["hop"]) == ("'=1+1", "true", "")
    assert first.keys() == json.loads(lines[0]).keys()
    assert {first["user"], second["user"]} == {"me"}
    assert first["pid"].isdecimal()


def test_a_journal_that_is_not_there_is_one_note(world: World) -> None:
    if Path("/run/systemd/journal/socket").exists():
        return  # tests/vault/state/test_journal.py has one that is
    world.config(f"{world.config_file.read_text()}\n[history]\njournald = true\n")
    done = world.rolehop("exec", "admin", "--", "true")
    assert done.code == 0
    assert done.err.count("the system's journal does not take it") == 1
    assert len(world.rolehop("history", "--format", "json").json["lines"]) == 3
