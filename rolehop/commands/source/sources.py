"""List the configured sources, test one, and sign in to it or out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rolehop.app.caller import ask_caller
from rolehop.app.guard import person_for
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, RolehopError, SourceError, UsageError
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.base.credentials import Credentials, Secret
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.sources.source_type import LoginSupport
    from rolehop.walk.ports import CallerIdentity


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One configured source, as known without a call."""

    name: str
    type: str
    description: str
    state: str
    """``ready``, ``not ready``, or ``unknown`` before it is loaded."""

    problem: str | None
    warning: str | None
    """A problem that will occur soon."""

    chains: tuple[str, ...]
    """Those that start from it."""

    fleet_of: Mapping[str, str]
    """Of those that a fleet makes, by name."""


@dataclass(frozen=True, slots=True)
class Tested:
    """One tested source."""

    name: str
    type: str
    findings: tuple[tuple[str, str, bool | None], ...]
    """What was checked, what was found, and whether that is good."""

    arn: str | None = None
    account: str | None = None
    expires_at: datetime | None = None
    clock_offset: timedelta = timedelta()
    """AWS's clock minus this machine's."""

    long_lived: bool = False
    """They are IAM user keys."""

    made_a_session: bool = False
    """IAM user keys become a session (GetSessionToken) before the next hop."""

    mfa: bool = False
    """The config names an MFA device."""

    hops_of_profile: int = 0
    """Number of roles that the AWS profile itself adds before the chain's hops."""

    error: str | None = None


_SIGNED_IN = "source to sign in to"
"""The list of which the last choice is remembered."""

Findings = list[tuple[str, str, bool | None]]
"""What was looked for, what was found, and whether that is good."""


def find_source(app: App, name: str) -> SourceConfig:
    """Return a configured source, or that which an AWS profile of this name is.

    Raises:
        ConfigError: there is none of that name; the error names the nearest.
    """
    found = app.config.sources.get(name)
    if found is not None:
        return found
    from rolehop.base.text import meant, nearest
    from rolehop.sources import OF_PROFILE, source_of_profile

    for profile in (name, name.removeprefix(OF_PROFILE)):
        if profile in app.aws_config.profiles:
            return source_of_profile(profile, app.config.sources)
    near = nearest(name, {**app.config.sources, **app.aws_config.profiles})
    raise ConfigError(
        f"no source is called '{name}'",
        fix=f"{meant(near)}rolehop source list",
    )


def source_rows(app: App) -> list[SourceRow]:
    """Return a row per configured source, without an AWS call."""
    return [_row(app, source) for source in app.config.sources.values()]


def _row(app: App, source: SourceConfig) -> SourceRow:
    from rolehop.sources import diagnose, expand, first_warning, own_problem, stamp_of

    warning = None
    try:
        base, _, _ = expand(source, app.aws_config)
        stamp = stamp_of(base, app.source_context)
        found = diagnose(base, app.source_context)
        problem, warning = stamp.problem or own_problem(found), first_warning(found)
        state = "ready" if stamp.value is not None else "unknown"
    except RolehopError as error:
        state, problem = "unknown", error.what
    chains = [each for each in app.config.chains.values() if each.source == source.name]
    return SourceRow(
        source.name,
        source.type,
        source.description,
        "not ready" if problem else state,
        problem,
        warning,
        tuple(each.name for each in chains),
        {each.name: each.fleet for each in chains if each.fleet is not None},
    )


# ---- test


def verify_source(app: App, name: str, *, no_prompt: bool) -> tuple[Tested, RolehopError | None]:
    """Load a source and ask AWS who it is; an error comes with what was found before it.

    Raises:
        ConfigError: there is no source of that name.
    """
    from rolehop.sources import expand
    from rolehop.sources.loading import load_source

    source = find_source(app, name)
    context = app.walk_context(person_for(app, WalkOptions(no_prompt=no_prompt)))
    findings: Findings = []
    try:
        base, roles, _ = expand(source, app.aws_config)
        before = _profile_roles(source, base, [role.role for role in roles])
        findings = [*before, *_diagnose(context, base)]
        credentials, stamp = load_source(base, context)
        findings = [*before, *_diagnose(context, base)]  # a sign-in may have changed what is there
        caller = _caller(app, source, credentials)
    except RolehopError as error:
        return Tested(source.name, source.type, tuple(findings), error=error.what), error
    tested = Tested(
        source.name,
        source.type,
        tuple(findings),
        caller.arn,
        caller.account,
        credentials.expires_at,
        credentials.clock_offset,
        long_lived=credentials.long_lived,
        made_a_session=stamp.may_be_keys,
        mfa="mfa_serial" in base.settings,
        hops_of_profile=len(roles),
    )
    return tested, _wrong_principal(base, caller)


def _wrong_principal(source: SourceConfig, caller: CallerIdentity) -> SourceError | None:
    """Return the error that a walk would end with; ``source`` is the one that was loaded."""
    from rolehop.plan.identity import check_principal

    try:
        check_principal(source, caller.arn)
    except SourceError as error:
        if source.principal is None:  # the walk advises this very test
            error.fix = "sign in as the right one, or correct the source in the config"
        return error
    return None


def _profile_roles(source: SourceConfig, base: SourceConfig, roles: Sequence[str]) -> Findings:
    """Name the roles that an AWS profile takes before the chain's own hops; they are not tested."""
    if not roles:
        return []
    taken = f"takes {', then '.join(roles)}; tested is what these start from ({base.type})"
    return [(f"AWS profile '{source.settings['profile']}'", taken, None)]


