"""Which profiles go into the AWS files or out of them: planned, shown, then written."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.aws_files import (
    AwsFile,
    FileChange,
    changed,
    parsed,
    read_aws_file,
    text_of,
    write_changes,
)
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
from rolehop.awsconfig.taken_over import (
    CREDENTIALS,
    KEYS,
    Unchangeable,
    has_section,
    put_back,
    settings_in,
    take_over,
    taken_profiles,
)
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import ConfigError, ConfigProblem, UsageError
from rolehop.base.startup import Pattern
from rolehop.base.text import pluralize
from rolehop.commands.profile.installed import NOBODY_ASKED, Installation, named_config_file

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.awsconfig import AwsConfig
    from rolehop.base.credentials import Credentials
    from rolehop.commands.keys.from_profile import ProfileKeys
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

    take_over: bool = False
    """Replace the credentials of profiles of the user's own."""


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What installing profiles changes, and what stays as it is."""

    changes: tuple[FileChange, ...]
    """In the order in which they are written: each profile works after each."""

    keys: tuple[ProfileKeys, ...] = ()
    """What has to be in the keyring before a file is written."""

    own: tuple[str, ...] = ()
    """The profiles of the user's own that may be taken over."""

    chains: tuple[str, ...] = ()
    """The chains with these names."""

    stays: Mapping[str, str] = field(default_factory=dict)
    """The profiles of the user's own that cannot be, each with the reason."""


def plan_installation(
    app: App, patterns: Sequence[str], options: ProfileOptions, installation: Installation
) -> InstallPlan:
    """Return what installing profiles for the chains that match changes; nothing is written.

    Chains that ask for something before a handover, which no SDK can, are left out, and it is said.
    So is a profile of the user's own: it keeps no other one back.

    Raises:
        UsageError: a name or a path cannot be written so that every SDK reads it.
        ConfigError: no chain matches, or only such, or a file cannot be changed.
    """
    return plan_for(app, _unguarded(app, _matching(app, patterns)), options, installation)


def plan_for(
    app: App, chains: Sequence[ChainConfig], options: ProfileOptions, installation: Installation
) -> InstallPlan:
    """Return what installing profiles for these chains changes, as `plan_installation` does."""
    names = {_profile_name(options.prefix, each.name): each for each in chains}
    lines = {name: _line(app, each, installation) for name, each in names.items()}
    found = _Found.of(app, options)
    own = tuple(name for name in names if name in found.own)
    if not options.take_over:
        rest = {name: chain for name, chain in names.items() if name not in own}
        changes = _Writing(app, options, lines, {}).changes(found, rest)
        return InstallPlan(changes, own=own, chains=tuple(names[name].name for name in own))
    keys, stays = _taking(app, own, found)
    writing = _Writing(app, options, lines, keys)
    while True:
        rest = {name: chain for name, chain in names.items() if name not in stays}
        changes, moved = writing.changes(found, rest), writing.moved(rest)
        kept = {each.name for each in moved}
        refused = _keyless(app, rest, own, kept) or _looping(app, rest, own, changes, kept)
        if not refused:
            return InstallPlan((*_sources(app, moved), *changes), moved, stays=stays)
        stays |= refused


def _sources(app: App, moved: Sequence[ProfileKeys]) -> Sequence[FileChange]:
    """Return what changes in the config, so that no source looks for keys that were moved."""
    if not moved:
        return ()
    from rolehop.commands.profile.taking_over import sources_rewritten

    return sources_rewritten(app, dict.fromkeys(each.profile for each in moved))


@dataclass(frozen=True, slots=True)
class _Found:
    """The AWS files, and whose their profiles are."""

    files: tuple[tuple[bool, AwsFile, BlockText], ...]
    own: frozenset[str]
    """The profiles of the user's own, outside of what rolehop wrote."""

    taken: frozenset[str]
    """The profiles that were taken over before."""

    unprefixed: frozenset[str]
    """Headers that would be profiles of the config file with ``profile`` before the name."""

    @classmethod
    def of(cls, app: App, options: ProfileOptions) -> _Found:
        """Return what is there.

        Raises:
            ConfigError: a file cannot be changed, or botocore refuses it.
        """
        is_read = options.credentials_file or (options.take_over and text_of(app.aws_files[1]))
        files = tuple(_files(app, credentials=bool(is_read)))
        own, marked, unprefixed = frozenset[str](), set[str](), frozenset[str]()
        for is_config, file, parts in files:
            others = [each for each in parts.profiles.values() if not runs_rolehop(each)]
            outside = "\n".join((parts.outside, *others))
            there = _outside(file.path, file.text, outside, is_config=is_config)
            own |= there.profiles.keys()
            unprefixed |= there.unprefixed
            marked |= {e.name for e in taken_profiles(file.text, is_config=is_config) if e.line}
        if len(files) == 1:
            path, text = app.aws_files[1], text_of(app.aws_files[1])
            own |= _outside(path, text, text, is_config=False).profiles.keys()
        taken = frozenset(name for name in marked if _is_as_written(files, name))
        return cls(files, (own | unprefixed) - taken, taken, unprefixed)


