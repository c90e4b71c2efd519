"""Propose a config made of other tools' files: what the user's own lacks, checked by the loader."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.config_files import CONFIG_LOCK, load_with, own_config_file, with_same_config
from rolehop.app.host import read_file
from rolehop.app.importing.found_files import FoundFiles, readings_of
from rolehop.app.profiles.shown_diff import shown_diff
from rolehop.errors import ConfigError
from rolehop.files import FileText, mode_of, write_beside
from rolehop.files.placing import put_new
from rolehop.importing.merging import lacking, loadable
from rolehop.importing.proposal import KeysElsewhere, Proposal
from rolehop.importing.proposed_text import (
    HEAD,
    proposed_text,
    report_lines,
)
from rolehop.importing.tools import proposal_of
from rolehop.startup.dataclass import dataclass
from rolehop.text import visible

if TYPE_CHECKING:
    from rolehop.app.context import App


@dataclass(frozen=True, slots=True)
class ConfigImport:
    """What would be written into the user's own config file."""

    path: Path
    old: FileText | None
    """``None``: there is no file yet."""

    new: str
    chains: tuple[str, ...]
    """The chains that are new."""

    there: int
    """How many chains the config has already, exactly so."""

    lost: tuple[str, ...]
    """What could not be carried, by name, and why: a line for each reason."""

    keys: tuple[KeysElsewhere, ...]

    @property
    def diff(self) -> str:
        """What changes, as a unified diff."""
        name = visible(str(self.path))
        before = "/dev/null" if self.old is None else name
        return shown_diff("" if self.old is None else self.old.text, self.new, before, name)


def plan_import(app: App, found: FoundFiles) -> ConfigImport:
    """Return what the config lacks of what was ``found``; nothing is written.

    Raises:
        ConfigError: the config itself is broken.
    """
    from rolehop.config.model import Config
    from rolehop.sources import SOURCE_TABLES

    path = own_config_file(app)
    proposal, loaded = loadable(_proposed(found), SOURCE_TABLES)
    old = read_file(path)
    # A file that was named need not be there yet.
    config = Config() if old is None and app.config_roots[1] else app.config

    @cache
    def otherwise() -> list[Config]:
        proposals = (_proposed(each) for each in readings_of(app, found))
        return [loadable(each, SOURCE_TABLES)[1] for each in proposals]

    added, there = lacking(proposal, loaded, config, otherwise)
    before = HEAD if old is None else old.text
    gap = "" if before.endswith("\n") else "\n"
    new = f"{before}{gap}\n{proposed_text(added)}" if added.chains else before
    if added.chains:
        load_with(app, path, new, old.distrust if old is not None else None)
    lost = tuple(report_lines(added.lost))
    names = tuple(each.name for each in added.chains)
    return ConfigImport(path, old, new, names, there, lost, added.keys)


def _proposed(found: FoundFiles) -> Proposal:
    proposed = proposal_of(found.aws, found.tools, found.texts)
    return proposed.of_unread_files() if found.elsewhere else proposed


def confirm_import(app: App, planned: ConfigImport) -> None:
    """Ask whether it may be written.

    Raises:
        NoTerminal: nobody can be asked.
        Declined: the answer is not yes.
    """
    from rolehop.app.ports import declined, is_yes
    from rolehop.text import pluralize

    count = pluralize(len(planned.chains), "chain")
    answer = app.person.ask(f"Add {count} to {planned.path}? [y/N] ", needed="a confirmation")
    if not is_yes(answer):
        raise declined("nothing was written", answer, "answer y to write it")


def write_import(app: App, planned: ConfigImport) -> None:
    """Write the config file.

    Raises:
        ConfigError: it has changed since it was read, or cannot be written.
    """
    real = planned.path.resolve()  # a link's target is the file that the user means
    try:
        with app.locks.hold(CONFIG_LOCK):
            if read_file(planned.path) != planned.old:
                raise FileExistsError
            if planned.old is None:
                write_beside(real, planned.new, place=put_new)
            else:
                write_beside(real, planned.new, mode=mode_of(real))
    except FileExistsError:
        raise ConfigError(
            f"{planned.path} has changed in the meantime", fix="run it again"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{planned.path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="make its folder writable, or name another file with --config",
        ) from None


def keys_advice(app: App, keys: KeysElsewhere) -> Advice:
    """Return the command that moves keys which another tool has into the keyring."""
    add = with_same_config(app, "keys add ", Argument(keys.source))
    if not keys.command:
        return Advice(f"keys in {keys.held_by}: ", add)
    *words, profile = keys.command
    printed = (f"{' '.join(words)} ", Argument(profile))
    return Advice(f"keys in {keys.held_by}: ", *printed, " | ", add, " --stdin")
