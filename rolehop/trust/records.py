"""What IAM says of users, roles and policies: read from the AWS CLI's own output, many files.

Understood: ``aws iam get-account-authorization-details`` (all pages or one), ``get-role``,
``get-user``, ``get-policy-version`` with its policy's ARN known, and lists of these. Policy
documents may be JSON or, as the API sends them, percent-encoded text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from rolehop.arn import account_of
from rolehop.trust.contradiction import contradiction, is_of_aws
from rolehop.trust.evaluate import NOT_THERE, NOT_VISIBLE, LaneName, Shown
from rolehop.trust.known import known_policy
from rolehop.trust.policy import Kind, parse_policy
from rolehop.trust.reader import PolicyError
from rolehop.trust.statements import Attached
from rolehop.values import dataclass, field, replace

_KINDS = {
    LaneName.TRUST: Kind.TRUST,
    LaneName.PERMISSIONS: Kind.PERMISSIONS,
    LaneName.BOUNDARY: Kind.BOUNDARY,
    LaneName.SESSION: Kind.SESSION,
    LaneName.SCP: Kind.SCP,
    LaneName.RCP: Kind.RCP,
}


@dataclass(frozen=True, slots=True)
class Entity:
    """A user, a role or a group, as far as it is known."""

    arn: str
    unique_id: str | None = None
    trust: str | None = None
    """A role's trust policy as text; ``None``: not seen."""

    inline: Mapping[str, str] | None = None
    """By name; ``None``: not seen (``get-role`` does not tell)."""

    attached: tuple[str, ...] | None = ()
    """ARNs of managed policies; ``None``: not seen."""

    boundary: str | None = None
    """ARN of the managed policy that is the permissions boundary."""

    tags: tuple[tuple[str, str], ...] | None = None
    groups: tuple[str, ...] | None = ()
    """A user's groups, by name; ``None``: not seen."""

    max_session_seconds: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """Everything read, by ARN."""

    entities: Mapping[str, Entity] = field(default_factory=dict)
    managed: Mapping[str, str] = field(default_factory=dict)
    """ARN of a managed policy to the text of its default version."""

    versions: Mapping[str, int] = field(default_factory=dict)
    """ARN of a managed policy to the number of that version, where it is told."""

    scps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Account, or ``*`` for every account, to its service control policies as texts."""

    rcps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, arn: str | None) -> Entity | None:
        """Return the entity of that ARN, the role of a session's ARN included."""
        if arn is None:
            return None
        found = self.entities.get(arn)
        if found is not None or ":assumed-role/" not in arn:
            return found
        # The session's ARN drops the path; a role's name is unique in its account.
        name, account = arn.split("/")[1], account_of(arn)
        return next(
            (
                entity
                for entity in self.entities.values()
                if ":role/" in entity.arn
                and entity.arn.rpartition("/")[2] == name
                and account_of(entity.arn) == account
            ),
            None,
        )

    def merged(self, other: Records) -> Records:
        """Return both together; where both know a thing, what ``other`` says of it counts."""
        entities = dict(self.entities)
        for arn, entity in other.entities.items():
            entities[arn] = _both(entities[arn], entity) if arn in entities else entity
        older = {arn for arn, number in other.versions.items() if self._newer(arn, number)}
        return Records(
            entities,
            {**self.managed, **{arn: t for arn, t in other.managed.items() if arn not in older}},
            {**self.versions, **{arn: n for arn, n in other.versions.items() if arn not in older}},
            _joined(self.scps, other.scps),
            _joined(self.rcps, other.rcps),
        )

    def _newer(self, arn: str, number: int) -> bool:
        """Tell whether this knows a newer version of one of AWS's own policies."""
        return is_of_aws(arn) and self.versions.get(arn, 0) > number

    # ---- lanes

    def trust(self, role: str) -> Shown:
        """Return the trust policy of ``role``."""
        entity = self.find(role)
        if entity is None or entity.trust is None:
            return NOT_VISIBLE
        return _shown(LaneName.TRUST, [_Text(f"trust policy of {_short(role)}", entity.trust)])

    def permissions(self, caller: str | None, *, whole: bool = False) -> Shown:
        """Return the permissions policies of a user or a role, its groups' included.

        Args:
            caller: its ARN, or that of a role's session.
            whole: leave out policies of which only the part on STS and PassRole is known.
        """
        entity = self.find(caller)
        if entity is None or (entity.inline is None and not entity.attached):
            return NOT_VISIBLE
        texts = list(self._texts(entity, whole=whole))
        if entity.groups is None:
            texts.append(_Text(f"policies of the groups of {_short(entity.arn)}", None))
        for group in entity.groups or ():
            found = self.entities.get(_group_arn(entity.arn, group)) or self._group(entity, group)
            if found is None or (found.inline is None and not found.attached):
                texts.append(_Text(f"policies of group {group}", None))
            else:
                texts.extend(self._texts(found, whole=whole))
        return _shown(LaneName.PERMISSIONS, texts)

    def boundary(self, caller: str | None, *, whole: bool = False) -> Shown:
        """Return the permissions boundary of a user or a role; ``whole`` as with permissions."""
        entity = self.find(caller)
        if entity is None:
            return NOT_VISIBLE
        if entity.boundary is None:
            return NOT_THERE
        name = f"boundary {_short(entity.boundary)} of {_short(entity.arn)}"
        return _shown(LaneName.BOUNDARY, [self._managed(entity.boundary, name, whole=whole)])

    def session(self, policy: str | None, arns: Iterable[str], hop: str) -> Shown:
        """Return the session policies that ``hop`` (for people) was made with."""
        texts = [
            self._managed(arn, f"session policy {arn.rpartition('/')[2]} of {hop}") for arn in arns
        ]
        if policy is not None:
            texts.append(_Text(f"session policy of {hop}", policy))
        return _shown(LaneName.SESSION, texts) if texts else NOT_THERE

    def scp(self, account: str | None) -> Shown:
        """Return the service control policies of ``account``."""
        return _guardrail(LaneName.SCP, self.scps, account)

    def rcp(self, account: str | None) -> Shown:
        """Return the resource control policies of ``account``."""
        return _guardrail(LaneName.RCP, self.rcps, account)

    def _texts(self, entity: Entity, *, whole: bool) -> Iterable[_Text]:
        of = _short(entity.arn)
        if entity.inline is None:
            yield _Text(f"inline policies of {of}", None)
        for name, text in (entity.inline or {}).items():
            yield _Text(f"inline policy {name} of {of}", text)
        if entity.attached is None:
            yield _Text(f"managed policies of {of}", None)
        for arn in entity.attached or ():
            yield self._managed(arn, f"policy {arn.rpartition('/')[2]} of {of}", whole=whole)

    def _managed(self, arn: str, name: str, *, whole: bool = False) -> _Text:
        text = self.managed.get(arn) or known_policy(arn, whole=whole)
        return _Text(name, text, of_aws=is_of_aws(arn))

    def _group(self, user: Entity, name: str) -> Entity | None:
        account = account_of(user.arn)
        return next(
            (
                entity
                for entity in self.entities.values()
                if f"::{account}:group/" in entity.arn and entity.arn.endswith(f"/{name}")
            ),
            None,
        )


