"""A world to inject faults into, and what must hold after each.

with arena("kernel", "1") as it:
    person = it.person()
    it.proxy.next(cut)
    it.run("credential-process", "admin", person=person)
    it.heals(person, "admin")
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rolehop.hotpath import answer
from rolehop.vault import KERNEL
from tests.doubles.sts_world import Key, User
from tests.storm.faults.identity import caller_of
from tests.storm.faults.items import (
    BusItems,
    Items,
    KernelItems,
    is_session,
    noted_sessions,
    sessions,
)
from tests.storm.faults.locks import held_locks
from tests.storm.faults.moments import Ending
from tests.storm.faults.proxy import Proxy
from tests.storm.process_conditions import MET
from tests.support import fork_server
from tests.support.secret_service import BACKEND, SecretService, start_secret_service
from tests.support.secrets import found_in
from tests.support.world import SCRIPT, Done, World, temporary_world

LONGEST_RUN = 600  # seconds; none takes so long by itself
_SIGNALLED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143)
KEEPER = "keeper"
"""The session name of `KEPT`, whose session no fault but one of the keyring's own may lose."""

KEPT = "kept"

# Each chain, and the role its session has.
ROLES = {
    "hub": "222222222222:assumed-role/Hub",
    "narrow": "222222222222:assumed-role/Hub",
    "admin": "333333333333:assumed-role/Admin",
    "spokes/444444444444": "444444444444:assumed-role/Audit",
    "spokes/555555555555": "555555555555:assumed-role/Audit",
    KEPT: "333333333333:assumed-role/Admin",
    "by-keys": "222222222222:assumed-role/Stored",
}
_CONFIG = """\
[defaults]
session_name = "{{user}}"
[sources.me]
type = "environment"
[sources.{stored}]
type = "keys"
[chains.hub]
source = "me"
hops = [{{ role = "arn:aws:iam::222222222222:role/Hub" }}]
[chains.narrow]
from = "hub"
scope = {{ read_only = true, duration = "20m" }}
[chains.admin]
from = "hub"
hops = [{{ role = "333333333333:role/Admin" }}]
[chains.by-keys]
source = "{stored}"
hops = [{{ role = "arn:aws:iam::222222222222:role/Stored" }}]
[chains.kept]
source = "me"
[[chains.kept.hops]]
role = "arn:aws:iam::222222222222:role/Hub"
session_name = "keeper"
[[chains.kept.hops]]
role = "arn:aws:iam::333333333333:role/Admin"
session_name = "keeper"
[fleets.spokes]
from = "hub"
role = "{{account}}:role/Audit"
accounts = ["444444444444", "555555555555"]
"""


class NotSurvived(Exception):
    """A fault did harm that lasts, or that somebody is told nothing of."""


