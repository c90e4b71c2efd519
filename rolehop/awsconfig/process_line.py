"""The value of ``credential_process`` as every AWS SDK reads it.

botocore splits it like a POSIX shell and starts no shell; the other SDKs give it to ``sh -c``, or to
``cmd.exe`` on Windows, where botocore splits by the rules of C programs. Neither ``~`` nor variables
may be in it, and a ``#`` after a blank begins a comment for some SDKs. So a word is plain, or between
double quotes, or between single ones if it has a character that ``sh`` replaces in double ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern

_PLAIN = Pattern(r"[A-Za-z0-9_@+=:,./-]+")
_IN_DOUBLE_QUOTES = Pattern(r"[A-Za-z0-9_@+=:,./ ()~&'\[\]{}*?<>|^\u00a0-\uffff-]+")
_PLAIN_ON_WINDOWS = Pattern(r"[A-Za-z0-9_@+=:,./\\~-]+")
# Comments (after any blank of Unicode in JavaScript), Go's %(name)s, and what ends a line or a value.
_UNWRITABLE = Pattern(r".*(?:[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]|\s[#;]|%\().*")
_UNWRITABLE_ON_WINDOWS = Pattern(r'.*["%&|<>^!].*')
# Options of rolehop with a value.
_VALUED = ("--config", "--color", "--min-ttl", "--reason")


class Unwritable(ValueError):
    """A word that not every SDK would read as it is meant."""


def process_line(words: Sequence[str], *, windows: bool = False) -> str:
    """Return the value that starts ``words``.

    Raises:
        Unwritable: one of them cannot be written; its text is that word.
    """
    return " ".join(_on_windows(each) if windows else _quoted(each) for each in words)


def _quoted(word: str) -> str:
    if _UNWRITABLE.fullmatch(word):
        raise Unwritable(word)
    if _PLAIN.fullmatch(word):
        return word
    if _IN_DOUBLE_QUOTES.fullmatch(word):
        return f'"{word}"'
    import shlex

    return shlex.quote(word)


def _on_windows(word: str) -> str:
    if _UNWRITABLE.fullmatch(word) or _UNWRITABLE_ON_WINDOWS.fullmatch(word):
        raise Unwritable(word)
    return word if _PLAIN_ON_WINDOWS.fullmatch(word) else f'"{word}"'


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A ``credential_process`` that starts rolehop."""

    chain: str
    programs: tuple[str, ...]
    """The files that it needs, in the order of the line: Python and launcher, if any; the script."""

    config_file: str | None = None
    """What the line gives to ``--config``."""

    gives_reason: bool = False
    """It has ``--reason``, without which a chain may not answer."""


def own_line(value: str, *, windows: bool = False) -> OwnLine | None:
    """Return what a value starts, ``None`` if that is not ``rolehop credential-process CHAIN``."""
    import shlex

    try:
        words = shlex.split(value, posix=not windows)
    except ValueError:
        return None
    return own_command([each.strip('"') for each in words] if windows else words)


def own_command(words: Sequence[str]) -> OwnLine | None:
    """Return the same of a command that was split into ``words``."""
    if "credential-process" not in words:
        return None
    at = words.index("credential-process")
    programs, names = _plain_words(words[:at]), _plain_words(words[at + 1 :])
    if not programs or not names or _name(programs[-1]) != "rolehop":
        return None
    reason = any(each.partition("=")[0] == "--reason" for each in words)
    return OwnLine(names[0], programs, _config_file(words), reason)


def _config_file(words: Sequence[str]) -> str | None:
    for each, following in zip(words, (*words[1:], ""), strict=True):
        if each.startswith("--config="):
            return each.partition("=")[2]
        if each == "--config":
            return following
    return None


def _plain_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words that are neither an option nor the value of one."""
    above = ("", *words)
    return tuple(
        each
        for before, each in zip(above, words, strict=False)
        if not each.startswith("-") and before not in _VALUED
    )


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
