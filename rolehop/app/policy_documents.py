"""Read the policy documents that the options name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from rolehop.errors import ConfigError, UsageError
from rolehop.policy.inventory.aws_cli_output import policy_text, read_inventory
from rolehop.policy.inventory.conflicts import find_conflict
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.inventory.json_path import InvalidInventory, load_strictly
from rolehop.startup.dataclass import dataclass, field, replace


@dataclass(slots=True)
class PolicyOptions:
    """What flags say about documents and about the request."""

    policies: tuple[str, ...] = ()
    scps: tuple[str, ...] = ()
    rcps: tuple[str, ...] = ()
    caller: str | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assumptions: frozenset[str] = frozenset()
    """What is taken for granted of a source's session."""


def read_documents(given: PolicyOptions) -> IamInventory:
    """Read all files.

    Raises:
        UsageError: a file is not there.
        ConfigError: a file is nothing that is understood, or two contradict each other.
    """
    records = IamInventory()
    seen: list[tuple[str, IamInventory]] = []
    for name in given.policies:
        found = _read(name, read_inventory)
        for other, known in seen:
            _check_agreement(find_conflict(known, found), other, name)
        seen.append((name, found))
        records = records.merged(found)
    return replace(records, scps=_guardrails(given.scps), rcps=_guardrails(given.rcps))


def _check_agreement(different: str | None, one: str, other: str) -> None:
    if different is not None:
        raise ConfigError(
            f"{one} and {other} contradict each other",
            cause=f"they differ in {different}, so one of them is old",
            fix="leave the older one out: aws iam get-account-authorization-details > FILE",
        )


T = TypeVar("T")


def _read(name: str, read: Callable[[str], T]) -> T:
    try:
        raw = Path(name).read_bytes()
        # PowerShell writes UTF-16 where > makes a file, and Windows editors mark UTF-8.
        return read(raw.decode(json.detect_encoding(raw)))
    except OSError as error:
        raise UsageError(f"{name} cannot be read", cause=error.strerror) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"{name} cannot be read",
            cause="it is neither UTF-8 nor UTF-16",
            fix="save it as UTF-8",
        ) from None
    except InvalidInventory as error:
        raise ConfigError(
            f"{name} is no output that rolehop understands",
            cause=str(error),
            fix="aws iam get-account-authorization-details > FILE",
        ) from None


def _guardrails(given: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for each in given:
        account, equals, name = each.partition("=")
        if not (equals and account.isdigit() and len(account) == 12):
            account, name = "*", each
        found[account] = (*found.get(account, ()), _read(name, _policy_of))
    return found


def _policy_of(text: str) -> str:
    """Return a bare policy document, or the one in ``aws organizations describe-policy``."""
    document = load_strictly(text)
    if isinstance(document, dict) and isinstance(document.get("Policy"), dict):
        document = document["Policy"].get("Content", document)
    return text if document is None else policy_text(document)
