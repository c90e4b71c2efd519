"""What a session of GetSessionToken can never call, whatever the policies of its user say.

Source: STS API reference, GetSessionToken: "You cannot call any IAM API operations unless MFA
authentication information is included in the request. You cannot call any STS API except AssumeRole
or GetCallerIdentity."
"""

from __future__ import annotations

from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.language.request_context import Context
from rolehop.policy.language.wildcards import overlap

# TagSession, SetSourceIdentity and SetContext are permissions of AssumeRole, not calls.
_OF_STS = (
    "sts:assumerole",
    "sts:getcalleridentity",
    "sts:setcontext",
    "sts:setsourceidentity",
    "sts:tagsession",
)
_MFA = "aws:MultiFactorAuthPresent"


def beyond_session_token(action: str, caller: Caller, context: Context) -> Finding | None:
    """Return why the session cannot make the call; ``None``: it can, or only MFA decides.

    ``action`` may have wildcards: one that also stands for calls that it can make is none of these.
    """
    lowered = action.lower()
    if lowered.startswith("sts:") and not any(overlap(lowered, each) for each in _OF_STS):
        return _refused(
            "of STS, it can call AssumeRole and GetCallerIdentity alone", caller, Truth.FALSE
        )
    # PassRole is a permission of other services' calls, and no call of IAM.
    if not lowered.startswith("iam:") or lowered == "iam:passrole":
        return None
    mfa = context.lookup(_MFA)
    if mfa == ("true",):
        return None
    truth = Truth.FALSE if mfa is None or isinstance(mfa, tuple) else Truth.UNKNOWN
    return _refused("to call IAM it needs MFA: give the source mfa_serial", caller, truth)


def _refused(wanted: str, caller: Caller, truth: Truth) -> Finding:
    element = "Caller" if truth is Truth.FALSE else _MFA
    return Finding(element, truth, Reason.NOT_BY_USER_SESSION, wanted, caller.arn)
