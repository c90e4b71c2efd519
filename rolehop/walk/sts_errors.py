"""Explain errors of STS in words: what each means and what to do; pure, without botocore.

The rules are those of the STS API reference (errors of each operation) and the IAM user guide
(troubleshooting access denied messages, role chaining, session tags, source identity, MFA).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass
from rolehop.base.errors import HopRefused, SignInExpired, SourceError
from rolehop.plan.model import Hop
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from rolehop.policy.access_denied import AccessDenied


class RefusalKind(Enum):
    """The kind of a refusal."""

    DENIED = "denied"
    MFA = "mfa"
    EXPIRED = "expired"
    UNKNOWN_KEY = "unknown key"
    SIGNATURE = "signature"
    CLOCK = "clock"
    REGION = "region"
    DURATION = "duration"
    POLICY = "policy"
    SIZE = "size"
    IDENTITY_PROVIDER = "identity provider"
    REQUEST = "request"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A refusal in words, one line each."""

    kind: RefusalKind
    cause: str
    """AWS's words, and what they mean if that is not plain."""

    fix: str
    suspects: tuple[str, ...] = ()
    """Questions, at most three: what may be wrong if AWS does not say which policy refused."""

    brief: str | None = None
    """The cause in one line, for a terminal; ``None``: ``cause`` is."""

    names_policy: bool = False
    """AWS says which type of policy refused."""


# Signatures are taken within five minutes (IAM user guide, SigV4 troubleshooting); an offset
# that is measured a moment later is already suspicious a little below.
_SUSPICIOUS_OFFSET_SECONDS = 240

# Characters of a caller's name in a line; AWS's own words have all of it.
_LONGEST_NAME = 28
_PERCENT = re.compile(r"(\d+)\s?%")


def explain_refusal(refusal: StsRefusal, hop: Hop | None = None) -> Explanation:
    """Explain ``refusal``; ``hop`` is the call that was refused, if it was an AssumeRole."""
    explain = _BY_CODE.get(refusal.code)
    if explain is None:
        return Explanation(
            RefusalKind.OTHER, aws_words(refusal), "look the code up in the STS API reference"
        )
    return explain(refusal, hop)


def refused_caller(refusal: StsRefusal, whose: str) -> SourceError | HopRefused:
    """Return the error for a refused GetCallerIdentity, which means bad credentials.

    ``whose``: e.g. "the credentials of source 'x'". Expired ones are a ``SourceError``: a new
    sign-in helps. Everything else is a ``HopRefused``.
    """
    explanation = explain_refusal(refusal)
    cause, fix = explanation.cause, explanation.fix
    if explanation.kind is RefusalKind.EXPIRED:
        return SignInExpired(f"{whose} have expired", cause=cause, fix=fix)
    what = f"AWS does not accept {whose}"
    return HopRefused(what, code=refusal.code, cause=cause, fix=fix)


def exceeds_max_session_duration(refusal: StsRefusal) -> bool:
    """True if the call asked for more than the role's own MaxSessionDuration."""
    return refusal.code == "ValidationError" and "MaxSessionDuration" in refusal.message


def exceeds_chaining_limit(refusal: StsRefusal) -> bool:
    """True if the call asked for more than the one hour of role chaining."""
    return refusal.code == "ValidationError" and "role chaining" in refusal.message


def aws_words(refusal: StsRefusal, meaning: str = "") -> str:
    """Return AWS's words and what they mean; AWS ends most of its messages with a full stop."""
    words = f"{refusal.code}: {refusal.message}" if refusal.message else refusal.code
    return f"{words.rstrip('.')}; {meaning}" if meaning else words


