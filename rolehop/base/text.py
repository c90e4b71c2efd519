"""Make text from outside safe to show, and small helpers for messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rolehop.base.startup import Pattern

if TYPE_CHECKING:
    import re

_LONGEST = 60

HIDDEN_LETTERS = "\u115f\u1160\u3164\uffa0"
"""The letters that show nothing: Hangul fillers (Default_Ignorable_Code_Point)."""

# They, and the marks of which the same holds (DerivedCoreProperties.txt).
_INVISIBLE = frozenset(
    f"{HIDDEN_LETTERS}\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)


def is_visible(text: str) -> bool:
    """True if a terminal shows every character of ``text`` as itself, in the order written.

    False for control characters (C0 and C1), line ends, characters that change the direction of
    reading, characters without a width, and bytes that are not text.
    """
    return text.isprintable() and (text.isascii() or _INVISIBLE.isdisjoint(text))


def visible(text: str) -> str:
    """Return ``text`` in one line that a terminal shows as it is.

    Every text from outside passes here on its way to a terminal. Escape sequences lose their
    escape; line ends, tabs and exotic blanks become plain blanks; other invisible characters are
    dropped.
    """
    if is_visible(text):
        return text
    return "".join(c if is_visible(c) else " " if c.isspace() else "" for c in text)


def clean(text: str) -> str:
    """Return ``text`` in one visible line, with single blanks between words."""
    return " ".join(visible(text).split())


def reason_text(text: str) -> str:
    """Return a person's reason in one visible line.

    Raises:
        ValueError: it says nothing: there is neither a letter nor a digit in it.
    """
    reason = clean(text)
    if not any(map(str.isalnum, reason)):
        raise ValueError("a reason needs a letter or a digit at least")
    return reason


def visible_json(text: str) -> str:
    """Return a JSON text with every invisible character but line ends as its escape."""
    if text.isascii():  # json escapes control characters itself, except for DEL
        return text.replace("\x7f", "\\u007f")
    import re  # as json has done already

    return re.sub("[^\n -~]+", _shown_in_json, text)


def _shown_in_json(found: re.Match[str]) -> str:
    run = found[0]
    return run if is_visible(run) else "".join(c if is_visible(c) else json_escape(c) for c in run)


def json_escape(character: str) -> str:
    r"""Return e.g. ``\u202e``, as JSON writes a character in ASCII."""
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs)


def elided(text: str, width: int, sign: str = "…") -> str:
    """Return ``text`` in at most ``width`` characters: both ends, and ``sign`` for what is between."""
    if len(text) <= width:
        return text
    left = max(width, 1) // 2
    end = width - left - len(sign)
    return f"{text[:left]}{sign}{text[len(text) - end :]}"[: max(width, 0)]


def quoted(text: str) -> str:
    """Return ``text`` in double quotes for a message: shortened, invisible characters escaped."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    shown = "".join(c if is_visible(c) else ascii(c)[1:-1] for c in cut)
    return f'"{shown}"'


NEAR = 0.75
"""How similar commands and options must be: of short words, 0.6 is met by quite different ones."""


def nearest(word: str, known: Iterable[str], n: int = 3, *, cutoff: float = 0.6) -> list[str]:
    """Return at most ``n`` of ``known`` that ``word`` may be a misspelling of, the nearest first.

    Case is ignored. ``cutoff``: how similar they must be, from 0 to 1.
    """
    import difflib  # on error paths only: it costs a millisecond

    by_folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=n, cutoff=cutoff)
    return [by_folded[each] for each in near]


def meant(near: Sequence[str]) -> str:
    """Return ``did you mean a, b or c? `` to stand before other advice; empty if nothing is near."""
    *others, last = near or [""]
    listed = f"{', '.join(others)} or {last}" if others else last
    return f"did you mean {listed}? " if listed else ""


def pluralize(count: int, word: str) -> str:
    """Return ``1 chain`` or ``2 chains``; ``word`` must form its plural with an s."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def did_you_mean(word: str, known: Iterable[str], *, form: str = '"{}"') -> str:
    """Return ``; did you mean "x"?`` if ``known`` has a similar word, else an empty string.

    Case is ignored: ``External_ID`` is similar to ``external_id``. ``form`` formats the word.
    """
    import difflib

    by_plain = {each.casefold().replace("-", "_"): each for each in known}
    found = difflib.get_close_matches(word.casefold().replace("-", "_"), by_plain)
    return f"; did you mean {form.format(by_plain[found[0]])}?" if found else ""


# What names a secret, looks like a key, or like the secret of an MFA device (base32, hexadecimal).
_SECRET = Pattern(
    r"(?i:pass(word|wd|phrase|code)\b|--?(pass|pin)[= ]|secret|token[= ]|bearer\b|api[_-]?key"
    r"|://[^/\s]*@)"
    r"|\b(AKIA|ASIA)[A-Z0-9]{12}|(?<![\w+/=-])(?=\S*[0-9])(?=\S*[A-Z])[A-Za-z0-9+/]{40}(?![\w+/=-])"
    r"|\b[A-Z2-7]{16,}\b|\b(?=[a-z]*[2-7])[a-z2-7]{16,}\b|\b[0-9A-Fa-f]{32,}\b"
    r"|\b(?=[a-z ]*[2-7A-Z])([A-Za-z2-7]{4} ){3,}[A-Za-z2-7]{4}\b"
)


def may_hold_secret(text: str) -> bool:
    """True if a command or an address may have a secret in it: then it is not copied."""
    return _SECRET.search(text) is not None
