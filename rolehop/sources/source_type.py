"""What a type of source is: the keys it has, its stamp, how it is built, how somebody signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.config.model import HopConfig, SourceConfig
from rolehop.startup.dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rolehop.awsconfig import AwsConfig
    from rolehop.config.schema import Table
    from rolehop.credentials import Secret
    from rolehop.errors import RolehopError
    from rolehop.plan import Stamp
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext
    from rolehop.sources.federation import FederatedIdentity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a source looks for: for ``rolehop source test``, and for failures."""

    looked_for: str
    """What, and where: "the variable AWS_WEB_IDENTITY_TOKEN_FILE"."""

    found: str
    """What is there, never a secret; or why it is of no use."""

    good: bool | None = None
    """``False``: this is what stands in the way. ``None``: it may be so or otherwise."""

    warning: str | None = None
    """What will stand in the way before long, though nothing does now."""


def problem_of(error: RolehopError) -> str:
    """Return on one line what stands in the way, for a `Stamp` or a `Finding`."""
    return f"{error.what}: {error.cause}" if error.cause else error.what


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """How somebody wants to sign in."""

    browser: bool = True
    text: Secret | None = None
    """What ``--stdin`` gave, for sources that take a sign-in so."""


def _signed_out(source: SourceConfig, there: bool) -> str:
    name = source.name
    return f"signed out of '{name}'" if there else f"nobody was signed in to '{name}'"


@dataclass(frozen=True, slots=True)
class LoginSupport:
    """For sources that a person signs in to."""

    login: Callable[[SourceConfig, SourceContext, Login], str]
    """Signs in, keeps it, and returns one line that says what was reached."""

    logout: Callable[[SourceConfig, SourceContext], bool]
    """Forgets the sign-in, here and at the provider where it can; ``False``: there was none."""

    takes_text: Callable[[SourceConfig], bool] | None = None
    """Tells whether the login uses what ``--stdin`` gives; ``None``: it never does."""

    said_after_logout: Callable[[SourceConfig, bool], str] = field(default=_signed_out)
    """Tells a person what ``logout`` did, by what it returned."""


Expanded = tuple[SourceConfig, tuple[HopConfig, ...], tuple[str, ...]]
"""Where a source really starts, the hops it stands for, and notes for a person."""


@dataclass(frozen=True, slots=True)
class SourceType:
    """One kind of source."""

    table: Table
    """Its own keys; those every source has are in ``config.schema.SOURCE``."""

    stamp: Callable[[SourceConfig, SourceContext], Stamp]
    """Tells one state of the source from another: by the environment and files, never the
    network. Each file that it looks at goes through ``inputs.watched``, each variable that holds a
    secret through ``inputs.secret_variable``: else the quick path serves what is outdated, or the
    secret gets into its record."""

    build: Callable[[SourceConfig, SourceContext], Source]
    """Makes the source; nothing is loaded yet."""

    findings: Callable[[SourceConfig, SourceContext], Sequence[Finding]] | None = None
    """Says what is looked for and where, and what was found; never the network, never a secret."""

    sign_in: LoginSupport | None = None
    """Where a person can sign in to it."""

    expand: Callable[[SourceConfig, AwsConfig], Expanded] | None = None
    """For a type that stands for another source and hops that go before the chain's own."""

    facts: Callable[[SourceConfig, SourceContext], FederatedIdentity] | None = None
    """For a federated type: what is known of its own role's session; never a call, a program or a
    question."""
