"""Settings of AWS profiles that rolehop took over: commented out where they stand, and put back byte for byte.

Text in, text out. A line that is taken out stays as a comment behind `OUT`. A pair of IAM user keys
is behind `KEPT`, with the name that it has in the keyring in the place of the secret. What rolehop
writes instead stands below the header, after a line that names it. Lines are told apart as Python's `configparser`
does, which botocore reads with: an indented line goes on with the setting above it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.awsconfig.own_profiles import lines_of, newline_of, own_line
from rolehop.awsconfig.parse import SECRET_KEYS, profile_of_header
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.startup import Pattern
from rolehop.base.text import may_hold_secret

if TYPE_CHECKING:
    import re

OUT = "# rolehop took over: "
KEPT = "# rolehop has this in the keyring: "

_OURS = Pattern(
    r"# rolehop wrote ([a-z_]+(?:, [a-z_]+)*) here\. To undo it: rolehop profile remove"
    r"( \(the line above had no end\))?"
)
_OURS_TEXT = "# rolehop wrote {} here. To undo it: rolehop profile remove"
_JOINED = " (the line above had no end)"

KEYS = frozenset({"aws_access_key_id", "aws_secret_access_key"})
"""The settings of a pair of IAM user keys."""

CREDENTIALS = KEYS | {
    *("aws_session_token", "aws_security_token", "credential_process", "login_session"),
    *("role_arn", "source_profile", "credential_source", "web_identity_token_file"),
    *("external_id", "mfa_serial", "role_session_name", "duration_seconds"),
    *("sso_session", "sso_account_id", "sso_role_name", "sso_start_url", "sso_region"),
}
"""The settings that say where a profile's credentials come from."""

_HEADER = Pattern(r"\[(.+)\]")
_OPTION = Pattern(r"(?s)(.*?)\s*[=:]\s*(.*)")
_HELD = Pattern(r"\{([A-Za-z0-9_][A-Za-z0-9_.@+-]*)\}")  # as `rolehop keys add` takes names


class Unchangeable(ValueError):
    """A profile that cannot be taken over so that every byte comes back; the text says why."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting of a section, by the numbers of its lines."""

    key: str
    first: int
    end: int
    """After its last line that goes on with the value."""


@dataclass(frozen=True, slots=True)
class _Section:
    header: str
    first: int
    """The number of the line of the header."""

    end: int
    settings: tuple[_Setting, ...]


@dataclass(frozen=True, slots=True)
class TakenProfile:
    """What an AWS file says that rolehop took over of one profile."""

    name: str
    line: str | None
    """The value of the ``credential_process`` that rolehop wrote; ``None``: only keys were moved."""

    keys: str | None
    """The name of its keys in the keyring, if they were moved there."""


def take_over(
    text: str, name: str, settings: Mapping[str, str], keys: str | None, *, is_config: bool
) -> str:
    """Return an AWS file in which ``settings`` stand in the place of a profile's own credentials.

    Args:
        text: the file.
        name: the profile, of which the file has one section.
        settings: what is written; none, if only keys are moved.
        keys: the name in the keyring of the keys that are moved, if there are any.
        is_config: it is the config file, and not the credentials file.

    Raises:
        Unchangeable: it has no such section or two, or not every byte would come back.
    """
    before = put_back(text, {name}, {}, is_config=is_config)
    pair = pair_in(before, name, is_config=is_config) if keys else None
    taken = CREDENTIALS | settings.keys() if settings else KEYS
    changed = _taken_out(before, name, taken, keys, is_config=is_config)
    if settings:
        changed = _with_ours(changed, name, settings, is_config=is_config)
    pairs = {keys: pair} if keys and pair else {}
    if put_back(changed, {name}, pairs, is_config=is_config) != before:
        raise Unchangeable("it has lines that only rolehop writes")
    return changed


def put_back(
    text: str, names: Collection[str], pairs: Mapping[str, Credentials], *, is_config: bool
) -> str:
    """Return an AWS file with what was taken over of the profiles ``names`` in its place again.

    ``pairs`` are keys by their names in the keyring; those of others stay there. A pair that has
    been rotated since comes in the place of the old one.

    Raises:
        Unchangeable: somebody else changed what rolehop wrote.
    """
    lines = lines_of(text)
    gone: set[int] = set()
    for section in _sections(lines):
        if profile_of_header(section.header, is_config=is_config) in names:
            _put_back_section(lines, section, pairs, gone)
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def taken_profiles(text: str, *, is_config: bool) -> Iterator[TakenProfile]:
    """Give the profiles of which something was taken over, in the file's order."""
    lines = lines_of(text)
    for section in _sections(lines):
        name = profile_of_header(section.header, is_config=is_config)
        inside = range(section.first + 1, section.end)
        keys = next(filter(None, (_held_in(lines[each]) for each in inside)), None)
        marks = [each for each in inside if _OURS.fullmatch(lines[each].strip())]
        if name is not None and (keys or marks):
            yield TakenProfile(name, _value(lines[marks[0] + 1]) if marks else None, keys)


