from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.base.digest import checked_line
from rolehop.plan.model import CachedSession
from rolehop.vault.index import Index, KeyEntry, OrphanedSession, make_entry
from rolehop.vault.index_file import IndexStore, as_text, read_text
from tests.vault.samples import (
    NOW,
    ROLE,
    hop_step,
    key_of,
    session,
    source_step,
    token_step,
)

PLACE = "tests.Place"
SOURCE = make_entry(source_step(), session(), "prod", PLACE, None, NOW)
TOKEN = make_entry(token_step(), session(), "prod", PLACE, SOURCE, NOW)
HUB = make_entry(hop_step(), session(), "prod", PLACE, SOURCE, NOW)
ADMIN = make_entry(hop_step("admin", parent="hub", number=2), session(), "prod", PLACE, HUB, NOW)
FULL = (
    Index()
    .with_session(SOURCE)
    .with_session(TOKEN)
    .with_session(HUB)
    .with_session(ADMIN)
    .with_key("alice", KeyEntry("AKIAEXAMPLE000000", PLACE, NOW))
    .with_finding(ROLE, 3600, NOW)
    .with_spent("arn:aws:iam::111111111111:mfa/alice", 63_000_000, "ab" * 32)
)
FULL = replace(FULL, orphans=frozenset({OrphanedSession(key_of("old"), PLACE)}))


def store(folder: Path) -> IndexStore:
    return IndexStore(folder, now=lambda: NOW, machine_start=lambda now: NOW)


def read(text: str) -> Index:
    return read_text(text, NOW)


def document_of(index: Index) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(as_text(index, NOW))
    del document["check"]
    return document


def test_the_index_comes_back_from_its_file(tmp_path: Path) -> None:
    assert read(as_text(FULL, NOW)) == FULL
    assert store(tmp_path).load() == Index(lost=True)
    store(tmp_path).change(lambda _: FULL)
    assert store(tmp_path).load() == FULL.pruned(NOW)


def test_each_write_has_the_entries_of_its_time(tmp_path: Path) -> None:
    writer = store(tmp_path)
    renewed = replace(ADMIN, arn=f"{ADMIN.arn}-2")
    for index in (FULL, FULL.with_session(renewed), FULL.without([HUB.key], PLACE), FULL):
        writer.change(lambda _, now=index: now)  # type: ignore[misc]
        assert store(tmp_path).load() == index.pruned(NOW)


def test_the_file_is_for_the_user_alone_and_its_lock_is_gone(tmp_path: Path) -> None:
    store(tmp_path / "state").change(lambda _: FULL)
    assert (tmp_path / "state" / "index.json").stat().st_mode & 0o777 == 0o600
    files = sorted(file.name for file in (tmp_path / "state").iterdir())
    assert files == ["index.json", "index.json.seal"]


def test_an_entry_names_its_back_end() -> None:
    assert (SOURCE.step, SOURCE.hop, SOURCE.role, SOURCE.source) == ("source", 0, "", "corp")
    assert (TOKEN.step, TOKEN.hop, TOKEN.source) == ("token", 0, "alice")
    assert (HUB.step, HUB.hop, HUB.role, HUB.source) == ("hop", 1, ROLE, "corp")
    assert (ADMIN.parent, ADMIN.hop, ADMIN.source) == (HUB.key, 2, "corp")


def test_below_is_the_key_and_all_that_hangs_on_it_parents_first() -> None:
    assert FULL.below(SOURCE.key)[0] == SOURCE.key
    assert set(FULL.below(SOURCE.key)) == {SOURCE.key, TOKEN.key, HUB.key, ADMIN.key}
    assert FULL.below(HUB.key) == (HUB.key, ADMIN.key)
    assert FULL.below(key_of("nobody")) == (key_of("nobody"),)


def test_a_loop_of_parents_ends() -> None:
    loop = FULL.with_session(replace(HUB, parent=ADMIN.key))
    assert set(loop.below(HUB.key)) == {HUB.key, ADMIN.key}


def test_chains_that_share_a_session_are_noted_together() -> None:
    both = FULL.with_session(replace(HUB, chains=("audit",)))
    assert both.sessions[HUB.key].chains == ("prod", "audit")


def test_a_copy_in_another_back_end_is_remembered_until_it_is_gone() -> None:
    moved = FULL.with_session(replace(HUB, backend="tests.Other"))
    assert HUB.key in moved.orphans_in(PLACE)
    assert moved.without([HUB.key], PLACE).sessions[HUB.key].backend == "tests.Other"
    back = moved.with_session(HUB)
    assert back.orphans_in(PLACE) == FULL.orphans_in(PLACE)
    assert back.orphans_in("tests.Other") == (HUB.key,)


def test_what_was_not_written_is_in_the_index_as_before() -> None:
    # Each also has an item in the other place: one by its entry, one as an orphan.
    before = replace(FULL, orphans=FULL.orphans | {OrphanedSession(HUB.key, "tests.Other")})
    during = before.with_session(replace(HUB, backend="tests.Other")).with_session(
        replace(ADMIN, backend="tests.Other")
    )
    assert during.as_before([HUB.key, ADMIN.key], before, "tests.Other") == before


def test_known_returns_sessions_and_ceilings_for_a_plan() -> None:
    known = FULL.known()
    assert known.sessions[HUB.key] == CachedSession(HUB.issued_at, HUB.expires_at, HUB.expires_at)
    assert known.max_durations == {ROLE: 3600}


