"""Answer a shell's completion request: the words that can stand at the cursor.

The scripts in ``completions/`` call ``_ROLEHOP_COMPLETE=SHELL rolehop completion -- WORD…`` with
the words after ``rolehop``, the last one up to the cursor. (If the variable gets lost on the way,
that is a usage error, so that a half typed command is never run.) The answer's first line says
what follows:

    words       one per line, written for the shell
    found       the same, of which none begins with what was typed (zsh)
    files       the shell's own completion of files
    program N   a command line begins at the N-th word, from 0: that program's own completion

Commands come from the command table, names of chains from the name cache; click is not imported.
If more is needed (options, names that are not cached or outdated), the answer is ``None`` and the
full path goes on.
"""

import os
import sys

from rolehop import __version__
from rolehop.hotpath.command_table import (
    CHAIN,
    COMMANDS,
    COMPLETION_SHELLS,
    FLAGS,
    FLEET,
    INIT_SHELL,
    KEYS,
    PATTERN,
    PROGRAM,
    SOURCE,
    SUBCOMMAND,
    TOPIC,
    VALUED,
    CommandRow,
)
from rolehop.hotpath.record import read_own, stamp_holds, state_folder, variable_mark

TYPE_CHECKING = False  # typing's own costs more than all that this module does

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA = "3"
_NAMES = ("chain", "fleet", "source", "profile")
_ACCOUNT = "account"

# The largest prime below 2 ** 64: no changed byte leaves the remainder as it was.
_PRIME = 18446744073709551557

Names = dict[str, dict[str, str]]
"""``chain``, ``fleet``, ``source`` (described by its type), ``profile``: name to description.

``account``: a chain's name to the number of the account that it ends in.
"""


def no_names() -> Names:
    """Return a cache without names."""
    return {kind: {} for kind in (*_NAMES, _ACCOUNT)}


def names_path(folder: str) -> str:
    """Return the cache's path in the state folder."""
    return f"{folder}/names"


def as_text(names: Names, files: "Mapping[str, str]", variables: "Mapping[str, str]") -> str | None:
    """Return the file's text, ``None`` if a path or variable does not fit on one line.

    ``files``: path to stamp; ``variables``: name to mark. Names that do not fit on a line are left
    out; a description becomes one line.
    """
    depends = [
        *(("file", stamp, path) for path, stamp in files.items()),
        *(("var", name, mark) for name, mark in variables.items()),
    ]
    if any(set("\t\n") & set(field) for row in depends for field in row):
        return None
    offered = [
        (kind, name, plain_line(description), *_account_of(name, names[_ACCOUNT], kind))
        for kind in _NAMES
        for name, description in names[kind].items()
        if name.isprintable()
    ]
    head = ("rolehop-names", _SCHEMA, __version__, str(os.geteuid()))
    return checked("".join("\t".join(row) + "\n" for row in (head, *depends, *offered)))


def _account_of(name: str, accounts: "Mapping[str, str]", kind: str) -> tuple[str, ...]:
    return (accounts[name],) if kind == CHAIN and name in accounts else ()


def plain_line(text: str) -> str:
    """Return a description as one line without invisible characters."""
    line = " ".join(text.split())
    return "".join(each if each.isprintable() else "?" for each in line)


def read_text(data: bytes, environ: "Mapping[str, str]") -> Names | None:
    """Return the names if all that they depend on is unchanged, else ``None``."""
    text = unchecked(data)
    if text is None:
        return None
    rows = [row.split("\t") for row in text.split("\n")]
    if rows[0] != ["rolehop-names", _SCHEMA, __version__, str(os.geteuid())]:
        return None
    if rows.pop() != [""]:
        return None
    names = no_names()
    for row in rows[1:]:
        if len(row) not in (3, 4):
            return None
        kind, first, second, *account = row
        if kind in _NAMES:
            names[kind][first] = second
            for each in account:
                names[_ACCOUNT][first] = each
        elif kind == "file":
            if not stamp_holds(second, first):
                return None
        elif kind != "var" or variable_mark(first, environ.get(first)) != second:
            return None
    return names


def cached_names(environ: "Mapping[str, str]") -> Names | None:
    """Return the cached names, ``None`` if there are none or they are outdated."""
    folder = state_folder(environ)
    data = None if folder is None else read_own(names_path(folder))
    return None if data is None else read_text(data, environ)


def checked(text: str) -> str | None:
    """Return ``text``, which ends a line, with a last line that proves it whole.

    ``None``: it is no UTF-8 (a file name or a value may be none).
    """
    try:
        return text + _check(text.encode()).decode()
    except UnicodeEncodeError:
        return None


