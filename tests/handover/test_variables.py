from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.handover.environment import (
    SHELL_LEVEL,
    Change,
    assumed,
    left,
    renewed,
    saved_names,
    served,
    shell_before,
    timestamp,
)

FOUR = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION")
HUB = {
    "AWS_ACCESS_KEY_ID": "ASIAHUB",
    "AWS_SECRET_ACCESS_KEY": "sEcret/hub+0=",
    "AWS_SESSION_TOKEN": "IQoJ/token+hub==",
    "AWS_CREDENTIAL_EXPIRATION": "2030-01-02T04:04:05Z",
    "AWS_ACCOUNT_ID": "222222222222",
    "ROLEHOP_CHAIN": "hub",
    "ROLEHOP_EXPIRATION": "2030-01-02T04:04:05Z",
    "ROLEHOP_EXPIRES_AT": "1893557045",
}


def after(before: dict[str, str], changes: Iterable[Change]) -> dict[str, str]:
    """Apply changes the way a shell does: one after the other."""
    environ = dict(before)
    for name, value in changes:
        environ.pop(name, None)
        if value is not None:
            environ[name] = value
    return environ


befores = st.dictionaries(
    st.sampled_from([*FOUR, "HOME", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ROLE_ARN"]),
    st.text(min_size=0),
)
regions = st.none() | st.sampled_from(["eu-west-1", "us-east-1"])


def test_an_empty_shell_gets_the_variables_of_the_design_and_no_other(session: Session) -> None:
    assert after({}, assumed(session, chain="hub", region=None, before={})) == HUB


def test_a_named_region_is_set_in_both_variables(session: Session) -> None:
    changes = assumed(session, chain="hub", region="eu-west-1", before={})
    assert after({}, changes) == HUB | {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN"])
def test_what_would_beat_the_session_is_unset(session: Session, name: str) -> None:
    changes = assumed(session, chain="hub", region=None, before={name: "old"})
    assert (name, None) in changes
    assert name not in after({name: "old"}, changes)


@pytest.mark.parametrize(
    "name",
    [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_CONFIG_FILE",
        "AWS_ENDPOINT_URL",
    ],
)
def test_what_later_chains_may_start_from_stays(session: Session, name: str) -> None:
    touched = {key for key, _ in assumed(session, chain="hub", region=None, before={name: "x"})}
    assert name not in touched


def test_the_first_assume_saves_what_is_there_changed_or_not(session: Session) -> None:
    before = {"AWS_PROFILE": "dev", "AWS_REGION": "eu-north-1"}
    environ = after(before, assumed(session, chain="hub", region=None, before=before))
    assert environ == HUB | {
        "AWS_REGION": "eu-north-1",
        "ROLEHOP_SAVED_AWS_PROFILE": "dev",
        "ROLEHOP_SAVED_AWS_REGION": "eu-north-1",
    }


def test_the_first_assume_drops_what_a_lost_one_had_saved(session: Session) -> None:
    before = {"ROLEHOP_SAVED_AWS_PROFILE": "of last week"}
    assert after(before, assumed(session, chain="hub", region=None, before=before)) == HUB


def test_the_users_own_keys_are_never_saved(session: Session) -> None:
    before = {"AWS_ACCESS_KEY_ID": "AKIASOURCE", "AWS_SECRET_ACCESS_KEY": "mine"}
    assert after(before, assumed(session, chain="hub", region=None, before=before)) == HUB


@pytest.mark.parametrize(
    ("saved", "expected"),
    [({}, {}), ({"AWS_REGION": "eu-north-1"}, {"AWS_REGION": "eu-north-1"})],
)
def test_a_second_chain_without_a_region_does_not_inherit_that_of_the_first(
    session: Session, next_session: Session, saved: dict[str, str], expected: dict[str, str]
) -> None:
    first = after(saved, assumed(session, chain="hub", region="us-east-1", before=saved))
    second = after(first, assumed(next_session, chain="admin", region=None, before=first))
    assert {name: second[name] for name in FOUR if name in second} == expected


def test_an_unknown_account_does_not_leave_that_of_the_session_before(
    session: Session, next_session: Session
) -> None:
    first = after({}, assumed(session, chain="hub", region=None, before={}))
    second = after(first, assumed(next_session, chain="admin", region=None, before=first))
    assert "AWS_ACCOUNT_ID" not in second


@given(before=befores, walks=st.lists(regions, min_size=1, max_size=4))
def test_leave_undoes_any_number_of_assumes(
    session: Session, before: dict[str, str], walks: list[str | None]
) -> None:
    environ = before
    for region in walks:
        environ = after(environ, assumed(session, chain="hub", region=region, before=environ))
    back = {
        "ROLEHOP_PREVIOUS_CHAIN": "hub",
        "ROLEHOP_PREVIOUS_KEY_ID": session.credentials.access_key_id,
    }
    assert after(environ, left(environ)) == before | back


@given(before=befores, walks=st.lists(regions, max_size=4))
def test_profiles_and_regions_are_resolved_as_in_the_shell_before(
    session: Session, before: dict[str, str], walks: list[str | None]
) -> None:
    environ = before
    for region in walks:
        environ = after(environ, assumed(session, chain="hub", region=region, before=environ))
    seen = shell_before(environ)
    assert {name: seen.get(name) for name in FOUR} == {name: before.get(name) for name in FOUR}
    others = {name: value for name, value in environ.items() if name not in FOUR}
    assert {name: value for name, value in seen.items() if name not in FOUR} == others


def test_a_profile_named_since_the_last_assume_counts() -> None:
    environ = {"ROLEHOP_CHAIN": "hub", "ROLEHOP_SAVED_AWS_PROFILE": "old", "AWS_PROFILE": "new"}
    assert shell_before(environ)["AWS_PROFILE"] == "new"


def test_leave_keeps_a_profile_that_the_user_named_since() -> None:
    environ = {"ROLEHOP_CHAIN": "hub", "AWS_PROFILE": "new"}
    back = {"ROLEHOP_PREVIOUS_CHAIN": "hub"}
    assert after(environ, left(environ)) == {"AWS_PROFILE": "new"} | back


def test_leave_has_nothing_to_do_if_nothing_is_assumed() -> None:
    assert left({"AWS_PROFILE": "dev", "ROLEHOP_SAVED_AWS_PROFILE": "x"}) == ()


@pytest.mark.parametrize("token", [None, Secret("")])
def test_long_lived_keys_are_not_handed_over(session: Session, token: Secret | None) -> None:
    keys = replace(session, credentials=Credentials("AKIASOURCE", Secret("x"), token))
    with pytest.raises(ValueError, match="without a session token"):
        assumed(keys, chain="hub", region=None, before={})


def test_times_are_in_utc() -> None:
    moment = datetime(2030, 1, 2, 5, 4, 5, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(moment) == "2030-01-02T04:04:05Z"
    assert timestamp(datetime(2030, 1, 2, tzinfo=UTC)) == "2030-01-02T00:00:00Z"


def test_a_renewed_session_leaves_profile_and_region_to_the_shell(session: Session) -> None:
    changed = dict(renewed(session, before={}))
    assert changed["AWS_SESSION_TOKEN"] == "IQoJ/token+hub=="
    assert changed["ROLEHOP_EXPIRES_AT"] == "1893557045"
    assert changed["AWS_SECURITY_TOKEN"] is None
    assert not {name for name in changed if "REGION" in name or "PROFILE" in name}
    assert "ROLEHOP_CHAIN" not in changed


# ---- every change, one by one

KEYS = tuple((name, HUB[name]) for name in list(HUB)[:5])
ENDS = (("ROLEHOP_EXPIRATION", HUB["ROLEHOP_EXPIRATION"]), ("ROLEHOP_EXPIRES_AT", "1893557045"))
NO_PROFILE = (("AWS_PROFILE", None), ("AWS_DEFAULT_PROFILE", None), ("AWS_SECURITY_TOKEN", None))
REGION = (("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1"))
BACK = (("AWS_REGION", "eu-north-1"), ("AWS_DEFAULT_REGION", None))
OTHER = {"ROLEHOP_CHAIN": "other", "ROLEHOP_SAVED_AWS_REGION": "eu-north-1"}
WITH_FLAGS = OTHER | {"AWS_ACCESS_KEY_ID": "ASIAOTHER", "ROLEHOP_FLAGS": "--tag"}
STALE = {"ROLEHOP_PREVIOUS_KEY_ID": "ASIAOLD", "ROLEHOP_PREVIOUS_FLAGS": "--policy"}


@pytest.mark.parametrize(
    ("before", "region", "flags", "named"),
    [
        ({}, None, (), ()),
        ({}, "eu-west-1", (), REGION),
        ({}, None, ("--read-only", "--tag"), (("ROLEHOP_FLAGS", "--read-only --tag"),)),
        # Flags of a chain that another shell assumed
        ({"ROLEHOP_FLAGS": "--tag"}, None, (), (("ROLEHOP_FLAGS", None),)),
    ],
)
def test_what_the_first_assume_changes(
    session: Session,
    before: dict[str, str],
    region: str | None,
    flags: tuple[str, ...],
    named: tuple[Change, ...],
) -> None:
    changes = assumed(session, chain="hub", region=region, before=before, flags=flags)
    assert changes == (*NO_PROFILE, *KEYS, *named, ("ROLEHOP_CHAIN", "hub"), *ENDS)


@pytest.mark.parametrize(
    ("before", "back"),
    [
        ({"ROLEHOP_CHAIN": "hub"}, ()),
        ({"ROLEHOP_CHAIN": "hub"} | STALE, ()),  # it is what is named there still
        (OTHER, (("ROLEHOP_PREVIOUS_CHAIN", "other"),)),
        (
            OTHER | STALE,
            (
                ("ROLEHOP_PREVIOUS_CHAIN", "other"),
                ("ROLEHOP_PREVIOUS_KEY_ID", None),
                ("ROLEHOP_PREVIOUS_FLAGS", None),
            ),
        ),
        (
            WITH_FLAGS,
            (
                ("ROLEHOP_PREVIOUS_CHAIN", "other"),
                ("ROLEHOP_PREVIOUS_KEY_ID", "ASIAOTHER"),
                ("ROLEHOP_PREVIOUS_FLAGS", "--tag"),
            ),
        ),
    ],
)
def test_what_a_later_assume_changes(
    session: Session, before: dict[str, str], back: tuple[Change, ...]
) -> None:
    flags = (("ROLEHOP_FLAGS", "--read-only"), ("ROLEHOP_CHAIN", "hub"), *back)
    changes = assumed(
        session, chain="hub", region="eu-west-1", before=before, flags=["--read-only"]
    )
    assert changes == (*NO_PROFILE, *KEYS, *REGION, *flags, *ENDS)
    served_one = served(chain="hub", region="eu-west-1", before=before, flags=["--read-only"])
    assert served_one == (
        *flags, ("ROLEHOP_EXPIRATION", None), ("ROLEHOP_EXPIRES_AT", None),
    )  # fmt: skip
    if "ROLEHOP_SAVED_AWS_REGION" in before:
        changes = assumed(session, chain="hub", region=None, before=before, flags=["--read-only"])
        assert changes == (*NO_PROFILE, *BACK, *KEYS, *flags, *ENDS)
        assert served(chain="hub", region=None, before=before, flags=["--read-only"]) == (
            *BACK, *served_one,
        )  # fmt: skip


def test_what_is_saved_and_what_an_earlier_save_loses(session: Session) -> None:
    before = {
        "AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b", "AWS_REGION": "c",
        "ROLEHOP_SAVED_AWS_DEFAULT_REGION": "old",
    }  # fmt: skip
    saved = (
        ("ROLEHOP_SAVED_AWS_PROFILE", "a"), ("ROLEHOP_SAVED_AWS_DEFAULT_PROFILE", "b"),
        ("ROLEHOP_SAVED_AWS_REGION", "c"), ("ROLEHOP_SAVED_AWS_DEFAULT_REGION", None),
    )  # fmt: skip
    changes = assumed(session, chain="hub", region=None, before=before)
    assert changes == (*NO_PROFILE, *saved, *KEYS, ("ROLEHOP_CHAIN", "hub"), *ENDS)
    assert served(chain="hub", region=None, before=before) == (
        *saved,
        ("ROLEHOP_CHAIN", "hub"), ("ROLEHOP_EXPIRATION", None), ("ROLEHOP_EXPIRES_AT", None),
    )  # fmt: skip
    assert list(saved_names().items()) == [(each, f"ROLEHOP_SAVED_{each}") for each in FOUR]


@pytest.mark.parametrize(
    ("before", "flags", "named"),
    [
        ({}, (), ()),
        ({"ROLEHOP_FLAGS": "--tag"}, (), (("ROLEHOP_FLAGS", None),)),
        ({}, ("--a", "--b"), (("ROLEHOP_FLAGS", "--a --b"),)),
        (
            {"ROLEHOP_FLAGS": "--tag --region=us-east-1 --region=x;y"},
            ("--a",),
            (("ROLEHOP_FLAGS", "--a --region=us-east-1"),),
        ),
    ],
)
def test_what_a_renewal_changes(
    session: Session, before: dict[str, str], flags: tuple[str, ...], named: tuple[Change, ...]
) -> None:
    changes = renewed(session, before=before, flags=flags)
    assert changes == (*KEYS, ("AWS_SECURITY_TOKEN", None), *named, *ENDS)


@pytest.mark.parametrize(
    ("before", "flags", "profiles"),
    [
        (OTHER, (), ()),
        (WITH_FLAGS | {"ROLEHOP_SAVED_AWS_PROFILE": "dev"}, (("ROLEHOP_FLAGS", None),),
         (("AWS_PROFILE", "dev"),)),
        (OTHER | {"ROLEHOP_SAVED_AWS_DEFAULT_PROFILE": "dev", "AWS_PROFILE": "own"}, (),
         (("AWS_DEFAULT_PROFILE", "dev"),)),
    ],
)  # fmt: skip
def test_what_leave_changes(
    before: dict[str, str], flags: tuple[Change, ...], profiles: tuple[Change, ...]
) -> None:
    gone = (*(name for name, _ in KEYS), "ROLEHOP_CHAIN", "ROLEHOP_EXPIRATION")
    back: tuple[Change, ...] = (("ROLEHOP_PREVIOUS_CHAIN", "other"),)
    if flags:
        back += (("ROLEHOP_PREVIOUS_KEY_ID", "ASIAOTHER"), ("ROLEHOP_PREVIOUS_FLAGS", "--tag"))
    assert left(before) == (
        *((name, None) for name in (*gone, "ROLEHOP_EXPIRES_AT")),
        *flags, *back, *BACK, *profiles,
        *((f"ROLEHOP_SAVED_{name}", None) for name in FOUR),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AWS_REGION": "a", "X": "1"}, {"AWS_REGION": "a", "X": "1"}),
        # Not those that are saved, if nothing is assumed
        ({"ROLEHOP_SAVED_AWS_REGION": "a"}, {"ROLEHOP_SAVED_AWS_REGION": "a"}),
        (OTHER | {"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b", "X": "1"},
         OTHER | {"AWS_REGION": "eu-north-1", "X": "1"}),
        (OTHER | {"AWS_PROFILE": "", "ROLEHOP_SAVED_AWS_DEFAULT_PROFILE": "p"},
         OTHER | {"AWS_REGION": "eu-north-1", "AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "p",
                  "ROLEHOP_SAVED_AWS_DEFAULT_PROFILE": "p"}),
    ],
)  # fmt: skip
def test_the_shell_before(environ: dict[str, str], expected: dict[str, str]) -> None:
    assert shell_before(environ) == expected


def test_the_nested_shells_are_counted_in_this_variable() -> None:
    assert SHELL_LEVEL == "ROLEHOP_SHELL_LEVEL"