@pytest.mark.parametrize(("days", "remembered"), [(6, True), (7, False)])
def test_a_finding_is_forgotten_after_seven_days(days: int, remembered: bool) -> None:
    assert bool(FULL.pruned(NOW + timedelta(days=days)).findings) == remembered


def test_a_spent_code_is_forgotten_when_it_cannot_come_again() -> None:
    spent = Index().with_spent("s", int(NOW.timestamp()) // 30, "d")
    assert spent.pruned(NOW + timedelta(minutes=2)).mfa
    assert not spent.pruned(NOW + timedelta(hours=1)).mfa


def test_a_changed_field_of_the_wrong_kind_costs_that_entry_only() -> None:
    document = document_of(FULL)
    document["sessions"][HUB.key]["expires_at"] = "tomorrow"
    document["sessions"][TOKEN.key]["step"] = "stride"
    document["sessions"]["../../etc"] = document["sessions"][ADMIN.key]
    document["keys"]["bob"] = {"access_key_id": 7}
    document["findings"][ROLE]["max_seconds"] = "3600"
    document["mfa"]["x"] = []
    # What the index names may be deleted, and this item is no session.
    document["sessions"]["seals/key"] = document["sessions"][ADMIN.key]
    document["orphans"] += [7, {"key": "a b", "backend": PLACE}]
    document["orphans"] += [{"key": "seals/key", "backend": PLACE}]
    found = read(checked_line(json.dumps(document)))
    assert set(found.sessions) == {SOURCE.key, ADMIN.key}
    assert set(found.keys) == {"alice"}
    assert not found.findings
    assert found.mfa == FULL.mfa
    orphans = {OrphanedSession(each.key, PLACE) for each in (HUB, TOKEN)}
    assert found.orphans == FULL.orphans | orphans
    assert not found.lost


@pytest.mark.parametrize("seconds", [-60, 0, 3_599, 43_201, 10**30])
def test_a_ceiling_that_no_role_has_is_ignored(seconds: int) -> None:
    """A plan would be shortened to it: "-1 h 59 min planned"."""
    document = document_of(FULL)
    document["findings"][ROLE]["max_seconds"] = seconds
    assert not read(checked_line(json.dumps(document))).findings


def test_a_hop_or_a_code_before_the_first_is_ignored() -> None:
    document = document_of(FULL)
    document["sessions"][ADMIN.key]["hop"] = -1
    document["mfa"]["x"] = {"window": -1, "digest": ""}
    found = read(checked_line(json.dumps(document)))
    assert (ADMIN.key in found.sessions, found.mfa) == (False, FULL.mfa)
    assert OrphanedSession(ADMIN.key, PLACE) in found.orphans


def test_a_changed_bit_is_noticed_wherever_it_is() -> None:
    whole = as_text(FULL, NOW).encode()
    for at in range(0, len(whole) - 1, 7):  # the last one is the line end
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        assert read(changed.decode(errors="replace")).damaged, bytes(changed)


def test_a_changed_bit_makes_hints_of_the_entries() -> None:
    text = as_text(FULL, NOW).replace(HUB.key, key_of("another"))
    found = read(text)
    assert (found.lost, found.damaged) == (True, True)
    assert set(found.sessions) == {*FULL.sessions, key_of("another")} - {HUB.key}
    assert (found.keys, found.findings) == (FULL.keys, {})


def test_an_index_without_a_check_is_a_damaged_one() -> None:
    assert read(json.dumps(document_of(FULL))).damaged


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, '{"sessions": 7}'])
def test_a_file_that_cannot_be_used_is_an_empty_index_that_says_so(text: str) -> None:
    found = read(text)
    assert found == Index(lost=True, damaged=True)


def test_an_index_of_another_schema_is_a_lost_one() -> None:
    text = checked_line(json.dumps({**document_of(FULL), "schema": 999}))
    assert read(text) == Index(lost=True, damaged=True)


def test_a_file_that_others_can_write_is_not_followed(tmp_path: Path) -> None:
    store(tmp_path).change(lambda _: FULL)
    (tmp_path / "index.json").chmod(0o666)
    assert store(tmp_path).load() == Index(lost=True, damaged=True)


def test_an_error_of_the_change_passes_and_nothing_is_written(tmp_path: Path) -> None:
    store(tmp_path).change(lambda _: FULL)

    def refuse(_: Index) -> Index:
        raise LookupError("no")

    with pytest.raises(LookupError):
        store(tmp_path).change(refuse)
    assert store(tmp_path).load().sessions == FULL.sessions


def test_an_unchanged_index_is_not_written(tmp_path: Path) -> None:
    store(tmp_path).change(lambda _: FULL)
    before = (tmp_path / "index.json").stat()
    store(tmp_path).change(lambda index: index)
    assert (tmp_path / "index.json").stat().st_ino == before.st_ino


_WRITER = """
import sys
from pathlib import Path
from rolehop.vault.index_file import IndexStore
store = IndexStore(Path(sys.argv[1]))
for number in range(10):
    store.change(lambda index: index.with_finding(f"{sys.argv[2]}-{number}", 3600, store._now()))
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), str(each)])
        for each in range(8)
    ]
    assert [writer.wait() for writer in writers] == [0] * 8
    assert len(IndexStore(tmp_path).load().findings) == 80
