"""Every rule of the config once: which file, line and key, and what is said."""

from __future__ import annotations

import pytest

from rolehop.files import FileText
from tests.config.texts import HERE, Files, complaints_of, error_of, load

HUB = """\
[sources.alice]
type = "keys"
[chains.hub]
source = "alice"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
"""
# Lines 1 to 5 are HUB; a case's own text begins at line 6.


def hop(keys: str) -> str:
    """A chain whose second hop has ``keys`` in lines 10 and on."""
    return f"""\
[chains.x]
source = "alice"
[[chains.x.hops]]
role = "333333333333:role/A"
{keys}"""


ROLE_HINT = '("arn:aws:iam::111111111111:role/NAME" or "111111111111:role/NAME")'
NAME_HINT = "(letters, digits, _ . @ + -; the first no . @ + -)"
SET = "2 to 64 of letters, digits, _ + = , . @ -"

CASES = [
    # the file as a whole
    ("version = 2", 6, "version", "this rolehop reads version 1, not 2"),
    ('version = "1"', 6, "version", "must be an integer, not a string"),
    ("version = true", 6, "version", "must be an integer, not a boolean"),
    ("[chain.x]", 6, "chain", 'unknown; did you mean "chains"?'),
    (
        "[zzz]",
        6,
        "zzz",
        "unknown; known here: version, include, defaults, vault, sources, chains, fleets",
    ),
    ('include = "a.toml"', 6, "include", "must be an array, not a string"),
    ("include = [1]", 6, "include[0]", "must be a string, not an integer; write it in quotes"),
    ("chains.x = 1", 6, "chains.x", "must be a table, not an integer"),
    ("fleets = 3", 6, "fleets", "must hold tables: [fleets.NAME]"),
    ("vault = 3", 6, "vault", "must be a table, not an integer"),
    # names
    ('[chains."a b"]', 6, 'chains."a b"', f'not a name {NAME_HINT}: "a b"'),
    ('[sources."-x"]', 6, "sources.-x", f'not a name {NAME_HINT}: "-x"'),
    ('[fleets."a/b"]', 6, 'fleets."a/b"', f'not a name {NAME_HINT}: "a/b"'),
    # defaults and vault
    ('[defaults]\nregoin = "x"', 7, "defaults.regoin", 'unknown key; did you mean "region"?'),
    ('[defaults]\nregion = "Ireland"', 7, "defaults.region", 'not a region: "Ireland"'),
    (
        '[defaults]\nduration = "13h"',
        7,
        "defaults.duration",
        'longer than allowed: "13h"; it may be 15 min to 12 h',
    ),
    (
        "[defaults]\nmin_ttl = 12.5",
        7,
        "defaults.min_ttl",
        'must be a duration like "30m" or whole seconds, not a float',
    ),
    (
        '[defaults]\nmin_ttl = "-1"',
        7,
        "defaults.min_ttl",
        'not a duration: "-1"; write it like "90s", "30m" or "1h30m"',
    ),
    (
        '[defaults]\nsession_name = "{usr}"',
        7,
        "defaults.session_name",
        "unknown field {usr}; did you mean {user}?",
    ),
    (
        '[vault]\nbackend = "keychain"',
        7,
        "vault.backend",
        'neither "auto" nor a keyring class ("module.Class"): "keychain"',
    ),
    # sources
    ("[sources.x]\nregion = 'eu-west-1'", 6, "sources.x", '"type" is missing'),
    (
        "[sources.x]\ntpye = 'keys'\nmfa_serial = 'auto'",
        7,
        "sources.x.tpye",
        'unknown key; did you mean "type"?',
    ),
    (
        "[sources.x]\ntype = 1",
        7,
        "sources.x.type",
        "must be a string, not an integer; write it in quotes",
    ),
    (
        '[sources.x]\ntype = "kyes"',
        7,
        "sources.x.type",
        'unknown source type "kyes"; did you mean "keys"?',
    ),
    (
        '[sources.x]\ntype = "magic"',
        7,
        "sources.x.type",
        'unknown source type "magic"; known here: keys, sign-in',
    ),
    ('[sources.x]\ntype = "sign-in"', 6, "sources.x", '"account" is missing'),
    (
        '[sources.x]\ntype = "keys"\nmfa-serial = "auto"',
        8,
        "sources.x.mfa-serial",
        'unknown key; did you mean "mfa_serial"?',
    ),
    (
        '[sources.x]\ntype = "keys"\naws_secret_access_key = "wJalr"',
        8,
        "sources.x.aws_secret_access_key",
        "unknown key; secrets do not belong in a config: rolehop keys add keeps them",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_serial = "short"',
        8,
        "sources.x.mfa_serial",
        'not the ARN or serial number of an MFA device: "short" (9 to 256 characters, or "auto")',
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_duration = "37h"',
        8,
        "sources.x.mfa_duration",
        'longer than allowed: "37h"; it may be 15 min to 36 h',
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = "ykman \'oath"',
        8,
        "sources.x.mfa_command",
        "not a command: no closing quotation",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = "pass otp | head -1"',
        8,
        "sources.x.mfa_command",
        "no shell runs this, so | does nothing here; put it in a script",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = []',
        8,
        "sources.x.mfa_command",
        "names no program",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = [\n"a",\n1]',
        10,
        "sources.x.mfa_command[1]",
        "must be a string, not an integer; write it in quotes",
    ),
    (
        '[sources.x]\ntype = "keys"\nprincipal = "alice"',
        8,
        "sources.x.principal",
        'not the ARN of a user, role, session or root: "alice"',
    ),
    (
        '[sources.x]\ntype = "keys"\ndescription = "a\\u001b[1m"',
        8,
        "sources.x.description",
        r'has control characters: "a\x1b[1m"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "{user}"',
        8,
        "sources.x.account",
        "unknown field {user}; what is filled in here: {account}",
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = 111111111111',
        8,
        "sources.x.account",
        "must be a string, not an integer; write the account ID in quotes",
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\nstart_url = "http://corp"',
        9,
        "sources.x.start_url",
        'not an https address: "http://corp"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\nstart_url = "https://{account}"',
        9,
        "sources.x.start_url",
        'templates are not filled in here: "https://{account}"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\nflow = "pkec"',
        9,
        "sources.x.flow",
        'not one of the values known here: "pkec"; did you mean "pkce"?',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\ntrust_anchor = "ta"',
        9,
        "sources.x.trust_anchor",
        'not an ARN: "ta"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\ntoken_file = "t"\ntoken_command = "c"',
        6,
        "sources.x",
        "one of token_file and token_command, not both",
    ),
    # chains
    ("[chains.x]", 6, "chains.x", 'needs a "source", or the chain that it continues as "from"'),
    (
        '[chains.x]\nsource = "alice"\nfrom = "hub"',
        8,
        "chains.x.from",
        "a chain has a source or continues another, not both",
    ),
    (
        '[chains.x]\nsource = "alcie"',
        7,
        "chains.x.source",
        'no source is called "alcie"; did you mean "alice"?',
    ),
    ('[chains.x]\nsource = "zz"', 7, "chains.x.source", 'no source is called "zz"'),
    (
        '[chains.x]\nsource = "hub"',
        7,
        "chains.x.source",
        'no source is called "hub"; a chain is called so: write from = "hub"',
    ),
    (
        '[chains.x]\nfrom = "hbu"',
        7,
        "chains.x.from",
        'no chain is called "hbu"; did you mean "hub"?',
    ),
    (
        '[chains.x]\nfrom = "alice"',
        7,
        "chains.x.from",
        'no chain is called "alice"; a source is called so: write source = "alice"',
    ),
    ('[chains.x]\nfrom = "x"', 7, "chains.x.from", "comes back to itself: x -> x"),
    (
        (
            '[chains.a]\nfrom = "b"\n[chains.b]\nfrom = "c"\n[chains.c]\nfrom = "a"\n'
            '[chains.in]\nfrom = "c"'
        ),
        7,
        "chains.a.from",
        "comes back to itself: a -> b -> c -> a",
    ),
    (
        '[chains.x]\nfrom = "hub"\nconfirm = "yes"',
        8,
        "chains.x.confirm",
        "must be true or false, not a string",
    ),
    (
        '[chains.x]\nfrom = "hub"\ncolor = "rde"',
        8,
        "chains.x.color",
        'not one of the values known here: "rde"; did you mean "red"?',
    ),
    (
        '[chains.x]\nfrom = "hub"\nlabels = { env = 1 }',
        8,
        "chains.x.labels.env",
        "must be a string, not an integer; write it in quotes",
    ),
    (
        '[chains.x]\nfrom = "hub"\nlabels = { "a=b" = "c" }',
        8,
        'chains.x.labels."a=b"',
        f'not a name {NAME_HINT}: "a=b"',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = {}',
        8,
        "chains.x.hops",
        "must be an array of tables, not a table",
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = ["arn"]',
        8,
        "chains.x.hops[0]",
        "must be a table, not a string",
    ),
    (
        '[chains.x]\nfrom = "hub"\nregion = "cn-north-1"',
        8,
        "chains.x.region",
        'cn-north-1 lies in partition aws-cn, but hop 1 of chain "hub" in aws',
    ),
    # hops
    ('[chains.x]\nfrom = "hub"\nhops = [{}]', 8, "chains.x.hops[0]", '"role" is missing'),
    (
        hop('externalid = "x1"'),
        10,
        "chains.x.hops[0].externalid",
        'unknown key; did you mean "external_id"?',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = [{ role = "Admin" }]',
        8,
        "chains.x.hops[0].role",
        f'not a role: "Admin" {ROLE_HINT}',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = [{ role = "arn:aws:iam::22222222222:role/x" }]',
        8,
        "chains.x.hops[0].role",
        f'not a role: "arn:aws:iam::22222222222:role/x" {ROLE_HINT}',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = [{ role = "{account}:role/x" }]',
        8,
        "chains.x.hops[0].role",
        "only a fleet's role may say {account}",
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = [{ role = "222222222222:role/{" }]',
        8,
        "chains.x.hops[0].role",
        'a brace stands alone in "222222222222:role/{"; fields are {user} {host} {account} {chain}',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = [{ role = "arn:aws-cn:iam::333333333333:role/x" }]',
        8,
        "chains.x.hops[0].role",
        (
            'the role is in partition aws-cn, but hop 1 of chain "hub" in aws;'
            " a chain cannot leave its partition"
        ),
    ),
    (
        hop('session_name = "a b"'),
        10,
        "chains.x.hops[0].session_name",
        f'not a role session name ({SET}): "a b"',
    ),
    (
        hop('session_name = "a"'),
        10,
        "chains.x.hops[0].session_name",
        f'not a role session name ({SET}): "a"',
    ),
    (
        hop('source_identity = "{me}"'),
        10,
        "chains.x.hops[0].source_identity",
        "unknown field {me}; what is filled in here: {user} {host} {account} {chain}",
    ),
    (
        hop('source_identity = "a/b"'),
        10,
        "chains.x.hops[0].source_identity",
        f'not a source identity ({SET}): "a/b"',
    ),
    (
        hop('external_id = "x"'),
        10,
        "chains.x.hops[0].external_id",
        'not an external ID (2 to 1,224 of letters, digits, _ + = , . @ - : /): "x"',
    ),
    (
        hop('external_id = "{user}"'),
        10,
        "chains.x.hops[0].external_id",
        'templates are not filled in here: "{user}"',
    ),
    (
        hop("duration = 899"),
        10,
        "chains.x.hops[0].duration",
        "shorter than allowed: 899; it may be 15 min to 12 h",
    ),
    (
        hop('duration = "12h1s"'),
        10,
        "chains.x.hops[0].duration",
        'longer than allowed: "12h1s"; it may be 15 min to 12 h',
    ),
    (
        hop("duration = true"),
        10,
        "chains.x.hops[0].duration",
        'must be a duration like "30m" or whole seconds, not a boolean',
    ),
    (
        hop("duration = 07:32:00"),
        10,
        "chains.x.hops[0].duration",
        'must be a duration like "30m" or whole seconds, not a date or time',
    ),
    (
        hop('policy = "{"'),
        10,
        "chains.x.hops[0].policy",
        "not JSON: expecting property name enclosed in double quotes (line 1, column 2)",
    ),
    (hop('policy = "[]"'), 10, "chains.x.hops[0].policy", "a policy is a JSON object"),
    (
        hop("policy = '{}'"),
        10,
        "chains.x.hops[0].policy",
        'the policy has no "Statement" (an object, or a list of them)',
    ),
    (
        hop("""policy = '{"Version": "2020", "Statement": {}}'"""),
        10,
        "chains.x.hops[0].policy",
        'the policy\'s "Version" must be "2012-10-17"',
    ),
    (
        hop("""policy = '{"Statement": [{"Effect": "Allow", "Principal": "*"}]}'"""),
        10,
        "chains.x.hops[0].policy",
        'a session policy must not say "Principal"',
    ),
    (
        hop(f"policy = '{' ' * 2049}'").replace("'  ", "'x "),
        10,
        "chains.x.hops[0].policy",
        "a session policy has at most 2,048 characters, white space included, not 2,049",
    ),
    (
        hop("""policy = '{"Statement": {"Sid": "\u0394"}}'"""),
        10,
        "chains.x.hops[0].policy",
        "a session policy may hold characters up to U+00FF only",
    ),
    (
        hop('policy_arns = [\n  "arn:aws:iam::aws:policy/A",\n  "ReadOnlyAccess"]'),
        12,
        "chains.x.hops[0].policy_arns[1]",
        'not the ARN of a managed policy: "ReadOnlyAccess"',
    ),
    (
        hop('policy_arns = ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/A"]'),
        10,
        "chains.x.hops[0].policy_arns[1]",
        '"arn:aws:iam::aws:policy/A" is listed twice',
    ),
    (
        hop(f"policy_arns = {['arn:aws:iam::aws:policy/A'] * 11}"),
        10,
        "chains.x.hops[0].policy_arns",
        "has 11 policies; STS takes at most 10",
    ),
    (
        hop("[chains.x.hops.tags]\n" + "\n".join(f'k{n} = "v"' for n in range(51))),
        10,
        "chains.x.hops[0].tags",
        "has 51 tags; STS takes at most 50",
    ),
    (
        hop('tags = { team = "a", Team = "b" }'),
        10,
        "chains.x.hops[0].tags.Team",
        'the same tag key as "team": case is no difference',
    ),
    (
        hop('tags = { "aws:x" = "a" }'),
        10,
        'chains.x.hops[0].tags."aws:x"',
        'tag keys that begin with "aws:" are AWS\'s own',
    ),
    (
        hop('tags = { "" = "a" }'),
        10,
        'chains.x.hops[0].tags.""',
        "the tag's key must have 1 to 128 characters, not 0",
    ),
    (
        hop(f'tags = {{ a = "{"v" * 257}" }}'),
        10,
        "chains.x.hops[0].tags.a",
        "the tag's value must have 0 to 256 characters, not 257",
    ),
    (
        hop('tags = { a = "b;c#" }'),
        10,
        "chains.x.hops[0].tags.a",
        'the tag\'s value has characters that STS refuses: ";#"',
    ),
    (
        hop("[chains.x.hops.tags]\nteam = 1"),
        11,
        "chains.x.hops[0].tags.team",
        "must be a string, not an integer; write it in quotes",
    ),
    (
        hop('tags = { team = "a" }\ntransitive_tags = ["tem"]'),
        11,
        "chains.x.hops[0].transitive_tags[0]",
        '"tem" is not among this hop\'s tags; did you mean "team"?',
    ),
    (
        hop('tags = { team = "a" }\ntransitive_tags = ["team", "Team"]'),
        11,
        "chains.x.hops[0].transitive_tags[1]",
        '"Team" is listed twice',
    ),
    (
        hop(
            'tags = { team = "a" }\ntransitive_tags = ["team"]\n[[chains.x.hops]]\n'
            'role = "444444444444:role/A"\ntags = { TEAM = "a" }'
        ),
        14,
        "chains.x.hops[1].tags.TEAM",
        "hop 1 passes this tag on already; STS refuses it a second time",
    ),
    (
        hop(
            'source_identity = "alice"\n[[chains.x.hops]]\n'
            'role = "444444444444:role/A"\nsource_identity = "bob"'
        ),
        13,
        "chains.x.hops[1].source_identity",
        'hop 1 sets the source identity "alice" already, and no later hop can change it',
    ),
    (
        (
            '[chains.x]\nfrom = "hub"\n[[chains.x.hops]]\nrole = "333333333333:role/A"\n'
            'mfa_serial = "auto"'
        ),
        10,
        "chains.x.hops[0].mfa_serial",
        (
            "this is hop 2 of its path: only hop 1 can carry an MFA code,"
            " since a role's session has no MFA device"
        ),
    ),
    (
        (
            '[sources.sso]\ntype = "sign-in"\naccount = "111111111111"\n[chains.x]\nsource = "sso"\n'
            'hops = [{ role = "333333333333:role/A", mfa_serial = "auto" }]'
        ),
        11,
        "chains.x.hops[0].mfa_serial",
        (
            'source "sso" gives a role\'s session, which has no MFA device:'
            " only IAM user keys can carry an MFA code"
        ),
    ),
    (
        '[sources.sso]\ntype = "sign-in"\naccount = "{account}"\n[chains.x]\nsource = "sso"',
        10,
        "chains.x.source",
        'source "sso" says {account}, which only a fleet fills in',
    ),
    (
        (
            '[sources.cn]\ntype = "keys"\nprincipal = "arn:aws-cn:iam::111111111111:user/a"\n'
            '[chains.x]\nsource = "cn"\nhops = [{ role = "arn:aws:iam::333333333333:role/A" }]'
        ),
        11,
        "chains.x.hops[0].role",
        (
            'the role is in partition aws, but the principal of source "cn" in aws-cn;'
            " a chain cannot leave its partition"
        ),
    ),
    # fleets
    ('[fleets.f]\nfrom = "hub"', 6, "fleets.f", 'needs either "accounts" or "accounts_file"'),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = []\naccounts_file = "a"',
        6,
        "fleets.f",
        'needs either "accounts" or "accounts_file"',
    ),
    (
        "[fleets.f]\naccounts = []",
        6,
        "fleets.f",
        'needs a "source", or the chain that it continues as "from"',
    ),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = [\n"444444444444",\n"44"]',
        10,
        "fleets.f.accounts[1]",
        'not an account ID: "44" (12 digits)',
    ),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = [444444444444]',
        8,
        "fleets.f.accounts[0]",
        "must be a string, not an integer; write the account ID in quotes",
    ),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = ["444444444444", "444444444444"]',
        8,
        "fleets.f.accounts[1]",
        "account 444444444444 is listed twice",
    ),
    (
        '[fleets.f]\nfrom = "hbu"\naccounts = ["444444444444", "555555555555"]',
        7,
        "fleets.f.from",
        'no chain is called "hbu"; did you mean "hub"?',
    ),
    (
        '[fleets.f]\nfrom = "hub"\nrole = "{acount}:role/A"\naccounts = ["444444444444"]',
        8,
        "fleets.f.role",
        "unknown field {acount}; did you mean {account}?",
    ),
    (
        '[fleets.f]\nfrom = "hub"\nexternal_id = "x1"\naccounts = ["444444444444"]',
        8,
        "fleets.f.external_id",
        "needs a role in the same table",
    ),
    (
        (
            '[fleets.f]\nfrom = "hub"\nrole = "arn:aws-cn:iam::{account}:role/A"\n'
            'accounts = ["444444444444", "555555555555"]'
        ),
        8,
        "fleets.f.role",
        (
            'the role is in partition aws-cn, but hop 1 of chain "hub" in aws;'
            " a chain cannot leave its partition"
        ),
    ),
    (
        '[fleets.f]\nfrom = "hub"\nacounts = []\naccounts = []',
        8,
        "fleets.f.acounts",
        'unknown key; did you mean "accounts"?',
    ),
]


