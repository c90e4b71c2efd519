"""Findings in plain English, for people who do not know IAM by heart."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.policy.evaluation.findings import Finding, Reason
from rolehop.policy.evaluation.resource_policies import is_role_arn
from rolehop.policy.inventory.context_keys import is_of_caller
from rolehop.show.condition_text import (
    MFA_KEYS,
    asked_for,
    condition_of,
    is_are,
    key_in_words,
    unknown_in_words,
)


def sentence(finding: Finding, hop: int = 1) -> str:
    """Return one sentence on a finding that is wrong or open; ``hop``: whose caller it is about."""
    if finding.reason is Reason.KEY_UNKNOWN:
        return _key_unknown(finding, hop)
    words = _WORDS.get(finding.reason, str(finding.reason.value))
    return words(finding) if callable(words) else words


def wanted(finding: Finding) -> str | None:
    """Return what the policy requires, to show below the sentence; ``None``: nothing to add.

    Of an action that is not listed it is the other way round: the policy has to list it.
    """
    if finding.reason is Reason.ACTION_NOT_LISTED:
        return finding.found
    if finding.element in ("Document", "Effect", "Caller") or _says_it_all(finding):
        return None
    if finding.element.startswith("Condition "):
        return asked_for(finding)
    return finding.wanted or None


def found(finding: Finding) -> str | None:
    """Return what the call has instead; ``None``: nothing to add."""
    if finding.reason is Reason.ACTION_NOT_LISTED:
        return finding.wanted
    if finding.element in ("Document", "Effect") or _says_it_all(finding):
        return None
    # For these, what was found is the variable.
    variable = finding.reason in (Reason.VARIABLE_ABSENT, Reason.VARIABLE_UNKNOWN)
    return None if variable else finding.found


def _says_it_all(finding: Finding) -> bool:
    """True if the sentence needs nothing below it."""
    mfa = finding.element.lower().endswith(" aws:multifactorauthpresent")
    return finding.reason in _WHOLE_SENTENCES or (
        mfa and finding.reason in (Reason.KEY_ABSENT, Reason.VALUE_DIFFERS)
    )


_WHOLE_SENTENCES = (
    Reason.NO_ALLOW,
    Reason.SERVICE_LINKED,
    Reason.CLAIM_UNREAD,
    Reason.SOURCE_UNSEEN,
    Reason.NOT_BY_SESSION,
    Reason.RESOURCE_UNNAMED,
    Reason.NO_SUCH_ROLE,
    Reason.OTHER_PATH,
    Reason.WILDCARD_LIMITS,
    Reason.NOT_BY_USER_SESSION,
    Reason.SERVICE_UNLISTED,
    Reason.AWS_SAID,
)


def fits(finding: Finding) -> str:
    """Return one sentence on a finding that is right: which element matches the call."""
    if finding.element == "Document":
        return sentence(finding)
    has = finding.found if finding.found is not None else "none"
    if finding.element.startswith("Condition "):
        operator, key = condition_of(finding)
        return f"Condition {operator} {key} ({asked_for(finding)}) matches: the call has {has}"
    if finding.wanted == finding.found:
        return f"{finding.element}: {has}, as in the call"
    verb = "means the caller" if finding.element == "Principal" else "covers"
    return f"{finding.element}: {finding.wanted} {verb} {has}"


# ---- reasons, one by one


def _differs(finding: Finding) -> str:
    operator, key = condition_of(finding)
    if key.lower() == "aws:multifactorauthpresent":
        without = finding.wanted == "true"
        return (
            f"the statement requires MFA, and this call is made without it ({operator} {key})"
            if without
            else f"the statement requires a call without MFA ({operator} {key})"
        )
    case = ", and case matters" if _only_case(finding) else ""
    return f"{is_are(key, 'not what the statement requires')}{case} ({_named(operator, key)})"


def _excluded(finding: Finding) -> str:
    operator, key = condition_of(finding)
    return f"{is_are(key, 'what the statement excludes')} ({_named(operator, key)})"


def _absent(finding: Finding) -> str:
    operator, key = condition_of(finding)
    if key.lower() in MFA_KEYS:
        return f"the statement requires MFA, and this call is made without it ({operator} {key})"
    return (
        f"the statement requires {key_in_words(key)}, and the call has none"
        f" ({_named(operator, key)})"
    )


def _present(finding: Finding) -> str:
    operator, key = condition_of(finding)
    return (
        f"the statement requires a call without {key_in_words(key)}, and this one has it"
        f" ({_named(operator, key)})"
    )


def _named(operator: str, key: str) -> str:
    return operator if key_in_words(key) == key else f"{operator} {key}"


def _only_case(finding: Finding) -> bool:
    """True if what was found differs from what is required only in case."""
    has = (finding.found or "").lower()
    return bool(has) and has in [each.lower() for each in finding.wanted.split(", ")]


def _key_unknown(finding: Finding, hop: int) -> str:
    key = condition_of(finding)[1]
    words = key_in_words(key)
    if key.lower() == "aws:principalarn":
        return f"{words} is not known here; name the caller with --as ARN"
    of_hop = f"{hop}:" if hop > 1 and is_of_caller(key) else ""
    say = f"{of_hop}{key}=VALUE"
    say = f"'{say}'" if " " in key else say
    if words == key:
        return f"the value of {key} is not known here; give it with --context {say}"
    return f"{words} cannot be known from here; give it with --context {say}"


def _malformed_value(finding: Finding) -> str:
    if not finding.element.startswith("Condition "):
        return "a value does not have the type it is compared as"
    operator, key = condition_of(finding)
    base = operator.rpartition(":")[2].lower()
    takes = next((text for name, text in _TAKES.items() if base.startswith(name)), "another value")
    return f"{operator} takes {takes}: the value in the policy or in the call is none" + (
        f" ({key})" if finding.found is None else ""
    )


_TAKES = {
    "arn": "an ARN in six parts (arn:aws:SERVICE:REGION:ACCOUNT:NAME)",
    "binary": "text in base64",
    "bool": "true or false",
    "date": "a time (2026-01-31T12:00:00Z, or seconds since 1970)",
    "ipaddress": "an address or a block of them",
    "notipaddress": "an address or a block of them",
    "null": "true or false",
    "numeric": "a number",
}


def _variable(finding: Finding, rest: str) -> str:
    of_resource = finding.element == "Resource" or finding.found is None
    named = "in the statement's Resource" if of_resource else f"${{{finding.found}}}"
    return f"the policy variable {named} {rest}"


def _action(finding: Finding) -> str:
    return f"the statement does not list {finding.found}{_ACTIONS.get(finding.found or '', '')}"


_ACTIONS = {
    "sts:TagSession": ", and this hop sends tags, or inherits transitive tags",
    "sts:SetSourceIdentity": ", and a source identity is set, here or by a hop before",
    "sts:AssumeRoleWithWebIdentity": ", the call that exchanges a token for the role",
    "sts:AssumeRoleWithSAML": ", the call that exchanges a SAML assertion for the role",
}


def _not_named(finding: Finding) -> str:
    if _has_another_path(finding):
        return (
            "the statement names a role of this name with another path, which is a different role to"
            " AWS: the whole ARN counts"
        )
    return "the statement names someone other than this caller"


def _has_another_path(finding: Finding) -> bool:
    """True if a role is named whose ARN differs from the caller's only in its path."""
    session = (finding.found or "").split(":", 5)
    if not session[-1].startswith("assumed-role/"):
        return False
    account, name = session[4], session[-1].split("/")[1]
    named = (each.split(":", 5) for each in finding.wanted.split(", "))
    return any(
        len(each) == 6 and each[4] == account and _last(each[5]) == name
        for each in named
        if each[-1].startswith("role/")
    )


