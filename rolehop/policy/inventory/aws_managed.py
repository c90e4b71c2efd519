"""Policies of AWS's own that everybody uses: what they say of assuming and of passing roles.

They have thousands of actions and change every month, so none is kept here complete_only but
AdministratorAccess, whose text never changed. What is kept is each one's part on ``sts:`` and
``iam:PassRole``: enough to judge a hop, too little to tell what else a role may do. A document that
is given counts more.

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

    ``None``: nobody knows it here.
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
    """Tell whether a managed policy is AWS's own: the same in every account."""
    return ":iam::aws:policy/" in arn
