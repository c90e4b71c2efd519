"""The table of source types: a new one is a file here, a row below, and a class of tests.

A row says which keys the type has in the config, how its stamp is made (what tells one state of
the source from another, without the network), and how the source itself is built. Nothing heavy is
imported for it: the AWS library is loaded when a profile that needs it is resolved, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rolehop.config.model import SourceConfig
from rolehop.config.schema import Table
from rolehop.plan import Stamp
from rolehop.ports import Source
from rolehop.sources import (
    container,
    environment,
    identity_center,
    instance,
    keys,
    process,
    profile,
    roles_anywhere,
    saml,
    web_identity,
)
from rolehop.sources.inputs import (
    Build,
    Finding,
    FindingsOf,
    Finished,
    Inputs,
    KeyStore,
    Run,
    SignIn,
    StampOf,
)
from rolehop.sources.profile import expand

__all__ = [
    "SOURCE_TYPES",
    "Finding",
    "Finished",
    "Inputs",
    "KeyStore",
    "Run",
    "SourceType",
    "build_source",
    "expand",
    "findings_of",
    "sign_in_of",
    "stamp_of",
]


@dataclass(frozen=True, slots=True)
class SourceType:
    """One kind of source."""

    table: Table
    """Its own keys; those every source has are in ``config.schema.SOURCE``."""

    stamp: StampOf
    """Reads the environment and files, never the network."""

    build: Build
    """Makes the source; nothing is loaded yet."""

    findings: FindingsOf | None = None
    """Says what is looked for and where, and what was found; never the network, never a secret."""

    sign_in: SignIn | None = None
    """Where a person can sign in to it."""


SOURCE_TYPES: Mapping[str, SourceType] = {
    "keys": SourceType(keys.TABLE, keys.stamp, keys.build),
    "profile": SourceType(profile.TABLE, profile.stamp, profile.build),
    "environment": SourceType(environment.TABLE, environment.stamp, environment.build),
    "identity-center": SourceType(
        identity_center.TABLE,
        identity_center.stamp,
        identity_center.build,
        identity_center.findings,
        SignIn(identity_center.login, identity_center.logout),
    ),
    "instance": SourceType(
        instance.TABLE, instance.stamp, instance.build, findings=instance.findings
    ),
    "container": SourceType(
        container.TABLE, container.stamp, container.build, findings=container.findings
    ),
    "web-identity": SourceType(
        web_identity.TABLE,
        web_identity.stamp,
        web_identity.build,
        web_identity.findings,
        SignIn(web_identity.login, web_identity.logout),
    ),
    "saml": SourceType(
        saml.TABLE, saml.stamp, saml.build, saml.findings, SignIn(saml.login, saml.logout)
    ),
    "roles-anywhere": SourceType(
        roles_anywhere.TABLE,
        roles_anywhere.stamp,
        roles_anywhere.build,
        roles_anywhere.findings,
        SignIn(roles_anywhere.login, roles_anywhere.logout),
    ),
    "process": SourceType(process.TABLE, process.stamp, process.build),
}


def stamp_of(source: SourceConfig, inputs: Inputs) -> Stamp:
    """Return the stamp of ``source`` as it is now; a ``profile`` must be expanded before.

    Raises:
        SourceError: the source can only lead back to rolehop itself.
    """
    return SOURCE_TYPES[source.type].stamp(source, inputs)


def findings_of(source: SourceConfig, inputs: Inputs) -> Sequence[Finding]:
    """Return what ``source`` looks for and what is there; empty where the type does not say."""
    found = SOURCE_TYPES[source.type].findings
    return () if found is None else found(source, inputs)


def sign_in_of(source: SourceConfig) -> SignIn | None:
    """Return how a person signs in to ``source``; ``None``: nobody does."""
    return SOURCE_TYPES[source.type].sign_in


def build_source(source: SourceConfig, inputs: Inputs) -> Source:
    """Return the source that ``source`` describes; a ``profile`` must be expanded before."""
    return SOURCE_TYPES[source.type].build(source, inputs)
