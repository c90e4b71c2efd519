"""Another tool's credential_process, whose answer must follow the contract.

The contract is that of the AWS SDKs ("Process credential provider", SDKs and Tools reference).
"""

from __future__ import annotations

import shlex
import sys
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
from rolehop.awsconfig.own_profiles import own_command
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SignInExpired, SourceError
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.plan.model import Stamp
from rolehop.sources.program_state import program_state, sign_in_endpoints
from rolehop.sources.programs import diagnose_program, program_environment, source_command_output
from rolehop.sources.source_type import Diagnosis, SourceType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.base.credentials import Credentials
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import Source


def split_command(text: str, platform: str = sys.platform) -> list[str]:
    """Return the words of ``text``; ``platform`` is as in ``sys``.

    Raises:
        ValueError: a quote is not closed.
    """
    if platform != "win32":
        return shlex.split(text)
    from botocore.compat import compat_shell_split  # only there: it costs a tenth of a second

    words: list[str] = compat_shell_split(text, platform)
    return words


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


TABLE = Table(
    "sources.NAME (process)",
    "another tool that follows the AWS credential_process contract",
    (
        Key(
            "command",
            value_types.COMMAND,
            "the command; it prints one JSON object",
            required=True,
        ),
    ),
)


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return what can be seen of whom the process signs in as, which may change without notice.

    Raises:
        SourceError: the process is waiting for itself, or its command leads back to it.
    """
    refuse_source_loop(source, context)
    return Stamp(
        program_state(_command(source), context),
        long_lived=False,
        endpoints=sign_in_endpoints(context),
        stored=True,
        may_be_keys=True,
    )


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source; nothing is run before it is loaded."""
    return _Process(source, context)


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return whether its program exists; it is not run."""
    return [diagnose_program(_command(source), context, "the source's program")]


def credentials_of(
    command: Sequence[str], context: SourceContext, environ: Mapping[str, str], *, what: str
) -> Credentials:
    """Run ``command`` with ``environ`` and return the credentials that it prints.

    ``what`` names it in messages, e.g. "the process of source 'x'".

    Raises:
        SourceError: it fails, exceeds its deadline, or prints anything but credentials that have
            not expired.
    """
    from rolehop.base import json_fields
    from rolehop.base.json_fields import json_object

    output = source_command_output(command, context, what=what, environ=environ)
    try:
        if not output.strip():
            raise ValueError("it printed nothing")
        document = json_object(output)
        _check_version(document.get("Version"))
        found = json_fields.read_keys(document, json_fields.PROCESS)
    except ValueError as error:
        reason = str(error)
    else:
        return _unexpired(found, context, what)
    raise SourceError(
        f"{what} did not print valid credentials",
        cause=reason,
        fix="let it print one JSON object: Version 1, AccessKeyId, SecretAccessKey, SessionToken,"
        " Expiration with a time zone",
    )


def _unexpired(found: Credentials, context: SourceContext, what: str) -> Credentials:
    if found.expires_at is None or found.expires_at > context.now():
        return found
    raise SignInExpired(
        f"{what} gave credentials that have expired",
        cause=f"they ended at {found.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        fix="renew them with its own tool, and check this machine's clock",
    )


def _check_version(version: object) -> None:
    # True is an int to Python, and "1" is the commonest mistake.
    if type(version) is not int or version != 1:
        raise ValueError("Version must be the number 1")


@dataclass(frozen=True, slots=True)
class _Process:
    source: SourceConfig
    context: SourceContext

    def load(self) -> Credentials:
        """Return the credentials that the process prints.

        Raises:
            SourceError: it fails, exceeds its deadline, leads back to itself, or prints
                anything but credentials that have not expired.
        """
        refuse_source_loop(self.source, self.context)
        name = self.source.name
        environ = program_environment(self.context.environ)
        return credentials_of(
            _command(self.source),
            self.context,
            with_resolving(environ, as_source(name)),
            what=f"the process of source '{name}'",
        )


def _command(source: SourceConfig) -> Sequence[str]:
    command = source.settings["command"]
    return command if isinstance(command, tuple) else ()


TYPE = SourceType(TABLE, stamp, build, diagnose)
