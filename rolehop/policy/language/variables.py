"""Policy variables: ``${aws:username}``, ``${aws:PrincipalTag/team, 'none'}`` and ``${*}``.

Source: IAM user guide, "IAM policy elements: variables and tags".
"""

from __future__ import annotations

from rolehop.policy.language.request_context import UNKNOWN, Context, Unknown
from rolehop.policy.language.wildcards import Token, Wild, matches, tokens_of
from rolehop.startup.dataclass import dataclass, field, replace
from rolehop.startup.lazy_regex import Pattern

_VARIABLE = Pattern(r"\$\{([^{}]*)\}")
_KEY = Pattern(r"\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?")
_LITERALS = {"*", "?", "$"}


@dataclass(frozen=True, slots=True)
class Variable:
    """A reference to the request's value of a key."""

    key: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """A policy value, parsed; ``text`` is the original."""

    text: str
    parts: tuple[Token | Variable, ...] = field(repr=False)
    has_variable: bool = field(repr=False, default=False)
    fixed: str | None = field(repr=False, default=None)
    """The whole text if it has no wildcard and no variable."""


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A template whose variable has no value here; ``known``: it is absent, else it is unknown."""

    key: str
    known: bool
    widest: tuple[Token, ...] | None = field(default=None, repr=False)
    """Of an unknown variable: a pattern of all that the template may be; ``None``: anything."""


def parse_template(text: str, *, variables: bool, wild: bool) -> Template:
    """Parse ``text``; without ``wild`` a star is literal, without ``variables`` ``${`` is."""
    if not variables or "${" not in text:
        tokens = _literal(text, wild=wild)
        fixed = text if not any(isinstance(each, Wild) for each in tokens) else None
        return Template(text, tokens, fixed=fixed)
    parts: list[Token | Variable] = []
    at = 0
    for match in _VARIABLE.compiled.finditer(text):
        parts.extend(_literal(text[at : match.start()], wild=wild))
        parts.append(_inside(match[1], match[0]))
        at = match.end()
    parts.extend(_literal(text[at:], wild=wild))
    return Template(text, tuple(parts), any(isinstance(each, Variable) for each in parts))


def _literal(text: str, *, wild: bool) -> tuple[Token, ...]:
    return tokens_of(text) if wild else (text,) if text else ()


def _inside(inside: str, whole: str) -> Token | Variable:
    if inside in _LITERALS:
        return inside
    match = _KEY.fullmatch(inside)
    return Variable(match[1], match[2]) if match else whole


def fill(template: Template, context: Context) -> tuple[Token, ...] | Unfilled:
    """Fill in the request's values; their characters are literal, stars included."""
    if not template.has_variable:
        return tuple(each for each in template.parts if not isinstance(each, Variable))
    filled: list[Token] = []
    without_value: list[Unfilled] = []
    for part in template.parts:
        value = _value(part, context) if isinstance(part, Variable) else part
        if not isinstance(value, Unfilled):
            filled.append(value)
            continue
        if value.known:
            return value  # it matches nothing, whatever the others are
        without_value.append(value)
        filled.append(Wild.RUN)
    if not without_value:
        return tuple(filled)
    has_many = any(context.lookup(each.key) is not UNKNOWN for each in without_value)
    return replace(without_value[0], widest=None if has_many else tuple(filled))


def may_be(text: str, unfilled: Unfilled) -> bool:
    """True if ``text`` is possible for a template with an unknown variable."""
    return unfilled.widest is None or matches(text, unfilled.widest)


def is_misplaced(template: Template) -> bool:
    """True if a Resource has a variable before its fifth colon, where AWS allows none.

    Source: IAM user guide, "Using policy variables in the Resource element".
    """
    colons = 0
    for part in template.parts:
        if isinstance(part, Variable):
            return colons < 5
        colons += part.count(":") if isinstance(part, str) else 0
    return False


def _value(variable: Variable, context: Context) -> str | Unfilled:
    found = context.lookup(variable.key)
    if isinstance(found, Unknown) or (found is not None and len(found) > 1):
        return Unfilled(variable.key, known=False)
    if found is not None:
        return found[0]
    if variable.default is not None:
        return variable.default
    return Unfilled(variable.key, known=True)
