"""What a browser needs to open a console, and the sign-in of a session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.arn import default_region
from rolehop.credentials import Secret
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.console.browsers import BrowserWindow
    from rolehop.console.site import ConsoleSite
    from rolehop.credentials import Session
    from rolehop.plan.model import Plan

SERVICE = "signin"
"""As in AWS_ENDPOINT_URL_SIGNIN."""

LINK_MINUTES = 15
"""How long a sign-in can be used (IAM user guide)."""


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """Which console is asked for, and how it is opened."""

    destination: str = "/"
    """A path of the console, or an address in it."""

    seconds: int | None = None
    """How long the console stays signed in, 900 to 43200; ``None``: as long as the session lasts."""

    switch_role: bool = False
    """Sign in as the source's user, and let the console switch to the chain's role."""

    portal: bool | None = None
    """True: through the access portal; false: not through it; ``None``: if there is one."""

    logout_first: bool = False
    """Sign out of the console that the browser has open."""

    in_browser: bool = False
    """A browser here is to open it: without one, nobody is asked for anything."""

    window: BrowserWindow | None = None
    """Which browser, and where in it; ``None``: the system's."""


@dataclass(frozen=True, slots=True)
class ConsoleLogin:
    """What opens a console: a sign-in that can be carried out once within 15 minutes, or a link."""

    chain: str
    url: str
    """Where the browser goes, with ``fields``."""

    fields: Mapping[str, str | Secret]
    """What is sent there; nothing with a link that is no secret: the browser signs in itself."""

    expires_at: datetime | None
    """When the session ends and the console with it, by AWS's clock. ``None``: not known, as with a
    duration, which AWS may not take, or there is no session yet."""

    sign_out_url: str | None = None
    """Where the browser signs out first."""

    switch_link: str | None = None
    """The link that switches to the chain's role, to which the sign-in leads."""

    @property
    def is_secret(self) -> bool:
        """True if whoever has the link is signed in."""
        return bool(self.fields)

    @property
    def revealed_link(self) -> str:
        """What a browser opens as a link, for whom asked for it by name: it may be a secret."""
        if not self.fields:
            return self.url
        from rolehop.aws.console_sign_in import login_link

        return login_link(self.url, self.fields)


def site_of(app: App, plan: Plan, partition: str) -> ConsoleSite:
    """Return the console of a partition, for a chain's region and AWS profile.

    Raises:
        ConfigError: its addresses are not public.
    """
    from rolehop.console.site import console_site

    endpoint = app.sts_clients.endpoint_url(plan.aws_profile, SERVICE)
    return console_site(partition, plan.export_region, default_region(partition), endpoint)


def sign_in(
    app: App,
    plan: Plan,
    session: Session,
    site: ConsoleSite,
    destination: str,
    request: ConsoleRequest,
) -> ConsoleLogin:
    """Ask AWS to sign a session in to the console, at an address of it.

    Raises:
        RolehopError: see `ConsoleSignIn.token`.
    """
    from rolehop.aws.console_sign_in import ConsoleSignIn, login_fields

    with app.sts_clients.http_client(
        plan.region, plan.aws_profile, overridden=site.is_overridden
    ) as http:
        service = ConsoleSignIn(http, site.sign_in_url, app.history.called)
        token = service.token(session.credentials, request.seconds)
    fields = login_fields(token, destination)
    sign_out = sign_out_of(app, site, request)
    expires_at = session.expires_at if request.seconds is None else None
    return ConsoleLogin(plan.chain, service.url, fields, expires_at, sign_out)


def sign_out_of(app: App, site: ConsoleSite, request: ConsoleRequest) -> str | None:
    """Return where the browser signs out first; nowhere if it has several sessions side by side."""
    if not request.logout_first:
        return None
    if app.config.console.multi_session:
        app.note("--logout-first is left out: [console] multi_session = true keeps other sessions")
        return None
    return site.sign_out_url
