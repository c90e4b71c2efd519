from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.credentials import Credentials, Secret, Session
from rolehop.handover.environment import Change, assumed, left, renewed, shell_before, timestamp
from rolehop.startup.dataclass import replace

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
