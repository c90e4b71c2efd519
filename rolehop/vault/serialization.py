"""The texts of keyring items and their meaning: sessions, and documents such as IAM user keys.

A session is two lines. The first is the very line that `credential-process` prints, so that it can
be handed over unparsed; the second is compact JSON with the rest of the session. A document is one
line of JSON that repeats the name it is stored under. Every text ends with a check, a digest of all
before it: a text is either whole and under its own name, or it is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

from rolehop.base.credentials import Credentials, Secret, Session, StoredDocument
from rolehop.base.durations import read_moment
from rolehop.base.startup import Pattern
from rolehop.hotpath.record import CHECK, ITEM_SCHEMA, is_check
from rolehop.hotpath.writer import process_line, rest_of_item, with_check

DOCUMENT_SCHEMA = 2
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LINE = frozenset({"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"})

_REST = frozenset(
    {
        *("schema", "key", "arn", "account", "user_id"),
        *("issued_at", "local_expires_at", "started_at", "record_key", "check"),
    }
)

_DOCUMENT = frozenset({"schema", "name", "plain", "secret", "check"})

# `fromisoformat` takes other forms too; only what we write is read.
_EXACT_TIME = Pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_RECORD_KEY = Pattern(r"[0-9a-f]{64}")


class Damaged(Exception):
    """An item that cannot be read; the message says why and never quotes the item."""


# ---- sessions


def as_item(session: Session, key: str, record_key: str) -> str:
    """Return the two lines to be stored under hop key ``key``.

    ``record_key`` is random, 64 hex digits: records of the hot path are sealed with it.

    Raises:
        ValueError: these are long-lived keys, not a session.
    """
    credentials = session.credentials
    if credentials.session_token is None:
        raise ValueError("credentials without a session token are not stored as a session")
    line = process_line(
        credentials.access_key_id,
        credentials.secret_access_key.reveal(),
        credentials.session_token.reveal(),
        as_time(session.expires_at),
        session.account,
    )
    started = "" if session.started_at is None else as_time(session.started_at)
    times = as_time(session.issued_at), as_time(session.local_expires_at), started
    rest = rest_of_item(key, session.arn, session.account, session.user_id, *times, record_key)
    return with_check(f"{line}\n{rest}")


def read_item(text: str, key: str) -> Session:
    """Return the session that ``as_item`` wrote for hop key ``key``.

    Raises:
        Damaged: it is not whole, or belongs to another key.
    """
    line, newline, below = text.partition("\n")
    if not newline:
        raise Damaged("it is cut short")
    rest = _strings(below, "schema", ITEM_SCHEMA)
    first = _strings(line, "Version", 1)
    if first.keys() - {"AccountId"} != _LINE or rest.keys() != _REST:
        raise Damaged("it has other fields than a session has")
    if rest["key"] != key:
        raise Damaged("it belongs to another hop key")
    if not _RECORD_KEY.fullmatch(rest["record_key"]):
        raise Damaged("it holds no record key")
    session = _session(first, rest)
    # This compares the check, too. What is not exactly what we would write now would be handed
    # over differently later.
    if as_item(session, key, rest["record_key"]) != text:
        raise Damaged("it is not written as rolehop writes it")
    return session


def record_key_of(text: str) -> Secret:
    """Return the record key of an item that ``read_item`` accepts."""
    return Secret(_strings(text.partition("\n")[2], "schema", ITEM_SCHEMA)["record_key"])


def _session(first: dict[str, str], rest: dict[str, str]) -> Session:
    try:
        expires_at = read_time(first["Expiration"])
        issued_at, local_expires_at = (
            read_time(rest[n]) for n in ("issued_at", "local_expires_at")
        )
        started_at = read_time(rest["started_at"]) if rest["started_at"] else None
    except ValueError:
        raise Damaged("its times make no sense") from None
    if local_expires_at < issued_at:
        raise Damaged("it ends before it began")
    if not first["AccessKeyId"] or not first["SecretAccessKey"] or not first["SessionToken"]:
        raise Damaged("a value is empty")
    return Session(
        credentials=Credentials(
            first["AccessKeyId"],
            Secret(first["SecretAccessKey"]),
            Secret(first["SessionToken"]),
            expires_at,
            clock_offset=expires_at - local_expires_at,
        ),
        arn=rest["arn"],
        account=rest["account"],
        issued_at=issued_at,
        expires_at=expires_at,
        user_id=rest["user_id"],
        started_at=started_at,
    )


# ---- documents


def as_document(document: StoredDocument, name: str) -> str:
    """Return the line to be stored under ``name``."""
    plain = {each: value for each, value in document.items() if isinstance(value, str)}
    secret = {each: value.reveal() for each, value in document.items() if isinstance(value, Secret)}
    fields = {"schema": DOCUMENT_SCHEMA, "name": name, "plain": plain, "secret": secret}
    return with_check(_compact(fields))


def read_document(text: str, name: str) -> StoredDocument:
    """Return the document that ``as_document`` wrote for ``name``.

    Raises:
        Damaged: it is not whole, or belongs to another name.
    """
    found = read_object(text)
    if found is None:
        raise Damaged("it is not JSON")
    if found.get("schema") != DOCUMENT_SCHEMA:
        raise Damaged("it is of another version")
    if found.keys() != _DOCUMENT:
        raise Damaged("it is not what rolehop writes")
    body, _, check = text.rpartition(CHECK)
    if not is_check(body, check):
        raise Damaged("a part of it was changed")
    if found["name"] != name:
        raise Damaged("it was stored under another name")
    return _joined(found["plain"], found["secret"])


def member(name: str, value: str) -> str:
    """Return how a document's text spells a plain value that needs no escapes."""
    return f'"{name}":"{value}"'


