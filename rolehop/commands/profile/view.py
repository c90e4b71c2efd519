"""The view and the document of ``profile list``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolehop.commands.profile.installed import ProfileRow
from rolehop.terminal.json_text import Document
from rolehop.terminal.layout import Grid, Line, StyledText, View, line, row, to_copy


def profiles_view(rows: Sequence[ProfileRow]) -> View:
    """Show AWS profiles that run rolehop; below them, what to write by hand."""
    drawn = [
        row(
            StyledText(each.profile, "bold"),
            each.chain,
            each.file,
            "installed" if each.installed else "by hand",
            _profile_state(each),
            under=each.problem or "",
        )
        for each in rows
    ]
    shown: list[Line | Grid] = [Grid(("PROFILE", "CHAIN", "FILE", "WRITTEN", "STATE"), drawn)]
    for each in rows:
        if each.rewrite and each.prefix is None:
            shown += [line(f"for AWS profile {each.profile}, write:")]
            shown += [to_copy(f"credential_process = {each.rewrite}")]
    return shown


def _profile_state(found: ProfileRow) -> StyledText:
    if found.problem:
        return StyledText("broken", "red")
    return StyledText("slower", "yellow") if found.rewrite else StyledText("fine")


def profiles_document(rows: Iterable[ProfileRow]) -> Document:
    """Return ``rolehop.profiles/1``."""
    return {
        "schema": "rolehop.profiles/1",
        "profiles": [
            {
                "profile": row.profile,
                "chain": row.chain,
                "file": row.file,
                "installed": row.installed,
                "credential_process": row.line,
                "problem": row.problem,
                "rewrite": row.rewrite,
            }
            for row in rows
        ],
    }
