"""What the hot path takes and what it leaves to the full path, at each of its limits, as tables."""

from __future__ import annotations

import hmac
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.hotpath.record import (
    CHECK,
    LARGEST,
    Record,
    epoch,
    file_stamp,
    hmac_of,
    is_check,
    is_sealed,
    line_of_item,
    read_own,
    read_record,
    record_path,
    sealed_stamp,
    stamp_holds,
    started_at,
    state_folder,
    variable_mark,
)
from rolehop.hotpath.writer import as_record, as_seal, process_line, sealed, with_check
from rolehop.vault.serialization import as_item

KEY, RECORD_KEY = "0123456789abcdef" * 4, "5a" * 32
RECORD = Record(
    "1.0", "prod", "bus", KEY, 960, 0, "eu-west-1", "label", "name", "", 1000, "host",
    {"service": "member"}, {"/a": "absent"}, {"HOME": "=/h"},
)  # fmt: skip


def record(**said: object) -> bytes:
    made = Record(**{**vars(RECORD), **said})
    return (sealed(as_record(made) or "", RECORD_KEY) or "").encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rolehop-record\t7\t", "rolehop-record\t6\t"),
        ("item\tbus\t", "item\tother\t"),
        ("chain\t", "chains\t"),
        ("life\t960\t", "life\tx\t"),
        ("life\t960\t0\n", "life\t960\n"),
        ("who\t1000\t", "who\tme\t"),
        ("var\tHOME\t", "var\tHOME\tx\t"),
        ("also\t", "other\t"),
        ("hmac\t", "seal\t"),
        ("hmac\t", "\nhmac\t"),
        ("host\n", "host\nhost\n"),
    ],
)
def test_a_record_of_another_shape_is_none(before: str, after: str) -> None:
    text = record().decode()
    assert before in text
    assert read_record(text.encode()) is not None
    assert read_record(text.replace(before, after).encode()) is None
    assert read_record(text.removesuffix("\n").encode()) is None


@pytest.mark.parametrize("value", ["a\tb", "a\nb", "\t", "\n"])
def test_a_value_that_would_be_two_makes_no_record(value: str) -> None:
    assert as_record(Record(**{**vars(RECORD), "label": value})) is None
    assert as_record(Record(**{**vars(RECORD), "variables": {value: "x"}})) is None
    assert as_record(RECORD) is not None


@pytest.mark.parametrize("data", [b"", b"\n", b"hmac\tx\n", b"\n\n\n", b"\xff"])
def test_a_file_that_is_cut_short_is_no_record(data: bytes) -> None:
    assert read_record(data) is None


def test_what_is_read_is_what_was_written() -> None:
    assert vars(read_record(record()) or object) == vars(RECORD)


@pytest.mark.parametrize("lines", ["", "x", "a\tb\n" * 40, "ü", "hand\thmac\tx\n"])
def test_a_record_is_sealed_with_hmac_sha_256(lines: str) -> None:
    expected = hmac.new(RECORD_KEY.encode(), lines.encode(), "sha256").hexdigest()
    assert hmac_of(RECORD_KEY, lines.encode()) == expected
    data = (sealed(lines, RECORD_KEY) or "").encode()
    assert data == f"{lines}hmac\t{expected}\n".encode()
    assert is_sealed(data, RECORD_KEY)
    for other in (data[:-1], data + b"\n", b" " + data, data.replace(b"hmac\t", b"hmac ")):
        assert not is_sealed(other, RECORD_KEY)
    assert not is_sealed(data, RECORD_KEY[::-1])


def test_a_record_of_nothing_but_what_must_be_is_one() -> None:
    found = read_record(record(also={}, files={}, variables={}))
    assert found is not None
    assert (found.also, found.files, found.variables) == ({}, {}, {})


@pytest.mark.parametrize(("backend", "known"), [("bus", True), ("kernel", True), ("", False)])
def test_only_keyrings_that_need_no_import_have_a_record(backend: str, known: bool) -> None:
    assert (read_record(record(backend=backend)) is not None) is known


def test_a_chain_may_have_several_records() -> None:
    assert [record_path("/s", "a/b", number) for number in (0, 1, 2)] == [
        "/s/hot/a,b",
        "/s/hot/a,b,,1",
        "/s/hot/a,b,,2",
    ]


# ---- the item: is it whole, and does it last


NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def item(age: int = 600, life: int = 3600, ahead: int = 0) -> str:
    """Return a session ``age`` seconds old; AWS's clock is ``ahead`` of this machine's."""
    offset = timedelta(seconds=ahead)
    issued = NOW - timedelta(seconds=age)
    end = issued + timedelta(seconds=life) + offset
    credentials = Credentials("ASIA", Secret("s"), Secret("t"), end, offset)
    return as_item(Session(credentials, "arn", "222222222222", issued, end), KEY, RECORD_KEY)


