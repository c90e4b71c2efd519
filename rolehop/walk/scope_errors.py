"""Explain why STS refused GetScopedCredentials; what it shares with other calls is in `sts_errors`.

Source: the STS API model of 2026-11-19 and its documentation of the errors. Which code a fourth
policy has, and which one a call that is not served, is not documented: words and codes are looked
at, and what remains open is asked as a question.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import Explanation, RefusalKind, aws_words, explain_refusal

MOST_POLICIES = 3
"""That one session can be narrowed by, one after the other."""

_NOT_SERVED = ("InvalidAction", "UnknownOperationException", "NotImplemented")
_LAYERS = re.compile(
    r"scoped polic|polic(?:y|ies) (?:layer|limit)|number of (?:scoped )?polic", re.I
)
_DENIED = ("AccessDenied", "AccessDeniedException")


def explain_scope_refusal(refusal: StsRefusal) -> Explanation:
    """Explain ``refusal`` of a call that was to narrow a session."""
    if refusal.code in _NOT_SERVED:
        return _not_served(refusal)
    if _LAYERS.search(refusal.message) and refusal.code not in _OF_CALL:
        return _too_many(refusal)
    explain = _OF_CALL.get(refusal.code)
    if explain is not None:
        return explain(refusal)
    found = explain_refusal(refusal)
    if refusal.code in _DENIED and not found.names_policy:
        return Explanation(found.kind, found.cause, "AWS does not say why", _SUSPECTS, found.brief)
    return found


_SUSPECTS = (
    "do the policies of the caller allow sts:GetScopedCredentials?",
    f"has the session been narrowed by {MOST_POLICIES} policies already? AWS takes no more",
    "does an SCP, or a boundary, deny sts:GetScopedCredentials?",
)


def _not_served(refusal: StsRefusal) -> Explanation:
    return Explanation(
        RefusalKind.OTHER,
        aws_words(refusal, "this endpoint does not know GetScopedCredentials"),
        "use another region (--region); if it is an emulator or an endpoint of your own, take its"
        " override away; else take the scope, or the flag, off the chain",
    )


def _too_many(refusal: StsRefusal) -> Explanation:
    return Explanation(
        RefusalKind.SIZE,
        aws_words(refusal, f"one session takes {MOST_POLICIES} policies of scopes at most"),
        "start from a session that was narrowed less often",
    )


def _too_long(refusal: StsRefusal) -> Explanation:
    return Explanation(
        RefusalKind.DURATION,
        aws_words(refusal, "a scope lasts no longer than the session that it narrows"),
        "ask for less (duration, --duration), or sign in to the source again",
    )


def _malformed(refusal: StsRefusal) -> Explanation:
    return Explanation(
        RefusalKind.POLICY,
        aws_words(refusal),
        "correct the policy of the scope: JSON with Version and Statement, no Principal",
    )


def _packed(refusal: StsRefusal) -> Explanation:
    return Explanation(
        RefusalKind.SIZE,
        aws_words(refusal, "policies, tags and all else of a session share one token"),
        "shorten the policy of the scope, or send fewer policies and tags before it",
    )


def _no_session(refusal: StsRefusal) -> Explanation:
    return Explanation(
        RefusalKind.UNKNOWN_KEY,
        aws_words(refusal, "only a temporary session that is still valid can be narrowed"),
        "sign in to the source again, or rolehop refresh",
    )


def _invalid(refusal: StsRefusal) -> Explanation:
    return Explanation(
        RefusalKind.REQUEST, aws_words(refusal), "correct that value of the scope in the config"
    )


_OF_CALL: dict[str, Callable[[StsRefusal], Explanation]] = {
    "InsufficientSessionLifetime": _too_long,
    "InvalidSubjectCredentials": _no_session,
    "MalformedPolicyDocument": _malformed,
    "PackedPolicyTooLarge": _packed,
    "ValidationError": _invalid,
}
