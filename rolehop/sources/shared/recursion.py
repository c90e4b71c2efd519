"""Detects a profile or source whose process is a rolehop that leads back to the same source.

There are two checks. Before anything runs, the command is parsed: a rolehop command names its
chain, and that chain may start from a source already seen. While a process runs, its environment
lists in ``ROLEHOP_RESOLVING`` the sources that wait for it, so that a rolehop further down (behind
a script, for example) sees that it was asked for one of them. The AWS CLI does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from rolehop.awsconfig import (
    AwsConfig,
    ChainBase,
    CredentialKind,
    credential_kind_of,
    profile_setting,
    resolve_profile,
)
from rolehop.awsconfig.process_line import own_command
from rolehop.errors import SourceError
from rolehop.sources.shared.shell_split import split_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

VARIABLE = "ROLEHOP_RESOLVING"
_SOURCE = "source:"


def refuse_loop(profile: str, context: SourceContext) -> None:
    """Check that the process of ``profile`` does not lead back to it.

    Raises:
        SourceError: it leads back to ``profile``; the message shows the whole loop.
    """
    _refuse(profile, chain_of_profile(profile, context.aws), context)


def refuse_source_loop(source: SourceConfig, context: SourceContext) -> None:
    """Check that the process of ``source`` does not lead back to it.

    Raises:
        SourceError: it leads back to ``source``; the message shows the whole loop.
    """
    _refuse(as_source(source.name), _chain_of_source(source), context)


def as_source(source: str) -> str:
    """Return the name of a source in the list of waiting names."""
    return f"{_SOURCE}{source}"


def with_resolving(environ: Mapping[str, str], name: str) -> dict[str, str]:
    """Return ``environ`` with ``name``, a profile or the result of `as_source`, as waiting."""
    names = [*_waiting(environ), name]
    # A profile's name may contain a comma.
    return {**environ, VARIABLE: ",".join(quote(name, safe="") for name in names)}


def chain_of_command(words: Sequence[str]) -> str | None:
    """Return the chain of a ``rolehop credential-process CHAIN`` command.

    ``None`` for any other command, and for one with ``--config``, whose chains are not known here.
    """
    found = own_command(words)
    return found.chain if found is not None and found.config_file is None else None


def chain_of_profile(profile: str, aws: AwsConfig) -> str | None:
    """Return the chain that the profile's process walks, if the process is rolehop."""
    if profile not in aws.profiles:
        return None
    if credential_kind_of(aws, profile) is not CredentialKind.PROCESS:
        return None
    try:
        words = split_command(profile_setting(aws, profile, "credential_process") or "")
    except ValueError:
        return None
    return chain_of_command(words)


def _refuse(name: str, chain: str | None, context: SourceContext) -> None:
    """Refuse a process that waits for itself, or whose ``chain`` leads back to it."""
    waiting = _waiting(context.environ)
    if name in waiting:
        raise _loop(name, [_described(each) for each in [*waiting[waiting.index(name) :], name]])
    seen, shown = [name], [_described(name)]
    while chain is not None:
        shown.append(f"chain '{chain}'")
        found = _start_of(chain, context)
        if found is None:
            return
        at, chain = found
        shown.append(_described(at))
        if at in seen:
            raise _loop(at, shown)
        seen.append(at)


def _start_of(chain: str, context: SourceContext) -> tuple[str, str | None] | None:
    """Return the source or profile that a chain starts from, and the chain its process walks.

    A name that is not a chain is a profile.
    """
    source = context.source_of_chain(chain)
    if source is not None and "command" in source.settings:
        return as_source(source.name), _chain_of_source(source)
    profile = chain if source is None else source.settings.get("profile")
    if not isinstance(profile, str) or profile not in context.aws.profiles:
        return None
    path = resolve_profile(context.aws, profile)
    if path.base is not ChainBase.PROFILE:
        return None
    return path.base_profile, chain_of_profile(path.base_profile, context.aws)


def _chain_of_source(source: SourceConfig) -> str | None:
    command = source.settings.get("command")
    return chain_of_command(command) if isinstance(command, tuple) else None


def _described(name: str) -> str:
    source = name.removeprefix(_SOURCE)
    return f"profile '{name}'" if source == name else f"source '{source}'"


def _waiting(environ: Mapping[str, str]) -> list[str]:
    """Return the names whose processes wait for this one, the outermost first."""
    return [unquote(name) for name in environ.get(VARIABLE, "").split(",") if name]


def _loop(name: str, names: list[str]) -> SourceError:
    source = name.removeprefix(_SOURCE)
    if source != name:
        what, fix = f"the process of source '{source}'", "let the source run another command"
    else:
        what = f"the credential_process of AWS profile '{name}'"
        fix = "let the chain start from another source, or the profile run another command"
    return SourceError(f"{what} leads back to itself", cause=" -> ".join(names), fix=fix)
