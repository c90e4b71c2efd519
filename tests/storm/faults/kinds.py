"""The kinds of faults: a name, and a function that injects one and checks what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.storm.faults.arena import Arena

Act = Callable[[Arena], bool | None]
"""Injects one fault. False: it came too late to be one, e.g. a signal after the end."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    act: Act
    once: bool = False
    """Injected once for each back end: it hangs, or starts many processes."""

    mounts: bool = False
    """It mounts a disk, which not every process may."""

    backends: tuple[str, ...] = ("secret-service", "kernel")


KINDS: dict[str, Kind] = {}


def kind(
    name: str,
    *,
    once: bool = False,
    mounts: bool = False,
    backends: tuple[str, ...] = ("secret-service", "kernel"),
) -> Callable[[Act], Act]:
    """Register a function as a kind."""

    def register(act: Act) -> Act:
        assert name not in KINDS, name
        KINDS[name] = Kind(name, act, once, mounts, backends)
        return act

    return register
