"""What ``routes`` searches: sources as beginnings, roles and configured hops as what to try."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from rolehop.app.context import App
from rolehop.app.federated_hop import federated_call
from rolehop.app.host import host_name, user_name
from rolehop.app.judging import assume_role_request, start_of
from rolehop.app.planning import resolve_chain
from rolehop.app.policy_documents import PolicyOptions
from rolehop.arn import ACCOUNT_ID, RoleArn, account_of, partition_of
from rolehop.config.model import ChainConfig, Config, HopConfig, SourceConfig, written_hops
from rolehop.config.toml_writer import chain_text
from rolehop.config.value_types import NAME
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.files import PRIVATE_FILE, FileText, read_trusted, write_beside
from rolehop.plan.resolve import clean_name, fill_template, path_of
from rolehop.policy.chains.federated_hop import FederatedCall, federated_request
from rolehop.policy.chains.model import AssumeRoleRequest, EvaluationContext
from rolehop.policy.chains.requests import build_request, initial_state, next_state
from rolehop.policy.evaluation.findings import Reason
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.policy.routes.search import Found, Route, RouteStart, search
from rolehop.show.finding_text import sentence
from rolehop.show.routes import LeftOut
from rolehop.startup.dataclass import replace


class Ways:
    """One search: what is configured, and what the documents say."""

    def __init__(self, app: App, records: IamInventory, told: PolicyOptions) -> None:
        self._app = app
        self._told = told
        self._records = records
        config = app.config
        self._setting = EvaluationContext(
            records, app.now(), config.defaults.region, told.context, told.assumptions
        )
        self.left_out: list[LeftOut] = []
        """What was left out so far, each with its reason: one broken source stops no other."""

    def search(self, to: str, source: str | None, *, most: int) -> Found:
        """Search.

        Raises:
            UsageError: nobody knows where to start, or ``to`` is nothing to go to.
            SourceError, ConfigError: the one source that was named cannot be followed.
        """
        beginnings = self._beginnings(source)
        wanted = self._wanted(to, beginnings)
        return search(beginnings, list(self._hops), wanted, self._setting, most=most)

    def text(self, route: Route, name: str) -> str:
        """Return a route as a chain called ``name``."""
        return chain_text(name, route.source, [self._hops[hop] for hop in route.hops])

    # ---- where to go

    def _wanted(self, to: str, beginnings: Sequence[RouteStart]) -> Callable[[str], bool]:
        if ACCOUNT_ID.fullmatch(to):
            own = {account_of(each.held.caller.arn or "") for each in beginnings}
            if to not in own and not any(hop.role.account == to for hop in self._hops):
                raise UsageError(
                    f"no role of account {to} is known",
                    cause="neither the config nor the documents name one",
                    fix="give the account's documents with --policies FILE",
                )
            return lambda role: account_of(role) == to
        role = self._role(to, beginnings)
        missing = self._records.role_missing(role)
        if missing is not None:
            raise UsageError(
                f"there is no role {role}",
                cause=sentence(missing),
                fix="give the role's own ARN" if missing.reason is Reason.OTHER_PATH else None,
            )
        asked = AssumeRoleRequest(role, self._session_name)
        if all(hop.role != role for hop in self._hops):
            self._hops[asked] = HopConfig(str(role))
        return lambda each: each == str(role)

    def _role(self, to: str, beginnings: Sequence[RouteStart]) -> RoleArn:
        if ":role/" not in to:
            return self._last_role(to, beginnings)
        own = (each.held.caller.named or "" for each in beginnings)
        known = [
            *(str(hop.role) for hop in self._hops),
            *(each for each in own if ":role/" in each),
        ]
        same = next((each for each in known if each.split(":", 4)[-1] == to), to)
        partition = partition_of(known[0]) if known else None
        try:
            return RoleArn.parse_in(same, partition or "aws")
        except ValueError as error:
            raise UsageError(
                f"{to} is nothing to go to", cause=str(error), fix="give the ARN of a role"
            ) from None

    def _last_role(self, chain: str, beginnings: Sequence[RouteStart]) -> RoleArn:
        """Return the role that a chain leads to, its source's own where it has no hop."""
        resolved = resolve_chain(self._app, chain)
        if resolved.hops:
            return resolved.hops[-1][0]
        own = (each.held.caller for each in beginnings if each.source == resolved.source.name)
        named = next((caller.named for caller in own if caller.is_session), None)
        if named is None:
            raise UsageError(f"chain '{chain}' has no hop: it is its source's own session")
        return RoleArn.parse(named)

    # ---- where to start

    def _beginnings(self, named: str | None) -> list[RouteStart]:
        """Return where to start: the source that is named, else all that can be followed."""
        sources = self._app.config.sources
        if named is not None and named not in sources:
            raise UsageError(f"no source is called '{named}'", fix="rolehop source list")
        if named is None and self._told.caller is not None and len(sources) > 1:
            raise UsageError(
                "--as does not say which source that is", fix="name it with --from SOURCE"
            )
        asked = [sources[named]] if named is not None else list(sources.values())
        found = [each for each in map(self._beginning_or_none, asked) if each is not None]
        if not found:
            raise UsageError(
                "there is no source to start from",
                cause="; ".join(f"source '{each.name}': {each.why}" for each in self.left_out)
                or "none is configured",
                fix='give --as ARN, or principal = "ARN" in its [sources.NAME]',
            )
        return found

    def _beginning_or_none(self, source: SourceConfig) -> RouteStart | None:
        """Return where a source starts; ``None``: nobody can tell, which is noted."""
        why = "only a member of its fleet says which account it is of"
        if not _is_template(source):
            try:
                beginning = self._beginning(source)
            except RolehopError as error:
                why = error.what if error.cause is None else f"{error.what}: {error.cause}"
            else:
                if beginning.held.caller.arn is not None:
                    return beginning
                why = "nobody knows who it is: its config has no principal, and --as does not say"
        self.left_out.append(LeftOut("source", source.name, why))
        return None

    def _beginning(self, source: SourceConfig) -> RouteStart:
        """Return what a source's session is, behind its own call and the roles of its profile."""
        from rolehop.sources import expand, stamp_of

        base, profile_hops, _ = expand(source, self._app.aws_config)
        own = self._own(base)
        stamp = stamp_of(base, self._app.source_context)
        mfa = True if base.settings.get("mfa_serial") else None
        start = start_of(base, own, self._told, long_lived=stamp.long_lived, mfa=mfa)
        held = initial_state(start, self._setting)
        requests = [] if own is None else [federated_request(own, self._setting)]
        for number, hop in enumerate(profile_hops, start=1):
            session_name = hop.session_name or self._session_name
            asked = assume_role_request(RoleArn.parse(hop.role), hop, session_name)
            requests.append(build_request(held, asked, self._setting))
            held = next_state(held, asked, number, self._records)
        return RouteStart(source.name, held, tuple(requests), first=1 if own is None else 0)

    def _own(self, source: SourceConfig) -> FederatedCall | None:
        principal = self._told.caller or source.principal
        return federated_call(self._app, source, self._setting.region, self._records, principal)

    # ---- what to try

    @cached_property
    def _hops(self) -> dict[AssumeRoleRequest, HopConfig]:
        """Every call to try, and how a chain writes it: bare ones first, then those configured."""
        configured = list(self._configured())
        arns = [arn for arn, each in self._records.entities.items() if each.trust is not None]
        roles = [str(hop.role) for hop, _ in configured]
        found: dict[AssumeRoleRequest, HopConfig] = {}
        for arn in dict.fromkeys([*arns, *roles]):
            bare = AssumeRoleRequest(RoleArn.parse(arn), self._session_name)
            found[bare] = HopConfig(arn)
        for asked, hop in configured:
            found.setdefault(asked, hop)
        return found

    def _configured(self) -> Iterator[tuple[AssumeRoleRequest, HopConfig]]:
        for name, chain in self._app.config.chains.items():
            try:
                yield from self._hops_of(chain)
            except RolehopError as error:
                self.left_out.append(LeftOut("chain", name, error.what))

    def _hops_of(self, chain: ChainConfig) -> Iterator[tuple[AssumeRoleRequest, HopConfig]]:
        written = written_hops(path_of(self._app.config, chain))
        resolved = resolve_chain(self._app, chain.name).hops
        own = resolved[len(resolved) - len(written) :]
        for (role, hop), said in zip(own, written, strict=True):
            session = None if said.hop.session_name is None else hop.session_name
            shown = replace(hop, mfa_serial=None, session_name=session)
            yield assume_role_request(role, hop, session or self._session_name), shown

    @cached_property
    def _session_name(self) -> str:
        """What a hop's session is called where a chain does not say."""
        user, host = user_name(self._app.environ), host_name()
        values = {"user": user, "host": host, "chain": "routes"}
        return clean_name(fill_template(self._app.config.defaults.session_name, values))


