"""Define the config file, once: the loader follows this, and ``config reference`` prints it.

Each source type defines its keys beside its code, with the same ``Key`` and ``Table``. The checks
of values are in ``value_types`` and ``sts_limits``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from rolehop.base.dataclass import dataclass
from rolehop.base.startup import Pattern
from rolehop.base.text import quoted
from rolehop.config import sts_limits, value_types
from rolehop.config.model import BROWSERS
from rolehop.config.value_types import Check, kind_of

ACCOUNT_NAME = "account_name"
"""The name that the config gives the account; its ID if it has none."""

FIELDS = ("user", "host", "account", ACCOUNT_NAME, "chain")

CALLER = "caller"
"""The name that the source signed in with; only in role session names and source identities."""

SAMPLES: Mapping[str, str] = {
    "user": "user",
    "host": "host",
    "account": "000000000000",
    ACCOUNT_NAME: "account-name",
    "chain": "chain",
    CALLER: "caller",
}
"""Samples that let a template be checked like any other value, before it is filled in."""

_CALLER = f"{{{CALLER}}}"
_FIELD = Pattern(r"\{([^{}]*)\}")
_KNOWN = Pattern(r"\{(?:" + "|".join((*FIELDS, CALLER)) + r")\}")


def fields_of(text: str, allowed: tuple[str, ...] = FIELDS) -> tuple[str, ...]:
    """Return the fields of a template, in order.

    Raises:
        ValueError: a field is not among ``allowed``, or a brace is unmatched.
    """
    if "{" not in text and "}" not in text:
        return ()
    names = tuple(_FIELD.findall(text))
    for name in names:
        if name not in allowed:
            raise ValueError(f"unknown field {{{name}}}{_nearest(name, allowed)}")
    if re.search(r"[{}]", _FIELD.sub("", text)):
        raise ValueError(f"a brace is unmatched in {quoted(text)}; fields are {_shown(allowed)}")
    return names


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with the fields of ``values`` filled in; others stay as they are."""
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), text)


def mentions_caller(text: str | None) -> bool:
    """True if ``text`` contains ``{caller}``, not filled in."""
    return text is not None and _CALLER in text


def mentions_field(text: str) -> bool:
    """True if ``text`` contains a known field."""
    return "{" in text and _KNOWN.search(text) is not None


def _nearest(name: str, allowed: tuple[str, ...]) -> str:
    from rolehop.base.text import did_you_mean

    near = did_you_mean(name, allowed, form="{{{}}}")
    return near or f"; what is filled in here: {_shown(allowed)}"


def _shown(names: tuple[str, ...]) -> str:
    return " ".join(f"{{{name}}}" for name in names)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one table."""

    name: str
    check: Check
    doc: str
    """One sentence: lower case, no full stop."""

    default: str = ""
    """What applies if the key is absent, as shown to people."""

    required: bool = False
    template: bool = False
    """The ``fields`` of its table are filled in; the value keeps them until then."""

    names_caller: bool = False
    """``{caller}`` is filled in, too."""

    table: Table | None = None
    """The value is an array of such tables; ``check`` then only names the type."""

    single: bool = False
    """The value is one such table, and no array."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: which keys it may have."""

    name: str
    doc: str
    """One sentence: lower case, no full stop."""

    keys: tuple[Key, ...]
    rule: Callable[[Mapping[str, object]], None] | None = None
    """A rule over several keys: gets the checked values that are set, raises ``ValueError`` (or
    ``InvalidParts`` to point at a key). Runs only if every key is valid."""

    fields: tuple[str, ...] = FIELDS
    """The fields that templates in this table may contain."""

    def key(self, name: str) -> Key | None:
        """Return the key called ``name``, or ``None``."""
        return next((key for key in self.keys if key.name == name), None)


def _not_run(value: object) -> object:
    raise AssertionError("an array of tables is checked table by table")


_QUERY_KEYS = ("organization", "identity_center", "ou", "tags", "exclude", "role")


