"""A process that is no child of the one that starts it."""

from __future__ import annotations

import os

import pytest

from rolehop.commands.serve.companion import fork_companion


def test_a_companion_that_cannot_be_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fork works, the second one does not: the user has too many processes."""
    fork = os.fork

    def only_now() -> int:
        monkeypatch.setattr(os, "fork", no_more)
        return fork()

    def no_more() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", only_now)
    with pytest.raises(OSError, match="unavailable"):
        fork_companion(lambda: None, ())
