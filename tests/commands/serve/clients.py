"""Real programs that ask a server again and again, while its sessions last three seconds.

Their S3 is moto's, which takes any credentials; whose they are, the server knows: it counts.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.commands.serve.server import TOKEN, serving
from tests.support.moto_server import moto_server
from tests.support.world import Done, World, temporary_world

BUCKET = "bucket"
SECONDS = 7.0
"""Of each program: more than two sessions."""

_PYARROW = f"""
import sys, time
from pyarrow import fs
s3 = fs.S3FileSystem(endpoint_override=sys.argv[1], scheme="http", region="us-east-1")
until = time.monotonic() + {SECONDS}
while time.monotonic() < until:
    found = [each.path for each in s3.get_file_info(fs.FileSelector("{BUCKET}"))]
    assert "{BUCKET}/object" in found, found
    time.sleep(0.3)
print("object")
"""

# What litestream copies to the bucket, as it comes.
_WRITES = f"""
import sqlite3, time
rows = sqlite3.connect("rows.db", isolation_level=None)
rows.execute("create table row (at real)")
until = time.monotonic() + {SECONDS}
while time.monotonic() < until:
    rows.execute("insert into row values (unixepoch())")
    time.sleep(0.2)
print("object")
"""  # noqa: S608 - a constant

_NO_VARIABLE = ("restic",)
"""Of programs that find an instance's service at 169.254.169.254 only (minio-go)."""

Run = tuple[str, tuple[str, ...], list[str], dict[str, str]]
"""A program's name, how its requests may name it, its command and its own variables."""


def runs(url: str) -> Iterator[Run]:
    """Yield the programs that are on ``PATH``; ``python`` is that of an environment with pyarrow."""
    s3 = f"s3:{url}/{BUCKET}"
    yield "s5cmd", ("aws-sdk-go/1",), ["s5cmd", "--endpoint-url", url, "ls", f"s3://{BUCKET}/"], {}
    rclone = {"TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true", "ENDPOINT": url}
    named = {f"RCLONE_CONFIG_S_{name}": value for name, value in rclone.items()}
    yield "rclone", ("rclone/",), ["rclone", "lsf", f"s:{BUCKET}"], named
    restic = {"RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": s3}
    # It has no repository there, and says so only after it could sign.
    yield "restic", ("Go-http-client",), ["restic", "--no-cache", "cat", "config"], restic
    writes = shlex.join([sys.executable, "-c", _WRITES])
    replica = f"s3://{BUCKET}/rows?endpoint={url}&force-path-style=true&sync-interval=300ms"
    litestream = ["litestream", "replicate", "-exec", writes, "rows.db", replica]
    yield "litestream", ("Go-http-client", "aws-sdk-go-v2/"), litestream, {}
    python = ["python-of-clients", "-c", _PYARROW, url.removeprefix("http://")]
    yield "pyarrow", ("aws-sdk-cpp/",), python, {}


def poll(folder: str, *, imds: bool) -> Iterator[tuple[str, str]]:
    """Yield what each program of ``folder`` did, and what was wrong; empty if nothing was.

    ``imds``: they ask the metadata service of an instance, and know nothing of containers.
    """
    with temporary_world() as world, moto_server() as url, _bucket(url):
        world.sts.now -= timedelta(hours=1, seconds=-3)
        (world.folder / "run").mkdir(mode=0o700)
        with serving(world, "admin", *(["--imds"] if imds else [])) as server:
            environ = _without_containers(server.environ) if imds else server.environ
            for name, agents, command, more in runs(url):
                if imds and name in _NO_VARIABLE:
                    continue
                program = command[0].replace("python-of-clients", f"{folder}/python")
                found = shutil.which(program, path=f"{folder}:{world.environ['PATH']}")
                if found is None or (name == "pyarrow" and not found.startswith(folder)):
                    yield f"{name}: not installed", ""
                    continue
                yield _polled(world, {**environ, **more}, name, agents, [found, *command[1:]])


def _polled(
    world: World,
    environ: Mapping[str, str | None],
    name: str,
    agents: tuple[str, ...],
    command: list[str],
) -> tuple[str, str]:
    env = {"AWS_REGION": "us-east-1", **environ, "PYTHONPATH": None}
    until, count, wrong = time.monotonic() + SECONDS, 0, ""
    before = _seen(world)["requests"]
    while time.monotonic() < until and not wrong:
        done = world.run(*command, env=env)
        count += 1
        wrong = "" if _is_right(name, done) else f"{name}: {done}"
        time.sleep(0.3)
    seen = _seen(world)
    clients, asked = seen["clients"], seen["requests"] - before
    # Of an instance the SDK for C++ asks every five minutes, whenever its session ends.
    if asked < (3 if TOKEN in environ else 1):
        wrong = wrong or f"{name}: it asked {asked} times in more than two sessions"
    if not any(each.startswith(agents) for each in clients):
        wrong = wrong or f"{name}: the server has not seen it: {clients}"
    return (
        f"{name}: {count} runs in {SECONDS:g} s, {asked} requests; seen so far: {', '.join(clients)}",
        wrong,
    )


def _without_containers(environ: Mapping[str, str | None]) -> dict[str, str | None]:
    left = {name: text for name, text in environ.items() if "_CONTAINER_" not in name}
    return {**left, "AWS_EC2_METADATA_DISABLED": None}


def _seen(world: World) -> dict[str, Any]:
    """Return what the server says of its clients."""
    found: dict[str, Any] = world.rolehop("status", "--format", "json").json["servers"][0]
    return found


def _is_right(name: str, done: Done) -> bool:
    if name == "restic":
        return "config" in done.err and "credentials" not in done.err
    if name == "litestream":
        return done.code == 0 and "object" in done.out and "level=ERROR" not in done.out + done.err
    return done.code == 0 and "object" in done.out


@contextmanager
def _bucket(url: str) -> Iterator[None]:
    """Have a bucket with one object."""
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url=url, **keys)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="object", Body=b"x")
    yield
    s3.close()
