"""Steampipe: the AWS profiles that the connections of its ``aws.spc`` use, which are no chains themselves.

From its docs: HCL, a block ``connection "NAME"`` for each, ``plugin = "aws"``, and ``profile``, or
``access_key`` and ``secret_key``, or else the credentials that AWS's tools find. What is carried are the
profiles; a connection goes on to use its own, which ``profile install --take-over`` can give to a chain.
"""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.base.startup import Pattern
from rolehop.commands.config.importing.draft import TOOL, ProfileDraft
from rolehop.commands.config.importing.proposal import LOST, NOTE

NAME = "steampipe"

_TOKEN = Pattern(
    r"(?P<blank>\s+|#[^\n]*|//[^\n]*|/\*[\s\S]*?\*/)"
    r'|(?P<text>"(?:\\.|[^"\\\n])*")'
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<other>[\s\S])"
)


def is_own(text: str) -> bool:
    """True if ``text`` looks like connections of Steampipe to AWS."""
    lines = [line.split() for line in text.splitlines()]
    return any(line[:1] == ["connection"] and len(line) > 1 for line in lines) and "plugin" in text


def adapt(draft: ProfileDraft, text: str) -> None:
    """Say which profiles its connections use; ``text`` is ``aws.spc``.

    Raises:
        ValueError: ``text`` is broken.
    """
    for name, settings in connections(text):
        if not settings.get("plugin", "").rpartition("/")[2].startswith("aws"):
            continue
        what, profile = f"connection {name} of {NAME}", settings.get("profile")
        if profile is not None:
            here = profile in draft.profiles
            if here and draft.alone:
                draft.profiles[profile][TOOL] = NAME
            why = "it uses an AWS profile" if here else f"there is no AWS profile {profile}"
            draft.note(what, why, NOTE if here else LOST)
        elif "access_key" in settings or "secret_key" in settings:
            draft.note(what, f"its keys stand in the file: rolehop keys add {name}", LOST)
        elif settings.get("type") != "aggregator":
            draft.note(what, "it takes the credentials that AWS's tools find")


def connections(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the connections of an HCL text with those of their settings that are texts.

    Raises:
        ValueError: a block has no end; the error has the line and quotes nothing.
    """
    tokens = list(_tokens(text))
    at = 0
    while at < len(tokens):
        words = [token for token, _ in tokens[at : at + 3]]
        if len(words) == 3 and words[0] == "connection" and words[2] == "{":
            end = _end(tokens, at + 2)
            yield words[1].strip('"'), _settings(tokens[at + 3 : end])
            at = end
        at += 1


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Give words, texts in their quotes, and signs, each with its line."""
    line = 1
    for match in _TOKEN.compiled.finditer(text):
        found = match[0]
        if match["blank"] is None:
            yield found, line
        line += found.count("\n")


def _end(tokens: list[tuple[str, int]], begin: int) -> int:
    """Return where the block ends that begins with a brace at ``begin``."""
    depth = 0
    for at in range(begin, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[at][0], 0)
        if depth == 0:
            return at
    raise ValueError(f"line {tokens[begin][1]}: the block that begins here has no end")


def _settings(tokens: list[tuple[str, int]]) -> dict[str, str]:
    found: dict[str, str] = {}
    depth = 0
    for (key, _), (equals, _), (value, _) in zip(tokens, tokens[1:], tokens[2:], strict=False):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(key, 0)
        if depth == 0 and equals == "=" and value.startswith('"'):
            found[key] = value[1:-1]
    return found
