"""Profiles that run rolehop: their ``credential_process``, and the marked block of an AWS file.

botocore splits the line like a POSIX shell and starts no shell; the other SDKs give it to ``sh -c``, or to
``cmd.exe`` on Windows, where botocore splits by the rules of C programs. Neither ``~`` nor variables
may be in it, and a ``#`` after a blank begins a comment for some SDKs. So a word is plain, or between
double quotes, or between single ones if it has a character that ``sh`` replaces in double ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.startup import Pattern

_PLAIN = Pattern(r"[A-Za-z0-9_@+=:,./-]+")
_IN_DOUBLE_QUOTES = Pattern(r"[A-Za-z0-9_@+=:,./ ()~&'\[\]{}*?<>|^\u00a0-\uffff-]+")
_PLAIN_ON_WINDOWS = Pattern(r"[A-Za-z0-9_@+=:,./\\~-]+")

# Comments (after any blank of Unicode in JavaScript), Go's %(name)s, and what ends a line or a value.
_UNWRITABLE = Pattern(r"[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]|\s[#;]|%\(")
_UNWRITABLE_ON_WINDOWS = Pattern(r'["%&|<>^!]')

# Nobody would have given it, so `credential-process` has no such option; people write it all the same.
_REASON = "--reason"

# Options with a value.
_VALUED = ("--config", "--color", "--min-ttl", _REASON)


class Unwritable(ValueError):
    """A word that not every SDK would read as it is meant."""


def process_line(words: Sequence[str], *, windows: bool = False) -> str:
    """Return the value that starts ``words``.

    Raises:
        Unwritable: one of them cannot be written; its text is that word.
    """
    return " ".join(_on_windows(word) if windows else _quoted(word) for word in words)


def _quoted(word: str) -> str:
    if _UNWRITABLE.search(word):
        raise Unwritable(word)
    if _PLAIN.fullmatch(word):
        return word
    if _IN_DOUBLE_QUOTES.fullmatch(word):
        return f'"{word}"'
    import shlex

    return shlex.quote(word)


def _on_windows(word: str) -> str:
    if _UNWRITABLE.search(word) or _UNWRITABLE_ON_WINDOWS.search(word):
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

    has_reason: bool = False
    """It has ``--reason``, which `credential-process` does not take: it never answers."""


def own_line(value: str, *, windows: bool = False) -> OwnLine | None:
    """Return what a value starts, ``None`` if that is not ``rolehop credential-process CHAIN``."""
    import shlex

    try:
        words = shlex.split(value, posix=not windows)
    except ValueError:
        return None
    return own_command([word.strip('"') for word in words] if windows else words)


def own_command(words: Sequence[str]) -> OwnLine | None:
    """Return the same of a command that was split into ``words``."""
    if "credential-process" not in words:
        return None
    at = words.index("credential-process")
    programs, names = _plain_words(words[:at]), _plain_words(words[at + 1 :])
    if not programs or not names or _name(programs[-1]) != "rolehop":
        return None
    has_reason = any(each.partition("=")[0] == _REASON for each in words)
    return OwnLine(names[0], programs, _config_file(words), has_reason)


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


BEGIN = "# >>> rolehop profiles >>>"

BEGIN_JOINED = "# >>> rolehop profiles, after a line that had no end >>>"
"""Then the line end before the block is the block's, if nothing follows it."""

EXPLAINED = "# Written by: rolehop profile install. Removed by: rolehop profile remove."
END = "# <<< rolehop profiles <<<"

