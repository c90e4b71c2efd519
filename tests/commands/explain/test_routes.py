"""The ``routes`` command: policy files in, routes out, as config to paste or to write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.commands.explain.documents import ALICE, USER, role
from tests.support.policies import allow, policy
from tests.support.world import ADMIN, CONFIG, HUB, World

ADMIN_SHORT = "333333333333:role/Admin"


@pytest.fixture
def documents(world: World) -> tuple[str, ...]:
    file = world.home / "all.json"
    roles = [role(HUB, ALICE), role(ADMIN, HUB)]
    file.write_text(json.dumps({"UserDetailList": [USER], "RoleDetailList": roles}))
    return ("--policies", "all.json", "--as", ALICE)


@pytest.mark.parametrize("to", [ADMIN, ADMIN_SHORT, "333333333333", "admin"])
def test_a_role_may_be_named_in_several_forms(
    to: str, world: World, documents: tuple[str, ...]
) -> None:
    done = world.rolehop("routes", to, *documents, "--format", "json")
    assert (done.code, done.err) == (0, "")
    found = done.json
    assert list(found) == ["schema", "to", "routes", "more", "complete", "left_out"]
    assert (found["schema"], found["to"], found["more"]) == ("rolehop.routes/1", to, False)
    (route,) = found["routes"]
    assert list(route) == ["source", "verdict", "hops", "unknowns", "assuming", "chain"]
    assert (route["source"], route["verdict"]) == ("me", "allowed")
    assert [(hop["hop"], hop["role"]) for hop in route["hops"]] == [(1, HUB), (2, ADMIN)]


def test_a_route_is_written_as_a_chain_that_can_be_planned(
    world: World, documents: tuple[str, ...]
) -> None:
    world.config(CONFIG + "# mine")
    done = world.rolehop("routes", ADMIN, *documents, "--write", "found")
    assert done.code == 0, done.err
    text = world.config_file.read_text()
    assert text.startswith(CONFIG + "# mine\n\n[chains.found]\n")
    assert "[chains.found]" in done.out
    plan = world.rolehop("plan", "found", "--format", "json").json
    assert [hop["role"] for hop in plan["hops"]] == [HUB, ADMIN]


@pytest.mark.parametrize(
    ("name", "says"), [("admin", "a chain called"), ("no/such name", "not a name")]
)
def test_no_name_is_overwritten_and_no_bad_one_written(
    name: str, says: str, world: World, documents: tuple[str, ...]
) -> None:
    done = world.rolehop("routes", ADMIN, *documents, "--write", name)
    assert (done.code, says in done.err) == (2, True), done.err
    assert world.config_file.read_text() == CONFIG


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("routes", ADMIN), 2, "cause  source 'me': rolehop does not know who this is"),
        (("routes", ADMIN, "--from", "nobody"), 2, "no source is called 'nobody'"),
        (("routes", "999999999999", "--as", ALICE), 2, "no role of account 999999999999"),
        (("routes", "a:role/!", "--as", ALICE), 2, "is not a role, account or chain"),
        (("routes", "own", "--as", ALICE), 2, "chain 'own' has no hop"),
    ],
)
def test_a_search_that_cannot_start_is_reported(
    arguments: tuple[str, ...], code: int, said: str, world: World
) -> None:
    done = world.rolehop(*arguments)
    assert done.code == code
    assert said in done.err


def test_a_role_of_another_path_is_reported(world: World) -> None:
    there = "arn:aws:iam::333333333333:role/p/q/Admin"
    (world.home / "path.json").write_text(json.dumps({"RoleDetailList": [role(there, ALICE)]}))
    done = world.rolehop("routes", ADMIN, "--policies", "path.json", "--as", ALICE)
    assert done.code == 2
    assert f"the role is {there}" in done.err


def test_missing_policies_are_named(world: World) -> None:
    done = world.rolehop("routes", HUB, "--as", ALICE)
    assert done.code == 0, done.err
    assert "can't tell" in done.out
    assert "not known: the role's trust policy" in done.out


def test_no_route_is_exit_5(world: World) -> None:
    file = {"UserDetailList": [USER], "RoleDetailList": [role(HUB, ADMIN)]}
    (world.home / "shut.json").write_text(json.dumps(file))
    done = world.rolehop("routes", HUB, "--policies", "shut.json", "--as", ALICE)
    assert done.code == 5
    assert "no route to" in done.out


OWN = "arn:aws:iam::222222222222:role/team/Own"
SOURCES = f"""\
version = 1

