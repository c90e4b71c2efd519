"""Find routes: from the configured sources, over every known role, to the one that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from rolehop.app.config_files import check_new_name
from rolehop.app.context import App
from rolehop.app.host import host_name, user_name
from rolehop.app.judging.callers import federated_call
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.evidence import EvidenceReader
from rolehop.app.judging.plan_verdict import assume_role_request, start_of
from rolehop.app.planning import Planning
from rolehop.base.arn import ACCOUNT_ID, RoleArn, account_of, partition_of
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import RolehopError, UsageError
from rolehop.config.draft import ChainDraft, chain_text
from rolehop.config.model import HopConfig, SourceConfig
from rolehop.plan.resolve import clean_name, fill_template
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext
from rolehop.policy.evaluation.findings import Reason
from rolehop.policy.finding_text import sentence
from rolehop.policy.inventory import IamInventory
from rolehop.policy.requests import (
    FederatedCall,
    build_request,
    federated_request,
    initial_state,
    next_state,
    session_after,
)
from rolehop.policy.routes import Found, RouteStart, search


class LeftOut(NamedTuple):
    """A source or chain of the config that a search left out."""

    kind: str
    """``source`` or ``chain``."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class FoundRoutes:
    """The result of a search."""

    found: Found
    chains: tuple[str, ...]
    """Each route as TOML: a chain to paste."""

    left_out: tuple[LeftOut, ...]
    """The sources and chains that could not be searched."""


def find_routes(
    app: App,
    to: str,
    source: str | None,
    policies: PolicyOptions,
    *,
    most: int,
    new_chain: str | None = None,
) -> FoundRoutes:
    """Find the shortest routes to ``to``: a role, an account, or a chain, whose last role is taken.

    Args:
        app: the application.
        to: where to go.
        source: the source to start from; ``None``: every source whose identity is known.
        policies: the documents to judge by. No AWS call is made.
        most: how many routes to return.
        new_chain: the name of the chain that each route is written as, which must be free.

    Raises:
        UsageError: there is no source to start from, ``to`` is not a role, account or chain, or
            no new chain can have the name ``new_chain``.
        SourceError, ConfigError: the one source that was named cannot be used.
    """
    if policies.context_of_hops:
        raise UsageError(
            "--context with a hop's number is of one chain, and routes tries many",
            fix="give the documents of the roles instead: --policies FILE",
        )
    if new_chain is not None:
        check_new_name(app, new_chain)
    finder = _RouteFinder(app, policies)
    found = finder.search(to, source, most=most)
    texts = [
        chain_text(
            ChainDraft(
                new_chain or "NAME",
                source=route.source,
                hops=tuple(finder.hops[hop] for hop in route.hops),
            )
        )
        for route in found.routes
    ]
    return FoundRoutes(found, tuple(texts), tuple(finder.left_out))


