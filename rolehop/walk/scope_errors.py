"""Explain why STS refused GetScopedCredentials; what it shares with other calls is in `sts_errors`.

Source: the STS API model of 2026-11-19 and its documentation of the errors. Which code a fourth
policy has, and which one a call that is not served, is not documented: words and codes are looked
at, and what remains open is asked as a question.
"""

from __future__ import annotations

import re

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
    known = _OF_CALL.get(refusal.code)
    if refusal.code in _NOT_SERVED:
        known = _NOT_KNOWN
    elif known is None and _LAYERS.search(refusal.message):
        known = _TOO_MANY
    if known is not None:
        kind, meaning, fix = known
        return Explanation(kind, aws_words(refusal, meaning), fix)
    found = explain_refusal(refusal)
    if refusal.code in _DENIED and not found.names_policy:
        return Explanation(found.kind, found.cause, "AWS does not say why", _SUSPECTS, found.brief)
    return found


_SUSPECTS = (
    "do the policies of the caller allow sts:GetScopedCredentials?",
    f"has the session been narrowed by {MOST_POLICIES} policies already? AWS takes no more",
    "does an SCP, or a boundary, deny sts:GetScopedCredentials?",
)


_NOT_KNOWN = (
    RefusalKind.OTHER,
    "this endpoint does not know GetScopedCredentials",
    (
        "use another region (--region); if it is an emulator or an endpoint of your own, take its"
        " override away; else take the scope, or the flag, off the chain"
    ),
)

_TOO_MANY = (
    RefusalKind.SIZE,
    f"one session takes {MOST_POLICIES} policies of scopes at most",
    "start from a session that was narrowed less often",
)

# What a code means (empty: AWS's words say it), and what to do.
_OF_CALL: dict[str, tuple[RefusalKind, str, str]] = {
    "InsufficientSessionLifetime": (
        RefusalKind.DURATION,
        "a scope lasts no longer than the session that it narrows",
        "ask for less (duration, --duration), or sign in to the source again",
    ),
    "InvalidSubjectCredentials": (
        RefusalKind.UNKNOWN_KEY,
        "only a temporary session that is still valid can be narrowed",
        "sign in to the source again, or rolehop refresh",
    ),
    "MalformedPolicyDocument": (
        RefusalKind.POLICY,
        "",
        "correct the policy of the scope: JSON with Version and Statement, no Principal",
    ),
    "PackedPolicyTooLarge": (
        RefusalKind.SIZE,
        "policies, tags and all else of a session share one token",
        "shorten the policy of the scope, or send fewer policies and tags before it",
    ),
    "ValidationError": (RefusalKind.REQUEST, "", "correct that value of the scope in the config"),
}
