"""The same three-hop chain through rolehop and each peer that is installed, cold and cached.

All read one AWS config and call one STS, the double on loopback. rolehop, aws-vault and granted keep
their sessions in the same Secret Service; the AWS CLI and awsume can keep them in files only. The IAM user's keys
are in the credentials file, but for aws-vault, which takes them from its keyring alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.measuring import Failed, Program, Row, paired
from tests.benchmarks.own_rows import Bench, prepare
from tests.benchmarks.setup import aws_cli_2, environ_of
from tests.support.world import ADMIN, HUB, World

_COLLECTION = "login"  # gnome-keyring would ask for the password of a new one
_SECRET_SERVICE, _FILES = "sessions in the Secret Service", "sessions in files"


@dataclass(frozen=True)
class Peer:
    """One tool that walks the chain of profile ``three``."""

    name: str
    cold: Program
    """``before`` each run it forgets its sessions."""

    cached: Program
    keeps: str


@dataclass(frozen=True)
class Place:
    """Where all of them run."""

    bench: Bench
    world: World
    environ: dict[str, str]

    def peer(
        self, name: str, argv: list[str], forget: Callable[[], object], keeps: str, *no_cache: str
    ) -> Peer:
        """Return a tool whose arguments are the same for both rows, but for ``no_cache``."""
        cold = Program([*argv, *no_cache], self.environ, forget)
        return Peer(name, cold, Program(argv, self.environ), keeps)


def peer_rows(bench: Bench, world: World, named: dict[str, str | None]) -> Iterator[Row]:
    """Measure rolehop, then each tool; one that is not installed, or fails, has a row that says so.

    ``named``: programs to measure in place of those on PATH, by the keys of ``PEERS``.
    """
    place = _place(bench, world)
    yield from _cold_and_cached(_rolehop(place), place)
    for name, make in _MAKERS.items():
        try:
            peer = make(place, named[name] or shutil.which(PEERS[name]))
            if peer is not None:
                yield from _cold_and_cached(peer, place)
            else:
                yield Row(PEERS[name], skipped="not installed")
        except Failed as failed:
            yield Row(PEERS[name], skipped=f"it failed: {failed}")


def _cold_and_cached(peer: Peer, place: Place) -> Iterator[Row]:
    calls = place.world.sts.calls
    for how, program in (("cold", peer.cold), ("cached", peer.cached)):

        def before(first: Callable[[], object] = program.before) -> None:
            first()
            calls.clear()

        measured = replace(program, before=before)
        row = paired(
            f"{peer.name}, {how}, {peer.keeps}", measured, place.bench.unit, place.bench.pairs
        )
        yield replace(row, facts={"STS calls": len(calls)})


def _place(bench: Bench, world: World) -> Place:
    prepare(world)
    world.aws_config(profiles(world.sts.url))
    keys = {
        name: world.alice.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    lines = "".join(f"{name.lower()} = {value}\n" for name, value in keys.items())
    world.aws_credentials(f"[base]\n{lines}")
    # The tools have an own Python, which must not find rolehop's packages; and a tool that follows
    # neither the variable nor the profile's endpoint fails, since it reaches nothing beyond loopback.
    environ = {**environ_of(world, bench.venv), "PATH": os.environ["PATH"]}
    environ = {name: value for name, value in environ.items() if name not in keys}
    nowhere = "http://127.0.0.1:9"
    return Place(bench, world, {**environ, "HTTPS_PROXY": nowhere, "NO_PROXY": "127.0.0.1"})


def profiles(url: str) -> str:
    """Return an AWS config in which ``three`` is reached over ``one`` and ``two``, all at ``url``."""
    text, before = f"[profile base]\nregion = us-east-1\nendpoint_url = {url}\n", "base"
    roles = (HUB, ADMIN, "arn:aws:iam::555555555555:role/Deep")
    for name, role in zip(("one", "two", "three"), roles, strict=True):
        text += (
            f"[profile {name}]\nregion = us-east-1\nsource_profile = {before}\nendpoint_url = {url}\n"
            f"role_arn = {role}\nrole_session_name = me\n"
        )
        before = name
    return text


def _rolehop(place: Place) -> Peer:
    argv = [str(place.bench.venv / "bin" / "rolehop"), "credential-process", "three"]
    return place.peer(
        "rolehop", argv, lambda: place.world.rolehop("logout", "--all"), _SECRET_SERVICE
    )


def _aws(place: Place, program: str | None) -> Peer | None:
    found = aws_cli_2(program)
    if found is None:
        return None
    argv = [found, "configure", "export-credentials", "--profile", "three"]
    cache = place.world.home / ".aws" / "cli" / "cache"
    return place.peer("the AWS CLI", argv, lambda: _remove(cache), _FILES)


def _awsume(place: Place, program: str | None) -> Peer | None:
    if program is None:
        return None
    cache = place.world.home / ".awsume" / "cache"
    # The shell script `awsume` evaluates what this prints.
    return place.peer("awsume", [program, "three", "-s"], lambda: _remove(cache), _FILES)


def _aws_vault(place: Place, program: str | None) -> Peer | None:
    if program is None:
        return None
    options = ["--backend", "secret-service", "--secret-service-collection", _COLLECTION]
    keys = place.world.alice.environ
    _set_up(
        [program, *options, "add", "--env", "--no-add-config", "base"], {**place.environ, **keys}
    )
    argv = [program, *options, "export", "--format=json", "three"]
    clear = [program, *options, "clear"]
    return place.peer("aws-vault", argv, lambda: _set_up(clear, place.environ), _SECRET_SERVICE)


def _granted(place: Place, program: str | None) -> Peer | None:
    if program is None:
        return None
    folder = place.world.home / ".granted"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(
        'DefaultBrowser = "STDOUT"\n[Keyring]\nBackend = "secret-service"\n'
        f'LibSecretCollectionName = "{_COLLECTION}"\n'
    )
    argv = [program, "credential-process", "--profile", "three"]
    return place.peer("granted", argv, lambda: None, _SECRET_SERVICE, "--no-cache")


# aws-vault before granted, whose items in one collection it takes for its own.
_MAKERS: dict[str, Callable[[Place, str | None], Peer | None]] = {
    "aws_vault": _aws_vault,
    "granted": _granted,
    "aws": _aws,
    "awsume": _awsume,
}
PEERS = {"aws_vault": "aws-vault", "granted": "granted", "aws": "aws", "awsume": "awsumepy"}
"""Each tool's program, by the name of the option that names another."""


def _set_up(argv: list[str], environ: dict[str, str]) -> None:
    done = subprocess.run(
        argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        raise Failed(f"{' '.join(argv)}: exit {done.returncode}\n{done.stderr}")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
