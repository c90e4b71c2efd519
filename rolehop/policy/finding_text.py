"""Findings, condition keys and policies in plain English, for people who do not know IAM by heart."""

from __future__ import annotations

from collections.abc import Callable

from rolehop.policy.context_keys import is_of_caller
from rolehop.policy.evaluation.call_rules import is_role_arn
from rolehop.policy.evaluation.deciding_values import DecidingValues
from rolehop.policy.evaluation.findings import Finding, Reason
from rolehop.policy.evaluation.model import Outcome, PolicyVerdict

_KEYS = {
    "sts:externalid": "the external ID",
    "sts:rolesessionname": "the role session name",
    "sts:sourceidentity": "the source identity",
    "aws:sourceidentity": "the source identity carried so far",
    "aws:multifactorauthpresent": "whether MFA was used",
    "aws:multifactorauthage": "the seconds since MFA",
    "aws:resourceaccount": "the resource's account",
    "aws:principalarn": "the caller's ARN",
    "aws:principalaccount": "the caller's account",
    "aws:principalorgid": "the caller's organization",
    "aws:principalorgpaths": "the caller's path in its organization",
    "aws:principaltype": "what kind of principal the caller is",
    "aws:sourceip": "the address the call comes from",
    "aws:sourcevpc": "the VPC the call comes from",
    "aws:sourcevpce": "the VPC endpoint the call comes through",
    "aws:sourcearn": "the resource for which the service acts",
    "aws:sourceaccount": "the account for which the service acts",
    "aws:sourceorgid": "the organization for which the service acts",
    "aws:requestedregion": "the region that is called",
    "aws:tagkeys": "the keys of the tags sent",
    "sts:transitivetagkeys": "the keys of the transitive tags",
    "aws:currenttime": "the time of the call",
    "aws:epochtime": "the time of the call",
    "aws:tokenissuetime": "the time when the caller's session was issued",
    "aws:username": "the name of the IAM user",
    "aws:userid": "the caller's unique ID",
    "aws:useragent": "the program that calls",
    "aws:securetransport": "whether the call is encrypted",
    "aws:viaawsservice": "whether an AWS service calls on the caller's behalf",
    "iam:passedtoservice": "the service that the role is passed to",
    "saml:aud": "the recipient of the SAML assertion",
    "saml:iss": "the issuer of the SAML assertion",
    "saml:sub": "the subject of the SAML assertion",
    "saml:sub_type": "the kind of subject of the SAML assertion",
}

_FAMILIES = {
    "aws:requesttag/": "the tag '{}' sent with this hop",
    "aws:principaltag/": "the tag '{}' of the caller",
    "aws:resourcetag/": "the tag '{}' of the role",
    "iam:resourcetag/": "the tag '{}' of the role",
}

# Claims of a token, prefixed with its issuer: token.actions.githubusercontent.com:sub.
_CLAIMS = {
    "sub": "the token's subject",
    "aud": "the token's audience",
    "amr": "how the token's holder signed in",
}

MFA_KEYS = ("aws:multifactorauthpresent", "aws:multifactorauthage")
_MANY = ("aws:tagkeys", "sts:transitivetagkeys", "aws:multifactorauthage")

# Keys for which a Bool reads better as its own sentence.
_BOOLS = {
    "aws:multifactorauthpresent": ("MFA was used", "MFA was not used"),
    "aws:securetransport": ("the call is encrypted", "the call is not encrypted"),
}


def key_in_words(key: str) -> str:
    """Return the meaning of a condition key, or the key itself if it is not listed here."""
    lowered = key.lower()
    family, slash, _ = lowered.partition("/")
    if f"{family}{slash}" in _FAMILIES:
        return _FAMILIES[f"{family}{slash}"].format(key.partition("/")[2])
    issuer, _, claim = lowered.rpartition(":")
    if "." in issuer and claim in _CLAIMS:
        return _CLAIMS[claim]
    return _KEYS.get(lowered, key)


def is_are(key: str, rest: str) -> str:
    """Return ``the external ID is …``, or ``the keys of the tags sent are …``."""
    return f"{key_in_words(key)} {'are' if key.lower() in _MANY else 'is'} {rest}"


