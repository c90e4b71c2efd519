"""A command in an AWS config that others can write is not run; the rest of the file still serves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.world import World

PROCESS = """\
[profile tool]
credential_process = {command}

[profile keys]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
"""


@pytest.fixture
def marked(world: World) -> tuple[World, Path]:
    """A world whose AWS config has a command that leaves a mark when it is run."""
    mark = world.home / "mark"
    alice = world.alice.environ
    world.aws_config(
        PROCESS.format(
            command=f"touch {mark}",
            key=alice["AWS_ACCESS_KEY_ID"],
            secret=alice["AWS_SECRET_ACCESS_KEY"],
        )
    )
    return world, mark


@pytest.mark.parametrize("file", ["config", "credentials"])
def test_no_command_of_a_file_that_others_can_write_is_run(
    marked: tuple[World, Path], file: str
) -> None:
    world, mark = marked
    if file == "credentials":
        world.aws_credentials(f"[tool]\ncredential_process = touch {mark}\n")
    path = world.home / ".aws" / file
    path.chmod(0o666)
    for command in ("export tool", "whoami tool"):
        done = world.rolehop(*command.split())
        assert done.code == 4, done.err
        assert "the credential_process of AWS profile 'tool' is not run" in done.err
        assert "everybody on this machine can write it" in done.err
        assert f"chmod go-w {path}" in done.err
    assert "is not run" in world.rolehop("plan", "tool").out
    assert not mark.exists()


def test_a_trusted_files_command_is_run(marked: tuple[World, Path]) -> None:
    world, mark = marked
    assert world.rolehop("export", "tool").code == 4  # touch prints no credentials
    assert mark.exists()


def test_profiles_without_a_command_still_work(marked: tuple[World, Path]) -> None:
    world, _ = marked
    (world.home / ".aws" / "config").chmod(0o666)
    done = world.rolehop("whoami", "keys", "--format", "json")
    assert done.code == 0, done.err


def test_the_null_device_means_no_file(world: World) -> None:
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    done = world.rolehop("export", "hub", env=nothing)
    assert done.code == 0, done.err


def test_a_pipe_is_not_waited_for(world: World) -> None:
    os.mkfifo(world.home / ".aws" / "config")
    done = world.rolehop("export", "some-profile")
    assert done.code == 3, done.err
    assert "it is a pipe" in done.err
