"""Clocks that jump by an hour or a day, and an AWS whose clock differs."""

from __future__ import annotations

import json
from contextlib import ExitStack, nullcontext
from datetime import timedelta

from tests.storm.faults.arena import KEEPER, Arena, NotSurvived
from tests.storm.faults.kinds import kind
from tests.storm.faults.moments import told
from tests.storm.faults.proxy import Exchange, pass_on
from tests.support.world import Done

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STEPS = {"an hour": _HOUR, "a day": _DAY}
_SMALL = timedelta(minutes=4)  # AWS takes signatures for five


def _jumped(arena: Arena, here: timedelta, at_aws: timedelta, codes: tuple[int, ...]) -> None:
    """Walk a new chain and a stored one while both clocks are shifted, then go back."""
    person = arena.person()
    walks = [("credential-process", "admin"), ("credential-process", "narrow")]
    commands = [*walks, ("status",), ("refresh", "hub")]
    with arena.at_aws(at_aws) if at_aws else nullcontext():
        for command in arena.choice.sample(commands, 2):
            # A session from before an AWS that jumps alone cannot be known to have ended.
            for each in (person,) if at_aws and not here else (KEEPER, person):
                done = arena.run(*command, person=each, clock=here.total_seconds())
                if done.code not in codes:
                    raise NotSurvived(f"exit {done.code}")
        done = arena.walk(person, "by-keys", clock=here.total_seconds())
        if done.code not in codes:
            raise NotSurvived("the stored keys are not used")
    # By a clock of tomorrow, the sessions of today had ended.
    arena.heals(person, kept=False)


for _name, _step in _STEPS.items():
    for _word, _shift in {"ahead": _step, "back": -_step}.items():
        kind(f"clock: everybody's {_name} {_word}")(
            lambda arena, shift=_shift: _jumped(arena, shift, shift, (0,))  # type: ignore[misc]
        )
        # AWS refuses what is signed at another time.
        kind(f"clock: this machine's {_name} {_word}")(
            lambda arena, shift=_shift: _jumped(arena, shift, timedelta(), (0, 5))  # type: ignore[misc]
        )
        kind(f"clock: AWS's {_name} {_word}")(
            lambda arena, shift=_shift: _jumped(arena, timedelta(), shift, (0, 5))  # type: ignore[misc]
        )
for _word, _shift in {"ahead": _SMALL, "back": -_SMALL}.items():
    kind(f"clock: this machine's four minutes {_word}")(
        lambda arena, shift=_shift: _jumped(arena, shift, timedelta(), (0,))  # type: ignore[misc]
    )
    kind(f"clock: AWS's four minutes {_word}")(
        lambda arena, shift=_shift: _jumped(arena, timedelta(), shift, (0,))  # type: ignore[misc]
    )


@kind("clock: a jump between a hop and its scope")
def _before_narrowing(arena: Arena) -> None:
    """The session that is narrowed was made before the machine slept, and may be nearly over."""
    person = arena.person()
    arena.walk(person, "hub")
    for shift in arena.choice.sample([_HOUR, -_HOUR, _DAY, timedelta(minutes=55)], 2):
        with arena.at_aws(shift):
            if arena.walk(person, "narrow", clock=shift.total_seconds()).code != 0:
                raise NotSurvived("the scope fails")
    arena.heals(person, "narrow", kept=False)


@kind("clock: a jump between two hops")
def _between(arena: Arena) -> None:
    """The first hop's session was made before the machine slept for an hour."""
    person = arena.person()
    arena.walk(person, "hub")
    for shift in arena.choice.sample([_HOUR, -_HOUR, _DAY, timedelta(minutes=55)], 2):
        with arena.at_aws(shift):
            if arena.walk(person, "admin", clock=shift.total_seconds()).code != 0:
                raise NotSurvived("the next hop fails")
    arena.heals(person, kept=False)


def _asleep(arena: Arena, length: timedelta) -> bool:
    """AWS answers, the machine sleeps, and the answer is there when it wakes up.

    What is handed out then, and by the next run, is a session that AWS still takes.
    """
    person, chain = arena.person(), arena.choice.choice(["hub", "admin"])
    skipped = [pass_on] * arena.choice.randrange(2 if chain == "admin" else 1)
    seconds = length.total_seconds()
    with ExitStack() as later, told(arena.world.folder) as tell:

        def sleep(exchange: Exchange) -> None:
            answer = exchange.forward()
            tell()
            later.enter_context(arena.at_aws(length))
            exchange.send(answer.raw)

        arena.proxy.next(*skipped, sleep)
        try:
            done = arena.walk(person, chain, sleep_when_told=(str(tell.path), seconds))
        finally:
            injected = arena.proxy.recover()
        if done.code not in (0, 6):
            raise NotSurvived(f"exit {done.code}")
        for each in (done, arena.walk(person, chain, slept=seconds)):
            _check_alive(arena, each)
    arena.heals(person, chain, kept=False)
    return injected > 0


def _check_alive(arena: Arena, done: Done) -> None:
    """Fail if a session was handed out that has ended at AWS."""
    if done.code == 0:
        key = arena.world.sts.world.keys[json.loads(done.out)["AccessKeyId"]]
        if key.expires_at is None or key.expires_at <= arena.world.sts.now:
            raise NotSurvived("it handed out a session that ended while the machine slept")


for _name, _step in {
    "twenty minutes": timedelta(minutes=20),
    "an hour and a minute": timedelta(minutes=61),
    "a night": timedelta(hours=10),
}.items():
    kind(f"clock: the machine sleeps {_name} within a call")(
        lambda arena, length=_step: _asleep(arena, length)  # type: ignore[misc]
    )
