"""Open the AWS console with a chain's session, or as the user that a chain starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.app.console.login import ConsoleLogin, ConsoleRequest, sign_in, site_of
from rolehop.app.console.opening import check_browser
from rolehop.app.console.portal import portal_login
from rolehop.app.console.switching import Switch, switch_of, switched_login
from rolehop.app.planning import plan_chain
from rolehop.app.walking import ask_before_walk, count_use, store_flags, walk_chain
from rolehop.arn import partition_of, partition_of_region
from rolehop.errors import ConfigError, error_context
from rolehop.plan.model import TokenStep

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import Progress
    from rolehop.credentials import Session
    from rolehop.plan.model import Plan
    from rolehop.plan.walk_options import WalkOptions


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
        RolehopError: see `rolehop.walk.walk` and `ConsoleSignIn.token`.
    """
    with error_context(name):
        plan = plan_chain(app, name, options)
        if request.switch_role:
            return _switch(app, plan, name, options, progress, request)
        login = portal_login(app, plan, request)
        if login is not None:
            options = ask_before_walk(app, name, options)
            app.history.handed_over(
                "console", plan.chain, None, options.reason, source=plan.source.name
            )
            count_use(app, plan.chain)
            return login
        return _walk(app, plan, name, options, progress, request)


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
    options = ask_before_walk(app, name, options)
    login, session = switched_login(app, plan.chain, options, progress, switch, request)
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
    options = ask_before_walk(app, name, options)
    plan, session = walk_chain(app, name, options, progress)
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
