"""What is wrong in a text that is no TOML, in words, with an example of the right line.

tomllib stops at the first mistake and names what it missed ("Illegal character", "Unclosed array").
Here the usual mistakes are put right one by one, until it reads on: that was the one.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator

from rolehop.base.text import clean
from rolehop.config.value_types import SECRET_WORDS

_HEADER = re.compile(r"^\s*\[", re.MULTILINE)
_YAML = re.compile(r"\A\s*---|^[A-Za-z_-]+:[ \t]*(?:#.*)?$", re.MULTILINE)


def other_format(text: str) -> tuple[int, str] | None:
    """Return the line (1) and the words for a text that is JSON or YAML; ``None``: neither."""
    name = "JSON" if _is_json(text) else "YAML" if _is_yaml(text) else None
    if name is None:
        return None
    return (
        1,
        f"this is {name}, and a config is TOML; once it is moved away, rolehop config init writes one",
    )


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_yaml(text: str) -> bool:
    return _YAML.search(text) is not None and _HEADER.search(text) is None


_AT = re.compile(r" \(at line ([0-9]+), column ([0-9]+)\)$")
_LONGEST = 160  # characters of a line that is shown

# Characters of a line, and of a text, that are looked into.
_LONGEST_LINE, _LONGEST_TEXT = 2_000, 200_000
_CURLY = {ord(c): '"' for c in "“”„‟«»″"} | {ord(c): "'" for c in "‘’‚‛′"}  # noqa: RUF001
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*(\]{0,2})\s*(#.*)?")
_KEY = re.compile(r"(?:^|[{,])\s*([A-Za-z0-9_-]+)\s*=")

# A key, its value and a comment.
_PAIR = re.compile(r"(\s*[^=\s#\[][^=#]*?\s*=\s*)([^#]*?)(\s*(?:#.*)?)")
_WRONG_WORD = re.compile(r"(?<=[=\[,])(\s*)(True|TRUE|False|FALSE|[Yy]es|[Nn]o|on|off)\b")
_TWO_VALUES = re.compile(r"""(["'\]}]|\btrue|\bfalse|\b[0-9]+)\s*(?=[{"']|\s[A-Za-z_-]+\s*=)""")
_STRING = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")
_LONGEST_TABLE = 1_000  # lines
_ACCOUNT = re.compile(r"""["']?[0-9]{12}["']?""")

# Tables whose keys are names.
_NAMES = re.compile(r"\s*(?:accounts|labels)\s*=\s*\{")
_BLANK_IN_BRACES = re.compile(r"(?<=[{,] )[A-Za-z0-9_-]+(?: +[A-Za-z0-9_-]+)+(?=\s*=)")
_COLON_IN_BRACES = re.compile(r"""([{,]\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))\s*:(?!:)\s*""")

_VALUE_AND_MORE = re.compile(
    r"""(\s*[^=#"']+=\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|true|false|\[[^\[\]]*\]))\s*([^\s#].*)"""
)

# A text or a comment, or what stands without quotes in a list or between braces.
_BARE = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'[^']*'|#.*)|((?:(?<=[\[,={])|^)\s*)([A-Za-z0-9][\w:/.@+*-]*)(?=\s*(?:[,\]}]|$))"""
)

_ITEM_ENDS = re.compile(r"""["'\]}]\s*$""")

Repair = Callable[[str], Iterator[tuple[str, str]]]
"""Yields what may be wrong with a line, and the line as it may have been meant."""


def syntax_problem(message: str, text: str) -> tuple[int | None, str]:
    """Return the line (from 1) and the words for tomllib's ``message`` about ``text``."""
    lines = text.split("\n")
    at = _line_of(message, lines)
    if at is not None and len(text) <= _LONGEST_TEXT and len(lines[at - 1]) <= _LONGEST_LINE:
        found = (
            other_format(text)
            or _twice_in_braces(message, lines[at - 1], at)
            or _over_lines(lines, at)
            or _twice(lines, at)
            or _repaired(lines, at)
        )
        if found is not None:
            return found
    match = _AT.search(message)
    column = f" (column {match[2]})" if match else ""
    return at, f"not TOML: {_plain(message[: match.start()] if match else message)}{column}"


