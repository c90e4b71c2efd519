"""Whatever the answer depended on has changed: the hot path steps aside, and the answer is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from tests.cli.world import ADMIN, AUDIT, CONFIG, HUB, World
from tests.hot.paths import Env, Item, asked, full, hot, record_file, record_of, warmed
from tests.hot.test_same_bytes import prepared
from tests.secret_service import BACKEND, SecretService

INCLUDED = """
[chains.included]
source = "me"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
"""


@dataclass(frozen=True)
class Change:
    """One thing that happens after an answer, and what the next one takes."""

    make: Callable[[World], Env | None]
    """Returns the variables that changed, where any did."""

    called: Sequence[str] = ()
    """The roles that are assumed for the next answer; none: it is the same session."""

    chain: str = "admin"
    settles: bool = True
    """The hot path answers again after the full path did."""

    said: str = field(default="")


def edit_config(old: str, new: str) -> Callable[[World], None]:
    def edit(world: World) -> None:
        text = world.config_file.read_text()
        assert old in text
        world.config_file.write_text(text.replace(old, new))

    return edit


def edit_record(old: str, new: str) -> Callable[[World], None]:
    def edit(world: World) -> None:
        file = record_file(world, "admin")
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return edit


def edit_include(world: World) -> None:
    included(world, INCLUDED.replace("222222222222:role/Hub", "333333333333:role/Admin"))


def included(world: World, text: str = INCLUDED) -> None:
    (world.config_file.parent / "team.toml").write_text(text)


def bobs_variables(world: World) -> Env:
    return {**bob(world).environ}


def bobs_credentials_file(world: World) -> None:
    keys = bob(world).environ
    world.aws_credentials(
        f"[alice]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )


def bobs_keys(world: World) -> None:
    done = world.rolehop(
        "keys", "add", "stored", "--from-env", "--replace", env=bob(world).environ
    )
    assert done.code == 0, done.err


def bob(world: World) -> "object":
    return world.bob  # type: ignore[attr-defined]
