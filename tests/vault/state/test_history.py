"""The history of a person: every call, every handover, nothing that is cached, and no secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rolehop.base.errors import ServiceError
from rolehop.base.time_limit import seconds_left
from rolehop.commands.history.rows import HistoryRow
from rolehop.commands.history.view import history_view
from rolehop.terminal.drawing import as_text, draw
from rolehop.terminal.output import visible_drawn
from rolehop.vault.history import History
from rolehop.vault.locks import FileLocks
from rolehop.walk.ports import ApiCall
from tests.support.secrets import found_in
from tests.support.world import ADMIN, CONFIG, HUB, World, mfa_code

KEYS = {
    "number",
    "at",
    "event",
    "action",
    "chain",
    "hop",
    "role",
    "source",
    "session_name",
    "request_id",
    "expires_at",
    "outcome",
    "reason",
    *("access_key_id", "ends", "program", "pid", "user", "runs", "clock_offset"),
}


def history(world: World, *options: str) -> list[dict[str, Any]]:
    document = world.rolehop("history", "--format", "json", *options).json
    assert document["schema"] == "rolehop.history/1"
    lines: list[dict[str, Any]] = document["lines"]
    assert all(each.keys() == KEYS for each in lines)
    return lines


def brief(lines: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [(each["action"], each["chain"], each["hop"], each["outcome"]) for each in lines]


def text_of(world: World) -> str:
    return "".join(each.read_text() for each in (world.state / "history").iterdir())


def test_each_call_and_each_handover_is_a_line(world: World) -> None:
    assert world.rolehop("exec", "admin", "--reason", "INC-42", "--", "true").code == 0
    first, second, third = history(world)
    assert first["role"] == HUB
    assert (first["source"], first["session_name"], first["hop"]) == ("me", "me", 1)
    assert (second["role"], second["hop"], second["outcome"]) == (ADMIN, 2, "ok")
    assert second["session_name"] == "me+INC-42"
    assert (second["request_id"], second["expires_at"][-1]) == ("double", "Z")
    assert (third["event"], third["action"], third["role"]) == ("handover", "exec", ADMIN)
    assert [each["reason"] for each in (first, second, third)] == ["INC-42"] * 3
    assert [each["chain"] for each in (first, second, third)] == ["admin"] * 3
    assert world.rolehop("whoami", "admin", "--reason", "INC-42").code == 0
    assert world.rolehop("whoami", env={"ROLEHOP_CHAIN": "hub"}).code == 0
    by_chain, by_shell = history(world)[3:]
    assert (by_chain["action"], by_chain["outcome"]) == ("sts:GetCallerIdentity", "ok")
    signer = ("chain", "source", "role", "session_name", "hop", "reason")
    assert [by_chain[key] for key in signer] == ["admin", "me", ADMIN, "me+INC-42", None, "INC-42"]
    assert [by_shell[key] for key in signer[:4]] == ["hub", None, None, None]


@pytest.mark.parametrize(
    ("command", "more"),
    [("assume", ()), ("export", ()), ("exec", ("--", "true")), ("shell", ("--shell", "true"))],
    ids=["assume", "export", "exec", "shell"],
)
def test_a_cached_handover_is_one_line(world: World, command: str, more: tuple[str, ...]) -> None:
    world.rolehop("credential-process", "admin")
    before = len(history(world))
    for _ in range(2):  # the first writes the hot path's record, the second uses it
        assert world.rolehop(command, "admin", *more).code == 0
    new = history(world)[before:]
    assert brief(new) == [(command, "admin", None, "ok")] * 2
    assert [each["role"] for each in new] == [ADMIN] * 2


def test_an_answer_to_credential_process_that_takes_the_full_path_is_one_line(world: World) -> None:
    """The hot path's has none; without a keyring that it can read there is no hot path."""
    world.rolehop("credential-process", "admin")
    before = history(world)
    assert (before[-1]["action"], before[-1]["request_id"]) == ("credential-process", "double")
    for options in ((), ("--min-ttl", "20m")):
        assert world.rolehop("credential-process", "admin", *options).code == 0
    new = history(world)[len(before) :]
    assert brief(new) == [("credential-process", "admin", None, "ok")] * 2
    keys = {each["access_key_id"] for each in (*new, before[1])}
    assert len(keys) == 1, "of the call that gave the session"


def test_a_refused_call_has_the_code_of_aws(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=[])
    assert world.rolehop("exec", "admin", "--", "true").code == 5
    assert brief(history(world)) == [
        ("sts:AssumeRole", "admin", 1, "ok"),
        ("sts:AssumeRole", "admin", 2, "AccessDenied"),
    ]


