"""A record that is damaged, or none of ours, is never believed, and the next answer mends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fastpath.foreign_files import FOREIGN_FILES
from tests.fastpath.paths import Item, asked, full, hot, record_file, warmed
from tests.support.world import HUB, World


def test_a_damaged_record_is_left_to_the_full_path(kept: World) -> None:
    first = warmed(kept, "admin")
    file = record_file(kept, "admin")
    good = file.read_bytes()
    for at in range(len(good)):
        for other in {good[at] ^ 1, 0, 9, 10} - {good[at]}:
            file.write_bytes(good[:at] + bytes([other]) + good[at + 1 :])
            assert hot(kept, "admin") is None
        file.write_bytes(good[:at])
        assert hot(kept, "admin") is None
    assert asked(kept, "admin").out == first
    assert file.read_bytes() == good
    assert hot(kept, "admin") == first


def test_lines_of_two_records_are_not_a_record(kept: World) -> None:
    warmed(kept, "admin")
    warmed(kept, "hub")
    one, other = record_file(kept, "admin"), record_file(kept, "hub")
    lines, others = one.read_text().splitlines(True), other.read_text().splitlines(True)
    for at, line in enumerate(others):
        if line not in lines:
            one.write_text("".join([*lines[:at], line, *lines[at + 1 :]]))
            assert hot(kept, "admin") is None


@pytest.mark.parametrize("put", FOREIGN_FILES, ids=[each.__name__ for each in FOREIGN_FILES])
def test_a_foreign_file_is_left_to_the_full_path(kept: World, put: Callable[[Path], None]) -> None:
    first = warmed(kept, "admin")
    file = record_file(kept, "admin")
    put(file)
    assert hot(kept, "admin") is None
    assert asked(kept, "admin").out == first
    if file.is_file():  # a folder stays, and is as good as nothing
        assert hot(kept, "admin") == first


@pytest.mark.parametrize("name", ["..", ".", "a..b", "../admin", "..,admin", "x" * 300, "é x"])
def test_no_name_of_a_profile_leads_out_of_the_folder(kept: World, name: str) -> None:
    kept.aws_config(
        f'[profile "{name}"]\ncredential_source = Environment\nrole_arn = {HUB}\n'
        "role_session_name = me\n"
    )
    warmed(kept, "hub")
    before = {each.relative_to(kept.home) for each in kept.files()}
    first = full(kept, name)
    assert first.code == 0, first.err
    assert hot(kept, name) == (
        first.out if name in ("a..b", "../admin", "..,admin", "é x") else None
    )
    assert asked(kept, name).out == first.out
    made = {each.relative_to(kept.home) for each in kept.files()} - before
    folder = record_file(kept, "hub").parent.relative_to(kept.home)
    assert {each.parent for each in made if each.suffix != ".lock"} <= {folder}


def test_a_record_in_the_place_of_another_is_not_believed(kept: World) -> None:
    warmed(kept, "spokes/444444444444")
    assert hot(kept, "spokes,444444444444") is None


def test_an_item_from_before_the_year_1000_is_damaged_in_both_paths(kept: World) -> None:
    warmed(kept, "admin")
    item = Item(kept, "admin")
    line, begins, _ = item.text.partition('"issued_at":"')
    item.text = f'{line}{begins}0999-01-01T00:00:00Z"}}'
    assert hot(kept, "admin") is None
    assert "a session in the keyring is damaged" in asked(kept, "admin").err
