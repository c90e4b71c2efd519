"""A scope in the plan: which flags make one, what it sends, how long it lasts, under which key."""

from __future__ import annotations

import json
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest

from rolehop.base.errors import ConfigError, UsageError
from rolehop.config.model import HopConfig, ScopeConfig
from rolehop.config.read_only_policy import ACTIONS, READ_ONLY_POLICY, SERVICES
from rolehop.config.sts_limits import POLICY
from rolehop.plan.hop_keys import scope_key
from rolehop.plan.model import Cache, Plan, Scope, ScopeStep, TokenStep, step_label
from rolehop.plan.planner import SIGNING_TTL, enough_of
from rolehop.plan.walk_options import WalkOptions
from tests.walk.plans import A_SESSION, HUB, plan

S3 = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}'
EC2 = S3.replace("s3:Get", "ec2:Describe")
READS = ScopeConfig(read_only=True)


def scoped(*hops: HopConfig, scope: ScopeConfig | None = None, **flags: Any) -> Plan:
    options = WalkOptions(**flags)
    return plan(*hops, stamp=A_SESSION, scope=scope, options=options)


def scope_of(found: Plan) -> Scope:
    assert found.scope is not None
    return found.scope.scope


# ---- the keys never change

PARENT = "4b67c5b87c38659f07e4668820132d4c95b79ba07d48f002d9246045a6942623"


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        (Scope(S3), "9174f54b322a3f8765971e6afc83db884fba38226e5eb618a013e84181284765"),
        (
            Scope(S3, 900, "nightly"),
            "b7c487223a8a7325989c8cb10d03216ad189a7001bf7b4f96807adf26c61a386",
        ),
        (Scope(None, 900), "6965bb0410823a565fab288d72be72b086e9bf510ef816d64009b3123f53dc1f"),
    ],
    ids=["policy", "everything", "duration"],
)
def test_a_scope_keeps_its_key(scope: Scope, key: str) -> None:
    assert scope_key(PARENT, scope) == key


def test_all_that_aws_is_told_is_in_the_key_and_nothing_else() -> None:
    told = [Scope(S3), Scope(EC2), Scope(S3, 900), Scope(S3, None, "x1"), Scope(None, 900)]
    keys = {scope_key(parent, each) for parent in (PARENT, "0" * 64) for each in told}
    assert len(keys) == 2 * len(told)
    assert scope_key(PARENT, Scope(S3, read_only=True)) == scope_key(PARENT, Scope(S3))


# ---- rolehop's own policy

STORED = (
    *(
        "s3:GetObject",
        "s3:GetObjectVersion",
        "dynamodb:GetItem",
        "dynamodb:Scan",
        "logs:GetLogEvents",
    ),
    *("ssm:GetParameter", "secretsmanager:GetSecretValue", "kms:Decrypt", "sts:AssumeRole"),
    *("sso:GetRoleCredentials", "ecr:GetAuthorizationToken", "redshift:GetClusterCredentials"),
    *(
        "sts:GetSessionToken",
        "sts:GetScopedCredentials",
        "sts:GetWebIdentityToken",
        "lambda:GetFunction",
    ),
    *("cognito-idp:DescribeUserPoolClient", "directconnect:DescribeVirtualInterfaces"),
    *("sqs:ReceiveMessage", "kinesis:GetRecords"),
)
"""Actions that give what is stored, or more credentials."""


def test_the_policy_that_only_reads_fits_and_says_no_more_than_it_should() -> None:
    assert POLICY.run(READ_ONLY_POLICY) == READ_ONLY_POLICY
    statement = json.loads(READ_ONLY_POLICY)["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")
    assert statement["Action"] == list(ACTIONS)
    verbs = ("Describe", "List", "Get", "Lookup")
    assert all(each.partition(":")[2].startswith(verbs) for each in ACTIONS)
    assert [each for each in ACTIONS if each.startswith("sts:")] == ["sts:GetCallerIdentity"]
    assert "*" not in "".join(SERVICES)
    for stored in STORED:
        assert not [each for each in ACTIONS if fnmatchcase(stored, each)], stored


# ---- flags


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"read_only": True}, Scope(READ_ONLY_POLICY, read_only=True)),
        ({"policy": S3}, Scope(S3)),
        ({"duration": 1800}, Scope(None, 1800)),
        ({"policy": S3, "duration": 1800}, Scope(S3, 1800)),
        ({"read_only": True, "reason": "INC 42"}, Scope(READ_ONLY_POLICY, None, "INC 42", True)),
    ],
    ids=["read-only", "policy", "duration", "two", "reason"],
)
def test_without_a_hop_flags_that_narrow_make_a_scope(flags: dict[str, Any], wanted: Scope) -> None:
    found = scoped(**flags)
    assert scope_of(found) == wanted
    assert any("by GetScopedCredentials" in note for note in found.notes)


