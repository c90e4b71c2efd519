"""What STS and IAM allow and refuse, operation by operation, with AWS's codes and texts."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import NoReturn
from xml.sax.saxutils import escape

from tests.doubles.sts_params import (
    Refused,
    Request,
    check_duration_range,
    check_params,
    checked_policy,
    credentials_xml,
    end_of,
    invalid_token,
    session_policies,
    session_tags,
)
from tests.doubles.sts_trust import Who, judge_permissions, judge_trust
from tests.doubles.sts_world import Key, Role, World

CHAINED_CEILING = 3600


def assume_role(world: World, request: Request) -> str:
    """Return the inside of AssumeRoleResult."""
    params, signer = request.params, request.signer
    lists = check_params(params, required=("RoleArn", "RoleSessionName"))
    tags, transitive = session_tags(lists, signer)
    check_duration_range(params, 900, 43200)
    policies = session_policies(world, params, lists)
    mfa = _check_mfa(request)
    identity = params.get("SourceIdentity", signer.source_identity)
    asked = {
        "sts:AssumeRole": True,
        "sts:TagSession": bool(tags or signer.transitive),
        "sts:SetSourceIdentity": identity is not None,
    }
    role = world.roles.get(params["RoleArn"])
    context = _context(request, tags, transitive, identity, mfa)
    for action in (action for action, wanted in asked.items() if wanted):
        if params["RoleArn"] in world.refused_with:
            words = world.refused_with[params["RoleArn"]].format(action=action)
            _deny(signer, action, params["RoleArn"], f" {words}")
        _authorize(request, role, action, context)
    assert role is not None
    if (role.account, request.region) in world.disabled_regions:
        raise Refused(
            "RegionDisabledException",
            f"STS is not activated in this region for account:{role.account}. Your account "
            "administrator can activate STS in this region using the IAM Console.",
            403,
        )
    duration = _role_duration(params, signer, role)
    packed = _packed_size(params, lists, signer, request.packed_limit)
    inherited = {key: value for key, value in signer.tags.items() if key in signer.transitive}
    name = params["RoleSessionName"]
    session = world.issue(
        request.token_length,
        account=role.account,
        arn=f"arn:{role.arn.split(':')[1]}:sts::{role.account}:assumed-role/{role.name}/{name}",
        user_id=f"{role.role_id}:{name}",
        role=role,
        by_user_keys=signer.token is None,
        expires_at=end_of(request.now, duration),
        tags={**tags, **inherited},
        transitive=frozenset(transitive) | signer.transitive,
        source_identity=identity,
        policies=policies,
    )
    source = f"<SourceIdentity>{identity}</SourceIdentity>" if identity else ""
    return (
        f"{credentials_xml(session)}<AssumedRoleUser><AssumedRoleId>{session.user_id}"
        f"</AssumedRoleId><Arn>{session.arn}</Arn></AssumedRoleUser>"
        f"<PackedPolicySize>{packed}</PackedPolicySize>{source}"
    )


def get_session_token(world: World, request: Request) -> str:
    """Return the inside of GetSessionTokenResult."""
    signer = request.signer
    check_params(request.params)
    check_duration_range(request.params, 900, 129600)
    if signer.token is not None or signer.user is None:
        raise Refused("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    mfa = _check_mfa(request)
    session = world.issue(
        request.token_length,
        account=signer.account,
        arn=signer.arn,
        user_id=signer.user_id,
        user=signer.user,
        expires_at=end_of(request.now, int(request.params.get("DurationSeconds", "43200"))),
        mfa_at=request.now if mfa else None,
    )
    return credentials_xml(session)


MOST_LAYERS = 3
MAX_TOKEN = 4096


def get_scoped_credentials(world: World, request: Request) -> str:
    """Return the inside of GetScopedCredentialsResult: the caller's session, narrowed.

    As the STS model has it. Which code a fourth policy has is not known: here AccessDenied.
    """
    params, signer = request.params, request.signer
    if signer.token is None:
        text = "The subject credentials are not temporary security credentials."
        raise Refused("InvalidSubjectCredentials", text)
    check_params(params)
    check_duration_range(params, 1, 129600)
    if not {"Policy", "DurationSeconds"} & set(params):
        raise Refused("ValidationError", "One of Policy and DurationSeconds is required")
    if "sts:GetScopedCredentials" in world.denied:
        _deny(signer, "sts:GetScopedCredentials", signer.arn)
    policy = [checked_policy(params["Policy"])] if "Policy" in params else []
    layers = (*signer.layers, *policy)
    if len(layers) > MOST_LAYERS:
        text = f"The session has {MOST_LAYERS} scoped policies, which is the limit."
        raise Refused("AccessDenied", text, 403)
    ends_at = signer.expires_at or end_of(request.now, CHAINED_CEILING)
    left = int((ends_at - request.now).total_seconds())
    seconds = int(params.get("DurationSeconds", left))
    if seconds > left:
        text = f"DurationSeconds {seconds} exceeds the remaining {left} seconds of the session."
        raise Refused("InsufficientSessionLifetime", text)
    size = request.token_length + len("".join(layers)) + len("".join(signer.policies or ()))
    if size > MAX_TOKEN:
        text = f"The session token of {size} bytes exceeds the maximum of {MAX_TOKEN} bytes."
        raise Refused("PackedPolicyTooLarge", text)
    kept = {
        name: getattr(signer, name)
        for name in (
            *("account", "arn", "user_id", "user", "role", "mfa_at", "tags", "transitive"),
            *("source_identity", "policies"),
        )
    }
    session = world.issue(
        request.token_length,
        expires_at=end_of(request.now, seconds) if "DurationSeconds" in params else ends_at,
        layers=layers,
        scoped=signer.scoped + 1,
        **kept,
    )
    return (
        f"{credentials_xml(session)}<SessionInfo><ScopedSessionId>{session.access_key_id}"
        f"</ScopedSessionId><Arn>{session.arn}</Arn></SessionInfo><ScopedPoliciesCount>"
        f"{len(layers)}</ScopedPoliciesCount><SessionTokenSize>{size}</SessionTokenSize>"
        f"<SessionTokenUtilization>{100 * size // MAX_TOKEN}</SessionTokenUtilization>"
    )


def check_layers(signer: Key, service: str, action: str) -> None:
    """Refuse what a policy of GetScopedCredentials does not allow; calls without permission pass."""
    if service == "sts":  # AssumeRole is judged with its role
        return
    name = f"{service}:{action}"
    if not all(judge_permissions([each], name, "*", {}) for each in signer.layers):
        _deny(signer, name, "*")


def get_caller_identity(world: World, request: Request) -> str:
    """Return the inside of GetCallerIdentityResult."""
    signer = request.signer
    return (
        f"<Arn>{signer.arn}</Arn><UserId>{signer.user_id}</UserId>"
        f"<Account>{signer.account}</Account>"
    )


def list_mfa_devices(world: World, request: Request) -> str:
    """Return the inside of ListMFADevicesResult: the caller's own."""
    signer = request.signer
    if signer.user is None:
        _deny(signer, "iam:ListMFADevices", "user")
    if signer.token is not None and signer.mfa_at is None:
        # A GetSessionToken session without MFA may not call IAM at all.
        raise invalid_token()
    members = "".join(
        f"<member><UserName>{signer.user.arn.rpartition('/')[2]}</UserName><SerialNumber>"
        f"{device.serial}</SerialNumber><EnableDate>2026-01-01T00:00:00Z</EnableDate></member>"
        for device in signer.user.devices
    )
    return f"<MFADevices>{members}</MFADevices><IsTruncated>false</IsTruncated>"


