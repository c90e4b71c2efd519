"""Open a console through the access portal of the source's Identity Center."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.console.login import ConsoleLogin, ConsoleRequest, sign_out_of, site_of
from rolehop.arn import partition_of_region
from rolehop.errors import ConfigError

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.plan.model import Plan


def portal_login(app: App, plan: Plan, request: ConsoleRequest) -> ConsoleLogin | None:
    """Return the portal's own link to the source's console; nobody is signed in for it here.

    ``None``: the chain has hops, or no portal, or its account and role are asked for; or the portal
    is not wanted.

    Raises:
        ConfigError: the portal is asked for by name, and cannot be used; or its address is wrong.
        UsageError: the destination is not in this console.
    """
    from rolehop.console.portal import portal_link
    from rolehop.sources import portal_role

    if request.portal is False:
        return None
    found = None if plan.hops else portal_role(plan.source, app.source_context)
    if found is None or request.seconds is not None:
        _refuse_if_named(plan, request)
        return None
    site = site_of(app, plan, partition_of_region(found.region))
    wanted = request.destination != "/" or site.region is not None
    destination = site.destination(request.destination) if wanted else None
    link = portal_link(found.start_url, found.account, found.role, destination)
    return ConsoleLogin(plan.chain, link, {}, None, sign_out_of(app, site, request))


def _refuse_if_named(plan: Plan, request: ConsoleRequest) -> None:
    if not request.portal:
        return
    if request.seconds is not None:
        cause = "its sessions last as long as the permission set says"
    elif plan.hops:
        cause = "a portal opens the source's own role, and the chain goes on from there"
    else:
        cause = "it starts from no Identity Center with a named account and role"
    raise ConfigError(
        f"the access portal does not open the console of chain '{plan.chain}'",
        cause=cause,
        fix="leave --portal out",
    )
