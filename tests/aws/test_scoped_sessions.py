"""GetScopedCredentials on the wire: what is sent, to which endpoint, and what the answers mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rolehop.aws.endpoint import find_endpoint
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.sts import StsClient
from rolehop.base.errors import ConfigError, ServiceError
from rolehop.plan.model import Hop, Scope
from rolehop.walk.ports import StsRefusal
from tests.doubles.sts import StrictSts, User
from tests.doubles.sts_rules import MAX_TOKEN

HopTo = Callable[..., Hop]
READS = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}'


def test_a_session_is_narrowed_and_stays_the_same_principal(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    whole = client.assume_role(hop_to(), alice.credentials, None)
    narrow = client.scoped_session(Scope(READS, 900, "nightly"), 900, whole.credentials)
    assert narrow.credentials.access_key_id != whole.credentials.access_key_id
    assert (narrow.arn, narrow.account) == (whole.arn, whole.account)
    assert client.caller(narrow.credentials).arn == whole.arn
    assert narrow.expires_at - narrow.issued_at <= timedelta(minutes=15)
    assert sts.world.keys[narrow.credentials.access_key_id].layers == (READS,)
    assert dict(sts.calls[1].params) == {
        "Version": "2011-06-15",
        "Policy": READS,
        "DurationSeconds": "900",
        "ScopedSessionDescription": "nightly",
    }


def test_without_a_duration_it_ends_with_the_session_that_it_narrows(
    client: StsClient, alice: User, hop_to: HopTo
) -> None:
    whole = client.assume_role(hop_to(), alice.credentials, None)
    assert client.scoped_session(Scope(READS), None, whole.credentials).expires_at == (
        whole.expires_at
    )


def test_what_the_policy_leaves_out_the_session_cannot_do(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(
        "arn:aws:iam::333333333333:role/Admin", trusts=["arn:aws:iam::222222222222:role/team/Hub"]
    )
    whole = client.assume_role(hop_to(), alice.credentials, None)
    narrow = client.scoped_session(Scope(READS), None, whole.credentials)
    admin = hop_to("arn:aws:iam::333333333333:role/Admin")
    assert client.assume_role(admin, whole.credentials, None).account == "333333333333"
    with pytest.raises(StsRefusal, match="AccessDenied"):
        client.assume_role(admin, narrow.credentials, None)


def test_a_session_takes_three_policies_and_any_number_of_durations(
    client: StsClient, alice: User, hop_to: HopTo
) -> None:
    held = client.assume_role(hop_to(), alice.credentials, None)
    for scope in (Scope(READS), Scope(None, 1800), Scope(READS), Scope(READS), Scope(None, 900)):
        held = client.scoped_session(scope, scope.duration_seconds, held.credentials)
    with pytest.raises(StsRefusal, match="3 scoped policies"):
        client.scoped_session(Scope(READS), None, held.credentials)


@pytest.mark.parametrize(
    ("scope", "seconds", "code"),
    [
        (Scope(None, 7200), 7200, "InsufficientSessionLifetime"),
        (Scope('{"Version":"2012-10-17"}'), None, "MalformedPolicyDocument"),
        (Scope(None, 129_601), 129_601, "ValidationError"),
        (Scope(READS, None, "x"), None, "ValidationError"),
        (Scope(), None, "ValidationError"),
    ],
    ids=["too-long", "malformed", "above-the-maximum", "short-description", "nothing"],
)
def test_what_aws_refuses(
    client: StsClient, alice: User, hop_to: HopTo, scope: Scope, seconds: int | None, code: str
) -> None:
    whole = client.assume_role(hop_to(), alice.credentials, None)
    with pytest.raises(StsRefusal) as caught:
        client.scoped_session(scope, seconds, whole.credentials)
    assert caught.value.code == code


def test_a_token_that_grows_too_large_is_refused(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    whole = client.assume_role(hop_to(), alice.credentials, None)
    sts.token_length = MAX_TOKEN
    with pytest.raises(StsRefusal, match="PackedPolicyTooLarge"):
        client.scoped_session(Scope(READS), None, whole.credentials)


def test_user_keys_are_no_session(client: StsClient, alice: User) -> None:
    with pytest.raises(StsRefusal, match="InvalidSubjectCredentials"):
        client.scoped_session(Scope(READS), None, alice.credentials)


def test_an_answer_without_credentials_is_no_session(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    whole = client.assume_role(hop_to(), alice.credentials, None)
    inside = b"<GetScopedCredentialsResult></GetScopedCredentialsResult>"
    sts.say(b"<GetScopedCredentialsResponse>" + inside + b"</GetScopedCredentialsResponse>")
    with pytest.raises(ServiceError, match="something unexpected"):
        client.scoped_session(Scope(READS), None, whole.credentials)


# ---- the endpoint


@pytest.mark.parametrize(
    ("settings", "host", "signed_for"),
    [
        (
            {"region": "eu-west-1", "legacy_global_sts": True},
            "sts.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        (
            {"region": "us-east-1", "legacy_global_sts": True},
            "sts.us-east-1.amazonaws.com",
            "us-east-1",
        ),
        ({"region": "aws-global"}, "sts.us-east-1.amazonaws.com", "us-east-1"),
        (
            {"region": "ap-east-1", "legacy_global_sts": True},
            "sts.ap-east-1.amazonaws.com",
            "ap-east-1",
        ),
        ({"region": "cn-north-1"}, "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        (
            {"region": "us-west-2", "use_fips": True},
            "sts-fips.us-west-2.amazonaws.com",
            "us-west-2",
        ),
    ],
)
def test_the_endpoint_is_a_regional_one(
    settings: dict[str, object], host: str, signed_for: str
) -> None:
    made = ClientSettings(**settings)  # type: ignore[arg-type]
    found = find_endpoint("sts", made.regional)
    assert (found.host, found.signing_region) == (host, signed_for)


def test_an_override_is_called_unless_it_is_the_global_endpoint() -> None:
    mine = ClientSettings("eu-west-1", endpoint_url="http://127.0.0.1:4566", legacy_global_sts=True)
    assert find_endpoint("sts", mine.regional).host == "127.0.0.1:4566"
    for url in ("https://sts.amazonaws.com", "https://STS.amazonaws.com/"):
        with pytest.raises(ConfigError, match="global one"):
            _ = ClientSettings("eu-west-1", endpoint_url=url).regional


def test_with_legacy_settings_the_other_calls_stay_where_they_were(
    sts: StrictSts, alice: User, hop_to: HopTo
) -> None:
    settings = ClientSettings("eu-west-1", endpoint_url=sts.url, legacy_global_sts=True)
    with StsClient(settings, now=lambda: sts.now) as client:
        whole = client.assume_role(hop_to(), alice.credentials, None)
        client.scoped_session(Scope(READS), None, whole.credentials)
    assert [call.action for call in sts.calls] == ["AssumeRole", "GetScopedCredentials"]
