"""The stored accounts of a fleet: read back whole, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rolehop.base.digest import checked_line
from rolehop.base.durations import age_text
from rolehop.config.listed_fleets import is_old
from rolehop.config.model import FleetListing, ListedAccount
from rolehop.vault.fleet_accounts import fleet_path, load_listing, store_listing
from rolehop.vault.notes import without_seal
from tests.support.seals import seals_in

SEALS = seals_in()
BILLING, WEB = "4" * 12, "5" * 12
LISTING = FleetListing(
    (
        ListedAccount(
            BILLING, "Billing & Co", "Prod/Pay", spelled="Billing-Co", tags=(("env", "prod"),)
        ),
        ListedAccount(WEB, roles=("Admin", "RO"), spelled=WEB),
    ),
    datetime(2026, 11, 27, 12, tzinfo=UTC),
    {"SUSPENDED": 2},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = fleet_path(tmp_path, "prod")
    store_listing(found, SEALS, "prod", "as defined", LISTING)
    return found


def edit(path: Path, **changes: Any) -> None:
    fields = json.loads(without_seal(path.read_text())[0])
    fields.pop("check")
    path.write_text(checked_line(json.dumps({**fields, **changes})))


def loaded(path: Path) -> FleetListing:
    return load_listing(path, "prod", "as defined")._replace(sealed=LISTING.sealed)


def test_it_comes_back_as_it_was(path: Path) -> None:
    assert loaded(path) == LISTING
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_definition_is_for_a_diff_alone(path: Path) -> None:
    found = load_listing(path, "prod", "otherwise")
    assert found.accounts == LISTING.accounts
    assert found.problem is not None


def test_names_that_differ_in_case_have_files_of_their_own(tmp_path: Path) -> None:
    paths = {fleet_path(tmp_path, name).name.casefold() for name in ("prod", "Prod", "p" * 300)}
    assert len(paths) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"accounts": [["44444444444", "x", "", [], "x", None]]},
        {"accounts": [["٤" * 12, "x", "", [], "x", None]]},
        {"accounts": [[BILLING, "x", "", [], "x", None], [BILLING, "x", "", [], "y", None]]},
        {"accounts": [[BILLING, "x", "", [], "x", None], [WEB, "x", "", [], "x", None]]},
        {"accounts": [[BILLING, 7, "", [], "x", None]]},
        {"accounts": [[BILLING, "x", "", [7], "x", None]]},
        {"accounts": [[BILLING, "x", "", [], "a/b", None]]},
        {"accounts": [[BILLING, "x", "", [], "", None]]},
        {"accounts": [[BILLING, "\x1b[31mx", "", [], "x", None]]},
        {"accounts": [[BILLING, "x", "Prod\n", [], "x", None]]},
        {"accounts": [[BILLING, "x" * 9999, "", [], "x", None]]},
        {"accounts": [[BILLING, "x", 7, [], "x", None]]},
        {"accounts": [[BILLING, "x", "", [], "x", [["a"]]]]},
        {"accounts": [[BILLING, "x", "", [], "x", [["a", 7]]]]},
        {"accounts": [[BILLING, "x", "", [], "x", [["a\n", "b"]]]]},
        {"accounts": [[BILLING, "x", "", [], "x", "ab"]]},
        {"accounts": [[BILLING, "x", "", [], "x"]]},
        {"accounts": [[BILLING]]},
        {"accounts": [[BILLING, "x", "", [], "x", None], [WEB]]},
        {"accounts": {"a": 1}},
        {"accounts": [[["4"] * 12, "x", "", [], "x", None]]},
        {"fleet": "test"},
        {"schema": 2},
        {"at": "yesterday"},
        {"at": None},
        {"left_out": []},
        {"left_out": {"SUSPENDED": -1}},
    ],
)
def test_nothing_of_a_damaged_file_counts(path: Path, changes: dict[str, Any]) -> None:
    edit(path, **changes)
    found = load_listing(path, "prod", "as defined")
    assert found.accounts == ()
    assert found.problem is not None
    assert "damaged" in found.problem


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_damaged(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert "damaged" in str(load_listing(path, "prod", "as defined").problem)


def test_what_could_not_be_read_back_does_not_take_the_place_of_a_list(path: Path) -> None:
    endless = ListedAccount(WEB, "x" * 2_001, spelled="web")
    with pytest.raises(ValueError, match="line"):
        store_listing(path, SEALS, "prod", "as defined", FleetListing((endless,), LISTING.at))
    assert loaded(path) == LISTING


@pytest.mark.parametrize(
    ("days", "age", "old"),
    [(-2, "2 days ago", False), (6, "6 days ahead", False), (8, "8 d", True)],
)
def test_a_list_of_a_clock_that_was_far_ahead_is_old(days: int, age: str, old: bool) -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    at = now + timedelta(days=days)
    assert is_old(FleetListing(at=at), now) is old
    assert age_text(at, now).startswith(age)


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    path.rename(other)
    path.symlink_to(other)
    assert "cannot be read" in str(load_listing(path, "prod", "as defined").problem)
    path.unlink()
    path.hardlink_to(other)
    assert "cannot be read" in str(load_listing(path, "prod", "as defined").problem)
