"""``config import aws-sso-cli``: its ``config.yaml``, and the YAML that is read."""

from __future__ import annotations

import pytest

from rolehop.commands.config.importing.yaml_values import read_yaml
from tests.commands.config.importing.imported import imported

# Of its own tests (internal/sso/testdata/settings.yaml), shortened.
SETTINGS = """\
SSOConfig:
    Default:
        SSORegion: us-east-1
        StartUrl: https://d-754545454.awsapps.com/start
        DefaultRegion: us-east-1
        Accounts:
            258234615182:
                Name: OurCompany Control Tower Playground
                DefaultRegion: eu-west-1
                Tags:
                  - Type: Main Account
                Roles:
                  AWSAdministratorAccess:
                    DefaultRegion: ca-central-1
                    Tags:
                      Test: value
                      Color: turquoise
            833365043586:
                Name: Log archive
                Roles:
                  AWSAdministratorAccess:
            502470824893:
                Name: Audit
    Another:
        SSORegion: us-east-1
        StartUrl: https://d-755555555.awsapps.com/start

DefaultSSO: Default                       # with blanks
Browser: /Applications/Firefox.app
ProfileFormat: "{{.AccountName}}/{{.RoleName}}"
"""
URL = "https://d-754545454.awsapps.com/start"


def test_roles_regions_tags_and_names_are_carried() -> None:
    found = imported("aws-sso-cli", own=SETTINGS)
    portal = {"type": "identity-center", "start_url": URL, "sso_region": "us-east-1"}
    assert found.sources["sso"] == portal
    fleet = found.fleets["sso"]
    assert fleet["source"] == "sso"
    assert fleet["chains"]["OurCompany-Control-Tower-Playground/AWSAdministratorAccess"] == {
        "account": "258234615182",
        "role": "AWSAdministratorAccess",
        "description": "OurCompany Control Tower Playground",
        "color": "cyan",
        "labels": {"Type": "Main Account", "Test": "value"},
    }
    assert fleet["region"] == "ca-central-1"
    assert fleet["chains"]["Log-archive/AWSAdministratorAccess"]["region"] == "us-east-1"
    assert found.chains == {"Another": {"source": "Another"}}
    assert found.lost == ["Browser: a setting of aws-sso", "account 502470824893: it names no role"]


def test_via_is_a_hop_from_another_role_or_from_one_that_the_file_does_not_have() -> None:
    found = imported(
        "aws-sso-cli",
        own=f"""
AuthWorkflow: device_code
SSOConfig:
  Default:
    SSORegion: us-east-1
    StartUrl: {URL}
    Accounts:
      "072668187369":
        Roles:
          AssumeRoleAdmin:
            Profile: admin
            Via: "arn:aws:iam::647310151462:role/sandbox-05-assumeroleadmin"
            SourceIdentity: me@example.com
          FromListed:
            Via: arn:aws:iam::647310151462:role/Listed
      647310151462:
        Roles:
          Listed: {{}}
""",
    )
    role = "arn:aws:iam::072668187369:role"
    start = "647310151462-sandbox-05-assumeroleadmin"
    assert found.sources[start]["role"] == "sandbox-05-assumeroleadmin"
    assert found.sources[start]["flow"] == "device"
    hop = {"role": f"{role}/AssumeRoleAdmin", "source_identity": "me@example.com"}
    assert found.chains["admin"] == {"source": start, "hops": [hop]}
    assert found.chains["072668187369-FromListed"] == {
        "from": "647310151462-Listed",
        "hops": [{"role": f"{role}/FromListed"}],
    }


def test_two_centers_keep_their_own_roles_and_an_account_id_is_a_number() -> None:
    accounts = """
    Accounts:
      0000001234567:
        Roles:
          Admin: {Profile: "admin, all", Icon: x}
          Chained:
            Via: 1234567:Admin
          Elsewhere:
            Via: 7654321:Hub"""
    url = "https://d-{}.awsapps.com/start"
    centers = "".join(
        f"""
  {name}:
    SSORegion: us-east-1
    StartUrl: {url.format(name)}{accounts}"""
        for name in ("one", "two")
    )
    own = f'SSOConfig:{centers}\nUrlExecCommand: ["sh", "-c", "open \'a,b\' %s"]\n'
    found = imported("aws-sso-cli", own=own)
    assert {name: each["start_url"][10:13] for name, each in found.sources.items()} == {
        "admin-all": "one",
        "admin-all-2": "two",
        "000007654321-Hub": "one",
        "000007654321-Hub-2": "two",
    }
    assert {each.get("account") for each in found.sources.values()} == {
        "000001234567",
        "000007654321",
    }
    assert found.chains["000001234567-Chained-2"]["from"] == "admin-all-2"
    assert found.chains["000001234567-Elsewhere-2"]["source"] == "000007654321-Hub-2"
    assert found.lost == [
        "UrlExecCommand: a setting of aws-sso",
        "Icon of role Admin in 000001234567: a setting of aws-sso",
    ]