def _joined(plain: object, secret: object) -> StoredDocument:
    if not _are_texts(plain) or not _are_texts(secret):
        raise Damaged("a value has the wrong type")
    return {**plain, **{name: Secret(value) for name, value in secret.items()}}


def _are_texts(part: object) -> TypeGuard[dict[str, str]]:
    return isinstance(part, dict) and all(isinstance(value, str) for value in part.values())


# ---- what they share


def as_time(moment: datetime) -> str:
    """Return an aware time as ``YYYY-MM-DDTHH:MM:SSZ`` in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime(_TIME)


def read_time(text: str) -> datetime:
    """Return the time that ``as_time`` wrote, aware, in UTC.

    Raises:
        ValueError: it is written otherwise, or is at an end of the calendar.
    """
    if not _EXACT_TIME.fullmatch(text):
        raise ValueError("not a time in UTC with whole seconds")
    return read_moment(text)


def read_object(text: str | bytes) -> dict[str, object] | None:
    """Return a JSON object, ``None`` if ``text`` is none.

    Nothing is raised: a JSONDecodeError carries the whole text, and would travel along as the
    context of any error that is raised while it is handled.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _strings(text: str, version: str, wanted: int) -> dict[str, str]:
    """Return a JSON object of strings; ``version`` names the one member that is a number."""
    found = read_object(text)
    if found is None:
        raise Damaged("it is not JSON")
    number = found.get(version)
    if type(number) is not int or number != wanted:
        raise Damaged("it is of another version")
    found[version] = str(number)
    if not _are_texts(found):
        raise Damaged("a value has the wrong type")
    return found


def _compact(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"))


class KeptTexts:
    """The JSON of values by name, kept from one write to the next: nearly all are as they were."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[str, tuple[Any, str]] = {}

    def as_object(self, values: Mapping[str, Any]) -> str:
        """Return ``values``, which never change, as one JSON object."""
        before, self._known = self._known, {}
        for name, value in values.items():
            same = name in before and before[name][0] is value
            text = before[name][1] if same else _member(name, value)
            self._known[name] = value, text
        return f"{{{', '.join(text for _, text in self._known.values())}}}"


def _member(name: str, value: Any) -> str:
    return f"{json.dumps(name)}: {json.dumps(plain_fields(value))}"


def plain_fields(value: Any) -> dict[str, object]:
    """Return the fields of a value as JSON takes them."""
    fields = ((name, getattr(value, name)) for name in value.__slots__)
    return {name: as_time(each) if isinstance(each, datetime) else each for name, each in fields}