def _accounts(value: object) -> object:
    """Return accounts with their names, or what AWS is asked for."""
    if isinstance(value, dict) and not value.keys().isdisjoint(_QUERY_KEYS):
        from rolehop.config.account_query import is_query, read_query

        if is_query(value):
            return read_query(value)
    return value_types.ACCOUNTS.run(value)


FLEET_ACCOUNTS = Check(
    f"{value_types.ACCOUNTS.kind}; or what AWS is asked for", value_types.ACCOUNTS.limit, _accounts
)


def _version(value: object) -> int:
    if type(value) is not int:  # a boolean is an int, too
        raise ValueError(f"must be an integer, not {kind_of(value)}")
    if value != 1:
        raise ValueError(f"this rolehop reads version 1, not {value}")
    return value


_DESCRIPTION = Key("description", value_types.PROSE, "what it is for, shown in lists")

_REGION = Key(
    "region",
    value_types.REGION,
    "where STS is called, and what AWS_REGION becomes",
    "AWS_REGION, AWS_DEFAULT_REGION, then as in [defaults]",
)

DEFAULTS = Table(
    "defaults",
    "what applies if a chain or a hop sets nothing; a user's key wins over the site's",
    (
        Key(
            "region",
            value_types.REGION,
            "where STS is called, and what AWS_REGION becomes, unless AWS_REGION or"
            " AWS_DEFAULT_REGION says",
            "the AWS profile's, then the partition's own",
        ),
        Key(
            "session_name",
            sts_limits.SESSION_NAME,
            "the role session name; characters that STS refuses are replaced in what the fields give",
            '"{user}@{host}"',
            template=True,
            names_caller=True,
        ),
        Key("duration", sts_limits.HOP_DURATION, "how long a hop's session should last", '"1h"'),
        Key(
            "min_ttl",
            value_types.MIN_TTL,
            "how long a session must still last to be handed out",
            '"16m"',
        ),
    ),
)

VAULT = Table(
    "vault",
    "where sessions are stored: the keyring of the operating system",
    (Key("backend", value_types.BACKEND, "the keyring back end", '"auto"'),),
)

ORGANIZATION = Table(
    "organization",
    "where explain, check and routes read SCPs and RCPs",
    (
        Key(
            "from",
            value_types.TEXT,
            "a chain into the management account, or to a delegated administrator",
        ),
    ),
)


def _console_rule(values: Mapping[str, object]) -> None:
    browser = values.get("browser")
    if "profile" in values and browser in (None, "firefox"):
        raise ValueError("profile needs a browser: chrome, chromium, edge or brave")
    if values.get("container") and browser not in (None, "firefox"):
        raise ValueError(f"container is for firefox, not for {browser}")


HISTORY = Table(
    "history",
    "what rolehop history keeps",
    (
        Key(
            "max_size",
            value_types.size(5, 10_000),
            "how much its files may take; the oldest lines go first",
            "50 MB",
        ),
        Key(
            "journald",
            value_types.BOOLEAN,
            "the system's journal (systemd) gets each line, too",
            "false",
        ),
    ),
)

CONSOLE = Table(
    "console",
    "where and how rolehop console opens a chain",
    (
        Key(
            "browser",
            value_types.choice(*BROWSERS),
            "the browser",
            "the system's",
        ),
        Key(
            "profile",
            value_types.TEXT,
            "the directory of the browser's profile (its --profile-directory); not of firefox",
            template=True,
        ),
        Key(
            "container",
            value_types.CONTAINER,
            'a Firefox container for each chain, in its color. true: by the add-on "Open external'
            ' links in a container"; "granted": by Granted\'s',
            "false",
        ),
        Key(
            "multi_session",
            value_types.BOOLEAN,
            "the console's multi-session support is on: it keeps five sessions, and --logout-first"
            " ends none",
            "false",
        ),
    ),
    rule=_console_rule,
    fields=("chain",),
)

