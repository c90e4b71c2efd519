"""Faults of the keyring: locked, hanging, emptied, damaged, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from jeepney import message_bus
from jeepney.io.blocking import Proxy

from rolehop.vault.storage import QUICK_SECONDS
from tests.storm.faults.arena import KEEPER, KEPT, Arena, NotSurvived, flipped
from tests.storm.faults.items import GONE, SEALS, BusItems, sessions
from tests.storm.faults.kinds import kind
from tests.storm.faults.moments import Meeting, meanwhile
from tests.support.secret_service import PatientConnection, SecretService
from tests.support.world import Done

_BUS = ("secret-service",)
_SET = re.compile(r"^export (\w+)='?([^'\n]*)'?;?$", re.MULTILINE)
_HARMLESS = (0, 7)  # done, or the keyring is the reason why not


def _expect(done: Done, codes: tuple[int, ...] = _HARMLESS) -> None:
    if done.code not in codes:
        raise NotSurvived(f"exit {done.code}")


# ---- what is stored, changed behind rolehop's back


def _changed(arena: Arena, change: Callable[[Arena, list[str]], None]) -> None:
    """Store sessions of one person, change them, and ask for each again."""
    person = arena.person()
    before = set(sessions(arena.items))
    for chain in ("hub", "admin", "spokes/444444444444"):
        _expect(arena.walk(person, chain), (0,))
    mine = [each for each in sessions(arena.items) if each not in before]
    if len(mine) < 3:
        raise NotSurvived("sessions were not stored")
    change(arena, arena.choice.sample(mine, len(mine)))
    chains = ["hub", "admin", "spokes/444444444444"]
    for chain in arena.choice.sample(chains, 3):
        _expect(arena.walk(person, chain), (0,))
    _expect(arena.run("status", person=person), (0,))
    arena.heals(person)


def _item_kind(name: str) -> Callable[[Callable[[Arena, list[str]], None]], None]:
    def register(change: Callable[[Arena, list[str]], None]) -> None:
        kind(f"keyring: {name}")(lambda arena: _changed(arena, change))

    return register


def _rewritten(change: Callable[[Arena, str], str]) -> Callable[[Arena, list[str]], None]:
    def act(arena: Arena, names: list[str]) -> None:
        arena.items.set(names[0], change(arena, arena.items.get(names[0]) or ""))

    return act


_item_kind("a session deleted")(lambda arena, names: arena.items.delete(names[0]))
_item_kind("a session cut short")(_rewritten(lambda _, text: text[: len(text) // 2]))
_item_kind("one character of a session flipped")(
    _rewritten(lambda arena, text: flipped(text, arena.choice))
)
_item_kind("an empty session")(_rewritten(lambda _, text: " "))
_item_kind("a session that is no text of ours")(_rewritten(lambda _, text: '{"a": [1, 2\x00}'))
_item_kind("a session twice in its item")(_rewritten(lambda _, text: f"{text}\n{text}"))
_item_kind("a session and twenty thousand blanks")(_rewritten(lambda _, text: text + " " * 20_000))


_item_kind("a bit of a session flips")(
    lambda arena, names: arena.items.flip(names[0], arena.choice)
)


@_item_kind("a person's sessions deleted")
def _all_deleted(arena: Arena, names: list[str]) -> None:
    for each in names:
        arena.items.delete(each)


@_item_kind("two sessions swapped")
def _swapped(arena: Arena, names: list[str]) -> None:
    first, second = names[:2]
    texts = arena.items.get(first) or "", arena.items.get(second) or ""
    arena.items.set(first, texts[1])
    arena.items.set(second, texts[0])


@_item_kind("another person's session in the place of one")
def _another_persons(arena: Arena, names: list[str]) -> None:
    others = [each for each in sessions(arena.items) if each not in names]
    arena.items.set(names[0], arena.items.get(others[0]) or "")


@_item_kind("halves of two sessions")
def _halves(arena: Arena, names: list[str]) -> None:
    first, second = (arena.items.get(each) or "" for each in names[:2])
    arena.items.set(names[0], first[: len(first) // 2] + second[len(second) // 2 :])


@_item_kind("the first line of another session")
def _mixed(arena: Arena, names: list[str]) -> None:
    first, second = (arena.items.get(each) or "" for each in names[:2])
    arena.items.set(names[0], first.split("\n")[0] + "\n" + second.split("\n")[1])


@_item_kind("the keys in the place of a session")
def _keys_for_session(arena: Arena, names: list[str]) -> None:
    arena.items.set(names[0], arena.items.get(f"rolehop/keys/{arena.stored}") or "")


@kind("keyring: a session twice", backends=_BUS)
def _twice(arena: Arena) -> None:
    assert isinstance(arena.items, BusItems)
    items = arena.items

    def duplicate(_: Arena, names: list[str]) -> None:
        items.duplicate(names[0], items.get(names[1]) or "")

    _changed(arena, duplicate)


def _keys_changed(arena: Arena, change: Callable[[Arena, str], None]) -> None:
    """Change the item of the stored keys; nobody else's session may come of it."""
    person, name = arena.person(), f"rolehop/keys/{arena.stored}"
    change(arena, name)
    done = arena.walk(person, "by-keys")
    _expect(done, (4, 7))
    _expect(arena.run("keys", "list", person=person), _HARMLESS)
    _expect(arena.add_keys(), (0,))
    arena.heals(person, "by-keys", kept=False)


