"""The limits of STS, the checks of values that go into its calls, and what one call leaves to the next.

botocore checks minima and types only. Every number and pattern here is from the STS API reference
(AssumeRole, GetSessionToken and GetScopedCredentials, 2011-06-15) and the IAM user guide's page on session tags.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Protocol

from rolehop.base.arn import is_role
from rolehop.base.dataclass import dataclass, field
from rolehop.base.startup import Pattern
from rolehop.base.text import quoted
from rolehop.config.value_types import (
    Check,
    InvalidParts,
    Place,
    as_list,
    as_table,
    as_text,
    duration,
    each_of,
    kind_of,
    matching,
)

Tags = Iterable[tuple[str, str]]


def tag_key(key: str) -> str:
    """Return ``key`` as it is compared."""
    return key.casefold()


def repeated_tags(tags: Tags, inherited: Container[str]) -> tuple[str, ...]:
    """Return the keys of ``tags`` that are inherited already; ``inherited`` is of compared keys."""
    return tuple(key for key, _ in tags if tag_key(key) in inherited)


def changes_identity(sent: str | None, inherited: object) -> bool:
    """True if sending ``sent`` would change the source identity; ``None`` sends or inherits none."""
    return sent is not None and inherited is not None and sent != inherited


class _Hop(Protocol):
    @property
    def tags(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def transitive_tags(self) -> tuple[str, ...]: ...
    @property
    def source_identity(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class PassedTag:
    """A transitive tag and the hop that set it."""

    key: str
    value: str
    hop: str


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What the hops so far pass on to the next one."""

    tags: Mapping[str, PassedTag] = field(default_factory=dict)
    """By the key as it is compared."""

    identity: str | None = None
    identity_hop: str = ""
    """The hop that set the source identity."""

    def after(self, hop: _Hop, name: str) -> Inheritance:
        """Return what the hop after ``hop`` inherits; ``name`` is how messages name ``hop``."""
        own = {tag_key(key): PassedTag(key, value, name) for key, value in hop.tags}
        passed = [key for each in hop.transitive_tags if (key := tag_key(each)) in own]
        first = self.identity is None
        return Inheritance(
            {**{key: own[key] for key in passed}, **self.tags},
            hop.source_identity if first else self.identity,
            name if first else self.identity_hop,
        )


# Seconds a role session may last, and the longest once it is chained (IAM user guide, "role
# chaining").
MIN_DURATION = 900
MAX_DURATION = 43_200
MAX_CHAINED_DURATION = 3600

# Seconds a GetSessionToken session may last, and does if nothing is asked.
MIN_TOKEN_DURATION = 900
MAX_TOKEN_DURATION = 129_600
DEFAULT_TOKEN_DURATION = 43_200

# Seconds a scope (GetScopedCredentials) may last. AWS takes a second; nobody is handed less than a minute.
MIN_SCOPE_DURATION = 60
MAX_SCOPE_DURATION = 129_600

