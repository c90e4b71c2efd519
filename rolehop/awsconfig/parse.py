"""Parse the two AWS files by botocore's rules, refuse what botocore refuses, and read settings of them.

The rules, from botocore's ``configloader.py`` and ``session.py``: Python's ``RawConfigParser``
(keys lower-cased, a section or key twice is an error, inline comments stay in the value); a value
that is empty on its own line and followed by indented ``k = v`` lines is a block; in the config
file only ``[default]`` and ``[profile NAME]`` are profiles, and a header that does not split
(like a shell would) into exactly two words is dropped; in the credentials file every section is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass, field
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import ConfigError, ConfigProblem, SourceError
from rolehop.base.file_access import Distrust
from rolehop.base.files import expand_home
from rolehop.base.startup import Pattern
from rolehop.base.text import nearest

if TYPE_CHECKING:
    import configparser

SECRET_KEYS = frozenset({"aws_secret_access_key", "aws_session_token", "aws_security_token"})
"""Keys whose values are wrapped in `Secret` as soon as they are read."""

Value = str | Secret | Mapping[str, str]
"""Plain text, a secret, or the ``key = value`` lines indented below a key (one level)."""

Section = Mapping[str, Value]
Sections = Mapping[str, Section]


@dataclass(frozen=True, slots=True, repr=False)
class AwsConfig:
    """Both files together. Its repr shows no values: even commands in it may contain secrets."""

    profiles: Sections = field(default_factory=dict)
    """By name; the credentials file overrides the config file, key by key."""

    sso_sessions: Sections = field(default_factory=dict)
    services: Sections = field(default_factory=dict)

    config_profiles: Sections = field(default_factory=dict)
    """The profiles of the config file only."""

    credentials_sections: Sections = field(default_factory=dict)
    """The credentials file only. botocore prefers its static keys to those of the config file."""

    config_file: str = "~/.aws/config"
    """For messages."""

    credentials_file: str = "~/.aws/credentials"
    """For messages."""

    unprefixed: frozenset[str] = frozenset()
    """Headers of the config file that would be profiles with ``profile`` before the name."""

    unreadable: tuple[str, ...] = ()
    """Headers of the config file whose name botocore cannot read, so that it leaves them out."""

    distrusted: Mapping[str, Distrust] = field(default_factory=dict)
    """By path, why a file may not be followed: others can write it. `check_files` refuses its
    profiles, `check_trust` what it says for all profiles and none: where secrets are sent."""

    def __repr__(self) -> str:
        return f"AwsConfig({len(self.profiles)} profiles)"


def check_trust(aws: AwsConfig, profile: str | None, key: str) -> None:
    """Raise if others could have written ``key`` of ``profile`` (``None`` means ``default``).

    Raises:
        SourceError: others can write the file that it is in.
    """
    in_credentials = key in aws.credentials_sections.get(profile or "default", {})
    file = aws.credentials_file if in_credentials else aws.config_file
    check_file(aws, file, f"the {key} of AWS profile '{profile or 'default'}' is not followed")


def check_files(aws: AwsConfig, profile: str) -> None:
    """Raise if others could have written who ``profile`` is: they can write one of the two files.

    Raises:
        SourceError: they can.
    """
    for file in (aws.config_file, aws.credentials_file):
        check_file(aws, file, f"AWS profile '{profile}' is not followed")


def check_file(aws: AwsConfig, file: str, refusal: str) -> None:
    """Raise ``refusal`` if others can write ``file``, one of the two.

    Raises:
        SourceError: they can.
    """
    if file in aws.distrusted:
        found = aws.distrusted[file]
        raise SourceError(refusal, cause=f"{file}: {found}", fix=found.advice(file))


def profile_of(aws: AwsConfig, name: str) -> Section:
    """Return the merged section of profile ``name``.

    Raises:
        SourceError: there is no such profile; the error suggests the nearest names.
    """
    if name in aws.profiles:
        return aws.profiles[name]
    near = nearest(name, aws.profiles)
    listed = ", ".join(f"'{found}'" for found in near)
    wrong = unprefixed_header(aws, name)
    raise SourceError(
        f"there is no AWS profile '{name}'",
        cause=wrong or f"it is neither in {aws.config_file} nor in {aws.credentials_file}",
        fix=f"write [profile {name}]"
        if wrong
        else f"did you mean {listed}"
        if near
        else f"add [profile {name}] to {aws.config_file}",
    )


def unprefixed_header(aws: AwsConfig, name: str) -> str | None:
    """Return what is wrong with the header ``[name]`` of the config file, if it has it."""
    if name not in aws.unprefixed:
        return None
    return f"[{name}] in {aws.config_file} is no profile: only default has no 'profile' before it"


def plain_setting(aws: AwsConfig, name: str, key: str) -> str | None:
    """Return ``key`` of profile ``name`` as plain text, or ``None`` if it is not set.

    Raises:
        SourceError: there is no such profile.
        ConfigError: the value is a block of indented lines, or a secret.
    """
    value = profile_of(aws, name).get(key)
    if value is None or isinstance(value, str):
        return value
    raise ConfigError(
        f"'{key}' of AWS profile '{name}' cannot be used",
        cause="its value is not one line of plain text",
        fix=f"correct it in {aws.config_file}",
    )


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
        name = profile_of_header(header, is_config=True)
        if name is not None:
            profiles[name] = section
    return profiles


def profile_of_header(header: str, *, is_config: bool) -> str | None:
    """Return the profile of a section of the config or the credentials file; ``None``: it has none."""
    return header if header == "default" or not is_config else _name_in(header, "profile")


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


_VARIABLE = Pattern(r"\$(?:(\w+)|\{([^}]*)\})", re.ASCII)


def aws_config_paths(environ: Mapping[str, str], home: Path) -> tuple[Path, Path]:
    """Return the paths of the config and the credentials file, whether or not they exist."""
    return (
        _path(environ, "AWS_CONFIG_FILE", home / ".aws" / "config", home),
        _path(environ, "AWS_SHARED_CREDENTIALS_FILE", home / ".aws" / "credentials", home),
    )


def _path(environ: Mapping[str, str], variable: str, default: Path, home: Path) -> Path:
    """Return the path in ``variable``, with ``$VAR`` and then ``~`` expanded as botocore does."""
    named = environ.get(variable)
    if named is None:
        return default
    filled = _VARIABLE.sub(
        lambda found: environ.get(found[1] or found[2], found[0]),
        named,
    )
    # To botocore, a variable that is set but empty means that there is no file.
    return expand_home(filled or os.devnull, home)


def current_profile(environ: Mapping[str, str]) -> str | None:
    """Return the profile named by the environment, or ``None``.

    AWS_PROFILE wins over AWS_DEFAULT_PROFILE, as in the AWS CLI v2 and every SDK except botocore:
    somebody who types ``AWS_PROFILE=x rolehop …`` expects it to.
    """
    return environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or None


def profile_setting(aws: AwsConfig, profile: str | None, key: str) -> str | None:
    """Return the plain-text setting ``key`` of ``profile`` (``None`` means ``default``), if any."""
    value = _scoped(aws, profile).get(key)
    return value if isinstance(value, str) else None


def region_of(aws: AwsConfig, profile: str | None) -> str | None:
    """Return the region of ``profile``, or ``None`` if it has none."""
    return profile_setting(aws, profile, "region") or None


def endpoint_override(
    aws: AwsConfig, profile: str | None, environ: Mapping[str, str], service: str = "sts"
) -> str | None:
    """Return the endpoint URL that replaces AWS's own for ``service``, or ``None``.

    The order is botocore's (``ConfiguredEndpointProvider``): AWS_ENDPOINT_URL_<SERVICE>,
    AWS_ENDPOINT_URL, the profile's ``services`` section, the profile's ``endpoint_url``.

    Raises:
        ConfigError: the profile names a ``services`` section that does not exist.
        SourceError: others can write the file that names it.
    """
    scoped = _scoped(aws, profile)
    if _overrides_are_ignored(scoped, environ):
        return None
    variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
    named = environ.get(variable) or environ.get("AWS_ENDPOINT_URL")
    if named:
        return named
    in_services = _endpoint_in_services(aws, scoped, service)
    if in_services:
        check_trust(aws, profile, "services")
        check_file(aws, aws.config_file, "the services sections of the AWS config are not followed")
        return in_services
    own = scoped.get("endpoint_url")
    if not isinstance(own, str) or not own:
        return None
    check_trust(aws, profile, "endpoint_url")
    return own


def client_keys(aws: AwsConfig, profile: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the plain-text keys of ``profile`` for clients of AWS; none without a profile.

    Raises:
        SourceError: others can write the file that names a CA bundle: whom to trust.
    """
    keys = aws.profiles.get(profile or "", {})
    if keys.get("ca_bundle") and not environ.get("AWS_CA_BUNDLE"):
        check_trust(aws, profile, "ca_bundle")
    return {key: value for key, value in keys.items() if isinstance(value, str)}


