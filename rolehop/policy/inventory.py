"""Users, roles, policies and the organization, as far as they are known: what applies to whom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from rolehop.base.arn import RoleArn, account_of
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import NO_POLICY, NOT_VISIBLE, PolicySet, PolicyType
from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.parser import Kind, PolicyError, parse_policy


class NameIndex:
    """The ARNs of ``entities`` by the last part of each, whatever its case."""

    def __init__(self, entities: Mapping[str, object]) -> None:
        self.entities = entities
        self._arns: dict[str, list[str]] = {}
        for arn in entities:
            self._arns.setdefault(arn.rpartition("/")[2].lower(), []).append(arn)

    def named(self, name: str) -> Iterable[str]:
        """Return the ARNs that end in ``/name``, in their order, whatever the case."""
        return self._arns.get(name.lower(), ())


Statement = Mapping[str, object]
_ALL: Statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}

_PARTS: Mapping[str, Sequence[Statement]] = {
    "PowerUserAccess": [
        {
            "Effect": "Allow",
            "NotAction": ["iam:*", "organizations:*", "account:*"],
            "Resource": "*",
        }
    ],
    "ReadOnlyAccess": [
        {
            "Effect": "Allow",
            "Action": ["sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken"],
            "Resource": "*",
        }
    ],
    "SecurityAudit": [{"Effect": "Allow", "Action": "sts:GetAccessKeyInfo", "Resource": "*"}],
    "job-function/ViewOnlyAccess": [],
}


def managed_policy_text(arn: str, *, complete_only: bool) -> str | None:
    """Return the text of an AWS managed policy; without ``complete_only``, its part on STS and PassRole.

    ``None``: not stored here.
    """
    head, _, name = arn.partition(":iam::aws:policy/")
    if name == "AdministratorAccess":
        return _text([_ALL])
    # Other partitions have policies of the same names, which were not read.
    if complete_only or head != "arn:aws" or name not in _PARTS:
        return None
    return _text(_PARTS[name])


def _text(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


READ_ONLY_SCOPE = "rolehop's policy that only reads"
"""The name of a scope's policy that nobody can edit."""


def is_aws_managed(arn: str) -> bool:
    """True if a managed policy is AWS's own: the same in every account."""
    return ":iam::aws:policy/" in arn


class Target(NamedTuple):
    """The root, an OU or an account, with the IDs of the policies attached to it."""

    name: str
    """For people: ``root r-ab12``, ``OU Prod``, ``account 111111111111``."""

    scps: tuple[str, ...]
    rcps: tuple[str, ...]


class NamedPolicy(NamedTuple):
    """A policy of the organization."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Organization:
    """What was read of an organization."""

    management_account: str
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Account to the IDs of its targets, from the root to the account itself; empty: it is of no,
    or of another, organization."""

    targets: Mapping[str, Target] = field(default_factory=dict)
    policies: Mapping[str, NamedPolicy] = field(default_factory=dict)
    scps_enabled: bool = True
    rcps_enabled: bool = True

    def knows(self, account: str | None) -> bool:
        """True if ``account`` is of this organization."""
        return bool(self.paths.get(account or ""))

    def levels(self, account: str, kind: str) -> Iterator[tuple[tuple[str, str], ...]]:
        """Yield for each level the names and texts of its policies; ``kind``: SCP or RCP."""
        for target in (self.targets[each] for each in self.paths.get(account, ())):
            attached = target.scps if kind == "SCP" else target.rcps
            found = (self.policies[each] for each in attached)
            yield tuple((f"{kind} {each.name} at {target.name}", each.text) for each in found)


_KINDS = {
    PolicyType.TRUST: Kind.TRUST,
    PolicyType.PERMISSIONS: Kind.PERMISSIONS,
    PolicyType.BOUNDARY: Kind.BOUNDARY,
    PolicyType.SESSION: Kind.SESSION,
    PolicyType.SCOPE: Kind.SESSION,
    PolicyType.SCP: Kind.SCP,
    PolicyType.RCP: Kind.RCP,
}


