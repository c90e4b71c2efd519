"""One condition, parsed from a policy and judged for one request."""

from __future__ import annotations

import json
from typing import Any

from rolehop.policy import Context, Finding, Kind, parse_policy
from rolehop.policy.evaluation.statements import judge_condition
from rolehop.policy.language.parser import Condition


def judged(
    operator: str,
    wanted: Any,
    found: list[str] | None,
    *,
    version: str = "2012-10-17",
    **others: list[str],
) -> Finding:
    """Judge ``k`` under ``operator``; ``found`` None is unknown, empty is absent."""
    values = {} if found is None else {"K": found}
    context = Context({**values, **{f"v:{key}": value for key, value in others.items()}}, ["v:no"])
    return judge_condition(condition_of(operator, wanted, version), context)


def condition_of(operator: str, wanted: Any, version: str = "2012-10-17") -> Condition:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": "*",
        "Condition": {operator: {"k": wanted}},
    }
    parse_policy.cache_clear()  # each row is a test of the parser, too
    policy = parse_policy(
        json.dumps({"Version": version, "Statement": statement}), Kind.PERMISSIONS
    )
    return policy.statements[0].conditions[0]
