"""Undo what other programs do to a sentence that they show: escapes, entities, frames, colours."""

from __future__ import annotations

import re

from rolehop.startup.lazy_regex import Pattern

# Between two words there may be blanks, a line break, or one that JSON, Go, Rust or Python escaped,
# once or many times; and the frame and colours of Terraform. Bounded, so that reading is linear.
GAP = r"(?:\s|\\{1,16}[nrt]|[│╷╵]|\x1b\[[0-9;]{0,9}m){1,200}"

_RESOURCE = r"\bon\s+resource(?:\(s\))?:?\s+"
_ESCAPED_QUOTE = Pattern(rf"{_RESOURCE}\\{{1,16}}(?:\"|u0022)")
_TO_BARE_QUOTE = Pattern(r"(?:[^\"\\]|\\.)*", re.DOTALL)
_ESCAPE = Pattern(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " "}
_XML = Pattern(r"&(?:quot|apos|#34|#39);|</?Message>")
_ENTITY = Pattern(r"&(?:(quot|apos|lt|gt|amp)|#([0-9]{1,7}));")
_ENTITIES = {"quot": '"', "apos": "'", "lt": "<", "gt": ">", "amp": "&"}
_QUOTED = Pattern(rf"(?P<before>.*?{_RESOURCE})(?P<quoted>\"[^\"]*\")(?P<after>.*)", re.DOTALL)
_COLOUR = Pattern(r"\x1b\[[0-9;]{0,9}m")
_LINE_BREAK = Pattern(r"[ \t]*[\r\n]+(?:[ \t│]*[\r\n]+)*[ \t│]*")
_BREAK = Pattern(r"\\{1,16}[nrt]|[│╷╵\r\n\t]")
_MARK = Pattern(r"\\{1,16}(?=[\"'/])")
_CHARACTER = Pattern(r"\\{1,16}u([0-9a-fA-F]{4})")


def plain(text: str) -> str:
    """Return a part of a text of AWS as AWS wrote it, in one line.

    Backslashes within a resource in plain quotes are its own; those of a resource in escaped
    quotes are undone as often as its quotes are.
    """
    text = _LINE_BREAK.sub(" ", _COLOUR.sub("", text))
    if _XML.search(text):
        text = _ENTITY.sub(_entity, text)
    for _ in range(4):  # a log line in a log line in a log line
        if _ESCAPED_QUOTE.search(text) is None:
            break
        found = _TO_BARE_QUOTE.compiled.match(text)
        text = _unescaped(text if found is None else found[0])
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        return _outside(text)
    return _outside(quoted["before"]) + quoted["quoted"] + _outside(quoted["after"])


def _unescaped(text: str) -> str:
    return _joined(_ESCAPE.sub(lambda m: _character(m) if m[1] else _LETTERS.get(m[2], m[2]), text))


def _outside(text: str) -> str:
    """Undo escapes in a part where AWS writes no backslash, however often they were made."""
    text = _MARK.sub("", _joined(_CHARACTER.sub(_character, text)))
    return _BREAK.sub(" ", text)


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], re.DOTALL))


def _joined(text: str) -> str:
    """Join the halves of characters beyond the first plane, which JSON escapes one by one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _entity(match: re.Match[str]) -> str:
    name, number = match[1], match[2]
    # Half a character, or none, is no XML.
    return _ENTITIES[name] if name else _joined(chr(min(int(number), 0x10FFFF)))