def condition_of(finding: Finding) -> tuple[str, str]:
    """Return operator and key of a finding on a condition; a tag key may contain blanks."""
    _, operator, key = finding.element.split(" ", 2)
    return operator, key


def asked_for(finding: Finding) -> str:
    """Return the values that a condition requires: ``one of a, b``, ``not like x*``."""
    operator, _ = condition_of(finding)
    return _asked_for(operator, _with_values(finding), many=", " in finding.wanted)


def _with_values(finding: Finding) -> str:
    """Return what is required, each variable as its value: ``red (the tag 'team' of the caller)``."""
    text, named = finding.wanted, []
    for key, value in finding.variables:
        variable = f"${{{key}}}"
        if variable in text:
            text = text.replace(variable, value)
            named.append(key_in_words(key))
    return f"{text} ({', '.join(named)})" if named else text


def condition_sentence(operator: str, key: str, values: tuple[str, ...]) -> str:
    """Return a condition as a clause: ``the external ID is x-1``."""
    if _base(operator) == "bool" and key.lower() in _BOOLS and len(values) == 1:
        said = _BOOLS[key.lower()][values[0].lower() != "true"]
        return f"{said}, or it is not known" if _has_if_exists(operator) else said
    each = {"forallvalues": "each of ", "foranyvalue": "one of "}.get(_quantifier(operator), "")
    verb = "are" if not each and key.lower() in _MANY else "is"
    exists = ", if there is one," if _has_if_exists(operator) else ""
    values_only = operator.rpartition(":")[2].removesuffix("IfExists")
    asked = _asked_for(values_only, ", ".join(values), many=len(values) > 1)
    return f"{each}{key_in_words(key)}{exists} {verb} {asked}"


def _asked_for(operator: str, values: str, *, many: bool) -> str:
    base = _base(operator)
    if base == "null":
        return {"true": "absent", "false": "present"}.get(values.lower(), values)
    asked = _compared(base, values, many=many)
    exists = ", if there is one" if _has_if_exists(operator) else ""
    quantified = {"forallvalues": "each of them ", "foranyvalue": "at least one of them "}
    return f"{quantified.get(_quantifier(operator), '')}{asked}{exists}"


def _quantifier(operator: str) -> str:
    return operator.rpartition(":")[0].lower()


def _has_if_exists(operator: str) -> bool:
    return operator.lower().endswith("ifexists")


def _base(operator: str) -> str:
    """Return the operator without quantifier and IfExists: ``stringnotlike``."""
    return operator.rpartition(":")[2].lower().removesuffix("ifexists")


# Text before the value, by kind of comparison; longer names first.
_COMPARISONS = {
    "equalsignorecase": "in any case ",
    "lessthanequals": "at most ",
    "lessthan": "less than ",
    "greaterthanequals": "at least ",
    "greaterthan": "more than ",
    "ipaddress": "within ",
    "like": "like ",
    "equals": "",
    "bool": "",
}

_OF_DATES = {"lessthan": "before ", "greaterthan": "after "}


def _compared(base: str, values: str, *, many: bool) -> str:
    positive = base.replace("not", "", 1)
    name = next((each for each in _COMPARISONS if positive.endswith(each)), None)
    if name is None:
        return values  # an unknown operator
    said = _OF_DATES.get(name, _COMPARISONS[name]) if "date" in base else _COMPARISONS[name]
    if positive == base:
        return f"{said}{'one of ' if many else ''}{values}"
    return f"not {said}{'any of ' if many else ''}{values}"


# ---- one unknown key that decides


def deciding_text(deciding: DecidingValues) -> str:
    """Return for which values of a key a call is allowed: ``allowed only from 203.0.113.0/24``."""
    verb = "allowed" if deciding.outcome is Outcome.ALLOWED else "refused"
    lowered = deciding.key.lower()
    same = deciding.absent is deciding.outcome
    without = ", or if the call has none" if same else ""
    if not deciding.values:
        there = "absent" if same else "present"
        return f"{verb} only if {is_are(deciding.key, there)} ({deciding.key})"
    if lowered in _BOOLS and len(deciding.values) == 1:
        said = _BOOLS[lowered][deciding.values[0] != "true"]
        return f"{verb} only if {said}{without} ({deciding.key})"
    values = " or ".join(value or '""' for value in deciding.values)
    if lowered in _FROM:
        return f"{verb} only from {values}{without} ({deciding.key})"
    return f"{verb} only if {is_are(deciding.key, values)}{without} ({deciding.key})"


