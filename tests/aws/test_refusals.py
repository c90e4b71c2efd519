from __future__ import annotations

import subprocess
import sys

import pytest

from rolehop.base.advice import Advice
from rolehop.base.arn import RoleArn
from rolehop.base.errors import HopRefused
from rolehop.plan.model import Hop
from rolehop.policy.access_denied import steps_of_assume_role
from rolehop.policy.denied_text import read_access_denied
from rolehop.terminal.drawing import as_text
from rolehop.terminal.error_text import error_lines
from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import (
    RefusalKind,
    clock_words,
    denial_fix,
    exceeds_chaining_limit,
    exceeds_max_session_duration,
    explain_refusal,
)
from tests.support.denials import ENDINGS

ROLE = "arn:aws:iam::333333333333:role/team/Admin"
HUB = "arn:aws:sts::222222222222:assumed-role/Hub/me@host"
DENIED = f"User: {HUB} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
CHAINING = (
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
    "chaining."
)
TOO_LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


def _hop(**said: object) -> Hop:
    return Hop(RoleArn.parse(ROLE), "me@host", 3600, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "message", "kind", "cause", "fix"),
    [
        (
            "AccessDenied",
            DENIED,
            "DENIED",
            DENIED,
            "does the role exist, and does its trust policy name the caller?",
        ),
        (
            "AccessDenied",
            DENIED,
            "DENIED",
            DENIED,
            "does its trust policy name the caller?",
        ),
        (
            "AccessDenied",
            DENIED,
            "DENIED",
            DENIED,
            "does it require an external ID (none was sent)",
        ),
        ("AccessDenied", DENIED, "DENIED", DENIED, "or MFA (hop 1 only)?"),
        (
            "AccessDenied",
            DENIED.replace("AssumeRole", "TagSession"),
            "DENIED",
            "sts:TagSession",
            "allow sts:TagSession in the trust policy of role Admin of 333333333333",
        ),
        (
            "AccessDenied",
            DENIED.replace("AssumeRole", "SetSourceIdentity"),
            "DENIED",
            "sts:SetSourceIdentity",
            "so must every later role of the chain",
        ),
        (
            "AccessDenied",
            f"{DENIED} because no identity-based policy allows the sts:AssumeRole action",
            "DENIED",
            "identity-based",
            "allow sts:AssumeRole on role Admin of 333333333333 in the policies of role Hub",
        ),
        (
            "AccessDenied",
            f"{DENIED} because no role trust policy allows the sts:AssumeRole action",
            "DENIED",
            "trust policy",
            "add role Hub of 222222222222 to the trust policy of role Admin of 333333333333",
        ),
        (
            "AccessDenied",
            f"{DENIED} with an explicit deny in the role trust policy",
            "DENIED",
            "explicit deny",
            "narrow the Deny in the trust policy of role Admin of 333333333333",
        ),
        (
            "AccessDenied",
            f"{DENIED} with an explicit deny in an identity-based policy",
            "DENIED",
            "explicit deny",
            "narrow the Deny in the policies of role Hub of 222222222222",
        ),
        (
            "AccessDenied",
            f"{DENIED} with an explicit deny in a service control policy",
            "DENIED",
            "service control policy",
            "administrators narrow the Deny in the SCP over account 222222222222",
        ),
        (
            "AccessDenied",
            f"{DENIED} with an explicit deny in a resource control policy",
            "DENIED",
            "resource control policy",
            "narrow the Deny in the RCP over account 333333333333",
        ),
        (
            "AccessDenied",
            f"{DENIED} because no session policy allows the sts:AssumeRole action",
            "DENIED",
            "session policy",
            "in the caller's session policy, or remove it (policy or policy_arns of",
        ),
        (
            "AccessDenied",
            f"{DENIED} because no permissions boundary allows the sts:AssumeRole action",
            "DENIED",
            "boundary",
            "the permissions boundary of role Hub",
        ),
        (
            "AccessDenied",
            "Roles may not be assumed by root accounts.",
            "DENIED",
            "root user",
            "use the keys of an IAM user",
        ),
        (
            "AccessDenied",
            "Cannot call GetSessionToken with session credentials",
            "DENIED",
            "only IAM user keys",
            "take mfa_serial off this source",
        ),
        ("AccessDenied", "", "DENIED", "AccessDenied", "does the role"),
        (
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
            "MFA",
            "used before",
            "wait for the next code",
        ),
        (
            "AccessDenied",
            (
                "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your "
                "MFA serial number is valid and associated with this user."
            ),
            "MFA",
            "own device",
            "check mfa_serial",
        ),
        (
            "AccessDenied",
            (
                "MultiFactorAuthentication failed, must provide both MFA serial number and one time "
                "pass code."
            ),
            "MFA",
            "must provide both",
            "mfa_serial, and a code",
        ),
        (
            "ExpiredToken",
            "The security token included in the request is expired",
            "EXPIRED",
            "is over",
            "rolehop refresh",
        ),
        (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "UNKNOWN_KEY",
            "AWS does not know this key",
            "check the source's keys",
        ),
        (
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements",
            "SIGNATURE",
            "line break",
            "copy the source's keys again",
        ),
        (
            "RegionDisabledException",
            "STS is not activated in this region for account:333333333333.",
            "REGION",
            "the role's account",
            "activate STS there for account 333333333333",
        ),
        ("ValidationError", CHAINING, "DURATION", "one hour at most", 'duration = "1h"'),
        (
            "ValidationError",
            TOO_LONG,
            "DURATION",
            "MaxSessionDuration",
            "MaxSessionDuration of role Admin of 333333333333 raised",
        ),
        ("ValidationError", "Request ARN is invalid", "REQUEST", "ARN", "correct that value"),
        (
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
            "POLICY",
            "Syntax errors",
            "correct the session policy",
        ),
        (
            "PackedPolicyTooLarge",
            "Packed size of session tags consumes 142% of allotted space.",
            "SIZE",
            "are 142 % of what fits",
            "fewer or shorter tags",
        ),
        ("PackedPolicyTooLarge", "", "SIZE", "more than fits", "shorten the session policy"),
        (
            "InvalidParameterValue",
            (
                "One of the specified transitive tag keys can't be set because it conflicts with a "
                "transitive tag key from the calling session."
            ),
            "REQUEST",
            "conflicts",
            "take it off this hop",
        ),
        (
            "InvalidParameterValue",
            "Duplicate tag keys found.",
            "REQUEST",
            "Dup",
            "correct that value",
        ),
        ("IDPCommunicationError", "Error communicating", "IDENTITY_PROVIDER", "Error", "try again"),
        ("ExpiredTokenException", "Token expired", "IDENTITY_PROVIDER", "expired", "new token"),
        ("NewErrorOfAws", "Something", "OTHER", "NewErrorOfAws: Something", "API reference"),
    ],
)
def test_every_refusal_of_aws_gets_a_cause_and_a_fix(
    code: str, message: str, kind: str, cause: str, fix: str
) -> None:
    explained = explain_refusal(StsRefusal(code, message), _hop())
    assert explained.kind is RefusalKind[kind]
    assert cause in explained.cause
    assert fix in "\n".join((explained.fix, *explained.suspects))
    assert code in explained.cause
    assert len(explained.suspects) <= 3
    assert max((len(each) for each in explained.suspects), default=0) <= 74
    for line in (explained.cause, explained.fix, *explained.suspects):
        assert line.isprintable()
        assert not line.endswith("!")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", "DENIED"),
        ("UnrecognizedClientException", "UNKNOWN_KEY"),
        ("RequestExpired", "CLOCK"),
        ("MissingAuthenticationToken", "SIGNATURE"),
        ("OptInRequired", "REGION"),
        ("MalformedPolicyDocumentException", "POLICY"),
        ("PackedPolicyTooLargeException", "SIZE"),
        ("IDPRejectedClaim", "IDENTITY_PROVIDER"),
        ("InvalidIdentityToken", "IDENTITY_PROVIDER"),
    ],
)
def test_every_other_spelling_of_a_code_is_of_its_kind(code: str, kind: str) -> None:
    assert explain_refusal(StsRefusal(code, "")).kind is RefusalKind[kind]


