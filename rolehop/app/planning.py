"""From a name to a plan: `Planning` is the only entry, for every command and for Python programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolehop.app.host import host_name, user_name
from rolehop.base.dataclass import replace
from rolehop.base.errors import VaultError, error_context
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.source_callers import SourceCallers
    from rolehop.aws.sts import StsClient
    from rolehop.config.model import ChainConfig, SourceConfig, WrittenHop
    from rolehop.plan.model import CachedState, Plan, Stamp
    from rolehop.plan.resolve import PlanContext, Resolved, ResolvedParts


class _Start(NamedTuple):
    """Where chains of one source start."""

    source: SourceConfig
    """As the config has it."""

    context: PlanContext
    expanded: SourceConfig
    hops: tuple[WrittenHop, ...]
    """Those of the source's AWS profile."""

    notes: tuple[str, ...]


class Planning:
    """Plans chains, or AWS profiles, without an AWS call or a lock.

    What plans have in common is found out once: stamps of sources (that of IAM user keys is read
    from the keyring), the index, user and host. Use one for many chains. Threads may share it: what
    two of them find out at once is the same.
    """

    def __init__(
        self, app: App, *, keyring_needed: bool = True, index_changes: bool = False
    ) -> None:
        """Find out nothing yet.

        Args:
            app: whose chains are planned.
            keyring_needed: a source is planned only if its keyring opens.
            index_changes: each plan reads the index anew, as it changes between them.
        """
        self.app = app
        self.known: CachedState | None = None
        """What the index said when the last plan was made; ``None``: it is read for the next one."""
        self._keyring_needed = keyring_needed
        self._index_changes = index_changes
        self._stamps: dict[str, Stamp] = {}
        self._texts: dict[int, str] = {}
        self._starts: dict[tuple[int, str | None], _Start] = {}
        self._contexts: dict[tuple[str | None, str | None], PlanContext] = {}
        self._endpoints: dict[tuple[str | None, ...], str | None] = {}
        self._parts: ResolvedParts | None = None

    def plan(
        self, name: str, options: WalkOptions | None = None, callers: SourceCallers | None = None
    ) -> Plan:
        """Plan a chain, or an AWS profile.

        With ``callers`` the keyring says whom a source signed in as, without them only the index may.

        Raises:
            ConfigError: there is no such chain or profile, or the config is broken.
            UsageError: a flag changes the last hop in a way that this hop cannot take.
        """
        options = options or WalkOptions()
        with error_context(name):
            resolved = self.resolve(name, options)
            stamp = self._stamp(resolved.source)
            if resolved.wants_caller:
                caller = self.noted_caller(resolved, stamp, callers)
                resolved = self.resolve(name, options, caller)
            return self.plan_resolved(resolved, stamp, options)

    def plan_and_diagnose(self, name: str, options: WalkOptions) -> Plan:
        """Plan a chain with the problems of its source, present or near, if a walk would need it.

        Raises:
            ConfigError, UsageError: see `plan`.
        """
        from rolehop.sources import diagnose, first_problem, first_warning

        with error_context(name):  # the config may be broken
            callers = self.app.source_callers
        plan = self.plan(name, options, callers)
        if plan.source_problem or plan.is_cached:
            return plan
        found = diagnose(plan.source, self.app.source_context)
        warning = first_warning(found)
        notes = plan.notes if warning is None else (*plan.notes, warning)
        return replace(plan, source_problem=first_problem(found), notes=notes)

    def resolve(
        self, name: str, options: WalkOptions | None = None, caller: str | None = None
    ) -> Resolved:
        """Return the source and the hops of a chain or an AWS profile, templates filled.

        ``caller`` is the name that the source signed in with; without it ``{caller}`` stays.

        Raises:
            ConfigError: there is neither, or it cannot be resolved.
        """
        from rolehop.config.model import written_hops
        from rolehop.plan.resolve import ResolvedParts, path_of, resolve, source_of

        config = self.app.config
        if self._parts is None:
            self._parts = ResolvedParts()
        chain, profile_source = _chain_called(self.app, name)
        path = path_of(config, chain)
        source = profile_source or source_of(config, path, self._parts)
        start = self._start(source, options or WalkOptions())
        context = start.context if caller is None else replace(start.context, caller=caller)
        hops = start.hops + written_hops(path)
        return resolve(config, path, start.expanded, hops, context, start.notes, self._parts)

    def plan_resolved(self, resolved: Resolved, stamp: Stamp, options: WalkOptions) -> Plan:
        """Plan a chain that is resolved already, whose source has ``stamp``."""
        from rolehop.plan.planner import make_plan

        app, profile = self.app, resolved.aws_profile
        known = self.known
        if known is None:
            known = app.index.known().with_ceilings(app.ceilings)
            self.known = None if self._index_changes else known
        calls = (profile, resolved.region, resolved.source.region)
        if calls not in self._endpoints:
            own_region = _region_of_source(app, resolved)
            found = app.sts_clients.session_endpoint(profile, resolved.region, own_region)
            self._endpoints[calls] = found
        return make_plan(
            app.config,
            resolved,
            stamp,
            now=app.now(),
            known=known,
            endpoint_url=self._endpoints[calls],
            options=options,
        )

    def source_plan(self, resolved: Resolved, stamp: Stamp) -> Plan:
        """Plan the source of ``resolved`` alone: its own session, or one made with its keys."""
        return self.plan_resolved(without_hops(resolved), stamp, WalkOptions())

    def noted_caller(
        self, resolved: Resolved, stamp: Stamp, callers: SourceCallers | None
    ) -> str | None:
        """Return the name that the source signed in with if that is known without a call.

        It is that of ``principal``, else what the keyring has if it is asked, else that of a session
        of the source that the index lists. A walk does not trust the index, only AWS and the keyring.
        """
        from rolehop.plan.identity import caller_name, principal_name

        found = principal_name(resolved.source)
        if found is not None:
            return found
        plan = self.source_plan(resolved, stamp)
        if callers is not None:
            arn = callers.get(plan.steps[0].key)
        else:
            entry = self.app.index.sessions.get(plan.key)
            arn = None if entry is None else entry.arn
        return None if arn is None else caller_name(arn)

    def goal(self, name: str, options: WalkOptions | None = None) -> str:
        """Say whose session a chain hands out: its role, the account, and the account's name.

        Raises:
            ConfigError: there is no such chain, or it cannot be resolved.
        """
        from rolehop.app.account_names import KnownNames
        from rolehop.base.advice import account_label

        resolved = self.resolve(name, options)
        names = KnownNames(self.app)
        if not resolved.hops:
            account, own = account_of_source(resolved.source), resolved.source.settings.get("role")
            if account is not None and isinstance(own, str):
                return f"role {own} in account {account_label(account, names)}"
            return f"the session of source '{resolved.source.name}'"
        role, _ = resolved.hops[-1]
        account = account_label(role.account, names)
        return f"role {role.path.removeprefix('/')}{role.name} in account {account}"

    def _start(self, source: SourceConfig, options: WalkOptions) -> _Start:
        key = (id(source), options.region)
        if key not in self._starts:
            self._starts[key] = self._new_start(source, options)
        return self._starts[key]

    def _new_start(self, source: SourceConfig, options: WalkOptions) -> _Start:
        from rolehop.config.model import WrittenHop
        from rolehop.sources import expand

        # The profile that was asked for decides settings of calls, not the last one it refers to.
        context = self._context(options, profile_of(self.app, source))
        expanded, roles, notes = expand(source, self.app.aws_config)
        hops = tuple(
            WrittenHop(hop, source.name, number, in_profile=True)
            for number, hop in enumerate(roles, start=1)
        )
        return _Start(source, context, expanded, hops, notes)

    def _context(self, options: WalkOptions, profile: str | None) -> PlanContext:
        key = (options.region, profile)
        if key not in self._contexts:
            self._contexts[key] = _new_context(self.app, options, profile)
        return self._contexts[key]

    def _stamp(self, source: SourceConfig) -> Stamp:
        # Two AWS profiles may lead to one source; `_Start` keeps it, and so its ID.
        key = self._texts.get(id(source))
        if key is None:
            key = self._texts[id(source)] = repr(source)
        if key not in self._stamps:
            self._stamps[key] = _new_stamp(self.app, source, keyring_needed=self._keyring_needed)
        return self._stamps[key]


