"""The record and the judgement of an item: what they say is what the full path says."""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import ascii_letters, digits
from unittest.mock import patch

import platformdirs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.handover.formats import as_process
from rolehop.hotpath.record import (
    DIGESTED_VARIABLES,
    SECRET_VARIABLES,
    Record,
    epoch,
    file_stamp,
    hash_function,
    is_sealed,
    line_of_item,
    read_record,
    record_path,
    state_folder,
    variable_mark,
)
from rolehop.hotpath.writer import as_record, sealed
from rolehop.vault.serialization import Damaged, as_item, as_time, read_item

# ---- the record

RECORD_KEY = "5a" * 32
keys_of_records = st.text("0123456789abcdef", min_size=64, max_size=64)
field = st.text(st.characters(codec="utf-8", exclude_characters="\t\n"), max_size=30)
fields = st.dictionaries(field, field, max_size=5)
records = st.builds(
    Record,
    version=field,
    chain=field,
    backend=st.sampled_from(["bus", "kernel"]),
    key=field,
    min_ttl=st.integers(0, 50_000),
    until=st.integers(0, 1 << 40),
    region=field,
    label=field,
    name=field,
    uid=st.integers(0, 1 << 32),
    host=field,
    also=fields,
    files=fields,
    variables=fields,
)


def text_of(record: Record) -> str:
    text = sealed(as_record(record) or "", RECORD_KEY)
    assert text is not None
    return text


@given(records)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    data = text_of(record).encode()
    assert vars(read_record(data) or object) == vars(record)
    assert is_sealed(data, RECORD_KEY)


@given(records, st.sampled_from(["\t", "\n", "\udc80"]), st.data())
def test_a_value_that_does_not_fit_on_its_line_makes_no_record(
    record: Record, bad: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["chain", "key", "region", "label", "name", "host"]))
    setattr(record, name, f"{getattr(record, name)}{bad}x")
    lines = as_record(record)
    assert lines is None or sealed(lines, RECORD_KEY) is None


@given(records, st.data())
def test_a_changed_record_is_not_believed(record: Record, data: st.DataObject) -> None:
    text = text_of(record)
    changed = data.draw(damages(text))
    assume(changed != text)
    assume("\ud800" not in changed)  # no file gives that
    assert not is_sealed(changed.encode(), RECORD_KEY)


@given(records, keys_of_records)
def test_a_record_is_believed_under_its_own_key_only(record: Record, key: str) -> None:
    assume(key != RECORD_KEY)
    assert not is_sealed(text_of(record).encode(), key)


@given(records, st.data())
def test_the_lines_of_a_changed_record_are_read_or_refused(
    record: Record, data: st.DataObject
) -> None:
    text = as_record(record)
    assume(text)  # what fits on no line is in no record
    changed = data.draw(damages(text or ""))
    assume("\ud800" not in changed)
    found = read_record((sealed(changed, RECORD_KEY) or "").encode())
    assert found is None or as_record(found) is not None


@given(st.binary() | st.text().map(str.encode))
def test_noise_is_no_record(noise: bytes) -> None:
    assume(not noise.startswith(b"rolehop-record\t"))
    assert read_record(noise) is None
    assert not is_sealed(noise, RECORD_KEY)


@given(st.text(max_size=300), keys_of_records)
def test_the_seal_is_hmac_sha_256(lines: str, key: str) -> None:
    seal = hmac.new(key.encode(), lines.encode("utf-8", "replace"), "sha256").hexdigest()
    assert sealed(lines, key) in (f"{lines}hmac\t{seal}\n", None)


def test_the_hash_function_is_the_librarys_if_python_has_no_module_of_its_own() -> None:
    hidden = dict.fromkeys(("_sha2", "_sha256"))
    with patch.dict(sys.modules, hidden):
        assert hash_function() is hashlib.sha256
    assert hash_function()(b"x").hexdigest() == hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize("name", [*SECRET_VARIABLES, *DIGESTED_VARIABLES, "HOME"])
def test_unset_empty_and_set_are_three_things(name: str) -> None:
    assert len({variable_mark(name, value) for value in (None, "", "-", "+")}) >= 3
    assert ("secret" in variable_mark(name, "secret")) == (name == "HOME")


@pytest.mark.parametrize("path", ["/a\0b", "/" + "x" * 300, "/\ud800"])
def test_a_file_that_cannot_be_has_a_stamp_of_its_own(path: str) -> None:
    assert file_stamp(path) == "unreadable"


def test_chains_with_a_slash_have_a_file_of_their_own() -> None:
    assert record_path("/s", "fleet/1") == "/s/hot/fleet,1"


# ---- the item

KEY = "0123456789abcdef" * 4
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
plain = st.text(ascii_letters + digits + "+/=:@-_ ", min_size=1, max_size=40)
any_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
account = st.sampled_from(["", "222222222222"])


def sessions(text: st.SearchStrategy[str]) -> st.SearchStrategy[Session]:
    def build(
        values: tuple[str, str, str], whose: tuple[str, str, str], age: int, life: int, skew: int
    ) -> Session:
        access_key_id, secret, token = values
        arn, owner, user_id = whose
        issued_at = NOW - timedelta(seconds=age)
        offset = timedelta(seconds=skew)
        expires_at = issued_at + timedelta(seconds=life) + offset
        hidden = Secret(secret), Secret(token)
        credentials = Credentials(access_key_id, *hidden, expires_at, offset)
        return Session(credentials, arn, owner, issued_at, expires_at, user_id)

    whose = st.tuples(text | st.just(""), account, text | st.just(""))
    times = (st.integers(-100, 50_000), st.integers(0, 50_000), st.integers(-9_000, 9_000))
    return st.builds(build, st.tuples(text, text, text), whose, *times)


