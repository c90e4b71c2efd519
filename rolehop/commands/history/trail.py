"""Read exported CloudTrail events, one after the other, whatever they are wrapped in.

CloudTrail's own files and the console's download have an object with ``Records``; ``aws cloudtrail
lookup-events`` one with ``Events``, each of which has the event as a text in ``CloudTrailEvent``;
other exports are a list, or JSON lines. Files that were put behind one another are read, too.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from rolehop.base.dataclass import dataclass
from rolehop.base.durations import read_moment
from rolehop.vault.notes import UNUSABLE

LONGEST = 4 << 20
"""In characters, of one event; CloudTrail's own have 256 KB at the most."""

_CHUNK = 1 << 18
_WRAPPER = re.compile(r'\{\s*"(?:Records|Events|events|records)"\s*:\s*\[')
_WRAPPER_LENGTH = 80
_BETWEEN = " \t\r\n,"
_GZIP = b"\x1f\x8b"


class NoTrail(ValueError):
    """It is no JSON, or none of CloudTrail's; says why."""


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """What the join needs of one event; texts are as CloudTrail has them, and not clean."""

    at: datetime
    """By AWS's clock: aware, in UTC."""

    action: str
    """As the history has it: ``sts:AssumeRole``."""

    event_id: str | None = None
    request_id: str | None = None
    access_key_id: str | None = None
    """Of who signed the call."""

    given_key: str | None = None
    """Of the session that the call gave."""

    role: str | None = None
    """The ARN of the role whose session signed it, without the role's path."""

    session_name: str | None = None
    asked_role: str | None = None
    """The ARN of the role that the call asked for."""

    account: str | None = None
    region: str | None = None
    error: str | None = None


def read_trail(chunks: Iterable[bytes]) -> Iterator[TrailEvent | None]:
    """Yield the events in the order of the file; ``None`` for what is no event.

    Raises:
        NoTrail: it is no JSON. What was before that has been yielded.
    """
    for value in _values(_texts(chunks)):
        yield from _events_in(value)


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text in pieces; a file as CloudTrail has it in S3 is unpacked."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    unpacking = None
    for number, chunk in enumerate(chunks):
        if number == 0 and chunk.startswith(_GZIP):
            unpacking = zlib.decompressobj(wbits=31)
        if unpacking is None:
            yield decoder.decode(chunk)
            continue
        left = chunk
        while left:
            try:
                yield decoder.decode(unpacking.decompress(left, _CHUNK))
            except zlib.error:
                raise NoTrail("it is no whole gzip file") from None
            left = unpacking.unconsumed_tail
            if unpacking.eof:  # another one may follow
                left, unpacking = unpacking.unused_data, zlib.decompressobj(wbits=31)


class _Text:
    """A text that comes in pieces, of which the part not yet read is kept."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self.left = ""
        self.at = 0

    def more(self) -> bool:
        """Add a piece; false if there is none."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self.left, self.at = self.left[self.at :] + piece, 0
        return True

    def next(self) -> str:
        """Return the next character that is no blank and no comma, empty at the end."""
        while True:
            while self.at < len(self.left):
                if self.left[self.at] not in _BETWEEN:
                    return self.left[self.at]
                self.at += 1
            if not self.more():
                return ""


def _values(pieces: Iterable[str]) -> Iterator[object]:
    """Yield the values of a JSON text, of JSON lines, and of the lists that enclose them."""
    text, inside = _Text(pieces), list[str]()
    while found := text.next():
        if found == "[":
            inside.append("]")
            text.at += 1
        elif found == "]" and inside:
            text.at += 1
            if inside.pop() == "}":  # what follows the list belongs to its wrapper
                text.left, text.at = '{"":0' + text.left[text.at :], 0
                _one(text)
        elif found == "{" and (opened := _opened_wrapper(text)) is not None:
            inside.append("}")
            text.at = opened
        else:
            yield _one(text)
    if inside:
        raise NoTrail("it ends in the middle")


def _opened_wrapper(text: _Text) -> int | None:
    """Return where the list begins if an object is one that encloses events."""
    while len(text.left) - text.at < _WRAPPER_LENGTH and text.more():
        pass
    found = _WRAPPER.match(text.left[text.at : text.at + _WRAPPER_LENGTH])
    return None if found is None else text.at + found.end()


_decode: Callable[[str, int], tuple[object, int]] = json.JSONDecoder().raw_decode


def _one(text: _Text) -> object:
    """Return the value that begins here."""
    while True:
        try:
            value, end = _decode(text.left, text.at)
        except (RecursionError, ValueError):
            if len(text.left) - text.at > LONGEST or not text.more():
                raise NoTrail("it is no JSON of CloudTrail's") from None
            continue
        if end == len(text.left) and not isinstance(value, dict | list | str) and text.more():
            continue  # a number may go on
        text.at = end
        return value


def _events_in(value: object) -> Iterator[TrailEvent | None]:
    """Yield what a value is: one event, or all that an object encloses."""
    if isinstance(value, dict):
        for name in ("Records", "Events"):
            enclosed = value.get(name)
            if isinstance(enclosed, list):
                for each in enclosed:
                    yield _event(each)
                return
    yield _event(value)


def _event(value: object) -> TrailEvent | None:
    if isinstance(value, dict) and "CloudTrailEvent" in value:
        value = value["CloudTrailEvent"]
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except UNUSABLE:
                return None
    name, service = _text(value, "eventName"), _text(value, "eventSource")
    try:
        at = read_moment(_text(value, "eventTime"))
    except ValueError:
        return None
    if name is None or service is None:
        return None
    arn = _text(value, "userIdentity", "arn") or ""
    is_session = ":assumed-role/" in arn
    return TrailEvent(
        at,
        f"{service.partition('.')[0]}:{name}",
        _text(value, "eventID"),
        _text(value, "requestID"),
        _text(value, "userIdentity", "accessKeyId"),
        _text(value, "responseElements", "credentials", "accessKeyId"),
        _role_of(arn) if is_session else None,
        arn.rpartition("/")[2] if is_session else None,
        _text(value, "requestParameters", "roleArn"),
        _text(value, "recipientAccountId"),
        _text(value, "awsRegion"),
        _text(value, "errorCode"),
    )


def _role_of(arn: str) -> str | None:
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None
    return f"arn:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"


def _text(value: object, *path: str) -> str | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None