def unchecked(data: bytes) -> str | None:
    """Return the text that ``checked`` was given, ``None`` if ``data`` was changed since."""
    end = data.rfind(b"\n", 0, -1) + 1
    if data[end:] != _check(data[:end]):
        return None
    try:
        return data[:end].decode()
    except UnicodeDecodeError:
        return None


def _check(data: bytes) -> bytes:
    return b"check\t%d\t%d\n" % (len(data), int.from_bytes(data, "big") % _PRIME)


VARIABLE = "_ROLEHOP_COMPLETE"
TAIL = "_ROLEHOP_TAIL"
OPTIONS, WORDS, FOUND = "options", "words", "found"
NAMED = (CHAIN, KEYS, SOURCE, FLEET, PATTERN)

Offers = dict[str, str]
"""Words and their descriptions, which may be empty."""

_ROOT = CommandRow("", "", commands=COMMANDS)


class Question:
    """What a shell asks."""

    __slots__ = ("raw", "shell", "tail", "words")

    def __init__(self, shell: str, words: list[str], raw: str, tail: str) -> None:
        """``words``: plain, the last one incomplete; ``raw``: that one as typed (bash).

        ``tail``: the end of ``raw`` that the shell replaces.
        """
        self.shell = shell
        self.words = words
        self.raw = raw
        self.tail = tail


def question(arguments: list[str], environ: "Mapping[str, str]") -> Question | None:
    """Return the question that the shell asks; ``None``: this is not completion."""
    shell, words = environ.get(VARIABLE), arguments[2:]
    if shell not in COMPLETION_SHELLS or arguments[:2] != ["completion", "--"] or not words:
        return None
    raw = words[-1]
    if shell == "bash":
        words = [unquoted(word)[0] for word in words]
    elif shell == "powershell":
        words[-1] = raw[1:]  # it drops empty arguments, so the script puts a character before
    return Question(shell, words, raw, environ.get(TAIL, raw))


def answer(asked: Question, environ: "Mapping[str, str]") -> str | None:
    """Return the answer, ``None`` if the full path must be asked."""
    kind, found = wanted(asked.words)
    if kind == PROGRAM:
        return f"program {found}\n"
    if isinstance(found, dict):
        return as_answer(asked, found)
    names = cached_names(environ) if kind in NAMED and sys.platform == "linux" else None
    return None if names is None else names_answer(asked, kind, names)


def wanted(words: list[str]) -> tuple[str, Offers | int | None]:
    """Return what the last of ``words`` can be.

    ``WORDS`` with the words themselves; ``PROGRAM`` with where its command line begins; a kind of
    names; ``OPTIONS`` where click must be asked.
    """
    entry, taken, value = _ROOT, list[str](), False
    for at, word in enumerate(words[:-1]):
        if value:
            value = False
        elif word in VALUED:
            value = True
        elif word in FLAGS:
            continue
        elif word.startswith("-"):
            return _behind_an_option(entry, words, at)
        elif entry.commands:
            if word not in entry.commands:
                return WORDS, {}
            entry = entry.commands[word]
        elif _kind(entry, len(taken)) == PROGRAM:
            return PROGRAM, at
        else:
            taken.append(word)
    if value or words[-1].startswith("-"):
        return OPTIONS, None
    return _at_the_end(entry, taken, words)


def _behind_an_option(entry: CommandRow, words: list[str], at: int) -> tuple[str, int | None]:
    if PROGRAM in entry.takes and "--" in words[at:-1]:
        return PROGRAM, words.index("--", at) + 1
    return OPTIONS, None


def _kind(entry: CommandRow, taken: int) -> str | tuple[str, ...]:
    """Return what the next word is, behind ``taken`` others; a command behind patterns needs ``--``."""
    if taken < len(entry.takes) and entry.takes[:1] != (PATTERN,):
        return entry.takes[taken]
    return PATTERN if PATTERN in entry.takes else ()


def _at_the_end(
    entry: CommandRow, taken: list[str], words: list[str]
) -> tuple[str, Offers | int | None]:
    kind = _kind(entry, len(taken))
    if kind == SUBCOMMAND:
        entry = COMMANDS.get(taken[-1], entry)
    if entry.commands or kind == SUBCOMMAND:
        return WORDS, {name: each.summary for name, each in entry.commands.items()}
    if kind == INIT_SHELL:
        from rolehop.hotpath.command_table import INIT_SHELLS

        kind = INIT_SHELLS
    if kind == TOPIC:
        from rolehop.guide import topic_names, topic_summary

        return WORDS, {name: topic_summary(name) for name in topic_names()}
    if not isinstance(kind, str):
        return WORDS, dict.fromkeys(kind, "")
    if kind != PROGRAM:
        return kind, None
    if not words[-1]:
        return WORDS, {"--": "the command follows"}
    return PROGRAM, len(words) - 1