_FROM = ("aws:sourceip", "aws:vpcsourceip", "aws:sourcevpc", "aws:sourcevpce")


# ---- what would settle it


def unknown_in_words(name: str) -> str:
    """Return the meaning of an entry of a verdict's ``unknowns``, with the key if it is one."""
    if name in _UNKNOWNS:
        return _UNKNOWNS[name]
    if name.startswith("Condition "):
        _, operator, key = name.split(" ", 2)
        return f"whether {operator} {key} matches"
    words = key_in_words(name)
    return words if words == name else f"{words} ({name})"


_UNKNOWNS = {
    "caller": "who the caller is",
    "trust": "the role's trust policy",
    "permissions": "the caller's permissions policies",
    "boundary": "the caller's permissions boundary",
    "session": "the caller's session policy",
    "scope": "the policy of the caller's scope",
    "scope-permission": "whether AWS asks for permission to narrow a session",
    "scope-limits": "how a scope limits what a resource's own policy grants",
    "scope-statement": "what such a statement means in a scope's policy",
    "scp": "the organization's SCPs",
    "rcp": "the organization's RCPs",
    "source-session": "what the source's session carries",
    "roles-anywhere-profile": "what the Roles Anywhere profile says",
    "aws-refusal": "why AWS refused it",
    "Request Token": "what STS takes from the source's token",
    "rcp-coverage": "whether RCPs cover the service",
    "alias-and-key": "the other half of the permission, on alias and key",
    "unmodifiable": "whether AWS takes the change of what it keeps itself",
    "wildcard-grant": 'whether a boundary or session policy limits a grant to "*"',
    "Principal": "whether the statement's Principal includes the caller",
    "Resource": "the policy variable in a statement's Resource",
    "Action": "which actions a statement covers",
    "--resource": "the resource, which decides: name it with --resource ARN",
}


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
    Reason.CHANGED_BY_AWS,
    Reason.ALSO_NEEDED,
    Reason.WILDCARD_LIMITS,
    Reason.NOT_BY_USER_SESSION,
    Reason.SERVICE_UNLISTED,
    Reason.SCOPE_UNDOCUMENTED,
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
        return "the statement names a role of this name with another path: the whole ARN counts"
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
            "the statement names a session, and rolehop does not know the source's: give --as ARN"
        )
    if {_kind(each) for each in finding.wanted.split(", ")} == {"identity providers"}:
        return (
            "rolehop does not know the source's identity provider: set issuer, provider_id or"
            " provider"
        )
    return "rolehop does not know who this is: give --as ARN, or set principal in the config"


def _resource(finding: Finding) -> str:
    kind = _kind_of_resource(finding)
    if finding.found == "*":
        return "the statement covers certain resources, and a call without a resource is none"
    if _only_case(finding):
        return f"the statement names this {kind} with different upper and lower case, which counts"
    return f"the statement covers other {kind}s, not this one"


def _kind_of_resource(finding: Finding) -> str:
    return "role" if is_role_arn(finding.found or "") else "resource"


def _of_scope(finding: Finding) -> str:
    return {
        "scope-permission": "nothing here allows it; whether AWS asks for an Allow is not known here",
        "scope-limits": (
            "it does not allow the call, and what a scope makes of a grant by the resource's own"
            " policy is not known here"
        ),
    }.get(
        finding.element,
        "what a Deny, NotAction, NotResource, a condition or a variable means in a scope's policy is"
        " not known here",
    )