def _diagnose(context: SourceContext, source: SourceConfig) -> Findings:
    from rolehop.sources import diagnose

    return [(each.looked_for, each.found, each.good) for each in diagnose(source, context)]


def _caller(app: App, source: SourceConfig, credentials: Credentials) -> CallerIdentity:
    from rolehop.app.planning import profile_of

    # As in a walk, the profile that was named decides, not the last one it refers to.
    profile = profile_of(app, source)
    sts = app.sts_clients.get(_region(app, source, profile), profile)
    return ask_caller(sts, credentials, f"the credentials of source '{source.name}'")


def _region(app: App, source: SourceConfig, profile: str | None) -> str:
    """Return the region in which a walk from the source would call STS."""
    from rolehop.awsconfig import region_of
    from rolehop.base.arn import partition_of
    from rolehop.config.regions import regions_in_order

    known = source.principal or source.settings.get("role")
    regions = regions_in_order(
        app.shell_before,
        defaults=app.config.defaults.region,
        source=source.region,
        profile=region_of(app.aws_config, profile),
    )
    return regions.within(partition_of(str(known or "")) or regions.decided_partition())


# ---- sign in, sign out


@dataclass(frozen=True, slots=True)
class SignInChange:
    """A source that was signed in to, or out of, and a line that says so."""

    source: SourceConfig
    message: str


def starting_from_variables(app: App, names: Sequence[str]) -> list[str]:
    """Return those of the chains called ``names`` whose source is variables of who starts rolehop.

    Raises:
        ConfigError: a chain does not exist, or is not valid.
    """
    from rolehop.app.planning import Planning
    from rolehop.sources import SOURCE_TYPES

    planning = Planning(app)
    types = {each: SOURCE_TYPES[planning.resolve(each).source.type] for each in names}
    return [each for each, found in types.items() if found.reads_variables]


def sign_in(
    app: App,
    name: str,
    *,
    browser: bool,
    read_stdin: Callable[[], Secret] | None,
    anew: bool = False,
) -> SignInChange:
    """Sign in to a source and store the sign-in.

    ``browser``: one may be opened here. ``read_stdin`` gives what the user passed in, e.g. a SAML
    assertion (``--stdin``). ``anew``: the sign-in that is there is ended first.

    Raises:
        ConfigError: there is no source of that name.
        UsageError: the source has no sign-in, or does not use what was passed in.
        SourceError: the sign-in failed.
    """
    from rolehop.sources.source_type import Login

    source = find_source(app, name)
    base, support = _login_support(app, source)
    if read_stdin is not None:
        _check_takes_text(base, support)
    text = None if read_stdin is None else read_stdin()
    login = Login(browser=browser, text=text, anew=anew)
    app.choices.note(_SIGNED_IN, source.name)
    return SignInChange(source, support.login(base, app.source_context, login))


def sign_out(app: App, name: str) -> SignInChange:
    """Forget a source's sign-in and end it at the provider if possible.

    Raises:
        ConfigError: there is no source of that name.
        UsageError: the source has no sign-in.
    """
    source = find_source(app, name)
    base, support = _login_support(app, source)
    ended = support.logout(base, app.source_context)
    return SignInChange(source, support.logout_message(base, ended))


def sources_with_sign_in(app: App) -> list[SourceConfig]:
    """Return the sources that can be signed in to, at least one.

    They are those of the config, and of each Identity Center that these leave out an AWS profile; the
    one that was signed in to last is the first.

    Raises:
        UsageError: there is none.
    """
    from rolehop.sources import base_of, login_support, profiles_with_sign_in

    configured = app.config.sources
    found = [
        each
        for each in configured.values()
        if login_support(base_of(each, lambda: app.aws_config)) is not None
    ]
    found += profiles_with_sign_in(configured, app.source_context)
    if not found:
        raise UsageError("no source of the config has a sign-in", fix="rolehop source list")
    last = app.choices.last(_SIGNED_IN)
    return sorted(found, key=lambda each: each.name != last)


def _login_support(app: App, source: SourceConfig) -> tuple[SourceConfig, LoginSupport]:
    """Return what ``source`` starts from, and how a person signs in to it.

    Raises:
        UsageError: it has no sign-in.
        SourceError, ConfigError: its AWS profile is broken.
    """
    from rolehop.sources import diagnose, expand, first_problem, login_support

    base, _, _ = expand(source, app.aws_config)
    support = login_support(base)
    if support is None:
        broken = base.type == "profile" and first_problem(diagnose(base, app.source_context))
        raise UsageError(
            f"source '{source.name}' has no sign-in",
            cause=broken or f"a source of type {base.type} needs no sign-in",
            fix=Advice("rolehop source test ", Argument(source.name)),
        )
    return base, support


def _check_takes_text(source: SourceConfig, support: LoginSupport) -> None:
    """Refuse ``--stdin`` if the source would not use it."""
    if support.takes_text is not None and support.takes_text(source):
        return
    raise UsageError(
        f"source '{source.name}' takes nothing from --stdin",
        cause="saml sources without assertion_… keys take an assertion there, roles-anywhere without"
        " passphrase_command the key's passphrase",
        fix=Advice("rolehop source login ", Argument(source.name)),
    )
