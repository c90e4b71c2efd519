"""Builds the real hands and gives them to the walk; the one place that reads the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.dependency_tracker import Watch, Watched
from rolehop.app.host import host_name, read_or_none, user_name
from rolehop.errors import error_context
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.terminal import Settings, Terminal

if TYPE_CHECKING:
    import click

    from rolehop.app.sts_clients import Clients
    from rolehop.aws.sts import StsClient
    from rolehop.awsconfig import AwsConfig
    from rolehop.config.model import ChainConfig, Config, SourceConfig
    from rolehop.credentials import Session
    from rolehop.files import FileText
    from rolehop.plan.model import Plan, Stamp
    from rolehop.plan.resolve import PlanContext, Resolved
    from rolehop.ports import Listener, Vault
    from rolehop.shells.dialect import Dialect
    from rolehop.sources.context import SourceContext
    from rolehop.terminal.mfa_codes import AskedCodes
    from rolehop.terminal.prompts import TerminalPerson
    from rolehop.vault.index import Index
    from rolehop.vault.index_file import IndexStore
    from rolehop.vault.locks import FileLocks
    from rolehop.vault.sessions import KeyringVault


class App:
    """One run of the program: its environment, and each hand built when it is first needed."""

    def __init__(self, environ: Mapping[str, str], home: Path) -> None:
        """``variables`` is the environment as it is; ``environ`` notes what is read of it."""
        self.variables = dict(environ)
        self.watch = Watch(self.variables)
        self.environ = Watched(self.variables, self.watch)
        self.home = home
        self.settings = Settings()
        self.terminal = Terminal(self.settings, self.environ)

    @classmethod
    def of_this_process(cls) -> App:
        """Take the environment and the home folder of this process."""
        return cls(os.environ, Path("~").expanduser())

    @classmethod
    def of(cls, ctx: click.Context) -> App:
        """Return the app that the running command belongs to."""
        app = ctx.find_object(cls)
        if app is None:
            raise RuntimeError("a command runs without its app")
        return app

    @staticmethod
    def now() -> datetime:
        """Return the moment, aware, in UTC."""
        return datetime.now(UTC)

    # ---- what is read

    @cached_property
    def config_roots(self) -> tuple[list[Path], bool]:
        """The config files to read, lowest first, and whether they were named on purpose."""
        named = self.settings.config or self.environ.get("ROLEHOP_CONFIG")
        if named:
            path = Path(named).expanduser()
            if not path.is_absolute():
                self.watch.beyond()  # another file in another folder
            return [path.absolute()], True
        from rolehop.app.paths import config_folders

        return [folder / "config.toml" for folder in config_folders(self.environ)], False

    @cached_property
    def config(self) -> Config:
        """All config files together.

        Raises:
            ConfigError: with every complaint.
        """
        from rolehop.config.loader import load_config
        from rolehop.files import read_trusted
        from rolehop.sources import SOURCE_TABLES

        roots, explicit = self.config_roots

        def read(path: Path) -> FileText | None:
            return read_trusted(self.watch.file(path))

        return load_config(roots, explicit=explicit, read=read, source_types=SOURCE_TABLES)

    @cached_property
    def state_folder(self) -> Path:
        """Where the index and the locks live."""
        from rolehop.app.paths import state_folder

        return state_folder(self.environ)

    @cached_property
    def shell_before(self) -> Mapping[str, str]:
        """The environment as it was before rolehop's own assume set profile and region."""
        from rolehop.handover.environment import CHAIN, saved_names, shell_before

        behind = {name: (CHAIN, saved) for name, saved in saved_names().items()}
        return Watched(shell_before(self.variables), self.watch, behind)

    @cached_property
    def aws_files(self) -> tuple[Path, Path]:
        """The AWS config and credentials files."""
        from rolehop.awsconfig import aws_config_paths

        return aws_config_paths(self.shell_before, self.home)

    @cached_property
    def aws_config(self) -> AwsConfig:
        """What the AWS files say.

        Raises:
            ConfigError: a file that botocore would refuse, too.
        """
        from rolehop.awsconfig import parse_aws_config

        config, credentials = (read_or_none(self.watch.file(path)) for path in self.aws_files)
        config_file, credentials_file = map(str, self.aws_files)
        return parse_aws_config(
            config, credentials, config_file=config_file, credentials_file=credentials_file
        )

    # ---- the hands

    @cached_property
    def vault(self) -> KeyringVault:
        """The keyring, opened at its first use."""
        from rolehop.vault.backend_selection import choose_backend, import_ahead
        from rolehop.vault.sessions import KeyringVault

        named = self.config.vault_backend  # read now: a broken config is no broken keyring
        return KeyringVault(
            self.index_store,
            lambda: choose_backend(named, self.environ, sys.platform),
            self.terminal.note,
            prepare=lambda: import_ahead(named, self.environ, sys.platform),
            now=self.now,
        )

    @cached_property
    def index_store(self) -> IndexStore:
        """What is known of the sessions at rest, without opening the keyring."""
        from rolehop.vault.index_file import IndexStore

        return IndexStore(self.state_folder, now=self.now)

    @cached_property
    def locks(self) -> FileLocks:
        """The locks that processes share."""
        from rolehop.vault.locks import FileLocks

        return FileLocks(self.state_folder)

    @cached_property
    def inputs(self) -> SourceContext:
        """What sources may use."""
        from rolehop.sources.context import SourceContext
        from rolehop.vault.lazy_stores import KeysWhenAsked, TokensWhenAsked

        return SourceContext(
            environ=self.shell_before,
            aws=self.aws_config,
            aws_files=self.aws_files,
            keys=KeysWhenAsked(self),
            now=self.now,
            home=self.home,
            source_of_chain=self._source_of_chain,
            tokens=TokensWhenAsked(self),
            person=self.person,
            locks=self.locks,
            sts=self._sts_for_source,
            watched=self.watch.file,
            beyond_record=self.watch.beyond,
            note=self.terminal.note,
            quiet=self.settings.quiet,
            default_region=self.config.defaults.region,
        )

    @cached_property
    def person(self) -> TerminalPerson:
        """Whoever sits at the terminal."""
        from rolehop.handover.child_environment import child_environment
        from rolehop.terminal.prompts import TerminalPerson

        return TerminalPerson(self.terminal, child_environment(self.variables, ()))

    def _sts_for_source(self, region: str) -> StsClient:
        from rolehop.awsconfig import current_profile

        return self.clients.sts(region, current_profile(self.shell_before))

    def _source_of_chain(self, name: str) -> SourceConfig | None:
        from rolehop.plan.resolve import path_of

        chain = self.config.chains.get(name)
        if chain is None:
            return None
        return self.config.sources.get(path_of(self.config, chain)[0].source or "")

    @property
    def index(self) -> Index:
        """What earlier walks left behind, as the index file says it now."""
        self.watch.index(self.index_store.path)
        return self.index_store.load()

    # ---- from a name to a plan

    def resolve(self, name: str, options: WalkOptions) -> Resolved:
        """Resolve a chain, or an AWS profile of that name.

        Raises:
            ConfigError: there is neither, or it cannot be followed.
        """
        from rolehop.config.model import written_by, written_hops
        from rolehop.plan.resolve import path_of, resolve, source_of
        from rolehop.sources import expand

        chain, own_source = self._chain_called(name)
        path = path_of(self.config, chain)
        source = own_source or source_of(self.config, path)
        # The profile that was asked for rules the calls, not the one at the end of its path.
        facts = self._facts(options, self._profile_of(source))
        source, roles, notes = expand(source, self.aws_config)
        hops = written_by(source.name, roles) + written_hops(path)
        return resolve(self.config, path, source, hops, facts, notes)

    def _chain_called(self, name: str) -> tuple[ChainConfig, SourceConfig | None]:
        from rolehop.config.model import ChainConfig, SourceConfig
        from rolehop.plan.resolve import no_such_chain

        chain = self.config.chains.get(name)
        if chain is not None:
            return chain, None
        if name not in self.aws_config.profiles:
            raise no_such_chain(self.config, name, tuple(self.aws_config.profiles))
        source = SourceConfig(name=name, type="profile", settings={"profile": name})
        return ChainConfig(name=name, source=name), source

    def _facts(self, options: WalkOptions, profile: str | None) -> PlanContext:
        from rolehop.awsconfig import region_of
        from rolehop.plan.resolve import PlanContext

        return PlanContext(
            user_name(self.environ),
            host_name(),
            options.region,
            environ=self.shell_before,
            profile_region=region_of(self.aws_config, profile),
            aws_profile=profile,
        )

    def _profile_of(self, source: SourceConfig) -> str | None:
        from rolehop.awsconfig import current_profile

        named = source.settings.get("profile")
        return named if isinstance(named, str) else current_profile(self.shell_before)

    @cached_property
    def clients(self) -> Clients:
        """The STS clients of this run."""
        from rolehop.app.sts_clients import Clients

        return Clients(self.shell_before, self.aws_config, self.now)

    def plan(self, name: str, options: WalkOptions, stamps: dict[str, Stamp] | None = None) -> Plan:
        """Plan a chain without a call or a lock.

        Whoever plans many at once gives ``stamps``, which remembers those of their sources: for IAM
        user keys each is a look into the keyring.
        """
        with error_context(name):
            resolved = self.resolve(name, options)
            known, source = {} if stamps is None else stamps, repr(resolved.source)
            if source not in known:
                known[source] = self.stamp(resolved.source)
            return self._plan(resolved, known[source], options)

    def stamp(self, source: SourceConfig) -> Stamp:
        """Return what tells the source's present state."""
        from rolehop.sources import stamp_of

        return stamp_of(source, self.inputs)

    def _plan(self, resolved: Resolved, stamp: Stamp, options: WalkOptions) -> Plan:
        from rolehop.plan.planner import make_plan

        return make_plan(
            self.config,
            resolved,
            stamp,
            now=self.now(),
            known=self.index.known().lowered(self._ceilings),
            endpoint_url=self.clients.endpoint_url(resolved.aws_profile),
            options=options,
        )

    # ---- from a plan to a session

    def walk(
        self,
        name: str,
        options: WalkOptions,
        listener: Listener,
        *,
        not_before: datetime | None = None,
        vault: Vault | None = None,
    ) -> tuple[Plan, Session]:
        """Walk a chain, with ``vault`` or the keyring; return the plan followed and its session."""
        from rolehop.state.last_refusal import record_refusals

        with error_context(name), record_refusals(self, name, options):
            return self._walked(name, options, listener, not_before, vault)

    def _walked(
        self,
        name: str,
        options: WalkOptions,
        listener: Listener,
        not_before: datetime | None,
        vault: Vault | None,
    ) -> tuple[Plan, Session]:
        from rolehop.ports import Ports
        from rolehop.sources.context import SourceChanged
        from rolehop.sources.loading import start
        from rolehop.walk import CeilingFound, walk

        self.person.prompts = not options.no_prompt
        resolved = self.resolve(name, options)
        source, stamp = start(self, resolved.source)
        codes = self._codes(resolved.source, resolved.chain.name, options)
        while True:
            plan = self._plan(resolved, stamp, options)
            ports = Ports(
                source=source,
                sts=self.clients.sts(plan.region, plan.aws_profile),
                vault=vault or self.vault,
                locks=self.locks,
                codes=codes,
                listener=listener,
                now=self.now,
            )
            try:
                return plan, walk(plan, ports, not_before=not_before)
            except CeilingFound as found:
                # Each round lowers one role's ceiling to the least there is, so this ends.
                self._note_ceiling(found.role, found.seconds)
            except SourceChanged:
                # Each round, a person has signed in or another program's sign-in was taken over.
                source, stamp = start(self, resolved.source)

    def _note_ceiling(self, role: str, seconds: int) -> None:
        self._ceilings[role] = seconds
        with suppress(OSError):  # then it is found out again by the next process
            self.index_store.change(lambda index: index.with_finding(role, seconds, self.now()))

    @cached_property
    def _ceilings(self) -> dict[str, int]:
        return {}

    def sts_of_shell(self, options: WalkOptions) -> StsClient:
        """Return a client for the credentials that this shell holds."""
        from rolehop.awsconfig import current_profile, region_of
        from rolehop.config.regions import regions_in_order

        profile = current_profile(self.shell_before)
        regions = regions_in_order(
            self.shell_before, flag=options.region, profile=region_of(self.aws_config, profile)
        )
        return self.clients.sts(regions.within(None), profile)

    def _codes(self, source: SourceConfig, chain: str, options: WalkOptions) -> AskedCodes:
        from rolehop.handover.child_environment import child_environment
        from rolehop.terminal.mfa_codes import AskedCodes, MfaSources, SpentCodes

        command = source.settings.get("mfa_command")
        ways = MfaSources(
            command=command if isinstance(command, tuple) else None,
            stdin=options.mfa_stdin,
            prompt=not options.no_prompt,
        )
        return AskedCodes(
            ways,
            self.terminal,
            SpentCodes(self.index_store),
            self.locks,
            child_environment(self.variables, ()),
            chain,
        )

    def dialect(self, named: str | None) -> Dialect:
        """Return the named dialect, else that of the parent process, else sh.

        Raises:
            UsageProblem: no shell is called so.
        """
        from rolehop.shells.parent_process import parent_shell
        from rolehop.shells.registry import dialect

        return dialect(named or parent_shell() or "sh")
