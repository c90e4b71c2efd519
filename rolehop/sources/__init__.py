"""The registry of source types.

To add a type, write a module here and add a row below; the rest is in ``CHANGES`` of
``tests/house_map.py``.

Each module ends in a ``TYPE``, which defines the type's config keys, how its stamp is made (what
tells one state of the source from another without the network) and how the source is built. What
else a walk does with a type is a field of `SourceType`; types are named in `plan.identity` (whose
answer does not say whose session it is) and where a first config explains them. A module is imported when a config first uses its type, because
most configs use one or two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from rolehop.base.errors import RolehopError
from rolehop.config.model import SourceConfig

if TYPE_CHECKING:
    from rolehop.awsconfig import AwsConfig
    from rolehop.config.schema import Table
    from rolehop.plan.model import Stamp
    from rolehop.sources.context import FederatedIdentity, SourceContext
    from rolehop.sources.source_type import (
        ConsoleUser,
        Diagnosis,
        Expanded,
        LoginSupport,
        PortalRole,
        SourceType,
    )
    from rolehop.walk.ports import Source

__all__ = [
    "SOURCE_TABLES",
    "SOURCE_TYPES",
    "build_source",
    "console_user",
    "diagnose",
    "expand",
    "federated_identity",
    "first_problem",
    "first_warning",
    "is_expanded_to_another",
    "is_federated",
    "loads_locally",
    "login_support",
    "own_problem",
    "portal_role",
    "stamp_asks_device",
    "stamp_of",
]

_MODULES = {
    "keys": "keys",
    "profile": "profile",
    "environment": "environment",
    "identity-center": "identity_center",
    "instance": "instance",
    "container": "container",
    "web-identity": "web_identity",
    "saml": "saml",
    "roles-anywhere": "roles_anywhere",
    "process": "process",
}

Part = TypeVar("Part", covariant=True)


class _ByType(Mapping[str, Part]):
    """One part of each source type, by type name; the module is imported on lookup."""

    def __init__(self, part: Callable[[SourceType], Part]) -> None:
        self._part = part
        self._found: dict[str, Part] = {}

    def __getitem__(self, name: str) -> Part:
        if name not in self._found:
            self._found[name] = self._part(import_module(f"{__name__}.{_MODULES[name]}").TYPE)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


SOURCE_TYPES: Mapping[str, SourceType] = _ByType(lambda source_type: source_type)

SOURCE_TABLES: Mapping[str, Table] = _ByType(lambda source_type: source_type.table)
"""The config keys of each type, besides those that every source has."""


def expand(source: SourceConfig, aws: AwsConfig) -> Expanded:
    """Return the source that ``source`` starts from, the hops before the chain's own, and notes.

    Raises:
        SourceError: it names an AWS profile that does not exist.
        ConfigError: the profile cannot be resolved.
    """
    expanded = SOURCE_TYPES[source.type].expand
    return (source, (), ()) if expanded is None else expanded(source, aws)


def is_expanded_to_another(source: SourceConfig) -> bool:
    """True if `expand` looks up what ``source`` leads to, in an AWS config."""
    return SOURCE_TYPES[source.type].expand is not None


def loads_locally(source: SourceConfig, context: SourceContext) -> bool:
    """True if an expanded source is loaded without a call, a question or a program."""
    found = SOURCE_TYPES[source.type].loads_locally
    return found is not None and found(source, context)


def stamp_of(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return the current stamp of ``source``; a ``profile`` must be expanded first.

    Raises:
        SourceError: the source can only lead back to rolehop itself.
    """
    return SOURCE_TYPES[source.type].stamp(source, context)


