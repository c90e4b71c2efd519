"""Two walks share a session exactly if AWS sees the same: what is compared is what is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.aws.roles_anywhere import SessionRequest
from rolehop.aws.sts import WebIdentity, assume_role_params
from rolehop.base.dataclass import replace
from rolehop.config.model import (
    ChainConfig,
    Config,
    Defaults,
    HopConfig,
    SourceConfig,
    written_hops,
)
from rolehop.plan.model import HopStep, Plan, Stamp, TokenStep
from rolehop.plan.planner import make_plan
from rolehop.plan.resolve import PlanContext, path_of, resolve, source_of
from rolehop.plan.walk_options import WalkOptions
from rolehop.sources import SOURCE_TABLES
from tests.support.simulator import START

# Few short texts, with those among them that a careless join or cut would take for one another.
TEXTS = st.text(alphabet="ab ,:=\u200b\u00ad", min_size=1, max_size=3)
MAYBE = st.none() | TEXTS
SERIALS = st.none() | st.sampled_from(["auto", "arn:aws:iam::111111111111:mfa/a"])
SEVERAL = st.lists(TEXTS, max_size=2, unique=True).map(tuple)
HOP: dict[str, st.SearchStrategy[Any]] = {
    "role": st.sampled_from(
        ["111111111111:role/R", "222222222222:role/R", "222222222222:role/a/R"]
    ),
    "session_name": st.sampled_from(["me", "you", "Me"]),
    "duration_seconds": st.sampled_from([900, 901, 3600]),
    "external_id": MAYBE,
    "policy": MAYBE,
    "policy_arns": SEVERAL,
    "tags": st.dictionaries(TEXTS, TEXTS, max_size=2).map(lambda tags: tuple(tags.items())),
    "transitive_tags": SEVERAL,
    "source_identity": MAYBE,
    "mfa_serial": SERIALS,
}
WALK: dict[str, st.SearchStrategy[Any]] = {
    "principal": TEXTS,
    "region": st.sampled_from(["eu-west-1", "us-east-1", "cn-north-1"]),
    "long_lived": st.booleans(),
    "endpoint": MAYBE,
    "other_endpoints": st.dictionaries(st.sampled_from(["sso", "signin"]), TEXTS, max_size=2),
    "mfa_serial": SERIALS,
    "mfa_duration": st.sampled_from([900, 3600, 43200]),
    "hop_1": st.fixed_dictionaries(HOP),
    "hop_2": st.fixed_dictionaries(HOP),
}
"""All that a walk may depend on, by name."""


def planned(walk: dict[str, Any]) -> Plan:
    options = {name: walk[name] for name in ("mfa_serial", "mfa_duration") if walk[name]}
    source = SourceConfig("s", "keys", options)
    hops = (HopConfig(**walk["hop_1"]), HopConfig(**walk["hop_2"]))
    chain = ChainConfig("c", source="s", hops=hops)
    config = Config(Defaults(), sources={"s": source}, chains={"c": chain})
    path = path_of(config, chain)
    context = PlanContext("alice", "laptop", walk["region"])
    endpoints = tuple(walk["other_endpoints"].items())
    return make_plan(
        config,
        resolve(config, path, source_of(config, path), written_hops(path), context),
        Stamp(walk["principal"], long_lived=walk["long_lived"], endpoints=endpoints),
        now=START,
        endpoint_url=walk["endpoint"],
        options=WalkOptions(),
    )


def sent(plan: Plan, walk: dict[str, Any]) -> list[object]:
    """Return what AWS sees of each step; the order of some lists means nothing to it."""
    beginning = walk["principal"], walk["endpoint"] or None, sorted(walk["other_endpoints"].items())
    requests: list[object] = [beginning]
    for step in plan.steps[1:]:
        if isinstance(step, TokenStep):
            requests.append(("GetSessionToken", step.duration_seconds, step.mfa_serial))
        if isinstance(step, HopStep):
            lists = ("policy_arns", "tags", "transitive_tags")
            ordered: dict[str, Any] = {
                each: tuple(sorted(getattr(step.hop, each))) for each in lists
            }
            hop = replace(step.hop, **ordered)
            requests.append((assume_role_params(hop, None), hop.mfa_serial))
    return requests


@pytest.mark.parametrize("name", [*WALK, *(f"hop_2 {field}" for field in HOP)])
@settings(max_examples=25, deadline=None)
@given(walk=st.fixed_dictionaries(WALK), data=st.data())
def test_two_walks_that_differ_in_one_thing_share_what_comes_before_it(
    walk: dict[str, Any], name: str, data: st.DataObject
) -> None:
    name, _, field = name.partition(" ")
    value = data.draw(WALK[name])
    if field:
        value = {**walk[name], field: value[field]}
    other = {**walk, name: value}
    plans = planned(walk), planned(other)
    one, two = (sent(plan, each) for plan, each in zip(plans, (walk, other), strict=True))
    for number, steps in enumerate(zip(plans[0].steps, plans[1].steps, strict=False), start=1):
        assert (steps[0].key == steps[1].key) == (one[:number] == two[:number])
    assert (plans[0].key == plans[1].key) == (one == two)


def test_every_field_of_a_hop_is_drawn() -> None:
    assert set(HopConfig.__slots__) - set(HOP) <= {
        "at",
        "labels",
        "description",
        "duration_seconds",
    }


@pytest.mark.parametrize(
    ("request_type", "kind"),
    [
        pytest.param(WebIdentity, "web-identity", id="AssumeRoleWithWebIdentity"),
        pytest.param(SessionRequest, "roles-anywhere", id="CreateSession"),
    ],
)
def test_every_field_of_a_sources_own_request_is_a_setting(
    request_type: type[WebIdentity] | type[SessionRequest], kind: str
) -> None:
    """Every setting is in the source's key; the token and the certificate are in its stamp."""
    fields = {name.replace("duration_seconds", "duration") for name in request_type.__slots__}
    assert fields <= {setting.name for setting in SOURCE_TABLES[kind].keys}
