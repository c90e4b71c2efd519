"""``explain`` of federated sources: hop 0 from config, token and certificate, offline."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.query_api import QueryClient
from rolehop.base.credentials import Credentials, Secret
from tests.sources import pki
from tests.support.policies import policy, trust_for
from tests.support.world import ADMIN, World, temporary_world

OWN = "arn:aws:iam::222222222222:role/team/Own"
HOST = "gitlab.example.com"
PROVIDER = f"arn:aws:iam::222222222222:oidc-provider/{HOST}"
SAML = "arn:aws:iam::222222222222:saml-provider/Corp"
AT = "arn:aws:rolesanywhere:eu-west-1:222222222222"
ANCHOR = f"{AT}:trust-anchor/66666666-7777-8888-9999-000000000000"
PROFILE = f"{AT}:profile/11111111-2222-3333-4444-555555555555"
BY_TOKEN, BY_SAML = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"
THREE = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
CONFIG = f"""\
version = 1
[defaults]
region = "eu-west-1"
[sources.by-token]
type = "web-identity"
role = "222222222222:role/team/Own"
token_file = "token"
[sources.by-variable]
type = "web-identity"
role = "{OWN}"
token_env = "TOKEN"
[sources.by-limited]
type = "web-identity"
role = "222222222222:role/team/Own"
token_file = "token"
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
[sources.by-eks]
type = "web-identity"
[sources.by-command]
type = "web-identity"
role = "{OWN}"
token_command = ["false"]
[sources.by-saml]
type = "saml"
role = "{OWN}"
provider = "{SAML}"
[sources.by-some-saml]
type = "saml"
[sources.by-certificate]
type = "roles-anywhere"
trust_anchor = "{ANCHOR}"
profile = "{PROFILE}"
role = "222222222222:role/team/Own"
certificate = "host.pem"
private_key = "host.key"
[sources.by-pkcs12]
type = "roles-anywhere"
trust_anchor = "{ANCHOR}"
profile = "{PROFILE}"
role = "{OWN}"
pkcs12 = "host.p12"
"""
SOURCES = (
    "by-token", "by-variable", "by-limited", "by-eks", "by-command", "by-saml", "by-some-saml",
    "by-certificate", "by-pkcs12",
)  # fmt: skip
for _name in SOURCES:
    CONFIG += f'[chains.{_name}]\nsource = "{_name}"\n'
    CONFIG += f'[chains.{_name}-on]\nsource = "{_name}"\nhops = [{{ role = "{ADMIN}" }}]\n'


def token(**claims: Any) -> str:
    """Make an unsigned token: offline, no signature is checked."""
    payload = {"iss": f"https://{HOST}", "sub": "me", "aud": "rolehop", **claims}
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"e30.{body}.c2ln"


def role(arn: str, *trusts: Any) -> Any:
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return {
        "Arn": arn,
        "AssumeRolePolicyDocument": policy(*trusts),
        "RolePolicyList": [{"PolicyName": "all", "PolicyDocument": {"Statement": anything}}],
        "AttachedManagedPolicies": [],
    }


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with temporary_world() as world:
        world.config(CONFIG)
        folder = world.config_file.parent
        issued = pki.issue("host1.example.com", pki.issue("CA", authority=True))
        (folder / "host.pem").write_bytes(pki.pem(issued.certificate))
        (folder / "host.key").write_bytes(pki.key_pem(issued.key))
        (folder / "host.p12").write_bytes(pki.p12(issued, [], None))
        (folder / "token").write_text(token())
        yield world


def explained(
    world: World,
    chain: str,
    *trusts: Any,
    more: tuple[str, ...] = (),
    seen: bool = True,
    env: dict[str, str | None] | None = None,
    **of_admin: Any,
) -> Any:
    own = trust_for({"AWS": OWN}, "sts:AssumeRole", **of_admin)
    file = {"RoleDetailList": [role(OWN, *trusts), role(ADMIN, own)]}
    (world.home / "roles.json").write_text(json.dumps(file))
    given = ("--offline", "--policies", "roles.json", "--format", "json", *more)
    done = world.rolehop("explain", chain, *given, *(SEEN if seen else ()), env=env)
    assert done.err == ""
    return done.json


SEEN = ("--assume", "source-session", "--assume", "roles-anywhere-profile")
WEB = trust_for({"Federated": PROVIDER}, BY_TOKEN)
MINE = trust_for(
    {"Federated": PROVIDER},
    BY_TOKEN,
    StringEquals={f"{HOST}:sub": "me", f"{HOST}:aud": "rolehop"},
)
GITHUB = "token.actions.githubusercontent.com"
OF_GITHUB = {"Federated": f"arn:aws:iam::222222222222:oidc-provider/{GITHUB}"}


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"StringEquals": {f"{GITHUB}:repository": "me/x"}}, "allowed"),
        ({"StringLike": {f"{GITHUB}:repository": "other/*"}}, "refused"),
        ({"StringEquals": {f"{GITHUB}:environment": "prod"}}, "refused"),  # it names none
        ({"StringEquals": {f"{GITHUB}:run_id": "7"}}, "unknown"),  # AWS makes no key of it
    ],
)
def test_the_claims_of_the_token_in_hand_decide_where_aws_makes_keys_of_them(
    world: World, asked: Any, verdict: str
) -> None:
    claims = {"iss": f"https://{GITHUB}", "repository": "me/x", "ref": "main", "run_id": "7"}
    found = explained(
        world,
        "by-variable",
        trust_for(OF_GITHUB, BY_TOKEN, **asked),
        env={"TOKEN": token(**claims)},
    )
    assert found["verdict"] == verdict


ANYWHERE = trust_for({"Service": "rolesanywhere.amazonaws.com"}, THREE)


@pytest.mark.parametrize(
    ("chain", "trust", "verdict"),
    [
        ("by-token", MINE, "allowed"),
        (
            "by-token",
            trust_for({"Federated": PROVIDER}, "sts:*", Null={f"{HOST}:sub": "true"}),
            "refused",
        ),
        ("by-token", trust_for("*", BY_TOKEN), "unknown"),
        ("by-token", trust_for({"AWS": "*"}, BY_TOKEN), "unknown"),
        ("by-token", trust_for({"Federated": SAML}, BY_TOKEN), "refused"),
        ("by-command", MINE, "unknown"),
        ("by-command", WEB, "unknown"),
        ("by-saml", trust_for({"Federated": SAML}, BY_SAML), "allowed"),
        (
            "by-saml",
            trust_for({"Federated": SAML}, BY_SAML, StringEquals={"saml:aud": "x"}),
            "unknown",
        ),
        ("by-saml", MINE, "refused"),
        ("by-some-saml", MINE, "unknown"),
        ("by-certificate", ANYWHERE, "allowed"),
        ("by-certificate", trust_for({"Service": "ec2.amazonaws.com"}, THREE), "refused"),
        ("by-certificate", trust_for(ANYWHERE["Principal"], THREE[:1]), "refused"),
        ("by-certificate", trust_for("*", THREE), "unknown"),
        ("by-pkcs12", ANYWHERE, "allowed"),
    ],
)
def test_hop_0_is_judged(world: World, chain: str, trust: Any, verdict: str) -> None:
    assert explained(world, chain, trust)["verdict"] == verdict


@pytest.mark.parametrize(
    ("chain", "condition", "verdict"),
    [
        ("by-certificate", {"aws:PrincipalTag/x509Subject/CN": "host1.example.com"}, "allowed"),
        ("by-certificate", {"aws:PrincipalTag/x509Issuer/CN": "CA"}, "allowed"),
        ("by-certificate", {"aws:PrincipalTag/x509Subject/CN": "host2"}, "refused"),
        ("by-certificate", {"aws:PrincipalTag/x509Subject/OU": "ops"}, "refused"),
        ("by-certificate", {"sts:SourceIdentity": "host1.example.com"}, "allowed"),
        ("by-certificate", {"aws:SourceArn": ANCHOR}, "allowed"),
        ("by-certificate", {"aws:SourceArn": PROFILE}, "refused"),
        ("by-certificate", {"aws:SourceAccount": "222222222222"}, "allowed"),
        # What lies in a sealed file is not read.
        ("by-pkcs12", {"aws:PrincipalTag/x509Subject/CN": "host1.example.com"}, "unknown"),
        ("by-pkcs12", {"sts:SourceIdentity": "host1.example.com"}, "unknown"),
        ("by-pkcs12", {"aws:SourceArn": ANCHOR}, "allowed"),
    ],
)
def test_what_is_known_from_a_certificate(
    world: World, chain: str, condition: dict[str, str], verdict: str
) -> None:
    service = {"Service": "rolesanywhere.amazonaws.com"}
    found = explained(world, chain, trust_for(service, THREE, StringEquals=condition))
    assert found["verdict"] == verdict
    (hop,) = found["hops"]
    assert (hop["hop"], hop["caller"]) == (0, "rolesanywhere.amazonaws.com")
    if verdict == "unknown":
        assert hop["unknowns"] == list(condition)
        supplied = [f"--context={key}={value}" for key, value in condition.items()]
        trust = trust_for(service, THREE, StringEquals=condition)
        assert explained(world, chain, trust, more=tuple(supplied))["verdict"] == "allowed"


def test_after_a_certificate_the_next_role_must_take_the_source_identity(world: World) -> None:
    for chain in ("by-certificate-on", "by-pkcs12-on"):
        found = explained(world, chain, ANYWHERE)
        first, second = found["hops"]
        assert (first["verdict"], second["verdict"]) == ("allowed", "refused")
        assert second["lanes"][0]["findings"][0]["found"] == "sts:SetSourceIdentity"
        assert "roles-anywhere-profile" in first["assuming"]


@pytest.mark.parametrize(
    ("claims", "verdict"),
    [
        ({}, "allowed"),
        ({"sub": "you"}, "refused"),
        ({"iss": "https://elsewhere.example.com"}, "refused"),
        ({"aud": ["rolehop"]}, "allowed"),
        ({"aud": ["rolehop", "other"]}, "unknown"),
        ({"azp": "rolehop"}, "allowed"),
        ({"azp": "other"}, "unknown"),
        ({"https://aws.amazon.com/tags": {"principal_tags": {"t": ["v"]}}}, "refused"),
        ({"https://aws.amazon.com/tags/principal_tags/t": "v"}, "refused"),
        ({"https://aws.amazon.com/tags/principal_tags/t": ["v"]}, "refused"),
        ({"https://aws.amazon.com/tags/transitive_tag_keys": ["t"]}, "refused"),
        ({"https://aws.amazon.com/tags/principal_tags/t": {"v": 1}}, "unknown"),
        ({"https://aws.amazon.com/tags": "t=v"}, "unknown"),
        ({"https://aws.amazon.com/source_identity": "ann"}, "refused"),
        ({"https://aws.amazon.com/source_identity": {"name": "ann"}}, "unknown"),
    ],
)
def test_what_is_known_from_a_token(world: World, claims: dict[str, Any], verdict: str) -> None:
    found = explained(world, "by-variable", MINE, env={"TOKEN": token(**claims)})
    assert found["verdict"] == verdict


def test_the_name_that_the_sources_role_wants_of_its_session_is_written_at_the_source(
    world: World,
) -> None:
    named = {"StringEquals": {"sts:RoleSessionName": "deploy"}}
    trust = trust_for({"Federated": PROVIDER}, BY_TOKEN, **named)
    fix = explained(world, "by-token", trust)["hops"][0]["mend"]
    assert fix["document"] == "config of rolehop: source 'by-token'"
    assert fix["statement"] == {"session_name": "deploy"}


def test_the_subject_and_audience_of_a_token_are_keys_of_its_session(world: World) -> None:
    for subject, verdict in (("me", "allowed"), ("you", "refused")):
        keys = {f"{HOST}:sub": subject, f"{HOST}:aud": "rolehop"}
        found = explained(world, "by-token-on", MINE, StringEquals=keys)
        assert [hop["verdict"] for hop in found["hops"]] == ["allowed", verdict]


def test_flattened_tags_are_inherited_like_nested_ones(world: World) -> None:
    every = trust_for({"Federated": PROVIDER}, [BY_TOKEN, "sts:TagSession"])
    claims = {
        "https://aws.amazon.com/tags/principal_tags/t": "v",
        "https://aws.amazon.com/tags/transitive_tag_keys": ["t"],
    }
    found = explained(world, "by-variable-on", every, env={"TOKEN": token(**claims)})
    assert [hop["verdict"] for hop in found["hops"]] == ["allowed", "refused"]
    assert found["hops"][1]["lanes"][0]["findings"][0]["found"] == "sts:TagSession"


def test_a_claim_that_cannot_be_read_makes_every_hop_unknown_and_is_named(world: World) -> None:
    claim = "https://aws.amazon.com/tags/principal_tags/t"
    env: dict[str, str | None] = {"TOKEN": token(**{claim: 5})}
    every = trust_for({"Federated": PROVIDER}, [BY_TOKEN, "sts:TagSession"])
    found = explained(world, "by-variable-on", every, env=env)
    assert [hop["verdict"] for hop in found["hops"]] == ["unknown", "unknown"]
    for hop in found["hops"]:
        (finding,) = hop["lanes"][0]["findings"]
        assert (finding["reason"], finding["found"]) == ("claim-unread", claim)
    shown = world.rolehop(
        "explain", "by-variable-on", "--offline", "--policies", "roles.json", env=env
    )
    assert f"rolehop cannot read the token's claim {claim}" in " ".join(shown.out.split())


def test_a_session_policy_of_the_source_refuses_hop_1_and_plan_predicts_it(world: World) -> None:
    found = explained(world, "by-limited-on", MINE)
    assert [hop["verdict"] for hop in found["hops"]] == ["allowed", "refused"]
    planned = world.rolehop("plan", "by-limited-on", "--format", "json").json
    says = "the session policy of the source (ReadOnlyAccess) does not allow"
    assert says in planned["hops"][0]["will_fail"]


def test_the_variables_of_eks_are_enough(world: World) -> None:
    variables: dict[str, str | None] = {
        "AWS_ROLE_ARN": OWN,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(world.config_file.parent / "token"),
        "AWS_ROLE_SESSION_NAME": "pod",
    }
    found = explained(world, "by-eks-on", MINE, env=variables)
    assert found["verdict"] == "allowed"
    assert found["hops"][1]["caller"] == "arn:aws:sts::222222222222:assumed-role/Own/pod"
    assert found["hops"][1]["assuming"] == ["scp", "rcp"]


def test_without_the_variables_the_role_is_not_known(world: World) -> None:
    found = explained(world, "by-eks", MINE)
    assert (found["verdict"], found["hops"]) == ("unknown", [])
    shown = world.rolehop("explain", "by-eks", "--offline")
    assert "rolehop does not know the role" in shown.out
    document = explained(
        world, "by-eks", WEB, more=("--as", "arn:aws:sts::222222222222:assumed-role/Own/x")
    )
    assert [hop["role"] for hop in document["hops"]] == [OWN]


@pytest.mark.parametrize(
    ("caller", "says"),
    [
        (PROVIDER, "is an identity provider"),
        (SAML, "is an identity provider"),
        ("arn:aws:iam::222222222222:mfa/x", "--as needs the ARN"),
        ("arn:aws:sts::222222222222:assumed-role/Own", "--as needs the ARN"),
        ("arn:aws:iam::222222222222:user/alice", "is a session of another role"),
        ("arn:aws:iam::222222222222:role/Other", "is a session of another role"),
    ],
)
def test_a_caller_that_the_source_cannot_be_is_refused(
    world: World, caller: str, says: str
) -> None:
    done = world.rolehop("explain", "by-token", "--offline", "--as", caller)
    assert done.code == 2
    assert says in done.err.replace("\n", " ")


def test_a_session_of_the_sources_role_is_accepted(world: World) -> None:
    session = "arn:aws:sts::222222222222:assumed-role/Own/me"
    found = explained(world, "by-token-on", MINE, more=("--as", session))
    assert found["hops"][1]["caller"] == session
    assert found["verdict"] == "allowed"


def test_the_text_names_the_caller_and_the_assumptions(world: World) -> None:
    explained(world, "by-certificate", ANYWHERE)
    arguments = ("explain", "by-certificate", "--offline", "--policies", "roles.json")
    shown = world.rolehop(*arguments, *SEEN)
    assert shown.out.startswith("✓ by-certificate, hop 0: AWS would allow rolesanywhere")
    assert "rolesanywhere.amazonaws.com, for the certificate" in shown.out
    assert "the Roles Anywhere profile lists the role" in " ".join(shown.out.split())
    unseen = world.rolehop(*arguments)
    assert unseen.out.startswith("? by-certificate, hop 0: can't tell")
    assert "--assume roles-anywhere-profile" in " ".join(unseen.out.split())
    assert max(map(len, (shown.out + unseen.out).splitlines())) <= 80


def test_an_unreadable_assertion_is_never_called_allowed(world: World) -> None:
    trust = trust_for({"Federated": SAML}, BY_SAML)
    hop, other = explained(world, "by-saml-on", trust, seen=False)["hops"]
    assert other["verdict"] == "allowed"
    assert (hop["verdict"], hop["unknowns"]) == ("unknown", ["source-session"])
    three = [BY_SAML, "sts:TagSession", "sts:SetSourceIdentity"]
    lenient = trust_for({"Federated": SAML}, three)
    assert explained(world, "by-saml", lenient, seen=False)["verdict"] == "allowed"
    strict = ("explain", "by-saml", "--offline", "--policies", "roles.json", "--strict")
    explained(world, "by-saml", trust)
    assert [world.rolehop(*strict).code, world.rolehop(*strict, *SEEN).code] == [5, 0]


@pytest.fixture
def moto(world: World) -> Iterator[dict[str, str | None]]:
    """Play STS and IAM of an account that has the role; gives the variables that lead there."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = Credentials("AKIASOURCE0000000000", Secret("made-up-secret"))
    trust = {"Version": "2012-10-17", "Statement": [WEB]}
    with QueryClient(ClientSettings("us-east-1", endpoint_url=url, iam_endpoint_url=url)) as client:
        made = {"RoleName": "Own", "AssumeRolePolicyDocument": json.dumps(trust)}
        client.call("iam", "CreateRole", made, keys)
    yield {
        "AWS_ENDPOINT_URL_STS": url,
        "AWS_ENDPOINT_URL_IAM": url,
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/Own",  # moto's own account
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(world.config_file.parent / "token"),
        "AWS_ACCESS_KEY_ID": None,
        "AWS_SECRET_ACCESS_KEY": None,
    }
    server.stop()


def test_the_sources_role_is_read_with_its_stored_session(
    world: World, moto: dict[str, str | None]
) -> None:
    walked = world.rolehop("export", "by-eks", "--format", "json", env=moto)
    assert walked.code == 0, walked.err
    done = world.rolehop("explain", "by-eks", "--format", "json", env=moto)
    (hop,) = done.json["hops"]
    # The provider in the trust policy is one of another account.
    assert hop["lanes"][0]["verdict"] == "refused"
    assert hop["lanes"][0]["findings"][0]["wanted"] == PROVIDER
