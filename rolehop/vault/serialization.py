"""A session as the text that rests in the keyring, and back: one of the doors for secrets.

Two lines. The first is the very line that `credential-process` prints, so that it can be handed
over unparsed; the second is compact JSON of what else belongs to the session. A text is either
whole and its own, or it is damaged; there is no half.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from rolehop.credentials import Credentials, Secret, Session
from rolehop.fastpath.record import ITEM_SCHEMA, process_line, rest_of_item
from rolehop.startup.lazy_regex import Pattern

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_REST = frozenset({"schema", "key", "arn", "account", "user_id", "issued_at"})
_LINE = frozenset({"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"})
# `fromisoformat` takes other forms too; what is read must be what we would write.
_EXACT_TIME = Pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_ACCESS_KEY_ID = Pattern(r"[A-Za-z0-9_]{16,128}")


class Damaged(Exception):
    """An item that cannot be read; the message says why and never quotes the item."""


def as_item(session: Session, key: str) -> str:
    """Return the two lines that rest under hop key ``key``.

    Raises:
        ValueError: these are long-lived keys, which are no session.
    """
    credentials = session.credentials
    if credentials.session_token is None:
        raise ValueError("credentials without a session token are not kept as a session")
    line = process_line(
        credentials.access_key_id,
        credentials.secret_access_key.reveal(),
        credentials.session_token.reveal(),
        as_time(session.expires_at),
        session.account,
    )
    issued_at = as_time(session.issued_at)
    rest = rest_of_item(key, session.arn, session.account, session.user_id, issued_at)
    return f"{line}\n{rest}"


def read_item(text: str, key: str) -> Session:
    """Return the session that ``as_item`` made under ``key``.

    Raises:
        Damaged: it is not whole, not of this schema, or belongs to another key.
    """
    line, newline, below = text.partition("\n")
    if not newline:
        raise Damaged("it is cut short")
    told, rest = _strings(line, "Version"), _strings(below, "schema")
    if told.keys() - {"AccountId"} != _LINE or rest.keys() != _REST:
        raise Damaged("it has other fields than a session has")
    if rest["key"] != key:
        raise Damaged("it belongs to another hop key")
    session = _session(told, rest)
    # Whatever is not exactly what we would write now would be handed over differently later.
    if as_item(session, key) != text:
        raise Damaged("it is not written as rolehop writes it")
    return session


def as_keys(credentials: Credentials) -> str:
    """Return IAM user keys as the JSON that rests in the keyring."""
    return _compact(
        {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key.reveal(),
        }
    )


def read_keys(text: str) -> Credentials:
    """Return the IAM user keys that ``as_keys`` wrote.

    Raises:
        Damaged: it is anything else.
    """
    told = _strings(text)
    if told.keys() != {"AccessKeyId", "SecretAccessKey"}:
        raise Damaged("it has other fields than a key has")
    if not _ACCESS_KEY_ID.fullmatch(told["AccessKeyId"]) or not told["SecretAccessKey"]:
        raise Damaged("it holds no key")
    return Credentials(told["AccessKeyId"], Secret(told["SecretAccessKey"]))


def as_time(moment: datetime) -> str:
    """Return an aware time as ``YYYY-MM-DDTHH:MM:SSZ`` in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime(_TIME)


def read_time(text: str) -> datetime:
    """Return what ``as_time`` wrote, aware, in UTC.

    Raises:
        ValueError: it is written otherwise.
    """
    if not _EXACT_TIME.fullmatch(text):
        raise ValueError("not a time in UTC with whole seconds")
    return datetime.fromisoformat(text)


def _session(told: dict[str, str], rest: dict[str, str]) -> Session:
    try:
        expires_at, issued_at = read_time(told["Expiration"]), read_time(rest["issued_at"])
    except ValueError:
        raise Damaged("its times make no sense") from None
    if expires_at < issued_at:
        raise Damaged("it ends before it began")
    if not told["AccessKeyId"] or not told["SecretAccessKey"] or not told["SessionToken"]:
        raise Damaged("a value is empty")
    return Session(
        credentials=Credentials(
            told["AccessKeyId"],
            Secret(told["SecretAccessKey"]),
            Secret(told["SessionToken"]),
            expires_at,
        ),
        arn=rest["arn"],
        account=rest["account"],
        issued_at=issued_at,
        expires_at=expires_at,
        user_id=rest["user_id"],
    )


def _strings(text: str, version: str | None = None) -> dict[str, str]:
    """Return a JSON object of strings; ``version`` names the one field that is the number 1.

    Raised outside of ``except``: a JSONDecodeError carries the whole text, and would travel
    along as the new error's context.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Damaged("it is not JSON")
    if version is not None:
        number = found.get(version)
        if type(number) is not int or number != ITEM_SCHEMA:
            raise Damaged("it is of another version")
        found[version] = str(number)
    if not all(isinstance(value, str) for value in found.values()):
        raise Damaged("a value has the wrong type")
    return found


def _compact(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"))
