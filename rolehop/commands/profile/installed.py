"""The AWS profiles that run rolehop, which rolehop that is, and what is wrong with each."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.aws_files import text_of
from rolehop.awsconfig.own_profiles import (
    DamagedBlock,
    OwnLine,
    Unwritable,
    own_line,
    process_line,
    split_block,
)
from rolehop.awsconfig.taken_over import taken_profiles
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, UsageError
from rolehop.base.files import expand_home

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import ListedFleet

_LAUNCHER = ("hotpath", "launcher.py")
_SHARED_LAUNCHER = ("share", "rolehop", "launcher.py")


@dataclass(frozen=True, slots=True)
class Installation:
    """The files that a line names."""

    script: str
    """The console script, absolute."""

    python: str | None = None
    """The interpreter, absolute, links not resolved: a virtual environment's is a link."""

    launcher: str | None = None
    """What the interpreter runs without site; ``None``, as ``python``: the script is run itself."""

    windows: bool = False

    def words(self, chain: str, config_file: str | None) -> tuple[str, ...]:
        """Return the command that answers for ``chain``; ``config_file`` is that of ``--config``."""
        start = (self.python, "-IS", self.launcher) if self.python and self.launcher else ()
        config = ("--config", config_file) if config_file else ()
        return (*start, self.script, "credential-process", *config, chain)


def named_config_file(app: App) -> str | None:
    """Return the config file that lines have to name, absolute: that of ``--config``, if any."""
    named = app.config_file
    return str(expand_home(named, app.home).absolute()) if named else None


def this_installation() -> Installation:
    """Return the running installation.

    The hot path is for Linux. Elsewhere the launcher would only start the script, so the line names
    that alone.

    Raises:
        UsageError: there is no console script.
    """
    windows = sys.platform == "win32"
    package = Path(__file__).parents[2]
    script = next(_scripts(package, "rolehop.exe" if windows else "rolehop"), None)
    if script is None:
        raise UsageError(
            "there is no console script rolehop that a line could start",
            cause=f"neither beside {sys.executable} nor where this Python puts scripts",
            fix="install rolehop with pip, pipx or uv",
        )
    if sys.platform != "linux":
        return Installation(script, windows=windows)
    return Installation(script, _own_python(), str(launcher_of(package)))


def launcher_of(package: Path) -> Path:
    """Return the launcher that finds ``package``: the one whose path names no version of Python.

    A package in a source tree, or where a distribution has its own, has but the one within it.
    """
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if package.parts[-4:-1] == ("lib", version, "site-packages"):
        shared = package.parents[3].joinpath(*_SHARED_LAUNCHER)
        if shared.is_file():
            return shared
    return package.joinpath(*_LAUNCHER)


def _scripts(package: Path, name: str) -> Iterator[str]:
    """Give the console scripts that may be this package's, the likeliest first.

    Beside an interpreter is the script of the package in its environment. A package elsewhere is
    the user's own, or a source tree: then the script that runs now is more likely.
    """
    running = Path(sys.argv[0] or os.devnull).absolute()
    beside = Path(sys.executable).parent / name
    user = Path(sysconfig.get_path("scripts", f"{os.name}_user"), name)
    # Windows' start of a console script takes the ending off its name.
    named = [running.with_name(name)] if running.name in (name, "rolehop") else []
    inside = package.is_relative_to(sys.prefix)
    for each in (beside, *named, user) if inside else (*named, user, beside):
        if os.access(each, os.X_OK) and each.is_file():
            yield str(each)


def _own_python() -> str:
    """Return the interpreter of this environment, by its usual name if it has that, too."""
    usual = Path(sys.executable).parent / "python"
    is_venv = sys.prefix != sys.base_prefix
    return str(usual) if is_venv and usual.exists() else sys.executable


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One AWS profile of ``rolehop profile list``, whose credential_process is rolehop."""

    profile: str
    chain: str
    file: str
    installed: bool
    """It is in the block that rolehop writes, or was taken over."""
    line: str
    """The value of its credential_process."""
    problem: str | None
    """Why no SDK gets an answer through the line."""
    rewrite: str | None
    """The line that would be written now, if that is another one."""
    config_file: str | None = None
    """What the line gives to ``--config``."""

    @property
    def prefix(self) -> str | None:
        """What `profile install` wrote before the chain's name; ``None``: this name is not from it."""
        if self.installed and self.profile.endswith(self.chain):
            return self.profile.removesuffix(self.chain)
        return None


NOBODY_ASKED = "and no SDK can ask"
"""What is wrong with a profile of a chain that asks for something."""


def profile_rows(app: App, patterns: Sequence[str], installation: Installation) -> list[ProfileRow]:
    """Return a row per profile of either AWS file that runs rolehop, and that matches if given.

    Raises:
        ConfigError: a file cannot be read.
    """
    from fnmatch import fnmatchcase

    return [
        row
        for row in _rows(app, installation)
        if not patterns
        or any(fnmatchcase(name, each) for name in (row.profile, row.chain) for each in patterns)
    ]


