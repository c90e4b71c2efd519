"""What ``routes`` searches: sources as beginnings, roles and configured hops as what to try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from rolehop.arn import ACCOUNT_ID, RoleArn, account_of
from rolehop.cli.machine import host_name, user_name
from rolehop.cli.policies import Given, start_of, token_of
from rolehop.cli.wiring import App, WalkOptions
from rolehop.config.model import Config, HopConfig, SourceConfig
from rolehop.config.written import chain_text
from rolehop.errors import ConfigError, UsageProblem
from rolehop.files import FileText, read_trusted, write_beside
from rolehop.plan.resolve import clean_name, fill_template, path_of, written_hops
from rolehop.trust.callers import session_of
from rolehop.trust.hops import HopAsked, Setting, Start, token_request
from rolehop.trust.records import Records
from rolehop.trust.routes import Beginning, Found, Route, search
from rolehop.values import replace


class Ways:
    """One search: what is configured, and what the documents say."""

    def __init__(self, app: App, records: Records, told: Given) -> None:
        self._app = app
        self._told = told
        self._records = records
        config = app.config
        self._setting = Setting(records, app.now(), config.defaults.region, told.context)

    def search(self, to: str, source: str | None, *, most: int) -> Found:
        """Search.

        Raises:
            UsageProblem: nobody knows where to start, or ``to`` is nothing to go to.
            ConfigError: a configured chain cannot be followed.
        """
        wanted = self._wanted(to)
        beginnings = [self._beginning(each) for each in self._sources(source)]
        return search(beginnings, list(self._hops), wanted, self._setting, most=most)

    def text(self, route: Route, name: str) -> str:
        """Return a route as a chain called ``name``."""
        return chain_text(name, route.source, [self._hops[hop] for hop in route.hops])

    # ---- where to go

    def _wanted(self, to: str) -> Callable[[str], bool]:
        if ACCOUNT_ID.fullmatch(to):
            if not any(hop.role.account == to for hop in self._hops):
                raise UsageProblem(
                    f"no role of account {to} is known",
                    cause="neither the config nor the documents name one",
                    fix="give the account's documents with --policies FILE",
                )
            return lambda role: account_of(role) == to
        role = self._role(to)
        asked = HopAsked(role, self._session_name)
        if all(hop.role != role for hop in self._hops):
            self._hops[asked] = HopConfig(str(role))
        return lambda each: each == str(role)

    def _role(self, to: str) -> RoleArn:
        if ":role/" not in to:
            hops = self._app.resolve(to, WalkOptions()).hops
            if hops:
                return hops[-1][0]
            raise UsageProblem(f"chain '{to}' has no hop: it is its source's own session")
        known = (hop.role for hop in self._hops)
        same = next((each for each in known if str(each).split(":", 4)[-1] == to), None)
        if same is not None:
            return same
        partition = next((hop.role.partition for hop in self._hops), "aws")
        try:
            return RoleArn.parse_in(to, partition)
        except ValueError as error:
            raise UsageProblem(
                f"{to} is nothing to go to", cause=str(error), fix="give the ARN of a role"
            ) from None

    # ---- where to start

    def _sources(self, named: str | None) -> Iterator[SourceConfig]:
        sources = self._app.config.sources
        if named is not None:
            if named not in sources:
                raise UsageProblem(f"no source is called '{named}'", fix="rolehop source list")
            sources = {named: sources[named]}
        elif self._told.caller is not None and len(sources) > 1:
            raise UsageProblem(
                "--as does not say which source that is", fix="name it with --from SOURCE"
            )
        known = [
            each
            for each in sources.values()
            if not _is_template(each) and self._start(each).principal is not None
        ]
        if not known:
            raise UsageProblem(
                "nobody knows who the source is" if sources else "no source is configured",
                fix='give --as ARN, or principal = "ARN" in its [sources.NAME]',
            )
        yield from known

    def _beginning(self, source: SourceConfig) -> Beginning:
        token = token_of(source)
        request = None if token is None else token_request(token, self._setting)
        return Beginning(source.name, self._start(source), request)

    def _start(self, source: SourceConfig) -> Start:
        from rolehop.sources import expand

        source, before, _ = expand(source, self._app.aws_config)
        stamp = self._app.stamp(source)
        mfa = True if source.settings.get("mfa_serial") else None
        start = start_of(source, token_of(source), self._told, long_lived=stamp.long_lived, mfa=mfa)
        if not before:
            return start
        # A profile's own roles come first; what reaches the config's hops is the last one's session.
        last = before[-1].role
        return replace(start, principal=session_of(last), long_lived=False, mfa=False)

    # ---- what to try

    @cached_property
    def _hops(self) -> dict[HopAsked, HopConfig]:
        """Every call to try, and how a chain writes it: bare ones first, then those configured."""
        configured = list(self._configured())
        arns = [arn for arn, each in self._records.entities.items() if each.trust is not None]
        roles = [str(hop.role) for hop, _ in configured]
        found: dict[HopAsked, HopConfig] = {}
        for arn in dict.fromkeys([*arns, *roles]):
            bare = HopAsked(RoleArn.parse(arn), self._session_name)
            found[bare] = HopConfig(arn)
        for asked, hop in configured:
            found.setdefault(asked, hop)
        return found

    def _configured(self) -> Iterator[tuple[HopAsked, HopConfig]]:
        config = self._app.config
        for name, chain in config.chains.items():
            written = written_hops(path_of(config, chain))
            resolved = self._app.resolve(name, WalkOptions()).hops
            own = resolved[len(resolved) - len(written) :]
            for (role, hop), said in zip(own, written, strict=True):
                by_default = said.hop.session_name is None
                session = self._session_name if by_default else hop.session_name
                asked = HopAsked(
                    role,
                    session or self._session_name,
                    hop.external_id,
                    hop.policy,
                    hop.policy_arns,
                    hop.tags,
                    hop.transitive_tags,
                    hop.source_identity,
                )
                shown = replace(hop, mfa_serial=None, session_name=None if by_default else session)
                yield asked, shown

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
    """Refuse a name that is taken: nothing is ever overwritten.

    Raises:
        UsageProblem: a chain is called so.
    """
    if name in app.config.chains:
        raise UsageProblem(
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
    try:
        old = read_trusted(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read", cause=str(error)) from None
    before = old.text if old is not None else "version = 1\n"
    new = f"{before}{'' if before.endswith(chr(10)) else chr(10)}\n{text}"
    loaded = _loaded(app, path, new, old.distrust if old is not None else None)
    if set(loaded.chains) != {*app.config.chains, name}:
        raise ConfigError(f"{path} has changed meanwhile", fix="run it again")
    try:
        # Behind a link lies the file that the user means.
        write_beside(path.resolve(), new)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="make its folder writable, or paste the chain by hand",
        ) from None
    return path


def _loaded(app: App, path: Path, text: str, distrust: str | None) -> Config:
    from rolehop.config.loader import load_config
    from rolehop.sources import SOURCE_TABLES

    def read(each: Path) -> FileText | None:
        return FileText(str(each), text, distrust) if each == path else read_trusted(each)

    roots, explicit = app.config_roots
    return load_config(roots, explicit=explicit, read=read, source_types=SOURCE_TABLES)
