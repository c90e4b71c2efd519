"""Get the sign-in to a console: by a chain's session, the access portal, or a switch of roles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from rolehop.app.guard import ask
from rolehop.app.planning import Planning
from rolehop.app.walking import count_use, session_of_chain, session_of_source, store_flags
from rolehop.aws.net.addresses import is_web_address
from rolehop.base.arn import partition_of, partition_of_region
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError, UsageError, error_context
from rolehop.base.text import quoted
from rolehop.commands.console.login import (
    ConsoleLogin,
    ConsoleRequest,
    sign_in,
    sign_out_of,
    site_of,
)
from rolehop.commands.console.opening import check_browser
from rolehop.plan.model import TokenStep

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import Progress
    from rolehop.app.proof import Proof
    from rolehop.base.credentials import Session
    from rolehop.commands.console.login import ConsoleSite
    from rolehop.plan.model import Hop, Plan
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.sources.source_type import ConsoleUser


def portal_login(app: App, plan: Plan, request: ConsoleRequest) -> ConsoleLogin | None:
    """Return the portal's own link to the source's console; nobody is signed in for it here.

    ``None``: the chain has hops, or no portal, or its account and role are asked for; or the portal
    is not wanted.

    Raises:
        ConfigError: the portal is asked for by name, and cannot be used; or its address is wrong.
        UsageError: the destination is not in this console.
    """
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


_FIX = "leave --switch-role out: the chain's own session opens the console, for its hour"


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch of roles that the console can make."""

    link: str
    user: ConsoleUser
    role: str
    """The ARN."""

    site: ConsoleSite


def switch_of(app: App, plan: Plan, options: WalkOptions, request: ConsoleRequest) -> Switch:
    """Return how the console switches to the role of a chain.

    Raises:
        UsageError: a flag does not go with that.
        ConfigError: the console cannot, or must not, make this hop itself.
    """
    _check_flags(options, request)
    if len(plan.hops) != 1:
        raise _refused(
            plan,
            f"it has {len(plan.hops) or 'no'} hops, and the console makes one, from the user who is"
            " signed in",
        )
    hop = plan.hops[0].hop
    user = _user(app, plan)
    for cause in _causes(hop, wants_reason=plan.wants_reason):
        raise _refused(plan, cause)
    site = site_of(app, plan, hop.role.partition)
    link = switch_role_link(
        site.switch_role_url, hop.role.account, _role(hop), name=plan.chain, color=plan.color
    )
    return Switch(link, user, str(hop.role), site)


def switched_login(
    app: App,
    name: str,
    options: WalkOptions,
    proof: Proof,
    progress: Progress,
    switch: Switch,
    request: ConsoleRequest,
) -> tuple[ConsoleLogin, Session | None]:
    """Return the sign-in of the source's user that leads to the switch, and the user's session.

    ``None``: the browser signs in as this user by itself, e.g. an IAM user with a password.

    Raises:
        RolehopError: see `rolehop.walk.walk.walk` and `ConsoleSignIn.token`.
        ConfigError: the source's session is of another partition than the role.
    """
    if switch.user == "browser":
        sign_out = sign_out_of(app, switch.site, request)
        return ConsoleLogin(name, switch.link, {}, None, sign_out), None
    plan, session = session_of_source(app, name, options, proof, progress)
    if partition_of(session.arn) not in (None, partition_of(switch.role)):
        raise _refused(plan, "its source is in another partition")
    login = sign_in(app, plan, session, switch.site, switch.link, request)
    return replace(login, switch_link=switch.link), session


def _check_flags(options: WalkOptions, request: ConsoleRequest) -> None:
    given = [*options.hop_flags]
    if request.seconds is not None:
        given.append("--session-duration")
    if request.destination != "/":
        given.append("--service or --destination")
    if request.portal:
        given.append("--portal")
    if given:
        raise UsageError(
            f"{given[0]} does not go with --switch-role",
            cause="the console switches roles with account and role alone",
            fix=f"leave one of them out: {given[0]}, --switch-role",
        )


def _user(app: App, plan: Plan) -> ConsoleUser:
    from rolehop.sources import console_user

    if plan.long_lived:
        return "browser"
    found = console_user(plan.source, app.source_context)
    if found is None:
        raise _refused(
            plan,
            "only users of IAM and Identity Center, SAML and web identity can surely switch roles;"
            f" source '{plan.source.name}' is of type {plan.source.type}",
        )
    return found


def _causes(hop: Hop, *, wants_reason: bool) -> Iterator[str]:
    """Yield why the console would assume the role otherwise than the chain does, or not at all."""
    sent = {
        "an external ID": hop.external_id,
        "a session policy": hop.policy or hop.policy_arns,
        "session tags": hop.tags,
        "a source identity": hop.source_identity,
        "a reason": wants_reason,
    }
    for name, value in sent.items():
        if value:
            yield f"its hop has {name}, which the console does not send"
    if len(_role(hop)) > LONGEST_ROLE:
        yield f"path and name of its role have more than {LONGEST_ROLE} characters together"


def _role(hop: Hop) -> str:
    return f"{hop.role.path}{hop.role.name}".removeprefix("/")


def _refused(plan: Plan, cause: str) -> ConfigError:
    return ConfigError(
        f"the console cannot switch to the role of chain '{plan.chain}'", cause=cause, fix=_FIX
    )


