"""What a plan says, as tables: ceilings, MFA, cache, notes, what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from rolehop.base.errors import ConfigError
from rolehop.config.model import (
    ChainConfig,
    Config,
    Defaults,
    HopConfig,
    SourceConfig,
    written_hops,
)
from rolehop.plan.model import (
    Cache,
    CachedSession,
    CachedState,
    Mfa,
    Plan,
    Stamp,
    TokenStep,
    step_label,
)
from rolehop.plan.planner import make_plan
from rolehop.plan.resolve import PlanContext, path_of, resolve, source_of
from rolehop.plan.walk_options import WalkOptions
from tests.support.simulator import START

HUB = "arn:aws:iam::222222222222:role/Hub"
ADMIN = "arn:aws:iam::333333333333:role/Admin"
MFA = "arn:aws:iam::111111111111:mfa/alice"
KEYS = Stamp("AKIASOURCE", long_lived=True)
SESSION = Stamp("ASIASOURCE", long_lived=False)
UNKNOWN = Stamp(None, long_lived=False)


def plan(
    *hops: HopConfig,
    stamp: Stamp = KEYS,
    known: CachedState | None = None,
    duration: int | None = None,
    strict: bool = False,
    defaults: Defaults | None = None,
    endpoint_url: str | None = None,
    **settings: Any,
) -> Plan:
    source = SourceConfig("alice", "keys", settings)
    chain = ChainConfig("prod", source="alice", hops=hops)
    config = Config(defaults or Defaults(), sources={"alice": source}, chains={"prod": chain})
    path = path_of(config, chain)
    resolved = resolve(
        config, path, source_of(config, path), written_hops(path), PlanContext("alice", "laptop")
    )
    return make_plan(
        config,
        resolved,
        stamp,
        now=START,
        known=known,
        options=WalkOptions(duration=duration, strict=strict),
        endpoint_url=endpoint_url,
    )


def hub(seconds: int | None = None, mfa: str | None = None) -> HopConfig:
    return HopConfig(HUB, duration_seconds=seconds, mfa_serial=mfa)


FOUND = CachedState(max_durations={HUB: 3600})


@pytest.mark.parametrize(
    ("stamp", "hops", "settings", "known", "durations", "ceilings", "mfa"),
    [
        pytest.param(KEYS, (hub(),), {}, None, [3600], [43200], Mfa.NONE, id="nothing-said"),
        pytest.param(
            KEYS, (hub(7200),), {}, None, [7200], [43200], Mfa.NONE, id="user-keys-go-long"
        ),
        pytest.param(
            SESSION, (hub(7200),), {}, None, [3600], [3600], Mfa.NONE, id="a-session-is-chained"
        ),
        pytest.param(
            KEYS,
            (hub(7200), hub(7200)),
            {},
            None,
            [7200, 3600],
            [43200, 3600],
            Mfa.NONE,
            id="hop-2-is-chained",
        ),
        pytest.param(
            KEYS,
            (hub(),),
            {"mfa_serial": MFA},
            None,
            [3600],
            [3600],
            Mfa.SESSION,
            id="mfa-is-shared",
        ),
        pytest.param(
            KEYS,
            (hub(7200),),
            {"mfa_serial": MFA},
            None,
            [7200],
            [43200],
            Mfa.HOP,
            id="a-long-hop-takes-the-code",
        ),
        pytest.param(
            KEYS,
            (hub(7200),),
            {"mfa_serial": MFA},
            FOUND,
            [3600],
            [3600],
            Mfa.SESSION,
            id="the-roles-own-limit-makes-it-short",
        ),
        pytest.param(KEYS, (hub(7200),), {}, FOUND, [3600], [3600], Mfa.NONE, id="a-finding"),
        pytest.param(
            KEYS, (hub(None, MFA),), {}, None, [3600], [43200], Mfa.HOP, id="the-hop-asks-itself"
        ),
        pytest.param(
            SESSION,
            (hub(),),
            {"mfa_serial": MFA},
            None,
            [3600],
            [3600],
            Mfa.NONE,
            id="a-session-carries-no-mfa",
        ),
    ],
)
def test_ceilings_and_mfa(
    stamp: Stamp,
    hops: tuple[HopConfig, ...],
    settings: dict[str, Any],
    known: CachedState | None,
    durations: list[int],
    ceilings: list[int],
    mfa: Mfa,
) -> None:
    made = plan(*hops, stamp=stamp, known=known, **settings)
    assert [step.hop.duration_seconds for step in made.hops] == durations
    assert [step.ceiling_seconds for step in made.hops] == ceilings
    assert made.hops[0].mfa is mfa
    assert any(isinstance(step, TokenStep) for step in made.steps) == (mfa is Mfa.SESSION)


@pytest.mark.parametrize(
    ("stamp", "hops", "settings", "note"),
    [
        (SESSION, (hub(7200),), {}, "2 h asked, 1 h planned: the source is itself a session"),
        (KEYS, (hub(), hub(5400)), {}, "1 h 30 min asked, 1 h planned: a chained hop"),
        (KEYS, (hub(),), {"mfa_serial": MFA}, "one MFA code opens a session"),
        (KEYS, (hub(7200),), {"mfa_serial": MFA}, "asks for an MFA code every time"),
    ],
)
def test_notes_say_why(
    stamp: Stamp, hops: tuple[HopConfig, ...], settings: dict[str, Any], note: str
) -> None:
    made = plan(*hops, stamp=stamp, **settings)
    assert any(each.startswith(note) for each in made.hops[-1].notes)


def test_strict_refuses_what_would_be_planned_down() -> None:
    with pytest.raises(ConfigError) as caught:
        plan(hub(), hub(7200), strict=True)
    assert caught.value.what == "hop 2 asks for 2 h and can have 1 h"
    assert caught.value.hop == 2
    assert caught.value.cause == "a chained hop lasts at most 1 h"
    assert caught.value.fix == 'set duration = "60m" on it, or leave --strict out'
    with pytest.raises(ConfigError) as caught:
        plan(hub(), hub(), strict=True, duration=7200)
    assert caught.value.fix == "give --duration 60m, or leave --strict out"
    with pytest.raises(ConfigError) as caught:  # the flag is about the last hop alone
        plan(hub(), hub(7200), hub(), strict=True, duration=900)
    assert caught.value.fix == 'set duration = "60m" on it, or leave --strict out'


def test_strict_does_not_fail_if_all_fits() -> None:
    assert plan(hub(7200), hub(3600), strict=True).hops[0].hop.duration_seconds == 7200


def test_the_duration_flag_binds_to_the_last_hop() -> None:
    made = plan(hub(), hub(), duration=900)
    assert [step.hop.duration_seconds for step in made.hops] == [3600, 900]


def test_a_hop_within_a_12_hour_default_is_capped_by_its_role() -> None:
    made = plan(hub(), defaults=Defaults(duration_seconds=43200))
    assert made.hops[0].hop.duration_seconds == 43200


@pytest.mark.parametrize(
    ("hops", "stamp", "number", "reason"),
    [
        ((hub(), hub(None, MFA)), KEYS, 2, "no code can go with hop 2 or later"),
        ((hub(None, MFA),), SESSION, 1, "the source is a session"),
    ],
)
def test_mfa_that_can_never_work_is_predicted(
    hops: tuple[HopConfig, ...], stamp: Stamp, number: int, reason: str
) -> None:
    made = plan(*hops, stamp=stamp)
    assert reason in str(made.hops[number - 1].will_fail)


def held(key: str, minutes_left: int, minutes: int = 60) -> CachedState:
    end = START + timedelta(minutes=minutes_left)
    return CachedState({key: CachedSession(end - timedelta(minutes=minutes), end, end)})


@pytest.mark.parametrize(
    ("left", "life", "cache"),
    [
        (60, 60, Cache.FRESH),
        (16, 60, Cache.FRESH),
        (15, 60, Cache.STALE),
        (-1, 60, Cache.STALE),
        (8, 15, Cache.FRESH),
        (7, 15, Cache.STALE),
    ],
)
def test_what_is_handed_out_is_fresh_with_min_ttl_left(left: int, life: int, cache: Cache) -> None:
    key = plan(hub()).key
    assert plan(hub(), known=held(key, left, life)).hops[0].cache is cache


def test_a_plan_is_cached_if_what_it_hands_out_is() -> None:
    one, two = plan(hub()).key, plan(hub(), hub())
    assert plan(hub(), known=held(one, 60)).is_cached is True
    assert plan(hub(), known=held(one, 15)).is_cached is False
    assert plan(hub(), hub(), known=held(two.hops[0].key, 60)).is_cached is False
    assert plan(hub(), hub(), known=held(two.key, 60)).is_cached is True
    assert plan().is_cached is False


def test_what_only_signs_is_fresh_for_longer() -> None:
    first = plan(hub(), hub()).hops[0].key
    assert plan(hub(), hub(), known=held(first, 2)).hops[0].cache is Cache.FRESH


@pytest.mark.parametrize(
    ("step", "left", "reported"),
    [
        (0, 5, False),  # the source's own session: a minute is enough to sign with
        (1, 5, False),
        (2, 5, True),  # what is handed out wants min_ttl
        (2, 40, False),
        (0, 0, True),
    ],
)
def test_a_sources_problem_is_none_while_a_session_on_the_way_holds(
    step: int, left: int, reported: bool
) -> None:
    expired = Stamp("who", long_lived=False, problem="the token expired", stored=True)
    key = plan(hub(), hub(), stamp=expired).steps[step].key
    made = plan(hub(), hub(), stamp=expired, known=held(key, left))
    assert made.source_problem == ("the token expired" if reported else None)


def test_the_cache_of_a_source_that_must_be_loaded_first_is_unknown() -> None:
    assert plan(hub(), stamp=UNKNOWN).hops[0].cache is Cache.UNKNOWN


def keys(made: Plan) -> list[str]:
    return [step.key for step in made.steps]


EDITS = {
    "role": {"role": ADMIN},
    "session_name": {"session_name": "bob"},
    "external_id": {"external_id": "x-42"},
    "duration": {"duration_seconds": 1800},
    "policy": {"policy": "{}"},
    "policy_arns": {"policy_arns": ("arn:aws:iam::aws:policy/ReadOnlyAccess",)},
    "tags": {"tags": (("team", "a"),)},
    "transitive_tags": {"transitive_tags": ("team",)},
    "source_identity": {"source_identity": "alice"},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_edit_changes_that_hop_and_those_below(edit: dict[str, Any], number: int) -> None:
    before = [HopConfig(HUB), HopConfig(HUB), HopConfig(HUB)]
    after = list(before)
    after[number - 1] = HopConfig(**{"role": HUB, **edit})
    same = [a == b for a, b in zip(keys(plan(*before)), keys(plan(*after)), strict=True)]
    assert same == [True] * number + [False] * (4 - number)


@pytest.mark.parametrize(
    "other",
    [
        plan(hub(), stamp=Stamp("AKIAOTHER", long_lived=True)),
        plan(hub(), endpoint_url="http://127.0.0.1:5000"),
        plan(hub(), some_setting="x"),
    ],
    ids=["stamp", "endpoint", "settings"],
)
def test_another_beginning_shares_nothing(other: Plan) -> None:
    assert not set(keys(other)) & set(keys(plan(hub())))


def test_how_mfa_is_done_changes_the_token_and_not_the_source() -> None:
    with_mfa, without = plan(hub(), mfa_serial=MFA), plan(hub())
    assert with_mfa.steps[0].key == without.steps[0].key
    assert with_mfa.key != without.key


def test_the_order_of_tags_means_nothing() -> None:
    one = HopConfig(HUB, tags=(("a", "1"), ("b", "2")), transitive_tags=("a", "b"))
    two = HopConfig(HUB, tags=(("b", "2"), ("a", "1")), transitive_tags=("b", "a"))
    assert plan(one).key == plan(two).key


def test_a_users_keys_are_never_handed_out_themselves() -> None:
    made = plan()
    assert [type(step).__name__ for step in made.steps] == ["SourceStep", "TokenStep"]


def test_hops_are_numbered_from_one() -> None:
    """And what comes before them is no hop."""
    assert [step.number for step in plan(hub(), hub()).steps] == [0, 1, 2]
    assert [step.number for step in plan().steps] == [0, 0]


MAY_BE_KEYS = Stamp("process", long_lived=False, stored=True, may_be_keys=True)
WITH_CODE = "with an MFA code comes first"


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        ({}, "if the source's program gives IAM user keys, GetSessionToken comes first"),
        (
            {"mfa_serial": MFA},
            f"if the source's program gives IAM user keys, GetSessionToken {WITH_CODE}",
        ),
    ],
)
def test_what_depends_on_the_sources_program_is_noted(settings: dict[str, Any], note: str) -> None:
    made = plan(hub(7200), stamp=MAY_BE_KEYS, **settings)
    (hop,) = made.hops
    assert note in hop.notes
    assert (hop.ceiling_seconds, hop.mfa, made.notes) == (3600, Mfa.NONE, ())
    assert plan(stamp=MAY_BE_KEYS, **settings).notes == (note,)
    # With MFA or without, for so long or so long: each is a session of its own.
    others = [plan(stamp=MAY_BE_KEYS), plan(stamp=MAY_BE_KEYS, mfa_duration=900)]
    others += [plan(stamp=MAY_BE_KEYS, mfa_serial=MFA)]
    assert len({other.key for other in others}) == 3


def test_a_step_is_called_by_its_number_and_role() -> None:
    found = plan(HopConfig(HUB), HopConfig(ADMIN))
    assert [step_label(step, 2) for step in found.steps] == [
        "source 'alice'",
        "hop 1 of 2  222222222222:role/Hub",
        "hop 2 of 2  333333333333:role/Admin",
    ]
