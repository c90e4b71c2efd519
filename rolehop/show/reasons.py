"""Findings in plain words, for people who do not know IAM by heart."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.trust.truth import Finding, Reason, Truth

_KEYS = {
    "sts:externalid": "the external ID",
    "sts:rolesessionname": "the role session name",
    "sts:sourceidentity": "the source identity",
    "aws:sourceidentity": "the source identity carried so far",
    "aws:multifactorauthpresent": "whether MFA was used",
    "aws:multifactorauthage": "the seconds since MFA",
    "aws:principalarn": "the caller's ARN",
    "aws:principalaccount": "the caller's account",
    "aws:principalorgid": "the caller's organization",
    "aws:principalorgpaths": "the caller's place in its organization",
    "aws:sourceip": "the address the call comes from",
    "aws:sourcevpc": "the VPC the call comes from",
    "aws:sourcevpce": "the VPC endpoint the call comes through",
    "aws:requestedregion": "the region of the STS endpoint",
    "aws:tagkeys": "the keys of the tags sent",
    "sts:transitivetagkeys": "the keys of the transitive tags",
    "aws:currenttime": "the time of the call",
    "aws:username": "the name of the IAM user",
    "aws:userid": "the caller's unique ID",
    "aws:securetransport": "whether the call is encrypted",
}
_FAMILIES = {
    "aws:requesttag/": "the tag '{}' sent with this hop",
    "aws:principaltag/": "the tag '{}' of the caller",
    "aws:resourcetag/": "the tag '{}' of the role",
    "iam:resourcetag/": "the tag '{}' of the role",
}


def key_in_words(key: str) -> str:
    """Return what a condition key stands for."""
    lowered = key.lower()
    family, slash, name = lowered.partition("/")
    if f"{family}{slash}" in _FAMILIES:
        return _FAMILIES[f"{family}{slash}"].format(key.partition("/")[2] or name)
    return _KEYS.get(lowered, key)


def sentence(finding: Finding) -> str:
    """Return one sentence on a finding that is wrong or open."""
    words = _WORDS.get(finding.reason)
    if words is None:
        return finding.reason.value
    return words(finding) if callable(words) else words


def hint(finding: Finding) -> str | None:
    """Return what the person who walks the chain can do about it, without any policy changed."""
    if finding.truth is Truth.TRUE or not finding.element.startswith("Condition "):
        return None
    key = finding.element.rpartition(" ")[2].lower()
    if finding.reason is Reason.VALUE_EXCLUDED:
        return None
    if key.startswith("aws:requesttag/"):
        return "or send that tag with this hop: tags = { … } in the chain"
    return _HINTS.get(key)


_HINTS = {
    "sts:externalid": 'or send what it asks for: external_id = "…" on this hop of the chain',
    "sts:rolesessionname": 'or send such a name: session_name = "…" on this hop of the chain',
    "sts:sourceidentity": 'or send one from the first hop on: source_identity = "…"',
    "aws:multifactorauthpresent": (
        "only hop 1, called with an IAM user's own keys, can carry MFA: give the source"
        " mfa_serial; no later hop can ever meet this"
    ),
    "aws:multifactorauthage": "only hop 1, called with an IAM user's own keys, can carry MFA",
}


def _condition(finding: Finding) -> tuple[str, str]:
    _, operator, key = finding.element.split(" ", 2)
    return operator, key_in_words(key)


def _differs(finding: Finding) -> str:
    operator, key = _condition(finding)
    return f"{key} is not what the statement asks for ({operator})"


def _excluded(finding: Finding) -> str:
    operator, key = _condition(finding)
    return f"{key} is what the statement rules out ({operator})"


def _absent(finding: Finding) -> str:
    return f"the statement asks for {_condition(finding)[1]}, and the call has none"


def _present(finding: Finding) -> str:
    return f"the statement wants {_condition(finding)[1]} to be absent, and the call has it"


def _key_unknown(finding: Finding) -> str:
    key = finding.element.rpartition(" ")[2]
    words = key_in_words(key)
    return (
        f"nobody can know {words} from here; say it with --context {key}=VALUE"
        if words != key
        else f"the value of {key} is not known here; say it with --context {key}=VALUE"
    )


def _action(finding: Finding) -> str:
    extra = {
        "sts:TagSession": ": this hop sends tags, or tags sent before travel on with it",
        "sts:SetSourceIdentity": ": a source identity is set, here or by a hop before",
    }.get(finding.found or "", "")
    return f"the statement does not list {finding.found}{extra}"


_WORDS: dict[Reason, str | Callable[[Finding], str]] = {
    Reason.MATCHES: "matches",
    Reason.NOT_NAMED: "the statement names somebody else than this caller",
    Reason.OTHER_ACCOUNT: "the statement names another account than the caller's",
    Reason.OTHER_PARTITION: "caller and policy are in different AWS partitions; nothing crosses",
    Reason.OTHER_SESSION: "the statement names a session of this role that has another name",
    Reason.DELETED_PRINCIPAL: (
        "the statement names a user or role that was deleted; one made anew under the same name"
        " is another to AWS, until the policy is saved again with its ARN"
    ),
    Reason.NOT_A_PRINCIPAL: (
        "this is no principal: AWS takes an account, or the full ARN of a user, role or session,"
        " never a pattern"
    ),
    Reason.ANOTHER_KIND: "the statement is for AWS services or identity providers, not for callers like this",
    Reason.EXCLUDED_PRINCIPAL: "the statement leaves this caller out by NotPrincipal",
    Reason.CALLER_UNKNOWN: (
        "who the source is, is not known here; say it with --as ARN, or principal in the config"
    ),
    Reason.ROOT_CALLER: "an account's root user can never assume a role",
    Reason.ACTION_NOT_LISTED: _action,
    Reason.ACTION_EXCLUDED: lambda f: f"the statement leaves {f.found} out by NotAction",
    Reason.RESOURCE_NOT_LISTED: "the statement is about other roles than this one",
    Reason.RESOURCE_EXCLUDED: "the statement leaves this role out by NotResource",
    Reason.KEY_ABSENT: _absent,
    Reason.KEY_PRESENT: _present,
    Reason.KEY_UNKNOWN: _key_unknown,
    Reason.VALUE_DIFFERS: _differs,
    Reason.VALUE_EXCLUDED: _excluded,
    Reason.MANY_VALUES: (
        "the key has several values and the operator is for one; AWS does not say what follows"
    ),
    Reason.VARIABLE_ABSENT: lambda f: (
        f"the policy variable ${{{f.found or '…'}}} has no value in this call, so the"
        " statement does not count"
    ),
    Reason.VARIABLE_UNKNOWN: "the value of a policy variable is not known here",
    Reason.MALFORMED_VALUE: "the statement's value cannot be read as what its operator compares",
    Reason.UNKNOWN_OPERATOR: "nobody here knows this operator, so what it asks for stays open",
    Reason.IDENTITY_CHANGED: "a source identity, once set, cannot be changed by a later hop",
    Reason.TAG_REPEATED: (
        "a tag that an earlier hop sent as transitive travels on by itself and cannot be sent again"
    ),
    Reason.NO_ALLOW: "no statement allows it, and what nobody allows is refused",
    Reason.EXPLICIT_DENY: "this statement denies the call, and a Deny beats every Allow",
    Reason.POSSIBLE_DENY: "this statement may deny the call, and a Deny beats every Allow",
    Reason.NOT_VISIBLE: "this cannot be seen from here",
    Reason.MALFORMED_DOCUMENT: "this document cannot be read as a policy",
    Reason.NOT_NEEDED: "not needed: the trust policy names the caller, who is of the same account",
}