@dataclass
class Arena:
    """One world; its faults are chosen by ``choice``."""

    world: World
    proxy: Proxy
    items: Items
    bob: User
    stored: str
    """The source whose keys are bob's and stored in the keyring."""

    service: SecretService | None = None
    choice: random.Random = field(default_factory=random.Random)
    attempt: int = 0
    """How often this fault came too late before."""

    took: dict[str, float] = field(default_factory=dict)
    """Seconds that a command took when it was last let to its end."""

    said: str = ""
    """What the last runs said, for the report of a fault that was not survived."""

    met: int = 0
    """In how many runs a condition has come to matter, e.g. no more files could be opened."""

    _persons: int = 0
    _kept: str = ""
    _stored: frozenset[str] = frozenset()

    def any_step(self, steps: int) -> int:
        """Choose one of so many steps of a run; an earlier one if the last was none of them."""
        return self.choice.randrange(1, max(2, steps >> self.attempt))

    # ---- what is run

    def person(self) -> str:
        """Return a user name that has no session: every walk of theirs is a new one."""
        self._persons += 1
        return f"p{self._persons}"

    def run(
        self,
        *arguments: str,
        person: str,
        env: Mapping[str, str | None] | None = None,
        ending: Ending | None = None,
        started: Callable[[int], object] | None = None,
        alone: bool = True,
        **conditions: Any,
    ) -> Done:
        """Run a command; fail if it hands out a wrong session, hangs, or says what it must not.

        ``started`` is told the process ID. ``alone``: no other command runs, so that nothing may
        be locked afterwards.
        """
        environ = self.world.environ_with({"LOGNAME": person, **(env or {})})
        argv = [SCRIPT, *arguments]
        begun = time.monotonic()
        try:
            served = fork_server.run(
                argv, environ, self.world.home, None, LONGEST_RUN,
                conditions=conditions, started=started if ending is None else ending.started,
            )  # fmt: skip
        finally:
            if ending is not None:
                ending.close()
        assert served is not None
        code, out, err = served
        self.met += MET in err
        done = Done(code, out, err.replace(MET, ""))
        if ending is None and not conditions:
            self.took[arguments[0]] = time.monotonic() - begun
        self.said += f"\n  $ {' '.join(arguments)} (as {person}): exit {done.code}\n{done.err}"
        self._check(arguments, person, done, is_shifted="clock" in conditions)
        if alone:
            self.check_locks()
        return done

    def walk(self, person: str, chain: str = "admin", **more: Any) -> Done:
        """Ask for the credentials of a chain as an SDK does."""
        return self.run("credential-process", chain, person=person, **more)

    def cached(self, person: str, chain: str) -> Done:
        """Ask the hot path in this process, where it costs a tenth; a run if it steps aside."""
        environ = self.world.environ_with({"LOGNAME": person})
        line = answer(["credential-process", chain], environ)
        if line is None:
            return self.walk(person, chain)
        done = Done(0, f"{line}\n", "")
        self._check_session(done, chain, person)
        return done

    def _check(
        self, arguments: tuple[str, ...], person: str, done: Done, *, is_shifted: bool
    ) -> None:
        # A signal just after an open() leaves that file to the collector, which warns of it here.
        is_unclosed = done.code in _SIGNALLED and "ResourceWarning: unclosed" in done.err
        for text in () if is_unclosed else ("Traceback", "unexpected happened", "ResourceWarning"):
            if text in done.err:
                raise NotSurvived(f"it said {text!r}")
        if done.code == 1:
            raise NotSurvived("it ended with exit 1, which is for the unexpected")
        if done.err and found_in(done.err, self.world):
            raise NotSurvived("stderr has a secret")
        if arguments[0] == "credential-process":
            # Whoever is killed may have answered just before.
            if done.code == 0 or (done.out and done.code in _SIGNALLED):
                self._check_session(done, arguments[-1], person, is_shifted=is_shifted)
            elif done.out:
                raise NotSurvived("it failed and printed something")

    def _check_session(
        self, done: Done, chain: str, person: str, *, is_shifted: bool = False
    ) -> None:
        """Ask the double whose session was handed out, and until when it is one.

        ``is_shifted``: the run had a clock of its own, by which it told the end.
        """
        try:
            found = done.json
            arn = caller_of(self.world.sts, found)
            key = self.world.sts.world.keys[found["AccessKeyId"]]
            ends_at = key.expires_at
            told = datetime.fromisoformat(found["Expiration"])
        except (ValueError, LookupError):
            raise NotSurvived("what it handed out is no session of this AWS") from None
        if arn is None or ends_at is None:
            raise NotSurvived("AWS refuses what it handed out")
        name = KEEPER if chain == KEPT else person
        if not arn.endswith(f"{ROLES[chain]}/{name}"):
            raise NotSurvived(f"it handed out {arn}")
        if key.scoped != (chain == "narrow"):
            raise NotSurvived(
                "the whole session was handed out for the narrowed one, or the reverse"
            )
        if told > ends_at and not is_shifted:
            raise NotSurvived(f"it said that the session ends at {told}, not {ends_at}")

    def check_locks(self) -> None:
        """Fail if a lock is held while nothing runs."""
        if held := held_locks(self.world.state):
            raise NotSurvived(f"still locked: {held}")

    # ---- what must hold afterwards

    def heals(
        self,
        person: str,
        chain: str = "admin",
        *,
        kept: bool = True,
        others: bool = True,
        in_sight: bool = True,
    ) -> None:
        """Fail unless the next walk works, is stored, and what was stored before still is.

        ``kept``: false if the fault itself took what was stored. ``others``: false if the index was
        damaged, which is made again of the sessions that the config in use names: those of others
        are removed. ``in_sight``: false if not all that is stored is noted now.
        """
        first = self.walk(person, chain)
        if first.code != 0:
            raise NotSurvived("the next run fails")
        calls = len(self.world.sts.roles_called)
        again = self.cached(person, chain)
        if again.out != first.out or len(self.world.sts.roles_called) != calls:
            raise NotSurvived("the session of the next run was not stored")
        if kept:
            self._check_kept(others=others)
        else:
            self.keep()
        if in_sight:
            self._check_sight()
        self._remember()

    def keep(self) -> None:
        """Store what no fault but the keyring's own may lose."""
        done = self.walk(KEEPER, KEPT)
        by_keys = self.walk(KEEPER, "by-keys")
        if done.code != 0 or by_keys.code != 0:
            self.add_keys()
            done, by_keys = self.walk(KEEPER, KEPT), self.walk(KEEPER, "by-keys")
        if done.code != 0 or by_keys.code != 0:
            raise NotSurvived("what is kept cannot be stored again")
        self._kept = done.out
        self._remember()

    def _check_kept(self, *, others: bool) -> None:
        done, by_keys = self.cached(KEEPER, KEPT), self.cached(KEEPER, "by-keys")
        if done.out != self._kept:
            raise NotSurvived("a stored session was lost")
        if by_keys.code != 0:
            raise NotSurvived("a session by stored keys was lost")
        lost = self._stored.difference(self.items.names())
        if others and lost:
            raise NotSurvived(f"of what was stored before, {len(lost)} are lost: {sorted(lost)}")
        keys = self.items.get(f"rolehop/keys/{self.stored}") or ""
        if not any(each.secret in keys for each in self.bob.keys):
            raise NotSurvived("the stored keys are none of bob's")

    def _check_sight(self) -> None:
        """Fail if a stored session is one that no `logout --all` would find."""
        if self._hidden():
            self.shown(KEEPER)  # which looks for them in the keyring itself if the index is damaged
            if hidden := self._hidden():
                raise NotSurvived(f"out of sight: {hidden}")

    def _hidden(self) -> list[str]:
        noted, orphans = noted_sessions(self.world.state)
        return [each for each in sessions(self.items) if each not in noted | orphans]

    def _remember(self) -> None:
        """Remember what is stored, which no later fault may lose."""
        noted, _ = noted_sessions(self.world.state)
        names = self.items.names()
        self._stored = frozenset(each for each in names if each in noted or not is_session(each))

    def shown(self, person: str) -> Counter[str]:
        """Return the ARNs of the sessions that `status` shows: those of this person, and what is kept.

        The names of others' sessions are in no config of theirs, by which a lost index is made again.
        """
        done = self.run("status", "--format", "json", person=person)
        if done.code != 0:
            raise NotSurvived("status fails")
        # Of the keeper's, what is handed out: the hop before may be listed, and gone with a keyring
        # that was emptied; nothing has opened it since.
        own = (f"/{person}", f"Admin/{KEEPER}")
        arns = [each["arn"] for each in done.json["sessions"]]
        return Counter(each for each in arns if each.endswith(own))

    def add_keys(self, key: Key | None = None, **more: Any) -> Done:
        """Store bob's keys, or another one of them."""
        arguments = ("keys", "add", self.stored, "--from-env", "--replace", "--until-reboot")
        env = (key or self.bob.key).environ
        return self.run(*arguments, person=KEEPER, env={"AWS_SESSION_TOKEN": None, **env}, **more)

    def log_out(self) -> None:
        """Fail unless `logout --all` leaves no session in the keyring."""
        done = self.run("logout", "--all", person=KEEPER)
        if done.code != 0:
            raise NotSurvived("logout --all fails")
        left = sessions(self.items)
        if left:
            raise NotSurvived(f"logout --all left {len(left)} sessions in the keyring")
        self.keep()

    @contextmanager
    def at_aws(self, shift: timedelta) -> Iterator[None]:
        """Let AWS's clock be ``shift`` ahead."""
        sts = self.world.sts
        sts.date_offset += shift
        sts.now += shift
        try:
            yield
        finally:
            sts.date_offset -= shift
            sts.now -= shift


