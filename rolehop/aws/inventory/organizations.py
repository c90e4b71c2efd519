"""Read an organization's policies: where they are attached, and the accounts' OUs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rolehop.aws.inventory.organizations_api import OrganizationsApi, object_in, objects_in
from rolehop.credentials import Credentials
from rolehop.net.client_settings import ClientSettings
from rolehop.policy.inventory.organization import NamedPolicy, Organization, Target
from rolehop.ports import OnCall, StsRefusal, ignore_call
from rolehop.text import clean

_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_DEEPEST = 10  # levels; AWS allows OUs five deep below the root


class OrganizationReader:
    """Reads what applies to some accounts; nothing is asked twice.

    Methods raise ``StsRefusal`` if the signer may not, ``ServiceError`` if there is no answer.
    """

    def __init__(
        self,
        settings: ClientSettings,
        signer: Credentials,
        on_call: OnCall = ignore_call,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """``on_call`` is told each call."""
        self._api = OrganizationsApi(settings, signer, on_call, sleep)
        self._parents: dict[str, str | None] = {}
        self._targets: dict[str, Target] = {}
        self._policies: dict[str, NamedPolicy] = {}
        self._enabled: dict[str, bool] = {}

    def read(self, accounts: Iterable[str]) -> Organization:
        """Read the management account, and for each account all that is attached above it."""
        try:
            described = self._api.call("DescribeOrganization", {})
            management = str(object_in(described.get("Organization")).get("MasterAccountId", ""))
            self._read_roots()
            paths = {each: self._path(each) for each in accounts}
        finally:
            self._api.close()
        return Organization(
            management,
            paths,
            self._targets,
            self._policies,
            self._enabled.get(_SCP, False),
            self._enabled.get(_RCP, False),
        )

    def _read_roots(self) -> None:
        for root in self._items("ListRoots", {}, "Roots"):
            for each in objects_in(root.get("PolicyTypes")):
                kind, enabled = str(each.get("Type")), each.get("Status") == "ENABLED"
                self._enabled[kind] = self._enabled.get(kind, False) or enabled
            self._add_target(str(root.get("Id")), f"root {root.get('Id')}")

    def _path(self, account: str) -> tuple[str, ...]:
        """Return the targets from the root to ``account``; none: it is of another organization."""
        path = [account]
        while len(path) <= _DEEPEST:
            parent = self._parent(path[0])
            if parent is None:
                break
            path.insert(0, parent)
        if len(path) == 1:
            return ()
        self._add_target(account, f"account {account}")
        return tuple(path)

    def _parent(self, child: str) -> str | None:
        """Return the ID of the OU or root above ``child``; ``None``: it is a root, or not here."""
        if child.startswith("r-"):
            return None
        if child not in self._parents:
            try:
                found = next(self._items("ListParents", {"ChildId": child}, "Parents"), {})
            except StsRefusal as refusal:
                if refusal.code != "ChildNotFoundException":
                    raise
                found = {}
            parent = str(found["Id"]) if "Id" in found else None
            if parent is not None and not parent.startswith("r-"):
                self._add_target(parent, f"OU {self._unit_name(parent)}")
            self._parents[child] = parent
        return self._parents[child]

    def _unit_name(self, unit: str) -> str:
        answer = self._api.call("DescribeOrganizationalUnit", {"OrganizationalUnitId": unit})
        return clean(str(object_in(answer.get("OrganizationalUnit")).get("Name") or unit))

    def _add_target(self, target: str, name: str) -> None:
        if target not in self._targets:
            scps, rcps = (tuple(self._attached(target, kind)) for kind in (_SCP, _RCP))
            self._targets[target] = Target(name, scps, rcps)

    def _attached(self, target: str, kind: str) -> Iterator[str]:
        if not self._enabled.get(kind):
            return
        asked = {"TargetId": target, "Filter": kind}
        for each in self._items("ListPoliciesForTarget", asked, "Policies"):
            policy = str(each.get("Id"))
            if policy not in self._policies:
                found = self._api.call("DescribePolicy", {"PolicyId": policy}).get("Policy")
                content = str(object_in(found).get("Content", ""))
                name = clean(str(each.get("Name") or policy))
                self._policies[policy] = NamedPolicy(name, content)
            yield policy

    def _items(self, action: str, asked: dict[str, str], listed: str) -> Iterator[dict[str, Any]]:
        for page in self._api.pages(action, asked, listed):
            yield from page