def test_every_refusal_is_explained_without_a_hop_too() -> None:
    for message in (DENIED, DENIED.replace("AssumeRole", "TagSession"), CHAINING, TOO_LONG, ""):
        for code in ("AccessDenied", "ValidationError", "RegionDisabledException"):
            assert explain_refusal(StsRefusal(code, message)).fix


def test_the_suspects_follow_the_settings_of_the_hop() -> None:
    hop = _hop(external_id="x-42", mfa_serial="arn:x:mfa/a", tags=(("a", "b"),))
    suspects = explain_refusal(StsRefusal("AccessDenied", DENIED), hop).suspects
    assert suspects == (
        "does the role exist, and does its trust policy name the caller?",
        "does it require another external ID than the one sent?",
        "do the policies of the caller allow sts:AssumeRole on it?",
    )
    # If the text does not say which action was refused, it may be one of these.
    (*_, last) = explain_refusal(StsRefusal("AccessDenied", ""), hop).suspects
    assert (
        last
        == "do the policies of the caller allow sts:SetSourceIdentity and sts:TagSession on it?"
    )


@pytest.mark.parametrize(
    ("message", "offset", "kind", "cause"),
    [
        ("does not match", 432.4, "CLOCK", "your clock is 7 min 12 s behind AWS's"),
        ("does not match", -3605, "CLOCK", "your clock is 1 h 5 s ahead of AWS's"),
        ("does not match", 240, "CLOCK", "your clock is 4 min behind AWS's"),
        ("does not match", -239.9, "SIGNATURE", "the secret access key does not belong"),
        ("does not match", 2, "SIGNATURE", "the secret access key does not belong"),
        ("does not match", None, "SIGNATURE", "the secret access key does not belong"),
        ("Signature expired: 2026 is now earlier", None, "CLOCK", "differ by more than"),
        ("Signature not yet current: 2026 is still", 0.2, "CLOCK", "agrees with AWS's now"),
    ],
)
def test_a_wrong_clock_is_not_mistaken_for_a_wrong_key(
    message: str, offset: float | None, kind: str, cause: str
) -> None:
    refusal = StsRefusal("SignatureDoesNotMatch", message, clock_offset_seconds=offset)
    explained = explain_refusal(refusal)
    assert explained.kind is RefusalKind[kind]
    assert cause in explained.cause