def test_a_call_without_an_answer_failed(world: World) -> None:
    nobody = {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    assert world.rolehop("exec", "hub", "--", "true", env=nobody).code == 6
    (line,) = history(world)
    assert (line["outcome"], line["request_id"]) == ("failed", None)


def test_no_secret_and_no_code_is_in_it(world: World) -> None:
    device = world.device.serial
    world.config(CONFIG.replace('"environment"', f'"environment"\nmfa_serial = "{device}"', 1))
    code = mfa_code(world)
    assert world.rolehop("export", "admin", "--mfa-stdin", input=f"{code}\n").code == 0
    assert brief(history(world))[0] == ("sts:GetSessionToken", "admin", 0, "ok")
    assert found_in(text_of(world), world, (code,)) == []


def test_texts_of_others_are_cleaned_when_they_are_shown(world: World) -> None:
    assert world.rolehop("exec", "hub", "--reason", "a\u202eb", "--", "true").code == 0
    file = next((world.state / "history").glob("*.jsonl"))
    assert "\\u202e" not in file.read_text()
    file.write_text(file.read_text().replace('"hub"', '"h\\u001b[2Jub"'))
    for options in ((), ("-v",), ("--format", "json")):
        done = world.rolehop("history", *options)
        assert "\x1b" not in done.out
        assert done.code == 0


def test_lines_are_chosen_by_time_and_by_chain(world: World) -> None:
    assert world.rolehop("history").err == "rolehop: there is no history\n"
    assert world.rolehop("history", "--since", "0").err == "rolehop: no line matches\n"
    world.rolehop("credential-process", "hub")
    world.rolehop("credential-process", "admin")
    assert [each["chain"] for each in history(world)] == ["hub", "hub", "admin", "admin"]
    assert [each["chain"] for each in history(world, "--chain", "ad*")] == ["admin"] * 2
    assert len(history(world, "--since", "1h")) == 4
    assert len(history(world, "--since", "2020-02-03")) == 4
    assert history(world, "--since", "2999-02-03") == []
    assert world.rolehop("history", "--since", "soon").code == 2
    file = next((world.state / "history").glob("*.jsonl"))
    file.write_text(file.read_text().replace('"at":"2', '"at":"1', 2))
    assert [each["chain"] for each in history(world, "--since", "7d")] == ["admin"] * 2


def test_the_latest_comes_first_and_calls_that_are_alike_are_one_row() -> None:
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)
    role = {"action": "sts:AssumeRole", "chain": "admin", "role": ADMIN}
    listed = {"action": "sso:ListAccountRoles"}
    got = {"action": "sso:GetRoleCredentials", "chain": "admin", "role": "111111111111:Developer"}
    handed = {"action": "exec", "chain": "admin", "role": ADMIN, "reason": "INC-42"}
    rows = [
        HistoryRow(0, now - timedelta(days=400), "call", "ok", listed, None),
        *(HistoryRow(number, now, "call", "ok", listed, None) for number in range(1, 62)),
        HistoryRow(62, now, "call", "ok", got, 0),
        *(HistoryRow(number, now, "call", "AccessDenied", role, 1) for number in (63, 64)),
        HistoryRow(65, now, "handover", "ok", handed, None),
    ]
    shown = as_text(history_view(rows, now, {"333333333333": "acme-prod"}, verbose=False))
    assert [" ".join(each.split()[3:]) for each in shown.splitlines()[1:]] == [
        "✓ admin rolehop exec acme-prod · Admin INC-42",
        "✗ admin AssumeRole acme-prod · Admin 2 times · AccessDenied",
        "✓ admin GetRoleCredentials 111111111111 · Developer",
        "✓ – ListAccountRoles – 61 times",
        "– ListAccountRoles –",
    ]
    assert shown.splitlines()[-1].startswith("2025-05-27 ")
    narrow = visible_drawn(draw(history_view(rows, now, {}, verbose=False), 80), colors=False)
    assert len(narrow.splitlines()) == 6, "one row each, rather than blocks"
    each_one = as_text(history_view(rows, now, {}, verbose=True))
    assert len(each_one.splitlines()) == 1 + 2 * len(rows)


def test_a_history_that_cannot_be_read_is_an_error(world: World) -> None:
    assert world.rolehop("credential-process", "hub").code == 0
    (lines,) = (world.state / "history").glob("0*")
    lines.unlink()
    lines.mkdir()
    assert world.rolehop("history").code == 7


def test_a_history_that_cannot_be_written_is_one_note(world: World) -> None:
    """One that others can write; root's own rights would pass over a mode without rights."""
    folder = world.state / "history"
    folder.mkdir(mode=0o700, parents=True)
    (folder / "000000000001.jsonl").touch()
    (folder / "000000000001.jsonl").chmod(0o666)
    done = world.rolehop("exec", "admin", "--", "true")
    assert done.code == 0
    assert done.err.count("the history was not written") == 1
    assert "another user could have written it" in done.err


class HangingLocks(FileLocks):
    """Locks, as Windows needs them, of somebody who hangs, until ``is_free``; notes how long each call would wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.waits: list[bool] = []
        self.is_free = False

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        self.waits.append(seconds_left(45) > 0)
        if not self.is_free:
            raise ServiceError("somebody hangs")
        with super().hold(name):
            yield


def test_a_lock_that_hangs_is_waited_for_once_by_each_process(tmp_path: Path) -> None:
    locks, notes = HangingLocks(tmp_path), list[str]()
    history = History(tmp_path, lambda: locks, lambda: datetime.now(UTC), notes.append)
    call = ApiCall("sts:AssumeRole", "ok")
    for _ in range(100):
        history.called(call)
    assert locks.waits == [True] + [False] * 99
    locks.is_free = True
    history.called(call)
    locks.is_free = False
    history.called(call)
    history.called(call)
    assert locks.waits[100:] == [False, True, False]
    locks.is_free = True
    assert len(list(history.entries())) == 1
