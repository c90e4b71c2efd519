"""Hop keys: sessions that earlier versions stored are found again, and no two things share a key."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.config.model import SourceConfig
from rolehop.plan.hop_keys import hop_key, source_key, token_key
from rolehop.plan.model import Hop, Stamp
from rolehop.sources import SOURCE_TABLES

ALICE = SourceConfig("alice", "keys", {"mfa_serial": "auto", "mfa_duration": 900})
DEV = SourceConfig(
    "aws",
    "profile",
    {"profile": "dev"},
    region="eu-west-1",
    principal="arn:aws:iam::111111111111:user/alice",
)
PROCESS = SourceConfig("p", "process", {"command": ("a", "b c")})
BARE = Stamp("unknown", long_lived=False)
TWO_ENDPOINTS = (("sso", "http://localhost:1"), ("signin", "http://localhost:2"))
HUB = RoleArn("aws", "222222222222", "/team/x/", "Hub")
FULL: dict[str, Any] = {
    "external_id": "x-42",
    "policy": '{"Version": "2012-10-17"}',
    "policy_arns": ("arn:aws:iam::aws:policy/B", "arn:aws:iam::aws:policy/A"),
    "tags": (("team", "platform"), ("env", "prod ü")),
    "transitive_tags": ("team", "env"),
    "source_identity": "alice",
    "mfa_serial": "auto",
}

# What the first released layout stored its sessions under. These values never change: a changed
# one means that every session in every keyring is lost.
KEYS_SOURCE = "4b67c5b87c38659f07e4668820132d4c95b79ba07d48f002d9246045a6942623"
MFA_TOKEN = "6b895ff7b8bbdb0bef7397c6ba413ced91f5a46ddcf8142aab07b15775c15fd2"
FIRST_HOP = "3e6e386016b0d6ae349554e9b963deebf6aebbdea9196cacfe03be423f903489"


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        pytest.param(
            lambda: source_key(ALICE, Stamp("AKIASOURCE", long_lived=True), None),
            KEYS_SOURCE,
            id="keys",
        ),
        pytest.param(
            lambda: source_key(DEV, Stamp("abc", long_lived=True), "http://localhost:5000"),
            "9a23dc4e6750368de377c9215ead1d631ccd7c8f8ad24bfd98ce6ff6101fc106",
            id="a-profile-and-an-endpoint",
        ),
        pytest.param(
            lambda: source_key(PROCESS, BARE, None),
            "3dc5d56bf2bced9904ef02db5fe8d295e4f56e4d594a66a47ad381d1178b353f",
            id="a-process",
        ),
        pytest.param(
            lambda: source_key(PROCESS, replace(BARE, endpoints=TWO_ENDPOINTS), None),
            "ce707a9062a1b9d984eca0efdaf485ef74bf7a90258ecff3659b5b5ecaa569da",
            id="endpoints-of-others",
        ),
        pytest.param(
            lambda: source_key(PROCESS, replace(BARE, endpoints=TWO_ENDPOINTS[::-1]), None),
            "ce707a9062a1b9d984eca0efdaf485ef74bf7a90258ecff3659b5b5ecaa569da",
            id="endpoints-in-another-order",
        ),
        pytest.param(
            lambda: token_key(KEYS_SOURCE, 43200, None),
            "5d9931b883abf5591ee021f0ce28ecba89423cdfeac71322af3cd93fbcbe52f7",
            id="a-token",
        ),
        pytest.param(
            lambda: token_key(KEYS_SOURCE, 3600, "arn:aws:iam::111111111111:mfa/alice"),
            MFA_TOKEN,
            id="a-token-with-mfa",
        ),
        pytest.param(
            lambda: hop_key(MFA_TOKEN, Hop(HUB, "alice@laptop", 3600)), FIRST_HOP, id="a-hop"
        ),
        pytest.param(
            lambda: hop_key(FIRST_HOP, Hop(HUB, "alice@laptop", 900, **FULL)),
            "9590632869cf7025652d4b6ca91b2ddfd42a9fda1fbf2aaf4121bacd54aedc94",
            id="a-hop-with-everything",
        ),
    ],
)
def test_sessions_of_released_versions_keep_their_keys(key: Callable[[], str], stored: str) -> None:
    assert key() == stored


# ---- what differs has another key, and what does not has the same

# Few short texts, with those among them that a careless join would take for one another.
TEXTS = st.text(alphabet='ab ,:=\\n\u200b\u00ad"[]', max_size=4)
MAYBE = st.none() | TEXTS
SEVERAL = st.lists(TEXTS, max_size=3).map(tuple)
ROLES = st.builds(RoleArn, st.sampled_from(["aws", "aws-cn"]), TEXTS, TEXTS, TEXTS)
HOP_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "role": ROLES,
    "session_name": TEXTS,
    "duration_seconds": st.integers(900, 902),
    "external_id": MAYBE,
    "policy": MAYBE,
    "policy_arns": SEVERAL,
    "tags": st.dictionaries(TEXTS, TEXTS, max_size=3).map(lambda tags: tuple(tags.items())),
    "transitive_tags": SEVERAL,
    "source_identity": MAYBE,
    "mfa_serial": MAYBE,
}
HOPS = st.builds(Hop, **HOP_FIELDS)
SETTINGS = st.dictionaries(
    st.sampled_from(["role", "account", "command", "duration"]),
    TEXTS | SEVERAL | st.integers(0, 2) | st.booleans(),
    max_size=3,
)
SOURCES = st.builds(
    SourceConfig,
    name=TEXTS,
    type=st.sampled_from(["keys", "process"]),
    settings=SETTINGS,
    principal=MAYBE,
)
ENDPOINTS = st.dictionaries(st.sampled_from(["sso", "sso-oidc", "sts"]), TEXTS, max_size=3)
STAMPS = st.builds(
    Stamp, MAYBE, long_lived=st.just(False), endpoints=ENDPOINTS.map(lambda e: tuple(e.items()))
)
UNORDERED = ("policy_arns", "tags", "transitive_tags")


def test_every_field_of_a_hop_is_in_its_key() -> None:
    assert set(Hop.__slots__) == set(HOP_FIELDS)


@given(HOPS, TEXTS, TEXTS, st.data())
def test_a_hop_that_differs_in_one_thing_has_another_key(
    hop: Hop, parent: str, other_parent: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(HOP_FIELDS)))
    value = data.draw(HOP_FIELDS[name])
    before, after = getattr(hop, name), value
    same = sorted(before) == sorted(after) if name in UNORDERED else before == after
    other = replace(hop, **{name: value})
    assert (hop_key(parent, hop) == hop_key(parent, other)) == same
    assert (hop_key(parent, hop) == hop_key(other_parent, hop)) == (parent == other_parent)


@given(HOPS, TEXTS, st.randoms())
def test_a_hop_that_differs_in_nothing_that_sts_sees_has_the_same_key(
    hop: Hop, parent: str, random: Any
) -> None:
    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(items, len(items)))

    values: dict[str, Any] = {name: getattr(hop, name) for name in HOP_FIELDS}
    values |= {name: shuffled(values[name]) for name in UNORDERED}
    assert hop_key(parent, hop) == hop_key(parent, Hop(**values))


@given(SOURCES, STAMPS, MAYBE, SOURCES, STAMPS, MAYBE)
def test_two_beginnings_share_a_key_only_if_nothing_differs(
    source: SourceConfig,
    stamp: Stamp,
    url: str | None,
    other: SourceConfig,
    other_stamp: Stamp,
    other_url: str | None,
) -> None:
    def seen(config: SourceConfig, state: Stamp, endpoint: str | None) -> tuple[Any, ...]:
        settings = {key: (type(each), each) for key, each in config.settings.items()}
        endpoints = dict(state.endpoints)
        return config.type, settings, config.principal, state.value, endpoints, endpoint

    keys = source_key(source, stamp, url), source_key(other, other_stamp, other_url)
    same = seen(source, stamp, url) == seen(other, other_stamp, other_url)
    assert (keys[0] == keys[1]) == same
    mixed = source_key(source, other_stamp, url)
    assert (mixed == keys[0]) == (
        (stamp.value, dict(stamp.endpoints)) == (other_stamp.value, dict(other_stamp.endpoints))
    )


@pytest.mark.parametrize("kind", SOURCE_TABLES)
def test_every_setting_of_every_source_is_in_a_key(kind: str) -> None:
    """How MFA is done is in the key of the session that it opens."""
    stamp = Stamp("s", long_lived=False)

    def key(**settings: str) -> str:
        return source_key(SourceConfig("s", kind, settings), stamp, None)

    for setting in SOURCE_TABLES[kind].keys:
        different = {key(), key(**{setting.name: "a"}), key(**{setting.name: "b"})}
        assert len(different) == (1 if setting.name.startswith("mfa_") else 3), setting.name


@given(SOURCES, STAMPS, ENDPOINTS)
def test_an_endpoint_more_or_less_is_another_key(
    source: SourceConfig, stamp: Stamp, endpoints: dict[str, str]
) -> None:
    assume(endpoints != dict(stamp.endpoints))
    other = replace(stamp, endpoints=tuple(endpoints.items()))
    assert source_key(source, stamp, None) != source_key(source, other, None)


@given(TEXTS, st.integers(0, 2), MAYBE, TEXTS, st.integers(0, 2), MAYBE)
def test_two_token_sessions_share_a_key_only_if_nothing_differs(
    parent: str,
    seconds: int,
    serial: str | None,
    other_parent: str,
    other_seconds: int,
    other_serial: str | None,
) -> None:
    same = (parent, seconds, serial) == (other_parent, other_seconds, other_serial)
    keys = token_key(parent, seconds, serial), token_key(other_parent, other_seconds, other_serial)
    assert (keys[0] == keys[1]) == same