def _is_template(source: SourceConfig) -> bool:
    """Tell whether only a fleet's member says which account this source is of."""
    texts = (each for each in source.settings.values() if isinstance(each, str))
    return any("{account}" in text for text in texts)


# ---- --write


def check_new_name(app: App, name: str) -> None:
    """Refuse a name that no chain can have, or that is taken: nothing is ever overwritten.

    Raises:
        UsageError: it is one of them.
    """
    try:
        NAME.run(name)
    except ValueError as error:
        raise UsageError(
            f"--write: {error}", fix="choose another name, as in --write prod-admin"
        ) from None
    if name in app.config.chains:
        raise UsageError(
            f"there is a chain called '{name}' already",
            cause="routes --write never overwrites",
            fix="choose another name",
        )


def append_chain(app: App, name: str, text: str) -> Path:
    """Append a chain to the user's own config file, once the loader has taken the new text.

    Raises:
        ConfigError: the loader refuses the new text, or the file cannot be written.
    """
    path = app.config_roots[0][-1]
    # Behind a link lies the file that the user means.
    real = path.resolve()
    try:
        old = read_trusted(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read", cause=reason) from None
    before = old.text if old is not None else "version = 1\n"
    new = f"{before}{'' if before.endswith(chr(10)) else chr(10)}\n{text}"
    loaded = _loaded(app, path, new, old.distrust if old is not None else None)
    if set(loaded.chains) != {*app.config.chains, name}:
        raise ConfigError(f"{path} has changed meanwhile", fix="run it again")
    try:
        write_beside(real, new, mode=_mode_of(real))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="make its folder writable, or paste the chain by hand",
        ) from None
    return real


def _mode_of(path: Path) -> int:
    """Return the mode that its owner gave the file, or that of a new one."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return PRIVATE_FILE


def _loaded(app: App, path: Path, text: str, distrust: str | None) -> Config:
    from rolehop.config.loader import load_config
    from rolehop.sources import SOURCE_TABLES

    def read(each: Path) -> FileText | None:
        return FileText(str(each), text, distrust) if each == path else read_trusted(each)

    roots, explicit = app.config_roots
    return load_config(roots, explicit=explicit, read=read, source_types=SOURCE_TABLES)
