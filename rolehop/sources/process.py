"""Another tool's credential_process, whose answer must follow the contract.

The contract is that of the AWS SDKs ("Process credential provider", SDKs and Tools reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.awsconfig import current_profile, endpoint_overrides
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.errors import SignInExpired, SourceError
from rolehop.plan.model import Stamp
from rolehop.sources.shared.recursion import as_source, refuse_source_loop, with_resolving
from rolehop.sources.shared.subprocesses import (
    diagnose_program,
    program_environment,
    source_command_output,
)
from rolehop.sources.source_type import Diagnosis, SourceType
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext

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


SIGN_IN_SERVICES = ("signin", "sso", "sso-oidc")
"""What a program may sign in through: it inherits the variables that say where that is."""


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return a constant stamp: who the process signs in as can change without notice.

    Raises:
        SourceError: the process is waiting for itself, or its command leads back to it.
    """
    refuse_source_loop(source, context)
    return Stamp(
        "process",
        long_lived=False,
        endpoints=endpoint_overrides(
            context.aws, current_profile(context.environ), context.environ, SIGN_IN_SERVICES
        ),
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
    from rolehop.aws import credential_json
    from rolehop.json_fields import json_object

    output = source_command_output(command, context, what=what, environ=environ)
    try:
        if not output.strip():
            raise ValueError("it printed nothing")
        document = json_object(output)
        _check_version(document.get("Version"))
        found = credential_json.read_keys(document, credential_json.PROCESS)
    except ValueError as error:
        reason = str(error)
    else:
        return _unexpired(found, context, what)
    raise SourceError(
        f"{what} did not print valid credentials",
        cause=reason,
        fix="it must print one JSON object: Version 1, AccessKeyId, SecretAccessKey, "
        "SessionToken, and Expiration with a time zone",
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
