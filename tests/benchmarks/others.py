"""The same three-hop profile chain through the AWS CLI and awsume, on one moto server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.measuring import Program, Row, paired
from tests.benchmarks.own_rows import Bench
from tests.benchmarks.setup import aws_cli_2, environ_of
from tests.support.world import World

_CREDENTIALS = "[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = made-up\n"


def profiles() -> str:
    """Return an AWS config in which ``three`` is reached over ``one`` and ``two``."""
    text, before = "[profile base]\nregion = us-east-1\n", "base"
    for account, name in (
        ("222222222222", "one"),
        ("333333333333", "two"),
        ("444444444444", "three"),
    ):
        text += (
            f"[profile {name}]\nregion = us-east-1\nsource_profile = {before}\n"
            f"role_arn = arn:aws:iam::{account}:role/R\nrole_session_name = me\n"
        )
        before = name
    return text


def other_rows(
    bench: Bench, world: World, url: str, aws: str | None, awsume: str | None
) -> Iterator[Row]:
    """Measure rolehop, the AWS CLI and awsume, each cold and cached."""
    world.aws_config(profiles())
    world.aws_credentials(_CREDENTIALS)
    environ = {
        **environ_of(world, bench.venv),
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_STS": url,
    }
    environ = {name: value for name, value in environ.items() if not _is_key(name)}
    yield from _rolehop(bench, world, environ)
    yield from _aws(bench, world, environ, aws_cli_2(aws))
    yield from _awsume(bench, world, environ, awsume or shutil.which("awsume"))


def _is_key(name: str) -> bool:
    return name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_IAM")


def _rolehop(bench: Bench, world: World, environ: dict[str, str]) -> Iterator[Row]:
    argv = [str(bench.venv / "bin" / "rolehop"), "credential-process", "three"]

    def forget() -> None:
        world.rolehop("logout", "--all")

    yield from _cold_and_cached("rolehop", bench, Program(argv, environ, forget))


def _aws(bench: Bench, world: World, environ: dict[str, str], program: str | None) -> Iterator[Row]:
    name = "aws configure export-credentials"
    if program is None:
        yield Row(name, skipped="no AWS CLI of version 2")
        return
    argv = [program, "configure", "export-credentials", "--profile", "three"]
    # It has a Python of its own, which must not find rolehop's packages.
    environ = {**environ, "PATH": os.environ["PATH"]}
    cache = world.home / ".aws" / "cli" / "cache"
    yield from _cold_and_cached(name, bench, Program(argv, environ, lambda: _remove(cache)))


def _awsume(
    bench: Bench, world: World, environ: dict[str, str], program: str | None
) -> Iterator[Row]:
    if program is None:
        yield Row("awsume", skipped="not installed")
        return
    # The shell script `awsume` evaluates what `autoawsume`'s neighbour prints; that is measured.
    folder = Path(program).resolve().parent
    code = "from awsume.awsumepy.main import main; main()"
    argv = [str(folder / "python"), "-c", code, "three", "-s"]
    environ = {**environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    cache = world.home / ".awsume" / "cache"
    yield from _cold_and_cached("awsume", bench, Program(argv, environ, lambda: _remove(cache)))


def _cold_and_cached(name: str, bench: Bench, program: Program) -> Iterator[Row]:
    pairs = bench.pairs
    yield paired(f"{name}, three profiles on moto, cold", program, bench.unit, pairs)
    cached = replace(program, before=lambda: None)
    yield paired(f"{name}, three profiles on moto, cached", cached, bench.unit, pairs)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
