"""Whoever can write the state folder, and nothing else, forges no record."""

from __future__ import annotations

import shutil
import time

import pytest

from rolehop.hotpath.record import is_sealed
from rolehop.hotpath.writer import sealed
from tests.hotpath.paths import (
    CHAINS_OF_EVERY_KIND,
    Item,
    asked,
    full,
    hot,
    record_file,
    record_of,
    warmed,
)
from tests.support.world import CONFIG, World

# Chains whose STS calls are the same share one item; what differs is in the record.
EQUAL = CHAINS_OF_EVERY_KIND + '[chains.twin]\nfrom = "hub"\nregion = "eu-north-1"\n'


def lines_of(world: World, chain: str) -> str:
    lines, _, _ = record_file(world, chain).read_text().rpartition("hmac\t")
    return lines


def plant(world: World, chain: str, lines: str) -> None:
    """Write a record as somebody can who knows the format and not the item."""
    old = record_file(world, chain).read_text().rpartition("hmac\t")[2]
    for text in (f"{lines}hmac\t{old}", sealed(lines, "0" * 64) or "", lines):
        record_file(world, chain).write_text(text)
        assert hot(world, chain) is None
        done = world.rolehop("export", chain, "--format", "json", "-q")
        assert done.out != "" or done.code == 8


def test_no_record_sends_a_chain_to_another_session(hot_world: World) -> None:
    hot_world.config(CONFIG + EQUAL)
    hub = warmed(hot_world, "hub")
    warmed(hot_world, "admin")
    own, others = record_of(hot_world, "hub").key, record_of(hot_world, "admin").key
    plant(hot_world, "hub", lines_of(hot_world, "hub").replace(own, others))
    assert asked(hot_world, "hub").out == hub
    plant(hot_world, "hub", lines_of(hot_world, "admin").replace("chain\tadmin", "chain\thub"))
    assert asked(hot_world, "hub").out == hub


def test_no_record_drops_the_question_of_a_chain(hot_world: World) -> None:
    """A chain that asks has none, though its session is one that another chain's record names."""
    hot_world.config(CONFIG + EQUAL)
    warmed(hot_world, "hub")
    assert hot_world.rolehop("refresh", "asks").code == 0
    assert not record_file(hot_world, "asks").exists()
    planted = lines_of(hot_world, "hub").replace("chain\thub", "chain\tasks")
    whole = record_file(hot_world, "hub").read_text()
    for text in (planted, sealed(planted, "0" * 64) or "", whole):
        record_file(hot_world, "asks").write_text(text)
        assert hot(hot_world, "asks") is None
        for command in ("assume", "export", "credential-process"):
            done = hot_world.rolehop(command, "asks")
            assert (done.code, done.out.removeprefix("false\n")) == (8, ""), done.err
            assert "a confirmation is needed" in done.err


def test_no_record_changes_the_region_of_a_chain(hot_world: World) -> None:
    hot_world.config(CONFIG + EQUAL)
    warmed(hot_world, "hub")
    warmed(hot_world, "twin")
    plant(hot_world, "twin", lines_of(hot_world, "hub").replace("chain\thub", "chain\ttwin"))
    assert "eu-north-1" in hot_world.rolehop("assume", "twin", "--shell", "sh").out


def test_no_record_extends_the_life_of_a_session(hot_world: World) -> None:
    hot_world.config(CONFIG + EQUAL)
    first = warmed(hot_world, "hub")
    Item(hot_world, "hub").moved(time.time() - 3000, time.time() + 600)
    plant(hot_world, "hub", lines_of(hot_world, "hub").replace("life\t960\t", "life\t0\t"))
    assert asked(hot_world, "hub").json["AccessKeyId"] not in first


def test_no_record_forgets_a_file_or_a_variable(hot_world: World) -> None:
    warmed(hot_world, "admin")
    for line in lines_of(hot_world, "admin").splitlines(keepends=True)[6:]:
        good = lines_of(hot_world, "admin")
        record_file(hot_world, "admin").write_text(sealed(good.replace(line, ""), "0" * 64) or "")
        assert hot(hot_world, "admin") is None
        record_file(hot_world, "admin").write_text(f"{good}hmac\t{'0' * 64}\n")
        warmed(hot_world, "admin")


def test_a_record_from_before_a_change_is_of_no_use(hot_world: World) -> None:
    hot_world.config(CONFIG + EQUAL)
    warmed(hot_world, "hub")
    state, before = hot_world.state, hot_world.home / "before"
    shutil.copytree(state, before)
    hot_world.config(CONFIG.replace("[chains.hub]", "[chains.hub]\nconfirm = true"))
    assert hot_world.rolehop("refresh", "hub").code == 0
    shutil.rmtree(state)
    shutil.copytree(before, state)
    assert hot_world.rolehop("assume", "hub").code == 8


def test_a_session_that_is_renewed_keeps_its_records(hot_world: World) -> None:
    """Not each chain that shares it has to be walked once more."""
    hot_world.config(CONFIG + EQUAL)
    warmed(hot_world, "hub")
    warmed(hot_world, "twin")
    assert hot_world.rolehop("refresh", "hub").code == 0
    assert hot(hot_world, "twin") == hot(hot_world, "hub") == full(hot_world, "hub").out


def test_the_seal_is_of_the_item_that_the_record_names(hot_world: World) -> None:
    warmed(hot_world, "admin")
    warmed(hot_world, "hub")
    for chain, other in (("admin", "hub"), ("hub", "admin")):
        data = record_file(hot_world, chain).read_bytes()
        assert is_sealed(data, Item(hot_world, chain).record_key)
        assert not is_sealed(data, Item(hot_world, other).record_key)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_record_key_of_another_length_seals_nothing(hot_world: World, length: int) -> None:
    warmed(hot_world, "admin")
    item = Item(hot_world, "admin")
    item.rewrite(record_key="f" * length)
    assert hot(hot_world, "admin") is None
    assert asked(hot_world, "admin").code == 0
