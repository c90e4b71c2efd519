"""Rules of hops: which line and key, and what is said."""

import pytest

from tests.config.texts import ROLE_HINT, SET, check_one_problem, hop

ARN_OF_11 = "arn:aws:iam::22222222222:role/x"
ARN_OF_12 = "arn:aws:iam::012345678901:role/x"
CASES = [
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
        f'not a role: "{ARN_OF_11}"; its account has 11 digits and needs 12, as in "{ARN_OF_12}"',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = [{ role = "{account}:role/x" }]',
        8,
        "chains.x.hops[0].role",
        "only a fleet's role may contain {account}",
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = [{ role = "222222222222:role/{" }]',
        8,
        "chains.x.hops[0].role",
        'a brace is unmatched in "222222222222:role/{"; fields are {user} {host} {account} {account_name} {chain}',
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
        "unknown field {me}; what is filled in here: {user} {host} {account} {account_name} {chain} {caller}",
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
        'a session policy must not contain "Principal"',
    ),
    (
        hop(f"policy = '{' ' * 2049}'").replace("'  ", "'x "),
        10,
        "chains.x.hops[0].policy",
        "a session policy has at most 2,048 characters, white space included, not 2,049",
    ),
    (
        hop("""policy = '{"Statement": {"Effect": "Deny", "Action": "Get", "Resource": "*"}}'"""),
        10,
        "chains.x.hops[0].policy",
        (
            'statement 1 has the Action "Get", which is not a service and a name, as in'
            ' "sts:AssumeRole"; AWS refuses such a policy'
        ),
    ),
    (
        hop("""policy = '{"Statement": {"Sid": "\u0394"}}'"""),
        10,
        "chains.x.hops[0].policy",
        "a session policy may contain characters up to U+00FF only",
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
        'the same tag key as "team": STS ignores case',
    ),
    (
        hop('tags = { "aws:x" = "a" }'),
        10,
        'chains.x.hops[0].tags."aws:x"',
        'tag keys that begin with "aws:" are reserved by AWS',
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
        "hop 1 already passes this tag on; STS refuses it a second time",
    ),
    (
        hop(
            'source_identity = "alice"\n[[chains.x.hops]]\n'
            'role = "444444444444:role/A"\nsource_identity = "bob"'
        ),
        13,
        "chains.x.hops[1].source_identity",
        'hop 1 already sets the source identity "alice", and no later hop can change it',
    ),
    (
        (
            '[chains.x]\nfrom = "hub"\n[[chains.x.hops]]\nrole = "333333333333:role/A"\n'
            'mfa_serial = "auto"'
        ),
        10,
        "chains.x.hops[0].mfa_serial",
        "hop 2 cannot carry an MFA code: only hop 1 can, as a role's session has no device",
    ),
    (
        (
            '[sources.sso]\ntype = "sign-in"\naccount = "111111111111"\n[chains.x]\nsource = "sso"\n'
            'hops = [{ role = "333333333333:role/A", mfa_serial = "auto" }]'
        ),
        11,
        "chains.x.hops[0].mfa_serial",
        'source "sso" gives a role\'s session: only IAM user keys can carry an MFA code',
    ),
    (
        '[sources.sso]\ntype = "sign-in"\naccount = "{account}"\n[chains.x]\nsource = "sso"',
        10,
        "chains.x.source",
        'source "sso" contains {account}, which only a fleet fills in',
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
]


@pytest.mark.parametrize(("text", "line", "key", "said"), CASES)
def test_one_thing_wrong_is_one_problem(text: str, line: int, key: str, said: str) -> None:
    check_one_problem(text, line, key, said)
