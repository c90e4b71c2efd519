"""How problems of the config are reported: all at once, each with file, line and key."""

from __future__ import annotations

import pytest

from rolehop.base.file_access import Distrust
from rolehop.base.files import FileText
from tests.config.texts import HERE, HUB, Files, complaints_of, error_of, hop, load

NO_UTF_8 = "is not UTF-8 text; save it as UTF-8"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a = 1\nb = = 2\n", 2, "not TOML: invalid value"),
        ("a = 1\na = 2\n", 2, "not TOML: cannot overwrite a value; this name is there already"),
        ("[chains\n", 1, "not TOML: expected ']' at the end of a table declaration; a bracket"),
        (f"x = {'9' * 5000}", None, "not TOML: exceeds the limit (4300 digits)"),
    ],
)
def test_after_a_syntax_error_only_that_is_reported(text: str, line: int | None, said: str) -> None:
    [(file, at, key, words)] = complaints_of(text + "\nnonsense = 1")
    assert (file, key) == ("config.toml", "")
    assert at == line or line is None
    assert words.startswith(said)


def test_regions_decide_for_full_arns_if_no_arn_came_before() -> None:
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


def test_a_sources_region_in_another_partition_is_reported_once_and_at_the_source() -> None:
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
    said = "cn-north-1 is in partition aws-cn, but roles of chains from this source in aws"
    assert complaints_of(text) == [("config.toml", 3, "sources.alice.region", said)]


def test_all_problems_of_all_files_are_reported_at_once_in_order() -> None:
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
    assert error.what == "6 problems in config.toml and team.toml"
    assert error.exit_code == 3
    assert error.fix is not None
    assert "rolehop config reference" in error.fix


def test_one_thing_is_one_thing() -> None:
    assert error_of("x = 1").what == "1 problem in config.toml"


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
            FileText("", "", Distrust("it belongs to bob, neither to you nor to root")),
            None,
            (
                "is not used, since whoever changed it could act as you:"
                " it belongs to bob, neither to you nor to root"
            ),
        ),
        (PermissionError(13, "Permission denied"), None, "cannot be read: Permission denied"),
        (UnicodeDecodeError("utf-8", b"a = 1\nb = '\xff'", 11, 12, "x"), 2, NO_UTF_8),
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
    placed = said.replace(" text", f" text (line {line})") if line else said
    assert complaints_of(named) == [("config.toml", 1, "include[0]", f"{HERE}/t.toml {placed}")]


@pytest.mark.parametrize("key", ["policy_file", "accounts_file"])
def test_side_files_that_others_can_write_are_refused(key: str) -> None:
    text = f'[fleets.f]\nfrom = "hub"\nrole = "{{account}}:role/A"\n{key} = "side.txt"\n' + (
        'accounts = ["444444444444"]' if key == "policy_file" else ""
    )
    files: Files = {
        "config.toml": HUB + text,
        "side.txt": FileText("", "", Distrust("everybody can write it")),
    }
    assert complaints_of(files) == [
        (
            "config.toml",
            9,
            f"fleets.f.{key}",
            (
                f"{HERE}/side.txt is not used, since whoever changed it could act as you:"
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
            f'{HERE}/p.json: a session policy must not contain "NotPrincipal"',
        ),
        ("config.toml", 13, "fleets.g.accounts_file", f"there is no file {HERE}/none.txt"),
        (
            "sub/a.txt",
            3,
            "",
            'not an account ID: "44"; it has 2 digits and needs 12, as in 012345678901 billing',
        ),
        ("sub/a.txt", 4, "", "account 444444444444 is listed twice, first in line 1"),
    ]


def test_policy_and_policy_file_exclude_each_other() -> None:
    text = hop(
        """policy = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'\npolicy_file = "p.json" """
    )
    files = {
        "config.toml": HUB + text,
        "p.json": '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}',
    }
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