def endpoint_overrides(
    aws: AwsConfig, profile: str | None, environ: Mapping[str, str], services: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Return name and endpoint URL of each of ``services`` whose endpoint is overridden.

    This belongs into the stamp of what is got through them, and into the name of a sign-in: what
    comes from one endpoint is never used as if it came from another.

    Raises:
        ConfigError: the profile names a ``services`` section that does not exist.
    """
    urls = ((service, endpoint_override(aws, profile, environ, service)) for service in services)
    return tuple((service, url) for service, url in urls if url)


def _scoped(aws: AwsConfig, profile: str | None) -> Section:
    return aws.profiles.get(profile or "default", {})


def _overrides_are_ignored(scoped: Section, environ: Mapping[str, str]) -> bool:
    """True if configured endpoints are switched off; the variable wins over the file."""
    value: object = environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    if value is None:
        value = scoped.get("ignore_configured_endpoint_urls")
    return isinstance(value, str) and value.lower() == "true"


def _endpoint_in_services(aws: AwsConfig, scoped: Section, service: str) -> str | None:
    """Return the ``endpoint_url`` of ``service`` in the profile's ``[services NAME]``."""
    name = scoped.get("services")
    if name is None:
        return None
    section = aws.services.get(name) if isinstance(name, str) else None
    if not section:
        raise ConfigError(
            f"the AWS profile uses the services section '{name}', which does not exist",
            cause=f"{aws.config_file} has no [services {name}]",
            fix=f"add [services {name}] to {aws.config_file}",
        )
    block = section.get(service.lower().replace("-", "_"), {})
    return block.get("endpoint_url") if isinstance(block, Mapping) else None


def profile_fingerprint(aws: AwsConfig, base: str) -> str:
    """Return the SHA-256 (64 hex digits) of all sections that define profile ``base``.

    These are its own in both files, those of its source profiles, its ``sso-session`` and its
    ``services``. A secret counts only as present or absent: the access key ID beside it already
    identifies it, and so no secret goes into anything that is stored.

    Raises:
        SourceError: there is no such profile.
    """
    profile_of(aws, base)
    parts = [_sections_of(aws, name) for name in _with_source_profiles(aws, base)]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256_hex(text.encode())


def _with_source_profiles(aws: AwsConfig, base: str) -> list[str]:
    """Return ``base`` and its source profiles, up to a loop or a profile that does not exist."""
    names: list[str] = []
    at: object = base
    while isinstance(at, str) and at in aws.profiles and at not in names:
        names.append(at)
        at = aws.profiles[at].get("source_profile")
    return names


def _sections_of(aws: AwsConfig, name: str) -> dict[str, object]:
    profile = aws.profiles[name]
    return {
        "config": _plain(aws.config_profiles.get(name, {})),
        "credentials": _plain(aws.credentials_sections.get(name, {})),
        "sso": _plain(_named_by(profile, "sso_session", aws.sso_sessions)),
        "services": _plain(_named_by(profile, "services", aws.services)),
    }


def _named_by(profile: Section, key: str, sections: Mapping[str, Section]) -> Section:
    name = profile.get(key)
    return sections.get(name, {}) if isinstance(name, str) else {}


def _plain(section: Section) -> dict[str, object]:
    return {key: _shown(value) for key, value in section.items()}


def _shown(value: Value) -> object:
    if isinstance(value, Secret):
        return ["secret", bool(value)]
    return value if isinstance(value, str) else dict(value)
