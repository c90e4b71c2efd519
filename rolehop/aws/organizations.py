"""Read an organization's policies: where they are attached, and the accounts' OUs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, NamedTuple

from rolehop.aws.api_calls import send_json
from rolehop.aws.endpoint import find_endpoint
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.connection_errors import ConnectionFailure, service_error
from rolehop.aws.net.transport import (
    CALL_SECONDS,
    HttpResponse,
    Outcome,
    Transport,
    send_with_retries,
)
from rolehop.aws.query_api import THROTTLING, check_sendable, signed_request
from rolehop.base.credentials import Credentials, scrub
from rolehop.base.errors import ServiceError
from rolehop.base.startup import Pattern
from rolehop.base.text import clean, quoted
from rolehop.config.account_query import OrganizationAccounts, is_account_id
from rolehop.config.listed_fleets import excluded_by
from rolehop.config.model import LeftOutAccount, ListedAccount
from rolehop.policy.inventory import NamedPolicy, Organization, Target
from rolehop.walk.ports import OnCall, StsRefusal, ignore_call

_TARGET = "AWSOrganizationsV20161128."
_MOST_PAGES = 5_000


class OrganizationsApi:
    """Calls Organizations as one signer.

    Methods raise ``StsRefusal`` if the signer may not, ``ServiceError`` if there is no answer; its
    ``throttled`` says that AWS asked for fewer calls to the end.

    Attributes:
        calls: how many were answered, or failed, so far; one that was retried counts once.
    """

    def __init__(
        self,
        settings: ClientSettings,
        signer: Credentials,
        on_call: OnCall = ignore_call,
        sleep: Callable[[float], object] = time.sleep,
        *,
        patience_seconds: float = CALL_SECONDS,
    ) -> None:
        """``on_call`` is told each call; ``patience_seconds``: how long throttling of one is waited out."""
        self.calls = 0
        self._on_call = on_call
        self._settings = settings
        self._signer = signer
        self._sleep = sleep
        self._patience_seconds = patience_seconds
        self._endpoint = find_endpoint("organizations", settings)
        overridden = settings.override("organizations") is not None
        self._transport = Transport(
            self._endpoint.url, settings, overridden=overridden, pool_size=1
        )

    @property
    def host(self) -> str:
        """The host that is called, for messages."""
        return self._transport.route.host

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def pages(
        self, action: str, asked: Mapping[str, object], listed: str
    ) -> Iterator[list[dict[str, Any]]]:
        """Give the objects of a list, page by page; a page may be empty before the last one."""
        tokens: set[str] = set()
        more: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = self.call(action, {**asked, **more})
            found, token = answer.get(listed), answer.get("NextToken")
            if not isinstance(found, list | None):
                raise self.unexpected(action, f"{listed} is no list")
            yield list(objects_in(found))
            if token is None or token == "":
                return
            if not isinstance(token, str) or token in tokens:
                raise self.unexpected(action, "its pages go round, or lead nowhere")
            tokens.add(token)
            more = {"NextToken": token}
        raise self.unexpected(action, f"more than {_MOST_PAGES} pages arrived")

    def unexpected(self, action: str, reason: str) -> ServiceError:
        """Return the error for an answer that makes no sense: nothing is made of a part of it."""
        return ServiceError(
            f"{self.host} answered {action} with something unexpected",
            cause=reason,
            fix="check that the endpoint is AWS's",
        )

    def call(self, action: str, asked: Mapping[str, object]) -> dict[str, Any]:
        """Call ``action`` and return its answer."""
        check_sendable(self._signer)
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{_TARGET}{action}",
        }
        body = json.dumps(asked).encode()

        def send() -> Outcome:
            request = signed_request(self._endpoint, "organizations", body, self._signer, headers)
            return self._transport.exchange(request)

        self.calls += 1
        outcome = send_json(
            lambda: self._with_retries(send), self._on_call, f"organizations:{action}"
        )
        answer = _read(outcome)
        if outcome.ok and answer is not None:
            return answer
        code = _code(answer)
        if code is None or outcome.status >= 500 or _is_throttling(outcome):
            raise self._unavailable(action, outcome, code)
        message = str((answer or {}).get("Message") or (answer or {}).get("message") or "")
        raise StsRefusal(code, scrub(clean(message)))

    def _unavailable(self, action: str, outcome: HttpResponse, code: str | None) -> ServiceError:
        throttled = _is_throttling(outcome)
        error = ServiceError(
            f"{self.host} {'is throttling' if throttled else 'failed at'} {action}",
            cause=code or f"HTTP {outcome.status}",
            fix="wait some minutes, then try again" if throttled else None,
        )
        error.throttled = throttled
        return error

    def _with_retries(self, send: Callable[[], Outcome]) -> HttpResponse:
        most, route = self._settings.max_attempts, self._transport.route

        def may_retry(found: Outcome, made: int) -> bool:
            if isinstance(found, ConnectionFailure):
                return made < most and found.retryable
            # Throttling says when there will be an answer; a fault of AWS does not.
            return _is_throttling(found) or (made < most and found.unavailable)

        outcome, made = send_with_retries(
            send, may_retry, self._sleep, route.host, seconds=self._patience_seconds
        )
        if isinstance(outcome, ConnectionFailure):
            raise service_error(outcome, route, self._settings, attempts=made)
        return outcome


def _is_throttling(outcome: HttpResponse) -> bool:
    return outcome.throttled or (not outcome.ok and _code(_read(outcome)) in THROTTLING)


def _read(response: HttpResponse) -> dict[str, Any] | None:
    try:
        return response.json_object()
    except ValueError:
        return None


def _code(answer: dict[str, Any] | None) -> str | None:
    kind = (answer or {}).get("__type")
    return clean(kind.rpartition("#")[2])[:128] if isinstance(kind, str) else None


def object_in(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects_in(value: object) -> Iterator[dict[str, Any]]:
    """Give the objects in a JSON array; none for anything else."""
    yield from map(object_in, value if isinstance(value, list) else [])


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


_LARGEST_PAGE = 20
_ACTIVE = "ACTIVE"
_UNIT = Pattern(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")
_ROOT = Pattern(r"r-[0-9a-z]{4,32}")
_DEEPEST_UNIT = 10  # levels; AWS allows OUs five deep below the root
_LONGEST_NAME = 128  # characters, as AWS allows
_LONGEST_TAG = 256  # likewise, of a value


class _Found(NamedTuple):
    """One account as an answer has it."""

    account: str
    name: str
    state: str
    above: tuple[str, ...]
    """IDs of the root and the OUs above it; empty: the answer does not say."""


_Placed = tuple[_Found, str | None, tuple[str, ...]]
"""An account, the path of its OU if it was needed, and the patterns that mean this OU."""


class FleetAccounts(NamedTuple):
    """The accounts of one fleet."""

    accounts: tuple[ListedAccount, ...]
    left_out: tuple[LeftOutAccount, ...]
    """Others that it would have, and that are not active."""

    without_effect: tuple[str, ...]
    """What the query says in vain, since no account is like that: ``ou Prd/*``."""


class OrganizationAccountReader:
    """Lists accounts for any number of fleets; nothing is asked twice.

    Methods raise ``StsRefusal`` if the signer may not, ``ServiceError`` if there is no answer, or one
    that makes no sense.
    """

    def __init__(
        self, api: OrganizationsApi, on_progress: Callable[[int, int], object] = lambda *_: None
    ) -> None:
        """``on_progress`` is told how many calls were made and how many accounts they gave."""
        self._api = api
        self._on_progress = on_progress
        self._listed: dict[str, _Found] = {}
        self._in: dict[str, dict[str, _Found]] = {}
        self._children: dict[str, dict[str, str]] = {}
        self._parents: dict[str, str] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._rest: Iterator[list[_Found]] | None = None
        self._is_complete = False
        self._roots: tuple[str, ...] | None = None
        self._units_are_denied = False

    def accounts(self, query: OrganizationAccounts) -> FleetAccounts:
        """Return the accounts of a fleet."""
        left_out = list[LeftOutAccount]()
        fitting, used, seen = list[ListedAccount](), set[str](), set[str]()
        for found, unit, meaning in self._placed(query.units):
            excluding = excluded_by(found.account, found.name, query.exclude)
            used |= {f"ou {each}" for each in meaning} | {f"exclude {each}" for each in excluding}
            if excluding or found.account in seen:
                continue
            seen.add(found.account)
            if found.state != _ACTIVE:
                left_out.append(LeftOutAccount(found.account, found.name, found.state))
                continue
            asks_tags = bool(query.tags) or query.reads_tags
            tags = self._tags_of(found.account) if asks_tags else None
            tagged = _with_wanted(tags or {}, query.tags)
            used |= {f"tag {key}={value}" for key, value in tagged}
            if len(tagged) == len(query.tags):
                fitting.append(self._listed_account(found, unit, tags))
        said = [f"ou {each}" for each in query.units] + [f"exclude {e}" for e in query.exclude]
        said += [f"tag {key}={value}" for key, value in query.tags]
        in_vain = tuple(each for each in said if each not in used)
        return FleetAccounts(tuple(fitting), tuple(left_out), in_vain)

    def _listed_account(
        self, found: _Found, unit: str | None, tags: Mapping[str, str] | None
    ) -> ListedAccount:
        """Return an account of a fleet; ``unit`` as its place was told, perhaps by IDs."""
        if found.above:
            unit = self._full_path_of(found.above)
        shown = None if tags is None else {_tag_text(k): _tag_text(tags[k]) for k in tags}
        pairs = None if shown is None else tuple(sorted(shown.items()))  # AWS promises no order
        return ListedAccount(found.account, found.name, unit, tags=pairs)

    @property
    def names(self) -> Mapping[str, str]:
        """What AWS calls the accounts that were listed so far, by ID."""
        listed = (self._listed, *self._in.values())
        return {each.account: each.name for found in listed for each in found.values()}

    # ---- accounts and their OUs

    def _placed(self, patterns: Sequence[str]) -> Iterator[_Placed]:
        """Give the accounts in OUs that patterns mean, some twice; without patterns every account."""
        if not patterns:
            yield from ((found, None, ()) for found in self._all())
            return
        if not all(found.above for found in self._some()) or not all(
            found.above for found in self._all()
        ):
            yield from self._in_tree(patterns)
            return
        for found in self._all():
            unit = self._path_of(found.above, patterns)
            meaning = _meaning(unit, found.above[1:], patterns)
            if meaning:
                yield found, unit, meaning

    def _some(self) -> list[_Found]:
        """Return the accounts that were listed so far, of the first answer if none were."""
        if self._rest is None:
            self._rest = self._pages("ListAccounts", {}, self._listed)
            self._read_on(lambda: bool(self._listed))
        return list(self._listed.values())

    def _all(self) -> Iterable[_Found]:
        self._some()
        self._read_on(lambda: False)
        return self._listed.values()

    def _read_on(self, is_enough: Callable[[], bool]) -> None:
        """Read more pages; after a failure the list begins anew, since it must not have gaps."""
        try:
            while self._rest is not None and not self._is_complete and not is_enough():
                self._is_complete = next(self._rest, None) is None
            if not self._listed:  # every organization has its management account
                raise self._api.unexpected("ListAccounts", "there is no account in it")
        except BaseException:
            self._rest, self._is_complete = None, False
            self._listed.clear()
            raise

    def _pages(
        self, action: str, asked: Mapping[str, object], into: dict[str, _Found]
    ) -> Iterator[list[_Found]]:
        asked = {**asked, "MaxResults": _LARGEST_PAGE}
        for page in self._api.pages(action, asked, "Accounts"):
            found = [self._account(each, action) for each in page]
            # One that moves while the pages are read may be on two of them.
            into.update((each.account, each) for each in found)
            self._on_progress(self._api.calls, len(into))
            yield found

    def _account(self, found: Mapping[str, Any], action: str) -> _Found:
        account, name = found.get("Id"), found.get("Name")
        state = found.get("State") or found.get("Status")  # AWS retires the latter in 2026
        if not isinstance(account, str) or not is_account_id(account):
            raise self._api.unexpected(action, f"not an account ID: {quoted(str(account))}")
        if not isinstance(state, str):
            raise self._api.unexpected(action, f"account {account} has no state")
        shown = clean(name)[:_LONGEST_NAME] if isinstance(name, str) else ""
        return _Found(account, shown, clean(state)[:40] or "UNKNOWN", _above(found, account))

    def _path_of(self, above: tuple[str, ...], patterns: Sequence[str]) -> str:
        """Return the path of an OU as names; below an OU that no pattern can mean, as IDs."""
        names: list[str] = []
        for parent, unit in pairwise(above):
            may_lead = _may_lead("/".join(names), patterns)
            names.append(self._names_in(parent, unit)[unit] if may_lead else unit)
        return "/".join(names)

    def _full_path_of(self, above: tuple[str, ...]) -> str | None:
        """Return the path of an OU as names; ``None``: nobody may ask for them."""
        if self._units_are_denied and len(above) > 1:
            return None
        try:
            return "/".join(self._names_in(parent, unit)[unit] for parent, unit in pairwise(above))
        except StsRefusal as refusal:
            if refusal.code != "AccessDeniedException":
                raise
            self._units_are_denied = True
            return None

    def _names_in(self, parent: str, wanted: str) -> Mapping[str, str]:
        """Return the OUs in an OU or root, ID to name."""
        found = self._units(parent)
        if wanted not in found:
            raise self._api.unexpected(
                "ListOrganizationalUnitsForParent", f"{wanted} is not in {parent}"
            )
        return found

    # ---- the tree, for an answer without paths

    def _in_tree(self, patterns: Sequence[str]) -> Iterator[_Placed]:
        given = [each for each in patterns if _UNIT.fullmatch(each)]
        paths = [each for each in patterns if each not in given]
        for root in self._root_ids() if paths else ():
            yield from self._below(root, (), "", patterns)
        for unit in given:
            yield from self._below(unit, (unit,), unit, patterns)

    def _below(
        self, parent: str, units: tuple[str, ...], path: str, patterns: Sequence[str]
    ) -> Iterator[_Placed]:
        if len(units) > _DEEPEST_UNIT:
            raise self._api.unexpected("ListOrganizationalUnitsForParent", f"{path} is too deep")
        meaning = _meaning(path, units, patterns)
        if meaning:
            yield from ((found, path, meaning) for found in self._accounts_in(parent))
        if not _may_lead(path, patterns) and not any(each in patterns for each in units):
            return
        for unit, name in self._units(parent).items():
            below = f"{path}/{name}" if path else name
            yield from self._below(unit, (*units, unit), below, patterns)

    def _accounts_in(self, parent: str) -> Iterable[_Found]:
        if parent not in self._in:
            found: dict[str, _Found] = {}
            for _ in self._pages("ListAccountsForParent", {"ParentId": parent}, found):
                pass
            self._in[parent] = found
        return self._in[parent].values()

    def _units(self, parent: str) -> Mapping[str, str]:
        if parent not in self._children:
            action = "ListOrganizationalUnitsForParent"
            asked = {"ParentId": parent, "MaxResults": _LARGEST_PAGE}
            found: dict[str, str] = {}
            for page in self._api.pages(action, asked, "OrganizationalUnits"):
                found.update(self._unit(each, action) for each in page)
            for unit in found:  # else the way through the tree could have no end
                if self._parents.setdefault(unit, parent) != parent:
                    raise self._api.unexpected(action, f"{unit} is in two places")
            self._children[parent] = found
        return self._children[parent]

    def _unit(self, found: Mapping[str, Any], action: str) -> tuple[str, str]:
        unit, name = found.get("Id"), found.get("Name")
        if not isinstance(unit, str) or not _UNIT.fullmatch(unit):
            raise self._api.unexpected(action, f"not an OU: {quoted(str(unit))}")
        # A slash in a name must not look like an OU in another one.
        shown = clean(name)[:_LONGEST_NAME].replace("/", "-") if isinstance(name, str) else ""
        return unit, shown or unit

    def _root_ids(self) -> tuple[str, ...]:
        if self._roots is None:
            pages = self._api.pages("ListRoots", {}, "Roots")
            found = tuple(str(each.get("Id")) for page in pages for each in page)
            if not found or not all(map(_ROOT.fullmatch, found)):
                raise self._api.unexpected("ListRoots", "there is no root in it")
            self._roots = found
        return self._roots

    # ---- tags

    def _tags_of(self, account: str) -> Mapping[str, str]:
        if account not in self._tags:
            pages = self._api.pages("ListTagsForResource", {"ResourceId": account}, "Tags")
            self._tags[account] = {
                str(tag.get("Key")): str(tag.get("Value")) for page in pages for tag in page
            }
            self._on_progress(self._api.calls, len(self._tags))
        return self._tags[account]


def _with_wanted(
    tags: Mapping[str, str], wanted: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return which of the wanted tags are among those of an account."""
    return [(k, value) for k, value in wanted if k in tags and fnmatchcase(tags[k], value)]


def _tag_text(text: str) -> str:
    return clean(text)[:_LONGEST_TAG]


def _above(found: Mapping[str, Any], account: str) -> tuple[str, ...]:
    """Return the root and the OUs in an account's path: ``o-…/r-…/ou-…/123456789012/``."""
    paths = found.get("Paths")
    for path in paths if isinstance(paths, list) else ():
        parts = path.rstrip("/").split("/") if isinstance(path, str) else []
        if parts and parts[-1] == account:
            parts.pop()
        if not 1 < len(parts) <= _DEEPEST_UNIT + 2 or not _ROOT.fullmatch(parts[1]):
            continue
        if all(map(_UNIT.fullmatch, parts[2:])):
            return tuple(parts[1:])
    return ()


def _meaning(path: str, units: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that mean an OU: ``Prod/*`` means Prod, too; an ID means all below it.

    An ID never means an OU that somebody called so.
    """
    return tuple(
        each
        for each in patterns
        if (
            each in units
            if _UNIT.fullmatch(each)
            else fnmatchcase(path, each) or each == f"{path}/*"
        )
    )


def _may_lead(path: str, patterns: Sequence[str]) -> bool:
    """True if a pattern can mean an OU in the one at ``path``; the root's is empty."""
    begin = f"{path}/" if path else ""
    return any(
        not begin or any(fnmatchcase(begin, each[:end]) for end in range(1, len(each) + 1))
        for each in patterns
        if not _UNIT.fullmatch(each)
    )