class _RouteFinder:
    """One search; one broken source or chain does not stop it, but is left out with the reason."""

    def __init__(self, app: App, policies: PolicyOptions) -> None:
        self._app = app
        self._policies = policies
        self._planning = Planning(app)
        self._inventory = self._read_inventory()
        self._context = EvaluationContext(
            self._inventory,
            app.now(),
            app.config.defaults.region,
            policies.context,
            policies.assumptions,
        )
        self.left_out: list[LeftOut] = []

    def search(self, to: str, source: str | None, *, most: int) -> Found:
        self._check_named(to)
        starts = self._starts(source)
        wanted = self._wanted(to, starts)
        return search(starts, list(self.hops), wanted, self._context, most=most)

    def _read_inventory(self) -> IamInventory:
        """Read files and organization; AWS is only called if a flag says through which chain."""
        offline = self._policies.organization is None
        reader = EvidenceReader(self._app, self._policies, offline=offline, files_suffice=True)
        accounts = () if offline else self._accounts(reader.documents)
        return replace(reader.documents, organization=reader.find_organization(accounts))

    def _accounts(self, documents: IamInventory) -> set[str | None]:
        """Return the accounts of all roles and sources that are known."""
        accounts = {account_of(entity) for entity in documents.entities}
        accounts |= {
            account_of(source.principal or "") for source in self._app.config.sources.values()
        }
        accounts.add(account_of(self._policies.caller or ""))
        for name in self._app.config.chains:
            with suppress(RolehopError):
                accounts |= {role.account for role, _ in self._planning.resolve(name).hops}
        return accounts

    # ---- where to go

    def _check_named(self, to: str) -> None:
        """Check that ``to`` can be something, before anything is said of where to start."""
        if ACCOUNT_ID.fullmatch(to):
            return
        if ":role/" in to:
            _parsed_role(to, "aws", to)
        else:
            self._planning.resolve(to)

    def _wanted(self, to: str, starts: Sequence[RouteStart]) -> Callable[[str], bool]:
        """Return a function that is true for the ARN of each role that is wanted."""
        if ACCOUNT_ID.fullmatch(to):
            self._check_account(to, starts)
            return lambda arn: account_of(arn) == to
        role = self._role(to, starts)
        missing = self._inventory.role_missing(role)
        if missing is not None:
            raise UsageError(
                f"there is no role {role}",
                cause=sentence(missing),
                fix="give the role's own ARN" if missing.reason is Reason.OTHER_PATH else None,
            )
        request = AssumeRoleRequest(role, self._session_name)
        if all(hop.role != role for hop in self.hops):
            self.hops[request] = HopConfig(str(role))
        return lambda arn: arn == str(role)

    def _check_account(self, account: str, starts: Sequence[RouteStart]) -> None:
        of_sources = {account_of(start.held.caller.arn or "") for start in starts}
        if account not in of_sources and all(hop.role.account != account for hop in self.hops):
            raise UsageError(
                f"no role of account {account} is known",
                cause="neither the config nor the documents name one",
                fix="give the account's documents with --policies FILE",
            )

    def _role(self, to: str, starts: Sequence[RouteStart]) -> RoleArn:
        if ":role/" not in to:
            return self._last_role(to, starts)
        of_sources = (start.held.caller.named or "" for start in starts)
        known = [
            *(str(hop.role) for hop in self.hops),
            *(source for source in of_sources if ":role/" in source),
        ]
        same = next((each for each in known if each.split(":", 4)[-1] == to), to)
        partition = partition_of(known[0]) if known else None
        return _parsed_role(same, partition or "aws", to)

    def _last_role(self, chain: str, starts: Sequence[RouteStart]) -> RoleArn:
        """Return the last role of a chain, or its source's own role if it has no hop."""
        resolved = self._planning.resolve(chain)
        if resolved.hops:
            return resolved.hops[-1][0]
        callers = (start.held.caller for start in starts if start.source == resolved.source.name)
        role = next((caller.named for caller in callers if caller.is_session), None)
        if role is None:
            raise UsageError(f"chain '{chain}' has no hop: it is its source's own session")
        return RoleArn.parse(role)

    # ---- where to start

    def _starts(self, named: str | None) -> list[RouteStart]:
        """Return where to start: the named source, else every source that can be used."""
        sources = self._app.config.sources
        if named is not None and named not in sources:
            raise UsageError(f"no source is called '{named}'", fix="rolehop source list")
        if named is None and self._policies.caller is not None and len(sources) > 1:
            raise UsageError(
                "--as does not say which source that is", fix="name it with --from SOURCE"
            )
        candidates = [sources[named]] if named is not None else list(sources.values())
        found = [each for each in map(self._start_or_none, candidates) if each is not None]
        if not found:
            raise UsageError(
                "there is no source to start from",
                cause="; ".join(f"source '{each.name}': {each.why}" for each in self.left_out)
                or "none is configured",
                fix='give --as ARN, or principal = "ARN" in its [sources.NAME]',
            )
        return found

    def _start_or_none(self, source: SourceConfig) -> RouteStart | None:
        """Return where a source starts, or ``None``, noting why, if that is not known."""
        why = "its account depends on the member of the fleet"
        if not _is_template(source):
            try:
                start = self._start(source)
            except RolehopError as error:
                why = error.what if error.cause is None else f"{error.what}: {error.cause}"
            else:
                if start.held.caller.arn is not None:
                    return start
                why = "rolehop does not know who this is: give --as ARN, or set principal in the config"
        self.left_out.append(LeftOut("source", source.name, why))
        return None

    def _start(self, source: SourceConfig) -> RouteStart:
        """Return a source's session as it is after its own call and the roles of its profile."""
        from rolehop.sources import expand, stamp_of

        base, profile_hops, _ = expand(source, self._app.aws_config)
        own = self._federated_call(base)
        stamp = stamp_of(base, self._app.source_context)
        mfa = True if base.settings.get("mfa_serial") else None
        after = None if own is None else session_after(own, self._context)
        start = start_of(base, after, self._policies, long_lived=stamp.long_lived, mfa=mfa)
        state = initial_state(start, self._context)
        requests = [] if own is None else [federated_request(own, self._context)]
        for number, hop in enumerate(profile_hops, start=1):
            session_name = hop.session_name or self._session_name
            request = assume_role_request(RoleArn.parse(hop.role), hop, session_name)
            requests.append(build_request(state, request, self._context))
            state = next_state(state, request, number, self._inventory)
        return RouteStart(source.name, state, tuple(requests), first=1 if own is None else 0)

    def _federated_call(self, source: SourceConfig) -> FederatedCall | None:
        principal = self._policies.caller or source.principal
        return federated_call(self._app, source, self._context.region, self._inventory, principal)

    # ---- which hops to try

    @cached_property
    def hops(self) -> dict[AssumeRoleRequest, HopConfig]:
        """Every call to try with the hop to write for it: plain ones first, then configured ones."""
        configured = list(self._configured_hops())
        arns = [arn for arn, each in self._inventory.entities.items() if each.trust is not None]
        roles = [str(hop.role) for hop, _ in configured]
        found: dict[AssumeRoleRequest, HopConfig] = {}
        for arn in dict.fromkeys([*arns, *roles]):
            found[AssumeRoleRequest(RoleArn.parse(arn), self._session_name)] = HopConfig(arn)
        for request, hop in configured:
            found.setdefault(request, hop)
        return found

    def _configured_hops(self) -> Iterator[tuple[AssumeRoleRequest, HopConfig]]:
        for name in self._app.config.chains:
            try:
                yield from self._hops_of(name)
            except RolehopError as error:
                self.left_out.append(LeftOut("chain", name, error.what))

    def _hops_of(self, chain: str) -> Iterator[tuple[AssumeRoleRequest, HopConfig]]:
        resolved = self._planning.resolve(chain)
        for (role, hop), each in zip(resolved.hops, resolved.written, strict=True):
            if each.in_profile:
                continue
            session = None if each.hop.session_name is None else hop.session_name
            to_write = replace(hop, mfa_serial=None, session_name=session)
            yield assume_role_request(role, hop, session or self._session_name), to_write

    @cached_property
    def _session_name(self) -> str:
        """The role session name of a hop for which no chain names one."""
        user, host = user_name(self._app.environ), host_name()
        values = {"user": user, "host": host, "chain": "routes"}
        return clean_name(fill_template(self._app.config.defaults.session_name, values))


def _is_template(source: SourceConfig) -> bool:
    """True if the source's account is that of a fleet's member."""
    texts = (setting for setting in source.settings.values() if isinstance(setting, str))
    return any("{account}" in text for text in texts)


def _parsed_role(text: str, partition: str, to: str) -> RoleArn:
    try:
        return RoleArn.parse_in(text, partition)
    except ValueError as error:
        raise UsageError(
            f"{to} is not a role, account or chain",
            cause=str(error),
            fix="give the ARN of a role",
        ) from None
