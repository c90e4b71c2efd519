"""A second reading of IAM's rules, for tests alone: two-valued, on raw JSON, with regex and sets.

Written from AWS's user guides, which are quoted at each rule, and apart from rolehop, of which it
imports nothing: it knows no templates and no findings, and works out a request by trying what
grants it. What the guides leave open is read both ways: in the caller's favour (``kind``), and
against it. If the two differ, AWS does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.policy.helpers.independent_conditions import (
    Json,
    condition_holds,
    expand,
    globs,
    listed,
)


def allowed(world: Json) -> bool | None:
    """Return whether every action of the world's call is allowed; ``None``: AWS does not say."""
    readings = {
        all(_one({**world, "kind": kind}, action) for action in world["actions"])
        for kind in (True, False)
    }
    return readings.pop() if len(readings) == 1 else None


def completions(world: Json, unknown: dict[str, list[list[str] | None]]) -> Iterator[Json]:
    """Yield the world with every combination of values of the unknown keys; ``None``: absent.

    If nobody sees the resource's own policy, then with everything that it may say; if nobody knows
    whether RCPs cover the service, or who owns the resource, both ways.
    """
    owns, coverage = world.get("hidden", [world["trust"]]), world.get("coverage", [True])
    owners = world.get("owners", [world["role"].split(":")[4]])
    more = (owns, coverage, owners)
    for *values, own, covered, owner in product(*unknown.values(), *more):
        ctx = {key: each for key, each in world["ctx"].items() if key not in unknown}
        ctx["aws:resourceaccount"] = [owner or world["caller"].split(":")[4]]
        filled = {k: v for k, v in zip(unknown, values, strict=True) if v is not None}
        yield {**world, "ctx": {**ctx, **filled}, "trust": own, "covered": covered, "owner": owner}


def verdict(world: Json, unknown: dict[str, list[list[str] | None]]) -> bool | None:
    """Return the one verdict of all completions of the unknown keys; ``None``: there is none."""
    found = {allowed(each) for each in completions(world, unknown)}
    return found.pop() if len(found) == 1 else None


# ---- policy evaluation logic


def _one(world: Json, action: str) -> bool:
    caller, role = world["caller"], world["role"]
    # "You cannot … edit the trust policy of a service-linked role": only its service assumes it.
    if "/aws-service-role/" in role and role.split("/")[2] != world["service"]:
        return False
    if caller is None:
        return _from_outside(world, action)
    # "You cannot call any AWS STS operations except GetCallerIdentity" (GetFederationToken).
    if ":federated-user/" in caller:
        return False
    # "You cannot call AssumeRole by using AWS account root user credentials" (AssumeRole).
    if caller.endswith(":root") or caller.split(":")[1] != role.split(":")[1]:
        return False
    if world.get("acts") and (_beyond_session(world, action) or _is_of_aws(world, action)):
        return False
    # "Principals who manage aliases must have permission to call the alias operation on the alias
    # and on all affected KMS keys": the other one is not part of the world.
    if action.endswith("Alias") and not world["kind"]:
        return False
    # "An explicit deny in any of these policies overrides the allow."
    if any(_denies(each, world, action) for each in _policies_for(world)):
        return False
    if not _scps_allow(world, action) or not _within_scope(world, action):
        return False
    if world.get("passes"):
        # iam:PassRole is a permission of the caller's own; no trust policy is asked.
        return _grants(world["identity"], world, action) and _boundary_allows(world, action)
    if world.get("acts"):
        return _may_act(world, action)
    return _trusted(world, action)


def _beyond_session(world: Json, action: str) -> bool:
    """True if temporary credentials cannot make the call.

    "You cannot call any IAM API operations unless MFA authentication information is included in the
    request. You cannot call any STS API except AssumeRole or GetCallerIdentity" (GetSessionToken).
    A role's session "cannot call … GetFederationToken or GetSessionToken" (AssumeRole).
    """
    if action == "sts:GetFederationToken":
        return True
    user = ":user/" in world["caller"]
    return user and action.startswith("iam:") and not world["mfa"]


def _is_of_aws(world: Json, action: str) -> bool:
    """True if AWS refuses a change of what it keeps itself.

    "You can't change the permissions defined in AWS managed policies." "Cannot perform the operation
    on the protected role … this role is only modifiable by AWS." "The alias name cannot begin with
    alias/aws/."
    """
    marks = {
        "iam:CreatePolicyVersion": "::aws:policy/",
        "iam:PutRolePolicy": ":role/aws-reserved/",
        "kms:DeleteAlias": ":alias/aws/",
    }
    return marks.get(action, "?") in world["role"]


