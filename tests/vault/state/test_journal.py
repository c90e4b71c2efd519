"""Lines of the history in the system's journal, by a socket that speaks its protocol."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.vault.history import Asker, History
from rolehop.vault.journal import send
from rolehop.walk.ports import ApiCall


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "j"))
        made.settimeout(10)
        yield made


def test_each_line_is_one_entry_with_its_fields(tmp_path: Path, journal: socket.socket) -> None:
    notes = list[str]()
    history = History(
        tmp_path,
        None,
        lambda: datetime(2026, 7, 1, tzinfo=UTC),
        notes.append,
        asker=lambda: Asker("bash", 4711, "alice"),
        journal=lambda: tmp_path / "j",
    )
    with history.walking("prod", "two\nlines"):
        history.called(ApiCall("sts:AssumeRole", "ok", access_key_id="ASIA1"))
    fields = dict(each.split("=", 1) for each in journal.recv(1 << 16).decode().splitlines())
    assert (fields["SYSLOG_IDENTIFIER"], fields["PRIORITY"]) == ("rolehop", "6")
    assert (fields["ROLEHOP_CHAIN"], fields["ROLEHOP_PID"]) == ("prod", "4711")
    assert "\n" not in fields["ROLEHOP_REASON"]
    ((_, entry),) = history.entries()
    assert json.loads(fields["MESSAGE"]) == entry
    assert (entry["program"], entry["user"]) == ("bash", "alice")
    journal.close()
    history.called(ApiCall("sts:AssumeRole", "ok"))
    assert notes == ["the system's journal does not take it (Connection refused)"]
    assert len(list(history.entries())) == 2


def test_a_journal_that_does_not_read_is_not_waited_for(
    tmp_path: Path, journal: socket.socket
) -> None:
    def send_many() -> None:
        for _ in range(100_000):
            send({"event": "call", "reason": "x" * 1000}, tmp_path / "j")

    with pytest.raises(BlockingIOError):
        send_many()
