"""What of the machine's environment tests may see: where programs are, and nothing else."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKOUT = Path(os.environ.get("ROLEHOP_TEST_CHECKOUT", ROOT))
"""Where rolehop's own code is: not below ``ROOT`` when ``.ci/run`` tests the wheel it has built."""

_HUGE = 2 << 20  # bytes of a huge page
_MADV_COLLAPSE = 25
_NEEDED = (
    *("PATH", "TMPDIR", "LD_LIBRARY_PATH"),
    *("COMSPEC", "PATHEXT", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE"),  # Windows
)
_OF_TESTS = ("ROLEHOP_TEST_", "PYTEST_", "COVERAGE_", "COV_")


def take_signals() -> None:
    """Take back signals that are ignored: what runs in the background (``&``, nohup) starts so.

    What is ignored here would be ignored by every program under test, Ctrl-C with it.
    """
    for name, handler in (
        ("SIGINT", signal.default_int_handler),
        ("SIGHUP", signal.SIG_DFL),  # neither of these two is there on Windows
        ("SIGQUIT", signal.SIG_DFL),
    ):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def needed_variables() -> dict[str, str]:
    """Return the variables of this process that tests may depend on."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _NEEDED or name.startswith(_OF_TESTS)
    }


def for_coverage() -> dict[str, str]:
    """Return the variables that make a Python program measure itself; ``python -m tests.coverage`` sets them."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


def save_coverage() -> None:
    """Save what this process has run so far: its forks save only what they run themselves."""
    measured = sys.modules["coverage"].Coverage.current() if "coverage" in sys.modules else None
    if measured is not None:
        measured.save()
        measured.get_data().close(force=True)  # a fork closes the file's number, and opens its own


def foreign_names() -> set[str]:
    """Return the names of all other variables of this process."""
    return os.environ.keys() - needed_variables().keys()


def variables_of(home: Path) -> dict[str, str]:
    """Return the variables of a user whose home is ``home``.

    ``XDG_RUNTIME_DIR`` is among them because the session bus of the developer would be found in
    the usual place otherwise.
    """
    return {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CONFIG_DIRS": str(home / "site"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_RUNTIME_DIR": str(home / "run"),
    }


HANDOVER_VARIABLES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "ROLEHOP_CHAIN",
    "ROLEHOP_EXPIRATION",
    "ROLEHOP_EXPIRES_AT",
}

REGION_VARIABLES = {"AWS_REGION", "AWS_DEFAULT_REGION"}


def use_huge_pages() -> None:
    """Ask Linux (6.1 or later) for huge pages: a fork copies an entry for each page there is."""
    maps = Path("/proc/self/maps")
    if not maps.exists():  # another system
        return
    collapse = ctypes.CDLL(None).madvise
    for line in maps.read_text("utf-8").splitlines():
        area, rights, *_, name = f"{line} -".split()[:6]
        begin, end = (int(each, 16) for each in area.split("-"))
        begin, end = -(-begin // _HUGE) * _HUGE, end // _HUGE * _HUGE
        if begin < end and rights.startswith("rw") and name in ("-", "[heap]"):
            collapse(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_COLLAPSE)