def _short(arn: str) -> str:
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    return f"{kind} {rest.rpartition('/')[2]}" if rest else arn


def _group_arn(user: str, name: str) -> str:
    return f"{user.partition(':user/')[0]}:group/{name}"


def _guardrail(lane: LaneName, known: Mapping[str, tuple[str, ...]], account: str | None) -> Shown:
    texts = (*known.get("*", ()), *known.get(account or "", ()))
    if not texts:
        return NOT_VISIBLE
    kind = _KINDS[lane].value
    names = [kind if len(texts) == 1 else f"{kind} {n}" for n in range(1, len(texts) + 1)]
    return _shown(lane, [_Text(*each) for each in zip(names, texts, strict=True)])


class _Text(NamedTuple):
    """One document, as it was read."""

    name: str
    text: str | None
    """``None``: it is there, or may be, and was not seen."""

    of_aws: bool = False


def _shown(lane: LaneName, texts: Iterable[_Text]) -> Shown:
    documents, missing, malformed = [], [], False
    for name, text, of_aws in texts:
        if text is None:
            missing.append(name)
            continue
        try:
            documents.append(Attached(name, parse_policy(text, _KINDS[lane]), text, of_aws))
        except PolicyError as error:
            malformed = True
            missing.append(f"{name} ({error})")
    return Shown(tuple(documents), tuple(missing), malformed=malformed)


def _both(old: Entity, new: Entity) -> Entity:
    return replace(
        new,
        unique_id=new.unique_id or old.unique_id,
        trust=_known(new.trust, old.trust),
        inline=_known(new.inline, old.inline),
        attached=_known(new.attached, old.attached),
        groups=_known(new.groups, old.groups),
        boundary=new.boundary or old.boundary,
        tags=_known(new.tags, old.tags),
        max_session_seconds=new.max_session_seconds or old.max_session_seconds,
    )


T = TypeVar("T")


def _known(first: T | None, second: T | None) -> T | None:
    return second if first is None else first