@pytest.mark.parametrize(("text", "line", "key", "said"), CASES)
def test_one_thing_wrong_is_one_complaint(text: str, line: int, key: str, said: str) -> None:
    whole = HUB + text
    if not text.startswith("["):
        # Top-level keys stand before the first table; the empty lines keep the numbers.
        whole, line = f"{text}\n{HUB}", 1
    assert complaints_of(whole) == [("config.toml", line, key, said)]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a = 1\nb = = 2\n", 2, "not TOML: invalid value (column 5)"),
        ("a = 1\na = 2\n", 2, "not TOML: cannot overwrite a value (column 6)"),
        ("[chains\n", 1, "not TOML: expected ']' at the end of a table declaration (column 8)"),
        ("\n\nx = [1", 4, "not TOML: unclosed array"),
        (f"x = {'9' * 5000}", None, "not TOML: exceeds the limit (4300 digits)"),
    ],
)
def test_after_a_syntax_error_only_that_is_said(text: str, line: int | None, said: str) -> None:
    [(file, at, key, words)] = complaints_of(text + "\nnonsense = 1")
    assert (file, key) == ("config.toml", "")
    assert at == line or line is None
    assert words.startswith(said)


def test_regions_decide_for_full_arns_where_no_arn_came_before() -> None:
    text = """\
[defaults]
region = "eu-west-1"
[sources.alice]
type = "keys"
[chains.a]
source = "alice"
hops = [{ role = "arn:aws-cn:iam::222222222222:role/A" }]
[chains.b]
source = "alice"
region = "us-gov-west-1"
hops = [{ role = "arn:aws:iam::222222222222:role/A" }]
[chains.c]
source = "alice"
region = "cn-north-1"
hops = [{ role = "arn:aws-cn:iam::222222222222:role/A" }, { role = "222222222222:role/B" }]
"""
    end = "; a chain cannot leave its partition"
    assert complaints_of(text) == [
        (
            "config.toml",
            7,
            "chains.a.hops[0].role",
            "the role is in partition aws-cn, but the region of [defaults] eu-west-1 in aws" + end,
        ),
        (
            "config.toml",
            11,
            "chains.b.hops[0].role",
            "the role is in partition aws, but the chain's region us-gov-west-1 in aws-us-gov"
            + end,
        ),
    ]