def sign_in_to_console(
    app: App, name: str, options: WalkOptions, progress: Progress, request: ConsoleRequest
) -> ConsoleLogin:
    """Get what opens a chain's console; what AWS or the config refuses asks nobody for anything.

    A chain is walked, and AWS asked to sign its session in. A source of Identity Center without a
    hop opens through the access portal, which nobody has to be asked for here.

    Raises:
        Declined: the chain has ``confirm = true`` and the answer was not yes.
        NoTerminal: something has to be asked, and nobody can be; or no browser can be opened.
        UsageError: the destination is not in this chain's console, or a flag does not fit.
        ConfigError: AWS opens no console for such a chain, or not as asked for.
        RolehopError: see `rolehop.walk.walk.walk` and `ConsoleSignIn.token`.
    """
    with error_context(name):
        plan = Planning(app).plan(name, options)
        if plan.scope is not None:
            raise _not_narrowed(plan)
        if request.switch_role:
            return _switch(app, plan, name, options, progress, request)
        login = portal_login(app, plan, request)
        if login is not None:
            options, _ = ask(app, name, options)
            app.history.handed_over(
                "console", plan.chain, None, options.reason, source=plan.source.name
            )
            count_use(app, plan.chain)
            return login
        return _walk(app, plan, name, options, progress, request)


def _not_narrowed(plan: Plan) -> ConfigError:
    """Return the error for a chain with a scope: no way into the console is known to keep it."""
    return ConfigError(
        f"the console is not opened for chain '{plan.chain}', whose session a scope narrows",
        cause="it is not known whether AWS's sign-in takes such a session, and other ways are wider",
        fix="open a chain without a scope; with a hop, --read-only needs no scope",
    )


def _switch(
    app: App,
    plan: Plan,
    name: str,
    options: WalkOptions,
    progress: Progress,
    request: ConsoleRequest,
) -> ConsoleLogin:
    switch: Switch = switch_of(app, plan, options, request)
    if switch.user != "browser":
        check_browser(app, options, request)
    options, proof = ask(app, name, options)
    login, session = switched_login(app, plan.chain, options, proof, progress, switch, request)
    app.history.handed_over("console", plan.chain, session, options.reason, role=switch.role)
    count_use(app, plan.chain)
    return login


def _walk(
    app: App,
    plan: Plan,
    name: str,
    options: WalkOptions,
    progress: Progress,
    request: ConsoleRequest,
) -> ConsoleLogin:
    _check(plan, request.seconds)
    planned = plan.hops[-1].hop.role.partition if plan.hops else None
    address = None
    if planned is not None:
        address = site_of(app, plan, planned).destination(request.destination)
    check_browser(app, options, request)
    options, proof = ask(app, name, options)
    plan, session = session_of_chain(app, name, options, proof, progress)
    _check(plan, request.seconds)
    partition = partition_of(session.arn) or partition_of_region(plan.region)
    site = site_of(app, plan, partition)
    if address is None or partition != planned:
        address = site.destination(request.destination)
    login = sign_in(app, plan, session, site, address, request)
    _note_handover(app, plan, session, options)
    return login


def _note_handover(app: App, plan: Plan, session: Session, options: WalkOptions) -> None:
    store_flags(app, session, options)
    app.history.handed_over("console", plan.chain, session, options.reason)
    count_use(app, plan.chain)


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


def portal_link(start_url: str, account: str, role: str, destination: str | None) -> str:
    """Return the shortcut link of a permission set in an account.

    Args:
        start_url: the portal's address; a last ``/`` or ``#/`` makes no difference.
        account: 12 digits.
        role: the permission set's name.
        destination: an address in the console; ``None``: its home page.

    Raises:
        ConfigError: the portal's address is none that a browser may open.
    """
    values = {"account_id": account, "role_name": role, "destination": destination}
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in values.items() if value)
    link = f"{start_url.rstrip('#/')}/#/console?{query}"
    if not is_web_address(link):
        raise ConfigError(
            f"the access portal {quoted(start_url)} is not opened in a browser",
            cause="it is no https address",
            fix="correct start_url",
        )
    return link


LONGEST_ROLE = 64
"""Characters of the role's path and name together: with more, the switch fails (same page)."""

_LONGEST_NAME = 64  # characters that the page takes as the display name

# What AWS's page takes for the colours that it shows. They are in no document and have changed
# before; one that it does not know leaves the choice to the person.
_COLORS = {
    "red": "f2b0a9",
    "green": "b7ca9d",
    "yellow": "efda95",
    "bright_yellow": "fbc8aa",
    "blue": "83d4e8",
}


def switch_role_link(
    page: str, account: str, role: str, *, name: str, color: str | None = None
) -> str:
    """Return the link that switches to a role.

    Args:
        page: where the console switches roles (`ConsoleSite.switch_role_url`).
        account: 12 digits.
        role: path and name, without the slash before them.
        name: what the console shows; of a longer one the first 64 characters.
        color: a colour of chains; one that the console has not is left out.
    """
    fields = {"account": account, "roleName": role, "displayName": name[:_LONGEST_NAME]}
    shade = color or ""
    found = _COLORS.get(shade) or _COLORS.get(shade.removeprefix("bright_"))
    if found is not None:
        fields["color"] = found
    return f"{page}?{urlencode(fields)}"