def offered(kind: str, names: Names) -> Offers:
    """Return the names of a kind; a chain wins over an AWS profile of its name."""
    if kind == KEYS:
        return {name: "" for name, of_type in names["source"].items() if of_type == "keys"}
    if kind == SOURCE:
        return names["source"]
    if kind == FLEET:
        return {name[:-2]: "" for name in names["fleet"] if name.endswith("/*") and ":" not in name}
    patterns = names["fleet"] if kind == PATTERN else {}
    # A chain's place and description stay where a profile has its name.
    return {**patterns, **names["chain"], **names["profile"], **names["chain"]}


def names_answer(asked: Question, kind: str, names: Names) -> str:
    """Return the names of a kind that can stand at the cursor.

    A chain's are also found by what describes it, or by its account's number, in part, if none
    begins with what was typed: in shells that replace a word by another one.
    """
    offers, typed = offered(kind, names), asked.words[-1]
    is_sought = kind in (CHAIN, PATTERN) and asked.shell in _REPLACING and typed
    if not is_sought or any(each.startswith(typed) for each in offers):
        return as_answer(asked, offers)
    wanted, accounts = typed.casefold(), names[_ACCOUNT]
    found = {
        name: text
        for name, text in names[CHAIN].items()
        if wanted in f"{name} {text} {accounts.get(name, '')}".casefold()
    }
    return as_answer(asked, found, replaces=True)


# ---- written for a shell

_REPLACING = ("bash", "zsh", "powershell")


def as_answer(asked: Question, offers: Offers, *, replaces: bool = False) -> str:
    """Return ``offers`` as the shell's script reads them.

    bash takes what begins with the word as typed; the others have rules of their own for what
    matches, and get all. ``replaces``: they take the place of the word, however that begins.
    """
    # A shell shows what it is offered: no name that could not be typed, no escape sequence.
    offers = {word: plain_line(text) for word, text in offers.items() if word.isprintable()}
    as_lines = {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}[asked.shell]
    head = FOUND if replaces and asked.shell == "zsh" else WORDS
    return "".join(f"{line}\n" for line in (head, *as_lines(asked, offers, replaces=replaces)))


def _bash(asked: Question, offers: Offers, *, replaces: bool) -> list[str]:
    if replaces:
        # Of several, bash would put what they begin with in the place of what was typed.
        plain = len(offers) == 1 and asked.raw == asked.tail == asked.words[-1]
        return [_escaped(each) for each in offers] if plain else []
    typed, quote = unquoted(asked.raw)
    base = asked.raw
    if quote:
        # bash keeps the opening quote and closes it; inside, nothing is to be escaped.
        base = asked.raw[1:] if asked.raw[0] == quote else ""
    dropped = len(base) - len(asked.tail) if base.endswith(asked.tail) else 0
    found = []
    for word in offers:
        if not word.startswith(typed):
            continue
        rest = word[len(typed) :]
        if quote and (not base.endswith(typed) or set(word) & set("'\"\\$`!")):
            continue
        found.append((base + (rest if quote else _escaped(rest)))[dropped:])
    return found


def _escaped(text: str) -> str:
    """Return ``text`` for bash, unquoted."""
    return "".join(each if each.isalnum() or each in "_@%+=:,./-" else f"\\{each}" for each in text)


def unquoted(raw: str) -> tuple[str, str]:
    """Return what bash makes of the quotes in ``raw``, and the quote that is still open, or ``""``."""
    text, quote, at = "", "", 0
    while at < len(raw):
        each, at = raw[at], at + 1
        if each == "\\" and quote != "'" and at < len(raw):
            follower, at = raw[at], at + 1
            text += follower if not quote or follower in '$`"\\' else each + follower
        elif each == quote:
            quote = ""
        elif each in "'\"" and not quote:
            quote = each
        else:
            text += each
    return text, quote


def _zsh(asked: Question, offers: Offers, *, replaces: bool) -> list[str]:
    lines = []
    for word, description in offers.items():
        plain = word.replace("\\", "\\\\").replace(":", "\\:")
        lines.append(f"{plain}:{description}" if description else plain)
    return lines


def _fish(asked: Question, offers: Offers, *, replaces: bool) -> list[str]:
    return [f"{word}\t{description}" for word, description in offers.items()]


def _powershell(asked: Question, offers: Offers, *, replaces: bool) -> list[str]:
    """Write what is inserted, what is listed, and the tip; quoted where a word is not one else."""
    lines = []
    for word, description in offers.items():
        if replaces or word.startswith(asked.words[-1]):
            plain = all(each.isalnum() or each in "_@+=:./-" for each in word) and word != "--"
            quoted = word if plain and word[0] != "@" else "'" + word.replace("'", "''") + "'"
            lines.append(f"{quoted}\t{word}\t{description or word}")
    return lines