def test_a_sources_region_in_another_partition_is_told_once_and_at_the_source() -> None:
    text = """\
[sources.alice]
type = "keys"
region = "cn-north-1"
[chains.a]
source = "alice"
hops = [
    { role = "arn:aws:iam::222222222222:role/A" }, { role = "arn:aws:iam::222222222222:role/B" }
]
[chains.b]
source = "alice"
hops = [{ role = "arn:aws:iam::222222222222:role/C" }]
[chains.c]
source = "alice"
hops = [{ role = "arn:aws-cn:iam::222222222222:role/D" }]
"""
    said = "cn-north-1 lies in partition aws-cn, but roles of chains from this source in aws"
    assert complaints_of(text) == [("config.toml", 3, "sources.alice.region", said)]


def test_everything_wrong_in_all_files_is_said_at_once_in_order() -> None:
    files = {
        "config.toml": 'include = ["team.toml"]\nnonsense = 1\n[chains.a]\nsource = "x"\nfrom = "a"\n',
        "team.toml": "[chains.b]\n[chains.c]\nsource = 1\n",
    }
    error = error_of(files)
    assert [(each.line, each.key) for each in error.complaints] == [
        (2, "nonsense"),
        (4, "chains.a.source"),
        (5, "chains.a.from"),
        (5, "chains.a.from"),
        (1, "chains.b"),
        (3, "chains.c.source"),
    ]
    assert error.what == "6 things are wrong in config.toml and team.toml"
    assert error.exit_code == 3
    assert error.fix is not None
    assert "rolehop config check" in error.fix