def _outside(path: Path, text: str, outside: str, *, is_config: bool) -> AwsConfig:
    """Return what botocore reads outside of rolehop's block, where that says who a profile is.

    Raises:
        ConfigError: botocore refuses the file; the error names lines of the whole ``text``.
    """
    parsed(text, str(path), is_config=is_config)
    there = parsed(outside, str(path), is_config=is_config)
    if is_config:
        return there
    says = {name: each for name, each in there.profiles.items() if CREDENTIALS & each.keys()}
    return replace(there, profiles=says)


def _is_as_written(files: Sequence[tuple[bool, AwsFile, BlockText]], name: str) -> bool:
    """True if a profile that was taken over can be put back, and has no new keys."""
    try:
        for is_config, file, _ in files:
            if has_section(file.text, name, is_config=is_config):
                take_over(file.text, name, _TRIED, None, is_config=is_config)
    except Unchangeable:
        return False
    return True


def _taking(
    app: App, own: Sequence[str], found: _Found
) -> tuple[dict[str, tuple[ProfileKeys, ...]], dict[str, str]]:
    """Return the keys that have to be moved, and why some profiles cannot be taken over."""
    from rolehop.commands.profile.taking_over import (
        Stays,
        check_command,
        check_users,
        keys_to_move,
        sources_rewritten,
    )

    keys: dict[str, tuple[ProfileKeys, ...]] = {}
    stays: dict[str, str] = {}
    blocks = [each for _, _, parts in found.files for each in parts.profiles.items()]
    between = {name for name, lines in blocks if not runs_rolehop(lines)}
    for name in own:
        try:
            if name in found.unprefixed:
                raise Stays(
                    "its header is that of no profile: 'profile' is missing before its name"
                )
            if name in between:
                raise Stays("somebody wrote it between the lines that mark rolehop's own profiles")
            check_command(app, name)
            moved = keys_to_move(app, name)
            sources_rewritten(app, [name] if moved else [])
            check_users(app, name, {*own, *found.taken})
            for is_config, file, _ in found.files:
                if has_section(file.text, name, is_config=is_config):
                    kept = moved[0].name if moved else None
                    take_over(file.text, name, _TRIED, kept, is_config=is_config)
        except (Stays, Unchangeable) as error:
            stays[name] = str(error)
        else:
            keys |= {name: moved} if moved else {}
    return keys, stays


_TRIED = {"credential_process": "rolehop credential-process x"}


def _keyless(
    app: App, chains: Mapping[str, ChainConfig], own: Sequence[str], moved: Collection[str]
) -> dict[str, str]:
    """Return the profiles whose chains would find no keys, with the reason."""
    from rolehop.commands.profile.taking_over import keys_missing

    taken = {name: chain for name, chain in chains.items() if name in own}
    found = {name: keys_missing(app, chain, moved) for name, chain in taken.items()}
    return {name: why for name, why in found.items() if why is not None}


def _looping(
    app: App,
    chains: Mapping[str, ChainConfig],
    own: Sequence[str],
    changes: Sequence[FileChange],
    rewritten: Collection[str],
) -> dict[str, str]:
    """Return the profiles through which a chain would come back to itself, with the reason."""
    from rolehop.commands.profile.taking_over import parsed_with, source_in_the_way

    after = parsed_with(app, {str(each.file.path): each.new for each in changes})
    sources = {
        name: source
        for name, chain in chains.items()
        if name in own and (source := source_in_the_way(app, chain, after, rewritten)) is not None
    }
    return {
        name: f"source '{source}' of its chain reads this profile, and would come back to it"
        for name, source in sources.items()
    }


