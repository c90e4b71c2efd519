from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.credentials import (
    AssumeRoleProvider,
    CanonicalNameCredentialSourcer,
    ContainerProvider,
    EnvProvider,
    InstanceMetadataProvider,
    ProfileProviderBuilder,
)
from botocore.exceptions import BotoCoreError
from botocore.utils import InstanceMetadataFetcher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolehop.awsconfig import ChainBase, parse_aws_config, resolve_profile
from rolehop.base.errors import ConfigError, RolehopError, SourceError
from rolehop.config.model import HopConfig

Boto = Callable[..., botocore.session.Session]


def role(name: str) -> str:
    return f"arn:aws:iam::111111111111:role/{name}"


KEYS = "aws_access_key_id = AKIASOURCE\naws_secret_access_key = x\n"
USER = f"[profile user]\n{KEYS}"
A = f"[profile a]\nrole_arn = {role('A')}\n"
B = f"[profile b]\nrole_arn = {role('B')}\n"
MFA = "mfa_serial = arn:aws:iam::111111111111:mfa/alice\n"
SERIAL = "arn:aws:iam::111111111111:mfa/alice"
HOP_A, HOP_B = HopConfig(role("A")), HopConfig(role("B"))


@pytest.mark.parametrize(
    ("text", "base", "base_profile", "hops", "mfa"),
    [
        pytest.param(USER.replace("user", "a"), ChainBase.PROFILE, "a", (), None, id="no-role"),
        pytest.param(
            USER + A + "source_profile = user\n", ChainBase.PROFILE, "user", (HOP_A,), None, id="one-role"
        ),
        pytest.param(
            USER + A + "source_profile = b\n" + B + "source_profile = user\n",
            ChainBase.PROFILE, "user", (HOP_B, HOP_A), None, id="two-roles-the-nearest-first",
        ),
        pytest.param(
            A + KEYS + "source_profile = a\n", ChainBase.PROFILE, "a", (HOP_A,), None,
            id="a-self-reference-with-keys",
        ),
        pytest.param(
            A + "source_profile = b\n" + B + KEYS + "source_profile = b\n",
            ChainBase.PROFILE, "b", (HOP_A,), None, id="the-role-of-a-source-with-keys-is-skipped",
        ),
        pytest.param(
            A + "source_profile = b\n" + B + KEYS, ChainBase.PROFILE, "b", (HOP_A,), None,
            id="also-where-its-role-would-be-wrong",
        ),
        pytest.param(
            A + "credential_source = Environment\n" + MFA,
            ChainBase.ENVIRONMENT, "a", (HOP_A,), SERIAL, id="environment-may-carry-mfa",
        ),
        pytest.param(
            A + "credential_source = Ec2InstanceMetadata\n" + MFA,
            ChainBase.INSTANCE, "a", (HOP_A,), None, id="an-instance-has-no-mfa",
        ),
        pytest.param(
            A + "source_profile = b\n" + B + "credential_source = EcsContainer\n",
            ChainBase.CONTAINER, "b", (HOP_B, HOP_A), None, id="container",
        ),
        pytest.param(
            A + "web_identity_token_file = /t\n", ChainBase.PROFILE, "a", (), None, id="web-identity-is-a-base"
        ),
        pytest.param(
            A + "source_profile = b\n" + B + "web_identity_token_file = /t\n",
            ChainBase.PROFILE, "b", (HOP_A,), None, id="web-identity-as-a-source",
        ),
        pytest.param(
            A + "source_profile = b\n[profile b]\ncredential_process = p\n" + MFA,
            ChainBase.PROFILE, "b", (HOP_A,), None, id="process-as-a-source",
        ),
        pytest.param(
            USER + A + "source_profile = user\n" + MFA, ChainBase.PROFILE, "user", (HOP_A,), SERIAL,
            id="mfa-of-hop-1-is-the-users",
        ),
        pytest.param(
            USER + "aws_session_token = t\n" + A + "source_profile = user\n" + MFA,
            ChainBase.PROFILE, "user", (HOP_A,), None, id="a-session-carries-no-mfa",
        ),
        pytest.param(
            USER + A + "source_profile = b\n" + MFA + B + "source_profile = user\n",
            ChainBase.PROFILE, "user", (HOP_B, HOP_A), None, id="mfa-of-hop-2-is-dropped",
        ),
    ],
)  # fmt: skip
def test_a_profile_is_a_base_and_hops(
    text: str, base: ChainBase, base_profile: str, hops: tuple[HopConfig, ...], mfa: str | None
) -> None:
    path = resolve_profile(parse_aws_config(text, None), "a")
    assert (path.base, path.base_profile, path.hops, path.mfa_serial) == (
        base, base_profile, hops, mfa,
    )  # fmt: skip