def settings_in(text: str, name: str, *, is_config: bool) -> dict[str, str]:
    """Return the settings of a profile's section that stand in one line.

    Raises:
        Unchangeable: the file has no such section, or two.
    """
    lines = lines_of(text)
    section = _only_section(lines, name, is_config=is_config)
    return {e.key: _value(lines[e.first]) for e in section.settings if e.end == e.first + 1}


def pair_in(text: str, name: str, *, is_config: bool) -> Credentials | None:
    """Return the keys in the file's section of a profile, ``None`` unless there is one whole pair.

    Raises:
        Unchangeable: the file has no such section, or two.
    """
    found = settings_in(text, name, is_config=is_config)
    key_id, secret = found.get("aws_access_key_id"), found.get("aws_secret_access_key")
    return Credentials(key_id, Secret(secret)) if key_id and secret else None


def has_section(text: str, name: str, *, is_config: bool) -> bool:
    """True if an AWS file has a section of a profile."""
    sections = _sections(lines_of(text))
    return any(profile_of_header(e.header, is_config=is_config) == name for e in sections)


_SECRET_LINE = Pattern(rf"(?i)([\s#;]*(?:{'|'.join(sorted(SECRET_KEYS))})\s*[=:]\s*)([^\r\n]*)")
_COMMAND_LINE = Pattern(
    r"(?i)([\s#;]*(?:rolehop took over:\s*)?credential_process\s*[=:]\s*)([^\r\n]*)"
)


def without_secrets(text: str, instead: str = "(not kept in backups)") -> str:
    """Return an AWS file with ``instead`` in the place of secrets, also in comments: for backups and screens.

    A command in which there may be a secret is left out, too.
    """
    lines, secret = lines_of(text), False
    for number, line in enumerate(lines):
        bare = line.rstrip("\r\n")
        found = _SECRET_LINE.fullmatch(bare) or _secret_command(bare)
        if found is not None and not _HELD.fullmatch(found[2].strip()):
            lines[number] = f"{found[1]}{instead}{line[len(bare) :]}"
        elif secret and bare[:1].isspace() and bare.strip():  # it goes on with a secret
            lines[number] = f"  {instead}{line[len(bare) :]}"
            continue
        secret = found is not None
    return "".join(lines)


def _secret_command(line: str) -> re.Match[str] | None:
    found = _COMMAND_LINE.fullmatch(line)
    if found is None or own_line(found[2].strip()) or not may_hold_secret(found[2]):
        return None
    return found


def lines_with(text: str, pairs: Iterable[Credentials]) -> list[int]:
    """Return the numbers, from 1, of the lines of a text in which one of these secrets is."""
    secrets = [each.secret_access_key.reveal() for each in pairs]
    lines = enumerate(lines_of(text), start=1)
    return [number for number, line in lines if any(each in line for each in secrets)]


def _put_back_section(
    lines: list[str], section: _Section, pairs: Mapping[str, Credentials], gone: set[int]
) -> None:
    inside = range(section.first + 1, section.end)
    held = next(filter(None, (_held_in(lines[each]) for each in inside)), None)
    pair = pairs.get(held) if held else None
    has_ours = any(_OURS.fullmatch(lines[number].strip()) for number in inside)
    for number in inside:
        line = lines[number]
        if line.startswith(OUT) and has_ours:
            lines[number] = line.removeprefix(OUT)
        elif line.startswith(KEPT) and pair is not None:
            lines[number] = _with_pair(line.removeprefix(KEPT), pair)
        elif found := _OURS.fullmatch(line.strip()):
            ours = _ours(lines, section, number, found[1].split(", "))
            gone.update(ours)
            if found[2] and not lines[ours[-1] + 1 :]:
                lines[number - 1] = lines[number - 1].rstrip("\r\n")


def _ours(lines: list[str], section: _Section, mark: int, keys: list[str]) -> list[int]:
    """Return the numbers of the lines that rolehop wrote: the mark, and a line for each of ``keys``."""
    ours = range(mark + 1, mark + 1 + len(keys))
    there = {each.first: each.key for each in section.settings if each.end == each.first + 1}
    if [there.get(number) for number in ours] != keys or not own_line(_value(lines[mark + 1])):
        raise Unchangeable("somebody else changed the lines that rolehop wrote")
    return [mark, *ours]


