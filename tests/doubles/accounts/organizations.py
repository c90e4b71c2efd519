"""A strict Organizations: JSON 1.1, signed for its service, lists page by page, nested OUs.

Names and errors are those of the AWS Organizations API reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PREFIX = "AWSOrganizationsV20161128."
ROOT = "r-ab12"
_FULL = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


class OrganizationError(Exception):
    """An error of the service: its code and its message."""


@dataclass
class Account:
    """One account of the organization."""

    name: str = ""
    state: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """Members of the answer in the place of the right ones."""


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
    accounts: dict[str, Account] = field(default_factory=dict)
    """Those that are listed, by ID; each is in a parent."""

    names: dict[str, str] = field(default_factory=dict)
    """OU to its name; else it is made of the ID."""

    page: int = 2
    """How many a page has at most; AWS never gives more than 20."""

    tells_paths: bool = True
    """Accounts are listed with their paths."""

    begins_empty: bool = False
    """The first page of a list is empty, as AWS says it may be."""

    throttled: list[int] = field(default_factory=list)
    """Statuses of the next answers, which ask for fewer calls."""

    denied: set[str] = field(default_factory=set)
    """Actions that no reader may call."""

    readers: set[str] = field(default_factory=set)
    """ARNs of roles and users that may read it, of the management account or delegated."""

    calls: list[str] = field(default_factory=list)

    def add(self, target: str, parent: str) -> None:
        """Put an OU (``ou-…``) or an account into ``parent``."""
        self.parents[target] = parent
        self.attached[target] = ["p-FullAWSAccess"]

    def add_account(self, account: str, parent: str, name: str = "", **more: Any) -> None:
        """Create an account in an OU, or in the root."""
        self.add(account, parent)
        self.accounts[account] = Account(name, **more)

    def add_unit(self, unit: str, parent: str, name: str) -> None:
        """Create an OU; its ID must be one."""
        assert re.fullmatch(r"ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}", unit)
        self.add(unit, parent)
        self.names[unit] = name

    def path_to(self, target: str) -> str:
        """Return the path of IDs, as AWS writes it."""
        above = [target]
        while above[0] in self.parents:
            above.insert(0, self.parents[above[0]])
        return "/".join(["o-example123", *above, ""])

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
        if self.throttled:
            self.calls.append("throttled")
            return self.throttled.pop(0), error_json("TooManyRequestsException", "Rate exceeded")
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
        if caller not in self.readers or action in self.denied:
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
    return _page(org, [{"Id": ROOT, "Name": "Root", "PolicyTypes": types}], "Roots", asked)


def _parents(org: Organization, asked: Mapping[str, str]) -> Any:
    parent = org.parents.get(asked["ChildId"])
    if parent is None:
        raise OrganizationError(
            "ChildNotFoundException", "You specified a child that doesn't exist."
        )
    kind = "ROOT" if parent == ROOT else "ORGANIZATIONAL_UNIT"
    return _page(org, [{"Id": parent, "Type": kind}], "Parents", asked)


def _unit(org: Organization, asked: Mapping[str, str]) -> Any:
    unit = asked["OrganizationalUnitId"]
    if unit not in org.parents:
        raise OrganizationError("OrganizationalUnitNotFoundException", unit)
    return {"OrganizationalUnit": _unit_of(org, unit)}


def _unit_of(org: Organization, unit: str) -> Any:
    name = org.names.get(unit) or unit.rpartition("-")[2].title()
    return {"Id": unit, "Name": name, "Path": org.path_to(unit)}


def _list_accounts(org: Organization, asked: Mapping[str, str]) -> Any:
    return _page(org, [_account_of(org, each) for each in org.accounts], "Accounts", asked)


def _list_accounts_in(org: Organization, asked: Mapping[str, str]) -> Any:
    found = [each for each in _in_parent(org, asked) if each in org.accounts]
    return _page(org, [_account_of(org, each) for each in found], "Accounts", asked)


def _list_units_in(org: Organization, asked: Mapping[str, str]) -> Any:
    found = [each for each in _in_parent(org, asked) if each.startswith("ou-")]
    return _page(org, [_unit_of(org, each) for each in found], "OrganizationalUnits", asked)


def _in_parent(org: Organization, asked: Mapping[str, str]) -> list[str]:
    parent = asked["ParentId"]
    if parent != ROOT and parent not in org.parents:
        raise OrganizationError("ParentNotFoundException", parent)
    return [child for child, above in org.parents.items() if above == parent]


def _account_of(org: Organization, account: str) -> Any:
    found = org.accounts[account]
    paths = {"Paths": [org.path_to(account)]} if org.tells_paths else {}
    return {"Id": account, "Name": found.name, "State": found.state, **paths, **found.more}


def _tags(org: Organization, asked: Mapping[str, str]) -> Any:
    if "MaxResults" in asked:  # this list has no such parameter
        raise OrganizationError("InvalidInputException", "MaxResults")
    if asked["ResourceId"] not in org.accounts:
        raise OrganizationError("TargetNotFoundException", asked["ResourceId"])
    tags = org.accounts[asked["ResourceId"]].tags
    return _page(org, [{"Key": k, "Value": v} for k, v in tags.items()], "Tags", asked)


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
    return _page(org, found, "Policies", asked)


def _policy(org: Organization, asked: Mapping[str, str]) -> Any:
    kind, name, content = org.policies[asked["PolicyId"]]
    summary = {"Id": asked["PolicyId"], "Name": name, "Type": kind}
    return {"Policy": {"PolicySummary": summary, "Content": content}}


def _page(org: Organization, found: list[Any], name: str, asked: Mapping[str, Any]) -> Any:
    most = asked.get("MaxResults", org.page)
    if type(most) is not int or not 1 <= most <= _LARGEST_PAGE:
        raise OrganizationError("InvalidInputException", "MaxResults is not within 1 and 20")
    if org.begins_empty and "NextToken" not in asked:
        return {name: [], "NextToken": "0"}
    start = int(asked.get("NextToken", "0"))
    following = start + min(most, org.page)
    token = {"NextToken": str(following)} if following < len(found) else {}
    return {name: found[start:following], **token}


_LARGEST_PAGE = 20
_OPERATIONS: dict[str, Callable[[Organization, Mapping[str, str]], Any]] = {
    "DescribeOrganization": _describe,
    "ListRoots": _roots,
    "ListAccounts": _list_accounts,
    "ListAccountsForParent": _list_accounts_in,
    "ListOrganizationalUnitsForParent": _list_units_in,
    "ListTagsForResource": _tags,
    "ListParents": _parents,
    "DescribeOrganizationalUnit": _unit,
    "ListPoliciesForTarget": _attached,
    "DescribePolicy": _policy,
}
