"""What checks a value checks all of it: no dot that passes over a line end, no end before the last one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import pytest

from rolehop.base.startup import Pattern
from tests.support.source_code import modules

LINES = {
    "rolehop.awsconfig.own_profiles._HEADER",
    "rolehop.awsconfig.own_profiles._KEY",
    "rolehop.awsconfig.taken_over._HEADER",
    "rolehop.commands.each.output_folder._TAKEN",  # of a name without a character that is unsafe
    "rolehop.commands.explain.ci_reports._SECTION",
    "rolehop.config.sts_limits._MFA_ARN",  # beside a check that knows no line end
}
"""Those that match one line, whose text has no line end."""


def patterns() -> Iterator[tuple[str, str, int]]:
    """Give each expression of a module that some module matches the whole of a text with."""
    text = "".join(path.read_text(encoding="utf-8") for path in modules().values())
    uses = re.findall(r"\b(\w+)(?:\.compiled)?\.fullmatch\b|\bmatching\((\w+)", text)
    matched = {name for use in uses for name in use}
    for module in modules():
        if module != "rolehop.hotpath.launcher":  # it starts the program
            for name, value in vars(import_module(module)).items():
                found = value.compiled if isinstance(value, Pattern) else value
                if isinstance(found, re.Pattern) and name in matched:
                    yield f"{module}.{name}", found.pattern, found.flags


def operations(parsed: Iterable[Any]) -> Iterator[str]:
    """Give the names of all that a parsed expression does, and of its arguments."""
    for each in parsed:
        if isinstance(each, int) and type(each) is not int:  # one of the parser's names
            yield str(each)
        elif isinstance(inside := getattr(each, "data", each), Iterable):
            yield from operations(inside)


def slips(expression: str, flags: int) -> set[str]:
    parser: Any = re._parser  # type: ignore[attr-defined]  # of the standard library
    found = {*operations([parser.parse(expression, flags)])}
    dot = {"."} if "ANY" in found and not flags & re.DOTALL else set()
    return dot | ({"$"} if "AT_END" in found else set())


def test_an_expression_that_a_whole_value_has_to_match_sees_every_line_end() -> None:
    assert {name for name, expression, flags in patterns() if slips(expression, flags)} == LINES


@pytest.mark.parametrize(
    ("expression", "found"),
    [("a.*b", {"."}), (r"(?:x|[.]+|\.)$", {"$"}), (r"(?s:a.)\Z", {"."}), (r"[^.$]*", set())],
)
def test_the_check_sees_a_slip(expression: str, found: set[str]) -> None:
    assert slips(expression, 0) == found
