"""What the hot path of ``credential-process`` reads: the record of a cached answer, and its item.

`writer` has the other half of the formats, for the full path. Everything is made of plain strings;
besides what Python has loaded anyway only a hash function is imported, at its first use: this
module runs at every call.
"""

import sys
import time

if sys.platform == "linux":
    import posix as os  # which is built in; os takes a tenth of a start without site
else:
    import os

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


# ---- the record of one chain: what a cached answer depended on, and which item it is in
#
# One line an entry, fields separated by tabs, in this order:
#
#   rolehop-record  SCHEMA  VERSION
#   chain           NAME                as it is asked for: a fleet's chain may have two names
#   item            BACKEND  KEY        the item with the session (``kernel`` or ``bus``)
#   life            MIN_TTL  UNTIL      seconds; epoch seconds after which nothing holds, or 0
#   hand            REGION   LABEL NAME SINK
#                                       exported as AWS_REGION; how the session is shown to people;
#                                       the chain's own name, exported as ROLEHOP_CHAIN; what gets
#                                       lines of the history besides its files (``journald`` or empty)
#   who             UID  HOST           templates may have been filled with them
#   also            SERVICE  MEMBER     one per other item that the plan depended on: the JSON
#                                       member that it must hold, empty if there must be no item
#   file            PATH  STAMP         one per file that was read, or was not there; of the
#                                       index its seal, which few of its changes break
#   var             NAME  =VALUE        one per variable that was read: its value,
#   var             NAME  +             or that it is set and not empty (secrets),
#   var             NAME  #DIGEST       or its SHA-256 (random secrets that tell jobs apart),
#   var             NAME  -             or that it is not set
#   hmac            DIGEST              of all lines before it, under the record key that the item
#                                       holds: write access to the file alone forges no record

RECORD_SCHEMA = "7"
RECORDS = 4
"""How many a chain may have: two shells with another AWS_REGION each are both answered at once."""
ABSENT = "absent"
BACKENDS = ("bus", "kernel")
_HEAD = ["rolehop-record", "chain", "item", "life", "hand", "who"]
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

    def __init__(
        self,
        version: str,
        chain: str,
        backend: str,
        key: str,
        min_ttl: int,
        until: int,
        region: str,
        label: str,
        name: str,
        sink: str,
        uid: int,
        host: str,
        also: dict[str, str],
        files: dict[str, str],
        variables: dict[str, str],
    ) -> None:
        """``chain``: as it is asked for; ``name``: its own name; ``sink``: of its history; ``also``: service to member; ``files``: path to stamp; ``variables``: name to mark.

        A mark is ``=VALUE``, ``+``, ``#DIGEST`` or ``-``.
        """
        self.version = version
        self.chain = chain
        self.backend = backend
        self.key = key
        self.min_ttl = min_ttl
        self.until = until
        self.region = region
        self.label = label
        self.name = name
        self.sink = sink
        self.uid = uid
        self.host = host
        self.also = also
        self.files = files
        self.variables = variables


def read_record(data: bytes) -> Record | None:
    """Return the record in a file, ``None`` if it is none; `is_sealed` says if it is genuine."""
    try:
        rows = [row.split("\t") for row in data.decode().split("\n")]
    except UnicodeDecodeError:
        return None
    if len(rows) < 8 or rows.pop() != [""] or rows.pop()[0] != "hmac":
        return None
    if [row[0] for row in rows[:6]] != _HEAD:
        return None
    more: dict[str, dict[str, str]] = {"also": {}, "file": {}, "var": {}}
    for row in rows[6:]:
        if len(row) != 3 or row[0] not in more:
            return None
        more[row[0]][row[1]] = row[2]
    try:
        (_, schema, version), (_, chain), (_, backend, key), life, hand, who = rows[:6]
        (_, ttl, until), (_, region, label, name, sink), (_, uid, host) = life, hand, who
        times, user = (int(ttl), int(until)), int(uid)
    except ValueError:
        return None
    if schema != RECORD_SCHEMA or backend not in BACKENDS:
        return None
    found = version, chain, backend, key, *times, region
    return Record(*found, label, name, sink, user, host, *more.values())


def is_sealed(data: bytes, key: str) -> bool:
    """True if `sealed` wrote ``data`` with the same key, and no byte was changed since."""
    lines, _, digest = data.rpartition(b"hmac\t")
    return digest.decode("ascii", "replace") == f"{hmac_of(key, lines)}\n"


def hmac_of(key: str, data: bytes) -> str:
    """Return HMAC-SHA-256 (RFC 2104) in hex; the module `hmac` costs more than the whole record."""
    sha256 = hash_function()
    block = int.from_bytes(key.encode(), "big")  # 64 characters: just one block
    inner, outer = ((block ^ pad).to_bytes(64, "big") for pad in _PADS)
    found: str = sha256(outer + sha256(inner + data).digest()).hexdigest()
    return found


_PADS = int("36" * 64, 16), int("5c" * 64, 16)


def hash_function() -> "Callable[[bytes], Any]":
    """Return SHA-256 from Python's own extension module: `hashlib` loads OpenSSL, which is slow.

    Some systems build Python without that module.
    """
    try:
        if sys.version_info >= (3, 12):
            from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
        else:
            from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from hashlib import sha256
    found: Callable[[bytes], Any] = sha256
    return found


def record_path(state_folder: str, chain: str, number: int = 0) -> str:
    """Return the path of ``chain``'s record ``number``, from 0; names of chains hold no comma.

    An AWS profile may have any name: without a slash, none leads out of the folder but ``..``,
    where no file can be, and a record names its chain.
    """
    return f"{state_folder}/hot/{chain.replace('/', ',')}{f',,{number}' if number else ''}"


