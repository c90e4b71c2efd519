"""Keep what botocore logs of rolehop's own calls out of the logs of the program that rolehop is part of.

At the level DEBUG botocore logs requests and answers as they are, with tokens and keys in them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_QUOTING = ("botocore.auth", "botocore.endpoint", "botocore.parsers")
"""Its loggers that quote what is sent, and what is answered."""

_this_thread = threading.local()


@contextmanager
def unlogged() -> Iterator[None]:
    """Drop what botocore logs meanwhile in this thread."""
    before = getattr(_this_thread, "is_silent", False)
    _this_thread.is_silent = True
    try:
        yield
    finally:
        _this_thread.is_silent = before


def _may_be_logged(record: logging.LogRecord) -> bool:
    return not getattr(_this_thread, "is_silent", False)


for _name in _QUOTING:
    logging.getLogger(_name).addFilter(_may_be_logged)
