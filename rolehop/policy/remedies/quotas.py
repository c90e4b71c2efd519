"""How long policies may be.

Sources: IAM user guide, "IAM and AWS STS quotas" ("IAM doesn't count white space when calculating the
size of a policy"; the inline policies of one user, group or role together); Organizations user guide,
"Quotas and service limits"; Amazon S3 user guide, "Bucket policies"; KMS developer guide, "Quotas".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.parser import Kind

MANAGED = 6_144
INLINE = {"user": 2_048, "role": 10_240, "group": 5_120}
"""Of all inline policies of one of them together."""

_OF_KIND = {
    Kind.TRUST: 2_048,
    Kind.BOUNDARY: MANAGED,
    Kind.SESSION: 2_048,
    Kind.SCP: 5_120,
    Kind.RCP: 5_120,
}
_OF_RESOURCE = {"kms": 32_768, "s3": 20_480}

RAISABLE = {Kind.TRUST: 4_096}
"""What AWS raises a quota to, if it is asked."""


def quota_of(kind: Kind, resource: str = "*") -> int | None:
    """Return how many characters a policy of ``kind`` may have; ``None``: it is not known.

    ``resource``: of a resource-based policy, its ARN.
    """
    if kind is Kind.RESOURCE:
        return _OF_RESOURCE.get([*resource.split(":"), "", ""][2])
    return _OF_KIND.get(kind)


def size_of(text: str) -> int:
    """Return the size of a policy document as AWS counts it, without white space around its words."""
    return len(compact(json.loads(text)))


def compact(document: Any) -> str:
    """Return JSON without white space."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def inline_size(documents: Sequence[Attached], owner: str) -> int:
    """Return how long the inline policies of ``owner``, as in ``role Ops``, are together."""
    mine = (
        e for e in documents if e.name.startswith("inline ") and e.name.endswith(f" of {owner}")
    )
    return sum(size_of(each.text) for each in mine if each.text)