def stamp_asks_device(source: SourceConfig) -> bool:
    """True if `stamp_of` an expanded source reads a token or a card, whose driver may hang."""
    asks = SOURCE_TYPES[source.type].stamp_asks_device
    return asks is not None and asks(source)


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return what ``source`` looks for and what was found; empty if the type cannot tell."""
    found = SOURCE_TYPES[source.type].diagnose
    return () if found is None else found(source, context)


def first_problem(found: Sequence[Diagnosis]) -> str | None:
    """Return the first problem, or ``None`` if there is none."""
    return next((f"{each.looked_for}: {each.found}" for each in found if each.good is False), None)


def own_problem(found: Sequence[Diagnosis]) -> str | None:
    """Return the first problem of the source itself, whatever its chains name."""
    return first_problem([each for each in found if not each.of_chain])


def first_warning(found: Sequence[Diagnosis]) -> str | None:
    """Return the first warning about a problem to come, or ``None`` if there is none."""
    return next((each.warning for each in found if each.warning), None)


def is_federated(source: SourceConfig) -> bool:
    """True if the source gets its role by an STS call of its own, with a token or a certificate."""
    return SOURCE_TYPES[source.type].federated_identity is not None


def names_permission_set(source: SourceConfig) -> bool:
    """True if ``role`` of ``source`` is a permission set of Identity Center."""
    return SOURCE_TYPES[source.type].names_permission_set


def federated_identity(source: SourceConfig, context: SourceContext) -> FederatedIdentity | None:
    """Return what is known of a federated source's role session, or ``None`` for other types."""
    found = SOURCE_TYPES[source.type].federated_identity
    return None if found is None else found(source, context)


def portal_role(source: SourceConfig, context: SourceContext) -> PortalRole | None:
    """Return the role that an access portal signs a person in to.

    ``None``: there is no portal, or the role is not known before an expanded source is loaded.

    Raises:
        ConfigError: the portal's address is not in the AWS config.
    """
    found = SOURCE_TYPES[source.type].portal_role
    return None if found is None else found(source, context)


def console_user(source: SourceConfig, context: SourceContext) -> ConsoleUser | None:
    """Return how the console is signed in to as a user who may switch roles.

    ``None``: AWS's documentation does not say that the user of an expanded source may.
    """
    found = SOURCE_TYPES[source.type].console_user
    return None if found is None else found(source, context)


def login_support(source: SourceConfig) -> LoginSupport | None:
    """Return how a person signs in to ``source``, or ``None`` if it has no sign-in."""
    return SOURCE_TYPES[source.type].sign_in


def build_source(source: SourceConfig, context: SourceContext) -> Source:
    """Return the source that ``source`` configures; a ``profile`` must be expanded first.

    What it gives is checked, whatever its type: never empty, over, or without an end in sight.
    """
    from rolehop.sources.checked_source import CheckedSource

    built = SOURCE_TYPES[source.type].build(source, context)
    return CheckedSource(built, source.name, context.now)


OF_PROFILE = "profile/"
"""Before the name of an AWS profile if a source of the config has that name; no source has a slash."""


def source_of_profile(name: str, configured: Container[str]) -> SourceConfig:
    """Return the source that an AWS profile is, under a name that no ``configured`` source has."""
    own = f"{OF_PROFILE}{name}" if name in configured else name
    return SourceConfig(name=own, type="profile", settings={"profile": name})


def base_of(source: SourceConfig, aws: Callable[[], AwsConfig]) -> SourceConfig:
    """Return the source that ``source`` starts from: itself, or what its AWS profile leads to.

    It is ``source`` if there is no such profile, or if that is broken.
    """
    expand = SOURCE_TYPES[source.type].expand
    if expand is not None:
        with contextlib.suppress(RolehopError):
            return expand(source, aws())[0]
    return source


def token_name(base: SourceConfig, context: Callable[[], SourceContext]) -> str | None:
    """Return the name in the vault of what a sign-in to an expanded source stores, if it ends."""
    support = login_support(base)
    if support is None or support.token_name is None:
        return None
    with contextlib.suppress(RolehopError):  # its sso_session does not exist
        return support.token_name(base, context())
    return None


def profiles_with_sign_in(
    configured: Mapping[str, SourceConfig], context: SourceContext
) -> list[SourceConfig]:
    """Return the source of one AWS profile for each Identity Center that no ``configured`` one has."""
    from rolehop.awsconfig import CredentialKind, credential_kind_of

    aws = context.aws

    def token_of(source: SourceConfig) -> str | None:
        return token_name(base_of(source, lambda: aws), lambda: context)

    seen = {token_of(each) for each in configured.values()}
    found = []
    for name in aws.profiles:
        if credential_kind_of(aws, name) is CredentialKind.SSO:
            source = source_of_profile(name, configured)
            token = token_of(source)
            if token not in {None, *seen}:
                seen.add(token)
                found.append(source)
    return found
