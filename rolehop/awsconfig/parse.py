"""Parse the text of the two AWS files by botocore's rules, and refuse what botocore refuses.

The rules, from botocore's ``configloader.py`` and ``session.py``: Python's ``RawConfigParser``
(keys lower-cased, a section or key twice is an error, inline comments stay in the value); a value
that is empty on its own line and followed by indented ``k = v`` lines is a block; in the config
file only ``[default]`` and ``[profile NAME]`` are profiles, and a header that does not split
(like a shell would) into exactly two words is dropped; in the credentials file every section is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rolehop.awsconfig.model import SECRET_KEYS, AwsConfig, Section, Sections, Value
from rolehop.credentials import Secret
from rolehop.errors import ConfigError, ConfigProblem
from rolehop.files.access import Distrust
from rolehop.startup.lazy_regex import Pattern

if TYPE_CHECKING:
    import configparser

_RawSections = dict[str, dict[str, str]]
_PLAIN_KEY = Pattern(r"[a-z][a-z0-9_-]{0,39}")


def parse_aws_config(
    config_text: str | None,
    credentials_text: str | None,
    *,
    config_file: str = "~/.aws/config",
    credentials_file: str = "~/.aws/credentials",
    distrusted: Mapping[str, Distrust] | None = None,
) -> AwsConfig:
    """Merge both files into one value. ``None`` stands for a file that does not exist.

    ``distrusted`` says by path why others can write a file.

    Raises:
        ConfigError: botocore would refuse the file. The error names file and line but never
            quotes the line, since a misplaced secret is a common reason.
    """
    config = _sections(config_text, config_file)
    credentials = _sections(credentials_text, credentials_file)
    own = _profiles(config)
    names = dict.fromkeys([*own, *credentials])
    merged = {name: {**own.get(name, {}), **credentials.get(name, {})} for name in names}
    return AwsConfig(
        profiles=merged,
        sso_sessions=_named(config, "sso-session"),
        services=_named(config, "services"),
        config_profiles=own,
        credentials_sections=credentials,
        config_file=config_file,
        credentials_file=credentials_file,
        unprefixed=frozenset(e for e in config if e != "default" and _kind_of(e) is None),
        unreadable=tuple(e for e in config if (k := _kind_of(e)) and _name_in(e, k) is None),
        distrusted=distrusted or {},
    )


def _profiles(config: Sections) -> dict[str, Section]:
    """Return the profiles of the config file; if a name occurs twice, the later one wins."""
    profiles: dict[str, Section] = {}
    for header, section in config.items():
        name = header if header == "default" else _name_in(header, "profile")
        if name is not None:
            profiles[name] = section
    return profiles


def _named(config: Sections, kind: str) -> dict[str, Section]:
    """Return the sections whose header is ``kind NAME``, by name."""
    names = {header: _name_in(header, kind) for header in config if _kind_of(header) == kind}
    return {name: config[header] for header, name in names.items() if name is not None}


def _kind_of(header: str) -> str | None:
    """Return the kind of section botocore takes ``header`` for, by its prefix, in this order."""
    kinds = ("profile", "sso-session", "services")
    return next((kind for kind in kinds if header.startswith(kind)), None)


def _name_in(header: str, kind: str) -> str | None:
    """Return the name in a header such as ``profile "a b"``, or ``None`` if it has none."""
    if _kind_of(header) != kind:
        return None
    import shlex

    try:
        words = shlex.split(header)
    except ValueError:
        return None
    return words[1] if len(words) == 2 else None


def _sections(text: str | None, file: str) -> Sections:
    """Return the sections of one file by their raw headers."""
    if not text:
        return {}
    raw = _raw_sections(text, file)
    return {
        header: {key: _value(key, value) for key, value in _blocks(section, header, text, file)}
        for header, section in raw.items()
    }


def _value(key: str, value: str | dict[str, str]) -> Value:
    """Wrap the value in ``Secret`` if ``key`` is one of those that contain secrets."""
    return Secret(value) if key in SECRET_KEYS and isinstance(value, str) else value


def _raw_sections(text: str, file: str) -> _RawSections:
    """Parse with Python's own parser, as botocore does."""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        # botocore opens files in text mode, which normalizes line ends.
        parser.read_string(text.replace("\r\n", "\n").replace("\r", "\n"))
    except configparser.Error as error:
        # `from None`: the parser's own message quotes the line.
        raise _refusal(file, _complaints(error, file)) from None
    return {
        header: {key: parser.get(header, key) for key in parser.options(header)}
        for header in parser.sections()
    }


def _blocks(
    section: dict[str, str], header: str, text: str | None, file: str
) -> list[tuple[str, str | dict[str, str]]]:
    """Convert values that are blocks of indented lines into dictionaries."""
    found: list[tuple[str, str | dict[str, str]]] = []
    for key, value in section.items():
        if not value.startswith("\n"):
            found.append((key, value))
            continue
        lines = [line.strip() for line in value.splitlines() if line.strip()]
        if not all("=" in line for line in lines):
            place = _line_of(text or "", header, key)
            raise _refusal(
                file,
                (ConfigProblem(file, place, key, "an indented line below it is not key = value"),),
            )
        pairs = (line.split("=", 1) for line in lines)
        found.append((key, {name.strip(): inner.strip() for name, inner in pairs}))
    return found


def _refusal(file: str, complaints: tuple[ConfigProblem, ...]) -> ConfigError:
    """Return the error for a file that neither botocore nor rolehop can read."""
    return ConfigError(
        f"the AWS config file {file} cannot be read",
        complaints=complaints,
        fix="correct it: the AWS CLI and boto3 refuse this file too",
    )


def _complaints(error: configparser.Error, file: str) -> tuple[ConfigProblem, ...]:
    """Describe the parser's error in our own words: its messages quote the file."""
    import configparser

    line = getattr(error, "lineno", None)
    match error:
        case configparser.DuplicateSectionError():
            return (ConfigProblem(file, line, "", f"the section [{error.section}] occurs twice"),)
        case configparser.DuplicateOptionError():
            # In a stray line a secret can stand where a key should; only a plausible key is shown.
            key = error.option if _PLAIN_KEY.fullmatch(error.option) else ""
            return (ConfigProblem(file, line, key, f"occurs twice in [{error.section}]"),)
        case configparser.MissingSectionHeaderError():
            return (ConfigProblem(file, line, "", "there is a line before the first [section]"),)
        case configparser.ParsingError() if error.errors:
            text = "the line is neither a [section] nor key = value"
            return tuple(ConfigProblem(file, number, "", text) for number, _ in error.errors)
        case _:
            return (ConfigProblem(file, line, "", "it is not an INI file"),)


def _line_of(text: str, header: str, key: str) -> int | None:
    """Return the 1-based line of ``key`` in ``[header]``; used for errors only."""
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("["):
            inside = line.startswith(f"[{header}]")
        elif inside and re.match(rf"{re.escape(key)}\s*[=:]", line, re.IGNORECASE):
            return number
    return None
