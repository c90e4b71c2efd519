"""What the hot path of ``credential-process`` and the full path must write and read alike.

That is the line of the credential_process contract, the record of what a cached answer depended
on, and the judgement of an item of the vault. Everything is made from plain strings, and nothing
is imported but ``os``, which Python has loaded anyway: this module runs at every call.
"""

from os import stat

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from collections.abc import Mapping


def process_line(
    access_key_id: str, secret: str, token: str | None, expires_at: str | None, account: str
) -> str:
    """Return the compact JSON object, version 1, without a newline.

    The keys stand in the order of the AWS SDK reference (Process credential provider).
    ``expires_at`` is ``YYYY-MM-DDTHH:MM:SSZ``. What is ``None``, and an empty ``account``, is left
    out: that is how the contract spells "does not end" and "not known".
    """
    pairs = (
        ("AccessKeyId", access_key_id),
        ("SecretAccessKey", secret),
        ("SessionToken", token),
        ("Expiration", expires_at),
        ("AccountId", account or None),
    )
    told = "".join(f',"{name}":{_quoted(value)}' for name, value in pairs if value is not None)
    return f'{{"Version":1{told}}}'


def _quoted(text: str) -> str:
    """Return ``text`` as a JSON string; AWS's own values need no escapes, so json stays unloaded."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)


# ---- the record of one chain: what a cached answer depended on, and where it rests
#
# One line a fact, fields parted by tabs, in the order of ``_KINDS``:
#
#   rolehop-record  SCHEMA  VERSION
#   chain           NAME
#   item            BACKEND  KEY        where the session rests (``kernel`` or ``bus``)
#   life            MIN_TTL  UNTIL      seconds; epoch seconds after which nothing holds, or 0
#   hand            REGION   ASKS LABEL what is exported as AWS_REGION; whether a person is asked
#                                       first (0 or 1); what people see of it
#   who             UID  HOST           templates may have been filled with them
#   file            STAMP  PATH         one per file that was read, or looked for in vain
#   var             NAME  =VALUE        one per variable that was read: its value,
#   var             NAME  +             or that it is set (secrets),
#   var             NAME  -             or that it is not

RECORD_SCHEMA = "1"
ABSENT = "absent"
BACKENDS = ("bus", "kernel")
# Their values stay out of the record; that they are set is all that a plan depends on.
SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
)


class Record:
    """What one cached answer depended on; plain, since the hot path makes one at every call."""

    __slots__ = (
        "backend",
        "chain",
        "confirm",
        "files",
        "host",
        "key",
        "label",
        "min_ttl",
        "region",
        "uid",
        "until",
        "variables",
        "version",
    )

    def __init__(
        self,
        version: str,
        chain: str,
        backend: str,
        key: str,
        min_ttl: int,
        until: int,
        region: str,
        confirm: bool,
        label: str,
        uid: int,
        host: str,
        files: dict[str, str],
        variables: dict[str, str],
    ) -> None:
        """``files``: path to stamp; ``variables``: name to mark (``=VALUE``, ``+`` or ``-``)."""
        self.version = version
        self.chain = chain
        self.backend = backend
        self.key = key
        self.min_ttl = min_ttl
        self.until = until
        self.region = region
        self.confirm = confirm
        self.label = label
        self.uid = uid
        self.host = host
        self.files = files
        self.variables = variables


def as_record(record: Record) -> str | None:
    """Return the record's text, ``None`` where a value is not text that fits on one line."""
    rows = [
        ("rolehop-record", RECORD_SCHEMA, record.version),
        ("chain", record.chain),
        ("item", record.backend, record.key),
        ("life", str(record.min_ttl), str(record.until)),
        ("hand", record.region, str(int(record.confirm)), record.label),
        ("who", str(record.uid), record.host),
        *(("file", stamp, path) for path, stamp in record.files.items()),
        *(("var", name, mark) for name, mark in record.variables.items()),
    ]
    if any("\t" in field or "\n" in field for row in rows for field in row):
        return None
    text = "".join("\t".join(row) + "\n" for row in rows)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name or a value that is no UTF-8
        return None
    return text