def without_hops(resolved: Resolved) -> Resolved:
    """Return the source of ``resolved`` alone, whose own session is not narrowed."""
    from rolehop.plan.model import Guards

    return replace(resolved, hops=(), written=(), guards=Guards(), scope=None)


def is_chain(app: App, name: str) -> bool:
    """True if a chain or an AWS profile has the name.

    Raises:
        ConfigError: the config or an AWS file is broken.
    """
    return name in app.config.chains or name in app.aws_config.profiles


def account_of_source(source: SourceConfig) -> str | None:
    """Return the account of a source's own session, if that of an Identity Center names it."""
    from rolehop.sources import SOURCE_TYPES

    account = source.settings.get("account")
    named = SOURCE_TYPES[source.type].names_permission_set
    return account if named and isinstance(account, str) else None


def _region_of_source(app: App, resolved: Resolved) -> str:
    """Return where the source's own calls to STS go; its session is of that endpoint."""
    from rolehop.awsconfig import region_of
    from rolehop.config.regions import regions_in_order

    named = regions_in_order(
        app.shell_before,
        own=resolved.source.region,
        defaults=app.config.defaults.region,
        profile=region_of(app.aws_config, resolved.aws_profile),
    )
    return named.first.region if named.first else resolved.region


def sts_of_shell(app: App, options: WalkOptions | None = None) -> StsClient:
    """Return an STS client with the AWS profile and the region of this shell, or ``--region``."""
    from rolehop.awsconfig import current_profile, region_of
    from rolehop.config.regions import regions_in_order

    flag = None if options is None else options.region
    profile = current_profile(app.shell_before)
    profile_region = region_of(app.aws_config, profile)
    regions = regions_in_order(app.shell_before, flag=flag, profile=profile_region)
    return app.sts_clients.get(regions.within(None), profile)


