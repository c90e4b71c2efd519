"""The double refuses what AWS refuses, with AWS's words, for a real botocore client too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from rolehop.aws.sts import StsClient
from rolehop.base.credentials import Credentials, Secret
from rolehop.plan.model import Hop
from tests.aws.conftest import HUB
from tests.aws.double_calls import boto_client, refusal_of, trust_policy
from tests.doubles.sts import StrictSts, User

HopTo = Callable[..., Hop]
SPOKE = "arn:aws:iam::333333333333:role/Spoke"
THIRD = "arn:aws:iam::444444444444:role/Third"


def test_a_real_client_is_served_too(sts: StrictSts, alice: User) -> None:
    client = boto_client(sts, alice.credentials)
    answer = client.assume_role(RoleArn=HUB, RoleSessionName="boto")
    assert answer["AssumedRoleUser"]["Arn"].endswith("assumed-role/Hub/boto")
    assert answer["PackedPolicySize"] == 0
    with pytest.raises(ClientError) as caught:
        client.assume_role(RoleArn=SPOKE, RoleSessionName="boto")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    client.close()


def test_keys_look_like_awss_and_are_new_in_every_world(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    session = client.assume_role(hop_to(), alice.credentials, None).credentials
    assert (alice.key.access_key_id[:4], len(alice.key.access_key_id)) == ("AKIA", 20)
    assert (session.access_key_id[:4], len(session.access_key_id)) == ("ASIA", 20)
    assert len(session.secret_access_key.reveal()) == 40


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("key", "InvalidClientTokenId"),
        ("secret", "SignatureDoesNotMatch"),
        ("token", "InvalidClientTokenId"),
        ("no token", "InvalidClientTokenId"),
        ("time", "ExpiredToken"),
        ("deleted", "InvalidClientTokenId"),
    ],
)
def test_who_cannot_prove_who_they_are_is_refused(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo, change: str, code: str
) -> None:
    good = client.assume_role(hop_to(), alice.credentials, None).credentials
    key_id = "ASIAUNKNOWN000000000" if change == "key" else good.access_key_id
    secret = Secret("not-its-own-secret") if change == "secret" else good.secret_access_key
    token = Secret("not-its-own-secret") if change == "token" else good.session_token
    if change == "no token":
        token = None
    if change == "time":
        sts.now += timedelta(hours=1, seconds=1)
    if change == "deleted":
        sts.world.forget_key(good.access_key_id)
    refusal = refusal_of(lambda: client.caller(Credentials(key_id, secret, token)))
    assert refusal.code == code


def test_signatures_for_another_service_region_or_time_are_refused(
    sts: StrictSts, client: StsClient, alice: User
) -> None:
    sts.region = "us-east-1"
    assert refusal_of(lambda: client.caller(alice.credentials)).code == "SignatureDoesNotMatch"
    sts.region = None
    sts.date_offset = -timedelta(minutes=6)
    refusal = refusal_of(lambda: client.caller(alice.credentials))
    assert refusal.message.startswith("Signature not yet current: ")
    sts.date_offset = timedelta()
    boto = botocore.session.get_session().create_client(
        "iam",
        "eu-west-1",
        endpoint_url=sts.url,
        aws_access_key_id=alice.key.access_key_id,
        aws_secret_access_key=alice.key.secret,
    )
    with pytest.raises(ClientError, match="InvalidAction"):
        boto.list_users()  # type: ignore[attr-defined, unused-ignore]
    boto.close()


ALICE = "arn:aws:iam::111111111111:user/alice"


@pytest.mark.parametrize(
    ("trust", "said", "allowed"),
    [
        pytest.param(trust_policy({"Principal": {"AWS": ALICE}}), {}, True, id="the-user"),
        pytest.param(
            trust_policy({"Principal": {"AWS": "111111111111"}}), {}, True, id="the-account"
        ),
        pytest.param(
            trust_policy({"Principal": {"AWS": ["x", "arn:aws:iam::111111111111:root"]}}),
            {},
            True,
            id="the-accounts-root-in-a-list",
        ),
        pytest.param(trust_policy({"Principal": "*"}), {}, True, id="anybody"),
        pytest.param(trust_policy({"Principal": {"AWS": "999999999999"}}), {}, False, id="others"),
        pytest.param(
            trust_policy({"Principal": {"Service": "ec2.amazonaws.com"}}), {}, False, id="ec2"
        ),
        pytest.param(
            trust_policy({"Principal": {"AWS": "999999999999"}}, {"Principal": {"AWS": ALICE}}),
            {},
            True,
            id="the-second-statement",
        ),
        pytest.param(
            trust_policy({"Principal": "*"}, {"Principal": {"AWS": ALICE}, "Effect": "Deny"}),
            {},
            False,
            id="deny-beats-allow",
        ),
        pytest.param(
            trust_policy({"Principal": "*", "Action": "sts:AssumeRole"}),
            {"tags": (("a", "b"),)},
            False,
            id="tags-need-tag-session",
        ),
        pytest.param(
            trust_policy({"Principal": "*", "Action": ["sts:AssumeRole", "sts:TagSession"]}),
            {"source_identity": "alice"},
            False,
            id="an-identity-needs-set-source-identity",
        ),
        pytest.param(
            trust_policy(
                {
                    "Principal": "*",
                    "Condition": {
                        "StringEquals": {"sts:ExternalId": "x-42"},
                        "StringLike": {"sts:RoleSessionName": "me@*"},
                    },
                }
            ),
            {"external_id": "x-42"},
            True,
            id="conditions-met",
        ),
        pytest.param(
            trust_policy(
                {"Principal": "*", "Condition": {"StringEquals": {"sts:ExternalId": ["a", "b"]}}}
            ),
            {"external_id": "x-42"},
            False,
            id="another-external-id",
        ),
        pytest.param(
            trust_policy(
                {"Principal": "*", "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}
            ),
            {},
            False,
            id="no-external-id",
        ),
        pytest.param(
            trust_policy(
                {"Principal": "*", "Condition": {"StringEquals": {"aws:RequestTag/Team": "core"}}}
            ),
            {"tags": (("team", "core"),)},
            True,
            id="a-request-tag",
        ),
        pytest.param(
            trust_policy(
                {"Principal": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
            ),
            {},
            False,
            id="mfa-is-absent-for-plain-keys",
        ),
        pytest.param(
            trust_policy(
                {
                    "Principal": "*",
                    "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
                }
            ),
            {},
            True,
            id="if-exists-lets-plain-keys-in",
        ),
        pytest.param(
            trust_policy(
                {"Principal": "*", "Condition": {"StringNotEquals": {"sts:ExternalId": "x"}}}
            ),
            {},
            True,
            id="a-negated-operator-holds-for-an-absent-key",
        ),
        pytest.param(
            trust_policy({"Principal": "*", "Condition": {"Null": {"sts:ExternalId": "false"}}}),
            {},
            False,
            id="null",
        ),
    ],
)
def test_trust_policies_are_judged_as_iam_does(
    sts: StrictSts,
    client: StsClient,
    alice: User,
    hop_to: HopTo,
    trust: dict[str, Any],
    said: dict[str, Any],
    allowed: bool,
) -> None:
    sts.world.role(HUB, policy=trust)
    if allowed:
        assert client.assume_role(hop_to(**said), alice.credentials, None).arn
    else:
        refusal = refusal_of(lambda: client.assume_role(hop_to(**said), alice.credentials, None))
        assert refusal.code == "AccessDenied"
        assert refusal.message.endswith(f"on resource: {HUB}")


def test_a_role_is_trusted_by_role_or_by_session(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    hub = client.assume_role(hop_to(), alice.credentials, None)
    for principal in (HUB, hub.arn, "222222222222"):
        sts.world.role(SPOKE, trusts=[principal])
        assert client.assume_role(hop_to(SPOKE), hub.credentials, None).arn
    sts.world.role(SPOKE, trusts=[hub.arn.replace("me@", "you@")])
    refusal_of(lambda: client.assume_role(hop_to(SPOKE), hub.credentials, None))


def test_a_missing_role_and_an_untrusting_one_look_the_same(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(SPOKE, trusts=["999999999999"])

    def said_of(role: str) -> str:
        refusal = refusal_of(lambda: client.assume_role(hop_to(role), alice.credentials, None))
        return refusal.message.replace(role, "")

    assert said_of(SPOKE) == said_of(THIRD)


def test_across_accounts_the_callers_own_policies_must_allow_it_too(
    sts: StrictSts, client: StsClient, hop_to: HopTo
) -> None:
    sts.tells_reasons = True
    bob = sts.world.user("111111111111", "bob", may_assume=["arn:aws:iam::*:role/Other"])
    sts.world.role(HUB, trusts=[bob.arn])
    refusal = refusal_of(lambda: client.assume_role(hop_to(), bob.credentials, None))
    assert refusal.message.endswith("no identity-based policy allows the sts:AssumeRole action")
    same = "arn:aws:iam::111111111111:role/Same"
    sts.world.role(same, trusts=[bob.arn])
    assert client.assume_role(hop_to(same), bob.credentials, None).arn
    sts.world.role(same, trusts=["111111111111"])
    refusal_of(lambda: client.assume_role(hop_to(same), bob.credentials, None))
