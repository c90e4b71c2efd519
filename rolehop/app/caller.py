"""Ask AWS whose credentials these are: a chain's, or those in this shell."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from rolehop.app.planning import sts_of_shell
from rolehop.app.rejected_sessions import forgetting_rejected
from rolehop.app.walking import session_of_chain
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import RolehopError, SourceWithdrawn, error_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.app.context import App
    from rolehop.base.credentials import Credentials
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.walk.ports import CallerIdentity, Listener, Sts


@dataclass(frozen=True, slots=True)
class Identity:
    """Who some credentials belong to, as AWS says."""

    chain: str | None
    caller: CallerIdentity
    credentials: Credentials
    color: str | None = None
    """The chain's colour, if the config gives it one."""

    narrowed: str = ""
    """What a scope made of the session: ``read-only`` or ``scoped``; AWS does not tell."""


def identify_chain(app: App, name: str, options: WalkOptions, listener: Listener) -> Identity:
    """Walk a chain and ask AWS who its session is.

    Raises:
        RolehopError: see `session_of_chain` and `ask_caller`.
    """
    from rolehop.app.guard import ask_to_read

    options, proof = ask_to_read(app, name, options)
    plan, session = session_of_chain(app, name, options, proof, listener)
    sts = app.sts_clients.get(plan.region, plan.aws_profile)
    with (
        error_context(name),
        app.history.signing(plan, options.reason),
        forgetting_rejected(app, plan.key, session.credentials),
    ):
        caller = ask_caller(sts, session.credentials, f"the credentials of chain '{name}'")
    offset = session.expires_at - session.ends_at(app.now())  # the clock may have been set since
    narrowed = "" if plan.scope is None else plan.scope.scope.narrowed
    credentials = replace(session.credentials, clock_offset=offset)
    return Identity(name, caller, credentials, plan.color, narrowed)


def identify_shell(app: App, options: WalkOptions) -> Identity:
    """Ask AWS who the credentials in this shell belong to.

    Raises:
        SourceError: there are none, or they have expired.
        HopRefused: AWS does not accept them.
    """
    credentials = shell_credentials(app, "rolehop whoami CHAIN")
    sts = sts_of_shell(app, options)
    name = app.environ.get("ROLEHOP_CHAIN")
    with (
        app.history.walking(name, None) if name else nullcontext(),
        forgetting_rejected(app, _key_of(app, name), credentials),
    ):
        caller = ask_caller(sts, credentials, "the credentials in this shell")
    if name is None:
        return Identity(name, caller, credentials)
    narrowed = _narrowed(app, name, credentials.access_key_id)
    return Identity(name, caller, credentials, _color(app, name), narrowed)


def _narrowed(app: App, chain: str, access_key_id: str) -> str:
    """Return what a scope made of a chain's session in this shell, if that is stored still."""
    for key, entry in app.index.sessions.items():
        if entry.narrowed and chain in entry.chains:
            found = app.vault.find_key(key)
            if found is not None and found.credentials.access_key_id == access_key_id:
                return entry.narrowed
    return ""


def _key_of(app: App, chain: str | None) -> str | None:
    """Return the hop key of a chain that this shell has; ``None``: it has none, or none any more."""
    if chain is None:
        return None
    from rolehop.app.planning import Planning

    try:
        return Planning(app, keyring_needed=False).plan(chain).key
    except RolehopError:
        return None


def _color(app: App, chain: str) -> str | None:
    """Return the colour of a chain; none if the config is broken: it is not what is asked about."""
    try:
        found = app.config.chains.get(chain)
    except RolehopError:
        return None
    return None if found is None else found.color


def shell_credentials(app: App, of_chain: str) -> Credentials:
    """Return the credentials in this shell's environment, also those that rolehop put there.

    Where it has none and names an endpoint, as in ``exec --server``, that is asked, as SDKs do.
    ``of_chain``: the command that takes a chain's instead, which an error names.

    Raises:
        SourceError: there are none, or they have expired.
    """
    from rolehop.sources.environment import read

    if not app.environ.get("AWS_ACCESS_KEY_ID"):
        found = _of_endpoint(app)
        if found is not None:
            return found
    try:
        return read(_without_chain(app.variables), app.now())
    except SourceWithdrawn as error:
        error.fix = f"{of_chain}, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise


def _of_endpoint(app: App) -> Credentials | None:
    from rolehop.config.model import SourceConfig
    from rolehop.sources import container

    context = replace(app.source_context, environ=_without_chain(app.environ))
    return container.build(SourceConfig("this shell", "container"), context).load()


def _without_chain(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which sources do not refuse what rolehop hands out: that is asked about."""
    from rolehop.handover.environment import CHAIN

    return {name: value for name, value in environ.items() if name != CHAIN}


def ask_caller(sts: Sts, credentials: Credentials, whose: str) -> CallerIdentity:
    """Call GetCallerIdentity; ``whose`` names the credentials in an error.

    Raises:
        SourceError: the credentials have expired.
        HopRefused: AWS does not accept them.
    """
    from rolehop.walk.ports import StsRefusal
    from rolehop.walk.sts_errors import refused_caller

    try:
        return sts.caller(credentials)
    except StsRefusal as refusal:
        raise refused_caller(refusal, whose) from None