kind("keyring: the stored keys deleted")(
    lambda arena: _keys_changed(arena, lambda it, name: it.items.delete(name))
)
kind("keyring: the stored keys cut short")(
    lambda arena: _keys_changed(
        arena, lambda it, name: it.items.set(name, (it.items.get(name) or "")[:40])
    )
)
kind("keyring: one character of the stored keys flipped")(
    lambda arena: _keys_changed(
        arena, lambda it, name: it.items.set(name, flipped(it.items.get(name) or "", it.choice))
    )
)
kind("keyring: a bit of the stored keys flips")(
    lambda arena: _keys_changed(arena, lambda it, name: it.items.flip(name, it.choice))
)
kind("keyring: a session in the place of the stored keys")(
    lambda arena: _keys_changed(
        arena, lambda it, name: it.items.set(name, it.items.get(sessions(it.items)[0]) or "")
    )
)


@kind("keyring: a bit of the key of the seals flips")
def _seals_flipped(arena: Arena) -> None:
    """A shell's narrowed session is not renewed, since nothing proves its flags; one that is new is."""
    person = arena.person()
    shell = _narrowed(arena, person)
    arena.items.flip(SEALS, arena.choice)
    _expect(arena.run("refresh", "--shell", "sh", person=person, env=shell), (3,))
    for chain in ("hub", "admin"):
        _expect(arena.walk(person, chain), (0,))
    shell = _narrowed(arena, person)
    # The flags count, and the shell has no other keys than the session's.
    _expect(arena.run("refresh", "--shell", "sh", person=person, env=shell), (4,))
    arena.heals(person)


def _narrowed(arena: Arena, person: str) -> dict[str, str | None]:
    """Return the variables of a shell that has assumed a chain with a flag."""
    done = arena.run("assume", "admin", "--read-only", "--shell", "sh", person=person)
    _expect(done, (0,))
    return dict(_SET.findall(done.out))


@kind("keyring: emptied")
def _emptied(arena: Arena) -> None:
    for each in arena.items.names():
        arena.items.delete(each)
    person = arena.person()
    _expect(arena.walk(person), (0,))
    _expect(arena.walk(person, "by-keys"), (4,))
    _expect(arena.add_keys(), (0,))
    arena.heals(person, kept=False)


def _during(
    arena: Arena, act: Callable[[], object], steps: int = 140
) -> AbstractContextManager[Meeting]:
    """Do something at one of the ``steps`` of the run inside."""
    return meanwhile(arena.world.folder, arena.any_step(steps), act)


@kind("keyring: emptied during a walk")
def _emptied_meanwhile(arena: Arena) -> bool:
    def empty() -> None:
        for each in arena.items.names():
            with suppress(*GONE):
                arena.items.delete(each)

    person = arena.person()
    with _during(arena, empty) as meeting:
        _expect(arena.walk(person, **meeting.conditions))
    _expect(arena.add_keys(), (0,))
    arena.heals(person, kept=False)
    return meeting.has_happened


# ---- its daemon


def _service(arena: Arena) -> SecretService:
    assert arena.service is not None
    return arena.service


def _unlocked(arena: Arena) -> None:
    _service(arena).unlock()


@kind("keyring: locked", backends=_BUS)
def _locked(arena: Arena) -> None:
    assert isinstance(arena.items, BusItems)
    arena.items.lock()
    person = arena.person()
    try:
        _expect(arena.walk(person))
        _expect(arena.walk(person, "by-keys"), (4, 7))
        _expect(arena.run("logout", "admin", person=person))
    finally:
        _unlocked(arena)
    arena.heals(person)


