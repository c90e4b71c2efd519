"""Lines for ``--debug``: heard by whoever listens, and nobody's business otherwise."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from rolehop.startup import debug_log as debug


def test_nobody_listens_to_a_logging_library_that_is_still_being_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(debug, "_handlers", [])
    monkeypatch.setitem(sys.modules, "logging", ModuleType("logging"))
    debug.debug("rolehop.x", "read %s", "a")


def test_who_listens_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str, tuple[object, ...]]] = []
    monkeypatch.setattr(debug, "_handlers", [])
    debug.listen(lambda *told: heard.append(told))
    debug.debug("rolehop.x", "read %s", "a")
    assert heard == [("rolehop.x", "read %s", ("a",))]
