"""What a role session passes on to later hops, and what STS refuses because of it.

Transitive session tags travel on and cannot be sent again; keys that differ only in case are one
key (IAM user guide, "Passing session tags"). A source identity, once set, cannot change (IAM user
guide, "Monitor and control actions taken with assumed roles").
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Protocol

from rolehop.startup.dataclass import dataclass, field

Tags = Iterable[tuple[str, str]]


def tag_key(key: str) -> str:
    """Return ``key`` as it is compared."""
    return key.casefold()


def repeated_tags(tags: Tags, inherited: Container[str]) -> tuple[str, ...]:
    """Return the keys of ``tags`` that are inherited already; ``inherited`` is of compared keys."""
    return tuple(key for key, _ in tags if tag_key(key) in inherited)


def changes_identity(sent: str | None, inherited: object) -> bool:
    """True if sending ``sent`` would change the source identity; ``None`` sends or inherits none."""
    return sent is not None and inherited is not None and sent != inherited


class _Hop(Protocol):
    @property
    def tags(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def transitive_tags(self) -> tuple[str, ...]: ...
    @property
    def source_identity(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class PassedTag:
    """A transitive tag and the hop that set it."""

    key: str
    value: str
    hop: str


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What the hops so far pass on to the next one."""

    tags: Mapping[str, PassedTag] = field(default_factory=dict)
    """By the key as it is compared."""

    identity: str | None = None
    identity_hop: str = ""
    """The hop that set the source identity."""

    def after(self, hop: _Hop, name: str) -> Inheritance:
        """Return what the hop after ``hop`` inherits; ``name`` is how messages name ``hop``."""
        own = {tag_key(key): PassedTag(key, value, name) for key, value in hop.tags}
        passed = [key for each in hop.transitive_tags if (key := tag_key(each)) in own]
        first = self.identity is None
        return Inheritance(
            {**{key: own[key] for key in passed}, **self.tags},
            hop.source_identity if first else self.identity,
            name if first else self.identity_hop,
        )