def _line_of(message: str, lines: list[str]) -> int | None:
    match = _AT.search(message)
    if match:
        return int(match[1])
    return len(lines) if message.endswith("(at end of document)") else None


def _plain(message: str) -> str:
    """Return tomllib's message without what Python alone writes so, e.g. ``('chains', 'a')``."""
    names = re.search(r"\(('[^()]*',?)\)", message)
    if names:
        return ".".join(re.findall(r"'([^']*)'", names[1])) + " is there already"
    if "overwrite" in message:
        return "this name is there already"
    if message.startswith("Illegal character"):
        return "the line ends too early" if "\\n" in message else "a character that cannot be here"
    return message[:1].lower() + message[1:]


# ---- the same name twice


def _twice(lines: list[str], at: int) -> tuple[int, str] | None:
    """Explain a table or a key that is there already, if the line at ``at`` begins one."""
    line, above = lines[at - 1], lines[: at - 1]
    header = _header(line)
    if header is not None:
        first = next((n for n, each in enumerate(above, 1) if _header(each) == header), None)
        if first is None or header.startswith("[["):
            return None
        other = f", or name this one [{header[1:-1]}-2]" if "." in header else ""
        return at, f"{header} is there already, in line {first}; put its keys there{other}"
    key = _KEY.match(line.strip())
    if key is None:
        return None
    for number in range(at - 1, 0, -1):
        other = lines[number - 1]
        if _header(other) is not None:
            return None
        same = _KEY.match(other.strip())
        if same and same[1] == key[1] and _reads(lines[: at - 1]):
            shown = _example(other, "keep one of them, e.g.")
            return at, f"{key[1]} is there already, in line {number}{shown}"
    return None


def _header(line: str) -> str | None:
    match = _HEADER.fullmatch(line)
    return f"{match[1]}{match[2]}{match[3]}" if match and len(match[1]) == len(match[3]) else None


def _twice_in_braces(message: str, line: str, at: int) -> tuple[int, str] | None:
    found = re.match(r"Duplicate inline table key '([^']*)'", message)
    if found is None:
        return None
    name = clean(found[1])
    other = f", or call the other {name}-2" if re.match(r"\s*(accounts|labels)\b", line) else ""
    return at, f"{name} is there twice between {{ and }}; keep one of them{other}"


# ---- a table in braces over several lines


def _table_over_lines(lines: list[str], first: int) -> tuple[int, str] | None:
    """Return the last line of a table in braces that opens in ``first``, and it in one line.

    ``None``: none opens there, or it ends in the same line, or before a header or nowhere.
    """
    depth, parts = 0, list[str]()
    for number, line in enumerate(lines[first : first + _LONGEST_TABLE], start=first):
        if number > first and _header(line) is not None:
            return None
        code = _without_comment(line)
        outside = _STRING.sub("", code)
        depth += outside.count("{") - outside.count("}")
        part = code.strip()
        if part and parts and part[0] not in "]}," and parts[-1][-1] not in "[{,":
            parts[-1] += ","
        parts += [part] if part else []
        if depth <= 0:
            joined = re.sub(r",\s*\}", " }", " ".join(parts))
            return (number, joined) if number > first else None
    return None