@dataclass(frozen=True, slots=True)
class Entity:
    """A user, a role or a group, as far as it is known."""

    arn: str
    unique_id: str | None = None
    trust: str | None = None
    """A role's trust policy as text; ``None``: not seen."""

    inline: Mapping[str, str] | None = None
    """By name; ``None``: not seen (``get-role`` does not list them)."""

    attached: tuple[str, ...] | None = ()
    """ARNs of managed policies; ``None``: not seen."""

    boundary: str | None = None
    """ARN of the managed policy that is the permissions boundary."""

    boundary_seen: bool = True
    """``False``: the output does not say if there is one (``list-roles`` does not)."""

    tags: tuple[tuple[str, str], ...] | None = None
    groups: tuple[str, ...] | None = ()
    """A user's groups, by name; ``None``: not seen."""

    max_session_seconds: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class IamInventory:
    """Everything read, by ARN."""

    entities: Mapping[str, Entity] = field(default_factory=dict)
    managed: Mapping[str, str] = field(default_factory=dict)
    """ARN of a managed policy to the text of its default version."""

    versions: Mapping[str, int] = field(default_factory=dict)
    """ARN of a managed policy to the number of that version, if the output has it."""

    scps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Account, or ``*`` for every account, to its service control policies as texts."""

    rcps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    complete_accounts: frozenset[str] = frozenset()
    """Accounts of which every role is included."""

    management_accounts: frozenset[str] = frozenset()
    """Management accounts of organizations: neither SCPs nor RCPs apply to them."""

    missing_roles: frozenset[str] = frozenset()
    """ARNs of roles that do not exist, as IAM says."""

    organization: Organization | None = None
    """Where nobody gave SCPs or RCPs for an account, those of the organization count."""

    uses: Mapping[str, int] = field(default_factory=dict)
    """ARN of a managed policy to how many users, groups and roles have it, as policy or boundary."""

    complete_only: bool = False
    """AWS managed policies of which only the part on STS and PassRole is known here count as not
    seen: for calls that are about more."""

    _by_name: list[NameIndex] = field(default_factory=list, repr=False, compare=False)
    """Made when it is first needed; a copy with changes has it, too."""

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
                self.entities[each]
                for each in self._named(name)
                if ":role/" in each and each.endswith(f"/{name}") and account_of(each) == account
            ),
            None,
        )

    def _named(self, name: str) -> Iterable[str]:
        """Return the ARNs of what is called so, whatever the case."""
        if not self._by_name or self._by_name[0].entities is not self.entities:
            self._by_name[:] = [NameIndex(self.entities)]
        return self._by_name[0].named(name)

    def merged(self, other: IamInventory) -> IamInventory:
        """Return both together; if both have the same thing, ``other`` wins."""
        entities = dict(self.entities)
        for arn, entity in other.entities.items():
            entities[arn] = _both(entities[arn], entity) if arn in entities else entity
        older = {arn for arn, number in other.versions.items() if self._newer(arn, number)}
        return IamInventory(
            entities,
            {**self.managed, **{arn: t for arn, t in other.managed.items() if arn not in older}},
            {**self.versions, **{arn: n for arn, n in other.versions.items() if arn not in older}},
            _joined(self.scps, other.scps),
            _joined(self.rcps, other.rcps),
            self.complete_accounts | other.complete_accounts,
            self.management_accounts | other.management_accounts,
            self.missing_roles | other.missing_roles,
            other.organization or self.organization,
            {**self.uses, **other.uses},
            self.complete_only,
        )

    def _newer(self, arn: str, number: int) -> bool:
        """True if this has a newer version of an AWS managed policy."""
        return is_aws_managed(arn) and self.versions.get(arn, 0) > number

    def role_missing(self, role: RoleArn) -> Finding | None:
        """Return a finding if the role certainly does not exist; names are unique in an account.

        Source: IAM user guide, "IAM identifiers": neither a path nor upper and lower case makes
        another name.
        """
        arn = str(role)
        if arn in self.entities:
            return None
        beginning = f"arn:{role.partition}:iam::{role.account}:role/"
        other = next((e for e in self._named(role.name) if e.startswith(beginning)), None)
        if other is not None:
            return Finding("Request Role", Truth.FALSE, Reason.OTHER_PATH, other, arn)
        if arn in self.missing_roles or role.account in self.complete_accounts:
            return Finding(
                "Request Role", Truth.FALSE, Reason.NO_SUCH_ROLE, "a role that exists", arn
            )
        return None

    # ---- documents by type of policy

    def trust(self, role: str) -> PolicySet:
        """Return the trust policy of ``role``."""
        entity = self.find(role)
        if entity is None or entity.trust is None:
            return NOT_VISIBLE
        return _shown(PolicyType.TRUST, [_Text(f"trust policy of {_short(role)}", entity.trust)])

    def permissions(self, caller: str | None) -> PolicySet:
        """Return the permissions policies of a user or a role, its groups' included.

        ``caller``: its ARN, or that of a role's session.
        """
        entity = self.find(caller)
        if entity is None or (entity.inline is None and not entity.attached):
            return NOT_VISIBLE
        texts = list(self._texts(entity))
        if entity.groups is None:
            texts.append(_Text(f"policies of the groups of {_short(entity.arn)}", None))
        for group in entity.groups or ():
            found = self.entities.get(_group_arn(entity.arn, group)) or self._group(entity, group)
            if found is None or (found.inline is None and not found.attached):
                texts.append(_Text(f"policies of group {group}", None))
            else:
                texts.extend(self._texts(found))
        return _shown(PolicyType.PERMISSIONS, texts)

    def boundary(self, caller: str | None) -> PolicySet:
        """Return the permissions boundary of a user or a role."""
        entity = self.find(caller)
        if entity is None or not entity.boundary_seen:
            return NOT_VISIBLE
        if entity.boundary is None:
            return NO_POLICY
        name = f"boundary {_short(entity.boundary)} of {_short(entity.arn)}"
        return _shown(PolicyType.BOUNDARY, [self._managed(entity.boundary, name)])

    def session(self, policy: str | None, arns: Iterable[str], hop: str) -> PolicySet:
        """Return the session policies of ``hop`` (its name for people)."""
        texts = [
            self._managed(arn, f"session policy {arn.rpartition('/')[2]} of {hop}") for arn in arns
        ]
        if policy is not None:
            texts.append(_Text(f"session policy of {hop}", policy))
        return _shown(PolicyType.SESSION, texts) if texts else NO_POLICY

    def scope(self, policy: str, *, read_only: bool) -> PolicySet:
        """Return the policy by which a scope narrows a session; ``read_only``: rolehop's own."""
        name = READ_ONLY_SCOPE if read_only else "policy of the scope"
        return _shown(PolicyType.SCOPE, [_Text(name, policy)])

    def named(self, policy_type: PolicyType, arn: str) -> PolicySet:
        """Return one managed policy; that there may be others of its type counts as not seen."""
        name = f"policy {arn.rpartition('/')[2]}"
        return _shown(policy_type, [self._managed(arn, name), _Text("the others", None)])

    def scp(self, account: str | None) -> PolicySet:
        """Return the service control policies of ``account``."""
        return self._guardrail(PolicyType.SCP, self.scps, account)

    def rcp(self, account: str | None) -> PolicySet:
        """Return the resource control policies of ``account``."""
        return self._guardrail(PolicyType.RCP, self.rcps, account)

    def _guardrail(
        self, policy_type: PolicyType, given: Mapping[str, tuple[str, ...]], account: str | None
    ) -> PolicySet:
        organization = self.organization
        if account in self.management_accounts:
            return NO_POLICY
        if organization is not None and account == organization.management_account:
            return NO_POLICY
        texts = (*given.get("*", ()), *given.get(account or "", ()))
        if not texts and organization is not None and organization.knows(account):
            return _of_organization(policy_type, organization, account or "")
        return _given_guardrail(policy_type, texts)

    def is_of_one(self, document: str, owner: str | None) -> bool:
        """True if a document is a managed policy that ``owner`` has, and nobody else.

        ``document``: its name, as in a `PolicySet`; ``owner``: ARN of a user, a role or its session.
        """
        entity = self.find(owner)
        if entity is None:
            return False
        named = {f"policy {e.rpartition('/')[2]} of": e for e in entity.attached or ()}
        if entity.boundary is not None:
            named[f"boundary {_short(entity.boundary)} of"] = entity.boundary
        arn = named.get(document.removesuffix(f" {_short(entity.arn)}"))
        return arn is not None and not is_aws_managed(arn) and self._count(arn) == 1

    def _count(self, arn: str) -> int | None:
        """Return how many have a managed policy; ``None``: not known."""
        entities = self.entities.values()
        seen = sum((arn in (e.attached or ())) + (arn == e.boundary) for e in entities)
        return max(seen, self.uses[arn]) if arn in self.uses else None

    def _texts(self, entity: Entity) -> Iterable[_Text]:
        of = _short(entity.arn)
        if entity.inline is None:
            yield _Text(f"inline policies of {of}", None)
        for name, text in (entity.inline or {}).items():
            yield _Text(f"inline policy {name} of {of}", text)
        if entity.attached is None:
            yield _Text(f"managed policies of {of}", None)
        for arn in entity.attached or ():
            yield self._managed(arn, f"policy {arn.rpartition('/')[2]} of {of}")

    def _managed(self, arn: str, name: str) -> _Text:
        text = self.managed.get(arn) or managed_policy_text(arn, complete_only=self.complete_only)
        return _Text(name, text, aws_managed=is_aws_managed(arn))

    def _group(self, user: Entity, name: str) -> Entity | None:
        account = account_of(user.arn)
        return next(
            (
                self.entities[each]
                for each in self._named(name)
                if f"::{account}:group/" in each and each.endswith(f"/{name}")
            ),
            None,
        )