@dataclass(frozen=True, slots=True)
class _Writing:
    """What is written into the AWS files."""

    app: App
    options: ProfileOptions
    lines: Mapping[str, str]
    """By profile, its ``credential_process``."""

    keys: Mapping[str, tuple[ProfileKeys, ...]]
    """By profile, the keys that are moved out of it, under each of their names."""

    def changes(self, found: _Found, names: Mapping[str, ChainConfig]) -> tuple[FileChange, ...]:
        """Return the change of each file for the profiles ``names``; the config file comes first."""
        each = (self._change(*file, names) for file in found.files)
        return tuple(change for change in each if change.new != change.file.text)

    def moved(self, names: Collection[str]) -> tuple[ProfileKeys, ...]:
        """Return the keys that are moved out of the profiles ``names``."""
        return tuple(each for name in names for each in self.keys.get(name, ()))

    def _change(
        self, is_config: bool, file: AwsFile, parts: BlockText, names: Mapping[str, ChainConfig]
    ) -> FileChange:
        in_place = [
            name
            for name in names
            if name not in parts.profiles and has_section(file.text, name, is_config=is_config)
        ]
        block = {
            name: self._lines(name, chain, parts, is_config=is_config)
            for name, chain in names.items()
            if name not in in_place
            and (is_config or self.options.credentials_file or name in parts.profiles)
        }
        text = str(with_profiles(parts, block)) if block else file.text
        for name in in_place:
            text = self._taken_over(text, name, names[name], is_config=is_config)
        return changed(file, text, (*block, *in_place), is_config=is_config)

    def _lines(self, name: str, chain: ChainConfig, parts: BlockText, *, is_config: bool) -> str:
        """Return the lines of a profile of rolehop's own block."""
        old = parts.profiles.get(name, "")
        settings = {"credential_process": self.lines[name]}
        if is_config:
            settings |= _settings(self.app.config, chain, self.options, old)
        header = f"profile {name}" if is_config and name != "default" else name
        return profile_lines(header, settings, old, parts.newline)

    def _taken_over(self, text: str, name: str, chain: ChainConfig, *, is_config: bool) -> str:
        chosen = self._in_place(text, name, chain, is_config=is_config)
        kept = self.keys[name][0].name if name in self.keys else None
        return take_over(text, name, chosen, kept, is_config=is_config)

    def _in_place(
        self, text: str, name: str, chain: ChainConfig, *, is_config: bool
    ) -> dict[str, str]:
        """Return what is written into a section of the user's own.

        In the credentials file that is nothing, unless it says itself where credentials come from.
        """
        settings = {"credential_process": self.lines[name]}
        now = settings_in(text, name, is_config=is_config)
        before = put_back(text, {name}, {}, is_config=is_config)
        own = settings_in(before, name, is_config=is_config)
        if not is_config:
            is_needed = self.options.credentials_file or (CREDENTIALS - KEYS) & own.keys()
            return settings if is_needed else {}
        return settings | self._region_and_output(name, chain, own, now)

    def _region_and_output(
        self, name: str, chain: ChainConfig, own: Mapping[str, str], now: Mapping[str, str]
    ) -> dict[str, str]:
        """Return what is written beside a section's ``own`` settings; ``now`` has ours, too."""
        settings: dict[str, str] = {}
        merged = self.app.aws_config.profiles.get(name, {})
        usual = {"region": _region(self.app.config, chain), "output": None}
        given = {"region": self.options.region, "output": self.options.output}
        for key in usual:
            ours = now.get(key) if key not in own else None  # written by an installation before
            value = given[key] or ours or (usual[key] if key not in merged else None)
            settings |= {key: value} if value else {}
        return settings


