"""The keys of a source, and its Identity Center: from them, or from the AWS config's sso-session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.awsconfig import current_profile, endpoint_overrides
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.digest import sha256_hex
from rolehop.errors import ConfigError
from rolehop.sources.shared.cli_sign_in import portal_address
from rolehop.sources.source_type import PortalRole
from rolehop.startup.dataclass import dataclass
from rolehop.text import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

DEFAULT_SCOPES = ("sso:account:access",)


def _one_center(values: Mapping[str, object]) -> None:
    own = [key for key in ("start_url", "sso_region") if key in values]
    if "sso_session" in values and own:
        raise ValueError(f"keep one of sso_session and {' + '.join(own)}")
    if "sso_session" not in values and len(own) < 2:
        raise ValueError("needs start_url and sso_region, or sso_session")


def _account(value: object) -> str:
    # A fleet's chains replace the placeholder.
    return "{account}" if value == "{account}" else str(value_types.ACCOUNT.run(value))


TABLE = Table(
    "sources.NAME (identity-center)",
    "a person's sign-in to IAM Identity Center, and one role in one account",
    (
        Key("start_url", value_types.URL, "the access portal's address"),
        Key("sso_region", value_types.REGION, "the region of the Identity Center itself"),
        Key("sso_session", value_types.TEXT, "an sso-session of the AWS config, instead of both"),
        Key(
            "account",
            value_types.Check("account ID", '12 digits, or "{account}" for a fleet', _account),
            "the account",
            "asked on the terminal",
            template=True,
        ),
        Key("role", value_types.TEXT, "the permission set's name", "asked on the terminal"),
        Key("flow", value_types.choice("auto", "pkce", "device"), "how to sign in", '"auto"'),
        Key(
            "share_cli_cache",
            value_types.BOOLEAN,
            "stores the sign-in in the AWS CLI's cache too, in plain text on disk",
            "false",
        ),
    ),
    _one_center,
    fields=("account",),
)


@dataclass(frozen=True, slots=True)
class Center:
    """One Identity Center, and how this source signs in to it."""

    start_url: str
    """As it is written, which is what the AWS CLI's cache goes by."""

    region: str
    scopes: tuple[str, ...]
    session: str | None
    """Name of the ``sso-session`` section that it came from, if any."""

    flow: str = "auto"
    share_cli_cache: bool = False
    endpoints: tuple[tuple[str, str], ...] = ()
    """Service and URL of each overridden endpoint of Identity Center."""

    of_profile: bool = False
    """True if an AWS profile says all this. Then the AWS CLI's sign-in is renewed in its cache, as the
    CLI and every SDK do for that profile."""

    @property
    def renews_cli_sign_in(self) -> bool:
        """True if the AWS CLI's sign-in may be renewed, which writes its cache."""
        return self.share_cli_cache or self.of_profile

    @property
    def address(self) -> str:
        """The portal's address as AWS has it: what a browser shows of it ends in ``#/``."""
        return portal_address(self.start_url)

    @property
    def token_name(self) -> str:
        """Name of the sign-in in the vault, shared by all sources of one Identity Center."""
        text = f"{self.address}\n{self.region}\n{self.scopes}"
        # A token that came from one endpoint is never sent to another.
        text += f"\n{self.endpoints}" if self.endpoints else ""
        return f"identity-center/{sha256_hex(text.encode())[:24]}"

    def endpoint(self, service: str) -> str | None:
        """Return the URL that overrides AWS's own for ``service``, without a last slash."""
        return dict(self.endpoints).get(service, "").rstrip("/") or None

    @property
    def cache_key(self) -> str:
        """The name that the AWS CLI's cache file is derived from."""
        return self.session or self.start_url


def center_of(source: SourceConfig, context: SourceContext) -> Center:
    """Return the Identity Center of ``source``.

    Raises:
        ConfigError: its ``sso_session`` is not in the AWS config, or is incomplete.
        SourceError: it is that of an AWS profile, which is broken.
    """
    settings = source.settings
    if isinstance(profile := settings.get("profile"), str):
        return _center_of_profile(profile, context)
    flow = settings.get("flow")
    profile = current_profile(context.environ)
    options = (
        flow if isinstance(flow, str) else "auto",
        settings.get("share_cli_cache") is True,
        endpoint_overrides(context.aws, profile, context.environ, ("sso", "sso-oidc")),
    )
    name = settings.get("sso_session")
    if not isinstance(name, str):
        own_url, own_region = str(settings.get("start_url")), str(settings.get("sso_region"))
        return Center(own_url, own_region, DEFAULT_SCOPES, None, *options)
    section = context.aws.sso_sessions.get(name)
    if section is None:
        near = nearest(name, context.aws.sso_sessions)
        raise ConfigError(
            f"source '{source.name}' names the sso-session '{name}', which does not exist",
            cause=f"{context.aws.config_file} has no [sso-session {name}]",
            fix=f"did you mean {', '.join(near)}" if near else "aws configure sso-session",
        )
    start_url, region = section.get("sso_start_url"), section.get("sso_region")
    if not isinstance(start_url, str) or not isinstance(region, str) or not (start_url and region):
        raise ConfigError(
            f"the sso-session '{name}' is not complete",
            cause="sso_start_url and sso_region are needed",
            fix=f"add them to [sso-session {name}] in {context.aws.config_file}",
        )
    scopes = section.get("sso_registration_scopes")
    listed = tuple(each.strip() for each in scopes.split(",")) if isinstance(scopes, str) else ()
    return Center(start_url, region, tuple(filter(None, listed)) or DEFAULT_SCOPES, name, *options)


def _center_of_profile(name: str, context: SourceContext) -> Center:
    """Return the Identity Center of an AWS profile; the profile's own endpoints count."""
    from rolehop.awsconfig.sso_profile import sso_profile

    found = sso_profile(context.aws, name)
    return Center(
        found.start_url,
        found.region,
        found.scopes or DEFAULT_SCOPES,
        found.session,
        endpoints=endpoint_overrides(context.aws, name, context.environ, ("sso", "sso-oidc")),
        of_profile=True,
    )


def unnamed_keys(source: SourceConfig) -> list[str]:
    """Return which of account and role a person must choose."""
    return [key for key in ("account", "role") if not source.settings.get(key)]


def portal_role(source: SourceConfig, context: SourceContext) -> PortalRole | None:
    """Return the role that the portal offers; ``None`` if account or role is asked for.

    Raises:
        ConfigError: see `center_of`.
    """
    if unnamed_keys(source):
        return None
    center = center_of(source, context)
    account, role = (str(source.settings[key]) for key in ("account", "role"))
    return PortalRole(center.start_url, center.region, account, role)
