"""Another tool's credential_process, its answer held to the contract.

The contract is that of the AWS SDKs ("Process credential provider", SDKs and Tools reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.errors import SourceError
from rolehop.plan import Stamp
from rolehop.sources.shared.recursion import as_source, refuse_source_loop, with_resolving
from rolehop.sources.shared.subprocesses import environment_of_program, printed_by, program_found
from rolehop.sources.source_type import Finding, SourceType
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext

TABLE = Table(
    "sources.NAME (process)",
    "another tool that speaks the AWS credential_process contract",
    (
        Key(
            "command",
            value_types.COMMAND,
            "the command; it prints one JSON object",
            required=True,
        ),
    ),
)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return that its definition is all there is: who it signs in as can change unseen.

    Raises:
        SourceError: this very process waits for its own answer, or its command leads back to it.
    """
    refuse_source_loop(source, inputs)
    return Stamp("process", long_lived=False, kept=True, may_be_keys=True)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; nothing is run before it is loaded."""
    return _Process(source, inputs)


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Say whether its program is there; it is not run."""
    return [program_found(_command(source), inputs, "the source's program")]


def credentials_of(
    command: Sequence[str], inputs: SourceContext, environ: Mapping[str, str], *, what: str
) -> Credentials:
    """Run ``command`` with ``environ`` and return what it prints.

    ``what`` names it in messages, e.g. "the process of source 'x'".

    Raises:
        SourceError: it fails, outlasts its deadline, or prints something else than credentials
            that are alive.
    """
    from rolehop.aws import credential_json

    output = printed_by(command, inputs, what=what, environ=environ)
    try:
        if not output.strip():
            raise ValueError("it printed nothing")
        document = credential_json.json_object(output)
        _check_version(document.get("Version"))
        found = credential_json.keys_in(document, credential_json.PROCESS)
    except ValueError as error:
        reason = str(error)
    else:
        return _alive(found, inputs, what)
    raise SourceError(
        f"{what} did not print what it should",
        cause=reason,
        fix="it must print one JSON object: Version 1, AccessKeyId, SecretAccessKey, "
        "SessionToken, and Expiration with a time zone",
    )


def _alive(found: Credentials, inputs: SourceContext, what: str) -> Credentials:
    if found.expires_at is None or found.expires_at > inputs.now():
        return found
    raise SourceError(
        f"{what} gave credentials that have expired",
        cause=f"they ended at {found.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        fix="renew them with its own tool, and check this machine's clock",
    )


def _check_version(version: object) -> None:
    # True is an int to Python, and "1" is what most mistakes look like.
    if type(version) is not int or version != 1:
        raise ValueError("Version must be the number 1")


@dataclass(frozen=True, slots=True)
class _Process:
    source: SourceConfig
    inputs: SourceContext

    def load(self) -> Credentials:
        """Return what the process prints.

        Raises:
            SourceError: it fails, outlasts its deadline, leads back to itself, or prints
                something else than live credentials.
        """
        refuse_source_loop(self.source, self.inputs)
        name = self.source.name
        environ = environment_of_program(self.inputs.environ)
        return credentials_of(
            _command(self.source),
            self.inputs,
            with_resolving(environ, as_source(name)),
            what=f"the process of source '{name}'",
        )


def _command(source: SourceConfig) -> Sequence[str]:
    command = source.settings["command"]
    return command if isinstance(command, tuple) else ()


TYPE = SourceType(TABLE, stamp, build, findings)
