"""Records for ``--debug``: given to listeners, and dropped without any."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from rolehop.base import startup as debug


def test_a_partly_imported_logging_library_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(debug, "_handlers", [])
    monkeypatch.setitem(sys.modules, "logging", ModuleType("logging"))
    debug.debug("rolehop.x", "read %s", "a")


def test_a_listener_gets_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str, tuple[object, ...]]] = []
    monkeypatch.setattr(debug, "_handlers", [])
    debug.listen(lambda *arguments: heard.append(arguments))
    debug.debug("rolehop.x", "read %s", "a")
    assert heard == [("rolehop.x", "read %s", ("a",))]
