"""Parse policy documents strictly; each statement records its line.

Grammar: IAM user guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import NoReturn, TypeVar

from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.startup import Pattern
from rolehop.base.text import nearest, quoted
from rolehop.policy.language.operators import Operator, parse_operator
from rolehop.policy.language.request_context import Template, parse_template

LONGEST = 131_072
"""Characters. IAM's largest quota is 10,240 without white space; drafts may be longer."""

DEEPEST = 16
"""A policy needs six levels."""

_SPACE = Pattern(r"[ \t\n\r]*")
_STRING = Pattern(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = Pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}


class PolicyError(ValueError):
    """A document that cannot be read; the text names the place, line and column from 1."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it is written."""

    text: str


Value = str | bool | Number | None | dict[str, "Node"] | list["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One element; ``offset`` is where it starts in the text."""

    value: Value
    offset: int
    key_offsets: dict[str, int] | None = None
    """Of an object: the offset of each key."""


def error_at(text: str, offset: int, problem: str) -> PolicyError:
    """Make the error that points at ``offset``."""
    before = text[:offset].split("\n")
    return PolicyError(f"line {len(before)}, column {len(before[-1]) + 1}: {problem}")


def read_json(text: str) -> Node:
    """Read one JSON value.

    Raises:
        PolicyError: with line and column.
    """
    if len(text) > LONGEST:
        raise error_at(text, 0, f"longer than {LONGEST} characters")
    reader = _Reader(text)
    node = reader.value(0)
    if reader.at < len(text):
        raise reader.error("something follows the end of the document")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._skip()

    def error(self, problem: str, offset: int | None = None) -> PolicyError:
        return error_at(self.text, self.at if offset is None else offset, problem)

    def value(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.error(f"nested deeper than {DEEPEST} levels")
        match self._next():
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"':
                offset = self.at
                return Node(self._string(), offset)
            case _:
                return self._bare()

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self) -> None:
        match = _SPACE.compiled.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _take(self, mark: str) -> bool:
        if self._next() != mark:
            return False
        self.at += 1
        self._skip()
        return True

    def _string(self) -> str:
        match = _STRING.compiled.match(self.text, self.at)
        if match is None:
            raise self.error("a string that does not end, or holds what a JSON string may not")
        self.at = match.end()
        self._skip()
        found: str = json.loads(match[0])
        return found

    def _bare(self) -> Node:
        offset = self.at
        for word, value in _WORDS.items():
            if self.text.startswith(word, offset):
                self.at += len(word)
                self._skip()
                return Node(value, offset)
        match = _NUMBER.compiled.match(self.text, offset)
        if match is None:
            found = quoted(self.text[offset : offset + 20]) if self._next() else "the end"
            raise self.error(f"expected a value here, found {found}")
        self.at = match.end()
        self._skip()
        return Node(Number(match[0]), offset)

    def _array(self, depth: int) -> Node:
        offset = self.at
        self._take("[")
        found: list[Node] = []
        if self._take("]"):
            return Node(found, offset)
        while True:
            found.append(self.value(depth + 1))
            if self._take("]"):
                return Node(found, offset)
            if not self._take(","):
                raise self.error("expected a comma or ] here")

    def _object(self, depth: int) -> Node:
        offset = self.at
        self._take("{")
        found: dict[str, Node] = {}
        keys: dict[str, int] = {}
        if self._take("}"):
            return Node(found, offset, keys)
        while True:
            at = self.at
            if self._next() != '"':
                raise self.error("expected a key in double quotes here")
            key = self._string()
            if key in found:
                raise self.error(f"the key {quoted(key)} occurs twice", at)
            if not self._take(":"):
                raise self.error("expected a colon here")
            keys[key] = at
            found[key] = self.value(depth + 1)
            if self._take("}"):
                return Node(found, offset, keys)
            if not self._take(","):
                raise self.error("expected a comma or } here")


T = TypeVar("T")
MOST_STATEMENTS = 2_000
_LINE_END = Pattern(r"\n")


class Kind(Enum):
    """The type of a document, which decides which elements it may have."""

    TRUST = "trust policy"
    PERMISSIONS = "permissions policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    SCP = "service control policy"
    RCP = "resource control policy"
    RESOURCE = "resource-based policy"


class Effect(Enum):
    """The effect of a statement that applies."""

    ALLOW = "Allow"
    DENY = "Deny"


class PrincipalKind(Enum):
    """The key under which a principal is written."""

    AWS = "AWS"
    SERVICE = "Service"
    FEDERATED = "Federated"
    CANONICAL_USER = "CanonicalUser"


@dataclass(frozen=True, slots=True)
class Principal:
    """One principal as written; ``"*"`` alone is ``AWS`` ``*``."""

    kind: PrincipalKind
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator; its values are OR'ed, negated ones are all excluded."""

    operator: Operator
    key: str
    """As written; matched without regard to case."""

    values: tuple[str, ...]
    """As written; JSON booleans and numbers as their text."""

    templates: tuple[Template, ...] = field(repr=False)
    """The values, with policy variables and wildcards parsed."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. Of each pair (``X``, ``NotX``) at most one is set."""

    index: int
    """From 1, as people count."""

    sid: str | None
    effect: Effect
    line: int
    principals: tuple[Principal, ...] | None = None
    not_principals: tuple[Principal, ...] | None = None
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[Template, ...] | None = None
    not_resources: tuple[Template, ...] | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One document."""

    kind: Kind
    statements: tuple[Statement, ...]
    has_variables: bool
    """Version 2012-10-17: older documents take ``${…}`` literally."""


@lru_cache(maxsize=8192)
def parse_policy(text: str, kind: Kind) -> Policy:
    """Read a policy document of ``kind``.

    Raises:
        PolicyError: with line and column; the first problem found.
    """
    return _Parser(text, kind).policy(read_json(text))


_TOP = ("Version", "Id", "Statement")

_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)

_WITH_PRINCIPAL = {Kind.TRUST, Kind.RCP, Kind.RESOURCE}

# A permissions boundary is a managed policy, too.
_IDENTITY_BASED = (Kind.PERMISSIONS, Kind.BOUNDARY)


def _meant(key: str, known: tuple[str, ...]) -> str:
    """Return the question that names the nearest right spelling, or nothing."""
    near = nearest(key, known)
    return f"; did you mean {near[0]}?" if near else ""


class _Parser:
    def __init__(self, text: str, kind: Kind) -> None:
        self.text = text
        self.kind = kind
        self.variables: bool
        self.line_ends = [match.start() for match in _LINE_END.compiled.finditer(text)]

    def refuse(self, node: Node, problem: str) -> NoReturn:
        raise error_at(self.text, node.offset, problem)

    def policy(self, node: Node) -> Policy:
        top = self._object(node, "the document", _TOP)
        version = self._string(top["Version"], "Version") if "Version" in top else "2008-10-17"
        if version not in ("2012-10-17", "2008-10-17"):
            self.refuse(top["Version"], f"there is no policy language version {quoted(version)}")
        self.variables = version == "2012-10-17"
        if "Statement" not in top:
            self.refuse(node, "the document has no Statement")
        listed = top["Statement"]
        nodes = listed.value if isinstance(listed.value, list) else [listed]
        if len(nodes) > MOST_STATEMENTS:
            self.refuse(listed, f"more than {MOST_STATEMENTS} statements")
        statements = tuple(self._statement(each, n) for n, each in enumerate(nodes, start=1))
        return Policy(self.kind, statements, self.variables)

    def _statement(self, node: Node, index: int) -> Statement:
        parts = self._object(node, f"statement {index}", _ELEMENTS)
        for name in ("Principal", "Action", "Resource"):
            if name in parts and f"Not{name}" in parts:
                self.refuse(parts[f"Not{name}"], f"{name} and Not{name} exclude each other")
        self._check_elements(node, parts, index)
        return Statement(
            index=index,
            sid=self._string(parts["Sid"], "Sid") if "Sid" in parts else None,
            effect=self._effect(parts.get("Effect"), node, index),
            line=bisect_left(self.line_ends, node.offset) + 1,
            principals=self._maybe(parts, "Principal", self._principals),
            not_principals=self._maybe(parts, "NotPrincipal", self._principals),
            actions=self._maybe(parts, "Action", self._actions),
            not_actions=self._maybe(parts, "NotAction", self._actions),
            resources=self._maybe(parts, "Resource", self._resources),
            not_resources=self._maybe(parts, "NotResource", self._resources),
            conditions=self._maybe(parts, "Condition", self._conditions) or (),
        )

    def _check_elements(self, node: Node, parts: dict[str, Node], index: int) -> None:
        """Refuse what this kind of document cannot have, or lacks."""
        about = f"statement {index} of a {self.kind.value}"
        if not {"Action", "NotAction"} & set(parts):
            self.refuse(node, f"{about} needs an Action")
        principal = next((n for n in ("Principal", "NotPrincipal") if n in parts), None)
        if self.kind in _WITH_PRINCIPAL and principal is None:
            self.refuse(node, f"{about} needs a Principal")
        if self.kind not in _WITH_PRINCIPAL and principal is not None:
            self.refuse(parts[principal], f"{about} cannot have a {principal}")
        resource = next((n for n in ("Resource", "NotResource") if n in parts), None)
        if self.kind is Kind.TRUST and resource is not None:
            self.refuse(parts[resource], f"{about} cannot have a {resource}")
        if self.kind not in _WITH_PRINCIPAL and resource is None:
            self.refuse(node, f"{about} needs a Resource")

    def _object(self, node: Node, what: str, known: tuple[str, ...]) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            self.refuse(node, f"{what} is not an object")
        for key in node.value:
            if key not in known:
                meant = _meant(key, known)
                offset = (node.key_offsets or {})[key]
                problem = f"{what} cannot have the element {quoted(key)}{meant}"
                raise error_at(self.text, offset, problem)
        return node.value

    def _string(self, node: Node, what: str) -> str:
        if not isinstance(node.value, str):
            self.refuse(node, f"{what} is not a string")
        return node.value

    def _maybe(self, parts: dict[str, Node], name: str, read: Callable[[Node, str], T]) -> T | None:
        return read(parts[name], name) if name in parts else None

    def _effect(self, node: Node | None, statement: Node, index: int) -> Effect:
        if node is None:
            self.refuse(statement, f"statement {index} has no Effect")
        text = self._string(node, "Effect")
        if text not in ("Allow", "Deny"):
            self.refuse(node, f"Effect is Allow or Deny, not {quoted(text)}")
        return Effect(text)

    def _strings(self, node: Node, what: str) -> list[tuple[str, Node]]:
        nodes = node.value if isinstance(node.value, list) else [node]
        if not nodes:
            self.refuse(node, f"{what} is an empty list")
        return [(self._string(each, what), each) for each in nodes]

    def _actions(self, node: Node, what: str) -> tuple[str, ...]:
        found = self._strings(node, what)
        for text, each in found:
            if text != "*" and ":" not in text:
                self.refuse(each, f"{quoted(text)} is not an action: it must be service:Name")
        return tuple(text for text, _ in found)

    def _resources(self, node: Node, what: str) -> tuple[Template, ...]:
        return tuple(self._resource(text) for text, _ in self._strings(node, what))

    def _resource(self, text: str) -> Template:
        """Read a Resource; an incomplete ARN is completed in identity-based policies.

        Source: IAM user guide, "IAM ARNs": "AWS automatically completes the ARN by adding wildcard
        characters (*) to all missing fields". Of policies of other types it does not say so.
        """
        made = parse_template(text, variables=self.variables, wild=True)
        short = text.startswith("arn:") and 2 <= text.count(":") < 5 and not made.has_variable
        return replace(made, completed=True) if short and self.kind in _IDENTITY_BASED else made

    def _principals(self, node: Node, what: str) -> tuple[Principal, ...]:
        if node.value == "*":
            return (Principal(PrincipalKind.AWS, "*"),)
        kinds = tuple(kind.value for kind in PrincipalKind)
        if not isinstance(node.value, dict) or not node.value:
            self.refuse(node, f'{what} is "*" or an object with {", ".join(kinds)}')
        return tuple(
            Principal(PrincipalKind(kind), text)
            for kind, listed in self._object(node, what, kinds).items()
            for text, _ in self._strings(listed, f"{what} {kind}")
        )

    def _conditions(self, node: Node, what: str) -> tuple[Condition, ...]:
        if not isinstance(node.value, dict):
            self.refuse(node, f"{what} is not an object")
        found = []
        for name, keys in node.value.items():
            operator = parse_operator(name)
            if not isinstance(keys.value, dict):
                self.refuse(keys, f"{name} must be an object of condition keys")
            for key, values in keys.value.items():
                found.append(self._condition(operator, key, values))
        return tuple(found)

    def _condition(self, operator: Operator, key: str, node: Node) -> Condition:
        nodes = node.value if isinstance(node.value, list) else [node]
        values = tuple(self._scalar(each, key) for each in nodes)
        templates = tuple(
            parse_template(
                value,
                variables=self.variables and operator.takes_variables,
                wild=operator.takes_wildcards,
            )
            for value in values
        )
        return Condition(operator, key, values, templates)

    def _scalar(self, node: Node, key: str) -> str:
        match node.value:
            case str():
                return node.value
            case bool():
                return "true" if node.value else "false"
            case Number():
                return node.value.text
            case _:
                self.refuse(node, f"a value of {key} is text, a number or true/false")