def test_clock_words_leave_out_what_is_nothing() -> None:
    assert clock_words(60) == "your clock is 1 min behind AWS's"


@pytest.mark.parametrize(
    ("code", "message", "role_limit", "chain_limit"),
    [
        ("ValidationError", TOO_LONG, True, False),
        ("ValidationError", CHAINING, False, True),
        ("AccessDenied", TOO_LONG, False, False),
        ("AccessDenied", CHAINING, False, False),
        ("ValidationError", "Request ARN is invalid", False, False),
    ],
)
def test_the_two_limits_are_distinguished(
    code: str, message: str, role_limit: bool, chain_limit: bool
) -> None:
    refusal = StsRefusal(code, message)
    assert exceeds_max_session_duration(refusal) is role_limit
    assert exceeds_chaining_limit(refusal) is chain_limit


def test_explaining_needs_no_botocore() -> None:
    program = "import sys, rolehop.walk.sts_errors; print('botocore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"


def refused_lines(length: int, ending: str) -> list[str]:
    """Return the message of a refused hop at 80 columns; names have ``length`` characters."""
    name, chain = "A" * length, "c" * length
    arn = f"arn:aws:iam::333333333333:role/{name}"
    text = DENIED.replace("/Hub/", f"/{name}/").replace(ROLE, arn) + ending
    hop = Hop(RoleArn.parse(arn), "me@host", 3600)
    found = explain_refusal(StsRefusal("AccessDenied", text), hop)
    assert text in found.cause, "AWS's words are kept whole"
    more = "rolehop explain --last"
    error = HopRefused(
        f"AWS refused hop 2 of {chain}, {hop.role.name} in {hop.role.account}",
        code="AccessDenied",
        cause=found.cause,
        fix=Advice(found.fix, f"; more: {more}") if found.names_policy else more,
        suspects=found.suspects,
        brief=found.brief,
    )
    return as_text(error_lines(error, width=80)).splitlines()


@pytest.mark.parametrize("ending", ["", *(each[0] for each in ENDINGS)])
def test_the_message_of_a_refused_hop_is_short_and_grows_with_its_names_alone(
    ending: str,
) -> None:
    ending = f" {ending.format(action='sts:AssumeRole')}" if ending else ""
    assert len(refused_lines(10, ending)) <= (7 if ending else 4)
    lines = refused_lines(64, ending)
    assert len(lines) <= 9
    assert sum("A" * 64 in line for line in lines) == 1, "the role; the caller's middle is left out"
    assert any("…" in line for line in lines)


@pytest.mark.parametrize(
    ("action", "ending", "named"),
    [
        ("sts:AssumeRole", " because no identity-based policy allows the sts:AssumeRole action", True),
        ("sts:TagSession", "", False),
    ],
)  # fmt: skip
def test_whether_aws_names_the_policy_is_kept(action: str, ending: str, named: bool) -> None:
    said = f"User: {HUB} is not authorized to perform: {action} on resource: {ROLE}{ending}"
    found = explain_refusal(StsRefusal("AccessDenied", said), _hop())
    assert found.names_policy is named
    assert not found.suspects


def test_a_refusal_without_a_reason_ends_in_what_to_check() -> None:
    silent = read_access_denied(DENIED)
    assert silent is not None
    steps = steps_of_assume_role(silent)
    assert denial_fix(silent) == f"AWS does not say why; check: {' '.join(steps)}"
    user = read_access_denied(DENIED.replace("role/team/Admin", "user/bob"))
    assert user is not None
    assert denial_fix(user).startswith("name a role: arn:aws:iam::333333333333:user/bob is a user")