@pytest.mark.parametrize(
    ("age", "life", "min_ttl", "is_found"),
    [
        (2600, 3600, 1000, True),
        (2601, 3600, 1000, False),
        (1800, 3600, 3000, True),  # never more than half of the session's whole life
        (1801, 3600, 3000, False),
        (3600, 3600, 0, True),
        (3601, 3600, 0, False),
        (0, 3600, 0, True),
        (-1, 3600, 0, False),  # from before the clock was set back
    ],
)
def test_an_item_that_lasts_is_printed(age: int, life: int, min_ttl: int, is_found: bool) -> None:
    text = item(age, life)
    found = line_of_item(text, KEY, NOW.timestamp(), min_ttl)
    assert found == ((text.partition("\n")[0], RECORD_KEY) if is_found else None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'"key":"{KEY}"', f'"key":"{KEY}x"'),
        (f'"record_key":"{RECORD_KEY}"', f'"record_key":"{RECORD_KEY}0"'),
        ('"arn":"arn"', '"arn":"a\\u0072n"'),
        ('"arn":"arn"', '"arn":"arn","more":"x"'),
        ('"arn":"arn",', ""),
        ('{"schema":3', '{"schema":4'),
        ('"issued_at":"2030-', '"issued_at":"2030+'),
        ('"local_expires_at":"2030-', '"local_expires_at":"2030+'),
    ],
)
def test_an_item_of_another_shape_is_left_to_the_full_path(before: str, after: str) -> None:
    body = item().rpartition(',"check":')[0] + "}"
    assert line_of_item(with_check(body), KEY, NOW.timestamp(), 0) is not None
    assert before in body
    changed = with_check(body.replace(before, after))
    assert line_of_item(changed, KEY, NOW.timestamp(), 0, started=0) is None


THEN = int(NOW.timestamp()) - 90_000


def since_then(text: str) -> str:
    """Return the item without its check, as a machine wrote it that was started at ``THEN``."""
    before, _, rest = text.rpartition('"started_at":"')
    started = f"{datetime.fromtimestamp(THEN, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f'{before}"started_at":"{started}"{rest.partition(chr(34))[2].rpartition(",")[0]}}}'


@pytest.mark.parametrize(
    ("life", "ahead", "shift", "is_found"),
    [
        (3600, 0, 0, True),
        (3600, 0, -5, True),
        (3600, 0, -6, False),  # the clock was set back
        (3600, 0, 5, True),
        (3600, 0, 6, True),  # set forward, or started again: AWS's clock holds, too
        (3600, -2900, 5, True),
        (3600, -2900, 6, False),
        (3600, 2900, 6, True),
        (700, 2900, 6, False),
    ],
)
def test_a_clock_that_was_set_is_not_believed_alone(
    life: int, ahead: int, shift: int, is_found: bool
) -> None:
    text = with_check(since_then(item(life=life, ahead=ahead)))
    found = line_of_item(text, KEY, NOW.timestamp(), 200, started=THEN + shift)
    assert (found is not None) == is_found


@pytest.mark.parametrize("name", ["Expiration", "local_expires_at"])
def test_an_end_that_is_no_time_is_left_to_the_full_path(name: str) -> None:
    body = since_then(item()).replace(f'"{name}":"2030-', f'"{name}":"2030+')
    assert line_of_item(with_check(body), KEY, NOW.timestamp(), 200, started=THEN + 6) is None


@pytest.mark.parametrize(
    ("clocks", "ran"),
    [
        ({"CLOCK_BOOTTIME": 7, "CLOCK_MONOTONIC": 8}, 90),
        ({"CLOCK_MONOTONIC": 7}, 90),  # of macOS
        ({}, 50),
    ],
)
def test_the_time_that_the_machine_slept_counts_where_it_is_known(
    clocks: dict[str, int], ran: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=lambda: 50, clock_gettime={7: 90}.__getitem__, **clocks)
    monkeypatch.setattr("rolehop.hotpath.record.time", clock)
    assert started_at(1000) == 1000 - ran


def test_a_check_holds_whatever_the_text_is() -> None:
    text = with_check('{"a":"\ud800"}')
    body, _, check = text.rpartition(CHECK)
    assert is_check(body, check)
    assert not is_check(body.replace("\ud800", "\ud801"), check)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="there is no hot path elsewhere")
def test_the_machine_started_before_now_by_the_time_that_it_runs() -> None:
    now = NOW.timestamp()
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    found = started_at(now)
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert round(now - after) <= found <= round(now - before)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2030-01-02T03:04:05Z", 1893553445),
        ("2030-01-02T23:59:59Z", 1893628799),
        ("1970-01-01T00:00:00Z", 0),
        ("1000-01-01T00:00:00Z", -30610224000),
        ("2024-02-29T00:00:00Z", 1709164800),
        ("2030-08-31T00:00:00Z", 1914364800),
        ("0999-12-31T23:59:59Z", None),
        ("2030-01-02T24:00:00Z", None),
        ("2030-01-02T23:60:00Z", None),
        ("2030-01-02T23:59:60Z", None),
        ("2030-00-02T00:00:00Z", None),
        ("2030-13-02T00:00:00Z", None),
        ("2030-01-00T00:00:00Z", None),
        ("2030-02-29T00:00:00Z", None),
        ("2100-02-29T00:00:00Z", None),
        ("2030-04-31T00:00:00Z", None),
        ("2030-09-31T00:00:00Z", None),
        ("2030-01-02T03:04:05", None),
        ("", None),
    ],
)
def test_a_time_in_epoch_seconds(text: str, seconds: int | None) -> None:
    assert epoch(text) == seconds


