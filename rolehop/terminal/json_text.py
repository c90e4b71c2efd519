"""The JSON of every table: all keys always present, times RFC 3339 Z, durations in seconds.

`json_lines` is for people: JSON that is shown in few lines, such as a policy.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from json.encoder import encode_basestring

from rolehop.base.text import visible_json

Document = dict[str, object]


def json_lines(value: Mapping[str, object], width: int) -> list[str]:
    """Return an object as JSON to be read: as few lines of at most ``width`` as it can be."""
    return visible_json(_object(value, "", width)).split("\n")


def _value(value: object, column: int, indent: str, width: int) -> str:
    """Return ``value``, which begins at ``column``; what it encloses is indented below ``indent``."""
    flat = _text(value)
    if column + len(flat) < width or not value or not isinstance(value, Mapping | list | tuple):
        return flat
    if isinstance(value, Mapping):
        if len(value) > 1:
            return _object(value, indent, width)
        ((key, only),) = value.items()
        head, below = f"{_text(key)}: ", f"{indent}  "
        if column + len(head) < width // 2:
            return f"{{{head}{_value(only, column + len(head) + 1, indent, width)}}}"
        return f"{{\n{below}{head}{_value(only, len(below + head) + 1, below, width)}}}"
    items = "\0".join(map(_text, value)).replace(" ", "\1").replace("\0", ", ")
    below = f"{indent}  "
    filled = textwrap.fill(
        items,
        width,
        initial_indent=below,
        subsequent_indent=below,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "[\n{}\n{}]".format(filled.replace("\1", " "), indent)


def _object(value: Mapping[str, object], indent: str, width: int) -> str:
    below, lines = f"{indent}  ", [""]
    for number, (key, each) in enumerate(value.items(), start=1):
        head = f"{_text(key)}: "
        member = head + _value(each, len(below + head), below, width)
        member += "," if number < len(value) else ""
        plain = "\n" not in lines[-1] + member and not isinstance(each, Mapping)
        if plain and lines[-1] and len(f"{lines[-1]} {member}") <= width:
            lines[-1] += f" {member}"
        else:
            lines.append(f"{below}{member}")
    return "\n".join(["{", *lines[1:], f"{indent}}}"])


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def as_json(document: Document) -> str:
    """Return ``document`` as indented JSON text, without a final newline.

    Characters that a terminal would not show as themselves are escaped.
    """
    return visible_json(_indented(document, "\n"))


def _indented(value: object, end: str) -> str:
    """Return what ``json.dumps`` does with ``indent=2``, in a third of the time.

    ``end``: a line end, and the blanks before what closes ``value``.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    below = f"{end}  "
    if isinstance(value, dict):
        members = [f"{encode_basestring(key)}: {_indented(value[key], below)}" for key in value]
        return f"{{{below}{f',{below}'.join(members)}{end}}}" if members else "{}"
    if isinstance(value, list | tuple):
        items = [_indented(each, below) for each in value]
        return f"[{below}{f',{below}'.join(items)}{end}]" if items else "[]"
    return _text(value)
