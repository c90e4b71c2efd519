"""Read the policy documents that the flags name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from rolehop.arn import ACCOUNT_ID
from rolehop.errors import ConfigError, UsageError
from rolehop.policy.evaluation.model import PolicyType
from rolehop.policy.inventory.aws_cli_output import policy_text, read_inventory
from rolehop.policy.inventory.conflicts import find_conflict
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.inventory.json_path import InvalidInventory, load_strictly
from rolehop.startup.dataclass import dataclass, field, replace


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


def given_as(path: Path, policies: PolicyOptions) -> dict[PolicyType, set[str]]:
    """Return as what the file is given with ``--scp`` and ``--rcp``, each with its accounts.

    ``*``: every account. No key: it is not given so.
    """
    found: dict[PolicyType, set[str]] = {}
    for policy_type, given in ((PolicyType.SCP, policies.scps), (PolicyType.RCP, policies.rcps)):
        for account, name in map(_account_and_file, given):
            if path.exists() and Path(name).exists() and path.samefile(name):
                found.setdefault(policy_type, set()).add(account)
    return found


def file_of(document: str, kind: PolicyType, account: str, policies: PolicyOptions) -> str | None:
    """Return the file of ``--scp`` or ``--rcp`` that has a document.

    Args:
        document: its name, which ends in its number if the account has several.
        kind: SCP or RCP.
        account: the account that it applies to.
        policies: the flags.
    """
    flags = {PolicyType.SCP: policies.scps, PolicyType.RCP: policies.rcps}.get(kind, ())
    given = list(map(_account_and_file, flags))
    # In the order in which an inventory numbers them.
    names = [name for each in ("*", account) for of, name in given if of == each]
    number = document.rpartition(" ")[2]
    return names[int(number) - 1 if number.isdigit() else 0] if names else None


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
