"""What the Roles Anywhere tests share."""

from __future__ import annotations

from typing import Any

from rolehop.base.credentials import Secret
from rolehop.sources import build_source
from tests.doubles.roles_anywhere import ANCHOR, PROFILE
from tests.sources.machines import (
    START,
    context_of,
    source_of,
    use,
)
from tests.sources.pki import Issued, key_pem, pem, write
from tests.support.world import World

ACTIONS = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")


def nobody(named: str) -> Secret:
    raise AssertionError(f"asked for a passphrase of {named}")


def settings(world: World, more: str, role: str = START) -> None:
    use(
        world,
        f'type = "roles-anywhere"\ntrust_anchor = "{ANCHOR}"\nprofile = "{PROFILE}"\n'
        f'role = "{role}"\n{more}',
    )


def with_files(
    world: World, leaf: Issued, key: bytes | None = None, more: str = "", *, chain: bytes = b""
) -> None:
    """Write certificate and key beside the config, which names them by relative paths."""
    folder = world.config_file.parent
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "me.pem", pem(leaf.certificate))
    write(folder / "me.key", key or key_pem(leaf.key))
    if chain:
        write(folder / "chain.pem", chain)
        more += '\ncertificate_chain = "chain.pem"'
    settings(world, f'certificate = "me.pem"\nprivate_key = "me.key"\n{more}')


def load(world: World, **more: object) -> Any:
    return build_source(source_of(world), context_of(world, **more)).load()  # type: ignore[arg-type]