def _may_act(world: Json, action: str) -> bool:
    """Judge an action of any service.

    "IAM role trust policies and KMS key policies are exceptions to this logic, because they must
    explicitly allow access for principals" (policy evaluation for requests within one account).
    "Unless the key policy explicitly allows it, you cannot use IAM policies to allow access to a
    KMS key" (KMS developer guide): it does so by naming the account.
    """
    if action.startswith(("sts:", "kms:")) and ":alias/" not in world["role"]:
        return _trusted(world, action)
    own = _grants(world["identity"], world, action)
    limits = _boundary_allows(world, action) and _session_allows(world, action)
    if action.startswith("iam:"):
        # A trust policy is of STS alone, and nothing of IAM is open to other accounts.
        return _within_account(world) and own and limits
    # "If both … are in the same account, either an identity-based policy or a resource-based
    # policy can grant access": to the account alone grants nothing yet.
    return (_within_account(world) and own and limits) or _trusted(world, action)


def _within_account(world: Json) -> bool:
    own = world["caller"].split(":")[4]
    return bool(own == (world.get("owner") or world["role"].split(":")[4] or own))


def _trusted(world: Json, action: str) -> bool:
    grants: set[str] = set()
    for statement in world["trust"]:
        if statement["Effect"] == "Allow" and _applies(statement, world, action):
            grants |= _named_by(statement, world)
    identity = _grants(world["identity"], world, action)
    boundary, session = _boundary_allows(world, action), _session_allows(world, action)
    # "Cross-account access requires an Allow in the identity-based policy and in the
    # resource-based policy."
    if not _within_account(world):
        return bool(grants) and identity and boundary and session
    # "… resource-based policies that grant permissions to the user/session are not limited by an
    # implicit deny in the permissions boundary or session policy"
    if "self" in grants:
        return True
    # A bare "*" needs no other permission; whether these two limit it, no page says.
    if "star" in grants and world["kind"]:
        return True
    if not (boundary and session):
        return False
    # A role's own trust policy that names the account delegates to the account's policies.
    return bool(grants & {"role", "star"}) or ("account" in grants and identity)


def _named_by(statement: Json, world: Json) -> set[str]:
    if "Principal" not in statement:
        return {"star"}  # NotPrincipal, in the reading that is kind to the caller
    named = _names(statement, world)
    # "… do not limit permissions granted using the aws:PrincipalArn condition key with a
    # wildcard(*) in the Principal element, unless the identity-based policies contain an explicit
    # deny."
    asks = (
        key.lower() == "aws:principalarn"
        for operator, keys in statement.get("Condition", {}).items()
        if operator in ("ArnEquals", "ArnLike", "StringEquals", "StringLike")
        for key in keys
    )
    return {"self" if each == "star" else each for each in named} if any(asks) else named


def _boundary_allows(world: Json, action: str) -> bool:
    return world.get("boundary") is None or _grants(world["boundary"], world, action)


def _session_allows(world: Json, action: str) -> bool:
    policy = world.get("session_policy")
    return policy is None or _grants(policy, world, action)


def _within_scope(world: Json, action: str) -> bool:
    """Judge the policy of GetScopedCredentials: what the session may do at most.

    Of Deny, NotAction, NotResource, conditions and variables in it no readable page speaks, nor of
    what it makes of a grant by the resource's own policy.
    """
    if world.get("scope") is None:
        return True
    applying = [each for each in world["scope"] if _applies(each, world, action)]
    plain = [each for each in applying if _is_plain(each)]
    others = [each for each in applying if not _is_plain(each)]
    if any(each["Effect"] == "Deny" for each in others) and not world["kind"]:
        return False
    if plain or (world["kind"] and any(each["Effect"] == "Allow" for each in others)):
        return True
    own = [] if action.startswith("iam:") else world["trust"]  # which is of STS alone
    return bool(world["kind"]) and _grants(own, world, action)


def _is_plain(statement: Json) -> bool:
    allows = statement["Effect"] == "Allow" and not statement.get("Condition")
    variable = any("${" in each for each in listed(statement.get("Resource", "*")))
    return allows and not variable and not {"NotAction", "NotResource"} & set(statement)


def _scps_allow(world: Json, action: str) -> bool:
    """Judge SCPs: a document is a list of statements; on which levels they are is not known.

    "For a permission to be allowed for a specific account, there must be an explicit Allow
    statement at every level from the root through each OU in the direct path to the account."
    "SCPs don't affect users or roles in the management account."
    """
    documents = _scp_documents(world)
    if documents is None:
        return True
    levels = [each for each in documents if any(s["Effect"] == "Allow" for s in each)]
    allows = [_grants(each, world, action) for each in levels]
    return any(allows) if world["kind"] else bool(allows) and all(allows)


