"""Which flags a session was made with, so that renewing it gives no more than it gave.

``assume --read-only`` and then ``refresh`` must not put a session into the shell that can write.
The environment handed over says the chain, not the flags; so they are kept beside it, in the
state folder, under the session's access key ID. That and the flags are no secrets. A file for
each session: two processes cannot lose each other's.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from rolehop.files import write_beside
from rolehop.plan.walk_options import WalkOptions
from rolehop.startup.lazy_regex import Pattern
from rolehop.state.json_file import load_object

SCHEMA = 1
KEPT_FOR = timedelta(days=7)
"""A session is long over then (12 h at most), and so is the shell that would renew it."""

# Older versions wrote the times under these names.
_STORED_AS = {"duration": "duration_seconds", "min_ttl": "min_ttl_seconds"}
_ACCESS_KEY_ID = Pattern(r"[A-Z0-9]{16,128}")


def remember_flags(
    state_folder: Path, access_key_id: str, options: WalkOptions, now: datetime
) -> None:
    """Keep the flags of ``options`` for the session, and drop what is too old to be asked for.

    Raises:
        OSError: it cannot be written.
    """
    folder = state_folder / "flags"
    for old in folder.glob("*.json"):
        if old.stat().st_mtime < (now - KEPT_FOR).timestamp():
            old.unlink(missing_ok=True)
    note = {"schema": SCHEMA, **_noted(options)}
    write_beside(folder / f"{access_key_id}.json", json.dumps(note))


def forget_flags(state_folder: Path) -> None:
    """Delete the notes of all sessions: reasons and session policies may be in them.

    Raises:
        OSError: one cannot be deleted.
    """
    for note in (state_folder / "flags").glob("*.json"):
        note.unlink(missing_ok=True)


def load_flags(state_folder: Path, access_key_id: str) -> WalkOptions | None:
    """Return what the session was made with; ``None``: with no flags, as far as is known.

    Raises:
        ValueError: there is a note and it cannot be read: better no renewal than a wider one.
    """
    if _ACCESS_KEY_ID.fullmatch(access_key_id) is None:
        return None
    try:
        note = load_object(state_folder / "flags" / f"{access_key_id}.json")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"the note of its flags cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError("the note of its flags is damaged") from None
    if note.pop("schema", None) != SCHEMA or note.keys() != _noted(WalkOptions()).keys():
        raise ValueError("the note of its flags is from another rolehop")
    fields = {stored: field for field, stored in _STORED_AS.items()}
    values = {fields.get(name, name): note[name] for name in note}
    if not all(_fits(name, value) for name, value in values.items()):
        raise ValueError("the note of its flags is damaged")
    return WalkOptions().with_hop_values(values)


def _fits(field: str, value: object) -> bool:
    """True if ``value``, read from JSON, can be that of ``field`` of the options."""
    if field == "tags":
        return isinstance(value, list) and all(
            isinstance(pair, list)
            and len(pair) == 2
            and all(isinstance(each, str) for each in pair)
            for pair in value
        )
    if field == "policy_arns":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if field in ("duration", "min_ttl"):
        return value is None or type(value) is int
    return type(value) is bool if field == "read_only" else value is None or isinstance(value, str)


def _noted(options: WalkOptions) -> dict[str, object]:
    """Return what is kept of ``options``, under its stored names."""
    values = {**options.hop_values, "min_ttl": options.min_ttl}
    return {_STORED_AS.get(field, field): value for field, value in values.items()}