ttl = st.integers(0, 5000)


@settings(max_examples=500, deadline=None)
@given(session=sessions(plain), min_ttl=ttl)
def test_an_item_is_printed_exactly_if_it_lasts_long_enough(session: Session, min_ttl: int) -> None:
    found = line_of_item(as_item(session, KEY, RECORD_KEY), KEY, NOW.timestamp(), min_ttl)
    lasts = session.lasts(NOW, timedelta(seconds=min_ttl)) and session.issued_at <= NOW
    assert (found is not None) == lasts
    if found is not None:
        assert (f"{found[0]}\n", found[1]) == (as_process(session), RECORD_KEY)


def damages(text: str) -> st.SearchStrategy[str]:
    """Return ways to break ``text``: a slice cut out, doubled, or replaced by something near."""
    near = st.sampled_from(
        ["", " ", '"', "\\", "\n", "1", "0", ",", "}", "é", '"x":"y",', "\\u0041", "T", "\ud800"]
    )

    def broken(begin: int, length: int, put: str, double: bool) -> str:
        begin %= len(text)
        middle = text[begin : begin + length]
        return text[:begin] + (middle * 2 if double else put) + text[begin + length :]

    return st.builds(broken, st.integers(0), st.integers(0, 12), near, st.booleans())


@settings(max_examples=1200, deadline=None)
@given(session=sessions(plain) | sessions(any_text), min_ttl=ttl, data=st.data())
def test_nothing_is_printed_if_the_full_path_would_not(
    session: Session, min_ttl: int, data: st.DataObject
) -> None:
    text = as_item(session, KEY, RECORD_KEY)
    if data.draw(st.booleans()):
        text = data.draw(damages(text))
    found = line_of_item(text, KEY, NOW.timestamp(), min_ttl)
    if found is None:
        return
    read = read_item(text, KEY)
    assert read.lasts(NOW, timedelta(seconds=min_ttl))
    assert f"{found[0]}\n" == as_process(read)


@given(session=sessions(plain))
def test_an_item_of_another_key_is_not_printed(session: Session) -> None:
    assert line_of_item(as_item(session, KEY, RECORD_KEY), KEY[::-1], NOW.timestamp(), 0) is None


FIELDS = (
    *("AccessKeyId", "Expiration", "Version", "schema", "issued_at", "local_expires_at"),
    *("account", "key", "arn", "record_key", "check"),
)


@pytest.mark.parametrize("name", FIELDS)
def test_an_item_with_a_field_renamed_is_not_printed(name: str) -> None:
    session = Session(
        Credentials("ASIA", Secret("s"), Secret("t"), NOW + timedelta(hours=1)),
        "arn",
        "222222222222",
        NOW,
        NOW + timedelta(hours=1),
    )
    text = as_item(session, KEY, RECORD_KEY)
    assert line_of_item(text, KEY, NOW.timestamp(), 0) is not None
    changed = text.replace(f'"{name}"', f'"{name}s"')
    assert line_of_item(changed, KEY, NOW.timestamp(), 0) is None
    with pytest.raises(Damaged):
        read_item(changed, KEY)


# ---- times


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_the_same_in_epoch_seconds(moment: datetime) -> None:
    found = epoch(as_time(moment))
    if moment.year < 1000:
        assert found is None
    else:
        assert found == int(moment.replace(microsecond=0).timestamp())


number = st.integers(0, 99).map("{:02}".format)


@settings(max_examples=1000)
@given(st.integers(1000, 9999), st.tuples(number, number, number, number, number))
def test_an_invalid_time_is_none(year: int, rest: tuple[str, ...]) -> None:
    month, day, hour, minute, second = rest
    text = f"{year:04}-{month}-{day}T{hour}:{minute}:{second}Z"
    try:
        expected = int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        assert epoch(text) is None
        return
    # Newer Pythons know 24:00:00; nobody writes it.
    assert epoch(text) == expected or hour == "24"


@pytest.mark.parametrize("year", [1000, 1004, 1100, 1200, 1900, 1970, 2000, 2023, 2024, 2100, 9999])
@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_has_its_days(year: int, month: int) -> None:
    for day in range(28, 33):
        text = f"{year:04}-{month:02}-{day:02}T00:00:00Z"
        try:
            expected = int(datetime.fromisoformat(text).timestamp())
        except ValueError:
            assert epoch(text) is None
        else:
            assert epoch(text) == expected


@given(st.text(max_size=25) | damages("2030-01-02T03:04:05Z"))
def test_a_time_in_another_shape_is_none(text: str) -> None:
    found = epoch(text)
    assert found is None or as_time(datetime.fromtimestamp(found, UTC)) == text


# ---- the folder

paths = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)
home = st.builds("/{}".format, paths) | st.sampled_from(["/", "/a/b/", "/with space"])
state = st.none() | st.sampled_from(["", " ", "relative", "/s/", "/s//t", "~"]) | home


@pytest.mark.skipif(os.name != "posix", reason="there is no hot path elsewhere")
@given(home=home, state=state)
def test_the_state_folder_is_where_platformdirs_has_it(home: str, state: str | None) -> None:
    environ = {"HOME": home} if state is None else {"HOME": home, "XDG_STATE_HOME": state}
    with patch.dict(os.environ, environ, clear=True):
        expected = Path(platformdirs.user_state_dir("rolehop", appauthor=False))
    found = state_folder(environ)
    if found is None:
        # Unclear is allowed where it depends on more than these two.
        assert state is not None
        assert not state.startswith("/")
    else:
        assert Path(found) == expected
