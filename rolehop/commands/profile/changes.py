"""Which profiles go into the AWS files or out of them: planned, shown, then written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.aws_files import AwsFile, FileChange, read_aws_file
from rolehop.awsconfig import AwsConfig, parse_aws_config
from rolehop.awsconfig.own_profiles import (
    EXPLAINED,
    BlockText,
    DamagedBlock,
    Unwritable,
    lines_of,
    own_line,
    process_line,
    profile_lines,
    runs_rolehop,
    setting_of,
    split_block,
    with_profiles,
    without_profiles,
)
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, ConfigProblem, UsageError
from rolehop.base.startup import Pattern
from rolehop.base.text import pluralize
from rolehop.commands.profile.installed import NOBODY_ASKED, Installation, named_config_file

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import ChainConfig, Config

_NAME = Pattern(r"[A-Za-z0-9_.@+/:-]*")


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """How profiles are written."""

    prefix: str = ""
    region: str | None = None
    """``None``: what the profile has, else what the config names for the chain."""

    output: str | None = None
    credentials_file: bool = False
    """Write the line into the credentials file as well."""


def install_changes(
    app: App, patterns: Sequence[str], options: ProfileOptions, installation: Installation
) -> list[FileChange]:
    """Return what installing profiles for the chains that match changes; nothing is written.

    Chains that ask for something before a handover, which no SDK can, are left out, and it is said.

    Raises:
        UsageError: a name or a path cannot be written so that every SDK reads it.
        ConfigError: no chain matches, or only such; a profile of that name is there already, or a
            file cannot be changed.
    """
    chains = _unguarded(app, _matching(app, patterns))
    return changes_for(app, chains, options, installation)


def changes_for(
    app: App, chains: Sequence[ChainConfig], options: ProfileOptions, installation: Installation
) -> list[FileChange]:
    """Return what installing profiles for these chains changes, as `install_changes` does."""
    config = app.config
    names = {_profile_name(options.prefix, each.name): each for each in chains}
    lines = {name: _line(app, each, installation) for name, each in names.items()}
    files = list(_files(app, credentials=options.credentials_file))
    for is_config, file, parts in files:
        others = [each for each in parts.profiles.values() if not runs_rolehop(each)]
        outside = "\n".join((parts.outside, *others))
        _refuse_taken(str(file.path), file.text, outside, names, is_config=is_config)
    if len(files) == 1:
        path, text = app.aws_files[1], _text_of(app.aws_files[1])
        _refuse_taken(str(path), text, text, names, is_config=False)
    found: list[FileChange] = []
    for is_config, file, parts in files:
        new: dict[str, str] = {}
        for name, chain in names.items():
            if not (is_config or options.credentials_file or name in parts.profiles):
                continue
            old = parts.profiles.get(name, "")
            settings = {"credential_process": lines[name]}
            if is_config:
                settings |= _settings(config, chain, options, old)
            header = f"profile {name}" if is_config and name != "default" else name
            new[name] = profile_lines(header, settings, old, parts.newline)
        if new:
            found.append(_change(file, with_profiles(parts, new), new, is_config=is_config))
    return [each for each in found if each.new != each.file.text]


def removal_changes(app: App, patterns: Sequence[str]) -> list[FileChange]:
    """Return what removing profiles changes: those whose name or chain matches, or all.

    One that has a line which was not installed stays, whoever wrote that, and it is said.

    Raises:
        ConfigError: a pattern matches none, or only such, or a file cannot be changed.
    """
    found: list[FileChange] = []
    matched: set[str] = set()
    mixed: dict[str, Path] = {}
    for is_config, file, parts in _files(app):
        chosen = {
            name: lines
            for name, lines in parts.profiles.items()
            if not patterns or _matches(name, lines, patterns, matched)
        }
        names = {name for name, lines in chosen.items() if _is_installed(lines)}
        mixed |= dict.fromkeys(chosen.keys() - names, file.path)
        if names:
            new = without_profiles(parts, frozenset(names))
            found.append(_change(file, new, names, is_config=is_config))
    _say_mixed(app, mixed, nothing_else=bool(patterns) and not found)
    for pattern in patterns:
        if pattern not in matched:
            raise ConfigError(
                f"no profile that rolehop installed matches '{pattern}'", fix="rolehop profile list"
            )
    return found


def _is_installed(lines: str) -> bool:
    """True if each line of a profile, but for blank ones, is as ``profile install`` writes it."""
    settings = [_setting(line) for line in lines_of(lines)[1:] if line.strip()]
    return all(settings) and "credential_process" in settings


def _setting(line: str) -> str | None:
    """Return the key of a line that ``profile install`` writes; ``None``: somebody else wrote it."""
    for key in ("region", "output"):
        if setting_of(line, key) is not None:
            return key
    value = setting_of(line, "credential_process")
    return "credential_process" if value is not None and _is_installed_line(value) else None


def _is_installed_line(value: str) -> bool:
    windows = sys.platform == "win32"
    found = own_line(value, windows=windows)
    if found is None:
        return False
    match found.programs:
        case (script,):
            here = Installation(script)
        case (python, launcher, script):
            here = Installation(script, python, launcher)
        case _:
            return False
    try:
        return process_line(here.words(found.chain, found.config_file), windows=windows) == value
    except Unwritable:
        return False


def _say_mixed(app: App, mixed: Mapping[str, Path], *, nothing_else: bool) -> None:
    """Say which profiles stay, once.

    Raises:
        ConfigError: ``nothing_else`` was meant.
    """
    why = "it has lines that rolehop did not write"
    if mixed and nothing_else:
        name, path = next(iter(mixed.items()))
        fix = "take out by hand what is not needed"
        raise ConfigError(f"profile '{name}' in {path} is not removed", cause=why, fix=fix)
    for name, path in mixed.items():
        app.note_once(f"mixed {name}", f"profile '{name}' in {path} stays: {why}")


def confirm_changes(app: App, changes: Sequence[FileChange], verb: str) -> None:
    """Ask whether the changes may be written; ``verb`` is "write" or "remove".

    Raises:
        NoTerminal: nobody can be asked.
        Declined: the answer is not yes.
    """
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes
    from rolehop.base.errors import NoTerminal

    count = len({name for each in changes for name in each.profiles})
    files = " and ".join(str(each.file.path) for each in changes)
    place = "in" if verb == "write" else "from"
    question = f"{verb.capitalize()} {pluralize(count, 'profile')} {place} {files}?"
    try:
        answer = ask_yes_or_no(app.person, question)
    except NoTerminal as error:
        error.fix = "run it in a terminal, or add --yes"
        raise
    if not is_yes(answer):
        raise declined("nothing was written", answer, "answer y to write it")


def _matching(app: App, patterns: Sequence[str]) -> list[ChainConfig]:
    from rolehop.app.selecting import selected_chains

    found = selected_chains(app, patterns) if patterns else list(app.config.chains.values())
    if not found:
        from rolehop.app.config_files import first_step

        raise ConfigError("no chain is configured yet", fix=first_step(app))
    return found


def _unguarded(app: App, chains: Sequence[ChainConfig]) -> list[ChainConfig]:
    """Return the chains that ask for nothing before a handover; say which do."""
    from rolehop.app.guard import guards_of_chain

    guards = {each.name: guards_of_chain(app, each.name) for each in chains}
    able = [each for each in chains if not guards[each.name].any]
    asking = [name for name, each in guards.items() if each.any]
    if not asking:
        return able
    which = guards[asking[0]].why(asking[0])
    if len(asking) > 1:
        which = f"each of {_listed(asking)} asks for a confirmation or a reason"
    if able:
        app.note(f"left out: {which}, {NOBODY_ASKED}")
        return able
    raise ConfigError(
        "no profile was written",
        cause=f"{which}, {NOBODY_ASKED}",
        fix=Advice("rolehop exec ", Argument(asking[0]), " -- PROGRAM"),
    )


def _profile_name(prefix: str, chain: str) -> str:
    if not _NAME.fullmatch(prefix):
        raise UsageError(
            f"--prefix: '{prefix}' cannot begin the name of an AWS profile",
            fix="letters, digits and _.@+/:-",
        )
    return prefix + chain


def _line(app: App, chain: ChainConfig, installation: Installation) -> str:
    try:
        words = installation.words(chain.name, named_config_file(app))
        return process_line(words, windows=installation.windows)
    except Unwritable as error:
        raise UsageError(
            f"{error} cannot be written into an AWS config",
            cause="AWS SDKs read quotes, % and # in a command in different ways",
            fix="move it to a path without such characters",
        ) from None


def _settings(
    config: Config, chain: ChainConfig, options: ProfileOptions, old: str
) -> dict[str, str]:
    """Return region and output: what was asked for, else what the profile has in its ``old`` lines."""
    at: ChainConfig | None = chain
    while at is not None and at.region is None:
        at = config.chains.get(at.continues or "")
    usual = at.region if at is not None else config.defaults.region
    region = options.region or setting_of(old, "region") or usual
    output = options.output or setting_of(old, "output")
    return {key: value for key, value in (("region", region), ("output", output)) if value}


def _files(app: App, *, credentials: bool = False) -> Iterator[tuple[bool, AwsFile, BlockText]]:
    """Give the files to change: whether it is the config file, itself, and its parts.

    The credentials file is one of them if ``credentials``, or if it has profiles from before.
    """
    for number, path in enumerate(app.aws_files):
        if number and not credentials and EXPLAINED not in _text_of(path):
            return
        file = read_aws_file(path, app.home)
        try:
            yield number == 0, file, split_block(file.text)
        except DamagedBlock as error:
            raise ConfigError(
                f"{file.path} is not changed",
                complaints=(ConfigProblem(str(file.path), error.line, "", str(error)),),
                fix="put both markers back, or delete the block by hand",
            ) from None


def _matches(name: str, lines: str, patterns: Sequence[str], matched: set[str]) -> bool:
    from fnmatch import fnmatchcase

    found = own_line(setting_of(lines, "credential_process") or "")
    names = [name, *([found.chain] if found else [])]
    hits = [
        each
        for each in patterns
        if any(fnmatchcase(one, each) or one.startswith(f"{each}/") for one in names)
    ]
    matched.update(hits)
    return bool(hits)


def _text_of(path: Path) -> str:
    from rolehop.app.host import read_or_none

    # AWS_SHARED_CREDENTIALS_FILE=/dev/null is how people say that there is none.
    return "" if str(path) == os.devnull else read_or_none(path) or ""


def _refuse_taken(
    path: str, text: str, outside: str, names: Iterable[str], *, is_config: bool
) -> None:
    """Refuse a profile that exists outside the block: whichever an SDK took would be the wrong one.

    Raises:
        ConfigError: there is one, or the file is one that botocore refuses.
    """
    _parsed(text, path, is_config=is_config)  # whose errors name the lines of the whole file
    there = _parsed(outside, path, is_config=is_config)
    taken = [name for name in names if name in there.profiles or name in there.unprefixed]
    if not taken:
        return
    raise ConfigError(
        f"{path} already has a profile {_listed(taken)}",
        cause="it does not run rolehop, and only profiles that were installed are changed",
        fix="remove it, or give yours another name with --prefix",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(f"'{each}'" for each in names[:5]) + more


def _change(file: AwsFile, new: BlockText, names: Iterable[str], *, is_config: bool) -> FileChange:
    """Return the change, once everything but the profiles ``names`` is seen to mean what it meant.

    Raises:
        ConfigError: it would not.
    """
    text, ours = str(new), set(names)
    try:
        before = _parsed(file.text, str(file.path), is_config=is_config)
    except ConfigError:  # only a removal comes here with a file that botocore refuses
        return FileChange(file, text, tuple(names))
    after = _parsed(text, str(file.path), is_config=is_config)
    if _others(before, ours) != _others(after, ours):
        raise ConfigError(
            f"{file.path} is not changed",
            cause="lines after rolehop's block belong to a profile in it, and would to another one",
            fix="move them",
        )
    return FileChange(file, text, tuple(names))


def _parsed(text: str, path: str, *, is_config: bool) -> AwsConfig:
    text = text.removeprefix("\ufeff")
    if is_config:
        return parse_aws_config(text, None, config_file=path)
    return parse_aws_config(None, text, credentials_file=path)


def _others(parsed: AwsConfig, ours: set[str]) -> object:
    profiles = {name: keys for name, keys in parsed.profiles.items() if name not in ours}
    return profiles, parsed.sso_sessions, parsed.services, parsed.unprefixed