_WORDS: dict[Reason, str | Callable[[Finding], str]] = {
    Reason.MATCHES: "matches",
    Reason.NOT_NAMED: _not_named,
    Reason.OTHER_ACCOUNT: "the statement names an account other than the caller's",
    Reason.OTHER_PARTITION: (
        "caller and policy are in different AWS partitions (aws, aws-cn …), which share nothing"
    ),
    Reason.OTHER_SESSION: "the statement names a session of this role with another name",
    Reason.DELETED_PRINCIPAL: (
        "the statement names a deleted user or role: for a new one of that name, save its ARN again"
    ),
    Reason.NOT_A_PRINCIPAL: (
        "not a valid principal: AWS wants an account, or a user's, role's or session's whole ARN"
    ),
    Reason.ANOTHER_KIND: _another_kind,
    Reason.EXCLUDED_PRINCIPAL: "the statement excludes this caller with NotPrincipal",
    Reason.NOT_PRINCIPAL: (
        "AWS does not say whether NotPrincipal spares this caller here, and takes it in no trust policy."
        ' Better: Principal "*" with a condition on aws:PrincipalArn'
    ),
    Reason.WILDCARD_OUTSIDE: (
        '"*" is every user and role; AWS does not say whether a token\'s holder or a service, too'
    ),
    Reason.CALLER_UNKNOWN: _caller_unknown,
    Reason.ROOT_CALLER: (
        "an account's root user can never assume a role: start from an IAM user or a session"
    ),
    Reason.FEDERATED_USER: (
        "a session of GetFederationToken cannot start a chain: of STS it gets GetCallerIdentity only"
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
        "the Resource is no whole ARN, or has an odd wildcard: AWS does not say whether it covers"
        f" this {_kind_of_resource(f)}"
    ),
    Reason.RESOURCE_UNNAMED: (
        "the statement covers certain resources, so the resource decides; name it: --resource ARN"
    ),
    Reason.RESOURCE_NOT_ALL: (
        "the call is about no single resource: a statement must name all of them (*)"
    ),
    Reason.VARIABLE_MISPLACED: (
        "a policy variable cannot stand before the fifth colon of a Resource, so it covers nothing"
    ),
    Reason.WILDCARD_LIMITS: (
        'the trust policy names "*"; AWS does not say whether a boundary or session policy limits it'
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
        "the call lacks the key; AWS does not document what ForAnyValue and IfExists do then"
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
        f"rolehop cannot read the token's claim {f.found}, so it cannot know the tags that STS takes"
    ),
    Reason.SOURCE_UNSEEN: lambda f: (
        f"{f.found} is needed if the source's session has transitive tags or a source identity"
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
    Reason.CHANGED_BY_AWS: lambda f: f"whatever policies allow, {f.wanted}",
    Reason.ALSO_NEEDED: lambda f: (
        f"the call also needs the same permission on {f.wanted}; ask for that, too: --resource ARN"
    ),
    Reason.LEVELS_UNKNOWN: lambda f: (
        f"{f.found}: rolehop does not know at which levels they are attached. One Allow is enough"
        " at each level (root, OU, account), and each must have one"
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
        f"an RCP denies it, if RCPs cover {f.found}: AWS's Organizations user guide lists the"
        ' services under "Resource control policies (RCPs)"'
    ),
    Reason.SCOPE_UNDOCUMENTED: _of_scope,
    Reason.AWS_SAID: lambda f: f"AWS names {f.wanted or 'the policy type only'}",
    Reason.NOT_NEEDED: lambda f: (
        "not needed: "
        + (_last(f.wanted, ": ") or "the trust policy names the caller, who is of the same account")
    ),
    Reason.ACTION_PARTLY: lambda f: f"it covers some of {f.found}, not all",
}


def _last(text: str, mark: str = "/") -> str:
    return text.rpartition(mark)[2]


def policy_name(policy: PolicyVerdict, *, statement: bool = True) -> str:
    """Return the policy's name, and with ``statement`` which of its statements decides."""
    name = _LANES[policy.name.value]
    if policy.deciding is None or not statement:
        return name
    return f"{name}, {policy.deciding.statement.effect.value} statement {policy.deciding.statement.index}"


_LANES = {
    "trust": "the trust policy",
    "permissions": "the caller's permissions",
    "boundary": "the caller's boundary",
    "session": "the session policy",
    "scope": "the scope's policy",
    "scp": "the SCP",
    "rcp": "the RCP",
}
