"""The network fails while stored keys are replaced by new ones at AWS."""

from __future__ import annotations

import re

from tests.doubles.sts_world import Key
from tests.storm.faults.answers import NETWORK
from tests.storm.faults.arena import KEEPER, Arena, NotSurvived
from tests.storm.faults.kinds import kind
from tests.storm.faults.proxy import Fault, pass_on

_CODES = (0, 4, 5, 6)  # done; refused, by what seems to be AWS; the network's fault
_CALLS = 7  # of a rotation


def leave_one(arena: Arena) -> None:
    """Delete the keys of bob's but one, and store that."""
    aws, bob = arena.world.sts.world, arena.bob
    while len(bob.keys) > 1:
        other: Key = bob.keys.pop(0)
        aws.forget_key(other.access_key_id)
    if arena.add_keys().code != 0:
        raise NotSurvived("keys add fails")


def rotates(arena: Arena) -> None:
    """Fail unless what is stored works, and so does the next rotation: it leaves one key."""
    arena.heals(arena.person(), "by-keys")
    _rotate(arena)
    if len(arena.bob.keys) != 1:
        raise NotSurvived(f"bob has {len(arena.bob.keys)} keys after the next rotation")
    arena.heals(arena.person(), "by-keys")


def _rotate(arena: Arena) -> None:
    """Rotate; if two keys are there, first do what the error advises."""
    rotate = ("keys", "rotate", arena.stored)
    done = arena.run(*rotate, person=KEEPER)
    advised = re.search(r"--finish ([A-Z0-9]+)", done.err)
    if done.code != 0 and advised is not None:
        if arena.run(*rotate, "--finish", advised[1], person=KEEPER).code != 0:
            raise NotSurvived("what the error advises does not work")
        done = arena.run(*rotate, person=KEEPER)
    if done.code != 0:
        raise NotSurvived("the next rotation fails")


def _rotated(arena: Arena, fault: Fault) -> bool:
    leave_one(arena)
    arena.proxy.next(*[pass_on] * arena.choice.randrange(_CALLS >> arena.attempt or 1), fault)
    try:
        done = arena.run("keys", "rotate", arena.stored, person=KEEPER)
    finally:
        injected = arena.proxy.recover()
    if done.code not in _CODES:
        raise NotSurvived(f"exit {done.code}")
    rotates(arena)
    return injected > 0


for _name, _fault in NETWORK.items():
    kind(f"keys rotate: {_name}")(
        lambda arena, fault=_fault: _rotated(arena, fault)  # type: ignore[misc]
    )
