"""A chain that begins with a program: whatever it is given has changed, and the hot path steps aside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rolehop.sources.program_state import AWS_FILES, NAMES, PATHS
from tests.hotpath.paths import full, hot, record_of, warmed
from tests.support.world import HUB, World

CONFIG = f"""
version = 1
[defaults]
session_name = "me"
[sources.program]
type = "process"
command = COMMAND
[sources.profile]
type = "profile"
profile = "p"
[chains.printed]
source = "program"
hops = [{{ role = "{HUB}" }}]
[chains.by-profile]
source = "profile"
hops = [{{ role = "{HUB}" }}]
"""


def printing(world: World, *command: str) -> World:
    """Let the world's program ``tool``, which is on ``PATH`` and beside the config, print alice's keys."""
    key = world.alice.key
    answer = {"Version": 1, "AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret}
    world.sts.world.role(HUB, trusts=[world.alice.arn])
    for folder in (world.home / "bin", world.config_file.parent):
        folder.mkdir(exist_ok=True)
        (folder / "tool").write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
        (folder / "tool").chmod(0o700)
    (world.home / "first").mkdir()
    path = [str(world.home / name) for name in ("first", "bin")]
    world.more = {**world.more, "PATH": os.pathsep.join([*path, world.environ["PATH"]])}
    world.config(CONFIG.replace("COMMAND", json.dumps(list(command))))
    world.aws_config(f"[profile p]\ncredential_process = {' '.join(command)}\n")
    return world


@pytest.fixture
def at_home(hot_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The hot path of these tests runs in this process, so it must be in the folder of the world."""
    monkeypatch.chdir(hot_world.home)
    return hot_world


def other_settings(world: World) -> dict[str, str | None]:
    (world.home / "other").write_text((world.home / ".aws" / "config").read_text())
    return {"AWS_CONFIG_FILE": str(world.home / "other")}


def another_program(world: World) -> dict[str, str | None]:
    (world.home / "bin" / "tool").rename(world.home / "first" / "tool")
    return {}


def another_path(world: World) -> dict[str, str | None]:
    (world.home / "second").mkdir()
    (world.home / "bin" / "tool").rename(world.home / "second" / "tool")
    return {"PATH": f"{world.home / 'second'}{os.pathsep}{world.environ['PATH']}"}


def a_file_of_that_name(world: World) -> dict[str, str | None]:
    (world.home / "word").touch()
    return {}


CHANGES: dict[str, Callable[[World], dict[str, str | None]]] = {
    "another-config-file": other_settings,
    "another-program-of-that-name": another_program,
    "another-path": another_path,
    "an-argument-that-is-a-path-now": a_file_of_that_name,
}


@pytest.mark.parametrize("chain", ["printed", "by-profile"])
@pytest.mark.parametrize("name", CHANGES)
def test_it_steps_aside_and_the_program_is_asked_again(
    at_home: World, name: str, chain: str
) -> None:
    first = warmed(printing(at_home, "tool", "word"), chain)
    calls = len(at_home.sts.calls)
    env = CHANGES[name](at_home)
    assert hot(at_home, chain, env) is None
    done = full(at_home, chain, env)
    assert done.code == 0, done.err
    assert done.out != first
    assert len(at_home.sts.calls) > calls


def test_every_variable_of_its_key_is_in_its_record(at_home: World) -> None:
    warmed(printing(at_home, "tool"), "printed")
    assert {*NAMES, *AWS_FILES, *PATHS, "PATH", "HOME"} <= record_of(
        at_home, "printed"
    ).variables.keys()


@pytest.mark.parametrize("chain", ["printed", "by-profile"])
def test_another_folder_without_anything_it_could_mean_is_answered_hot(
    at_home: World, chain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = warmed(printing(at_home, "tool", "word", "--in=data"), chain)
    monkeypatch.chdir(tmp_path)
    assert hot(at_home, chain) == first
    (tmp_path / "data").touch()
    assert hot(at_home, chain) is None


@pytest.mark.parametrize("word", ["my\u00a0data", "a\tb", "--in=my\u3000data"])
def test_a_word_that_no_record_can_hold_is_never_answered_hot(
    at_home: World, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printing(at_home, "tool", word)
    assert full(at_home, "printed").code == 0
    (tmp_path / (word.partition("=")[2] or word)).touch()
    monkeypatch.chdir(tmp_path)
    assert hot(at_home, "printed") is None


def test_a_program_beside_the_config_is_answered_hot_anywhere(
    at_home: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = warmed(printing(at_home, "./tool"), "printed")
    monkeypatch.chdir(tmp_path)
    assert hot(at_home, "printed") == first


def test_a_program_in_the_folder_that_one_is_in_is_never_answered_hot(at_home: World) -> None:
    (at_home.home / "data").touch()
    for command, chain in (
        (("bin/tool",), "by-profile"),
        (("tool", "data"), "printed"),
        (("tool", "data"), "by-profile"),
    ):
        if not (at_home.home / "first").exists():
            printing(at_home, *command)
        at_home.config(CONFIG.replace("COMMAND", json.dumps(list(command))))
        at_home.aws_config(f"[profile p]\ncredential_process = {' '.join(command)}\n")
        assert full(at_home, chain).code == 0
        assert hot(at_home, chain) is None
