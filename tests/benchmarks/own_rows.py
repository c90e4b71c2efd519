"""The rows that measure rolehop itself."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rolehop.hotpath.record import record_path, state_folder
from tests.benchmarks.measuring import Failed, Program, Row, bare, paired, paired_at_once, run
from tests.benchmarks.setup import environ_of
from tests.support.world import ADMIN, CONFIG, HUB, World

THREE_HOPS = (
    CONFIG
    + """
[chains.deep]
from = "admin"
hops = [{ role = "arn:aws:iam::555555555555:role/Deep" }]
"""
)
LEAST = Path(__file__).with_name("least_walk.py")
_DEEP = "arn:aws:iam::555555555555:role/Deep"
_USUAL = "import keyring; print(keyring.get_password({!r}, 'rolehop').partition(chr(10))[0])"


@dataclass(frozen=True)
class Bench:
    """What all rows need: the environment that is measured, and how often."""

    venv: Path
    pairs: int
    at_once: int

    @property
    def python(self) -> str:
        return str(self.venv / "bin" / "python")

    @property
    def unit(self) -> Program:
        return bare(self.python)

    def rolehop(self, world: World, *arguments: str) -> Program:
        return Program(
            [str(self.venv / "bin" / "rolehop"), *arguments], environ_of(world, self.venv)
        )


def prepare(world: World) -> None:
    """Give the world a chain of three hops."""
    world.sts.world.role(_DEEP, trusts=["arn:aws:iam::333333333333:role/Admin"])
    world.config(THREE_HOPS)


def key_of(world: World, chain: str) -> str:
    """Return the key of a chain's stored session, from its record."""
    folder = state_folder(world.environ)
    assert folder is not None
    text = Path(record_path(folder, chain)).read_text()
    return text.partition("\nitem\t")[2].split("\n")[0].split("\t")[1]


def cached_rows(bench: Bench, world: World, where: str) -> Iterator[Row]:
    """Measure a cached answer with the sessions stored in ``where``."""
    prepare(world)
    process = bench.rolehop(world, "credential-process", "deep")
    _once(bench, world)
    name = f"credential-process, cached, {where}"
    yield paired(name, process, bench.unit, bench.pairs, wanted=1.35)
    installed = replace(process, argv=installed_line(bench, world, "deep"))
    named = f"the line of profile install, cached, {where}"
    yield paired(named, installed, bench.unit, bench.pairs, wanted=1.0)
    many = f"{bench.at_once} at once: {name}"
    yield paired_at_once(many, process, bench.unit, bench.pairs, bench.at_once, wanted=1.6)
    usual = [bench.python, "-c", _USUAL.format(f"rolehop/{key_of(world, 'deep')}")]
    program = replace(process, argv=usual)
    yield paired(f"the keyring library the usual way, {where}", program, bench.unit, bench.pairs)


def installed_line(bench: Bench, world: World, chain: str) -> list[str]:
    """Return the line that `profile install` writes for a chain, as its words."""
    process = bench.rolehop(world, "profile", "install", chain, "--yes")
    subprocess.run(process.argv, env=dict(process.environ), check=True, capture_output=True)
    line = (world.home / ".aws" / "config").read_text().partition("credential_process = ")[2]
    run(bench.rolehop(world, "credential-process", chain))  # the AWS config has changed
    return shlex.split(line.partition("\n")[0])


def _once(bench: Bench, world: World) -> None:
    run(bench.rolehop(world, "credential-process", "deep"))


def everyday_rows(bench: Bench, world: World) -> Iterator[Row]:
    """Measure everyday commands with a session cached."""
    _once(bench, world)
    for arguments, wanted in (
        (("export", "deep"), 6.0),
        (("assume", "deep", "--shell", "bash"), 6.0),
        (("--version",), 2.0),
        (("--help",), 4.6),
        (("list",), 9.0),
        (("status",), 9.0),
    ):
        program = bench.rolehop(world, *arguments)
        name = "rolehop " + " ".join(arguments)
        yield paired(name, program, bench.unit, bench.pairs, wanted=wanted)


def completion_rows(bench: Bench, world: World) -> Iterator[Row]:
    """Measure the completion of chain names, as bash asks for it."""
    program = bench.rolehop(world, "completion", "--", "export", "")
    program = replace(program, environ={**program.environ, "_ROLEHOP_COMPLETE": "bash"})
    run(program)  # the first one may have to read the config
    yield paired("completion of chain names", program, bench.unit, bench.pairs, wanted=3.5)


def cold_rows(bench: Bench, world: World) -> Iterator[Row]:
    """Measure a walk of three hops with nothing cached, on a double that keeps connections."""

    def forget() -> None:
        done = world.rolehop("logout", "--all")
        if done.code != 0:  # the keyring was slow to answer
            done = world.rolehop("logout", "--all")
        if done.code != 0:
            raise Failed(f"logout --all: exit {done.code}\n{done.err}")
        shutil.rmtree(world.state, ignore_errors=True)
        world.sts.calls.clear()

    process = replace(bench.rolehop(world, "credential-process", "deep"), before=forget)
    row = paired("cold walk of three hops", process, bench.unit, bench.pairs, wanted=22.0)
    yield replace(row, facts={"calls": len(world.sts.calls)})
    least = replace(process, argv=[bench.python, str(LEAST), "chain", HUB, ADMIN, _DEEP])
    name = "cold walk of three hops, against the least program that makes and stores it"
    yield paired(name, process, least, bench.pairs, wanted=1.12)
    name = f"{bench.at_once} at once: cold walk of three hops"
    row = paired_at_once(name, process, bench.unit, min(bench.pairs, 5), bench.at_once)
    yield replace(row, facts={"calls": len(world.sts.calls)})