def read_record(text: str) -> Record | None:
    """Return what ``as_record`` wrote, ``None`` for anything else."""
    rows = [row.split("\t") for row in text.split("\n")]
    if len(rows) < 7 or rows.pop() != [""]:
        return None
    head, files, variables = rows[:6], {}, {}
    if [row[0] for row in head] != ["rolehop-record", "chain", "item", "life", "hand", "who"]:
        return None
    for row in rows[6:]:
        if len(row) != 3 or row[0] not in ("file", "var"):
            return None
        if row[0] == "file":
            files[row[2]] = row[1]
        else:
            variables[row[1]] = row[2]
    try:
        (_, schema, version), (_, chain), (_, backend, key), life, hand, who = head
        (_, ttl, until), (_, region, asks, label), (_, uid, host) = life, hand, who
        seconds = int(ttl), int(until)
        user = int(uid)
    except ValueError:
        return None
    if schema != RECORD_SCHEMA or backend not in BACKENDS:
        return None
    return Record(
        version,
        chain,
        backend,
        key,
        *seconds,
        region,
        asks != "0",
        label,
        user,
        host,
        files,
        variables,
    )


def record_path(state_folder: str, chain: str) -> str:
    """Return where the record of ``chain`` lies; names of chains hold no comma."""
    return f"{state_folder}/hot/{chain.replace('/', ',')}"


def state_folder(environ: "Mapping[str, str]") -> str | None:
    """Return rolehop's state folder on Linux, ``None`` where there is no home.

    Relative paths do not count (XDG base directory specification).
    """
    base = environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        home = environ.get("HOME", "")
        base = f"{home.rstrip('/')}/.local/state" if home.startswith("/") else ""
    return f"{base.rstrip('/')}/rolehop" if base else None


def file_stamp(path: str) -> str:
    """Return what tells one state of a file from another: times, size, inode, or its absence."""
    try:
        found = stat(path)  # noqa: PTH116 - pathlib costs as much as the whole hot path
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except OSError:
        return "unreadable"
    return f"{found.st_mtime_ns}.{found.st_ctime_ns}.{found.st_size}.{found.st_ino}"


def variable_mark(name: str, value: str | None) -> str:
    """Return what the record says of a variable."""
    if value is None:
        return "-"
    return "+" if name in SECRET_VARIABLES else f"={value}"


# ---- the item

ITEM_SCHEMA = 1


def line_of_item(text: str, key: str, now: float, min_ttl: int) -> str | None:
    """Return an item's first line where the item is whole, its own, and has enough life left.

    ``now`` is in epoch seconds. Enough is ``min_ttl`` seconds, but never more than half of the
    session's whole life. ``None`` for anything out of the ordinary: the full path then decides.
    """
    line, _, rest = text.partition("\n")
    told, below = line.split('"'), rest.split('"')
    if len(told) not in (19, 23) or len(below) != 23 or not all(told[5:18:4]):
        return None
    # Written again from its values, it must be what it was: then it is whole and has no escapes.
    account = below[13]
    if process_line(told[5], told[9], told[13], told[17], account) != line:
        return None
    if rest_of_item(key, below[9], account, below[17], below[21]) != rest:
        return None
    issued_at, expires_at = epoch(below[21]), epoch(told[17])
    if issued_at is None or expires_at is None or not issued_at <= min(now, expires_at):
        return None
    return line if expires_at - now >= min(min_ttl, (expires_at - issued_at) / 2) else None


def rest_of_item(key: str, arn: str, account: str, user_id: str, issued_at: str) -> str:
    """Return an item's second line: what else belongs to the session, as compact JSON."""
    pairs = (
        ("key", key),
        ("arn", arn),
        ("account", account),
        ("user_id", user_id),
        ("issued_at", issued_at),
    )
    told = "".join(f',"{name}":{_quoted(value)}' for name, value in pairs)
    return f'{{"schema":{ITEM_SCHEMA}{told}}}'


def epoch(text: str) -> int | None:
    """Return ``YYYY-MM-DDTHH:MM:SSZ`` in epoch seconds, ``None`` for anything else.

    Days are counted by the proleptic Gregorian calendar, with years that begin in March, so that
    a leap day is the last of its year.
    """
    shape = "".join("0" if each in "0123456789" else each for each in text)
    if shape != "0000-00-00T00:00:00Z":
        return None
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    if not (year and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 28 + leap if month == 2 else 30 + (month + month // 8) % 2
    if not 1 <= day <= longest:
        return None
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = (
        365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 719469
    )
    return days * 86400 + hour * 3600 + minute * 60 + second