def test_one_thing_is_one_thing() -> None:
    assert error_of("x = 1").what == "1 thing is wrong in config.toml"


def test_a_complaint_reads_as_file_line_key_text() -> None:
    [complaint] = error_of("[defaults]\nregion = 1").complaints
    assert str(complaint) == (
        f"{HERE}/config.toml:2: defaults.region:"
        " must be a string, not an integer; write it in quotes"
    )


def test_values_of_unknown_keys_are_never_repeated() -> None:
    error = error_of('[sources.x]\ntype = "keys"\nsecret_access_key = "wJalrXUtnFEMI"')
    assert "wJalr" not in "".join(map(str, error.complaints))


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (
            FileText("", "", "it belongs to bob, neither to you nor to root"),
            None,
            (
                "is not followed, since commands in it would run as you:"
                " it belongs to bob, neither to you nor to root"
            ),
        ),
        (PermissionError(13, "Permission denied"), None, "cannot be read: Permission denied"),
        (UnicodeDecodeError("utf-8", b"a = 1\nb = '\xff'", 11, 12, "x"), 2, "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_followed_is_one_complaint(
    content: FileText | Exception, line: int | None, said: str
) -> None:
    assert complaints_of({"config.toml": content}) == [("config.toml", line, "", said)]
    named: Files = {
        "config.toml": 'include = ["t.toml"]\n[chains.a]\nsource = "of-the-team"',
        "t.toml": content,
    }
    where = f" (line {line})" if line else ""
    assert complaints_of(named) == [
        ("config.toml", 1, "include[0]", f"{HERE}/t.toml {said}{where}")
    ]


