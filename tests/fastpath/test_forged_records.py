"""Whoever can write the state folder, and nothing else, forges no record."""

from __future__ import annotations

import shutil
import time

import pytest

from rolehop.fastpath.record import is_sealed
from rolehop.fastpath.writer import sealed
from tests.fastpath.paths import Item, asked, full, hot, record_file, record_of, warmed
from tests.fastpath.test_same_bytes import MORE
from tests.support.world import CONFIG, World

# Chains whose STS calls are the same share one item; what differs is in the record.
EQUAL = MORE + '[chains.twin]\nfrom = "hub"\nregion = "eu-north-1"\n'


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


def test_no_record_sends_a_chain_to_another_session(kept: World) -> None:
    kept.config(CONFIG + EQUAL)
    hub = warmed(kept, "hub")
    warmed(kept, "admin")
    own, others = record_of(kept, "hub").key, record_of(kept, "admin").key
    plant(kept, "hub", lines_of(kept, "hub").replace(own, others))
    assert asked(kept, "hub").out == hub
    plant(kept, "hub", lines_of(kept, "admin").replace("chain\tadmin", "chain\thub"))
    assert asked(kept, "hub").out == hub


def test_no_record_drops_the_question_of_a_chain(kept: World) -> None:
    kept.config(CONFIG + EQUAL)
    first = warmed(kept, "hub")
    assert warmed(kept, "asks") == first
    assert record_of(kept, "asks").key == record_of(kept, "hub").key
    for lines in (
        lines_of(kept, "asks").replace("hand\t\t1\t", "hand\t\t0\t"),
        lines_of(kept, "hub").replace("chain\thub", "chain\tasks"),
    ):
        assert "hand\t\t0\t" in lines
        plant(kept, "asks", lines)
        done = kept.rolehop("assume", "asks")
        assert (done.code, done.out) == (8, "false\n"), done.err
        assert "a confirmation is needed" in done.err
        warmed(kept, "asks")


def test_no_record_changes_the_region_of_a_chain(kept: World) -> None:
    kept.config(CONFIG + EQUAL)
    warmed(kept, "hub")
    warmed(kept, "twin")
    plant(kept, "twin", lines_of(kept, "hub").replace("chain\thub", "chain\ttwin"))
    assert "eu-north-1" in kept.rolehop("assume", "twin", "--shell", "sh").out


def test_no_record_extends_the_life_of_a_session(kept: World) -> None:
    kept.config(CONFIG + EQUAL)
    first = warmed(kept, "hub")
    Item(kept, "hub").moved(time.time() - 3000, time.time() + 600)
    plant(kept, "hub", lines_of(kept, "hub").replace("life\t960\t", "life\t0\t"))
    assert asked(kept, "hub").json["AccessKeyId"] not in first


def test_no_record_forgets_a_file_or_a_variable(kept: World) -> None:
    warmed(kept, "admin")
    for line in lines_of(kept, "admin").splitlines(keepends=True)[6:]:
        good = lines_of(kept, "admin")
        record_file(kept, "admin").write_text(sealed(good.replace(line, ""), "0" * 64) or "")
        assert hot(kept, "admin") is None
        record_file(kept, "admin").write_text(f"{good}hmac\t{'0' * 64}\n")
        warmed(kept, "admin")


def test_a_record_from_before_a_change_is_of_no_use(kept: World) -> None:
    kept.config(CONFIG + EQUAL)
    warmed(kept, "hub")
    state, before = kept.state, kept.home / "before"
    shutil.copytree(state, before)
    kept.config(CONFIG.replace("[chains.hub]", "[chains.hub]\nconfirm = true"))
    warmed(kept, "hub")
    shutil.rmtree(state)
    shutil.copytree(before, state)
    assert kept.rolehop("assume", "hub").code == 8


def test_a_session_that_is_renewed_keeps_its_records(kept: World) -> None:
    """Not each chain that shares it has to be walked once more."""
    kept.config(CONFIG + EQUAL)
    warmed(kept, "hub")
    warmed(kept, "twin")
    assert kept.rolehop("refresh", "hub").code == 0
    assert hot(kept, "twin") == hot(kept, "hub") == full(kept, "hub").out


def test_the_seal_is_of_the_item_that_the_record_names(kept: World) -> None:
    warmed(kept, "admin")
    warmed(kept, "hub")
    for chain, other in (("admin", "hub"), ("hub", "admin")):
        data = record_file(kept, chain).read_bytes()
        assert is_sealed(data, Item(kept, chain).record_key)
        assert not is_sealed(data, Item(kept, other).record_key)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_record_key_of_another_length_seals_nothing(kept: World, length: int) -> None:
    warmed(kept, "admin")
    item = Item(kept, "admin")
    item.rewrite(record_key="f" * length)
    assert hot(kept, "admin") is None
    assert asked(kept, "admin").code == 0