def test_settings_at_every_level_that_are_not_carried_are_named() -> None:
    own = SETTINGS.replace("Color: turquoise", "Color: mauve\n                      Icon: cart")
    own = own.replace("Name: Audit", "Name: Audit\n                Alias: audit")
    found = imported(
        "aws-sso-cli", own=own.replace("  Another:", "  Another:\n        MaxRetry: 3")
    )
    role = "role AWSAdministratorAccess in 258234615182"
    assert found.lost == [
        "Browser: a setting of aws-sso",
        "Alias of account 502470824893: a setting of aws-sso",
        "account 502470824893: it names no role",
        "MaxRetry of Another: a setting of aws-sso",
        f"the tag Color of {role}: a Firefox container's, not a terminal's",
        f"the tag Icon of {role}: a Firefox container's, not a terminal's",
    ]


def test_aws_profiles_that_run_aws_sso_are_sign_ins() -> None:
    command = "credential_process = /usr/bin/aws-sso -u open -S Default process --arn"
    found = imported(
        "aws-sso-cli",
        "[profile another]\ncredential_process = /opt/tool\n"
        f"[profile listed]\n{command} arn:aws:iam::833365043586:role/AWSAdministratorAccess\n"
        f"[profile other]\n{command} arn:aws:iam::833365043586:role/Audit\n",
        own=SETTINGS,
    )
    chains = found.fleets["sso"]["chains"]
    assert chains["other"] == "833365043586/Audit"
    assert not {"listed", "another"} & {*chains, *found.chains}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("SSOConfig:\n\tDefault:\n", "line 2: found character '\\\\t' that cannot start"),
        ("SSOConfig:\n  Default:\n   a: 1\n  b\n", "line 5: could not find expected ':'"),
        ("SSOConfig:\n  a: 1\n a: 2\n", "line 3: expected <block end>"),
        ("a: 1\na: 2\n", "line 2: the key is there twice"),
        ("a: 1\n? [b]\n: 2\n", "line 2: the key is no text"),
        ("a: *b\n", "line 1: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "line 2: but found another document"),
        ("Threads: 5\n", "it has no SSOConfig"),
        ("- " * 100 + "a", "line 1: it is nested too deeply"),
        ("a: " + "[" * 100_000, "line 1: it is nested too deeply"),
        ("a: &a\n  - *a\n", "line 1: it is nested too deeply"),
        ("a: [1, 2", "line 1: expected ',' or ']'"),
        ("a: {b: c} d", "line 1: expected <block end>"),
        ("a: {b: 1, b: 2}", "line 1: the key is there twice"),
        ("a: 1\nb: \0", "line 2: it has a character that YAML does not allow"),
        ('a: 1\nb: "\\Uffffffff"', "line 2: it has an escape for no character"),
        ('a: 1\nb: "\\U00110000"', "line 2: it has an escape for no character"),
        ("#" * 2_000_000, "it is longer than 1048576 characters"),
    ],
)
def test_broken_files_are_refused_with_their_line(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        imported("aws-sso-cli", own=text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("level", ["[{0}, {0}, {0}, {0}]", "{{a: {0}, b: {0}, c: {0}}}"])
def test_aliases_are_expanded_to_a_limit(level: str) -> None:
    lines = [f"l{n}: &l{n} {level.format(f'*l{n - 1}')}" for n in range(1, 25)]
    text = "\n".join(["l0: &l0 lol", *lines])
    with pytest.raises(ValueError, match=r"^line [0-9]+: it is too large with all that its alias"):
        imported("aws-sso-cli", own=text)
    long = f"l0: &l0 {'x' * 500_000}\n" + "".join(f"l{n}: *l0\n" for n in range(1, 5))
    with pytest.raises(ValueError, match="too large"):
        read_yaml(long)


def test_anchors_and_merges_are_what_they_stand_for() -> None:
    text = """
base: &base {Region: eu-west-1, Name: base}
other: &other {Name: other, Color: red}
one: *base
two:
  <<: *base
  Name: two
three: {<<: [*base, *other], Via: "<<"}
"""
    found = read_yaml(text)
    assert isinstance(found, dict)
    assert found["one"] == found["base"]
    assert found["two"] == {"Region": "eu-west-1", "Name": "two"}
    assert found["three"] == {
        "Region": "eu-west-1", "Name": "base", "Color": "red", "Via": "<<",
    }  # fmt: skip


def test_what_the_loader_refuses_of_a_broken_file_is_named() -> None:
    found = imported("aws-sso-cli", own=SETTINGS.replace("https://d-754545454", "http://d-7"))
    assert found.chains.keys() == {"Another"}
    assert any("start_url" in each for each in found.lost)


def test_yaml_is_texts_lists_and_tables() -> None:
    text = """---
a: "x: # \\u00e9"   # said
b: 'it''s'
c:
- one
- k: v
  l: [1, "2"]
  m: {x: 'a, b', "y": [p q, https://h:1/z], z}
-
  - deep
d: https://x/#y
e:
"""
    assert read_yaml(text) == {
        "a": "x: # é",
        "b": "it's",
        "c": [
            "one",
            {"k": "v", "l": ["1", "2"], "m": {"x": "a, b", "y": ["p q", "https://h:1/z"], "z": ""}},
            ["deep"],
        ],
        "d": "https://x/#y",
        "e": "",
    }
