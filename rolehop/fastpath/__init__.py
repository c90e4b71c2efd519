"""The hot path: a cached ``credential-process`` answered at about the cost of starting Python.

SDKs start this by the dozen. So before anything else is imported, the entry asks here: is there a
record of what the last answer for this chain depended on, is all of that unchanged, and is the
item it names whole and alive? Then its first line is printed. Anything out of the ordinary (an
unknown flag, a changed file or variable, a locked keyring, a damaged or ending item, a clock that
went back) is answered with ``None``, nothing has been printed, and the full path decides.
"""

import os
import sys
import time

from rolehop import __version__
from rolehop.fastpath.record import (
    Record,
    line_of_item,
    read_own,
    read_record,
    record_path,
    stamp_holds,
    state_folder,
    variable_mark,
)

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Attributes of any keyring back end can be changed by these (keyring's own documentation).
_PROPERTY = "KEYRING_PROPERTY_"
USERNAME = "rolehop"


def answer(
    arguments: list[str],
    environ: "Mapping[str, str]",
    now: "Callable[[], float]" = time.time,
) -> str | None:
    """Return the line that the full path would print, or ``None`` where that must be asked.

    ``now`` gives epoch seconds.
    """
    if len(arguments) != 2 or arguments[0] != "credential-process":
        return None
    found = cached_item(arguments[1], environ, now)
    return None if found is None else found[1].partition("\n")[0]


def cached_item(
    chain: str, environ: "Mapping[str, str]", now: "Callable[[], float]" = time.time
) -> tuple[Record, str] | None:
    """Return a chain's record and its item where both hold, ``None`` where they may not."""
    record = _record_of(chain, environ) if sys.platform == "linux" else None
    if record is None or not _holds(record, environ, now()):
        return None
    item = _read_item(record, environ)
    if item is None or line_of_item(item, record.key, now(), record.min_ttl) is None:
        return None
    return record, item


def _record_of(chain: str, environ: "Mapping[str, str]") -> Record | None:
    folder = state_folder(environ)
    if folder is None or chain.startswith("-"):  # which click may take for an option
        return None
    data = read_own(record_path(folder, chain))
    record = None if data is None else read_record(data)
    return record if record is not None and record.chain == chain else None


def _holds(record: Record, environ: "Mapping[str, str]", now: float) -> bool:
    """Tell whether everything that the answer depended on is as it was."""
    if record.version != __version__ or record.uid != os.geteuid():
        return False
    if record.host != os.uname().nodename or (record.until and now >= record.until):
        return False
    for name, mark in record.variables.items():
        if variable_mark(name, environ.get(name)) != mark:
            return False
    if any(name.startswith(_PROPERTY) for name in environ):
        return False
    return all(stamp_holds(path, stamp) for path, stamp in record.files.items())


def _read_item(record: Record, environ: "Mapping[str, str]") -> str | None:
    service = f"rolehop/{record.key}"
    if record.backend == "kernel":
        from rolehop.fastpath import keyctl

        try:
            found = keyctl.find(keyctl.description(service, USERNAME))
            payload = None if found is None else keyctl.read(found[1])
        except (OSError, keyctl.NoSuchCalls):
            return None
        return None if payload is None else payload.decode("utf-8", "replace")
    from rolehop.fastpath.dbus import BusTrouble, read_secret

    try:
        return read_secret(environ.get("DBUS_SESSION_BUS_ADDRESS", ""), service, USERNAME)
    except (OSError, BusTrouble):
        return None