@pytest.mark.parametrize("key", ["policy_file", "accounts_file"])
def test_side_files_that_others_can_write_are_refused(key: str) -> None:
    text = f'[fleets.f]\nfrom = "hub"\nrole = "{{account}}:role/A"\n{key} = "side.txt"\n' + (
        'accounts = ["444444444444"]' if key == "policy_file" else ""
    )
    files: Files = {
        "config.toml": HUB + text,
        "side.txt": FileText("", "", "everybody can write it"),
    }
    assert complaints_of(files) == [
        (
            "config.toml",
            9,
            f"fleets.f.{key}",
            (
                f"{HERE}/side.txt is not followed, since commands in it would run as you:"
                " everybody can write it"
            ),
        )
    ]


def test_side_files_are_judged_by_their_content() -> None:
    files = {
        "config.toml": HUB
        + '[fleets.f]\nfrom = "hub"\nrole = "{account}:role/A"\n'
        + 'policy_file = "p.json"\naccounts_file = "sub/a.txt"\n'
        + '[fleets.g]\nfrom = "hub"\naccounts_file = "none.txt"',
        "p.json": '{"Statement": {"NotPrincipal": "*"}}',
        "sub/a.txt": "444444444444\n\n44\n444444444444 # again\n",
    }
    assert complaints_of(files) == [
        (
            "config.toml",
            9,
            "fleets.f.policy_file",
            f'{HERE}/p.json: a session policy must not say "NotPrincipal"',
        ),
        ("config.toml", 13, "fleets.g.accounts_file", f"there is no file {HERE}/none.txt"),
        ("sub/a.txt", 3, "", 'not an account ID: "44" (12 digits)'),
        ("sub/a.txt", 4, "", "account 444444444444 is listed twice, first in line 1"),
    ]


