"""What changed in a file of the state folder decides nothing: no other role, flag, target or verdict.

Of files with a seal every byte is changed and the digest made right, as one does who can write the
folder and cannot read the keyring; of the others a bit, as a disk does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolehop.app.folder_chain import FolderChain, approvals_file, is_confirmed, remember_confirmed
from rolehop.app.judging.evidence import StoredOrganization, load_organization, store_organization
from rolehop.base.digest import checked_line
from rolehop.base.errors import HopRefused
from rolehop.commands.each.run_log import LogNotProven, log_to_resume, new_log
from rolehop.config.model import FleetListing, ListedAccount
from rolehop.hotpath.record import CHECK
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.inventory import NamedPolicy, Organization, Target
from rolehop.vault.fleet_accounts import fleet_path, load_listing, problem_with_seal, store_listing
from rolehop.vault.notes import NotSealed, Seal, as_note, load_flags, remember_flags, without_seal
from rolehop.vault.refusals import record_refusals, refused_with
from tests.doubles.keyrings import InMemory
from tests.support.seals import seals_in, seals_without_keyring

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SEALS = seals_in()
FOLDER = FolderChain(Path("/work/.rolehop"), "admin")
WAY = ("me", "arn:aws:iam::444444444444:role/Admin")
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
    remember_flags(state, SEALS, KEY, FLAGS, datetime.now(UTC))

    def load() -> object:
        try:
            return load_flags(state, SEALS, KEY)
        except ValueError:
            return None

    return load


def fleet(state: Path) -> Callable[[], object]:
    path = fleet_path(state, "spokes")
    store_listing(path, SEALS, "spokes", "as defined", LISTING)

    def load() -> object:
        found = load_listing(path, "spokes", "as defined")
        proven = found.problem is None and problem_with_seal(SEALS, "spokes", found) is None
        return found if proven else None

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


def folders(state: Path) -> Callable[[], object]:
    approvals = approvals_file(state, SEALS)
    remember_confirmed(approvals, FOLDER, WAY)
    return lambda: is_confirmed(approvals, FOLDER, WAY) or None


HINTS = {each.__name__: each for each in (organization, refusal)}
DECIDING = {each.__name__: each for each in (flags, fleet, folders)}
FILES = HINTS | DECIDING


def file_in(state: Path) -> Path:
    (path,) = (each for each in state.rglob("*") if each.is_file())
    return path


def changed(path: Path, *, step: int = 1, made_right: bool = False) -> Iterator[None]:
    """Change a bit of every byte, each time until somebody has looked at what comes of it."""
    whole = path.read_bytes()
    for at in range(0, len(whole.rstrip()), step):
        data = bytearray(whole)
        data[at] ^= 1 << at % 7  # the eighth makes no text of it
        if made_right:
            data = bytearray(b"".join(map(with_right_check, bytes(data).splitlines(True))))
        if data != whole:  # else it was the check alone that was changed
            path.write_bytes(data)
            yield
    path.write_bytes(whole)


def with_right_check(line: bytes) -> bytes:
    note, seal = without_seal(line.decode())
    body, mark, _ = note.rpartition(CHECK)
    if not mark:
        return line
    return f"{checked_line(body + '}').rstrip()} {seal}\n".encode()


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_a_file_with_a_changed_bit_counts(tmp_path: Path, name: str) -> None:
    load = FILES[name](tmp_path / "state")
    assert load() is not None
    path = file_in(tmp_path / "state")
    for _ in changed(path, step=11):
        assert load() is None, path.read_bytes()


@pytest.mark.parametrize("name", DECIDING)
def test_nothing_of_a_file_with_a_changed_byte_and_a_right_digest_counts(
    tmp_path: Path, name: str
) -> None:
    load = DECIDING[name](tmp_path / "state")
    path = file_in(tmp_path / "state")
    for _ in changed(path, made_right=True):
        assert load() is None, path.read_bytes()
    assert load() is not None


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_a_file_without_a_check_counts(tmp_path: Path, name: str) -> None:
    load = FILES[name](tmp_path / "state")
    path = file_in(tmp_path / "state")
    fields = json.loads(without_seal(path.read_text())[0])
    del fields["check"]
    path.write_text(json.dumps(fields))
    assert load() is None


@pytest.mark.parametrize("name", DECIDING)
def test_nothing_of_a_file_without_a_seal_counts(tmp_path: Path, name: str) -> None:
    load = DECIDING[name](tmp_path / "state")
    path = file_in(tmp_path / "state")
    path.write_text(without_seal(path.read_text())[0])
    assert load() is None


def test_a_seal_is_of_one_kind_and_one_name(tmp_path: Path) -> None:
    note = as_note({"a": 1})
    sealed = Seal(SEALS, "flags", "one").added_to(note).encode()
    assert Seal(SEALS, "flags", "one").read(sealed) == {"a": 1}
    for kind, name in (("flags", "two"), ("fleet", "one"), ("flag", "sone"), ("", "flagsone")):
        with pytest.raises(NotSealed, match="was changed"):
            Seal(SEALS, kind, name).read(sealed)
    with pytest.raises(NotSealed, match="another key"):
        Seal(seals_in(), "flags", "one").read(sealed)
    with pytest.raises(NotSealed, match="no usable keyring"):
        Seal(seals_without_keyring(), "flags", "one").read(sealed)


def test_an_earlier_list_of_a_fleet_does_not_come_back(tmp_path: Path) -> None:
    load = fleet(tmp_path)
    earlier = (path := file_in(tmp_path)).read_bytes()
    store_listing(path, SEALS, "other", "as defined", LISTING)
    of_another = path.read_bytes()
    store_listing(path, SEALS, "spokes", "as defined", LISTING._replace(accounts=ACCOUNTS[:1]))
    assert load() is not None
    for data in (earlier, of_another):
        path.write_bytes(data)
        assert load() is None


def test_processes_that_share_a_keyring_share_the_key_and_what_is_latest(tmp_path: Path) -> None:
    keyring = InMemory()
    first, second = seals_in(keyring), seals_in(keyring)
    assert first.digest("kind", "name", "text") == second.digest("kind", "name", "text")
    path = fleet_path(tmp_path, "spokes")
    for seals in (first, second):
        store_listing(path, seals, "spokes", "as defined", LISTING)
        with seals.marking("run", "", "a run"):
            pass
    found = load_listing(path, "spokes", "as defined")
    assert problem_with_seal(seals_in(keyring), "spokes", found) is None


class Log:
    """The log of a run in which each of `TARGETS` was ok, and what a resume makes of it."""

    def __init__(self, state: Path, command: str = "true") -> None:
        self.state, self.argv = state, [command]
        chains = [chain for chain, _ in TARGETS]
        at = NOW + timedelta(seconds=len(list((state / "runs").glob("*"))))
        log = new_log(state, SEALS, self.argv, FLAGS, chains, None, at, lambda _: None)
        for key, account in TARGETS.items():
            log.add(key, "ok", account)
        log.close()
        self.path = log.path

    def ok_targets(self, *, trusted: bool = False) -> dict[tuple[str, str | None], str | None]:
        """Return them; none if a resume does not follow the log."""
        give_up = list[str]().append
        arguments = self.state, SEALS, self.argv, ["spokes/web"], None, give_up
        try:
            found = log_to_resume(*arguments, trusted=trusted)
        except LogNotProven:
            return {}
        return {} if found is None else found[1]


def test_no_other_target_of_a_run_was_ok(tmp_path: Path) -> None:
    log = Log(tmp_path)
    assert log.ok_targets() == TARGETS
    for _ in changed(log.path, step=11):
        assert log.ok_targets().items() <= TARGETS.items(), log.path.read_bytes()
    for _ in changed(log.path, made_right=True):
        assert log.ok_targets().items() < TARGETS.items(), log.path.read_bytes()
    assert log.ok_targets() == TARGETS


def test_lines_of_another_run_do_not_count(tmp_path: Path) -> None:
    log = Log(tmp_path)
    lines = log.path.read_bytes().splitlines(True)
    other = Log(tmp_path, "false")
    other.path.write_bytes(b"".join([other.path.read_bytes().splitlines(True)[0], *lines[1:]]))
    assert other.ok_targets() == {}
    assert other.ok_targets(trusted=True) == TARGETS


def test_a_run_whose_log_is_gone_is_not_resumed_by_an_earlier_one(tmp_path: Path) -> None:
    earlier, last, between = Log(tmp_path), Log(tmp_path, "false"), Log(tmp_path)
    assert last.ok_targets() == TARGETS
    text = between.path.read_bytes()
    between.path.unlink()
    assert earlier.ok_targets() == {}
    assert earlier.ok_targets(trusted=True) == TARGETS
    between.path.write_bytes(text)
    between.path.chmod(0o600)
    assert earlier.ok_targets() == TARGETS


def test_a_run_whose_log_is_not_known_to_the_keyring_is_not_resumed_by_an_earlier_one(
    tmp_path: Path,
) -> None:
    log = Log(tmp_path)
    later = log.path.with_name(f"2027{log.path.name[4:]}")
    header = log.path.read_bytes().splitlines()[0]
    for text in (log.path.read_bytes(), header, without_seal(header.decode())[0].encode()):
        later.write_bytes(text)
        later.chmod(0o600)
        assert log.ok_targets() == {}
    later.unlink()
    assert log.ok_targets() == TARGETS


def test_a_log_without_a_key_counts_if_it_is_trusted(tmp_path: Path) -> None:
    seals = seals_without_keyring()
    log = new_log(tmp_path, seals, ["true"], FLAGS, ["web"], None, NOW, print)
    log.add(("web", None), "ok", "4" * 12)
    log.close()
    arguments = tmp_path, seals, ["true"], ["web"], None, print
    with pytest.raises(LogNotProven, match="no usable keyring"):
        log_to_resume(*arguments)
    found = log_to_resume(*arguments, trusted=True)
    assert found is not None
    assert found[1] == {("web", None): "4" * 12}