[sources.github]
type = "web-identity"
role = "{OWN}"
ci = "github"

[sources.idp]
type = "saml"
role = "{OWN}"
provider = "arn:aws:iam::222222222222:saml-provider/Corp"
assertion_file = "none.xml"

[sources.host]
type = "roles-anywhere"
trust_anchor = "arn:aws:rolesanywhere:eu-west-1:222222222222:trust-anchor/66666666-7777-8888-9999-000000000000"
profile = "arn:aws:rolesanywhere:eu-west-1:222222222222:profile/11111111-2222-3333-4444-555555555555"
role = "{OWN}"
certificate = "host.pem"
private_key = "host.key"
"""
TRUSTED = {
    "github": allow(
        Principal={
            "Federated": (
                "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"
            )
        },
        Action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
    ),
    "idp": allow(
        Principal={"Federated": "arn:aws:iam::222222222222:saml-provider/Corp"},
        Action=["sts:AssumeRoleWithSAML", "sts:TagSession"],
    ),
    "host": allow(
        Principal={"Service": "rolesanywhere.amazonaws.com"},
        Action=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    ),
}


SEEN = ("--assume", "source-session", "--assume", "roles-anywhere-profile")


class TestFederated:
    """The search starts at the role that a token, an assertion or a certificate gives."""

    def found(self, world: World, trusted: str, to: str, *more: str, code: int = 0) -> Any:
        world.config(SOURCES)
        own = role(OWN, ALICE)
        own["AssumeRolePolicyDocument"] = policy(TRUSTED[trusted])
        admin = role(ADMIN, OWN)
        # A certificate's source identity travels on.
        whatever = allow(Principal={"AWS": OWN}, Action="sts:*")
        admin["AssumeRolePolicyDocument"] = policy(whatever)
        for each in (own, admin):
            each["RolePolicyList"][0]["PolicyDocument"] = policy(allow(Action="*", Resource="*"))
        roles = {"RoleDetailList": [own, admin]}
        (world.home / "own.json").write_text(json.dumps(roles))
        arguments = ("routes", to, "--policies", "own.json", *SEEN, *more, "--format", "json")
        done = world.rolehop(*arguments)
        assert (done.code, done.err) == (code, "")
        return done.json

    @pytest.mark.parametrize("source", ["github", "idp", "host"])
    def test_a_route_goes_on_from_the_sources_role(self, world: World, source: str) -> None:
        (route,) = self.found(world, source, ADMIN)["routes"]
        assert (route["source"], route["verdict"]) == (source, "allowed")
        assert [(hop["hop"], hop["role"]) for hop in route["hops"]] == [(0, OWN), (1, ADMIN)]
        assert route["hops"][1]["caller"].startswith("arn:aws:sts::222222222222:assumed-role/Own/")
        assert route["chain"].count("role =") == 1

    @pytest.mark.parametrize("to", [OWN, "222222222222"])
    def test_the_sources_role_is_a_route_without_hops(self, world: World, to: str) -> None:
        (route,) = self.found(world, "idp", to, "--from", "idp")["routes"]
        assert [(hop["hop"], hop["role"]) for hop in route["hops"]] == [(0, OWN)]
        assert route["chain"] == '[chains.NAME]\nsource = "idp"\n'
        unseen = world.rolehop("routes", to, "--policies", "own.json", "--from", "idp").out
        assert "1. from idp, 0 hops: can't tell" in unseen
        text = world.rolehop("routes", to, "--policies", "own.json", "--from", "idp", *SEEN).out
        assert "1. from idp, 0 hops: allowed" in text
        assert "the session of source 'idp' already is that role" in text
        written = world.rolehop("routes", to, "--policies", "own.json", "--write", "own")
        assert written.code == 0, written.err
        assert world.rolehop("plan", "own").code == 0

    def test_an_untrusted_source_has_no_route(self, world: World) -> None:
        assert self.found(world, "idp", ADMIN, "--from", "host", code=5)["routes"] == []


BROKEN = """
[sources.gone]
type = "profile"
profile = "no-such-profile"

