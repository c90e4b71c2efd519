"""What is known of a federated source's role session before any call, for evaluating hop 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.errors import SourceError
from rolehop.startup.dataclass import dataclass, field, replace
from rolehop.startup.lazy_regex import Pattern

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_IDENTITY = Pattern(r"[A-Za-z0-9_+=,.@-]{2,64}")  # SourceIdentity (STS API reference, AssumeRole)


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """What the config, variables and a local token or certificate say, unverified; no secrets.

    ``None``, or a missing key, means that the value is not known.
    """

    role: str | None = None
    """Its ARN, or ``ACCOUNT:role/NAME``."""

    provider: str | None = None
    """ARN of a SAML provider."""

    issuer: str | None = None
    """Of a web identity token: host and path, the prefix of AWS's condition keys for it."""

    session_name: str | None = None

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition keys and their values; an empty tuple means that the key is certainly absent."""

    tags: Mapping[str, str] | None = None
    """All the session tags of the call."""

    transitive: tuple[str, ...] = ()

    source_identity: str | None = None
    """``None`` if it is not set, provided that ``tags`` are known."""

    unread: str | None = None
    """Name of a claim that STS may read, but whose form rolehop does not know."""


def with_certificate(identity: FederatedIdentity, file: Path) -> FederatedIdentity:
    """Return ``identity`` with the tags and source identity of the certificate in a PEM file.

    IAM Roles Anywhere makes session tags of the certificate's attributes, and the source identity
    of its subject's common name (Roles Anywhere user guide, "The trust model"). A certificate that
    cannot be read adds nothing.
    """
    try:
        from rolehop.aws.certificates import x509

        leaf = x509.certificates(file)[0]
    except (ModuleNotFoundError, SourceError):
        return identity
    tags = x509.attributes(leaf)
    common = tags.get("x509Subject/CN", ())
    return replace(
        identity,
        keys={f"aws:PrincipalTag/{name}": values for name, values in tags.items()},
        source_identity=next(filter(_IDENTITY.fullmatch, common), None),
    )