def _short(arn: str) -> str:
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    return f"{kind} {rest.rpartition('/')[2]}" if rest else arn


def _group_arn(user: str, name: str) -> str:
    return f"{user.partition(':user/')[0]}:group/{name}"


def _of_organization(
    policy_type: PolicyType, organization: Organization, account: str
) -> PolicySet:
    scp = policy_type is PolicyType.SCP
    if not (organization.scps_enabled if scp else organization.rcps_enabled):
        return NO_POLICY
    levels = list(organization.levels(account, "SCP" if scp else "RCP"))
    shown = _shown(policy_type, [_Text(*each) for level in levels for each in level])
    names = tuple(frozenset(name for name, _ in level) for level in levels)
    return replace(shown, levels=names) if scp else shown


def _given_guardrail(policy_type: PolicyType, texts: tuple[str, ...]) -> PolicySet:
    if not texts:
        return NOT_VISIBLE
    kind = _KINDS[policy_type].value
    names = [kind if len(texts) == 1 else f"{kind} {n}" for n in range(1, len(texts) + 1)]
    return _shown(policy_type, [_Text(*each) for each in zip(names, texts, strict=True)])


class _Text(NamedTuple):
    """One document, as it was read."""

    name: str
    text: str | None
    """``None``: it exists, or may exist, and was not seen."""

    aws_managed: bool = False


