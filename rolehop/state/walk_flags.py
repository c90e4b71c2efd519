"""The flags of each session, so that a refresh never widens access.

``assume --read-only`` and then ``refresh`` must not give the shell a session that can write. The
environment of the handover names the chain, not the flags; so they are stored in the state folder
under the session's access key ID. Neither is secret. Each session has a file of its own, so two
processes cannot overwrite each other's. Commands share a session if their flags ask for the same:
in effect those differ in no more than a duration that AWS cuts to the same. So the shell's own
variable says which flags it was given, and the note what they say.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from rolehop.files import write_beside
from rolehop.plan.walk_options import WalkOptions, read_options
from rolehop.startup.lazy_regex import Pattern
from rolehop.state.json_file import as_checked, delete_older, for_each_note, load_checked

SCHEMA = 1
RETENTION = timedelta(days=7)
"""The session has expired long before (12 h at most), and so has the need to renew it."""

FOLDER = "flags"

# Older versions wrote the times under these names.
_STORED_AS = {"duration": "duration_seconds", "min_ttl": "min_ttl_seconds"}
_DURATION = "--duration"
_FORGOTTEN = {"schema": SCHEMA, "forgotten": True}
_ACCESS_KEY_ID = Pattern(r"[A-Z0-9]{16,128}")


def remember_flags(
    state_folder: Path, access_key_id: str, options: WalkOptions, now: datetime
) -> None:
    """Store the flags of ``options`` for the session, and delete those that are too old.

    Raises:
        OSError: it cannot be written.
    """
    folder = state_folder / FOLDER
    delete_older(folder, (now - RETENTION).timestamp())
    note = {"schema": SCHEMA, **_noted(options)}
    write_beside(folder / f"{access_key_id}.json", as_checked(note))


def forget_flags(state_folder: Path) -> None:
    """Empty the notes of all sessions: reasons and session policies may be in them.

    That a session had flags stays known: a shell that still holds it must not be given a session
    that may do more. A note of no more than a duration is deleted, and one that cannot be emptied.

    Raises:
        OSError: one can be neither emptied nor deleted; the others are.
    """
    for_each_note(state_folder / FOLDER, _forget)


def _forget(note: Path) -> None:
    try:
        if _read(note).hop_flags == (_DURATION,):
            note.unlink(missing_ok=True)
            return
    except (OSError, ValueError):  # it is emptied all the same
        pass
    try:
        write_beside(note, as_checked(_FORGOTTEN))
        return
    except OSError:  # e.g. a full disk: an empty note needs no space, and is known as damaged
        pass
    try:
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        os.close(os.open(note, os.O_WRONLY | os.O_TRUNC | flags))
    except OSError:
        note.unlink(missing_ok=True)


def load_shell_flags(state_folder: Path, access_key_id: str, given: str) -> WalkOptions | None:
    """Return the flags that a shell was given with the session; ``None`` if there were none.

    ``given`` names them, as ``ROLEHOP_FLAGS`` does. Without it, only what changes the permissions
    counts: another command may have used the same session with a ``--duration``.

    Raises:
        ValueError: it had flags that cannot be read; the session must not be renewed without.
    """
    found = load_flags(state_folder, access_key_id)
    names = [each for each in given.split() if not each.startswith("--region=")]
    if not names:
        found = None if found is None else found.with_hop_values({"duration": None})
        return found if found is not None and found.hop_flags else None
    if found is None:
        raise ValueError("the note of its flags is gone")
    if not set(names) <= set(found.hop_flags):
        raise ValueError("the note has the flags of another command")
    return found.with_flags_only(names)


def load_flags(state_folder: Path, access_key_id: str) -> WalkOptions | None:
    """Return the flags that are stored for the session; ``None`` if none are.

    Raises:
        ValueError: it had flags that cannot be read.
    """
    if _ACCESS_KEY_ID.fullmatch(access_key_id) is None:
        return None
    try:
        return _read(state_folder / FOLDER / f"{access_key_id}.json")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"the note of its flags cannot be read: {error.strerror}") from None


def _read(path: Path) -> WalkOptions:
    try:
        note = load_checked(path, {"schema", "forgotten", *_noted(WalkOptions())})
    except ValueError:
        raise ValueError("the note of its flags is damaged") from None
    if note == _FORGOTTEN:
        raise ValueError("rolehop logout --all has deleted the note of its flags")
    if note.pop("schema", None) != SCHEMA or note.keys() != _noted(WalkOptions()).keys():
        raise ValueError("the note of its flags is from another rolehop")
    fields = {stored: field for field, stored in _STORED_AS.items()}
    values = {fields.get(name, name): note[name] for name in note}
    try:
        return read_options(values)
    except ValueError:
        raise ValueError("the note of its flags is damaged") from None


def _noted(options: WalkOptions) -> dict[str, object]:
    """Return the stored fields of ``options``, under their stored names."""
    values = {**options.hop_values, "min_ttl": options.min_ttl}
    return {_STORED_AS.get(field, field): value for field, value in values.items()}