@contextmanager
def arena(backend: str, name: str) -> Iterator[Arena]:
    """Open an arena over ``secret-service`` or ``kernel``; ``name`` is unique in this process."""
    stored = f"storm-{os.getpid()}-{name}"
    if backend == "kernel":
        with temporary_world(KERNEL) as world:
            items = KernelItems(world.state, [stored])
            with _prepared(world, items, stored, None) as made:
                try:
                    yield made
                finally:
                    for each in items.names():
                        items.delete(each)
        return
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        start_secret_service(Path(folder)) as service,
        temporary_world(BACKEND) as world,
    ):
        for variable in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
            world.more[variable] = service.environ[variable]
        bus = BusItems(service.environ["DBUS_SESSION_BUS_ADDRESS"])
        with _prepared(world, bus, stored, service) as made:
            yield made


@contextmanager
def _prepared(
    world: World, items: Items, stored: str, service: SecretService | None
) -> Iterator[Arena]:
    aws = world.sts.world
    bob = aws.user("222222222222", "bob")
    aws.role("arn:aws:iam::222222222222:role/Stored", trusts=[bob.arn])
    world.config(_CONFIG.format(stored=stored))
    with Proxy(world.sts.url) as proxy:
        for service_name in ("STS", "IAM"):
            world.more[f"AWS_ENDPOINT_URL_{service_name}"] = proxy.url
        world.more["AWS_MAX_ATTEMPTS"] = "2"
        made = Arena(world, proxy, items, bob, stored, service)
        made.keep()
        yield made


def flipped(text: str, choice: random.Random) -> str:
    """Return ``text`` with one character changed."""
    at = choice.randrange(len(text))
    return text[:at] + chr((ord(text[at]) ^ (1 << choice.randrange(6))) or 0x30) + text[at + 1 :]
