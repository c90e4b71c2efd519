from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fastpath.paths import KERNEL
from tests.support.world import World
from tests.vault.as_user import need_kernel_keyring


@pytest.fixture(params=["bus", "kernel"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose sessions rest where the hot path can read them, once for each such place."""
    if request.param == "bus":
        world: World = request.getfixturevalue("real_world")
        # The test itself looks into the keyring, too.
        name = "DBUS_SESSION_BUS_ADDRESS"
        monkeypatch.setenv(name, world.environ[name])
    else:
        need_kernel_keyring()
        world = request.getfixturevalue("world")
        world.backend = KERNEL
    yield world
    world.rolehop("keys", "remove", "stored")
    # 7: some rest in another keyring, which a test put in use here.
    assert world.rolehop("logout", "--all").code in (0, 7)
