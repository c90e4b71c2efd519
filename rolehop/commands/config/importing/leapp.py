"""Leapp: the profiles that it exports into the AWS files while a session is started.

From its docs (``docs/security/credential-process.md``): such a profile runs ``leapp session generate ID``.
What the ID stands for is in ``~/.Leapp/Leapp-lock.json``, which is encrypted, so that Leapp is asked.
"""

from __future__ import annotations

from rolehop.commands.config.importing.draft import TOOL, ProfileDraft, process_words, runs

NAME = "leapp"

_WHY = "only Leapp knows the role, so the source asks Leapp; to go on without it, write the chain"


def is_in(draft: ProfileDraft) -> bool:
    """True if a profile runs Leapp."""
    return any(runs(draft, name, NAME) for name in draft.profiles)


def adapt(draft: ProfileDraft, text: str) -> None:
    """Say what Leapp alone knows; ``text`` is empty."""
    for name in list(draft.profiles):
        words = runs(draft, name, NAME)
        if not words:
            command = draft.text(name, "credential_process")
            if NAME in command and not process_words(command):
                draft.drop(name, "its credential_process cannot be split into words")
            continue
        draft.profiles[name][TOOL] = NAME
        if words[1:3] != ["session", "generate"] or len(words) != 4:
            draft.drop(name, "it does not run 'leapp session generate ID'")
        else:
            draft.note(f"the session of profile {name}", _WHY)
