"""A trail is read whatever its events are wrapped in, as it comes, and a damaged one is an error."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from rolehop.commands.history import trail
from rolehop.commands.history.trail import NoTrail, TrailEvent, read_trail

RAW: dict[str, Any] = {
    "eventVersion": "1.11",
    "userIdentity": {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:me",
        "arn": "arn:aws:sts::222222222222:assumed-role/Hub/me",
        "accountId": "222222222222",
        "accessKeyId": "ASIAHUB",
    },
    "eventTime": "2026-07-01T12:00:00Z",
    "eventSource": "sts.amazonaws.com",
    "eventName": "AssumeRole",
    "awsRegion": "eu-west-1",
    "requestParameters": {"roleArn": "arn:aws:iam::333333333333:role/Admin"},
    "responseElements": {"credentials": {"accessKeyId": "ASIAADMIN", "sessionToken": "…"}},
    "requestID": "r1",
    "eventID": "e1",
    "recipientAccountId": "333333333333",
}
EVENT = TrailEvent(
    datetime(2026, 7, 1, 12, tzinfo=UTC),
    "sts:AssumeRole",
    "e1",
    "r1",
    "ASIAHUB",
    "ASIAADMIN",
    "arn:aws:iam::222222222222:role/Hub",
    "me",
    "arn:aws:iam::333333333333:role/Admin",
    "333333333333",
    "eu-west-1",
)
TEXT = json.dumps(RAW)
LOOKED_UP = {"EventId": "e1", "Username": "me", "CloudTrailEvent": TEXT}
FORMS = {
    "a file of the trail": json.dumps({"Records": [RAW, RAW]}),
    "in many lines": json.dumps({"Records": [RAW, RAW]}, indent=4),
    "an export, with a mark of its encoding": "\ufeff" + json.dumps({"Records": [RAW, RAW]}),
    "a list": json.dumps([RAW, RAW]),
    "lines": f"{TEXT}\n{TEXT}\n",
    "lookup-events": json.dumps({"Events": [LOOKED_UP, LOOKED_UP], "NextToken": "more"}, indent=4),
    "lookup-events, the token first": json.dumps({"NextToken": "x", "Events": [LOOKED_UP] * 2}),
    "lines of lookup-events": f"{json.dumps(LOOKED_UP)}\n{json.dumps(LOOKED_UP)}",
    "files behind one another": json.dumps({"Records": [RAW]}) * 2,
    "lists in a list": json.dumps([[RAW], [{"Records": [RAW]}]]),
}


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("size", [1, 7, 1 << 18])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_events_are_read_whatever_they_are_wrapped_in(text: str, packed: bool, size: int) -> None:
    data = gzip.compress(text.encode()) if packed else text.encode()
    pieces = in_pieces(data, size)
    if packed and size == 1:
        pieces = in_pieces(data, 2)  # by which gzip is known
    assert list(read_trail(pieces)) == [EVENT, EVENT]


@pytest.mark.parametrize("value", [
    1, "text", None, {}, {"eventName": "X"}, {**RAW, "eventTime": "soon"}, {**RAW, "eventName": 1},
    {**RAW, "eventTime": "9999-12-31T23:59:59-23:59"}, {"CloudTrailEvent": "{"}, {"CloudTrailEvent": 1},
    {**RAW, "eventSource": None},
])  # fmt: skip
def test_what_is_no_event_is_counted_and_the_rest_is_read(value: object) -> None:
    text = json.dumps({"Records": [value, RAW]})
    assert list(read_trail([text.encode()])) == [None, EVENT]


@pytest.mark.parametrize("identity", [None, [], "x", {"arn": 1}, {"arn": ":assumed-role/"}, {}])
def test_who_signed_may_be_anything(identity: object) -> None:
    (found,) = read_trail([json.dumps({**RAW, "userIdentity": identity}).encode()])
    assert found is not None
    assert (found.access_key_id, found.request_id) == (None, "r1")


@pytest.mark.parametrize(
    "data",
    [
        b"no JSON", b'{"Records":[', TEXT.encode()[:-5], b"]", b"}", b'{"Records":[{}]', b"\x1f\x8bno",
        b"[" * 10 + TEXT.encode(), b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_trail_is_an_error(data: bytes) -> None:
    with pytest.raises(NoTrail):
        list(read_trail(in_pieces(data, 1000)))


def test_a_text_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "LONGEST", 10_000)
    read = list[int]()

    def endless() -> Iterator[bytes]:
        yield b'{"text":"'
        while True:
            read.append(1)
            yield b"x" * 1000

    with pytest.raises(NoTrail):
        list(read_trail(endless()))
    assert len(read) < 20


def test_events_come_while_the_rest_is_still_to_be_read() -> None:
    def unending() -> Iterator[bytes]:
        yield b'{"Records":['
        while True:
            yield TEXT.encode() + b",\n"

    events = read_trail(unending())
    assert [next(events) for _ in range(100)] == [EVENT] * 100
