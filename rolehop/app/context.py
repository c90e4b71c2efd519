"""What all functions of the application layer share: settings, files, keyring and clients."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.host import DependencyTracker, TrackedEnvironment, read_file
from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.files import expand_home

if TYPE_CHECKING:
    from rolehop.app.ports import Person
    from rolehop.app.proof import Proof
    from rolehop.app.source_callers import SourceCallers
    from rolehop.app.sts_clients import StsClients
    from rolehop.aws.sts import StsClient
    from rolehop.awsconfig import AwsConfig
    from rolehop.base.errors import ConfigError, RolehopError
    from rolehop.base.files import FileText
    from rolehop.config.model import Config, FleetListing, ListedFleet, SourceConfig
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.sources.context import SourceContext
    from rolehop.vault.account_names import NotedName
    from rolehop.vault.history import History
    from rolehop.vault.index import Index
    from rolehop.vault.index_file import IndexStore
    from rolehop.vault.lazy_stores import LazyKeyStore, LazyTokenStore
    from rolehop.vault.locks import FileLocks
    from rolehop.vault.notes import LastChoices
    from rolehop.vault.sessions import KeyringVault
    from rolehop.walk.ports import ApiCall


class App:
    """One use of rolehop; each part is made when it is first needed.

    Attributes:
        variables: the environment as it was handed in.
        environ: the same, each variable that is read noted in ``dependencies``.
        home: the user's home folder.
        config_file: the one config file to read; ``None``: ``ROLEHOP_CONFIG``, else the usual ones.
        dependencies: the variables and files that were read so far.
        config_problem: what is wrong with the config, if an empty one is used in its place.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        home: Path,
        *,
        config_file: str | None = None,
        person: Person | None = None,
        notify: Callable[[str], None] | None = None,
        read_line: Callable[[], str] = str,
    ) -> None:
        """Make it without reading anything.

        Args:
            environ: the environment variables.
            home: the user's home folder.
            config_file: path of the only config file to read (``--config``).
            person: who answers questions; ``None``: nobody, so that a question is `NoTerminal`.
            notify: shows one line to the user; ``None``: nobody sees it.
            read_line: reads one line of standard input (``--mfa-stdin``).
        """
        self.variables = dict(environ)
        self.dependencies = DependencyTracker(self.variables)
        self.environ = TrackedEnvironment(self.variables, self.dependencies)
        self.home = home
        self.config_file = config_file
        self.read_line = read_line
        self.config_problem: ConfigError | None = None
        self.wants_journal = False
        """What the hot path's record says: the config that it is of wants history in the journal."""

        self._person = person
        self._notify = notify
        self._noted: set[str] = set()
        self.asked_to_read: dict[str, tuple[WalkOptions, Proof] | RolehopError] = {}
        """Of `app.guard`."""
        self.fleet_problems: dict[str, RolehopError | None] = {}
        """Of `app.fleet_proofs`."""

    def with_config(self, config: Config) -> App:
        """Return another application that uses ``config`` instead of what is in files."""
        other = App(
            self.variables,
            self.home,
            config_file=self.config_file,
            person=self._person,
            notify=self._notify,
            read_line=self.read_line,
        )
        vars(other)["config"] = config  # as if it had been read
        return other

    @staticmethod
    def now() -> datetime:
        """Return the present time, aware, in UTC."""
        return datetime.now(UTC)

    def close(self) -> None:
        """Close the connections to STS: of a process that goes on, but not with this object."""
        if "sts_clients" in self.__dict__:  # else it was never needed
            self.sts_clients.close()

    def note(self, text: str) -> None:
        """Show one line to the user, if anybody listens."""
        if self._notify is not None:
            self._notify(text)

    def note_once(self, topic: str, text: str) -> None:
        """Show one line to the user, unless one on ``topic`` was shown before."""
        if topic not in self._noted:
            self._noted.add(topic)
            self.note(text)

    @cached_property
    def person(self) -> Person:
        """Who answers questions, or that nobody does."""
        from rolehop.app.ports import Nobody

        return self._person or Nobody("there is no terminal to ask on")

    # ---- config and AWS files

    @cached_property
    def config_roots(self) -> tuple[list[Path], bool]:
        """The config files to read, lowest precedence first; and whether the user named them.

        Raises:
            UsageError: the one to read has no name.
        """
        if self.config_file == "":  # a variable of a script that is not set
            raise UsageError(
                "the path of the config file is empty", fix="leave it out, or name one"
            )
        named = self.config_file or self.environ.get("ROLEHOP_CONFIG")
        if named:
            path = expand_home(named, self.home)
            if not path.is_absolute():
                self.dependencies.mark_uncacheable()  # another file in another folder
            return [path.absolute()], True
        from rolehop.app.host import config_folders

        return [folder / "config.toml" for folder in config_folders(self.environ)], False

    @property
    def is_config_loaded(self) -> bool:
        """True if the config has been read, and nothing is wrong with it."""
        return "config" in vars(self)

    @cached_property
    def config(self) -> Config:
        """All config files together.

        Raises:
            ConfigError: with every problem found in them.
        """
        from rolehop.base.files import read_trusted
        from rolehop.config.loader import load_config
        from rolehop.sources import SOURCE_TABLES

        roots, explicit = self.config_roots

        def read(path: Path) -> FileText | None:
            return read_trusted(self.dependencies.add_file(path))

        return load_config(
            roots,
            explicit=explicit,
            read=read,
            source_types=SOURCE_TABLES,
            read_listing=self._read_listing,
        )

    def _read_listing(self, fleet: ListedFleet) -> FleetListing:
        """Return the accounts that AWS listed for a fleet last."""
        from rolehop.vault.fleet_accounts import fleet_path, load_listing, no_folder

        if self.state_problem is not None:
            self.dependencies.mark_uncacheable()
            return no_folder(self.state_problem)
        path = self.dependencies.add_file(fleet_path(self.state_folder, fleet.name))
        return load_listing(path, fleet.name, fleet.query.definition)

    @cached_property
    def shell_before(self) -> Mapping[str, str]:
        """The environment with AWS profile and region as they were before ``rolehop assume``."""
        from rolehop.handover.environment import CHAIN, saved_names, shell_before

        derived_from = {name: (CHAIN, saved) for name, saved in saved_names().items()}
        return TrackedEnvironment(shell_before(self.variables), self.dependencies, derived_from)

    @cached_property
    def aws_files(self) -> tuple[Path, Path]:
        """The AWS config and credentials files."""
        from rolehop.awsconfig import aws_config_paths

        return aws_config_paths(self.shell_before, self.home)

    @cached_property
    def aws_config(self) -> AwsConfig:
        """The content of the AWS files.

        Raises:
            ConfigError: a file that botocore would refuse, too.
        """
        from rolehop.awsconfig import parse_aws_config

        # AWS_CONFIG_FILE=/dev/null is how people say that there is none.
        files = [
            None if str(path) == os.devnull else read_file(self.dependencies.add_file(path))
            for path in self.aws_files
        ]
        config, credentials = (None if file is None else file.text for file in files)
        config_file, credentials_file = map(str, self.aws_files)
        return parse_aws_config(
            config,
            credentials,
            config_file=config_file,
            credentials_file=credentials_file,
            distrusted={file.path: file.distrust for file in files if file and file.distrust},
        )

    # ---- state, keyring and AWS

    @cached_property
    def state_problem(self) -> str | None:
        """Why nothing may be stored in the state folder; ``None``: only this user can change it."""
        from rolehop.app.host import state_folder
        from rolehop.base.file_access import folder_problem

        return folder_problem(state_folder(self.environ), self.home)

    @cached_property
    def state_folder(self) -> Path:
        """The folder of the index and the locks; `NOWHERE` if others could change what is in it."""
        from rolehop.app.host import NOWHERE, state_folder

        return NOWHERE if self.state_problem else state_folder(self.environ)

    @cached_property
    def vault(self) -> KeyringVault:
        """The keyring, opened at its first use.

        Raises:
            ConfigError: the config, which may name the back end, is broken.
        """
        from rolehop.vault.backend_selection import choose_backend, import_ahead
        from rolehop.vault.sessions import KeyringVault

        named = self.config.vault_backend  # read now: a broken config is not a broken keyring
        return KeyringVault(
            self.index_store,
            lambda: choose_backend(named, self.environ, sys.platform),
            self.note,
            prepare=lambda: import_ahead(named, self.environ, sys.platform),
            now=self.now,
            not_stored=self.state_problem,
        )

    @cached_property
    def source_callers(self) -> SourceCallers:
        """Whose credentials the sources gave when AWS was last asked."""
        from rolehop.app.source_callers import SourceCallers

        return SourceCallers(lambda: self.vault.callers, self.index_store.held)

    @cached_property
    def index_store(self) -> IndexStore:
        """The file that lists stored sessions without their secrets."""
        from rolehop.vault.index_file import IndexStore

        return IndexStore(self.state_folder, now=self.now)

    @property
    def index(self) -> Index:
        """The index as its file is now."""
        self.dependencies.add_index(self.index_store.path)
        return self.index_store.load()

    @cached_property
    def locks(self) -> FileLocks:
        """The locks that processes share."""
        from rolehop.vault.locks import FileLocks

        return FileLocks(self.state_folder)

    @cached_property
    def sts_clients(self) -> StsClients:
        """The STS clients, which keep their connections."""
        from rolehop.app.sts_clients import StsClients

        clients = StsClients(self.shell_before, self.aws_config, self.now, self.note)
        clients.on_call = self._called
        return clients

    @cached_property
    def history(self) -> History:
        """What was called and handed over."""
        from rolehop.app.host import who_asks
        from rolehop.vault.history import LARGEST, LOCK_SECONDS, Asker, History

        def locks() -> FileLocks:
            from rolehop.vault.locks import FileLocks

            return FileLocks(self.state_folder, deadline_seconds=LOCK_SECONDS)

        def give_up(reason: str) -> None:
            if self.state_problem is None:  # else that is said already
                self.note_once("history", f"the history was not written: {reason}")

        def largest() -> int:
            try:
                return self.config.history.max_bytes or LARGEST
            except RolehopError:  # which is said elsewhere
                return LARGEST

        # Windows appends in two steps, so there one process at a time does.
        locks_of_system = locks if sys.platform == "win32" else None
        return History(
            self.state_folder,
            locks_of_system,
            self.now,
            give_up,
            asker=lambda: Asker(*who_asks(self.variables)),
            largest=largest,
            journal=self._journal,
        )

    def _journal(self) -> Path | None:
        """Return the socket of the system's journal if the config wants lines of the history there."""
        wanted = self.config.history.journald if self.is_config_loaded else self.wants_journal
        if not wanted:
            return None
        from rolehop.vault.journal import SOCKET

        return SOCKET

    def _called(self, call: ApiCall) -> None:
        """Record a call to AWS; nothing is imported for that before there is one."""
        self.history.called(call)

    @cached_property
    def ceilings(self) -> dict[str, int]:
        """Roles whose MaxSessionDuration was found out in this process: ARN to seconds."""
        return {}

    # ---- sources

    @cached_property
    def source_context(self) -> SourceContext:
        """Everything outside that sources may use."""
        from rolehop.sources.context import SourceContext

        return SourceContext(
            environ=self.shell_before,
            aws=self.aws_config,
            aws_files=self.aws_files,
            keys=self._keys(trust_index=True),
            now=self.now,
            home=self.home,
            source_of_chain=self._source_of_chain,
            tokens=self._tokens(trust_index=True),
            person=self.person,
            choices=lambda: self.choices,
            locks=self.locks,
            sts=self._sts_for_source,
            watched=self.dependencies.add_file,
            watched_here=self.dependencies.add_file_here,
            beyond_record=self.dependencies.mark_uncacheable,
            note=self.note,
            quiet=self._notify is None,
            on_call=self._called,
            on_names=self.learn_account_names,
            default_region=self.config.defaults.region,
        )

    @cached_property
    def noted_account_names(self) -> Mapping[str, NotedName]:
        """What AWS called accounts in earlier answers, by ID."""
        from rolehop.vault.account_names import noted_names

        return noted_names(self.state_folder)

    def learn_account_names(self, said: Mapping[str, str]) -> None:
        """Keep what AWS called accounts just now, by ID; failing to is harmless."""
        from rolehop.vault.account_names import note_names

        if self.state_problem is None and note_names(self.state_folder, said, self.now()):
            vars(self).pop("noted_account_names", None)

    @property
    def choices(self) -> LastChoices:
        """What was chosen last from each list."""
        from rolehop.vault.notes import LastChoices

        return LastChoices(self.state_folder)

    def walk_context(self, person: Person) -> SourceContext:
        """Return what sources may use in one walk, or in one run over many chains.

        What is stored is read from the keyring: the index is only a hint, which may be outdated.
        """
        from rolehop.base.dataclass import replace

        _ = self.history  # made before the threads of the run
        keys, tokens = self._keys(trust_index=False), self._tokens(trust_index=False)
        return replace(self.source_context, person=person, keys=keys, tokens=tokens)

    def _keys(self, *, trust_index: bool) -> LazyKeyStore:
        from rolehop.vault.lazy_stores import LazyKeyStore

        return LazyKeyStore(
            lambda: self.vault,
            lambda: self.index,
            self.dependencies.add_item,
            self.variables,
            trust_index=trust_index,
        )

    def _tokens(self, *, trust_index: bool) -> LazyTokenStore:
        from rolehop.vault.lazy_stores import LazyTokenStore

        return LazyTokenStore(
            lambda: self.vault,
            lambda: self.dependencies.add_index(self.index_store.path),
            self.dependencies.add_item,
            trust_index=trust_index,
        )

    def _sts_for_source(self, region: str) -> StsClient:
        from rolehop.awsconfig import current_profile

        return self.sts_clients.get(region, current_profile(self.shell_before))

    def _source_of_chain(self, name: str) -> SourceConfig | None:
        from rolehop.plan.resolve import source_name_of

        chain = self.config.chains.get(name)
        if chain is None:
            return None
        return self.config.sources.get(source_name_of(self.config, chain) or "")
