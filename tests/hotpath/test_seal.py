"""The index changes at every walk of any chain; a record minds only what plans read of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.app.host import DependencyTracker
from rolehop.hotpath.record import seal_path, sealed_stamp
from rolehop.vault.index import Index, KeyEntry
from rolehop.vault.index_file import IndexStore
from tests.hotpath.paths import KERNEL, asked, full, hot, record_file, warmed
from tests.support.world import World

NOW = datetime.now(UTC)


def seal_of(world: World) -> Path:
    return Path(seal_path(str(world.state / "index.json")))


def test_the_walks_of_other_chains_leave_a_record_alone(hot_world: World) -> None:
    first = warmed(hot_world, "admin")
    warmed(hot_world, "hub")
    assert hot_world.rolehop("refresh", "hub").code == 0
    assert hot(hot_world, "admin") == first
    assert hot(hot_world, "hub") is not None


def test_refresh_leaves_every_chain_on_the_hot_path(hot_world: World) -> None:
    def refreshed(*names: str) -> list[str | None]:
        assert hot_world.rolehop("refresh", *names).code == 0
        return [hot(hot_world, name) for name in ("hub", "admin")]

    first = refreshed("hub", "admin")
    assert first[1] == full(hot_world, "admin").out
    records = [record_file(hot_world, name).read_bytes() for name in ("hub", "admin")]
    second = refreshed("hub", "admin")
    assert None not in (*first, *second)
    assert not set(first) & set(second)
    # A renewed session keeps its records; those of sessions that are forgotten are written again.
    assert [record_file(hot_world, name).read_bytes() for name in ("hub", "admin")] == records
    assert hot_world.rolehop("logout", "--all").code == 0
    assert [line is not None for line in refreshed("admin")] == [False, True]


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.with_finding("arn:aws:iam::222222222222:role/Hub", 3600, NOW),
        lambda index: index.with_key("alice", KeyEntry("AKIA" + "A" * 16, KERNEL, NOW)),
        lambda index: index.with_sign_in("corp", "another"),
    ],
    ids=["finding", "key", "sign-in"],
)
def test_a_change_of_the_index_that_plans_read_is_noticed(
    hot_world: World, change: Callable[[Index], Index]
) -> None:
    first = warmed(hot_world, "admin")
    IndexStore(hot_world.state).change(change)
    assert hot(hot_world, "admin") is None
    assert asked(hot_world, "admin").out == first
    assert hot(hot_world, "admin") == first


@pytest.mark.parametrize("damage", ["", "x", "x y\n", "\x00", None], ids=repr)
def test_a_damaged_seal_is_not_believed_and_is_written_again(
    hot_world: World, damage: str | None
) -> None:
    first = warmed(hot_world, "admin")
    seal = seal_of(hot_world)
    seal.unlink()
    if damage is not None:
        seal.write_text(damage)
    assert hot(hot_world, "admin") is None
    assert asked(hot_world, "admin").out == first
    assert hot(hot_world, "admin") == first


def test_an_index_that_rolehop_did_not_write_has_no_seal(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    assert sealed_stamp(str(store.path)) is None
    store.seal()
    sealed = sealed_stamp(str(store.path))
    assert sealed is not None
    store.path.write_text(store.path.read_text())
    assert sealed_stamp(str(store.path)) is None
    store.seal()
    assert sealed_stamp(str(store.path)) == sealed


def test_a_relative_path_is_in_no_record() -> None:
    tracker = DependencyTracker({})
    tracker.add_file(Path("/token"))
    assert not tracker.uncacheable
    tracker.add_file(Path("token"))
    assert tracker.uncacheable


def test_the_kernels_keyring_is_read_if_a_bus_has_no_secret_service(hot_world: World) -> None:
    if hot_world.backend != KERNEL:
        pytest.skip("about the kernel's keyring")
    hot_world.backend = ""
    bus = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={hot_world.folder}/no-such-bus"}
    first = warmed(hot_world, "admin", bus)
    assert hot(hot_world, "admin", bus) == first
    assert hot(hot_world, "admin") is None
    assert record_file(hot_world, "admin").exists()
