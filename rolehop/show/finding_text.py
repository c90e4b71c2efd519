"""Findings in plain words, for people who do not know IAM by heart."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.config.sts_limits import EXTERNAL_ID, SESSION_NAME, SOURCE_IDENTITY
from rolehop.config.value_types import Check
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.show.condition_text import asked_for, condition_of, is_are, key_in_words


def sentence(finding: Finding) -> str:
    """Return one sentence on a finding that is wrong or open."""
    words = _WORDS.get(finding.reason)
    if words is None:
        return finding.reason.value
    return words(finding) if callable(words) else words


def wanted(finding: Finding) -> str | None:
    """Return what the policy asks for, to stand below the sentence; ``None``: it says all."""
    if finding.element in ("Document", "Effect", "Caller") or _says_it_all(finding):
        return None
    if finding.element.startswith("Condition "):
        return asked_for(finding)
    return finding.wanted or None


def found(finding: Finding) -> str | None:
    """Return what the call has instead; ``None``: nothing, or the sentence says it."""
    if finding.element in ("Document", "Effect") or _says_it_all(finding):
        return None
    # There, what is found is the variable.
    variable = finding.reason in (Reason.VARIABLE_ABSENT, Reason.VARIABLE_UNKNOWN)
    return None if variable else finding.found


def _says_it_all(finding: Finding) -> bool:
    """Tell whether the sentence leaves nothing to be told below it."""
    mfa = finding.element.lower().endswith(" aws:multifactorauthpresent")
    return finding.reason in _WHOLE_SENTENCES or (
        mfa and finding.reason in (Reason.KEY_ABSENT, Reason.VALUE_DIFFERS)
    )


_WHOLE_SENTENCES = (
    Reason.NO_ALLOW,
    Reason.SERVICE_LINKED,
    Reason.CLAIM_UNREAD,
    Reason.SOURCE_UNSEEN,
    Reason.NO_SUCH_ROLE,
    Reason.OTHER_PATH,
)


def fits(finding: Finding) -> str:
    """Return one sentence on a finding that is right: what of the statement fits the call."""
    if finding.element == "Document":
        return sentence(finding)
    has = finding.found if finding.found is not None else "none"
    if finding.element.startswith("Condition "):
        operator, key = condition_of(finding)
        return f"Condition {operator} {key}: {asked_for(finding)}; the call has {has}"
    if finding.wanted == finding.found:
        return f"{finding.element}: {has}, as in the call"
    verb = "means the caller" if finding.element == "Principal" else "covers"
    return f"{finding.element}: {finding.wanted} {verb} {has}"


# ---- what the person who walks the chain can do


def hint(finding: Finding, *, denies: bool = False) -> str | None:
    """Return what to do about it without any policy changed.

    Args:
        finding: one of a lane that refuses.
        denies: it belongs to a Deny that applies; then what fits is what hurts.
    """
    if finding.reason is Reason.OTHER_SESSION:
        return f'or give that session its name: session_name = "{_last(finding.wanted)}"'
    if not finding.element.startswith("Condition "):
        return None
    key = condition_of(finding)[1].lower()
    if key in _MFA:
        return _mfa_hint(finding) if (finding.truth is Truth.TRUE) == denies else None
    wrong = finding.truth is not Truth.TRUE and not denies
    if not wrong or finding.reason not in (Reason.KEY_ABSENT, Reason.VALUE_DIFFERS):
        return None
    if key.startswith("aws:requesttag/"):
        tag = condition_of(finding)[1].partition("/")[2]
        return f'or send that tag with this hop: tags = {{ "{tag}" = {_value(finding)} }}'
    text, limit = _HINTS.get(key, (None, None))
    value = _value(finding)
    if text is None or limit is None or not _is_taken(limit, value):
        return None
    return f"{text} = {value} on this hop of the chain"


_MFA = ("aws:multifactorauthpresent", "aws:multifactorauthage")
_HINTS = {
    "sts:externalid": ("or send what it asks for: external_id", EXTERNAL_ID),
    "sts:rolesessionname": ("or send such a name: session_name", SESSION_NAME),
    "sts:sourceidentity": ("or send one, if no hop before did: source_identity", SOURCE_IDENTITY),
}


def _is_taken(limit: Check, value: str) -> bool:
    """Tell whether STS takes a value, in quotes; of an ellipsis nobody knows."""
    try:
        return value == '"…"' or limit.run(value[1:-1]) is not None
    except ValueError:
        return False


def _mfa_hint(finding: Finding) -> str | None:
    if finding.found is None:
        return "or bring MFA: give the source mfa_serial, and hop 1 carries it"
    if finding.found == "false":
        return (
            "the session of a role never carries MFA: only hop 1 can, called with an IAM user's own"
            " keys and the source's mfa_serial"
        )
    return None


def _value(finding: Finding) -> str:
    """Return the one value that is asked for, as the config has it, or an ellipsis."""
    operator = condition_of(finding)[0].lower().removesuffix("ifexists")
    plain = operator == "stringequals" and not set(finding.wanted) & set('*?$,"\\')
    return f'"{finding.wanted if plain else "…"}"'


# ---- what would settle it


def unknown_in_words(name: str) -> str:
    """Return what an entry of a verdict's ``unknowns`` stands for, with the key where it is one."""
    if name in _UNKNOWNS:
        return _UNKNOWNS[name]
    if name.startswith("Condition "):
        _, operator, key = name.split(" ", 2)
        return f"what {operator} {key} comes to"
    words = key_in_words(name)
    return words if words == name else f"{words} ({name})"


