"""The table and the document of ``keys list``."""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.base.durations import rfc3339, show_local
from rolehop.commands.keys.access_keys import KeyRow
from rolehop.terminal.json_text import Document
from rolehop.terminal.layout import Grid, StyledText, View, row


def keys_view(rows: Iterable[KeyRow]) -> View:
    """Show whose keys are kept where; a key ID is shortened."""
    drawn = [
        row(
            StyledText(each.name, "bold"),
            f"{each.access_key_id[:4]}…{each.access_key_id[-4:]}",
            show_local(each.added_at),
            each.keyring,
        )
        for each in rows
    ]
    return [Grid(("NAME", "ACCESS KEY ID", "SINCE", "KEYRING"), drawn)]


def keys_document(rows: Iterable[KeyRow]) -> Document:
    """Return ``rolehop.keys/1``."""
    return {
        "schema": "rolehop.keys/1",
        "keys": [
            {
                "name": row.name,
                "access_key_id": row.access_key_id,
                "backend": row.backend,
                "added_at": rfc3339(row.added_at),
            }
            for row in rows
        ],
    }