@kind("keyring: locked during a walk", backends=_BUS)
def _locked_meanwhile(arena: Arena) -> bool:
    assert isinstance(arena.items, BusItems)
    person = arena.person()
    try:
        with _during(arena, arena.items.lock) as meeting:
            _expect(arena.walk(person, **meeting.conditions))
    finally:
        _unlocked(arena)
    arena.heals(person)
    return meeting.has_happened


def _killed(arena: Arena) -> None:
    with suppress(ProcessLookupError):
        _service(arena).kill()


@kind("keyring: killed", backends=_BUS)
def _daemon_killed(arena: Arena) -> None:
    _killed(arena)
    person = arena.person()
    try:
        _expect(arena.walk(person))
        _expect(arena.walk(person, "by-keys"), (4, 7))
    finally:
        _unlocked(arena)
    arena.heals(person)


@kind("keyring: killed during a walk", backends=_BUS)
def _killed_meanwhile(arena: Arena) -> bool:
    person = arena.person()
    try:
        with _during(arena, lambda: _killed(arena)) as meeting:
            _expect(arena.walk(person, **meeting.conditions))
    finally:
        _unlocked(arena)
    arena.heals(person)
    return meeting.has_happened


@kind("keyring: killed during logout", backends=_BUS)
def _killed_in_logout(arena: Arena) -> bool:
    person = arena.person()
    _expect(arena.walk(person))
    try:
        with _during(arena, lambda: _killed(arena), 100) as meeting:
            _expect(arena.run("logout", "--all", person=person, **meeting.conditions))
    finally:
        _unlocked(arena)
    arena.log_out()
    arena.heals(person)
    return meeting.has_happened


@kind("keyring: killed during keys add", backends=_BUS)
def _killed_in_keys_add(arena: Arena) -> bool:
    try:
        with _during(arena, lambda: _killed(arena), 60) as meeting:
            _expect(arena.add_keys(**meeting.conditions))
    finally:
        _unlocked(arena)
    arena.heals(arena.person(), "by-keys")
    return meeting.has_happened


@kind("keyring: killed and started again during a walk", backends=_BUS)
def _restarted(arena: Arena) -> bool:
    def restart() -> None:
        _killed(arena)
        _unlocked(arena)

    person = arena.person()
    with _during(arena, restart) as meeting:
        _expect(arena.walk(person, **meeting.conditions))
    arena.heals(person)
    return meeting.has_happened


def _daemon(arena: Arena) -> int:
    address = _service(arena).environ["DBUS_SESSION_BUS_ADDRESS"]
    with PatientConnection(address) as connection:
        found: tuple[int] = Proxy(message_bus, connection).GetConnectionUnixProcessID(
            "org.freedesktop.secrets"
        )
        return found[0]


@contextmanager
def _stopped(arena: Arena) -> Iterator[int]:
    daemon = _daemon(arena)
    os.kill(daemon, signal.SIGSTOP)
    try:
        yield daemon
    finally:
        os.kill(daemon, signal.SIGCONT)


@kind("keyring: stopped for a moment", backends=_BUS)
def _paused(arena: Arena) -> bool:
    person = arena.person()
    daemon = _daemon(arena)
    going_on = threading.Timer(0.3, os.kill, (daemon, signal.SIGCONT))

    def pause() -> None:
        os.kill(daemon, signal.SIGSTOP)
        going_on.start()

    with _during(arena, pause) as meeting:
        _expect(arena.walk(person, **meeting.conditions), (0,))
    if meeting.has_happened:
        going_on.join()
    arena.heals(person)
    return meeting.has_happened


def _hangs(name: str, act: Callable[[Arena, str, Mapping[str, Any]], Done]) -> None:
    """Let the daemon do nothing during a run, which waits for it as long as at a user's."""

    def hang(arena: Arena) -> bool:
        person = arena.person()
        with _stopped(arena):
            done = act(arena, person, {"keyring_seconds": QUICK_SECONDS})
        _expect(done)
        arena.heals(person)
        return done.err != ""

    kind(f"keyring: hanging in {name}", once=True, backends=_BUS)(hang)


_hangs("walk", lambda arena, person, short: arena.walk(person, **short))
_hangs("a cached walk", lambda arena, _, short: arena.walk(KEEPER, KEPT, **short))
_hangs("refresh", lambda arena, me, short: arena.run("refresh", "admin", person=me, **short))
_hangs("logout", lambda arena, me, short: arena.run("logout", "hub", person=me, **short))
_hangs("keys add", lambda arena, _, short: arena.add_keys(**short))