def removal_changes(
    app: App,
    patterns: Sequence[str],
    keys: Mapping[str, Credentials] | None = None,
) -> list[FileChange]:
    """Return what removing profiles changes: those whose name or chain matches, or all.

    What was taken over of the user's own comes back. One that has a line which was not installed
    stays, whoever wrote that, and it is said.

    Args:
        app: the application.
        patterns: names, with * and ?.
        keys: by their names in the keyring, the keys that come back into the files as plain text.

    Raises:
        ConfigError: a pattern matches none, or only such, or a file cannot be changed.
    """
    found: list[FileChange] = []
    matched: set[str] = set()
    mixed: dict[str, Path] = {}
    files = list(_files(app))
    back = _put_back_names(files, patterns, matched)
    for is_config, file, parts in reversed(files):  # with its keys, a profile needs no line
        chosen = {
            name: lines
            for name, lines in parts.profiles.items()
            if not patterns
            or _matches(name, setting_of(lines, "credential_process") or "", patterns, matched)
        }
        names = {name for name, lines in chosen.items() if _is_installed(lines)}
        mixed |= dict.fromkeys(chosen.keys() - names, file.path)
        # What was written last goes first: with it goes the line end that it gave the file's last line.
        text = file.text if parts.joined else _without_block(file.text, names)
        text, touched, edited = _with_own(text, back, keys or {}, is_config=is_config)
        text = _without_block(text, names) if parts.joined else text
        mixed |= dict.fromkeys(edited, file.path)
        if text != file.text:
            found.append(changed(file, text, sorted(names | touched), is_config=is_config))
    _say_mixed(app, mixed, nothing_else=bool(patterns) and not found)
    for pattern in patterns:
        if pattern not in matched:
            raise ConfigError(
                f"no profile that rolehop installed matches '{pattern}'", fix="rolehop profile list"
            )
    return found


def _without_block(text: str, names: Collection[str]) -> str:
    """Return a file without profiles ``names`` of rolehop's block."""
    return str(without_profiles(split_block(text), frozenset(names))) if names else text


def _with_own(
    text: str, names: Iterable[str], keys: Mapping[str, Credentials], *, is_config: bool
) -> tuple[str, set[str], set[str]]:
    """Return a file with what was taken over of profiles, which of them changed, which could not."""
    touched, edited = set[str](), set[str]()
    for name in names:
        before = text
        try:
            text = put_back(text, {name}, keys, is_config=is_config)
        except Unchangeable:
            edited.add(name)
        if text != before:
            touched.add(name)
    return text, touched, edited


def _put_back_names(
    files: Sequence[tuple[bool, AwsFile, BlockText]], patterns: Sequence[str], matched: set[str]
) -> list[str]:
    """Return the profiles of the user's own that come back, in the order of the files."""
    taken = [e for each, file, _ in files for e in taken_profiles(file.text, is_config=each)]
    lines = dict.fromkeys((each.name for each in taken), "")
    for _, _, parts in files:
        found = {name: setting_of(e, "credential_process") for name, e in parts.profiles.items()}
        lines |= {name: line for name, line in found.items() if line and name in lines}
    lines |= {each.name: each.line for each in taken if each.line is not None}
    return [
        name
        for name, line in lines.items()
        if not patterns or _matches(name, line, patterns, matched)
    ]


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


def write_installation(app: App, plan: InstallPlan) -> None:
    """Store the keys that are moved, and write the files.

    Raises:
        VaultError: the keyring failed: no file was written.
        ConfigError: a file cannot be written, or has changed since it was read.
    """
    if not plan.keys:
        write_changes(app, plan.changes)
        return
    from rolehop.commands.keys.from_profile import check_stored, store

    for each in plan.keys:
        store(app, each)
    write_changes(app, plan.changes, before=lambda: check_stored(app, plan.keys))


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
    region = options.region or setting_of(old, "region") or _region(config, chain)
    output = options.output or setting_of(old, "output")
    return {key: value for key, value in (("region", region), ("output", output)) if value}


def _region(config: Config, chain: ChainConfig) -> str | None:
    """Return the region that the config names for a chain."""
    at: ChainConfig | None = chain
    while at is not None and at.region is None:
        at = config.chains.get(at.continues or "")
    return at.region if at is not None else config.defaults.region


def _files(app: App, *, credentials: bool = False) -> Iterator[tuple[bool, AwsFile, BlockText]]:
    """Give the files to change: whether it is the config file, itself, and its parts.

    The credentials file is one of them if ``credentials``, or if it has profiles from before.
    """
    for number, path in enumerate(app.aws_files):
        if number and not credentials and not _has_ours(text_of(path)):
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


def _has_ours(text: str) -> bool:
    return EXPLAINED in text or any(taken_profiles(text, is_config=False))


def _matches(name: str, line: str, patterns: Sequence[str], matched: set[str]) -> bool:
    from fnmatch import fnmatchcase

    found = own_line(line)
    names = [name, *([found.chain] if found else [])]
    hits = [
        each
        for each in patterns
        if any(fnmatchcase(one, each) or one.startswith(f"{each}/") for one in names)
    ]
    matched.update(hits)
    return bool(hits)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(f"'{each}'" for each in names[:5]) + more