SOURCE = Table(
    "sources.NAME",
    "where the first credentials come from",
    (
        Key(
            "type",
            value_types.NAME,
            "the kind of source; each has its own keys",
            required=True,
        ),
        _DESCRIPTION,
        Key(
            "region",
            value_types.REGION,
            "the region of the source's own calls",
            "AWS_REGION, AWS_DEFAULT_REGION, then as in [defaults]",
        ),
        Key(
            "principal",
            value_types.PRINCIPAL,
            "the principal that this source must be; another one is an error before any hop",
        ),
    ),
)

_ROLE = Key("role", sts_limits.ROLE, "the role to assume", required=True, template=True)

_HOP_REST = (
    Key(
        "session_name",
        sts_limits.SESSION_NAME,
        "the role session name",
        "as in [defaults]",
        template=True,
        names_caller=True,
    ),
    Key(
        "external_id",
        sts_limits.EXTERNAL_ID,
        "the external ID that the role's trust policy asks for",
    ),
    Key(
        "duration",
        sts_limits.HOP_DURATION,
        "how long the session should last; planned down to the hop's ceiling (1 h once chained)",
        "as in [defaults]",
    ),
    Key("policy", sts_limits.POLICY, "a session policy: it limits what the session may do"),
    Key(
        "policy_file",
        value_types.PATH,
        "a file with the session policy, instead of policy",
    ),
    Key("policy_arns", sts_limits.POLICY_ARNS, "managed policies as session policies"),
    Key("tags", sts_limits.TAGS, "session tags; needs sts:TagSession"),
    Key("transitive_tags", sts_limits.TRANSITIVE_TAGS, "keys of tags that later hops inherit"),
    Key(
        "source_identity",
        sts_limits.SOURCE_IDENTITY,
        "stays set through every later hop; each of them must allow sts:SetSourceIdentity",
        template=True,
        names_caller=True,
    ),
)

HOP = Table(
    "chains.NAME.hops",
    "one STS call: gets the role's session with the credentials of the hop before",
    (
        _ROLE,
        *_HOP_REST,
        Key(
            "mfa_serial",
            sts_limits.MFA_SERIAL,
            "sends an MFA code with this hop itself: hop 1 from IAM user keys only",
        ),
    ),
)


def _scope_rule(values: Mapping[str, object]) -> None:
    read_only = values.get("read_only") is True
    policy = next((key for key in ("policy", "policy_file") if key in values), None)
    if read_only and policy:
        raise ValueError(f"keep one of read_only and {policy}: a scope is one policy")
    if not (read_only or policy or "duration" in values):
        raise ValueError(
            "narrows nothing: it needs read_only = true, policy, policy_file or duration"
        )


SCOPE = Table(
    "chains.NAME.scope",
    "a last call, GetScopedCredentials: it narrows the session in hand and keeps who it is. If AWS"
    " refuses it, rolehop hands nothing out",
    (
        Key(
            "read_only",
            value_types.BOOLEAN,
            "rolehop's own policy, which only reads: less than AWS's ReadOnlyAccess (see rolehop guide"
            " scopes)",
            "false",
        ),
        Key("policy", sts_limits.POLICY, "the session can do no more than this policy allows"),
        Key("policy_file", value_types.PATH, "a file with the policy, instead of policy"),
        Key(
            "duration",
            sts_limits.SCOPE_DURATION,
            "how long the session lasts; never longer than the one that it narrows",
            "as long as that one",
        ),
        Key(
            "description",
            sts_limits.SCOPE_DESCRIPTION,
            "what CloudTrail shows of the call, before the reason if there is one",
        ),
    ),
    rule=_scope_rule,
)

_SCOPE = Key(
    "scope",
    Check("table", "read_only, policy, policy_file, duration, description", _not_run),
    "narrows the session that is handed out; a chain that has one cannot be continued",
    table=SCOPE,
    single=True,
)

_START = (
    Key("source", value_types.NAME, "the source that the chain starts from"),
    Key("from", value_types.TEXT, "the chain that this one continues, instead of source"),
)

_COLOR = Key("color", value_types.COLOR, "how the chain is shown in lists and prompts")
_LABELS = Key("labels", value_types.LABELS, "words to select chains by; STS does not see them")

