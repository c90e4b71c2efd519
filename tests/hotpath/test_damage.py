"""A record that is damaged, or none of ours, is never believed, and the next answer mends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hotpath.foreign_files import FOREIGN_FILES, damages
from tests.hotpath.paths import Item, asked, full, hot, record_file, warmed
from tests.support.world import HUB, World


def test_a_damaged_record_is_left_to_the_full_path(hot_world: World) -> None:
    first = warmed(hot_world, "admin")
    file = record_file(hot_world, "admin")
    good = file.read_bytes()
    for _ in damages(file):
        assert hot(hot_world, "admin") is None
    assert asked(hot_world, "admin").out == first
    assert file.read_bytes() == good
    assert hot(hot_world, "admin") == first


def test_lines_of_two_records_are_not_a_record(hot_world: World) -> None:
    warmed(hot_world, "admin")
    warmed(hot_world, "hub")
    one, other = record_file(hot_world, "admin"), record_file(hot_world, "hub")
    lines, others = one.read_text().splitlines(True), other.read_text().splitlines(True)
    for at, line in enumerate(others):
        if line not in lines:
            one.write_text("".join([*lines[:at], line, *lines[at + 1 :]]))
            assert hot(hot_world, "admin") is None


@pytest.mark.parametrize("put", FOREIGN_FILES)
def test_a_foreign_file_is_left_to_the_full_path(
    hot_world: World, put: Callable[[Path], None]
) -> None:
    first = warmed(hot_world, "admin")
    file = record_file(hot_world, "admin")
    put(file)
    assert hot(hot_world, "admin") is None
    assert asked(hot_world, "admin").out == first
    if file.is_file():  # a folder stays, and is as good as nothing
        assert hot(hot_world, "admin") == first


@pytest.mark.parametrize("name", ["..", ".", "a..b", "../admin", "..,admin", "x" * 300, "é x"])
def test_no_name_of_a_profile_leads_out_of_the_folder(hot_world: World, name: str) -> None:
    hot_world.aws_config(
        f'[profile "{name}"]\ncredential_source = Environment\nrole_arn = {HUB}\n'
        "role_session_name = me\n"
    )
    warmed(hot_world, "hub")
    before = {each.relative_to(hot_world.home) for each in hot_world.files()}
    first = full(hot_world, name)
    assert first.code == 0, first.err
    assert hot(hot_world, name) == (
        first.out if name in ("a..b", "../admin", "..,admin", "é x") else None
    )
    assert asked(hot_world, name).out == first.out
    made = {each.relative_to(hot_world.home) for each in hot_world.files()} - before
    folder = record_file(hot_world, "hub").parent.relative_to(hot_world.home)
    assert {each.parent for each in made if each.suffix != ".lock"} <= {folder}


def test_a_record_in_the_place_of_another_is_not_believed(hot_world: World) -> None:
    warmed(hot_world, "spokes/444444444444")
    assert hot(hot_world, "spokes,444444444444") is None


def test_an_item_from_before_the_year_1000_is_damaged_in_both_paths(hot_world: World) -> None:
    warmed(hot_world, "admin")
    item = Item(hot_world, "admin")
    line, begins, _ = item.text.partition('"issued_at":"')
    item.text = f'{line}{begins}0999-01-01T00:00:00Z"}}'
    assert hot(hot_world, "admin") is None
    assert "a session in the keyring is damaged" in asked(hot_world, "admin").err
