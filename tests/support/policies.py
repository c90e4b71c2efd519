"""IAM policies and statements as tests write them."""

from __future__ import annotations

import json
from typing import Any


def policy(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy_text(*statements: Any) -> str:
    return json.dumps(policy(*statements))


def allow(**elements: Any) -> dict[str, Any]:
    """Return a statement that allows ``sts:AssumeRole``, if ``elements`` name no other action."""
    return {"Effect": "Allow", "Action": "sts:AssumeRole", **elements}


def trust_for(principal: Any, action: Any = "sts:AssumeRole", **condition: Any) -> dict[str, Any]:
    """Return a statement of a trust policy; ``condition`` maps operators to keys and values."""
    statement = allow(Principal=principal, Action=action)
    return {**statement, "Condition": condition} if condition else statement


def allow_text(**elements: Any) -> str:
    """Return a policy of one statement as JSON."""
    return policy_text(allow(**elements))
