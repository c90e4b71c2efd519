"""Find users, roles and groups by their names, without asking every one of thousands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class NameIndex:
    """The ARNs of ``entities`` by the last part of each, whatever its case."""

    def __init__(self, entities: Mapping[str, object]) -> None:
        self.entities = entities
        self._arns: dict[str, list[str]] = {}
        for arn in entities:
            self._arns.setdefault(arn.rpartition("/")[2].lower(), []).append(arn)

    def named(self, name: str) -> Iterable[str]:
        """Return the ARNs that end in ``/name``, in their order, whatever the case."""
        return self._arns.get(name.lower(), ())
