"""Inputs: documents that make sense, with some of it changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from math import inf, nan
from typing import Any

from hypothesis import strategies as st

from tests.support.hostile import FORTY

_PIECES = (
    *FORTY,
    *("", " ", "\n", "\r\n", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\ud800", "\ufeff", "'", '"'),
    *("[", "]", "{", "}", "(", ")", "<", ">", "</", "<!--", "<![CDATA[", "&#0;", "&lt;", "&a;", "%00", "%"),
    *(",", ":", "=", "==", "#", ";", "\\", "\\u0000", "\\ud800", "//", "..", "*", "${", "${aws:", "$"),
    *("-1", "0", "1e999", "-0", "0x1", "9" * 400, "9" * 5000, "NaN", "Infinity", "null", "true", "1.5", "1_0"),
    *("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *("2016-12-31T23:59:60Z", "2026-02-30T24:00:00Z", "²", "٣", "~nobody-here/x", "\U0010ffff"),
    *("[" * 300, "{" * 300, "<a>" * 300, "(" * 300, "x" * 3000, "'''", '"""', "[[", "]]"),
    *("[" * 3000, '{"a":' * 3000, "<a>" * 3000, "- " * 300, "a: " * 300, "a.b" * 3000),
    *("<!DOCTYPE a [<!ENTITY b 'c'>]>", "<?xml version='1.0' encoding='utf-16'?>", "xmlns:a='b'"),
)  # fmt: skip
pieces = st.sampled_from(_PIECES) | st.text(max_size=6)

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**15, 10**400, 0.5, 1e308, [], {}, "", [[]], {"": None}),
    *(nan, inf, -inf, 2**31, 2**63, 2**64, -(2**63), 253402300800, -62135596801, "0", "-1", "1e9"),
    *("0001-01-01T00:00:00+23:59", "2016-12-31T23:59:60Z", "2026-01-01T00:00:00", "\ud800"),
    *("9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00Z", "x" * 5000, ["a", "b"], {"a": {"b": "c"}}),
)  # fmt: skip
odd = (
    st.sampled_from(_ODD)
    | pieces
    | st.recursive(
        st.none() | st.booleans() | st.integers() | pieces,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(pieces, inner, max_size=3),
        max_leaves=5,
    )
)


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[str]) -> str:
    """Draw one of ``samples`` with up to four changes, or a text of pieces."""
    if draw(st.integers(0, 15)) == 0:
        return "".join(draw(st.lists(pieces, max_size=8)))
    text = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.sampled_from((0, 0, 1, 2, 10, 100, 10_000))))
        how = draw(st.integers(0, 3))
        new = draw(pieces) if how < 2 else text[at:end] * 2 if how == 2 else ""
        text = text[:at] + new + text[end:]
    return text


@st.composite
def mutated_bytes(draw: st.DrawFn, samples: Sequence[str]) -> bytes:
    """Draw a changed text in UTF-8, seldom with a byte that is none."""
    data = draw(mutated(samples)).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 7)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at:]
    return data


@st.composite
def changed_json(draw: st.DrawFn, samples: Sequence[Any]) -> Any:
    """Draw one of ``samples``, JSON values, with up to three members replaced or gone."""
    document = json.loads(json.dumps(draw(st.sampled_from(samples))))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.integers(0, 4)) == 0:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(draw(odd))
    return document


def json_text(samples: Sequence[Any]) -> st.SearchStrategy[str]:
    """Return texts that are JSON with odd members, or nearly JSON."""
    return changed_json(samples).map(json.dumps) | mutated([json.dumps(each) for each in samples])


def json_bytes(samples: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """Return the same as bytes."""
    odd_members = changed_json(samples).map(lambda document: json.dumps(document).encode())
    return odd_members | mutated_bytes([json.dumps(each) for each in samples])


def _places(document: Any) -> Any:
    """Yield every container with every key or index in it."""
    if isinstance(document, dict):
        keys: list[Any] = list(document)
    elif isinstance(document, list):
        keys = list(range(len(document)))
    else:
        return
    for key in keys:
        yield document, key
        yield from _places(document[key])
