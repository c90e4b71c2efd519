"""Read the AWS CLI's output about users, roles, groups and policies: an inventory, or one policy.

Understood: ``aws iam get-account-authorization-details`` (all pages or one), ``get-role``,
``get-user``, ``list-roles``, the bare role of ``get-role --query Role``, ``aws organizations
describe-organization``, and lists of these. Policy documents may be JSON or, as the API sends them,
percent-encoded text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from rolehop.base.arn import ACCOUNT_ID, RoleArn, account_of
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.startup import Pattern
from rolehop.base.text import clean, quoted
from rolehop.policy.inventory import Entity, IamInventory, find_conflict

_LONGEST_NUMBER = 100


class InvalidInventory(ValueError):
    """A file that cannot be read as AWS CLI output; the message says why."""


@dataclass(slots=True)  # not frozen: a file has ten for each of thousands of roles
class JsonNode:
    """One value of a file, and its place, as in ``RoleDetailList[0].Arn``; empty: the whole."""

    value: Any
    place: str = ""

    def wrong(self, wanted: str) -> InvalidInventory:
        """Make the error that says what is expected here."""
        where = self.place or "the whole of it"
        return InvalidInventory(f"{where} is {_kind(self.value)}, and {wanted} is expected there")

    def keys(self) -> dict[str, Any]:
        """Return the object, by key.

        Raises:
            InvalidInventory: it is something else; every method raises this.
        """
        if not isinstance(self.value, dict):
            raise self.wrong("{…}")
        return self.value

    def get(self, key: str) -> JsonNode | None:
        """Return the value at ``key``; ``None``: missing, or null, as ``--query`` writes it."""
        value = self.keys().get(key)
        if value is None:
            return None
        return JsonNode(value, f"{self.place}.{key}" if self.place else key)

    def need(self, key: str) -> JsonNode:
        """Return the value at ``key``, which IAM always includes."""
        found = self.get(key)
        if found is None:
            raise InvalidInventory(f"{self.place or 'it'} lacks {key}, which IAM always includes")
        return found

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        return self.value

    def number(self) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.wrong("a whole number")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def items(self) -> Iterator[JsonNode]:
        """Yield the members of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return (JsonNode(each, f"{self.place}[{at}]") for at, each in enumerate(self.value))

    def members(self, key: str) -> list[JsonNode] | None:
        """Return the members of the list at ``key``; ``None``: there is none."""
        found = self.get(key)
        return None if found is None else list(found.items())


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "{…}"


