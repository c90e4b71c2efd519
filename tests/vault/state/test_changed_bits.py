"""One changed bit in a file of the state folder decides nothing: no other role, flag or verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.app.judging.evidence import StoredOrganization, load_organization, store_organization
from rolehop.base.errors import HopRefused
from rolehop.commands.each.run_log import log_to_resume, new_log
from rolehop.config.model import FleetListing, ListedAccount
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.inventory import NamedPolicy, Organization, Target
from rolehop.vault.fleet_accounts import fleet_path, load_listing, store_listing
from rolehop.vault.notes import load_flags, remember_flags
from rolehop.vault.refusals import record_refusals, refused_with

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = "ASIAEXAMPLEEXAMPLE12"
FLAGS = WalkOptions(read_only=True, policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",))
ACCOUNTS = (ListedAccount("4" * 12, "web", spelled="web"), ListedAccount("5" * 12, spelled="db"))
LISTING = FleetListing(ACCOUNTS, NOW, {})
SCPS = StoredOrganization(
    Organization(
        "1" * 12,
        {"4" * 12: ("r-1", "4" * 12)},
        {"r-1": Target("Root", ("p-1",), ()), "4" * 12: Target("web", ("p-1",), ())},
        {"p-1": NamedPolicy("Full", '{"Statement": {"Effect": "Deny"}}')},
        True,
        True,
    ),
    NOW,
    "hub",
)
TARGETS = {("spokes/web", "eu-west-1"): None, ("spokes/db", "eu-west-1"): "5" * 12}


def flags(state: Path) -> Callable[[], object]:
    remember_flags(state, KEY, FLAGS, datetime.now(UTC))

    def load() -> object:
        try:
            return load_flags(state, KEY)
        except ValueError:
            return None

    return load


def fleet(state: Path) -> Callable[[], object]:
    path = fleet_path(state, "spokes")
    store_listing(path, "spokes", "as defined", LISTING)

    def load() -> object:
        found = load_listing(path, "spokes", "as defined")
        return found if found.problem is None else None

    return load


def organization(state: Path) -> Callable[[], object]:
    store_organization(state, SCPS)
    return lambda: load_organization(state)


def refusal(state: Path) -> Callable[[], object]:
    state.mkdir(exist_ok=True)
    error = HopRefused("no", code="AccessDenied", message="is not authorized", chain="admin", hop=2)
    with (
        pytest.raises(HopRefused),
        record_refusals(state, "admin", WalkOptions(region="eu-west-1"), lambda: NOW),
    ):
        raise error
    return lambda: refused_with(state, "admin", WalkOptions(region="eu-west-1"))


FILES = {each.__name__: each for each in (flags, fleet, organization, refusal)}


def changed(path: Path) -> Iterator[None]:
    """Change one bit here and there, each time until somebody has looked at what comes of it."""
    whole = path.read_bytes()
    for at in range(0, len(whole.rstrip()), 11):
        data = bytearray(whole)
        data[at] ^= 1 << at % 7  # the eighth makes no text of it
        path.write_bytes(data)
        yield


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_a_file_with_a_changed_bit_counts(tmp_path: Path, name: str) -> None:
    load = FILES[name](tmp_path / "state")
    assert load() is not None
    (path,) = (each for each in (tmp_path / "state").rglob("*") if each.is_file())
    for _ in changed(path):
        assert load() is None, path.read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_a_file_without_a_check_counts(tmp_path: Path, name: str) -> None:
    load = FILES[name](tmp_path / "state")
    (path,) = (each for each in (tmp_path / "state").rglob("*") if each.is_file())
    fields = json.loads(path.read_text())
    del fields["check"]
    path.write_text(json.dumps(fields))
    assert load() is None


def test_no_other_target_of_a_run_was_ok(tmp_path: Path) -> None:
    log = new_log(
        tmp_path, ["true"], WalkOptions(), [each for each, _ in TARGETS], None, NOW, lambda _: None
    )
    for key, account in TARGETS.items():
        log.add(key, "ok", account)
    log.close()

    def ok_targets() -> dict[tuple[str, str | None], str | None]:
        found = log_to_resume(tmp_path, ["true"], ["spokes/web"], None, lambda _: None)
        return {} if found is None else found[1]

    assert ok_targets() == TARGETS
    for _ in changed(log.path):
        assert ok_targets().items() <= TARGETS.items(), log.path.read_bytes()
