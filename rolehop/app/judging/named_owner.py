"""Whose policy a JSON document says that it is: AWS CLI commands print it beside the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rolehop.policy.evaluation.model import PolicyType
from rolehop.policy.remedies.policy_change import PolicyChange
from rolehop.startup.lazy_regex import Pattern

Owner = Mapping[str, str | None]
"""Whose policy is meant: ``account``, ``kind`` (``user``, ``policy``…), its ``name``, the name of
the ``policy`` itself, its ``id``. ``None``: any will do. What is missing must not be said of it."""

_TRUST = ""
"""In place of a name: a trust policy has none."""

_INLINE = Pattern(
    r"(?:inline policy (?P<policy>.+)|a new inline policy) of (?P<kind>user|role|group) (?P<name>\S+)"
)
_MANAGED = Pattern(r"(?:boundary |session )?policy (?P<name>\S+) of .+")
_GUARDRAIL = Pattern(r"(?:SCP|RCP) (?P<policy>.+) at (?:root|OU|account) .+")
_OF_ORGANIZATION = {
    PolicyType.SCP: "service_control_policy",
    PolicyType.RCP: "resource_control_policy",
}
_IAM = Pattern(r"arn:[^:]+:iam::(?P<account>[^:]*):(?P<kind>[^:/]+)/(?:.*/)?(?P<name>[^/]+)")
_ORGANIZATION = Pattern(
    r"arn:[^:]+:organizations::[^:]*:policy/(?:[^/]+/)?(?P<kind>[^/]+)/(?P<id>[^/]+)"
)
_NAMES = {"UserName": "user", "RoleName": "role", "GroupName": "group"}


def owner_of(change: PolicyChange, role: str) -> Owner:
    """Return whose policy ``change`` is for; ``role``: ARN of the role that the call asks for."""
    if change.policy_type is PolicyType.TRUST:
        name = role.rpartition("/")[2]
        return {"account": change.member, "kind": "role", "name": name, "policy": _TRUST}
    kind = _OF_ORGANIZATION.get(change.policy_type)
    if kind is not None:
        named = _GUARDRAIL.fullmatch(change.document)
        return {"kind": kind, "policy": named and named["policy"], "id": None}
    inline = _INLINE.fullmatch(change.document)
    if inline is not None:
        found = {"account": change.member, "kind": inline["kind"], "name": inline["name"]}
        return {**found, "policy": inline["policy"]} if inline["policy"] else found
    managed = _MANAGED.fullmatch(change.document)
    if managed is not None:
        name = managed["name"]
        return {"account": change.member, "kind": "policy", "name": name, "policy": name}
    return {}


def said_of(whole: Any, place: tuple[str | int, ...]) -> Owner:
    """Return what a document says of the SCP or RCP at ``place``: its name and ID, if it does."""
    said = dict(_said(whole, place))
    return {key: said[key] for key in ("policy", "id") if key in said}


def is_of_another(whole: Any, place: tuple[str | int, ...], owner: Owner) -> bool:
    """True if a document says of the policy at ``place`` that it is not the one of ``owner``.

    Also an old version of a managed policy is another.
    """
    return any(
        name not in owner or owner[name] not in (None, value) for name, value in _said(whole, place)
    )


def _said(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str, str]]:
    """Yield what the objects around a policy say of it."""
    for key in place:
        if isinstance(value, dict):
            yield from _said_in(value)
        if key == "AssumeRolePolicyDocument":
            yield "policy", _TRUST
        value = value[key]


def _said_in(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    texts = {key: each for key, each in value.items() if isinstance(each, str)}
    arn = texts.get("Arn") or texts.get("arn") or ""
    found = _IAM.fullmatch(arn) or _ORGANIZATION.fullmatch(arn)
    if found is not None:
        yield from found.groupdict().items()
    for key, kind in _NAMES.items():
        if key in texts:
            yield from (("kind", kind), ("name", texts[key]))
    if "PolicyName" in texts:
        yield "policy", texts["PolicyName"]
    if value.get("IsDefaultVersion") is False:
        yield "version", texts.get("VersionId", "")
    summary = value.get("PolicySummary")  # of aws organizations describe-policy
    if isinstance(summary, dict):
        yield "kind", str(summary.get("Type", "")).lower()
        yield "policy", str(summary.get("Name", ""))
        yield from (("id", each) for each in (summary.get("Id"),) if isinstance(each, str))
        yield from _said_in(summary)