def load_strictly(text: str) -> Any:
    """Read JSON, refusing duplicate keys, hostile nesting and huge numbers.

    Raises:
        InvalidInventory: it cannot be read.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_no_twins, parse_int=_whole, parse_constant=_no_number
        )
    except RecursionError:
        raise InvalidInventory("it is nested too deep") from None
    except json.JSONDecodeError as error:
        at = f"unexpected text at line {error.lineno}, column {error.colno}"
        raise InvalidInventory(f"it is not JSON: {at if text.strip() else 'it is empty'}") from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise InvalidInventory(f"the key {quoted(twice)} occurs twice in the same object")
    return found


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise InvalidInventory(f"a number in it has {len(text)} digits")
    return int(text)


def _no_number(text: str) -> None:
    raise InvalidInventory(f"it is not JSON: {clean(text)} is not a number")


_ARN = Pattern(r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:(?P<kind>user|group)/[\x21-\x7e]+")
_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_INLINE = {"role": "RolePolicyList", "user": "UserPolicyList", "group": "GroupPolicyList"}


def read_inventory(text: str) -> IamInventory:
    """Read one file of AWS CLI output.

    Raises:
        InvalidInventory: it is not JSON, none of the outputs listed above, empty, or it describes
            something twice and differently.
    """
    document = load_strictly(text)
    found = _records(JsonNode(document))
    # An account may have none of these, and --filter leaves lists empty.
    listed = isinstance(document, dict) and all(name in document for name in _LISTS)
    if not (listed or found.entities or found.managed or found.management_accounts):
        raise InvalidInventory("it describes no user, group, role or policy")
    return found


def _records(document: JsonNode) -> IamInventory:
    if isinstance(document.value, list):
        return _together(_records(each) for each in document.items())
    found = document.keys()
    organization = document.get("Organization")
    if organization is not None:
        return _organization(organization)
    if any(name in found for name in _LISTS):
        return _details(document)
    role, user = document.get("Role"), document.get("User")
    if role is not None:
        return _of(_role(role))
    if user is not None:
        return _of(_entity(user, "user"))
    if "Roles" in found:
        return _many(_listed_role(member) for member in document.members("Roles") or ())
    if "RoleName" in found and "AssumeRolePolicyDocument" in found:
        return _of(_listed_role(document))
    where = f"the object at {document.place}" if document.place else "it"
    raise InvalidInventory(
        f"{where} is no output of get-account-authorization-details, get-role, list-roles, get-user or"
        " describe-organization"
    )


def _organization(organization: JsonNode) -> IamInventory:
    """Read ``describe-organization``, which names the management account."""
    account = organization.need("MasterAccountId")
    if ACCOUNT_ID.fullmatch(account.text()) is None:
        raise account.wrong("an account ID of 12 digits")
    return IamInventory(management_accounts=frozenset({account.text()}))


def _together(each: Iterable[IamInventory]) -> IamInventory:
    together = IamInventory()
    for one in each:
        twice = find_conflict(together, one)
        if twice is not None:
            raise InvalidInventory(f"it describes {twice} twice, and differently")
        together = together.merged(one)
    return together


def _of(entity: Entity) -> IamInventory:
    return IamInventory({entity.arn: entity})


def _many(entities: Iterable[Entity], policies: IamInventory | None = None) -> IamInventory:
    found, policies = list(entities), policies or IamInventory()
    by_arn = {entity.arn: entity for entity in found}
    if len(by_arn) < len(found):
        return _together([*map(_of, found), policies])
    return replace(policies, entities=by_arn)


def _details(document: JsonNode) -> IamInventory:
    entities = [_role(member) for member in document.members("RoleDetailList") or ()]
    entities += [_user_detail(member) for member in document.members("UserDetailList") or ()]
    entities += [_entity(member, "group") for member in document.members("GroupDetailList") or ()]
    versions = dict(_default_versions(document.members("Policies") or ()))
    policies = IamInventory(
        uses=_uses(document, entities),
        managed={arn: _document(version.need("Document")) for arn, version in versions.items()},
        versions={arn: _number(version.get("VersionId")) for arn, version in versions.items()},
    )
    return replace(
        _many(entities, policies), complete_accounts=_complete_accounts(document, entities)
    )


def _complete_accounts(document: JsonNode, entities: Iterable[Entity]) -> frozenset[str]:
    """Return the account if the output covers all of it, so that it has no other roles.

    With ``--filter`` lists stay empty; a single page says whether it ``IsTruncated``, and may be the
    last of many (IAM API reference, GetAccountAuthorizationDetails).
    """
    if not _is_whole(document):
        return frozenset()
    roles = (account_of(entity.arn) for entity in entities if ":role/" in entity.arn)
    return frozenset(account for account in roles if account is not None)


def _is_whole(document: JsonNode) -> bool:
    found = document.keys()
    return all(name in found for name in _LISTS) and not {"IsTruncated", "NextToken"} & set(found)


def _default_versions(policies: Iterable[JsonNode]) -> Iterator[tuple[str, JsonNode]]:
    """Yield the default version of each managed policy that comes with it."""
    for policy in policies:
        arn = policy.need("Arn").text()
        versions = policy.members("PolicyVersionList") or ()
        yield from (
            (arn, version) for version in versions if version.need("IsDefaultVersion").flag()
        )


_COUNTS = ("AttachmentCount", "PermissionsBoundaryUsageCount")


def _uses(document: JsonNode, entities: Iterable[Entity]) -> dict[str, int]:
    """Return of each managed policy how many have it, as a policy or a boundary, if that is said."""
    seen = Counter(arn for e in entities for arn in (*(e.attached or ()), e.boundary) if arn)
    found = {}
    for policy in document.members("Policies") or ():
        counts, arn = [policy.get(key) for key in _COUNTS], policy.need("Arn").text()
        if all(counts):
            found[arn] = sum(count.number() for count in counts if count is not None)
        elif _is_whole(document):
            found[arn] = seen[arn]
    return found


def _number(version: JsonNode | None) -> int:
    """Return the number in ``v12``; 0 where there is none."""
    text = "" if version is None else version.text().removeprefix("v")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _role(role: JsonNode) -> Entity:
    trust, longest = role.get("AssumeRolePolicyDocument"), role.get("MaxSessionDuration")
    description = role.get("Description")
    return _entity(
        role,
        "role",
        trust=None if trust is None else _document(trust),
        max_session_seconds=None if longest is None else longest.number(),
        description="" if description is None else description.text(),
    )


def _listed_role(role: JsonNode) -> Entity:
    """Read a role that may come from ``list-roles``, which leaves out boundary and tags.

    ``get-role`` always says when the role was last used, and ``list-roles`` never (IAM API
    reference, ListRoles).
    """
    entity = _role(role)
    if "RoleLastUsed" in role.keys():  # noqa: SIM118 - keys of a Part are no mapping's
        return entity
    tags = entity.tags if role.get("Tags") is not None else None
    return replace(entity, boundary_seen=entity.boundary is not None, tags=tags)


def _user_detail(each: JsonNode) -> Entity:
    entity = _entity(each, "user")
    # IAM leaves UserPolicyList out where a user has no inline policy, the other two never.
    complete = entity.attached is not None and entity.groups is not None
    return replace(entity, inline={}) if entity.inline is None and complete else entity


def _entity(each: JsonNode, kind: str, **own: Any) -> Entity:
    """Read what all entities have in common, beside their ``own``; a missing list was not seen."""
    arn = _arn(each.need("Arn"), kind)
    inline, attached = each.members(_INLINE[kind]), each.members("AttachedManagedPolicies")
    groups = each.members("GroupList") if kind == "user" else []
    unique_id, boundary = each.get(f"{kind.title()}Id"), each.get("PermissionsBoundary")
    return Entity(
        arn=arn,
        unique_id=None if unique_id is None else unique_id.text(),
        inline=None if inline is None else _inline(inline),
        attached=None
        if attached is None
        else tuple([one.need("PolicyArn").text() for one in attached]),
        # IAM leaves PermissionsBoundary and Tags out where there are none.
        boundary=None if boundary is None else boundary.need("PermissionsBoundaryArn").text(),
        tags=tuple(
            [
                (one.need("Key").text(), one.need("Value").text())
                for one in each.members("Tags") or ()
            ]
        ),
        groups=None if groups is None else tuple([one.text() for one in groups]),
        **own,
    )


def _inline(policies: Iterable[JsonNode]) -> Mapping[str, str]:
    return {
        one.need("PolicyName").text(): _document(one.need("PolicyDocument")) for one in policies
    }


def _arn(part: JsonNode, kind: str) -> str:
    """Return the ARN of a ``role``, ``user`` or ``group``."""
    text = part.text()
    if kind == "role":
        try:
            RoleArn.parse(text)
        except ValueError:
            raise part.wrong("the ARN of a role") from None
        return text
    match = _ARN.fullmatch(text)
    if match is None or match["kind"] != kind:
        raise part.wrong(f"the ARN of a {kind}")
    return text


def _document(part: JsonNode) -> str:
    if not isinstance(part.value, dict | str):
        raise part.wrong("a policy document")
    return policy_text(part.value)


def policy_text(document: Any) -> str:
    """Return a document as text, whether it came as JSON or percent-encoded."""
    if not isinstance(document, str):
        return json.dumps(document)
    return unquote(document) if document.lstrip()[:3].upper() == "%7B" else document