def _scp_documents(world: Json) -> list[list[Json]] | None:
    documents = world.get("scp")
    if documents is None or world.get("management"):
        return None
    return documents if documents and isinstance(documents[0], list) else [documents]


def _policies_for(world: Json) -> list[list[Json]]:
    of_iam = all(each.startswith("iam:") for each in world["actions"])
    trust = [] if of_iam else world["trust"]
    rcp = [] if _is_exempt(world) or not _rcps_cover(world) else world.get("rcp") or []
    scps = _scp_documents(world) or []
    own = (world["identity"], world.get("boundary") or [], world.get("session_policy") or [])
    return [trust, rcp, *own, *scps]


def _is_exempt(world: Json) -> bool:
    """Judge who owns what is called.

    "RCPs don't affect resources in the management account"; "RCPs don't impact service-linked
    roles" (Organizations user guide). The management account here is the caller's.
    """
    account = (world.get("caller") or "::::").split(":")[4]
    own = bool(world.get("management")) and account == world["role"].split(":")[4]
    return own or "/aws-service-role/" in world["role"]


def _rcps_cover(world: Json) -> bool:
    """Judge by "List of AWS services that support RCPs" (Organizations user guide).

    Lambda, IAM, EC2 and Systems Manager are not on it; "RCPs do not impact the kms:RetireGrant permission".
    """
    if world.get("passes") or world["actions"] == ["kms:RetireGrant"]:
        return False
    service = world["actions"][0].partition(":")[0]
    return bool(world.get("covered", True)) and service not in ("iam", "lambda", "ec2", "ssm")


def _from_outside(world: Json, action: str) -> bool:
    """Judge a token's holder or a service: neither has policies of its own."""
    rcp = [] if "/aws-service-role/" in world["role"] else world.get("rcp") or []
    if any(_denies(each, world, action) for each in (world["trust"], rcp)):
        return False
    return _grants(world["trust"], world, action)


def _denies(statements: list[Json], world: Json, action: str) -> bool:
    return any(s["Effect"] == "Deny" and _applies(s, world, action) for s in statements)


def _grants(statements: list[Json], world: Json, action: str) -> bool:
    return any(s["Effect"] == "Allow" and _applies(s, world, action) for s in statements)


# ---- one statement


