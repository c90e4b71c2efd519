"""Lets the sessions that a world has stored end soon."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from rolehop.base.dataclass import replace
from rolehop.base.digest import checked_line
from rolehop.vault.serialization import as_item, as_time, read_item, record_key_of
from tests.support.world import World


def leave(world: World, **left: float) -> None:
    """Let every stored session end in as long as ``left`` says (arguments of a timedelta)."""
    ends = (datetime.now(UTC) + timedelta(**left)).replace(microsecond=0)
    for path in world.items():
        fields = json.loads(path.read_text())
        key = fields["service"].partition("/")[2]
        if "\n" not in fields["password"]:
            continue  # no session
        session = read_item(fields["password"], key)
        credentials = replace(session.credentials, expires_at=ends)
        aged = replace(session, credentials=credentials, expires_at=ends)
        aged = replace(aged, issued_at=ends - timedelta(hours=1))
        text = as_item(aged, key, record_key_of(fields["password"]).reveal())
        path.write_text(json.dumps({**fields, "password": text}))
    index = world.state / "index.json"
    fields = json.loads(index.read_text())
    del fields["check"]
    for entry in fields["sessions"].values():
        entry["expires_at"] = entry["local_expires_at"] = as_time(ends)
    index.write_text(checked_line(json.dumps(fields)))
