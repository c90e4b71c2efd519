"""The reader of JSON: what RFC 8259 allows is read, and what it refuses says where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolehop.policy.language.parser import Node, Number, PolicyError, read_json


def plain(node: Node) -> Any:
    """Return what Python's own reader would."""
    match node.value:
        case dict():
            return {key: plain(each) for key, each in node.value.items()}
        case list():
            return [plain(each) for each in node.value]
        case Number():
            return json.loads(node.value.text)
        case _:
            return node.value


@pytest.mark.parametrize(
    "text",
    [
        # White space may stand around every token.
        ' \t\r\n{ "a" : [ 1 , true , null , "b" , { } , [ ] , false ] , "c" : "d" , "e" : 2 } \n',
        '{"a":[1,true,null,"b",{},[],false],"c":"d","e":2}',
        '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00 ä"',
        "[0, -0, -12.50, 1e9, 1E+9, 2.5e-3]",
        '{"": {"a": [[1], [[2]]]}}',
    ],
)
def test_json_is_read_as_pythons_reader_reads_it(text: str) -> None:
    assert plain(read_json(text)) == json.loads(text)


def test_a_number_keeps_the_text_that_a_condition_compares() -> None:
    assert read_json(" 1.50").value == Number("1.50")


def test_an_element_knows_where_it_and_its_keys_are() -> None:
    node = read_json(' {"a": ["b"], "c": {"d": true}, "e": 1}')
    assert isinstance(node.value, dict)
    assert (node.offset, node.key_offsets) == (1, {"a": 2, "c": 14, "e": 32})
    assert {key: each.offset for key, each in node.value.items()} == {"a": 7, "c": 19, "e": 37}
    assert node.value["a"].value == [Node("b", 8)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected a value here, found the end"),
        ('{"a":', "line 1, column 6: expected a value here, found the end"),
        ("\n\n  nul", 'line 3, column 3: expected a value here, found "nul"'),
        ("\n+1", 'line 2, column 1: expected a value here, found "+1"'),
        (
            '{"a":\n "b", "c": abcdefghijklmnopqrstuvwxyz}',
            'line 2, column 12: expected a value here, found "abcdefghijklmnopqrst"',
        ),
        ('{"a": 1,\n "b": 2, "a": 3}', 'line 2, column 10: the key "a" occurs twice'),
        ("{a: 1}", "line 1, column 2: expected a key in double quotes here"),
        ('{"a" 1}', "line 1, column 6: expected a colon here"),
        ('{"a": 1 "b": 2}', "line 1, column 9: expected a comma or } here"),
        ('{"a": 1,}', "line 1, column 9: expected a key in double quotes here"),
        ("[1 2]", "line 1, column 4: expected a comma or ] here"),
        ("[1,]", 'line 1, column 4: expected a value here, found "]"'),
        ("[1", "line 1, column 3: expected a comma or ] here"),
        ('{"a": 1', "line 1, column 8: expected a comma or } here"),
        ("[1] ]", "line 1, column 5: something follows the end of the document"),
        ("truex", "line 1, column 5: something follows the end of the document"),
        ("NaN", 'line 1, column 1: expected a value here, found "NaN"'),
        ("01", "line 1, column 2: something follows the end of the document"),
        ('["a\nb"]', "line 1, column 2: a string that does not end, or holds what a JSON string may not"),
        *(
            (text, "line 1, column 1: a string that does not end, or holds what a JSON string may not")
            for text in ('"a', '"\x01"', '"\\x"', '"\\u12"')
        ),
        (" " * 131_073, "line 1, column 1: longer than 131072 characters"),
        ("[" * 17 + "0" + "]" * 17, "line 1, column 18: nested deeper than 16 levels"),
        ('{"a":' * 17 + "0" + "}" * 17, "line 1, column 86: nested deeper than 16 levels"),
    ],
    ids=lambda each: each[:40],
)  # fmt: skip
def test_what_is_no_json_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_json(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    ["[]" + " " * 131_070, "[" * 16 + "0" + "]" * 16, '{"a":' * 16 + "0" + "}" * 16],
    ids=["longest", "deepest list", "deepest object"],
)
def test_what_is_as_long_or_as_deep_as_it_may_be_is_read(text: str) -> None:
    assert plain(read_json(text)) == json.loads(text)
