"""Every field of a plan comes from where it should: the chain, its source, the flags, the cache."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.config.model import ChainConfig, Config, Defaults, HopConfig, SourceConfig, WrittenHop
from rolehop.plan.hop_keys import token_key
from rolehop.plan.model import Cache, CachedSession, CachedState, Guards, Hop, Mfa, Plan, Stamp
from rolehop.plan.planner import make_plan
from rolehop.plan.resolve import Resolved
from rolehop.plan.walk_options import WalkOptions
from tests.support.simulator import START

HUB = RoleArn.parse("arn:aws:iam::222222222222:role/Hub")
ADMIN = RoleArn.parse("arn:aws:iam::333333333333:role/Admin")
MFA = "arn:aws:iam::111111111111:mfa/alice"
KEYS = Stamp("AKIASOURCE", long_lived=True)
SESSION = Stamp("ASIASOURCE", long_lived=False)
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
WRITTEN = (WrittenHop(HopConfig(str(HUB)), "prod", 1),)


def plan(
    *hops: HopConfig,
    stamp: Stamp = KEYS,
    settings: dict[str, Any] | None = None,
    chain: dict[str, Any] | None = None,
    guards: Guards | None = None,
    options: WalkOptions | None = None,
    known: CachedState | None = None,
) -> Plan:
    resolved = Resolved(
        ChainConfig("prod", source="alice", **(chain or {})),
        SourceConfig("alice", "keys", settings or {}),
        tuple((RoleArn.parse(each.role), each) for each in hops),
        WRITTEN,
        "dev",
        "eu-west-1",
        "eu-west-2",
        ("a note of the config",),
        guards or Guards(),
    )
    config = Config(Defaults(min_ttl_seconds=960))
    return make_plan(
        config, resolved, stamp, now=START, known=known, options=options, endpoint_url="http://x"
    )


def hub(**said: Any) -> HopConfig:
    return HopConfig(str(HUB), **{"session_name": "me", **said})


def test_what_the_chain_says_is_in_the_plan() -> None:
    asks, flags = Guards(confirm="prod"), WalkOptions(duration=900)
    made = plan(hub(), chain={"color": "red"}, guards=asks, options=flags)
    assert (made.chain, made.source.name, made.aws_profile) == ("prod", "alice", "dev")
    assert (made.region, made.export_region, made.endpoint_url) == (
        "eu-west-1",
        "eu-west-2",
        "http://x",
    )
    assert (made.guards, made.color, made.written) == (asks, "red", WRITTEN)
    assert (made.flags, made.notes) == (("--duration",), ("a note of the config",))
    assert (made.min_ttl_seconds, made.long_lived) == (960, True)
    assert plan(hub(), options=WalkOptions(min_ttl=300)).min_ttl_seconds == 300
    assert plan(hub(), options=WalkOptions(min_ttl=0)).min_ttl_seconds == 0
    other = plan(hub(), stamp=SESSION)
    assert (other.color, other.flags, other.long_lived) == (None, (), False)


def test_scripts_read_these_words_in_a_plan() -> None:
    assert [each.value for each in Mfa] == ["none", "session", "hop"]
    assert [each.value for each in Cache] == ["fresh", "stale", "none", "unknown"]


@pytest.mark.parametrize(
    ("required", "reason", "wants"),
    [(True, None, True), (True, "INC-42", False), (False, None, False), (False, "x", False)],
)
def test_a_reason_is_wanted_if_the_chain_requires_it_and_none_is_given(
    required: bool, reason: str | None, wants: bool
) -> None:
    options, guards = WalkOptions(reason=reason), Guards(reason="prod" if required else None)
    assert plan(hub(), guards=guards, options=options).wants_reason is wants


FULL: dict[str, Any] = {
    "session_name": "alice",
    "external_id": "x-42",
    "policy": "{}",
    "policy_arns": (READ_ONLY,),
    "tags": (("team", "a"),),
    "transitive_tags": ("team",),
    "source_identity": "alice",
}


def test_what_the_hop_says_is_what_sts_is_told() -> None:
    (step,) = plan(hub(duration_seconds=1800, **FULL)).hops
    assert step.hop == Hop(
        HUB, "alice", 1800, **{k: v for k, v in FULL.items() if k != "session_name"}
    )
    assert (step.number, step.parent) == (1, plan().steps[0].key)


@pytest.mark.parametrize(
    ("hops", "stamp", "serial", "sent"),
    [
        ([hub()], KEYS, None, [None]),
        ([hub(mfa_serial="own")], KEYS, None, ["own"]),
        ([hub(mfa_serial="own")], KEYS, MFA, ["own"]),
        ([hub(duration_seconds=7200)], KEYS, MFA, [MFA]),
        ([hub()], KEYS, MFA, [None]),  # the GetSessionToken before it carries the code
        ([hub(duration_seconds=7200), hub()], KEYS, MFA, [MFA, None]),
        ([hub(mfa_serial="own"), hub(mfa_serial="other")], KEYS, None, ["own", None]),
        ([hub(mfa_serial="own")], SESSION, None, [None]),
    ],
)
def test_which_call_carries_which_device(
    hops: list[HopConfig], stamp: Stamp, serial: str | None, sent: list[str | None]
) -> None:
    made = plan(*hops, stamp=stamp, settings={"mfa_serial": serial})
    assert [each.hop.mfa_serial for each in made.hops] == sent
    assert [each.mfa for each in made.hops[1:]] == [Mfa.NONE] * (len(hops) - 1)


@pytest.mark.parametrize("serial", [MFA, None, 5])
def test_a_token_is_got_with_the_sources_device(serial: object) -> None:
    sent = MFA if serial == MFA else None
    first, token = plan(settings={"mfa_serial": serial, "mfa_duration": 1800}).steps
    assert (token.key, token.parent) == (token_key(first.key, 1800, sent), first.key)
    assert (token.mfa_serial, token.duration_seconds) == (sent, 1800)  # type: ignore[union-attr]


def test_a_session_has_a_name_even_if_nobody_gave_one() -> None:
    assert plan(hub(session_name=None)).hops[0].hop.session_name == "rolehop"


# ---- what is certain to fail


@pytest.mark.parametrize(
    ("settings", "fails"),
    [
        ({"role": str(HUB), "policy_arns": (READ_ONLY,)}, True),
        ({"role": "222222222222:role/Hub", "policy_arns": (READ_ONLY,)}, True),
        ({"role": str(HUB), "policy": '{"Statement": []}'}, True),
        ({"role": str(HUB), "session_name": "me", "policy_arns": (READ_ONLY,)}, True),
        ({"role": str(HUB)}, False),
        ({"policy_arns": (READ_ONLY,)}, False),
        ({"role": str(HUB), "policy_arns": (READ_ONLY, "arn:aws:iam::aws:policy/AdministratorAccess")}, False),
    ],
)  # fmt: skip
def test_a_session_policy_of_the_sources_own_role_limits_hop_1(
    settings: dict[str, Any], fails: bool
) -> None:
    made = plan(HopConfig(str(ADMIN)), HopConfig(str(HUB)), stamp=SESSION, settings=settings)
    assert [each.will_fail is not None for each in made.hops] == [fails, False]
    assert (made.certain_failure is not None) == fails


def test_the_first_reason_counts_and_all_notes_are_kept() -> None:
    """MFA that cannot work, and what follows from the hops before."""
    made = plan(
        hub(policy_arns=(READ_ONLY,), source_identity="me", duration_seconds=7200),
        HopConfig(str(ADMIN), mfa_serial=MFA),
        settings={"mfa_serial": MFA},
    )
    first, second = made.hops
    assert "mfa_serial: only IAM user keys" in str(second.will_fail)
    assert [each.split(",")[0][:30] for each in first.notes] == [
        "asks for an MFA code every tim",
        "its source identity travels on",
    ]
    assert (first.will_fail, second.notes) == (None, ())
    limited = plan(hub(policy_arns=(READ_ONLY,)), HopConfig(str(ADMIN)))
    assert "ReadOnlyAccess" in str(limited.hops[1].will_fail)


@pytest.mark.parametrize(
    ("stamp", "fails"),
    [
        (KEYS, False),
        (SESSION, True),
        (replace(SESSION, problem="signed out"), False),  # what it will be is not known
        (replace(KEYS, problem="locked"), False),
    ],
)
def test_a_device_beside_a_session_is_certain_to_fail(stamp: Stamp, fails: bool) -> None:
    assert (plan(hub(mfa_serial=MFA), stamp=stamp).hops[0].will_fail is not None) == fails


# ---- notes


@pytest.mark.parametrize(
    ("hops", "stamp", "serial", "notes"),
    [
        ([hub()], KEYS, None, [0]),
        ([hub()], KEYS, MFA, [1]),
        ([hub(), hub()], KEYS, MFA, [1, 0]),
        ([hub(duration_seconds=7200), hub()], KEYS, MFA, [1, 0]),
        ([hub(duration_seconds=3600)], SESSION, None, [0]),
        ([hub(duration_seconds=3601)], SESSION, None, [1]),
        ([hub(), hub()], replace(SESSION, may_be_keys=True), None, [1, 0]),
    ],
)
def test_a_hop_is_noted_where_it_matters(
    hops: list[HopConfig], stamp: Stamp, serial: str | None, notes: list[int]
) -> None:
    made = plan(*hops, stamp=stamp, settings={"mfa_serial": serial})
    assert [len(each.notes) for each in made.hops] == notes


@pytest.mark.parametrize(
    ("hops", "stamp", "serial", "limit", "why"),
    [
        ([hub(duration_seconds=7200)], KEYS, None, 3600, "the role's own limit is 1 h"),
        ([hub(duration_seconds=7200)], KEYS, MFA, 3600, "the role's own limit is 1 h"),
        ([hub(duration_seconds=7200)], SESSION, None, None, "the source is itself a session"),
        ([hub(), hub(duration_seconds=7200)], KEYS, MFA, None, "a chained hop"),
        ([hub(duration_seconds=7200)], SESSION, None, 7200, "the source is itself a session"),
    ],
)
def test_a_note_names_the_limit_that_applies(
    hops: list[HopConfig], stamp: Stamp, serial: str | None, limit: int | None, why: str
) -> None:
    known = CachedState(max_durations={} if limit is None else {str(HUB): limit})
    made = plan(*hops, stamp=stamp, settings={"mfa_serial": serial}, known=known)
    assert why in str(made.hops[-1].shortened)
    assert made.hops[-1].shortened in made.hops[-1].notes


# ---- the cache


def held(*keys: str, minutes: int = 50) -> CachedState:
    end, local = START + timedelta(minutes=minutes), START + timedelta(minutes=minutes - 1)
    session = CachedSession(end - timedelta(hours=1), end, local)
    return CachedState(sessions=dict.fromkeys(keys, session))


def test_a_cached_session_is_shown_with_both_of_its_ends() -> None:
    key = plan(hub()).key
    (step,) = plan(hub(), known=held(key)).hops
    assert step.expires_at == START + timedelta(minutes=50)
    assert step.local_expires_at == START + timedelta(minutes=49)
    assert (step.cache, plan(hub()).hops[0].cache) == (Cache.FRESH, Cache.NONE)


def test_what_is_named_after_an_unknown_caller_is_not_known_nor_what_comes_after() -> None:
    hops = hub(), hub(session_name="{caller}"), hub(source_identity="{caller}"), hub()
    known = held(*(step.key for step in plan(*hops).steps))
    made = plan(*hops, known=known)
    assert [each.cache for each in made.hops] == [Cache.FRESH, *[Cache.UNKNOWN] * 3]
    assert [len(each.notes) for each in made.hops if "{caller}" in str(each.notes)] == [
        len(made.hops[1].notes)
    ]


def test_what_is_noted_besides_is_kept() -> None:
    (step,) = plan(hub(session_name="{caller}", duration_seconds=7200), stamp=SESSION).hops
    assert [each.split()[0] for each in step.notes] == ["2", "{caller}"]


@pytest.mark.parametrize(
    ("stamp", "cache"),
    [
        (Stamp(None, long_lived=False), Cache.UNKNOWN),
        (Stamp(None, long_lived=False, problem="signed out"), Cache.FRESH),
    ],
)
def test_the_cache_counts_although_the_source_has_a_problem(stamp: Stamp, cache: Cache) -> None:
    known = held(plan(hub(), stamp=stamp).key)
    assert plan(hub(), stamp=stamp, known=known).hops[0].cache is cache


def test_a_ceiling_found_counts_more_than_one_known_before() -> None:
    known = replace(held("k"), max_durations={"a": 3600, "b": 7200})
    found = known.with_ceilings({"b": 900, "c": 1800})
    assert found == replace(known, max_durations={"a": 3600, "b": 900, "c": 1800})
    assert known.with_ceilings({}) is known
