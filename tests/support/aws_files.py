"""Keys in the AWS files of a world, and where they can be read."""

from __future__ import annotations

from pathlib import Path

from tests.doubles.sts_world import User
from tests.support.world import World


def pair(user: User) -> str:
    key = user.key
    return f"aws_access_key_id = {key.access_key_id}\naws_secret_access_key={key.secret}\n"


def plain(world: World) -> list[Path]:
    """Return the files of the home folder in which one of alice's secrets can be read."""
    secrets = [key.secret.encode() for key in world.alice.keys]
    return [path for path in world.files() if any(e in path.read_bytes() for e in secrets)]