def _another_kind(finding: Finding) -> str:
    kinds = dict.fromkeys(_kind(each) for each in finding.wanted.split(", "))
    return f"the statement is for {' and '.join(kinds)}, and this caller is none of them"


def _kind(principal: str) -> str:
    if "-provider/" in principal or principal in _PROVIDERS:
        return "identity providers"
    is_service = ":" not in principal and "." in principal
    return "AWS services" if is_service else "users, roles and accounts"


_PROVIDERS = (
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "graph.facebook.com",
    "www.amazon.com",
)


def _caller_unknown(finding: Finding) -> str:
    if finding.found is not None and finding.found.endswith("/*"):
        return (
            "the name of the source's session is not known here, and the statement names one; give"
            " the session's ARN with --as ARN"
        )
    if {_kind(each) for each in finding.wanted.split(", ")} == {"identity providers"}:
        return (
            "the source's identity provider is not known here; set it in its config (issuer,"
            " provider_id or provider)"
        )
    return (
        "the source's identity is not known here; give it with --as ARN, or principal in the config"
    )


def _resource(finding: Finding) -> str:
    kind = _kind_of_resource(finding)
    if finding.found == "*":
        return "the statement covers certain resources, and a call without a resource is none"
    if _only_case(finding):
        return f"the statement names this {kind} with different upper and lower case, which counts"
    return f"the statement covers other {kind}s, not this one"