_UNKNOWNS = {
    "caller": "who the caller is",
    "trust": "the role's trust policy",
    "permissions": "the caller's permissions policies",
    "boundary": "the caller's permissions boundary",
    "session": "the caller's session policy",
    "scp": "the organization's SCPs",
    "rcp": "the organization's RCPs",
    "source-session": "what the source's session carries",
    "roles-anywhere-profile": "what the Roles Anywhere profile says",
    "sts-refusal": "why STS refused it",
    "Request Token": "what STS takes from the source's token",
    "Principal": "whether the statement's Principal means the caller",
    "Resource": "the policy variable in a statement's Resource",
    "Action": "which actions a statement means",
}


# ---- reasons, one by one


def _differs(finding: Finding) -> str:
    operator, key = condition_of(finding)
    if key.lower() == "aws:multifactorauthpresent":
        without = finding.wanted == "true"
        return (
            f"the statement asks for MFA, and this call is made without it ({operator} {key})"
            if without
            else f"the statement asks for a call without MFA ({operator} {key})"
        )
    case = ", upper and lower case count" if _only_case(finding) else ""
    return f"{is_are(key, 'not what the statement asks for')}{case} ({_named(operator, key)})"


def _excluded(finding: Finding) -> str:
    operator, key = condition_of(finding)
    return f"{is_are(key, 'what the statement rules out')} ({_named(operator, key)})"


def _absent(finding: Finding) -> str:
    operator, key = condition_of(finding)
    if key.lower() in _MFA:
        return f"the statement asks for MFA, and this call is made without it ({operator} {key})"
    return (
        f"the statement asks for {key_in_words(key)}, and the call has none"
        f" ({_named(operator, key)})"
    )


def _present(finding: Finding) -> str:
    operator, key = condition_of(finding)
    return (
        f"the statement wants a call without {key_in_words(key)}, and this one has it"
        f" ({_named(operator, key)})"
    )


def _named(operator: str, key: str) -> str:
    return operator if key_in_words(key) == key else f"{operator} {key}"


def _only_case(finding: Finding) -> bool:
    """Tell whether what is found is wanted but for upper and lower case."""
    has = (finding.found or "").lower()
    return bool(has) and has in [each.lower() for each in finding.wanted.split(", ")]


def _key_unknown(finding: Finding) -> str:
    key = condition_of(finding)[1]
    words = key_in_words(key)
    say = f"'{key}=VALUE'" if " " in key else f"{key}=VALUE"
    if words == key:
        return f"the value of {key} is not known here; say it with --context {say}"
    return f"from here nobody can know {words}; say it with --context {say}"


def _malformed_value(finding: Finding) -> str:
    if not finding.element.startswith("Condition "):
        return "a value cannot be read as what it is compared with"
    operator, key = condition_of(finding)
    return f"the value in the policy, or that of the call, is none that {operator} can compare" + (
        f" ({key})" if finding.found is None else ""
    )


def _variable(finding: Finding, rest: str) -> str:
    of_resource = finding.element == "Resource" or finding.found is None
    named = "in the statement's Resource" if of_resource else f"${{{finding.found}}}"
    return f"the policy variable {named} {rest}"


def _action(finding: Finding) -> str:
    return f"the statement does not list {finding.found}{_ACTIONS.get(finding.found or '', '')}"


_ACTIONS = {
    "sts:TagSession": ", and this hop sends tags, or tags sent before travel on with it",
    "sts:SetSourceIdentity": ", and a source identity is set, here or by a hop before",
    "sts:AssumeRoleWithWebIdentity": ", the call that gives the role for a token",
    "sts:AssumeRoleWithSAML": ", the call that gives the role for a SAML assertion",
}


def _not_named(finding: Finding) -> str:
    if _has_another_path(finding):
        return (
            "the statement names a role of this name with another path: to AWS that is another"
            " role, the whole ARN counts"
        )
    return "the statement names somebody else than this caller"


def _has_another_path(finding: Finding) -> bool:
    """Tell whether a role is named whose ARN differs from the caller's in its path alone."""
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
            "the name of the source's session is not known here, and the statement names one; say"
            " it with --as ARN, the ARN of the session"
        )
    if {_kind(each) for each in finding.wanted.split(", ")} == {"identity providers"}:
        return (
            "which identity provider vouches for the source is not known here; say it in its"
            " config (issuer, provider_id or provider)"
        )
    return "who the source is, is not known here; say it with --as ARN, or principal in the config"


