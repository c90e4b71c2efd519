"""Search a world for secrets: its files, stderr, and the arguments of every process."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote

from tests.support.world import SCRIPT, Done, World, ended


class Watch:
    """Collects arguments and environment of every process that starts while it is open."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        """Arguments."""
        self.environments: set[bytes] = set()
        # Not the processes that ran before: this test did not start them.
        self._others = _processes()
        self._over = Event()
        self._thread = Thread(target=self._look_often)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> None:
        """Look at what runs now."""
        there = _processes()
        self._others = self._others & there
        for process in there - self._others:
            try:
                self.seen.add(Path("/proc", process, "cmdline").read_bytes())
                self.environments.add(Path("/proc", process, "environ").read_bytes())
            except OSError:
                continue  # it ended meanwhile

    def _look_often(self) -> None:
        while not self._over.wait(0.005):
            self.look()


def _processes() -> set[str]:
    return set(os.listdir("/proc"))  # noqa: PTH208 - names are all that is wanted, and quickly


def secrets_of(world: World) -> list[str]:
    """Return the first characters of every secret of this world, plain and as in a URL."""
    keys = list(world.sts.world.keys.values())  # the double may issue more meanwhile
    whole = [key.secret for key in (*keys, *world.alice.keys)]
    whole += [key.token for key in keys if key.token]
    starts = {secret[:24] for secret in whole}
    return sorted(starts | {quote(start, safe="") for start in starts})


def found_in(text: str, world: World, codes: tuple[str, ...] = ()) -> list[str]:
    """Return the secrets found in ``text``."""
    return [secret for secret in secrets_of(world) if secret in text] + [
        code for code in codes if re.search(rf"(?<![0-9a-fA-F]){code}(?![0-9a-fA-F])", text)
    ]


def leaks(
    world: World, done: Done, watch: Watch, codes: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """Return the places in this world with a secret, besides its keyring and stdout."""
    places = {
        str(path): path.read_bytes().decode("latin-1")
        for path in world.files()
        if path.name != "code"  # the program that stands for the MFA device
    }
    places["stderr"] = done.err
    places["arguments"] = b"\n".join(watch.seen).decode("latin-1")
    found = {place: found_in(text, world, codes) for place, text in places.items()}
    return {place: secrets for place, secrets in found.items() if secrets}


def watched(
    world: World, *arguments: str, env: dict[str, str | None], holds: bool = False
) -> tuple[Done, Watch]:
    """Run rolehop while its processes are watched.

    ``holds``: it calls STS, which does not answer until it was looked at.
    """
    with Watch() as watch, ExitStack() as held:
        if holds:
            held.enter_context(world.sts.held())
        with world.start(SCRIPT, *arguments, env=env) as process:
            if holds:
                world.sts.wait_for_calls()
                watch.look()
                held.close()
            return ended(process), watch