# RoleSessionName and SourceIdentity.
MAX_NAME = 64
NAME = Pattern(r"[A-Za-z0-9_+=,.@-]{2,64}")
NOT_IN_SESSION_NAMES = Pattern(r"[^A-Za-z0-9_+=,.@-]+")
MIN_DESCRIPTION = 2
MAX_DESCRIPTION = 256
NOT_IN_DESCRIPTIONS = Pattern(r"[^\x20-\x7e\xa0-\xff]+")
EXTERNAL_ID_TEXT = Pattern(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
MAX_ROLE_ARN = 2048
MAX_POLICY = 2048
MAX_POLICIES = 2048  # the inline policy and the ARNs of managed ones together, in plain text
MAX_POLICY_ARNS = 10
MAX_TAGS = 50
MAX_TAG_KEY = 128
MAX_TAG_VALUE = 256
_IN_ROLE = Pattern(r"(?:\A|:)([0-9-]+):role/")
_MFA_ARN = Pattern(r"arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):([a-z0-9-]+)/(.+)")
_ACCOUNT_IN_MFA = Pattern(r"(arn:aws(?:-[a-z]+)*:iam::)([0-9-]*)")
_SERIAL = Pattern(r"[A-Za-z0-9_+=/:,.@-]{9,256}")
_POLICY_ARN = Pattern(r"arn:aws(?:-[a-z]+)*:iam::(?:[0-9]{12}|aws):policy/[\x21-\x7e]{1,512}")
_TAG_ASCII = Pattern(r"[A-Za-z0-9 _.:/=+\-@]*")
_POLICY_TEXT = Pattern(r"[\t\n\r\x20-\xff]*")


def _role(value: object) -> str:
    given = as_text(value)
    if not is_role(given):
        account = _IN_ROLE.search(given)
        if account and len(account[1]) != 12:
            digits = f"its account has {len(account[1])} digits and needs 12"
            right = given.replace(account[1], "012345678901", 1)
            raise ValueError(f"not a role: {quoted(given)}; {digits}, as in {quoted(right)}")
        raise ValueError(
            f"not a role: {quoted(given)}"
            ' ("arn:aws:iam::111111111111:role/NAME" or "111111111111:role/NAME")'
        )
    if len(given) > MAX_ROLE_ARN:
        raise ValueError("a role's ARN has at most 2,048 characters")
    return given


def _tag_text(text: str, least: int, most: int) -> str | None:
    """Return what is wrong with a tag's key or value, or ``None``."""
    if not least <= len(text) <= most:
        return f"must have {least} to {most} characters, not {len(text)}"
    if _TAG_ASCII.fullmatch(text):
        return None
    import unicodedata

    # STS: [\p{L}\p{Z}\p{N}_.:/=+\-@]
    bad = [
        c for c in text if not _TAG_ASCII.fullmatch(c) and unicodedata.category(c)[0] not in "LZN"
    ]
    return (
        f"has characters that STS refuses: {quoted(''.join(dict.fromkeys(bad)))}" if bad else None
    )


def check_tag(key: str, value: object) -> tuple[str, str]:
    """Return one session tag if STS accepts it.

    Raises:
        ValueError: STS would refuse the key or the value.
    """
    if key.lower().startswith("aws:"):
        raise ValueError('tag keys that begin with "aws:" are reserved by AWS')
    problem = _tag_text(key, 1, MAX_TAG_KEY)
    if problem:
        raise ValueError(f"the tag's key {problem}")
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {kind_of(value)}; write it in quotes")
    problem = _tag_text(value, 0, MAX_TAG_VALUE)
    if problem:
        raise ValueError(f"the tag's value {problem}")
    return key, value


def _tags(value: object) -> tuple[tuple[str, str], ...]:
    table = as_table(value)
    if len(table) > MAX_TAGS:
        raise ValueError(f"has {len(table)} tags; STS takes at most {MAX_TAGS}")
    good: dict[str, tuple[str, str]] = {}
    problems: list[tuple[Place, str]] = []
    for key, each in table.items():
        try:
            tag = check_tag(key, each)
        except ValueError as error:
            problems.append(((key,), str(error)))
            continue
        # IAM user guide, session tags: keys that differ in case only cannot coexist.
        first = good.setdefault(tag_key(key), tag)
        if first is not tag:
            problems.append(((key,), f"the same tag key as {quoted(first[0])}: STS ignores case"))
    if problems:
        raise InvalidParts(tuple(problems))
    return tuple(good.values())


def _tag_key(value: object) -> str:
    key = as_text(value)
    problem = _tag_text(key, 1, MAX_TAG_KEY)
    if problem:
        raise ValueError(f"the tag's key {problem}")
    return key


def _transitive_tags(value: object) -> tuple[str, ...]:
    items = as_list(value)
    if len(items) > MAX_TAGS:
        raise ValueError(f"has {len(items)} keys; STS takes at most {MAX_TAGS}")
    return _none_twice(each_of(items, _tag_key))


_policy_arn = matching(_POLICY_ARN, "the ARN of a managed policy")


def _policy_arns(value: object) -> tuple[str, ...]:
    items = as_list(value)
    if len(items) > MAX_POLICY_ARNS:
        raise ValueError(f"has {len(items)} policies; STS takes at most {MAX_POLICY_ARNS}")
    return _none_twice(each_of(items, _policy_arn))


def _none_twice(items: tuple[str, ...]) -> tuple[str, ...]:
    plain = [item.casefold() for item in items]
    problems = tuple(
        ((index,), f"{quoted(items[index])} is listed twice")
        for index, item in enumerate(plain)
        if item in plain[:index]
    )
    if problems:
        raise InvalidParts(problems)
    return items


def _policy(value: object) -> str:
    # STS takes the line ends of Windows here, unlike in any other text.
    as_text(value.replace("\r", "\n") if isinstance(value, str) else value)
    document = str(value)
    if len(document) > MAX_POLICY:
        raise ValueError(
            f"a session policy has at most 2,048 characters, white space included,"
            f" not {len(document):,}"
        )
    if _POLICY_TEXT.fullmatch(document) is None:
        raise ValueError("a session policy may contain characters up to U+00FF only")
    from rolehop.config.session_policy import check_grammar  # few configs have a policy

    check_grammar(document)
    return document


def _scope_description(value: object) -> str:
    text = as_text(value)
    if not MIN_DESCRIPTION <= len(text) <= MAX_DESCRIPTION:
        raise ValueError(
            f"a scope's description has {MIN_DESCRIPTION} to {MAX_DESCRIPTION} characters,"
            f" not {len(text)}"
        )
    if NOT_IN_DESCRIPTIONS.search(text):
        raise ValueError("a scope's description is one line with characters up to U+00FF only")
    return text


def _mfa_serial(value: object) -> str:
    given = as_text(value)
    arn, well_formed = _MFA_ARN.fullmatch(given), _SERIAL.fullmatch(given) is not None
    is_device = not given.startswith("arn:") or (arn is not None and arn[2] == "mfa")
    if given == "auto" or (well_formed and is_device):
        return given
    if arn is not None and arn[2] == "u2f":
        raise ValueError(
            f"a security key cannot be used for calls to AWS: {quoted(given)}; add an authenticator"
            " app to the user"
        )
    account = _ACCOUNT_IN_MFA.compiled.match(given)
    if account and len(account[2]) != 12:
        right = quoted(f"{account[1]}012345678901{given[account.end() :]}")
        digits = f"its account has {len(account[2])} digits and needs 12, as in {right}"
        raise ValueError(f"not the ARN of an MFA device: {quoted(given)}; {digits}")
    user = f"{arn[1]}:mfa/{arn[3]}" if arn and arn[2] == "user" else "111111111111:mfa/NAME"
    raise ValueError(
        f"not the ARN or serial number of an MFA device: {quoted(given)}"
        f' (e.g. "arn:aws:iam::{user}", "GAHT12345678", or "auto")'
    )


_CHARACTERS = "letters, digits, _ + = , . @ -"
ROLE = Check("role ARN", 'or "ACCOUNT:role/NAME"', _role)

SESSION_NAME = Check(
    "text",
    f"2 to 64 of {_CHARACTERS}",
    matching(NAME, f"a role session name (2 to 64 of {_CHARACTERS})"),
)

SOURCE_IDENTITY = Check(
    "text",
    f"2 to 64 of {_CHARACTERS}",
    matching(NAME, f"a source identity (2 to 64 of {_CHARACTERS})"),
)

EXTERNAL_ID = Check(
    "text",
    f"2 to 1,224 of {_CHARACTERS} : /",
    matching(EXTERNAL_ID_TEXT, f"an external ID (2 to 1,224 of {_CHARACTERS} : /)"),
)

TAGS = Check("table of texts", "at most 50; keys to 128, values to 256 characters", _tags)
TRANSITIVE_TAGS = Check("list of tag keys", "at most 50, each among the tags", _transitive_tags)
POLICY = Check("JSON text", "at most 2,048 characters, no Principal", _policy, prose=True)
POLICY_ARNS = Check("list of ARNs", "at most 10 managed policies", _policy_arns)
MFA_SERIAL = Check("ARN or serial", '9 to 256 characters, or "auto"', _mfa_serial)
HOP_DURATION = duration(MIN_DURATION, MAX_DURATION)
SCOPE_DURATION = duration(MIN_SCOPE_DURATION, MAX_SCOPE_DURATION)
SCOPE_DESCRIPTION = Check(
    "text", "2 to 256 characters up to U+00FF", _scope_description, prose=True
)
MFA_DURATION = duration(MIN_TOKEN_DURATION, MAX_TOKEN_DURATION)
