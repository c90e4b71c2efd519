"""Targets of a run whose session is gone by its turn, and what comes after its end."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.proof import UNASKED
from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.errors import HopRefused
from rolehop.commands.each.regions import with_enabled_regions
from rolehop.commands.each.runner import EachRun, RunSettings
from rolehop.commands.each.targets import ResultClass, RunTarget, TargetRow
from rolehop.commands.each.walker import FleetWalker
from rolehop.plan.resolve import Resolved
from rolehop.plan.walk_options import WalkOptions
from tests.support.simulator import START
from tests.support.world import HUB

CONFIG = f"""\
version = 1
[sources.me]
type = "environment"
[chains]
hub = {{ source = "me", hops = [{{ role = "{HUB}" }}] }}
"""
SESSION = Session(
    Credentials("ASIA1", Secret("s3cret"), Secret("t0ken"), START),
    "arn",
    "222222222222",
    START,
    START,
)


class _Walker(FleetWalker):
    """The first walk succeeds, the later ones are refused."""

    walks = 0

    def session(self, chain: str, resolved: Resolved) -> Session:
        self.walks += 1
        if self.walks > 1:
            raise HopRefused("no", code="AccessDenied", hop=1)
        return SESSION

    def store(self) -> None:
        """Store nothing."""


class _Watcher:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def began(self, name: str) -> None:
        self.seen.append(f"{name} began")

    def ended(self, row: TargetRow, output: object) -> None:
        self.seen.append(f"{row.name} {row.result.value}")

    def stopping(self) -> None:
        self.seen.append("stopping")


@pytest.fixture
def app(tmp_path: Path) -> App:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    return App({"HOME": str(tmp_path)}, tmp_path, config_file=str(file))


def test_a_session_that_waited_long_for_its_command_is_looked_at_again(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the machine slept for most of it, which Python's own clock leaves out."""
    hours = count(step=3600)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: float(next(hours)))
    walker, watcher = _Walker(app, WalkOptions(), UNASKED, 1), _Watcher()
    run = EachRun(app, [RunTarget("hub")], RunSettings(("true",), jobs=1), watcher, walker, {})
    run.run()
    assert walker.walks == 2
    assert [row.result for row in run.rows()] == [ResultClass.REFUSED]
    assert watcher.seen == ["hub refused"]
    late = TargetRow("hub", "hub", ResultClass.OK)
    run._finish(0, late, None)
    assert [row.result for row in run.rows()] == [ResultClass.REFUSED]


class _Broken:
    def walked(self) -> None:
        raise MemoryError

    def stored(self, done: int, total: int) -> None:
        """Show nothing."""


def test_what_is_no_error_of_a_target_ends_the_run(app: App) -> None:
    walker = _Walker(app, WalkOptions(), UNASKED, 1)
    targets = [RunTarget("gone", "enabled")]
    with pytest.raises(MemoryError):
        with_enabled_regions(app, targets, walker, WalkOptions(), 1, progress=_Broken())
