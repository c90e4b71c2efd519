"""Read the YAML that tools write into their configs: tables, lists and plain or quoted texts.

Every scalar is a text, so that an account ID keeps its zeros. What is more than that, such as anchors,
tags and texts of several lines, is refused with its line, and never guessed.
"""

from __future__ import annotations

import json

from rolehop.base.startup import Pattern

Yaml = str | list["Yaml"] | dict[str, "Yaml"]

_KEY = Pattern(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#&*!|>'"%@`{\[\]},:?-][^#:]*?):(?:\s+(.*))?"""
)

_DEEPEST = 30
_OPENING = {"[": "]", "{": "}"}

_FLOW_TEXT = Pattern(
    r"""\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|(?:[^][{},:]|:(?![\s,\]}]|$))*)\s*"""
)

_BLANKS = Pattern(r"\s*")


class _Lines:
    """The lines that say something, with their indentation and number."""

    def __init__(self, text: str) -> None:
        self.left: list[tuple[int, str, int]] = []
        for number, line in enumerate(text.splitlines(), start=1):
            content = _without_comment(line.strip())
            if not content or content in ("---", "..."):
                continue
            indent = len(line) - len(line.lstrip(" "))
            if line[indent] == "\t":
                raise ValueError(f"line {number}: a tab before the text, where YAML wants blanks")
            self.left.append((indent, content, number))
        self.left.reverse()

    def next_indent(self) -> int:
        """Return the indentation of the next line, -1 at the end."""
        return self.left[-1][0] if self.left else -1


def read_yaml(text: str) -> Yaml:
    """Return what a YAML text holds; an empty value is an empty text.

    Raises:
        ValueError: it is broken, or more than tables, lists and texts; with its line.
    """
    lines = _Lines(text)
    found = _block(lines, lines.next_indent(), 0) if lines.left else ""
    if lines.left:
        raise ValueError(f"line {lines.left[-1][2]}: it is not indented as the lines before it")
    return found


def _block(lines: _Lines, indent: int, depth: int) -> Yaml:
    if depth > _DEEPEST:
        raise ValueError(f"line {lines.left[-1][2]}: it is nested too deeply")
    _, content, number = lines.left[-1]
    if _is_item(content):
        return _items(lines, indent, depth)
    if _KEY.fullmatch(content):
        return _table(lines, indent, depth)
    lines.left.pop()
    return _scalar(content, number)


def _items(lines: _Lines, indent: int, depth: int) -> list[Yaml]:
    found: list[Yaml] = []
    while lines.next_indent() == indent and _is_item(lines.left[-1][1]):
        _, content, number = lines.left.pop()
        rest = content[1:].lstrip()
        inside = indent + len(content) - len(rest)
        if rest:  # the item begins behind its dash, as if that were a blank
            lines.left.append((inside, rest, number))
        below = lines.next_indent()
        found.append(_block(lines, below, depth + 1) if below > indent else "")
    return found


def _table(lines: _Lines, indent: int, depth: int) -> dict[str, Yaml]:
    found: dict[str, Yaml] = {}
    while lines.next_indent() == indent:
        _, content, number = lines.left[-1]
        pair = _KEY.fullmatch(content)
        if pair is None:
            if _is_item(content):
                break
            raise ValueError(f"line {number}: it is not a key with a colon behind it")
        lines.left.pop()
        key = str(_scalar(pair[1], number))
        if key in found:
            raise ValueError(f"line {number}: the key is there twice")
        if pair[2]:
            found[key] = _scalar(pair[2], number)
            continue
        below = lines.next_indent()
        same = below == indent and _is_item(lines.left[-1][1])
        found[key] = _block(lines, below, depth + 1) if below > indent or same else ""
    return found


def _is_item(content: str) -> bool:
    return content == "-" or content.startswith("- ")


def _scalar(text: str, number: int) -> Yaml:
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            return str(json.loads(text))
        except ValueError:
            raise ValueError(f"line {number}: the text in quotes is not closed") from None
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text in ("", "~", "null"):
        return ""
    if text[0] in _OPENING:
        return _Flow(text, number).whole()
    if text[0] in "&*!|>\"'%@`":
        raise ValueError(f"line {number}: such YAML is not read here")
    return text


class _Flow:
    """A list or table on one line, such as ``[a, {b: c}]``; an empty one is an empty text."""

    def __init__(self, text: str, number: int) -> None:
        self.text, self.number, self.at = text, number, 0

    def whole(self) -> Yaml:
        found = self.value(0)
        if self.at < len(self.text):
            raise self.wrong()
        return found

    def value(self, depth: int) -> Yaml:
        if depth > _DEEPEST:
            raise ValueError(f"line {self.number}: it is nested too deeply")
        opening = self.text[self.at : self.at + 1]
        if opening not in _OPENING or not opening:
            return self.scalar()
        self.step()
        found: Yaml = self.items(depth) if opening == "[" else self.pairs(depth)
        if self.text[self.at : self.at + 1] != _OPENING[opening]:
            raise self.wrong()
        self.step()
        return found or ""

    def items(self, depth: int) -> list[Yaml]:
        found = []
        while self.text[self.at : self.at + 1] not in ("]", ""):
            found.append(self.value(depth + 1))
            self.comma()
        return found

    def pairs(self, depth: int) -> dict[str, Yaml]:
        found: dict[str, Yaml] = {}
        while self.text[self.at : self.at + 1] not in ("}", ""):
            key = str(self.scalar())
            if key in found:
                raise ValueError(f"line {self.number}: the key is there twice")
            found[key] = ""
            if self.text[self.at : self.at + 1] == ":":
                self.step()
                found[key] = self.value(depth + 1)
            self.comma()
        return found

    def scalar(self) -> Yaml:
        self.at, text = _matched(_FLOW_TEXT, self.text, self.at)
        return _scalar(text.strip(), self.number)

    def comma(self) -> None:
        following = self.text[self.at : self.at + 1]
        if following == ",":
            self.step()
        elif following not in ("]", "}", ""):
            raise self.wrong()

    def step(self) -> None:
        """Go on behind one character and the blanks behind it."""
        self.at, _ = _matched(_BLANKS, self.text, self.at + 1)

    def wrong(self) -> ValueError:
        return ValueError(f"line {self.number}: its brackets do not close")


def _matched(pattern: Pattern, text: str, at: int) -> tuple[int, str]:
    """Return where a pattern that may match nothing ends, and what it matched."""
    match = pattern.compiled.match(text, at)
    return (at, "") if match is None else (match.end(), match[0])


def _without_comment(content: str) -> str:
    if content.startswith("#"):
        return ""
    quote = ""
    for at, letter in enumerate(content):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (at == 0 or content[at - 1] in " [:,"):
            quote = letter
        elif letter == "#" and content[at - 1] in " \t":
            return content[:at].rstrip()
    return content
