"""The flags of a walk change the last hop, in each of its fields, and nothing before it."""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.base.errors import UsageError
from rolehop.config.model import ChainConfig, HopConfig, SourceConfig
from rolehop.plan.resolve import Resolved, apply_overrides
from rolehop.plan.walk_options import WalkOptions

HUB = RoleArn.parse("arn:aws:iam::222222222222:role/Hub")
ADMIN = RoleArn.parse("arn:aws-cn:iam::333333333333:role/Admin")
FIRST = HopConfig(str(HUB), session_name="first", duration_seconds=1800)
ARN = "arn:aws-cn:iam::aws:policy/Other"
READ_ONLY = "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"
TAGS_50 = tuple((f"k{number}", "v") for number in range(50))


def resolved(*hops: HopConfig, **chain: Any) -> Resolved:
    roles = [HUB, ADMIN][2 - len(hops) :]
    return Resolved(
        ChainConfig("prod", source="alice", **chain),
        SourceConfig("alice", "keys"),
        tuple(zip(roles, hops, strict=True)),
        (),
        None,
        "eu-west-1",
        None,
        ("before",),
    )


def changed(own: dict[str, Any], chain: dict[str, Any] | None = None, **flags: Any) -> Resolved:
    """Return a chain of two hops, the last one with ``own``, with ``flags`` applied."""
    last = HopConfig(str(ADMIN), **{"session_name": "alice", **own})
    found = apply_overrides(resolved(FIRST, last, **(chain or {})), WalkOptions(**flags))
    assert found.hops[0] == (HUB, FIRST), "nothing before the last hop"
    assert found.hops[1][0] is ADMIN
    return found


