"""The condition keys of a request: known values, keys known to be absent, unknown keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum


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
