"""Send lines of the history to the system's journal, by the protocol of its socket.

systemd, "Native Journal Protocol": a datagram of lines ``NAME=value``. A value of several lines has
another form, which is not needed: the line of the history is JSON, and texts are made one line.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from rolehop.base.text import clean

SOCKET = Path("/run/systemd/journal/socket")
_INFORMATION = 6


def send(entry: Mapping[str, object], path: Path) -> None:
    """Send one line, without waiting.

    Raises:
        OSError: the journal is not there, or cannot take it now.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no journal")
    fields = {
        "MESSAGE": json.dumps(entry, ensure_ascii=True, separators=(",", ":")),
        "PRIORITY": _INFORMATION,
        "SYSLOG_IDENTIFIER": "rolehop",
        **{f"ROLEHOP_{name.upper()}": value for name, value in entry.items()},
    }
    text = "".join(f"{name}={clean(str(value))}\n" for name, value in fields.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.setblocking(False)
        journal.connect(str(path))
        journal.send(text.encode("utf-8", "replace"))