def decode_authorization_message(world: World, request: Request) -> str:
    """Return the inside of DecodeAuthorizationMessageResult; messages of this double are base64."""
    if "sts:DecodeAuthorizationMessage" in world.denied:
        _deny(request.signer, "sts:DecodeAuthorizationMessage", "*")
    try:
        decoded = base64.urlsafe_b64decode(request.params["EncodedMessage"]).decode()
    except ValueError:
        raise Refused("InvalidAuthorizationMessageException", "Message is not valid") from None
    return f"<DecodedMessage>{escape(decoded)}</DecodedMessage>"


OPERATIONS: dict[str, tuple[str, Callable[[World, Request], str]]] = {
    "AssumeRole": ("sts", assume_role),
    "GetSessionToken": ("sts", get_session_token),
    "GetScopedCredentials": ("sts", get_scoped_credentials),
    "GetCallerIdentity": ("sts", get_caller_identity),
    "DecodeAuthorizationMessage": ("sts", decode_authorization_message),
    "ListMFADevices": ("iam", list_mfa_devices),
}


def _deny(signer: Key, action: str, resource: str, reason: str = "") -> NoReturn:
    raise Refused(
        "AccessDenied",
        f"User: {signer.arn} is not authorized to perform: {action} on resource: {resource}"
        f"{reason}",
        403,
    )


def _check_mfa(request: Request) -> bool:
    """Return whether the call carries valid MFA; an invalid code is refused."""
    serial, code = request.params.get("SerialNumber"), request.params.get("TokenCode")
    if serial is None and code is None:
        return False
    failed = "MultiFactorAuthentication failed"
    if serial is None or code is None:
        text = f"{failed}, must provide both MFA serial number and one time pass code."
        raise Refused("AccessDenied", text, 403)
    user = request.signer.user if request.signer.token is None else None
    device = next((each for each in user.devices if each.serial == serial), None) if user else None
    if device is None:
        text = (
            f"{failed}, unable to validate MFA code.  Please verify your MFA serial number is "
            "valid and associated with this user."
        )
        raise Refused("AccessDenied", text, 403)
    if not device.accepts(code, request.now):
        text = f"{failed} with invalid MFA one time pass code. "
        raise Refused("AccessDenied", text, 403)
    return True