def _applies(s: Json, world: Json, action: str) -> bool:
    kind = world["kind"] is (s["Effect"] == "Allow")  # what is open helps the statement
    if "Principal" in s and not _names(s, world):
        return False
    if "NotPrincipal" in s and not _is_not_named(s, world):
        return False
    if "Action" in s and not any(_acts(p, action, kind) for p in listed(s["Action"])):
        return False
    if "NotAction" in s and any(_acts(p, action, not kind) for p in listed(s["NotAction"])):
        return False
    of_identity = (*world["identity"], *(world.get("boundary") or ()))
    covering = (world, kind, any(s is each for each in of_identity))
    if "Resource" in s and not any(_covers(p, *covering) for p in listed(s["Resource"])):
        return False
    # "… used as part of the Resource or NotResource element of a policy, the resource that
    # includes a policy variable with no value will not match any resource."
    excluding = (world, not kind, covering[2])
    if "NotResource" in s and any(_covers(p, *excluding) for p in listed(s["NotResource"])):
        return False
    return all(
        condition_holds(operator, key, listed(values), world["ctx"], kind=kind)
        for operator, keys in s.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _acts(pattern: str, action: str, kind: bool) -> bool:
    """Judge an action: "The prefix and the action name are case insensitive."

    The service has no wildcard; of ``*:*`` the guide says nothing.
    """
    if pattern == "*:*":
        return kind
    service = pattern.partition(":")[0]
    if pattern != "*" and ("*" in service or "?" in service):
        return False
    return globs(pattern.lower(), action.lower())


def _covers(pattern: str, world: Json, kind: bool, completed: bool) -> bool:
    """Judge a resource; ``completed``: the policy is identity-based.

    "You can use wildcard characters within the individual segments of an ARN." "You can't use a
    wildcard in the service segment." "If the * wildcard is the last character of a resource ARN
    segment, it can expand to match beyond the colon boundaries." "You can't use a variable to replace parts of the ARN before
    the fifth colon, such as the service or account."
    """
    role = world["role"]
    if pattern == "*":
        return True
    if world.get("all"):
        return _covers_all(pattern, kind)
    before = re.split(r"\$\{(?![*?$]\})", pattern)
    if len(before) > 1 and before[0].count(":") < 5:
        return False
    found = expand(pattern, world["ctx"])
    if found is None:
        return False
    whole = re.fullmatch(found, role, re.DOTALL) is not None
    parts = found.split(":", 5)
    if len(parts) < 6:
        # "If you specify an incomplete resource ARN … AWS automatically completes the ARN by adding
        # wildcard characters (*) to all missing fields"; only of identity-based policies.
        filled = ":".join([*parts, *[".*"] * (6 - len(parts))])
        fits = re.fullmatch(filled, role, re.DOTALL) is not None
        service = [*pattern.split(":"), "*", "*"][2]
        surely = completed and fits and not set("*?") & set(service)
        return surely or (kind and (whole or fits))
    each = all(
        re.fullmatch(p, v, re.DOTALL) for p, v in zip(parts, role.split(":", 5), strict=True)
    )
    wild_service = "*" in pattern.split(":")[2] or "?" in pattern.split(":")[2]
    rest = pattern.split(":", 5)[5]
    # "… resource-type/resource-id, resource-type:resource-id" or a "resource-id" alone.
    typed = re.search("[/:]", role.split(":", 5)[-1]) and parts[2] not in ("sqs", "s3", "sns")
    wild_type = typed and rest != "*" and any(c in re.split("[/:]", rest)[0] for c in "*?")
    # A star that ends its segment may reach on; any other wildcard stays within it.
    before_rest = pattern.split(":")[:5]
    reaches = not any(set("*?") & set(each[:-1]) or each.endswith("?") for each in before_rest)
    if wild_service or wild_type or not (each or reaches):
        return kind and whole
    return whole


def _covers_all(pattern: str, kind: bool) -> bool:
    """Judge a call about no single resource: "you must specify all resources ("*")".

    AWS's examples of ``s3:ListAllMyBuckets`` have ``arn:aws:s3:::*`` as well.
    """
    if pattern == "arn:aws:s3:::*":
        return True
    everything = pattern.count(":") < 5 or not pattern.split(":", 5)[5].strip("*")
    return kind and everything


# ---- principals


def _is_not_named(s: Json, world: Json) -> bool:
    """Judge ``NotPrincipal``.

    "Using it with "Effect": "Allow" is not supported." "The NotPrincipal element with a Deny effect
    will always deny any IAM principal that has a permissions boundary policy attached, regardless
    of the values specified in the NotPrincipal element." "When you use NotPrincipal, you must also
    specify the account ARN of the not-denied principal. Otherwise, the policy might deny access to
    the entire account containing the principal."
    """
    allow = s["Effect"] == "Allow"
    meant = {"Principal": s["NotPrincipal"], "Effect": s["Effect"]}
    possibly, surely = (_names(meant, {**world, "kind": kind}) for kind in (allow, not allow))
    if allow:
        return world["kind"] and not surely - {"account"}
    if world["caller"] is not None and world.get("boundary") is not None:
        return True
    if not possibly:
        return True
    levels = {"account", "self", *(("role",) if world["caller_role"] else ())}
    if surely & {"star", "outside"} or levels <= surely:
        return False
    return not world["kind"]


def _names(s: Json, world: Json) -> set[str]:
    principal, caller = s["Principal"], world["caller"]
    if caller is None:
        return _names_outside(principal, s["Effect"], world)
    if principal == "*":
        return {"star"}
    account = caller.split(":")[4]
    found = set()
    for text in listed(principal.get("AWS", [])):
        if text == "*":
            found.add("star")
        elif text == caller:
            found.add("self")
        elif text == world["caller_role"]:
            found.add("role")
        elif text in (account, f"arn:aws:iam::{account}:root"):
            found.add("account")
    return found


def _names_outside(principal: Any, effect: str, world: Json) -> set[str]:
    """Return ``outside`` if a token's provider or a service is named."""
    written = {"AWS": "*"} if principal == "*" else principal
    # What a wildcard means for them is vague, except for "*" in a Deny.
    vague = {"outside"} if world["kind"] is (effect == "Allow") else set()
    for key, own in (("Federated", world["provider"]), ("Service", world["service"])):
        names = listed(written.get(key, []))
        if own is not None and own in names:
            return {"outside"}
        if own is not None and "*" in names:
            return vague
    if "*" in listed(written.get("AWS", [])):
        return {"outside"} if effect == "Deny" else vague
    return set()