def _joined(
    left: Mapping[str, tuple[str, ...]], right: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {key: (*left.get(key, ()), *right.get(key, ())) for key in {**left, **right}}


# ---- reading


class NotRecords(ValueError):
    """A file that is none of the outputs understood; says what it is instead."""


def read_records(text: str) -> Records:
    """Read one file of AWS CLI output.

    Raises:
        NotRecords: it is not JSON, or none of the outputs that are understood, or it tells of
            nothing, or of one thing twice and differently.
    """
    found = _records(load_strictly(text))
    if not found.entities and not found.managed:
        raise NotRecords("it tells of no user, group, role or policy")
    return found


def load_strictly(text: str) -> Any:
    """Read JSON, refusing equal keys and hostile nesting.

    Raises:
        NotRecords: it cannot be read.
    """
    try:
        return json.loads(text, object_pairs_hook=_no_twins)
    except RecursionError:
        raise NotRecords("it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise NotRecords(f"it is not JSON: {error}") from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, _ in pairs if [name for name, _ in pairs].count(key) > 1)
        raise NotRecords(f"the key {twice!r} stands twice in one object")
    return found


_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


def _records(document: Any) -> Records:
    if isinstance(document, list):
        return _together(_records(each) for each in document)
    if not isinstance(document, dict):
        raise NotRecords("it holds neither an object nor a list")
    try:
        if any(name in document for name in _LISTS):
            return _details(document)
        if isinstance(document.get("Role"), dict):
            return _of(_role(document["Role"]))
        if isinstance(document.get("User"), dict):
            return _of(_entity(document["User"]))
    except KeyError as error:
        raise NotRecords(f"it lacks {error.args[0]}, which IAM always says") from None
    except (TypeError, AttributeError):
        raise NotRecords("a part of it is not what IAM writes there") from None
    raise NotRecords("it is no output of get-account-authorization-details, get-role or get-user")


def _together(each: Iterable[Records]) -> Records:
    together = Records()
    for one in each:
        twice = contradiction(together, one)
        if twice is not None:
            raise NotRecords(f"it tells of {twice} twice, and differently")
        together = together.merged(one)
    return together


def _of(entity: Entity) -> Records:
    return Records({entity.arn: entity})


def _details(document: Mapping[str, Any]) -> Records:
    entities = [_role(each) for each in document.get("RoleDetailList", ())]
    entities += [_user_detail(each) for each in document.get("UserDetailList", ())]
    entities += [_entity(each) for each in document.get("GroupDetailList", ())]
    managed = {each["Arn"]: _default_version(each) for each in document.get("Policies", ())}
    seen = {arn: version for arn, version in managed.items() if version is not None}
    policies = Records(
        managed={arn: policy_text(version["Document"]) for arn, version in seen.items()},
        versions={arn: _number(version.get("VersionId")) for arn, version in seen.items()},
    )
    names = {entity.arn for entity in entities}
    if len(names) < len(entities):
        return _together([*map(_of, entities), policies])
    return replace(policies, entities={entity.arn: entity for entity in entities})


def _default_version(policy: Mapping[str, Any]) -> Mapping[str, Any] | None:
    versions: Iterable[Mapping[str, Any]] = policy.get("PolicyVersionList", ())
    return next((each for each in versions if each["IsDefaultVersion"]), None)


def _number(version: object) -> int:
    """Return the number in ``v12``; 0 where there is none."""
    text = str(version).removeprefix("v")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _role(each: Mapping[str, Any]) -> Entity:
    trust = each.get("AssumeRolePolicyDocument")
    return replace(
        _entity(each),
        trust=None if trust is None else policy_text(trust),
        max_session_seconds=each.get("MaxSessionDuration"),
        description=each.get("Description") or "",
    )


def _user_detail(each: Mapping[str, Any]) -> Entity:
    entity = _entity(each)
    # IAM leaves UserPolicyList out where a user has no inline policy, the other two never.
    complete = entity.attached is not None and entity.groups is not None
    return replace(entity, inline={}) if entity.inline is None and complete else entity


_INLINE = ("RolePolicyList", "UserPolicyList", "GroupPolicyList")


def _entity(each: Mapping[str, Any]) -> Entity:
    """Read what all have in common; a list that is not there was not seen."""
    inline: list[Mapping[str, Any]] | None = next(
        (each[name] for name in _INLINE if name in each), None
    )
    attached = each.get("AttachedManagedPolicies")
    groups = each.get("GroupList", None if ":user/" in each["Arn"] else ())
    boundary = each.get("PermissionsBoundary") or {}
    return Entity(
        arn=each["Arn"],
        unique_id=each.get("RoleId") or each.get("UserId") or each.get("GroupId"),
        inline=None
        if inline is None
        else {one["PolicyName"]: policy_text(one["PolicyDocument"]) for one in inline},
        attached=None if attached is None else tuple(one["PolicyArn"] for one in attached),
        # IAM leaves PermissionsBoundary and Tags out where there are none.
        boundary=boundary.get("PermissionsBoundaryArn"),
        tags=tuple((one["Key"], one["Value"]) for one in each.get("Tags") or ()),
        groups=None if groups is None else tuple(groups),
    )


def policy_text(document: Any) -> str:
    """Return a document as text, whether it came as JSON or percent-encoded."""
    if not isinstance(document, str):
        return json.dumps(document)
    return unquote(document) if document.lstrip().startswith("%7B") else document
