"""Condition keys: of which calls they are, what sends them, and what values a user may supply.

Types: IAM user guide, "AWS global condition context keys". A value of the wrong type would just
never match, and a verdict would rest on a typo.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from rolehop.base.arn import ACCOUNT_ID
from rolehop.base.startup import Pattern
from rolehop.policy.language.operators import (
    Compare,
    Malformed,
    Token,
    boolean,
    date,
    ip_address,
    numeric,
)

# A service's prefix, or an issuer's host and path; then the name, which may hold a tag's key.
_KEY = Pattern(r"[A-Za-z0-9._-]+(?::[0-9]+)?(?:/[A-Za-z0-9._/-]*)?:[A-Za-z0-9][^\x00-\x1f\x7f]*")


def problem_with(key: str, value: str) -> str | None:
    """Return what is wrong with a key and its value, for people; ``None``: nothing.

    An empty value says that the call has no such key.
    """
    if _KEY.fullmatch(key) is None:
        return "a condition key is a service and a name, as in aws:SourceIp"
    row = _TYPES.get(key.lower())
    if row is None or not value:
        return None
    compare, wanted = row
    try:
        return None if compare(value, (value,)) else wanted
    except Malformed:
        return wanted


# ---- what a key is about

OF_MFA = ("aws:multifactorauthpresent", "aws:multifactorauthage")
"""In lower case."""


def is_of_token(key: str) -> bool:
    """True if a key is of a token or a service: an issuer's, ``saml:``, ``ec2:``."""
    return key.lower().partition(":")[0] not in ("aws", "sts", "iam")


def is_sent(key: str) -> bool:
    """True if the walk itself sets the key, hop by hop."""
    return sent_by(key) is not None


def sent_by(key: str) -> str | None:
    """Return the flag and config key by which a walk sets the key; ``None``: it does not."""
    lowered = key.lower()
    return _SENT.get(lowered.partition("/")[0] + "/" if "/" in lowered else lowered)


def is_of_caller(key: str) -> bool:
    """True if a key describes the caller, who differs from hop to hop."""
    lowered = key.lower()
    if lowered in _OF_ORGANIZATION:
        return False
    return is_of_token(key) or lowered.startswith(_OF_CALLER)


def is_of_target(key: str) -> bool:
    """True if a key describes the role that is requested."""
    return key.lower().startswith(("aws:resource", "iam:resourcetag/"))


def is_of_every_call(key: str) -> bool:
    """True if a key has the same value on every hop: network, time, organization."""
    return not (is_sent(key) or is_of_caller(key) or is_of_target(key))


def absent_from_role_sessions(key: str) -> bool:
    """True if a role session never has the key (for MFA: never has MFA).

    Source: IAM user guide, "AWS global condition context keys".
    """
    return key.lower() in ("aws:username", *OF_MFA)


_SENT = {
    "sts:externalid": "external_id of the hop",
    "sts:rolesessionname": "session_name of the hop",
    "aws:requesttag/": "--tag, or tags of the hop",
    "aws:tagkeys": "--tag, or tags of the hop",
    "sts:transitivetagkeys": "transitive_tags of the hop",
    "sts:sourceidentity": "--source-identity, or source_identity of the hop",
}

_OF_ORGANIZATION = ("aws:principalorgid", "aws:principalorgpaths")

_OF_CALLER = (
    "aws:assumedroot",
    "aws:ec2instance",
    "aws:federatedprovider",
    "aws:multifactorauth",
    "aws:principal",
    "aws:sourceidentity",
    "aws:tokenissuetime",
    "aws:userid",
    "aws:username",
)


# ---- what a value may be


def _is_same(left: Decimal, right: Decimal) -> bool:
    return left == right


def _is_arn(found: str, _wanted: tuple[Token, ...]) -> bool:
    return found.startswith("arn:") and found.count(":") >= 5


def _is_account(found: str, _wanted: tuple[Token, ...]) -> bool:
    return ACCOUNT_ID.fullmatch(found) is not None


