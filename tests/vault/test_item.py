from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.credentials import Credentials, Secret, Session
from rolehop.fastpath.record import process_line
from rolehop.vault.serialization import Damaged, as_item, as_keys, read_item, read_keys
from tests.vault.samples import key_of, keys, session

KEY = key_of("hub")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MOMENTS = st.integers(0, 3_000_000_000).map(lambda seconds: _EPOCH + timedelta(seconds=seconds))


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    issued_at = draw(_MOMENTS)
    expires_at = issued_at + timedelta(seconds=draw(st.integers(0, 10**6)))
    return Session(
        credentials=Credentials(
            draw(st.text(min_size=1)),
            Secret(draw(st.text(min_size=1))),
            Secret(draw(st.text(min_size=1))),
            expires_at,
        ),
        arn=draw(st.text()),
        account=draw(st.text()),
        user_id=draw(st.text()),
        issued_at=issued_at,
        expires_at=expires_at,
    )


@given(sessions())
def test_a_session_comes_back_whole(given_session: Session) -> None:
    assert read_item(as_item(given_session, KEY), KEY) == given_session


def test_the_first_line_is_what_a_program_is_handed() -> None:
    line, rest = as_item(session(), KEY).split("\n")
    assert line == process_line(
        "ASIAEXAMPLEHUB000",
        "secret-of-hub",
        "token-of-hub",
        "2030-01-02T04:04:05Z",
        "222222222222",
    )
    assert json.loads(rest) == {
        "schema": 1,
        "key": KEY,
        "arn": "arn:aws:sts::222222222222:assumed-role/Hub/me",
        "account": "222222222222",
        "user_id": "AROAEXAMPLE:me",
        "issued_at": "2030-01-02T03:04:05Z",
    }


def test_long_lived_keys_are_no_session() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="without a session token"):
        as_item(Session(keys(), "", "", moment, moment), KEY)


WHOLE = as_item(session(), KEY)
LINE, REST = WHOLE.split("\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(LINE, id="one-line"),
        pytest.param(f"{LINE}\n", id="second-line-empty"),
        pytest.param(WHOLE[:-1], id="cut"),
        pytest.param(WHOLE + "\n", id="something-added"),
        pytest.param(f"{LINE} \n{REST}", id="a-space-that-would-be-printed"),
        pytest.param(f"[]\n{REST}", id="not-an-object"),
        pytest.param("[" * 100_000 + f"\n{REST}", id="too-deep"),
        pytest.param(WHOLE.replace('"Version":1', '"Version":true'), id="version-of-wrong-type"),
        pytest.param(WHOLE.replace('"Version":1', '"Version":2'), id="another-version"),
        pytest.param(WHOLE.replace('"schema":1', '"schema":2'), id="another-schema"),
        pytest.param(WHOLE.replace('"secret-of-hub"', "7"), id="a-number-for-a-secret"),
        pytest.param(WHOLE.replace('"secret-of-hub"', '""'), id="an-empty-secret"),
        pytest.param(WHOLE.replace('"secret-of-hub"', "null"), id="null-for-a-secret"),
        pytest.param(WHOLE.replace(KEY, key_of("other")), id="of-another-key"),
        pytest.param(WHOLE.replace("2030-01-02T04", "2030-13-02T04"), id="no-such-month"),
        pytest.param(WHOLE.replace("2030-01-02T04", "2029-01-02T04"), id="ends-before-it-began"),
        pytest.param(WHOLE.replace("04:04:05Z", "04:04:05+00:00"), id="time-written-otherwise"),
        pytest.param(WHOLE.replace(',"user_id":"AROAEXAMPLE:me"', ""), id="field-missing"),
        pytest.param(WHOLE.replace('"schema":1', '"schema":1,"x":"y"'), id="field-too-many"),
        pytest.param(
            WHOLE.replace('"account":"222222222222"', '"account":"333333333333"'),
            id="accounts-disagree",
        ),
    ],
)
def test_whatever_is_not_whole_is_damaged_and_never_quoted(text: str) -> None:
    with pytest.raises(Damaged) as caught:
        read_item(text, KEY)
    assert "secret" not in str(caught.value)
    # A JSON error carries the text it stumbled over.
    assert not hasattr(caught.value.__context__, "doc")


@given(st.integers(0, len(WHOLE) - 1))
def test_no_beginning_of_an_item_is_an_item(end: int) -> None:
    with pytest.raises(Damaged):
        read_item(WHOLE[:end], KEY)


def test_iam_user_keys_come_back_whole() -> None:
    assert as_keys(keys()) == (
        '{"AccessKeyId":"AKIAEXAMPLE000000","SecretAccessKey":"secret-of-alice"}'
    )
    assert read_keys(as_keys(keys())) == keys()


@pytest.mark.parametrize(
    "text",
    [
        "half",
        "[]",
        "{}",
        '{"AccessKeyId":"AKIAEXAMPLE000000"}',
        '{"AccessKeyId":"AKIAEXAMPLE000000","SecretAccessKey":""}',
        '{"AccessKeyId":"AKIAEXAMPLE000000","SecretAccessKey":1}',
        '{"AccessKeyId":"AKIA 1","SecretAccessKey":"x"}',
    ],
)
def test_other_texts_are_damaged_keys(text: str) -> None:
    with pytest.raises(Damaged):
        read_keys(text)