# Python opens the AWS files with universal newlines, and no other character ends a line.
_LINE = Pattern(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEADER = Pattern(r"\[(?:profile\s+)?(.+)\]\s*")
_KEY = Pattern(r"([^\s#;=:][^=:]*?)\s*[=:]\s*(.*?)\s*")


class DamagedBlock(ValueError):
    """The markers are not one pair: what is in the block cannot be told from what is not.

    Attributes:
        line: the 1-based line of the marker that is wrong.
    """

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class BlockText:
    """An AWS file, in parts."""

    before: str
    profiles: Mapping[str, str] = field(default_factory=dict)
    """By name: the lines of each profile in the block, header and line ends included."""

    after: str = ""
    head: str = ""
    """Lines in the block before its first profile, without those that are always there."""

    joined: bool = False
    """The line before the block had no end before the block was written."""

    newline: str = "\n"

    @property
    def outside(self) -> str:
        """The file without the block, exactly as it was before the block was written."""
        before, is_own = self.before, not self.after if self.joined else _ends_blank(self.before)
        return (before[: -len(_last_newline(before))] if is_own else before) + self.after

    def __str__(self) -> str:
        if not self.profiles and not self.head:
            return self.outside
        lines = (BEGIN_JOINED if self.joined else BEGIN, EXPLAINED)
        opened = "".join(f"{line}{self.newline}" for line in lines)
        block = f"{opened}{self.head}{''.join(self.profiles.values())}{END}{self.newline}"
        return f"{self.before}{block}{self.after}"


def split_block(text: str) -> BlockText:
    """Split an AWS file into its parts; without a block, it would come to its end.

    Raises:
        DamagedBlock: a marker is missing, or there is more than one block.
    """
    lines = lines_of(text)
    begins = [at for at, line in enumerate(lines) if _bare(line) in (BEGIN, BEGIN_JOINED)]
    ends = [at for at, line in enumerate(lines) if _bare(line) == END]
    if not begins and not ends:
        newline = newline_of(text)
        joined = bool(text) and not text.endswith(("\r", "\n"))
        before = text + newline if text else ""
        return BlockText(before, joined=joined, newline=newline)
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise _damaged(begins, ends)
    begin, end = begins[0], ends[0]
    head, profiles = _profiles(lines[begin + 1 : end])
    return BlockText(
        before="".join(lines[:begin]),
        profiles=profiles,
        after="".join(lines[end + 1 :]),
        head=head,
        joined=_bare(lines[begin]) == BEGIN_JOINED,
        newline=_last_newline(lines[begin]),
    )


def with_profiles(parts: BlockText, profiles: Mapping[str, str]) -> BlockText:
    """Return the parts with the lines of profiles put in, in the place of the old ones."""
    return replace(parts, profiles={**parts.profiles, **profiles})


def without_profiles(parts: BlockText, names: frozenset[str]) -> BlockText:
    """Return the parts without these profiles; without one that runs rolehop, the block goes, too.

    What somebody else wrote between the markers stays where it is.
    """
    kept = {name: lines for name, lines in parts.profiles.items() if name not in names}
    if any(runs_rolehop(lines) for lines in kept.values()):
        return replace(parts, profiles=kept)
    left = parts.head + "".join(kept.values())
    if not left.strip():
        return replace(parts, profiles={}, head="")
    return BlockText(parts.before + left, after=parts.after, newline=parts.newline)


def profile_lines(header: str, settings: Mapping[str, str], old: str, newline: str) -> str:
    """Return the lines of one profile: its header, ``settings``, and what else it had in ``old``."""
    own = [f"[{header}]", *(f"{key} = {value}" for key, value in settings.items())]
    return "".join(f"{line}{newline}" for line in own) + "".join(_others(old, settings))


def setting_of(lines: str, key: str) -> str | None:
    """Return a profile's one-line setting, as it is in its lines."""
    for line in lines_of(lines):
        found = _KEY.fullmatch(_bare(line))
        if found and found[1].lower() == key:
            return found[2]
    return None


def runs_rolehop(lines: str) -> bool:
    """True if the profile of these lines has a ``credential_process`` that is rolehop."""
    return own_line(setting_of(lines, "credential_process") or "") is not None


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends, as Python's text files have them."""
    return _LINE.findall(text)


def _others(old: str, settings: Mapping[str, str]) -> Iterator[str]:
    """Give the lines of a profile that ``settings`` do not replace; what is indented goes along."""
    replaced = False
    for line in lines_of(old)[1:]:
        if not line.startswith((" ", "\t")):
            found = _KEY.fullmatch(_bare(line))
            replaced = found is not None and found[1].lower() in settings
        if not replaced:
            yield line


def _profiles(lines: list[str]) -> tuple[str, dict[str, str]]:
    head, profiles, name = "", dict[str, str](), None
    for line in lines:
        found = _HEADER.fullmatch(_bare(line))
        name = found[1] if found else name
        if name is None:
            head += "" if _bare(line) == EXPLAINED else line
        else:
            profiles[name] = profiles.get(name, "") + line
    return head, profiles


def _damaged(begins: list[int], ends: list[int]) -> DamagedBlock:
    if len(begins) > 1 or len(ends) > 1:
        more = begins if len(begins) > 1 else ends
        return DamagedBlock("a marker of rolehop's block is there twice", more[1] + 1)
    if not ends:
        return DamagedBlock(f"the block that begins here has no end: {END}", begins[0] + 1)
    return DamagedBlock(f"the block that ends here has no beginning: {BEGIN}", ends[0] + 1)


def _bare(line: str) -> str:
    return line.rstrip("\r\n \t")


def newline_of(text: str) -> str:
    """Return the line end that the file has most; the last one's, if that is a lone return."""
    pairs = text.count("\r\n")
    singles, returns = text.count("\n") - pairs, text.count("\r") - pairs
    if text.endswith("\r") or returns > max(pairs, singles):
        return "\r"
    return "\r\n" if pairs > singles else "\n"


def _last_newline(text: str) -> str:
    return "\r\n" if text.endswith("\r\n") else text[-1:]


def _ends_blank(text: str) -> bool:
    """True if the last line is empty: nothing but its end."""
    return bool(text) and lines_of(text)[-1].rstrip("\r\n") == ""
