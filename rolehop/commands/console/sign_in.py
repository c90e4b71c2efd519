"""Open the console of a chain's source, and let it switch to the chain's role by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.app.console.login import (
    ConsoleLogin,
    ConsoleRequest,
    sign_in,
    sign_out_of,
    site_of,
)
from rolehop.app.walking import walk_source
from rolehop.arn import partition_of
from rolehop.errors import ConfigError, UsageError
from rolehop.startup.dataclass import dataclass, replace

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import Progress
    from rolehop.console.site import ConsoleSite
    from rolehop.credentials import Session
    from rolehop.plan.model import Hop, Plan
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.sources.source_type import ConsoleUser

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
    from rolehop.console.switch_role import switch_role_link

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
    progress: Progress,
    switch: Switch,
    request: ConsoleRequest,
) -> tuple[ConsoleLogin, Session | None]:
    """Return the sign-in of the source's user that leads to the switch, and the user's session.

    ``None``: the browser signs in as this user by itself, e.g. an IAM user with a password.

    Raises:
        RolehopError: see `rolehop.walk.walk` and `ConsoleSignIn.token`.
        ConfigError: the source's session is of another partition than the role.
    """
    if switch.user == "browser":
        sign_out = sign_out_of(app, switch.site, request)
        return ConsoleLogin(name, switch.link, {}, None, sign_out), None
    plan, session = walk_source(app, name, options, progress)
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
            "AWS lets users of IAM and Identity Center, and roles by SAML and web identity, switch in"
            f" the console; it does not say so of source '{plan.source.name}' ({plan.source.type})",
        )
    return found


def _causes(hop: Hop, *, wants_reason: bool) -> Iterator[str]:
    """Yield why the console would assume the role otherwise than the chain does, or not at all."""
    from rolehop.console.switch_role import LONGEST_ROLE

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
