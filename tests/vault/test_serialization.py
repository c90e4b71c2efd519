from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rolehop.base.credentials import Credentials, Secret, Session, StoredDocument
from rolehop.base.dataclass import replace
from rolehop.base.durations import start_of_machine
from rolehop.hotpath.writer import process_line
from rolehop.vault.serialization import (
    Damaged,
    as_document,
    as_item,
    read_document,
    read_item,
    record_key_of,
)
from tests.vault.samples import NOW, RECORD_KEY, item, key_of, keys, session

KEY = key_of("hub")
STARTED = datetime(2030, 1, 1, tzinfo=UTC)
STARTED_THEN = replace(session(), started_at=STARTED)
CHECK = ',"check":'
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
            clock_offset=timedelta(seconds=draw(st.integers(-(10**6), 0))),
        ),
        arn=draw(st.text()),
        account=draw(st.text()),
        user_id=draw(st.text()),
        issued_at=issued_at,
        expires_at=expires_at,
        started_at=draw(st.none() | _MOMENTS),
    )


@given(sessions())
def test_a_session_comes_back_whole(given_session: Session) -> None:
    assert read_item(item(given_session, KEY), KEY) == given_session


def test_the_first_line_is_the_answer_to_an_sdk() -> None:
    line, rest = as_item(STARTED_THEN, KEY, RECORD_KEY).split("\n")
    assert line == process_line(
        "ASIAEXAMPLEHUB000",
        "secret-of-hub",
        "token-of-hub",
        "2030-01-02T04:04:05Z",
        "222222222222",
    )
    assert json.loads(rest) == {
        "schema": 3,
        "key": KEY,
        "arn": "arn:aws:sts::222222222222:assumed-role/Hub/me",
        "account": "222222222222",
        "user_id": "AROAEXAMPLE:me",
        "issued_at": "2030-01-02T03:04:05Z",
        "local_expires_at": "2030-01-02T04:04:05Z",
        "started_at": "2030-01-01T00:00:00Z",
        "record_key": RECORD_KEY,
        "check": sha256(f"{line}\n{rest.partition(CHECK)[0]}".encode()).hexdigest(),
    }


def test_an_item_holds_the_expiry_by_both_clocks() -> None:
    slow = replace(session().credentials, clock_offset=timedelta(minutes=10))
    found = read_item(item(replace(session(), credentials=slow), KEY), KEY)
    assert found.expires_at == session().expires_at
    assert found.local_expires_at == session().expires_at - timedelta(minutes=10)


@pytest.mark.parametrize(
    ("offset", "shift", "end"),
    [
        pytest.param(0, 0, 60, id="right"),
        pytest.param(-240, 0, 300, id="fast-and-still-so"),
        pytest.param(-240, -240, 60, id="fast-and-set-right"),
        pytest.param(-240, 900, 60, id="fast-and-the-machine-started-again"),
        pytest.param(10, 10, 50, id="slow-and-set-right-which-is-on-the-safe-side"),
        pytest.param(0, -45, 15, id="right-and-set-back"),
        pytest.param(0, 45, 60, id="right-and-the-machine-started-again"),
    ],
)
def test_a_clock_that_was_set_never_lengthens_a_session(offset: int, shift: int, end: int) -> None:
    """All in minutes: AWS's clock minus this one, how far it was set, the end after NOW."""
    credentials = replace(session().credentials, clock_offset=timedelta(minutes=offset))
    started = start_of_machine(NOW) - timedelta(minutes=shift)
    given = replace(session(), credentials=credentials, started_at=started)
    for found in (given, read_item(as_item(given, KEY, RECORD_KEY), KEY)):
        assert found.ends_at(NOW) == NOW + timedelta(minutes=end)
        assert found.expires_at == session().expires_at


def test_an_item_names_the_key_of_its_records() -> None:
    assert record_key_of(item(session(), KEY)) == Secret(RECORD_KEY)


def test_long_lived_keys_are_no_session() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="without a session token"):
        as_item(Session(keys(), "", "", moment, moment), KEY, RECORD_KEY)


WHOLE = as_item(STARTED_THEN, KEY, RECORD_KEY)
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
        pytest.param(WHOLE.replace('"schema":3', '"schema":4'), id="another-schema"),
        pytest.param(WHOLE.replace('"secret-of-hub"', "7"), id="a-number-for-a-secret"),
        pytest.param(WHOLE.replace('"secret-of-hub"', '""'), id="an-empty-secret"),
        pytest.param(WHOLE.replace('"secret-of-hub"', "null"), id="null-for-a-secret"),
        pytest.param(WHOLE.replace(KEY, key_of("other")), id="of-another-key"),
        pytest.param(WHOLE.replace("2030-01-02T04", "2030-13-02T04"), id="no-such-month"),
        pytest.param(WHOLE.replace("2030-01-02T04", "2029-01-02T04"), id="ends-before-it-began"),
        pytest.param(WHOLE.replace("04:04:05Z", "04:04:05+00:00"), id="time-written-otherwise"),
        pytest.param(WHOLE.replace(',"user_id":"AROAEXAMPLE:me"', ""), id="field-missing"),
        pytest.param(WHOLE.replace('"schema":3', '"schema":3,"x":"y"'), id="field-too-many"),
        pytest.param(
            WHOLE.replace('"account":"222222222222"', '"account":"333333333333"'),
            id="accounts-disagree",
        ),
    ],
)
def test_an_incomplete_item_is_damaged_and_never_quoted(text: str) -> None:
    with pytest.raises(Damaged) as caught:
        read_item(text, KEY)
    assert "secret" not in str(caught.value)
    # A JSON error carries the text it stumbled over.
    assert not hasattr(caught.value.__context__, "doc")


