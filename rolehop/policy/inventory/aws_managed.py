"""Common AWS managed policies: what they allow of ``sts:`` and ``iam:PassRole``.

They have thousands of actions and change every month, so only AdministratorAccess, whose text never
changed, is stored in full. Of the others only the part on ``sts:`` and ``iam:PassRole`` is stored:
enough to evaluate a hop, too little to say what else a role may do. A document that the user gives
takes precedence.

Source: AWS Managed Policy Reference Guide, a page each; read in PowerUserAccess v12,
ReadOnlyAccess v178, SecurityAudit v91 and ViewOnlyAccess v46 (2026). None of them denies anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Statement = Mapping[str, object]
_ALL: Statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_PARTS: Mapping[str, Sequence[Statement]] = {
    "PowerUserAccess": [
        {
            "Effect": "Allow",
            "NotAction": ["iam:*", "organizations:*", "account:*"],
            "Resource": "*",
        }
    ],
    "ReadOnlyAccess": [
        {
            "Effect": "Allow",
            "Action": ["sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken"],
            "Resource": "*",
        }
    ],
    "SecurityAudit": [{"Effect": "Allow", "Action": "sts:GetAccessKeyInfo", "Resource": "*"}],
    "job-function/ViewOnlyAccess": [],
}


def managed_policy_text(arn: str, *, complete_only: bool) -> str | None:
    """Return the text of an AWS managed policy; without ``complete_only``, its part on STS and PassRole.

    ``None``: not stored here.
    """
    head, _, name = arn.partition(":iam::aws:policy/")
    if name == "AdministratorAccess":
        return _text([_ALL])
    # Other partitions have policies of the same names, which were not read.
    if complete_only or head != "arn:aws" or name not in _PARTS:
        return None
    return _text(_PARTS[name])


def _text(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def is_aws_managed(arn: str) -> bool:
    """True if a managed policy is AWS's own: the same in every account."""
    return ":iam::aws:policy/" in arn
