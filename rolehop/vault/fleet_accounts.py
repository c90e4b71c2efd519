"""The accounts of fleets as AWS listed them last, a file for each fleet; no secret.

Another account in such a file would be another role to walk to. So a file that others could have
written is not followed, like a config file of that kind, and each is sealed as the latest of its fleet:
an earlier one would lead to accounts that have other names by now. The seal is looked at when a
walk starts (`problem_with_seal`), since that takes the keyring.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolehop.base.digest import sha256_hex
from rolehop.base.durations import read_moment
from rolehop.base.files import read_trusted_plain, write_beside
from rolehop.base.text import clean, is_visible
from rolehop.config.listed_fleets import NEVER_LISTED
from rolehop.config.model import FleetListing, ListedAccount
from rolehop.config.value_types import NAME_PATTERN
from rolehop.vault.notes import (
    UNUSABLE,
    Seal,
    as_note,
    check_and_seal,
    number_in,
    read_note,
)

if TYPE_CHECKING:
    from rolehop.vault.seals import Seals

FOLDER = "fleets"
_LARGEST = 1 << 24  # bytes; 50,000 accounts are a third of that
_MARK = 16  # characters of a seal
_LONGEST = 2_000  # characters of a name or path; AWS allows 128 for each OU of it


def fleet_path(state_folder: Path, fleet: str) -> Path:
    """Return the file of a fleet; a name could be longer than that of a file, or differ by case alone."""
    return state_folder / FOLDER / f"{sha256_hex(fleet.encode())[:32]}.json"


def load_listing(path: Path, fleet: str, definition: str) -> FleetListing:
    """Return what is stored of a fleet; ``problem`` says why nothing of it counts."""
    try:
        data, distrust = read_trusted_plain(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return NEVER_LISTED
    except OSError as error:
        return FleetListing(problem=f"{path} cannot be read: {error.strerror}")
    if distrust is not None:
        return FleetListing(problem=f"{path} is not followed: {distrust}")
    try:
        listing = _listing(read_note(data), fleet, definition)
        return listing._replace(sealed=check_and_seal(data.decode()))
    except UNUSABLE:
        return FleetListing(problem=f"{path} is damaged")


def no_folder(problem: str) -> FleetListing:
    """Return what is known without a state folder; ``problem``: why there is none."""
    return FleetListing(problem=f"no list can be stored: {problem}")


def problem_with_seal(seals: Seals, fleet: str, listing: FleetListing) -> str | None:
    """Return why nothing proves that AWS listed that, e.g. `seals.WRONG`; ``None``: it is proven."""
    from rolehop.vault.seals import WRONG

    seal, (check, found) = _seal(seals, fleet), listing.sealed
    problem = seal.problem(check, found)
    if problem is not None or seals.latest(seal.kind, seal.name) == found[:_MARK]:
        return problem
    return WRONG


def store_listing(
    path: Path, seals: Seals, fleet: str, definition: str, listing: FleetListing
) -> None:
    """Store what AWS listed, in the place of what was stored before; mode 0600.

    Raises:
        OSError: it cannot be written.
        ValueError: it could not be read back, so nothing is written.
    """
    document = {
        "fleet": fleet,
        "definition": definition,
        "at": None if listing.at is None else listing.at.isoformat(timespec="seconds"),
        "left_out": dict(listing.left_out),
        "in_vain": list(listing.in_vain),
        "former": dict(listing.former),
        "accounts": [list(each) for each in listing.accounts],
    }
    text = as_note(document)
    if len(text) > _LARGEST:
        raise ValueError("it is too long")
    _listing(read_note(text.encode()), fleet, definition)
    seal = _seal(seals, fleet)
    text = seal.added_to(text)
    with seals.marking(seal.kind, seal.name, check_and_seal(text)[1][:_MARK]):
        write_beside(path, text)


def _seal(seals: Seals, fleet: str) -> Seal:
    return Seal(seals, "fleet", fleet)


def _listing(found: Mapping[str, Any], fleet: str, definition: str) -> FleetListing:
    if found["fleet"] != fleet:
        raise ValueError("it is of another fleet")
    at = read_moment(found["at"])
    counts = found["left_out"]
    left_out = {clean(str(state)): number_in(counts, state) for state in counts.keys()}  # noqa: SIM118 - a list has none
    in_vain, former = tuple(found["in_vain"]), dict(found["former"])
    _check_texts(in_vain)
    _check_names(former.keys(), former.values())
    listing = FleetListing(_accounts(found["accounts"]), at, left_out, in_vain, former)
    if found["definition"] != definition:
        text = "the fleet was defined otherwise when AWS was asked last"
        return listing._replace(problem=text)
    return listing


def _accounts(rows: list[list[Any]]) -> tuple[ListedAccount, ...]:
    """Return the accounts; looked at column by column, since there may be thousands.

    Raises:
        ValueError: a row is not as it was written.
    """
    if not rows:
        return ()
    accounts, names, units, roles, spelled, tags = zip(*rows, strict=True)
    flat = [role for each in roles for role in each]
    flat += [
        text for each in tags if each is not None for key, value in each for text in (key, value)
    ]
    for texts in (accounts, names, [each for each in units if each is not None], flat, spelled):
        _check_texts(texts)
    for keys in (accounts, spelled):
        if len(set(keys)) != len(keys):
            raise ValueError("an account is there twice")
    _check_names(spelled, accounts)
    pairs = (None if each is None else tuple(map(tuple, each)) for each in tags)
    return tuple(map(ListedAccount, accounts, names, units, map(tuple, roles), spelled, pairs))


def _check_names(names: Collection[str], accounts: Collection[str]) -> None:
    """Check that these can stand in names of chains, and that these are numbers of accounts."""
    if not set(map(len, accounts)) <= {12} or not _is_number("0" + "".join(accounts)):
        raise ValueError("not an account")
    if not all(map(NAME_PATTERN.fullmatch, names)):
        raise ValueError("not a name")


def _check_texts(texts: Sequence[object]) -> None:
    """Check that all are short texts in one visible line."""
    if not set(map(type, texts)) <= {str}:
        raise ValueError("not a text")
    shown = [str(each) for each in texts]
    if max(map(len, shown), default=0) > _LONGEST or not is_visible("".join(shown)):
        raise ValueError("not a line")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
