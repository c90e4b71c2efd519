"""A strict Organizations: JSON 1.1, signed for its service, lists of two a page, nested OUs.

Names and errors are those of the AWS Organizations API reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PAGE = 2
_PREFIX = "AWSOrganizationsV20161128."
ROOT = "r-ab12"
_FULL = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


class OrganizationError(Exception):
    """An error of the service: its code and its message."""


@dataclass
class Organization:
    """One organization; every target has FullAWSAccess until it is detached."""

    management: str = "999999999999"
    enabled: set[str] = field(
        default_factory=lambda: {"SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"}
    )
    parents: dict[str, str] = field(default_factory=dict)
    """OU or account to what it is in."""

    policies: dict[str, tuple[str, str, str]] = field(
        default_factory=lambda: {
            "p-FullAWSAccess": ("SERVICE_CONTROL_POLICY", "FullAWSAccess", _FULL)
        }
    )
    """ID to type, name and content."""

    attached: dict[str, list[str]] = field(default_factory=lambda: {ROOT: ["p-FullAWSAccess"]})
    readers: set[str] = field(default_factory=set)
    """ARNs of roles and users that may read it, of the management account or delegated."""

    calls: list[str] = field(default_factory=list)

    def add(self, target: str, parent: str) -> None:
        """Put an OU (``ou-…``) or an account into ``parent``."""
        self.parents[target] = parent
        self.attached[target] = ["p-FullAWSAccess"]

    def attach(
        self, target: str, name: str, content: Mapping[str, Any], kind: str = "SERVICE"
    ) -> str:
        """Attach a new policy and return its ID."""
        policy = f"p-{len(self.policies):08}"
        self.policies[policy] = (f"{kind}_CONTROL_POLICY", name, json.dumps(content))
        self.attached[target].append(policy)
        return policy

    def answer(
        self, target: str, body: bytes, caller: str | None, service: str
    ) -> tuple[int, bytes]:
        """Return status and answer of one call; ``caller``: ARN of the role or user that signed."""
        try:
            return 200, json.dumps(self._operate(target, body, caller, service)).encode()
        except OrganizationError as error:
            return 400, error_json(*error.args)

    def _operate(self, target: str, body: bytes, caller: str | None, service: str) -> Any:
        action = target.removeprefix(_PREFIX)
        self.calls.append(action)
        operation = _OPERATIONS.get(action)
        if operation is None or not target.startswith(_PREFIX):
            raise OrganizationError("UnknownOperationException", target)
        if service != "organizations":
            raise OrganizationError(
                "InvalidSignatureException", "Credential should be scoped to organizations"
            )
        if caller not in self.readers:
            raise OrganizationError(
                "AccessDeniedException", "You don't have permissions to access this resource."
            )
        return operation(self, json.loads(body))


def error_json(code: str, message: str) -> bytes:
    """Return an error as the service writes it."""
    return json.dumps({"__type": code, "Message": message}).encode()


def _describe(org: Organization, asked: Mapping[str, str]) -> Any:
    return {"Organization": {"Id": "o-example", "MasterAccountId": org.management}}


def _roots(org: Organization, asked: Mapping[str, str]) -> Any:
    types = [{"Type": each, "Status": "ENABLED"} for each in sorted(org.enabled)]
    return _page([{"Id": ROOT, "Name": "Root", "PolicyTypes": types}], "Roots", asked)


def _parents(org: Organization, asked: Mapping[str, str]) -> Any:
    parent = org.parents.get(asked["ChildId"])
    if parent is None:
        raise OrganizationError(
            "ChildNotFoundException", "You specified a child that doesn't exist."
        )
    kind = "ROOT" if parent == ROOT else "ORGANIZATIONAL_UNIT"
    return _page([{"Id": parent, "Type": kind}], "Parents", asked)


def _unit(org: Organization, asked: Mapping[str, str]) -> Any:
    unit = asked["OrganizationalUnitId"]
    if unit not in org.parents:
        raise OrganizationError("OrganizationalUnitNotFoundException", unit)
    return {"OrganizationalUnit": {"Id": unit, "Name": unit.rpartition("-")[2].title()}}


def _attached(org: Organization, asked: Mapping[str, str]) -> Any:
    if asked["Filter"] not in org.enabled:
        raise OrganizationError("PolicyTypeNotEnabledException", asked["Filter"])
    if asked["TargetId"] not in org.attached:
        raise OrganizationError("TargetNotFoundException", asked["TargetId"])
    found = [
        {"Id": each, "Name": org.policies[each][1], "Type": org.policies[each][0]}
        for each in org.attached[asked["TargetId"]]
        if org.policies[each][0] == asked["Filter"]
    ]
    return _page(found, "Policies", asked)


def _policy(org: Organization, asked: Mapping[str, str]) -> Any:
    kind, name, content = org.policies[asked["PolicyId"]]
    summary = {"Id": asked["PolicyId"], "Name": name, "Type": kind}
    return {"Policy": {"PolicySummary": summary, "Content": content}}


def _page(found: list[Any], name: str, asked: Mapping[str, str]) -> Any:
    start = int(asked.get("NextToken", "0"))
    following = start + _PAGE
    token = {"NextToken": str(following)} if following < len(found) else {}
    return {name: found[start:following], **token}


_OPERATIONS: dict[str, Callable[[Organization, Mapping[str, str]], Any]] = {
    "DescribeOrganization": _describe,
    "ListRoots": _roots,
    "ListParents": _parents,
    "DescribeOrganizationalUnit": _unit,
    "ListPoliciesForTarget": _attached,
    "DescribePolicy": _policy,
}