# ---- files


def test_a_file_that_cannot_be_there_is_absent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert (
        file_stamp(str(tmp_path / "file/below")) == file_stamp(str(tmp_path / "none")) == "absent"
    )


def test_a_stamp_tells_times_size_and_inode_apart(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("x")
    found = path.stat()
    numbers = [found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino]
    assert file_stamp(str(path)) == ".".join(map(str, numbers))
    os.link(path, other)
    assert file_stamp(str(other)) == file_stamp(str(path))


def test_a_seal_holds_for_the_index_it_was_made_of(tmp_path: Path) -> None:
    index = tmp_path / "index"
    seal = Path(f"{index}.seal")
    index.write_text("{}")
    assert sealed_stamp(str(index)) is None, "no seal"
    seal.write_text(as_seal(str(index), "d1"))
    seal.chmod(0o600)
    assert sealed_stamp(str(index)) == "seal d1"
    assert stamp_holds(str(index), "seal d1")
    assert not stamp_holds(str(index), "seal d2")
    assert stamp_holds(str(index), file_stamp(str(index)))
    seal.write_text(as_seal(str(index), ""))
    assert sealed_stamp(str(index)) is None, "no digest"
    seal.write_text(as_seal(str(index), "d1"))
    assert seal.read_text() == f"{file_stamp(str(index))} d1\n"
    seal.write_bytes(b"\xff d1\n")
    assert sealed_stamp(str(index)) is None, "no text"
    seal.write_text(as_seal(str(index), "d1"))
    index.write_text("{ }")
    assert sealed_stamp(str(index)) is None, "another file than the one that was written last"
    assert not stamp_holds(str(index), "seal d1")


def test_a_file_of_ours_is_not_larger_than_any_of_ours_is(tmp_path: Path) -> None:
    path = tmp_path / "own"
    for size in (0, LARGEST, LARGEST + 1):
        path.touch(0o600)
        os.truncate(path, size)
        found = read_own(str(path))
        assert (found is None) == (size > LARGEST)
        assert found is None or len(found) == size


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o700, 0o620, 0o602, 0o622])
def test_a_file_that_others_may_write_is_not_read(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "own"
    path.write_text("x")
    path.chmod(mode)
    assert read_own(str(path)) == (None if mode & 0o22 else b"x")
    os.link(path, tmp_path / "second")
    assert read_own(str(path)) is None, "it has another name, where it may be changed"
    (tmp_path / "link").symlink_to(path)
    assert read_own(str(tmp_path / "link")) is None
    assert read_own(str(tmp_path)) is None
    assert read_own("/a\0b") is None


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/h"}, "/h/.local/state/rolehop"),
        ({"HOME": "/h/"}, "/h/.local/state/rolehop"),
        ({"HOME": "/"}, "/.local/state/rolehop"),
        ({"HOME": "h"}, None),
        ({"HOME": ""}, None),
        ({}, None),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/rolehop"),
        ({"XDG_STATE_HOME": "/s/"}, "/s/rolehop"),
        ({"HOME": "/h", "XDG_STATE_HOME": "s"}, "/h/.local/state/rolehop"),
        ({"HOME": "/h", "XDG_STATE_HOME": ""}, "/h/.local/state/rolehop"),
    ],
)
def test_the_state_folder(environ: dict[str, str], folder: str | None) -> None:
    assert state_folder(environ) == folder


# ---- values


@pytest.mark.parametrize(
    ("name", "value", "mark"),
    [
        ("HOME", None, "-"),
        ("HOME", "", "="),
        ("HOME", "/h", "=/h"),
        ("AWS_SECRET_ACCESS_KEY", "", "="),
        ("AWS_SECRET_ACCESS_KEY", "s", "+"),
        ("AWS_SESSION_TOKEN", "s", "+"),
        ("AWS_SECURITY_TOKEN", "s", "+"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "", "="),
        (
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "\udcff",  # a byte that is no text
            "#a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89",
        ),
    ],
)
def test_a_variable_is_marked_so_that_no_secret_is_kept(
    name: str, value: str | None, mark: str
) -> None:
    assert variable_mark(name, value) == mark


def test_the_line_of_a_program_has_what_is_known_and_is_json_whatever_is_in_it() -> None:
    assert process_line("A", "s", None, None, "") == (
        '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s"}'
    )
    assert process_line('A"', "s\\", "ü", "2030", "1") == (
        '{"Version":1,"AccessKeyId":"A\\"","SecretAccessKey":"s\\\\","SessionToken":"\\u00fc",'
        '"Expiration":"2030","AccountId":"1"}'
    )
    assert process_line("A", "\n", None, None, "").endswith('"SecretAccessKey":"\\n"}')