@pytest.mark.parametrize(
    ("own", "flags", "expected"),
    [
        ({}, {"duration": 900}, {"duration_seconds": 900}),
        ({"duration_seconds": 7200}, {"duration": 900}, {"duration_seconds": 900}),
        ({"duration_seconds": 7200}, {"source_identity": "me"}, {"source_identity": "me"}),
        ({}, {"source_identity": "me"}, {"source_identity": "me"}),
        ({"source_identity": "you"}, {"source_identity": "me"}, {"source_identity": "me"}),
        ({"source_identity": "you"}, {"duration": 900}, {"duration_seconds": 900}),
        # A flag's tag replaces the hop's own, whatever its case, and keeps the hop's spelling.
        ({"tags": (("Team", "a"),)}, {"tags": (("team", "b"),)}, {"tags": (("Team", "b"),)}),
        (
            {"tags": (("team", "a"),)},
            {"tags": (("x", "y"),)},
            {"tags": (("team", "a"), ("x", "y"))},
        ),
        ({"tags": (("team", "a"),)}, {"duration": 900}, {"duration_seconds": 900}),
        ({}, {"tags": (("a", "b"), ("A", "b"))}, {"tags": (("a", "b"),)}),
        (
            {"tags": TAGS_50},
            {"tags": (("K1", "x"),)},
            {"tags": (TAGS_50[0], ("k1", "x"), *TAGS_50[2:])},
        ),
        # Session policies
        ({}, {"read_only": True}, {"policy_arns": (READ_ONLY,)}),
        ({"policy_arns": (READ_ONLY,)}, {"read_only": True}, {"policy_arns": (READ_ONLY,)}),
        ({"policy": "{}"}, {"duration": 900}, {"duration_seconds": 900}),
        ({"policy_arns": (ARN,)}, {"duration": 900}, {"duration_seconds": 900}),
        ({}, {"policy": "{}"}, {"policy": "{}", "policy_arns": ()}),
        ({}, {"policy_arns": (ARN,)}, {"policy": None, "policy_arns": (ARN,)}),
        # A reason
        ({}, {"reason": "INC 42"}, {"session_name": "alice+INC-42"}),
        ({"session_name": None}, {"reason": "INC-42"}, {"session_name": "rolehop+INC-42"}),
    ],
)
def test_a_flag_changes_its_field_and_no_other(
    own: dict[str, Any], flags: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = changed(own, **flags)
    before = HopConfig(str(ADMIN), **{"session_name": "alice", **own})
    assert found.hops[1][1] == replace(before, **expected)
    assert found.notes == ("before",)


@pytest.mark.parametrize("own", [{"policy": "{}"}, {"policy_arns": (READ_ONLY,)}])
@pytest.mark.parametrize("flags", [{"policy": '{"a": 1}'}, {"policy_arns": (ARN,)}])
def test_policies_that_are_asked_for_replace_the_hops_own_and_say_so(
    own: dict[str, Any], flags: dict[str, Any]
) -> None:
    """Never added to them: AWS would grant what either allows."""
    found = changed(own, **flags)
    hop = found.hops[1][1]
    assert (hop.policy, hop.policy_arns) == (flags.get("policy"), flags.get("policy_arns", ()))
    assert found.notes[0] == "before"
    assert "replace the last hop's own" in found.notes[1]


@pytest.mark.parametrize(
    ("own", "flags", "other"),
    [
        ({"policy": "{}"}, {}, "another session policy"),
        ({"policy_arns": (ARN,)}, {}, "another session policy"),
        ({"policy_arns": (READ_ONLY, ARN)}, {}, "another session policy"),
        ({"policy_arns": (READ_ONLY,), "policy": "{}"}, {}, "another session policy"),
        ({}, {"policy": "{}"}, "--session-policy"),
        ({}, {"policy_arns": (ARN,)}, "--policy-arn"),
        ({}, {"policy_arns": (ARN,), "policy": "{}"}, "--policy-arn and --session-policy"),
    ],
)
def test_read_only_beside_another_session_policy_is_refused(
    own: dict[str, Any], flags: dict[str, Any], other: str
) -> None:
    with pytest.raises(UsageError, match=f"^--read-only cannot be combined with {other}"):
        changed(own, read_only=True, **flags)


@pytest.mark.parametrize(
    ("own", "flags", "says"),
    [
        ({}, {"tags": (("team", "a"), ("Team", "b"))}, "two values"),
        ({"tags": TAGS_50}, {"tags": (("one", "more"),)}, "would have 51 tags"),
        ({}, {"policy_arns": tuple(f"{ARN}{n}" for n in range(11))}, "--policy-arn"),
        ({}, {"reason": "a\tb"}, "cannot be a tag"),
    ],
)
def test_what_sts_would_not_take_is_refused(
    own: dict[str, Any], flags: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        changed(own, {"reason_in": "tag"}, **flags)


def test_a_reason_may_be_a_tag_which_replaces_the_configs() -> None:
    found = changed({"tags": (("Reason", "none"),)}, {"reason_in": "tag"}, reason="INC 42")
    assert found.hops[1][1].tags == (("Reason", "INC 42"),)
    assert found.hops[1][1].session_name == "alice"


def test_a_long_reason_is_cut_and_that_is_said() -> None:
    found = changed({}, reason="x" * 70)
    assert len(str(found.hops[1][1].session_name)) == 64
    assert "cut to fit" in found.notes[1]


def test_a_reason_beside_caller_stays_a_template() -> None:
    found = changed({"session_name": "{caller}"}, reason="INC-42")
    assert (found.hops[1][1].session_name, found.notes) == ("{caller}+INC-42", ("before",))


def test_one_hop_is_the_last() -> None:
    found = apply_overrides(resolved(HopConfig(str(ADMIN))), WalkOptions(duration=900))
    assert [hop.duration_seconds for _, hop in found.hops] == [900]


def test_without_a_hop_most_flags_have_no_place_and_a_reason_changes_nothing() -> None:
    for options in (WalkOptions(region="eu-west-1"), WalkOptions(reason="INC 42")):
        assert apply_overrides(resolved(), options) == resolved()
    with pytest.raises(UsageError, match=r"^--source-identity has no hop to change"):
        apply_overrides(resolved(), WalkOptions(source_identity="me"))
    with pytest.raises(UsageError, match=r"^--tag, --policy-arn have no hop to change"):
        apply_overrides(resolved(), WalkOptions(tags=(("a", "b"),), policy_arns=(ARN,)))