def test_with_a_hop_they_stay_the_hops() -> None:
    found = scoped(HopConfig(HUB), read_only=True, duration=1800)
    assert found.scope is None
    assert found.hops[0].hop.policy_arns == ("arn:aws:iam::aws:policy/ReadOnlyAccess",)
    assert found.hops[0].hop.duration_seconds == 1800


def test_a_reason_alone_makes_no_scope() -> None:
    found = scoped(reason="INC 42")
    assert found.scope is None
    assert found.steps == scoped().steps


@pytest.mark.parametrize(
    ("own", "reason", "said"),
    [
        (None, "INC 42", "INC 42"),
        ("nightly", "INC 42", "nightly: INC 42"),
        (None, "x", "x."),
        (None, "漢 ok", "? ok"),
        ("d" * 250, "long reason", f"{'d' * 250}: long"),
    ],
)
def test_a_reason_stands_in_the_scopes_description(own: str | None, reason: str, said: str) -> None:
    found = scoped(scope=ScopeConfig(read_only=True, description=own), reason=reason)
    assert scope_of(found).description == said
    whole = reason if own is None else f"{own}: {reason}"
    assert any("reason is changed" in note for note in found.notes) is (said != whole)


@pytest.mark.parametrize(
    "flags",
    [
        {"tags": (("a", "b"),)},
        {"policy_arns": ("arn:aws:iam::aws:policy/ReadOnlyAccess",), "read_only": True},
        {"source_identity": "me", "reason": "x"},
    ],
)
def test_what_only_a_hop_can_carry_is_refused_without_one(flags: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no hop to change"):
        scoped(**flags)


@pytest.mark.parametrize(
    ("own", "flags"),
    [
        (None, {"read_only": True, "policy": S3}),
        (ScopeConfig(policy=S3), {"read_only": True}),
        (ScopeConfig(policy=S3), {"policy": EC2}),
        (READS, {"policy": S3}),
    ],
)
def test_a_second_policy_is_refused(own: ScopeConfig | None, flags: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be combined") as caught:
        scoped(scope=own, **flags)
    if len(flags) > 1:
        assert "--read-only and --session-policy cannot" in str(caught.value)


def test_the_same_policy_again_and_more_limits_are_no_second_policy() -> None:
    assert scope_of(scoped(scope=READS, read_only=True)) == scope_of(scoped(scope=READS))
    assert scope_of(scoped(scope=ScopeConfig(duration_seconds=900), read_only=True)) == Scope(
        READ_ONLY_POLICY, 900, read_only=True
    )


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        (READS, Scope(READ_ONLY_POLICY, 900, read_only=True)),
        (ScopeConfig(policy=S3), Scope(S3, 900)),
    ],
)
def test_a_flag_that_shortens_takes_no_limit_off(own: ScopeConfig, wanted: Scope) -> None:
    assert scope_of(scoped(scope=own, duration=900)) == wanted


@pytest.mark.parametrize(
    ("scope", "words", "narrowed"),
    [
        (Scope(READ_ONLY_POLICY, read_only=True), "read-only", "read-only"),
        (Scope(READ_ONLY_POLICY, 900, read_only=True), "read-only, 15 min", "read-only"),
        (Scope(S3), "a policy", "scoped"),
        (Scope(S3, 900), "a policy, 15 min", "scoped"),
        (Scope(None, 900), "15 min", "scoped"),
    ],
)
def test_a_scope_in_words(scope: Scope, words: str, narrowed: str) -> None:
    assert (scope.words, scope.narrowed) == (words, narrowed)


# ---- how long


def test_a_flag_makes_the_chains_scope_shorter_and_never_longer() -> None:
    own = ScopeConfig(duration_seconds=1800)
    shorter = scoped(scope=own, duration=900)
    assert scope_of(shorter).duration_seconds == 900
    assert _notes(shorter) == ()
    longer = scoped(scope=own, duration=3600)
    assert scope_of(longer).duration_seconds == 1800
    _is_said_to_be_shortened(longer)
    with pytest.raises(ConfigError, match="cannot last as long as asked"):
        scoped(scope=own, duration=3600, strict=True)


def test_a_flag_of_a_hop_does_not_make_the_scope_behind_it_longer() -> None:
    own = ScopeConfig(duration_seconds=1800)
    found = scoped(HopConfig(HUB), scope=own, duration=3600)
    assert found.hops[0].hop.duration_seconds == 3600
    assert scope_of(found).duration_seconds == 1800
    _is_said_to_be_shortened(found)
    with pytest.raises(ConfigError, match="cannot last as long as asked"):
        scoped(HopConfig(HUB), scope=own, duration=3600, strict=True)
    assert (
        scoped(HopConfig(HUB), scope=READS, duration=3600).scope
        == scoped(HopConfig(HUB, duration_seconds=3600), scope=READS).scope
    )


