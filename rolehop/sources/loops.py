"""Finds a profile or source whose process is rolehop, walking a chain that comes back to it.

Two guards. Before anything runs, the command is read: a rolehop command names its chain, and the
chain may start from a profile that was already seen. And while a process runs, its environment says
in ``ROLEHOP_RESOLVING`` what waits for it, so that a rolehop further down (behind a script, say)
sees that it is asked for the very thing that is waiting (the AWS CLI guards itself in this way).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from rolehop.awsconfig import Base, Holds, holds, profile_path, profile_setting
from rolehop.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.sources.inputs import Inputs

VARIABLE = "ROLEHOP_RESOLVING"
_SOURCE = "source:"
_WITH_VALUE = frozenset({"--min-ttl", "--color"})


def refuse_loop(profile: str, inputs: Inputs) -> None:
    """Check that the process of ``profile`` can give something.

    Raises:
        SourceError: it leads back to ``profile``; shows the whole loop.
    """
    waiting = _waiting(inputs.environ)
    if profile in waiting:
        names = [_called(name) for name in [*waiting[waiting.index(profile) :], profile]]
        raise _loop(profile, names)
    _refuse_written_loop(profile, inputs)


def refuse_source_loop(source: str, inputs: Inputs) -> None:
    """Check that this rolehop was not started by the process of ``source``.

    Raises:
        SourceError: it was, however far up; shows the whole loop.
    """
    waiting, name = _waiting(inputs.environ), as_source(source)
    if name in waiting:
        names = [_called(each) for each in [*waiting[waiting.index(name) :], name]]
        raise SourceError(
            f"the process of source '{source}' leads back to itself",
            cause=" -> ".join(names),
            fix="let the source run another command",
        )


def as_source(source: str) -> str:
    """Return how a source is called among the names that wait."""
    return f"{_SOURCE}{source}"


def with_resolving(environ: Mapping[str, str], name: str) -> dict[str, str]:
    """Return ``environ`` for the process of profile ``name``, or of ``as_source``: it waits."""
    names = [*_waiting(environ), name]
    # A comma may be part of a profile's name.
    return {**environ, VARIABLE: ",".join(quote(name, safe="") for name in names)}


def chain_of_command(command: str) -> str | None:
    """Return the chain of a ``rolehop credential-process CHAIN`` command.

    ``None`` for any other command, and for one that names a config of its own: what its chain
    is, is not known here.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if "credential-process" not in words or any(word.startswith("--config") for word in words):
        return None
    at = words.index("credential-process")
    return _first_argument(words[at + 1 :]) if _is_rolehop(words[:at]) else None


def _is_rolehop(words: list[str]) -> bool:
    """Tell whether the words before the subcommand start rolehop: by its name, or python -m."""
    if not words:
        return False
    program = words[0].replace("\\", "/").rsplit("/", 1)[-1].lower()
    return program in {"rolehop", "rolehop.exe"} or "-m rolehop" in " ".join(words)


def _first_argument(words: list[str]) -> str | None:
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


def _refuse_written_loop(profile: str, inputs: Inputs) -> None:
    """Follow profile, command, chain, profile … as far as files say."""
    shown: list[str] = []
    seen: list[str] = []
    at: str | None = profile
    while at is not None and at not in seen:
        seen.append(at)
        shown.append(f"profile '{at}'")
        chain = _chain_behind(at, inputs)
        if chain is None:
            return
        shown.append(f"chain '{chain}'")
        at = _profile_behind(chain, inputs)
    if at is not None:
        raise _loop(at, [*shown, f"profile '{at}'"])


def _chain_behind(profile: str, inputs: Inputs) -> str | None:
    """Return the chain that the profile's process walks, where it is rolehop."""
    if profile not in inputs.aws.profiles or holds(inputs.aws, profile) is not Holds.PROCESS:
        return None
    return chain_of_command(profile_setting(inputs.aws, profile, "credential_process") or "")


def _profile_behind(chain: str, inputs: Inputs) -> str | None:
    """Return the profile that a chain starts from; a name that is no chain is a profile."""
    start = inputs.profile_of_chain(chain) or chain
    if start not in inputs.aws.profiles:
        return None
    path = profile_path(inputs.aws, start)
    return path.base_profile if path.base is Base.PROFILE else None


def _called(name: str) -> str:
    source = name.removeprefix(_SOURCE)
    return f"profile '{name}'" if source == name else f"source '{source}'"


def _waiting(environ: Mapping[str, str]) -> list[str]:
    """Return whose processes wait for this one, the outermost first."""
    return [unquote(name) for name in environ.get(VARIABLE, "").split(",") if name]


def _loop(profile: str, names: list[str]) -> SourceError:
    return SourceError(
        f"the credential_process of AWS profile '{profile}' leads back to itself",
        cause=" -> ".join(names),
        fix="let the chain start from another source, or the profile run another command",
    )