def test_every_setting_of_a_role_profile_reaches_its_hop() -> None:
    text = (
        USER
        + A
        + "source_profile = user\nrole_session_name = me@here\nexternal_id = x-42\n"
        + "duration_seconds = 7200\n"
    )
    path = resolve_profile(parse_aws_config(text, None), "a")
    assert path.hops == (
        HopConfig(role("A"), session_name="me@here", external_id="x-42", duration_seconds=7200),
    )
    assert path.notes == ()


@pytest.mark.parametrize(
    ("text", "note"),
    [
        pytest.param(
            A + "source_profile = b\n" + B + KEYS,
            "the role of AWS profile 'b' does not count: like botocore, rolehop starts from its keys",
            id="skipped-role",
        ),
        pytest.param(
            USER + A + "source_profile = user\nduration_seconds = 1h\n",
            "duration_seconds of AWS profile 'a' is not a whole number: ignored",
            id="duration-in-words",
        ),
        pytest.param(
            USER + A + "source_profile = b\n" + MFA + B + "source_profile = user\n",
            "mfa_serial of hop 2 is ignored: a role session cannot use MFA",
            id="mfa-too-late",
        ),
        pytest.param(
            A + "credential_source = EcsContainer\n" + MFA,
            "mfa_serial of hop 1 is ignored: only IAM user keys can use MFA",
            id="mfa-without-a-user",
        ),
    ],
)
def test_settings_that_are_ignored_are_reported(text: str, note: str) -> None:
    assert resolve_profile(parse_aws_config(text, None), "a").notes == (note,)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param(
            A + "source_profile = b\n" + B + "source_profile = c\n"
            + A.replace("profile a", "profile c") + "source_profile = a\n",
            "its source profiles form a loop: a -> b -> c -> a", id="a-loop-is-shown-whole",
        ),
        pytest.param(
            A + "source_profile = b\n" + B + "source_profile = b\n",
            "its source profiles form a loop: b -> b", id="a-self-reference-without-keys",
        ),
        pytest.param(A + "source_profile = x\n", "its source_profile 'x' does not exist", id="missing"),
        pytest.param(A + "source_profile =\n", "its source_profile '' does not exist", id="empty"),
        pytest.param(
            USER + A + "source_profile = user\ncredential_source = Environment\n",
            "it has both source_profile and credential_source", id="both",
        ),
        pytest.param(A, "its role_arn needs source_profile or credential_source", id="neither"),
        pytest.param(
            A + "credential_source = environment\n",
            "credential_source 'environment' is none of Environment, Ec2InstanceMetadata, EcsContainer",
            id="credential-source-is-case-sensitive",
        ),
        pytest.param(
            A + "source_profile = b\n[profile b]\nregion = x\n",
            "its source_profile 'b' has no credentials: it has no keys, no sign-in and no process",
            id="a-source-with-nothing",
        ),
        pytest.param(
            USER + "[profile a]\nrole_arn = 111111111111:role/A\nsource_profile = user\n",
            "role_arn '111111111111:role/A' is not the ARN of a role", id="no-arn",
        ),
        pytest.param(
            USER + A + "source_profile = user\nrole_session_name = a b\n",
            "role_session_name must be 2-64 characters from A-Z a-z 0-9 _+=,.@-", id="session-name",
        ),
        pytest.param(
            USER + A + "source_profile = user\nexternal_id = x\n",
            "external_id must be 2-1224 characters from A-Z a-z 0-9 _+=,.@:/-", id="external-id",
        ),
        pytest.param(
            USER + A + "source_profile = user\nduration_seconds = 899\n",
            "duration_seconds 899 is not within 900-43200", id="too-short",
        ),
        pytest.param(
            USER + A + "source_profile = user\nduration_seconds = 43201\n",
            "duration_seconds 43201 is not within 900-43200", id="too-long",
        ),
        pytest.param(
            USER + A + "source_profile =\n  x = y\n",
            "its value is not one line of plain text", id="a-block-for-a-name",
        ),
    ],
)  # fmt: skip
def test_refused(text: str, cause: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_profile(parse_aws_config(text, None), "a")
    assert caught.value.cause == cause


def test_a_path_of_very_many_roles_is_refused() -> None:
    text = "".join(
        f"[profile p{number}]\nrole_arn = {role('R')}\nsource_profile = p{number + 1}\n"
        for number in range(2000)
    )
    with pytest.raises(ConfigError) as caught:
        resolve_profile(parse_aws_config(text, None), "p0")
    assert caught.value.cause == "its path has more than 64 roles"


def test_an_unknown_profile_is_reported_with_the_nearest_names() -> None:
    with pytest.raises(SourceError) as caught:
        resolve_profile(parse_aws_config("[profile prod-admin]\na=1\n", None), "prod-admn")
    assert caught.value.what == "there is no AWS profile 'prod-admn'"
    assert caught.value.fix == "did you mean 'prod-admin'"
    with pytest.raises(SourceError) as caught:
        resolve_profile(parse_aws_config("[prod]\na=1\n[profile prods]\n", None), "prod")
    assert caught.value.cause == (
        "[prod] in ~/.aws/config is no profile: only default has no 'profile' before it"
    )
    assert caught.value.fix == "write [profile prod]"


class RecordedSts:
    """Plays STS for botocore: notes who signs which role and hands out made-up sessions."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def client(self, _service: str, **signer: Any) -> Any:
        sts = self

        class Client:
            def assume_role(self, **asked: Any) -> Any:
                sts.calls.append({"signer": signer["aws_access_key_id"], **asked})
                return {
                    "Credentials": {
                        "AccessKeyId": f"ASIA{len(sts.calls)}",
                        "SecretAccessKey": "s",
                        "SessionToken": "t",
                        "Expiration": "2999-01-01T00:00:00Z",
                    },
                    "AssumedRoleUser": {"Arn": asked["RoleArn"]},
                }

        return Client()


def botocores(session: botocore.session.Session, name: str) -> list[tuple[object, ...]] | None:
    """Walk profile ``name`` with botocore's own provider; ``None`` where it refuses."""
    sts = RecordedSts()
    fetcher = InstanceMetadataFetcher(timeout=1, num_attempts=1)
    provider = AssumeRoleProvider(
        load_config=lambda: session.full_config,
        client_creator=sts.client,
        cache={},
        profile_name=name,
        credential_sourcer=CanonicalNameCredentialSourcer(
            [EnvProvider(), ContainerProvider(), InstanceMetadataProvider(fetcher)]
        ),
        profile_provider_builder=ProfileProviderBuilder(session, cache={}),
        prompter=lambda _: "123456",
    )
    try:
        found = provider.load()
        if found is not None:
            found.get_frozen_credentials()
    except BotoCoreError:
        return None
    return [
        (call["RoleArn"], call.get("ExternalId"), call.get("DurationSeconds")) for call in sts.calls
    ]


def ours(text: str, name: str) -> list[tuple[object, ...]] | None:
    try:
        path = resolve_profile(parse_aws_config(text, None), name)
    except RolehopError:
        return None
    return [(hop.role, hop.external_id, hop.duration_seconds) for hop in path.hops]


_NAMES = ("a", "b", "c", "d")
_KEY_LINES = st.sampled_from(
    [
        "",
        "aws_access_key_id = AKIA1\naws_secret_access_key = x\n",
        "aws_secret_access_key = x\n",
        "region = eu-west-1\n",
    ]
)
_ROLE_LINES = st.builds(
    lambda number, rest: f"role_arn = {role(f'R{number}')}\n{''.join(rest)}",
    st.integers(0, 9),
    st.lists(
        st.sampled_from(
            ["external_id = x-42\n", "duration_seconds = 3600\n", MFA, "role_session_name = me\n"]
        ),
        unique=True,
    ),
)
_FROM_LINES = st.sampled_from(
    [
        *[f"source_profile = {name}\n" for name in _NAMES] * 3,
        "source_profile = missing\n",
        "credential_source = Environment\n",
        "credential_source = environment\n",
        "",
        "source_profile = a\ncredential_source = Environment\n",
    ]
)
_PROFILE = st.builds("".join, st.tuples(_KEY_LINES, st.just("") | _ROLE_LINES, _FROM_LINES))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bodies=st.tuples(*[_PROFILE] * len(_NAMES)))
def test_any_web_of_profiles_is_followed_as_botocore_follows_it(
    boto: Boto, monkeypatch: pytest.MonkeyPatch, bodies: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    text = "".join(f"[profile {name}]\n{body}" for name, body in zip(_NAMES, bodies, strict=True))
    assert ours(text, "a") == botocores(boto(text, profile="a"), "a")