def _resource(finding: Finding) -> str:
    if _only_case(finding):
        return "the statement names this role in other letters: upper and lower case count"
    return "the statement is about other roles than this one"


_WORDS: dict[Reason, str | Callable[[Finding], str]] = {
    Reason.MATCHES: "matches",
    Reason.NOT_NAMED: _not_named,
    Reason.OTHER_ACCOUNT: "the statement names another account than the caller's",
    Reason.OTHER_PARTITION: (
        "caller and policy are in different AWS partitions (aws, aws-cn, aws-us-gov …), and no role"
        " can be taken across"
    ),
    Reason.OTHER_SESSION: "the statement names a session of this role that has another name",
    Reason.DELETED_PRINCIPAL: (
        "the statement names a user or role that was deleted; one made anew under the same name"
        " is another to AWS, until the policy is saved again with its ARN"
    ),
    Reason.NOT_A_PRINCIPAL: (
        "this is no principal: AWS takes an account, or the full ARN of a user, role or session,"
        " never a pattern"
    ),
    Reason.ANOTHER_KIND: _another_kind,
    Reason.EXCLUDED_PRINCIPAL: "the statement leaves this caller out by NotPrincipal",
    Reason.NOT_PRINCIPAL: (
        "the statement says NotPrincipal, which AWS takes in no role's trust policy any more;"
        " whether it means this caller can't be told"
    ),
    Reason.WILDCARD_OUTSIDE: (
        '"*" means every user and role; whether it also means a token\'s holder or a service, AWS'
        " does not say"
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
        "this is a service-linked role: nobody but the AWS service that it belongs to can assume it"
    ),
    Reason.ACTION_NOT_LISTED: _action,
    Reason.ACTION_EXCLUDED: lambda f: f"the statement leaves {f.found} out by NotAction",
    Reason.RESOURCE_NOT_LISTED: _resource,
    Reason.RESOURCE_EXCLUDED: "the statement leaves this role out by NotResource",
    Reason.KEY_ABSENT: _absent,
    Reason.KEY_PRESENT: _present,
    Reason.KEY_UNKNOWN: _key_unknown,
    Reason.VALUE_DIFFERS: _differs,
    Reason.VALUE_EXCLUDED: _excluded,
    Reason.MANY_VALUES: (
        "the call has several values here and the operator compares one; AWS does not say what"
        " follows"
    ),
    Reason.VARIABLE_ABSENT: lambda f: _variable(
        f, "has no value in this call, so the statement does not count"
    ),
    Reason.VARIABLE_UNKNOWN: lambda f: _variable(f, "has a value that is not known here"),
    Reason.MALFORMED_VALUE: _malformed_value,
    Reason.UNKNOWN_OPERATOR: lambda f: (
        f"rolehop does not know the operator {condition_of(f)[0]}, so what it asks for stays open"
    ),
    Reason.IDENTITY_CHANGED: "a source identity, once set, cannot be changed by a later hop",
    Reason.TAG_REPEATED: (
        "a tag that an earlier hop sent as transitive travels on by itself and cannot be sent again"
    ),
    Reason.CLAIM_UNREAD: lambda f: (
        f"the token's claim {f.found} is in no form that rolehop can read, so which session tags or"
        " source identity STS takes from it is not known"
    ),
    Reason.SOURCE_UNSEEN: lambda f: (
        f"{f.found} is asked for if the source's session has transitive tags or a source identity,"
        " which nobody can see from here"
        if f.found
        else f"{unknown_in_words(f.element)}, nobody can see from here"
    ),
    Reason.NO_SUCH_ROLE: "there is no such role: its account has none of that name",
    Reason.OTHER_PATH: lambda f: (
        f"the role is {f.wanted}: correct the chain's, the whole ARN counts"
    ),
    Reason.LEVELS_UNKNOWN: lambda f: (
        f"{f.found}: where they hang is not known here. On one level (root, OU or account) one"
        " Allow is enough; on different levels each must allow"
    ),
    Reason.NO_ALLOW: lambda f: (
        f"no statement here allows {_last(f.wanted, ' ')}, and what no statement allows is refused"
    ),
    Reason.EXPLICIT_DENY: "this statement denies the call, and a Deny beats every Allow",
    Reason.POSSIBLE_DENY: "this statement may deny the call, and a Deny beats every Allow",
    Reason.NOT_VISIBLE: lambda f: f"not seen: {f.wanted}",
    Reason.MALFORMED_DOCUMENT: lambda f: f"cannot be read as a policy: {f.wanted}",
    Reason.NOT_NEEDED: "not needed: the trust policy names the caller, who is of the same account",
}


def _last(text: str, mark: str = "/") -> str:
    return text.rpartition(mark)[2]
