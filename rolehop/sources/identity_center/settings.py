"""Which Identity Center a source means: from its own keys, or from the AWS config's sso-session."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rolehop.errors import ConfigError
from rolehop.startup.dataclass import dataclass
from rolehop.text import nearest

if TYPE_CHECKING:
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

DEFAULT_SCOPES = ("sso:account:access",)


@dataclass(frozen=True, slots=True)
class Center:
    """One Identity Center, and how this source goes to it."""

    start_url: str
    region: str
    scopes: tuple[str, ...]
    session: str | None
    """Name of the ``sso-session`` section, where it came from one."""

    flow: str = "auto"
    share_cli_cache: bool = False

    @property
    def token_name(self) -> str:
        """Name of the sign-in in the vault: all sources of one Identity Center share it."""
        # A trailing "/" or "#/" is the same address to a browser.
        address = self.start_url.rstrip("#/")
        digest = hashlib.sha256(f"{address}\n{self.region}\n{self.scopes}".encode()).hexdigest()
        return f"identity-center/{digest[:24]}"

    @property
    def cache_key(self) -> str:
        """What the AWS CLI's cache calls it."""
        return self.session or self.start_url


def center_of(source: SourceConfig, inputs: SourceContext) -> Center:
    """Return the Identity Center of ``source``.

    Raises:
        ConfigError: its ``sso_session`` is not in the AWS config, or lacks a key.
    """
    settings = source.settings
    flow = settings.get("flow")
    how = (flow if isinstance(flow, str) else "auto", settings.get("share_cli_cache") is True)
    name = settings.get("sso_session")
    if not isinstance(name, str):
        url, region = str(settings.get("start_url")), str(settings.get("sso_region"))
        return Center(url, region, DEFAULT_SCOPES, None, *how)
    section = inputs.aws.sso_sessions.get(name)
    if section is None:
        near = nearest(name, inputs.aws.sso_sessions)
        raise ConfigError(
            f"source '{source.name}' names the sso-session '{name}', which does not exist",
            cause=f"{inputs.aws.config_file} has no [sso-session {name}]",
            fix=f"did you mean {', '.join(near)}" if near else "aws configure sso-session",
        )
    address, place = section.get("sso_start_url"), section.get("sso_region")
    if not isinstance(address, str) or not isinstance(place, str) or not (address and place):
        raise ConfigError(
            f"the sso-session '{name}' is not complete",
            cause="sso_start_url and sso_region are needed",
            fix=f"add them to [sso-session {name}] in {inputs.aws.config_file}",
        )
    scopes = section.get("sso_registration_scopes")
    listed = tuple(each.strip() for each in scopes.split(",")) if isinstance(scopes, str) else ()
    return Center(address, place, tuple(filter(None, listed)) or DEFAULT_SCOPES, name, *how)