@given(st.integers(0, len(WHOLE) - 1))
def test_no_beginning_of_an_item_is_an_item(end: int) -> None:
    with pytest.raises(Damaged):
        read_item(WHOLE[:end], KEY)


@given(st.integers(0, len(WHOLE) - 1), st.characters(codec="ascii"))
def test_one_changed_character_damages_an_item(at: int, other: str) -> None:
    changed = WHOLE[:at] + other + WHOLE[at + 1 :]
    assume(changed != WHOLE)
    with pytest.raises(Damaged):
        read_item(changed, KEY)


def test_an_item_that_was_stored_under_another_hop_key_is_damaged() -> None:
    with pytest.raises(Damaged, match="belongs to another hop key"):
        read_item(item(session(), key_of("hub")), key_of("admin"))


def test_an_item_of_another_schema_is_of_another_version() -> None:
    with pytest.raises(Damaged, match="of another version"):
        read_item(WHOLE.replace('"schema":3', '"schema":4'), KEY)


# ---- documents

DOCUMENT: StoredDocument = {
    "AccessKeyId": "AKIAEXAMPLE000000",
    "SecretAccessKey": Secret("secret-of-alice"),
}
STORED = as_document(DOCUMENT, "keys/alice")
texts = st.dictionaries(st.text(), st.text())


@given(texts, texts, st.text())
def test_a_document_comes_back_whole(
    plain: dict[str, str], secret: dict[str, str], name: str
) -> None:
    document: StoredDocument = {**plain, **{each: Secret(value) for each, value in secret.items()}}
    assert read_document(as_document(document, name), name) == document


@given(st.integers(0, len(STORED) - 1), st.characters(codec="ascii"))
def test_one_changed_character_damages_a_document(at: int, other: str) -> None:
    changed = STORED[:at] + other + STORED[at + 1 :]
    assume(changed != STORED)
    with pytest.raises(Damaged) as caught:
        read_document(changed, "keys/alice")
    assert "secret" not in str(caught.value)


def test_a_document_that_was_stored_under_another_name_is_damaged() -> None:
    with pytest.raises(Damaged, match="another name"):
        read_document(STORED, "keys/bob")


@pytest.mark.parametrize("text", ["half", "[]", "{}", "[" * 100_000])
def test_other_texts_are_damaged_documents(text: str) -> None:
    with pytest.raises(Damaged):
        read_document(text, "keys/alice")


# ---- the line of credential-process


def test_the_line_is_the_contract_in_its_order_without_spaces() -> None:
    line = process_line("ASIA1", "s/+", "t==", "2030-01-02T03:04:05Z", "222222222222")
    assert line == (
        '{"Version":1,"AccessKeyId":"ASIA1","SecretAccessKey":"s/+","SessionToken":"t==",'
        '"Expiration":"2030-01-02T03:04:05Z","AccountId":"222222222222"}'
    )


@pytest.mark.parametrize(
    ("token", "expires_at", "account", "names"),
    [
        pytest.param(None, None, "", [], id="an-iam-user-key"),
        pytest.param("t", None, "", ["SessionToken"], id="no-known-end"),
        pytest.param(
            "t", "2030-01-02T03:04:05Z", "", ["SessionToken", "Expiration"], id="no-account"
        ),
    ],
)
def test_unknown_values_are_left_out(
    token: str | None, expires_at: str | None, account: str, names: list[str]
) -> None:
    found = json.loads(process_line("AKIA1", "s", token, expires_at, account))
    assert list(found) == ["Version", "AccessKeyId", "SecretAccessKey", *names]


@given(st.text(), st.text(), st.text())
def test_any_text_comes_back_from_json_as_it_was(secret: str, token: str, account: str) -> None:
    line = process_line("AKIA1", secret, token, None, account)
    found = json.loads(line)
    assert (found["SecretAccessKey"], found["SessionToken"]) == (secret, token)
    assert found.get("AccountId", "") == account
    assert line == json.dumps(found, separators=(",", ":"))


def test_writing_the_line_loads_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); from rolehop.hotpath.writer import process_line;"
        "process_line('AKIA1', 's', 't', None, ''); print(sorted(set(sys.modules) - before))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(eval(shown.stdout)) <= {  # noqa: S307
        "__future__",
        "rolehop",
        "rolehop.hotpath",
        "rolehop.hotpath.record",
        "rolehop.hotpath.writer",
    }