def _notes(found: Plan) -> tuple[str, ...]:
    assert found.scope is not None
    return found.scope.notes


def test_a_scope_that_fits_is_not_shortened_and_strict_has_nothing_against_it() -> None:
    own = ScopeConfig(read_only=True, duration_seconds=900)
    for found in (
        scoped(scope=own, strict=True),
        scoped(scope=own, duration=900, strict=True),
        scoped(HopConfig(HUB, duration_seconds=900), scope=own, strict=True),
    ):
        assert (scope_of(found).duration_seconds, _notes(found)) == (900, ())


def test_a_scope_of_user_keys_lasts_no_longer_than_their_session() -> None:
    found = plan(scope=ScopeConfig(read_only=True, duration_seconds=129_600))
    (token,) = [step for step in found.steps if isinstance(step, TokenStep)]
    assert scope_of(found).duration_seconds == token.duration_seconds
    assert "a scope lasts no longer than the session it narrows" in _notes(found)[0]


def test_a_policy_that_aws_may_refuse_is_noted() -> None:
    (note,) = _notes(scoped(scope=ScopeConfig(policy=S3.replace("s3:Get*", "s3:Get Object"))))
    assert note.startswith("session policy: statement 1 has the action")


def _is_said_to_be_shortened(found: Plan) -> None:
    assert found.scope is not None
    said = "1 h asked, 30 min planned: the chain's scope lasts no longer"
    assert found.scope.shortened == said
    assert found.scope.notes == (said,)


def test_a_scope_is_planned_no_longer_than_the_hop_that_it_narrows() -> None:
    own = ScopeConfig(read_only=True, duration_seconds=7200)
    found = scoped(HopConfig(HUB, duration_seconds=900), scope=own)
    assert scope_of(found).duration_seconds == 900
    assert found.scope is not None
    assert found.scope.notes == (
        "2 h asked, 15 min planned: a scope lasts no longer than the session it narrows",
    )
    with pytest.raises(ConfigError, match="cannot last as long as asked"):
        scoped(HopConfig(HUB, duration_seconds=900), scope=own, strict=True)
    # How long the source's own session lasts is not known before it is loaded.
    assert scope_of(scoped(scope=own)).duration_seconds == 7200


# ---- where it stands


def test_user_keys_get_a_session_first() -> None:
    found = plan(scope=READS)
    assert [type(step) for step in found.steps[1:]] == [TokenStep, ScopeStep]
    assert found.steps[-1].parent == found.steps[1].key


def test_a_scope_is_the_last_step_and_numbered_after_the_hops() -> None:
    found = scoped(HopConfig(HUB), scope=ScopeConfig(read_only=True, duration_seconds=900))
    step = found.scope
    assert step is found.steps[-1]
    assert step is not None
    assert (step.number, str(step.role), step.cache) == (2, HUB, Cache.NONE)
    assert step.parent == found.hops[-1].key == scoped(HopConfig(HUB)).key
    assert step_label(step, 1) == "scope  read-only, 15 min"


def test_a_resource_of_another_partition_is_bound_to_fail() -> None:
    china = S3.replace('"*"', '"arn:aws-cn:s3:::b"')
    found = scoped(scope=ScopeConfig(policy=china))
    assert found.certain_failure is not None
    assert "another partition than the session (aws)" in str(found.certain_failure)
    of_hop = plan(HopConfig(HUB, policy=china)).certain_failure
    assert "another partition than the role (aws)" in str(of_hop)
    hub = HUB.replace("arn:aws:", "arn:aws-cn:")
    assert scoped(HopConfig(hub), scope=ScopeConfig(policy=china)).certain_failure is None


def test_flags_that_make_a_scope_are_named_one_by_one() -> None:
    said = "there is no hop, so --session-policy, --duration narrows the session by GetScopedCredentials"
    assert said in scoped(policy=S3, duration=1800).notes


def test_what_is_narrowed_must_last_as_long_as_what_is_handed_out() -> None:
    found = scoped(HopConfig(HUB), HopConfig(HUB.replace("Hub", "Admin")), scope=READS)
    least = timedelta(minutes=16)
    needed = [enough_of(step, found.steps, least) for step in found.steps]
    assert needed == [SIGNING_TTL, SIGNING_TTL, least, least]


def test_calls_are_the_hops_and_the_scope() -> None:
    found = scoped(HopConfig(HUB), scope=READS)
    assert found.calls == (*found.hops, found.scope)
    assert plan().calls == ()