def _kind_of_resource(finding: Finding) -> str:
    return "role" if is_role_arn(finding.found or "") else "resource"


_WORDS: dict[Reason, str | Callable[[Finding], str]] = {
    Reason.MATCHES: "matches",
    Reason.NOT_NAMED: _not_named,
    Reason.OTHER_ACCOUNT: "the statement names an account other than the caller's",
    Reason.OTHER_PARTITION: (
        "caller and policy are in different AWS partitions (aws, aws-cn, aws-us-gov …), and nothing"
        " of one is open to the others"
    ),
    Reason.OTHER_SESSION: "the statement names a session of this role with another name",
    Reason.DELETED_PRINCIPAL: (
        "the statement names a user or role that was deleted; one recreated under the same name is"
        " a different one to AWS, until the policy is saved again with its ARN"
    ),
    Reason.NOT_A_PRINCIPAL: (
        "this is not a valid principal: AWS accepts an account, or the full ARN of a user, role or"
        " session, never a pattern"
    ),
    Reason.ANOTHER_KIND: _another_kind,
    Reason.EXCLUDED_PRINCIPAL: "the statement excludes this caller with NotPrincipal",
    Reason.NOT_PRINCIPAL: (
        "the statement uses NotPrincipal, which AWS no longer accepts in a role's trust policy; only"
        ' a walk shows if it applies to this caller, unless its owner rewrites it (Principal "*",'
        " and a condition on aws:PrincipalArn)"
    ),
    Reason.WILDCARD_OUTSIDE: (
        '"*" means every user and role; AWS does not document whether it also means a'
        " token's holder or a service"
    ),
    Reason.CALLER_UNKNOWN: _caller_unknown,
    Reason.ROOT_CALLER: (
        "an account's root user can never assume a role: start from an IAM user or a session"
    ),
    Reason.FEDERATED_USER: (
        "a session of GetFederationToken can call nothing of STS but GetCallerIdentity, so it"
        " cannot start a chain"
    ),
    Reason.SERVICE_LINKED: (
        "this is a service-linked role: only the AWS service that it belongs to can assume it"
    ),
    Reason.ACTION_NOT_LISTED: _action,
    Reason.ACTION_EXCLUDED: lambda f: f"the statement excludes {f.found} with NotAction",
    Reason.RESOURCE_NOT_LISTED: _resource,
    Reason.ACTION_UNDOCUMENTED: (
        "the statement's Action is *:*, and AWS does not document what that covers"
    ),
    Reason.RESOURCE_UNDOCUMENTED: lambda f: (
        "the statement's Resource is not a whole ARN, or has a wildcard where AWS describes none;"
        f" whether it covers this {_kind_of_resource(f)} is not documented"
    ),
    Reason.RESOURCE_UNNAMED: (
        "the statement covers certain resources, so the resource decides; name it: --resource ARN"
    ),
    Reason.VARIABLE_MISPLACED: (
        "a policy variable cannot stand before the fifth colon of a Resource, so it covers nothing"
    ),
    Reason.WILDCARD_LIMITS: (
        'the trust policy names "*"; AWS does not document whether a permissions boundary or session'
        " policy limits such a grant"
    ),
    Reason.RESOURCE_EXCLUDED: lambda f: (
        f"the statement excludes this {_kind_of_resource(f)} with NotResource"
    ),
    Reason.KEY_ABSENT: _absent,
    Reason.KEY_PRESENT: _present,
    Reason.VALUE_DIFFERS: _differs,
    Reason.VALUE_EXCLUDED: _excluded,
    Reason.MANY_VALUES: (
        "the call has several values here and the operator compares one; AWS does not document"
        " the result"
    ),
    Reason.ANY_IF_EXISTS: (
        "the call does not have the key, and AWS does not document what ForAnyValue and IfExists"
        " mean together then"
    ),
    Reason.VARIABLE_ABSENT: lambda f: _variable(
        f, "has no value in this call, so nothing matches it"
    ),
    Reason.VARIABLE_UNKNOWN: lambda f: _variable(f, "has a value that is not known here"),
    Reason.MALFORMED_VALUE: _malformed_value,
    Reason.UNKNOWN_OPERATOR: lambda f: (
        f"rolehop does not know the operator {condition_of(f)[0]}, so its result is unknown"
    ),
    Reason.IDENTITY_CHANGED: "a source identity, once set, cannot be changed by a later hop",
    Reason.TAG_REPEATED: (
        "a tag that an earlier hop sent as transitive is inherited and cannot be sent again"
    ),
    Reason.CLAIM_UNREAD: lambda f: (
        f"the token's claim {f.found} has a form that rolehop cannot read, so it is not known which"
        " session tags or source identity STS takes from it"
    ),
    Reason.SOURCE_UNSEEN: lambda f: (
        f"{f.found} is required if the source's session has transitive tags or a source identity,"
        " which cannot be seen from here"
        if f.found
        else f"{unknown_in_words(f.element)} cannot be seen from here"
    ),
    Reason.NOT_BY_SESSION: (
        "this call is made with a token, not with the session: who may make it depends on the token"
    ),
    Reason.NOT_FOR_SESSIONS: "a role's session cannot call it: only an IAM user's own keys can",
    Reason.NOT_BY_USER_SESSION: lambda f: (
        f"this is a session of GetSessionToken, as a chain without hops hands out: {f.wanted}"
    ),
    Reason.NO_SUCH_ROLE: "there is no such role: its account has no role of that name",
    Reason.OTHER_PATH: lambda f: (
        f"the role is {f.wanted}: correct it in the chain, the whole ARN counts"
    ),
    Reason.LEVELS_UNKNOWN: lambda f: (
        f"{f.found}: the levels they are attached to are not known here. At one level (root, OU or"
        " account) one Allow is enough; at different levels each must allow"
    ),
    Reason.NO_ALLOW: lambda f: (
        f"no statement here allows {_last(f.wanted, ' ')}, and the default is to refuse"
    ),
    Reason.EXPLICIT_DENY: "this statement denies the call, and a Deny beats every Allow",
    Reason.POSSIBLE_DENY: "this statement may deny the call, and a Deny beats every Allow",
    Reason.NOT_VISIBLE: lambda f: (
        "no document of this type was seen" if f.wanted == "all" else f"not seen: {f.wanted}"
    ),
    Reason.MALFORMED_DOCUMENT: lambda f: f"cannot be read as a policy: {f.wanted}",
    Reason.SERVICE_UNLISTED: lambda f: (
        f"an RCP denies it, and rolehop does not know whether RCPs cover the service {f.found}: AWS"
        ' lists them in the Organizations user guide, "Resource control policies (RCPs)"'
    ),
    Reason.AWS_SAID: lambda f: f"AWS names {f.wanted or 'it, and not the statement'}",
    Reason.NOT_NEEDED: lambda f: (
        "not needed: "
        + (_last(f.wanted, ": ") or "the trust policy names the caller, who is of the same account")
    ),
    Reason.ACTION_PARTLY: lambda f: f"it covers some of {f.found}, not all",
}


def _last(text: str, mark: str = "/") -> str:
    return text.rpartition(mark)[2]