_LOOKS = (
    _REGION,
    Key("confirm", value_types.BOOLEAN, "asks before it hands the session over", "false"),
    Key(
        "reason",
        value_types.choice("required", "optional"),
        "whether each walk must give a reason (--reason, or asked on the terminal)",
        '"optional"',
    ),
    Key(
        "reason_in",
        value_types.choice("session_name", "tag"),
        'where AWS sees the reason: at the end of the last hop\'s role session name, or in its tag "reason"',
        '"session_name"',
    ),
    _COLOR,
    _LABELS,
)

CHAIN = Table(
    "chains.NAME",
    "a source, or another chain, and the hops that follow",
    (
        _DESCRIPTION,
        *_START,
        Key(
            "hops",
            Check("array of tables", "", _not_run),
            "the hops in order; none: the source's own session",
            table=HOP,
        ),
        _SCOPE,
        *_LOOKS,
    ),
)

_EACH_REGIONS = Key(
    "regions",
    value_types.REGIONS,
    "where each runs its command if --region does not say it, a target for each",
    "none: the chain's region",
)

FLEET = Table(
    "fleets.NAME",
    "one chain NAME/ACCOUNT for each account of a list",
    (
        _DESCRIPTION,
        *_START,
        Key(
            "role",
            sts_limits.ROLE,
            'the role to assume in each account, e.g. "{account}:role/Audit"',
            "none: the session of the chain before",
            template=True,
        ),
        *_HOP_REST,
        Key(
            "accounts",
            FLEET_ACCOUNTS,
            'the accounts. { billing = "444444444444" }, or lines below [fleets.NAME.accounts]: the'
            ' chain is NAME/billing, also NAME/ID. { organization = "CHAIN", ou = ["Prod/*"], tags ='
            ' { env = "prod" }, exclude = [] }: those that fleet refresh lists through that chain'
            ' (tags = true keeps all tags, for tag:env=prod). { identity_center = "SOURCE", role ='
            ' "Admin" }: those where the source gives that role. A list of roles, or "*", makes'
            " chains NAME/ACCOUNT/ROLE",
        ),
        Key(
            "accounts_file",
            value_types.PATH,
            "instead of accounts: a file, one account ID a line, a name behind it, # for comments",
        ),
        Key(
            "chains",
            Check("table", "", value_types.as_table),
            "instead of accounts, where the source is an Identity Center: chains by names of their"
            ' own, which keep these. { prod-admin = "111111111111/Admin" }, or lines below'
            " [fleets.NAME.chains]: the chain is prod-admin, also NAME/prod-admin. One with a"
            " description, region, color or labels of its own is a table that has account and role",
        ),
        _EACH_REGIONS,
        _SCOPE,
        *_LOOKS,
    ),
)

MEMBER = Table(
    "fleets.NAME.chains.NAME",
    "one chain of a fleet that gives its chains names of their own",
    (
        Key("account", value_types.ACCOUNT, "the account that is signed in to", required=True),
        Key("role", value_types.TEXT, "the role (permission set) there", required=True),
        _DESCRIPTION,
        _REGION,
        _COLOR,
        _LABELS,
    ),
)

ACCOUNTS = Table(
    "accounts",
    "names of accounts, shown beside their IDs; a fleet's own names win",
    (Key("NAME", value_types.ACCOUNT, "the ID of the account that is called so"),),
)

TOP = Table(
    "",
    "keys before the first table",
    (
        Key("version", Check("integer", "1", _version), "the version of this format", "1"),
        Key("include", value_types.TEXTS, "files to read first; this file wins over them"),
    ),
)

NAMED: Mapping[str, Table] = {"sources": SOURCE, "chains": CHAIN, "fleets": FLEET}
"""Tables that hold one table for each name."""

SINGLE: Mapping[str, Table] = {
    "defaults": DEFAULTS,
    "vault": VAULT,
    "organization": ORGANIZATION,
    "console": CONSOLE,
    "history": HISTORY,
}
"""Tables that hold keys; later files win key by key."""
