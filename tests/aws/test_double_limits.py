"""The strict STS double keeps STS's limits, its rules of inheritance and of MFA."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rolehop.aws.sts import StsClient
from rolehop.plan.model import Hop
from rolehop.walk.ports import MfaCode
from tests.aws.conftest import HUB
from tests.aws.double_calls import boto_client, refusal_of, trust_policy
from tests.doubles.sts import StrictSts, User
from tests.doubles.sts_world import totp

HopTo = Callable[..., Hop]
SPOKE = "arn:aws:iam::333333333333:role/Spoke"
THIRD = "arn:aws:iam::444444444444:role/Third"


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (3601, "exceeds the MaxSessionDuration set for this role."),
        (43_201, "at 'durationSeconds' failed"),
        (899, "at 'durationSeconds' failed"),
    ],
)
def test_a_lifetime_is_refused_rather_than_cut(
    client: StsClient, alice: User, hop_to: HopTo, seconds: int, message: str
) -> None:
    hop = hop_to(duration_seconds=seconds)
    refusal = refusal_of(lambda: client.assume_role(hop, alice.credentials, None))
    assert (refusal.code, message in refusal.message) == ("ValidationError", True)


def test_only_long_lived_keys_get_past_an_hour(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(HUB, trusts=[alice.arn], max_session=43_200)
    sts.world.role(SPOKE, trusts=[HUB], max_session=43_200)
    hub = client.assume_role(hop_to(duration_seconds=43_200), alice.credentials, None)
    token = client.session_token(alice.credentials, 3600, None)
    for role, signer in ((SPOKE, hub.credentials), (HUB, token.credentials)):
        hop = hop_to(role, duration_seconds=3601)
        refusal = refusal_of(lambda: client.assume_role(hop, signer, None))  # noqa: B023 - called now
        assert refusal.message == (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining."
        )


@pytest.mark.parametrize(
    "said",
    [
        {"session_name": "x"},
        {"session_name": "x" * 65},
        {"session_name": "a b"},
        {"external_id": "a b"},
        {"source_identity": "a"},
        {"tags": tuple((f"k{n}", "v") for n in range(51))},
        {"tags": (("k" * 129, "v"),)},
        {"tags": (("k", "v" * 257),)},
        {"tags": (("aws:k", "v"),)},
        {"transitive_tags": ("k",)},
        {"policy_arns": tuple(f"arn:aws:iam::aws:policy/P{n}" for n in range(11))},
        {"policy_arns": ("arn:aws:iam::999999999999:policy/Theirs",)},
        {"policy": " " * 2049},
    ],
)
def test_every_limit_of_a_parameter_is_checked(
    client: StsClient, alice: User, hop_to: HopTo, said: dict[str, Any]
) -> None:
    refusal = refusal_of(lambda: client.assume_role(hop_to(**said), alice.credentials, None))
    assert refusal.code == "ValidationError"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"tags": (("Team", "a"), ("team", "b"))}, "InvalidParameterValue"),
        ({"policy": "{"}, "MalformedPolicyDocument"),
        (
            {"policy": json.dumps(trust_policy({"Principal": "*", "Resource": "*"}))},
            "MalformedPolicyDocument",
        ),
        ({"tags": tuple((f"k{n}", "v" * 250) for n in range(20))}, "PackedPolicyTooLarge"),
    ],
)
def test_tags_and_policies_have_their_own_errors(
    client: StsClient, alice: User, hop_to: HopTo, said: dict[str, Any], code: str
) -> None:
    refusal = refusal_of(lambda: client.assume_role(hop_to(**said), alice.credentials, None))
    assert refusal.code == code


def test_transitive_tags_and_source_identity_go_down_the_chain(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(SPOKE, trusts=[HUB])
    said = {"tags": (("team", "a"), ("once", "b")), "transitive_tags": ("team",)}
    hub = client.assume_role(hop_to(**said, source_identity="alice"), alice.credentials, None)
    spoke = client.assume_role(hop_to(SPOKE), hub.credentials, None).credentials
    key = sts.world.keys[spoke.access_key_id]
    assert (dict(key.tags), key.source_identity) == ({"team": "a"}, "alice")
    again = hop_to(SPOKE, tags=(("TEAM", "a"),))
    refusal = refusal_of(lambda: client.assume_role(again, hub.credentials, None))
    assert refusal.code == "InvalidParameterValue"
    other = hop_to(SPOKE, source_identity="bob")
    refusal = refusal_of(lambda: client.assume_role(other, hub.credentials, None))
    assert "perform: sts:SetSourceIdentity" in refusal.message
    sts.world.role(SPOKE, trusts=[HUB], actions=["sts:AssumeRole", "sts:SetSourceIdentity"])
    refusal = refusal_of(lambda: client.assume_role(hop_to(SPOKE), hub.credentials, None))
    assert "perform: sts:TagSession" in refusal.message


def test_a_session_policy_caps_the_next_hop(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(SPOKE, trusts=[HUB])
    policy = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    hub = client.assume_role(hop_to(policy=json.dumps(policy)), alice.credentials, None)
    refusal_of(lambda: client.assume_role(hop_to(SPOKE), hub.credentials, None))
    policy["Statement"][0]["Action"] = "sts:AssumeRole"
    hub = client.assume_role(hop_to(policy=json.dumps(policy)), alice.credentials, None)
    assert client.assume_role(hop_to(SPOKE), hub.credentials, None).arn


def test_the_six_digits_are_those_of_rfc_6238() -> None:
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # the RFC's own, in base32
    assert [totp(seed, step) for step in (0x1, 0x23523EC, 0x273EF07)] == [
        "287082",
        "081804",
        "005924",
    ]


def test_a_code_counts_once_and_only_with_the_users_own_device(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(HUB, trusts=[alice.arn], mfa=True)
    device = sts.world.mfa_device(alice)
    bobs = sts.world.mfa_device(sts.world.user("111111111111", "bob"))
    good = MfaCode(device.serial, device.code(sts.now))

    def walk(code: MfaCode | None) -> object:
        return client.assume_role(hop_to(), alice.credentials, code)

    assert walk(good)
    refusal = refusal_of(lambda: walk(good))
    assert refusal.message == (
        "MultiFactorAuthentication failed with invalid MFA one time pass code."
    )
    refusal = refusal_of(lambda: walk(MfaCode(bobs.serial, bobs.code(sts.now))))
    assert "verify your MFA serial number" in refusal.message
    assert "MultiFactor" not in refusal_of(lambda: walk(None)).message
    sts.now += timedelta(minutes=1)
    assert walk(MfaCode(device.serial, device.code(sts.now)))


def test_an_mfa_session_opens_one_hop_and_no_more(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(HUB, trusts=[alice.arn], mfa=True)
    sts.world.role(SPOKE, trusts=[HUB], mfa=True)
    device = sts.world.mfa_device(alice)
    code = MfaCode(device.serial, device.code(sts.now))
    token = client.session_token(alice.credentials, 3600, code).credentials
    hub = client.assume_role(hop_to(), token, None).credentials
    refusal_of(lambda: client.assume_role(hop_to(SPOKE), hub, None))
    refusal_of(lambda: client.session_token(hub, 3600, None))
    refusal = refusal_of(lambda: client.session_token(token, 3600, None))
    assert refusal.message == "Cannot call GetSessionToken with session credentials"
    assert client.mfa_device(token) == device.serial
    plain = client.session_token(alice.credentials, 3600, None).credentials
    assert refusal_of(lambda: client.mfa_device(plain)).code == "InvalidClientTokenId"
    assert refusal_of(lambda: client.mfa_device(hub)).code == "AccessDenied"


def test_a_region_is_switched_off_by_the_roles_account(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.disabled_regions.add(("222222222222", "eu-west-1"))
    refusal = refusal_of(lambda: client.assume_role(hop_to(), alice.credentials, None))
    assert refusal.code == "RegionDisabledException"
    boto = boto_client(sts, alice.credentials, "us-east-1")
    assert boto.assume_role(RoleArn=HUB, RoleSessionName="boto")
    boto.close()


def test_calls_are_remembered_with_their_end(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    client.assume_role(hop_to(), alice.credentials, None)
    refusal_of(lambda: client.assume_role(hop_to(SPOKE), alice.credentials, None))
    sts.throttle()
    client.caller(alice.credentials)
    assert [call.refused for call in sts.calls] == ["", "AccessDenied", "Throttling", ""]