def reinstall_commands(rows: Iterable[ProfileRow]) -> Iterator[Advice]:
    """Give the commands that write installed lines again: one for each prefix and config file."""
    found: dict[tuple[str, str | None], list[str]] = {}
    for each in rows:
        if each.rewrite and each.prefix is not None:
            found.setdefault((each.prefix, each.config_file), []).append(each.chain)
    for (prefix, config_file), chains in found.items():
        parts: list[str] = []
        for option, value in (("--config", config_file), ("--prefix", prefix)):
            parts += [f" {option} ", Argument(value)] if value else []
        for chain in dict.fromkeys(chains):
            parts += [" ", Argument(chain)]
        yield Advice("rolehop profile install", *parts)


def _rows(app: App, installation: Installation) -> Iterator[ProfileRow]:
    aws = app.aws_config
    for number, sections in enumerate((aws.config_profiles, aws.credentials_sections)):
        file = (aws.config_file, aws.credentials_file)[number]
        installed = _installed(app, number)
        for profile, section in sections.items():
            value = section.get("credential_process")
            line = own_line(value, windows=installation.windows) if isinstance(value, str) else None
            if line is None or not isinstance(value, str):
                continue
            may_answer = _is_elsewhere(app, line) or _is_chain(app, line.chain)
            guarded = _what_asks(app, line) is not None  # which no rewriting changes
            rewrite = _rewrite(line, installation) if may_answer and not guarded else None
            problem = _problem(app, line)
            yield ProfileRow(
                profile=profile,
                chain=line.chain,
                file=file,
                installed=profile in installed,
                line=value,
                problem=problem,
                rewrite=rewrite if problem or rewrite != value else None,
                config_file=line.config_file,
            )


def _installed(app: App, number: int) -> frozenset[str]:
    """Return the profiles that rolehop wrote in the config or the credentials file."""
    text = text_of(app.aws_files[number])
    taken = {each.name for each in taken_profiles(text, is_config=number == 0) if each.line}
    try:
        return frozenset(split_block(text).profiles.keys() | taken)
    except DamagedBlock:
        return frozenset(taken)


def damaged_blocks(app: App) -> Iterator[tuple[Path, DamagedBlock]]:
    """Give the AWS files in which rolehop's block has lost a marker.

    Raises:
        ConfigError: a file cannot be read.
    """
    for path in app.aws_files:
        try:
            split_block(text_of(path))
        except DamagedBlock as error:
            yield path, error


def _rewrite(line: OwnLine, installation: Installation) -> str | None:
    words = installation.words(line.chain, line.config_file)
    try:
        return process_line(words, windows=installation.windows)
    except Unwritable:
        return None


def _problem(app: App, line: OwnLine) -> str | None:
    *_, script = line.programs
    for name, path in zip(("Python", "launcher"), line.programs[:-1], strict=False):
        if not _is_there(path, program=name == "Python"):
            return f"its {name} is gone: {path}"
    if not _is_there(script, program=True):
        return f"its rolehop is gone: {script}"
    asks = _what_asks(app, line)
    if asks is not None:
        return f"{asks}, {NOBODY_ASKED}"
    if line.has_reason:
        return "it never answers: credential-process has no --reason, as a line can give none"
    if _is_elsewhere(app, line) or _is_chain(app, line.chain):
        return None
    fleet = unlisted_fleet_of(app, line.chain)
    if fleet is not None:
        return f"the accounts of fleet '{fleet.name}' are not known here"
    return f"there is no chain '{line.chain}'"


def unlisted_fleet_of(app: App, chain: str) -> ListedFleet | None:
    """Return the fleet that a chain would be of, if there is no usable list of its accounts."""
    fleet = app.config.listed_fleets.get(chain.partition("/")[0])
    return None if fleet is None or fleet.listing.problem is None else fleet


def _is_elsewhere(app: App, line: OwnLine) -> bool:
    """True if the chain is in a config that is not the one that is read now."""
    return line.config_file != named_config_file(app)


def _what_asks(app: App, line: OwnLine) -> str | None:
    """Return what the chain asks for before a handover; ``None``: nothing, or it is elsewhere."""
    from rolehop.app.guard import guards_of_chain

    if _is_elsewhere(app, line):
        return None
    try:
        guards = guards_of_chain(app, line.chain)
    except ConfigError:  # a walk says what is wrong with it
        return None
    return guards.why(line.chain) if guards.any else None


def _is_chain(app: App, name: str) -> bool:
    return name in app.config.chains or name in _member_names(app)


def _is_there(path: str, *, program: bool) -> bool:
    """True if a file that a line names is there; what is looked up on PATH counts as being there."""
    if not os.path.isabs(path):  # noqa: PTH117 - a string
        return True
    return os.access(path, os.X_OK if program else os.R_OK)


def _member_names(app: App) -> set[str]:
    return {name for each in app.config.chains.values() for name in each.names}