def _denied(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    message = refusal.message
    if message.startswith("MultiFactorAuthentication failed"):
        return _mfa(refusal)
    if "root accounts" in message:
        return Explanation(
            RefusalKind.DENIED,
            aws_words(refusal, "the source holds keys of the account's root user"),
            "use the keys of an IAM user, and delete the root user's",
        )
    if "with session credentials" in message:
        return Explanation(
            RefusalKind.DENIED,
            aws_words(refusal, "only IAM user keys can get an MFA session"),
            "take mfa_serial off this source: its credentials are a session already",
        )
    from rolehop.policy.denied_text import read_access_denied

    denied = read_access_denied(message)
    fix = None if denied is None else _denial_fix(denied, hop)
    cause, brief = aws_words(refusal), _in_brief(refusal, denied)
    if fix is not None:
        named = denied is not None and denied.policy is not None
        return Explanation(RefusalKind.DENIED, cause, fix, brief=brief, names_policy=named)
    return Explanation(RefusalKind.DENIED, cause, NOT_SAID, _suspects(denied, hop), brief)


def _in_brief(refusal: StsRefusal, denied: AccessDenied | None) -> str | None:
    """Say in a line what AWS says in three; ``None``: it says something else besides."""
    if denied is None:
        return None
    who = denied.who(_LONGEST_NAME)
    if denied.policy is not None:
        return f"{refusal.code} for {who}, {denied.reason}"
    if not refusal.message.rstrip(" .").endswith(denied.resource or denied.action):
        return None
    if denied.action != "sts:AssumeRole":
        return f"{refusal.code} for {who}: {denied.action}"
    name = who.partition(" of ")[0].removeprefix("role ").removeprefix("user ")
    return f"the trust policy may not trust {name}, or a policy denies it; AWS says only {refusal.code}"


def denial_fix(denied: AccessDenied) -> str:
    """Return what to do about a call that AWS refused, in words that follow "to fix it,"."""
    return _denial_fix(denied, None) or _not_said(denied)


NOT_ASKED_AGAIN = " (a few seconds ago; not asked again)"
"""Ends the brief cause of a refusal that is remembered."""

NOT_SAID = "AWS does not say why"
"""In place of what to do, if AWS's words do not tell."""


def _not_said(denied: AccessDenied) -> str:
    from rolehop.policy.access_denied import steps_of_assume_role

    steps = steps_of_assume_role(denied)
    return steps[0] if len(steps) == 1 else f"{NOT_SAID}; check: {' '.join(steps)}"


def _denial_fix(denied: AccessDenied, hop: Hop | None) -> str | None:
    """Return what to do; ``None``: AWS does not say which policy refused."""
    from rolehop.policy.access_denied import TOKEN_ACTIONS, change_of_policy, without_mfa

    who, action = denied.who(), denied.action
    role = _resource_name(denied, hop)
    if denied.unclear:
        return (
            f"check that {denied.resource or 'the resource'} exists in this Region; else its own"
            f" policy must allow {action} to {who}, without a Deny"
        )
    if denied.policy is not None or denied.caller == "anonymous":
        return change_of_policy(denied, role, brief=hop is not None)
    if denied.other is not None:
        return f'change what AWS names, which rolehop does not judge: "{denied.other}"'
    if action == "sts:TagSession":
        return (
            f"allow sts:TagSession in the trust policy of {role} and in the policies of {who}:"
            " this hop sends tags, or inherits them"
        )
    if action == "sts:SetSourceIdentity":
        return (
            f"allow sts:SetSourceIdentity in the trust policy of {role} and in the policies of "
            f"{who}; so must every later role of the chain"
        )
    if action in TOKEN_ACTIONS:
        return (
            f"check that {role} exists, and that its trust policy allows {action} to the identity"
            " provider (Principal Federated), with conditions that fit the token's aud and sub"
        )
    if denied.explicit:
        return (
            f"find the Deny of {action}: in a policy or boundary of {who}, an SCP of its account,"
            f" or the resource's own policy; an Allow elsewhere cannot help{without_mfa(denied)}"
        )
    if action == "sts:AssumeRole":
        return None
    on = "" if denied.resource in (None, "*") else f" on {role}"
    return f"allow {action}{on} to {denied.holder}"


def _suspects(denied: AccessDenied | None, hop: Hop | None) -> tuple[str, ...]:
    """List the possible causes, for which AWS has one text, in lines that never wrap."""
    action = "sts:AssumeRole" if denied is None else denied.action
    parts = ["does the role exist, and does its trust policy name the caller?"]
    if hop is not None:
        sent = hop.external_id is not None
        other = "another external ID than the one" if sent else "an external ID (none was"
        mfa = ", or MFA (hop 1 only)" if hop.mfa_serial is None else ""
        parts.append(f"does it require {other} sent{'' if sent else ')'}{mfa}?")
        if denied is None and (hop.source_identity is not None or hop.tags):
            action = "sts:SetSourceIdentity and sts:TagSession"
    parts.append(f"do the policies of the caller allow {action} on it?")
    return tuple(parts)


def _resource_name(denied: AccessDenied, hop: Hop | None) -> str:
    """Return what was asked for, in words: usually a role."""
    if hop is not None:
        return f"role {hop.role.name} of {hop.role.account}"
    if denied.resource is None:
        from rolehop.policy.evaluation.service_rules import is_about_no_resource

        if is_about_no_resource(denied.action):
            return "*"
        return "the role" if denied.action.startswith("sts:") else "the resource"
    from rolehop.policy.access_denied import name_of

    return name_of(denied.resource) if ":role/" in denied.resource else denied.resource


def _mfa(refusal: StsRefusal) -> Explanation:
    if "invalid MFA one time pass code" in refusal.message:
        return Explanation(
            RefusalKind.MFA,
            aws_words(refusal, "the code is wrong, or was used before: each counts once"),
            "wait for the next code; if that fails too, check the device and its clock",
        )
    if "must provide" in refusal.message:
        return Explanation(
            RefusalKind.MFA,
            aws_words(refusal),
            "give the source both: mfa_serial, and a code of that device",
        )
    return Explanation(
        RefusalKind.MFA,
        aws_words(refusal, "only an IAM user's own keys and own device go together"),
        "check mfa_serial: a device of the IAM user whose keys the source holds, or 'auto'",
    )


def _expired(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    return Explanation(
        RefusalKind.EXPIRED,
        aws_words(refusal, "the session that signed this call is over"),
        "sign in to the source again, or rolehop refresh",
    )


def _unknown_key(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    return Explanation(
        RefusalKind.UNKNOWN_KEY,
        aws_words(
            refusal,
            "AWS does not know this key: deleted, inactive, of another partition, or no token sent",
        ),
        "check the source's keys; opt-in regions accept no session from the global STS endpoint",
    )


def _signature(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    offset = refusal.clock_offset_seconds
    by_text = "Signature expired" in refusal.message or "not yet current" in refusal.message
    if by_text or (offset is not None and abs(offset) >= _SUSPICIOUS_OFFSET_SECONDS):
        return _clock(refusal, hop)
    return Explanation(
        RefusalKind.SIGNATURE,
        f"{refusal.code}: the secret access key does not belong to the access key ID",
        "copy the source's keys again, both from the same place, each value whole",
    )


def _clock(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    return Explanation(
        RefusalKind.CLOCK,
        f"{refusal.code}: {clock_words(refusal.clock_offset_seconds)}",
        "set this machine's clock: timedatectl set-ntp true, w32tm /resync, in WSL sudo hwclock -s",
    )


def clock_words(offset_seconds: float | None) -> str:
    """Return e.g. "your clock is 7 min 12 s behind AWS's"; the offset is AWS's minus ours."""
    if offset_seconds is None:
        return "your clock and AWS's differ by more than AWS allows"
    minutes, seconds = divmod(round(abs(offset_seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if n]
    if not parts:
        return "your clock agrees with AWS's now; it may have been set a moment ago"
    return f"your clock is {' '.join(parts)} {'behind' if offset_seconds > 0 else 'ahead of'} AWS's"


def _malformed_signature(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    return Explanation(
        RefusalKind.SIGNATURE,
        aws_words(refusal, "often a space or a line break inside the keys"),
        "copy the source's keys again, each value whole and alone",
    )


def _region(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    account = f"account {hop.role.account}" if hop else "the account"
    return Explanation(
        RefusalKind.REGION,
        aws_words(refusal, "STS counts by the role's account, not the caller's"),
        f"use --region us-east-1 (or the partition's first region), or activate STS there for"
        f" {account}",
    )


def _validation(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    if exceeds_chaining_limit(refusal):
        return Explanation(
            RefusalKind.DURATION,
            aws_words(refusal, "any session that assumes a role gets one hour at most"),
            'set duration = "1h" for this hop; only hop 1 from IAM user keys without an MFA '
            "session can be longer",
        )
    if exceeds_max_session_duration(refusal):
        role = f"role {hop.role.name} of {hop.role.account}" if hop else "the role"
        return Explanation(
            RefusalKind.DURATION,
            aws_words(refusal),
            f"ask for less (duration, --duration), or have MaxSessionDuration of {role} raised",
        )
    return Explanation(
        RefusalKind.REQUEST, aws_words(refusal), "correct that value in the config of this hop"
    )


def _malformed_policy(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    return Explanation(
        RefusalKind.POLICY,
        aws_words(refusal),
        "correct the session policy of this hop: JSON with Version and Statement, no Principal",
    )


def _packed(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    match = _PERCENT.search(refusal.message)
    size = f"{match[1]} % of what fits" if match else "more than fits"
    return Explanation(
        RefusalKind.SIZE,
        aws_words(refusal, f"session policies and tags, inherited ones too, are {size}"),
        "shorten the session policy, or send fewer or shorter tags",
    )


def _parameter(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    fix = "correct that value in the config of this hop"
    if "transitive" in refusal.message:
        fix = "a transitive tag of an earlier hop cannot be sent again: take it off this hop"
    return Explanation(RefusalKind.REQUEST, aws_words(refusal), fix)


def _identity_provider(refusal: StsRefusal, hop: Hop | None) -> Explanation:
    return Explanation(
        RefusalKind.IDENTITY_PROVIDER, aws_words(refusal), _PROVIDER_FIXES[refusal.code]
    )


_PROVIDER_FIXES = {
    "ExpiredTokenException": "get a new token or assertion: this one is too old",
    "IDPCommunicationError": "AWS could not reach the identity provider: try again in a moment",
    "IDPRejectedClaim": "the identity provider does not vouch for it, or no longer does: sign in again",
    "InvalidIdentityToken": "check the token's issuer and audience against the OIDC or SAML "
    "provider in IAM",
}

_BY_CODE: dict[str, Callable[[StsRefusal, Hop | None], Explanation]] = {
    "AccessDenied": _denied,
    "AccessDeniedException": _denied,
    "ExpiredToken": _expired,
    "InvalidClientTokenId": _unknown_key,
    "UnrecognizedClientException": _unknown_key,
    "SignatureDoesNotMatch": _signature,
    "InvalidSubjectCredentials": _unknown_key,
    "RequestExpired": _clock,
    "IncompleteSignature": _malformed_signature,
    "MissingAuthenticationToken": _malformed_signature,
    "RegionDisabledException": _region,
    "OptInRequired": _region,
    "ValidationError": _validation,
    "MalformedPolicyDocument": _malformed_policy,
    "MalformedPolicyDocumentException": _malformed_policy,
    "PackedPolicyTooLarge": _packed,
    "PackedPolicyTooLargeException": _packed,
    "InvalidParameterValue": _parameter,
    **dict.fromkeys(_PROVIDER_FIXES, _identity_provider),
}
