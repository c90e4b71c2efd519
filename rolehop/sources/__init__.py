"""The table of source types: a new one is a file here, a row below, and a class of tests.

And a paragraph with an example under "Sources" of the README: a test loads what is there, and asks
that every type is shown.

Each file ends in a ``TYPE`` that says which keys the type has in the config, how its stamp is made
(what tells one state of the source from another, without the network), and how the source itself
is built. A file is imported when a config first uses its type: most configs use one or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rolehop.awsconfig import AwsConfig
    from rolehop.config.model import SourceConfig
    from rolehop.config.schema import Table
    from rolehop.plan import Stamp
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext
    from rolehop.sources.federation import FederatedIdentity
    from rolehop.sources.source_type import Expanded, Finding, LoginSupport, SourceType

__all__ = [
    "SOURCE_TABLES",
    "SOURCE_TYPES",
    "build_source",
    "expand",
    "facts_of",
    "findings_of",
    "is_federated",
    "problem_in",
    "sign_in_of",
    "stamp_of",
    "warning_in",
]

_FILES = {
    "keys": "keys",
    "profile": "profile",
    "environment": "environment",
    "identity-center": "identity_center.source",
    "instance": "instance",
    "container": "container",
    "web-identity": "web_identity.source",
    "saml": "saml.source",
    "roles-anywhere": "roles_anywhere.source",
    "process": "process",
}


Part = TypeVar("Part", covariant=True)


class _ByType(Mapping[str, Part]):
    """Something of each source type, by its name; the type is imported when it is looked up."""

    def __init__(self, part: Callable[[SourceType], Part]) -> None:
        self._part = part

    def __getitem__(self, name: str) -> Part:
        return self._part(import_module(f"{__name__}.{_FILES[name]}").TYPE)

    def __iter__(self) -> Iterator[str]:
        return iter(_FILES)

    def __len__(self) -> int:
        return len(_FILES)


SOURCE_TYPES: Mapping[str, SourceType] = _ByType(lambda kind: kind)
SOURCE_TABLES: Mapping[str, Table] = _ByType(lambda kind: kind.table)
"""The keys that each type has of its own."""


def expand(source: SourceConfig, aws: AwsConfig) -> Expanded:
    """Return where ``source`` really starts, the hops it stands for, and notes for a person.

    Raises:
        SourceError: it stands for a profile that is not there.
        ConfigError: the profile cannot be followed.
    """
    expanded = SOURCE_TYPES[source.type].expand
    return (source, (), ()) if expanded is None else expanded(source, aws)


def stamp_of(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return the stamp of ``source`` as it is now; a ``profile`` must be expanded before.

    Raises:
        SourceError: the source can only lead back to rolehop itself.
    """
    return SOURCE_TYPES[source.type].stamp(source, inputs)


def findings_of(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Return what ``source`` looks for and what is there; empty where the type does not say."""
    found = SOURCE_TYPES[source.type].findings
    return () if found is None else found(source, inputs)


def problem_in(found: Sequence[Finding]) -> str | None:
    """Return the first thing found that stands in the source's way, ``None``: nothing is seen."""
    return next((f"{each.looked_for}: {each.found}" for each in found if each.good is False), None)


def warning_in(found: Sequence[Finding]) -> str | None:
    """Return the first thing found that will stand in its way before long, ``None``: nothing."""
    return next((each.warning for each in found if each.warning), None)


def is_federated(source: SourceConfig) -> bool:
    """Tell whether a source gets a role by a call of its own, with a token or a certificate."""
    return SOURCE_TYPES[source.type].facts is not None


def facts_of(source: SourceConfig, inputs: SourceContext) -> FederatedIdentity | None:
    """Return what is known of a federated source's own role; ``None``: it is no such source."""
    found = SOURCE_TYPES[source.type].facts
    return None if found is None else found(source, inputs)


def sign_in_of(source: SourceConfig) -> LoginSupport | None:
    """Return how a person signs in to ``source``; ``None``: nobody does."""
    return SOURCE_TYPES[source.type].sign_in


def build_source(source: SourceConfig, inputs: SourceContext) -> Source:
    """Return the source that ``source`` describes; a ``profile`` must be expanded before."""
    return SOURCE_TYPES[source.type].build(source, inputs)