_KINDS: tuple[tuple[Compare, str, tuple[str, ...]], ...] = (
    (
        boolean,
        "its value is true or false",
        (
            "aws:multifactorauthpresent",
            "aws:principalisawsservice",
            "aws:securetransport",
            "aws:viaawsservice",
        ),
    ),
    (numeric(_is_same), "its value is a number of seconds", ("aws:multifactorauthage",)),
    (
        date(_is_same),
        "its value is a time, as in 2026-01-31T12:00:00Z, or seconds since 1970",
        ("aws:currenttime", "aws:epochtime", "aws:tokenissuetime"),
    ),
    (
        ip_address,
        "its value is one IP address, without a range",
        ("aws:sourceip", "aws:vpcsourceip"),
    ),
    (_is_arn, "its value is an ARN", ("aws:principalarn", "aws:sourcearn")),
    (
        _is_account,
        "its value is an account ID of 12 digits",
        ("aws:principalaccount", "aws:sourceaccount"),
    ),
)

_TYPES = {key: (compare, wanted) for compare, wanted, keys in _KINDS for key in keys}

# Keys of sessions that a service or an identity provider gave.
_OF_SOURCES = (
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:federatedprovider",
    "ec2:roledelivery",
    "ec2:sourceinstancearn",
    "glue:credentialissuingservice",
    "glue:roleassumedby",
    "identitystore:identitystorearn",
    "identitystore:userid",
    "lambda:sourcefunctionarn",
    "ssm:sourceinstancearn",
)

# Of GetServiceBearerToken and AssumeRoot alone.
_NOT_OF_ASSUME_ROLE = ("sts:awsservicename", "sts:durationseconds", "sts:taskpolicyarn")


def may_be_in_assume_role(key: str) -> bool:
    """True unless no AssumeRole call has the key, which is in lower case."""
    if is_of_source(key):
        return True
    return key.partition(":")[0] in ("aws", "sts", "iam") and key not in _NOT_OF_ASSUME_ROLE


def may_be_in_assume_role_of_user(key: str) -> bool:
    """True unless none has it in a chain that starts with an IAM user's own credentials."""
    return may_be_in_assume_role(key) and not is_of_source(key)


def may_be_in_call(key: str, *, of_sts: bool, from_user: bool) -> bool:
    """True unless no call of another service than STS has the key; ``of_sts``: it may be of STS."""
    if is_of_source(key):
        return not from_user
    return of_sts or not key.startswith("sts:")


def is_of_source(key: str) -> bool:
    """True for a key, in lower case, of a token, an instance or a function: ``saml:sub``."""
    prefix = key.partition(":")[0]
    return prefix == "saml" or "." in prefix or key in _OF_SOURCES


# ---- claims of tokens that are condition keys

# Service Authorization Reference, "Condition keys for AWS Security Token Service": of these issuers'
# claims AWS makes condition keys of the call that brings the token, beside sub, aud and amr.
_OF_GITHUB = (
    *("actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref"),
    *("repository", "repository_id", "repository_owner_id", "workflow"),
)
_OF_BUILDKITE = (
    *("build_branch", "cluster_id", "cluster_name", "organization_id", "organization_slug"),
    *("pipeline_id", "pipeline_slug"),
)
_OF_GITLAB = (
    *("namespace_id", "pipeline_source", "project_id", "ref_protected", "runner_environment"),
    *("user_access_level", "user_email", "user_id", "user_login"),
)
_CLAIMS: tuple[tuple[Pattern, tuple[str, ...]], ...] = (
    (Pattern(r"token\.actions\.(?:githubusercontent|[^./]+\.ghe)\.com(?:/.*)?"), _OF_GITHUB),
    (Pattern(r"agent\.(?:buildkite\.com|[^./]+\.buildkite\.(?:dev|site))"), _OF_BUILDKITE),
    (Pattern(r"gitlab\.com"), _OF_GITLAB),
    (Pattern(r"oidc\.circleci\.com/org/[^/]+"), ("oidc.circleci.com/project-id",)),
)


def keys_of_claims(issuer: str, claims: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that AWS makes of a token's claims; no values: it has no such claim.

    Args:
        issuer: host and path.
        claims: all of the token, by name; ``None``: the value is no text. None of them: there is no
            token in hand.
    """
    names = next((each for host, each in _CLAIMS if host.fullmatch(issuer)), ())
    found: dict[str, tuple[str, ...]] = {}
    for name in names if claims else ():
        text = claims.get(name)
        if name not in claims or text:  # what AWS makes of an empty text is not documented
            found[f"{issuer}:{name}"] = (text,) if text else ()
    return found
