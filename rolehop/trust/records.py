"""What IAM says of users, roles and policies: read from the AWS CLI's own output, many files.

Understood: ``aws iam get-account-authorization-details`` (all pages or one), ``get-role``,
``get-user``, ``get-policy-version`` with its policy's ARN known, and lists of these. Policy
documents may be JSON or, as the API sends them, percent-encoded text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from rolehop.arn import account_of
from rolehop.trust.evaluate import NOT_THERE, NOT_VISIBLE, LaneName, Shown
from rolehop.trust.policy import Kind, parse_policy
from rolehop.trust.reader import PolicyError
from rolehop.trust.statements import Attached
from rolehop.values import dataclass, field, replace

# AWS writes this one, and everybody attaches it; its text never changed.
ADMINISTRATOR = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)

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

    attached: tuple[str, ...] = ()
    """ARNs of managed policies."""

    boundary: str | None = None
    """ARN of the managed policy that is the permissions boundary."""

    tags: tuple[tuple[str, str], ...] | None = None
    groups: tuple[str, ...] = ()
    """A user's groups, by name."""

    max_session_seconds: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """Everything read, by ARN."""

    entities: Mapping[str, Entity] = field(default_factory=dict)
    managed: Mapping[str, str] = field(default_factory=dict)
    """ARN of a managed policy to the text of its default version."""

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
        """Return both together; where both know an entity, what each knows is kept."""
        entities = dict(self.entities)
        for arn, entity in other.entities.items():
            entities[arn] = _both(entities[arn], entity) if arn in entities else entity
        return Records(
            entities,
            {**self.managed, **other.managed},
            _joined(self.scps, other.scps),
            _joined(self.rcps, other.rcps),
        )

    # ---- lanes

    def trust(self, role: str) -> Shown:
        """Return the trust policy of ``role``."""
        entity = self.find(role)
        if entity is None or entity.trust is None:
            return NOT_VISIBLE
        return _shown(LaneName.TRUST, [(f"trust policy of {_short(role)}", entity.trust)])

    def permissions(self, caller: str | None) -> Shown:
        """Return the permissions policies of a user or a role, its groups' included."""
        entity = self.find(caller)
        if entity is None or entity.inline is None:
            return NOT_VISIBLE
        texts = list(self._texts(entity))
        for group in entity.groups:
            found = self.entities.get(_group_arn(entity.arn, group)) or self._group(entity, group)
            if found is None or found.inline is None:
                texts.append((f"policies of group {group}", None))
            else:
                texts.extend(self._texts(found))
        return _shown(LaneName.PERMISSIONS, texts)

    def boundary(self, caller: str | None) -> Shown:
        """Return the permissions boundary of a user or a role."""
        entity = self.find(caller)
        if entity is None:
            return NOT_VISIBLE
        if entity.boundary is None:
            return NOT_THERE
        name = f"boundary {_short(entity.boundary)} of {_short(entity.arn)}"
        return _shown(LaneName.BOUNDARY, [(name, self._managed(entity.boundary))])

    def session(self, policy: str | None, arns: Iterable[str], hop: str) -> Shown:
        """Return the session policies that ``hop`` (for people) was made with."""
        texts: list[tuple[str, str | None]] = [
            (f"session policy {_short(arn)} of {hop}", self._managed(arn)) for arn in arns
        ]
        if policy is not None:
            texts.append((f"session policy of {hop}", policy))
        return _shown(LaneName.SESSION, texts) if texts else NOT_THERE

    def scp(self, account: str | None) -> Shown:
        """Return the service control policies of ``account``."""
        return _guardrail(LaneName.SCP, self.scps, account)

    def rcp(self, account: str | None) -> Shown:
        """Return the resource control policies of ``account``."""
        return _guardrail(LaneName.RCP, self.rcps, account)

    def _texts(self, entity: Entity) -> Iterable[tuple[str, str | None]]:
        of = _short(entity.arn)
        for name, text in (entity.inline or {}).items():
            yield f"inline policy {name} of {of}", text
        for arn in entity.attached:
            yield f"policy {arn.rpartition('/')[2]} of {of}", self._managed(arn)

    def _managed(self, arn: str) -> str | None:
        if arn.endswith(":iam::aws:policy/AdministratorAccess"):
            return self.managed.get(arn, ADMINISTRATOR)
        return self.managed.get(arn)

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
    return _shown(lane, list(zip(names, texts, strict=True)))