def _with_ours(text: str, name: str, settings: Mapping[str, str], *, is_config: bool) -> str:
    """Return the file with ``settings`` below the profile's header, as far in as what follows."""
    lines, newline = lines_of(text), newline_of(text)
    section = _only_section(lines, name, is_config=is_config)
    joined = not lines[section.first].endswith(("\r", "\n"))
    first = lines[section.settings[0].first] if section.settings else ""
    indent = first[: len(first) - len(first.lstrip())]
    mark = _OURS_TEXT.format(", ".join(settings)) + (_JOINED if joined else "")
    written = [mark, *(f"{key} = {value}" for key, value in settings.items())]
    own = "".join(f"{indent}{each}{newline}" for each in written)
    above = "".join(lines[: section.first + 1]) + (newline if joined else "")
    return above + own + "".join(lines[section.first + 1 :])


def _taken_out(
    text: str, name: str, taken: Collection[str], keys: str | None, *, is_config: bool
) -> str:
    """Return the file with the settings ``taken`` of a profile as comments."""
    lines = lines_of(text)
    section = _only_section(lines, name, is_config=is_config)
    has_kept = any(_held_in(lines[each]) for each in range(section.first, section.end))
    for each in section.settings:
        inside = range(each.first, each.end)
        if each.key not in taken:
            continue
        if each.key in KEYS:
            lines[each.first] = KEPT + _moved(lines[each.first], each, keys, has_kept=has_kept)
        elif each.key in SECRET_KEYS:
            raise Unchangeable("it has the keys of a session, which end")
        else:
            for number in inside:
                lines[number] = OUT + lines[number]
    return "".join(lines)


def _moved(line: str, setting: _Setting, keys: str | None, *, has_kept: bool) -> str:
    """Return one of the two lines of a pair of keys without the secret."""
    if keys is None:
        raise Unchangeable("its keys are in the file, and not in the keyring")
    if has_kept:
        raise Unchangeable("it has keys again, beside those that were moved to the keyring")
    if setting.end > setting.first + 1:
        raise Unchangeable(f"its {setting.key} is not one line")
    return line if setting.key not in SECRET_KEYS else _with_value(line, f"{{{keys}}}")


def _with_value(line: str, value: str) -> str:
    """Return the line of a setting with another value, and all else as it is."""
    end = len(line.rstrip())
    return line[: end - len(_value(line))] + value + line[end:]


def _with_pair(line: str, pair: Credentials) -> str:
    is_secret = _HELD.fullmatch(_value(line)) is not None
    return _with_value(line, pair.secret_access_key.reveal() if is_secret else pair.access_key_id)


def _held_in(line: str) -> str | None:
    """Return the name in the keyring of a line behind `KEPT` that had a secret."""
    found = _HELD.fullmatch(_value(line.removeprefix(KEPT))) if line.startswith(KEPT) else None
    return found[1] if found else None


def _value(line: str) -> str:
    found = _OPTION.fullmatch(line.strip())
    return found[2] if found else ""


def _only_section(lines: Sequence[str], name: str, *, is_config: bool) -> _Section:
    found = [
        each
        for each in _sections(lines)
        if profile_of_header(each.header, is_config=is_config) == name
    ]
    if len(found) != 1:
        raise Unchangeable("it has two sections" if found else "it has no section")
    return found[0]


def _sections(lines: Iterable[str]) -> Iterator[_Section]:
    """Give the sections of a file, with their settings, as `configparser` tells them."""
    header, first, settings = "", -1, list[_Setting]()
    key, start, end, level, number = "", 0, 0, 0, -1

    def closed() -> None:
        if key:
            settings.append(_Setting(key, start, end))

    for number, line in enumerate(lines):
        bare = line.removeprefix("\ufeff") if number == 0 else line
        value = bare.strip()
        if not value or value.startswith(("#", ";")):
            continue
        indent = len(bare) - len(bare.lstrip())
        if key and indent > level:
            end = number + 1
            continue
        closed()
        level, key = indent, ""
        if found := _HEADER.compiled.match(value):
            if first >= 0:
                yield _Section(header, first, number, tuple(settings))
            header, first, settings = found[1], number, []
        elif first >= 0 and (found := _OPTION.fullmatch(value)):
            key, start, end = found[1].lower(), number, number + 1
    closed()
    if first >= 0:
        yield _Section(header, first, number + 1, tuple(settings))