def _context(
    request: Request,
    tags: Mapping[str, str],
    transitive: list[str],
    identity: str | None,
    mfa: bool,
) -> dict[str, list[str]]:
    params, signer = request.params, request.signer
    context = {"sts:rolesessionname": [params["RoleSessionName"]]}
    context["aws:principalarn"] = [signer.role.arn if signer.role else signer.arn]
    context["aws:principalaccount"] = [signer.account]
    context["aws:requestedregion"] = [request.region]
    if "ExternalId" in params:
        context["sts:externalid"] = [params["ExternalId"]]
    if identity is not None:
        context["sts:sourceidentity"] = [identity]
    if signer.source_identity is not None:
        context["aws:sourceidentity"] = [signer.source_identity]
    for key, value in tags.items():
        context[f"aws:requesttag/{key.lower()}"] = [value]
    if tags:
        context["aws:tagkeys"] = list(tags)
    if transitive:
        context["sts:transitivetagkeys"] = transitive
    for key, value in signer.tags.items():
        context[f"aws:principaltag/{key.lower()}"] = [value]
    if mfa or signer.mfa_at is not None:
        context["aws:multifactorauthpresent"] = ["true"]
        since = request.now if mfa or signer.mfa_at is None else signer.mfa_at
        context["aws:multifactorauthage"] = [str((request.now - since).total_seconds())]
    elif signer.token is not None:
        context["aws:multifactorauthpresent"] = ["false"]
    return context


def _authorize(
    request: Request, role: Role | None, action: str, context: Mapping[str, list[str]]
) -> None:
    """Both sides must allow ``action``; AWS does not say which one refused, nor whether the role exists."""
    signer, target = request.signer, request.params["RoleArn"]
    if role is None or target.split(":")[1] != signer.arn.split(":")[1]:
        _deny(signer, action, target)
    if action == "sts:SetSourceIdentity" and signer.source_identity not in (
        None,
        context["sts:sourceidentity"][0],
    ):
        _deny(signer, action, target)  # once set, it cannot be changed
    arns = {signer.arn} | ({signer.role.arn} if signer.role else set())
    verdict = judge_trust(role.trust, action, Who(signer.account, frozenset(arns)), context)
    if verdict.denied and request.tells_reasons:
        _deny(signer, action, target, " with an explicit deny in the role trust policy")
    if not verdict.allowed:
        reason = f" because no role trust policy allows the {action} action"
        _deny(signer, action, target, reason if request.tells_reasons else "")
    if verdict.needs_identity_policy or signer.account != role.account:
        _authorize_caller(request, action, target)
    if signer.policies is not None and not judge_permissions(
        signer.policies, action, target, context
    ):
        reason = f" because no session policy allows the {action} action"
        _deny(signer, action, target, reason if request.tells_reasons else "")
    if not all(judge_permissions([each], action, target, context) for each in signer.layers):
        _deny(signer, action, target)


def _authorize_caller(request: Request, action: str, target: str) -> None:
    allowed = request.signer.may_assume
    if allowed is None or any(fnmatchcase(target, pattern) for pattern in allowed):
        return
    reason = f" because no identity-based policy allows the {action} action"
    _deny(request.signer, action, target, reason if request.tells_reasons else "")


def _role_duration(params: Mapping[str, str], signer: Key, role: Role) -> int:
    seconds = int(params.get("DurationSeconds", "3600"))
    if signer.token is not None and seconds > CHAINED_CEILING:
        raise Refused(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining.",
        )
    if seconds > role.max_session:
        raise Refused(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return seconds


def _packed_size(
    params: Mapping[str, str], lists: Mapping[str, list[str]], signer: Key, limit: int
) -> int:
    """Return the percentage used; the real packing is not documented, so characters count."""
    inherited = [key + value for key, value in signer.tags.items() if key in signer.transitive]
    tags = len("".join([*lists.get("Tags.Key", []), *lists.get("Tags.Value", []), *inherited]))
    policies = len("".join([params.get("Policy", ""), *lists.get("PolicyArns.arn", [])]))
    percent = math.ceil(100 * (tags + policies) / limit)
    if percent <= 100:
        return percent
    raise Refused(
        "PackedPolicyTooLarge",
        f"Packed size of session tags consumes {percent}% of allotted space."
        if tags >= policies
        else f"Packed policy consumes {percent}% of allotted space, please use smaller policy.",
    )
