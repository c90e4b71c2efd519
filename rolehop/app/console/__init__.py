"""Open the AWS console with a chain's session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.planning import plan_chain
from rolehop.app.walking import ask_before_walk, count_use, person_for, store_flags, walk_chain
from rolehop.arn import default_region, partition_of, partition_of_region
from rolehop.credentials import Secret
from rolehop.errors import ConfigError, NoTerminal, RolehopError, error_context
from rolehop.plan.model import TokenStep
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import Person, Progress
    from rolehop.console.browsers import BrowserWindow
    from rolehop.console.one_shot_page import OneShotPage
    from rolehop.console.site import ConsoleSite
    from rolehop.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.plan.walk_options import WalkOptions

SERVICE = "signin"
"""As in AWS_ENDPOINT_URL_SIGNIN."""

LINK_MINUTES = 15
"""How long a sign-in can be used (IAM user guide)."""

_OPENED_WITHIN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ConsoleLogin:
    """A sign-in to the console that a browser can carry out once, within 15 minutes."""

    chain: str
    url: str
    """Where the browser sends ``fields``."""

    fields: Mapping[str, str | Secret]
    expires_at: datetime
    """When the session ends, and the console with it unless a duration was taken; by AWS's clock."""

    @property
    def revealed_link(self) -> str:
        """The sign-in as a link, for whom asked for it by name: it is a secret."""
        from rolehop.aws.console_sign_in import login_link

        return login_link(self.url, self.fields)


def sign_in_to_console(
    app: App,
    name: str,
    options: WalkOptions,
    progress: Progress,
    *,
    destination: str,
    seconds: int | None,
) -> ConsoleLogin:
    """Walk a chain and ask AWS to sign its session in to the console.

    ``destination`` is a path of the console, or an address in it. ``seconds`` is how long the
    console stays signed in, 900 to 43200; ``None``: as long as the session lasts.

    Raises:
        Declined: the chain has ``confirm = true`` and the answer was not yes.
        NoTerminal: something has to be asked, and nobody can be.
        UsageError: the destination is not in this chain's console.
        ConfigError: AWS opens no console for such a chain, or takes no duration for it.
        RolehopError: see `rolehop.walk.walk` and `ConsoleSignIn.token`.
    """
    with error_context(name):
        plan = plan_chain(app, name, options)  # what is refused asks nobody for anything first
        _check(plan, seconds)
        if plan.hops:
            _site_of(app, plan, plan.hops[-1].hop.role.partition).destination(destination)
    options = ask_before_walk(app, name, options)
    with error_context(name):
        plan, session = walk_chain(app, name, options, progress)
        _check(plan, seconds)
        partition = partition_of(session.arn) or partition_of_region(plan.region)
        site = _site_of(app, plan, partition)
        address = site.destination(destination)
        login = _sign_in(app, plan, session, site, address, seconds)
    store_flags(app, session, options)
    app.history.handed_over("console", plan.chain, session, options.reason)
    count_use(app, plan.chain)
    return login


def window_of(app: App, name: str, *, browser: str | None, container: bool) -> BrowserWindow | None:
    """Return where the console of a chain opens, by the config and by what was asked for.

    ``None``: in the system's browser. ``container``: one of Firefox was asked for.

    Raises:
        UsageError: a container was asked for in another browser.
    """
    from rolehop.config.templates import fill
    from rolehop.console.browsers import window_for

    said, chain = app.config.console, app.config.chains.get(name)
    called, color = (name, None) if chain is None else (chain.name, chain.color)
    return window_for(
        called,
        color,
        browser=said.browser,
        profile=None if said.profile is None else fill(said.profile, {"chain": called}),
        container=said.container,
        asked_browser=browser,
        asked_container=container,
    )


def open_console(
    app: App, login: ConsoleLogin, options: WalkOptions, window: BrowserWindow | None = None
) -> datetime:
    """Open a browser that signs in; return when it took the page (UTC).

    ``window``: where; ``None``: in the system's browser.

    Raises:
        NoTerminal: no browser can be opened here.
        RolehopError: the browser did not ask for the page.
    """
    from rolehop.console.one_shot_page import OneShotPage

    link = Advice("rolehop console ", Argument(login.chain), " --print")
    person = person_for(app, options)
    user = os.getuid() if hasattr(os, "getuid") else None
    with OneShotPage(login.url, login.fields, user=user) as page:
        if window is None:
            what, is_open = "no browser", person.open_browser(page.url)
        else:
            what, is_open = f"no {window.browser}", person.open_window(page.url, window.commands)
        if not is_open:
            raise NoTerminal(f"{what} can be opened here", fix=link)
        if not _is_taken(page, person):
            raise RolehopError(
                "the console was not opened",
                cause=f"no browser asked for it within {_OPENED_WITHIN_SECONDS} s",
                fix=link,
            )
    return app.now()


def _is_taken(page: OneShotPage, person: Person) -> bool:
    """Wait for the browser, with the seconds that are left from the second one on."""
    with person.countdown("waiting for the browser") as show:
        for left in range(_OPENED_WITHIN_SECONDS - 1, -1, -1):
            if page.wait(1):
                return True
            show(left)
    return False


def _check(plan: Plan, seconds: int | None) -> None:
    """Refuse what AWS is known to refuse (IAM user guide, as `rolehop.aws.console_sign_in`)."""
    of_token = any(isinstance(step, TokenStep) for step in plan.steps)
    if not plan.hops and (plan.long_lived or of_token):
        raise ConfigError(
            f"AWS opens no console for chain '{plan.chain}'",
            cause="it hands out a GetSessionToken session of an IAM user",
            fix="add a hop: the console opens as its role",
        )
    if seconds is not None and not (plan.long_lived and len(plan.hops) == 1 and not of_token):
        raise ConfigError(
            f"the console of chain '{plan.chain}' cannot stay signed in longer than its session",
            cause="AWS takes a duration only for one hop that IAM user keys call themselves",
            fix="leave --session-duration out",
        )


def _site_of(app: App, plan: Plan, partition: str) -> ConsoleSite:
    from rolehop.console.site import console_site

    endpoint = app.sts_clients.endpoint_url(plan.aws_profile, SERVICE)
    return console_site(partition, plan.export_region, default_region(partition), endpoint)


def _sign_in(
    app: App,
    plan: Plan,
    session: Session,
    site: ConsoleSite,
    destination: str,
    seconds: int | None,
) -> ConsoleLogin:
    from rolehop.aws.console_sign_in import ConsoleSignIn, login_fields

    with app.sts_clients.http_client(
        plan.region, plan.aws_profile, overridden=site.is_overridden
    ) as http:
        service = ConsoleSignIn(http, site.sign_in_url, app.history.called)
        token = service.token(session.credentials, seconds)
    fields = login_fields(token, destination)
    return ConsoleLogin(plan.chain, service.url, fields, session.expires_at)
