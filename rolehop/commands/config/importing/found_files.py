"""The files of other tools: found, read and judged; nothing in them is followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.awsconfig import AwsConfig, parse_aws_config
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.files import expand_home, is_plain_file, is_there, read_trusted
from rolehop.importing.tools import (
    AWS_CONFIG,
    TOOLS,
    ForeignTool,
    check_own,
    tool_of_text,
    used_tools,
)
from rolehop.startup.dataclass import dataclass, field, replace

if TYPE_CHECKING:
    from rolehop.app.context import App

_LONGEST = 16 * 1024 * 1024  # bytes


@dataclass(slots=True)
class FoundFiles:
    """What there is to make a config of."""

    aws: AwsConfig
    tools: list[str]
    """The tools that are used."""

    texts: dict[str, str] = field(default_factory=dict)
    """By tool, the text of its own file."""

    seen: list[str] = field(default_factory=list)
    """What was found, a line each."""

    broken: list[str] = field(default_factory=list)
    """What could not be read, and why, a line each."""

    elsewhere: bool = False
    """Whether the profiles are of a file that AWS's tools do not read here."""


def files_of(app: App, named: str | None) -> FoundFiles:
    """Find the files of the tool ``named``, or the one file; without it, of all tools.

    Raises:
        UsageError: it is neither a tool nor a file.
        ConfigError: what was named cannot be read, is broken, or can be written by others.
    """
    if named is None:
        return _of_all(app)
    if named in TOOLS:
        return _of_tool(app, TOOLS[named])
    path = expand_home(named, app.home)
    if not is_plain_file(path):
        listed = ", ".join(TOOLS)
        raise UsageError(f"'{named}' is neither a tool nor a file", fix=f"{listed}, or a file")
    text = _text(path) or ""
    tool = tool_of_text(text)
    if tool != AWS_CONFIG:
        _check_own(path, tool, text)
        aws = parse_aws_config(None, None)
        return FoundFiles(aws, [tool], {tool: text}, [f"{path}: {tool}"])
    is_config = "[profile " in text or path.name != "credentials"
    aws = (
        parse_aws_config(text, None, config_file=str(path))
        if is_config
        else parse_aws_config(None, text, credentials_file=str(path))
    )
    found = FoundFiles(aws, used_tools(aws, {}, frozenset()), {}, [_profiles_line(aws, path)])
    found.elsewhere = path.resolve() not in {each.resolve() for each in app.aws_files}
    return found


def readings_of(app: App, found: FoundFiles) -> Iterator[FoundFiles]:
    """Give the same AWS profiles as each of the tools reads them that are used here, and as all do."""
    everything = found if found.elsewhere else _of_all(app)
    tools = used_tools(found.aws, everything.texts, frozenset(everything.tools))
    for read_by in (*([each] for each in tools), tools):
        if read_by != found.tools:
            yield replace(found, tools=read_by, texts=everything.texts)


def _of_tool(app: App, tool: ForeignTool) -> FoundFiles:
    found = FoundFiles(_aws(app), [tool.name])
    _add_own_file(app, found, tool)
    _say_profiles(app, found)
    return found


def _of_all(app: App) -> FoundFiles:
    try:
        aws, broken = _aws(app), []
    except ConfigError as error:
        aws, broken = parse_aws_config(None, None), [_said(error)]
    found = FoundFiles(aws, [], broken=broken)
    for tool in TOOLS.values():
        try:
            _add_own_file(app, found, tool)
        except ConfigError as error:
            found.broken.append(_said(error))
    traces = frozenset(
        tool.name
        for tool in TOOLS.values()
        if any(is_there(app.home / each) for each in tool.traces)
    )
    found.tools = used_tools(aws, found.texts, traces)
    _say_profiles(app, found)
    return found


def _said(error: RolehopError) -> str:
    lines = [str(each) for each in getattr(error, "complaints", ())]
    return f"{error.what}: {'; '.join(lines) or error.cause}"


def _say_profiles(app: App, found: FoundFiles) -> None:
    if found.aws.profiles:
        tools = [each for each in found.tools if each != AWS_CONFIG and each not in found.texts]
        line = _profiles_line(found.aws, app.aws_files[0])
        found.seen.insert(0, f"{line} ({', '.join(tools)})" if tools else line)


def _profiles_line(aws: AwsConfig, path: Path) -> str:
    from rolehop.text import pluralize

    return f"{path}: {pluralize(len(aws.profiles), 'AWS profile')}"


def _add_own_file(app: App, found: FoundFiles, tool: ForeignTool) -> None:
    for each in tool.files:
        path = _path(app, each)
        text = None if path is None else _text(path)
        if text is not None:
            _check_own(path, tool.name, text)
            found.texts[tool.name] = text
            found.seen.append(f"{path}: {tool.name}")
            return


def _check_own(path: Path | None, tool: str, text: str) -> None:
    try:
        check_own(tool, text)
    except ValueError as error:
        raise ConfigError(
            f"{path} cannot be read",
            cause=str(error),
            fix="correct it, or write the chains by hand",
        ) from None


def _path(app: App, written: str) -> Path | None:
    """Return the path of a file of a tool: below the home folder, or below a variable's folder."""
    if not written.startswith("$"):
        return app.home / written
    variable, _, rest = written[1:].partition("/")
    value = app.environ.get(variable)
    return expand_home(value, app.home) / rest if value else None


def _aws(app: App) -> AwsConfig:
    config, credentials = (
        None if str(path) == os.devnull else _text(path) for path in app.aws_files
    )
    config_file, credentials_file = map(str, app.aws_files)
    return parse_aws_config(
        config, credentials, config_file=config_file, credentials_file=credentials_file
    )


def _text(path: Path) -> str | None:
    """Return the text of a file, ``None`` if there is none.

    Raises:
        ConfigError: it cannot be read, is no regular file, is too long, or others can write it.
    """
    try:
        found = read_trusted(path, _LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read", cause=reason) from None
    if found is None:
        return None
    if found.distrust is not None:
        raise ConfigError(
            f"nothing is taken from {path}",
            cause=str(found.distrust),
            fix=found.distrust.advice(str(path)),
        )
    return found.text.removeprefix("\ufeff")
