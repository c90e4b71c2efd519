"""The organization's SCPs and RCPs as they were read last, with their age; no secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rolehop.durations import read_moment
from rolehop.files import write_beside
from rolehop.policy.inventory.organization import NamedPolicy, Organization, Target
from rolehop.state.json_file import UNUSABLE, as_checked, load_checked, text_in

FILE = "organization.json"
_SCHEMA = 1
_MEMBERS = {
    *("schema", "at", "chain", "management_account"),
    *("paths", "targets", "policies", "enabled"),
}


class StoredOrganization(NamedTuple):
    """An organization, when it was read (aware, UTC), and by which chain's session."""

    organization: Organization
    at: datetime
    chain: str


def load_organization(state_folder: Path) -> StoredOrganization | None:
    """Return what was stored; ``None``: nothing that can be read."""
    try:
        found = load_checked(state_folder / FILE, _MEMBERS)
        if found["schema"] != _SCHEMA:
            return None
        at = read_moment(found["at"])
        return StoredOrganization(_organization(found), at, text_in(found, "chain"))
    except (OSError, *UNUSABLE):
        return None


def store_organization(state_folder: Path, stored: StoredOrganization) -> None:
    """Store it, in the place of what was stored before.

    Raises:
        OSError: it cannot be written.
    """
    found = stored.organization
    document = {
        "schema": _SCHEMA,
        "at": stored.at.isoformat(timespec="seconds"),
        "chain": stored.chain,
        "management_account": found.management_account,
        "paths": {account: list(path) for account, path in found.paths.items()},
        "targets": {name: list(target) for name, target in found.targets.items()},
        "policies": {name: list(policy) for name, policy in found.policies.items()},
        "enabled": [found.scps_enabled, found.rcps_enabled],
    }
    write_beside(state_folder / FILE, as_checked(document))


def _organization(found: Mapping[str, Any]) -> Organization:
    scps, rcps = found["enabled"]
    organization = Organization(
        str(found["management_account"]),
        {str(k): tuple(map(str, each)) for k, each in found["paths"].items()},
        {str(k): _target(*each) for k, each in found["targets"].items()},
        {
            str(k): NamedPolicy(str(name), str(text))
            for k, (name, text) in found["policies"].items()
        },
        scps is True,
        rcps is True,
    )
    for account in organization.paths:
        for kind in ("SCP", "RCP"):
            list(organization.levels(account, kind))  # KeyError: a part is missing
    return organization


def _target(name: object, scps: list[object], rcps: list[object]) -> Target:
    return Target(str(name), tuple(map(str, scps)), tuple(map(str, rcps)))
