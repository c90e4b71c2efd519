"""Finds a profile or source whose process is rolehop, walking a chain that comes back to it.

Two guards. Before anything runs, the command is read: a rolehop command names its chain, and the
chain may start from what was already seen. And while a process runs, its environment says in
``ROLEHOP_RESOLVING`` what waits for it, so that a rolehop further down (behind a script, say)
sees that it is asked for the very thing that is waiting (the AWS CLI guards itself in this way).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from rolehop.aws.shell_split import split_command
from rolehop.awsconfig import Base, Holds, holds, profile_path, profile_setting
from rolehop.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

VARIABLE = "ROLEHOP_RESOLVING"
_SOURCE = "source:"
_WITH_VALUE = frozenset({"--min-ttl", "--color"})


def refuse_loop(profile: str, inputs: SourceContext) -> None:
    """Check that the process of ``profile`` can give something.

    Raises:
        SourceError: it leads back to ``profile``; shows the whole loop.
    """
    _refuse(profile, _chain_of_profile(profile, inputs), inputs)


def refuse_source_loop(source: SourceConfig, inputs: SourceContext) -> None:
    """Check that the process of ``source`` can give something.

    Raises:
        SourceError: it leads back to ``source``; shows the whole loop.
    """
    _refuse(as_source(source.name), _chain_of_source(source), inputs)


def as_source(source: str) -> str:
    """Return how a source is called among the names that wait."""
    return f"{_SOURCE}{source}"


def with_resolving(environ: Mapping[str, str], name: str) -> dict[str, str]:
    """Return ``environ`` for the process of profile ``name``, or of ``as_source``: it waits."""
    names = [*_waiting(environ), name]
    # A comma may be part of a profile's name.
    return {**environ, VARIABLE: ",".join(quote(name, safe="") for name in names)}


def chain_of_command(words: Sequence[str]) -> str | None:
    """Return the chain of a ``rolehop credential-process CHAIN`` command.

    ``None`` for any other command, and for one that names a config of its own: what its chain
    is, is not known here.
    """
    if "credential-process" not in words or any(word.startswith("--config") for word in words):
        return None
    at = words.index("credential-process")
    return _first_argument(words[at + 1 :]) if _is_rolehop(words[:at]) else None


def _is_rolehop(words: Sequence[str]) -> bool:
    """Tell whether the words before the subcommand start rolehop: by its name, or python -m."""
    if not words:
        return False
    program = words[0].replace("\\", "/").rsplit("/", 1)[-1].lower()
    return program in {"rolehop", "rolehop.exe"} or "-m rolehop" in " ".join(words)


def _first_argument(words: Sequence[str]) -> str | None:
    """Return the first word that is no option and no option's value."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            return word
    return None


def _refuse(name: str, chain: str | None, inputs: SourceContext) -> None:
    """Refuse a process that waits for itself, or whose ``chain`` comes back as far as files say."""
    waiting = _waiting(inputs.environ)
    if name in waiting:
        raise _loop(name, [_called(each) for each in [*waiting[waiting.index(name) :], name]])
    seen, shown = [name], [_called(name)]
    while chain is not None:
        shown.append(f"chain '{chain}'")
        found = _start_of(chain, inputs)
        if found is None:
            return
        at, chain = found
        shown.append(_called(at))
        if at in seen:
            raise _loop(at, shown)
        seen.append(at)


def _start_of(chain: str, inputs: SourceContext) -> tuple[str, str | None] | None:
    """Return whose process a chain starts from, and the chain that this one walks, if any.

    A name that is no chain is a profile.
    """
    source = inputs.source_of_chain(chain)
    if source is not None and source.type == "process":
        return as_source(source.name), _chain_of_source(source)
    profile = chain if source is None else source.settings.get("profile")
    if not isinstance(profile, str) or profile not in inputs.aws.profiles:
        return None
    path = profile_path(inputs.aws, profile)
    if path.base is not Base.PROFILE:
        return None
    return path.base_profile, _chain_of_profile(path.base_profile, inputs)


def _chain_of_source(source: SourceConfig) -> str | None:
    command = source.settings.get("command")
    return chain_of_command(command) if isinstance(command, tuple) else None


def _chain_of_profile(profile: str, inputs: SourceContext) -> str | None:
    """Return the chain that the profile's process walks, where it is rolehop."""
    if profile not in inputs.aws.profiles or holds(inputs.aws, profile) is not Holds.PROCESS:
        return None
    try:
        words = split_command(profile_setting(inputs.aws, profile, "credential_process") or "")
    except ValueError:
        return None
    return chain_of_command(words)


def _called(name: str) -> str:
    source = name.removeprefix(_SOURCE)
    return f"profile '{name}'" if source == name else f"source '{source}'"


def _waiting(environ: Mapping[str, str]) -> list[str]:
    """Return whose processes wait for this one, the outermost first."""
    return [unquote(name) for name in environ.get(VARIABLE, "").split(",") if name]


def _loop(name: str, names: list[str]) -> SourceError:
    source = name.removeprefix(_SOURCE)
    if source != name:
        what, fix = f"the process of source '{source}'", "let the source run another command"
    else:
        what = f"the credential_process of AWS profile '{name}'"
        fix = "let the chain start from another source, or the profile run another command"
    return SourceError(f"{what} leads back to itself", cause=" -> ".join(names), fix=fix)