def _shown(lane: LaneName, texts: list[tuple[str, str | None]]) -> Shown:
    documents, missing, malformed = [], [], False
    for name, text in texts:
        if text is None:
            missing.append(name)
            continue
        try:
            documents.append(Attached(name, parse_policy(text, _KINDS[lane]), text))
        except PolicyError as error:
            malformed = True
            missing.append(f"{name} ({error})")
    return Shown(tuple(documents), tuple(missing), malformed=malformed)


def _both(old: Entity, new: Entity) -> Entity:
    knows_policies = new if new.inline is not None else old
    return replace(
        new,
        unique_id=new.unique_id or old.unique_id,
        trust=new.trust if new.trust is not None else old.trust,
        inline=knows_policies.inline,
        attached=knows_policies.attached,
        groups=knows_policies.groups,
        boundary=new.boundary or old.boundary,
        tags=new.tags if new.tags is not None else old.tags,
        max_session_seconds=new.max_session_seconds or old.max_session_seconds,
    )


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
        NotRecords: it is not JSON, or none of the outputs that are understood.
    """
    return _records(load_strictly(text))


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
        together = Records()
        for each in document:
            together = together.merged(_records(each))
        return together
    if not isinstance(document, dict):
        raise NotRecords("it holds neither an object nor a list")
    try:
        if any(name in document for name in _LISTS):
            return _details(document)
        if isinstance(document.get("Role"), dict):
            return _of([_role(document["Role"], whole=False)])
        if isinstance(document.get("User"), dict):
            return _of([_entity(document["User"], whole=False)])
    except (KeyError, TypeError, AttributeError) as error:
        raise NotRecords(f"it lacks what IAM always says ({error})") from None
    raise NotRecords("it is no output of get-account-authorization-details, get-role or get-user")


def _of(entities: Iterable[Entity]) -> Records:
    return Records({entity.arn: entity for entity in entities})


def _details(document: Mapping[str, Any]) -> Records:
    entities = [_role(each, whole=True) for each in document.get("RoleDetailList", ())]
    entities += [_entity(each, whole=True) for each in document.get("UserDetailList", ())]
    entities += [_entity(each, whole=True) for each in document.get("GroupDetailList", ())]
    managed = {
        each["Arn"]: policy_text(version["Document"])
        for each in document.get("Policies", ())
        for version in each.get("PolicyVersionList", ())
        if version["IsDefaultVersion"]
    }
    return replace(_of(entities), managed=managed)


def _role(each: Mapping[str, Any], *, whole: bool) -> Entity:
    entity = _entity(each, whole=whole)
    trust = each.get("AssumeRolePolicyDocument")
    return replace(
        entity,
        trust=None if trust is None else policy_text(trust),
        max_session_seconds=each.get("MaxSessionDuration"),
        description=each.get("Description") or "",
    )


def _entity(each: Mapping[str, Any], *, whole: bool) -> Entity:
    inline: list[Mapping[str, Any]] | None = next(
        (
            each[name]
            for name in ("RolePolicyList", "UserPolicyList", "GroupPolicyList")
            if name in each
        ),
        [] if whole else None,
    )
    boundary = each.get("PermissionsBoundary") or {}
    tags = each.get("Tags")
    return Entity(
        arn=each["Arn"],
        unique_id=each.get("RoleId") or each.get("UserId") or each.get("GroupId"),
        inline=None
        if inline is None
        else {one["PolicyName"]: policy_text(one["PolicyDocument"]) for one in inline},
        attached=tuple(one["PolicyArn"] for one in each.get("AttachedManagedPolicies", ())),
        boundary=boundary.get("PermissionsBoundaryArn"),
        # IAM leaves Tags out where there are none.
        tags=tuple((one["Key"], one["Value"]) for one in tags or ()),
        groups=tuple(each.get("GroupList", ())),
    )


def policy_text(document: Any) -> str:
    """Return a document as text, whether it came as JSON or percent-encoded."""
    if not isinstance(document, str):
        return json.dumps(document)
    return unquote(document) if document.lstrip().startswith("%7B") else document