def _without_comment(line: str) -> str:
    found = re.match(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^#"'])*""", line)
    return found[0] if found else line


def _over_lines(lines: list[str], at: int) -> tuple[int, str] | None:
    """Explain a table in braces over several lines, which TOML 1.0 does not have."""
    opening = _without_comment(lines[at - 1]).rstrip()
    for first in range(at - 1, max(at - 7, -1), -1):
        is_sure = first == at - 1 and opening.endswith("{")
        found = _table_over_lines(lines, first) or ((first, opening) if is_sure else None)
        if found is None:
            continue
        last, joined = found
        if is_sure or _reads_on(lines, first, joined, last + 1, last):
            said = "TOML 1.0 allows no line break between { and }"
            return first + 1, f"{said}{_as_table(lines[:first], joined) or _example(joined)}"
    return None


def _as_table(above: list[str], joined: str) -> str:
    """Return how a table in braces is written over lines; empty: it is in a list."""
    key = re.match(r"\s*([A-Za-z0-9_.-]+)\s*=\s*\{", joined)
    if key is None:
        return ""
    header = next((h for h in map(_header, reversed(above)) if h), "[]")
    table = ".".join(filter(None, (header.strip("[]"), key[1])))
    pair = re.search(r"""\{\s*([^\s,={]+\s*=\s*(?:"[^"]*"|'[^']*'|[^,}{]+?))\s*[,}]""", joined)
    such = ""
    if pair is not None:
        ((_, quoted),) = _unquoted_inside(pair[1])
        such = _example(quoted, "such as").replace(";", ",", 1)
    return (
        f"; write [{table}] after the other keys of its table, and below it a line for each{such}"
    )


# ---- one line put right


def _repaired(lines: list[str], at: int) -> tuple[int, str] | None:
    here = at - 1
    before = next((n for n in range(here - 1, -1, -1) if _is_code(lines[n])), None)
    for repairs, numbers in ((_IN_LINE, (here,)), (_AT_END, (before, here))):
        for number in numbers:
            if number is None:
                continue
            for repair in repairs:
                for said, line in repair(lines[number]):
                    if line != lines[number] and _reads_on(lines, number, line, at):
                        return number + 1, f"{said}{_example(line)}"
    return None


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")


def _reads_on(lines: list[str], number: int, line: str, at: int, last: int | None = None) -> bool:
    """True if the text has no mistake up to line ``at`` any more, once a line is put right.

    The table that the line is in is read first: there may be hundreds of tries, and the whole text
    may be long.
    """
    changed = [*lines[:number], line, *lines[(number if last is None else last) + 1 :]]
    start = next((n for n in range(number, 0, -1) if _header(changed[n]) is not None), 0)
    after = range(at, len(changed))
    stop = next((n for n in after if _header(changed[n]) is not None), len(changed))
    return _reads_to(changed[start : stop + 1], at - start) and _reads_to(changed, at)


def _reads_to(lines: list[str], at: int) -> bool:
    """True if the lines have no mistake up to line ``at``."""
    try:
        tomllib.loads("\n".join(lines))
    except ValueError as error:
        place = _line_of(str(error), lines)
        return place is not None and place > at
    except RecursionError:
        return False
    return True


def _reads(lines: list[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return False
    return True


def _example(line: str, verb: str = "write") -> str:
    """Return an example for the end of a sentence; a line with a secret is not repeated."""
    shown = clean(line)
    if len(shown) > _LONGEST or any(word in shown.casefold() for word in SECRET_WORDS):
        return ""
    return f"; {verb} {shown}"


def _curly(line: str) -> Iterator[tuple[str, str]]:
    yield "these quotes are curly, and TOML takes straight ones", line.translate(_CURLY)


def _truth(line: str) -> Iterator[tuple[str, str]]:
    wrong = _WRONG_WORD.search(line)
    word = wrong[2] if wrong else ""
    said = "true and false are written in small letters"
    if word.lower() not in ("true", "false"):
        said = f"{word} is written {'true' if word.lower() in ('yes', 'on') else 'false'}"

    def small(found: re.Match[str]) -> str:
        meant = found[2].lower()
        word = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(meant, meant)
        return f"{found[1]}{word}"

    yield said, _WRONG_WORD.sub(small, line)


def _blank_in_name(line: str) -> Iterator[tuple[str, str]]:
    header = _HEADER.fullmatch(line)
    if header is not None:
        kind = re.fullmatch(r"(chain|source|fleet)s?\s+(.+)", header[2])
        if kind is not None:
            name = "-".join(kind[2].strip("\"'").split())
            yield "a dot stands before the name", f"{header[1]}{kind[1]}s.{name}{header[3]}"
        name = re.sub(r"(?<=[^.\s])\s+(?=[^.\s])", "-", header[2])
        yield "a name has no blank", f"{header[1]}{name}{header[3]}"
    pair = _PAIR.fullmatch(line)
    if pair is not None:
        words = pair[1].partition("=")[0].split()
        is_name = _ACCOUNT.fullmatch(pair[2])
        said = "a name has no blank" if is_name else "a key has no blank"
        yield said, f"{('-' if is_name else '_').join(words)} = {pair[2]}{pair[3]}"
    if _NAMES.match(line):
        joined = _BLANK_IN_BRACES.sub(lambda found: "-".join(found[0].split()), line)
        yield "a name has no blank", joined


def _brackets(line: str) -> Iterator[tuple[str, str]]:
    header = _HEADER.fullmatch(line)
    if header is not None:
        closing = "]" * len(header[1])
        yield "a bracket is missing", f"{header[1]}{header[2]}{closing}"


def _sign(line: str) -> Iterator[tuple[str, str]]:
    changed = re.sub(r"^(\s*[A-Za-z0-9_-]+)\s*(?::|=>|:=|==)\s*", r"\1 = ", line)
    said = "a key and its value have = between them"
    yield said, changed
    yield said, _COLON_IN_BRACES.sub(r"\1 = ", line)


def _backslash(line: str) -> Iterator[tuple[str, str]]:
    said = r"between double quotes, \ begins an escape; use single ones"
    yield said, re.sub(r"""\"([^"']*\\[^"']*)\"""", r"'\1'", line)


def _after_value(line: str) -> Iterator[tuple[str, str]]:
    found = _VALUE_AND_MORE.fullmatch(line)
    if found is None:
        return
    value, more = found[1], found[2].strip()
    if more in (",", ";"):
        yield f"remove the {more} after the value", value
    elif '"' not in more:
        comment = more.lstrip("/;-").strip() or more
        yield "only a comment can follow a value, and it begins with #", f"{value} # {comment}"


def _unquoted(line: str) -> Iterator[tuple[str, str]]:
    pair = _PAIR.fullmatch(line)
    if pair is None:
        return
    value = pair[2].strip("\"'")
    if value and not any(each in value for each in "\"'{[="):
        half = pair[2] != value
        said = "a quote is missing" if half else "a text stands in quotes"
        yield said, f'{pair[1]}"{value}"{pair[3]}'


def _unquoted_inside(line: str) -> Iterator[tuple[str, str]]:
    """Put all that is neither true, false nor a short number in quotes, within lists and braces."""

    def quoted(found: re.Match[str]) -> str:
        is_plain = found[1] or re.fullmatch(r"true|false|[0-9]{1,11}", found[3])
        return found[0] if is_plain else f'{found[2]}"{found[3]}"'

    if _HEADER.fullmatch(line) is None:
        yield "a text stands in quotes", _BARE.sub(quoted, line)


def _half_quoted(line: str) -> Iterator[tuple[str, str]]:
    """Close the last text, and open the one before a stray quote, within lists and tables."""
    for found in re.finditer(r'"[^"\s,}\]]+(?=[\s,}\]]|$)', line):
        yield "a quote is missing", f'{line[: found.end()]}"{line[found.end() :]}'
    for found in re.finditer(r'(?<=[=\[,{])\s*(?=[^\s"\[{=,]+")', line):
        yield "a quote is missing", f'{line[: found.end()]}"{line[found.end() :]}'


def _comma_between(line: str) -> Iterator[tuple[str, str]]:
    for found in _TWO_VALUES.finditer(line):
        rest = line[found.end() :].lstrip()
        yield "a comma is missing", f"{line[: found.start()]}{found[1]}, {rest}"


def _comma_before_brace(line: str) -> Iterator[tuple[str, str]]:
    yield "TOML 1.0 allows no comma before }", re.sub(r",(\s*\})", r"\1", line)


def _comma_at_end(line: str) -> Iterator[tuple[str, str]]:
    code, mark, comment = line.partition(" #")
    if _ITEM_ENDS.search(code):
        yield "a comma is missing", f"{code.rstrip()},{mark}{comment}"


def _closing(line: str) -> Iterator[tuple[str, str]]:
    code, mark, comment = line.partition(" #")
    if code.rstrip().endswith("{"):
        return
    for closing in ("]", " }", " }]"):
        yield "a bracket is missing", f"{code.rstrip()}{closing}{mark}{comment}"
    yield "a bracket is missing", re.sub(r"\s*\]\s*$", " }]", code) + mark + comment


_IN_LINE: tuple[Repair, ...] = (
    _curly,
    _truth,
    _brackets,
    _blank_in_name,
    _sign,
    _backslash,
    _after_value,
    _unquoted,
    _unquoted_inside,
    _comma_between,
    _half_quoted,
    _comma_before_brace,
)

_AT_END: tuple[Repair, ...] = (_comma_at_end, _closing)
