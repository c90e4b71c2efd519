"""The flags about policies, and the files with policies that they name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from rolehop.base.arn import ACCOUNT_ID
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import ConfigError, UsageError
from rolehop.policy.aws_cli_output import (
    InvalidInventory,
    load_strictly,
    policy_text,
    read_inventory,
)
from rolehop.policy.inventory import IamInventory, find_conflict


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """The flags about policy documents and about what a request carries."""

    documents: tuple[str, ...] = ()
    """Files with the output of AWS CLI commands (``--policies``)."""

    scps: tuple[str, ...] = ()
    rcps: tuple[str, ...] = ()
    """Each ``FILE`` or ``ACCOUNT=FILE``."""

    caller: str | None = None
    """ARN of who the source is (``--as``)."""

    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition keys and their values; no value: the key is absent."""

    context_of_hops: Mapping[int, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Likewise of the caller of one hop, by its number."""

    assumptions: frozenset[str] = frozenset()
    """What cannot be seen of a source's session and is assumed to be absent (``--assume``)."""

    management_account: str | None = None
    """The organization's management account, to which neither SCPs nor RCPs apply."""

    organization: str | None = None
    """The chain through which the organization is read (``--organization``)."""

    pin_tags: bool = False
    """Proposed statements take only the tags that the call sends (``--pin-tags``)."""


def read_documents(policies: PolicyOptions, note: Callable[[str], None]) -> IamInventory:
    """Read all files; ``note`` is told of a file that says nothing.

    Raises:
        UsageError: a file cannot be read.
        ConfigError: the content of a file is not understood, or two files contradict each other.
    """
    inventory = IamInventory()
    seen: list[tuple[str, IamInventory]] = []
    for name in policies.documents:
        found = _read(name, read_inventory)
        if found == IamInventory():
            note(f"{name} describes no user, group, role or policy: was it filtered?")
        for other, known in seen:
            _check_agreement(find_conflict(known, found), other, name)
        seen.append((name, found))
        inventory = inventory.merged(found)
    management = {policies.management_account} - {None}
    return replace(
        inventory,
        scps=_by_account(policies.scps),
        rcps=_by_account(policies.rcps),
        management_accounts=inventory.management_accounts | frozenset(map(str, management)),
    )


def _check_agreement(difference: str | None, one: str, other: str) -> None:
    if difference is not None:
        raise ConfigError(
            f"{one} and {other} contradict each other",
            cause=f"they differ in {difference}, so one of them is old",
            fix="leave the older one out: aws iam get-account-authorization-details > FILE",
        )


T = TypeVar("T")


def _read(name: str, read: Callable[[str], T]) -> T:
    try:
        raw = Path(name).read_bytes()
        # PowerShell's > writes UTF-16, and Windows editors mark UTF-8.
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
            f"rolehop does not understand {name}",
            cause=str(error),
            fix="aws iam get-account-authorization-details > FILE",
        ) from None


def _by_account(given: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the policies of ``[ACCOUNT=]FILE`` by account; ``*``: of every account."""
    found: dict[str, tuple[str, ...]] = {}
    for each in given:
        account, name = _account_and_file(each)
        found[account] = (*found.get(account, ()), _read(name, _policy_in))
    return found


def _account_and_file(given: str) -> tuple[str, str]:
    account, equals, name = given.partition("=")
    return (account, name) if equals and ACCOUNT_ID.fullmatch(account) else ("*", given)


def read_policy(name: str) -> str:
    """Return the policy in a file: bare, or as an AWS CLI command prints it.

    Raises:
        UsageError: the file cannot be read.
        ConfigError: its content is not understood.
    """
    return _read(name, _policy_in)


def _policy_in(text: str) -> str:
    """Return a bare policy document, or the one in the output of an AWS CLI command.

    E.g. of ``aws organizations describe-policy``, ``aws s3api get-bucket-policy`` or ``aws iam
    get-role``.
    """
    document = load_strictly(text)
    if isinstance(document, dict) and isinstance(document.get("Role"), dict):
        document = document["Role"].get("AssumeRolePolicyDocument", document)
    elif isinstance(document, dict) and isinstance(document.get("Policy"), dict):
        document = document["Policy"].get("Content", document)
    elif isinstance(document, dict) and isinstance(document.get("Policy"), str):
        document = document["Policy"]
    return text if document is None else policy_text(document)
