"""An answer belongs to what was asked: what differs is refused before it is stored or handed out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.doubles.metadata import ContainerAgent, session_of
from tests.doubles.sts_world import Key
from tests.doubles.web import Reply
from tests.sources.identity_center.corp import Corp
from tests.sources.machines import answer, keyless_world, program, role_for, use
from tests.sources.web_identity.federated import DEPLOY, SUBJECT, Federated
from tests.support.world import HUB, Done, World

IN_2099 = "2099-01-01T00:00:00Z"


def refused(world: World, done: Done, code: int, words: str) -> None:
    """Check that nothing was handed out or stored."""
    assert (done.code, done.out) == (code, ""), done.err
    assert words in done.err
    items = [path.name for path in world.items()]
    assert not [name for name in items if "keys" not in name and "tokens" not in name]


def xml(action: str, key: Key, ends: datetime, who: str = "") -> bytes:
    """Return a whole answer of STS that gives ``key``."""
    return (
        f"<R><{action}Result><Credentials><AccessKeyId>{key.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{key.secret}</SecretAccessKey><SessionToken>{key.token}</SessionToken>"
        f"<Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>{who}"
        f"</{action}Result></R>"
    ).encode()


def user(arn: str, user_id: str) -> str:
    return (
        f"<AssumedRoleUser><AssumedRoleId>{user_id}</AssumedRoleId><Arn>{arn}</Arn>"
        "</AssumedRoleUser>"
    )


# ---- the walk's own calls


def test_a_hop_that_lasts_longer_than_was_asked_for_is_refused(world: World) -> None:
    key = session_of(world.sts.world, world.sts.world.roles[HUB], "me")
    ends = datetime.now(UTC) + timedelta(hours=5)
    world.sts.say(xml("AssumeRole", key, ends, user(key.arn, key.user_id)))
    done = world.rolehop("credential-process", "hub")
    refused(world, done, 6, "the session lasts longer than was asked for")


def test_a_token_session_that_lasts_longer_than_was_asked_for_is_refused(world: World) -> None:
    key = session_of(world.sts.world, world.sts.world.roles[HUB], "me")
    world.sts.say(xml("GetSessionToken", key, datetime.now(UTC) + timedelta(hours=30)))
    done = world.rolehop("credential-process", "own")
    refused(world, done, 6, "the session lasts longer than was asked for")


# ---- web identity


@pytest.mark.parametrize(
    ("arn", "user_id"),
    [
        pytest.param("assumed-role/Deploy/other", "AROAX:other", id="another-name"),
        pytest.param("assumed-role/Deploy/job", "AROAX:other", id="an-id-of-another-name"),
        pytest.param("assumed-role/Deploy/job", "AROAX", id="an-id-of-no-name"),
        pytest.param("assumed-role/Other/job", "AROAX:job", id="another-role"),
    ],
)
def test_a_web_identity_session_of_somebody_else_is_refused(
    federated: Federated, arn: str, user_id: str
) -> None:
    world = federated.world
    federated.source('token_file = "token"', 'session_name = "job"')
    (world.config_file.parent / "token").write_text(federated.issuer.token(SUBJECT))
    key = session_of(world.sts.world, world.sts.world.roles[DEPLOY], "job")
    who = user(f"arn:aws:sts::111111111111:{arn}", user_id)
    ends = datetime.now(UTC) + timedelta(minutes=30)
    world.sts.say(xml("AssumeRoleWithWebIdentity", key, ends, who))
    refused(world, world.rolehop("credential-process", "own"), 6, "unexpected")


# ---- Identity Center


def portal_gives(corp: Corp, arn: str, *, ends: datetime | None = None) -> None:
    """Let the portal give a session of the role ``arn`` once, whatever is asked for."""
    role = corp.world.sts.world.roles[arn]
    key = session_of(corp.world.sts.world, role, "alice")
    expires_at = ends or datetime.now(UTC) + timedelta(hours=1)
    credentials = {
        "accessKeyId": key.access_key_id,
        "secretAccessKey": key.secret,
        "sessionToken": key.token,
        "expiration": int(expires_at.timestamp() * 1000),
    }
    corp.center.say("/federation/credentials", Reply(json={"roleCredentials": credentials}))


@pytest.mark.parametrize(
    ("account", "role", "words"),
    [
        ("999999999999", "Developer", "it must be of account account 111\n"),
        ("111111111111", "Developer_Ops", "it must be a session of permission set Developer"),
        ("111111111111", "Admin", "it must be a session of permission set Developer"),
    ],
)
def test_a_portals_session_of_another_account_or_role_is_refused(
    corp: Corp, account: str, role: str, words: str
) -> None:
    corp.login()
    portal_gives(corp, corp.center.assign("alice", account, role))
    refused(corp.world, corp.world.rolehop("credential-process", "own"), 4, words)


def test_a_portals_session_without_an_end_in_sight_is_refused(corp: Corp) -> None:
    corp.login()
    own = corp.center.assign("alice", "111111111111", "Developer")
    portal_gives(corp, own, ends=datetime(2099, 1, 1, tzinfo=UTC))
    done = corp.world.rolehop("credential-process", "hub")
    # A permission set's session lasts 12 h at most, so the portal's client refuses this one.
    refused(corp.world, done, 6, "not plausible")


# ---- programs, variables and machines


@pytest.mark.parametrize("chain", ["own", "there"])
def test_a_programs_session_without_an_end_in_sight_is_refused(chain: str) -> None:
    with keyless_world() as world:
        role = role_for(world, {"AWS": "*"}, "sts:AssumeRole")
        document = answer(session_of(world.sts.world, role, "tool"), Expiration=IN_2099)
        program(world, f"print({json.dumps(document)!r})")
        done = world.rolehop("credential-process", chain)
        refused(world, done, 4, "no session of AWS lasts longer than 36 h")
        assert world.sts.calls == []


def test_variables_without_an_end_in_sight_are_refused(world: World) -> None:
    key = session_of(world.sts.world, world.sts.world.roles[HUB], "me")
    env = {**key.environ, "AWS_CREDENTIAL_EXPIRATION": IN_2099}
    done = world.rolehop("credential-process", "own", env=env)
    refused(world, done, 4, "no session of AWS lasts longer than 36 h")


def test_a_containers_session_without_an_end_in_sight_is_refused() -> None:
    with keyless_world() as world:
        role = role_for(world, {"Service": "pods.eks.amazonaws.com"}, "sts:AssumeRole")
        use(world, 'type = "container"')
        with ContainerAgent(world.sts.world, role) as agent:
            agent.changes = {"Expiration": IN_2099}
            env = {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + agent.PATH,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": str(agent.token),
            }
            done = world.rolehop("credential-process", "there", env=env)
        refused(world, done, 4, "no session of AWS lasts longer than 36 h")
