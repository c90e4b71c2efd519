"""The definition of a source type: config keys, stamp, construction, diagnosis and sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rolehop.base.dataclass import dataclass, field
from rolehop.config.model import HopConfig, SourceConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from rolehop.awsconfig import AwsConfig
    from rolehop.base.credentials import Secret
    from rolehop.base.errors import RolehopError
    from rolehop.config.schema import Table
    from rolehop.plan.model import Stamp
    from rolehop.sources.context import FederatedIdentity, SourceContext
    from rolehop.walk.ports import Source


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that a source looks for, shown by ``rolehop source test`` and after failures."""

    looked_for: str
    """What was looked for and where, e.g. "the variable AWS_WEB_IDENTITY_TOKEN_FILE"."""

    found: str
    """What was found, or why it cannot be used; never a secret."""

    good: bool | None = None
    """``False`` if it prevents the source from working, ``None`` if that cannot be told."""

    warning: str | None = None
    """A problem to come, though there is none yet, e.g. a certificate about to expire."""

    of_chain: bool = False
    """It matters for a chain that does not itself name what is looked for, and not for the source."""


def one_line(error: RolehopError) -> str:
    """Return an error on one line, for a `Stamp` or a `Diagnosis`."""
    return f"{error.what}: {error.cause}" if error.cause else error.what


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """The options of one sign-in."""

    browser: bool = True
    text: Secret | None = None
    """What ``--stdin`` read, for sources that accept a sign-in that way."""

    anew: bool = False
    """The sign-in that is there is ended first, so that the new one lasts its full time."""


def _signed_out(source: SourceConfig, removed: bool) -> str:
    name = source.name
    return f"signed out of '{name}'" if removed else f"nobody was signed in to '{name}'"


@dataclass(frozen=True, slots=True)
class LoginSupport:
    """For sources that a person signs in to."""

    login: Callable[[SourceConfig, SourceContext, Login], str]
    """Signs in, stores the sign-in, and returns one line that describes it."""

    logout: Callable[[SourceConfig, SourceContext], bool]
    """Forgets the sign-in, here and at the provider if possible; ``False`` if there was none."""

    takes_text: Callable[[SourceConfig], bool] | None = None
    """Returns true if the login uses what ``--stdin`` reads; ``None`` if it never does."""

    token_name: Callable[[SourceConfig, SourceContext], str | None] | None = None
    """Returns the name in the vault of what ``login`` stores, if that ends; without a call."""

    cli_sign_in_end: Callable[[SourceConfig, SourceContext], datetime | None] | None = None
    """Returns when the AWS CLI's sign-in ends, which is used if there is no other; ``None``: none is
    there."""

    logout_message: Callable[[SourceConfig, bool], str] = field(default=_signed_out)
    """Returns the message for the result of ``logout``."""


@dataclass(frozen=True, slots=True)
class PortalRole:
    """One role in one account, as the access portal of an Identity Center offers it."""

    start_url: str
    """The portal's address, as it is configured."""

    region: str
    """Of the Identity Center."""

    account: str
    role: str
    """The permission set's name."""


ConsoleUser = Literal["session", "browser"]
"""How the console is signed in to as a user who may switch roles: with the source's session, or as
the browser signs in by itself."""

Expanded = tuple[SourceConfig, tuple[HopConfig, ...], tuple[str, ...]]
"""The source that a chain really starts from, the hops before the chain's own, and notes."""


@dataclass(frozen=True, slots=True)
class SourceType:
    """One type of source."""

    table: Table
    """Its own config keys; those of every source are in ``config.schema.SOURCE``."""

    stamp: Callable[[SourceConfig, SourceContext], Stamp]
    """Returns what tells one state of the source from another, from the environment and files and
    never from the network. It must pass each file that it reads to ``context.watched``, and read
    each secret variable with ``context.secret_variable``: otherwise the hot path would hand out a
    stale session, or the secret would be written to its record."""

    build: Callable[[SourceConfig, SourceContext], Source]
    """Builds the source without loading anything."""

    diagnose: Callable[[SourceConfig, SourceContext], Sequence[Diagnosis]] | None = None
    """Returns what is looked for, where, and what was found: no network, no secrets."""

    sign_in: LoginSupport | None = None
    """Set if a person can sign in to it."""

    expand: Callable[[SourceConfig, AwsConfig], Expanded] | None = None
    """For a type that stands for another source and for hops that come before the chain's own."""

    loads_locally: Callable[[SourceConfig, SourceContext], bool] | None = None
    """Returns true if an expanded source is loaded without a call, a question or a program."""

    stamp_asks_device: Callable[[SourceConfig], bool] | None = None
    """Returns true if the stamp of an expanded source is read from a token or a card, whose driver
    may hang; ``None`` if it never is."""

    keeps_keys: bool = False
    """IAM user keys of it are in the keyring, under the source's name."""

    reads_variables: bool = False
    """Its credentials are in the variables of who walks: a service has none of a shell's."""

    names_profile: bool = False
    """Its key ``profile`` is an AWS profile, whose settings apply to the calls of a walk."""

    federated_identity: Callable[[SourceConfig, SourceContext], FederatedIdentity] | None = None
    """For a federated type: what is known of its role session without a call, a program or a
    question."""

    carries_nothing: bool = False
    """Its sessions carry no session tags, source identity or session policy."""

    portal_role: Callable[[SourceConfig, SourceContext], PortalRole | None] | None = None
    """Returns the role that an access portal signs a person in to; ``None`` if it is not known
    before the source is loaded, or if there is no portal."""

    console_user: Callable[[SourceConfig, SourceContext], ConsoleUser | None] | None = None
    """Returns how the console is signed in to as a user who, by AWS's documentation, may switch
    roles; ``None`` if it does not say so. IAM user keys are left to the caller."""

    names_permission_set: bool = False
    """Its key ``role`` is a permission set of Identity Center."""

    federated_action: str | None = None
    """For a federated type: the action of STS by which its role's session is made; it is
    ``sts:AssumeRole`` if an AWS service calls, for a certificate."""