[sources.someone]
type = "instance"

[sources.members]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "{account}"
role = "Developer"

[chains.broken]
source = "gone"
hops = [{ role = "444444444444:role/Audit" }]
"""


def test_a_broken_source_stops_no_other_and_is_named(
    world: World, documents: tuple[str, ...]
) -> None:
    config = CONFIG.replace('type = "environment"', f'type = "environment"\nprincipal = "{ALICE}"')
    world.config(config + BROKEN)
    arguments = ("routes", ADMIN, *documents[:2])
    done = world.rolehop(*arguments, "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert [route["source"] for route in done.json["routes"]] == ["me"]
    left_out = {(each["kind"], each["name"]): each["why"] for each in done.json["left_out"]}
    assert set(left_out) == {
        ("source", "gone"), ("source", "someone"), ("source", "members"), ("chain", "broken")
    }  # fmt: skip
    assert "no-such-profile" in left_out["source", "gone"]
    assert "rolehop does not know who this is" in left_out["source", "someone"]
    assert "fleet" in left_out["source", "members"]
    text = world.rolehop(*arguments).out
    assert "left out: source 'gone': " in text
    assert max(map(len, text.splitlines())) <= 80
    alone = world.rolehop(*arguments, "--from", "gone")
    assert alone.code == 2
    assert "no-such-profile" in alone.err


def test_the_roles_of_a_profile_are_judged_too(world: World) -> None:
    world.aws_config(
        f"[profile base]\naws_access_key_id = AKIASOURCE\naws_secret_access_key = x\n"
        f"[profile hub]\nsource_profile = base\nrole_arn = {HUB}\n"
    )
    world.config(
        f'version = 1\n[sources.hub]\ntype = "profile"\nprofile = "hub"\nprincipal = "{ALICE}"\n'
    )
    for trusts, code in ((ALICE, 0), (ADMIN, 5)):
        roles = {"UserDetailList": [USER], "RoleDetailList": [role(HUB, trusts), role(ADMIN, HUB)]}
        (world.home / "hub.json").write_text(json.dumps(roles))
        done = world.rolehop("routes", ADMIN, "--policies", "hub.json", "--format", "json")
        assert done.code == code, done.err
        hops = [[hop["role"] for hop in route["hops"]] for route in done.json["routes"]]
        assert hops == ([[HUB, ADMIN]] if code == 0 else [])


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_behind_a_link_the_real_file_is_written_and_keeps_its_mode(
    world: World, documents: tuple[str, ...], mode: int
) -> None:
    real = world.home / "dotfiles" / "rolehop.toml"
    real.parent.mkdir()
    real.write_text(CONFIG)
    real.chmod(mode)
    world.config_file.unlink()
    world.config_file.symlink_to(real)
    done = world.rolehop("routes", ADMIN, *documents, "--write", "found")
    assert done.code == 0, done.err
    assert world.config_file.is_symlink()
    assert real.read_text().startswith(CONFIG + "\n[chains.found]\n")
    assert real.stat().st_mode & 0o777 == mode
    assert f"written: {real}" in done.err
    assert [each.name for each in real.parent.iterdir()] == [real.name]


def test_a_new_file_is_for_the_user_alone(world: World, documents: tuple[str, ...]) -> None:
    (world.home / "site").mkdir()
    site = world.home / "site" / "rolehop" / "config.toml"
    site.parent.mkdir()
    site.write_text(CONFIG)
    world.config_file.unlink()
    done = world.rolehop(
        "routes", ADMIN, *documents, "--write", "found",
        env={"XDG_CONFIG_DIRS": str(world.home / "site")},
    )  # fmt: skip
    assert done.code == 0, done.err
    assert world.config_file.stat().st_mode & 0o777 == 0o600
