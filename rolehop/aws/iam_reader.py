"""Read one role or user from IAM; what may not be read counts as not known.

Each part is requested on its own: people may often read a role but not its policies. Nothing is
written, and no call is made twice for one entity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rolehop.base.arn import partition_of
from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import replace
from rolehop.base.startup import Pattern
from rolehop.policy.aws_cli_output import policy_text
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from rolehop.aws.query_api import QueryClient

_MOST_PAGES = 50
_NONE_SUCH = "NoSuchEntity"
_COUNT = Pattern(r"[0-9]{1,7}")
_NUMBER = Pattern(r"[1-9][0-9]{0,6}")


class IamReader:
    """Reads IAM with one signer; a refused call leaves a part unknown and is not an error.

    Methods raise ``ServiceError`` if there is no answer.
    """

    def __init__(
        self,
        client: Callable[[], QueryClient],
        signer: Credentials,
        on_refused: Callable[[StsRefusal], object] = lambda _: None,
    ) -> None:
        """Read with ``signer``.

        ``client`` returns the client at the first call, since making one loads botocore.
        ``on_refused`` is told of each refusal.
        """
        self._client = client
        self._signer = signer
        self._on_refused = on_refused
        self._uses: dict[str, int] = {}

    def role(self, arn: str) -> IamInventory | None:
        """Read a role; ``None`` if not even GetRole is allowed.

        If the role of that name has another path, the inventory has its real ARN. If IAM has no
        role of that name, ``arn`` is among the missing roles.
        """
        name = arn.rpartition("/")[2]
        try:
            answer = self._client().call("iam", "GetRole", {"RoleName": name}, self._signer)
        except StsRefusal as refusal:
            self._on_refused(refusal)
            return (
                IamInventory(missing_roles=frozenset({arn})) if refusal.code == _NONE_SUCH else None
            )
        found = answer.root.find("GetRoleResult/Role")
        if found is None:
            return None
        arn = _text(found, "Arn")
        managed: dict[str, str] = {}
        entity = Entity(
            arn=arn,
            unique_id=_text(found, "RoleId") or None,
            trust=policy_text(_text(found, "AssumeRolePolicyDocument")),
            boundary=_text(found, "PermissionsBoundary/PermissionsBoundaryArn") or None,
            tags=_tags(found),
            max_session_seconds=_seconds(_text(found, "MaxSessionDuration")),
            description=_text(found, "Description"),
        )
        return self._with_policies("Role", {"RoleName": name}, entity, managed)

    def user(self, arn: str) -> IamInventory | None:
        """Read a user with its groups; ``None`` if not even GetUser is allowed."""
        name = arn.rpartition("/")[2]
        answer = self._ask("GetUser", {"UserName": name})
        found = None if answer is None else answer.find("User")
        if found is None or _text(found, "Arn") != arn:
            return None
        managed: dict[str, str] = {}
        entity = Entity(
            arn=arn,
            unique_id=_text(found, "UserId") or None,
            boundary=_text(found, "PermissionsBoundary/PermissionsBoundaryArn") or None,
            tags=_tags(found),
        )
        records = self._with_policies("User", {"UserName": name}, entity, managed)
        return self._with_groups(records, arn, {"UserName": name})

    def _with_groups(
        self, records: IamInventory, arn: str, params: Mapping[str, str]
    ) -> IamInventory:
        groups = self._all("ListGroupsForUser", params, "Groups")
        if groups is None:
            # Policies of unknown groups may allow or deny: the inventory is not complete.
            unseen = replace(records.entities[arn], groups=None)
            return replace(records, entities={arn: unseen})
        names = []
        for each in groups:
            name = _text(each, "GroupName")
            names.append(name)
            group = Entity(arn=_text(each, "Arn"))
            records = records.merged(
                self._with_policies("Group", {"GroupName": name}, group, dict(records.managed))
            )
        user = replace(records.entities[arn], groups=tuple(names))
        return replace(records, entities={**records.entities, arn: user})

    def _with_policies(
        self, kind: str, params: Mapping[str, str], entity: Entity, managed: dict[str, str]
    ) -> IamInventory:
        attached = self._all(f"ListAttached{kind}Policies", params, "AttachedPolicies")
        names = self._all(f"List{kind}Policies", params, "PolicyNames")
        inline = None if names is None else self._inline(kind, params, names)
        arns = None if attached is None else tuple(_text(each, "PolicyArn") for each in attached)
        entity = replace(entity, inline=inline, attached=arns)
        for arn in (*(arns or ()), *([entity.boundary] if entity.boundary else ())):
            self._read_managed(arn, managed)
        return IamInventory({entity.arn: entity}, managed, uses=dict(self._uses))

    def _inline(
        self, kind: str, params: Mapping[str, str], names: list[Element]
    ) -> dict[str, str] | None:
        """Return all inline policies; ``None`` if one may not be read: the rest is not complete."""
        inline: dict[str, str] = {}
        for each in names:
            name = each.text or ""
            answer = self._ask(f"Get{kind}Policy", {**params, "PolicyName": name})
            if answer is None:
                return None
            inline[name] = policy_text(_text(answer, "PolicyDocument"))
        return inline

    def managed(self, arn: str) -> str | None:
        """Return the text of a managed policy's default version."""
        found: dict[str, str] = {}
        self._read_managed(arn, found)
        return found.get(arn)

    def _read_managed(self, arn: str, managed: dict[str, str]) -> None:
        if arn in managed or partition_of(arn) is None:
            return
        policy = self._ask("GetPolicy", {"PolicyArn": arn})
        version = "" if policy is None else _text(policy, "Policy/DefaultVersionId")
        answer = (
            self._ask("GetPolicyVersion", {"PolicyArn": arn, "VersionId": version})
            if version
            else None
        )
        uses = None if policy is None else _uses(policy)
        if uses is not None:
            self._uses[arn] = uses
        if answer is not None:
            managed[arn] = policy_text(_text(answer, "PolicyVersion/Document"))

    def _all(self, action: str, params: Mapping[str, str], listed: str) -> list[Element] | None:
        """Return the members of all pages; ``None`` if the call is not allowed."""
        found: list[Element] = []
        for page in self._pages(action, params):
            if page is None:
                return None
            found.extend(page.iterfind(f"{listed}/member"))
        return found

    def _pages(self, action: str, params: Mapping[str, str]) -> Iterator[Element | None]:
        marker = ""
        for _ in range(_MOST_PAGES):
            page = self._ask(action, {**params, **({"Marker": marker} if marker else {})})
            yield page
            marker = "" if page is None else _text(page, "Marker")
            if not marker:
                return
        yield None

    def _ask(self, action: str, params: Mapping[str, str]) -> Element | None:
        try:
            answer = self._client().call("iam", action, params, self._signer)
        except StsRefusal as refusal:
            self._on_refused(refusal)
            return None
        return answer.root.find(f"{action}Result")


def _uses(policy: Element) -> int | None:
    """Return by how many a managed policy is used: attached, or as a boundary."""
    names = ("AttachmentCount", "PermissionsBoundaryUsageCount")
    counts = [_text(policy, f"Policy/{name}") for name in names]
    return sum(map(int, counts)) if all(map(_COUNT.fullmatch, counts)) else None


def _text(element: Element, path: str) -> str:
    return element.findtext(path) or ""


def _seconds(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _tags(element: Element) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_text(each, "Key"), _text(each, "Value")) for each in element.iterfind("Tags/member")
    )
