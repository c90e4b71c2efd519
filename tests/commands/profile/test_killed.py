"""A process that is killed at any moment while keys move: no file is half-written, and no key is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.aws_files import pair
from tests.support.world import ADMIN, HUB, World

CONFIG = f"""\
version = 1
[sources.base]
type = "keys"
[chains.base]
source = "base"
[chains.hub]
source = "base"
hops = [{{ role = "{HUB}" }}]
[chains.admin]
from = "hub"
hops = [{{ role = "{ADMIN}" }}]
"""
AWS = f"[profile hub]\nrole_arn = {HUB}\nsource_profile = base\n"

KILLED_AT = """
import os, signal, sys
left = [{step}]
def changes(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
    else:
        path, writes = arguments[0], event in ("os.rename", "os.remove", "os.link")
    return writes and isinstance(path, str | os.PathLike) and (
        "/.aws/" in os.fspath(path) or "/vault/" in os.fspath(path)
    )
def hook(event, arguments):
    if event in ("open", "os.rename", "os.remove", "os.link") and changes(event, arguments):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""
"""Kills the process before it changes something for the ``step``-th time: in the AWS files' folder, or the keyring."""

MOST_STEPS = 60


@pytest.fixture
def theirs(world: World) -> World:
    world.config(CONFIG)
    world.aws_config(AWS)
    world.aws_credentials(f"[base]\n{pair(world.alice)}output = json\n")
    return world


def files(world: World) -> tuple[str, str]:
    folder = world.home / ".aws"
    return (folder / "config").read_text(), (folder / "credentials").read_text()


def in_keyring(world: World) -> bool:
    return any(world.alice.key.secret in each.read_text() for each in world.items())


def killed_at_each_step(
    world: World, command: list[str], check: Callable[[], None], again: Callable[[], None]
) -> int:
    """Run ``command`` until it is no longer killed; return at how many steps it was."""
    for step in range(1, MOST_STEPS):
        done = world.rolehop(*command, before=KILLED_AT.format(step=step))
        check()
        if done.code == 0:
            return step - 1
        assert done.code == -9, done.err
        again()
    pytest.fail("it never ends")


def test_keys_are_in_the_file_or_in_the_keyring_whenever_it_is_killed(theirs: World) -> None:
    install = ["profile", "install", "--take-over", "--yes"]
    remove = ["profile", "remove", "--yes", "--keys"]
    uninstall = ["uninstall", "--yes", "--keys"]
    secret, before = theirs.alice.key.secret, files(theirs)
    assert theirs.rolehop(*install).code == 0
    after = files(theirs)
    assert theirs.rolehop("uninstall", "--yes", "--keys").code == 0
    assert files(theirs) == before

    def check() -> None:
        for now, old, new in zip(files(theirs), before, after, strict=True):
            assert now in (old, new), "half-written"
        assert in_keyring(theirs) or secret in files(theirs)[1], "in neither place"
        backups = (theirs.home / ".aws").glob("*backup*")
        assert not [each for each in backups if secret in each.read_text()]

    def from_the_start() -> None:
        assert theirs.rolehop(*uninstall).code == 0
        assert files(theirs) == before

    def from_the_end() -> None:
        assert theirs.rolehop(*install).code in (0, 3)
        assert files(theirs) == after

    assert killed_at_each_step(theirs, install, check, from_the_start) > 5
    assert files(theirs) == after
    assert killed_at_each_step(theirs, remove, check, from_the_end) > 5
    assert files(theirs) == before
    from_the_end()
    assert killed_at_each_step(theirs, uninstall, check, from_the_end) > 5
    assert (files(theirs), theirs.items()) == (before, [])