def _shown(policy_type: PolicyType, texts: Iterable[_Text]) -> PolicySet:
    documents, missing, malformed = [], [], False
    for name, text, aws_managed in texts:
        if text is None:
            missing.append(name)
            continue
        try:
            documents.append(
                Attached(name, parse_policy(text, _KINDS[policy_type]), text, aws_managed)
            )
        except PolicyError as error:
            malformed = True
            missing.append(f"{name} ({error})")
    return PolicySet(tuple(documents), tuple(missing), malformed=malformed)


def _both(old: Entity, new: Entity) -> Entity:
    return replace(
        new,
        unique_id=new.unique_id or old.unique_id,
        trust=_known(new.trust, old.trust),
        inline=_known(new.inline, old.inline),
        attached=_known(new.attached, old.attached),
        groups=_known(new.groups, old.groups),
        boundary=new.boundary or old.boundary,
        boundary_seen=new.boundary_seen or old.boundary_seen,
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


def find_conflict(old: IamInventory, new: IamInventory) -> str | None:
    """Return what differs between two exports, for people; ``None``: nothing.

    What only one of them contains is not a conflict. AWS managed policies may differ: AWS
    publishes new versions all the time.
    """
    for arn in sorted(old.entities.keys() & new.entities.keys()):
        part = _differing(old.entities[arn], new.entities[arn])
        if part is not None:
            return f"the {part} of {arn}"
    shared = sorted(old.managed.keys() & new.managed.keys())
    own = (arn for arn in shared if not is_aws_managed(arn))
    return next((arn for arn in own if not _same(old.managed[arn], new.managed[arn])), None)


def _differing(old: Entity, new: Entity) -> str | None:
    """Return the name of the part in which the two differ."""
    if old.boundary_seen and new.boundary_seen and old.boundary != new.boundary:
        return "permissions boundary"
    parts = (
        ("unique ID", old.unique_id, new.unique_id),
        ("trust policy", old.trust, new.trust),
        ("inline policies", old.inline, new.inline),
        ("managed policies", _sorted(old.attached), _sorted(new.attached)),
        ("groups", _sorted(old.groups), _sorted(new.groups)),
        ("tags", _sorted(old.tags), _sorted(new.tags)),
    )
    seen = ((name, a, b) for name, a, b in parts if a is not None and b is not None)
    return next((name for name, a, b in seen if not _same(a, b)), None)


def _sorted(found: tuple[T, ...] | None) -> list[T] | None:
    return None if found is None else sorted(found, key=str)


def _same(old: object, new: object) -> bool:
    """True if two values are equal; policies are compared as JSON, not as text."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if not (isinstance(old, str) and isinstance(new, str)) or old == new:
        return old == new
    try:
        return bool(json.loads(old) == json.loads(new))
    except (ValueError, RecursionError):
        return False
