"""What the hot path of ``credential-process`` and the full path must write and read alike.

That is the line of the credential_process contract, the record of what a cached answer depended
on, and the judgement of an item of the vault. Everything is made from plain strings, and nothing
is imported but ``os``, which Python has loaded anyway: this module runs at every call.
"""

import os

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
#   file            STAMP  PATH         one per file that was read, or looked for in vain; of the
#                                       index its seal, which few of its changes break
#   var             NAME  =VALUE        one per variable that was read: its value,
#   var             NAME  +             or that it is set and not empty (secrets),
#   var             NAME  #DIGEST       or its SHA-256 (random secrets that tell jobs apart),
#   var             NAME  -             or that it is not set
#   check           LENGTH REMAINDER    of all bytes before this line

RECORD_SCHEMA = "3"
ABSENT = "absent"
BACKENDS = ("bus", "kernel")
# Their values stay out of the record; that they are set, or empty, is all that a plan depends on.
SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
)
# Their values stay out of the record too, but another value is another job: of a random token, a
# digest tells that.
DIGESTED_VARIABLES = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN",)


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
        """``files``: path to stamp; ``variables``: name to mark (``=VALUE``, ``+``, ``#DIGEST`` or ``-``)."""
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
    return checked("".join("\t".join(row) + "\n" for row in rows))


def read_record(data: bytes) -> Record | None:
    """Return what ``as_record`` wrote, ``None`` for anything else."""
    text = unchecked(data)
    if text is None:
        return None
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
    """Return where the record of ``chain`` lies; names of chains hold no comma.

    An AWS profile may have any name: without a slash, none leads out of the folder but ``..``,
    where no file can be, and a record says whose it is.
    """
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
        found = os.stat(path)  # noqa: PTH116 - pathlib costs as much as the whole hot path
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except (OSError, ValueError):  # the latter: there can be no file of this name
        return "unreadable"
    return f"{found.st_mtime_ns}.{found.st_ctime_ns}.{found.st_size}.{found.st_ino}"


SEALED = "seal "


def seal_path(index: str) -> str:
    """Return where the seal of the index at ``index`` lies."""
    return f"{index}.seal"


def as_seal(index: str, digest: str) -> str:
    """Return the seal of the index at ``index``, to be written after it.

    ``digest`` stands for what plans read of it besides sessions, which are found by their keys.
    """
    return f"{file_stamp(index)} {digest}\n"


def sealed_stamp(index: str) -> str | None:
    """Return what tells whether plans made over the index at ``index`` still hold.

    Every walk of any chain writes the index, and few of those writes change a plan. ``None``: what
    is there is not what rolehop wrote last.
    """
    seal = read_own(seal_path(index)) or b""
    stamp, _, digest = seal.decode("utf-8", "replace").rstrip("\n").partition(" ")
    return f"{SEALED}{digest}" if digest and stamp == file_stamp(index) else None


def stamp_holds(path: str, stamp: str) -> bool:
    """Tell whether what is at ``path`` still has ``stamp``."""
    return (sealed_stamp(path) if stamp.startswith(SEALED) else file_stamp(path)) == stamp


def variable_mark(name: str, value: str | None) -> str:
    """Return what the record says of a variable."""
    if value is None:
        return "-"
    if value and name in DIGESTED_VARIABLES:
        from hashlib import sha256  # in a job of GitHub Actions only: it costs a millisecond

        return f"#{sha256(value.encode('utf-8', 'surrogateescape')).hexdigest()}"
    return "+" if value and name in SECRET_VARIABLES else f"={value}"


# ---- files that rolehop writes for itself, and believes only where nobody else had a hand in them

LARGEST = 1 << 22  # bytes; names of tens of thousands of chains fit
# The largest prime below 2 ** 64: no changed byte leaves the remainder as it was.
_PRIME = 18446744073709551557


def checked(text: str) -> str | None:
    """Return ``text``, which ends a line, with a last line that tells whether it is whole.

    ``None``: it is no UTF-8 (a file name or a value may be none).
    """
    try:
        return text + _check(text.encode()).decode()
    except UnicodeEncodeError:
        return None


def unchecked(data: bytes) -> str | None:
    """Return what ``checked`` was given, ``None`` where ``data`` is not what it made of it."""
    end = data.rfind(b"\n", 0, -1) + 1
    if data[end:] != _check(data[:end]):
        return None
    try:
        return data[:end].decode()
    except UnicodeDecodeError:
        return None


def _check(data: bytes) -> bytes:
    return b"check\t%d\t%d\n" % (len(data), int.from_bytes(data, "big") % _PRIME)


def read_own(path: str) -> bytes | None:
    """Return a file that this user wrote, ``None`` for whatever else may lie there.

    Nothing waits (a FIFO), and nothing is endless (a device). In a folder that users share,
    somebody else's file would choose the session.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        file = os.open(path, flags)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(file)
        if found.st_uid != os.geteuid() or found.st_mode & 0o170000 != 0o100000:
            return None
        return os.read(file, found.st_size) if found.st_size <= LARGEST else None
    except OSError:
        return None
    finally:
        os.close(file)


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

    So are years before 1000: ``strftime`` writes them with fewer digits on some systems, so no
    item that is read back has them. Days are counted by the proleptic Gregorian calendar, with
    years that begin in March, so that a leap day is the last of its year.
    """
    shape = "".join("0" if each in "0123456789" else each for each in text)
    if shape != "0000-00-00T00:00:00Z":
        return None
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    if not (year >= 1000 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
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
