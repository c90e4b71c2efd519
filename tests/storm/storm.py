"""Run random commands side by side for a while, and check what each of them said."""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.support.world import Done, World

# Each chain and the end of the ARN that its session has.
CHAINS = {
    "hub": "222222222222:assumed-role/Hub/me",
    "other": "222222222222:assumed-role/Hub/other",
    "narrow": "222222222222:assumed-role/Hub/me",
    "admin": "333333333333:assumed-role/Admin/me",
    "again": "333333333333:assumed-role/Admin/again",
    "spokes/444444444444": "444444444444:assumed-role/Audit/me",
    "spokes/555555555555": "555555555555:assumed-role/Audit/me",
}
CONFIG = """\
[defaults]
session_name = "{user}"
[sources.me]
type = "environment"
[chains.hub]
source = "me"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
[chains.narrow]
from = "hub"
scope = { read_only = true, duration = "20m" }
[chains.admin]
from = "hub"
hops = [{ role = "333333333333:role/Admin" }]
[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts = ["444444444444", "555555555555"]
[chains.again]
from = "hub"
hops = [{ role = "333333333333:role/Admin", session_name = "again" }]
[chains.other]
source = "me"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub", session_name = "other" }]
"""
# Commands and how often each is run.
_OTHERS = (
    ["refresh", "*"],
    ["refresh", "admin"],
    ["logout", "--all"],
    ["status"],
    ["logout", "hub"],
)
_WALKS = 3  # to each of the others


_ON_THE_BUS = """
import secretstorage
from rolehop.vault.secret_service import find_collection
for item in find_collection(secretstorage.dbus_init()).search_items({"username": "rolehop"}):
    print(item.get_secret().decode())
"""
_IN_THE_KERNEL = """
from pathlib import Path
from rolehop.hotpath.keyctl import find, read
for line in Path("/proc/keys").read_text().splitlines():
    if " rolehop/" in line and (found := find(line.split()[8].rpartition(":")[0].encode())):
        print((read(found[1]) or b"").decode())
"""
_ACCESS_KEY_ID = re.compile(r'"AccessKeyId":"([A-Z0-9]+)"')


@dataclass
class Storm:
    """What was run, and what was wrong with it."""

    runs: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def blow(world: World, *, processes: int, seconds: float, seed: int) -> Storm:
    """Run ``processes`` commands at a time for ``seconds``, chosen by ``seed``; then log out."""
    world.config(CONFIG)
    storm, end = Storm(), time.monotonic() + seconds
    with ThreadPoolExecutor(processes) as pool:
        seeds = [f"{seed}-{each}" for each in range(processes)]
        list(pool.map(lambda each: _run_until(world, storm, end, each), seeds))
    _check(storm, ["logout", "--all"], world.rolehop("logout", "--all"), world)
    return storm


def _run_until(world: World, storm: Storm, end: float, seed: str) -> None:
    choice = random.Random(seed)  # noqa: S311 - the same commands again for the same seed
    while time.monotonic() < end:
        if choice.randrange(len(_OTHERS) + _WALKS) < _WALKS:
            arguments = ["credential-process", choice.choice(list(CHAINS))]
        else:
            arguments = choice.choice(_OTHERS)
        _check(storm, arguments, world.rolehop(*arguments), world)


def _check(storm: Storm, arguments: list[str], done: Done, world: World) -> None:
    storm.runs[arguments[0]] += 1
    line = " ".join(arguments)
    if done.code != 0:
        storm.wrong.append(f"{line}: exit {done.code}: {done.err}")
    elif arguments[0] == "credential-process":
        key = world.sts.world.keys[done.json["AccessKeyId"]]
        if not key.arn.endswith(f"::{CHAINS[arguments[1]]}"):
            storm.wrong.append(f"{line}: another role's session")
        if key.scoped != (arguments[1] == "narrow"):
            storm.wrong.append(f"{line}: the whole session for the narrowed one, or the reverse")
        if _said(done):
            storm.wrong.append(f"{line}: {done.err}")
    elif "keyring" in _said(done) or "Traceback" in done.err:
        storm.wrong.append(f"{line}: {done.err}")


_LONG = re.compile(r"rolehop: (waiting for |deleting .* for more than )")


def _said(done: Done) -> str:
    """Return what it said, but that it waited long: on a busy machine it may."""
    lines = done.err.splitlines()
    return "\n".join(each for each in lines if not _LONG.match(each))


def left_over(world: World) -> list[str]:
    """Return the access key IDs of sessions of this world that are still in its keyring."""
    script = _IN_THE_KERNEL if world.backend.endswith("KernelKeyring") else _ON_THE_BUS
    done = world.run(sys.executable, "-c", script)
    assert done.code == 0, done.err
    return [each for each in _ACCESS_KEY_ID.findall(done.out) if each in world.sts.world.keys]
