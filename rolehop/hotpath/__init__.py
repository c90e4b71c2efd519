"""The hot path: a cached ``credential-process`` answered at about the cost of starting Python.

SDKs start this by the dozen. So before anything else is imported, the entry point asks here: is
there a record of what the last answer for this chain depended on, is all of that unchanged, and is
the item that it names whole, alive, and the one that sealed the record? Then the item's first line
is printed. Anything out of the ordinary (an unknown flag, a changed file or variable, a locked
keyring, a damaged or ending item, a clock that was set back) is answered with ``None``; nothing
has been printed then, and the full path decides.
"""

import sys
import time

from rolehop import __version__
from rolehop.hotpath.record import (
    CHECK,
    RECORDS,
    Record,
    hash_function,
    is_check,
    is_sealed,
    line_of_item,
    read_own,
    read_record,
    record_path,
    stamp_holds,
    started_at,
    state_folder,
    variable_mark,
)

if sys.platform == "linux":
    import posix as os  # which is built in; os takes a tenth of a start without site
else:
    import os

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# These variables change attributes of any keyring back end (keyring's documentation).
PROPERTY = "KEYRING_PROPERTY_"
USERNAME = "rolehop"


def answer(
    arguments: list[str],
    environ: "Mapping[str, str]",
    now: "Callable[[], float]" = time.time,
    started: "Callable[[float], int]" = started_at,
) -> str | None:
    """Return the line that the full path would print, ``None`` if the full path must be asked.

    ``now`` gives epoch seconds; ``started``, given them, when this machine started.
    """
    if len(arguments) != 2 or arguments[0] != "credential-process":
        return None
    found = cached_item(arguments[1], environ, now, started)
    return None if found is None else found[1].partition("\n")[0]


def cached_item(
    chain: str,
    environ: "Mapping[str, str]",
    now: "Callable[[], float]" = time.time,
    started: "Callable[[float], int]" = started_at,
) -> tuple[Record, str] | None:
    """Return a chain's record and its item if both hold, ``None`` if they may not."""
    folder = state_folder(environ) if sys.platform == "linux" else None
    if folder is None or chain.startswith("-"):  # which click may take for an option
        return None
    moment = now()
    number, data, record = 0, None, None
    while record is None and number < RECORDS:
        data = read_own(record_path(folder, chain, number))
        if data is None:  # the records of a chain are numbered without a gap
            return None
        record = read_record(data)
        if record is not None and not (record.chain == chain and holds(record, environ, moment)):
            record = None
        number += 1
    if data is None or record is None:
        return None
    services = [f"rolehop/{name}" for name in (record.key, *record.also)]
    item, *others = read_items(record.backend, services, environ) or [None]
    if item is None:
        return None
    found = line_of_item(item, record.key, moment, record.min_ttl, started(moment))
    if found is None or not is_sealed(data, found[1]):
        return None
    also = record.also
    unchanged = all(map(holds_member, others, also.values())) and all(map(is_whole, others, also))
    return (record, item) if unchanged else None


def holds(record: Record, environ: "Mapping[str, str]", now: float) -> bool:
    """True if everything outside the keyring that the answer depended on is unchanged."""
    for name, mark in record.variables.items():
        if variable_mark(name, environ.get(name)) != mark:
            return False
    return may_hold(record, now) and not any(name.startswith(PROPERTY) for name in environ)


def may_hold(record: Record, now: float) -> bool:
    """True if a process may have the variables with which the record holds."""
    if record.version != __version__ or record.uid != os.geteuid():
        return False
    if record.host != os.uname().nodename or (record.until and now >= record.until):
        return False
    return all(stamp_holds(path, stamp) for path, stamp in record.files.items())


def holds_member(item: str | None, member: str) -> bool:
    """True if an item has the JSON ``member`` (empty: if there is no such item)."""
    return member in item if item is not None and member else item is None and not member


def is_whole(item: str | None, name: str) -> bool:
    """True if a document (or no item) is as it was written under ``name``, as the full path asks."""
    if item is None:
        return True
    body, _, check = item.rpartition(CHECK)
    return is_check(body, check) and f'"name":"{name}"' in body


def read_items(
    backend: str, services: list[str], environ: "Mapping[str, str]"
) -> list[str | None] | None:
    """Return items of a back end of `BACKENDS`, ``None`` for each that is absent, or for all.

    The latter: they cannot be read now. Nobody is asked to unlock a keyring.
    """
    if backend == "kernel":
        from rolehop.hotpath import keyctl

        try:
            return [keyctl.read_text(service, USERNAME) for service in services]
        except (OSError, keyctl.NoSuchCalls):
            return None
    from rolehop.hotpath.dbus import BusTrouble, read_secrets

    try:
        address = environ.get("DBUS_SESSION_BUS_ADDRESS", "")
        return read_secrets(address, services, USERNAME, meanwhile=hash_function)
    except (OSError, BusTrouble):
        return None