def chain_behind(app: App, name: str) -> ChainConfig | None:
    """Return the chain of a name: its own, or that of an AWS profile which is rolehop's line for it.

    Raises:
        ConfigError: the config or an AWS file is broken.
    """
    chain = app.config.chains.get(name)
    if chain is not None or name not in app.aws_config.profiles:
        return chain
    from rolehop.sources.process import chain_of_profile

    return app.config.chains.get(chain_of_profile(name, app.aws_config) or "")


def _chain_called(app: App, name: str) -> tuple[ChainConfig, SourceConfig | None]:
    """Return the chain, and for an AWS profile the source that it is."""
    chain = chain_behind(app, name)
    if chain is not None:
        return chain, None
    from rolehop.app.config_files import first_step
    from rolehop.awsconfig.parse import unprefixed_header
    from rolehop.config.model import ChainConfig
    from rolehop.plan.resolve import no_such_chain
    from rolehop.sources import source_of_profile

    aws = app.aws_config
    if name not in aws.profiles or _was_of_fleet(app, name):
        wrong = unprefixed_header(aws, name)
        first = first_step(app)
        raise no_such_chain(app.config, name, tuple(aws.profiles), wrong, first_step=first)
    return ChainConfig(name=name, source=name), source_of_profile(name, app.config.sources)


def _was_of_fleet(app: App, name: str) -> bool:
    """True for an AWS profile that asks rolehop for a chain of its name, of a fleet that AWS lists.

    Its account is gone from the list; it would be said that the profile leads back to itself.
    """
    if name.partition("/")[0] not in app.config.listed_fleets:
        return False
    from rolehop.sources.process import chain_of_profile

    return chain_of_profile(name, app.aws_config) == name


def _new_context(app: App, options: WalkOptions, profile: str | None) -> PlanContext:
    from rolehop.awsconfig import region_of
    from rolehop.plan.resolve import PlanContext

    return PlanContext(
        user_name(app.environ),
        host_name(),
        options.region,
        environ=app.shell_before,
        profile_region=region_of(app.aws_config, profile),
        aws_profile=profile,
    )


def profile_of(app: App, source: SourceConfig) -> str | None:
    """Return the AWS profile whose settings apply to calls of a walk from ``source``."""
    from rolehop.awsconfig import current_profile
    from rolehop.sources import SOURCE_TYPES

    # Other types have a key of this name too: the ARN of a Roles Anywhere profile.
    named = source.settings.get("profile") if SOURCE_TYPES[source.type].names_profile else None
    return named if isinstance(named, str) else current_profile(app.shell_before)


def _new_stamp(app: App, source: SourceConfig, *, keyring_needed: bool) -> Stamp:
    from rolehop.plan.model import Stamp
    from rolehop.sources import SOURCE_TYPES, stamp_of
    from rolehop.sources.source_type import one_line

    try:
        return stamp_of(source, app.source_context)
    except VaultError as error:
        if keyring_needed:
            raise
        keeps_keys = SOURCE_TYPES[source.type].keeps_keys
        return Stamp(None, long_lived=keeps_keys, problem=one_line(error))


def description_of(app: App, name: str) -> str:
    """Return the description of a chain; empty for an AWS profile."""
    chain = app.config.chains.get(name)
    return "" if chain is None else chain.description
