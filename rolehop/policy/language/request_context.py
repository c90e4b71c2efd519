"""The condition keys of a request: known values, keys known to be absent, unknown keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum

from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.startup import Pattern
from rolehop.policy.language.operators import Token, Wild, matches, tokens_of


class Unknown(Enum):
    """The value of a key about which nothing is known."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


class Context:
    """Condition keys and their values; keys are compared without regard to case.

    Args:
        values: key to its values, at least one each; an empty sequence counts as absent, and
            ``UNKNOWN`` as not known, though the rest of its family be absent.
        absent: keys that the request does not have; one that ends in ``/`` stands for all
            keys with that prefix (``aws:RequestTag/``).
        closed: nothing is unknown: a key without a value is absent.
        ranges: key to the smallest and the largest value it can have; the request has it.
        patterns: key to what its value is like, with wildcards; the request has it.
        present: keys that the request has, with a value that is not known.
        may_have: ``False`` for a key, in lower case, that such a request never has; keys with
            values, or listed as unknown, are not asked about.
    """

    def __init__(
        self,
        values: Mapping[str, Sequence[str] | Unknown],
        absent: Iterable[str] = (),
        *,
        closed: bool = False,
        ranges: Mapping[str, tuple[str, str]] | None = None,
        patterns: Mapping[str, str] | None = None,
        present: Iterable[str] = (),
        may_have: Callable[[str], bool] | None = None,
    ) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        self._absent = {key.lower() for key in absent}
        self._unknown: set[str] = set()
        for key, found in values.items():
            if isinstance(found, Unknown):
                self._unknown.add(key.lower())
            elif found:
                self._values[key.lower()] = tuple(found)
            else:
                self._absent.add(key.lower())
        self._closed = closed
        self._ranges = {key.lower(): ends for key, ends in (ranges or {}).items()}
        self._patterns = {key.lower(): each for key, each in (patterns or {}).items()}
        self._present = {*self._ranges, *self._patterns, *(key.lower() for key in present)}
        self._may_have = may_have
        self._original: Context = self
        self._supplied: dict[str, tuple[str, ...]] = {}

    def lookup(self, key: str) -> tuple[str, ...] | Unknown | None:
        """Return the values, ``None`` if the key is absent, or ``UNKNOWN``."""
        lowered = key.lower()
        if lowered in self._values:
            return self._values[lowered]
        if lowered in self._unknown and lowered not in self._absent:
            return UNKNOWN
        family = lowered.partition("/")[0] + "/" if "/" in lowered else lowered
        if self._closed or lowered in self._absent or family in self._absent:
            return None
        if self._may_have is not None and not self._may_have(lowered):
            return None
        return UNKNOWN

    def range_of(self, key: str) -> tuple[str, str] | None:
        """Return the smallest and largest value an unknown key can have; ``None``: not known."""
        return self._ranges.get(key.lower())

    def pattern_of(self, key: str) -> str | None:
        """Return what the value of an unknown key is like; ``None``: not known."""
        return self._patterns.get(key.lower())

    def has(self, key: str) -> bool:
        """True if the request certainly has the key, whatever its value."""
        found = self.lookup(key)
        return isinstance(found, tuple) or (found is UNKNOWN and key.lower() in self._present)

    def with_missing_filled(self, values: Mapping[str, Sequence[str]]) -> Context:
        """Return this context with ``values`` added for keys that are unknown."""
        return self.with_supplied({k: v for k, v in values.items() if self.lookup(k) is UNKNOWN})

    @property
    def supplied(self) -> tuple[str, ...]:
        """The keys that the user supplied, as they were typed."""
        return tuple(self._supplied)

    def without(self, *keys: str) -> Context:
        """Return this context as it would be had the user not supplied ``keys``."""
        return self._original.with_supplied(
            {k: v for k, v in self._supplied.items() if k not in keys}
        )

    def opened(self, keys: Iterable[str]) -> Context:
        """Return this context without what is known of ``keys``; a family's ends in ``/``."""
        lowered = {key.lower() for key in keys}
        families = tuple(key for key in lowered if key.endswith("/"))
        base = self._original

        def is_kept(key: str) -> bool:
            return key not in lowered and not key.startswith(families)

        found = self._empty()
        found._unknown = base._unknown | lowered
        found._values = {key: each for key, each in base._values.items() if is_kept(key)}
        found._absent = {key for key in base._absent if is_kept(key)}
        return found.with_supplied(self._supplied)

    def with_supplied(self, values: Mapping[str, Sequence[str]]) -> Context:
        """Return this context with ``values`` in place of what it has: the user's values win."""
        if not values:
            return self
        merged = self._empty()
        merged._unknown = self._unknown
        merged._original = self._original
        added = {key: tuple(found) for key, found in values.items()}
        merged._supplied = self._supplied | added
        known = self._values | {key.lower(): found for key, found in added.items()}
        merged._values = {key: found for key, found in known.items() if found}
        merged._absent = self._absent | {key.lower() for key in added}  # but for those with values
        tags = next((each for key, each in added.items() if key.lower() == "aws:tagkeys"), None)
        if tags is not None:  # no other tag is sent; of those that are, the value is not known
            merged._unknown = self._unknown | {f"aws:requesttag/{tag.lower()}" for tag in tags}
            merged._absent.add("aws:requesttag/")
        return merged

    def _empty(self) -> Context:
        """Return a context by the same rules, without keys."""
        return Context(
            {},
            closed=self._closed,
            ranges=self._ranges,
            patterns=self._patterns,
            present=self._present,
            may_have=self._may_have,
        )


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

    completed: bool = field(repr=False, default=False)
    """An incomplete ARN, to which AWS adds ``*`` for every part that is missing."""


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
        fixed = text if not any(isinstance(token, Wild) for token in tokens) else None
        return Template(text, tokens, fixed=fixed)
    parts: list[Token | Variable] = []
    at = 0
    for match in _VARIABLE.compiled.finditer(text):
        parts.extend(_literal(text[at : match.start()], wild=wild))
        parts.append(_inside(match[1], match[0]))
        at = match.end()
    parts.extend(_literal(text[at:], wild=wild))
    return Template(text, tuple(parts), any(isinstance(part, Variable) for part in parts))


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


# IAM user guide, "AWS global condition context keys", "Multivalued", and STS's own; a variable
# stands for a key with a single value ("IAM policy elements: Variables and tags").
MULTIVALUED = frozenset(
    {
        *("aws:calledvia", "aws:principalorgpaths", "aws:principalservicenameslist"),
        *("aws:resourceorgpaths", "aws:sourceorgpaths", "aws:tagkeys", "aws:vpceorgpaths"),
        "sts:transitivetagkeys",
    }
)


def _value(variable: Variable, context: Context) -> str | Unfilled:
    found = context.lookup(variable.key)
    many = found is not None and variable.key.lower() in MULTIVALUED
    if many or isinstance(found, Unknown) or (found is not None and len(found) > 1):
        return Unfilled(variable.key, known=False)
    if found is not None:
        return found[0]
    if variable.default is not None:
        return variable.default
    return Unfilled(variable.key, known=True)
