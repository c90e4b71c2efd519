"""What a federated source knows of its own role's session before any call: for judging its hop 0."""

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
    """What config, variables, a token or a certificate at hand tell; nothing is verified, no secret.

    ``None``, and a key that is not there: nobody can tell from here.
    """

    role: str | None = None
    """Its ARN, or ``ACCOUNT:role/NAME``."""

    provider: str | None = None
    """ARN of a SAML provider."""

    issuer: str | None = None
    """Of a web identity token: host and path, as AWS's condition keys begin with."""

    session_name: str | None = None

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition keys and their values; none: surely absent."""

    tags: Mapping[str, str] | None = None
    """The session tags that go with the call, all of them."""

    transitive: tuple[str, ...] = ()

    source_identity: str | None = None
    """Where ``tags`` are known, ``None``: none is set."""

    unread: str | None = None
    """A claim of the token that STS may read, and in no form known here."""


def with_certificate(facts: FederatedIdentity, file: Path) -> FederatedIdentity:
    """Return ``facts`` with what the certificate in a PEM file tells, where it can be read.

    IAM Roles Anywhere makes session tags of its attributes, and the source identity of its
    subject's common name (Roles Anywhere user guide, "The trust model").
    """
    try:
        from rolehop.aws import x509

        leaf = x509.certificates(file)[0]
    except (ModuleNotFoundError, SourceError):
        return facts
    tags = x509.attributes(leaf)
    common = tags.get("x509Subject/CN", ())
    return replace(
        facts,
        keys={f"aws:PrincipalTag/{name}": values for name, values in tags.items()},
        source_identity=next(filter(_IDENTITY.fullmatch, common), None),
    )