def test_policy_and_policy_file_exclude_each_other() -> None:
    text = hop("""policy = '{"Statement": {}}'\npolicy_file = "p.json" """)
    files = {"config.toml": HUB + text, "p.json": '{"Statement": {}}'}
    assert complaints_of(files) == [
        (
            "config.toml",
            11,
            "chains.x.hops[0].policy_file",
            "there is a policy already; keep one of policy and policy_file",
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an-empty-file"),
        pytest.param("version = 1", id="version-1"),
        pytest.param("\ufeffversion = 1", id="a-byte-order-mark"),
        pytest.param(HUB.replace("\n", "\r\n"), id="windows-line-ends"),
        pytest.param(HUB + hop('tags = { a = "", "κ λ" = "ü" }'), id="tags-in-any-script"),
        pytest.param(HUB + hop('session_name = "{user}-{account}-{chain}"'), id="templates"),
        pytest.param(
            HUB
            + hop(
                'source_identity = "{user}"\n[[chains.x.hops]]\nrole = "444444444444:role/A"\n'
                'source_identity = "alice"'
            ),
            id="a-template-may-give-the-same-source-identity",
        ),
        pytest.param(
            HUB
            + hop(
                'tags = { team = "a" }\ntransitive_tags = ["team"]\n[[chains.x.hops]]\n'
                'role = "444444444444:role/A"\ntransitive_tags = ["team"]'
            ),
            id="an-inherited-tag-may-be-named-transitive-again",
        ),
        pytest.param(HUB + hop('duration = 43200\nmfa_serial = "auto"'), id="mfa-with-hop-1"),
        pytest.param(HUB + '[chains.x]\nsource = "alice"', id="no-hops"),
        pytest.param(HUB + '[chains.x]\nfrom = "hub"\nhops = []', id="hops-empty"),
        pytest.param(HUB + '[chains.hub2]\nsource = "alice"\ndescription = "{user}"', id="prose"),
    ],
)
def test_well_formed(text: str) -> None:
    load(text)
