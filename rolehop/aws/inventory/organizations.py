"""Read an organization: its policies, where they are attached, and the accounts' OUs.

Source: AWS Organizations API reference. The service speaks JSON 1.1; lists are read page by page.
Only the management account and delegated administrators may call it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rolehop.aws.api_calls import send_json
from rolehop.aws.endpoint import find_endpoint
from rolehop.aws.query_api import THROTTLING, check_sendable, signed_request
from rolehop.credentials import Credentials, scrub
from rolehop.errors import ServiceError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.connection_errors import ConnectionFailure, service_error
from rolehop.net.transport import HttpResponse, Outcome, Transport, send_with_retries
from rolehop.policy.inventory.organization import NamedPolicy, Organization, Target
from rolehop.ports import OnCall, StsRefusal, ignore_call
from rolehop.text import clean

_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_TARGET = "AWSOrganizationsV20161128."
_MOST_PAGES = 1000
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
        self._on_call = on_call
        self._settings = settings
        self._signer = signer
        self._sleep = sleep
        self._endpoint = find_endpoint("organizations", settings)
        overridden = settings.override("organizations") is not None
        self._transport = Transport(
            self._endpoint.url, settings, overridden=overridden, pool_size=1
        )
        self._parents: dict[str, str | None] = {}
        self._targets: dict[str, Target] = {}
        self._policies: dict[str, NamedPolicy] = {}
        self._enabled: dict[str, bool] = {}

    def read(self, accounts: Iterable[str]) -> Organization:
        """Read the management account, and for each account all that is attached above it."""
        try:
            described = self._call("DescribeOrganization", {})
            management = str(_object(described.get("Organization")).get("MasterAccountId", ""))
            self._read_roots()
            paths = {each: self._path(each) for each in accounts}
        finally:
            self._transport.close()
        return Organization(
            management,
            paths,
            self._targets,
            self._policies,
            self._enabled.get(_SCP, False),
            self._enabled.get(_RCP, False),
        )

    def _read_roots(self) -> None:
        for root in self._pages("ListRoots", {}, "Roots"):
            for each in _objects(root.get("PolicyTypes")):
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
                found = next(self._pages("ListParents", {"ChildId": child}, "Parents"), {})
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
        answer = self._call("DescribeOrganizationalUnit", {"OrganizationalUnitId": unit})
        return clean(str(_object(answer.get("OrganizationalUnit")).get("Name") or unit))

    def _add_target(self, target: str, name: str) -> None:
        if target not in self._targets:
            scps, rcps = (tuple(self._attached(target, kind)) for kind in (_SCP, _RCP))
            self._targets[target] = Target(name, scps, rcps)

    def _attached(self, target: str, kind: str) -> Iterator[str]:
        if not self._enabled.get(kind):
            return
        asked = {"TargetId": target, "Filter": kind}
        for each in self._pages("ListPoliciesForTarget", asked, "Policies"):
            policy = str(each.get("Id"))
            if policy not in self._policies:
                found = self._call("DescribePolicy", {"PolicyId": policy}).get("Policy")
                content = str(_object(found).get("Content", ""))
                name = clean(str(each.get("Name") or policy))
                self._policies[policy] = NamedPolicy(name, content)
            yield policy

    def _pages(self, action: str, asked: dict[str, str], listed: str) -> Iterator[dict[str, Any]]:
        token: str | None = None
        for _ in range(_MOST_PAGES):
            answer = self._call(action, asked if token is None else {**asked, "NextToken": token})
            yield from _objects(answer.get(listed))
            following = answer.get("NextToken")
            if not isinstance(following, str) or not following:
                return
            token = following
        raise ServiceError(f"{action} of Organizations has no end")

    def _call(self, action: str, asked: dict[str, str]) -> dict[str, Any]:
        check_sendable(self._signer)
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{_TARGET}{action}",
        }
        body = json.dumps(asked).encode()

        def send() -> Outcome:
            request = signed_request(self._endpoint, "organizations", body, self._signer, headers)
            return self._transport.exchange(request)

        outcome = send_json(
            lambda: self._with_retries(send), self._on_call, f"organizations:{action}"
        )
        answer = _read(outcome)
        if outcome.ok and answer is not None:
            return answer
        code = _code(answer)
        if code is None or outcome.status >= 500 or code in THROTTLING:
            cause = code or f"HTTP {outcome.status}"
            raise ServiceError(f"{self._transport.route.host} failed at {action}", cause=cause)
        message = str((answer or {}).get("Message") or (answer or {}).get("message") or "")
        raise StsRefusal(code, scrub(clean(message)))

    def _with_retries(self, send: Callable[[], Outcome]) -> HttpResponse:
        most, route = self._settings.max_attempts, self._transport.route
        outcome, made = send_with_retries(
            send,
            lambda found, made: made < most and _may_retry(found),
            self._sleep,
            route.host,
        )
        if isinstance(outcome, ConnectionFailure):
            raise service_error(outcome, route, self._settings, attempts=made)
        return outcome


def _may_retry(outcome: Outcome) -> bool:
    if isinstance(outcome, ConnectionFailure):
        return outcome.retryable
    return outcome.unavailable or _code(_read(outcome)) in THROTTLING


def _read(response: HttpResponse) -> dict[str, Any] | None:
    try:
        return response.json_object()
    except ValueError:
        return None


def _code(answer: dict[str, Any] | None) -> str | None:
    kind = (answer or {}).get("__type")
    return clean(kind.rpartition("#")[2])[:128] if isinstance(kind, str) else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[dict[str, Any]]:
    yield from map(_object, value if isinstance(value, list) else [])
