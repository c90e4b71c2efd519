"""What the full path writes for the hot path: a cached answer's record, and the item it names.

`record` has the other half of the formats: what is read at every cached ``credential-process``.
"""

from rolehop.hotpath.record import (
    CHECK,
    ITEM_SCHEMA,
    RECORD_SCHEMA,
    Record,
    file_stamp,
    hash_function,
    hmac_of,
)


def process_line(
    access_key_id: str, secret: str, token: str | None, expires_at: str | None, account: str
) -> str:
    """Return the compact JSON object, version 1, without a newline.

    The keys are in the order of the AWS SDK reference (Process credential provider).
    ``expires_at`` is ``YYYY-MM-DDTHH:MM:SSZ``. Values that are ``None``, and an empty ``account``,
    are left out: that is how the contract spells "does not end" and "not known".
    """
    pairs = (
        ("AccessKeyId", access_key_id),
        ("SecretAccessKey", secret),
        ("SessionToken", token),
        ("Expiration", expires_at),
        ("AccountId", account or None),
    )
    members = "".join(f',"{name}":{_quoted(value)}' for name, value in pairs if value is not None)
    return f'{{"Version":1{members}}}'


def _quoted(text: str) -> str:
    """Return ``text`` as a JSON string; AWS's own values need no escapes, so json stays unloaded."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)


def as_record(record: Record) -> str | None:
    """Return the record's lines without the last, ``None`` if a value does not fit on its line."""
    rows = [
        ("rolehop-record", RECORD_SCHEMA, record.version),
        ("chain", record.chain),
        ("item", record.backend, record.key),
        ("life", str(record.min_ttl), str(record.until)),
        ("hand", record.region, record.label, record.name, record.sink),
        ("who", str(record.uid), record.host),
        *(("also", service, member) for service, member in record.also.items()),
        *(("file", path, stamp) for path, stamp in record.files.items()),
        *(("var", name, mark) for name, mark in record.variables.items()),
    ]
    if any("\t" in field or "\n" in field for row in rows for field in row):
        return None
    return "".join("\t".join(row) + "\n" for row in rows)


def sealed(lines: str, key: str) -> str | None:
    """Return the whole text of a record, to be written; ``None`` if it is no UTF-8.

    ``lines`` are `as_record`'s, and ``key`` is the record key of the item that they name.
    """
    try:
        return f"{lines}hmac\t{hmac_of(key, lines.encode())}\n"
    except UnicodeEncodeError:  # a file name or a value may be none
        return None


def as_seal(index: str, digest: str) -> str:
    """Return the seal of the index at ``index``, to be written after it.

    ``digest`` is of what plans read from it besides sessions, which are found by their keys.
    """
    return f"{file_stamp(index)} {digest}\n"


def rest_of_item(
    key: str,
    arn: str,
    account: str,
    user_id: str,
    issued_at: str,
    local_expires_at: str,
    started_at: str,
    record_key: str,
) -> str:
    """Return an item's second line without its check: what else belongs to the session, as JSON.

    ``started_at`` is when this machine started, by the clock that the other two times are by; it
    may be empty. ``record_key`` is random, 64 hex digits: records that name this item are sealed
    with it.
    """
    pairs = (
        ("key", key),
        ("arn", arn),
        ("account", account),
        ("user_id", user_id),
        ("issued_at", issued_at),
        ("local_expires_at", local_expires_at),
        ("started_at", started_at),
        ("record_key", record_key),
    )
    members = "".join(f',"{name}":{_quoted(value)}' for name, value in pairs)
    return f'{{"schema":{ITEM_SCHEMA}{members}}}'


def with_check(text: str) -> str:
    """Return ``text``, which ends a JSON object, with a digest of it as the object's last member."""
    body = text[:-1]
    digest = hash_function()(body.encode("utf-8", "surrogatepass")).hexdigest()
    return f'{body}{CHECK}{digest}"}}'
