"""Whose credentials a source gives: whom its config demands, and an ARN in words, such as "role Admin"."""

from __future__ import annotations

from typing import NamedTuple

from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import (
    ACCOUNT_ID,
    RoleArn,
    account_of,
    is_principal,
    is_same_principal,
    partition_of,
)
from rolehop.base.errors import SourceWithdrawn
from rolehop.config.model import SourceConfig

# IAM Identity Center names the role of a permission set so, with a random suffix (IAM Identity
# Center user guide, "Referencing permission sets in resource policies").
_PERMISSION_SET = "AWSReservedSSO_"

# Sources of this type get the session of an account's permission set from the access portal, whose
# answer does not say whose session it is.
_OF_PORTAL = "identity-center"


def caller_name(arn: str) -> str | None:
    """Return who ``arn`` is in a word: a user's name, a session's name, ``root``.

    ``None`` for a role, which is not somebody, and for what is no principal.
    """
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind == "root":
        return kind
    named = kind in ("user", "assumed-role", "federated-user") and is_principal(arn)
    return name.rpartition("/")[2] if named else None


def principal_name(source: SourceConfig) -> str | None:
    """Return who ``principal`` is in a word; ``None``: the config names none, or a role."""
    return None if source.principal is None else caller_name(source.principal)


class Principal(NamedTuple):
    """Whose session something is, as far as that is known; empty: not known, or there is no role."""

    account: str = ""
    """12 digits."""

    role: str = ""
    """The role's name without its path; of Identity Center, the permission set's."""


NOBODY = Principal()
_DIGITS = 12  # of an account


def principal_of(arn: str) -> Principal:
    """Return the account and the role of an ARN, or of ``ACCOUNT:role/NAME``; a user has no role."""
    parts = arn.split(":", 5)
    account, resource = (parts[4], parts[5]) if len(parts) > 5 else (parts[0], parts[-1])
    if len(account) != _DIGITS or not account.isdecimal() or not account.isascii():
        return NOBODY
    kind, _, name = resource.partition("/")
    if kind == "role":
        role = name.rpartition("/")[2]
    else:
        role = name.partition("/")[0] if kind == "assumed-role" else ""
    return Principal(account, "" if "{" in role else _permission_set(role))


def _permission_set(role: str) -> str:
    """Return the permission set that Identity Center made a role of, else the role."""
    is_made = role.startswith(_PERMISSION_SET)
    return role.removeprefix(_PERMISSION_SET).rpartition("_")[0] if is_made else role


def principal_of_source(source: SourceConfig, caller: str | None = None) -> Principal:
    """Return whose session a source gives: by what it asks for, its ``principal``, else ``caller``.

    ``caller``: the ARN that AWS gave it when it was asked last.
    """
    account, role = (source.settings.get(key) for key in ("account", "role"))
    if source.type == _OF_PORTAL:
        named = isinstance(account, str) and ACCOUNT_ID.fullmatch(account)
        asked = Principal(str(account) if named else "", role if isinstance(role, str) else "")
    else:
        asked = principal_of(role) if isinstance(role, str) else NOBODY
    said = [principal_of(arn) for arn in (source.principal, caller) if arn is not None]
    found = [each for each in (asked, *said) if each.account]
    return next(filter(all, found), found[0] if found else NOBODY)


def is_caller_known(source: SourceConfig) -> bool:
    """True if the config says whose credentials ``source`` gives, and no answer of AWS does."""
    named = any(isinstance(source.settings.get(key), str) for key in ("account", "role"))
    return source.principal is not None or (source.type == _OF_PORTAL and named)


def wrong_caller(source: SourceConfig, arn: str) -> str | None:
    """Return who ``source`` must be if ``arn``, of its caller, is another one; else ``None``.

    Compared are the ``principal`` that the config requires, and what the source asks for: an
    account and a permission set of Identity Center, or a role.
    """
    if source.principal is not None and not is_same_principal(source.principal, arn):
        return source.principal
    account, role = source.settings.get("account"), source.settings.get("role")
    if isinstance(account, str) and ACCOUNT_ID.fullmatch(account) and account_of(arn) != account:
        return f"of account {account}"
    if not isinstance(role, str):
        return None
    if source.type == _OF_PORTAL:
        name = arn.split("/")[1].rpartition("_")[0] if ":assumed-role/" in arn else ""
        same = name.casefold() == f"{_PERMISSION_SET}{role}".casefold()
        return None if same else f"a session of permission set {role}"
    try:
        wanted = str(RoleArn.parse_in(role, partition_of(arn) or "aws"))
    except ValueError:  # the name of an instance's role, which the source itself compares
        return None
    return None if is_same_principal(wanted, arn) else wanted


def check_principal(source: SourceConfig, found: str) -> None:
    """Check that ``found``, the ARN of the caller, is who the config asks for.

    Raises:
        SourceError: it is another principal.
    """
    wanted = wrong_caller(source, found)
    if wanted is not None:
        raise SourceWithdrawn(
            f"source '{source.name}' is {found}",
            cause=f"the config says it must be {wanted}",
            fix="sign in as the right one, or correct 'principal'"
            if source.principal is not None
            else Advice("rolehop source test ", Argument(source.name)),
        )
