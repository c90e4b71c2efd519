from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rolehop.aws.sts import StsClient, assume_role_params
from rolehop.base.errors import ServiceError, SourceError
from rolehop.plan.model import Hop
from rolehop.walk.ports import MfaCode, StsRefusal
from tests.aws.conftest import HUB
from tests.doubles.sts import StrictSts, User

HopTo = Callable[..., Hop]
ADMIN = "arn:aws:iam::333333333333:role/Admin"


def test_a_hop_is_walked_with_the_session_of_the_hop_before(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.world.role(ADMIN, trusts=[HUB])
    hub = client.assume_role(hop_to(HUB), alice.credentials, None)
    admin = client.assume_role(hop_to(ADMIN), hub.credentials, None)
    assert hub.arn == "arn:aws:sts::222222222222:assumed-role/Hub/me@host"
    assert (admin.account, admin.user_id.partition(":")[2]) == ("333333333333", "me@host")
    assert admin.expires_at - admin.issued_at <= timedelta(hours=1)
    assert admin.expires_at == admin.credentials.expires_at
    assert client.caller(admin.credentials).arn == admin.arn
    assert sts.roles_called == [HUB, ADMIN]
    assert [call.signer for call in sts.calls] == [alice.arn, hub.arn, admin.arn]
    assert sts.connections == 1


def test_every_setting_of_a_hop_reaches_sts(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    hop = hop_to(
        duration_seconds=900,
        external_id="x-42",
        policy='{"Version":"2012-10-17","Statement":[]}',
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
        tags=(("team", "plät form+1=/x"), ("empty", "")),
        transitive_tags=("team",),
        source_identity="alice",
    )
    session = client.assume_role(hop, alice.credentials, None)
    assert session.expires_at - session.issued_at <= timedelta(minutes=15)
    params = dict(sts.calls[0].params)
    assert params.pop("Version") == "2011-06-15"
    assert params == assume_role_params(hop, None)
    assert params["Tags.member.2.Value"] == ""
    assert params["PolicyArns.member.1.arn"] == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert params["TransitiveTagKeys.member.1"] == "team"


def test_a_token_of_any_length_comes_through_whole(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.token_length = 12_000
    session = client.assume_role(hop_to(), alice.credentials, None)
    token = session.credentials.session_token
    assert token is not None
    assert len(token.reveal()) == 12_000
    assert client.caller(session.credentials).arn == session.arn


def test_a_code_makes_a_session_that_later_hops_share(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    device = sts.world.mfa_device(alice)
    sts.world.role(ADMIN, trusts=[alice.arn], mfa=True)
    with pytest.raises(StsRefusal):
        client.assume_role(hop_to(ADMIN), alice.credentials, None)
    serial = client.mfa_device(alice.credentials)
    code = MfaCode(serial, device.code(sts.now))
    shared = client.session_token(alice.credentials, 43_200, code)
    assert (shared.arn, shared.account) == ("", "")
    assert client.assume_role(hop_to(ADMIN), shared.credentials, None).account == "333333333333"
    assert client.caller(shared.credentials).arn == alice.arn
    assert all(call.params.get("TokenCode") in (None, "hidden") for call in sts.calls)


@pytest.mark.parametrize(
    ("serials", "message"),
    [
        ([], "no MFA device that shows codes"),
        (["arn:aws:iam::111111111111:u2f/user/alice/key"], "no MFA device that shows codes"),
        (
            ["arn:aws:iam::111111111111:mfa/a", "arn:aws:iam::111111111111:mfa/b"],
            "more than one MFA device",
        ),
    ],
)
def test_which_device_is_meant_is_never_guessed(
    sts: StrictSts, client: StsClient, alice: User, serials: list[str], message: str
) -> None:
    for serial in serials:
        sts.world.mfa_device(alice, serial)
    with pytest.raises(SourceError, match=message):
        client.mfa_device(alice.credentials)


def test_a_security_key_is_ignored_if_there_is_an_app(
    sts: StrictSts, client: StsClient, alice: User
) -> None:
    sts.world.mfa_device(alice, "arn:aws:iam::111111111111:u2f/user/alice/key")
    sts.world.mfa_device(alice, "arn:aws:iam::111111111111:mfa/phone")
    assert client.mfa_device(alice.credentials) == "arn:aws:iam::111111111111:mfa/phone"


GOOD = {
    "key": "ASIAIOSFODNN7EXAMPLE",
    "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "token": "dG9rZW4=",
    "ends": "{in_an_hour}",
    "arn": "arn:aws:sts::222222222222:assumed-role/Hub/me@host",
    "id": "AROAEXAMPLE:me@host",
    "identity": "",
}
ANSWER = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
    "<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
    "<Expiration>{ends}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>{id}"
    "</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>{identity}</AssumeRoleResult>"
    "</AssumeRoleResponse>"
)


def _say(sts: StrictSts, changed: dict[str, str]) -> None:
    fields = {**GOOD, **changed}
    now = sts.now.replace(microsecond=0)
    ends = {"in_an_hour": now + timedelta(hours=1), "in_five_hours": now + timedelta(hours=5)}
    shown = {name: f"{end:%Y-%m-%dT%H:%M:%SZ}" for name, end in ends.items()}
    fields["ends"] = fields["ends"].format(**shown)
    sts.say(ANSWER.format(**fields).encode())


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="as-aws-answers"),
        pytest.param({"arn": GOOD["arn"].replace("Hub", "hub")}, id="names-ignore-case"),
        pytest.param({"ends": "2099-01-01T00:00:00.000Z", "far": "yes"}, id="fractions"),
        pytest.param({"identity": "<SourceIdentity>alice</SourceIdentity>"}, id="source-identity"),
    ],
)
def test_a_complete_answer_is_accepted(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo, changed: dict[str, str]
) -> None:
    if changed.pop("far", None):
        ends = sts.now + timedelta(minutes=30)
        changed["ends"] = f"{ends:%Y-%m-%dT%H:%M:%S}.750Z"
    _say(sts, changed)
    session = client.assume_role(hop_to(source_identity="alice"), alice.credentials, None)
    assert session.expires_at.microsecond == 0
    assert session.credentials.access_key_id == GOOD["key"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"key": ""}, id="no-key"),
        pytest.param({"key": "short"}, id="a-key-too-short"),
        pytest.param({"key": "ASIAIOSFODNN7 EXAMPLE"}, id="a-key-with-a-blank"),
        pytest.param({"secret": ""}, id="no-secret"),
        pytest.param({"secret": "se cret-se cret"}, id="a-secret-with-a-blank"),
        pytest.param({"token": ""}, id="no-token"),
        pytest.param({"token": "t&#xe4;token-token"}, id="a-token-that-is-not-ascii"),
        pytest.param({"ends": ""}, id="no-end"),
        pytest.param({"ends": "tomorrow"}, id="no-time"),
        pytest.param({"ends": "2026-11-24T12:00:00"}, id="no-zone"),
        pytest.param({"ends": "2001-01-01T00:00:00Z"}, id="over-already"),
        pytest.param({"ends": "2999-01-01T00:00:00Z"}, id="without-end"),
        pytest.param({"ends": "{in_five_hours}"}, id="longer-than-asked"),
        pytest.param({"arn": GOOD["arn"].replace("2222", "3333")}, id="another-account"),
        pytest.param({"arn": GOOD["arn"].replace("Hub", "Admin")}, id="another-role"),
        pytest.param({"arn": GOOD["arn"].replace("me@", "you@")}, id="another-name"),
        pytest.param({"arn": GOOD["arn"].replace("aws:", "aws-cn:")}, id="another-partition"),
        pytest.param({"arn": ""}, id="no-arn"),
        pytest.param({"id": "AROAEXAMPLE"}, id="an-id-without-a-name"),
        pytest.param({"id": "AROAEXAMPLE:you@host"}, id="another-name-in-the-id"),
        pytest.param(
            {"identity": "<SourceIdentity>bob</SourceIdentity>"}, id="another-source-identity"
        ),
    ],
)
def test_an_answer_that_is_not_the_one_asked_for_is_refused_without_its_secrets(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo, changed: dict[str, str]
) -> None:
    _say(sts, changed)
    with pytest.raises(ServiceError) as caught:
        client.assume_role(hop_to(source_identity="alice"), alice.credentials, None)
    over = changed.get("ends", "").startswith("2001")
    ended = "the session had ended when its answer was there"
    assert caught.value.what == (ended if over else "AWS answered with something unexpected")
    said = f"{caught.value.cause} {caught.value.fix}"
    assert GOOD["secret"] not in said
    assert GOOD["token"] not in said
    assert "cret-se" not in said
    assert "token-token" not in said


def test_a_caller_whose_arn_and_account_differ_is_refused(
    sts: StrictSts, client: StsClient, alice: User
) -> None:
    sts.say(
        b"<R><GetCallerIdentityResult><Arn>arn:aws:iam::111111111111:user/a</Arn>"
        b"<Account>222222222222</Account><UserId>x</UserId></GetCallerIdentityResult></R>"
    )
    with pytest.raises(ServiceError, match="unexpected"):
        client.caller(alice.credentials)


def test_after_close_the_next_call_opens_a_new_connection(
    sts: StrictSts, client: StsClient, alice: User
) -> None:
    client.caller(alice.credentials)
    client.close()
    client.caller(alice.credentials)
    assert [call.connection for call in sts.calls] == [1, 2]
