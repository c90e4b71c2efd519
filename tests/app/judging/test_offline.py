"""Routes, roles and actions as documents alone show them; no AWS call is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rolehop.app.context import App
from rolehop.app.judging.callers import session_or_keys
from rolehop.app.judging.documents import PolicyOptions, read_policy
from rolehop.app.judging.explaining import check_chains, explain_chain
from rolehop.app.planning import Planning
from rolehop.base.errors import RolehopError, SourceError, UsageError
from rolehop.commands.explain.actions import ActionOptions, describe_role, judge_actions
from rolehop.commands.explain.graph import chain_paths
from rolehop.commands.explain.route_finder import find_routes
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from tests.commands.explain.documents import ALICE, USER, role
from tests.support.policies import allow, policy
from tests.support.world import ADMIN, HUB

CONFIG = f"""\
version = 1
[sources]
me = {{ type = "environment", principal = "{ALICE}" }}
nobody = {{ type = "environment" }}
hub = {{ type = "profile", profile = "hub", principal = "{ALICE}" }}
amazon = {{ type = "web-identity", token_file = "/no/token", provider_id = "www.amazon.com", role = "{HUB}" }}
sso = {{ type = "identity-center", start_url = "https://corp.awsapps.com/start", sso_region = "eu-west-1", account = "888888888888", role = "Developer" }}
gone = {{ type = "profile", profile = "no-such-profile" }}
[chains]
own = {{ source = "me" }}
sso = {{ source = "sso" }}
nobody = {{ source = "nobody" }}
amazon = {{ source = "amazon" }}
admin = {{ source = "me", hops = [{{ role = "{HUB}" }}, {{ role = "{ADMIN}" }}] }}
of-profile = {{ source = "hub", hops = [{{ role = "{ADMIN}" }}] }}
broken = {{ source = "gone", hops = [{{ role = "{ADMIN}" }}] }}
"""
AWS_CONFIG = f"""\
[profile base]
aws_access_key_id = AKIASOURCE
aws_secret_access_key = x
[profile hub]
source_profile = base
role_arn = {HUB}
"""
UNKNOWN_ROLE = "arn:aws:iam::999999999999:role/Unknown"


@pytest.fixture
def app(tmp_path: Path) -> App:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(AWS_CONFIG)
    environ = {
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "ASIAHERE",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
    }
    return App(environ, tmp_path, config_file=str(file))


@pytest.fixture
def documents(tmp_path: Path) -> PolicyOptions:
    file = tmp_path / "all.json"
    roles = [role(HUB, ALICE), role(ADMIN, HUB)]
    file.write_text(json.dumps({"UserDetailList": [USER], "RoleDetailList": roles}))
    return PolicyOptions(documents=(str(file),))


def test_a_role_that_only_the_command_names_is_tried_too(
    app: App, documents: PolicyOptions
) -> None:
    found = find_routes(app, UNKNOWN_ROLE, "me", documents, most=3)
    assert [[hop.role.account for hop in each.hops][-1] for each in found.found.routes] == [
        "999999999999"
    ]
    of_source = find_routes(app, "amazon", "amazon", PolicyOptions(), most=1)
    assert [each.hops for each in of_source.found.routes] == [()]
    known = find_routes(app, ADMIN, "me", documents, most=1)
    assert [len(each.hops) for each in known.found.routes] == [2]
    assert [(each.kind, each.name) for each in known.left_out] == [("chain", "broken")]


@pytest.mark.parametrize(
    ("to", "source", "changes", "says"),
    [
        ("own", "me", {}, "chain 'own' has no hop: it is its source's own session"),
        (ADMIN, None, {"caller": ALICE}, "--as does not say which source that is"),
        (ADMIN, "me", {"organization": "admin"}, "no session of chain 'admin' is stored"),
        ("foo", None, {"caller": ALICE}, "no chain or AWS profile is called 'foo'"),
        ("a:role/", None, {"caller": ALICE}, "a:role/ is not a role, account or chain"),
    ],
)
def test_a_search_that_cannot_begin_says_why(
    to: str, source: str | None, changes: dict[str, Any], says: str, app: App
) -> None:
    with pytest.raises(RolehopError) as caught:
        find_routes(app, to, source, PolicyOptions(**changes), most=1)
    assert caught.value.what == says


def test_a_role_is_described_or_it_is_said_why_not(
    app: App, documents: PolicyOptions, tmp_path: Path
) -> None:
    report = describe_role(app, HUB, documents, offline=False)
    assert report.arn == HUB
    with pytest.raises(SourceError, match="nothing is known about"):
        describe_role(app, UNKNOWN_ROLE, documents, offline=True)
    with pytest.raises(SourceError, match="there is no role"):
        describe_role(app, HUB.replace("Hub", "team/Hub"), documents, offline=True)
    with pytest.raises(UsageError, match="describes 2 roles"):
        describe_role(app, documents.documents[0], PolicyOptions(), offline=True)


def test_without_credentials_a_role_is_not_read(tmp_path: Path) -> None:
    notes: list[str] = []
    app = App({"HOME": str(tmp_path)}, tmp_path, notify=notes.append)
    with pytest.raises(SourceError, match="nothing is known about") as caught:
        describe_role(app, HUB, PolicyOptions(), offline=False)
    assert "the credentials in this shell may not read it" in str(caught.value.cause)
    assert [note.partition(":")[0] for note in notes] == ["IAM is not read"]


def test_whose_the_account_is_must_be_known_to_judge_an_action(app: App) -> None:
    asked = ActionOptions(("s3:ListAllMyBuckets",), ANY_RESOURCE)
    with pytest.raises(UsageError, match="the account of source 'nobody' is not known"):
        judge_actions(app, "nobody", asked, PolicyOptions(), WalkOptions(), offline=True)


@pytest.mark.parametrize(
    ("chain", "account"),
    [("own", "111111111111"), ("sso", "888888888888"), ("amazon", "222222222222")],
)
def test_a_chain_without_hops_ends_in_the_account_of_its_source(
    chain: str, account: str, app: App
) -> None:
    verdict = explain_chain(app, chain, PolicyOptions(), WalkOptions(), offline=True)
    assert verdict.account == account


def test_a_provider_that_sts_knows_is_named_by_its_host(app: App) -> None:
    verdict = explain_chain(app, "amazon", PolicyOptions(), WalkOptions(), offline=True)
    (hop,) = verdict.hops
    assert "www.amazon.com" in repr(hop.verdict.request)


def test_a_chain_that_cannot_be_planned_stops_a_graph_and_no_check(
    app: App, documents: PolicyOptions
) -> None:
    (verdict,) = check_chains(app, ["broken"], PolicyOptions(), offline=True)
    assert verdict.chain == "broken"
    with pytest.raises(RolehopError, match="no-such-profile"):
        chain_paths(app, ["broken"], documents)


def test_the_keys_of_a_chain_without_hops_are_at_hand(app: App) -> None:
    assert session_or_keys(app, Planning(app).plan("own")).access_key_id == "ASIAHERE"
    with pytest.raises(SourceError, match="no session of chain 'admin' is stored"):
        session_or_keys(app, Planning(app).plan("admin"))


def test_a_policy_is_taken_out_of_what_the_aws_cli_prints(tmp_path: Path) -> None:
    document = policy(allow(Resource="*"))
    file = tmp_path / "policy.json"
    outputs = (
        document,
        {"Role": {"Arn": HUB, "AssumeRolePolicyDocument": document}},
        {"Policy": {"Content": json.dumps(document)}},
        {"Policy": json.dumps(document)},
    )
    for each in outputs:
        file.write_text(json.dumps(each))
        assert json.loads(read_policy(str(file))) == document
