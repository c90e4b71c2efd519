"""Programs that a source asks: how long they may take, and who is told meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from rolehop.errors import SourceError
from rolehop.sources import programs
from rolehop.sources.programs import printed_by
from rolehop.values import replace
from rolehop.vault import lock
from tests.sources.conftest import Home
from tests.sources.machines import Typist


def test_without_a_terminal_a_program_ends_before_those_who_wait_give_up() -> None:
    assert programs.DEADLINE < lock.DEADLINE_SECONDS < 60


def test_where_nobody_sits_a_program_gets_less_time(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "DEADLINE", 0.3)
    slow = ["sh", "-c", "sleep 1; echo done"]
    with pytest.raises(SourceError, match="x did not finish") as caught:
        printed_by(slow, home.inputs(), what="x")
    assert caught.value.cause == "sh ran for 0.3 s and was stopped"
    assert caught.value.fix
    person = replace(home.inputs(), person=Typist())
    assert printed_by(slow, person, what="x") == b"done\n"


def test_others_are_told_that_it_may_wait_for_a_person(home: Home, tmp_path: Path) -> None:
    asked: list[str] = []

    class Locks:
        @contextmanager
        def waiting_for_person(self) -> Iterator[None]:
            asked.append("begins")
            yield
            asked.append("ends")

        def hold(self, name: str) -> AbstractContextManager[None]:
            raise AssertionError(name)

    inputs = replace(home.inputs(), locks=Locks())
    assert printed_by(["echo", "it"], inputs, what="x") == b"it\n"
    assert asked == ["begins", "ends"]


def test_too_much_output_says_what_to_do(home: Home) -> None:
    with pytest.raises(SourceError, match="far too much") as caught:
        printed_by(["yes"], home.inputs(), what="x")
    assert caught.value.cause == "yes: over 1,000,000 bytes"
    assert "stdout" in str(caught.value.fix)
