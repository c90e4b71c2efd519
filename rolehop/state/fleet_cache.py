"""The accounts of fleets as AWS listed them last, a file for each fleet; no secret.

Another account in such a file would be another role to walk to, so a file that others could have
written is not followed, like a config file of that kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rolehop.config.fleets.account_query import is_account_id
from rolehop.config.fleets.listed_fleets import NEVER_LISTED
from rolehop.config.model import FleetListing, ListedAccount
from rolehop.digest import sha256_hex
from rolehop.durations import read_moment
from rolehop.files import read_trusted_plain, write_beside
from rolehop.state.json_file import UNUSABLE, number_in, text_in
from rolehop.text import clean

FOLDER = "fleets"
_SCHEMA = 1
_LARGEST = 1 << 24  # bytes; 50,000 accounts are a third of that
_LONGEST_NAME = 200  # characters; AWS allows 128
_LONGEST_PATH = 2_000


def fleet_path(state_folder: Path, fleet: str) -> Path:
    """Return the file of a fleet; a name could be longer than that of a file, or differ by case alone."""
    return state_folder / FOLDER / f"{sha256_hex(fleet.encode())[:32]}.json"


def load_listing(path: Path, fleet: str, definition: str) -> FleetListing:
    """Return what is stored of a fleet; ``problem`` says why nothing of it counts."""
    try:
        data, distrust = read_trusted_plain(path, _LARGEST)
    except FileNotFoundError:
        return NEVER_LISTED
    except OSError as error:
        return FleetListing(problem=f"{path} cannot be read: {error.strerror}")
    if distrust is not None:
        return FleetListing(problem=f"{path} is not followed: {distrust}")
    try:
        return _listing(json.loads(data), fleet, definition)
    except (*UNUSABLE, RecursionError):
        return FleetListing(problem=f"{path} is damaged")


def store_listing(path: Path, fleet: str, definition: str, listing: FleetListing) -> None:
    """Store what AWS listed, in the place of what was stored before; mode 0600.

    Raises:
        OSError: it cannot be written.
    """
    document = {
        "schema": _SCHEMA,
        "fleet": fleet,
        "definition": definition,
        "at": None if listing.at is None else listing.at.isoformat(timespec="seconds"),
        "left_out": dict(listing.left_out),
        "accounts": [[*each[:3], list(each.roles)] for each in listing.accounts],
    }
    write_beside(path, json.dumps(document, separators=(",", ":")) + "\n")


def _listing(found: Mapping[str, Any], fleet: str, definition: str) -> FleetListing:
    if found["schema"] != _SCHEMA or found["fleet"] != fleet:
        raise ValueError("it is of another fleet or version")
    at = read_moment(found["at"])
    counts = found["left_out"]
    left_out = {clean(str(state)): number_in(counts, state) for state in counts.keys()}  # noqa: SIM118 - a list has none
    accounts = tuple(_account(*each) for each in found["accounts"])
    check_accounts(accounts)
    if found["definition"] != definition:
        text = "the fleet was defined otherwise when AWS was asked last"
        return FleetListing(accounts, at, left_out, problem=text)
    return FleetListing(accounts, at, left_out)


def _account(account: object, name: object, unit: object, roles: list[object]) -> ListedAccount:
    texts = {"account": account, "name": name, "unit": unit}
    return ListedAccount(
        text_in(texts, "account", 12),
        clean(text_in(texts, "name", _LONGEST_NAME)),
        clean(text_in(texts, "unit", _LONGEST_PATH)),
        tuple(clean(text_in({"role": role}, "role", _LONGEST_NAME)) for role in roles),
    )


def check_accounts(accounts: Iterable[ListedAccount]) -> None:
    """Check that each is an account, and none is there twice.

    Raises:
        ValueError: one is none, or twice.
    """
    seen: set[str] = set()
    for each in accounts:
        if not is_account_id(each.account) or each.account in seen:
            raise ValueError("not an account, or twice")
        seen.add(each.account)