def state_folder(environ: "Mapping[str, str]") -> str | None:
    """Return rolehop's state folder on Linux, ``None`` if there is no home.

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
    except (OSError, ValueError):  # the latter: no file can have this name
        return "unreadable"
    return f"{found.st_mtime_ns}.{found.st_ctime_ns}.{found.st_size}.{found.st_ino}"


SEALED = "seal "


def seal_path(index: str) -> str:
    """Return the path of the seal of the index at ``index``."""
    return f"{index}.seal"


def sealed_stamp(index: str) -> str | None:
    """Return the stamp of what plans read from the index at ``index``.

    Every walk of any chain writes the index, and few of those writes change a plan. ``None``: the
    file is not the one that rolehop wrote last.
    """
    seal = read_own(seal_path(index)) or b""
    stamp, _, digest = seal.decode("utf-8", "replace").rstrip("\n").partition(" ")
    return f"{SEALED}{digest}" if digest and stamp == file_stamp(index) else None


def stamp_holds(path: str, stamp: str) -> bool:
    """True if the file at ``path`` still has ``stamp``."""
    return (sealed_stamp(path) if stamp.startswith(SEALED) else file_stamp(path)) == stamp


def variable_mark(name: str, value: str | None) -> str:
    """Return a variable's mark in the record."""
    if value is None:
        return "-"
    if value and name in DIGESTED_VARIABLES:
        return f"#{hash_function()(value.encode('utf-8', 'surrogateescape')).hexdigest()}"
    return "+" if value and name in SECRET_VARIABLES else f"={value}"


LARGEST = 1 << 22  # bytes of a file of ours; names of tens of thousands of chains fit


def read_own(path: str) -> bytes | None:
    """Return the content of a regular file of this user, ``None`` for anything else.

    A FIFO would be waited for, a device may be endless, and in a folder that users share another
    user's file would choose the session. As in `rolehop.base.files.read_own`, which imports too much for
    here, no link is followed, and the file has one name and can be written by nobody else.
    """
    if sys.platform != "linux":  # elsewhere there is no hot path
        return None
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
    try:
        file = os.open(path, flags)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(file)
        # A regular file, with no bit for writing by group and others.
        if found.st_mode & 0o170022 != 0o100000 or found.st_nlink != 1:
            return None
        if found.st_uid != os.geteuid():
            return None
        return os.read(file, found.st_size) if found.st_size <= LARGEST else None
    except OSError:
        return None
    finally:
        os.close(file)


# ---- the item

ITEM_SCHEMA = 3
CHECK = ',"check":"'


def line_of_item(
    text: str, key: str, now: float, min_ttl: int, started: int | None = None
) -> tuple[str, str] | None:
    """Return an item's first line and its record key if it is whole, of hop key ``key``, and lasts.

    ``now`` is in epoch seconds by this machine's clock, by which the session's end is judged.
    Enough life is ``min_ttl`` seconds, but never more than half of the session's whole life.
    ``started`` is `started_at`, which tells whether the clock was set since the item was written.
    ``None`` for anything out of the ordinary: the full path then decides.
    """
    body, _, check = text.rpartition(CHECK)
    # Without escapes, every other piece between quotes is a name or a value.
    if not is_check(body, check) or "\\" in body:
        return None
    line, _, rest = body.partition("\n")
    fields = rest.split('"')[1::2]
    if not rest.startswith(f'{{"schema":{ITEM_SCHEMA},"key":"{key}"'):
        return None
    if len(fields) != 17 or len(fields[16]) != 64:
        return None
    issued_at, ends_at = epoch(fields[10]), epoch(fields[12])
    shift = started - (epoch(fields[14]) or started) if started is not None else 0
    if shift < -_CLOCK_STEP:
        return None
    if shift > _CLOCK_STEP:  # or this machine was started again: AWS's clock holds, too
        by_aws = epoch(line.rpartition('"Expiration":"')[2][:20])
        ends_at = None if ends_at is None or by_aws is None else min(ends_at, by_aws)
    if issued_at is None or ends_at is None or not issued_at <= min(now, ends_at):
        return None
    lasts = ends_at - now >= min(min_ttl, (ends_at - issued_at) / 2)
    return (line, fields[16]) if lasts else None


_CLOCK_STEP = 5  # seconds, as in `durations`


def started_at(now: float) -> int:
    """Return when this machine started, in epoch seconds by its clock, which says ``now``.

    It changes only if the clock is set.
    """
    return round(now - seconds_since_start())


def seconds_since_start() -> float:
    """Return a time that goes on while the machine sleeps and that nobody sets.

    Linux has CLOCK_BOOTTIME for that; on macOS CLOCK_MONOTONIC does (clock_gettime(3)), other than
    Python's own, which is mach_absolute_time. Windows has neither name, and Python's own does: its
    performance counter and, before Python 3.13, GetTickCount64.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def is_check(body: str, check: str) -> bool:
    """True if ``check``, which ends an item, is the digest of all that is before it."""
    digest = hash_function()(body.encode("utf-8", "surrogatepass")).hexdigest()
    return check == f'{digest}"}}'


def epoch(text: str) -> int | None:
    """Return ``YYYY-MM-DDTHH:MM:SSZ`` in epoch seconds, ``None`` for anything else.

    Years before 1000 are refused, too: ``strftime`` writes them with fewer digits on some systems,
    so no item that is read back has them. Days are counted by the proleptic Gregorian calendar,
    with years that begin in March, so that a leap day is the last of its year.
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
