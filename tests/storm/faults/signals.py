"""Signals at random moments of each command that stores or removes something."""

from __future__ import annotations

import signal
from typing import Any

from tests.storm.faults.arena import KEEPER, Arena, NotSurvived
from tests.storm.faults.kinds import kind
from tests.storm.faults.moments import Ending
from tests.storm.faults.stored_keys import leave_one, rotates
from tests.support.world import Done

_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_INTERRUPTED = 130


def _how(arena: Arena, number: signal.Signals, seconds: float, steps: int) -> dict[str, Any]:
    """Choose a moment: any of a run of ``seconds``, or just before one of its ``steps``.

    A fault that came too late is tried again, at an earlier step.
    """
    if arena.attempt == 0 and arena.choice.random() < 0.5:
        return {"ending": Ending(number, arena.choice.uniform(0.0, seconds))}
    return {"signal_at_step": (number.name, arena.any_step(steps))}


def _is_ended(done: Done, number: signal.Signals) -> bool:
    """True if the signal came in time; fail if the run then ended in a way of its own."""
    if done.code in (-number, 128 + number):
        return True
    if done.code != 0:
        raise NotSurvived(f"exit {done.code} after {number.name}")
    return False


def _walk(arena: Arena, number: signal.Signals) -> bool:
    person = arena.person()
    how = _how(arena, number, arena.took.get("credential-process", 0.2) + 0.2, 140)
    hit = _is_ended(arena.walk(person, **how), number)
    _goes_on(arena, person)
    return hit


def _narrow(arena: Arena, number: signal.Signals) -> bool:
    person = arena.person()
    how = _how(arena, number, arena.took.get("credential-process", 0.2) + 0.2, 160)
    hit = _is_ended(arena.walk(person, "narrow", **how), number)
    arena.heals(person, "narrow")
    return hit


def _goes_on(arena: Arena, person: str) -> None:
    """Walk again, or log out: what was stored must be in sight, not only for the next walk."""
    if arena.choice.random() < 0.5:
        arena.log_out()
    arena.heals(person)


def _refresh(arena: Arena, number: signal.Signals) -> bool:
    how = _how(arena, number, arena.took.get("refresh", 0.3), 200)
    person = arena.person()
    done = arena.run("refresh", "admin", "spokes/*", person=person, **how)
    _goes_on(arena, person)
    return _is_ended(done, number)


def _logout(arena: Arena, number: signal.Signals) -> bool:
    how = _how(arena, number, arena.took.get("logout", 0.2), 100)
    done = arena.run("logout", "--all", person=KEEPER, **how)
    arena.log_out()
    arena.heals(arena.person())
    return _is_ended(done, number)


def _keys_add(arena: Arena, number: signal.Signals) -> bool:
    keys = arena.bob.keys
    if len(keys) < 2:
        arena.world.sts.world.new_key(arena.bob)
    how = _how(arena, number, arena.took.get("keys", 0.1), 60)
    done = arena.add_keys(arena.choice.choice(keys), **how)
    arena.heals(arena.person(), "by-keys")
    if arena.run("keys", "list", person=KEEPER).code != 0:
        raise NotSurvived("keys list fails")
    return _is_ended(done, number)


def _keys_rotate(arena: Arena, number: signal.Signals) -> bool:
    leave_one(arena)
    how = _how(arena, number, 1.5, 120)
    done = arena.run("keys", "rotate", arena.stored, person=KEEPER, **how)
    rotates(arena)
    return _is_ended(done, number)


def _config_init(arena: Arena, number: signal.Signals) -> bool:
    path = arena.world.home / f"{arena.person()}.toml"
    named = ("--config", str(path))
    how = _how(arena, number, arena.took.get("config", 0.1), 9)
    done = arena.run("config", "init", *named, person=KEEPER, **how)
    if not path.exists() and arena.run("config", "init", *named, person=KEEPER).code != 0:
        raise NotSurvived("config init fails")
    if arena.run("config", "check", *named, person=KEEPER).code != 0:
        raise NotSurvived("the config is broken")
    path.unlink()
    return _is_ended(done, number)


for _name, _act in {
    "walk": _walk,
    "a walk with a scope": _narrow,
    "refresh": _refresh,
    "logout": _logout,
    "keys add": _keys_add,
    "keys rotate": _keys_rotate,
    "config init": _config_init,
}.items():
    for _number in _SIGNALS:
        kind(f"signal: {_number.name} in {_name}")(
            lambda arena, act=_act, number=_number: act(arena, number)  # type: ignore[misc]
        )
