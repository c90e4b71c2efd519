"""Another tool's credential_process, its answer held to the contract.

The contract is that of the AWS SDKs ("Process credential provider", SDKs and Tools reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.config import checks
from rolehop.config.schema import Key, Table
from rolehop.errors import SourceError
from rolehop.plan import Stamp
from rolehop.sources.loops import as_source, refuse_source_loop, with_resolving
from rolehop.sources.programs import environment_of_program, output_of
from rolehop.sources.source_type import SourceType
from rolehop.values import dataclass

if TYPE_CHECKING:
    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Source
    from rolehop.sources.inputs import Inputs

TABLE = Table(
    "sources.NAME (process)",
    "another tool that speaks the AWS credential_process contract",
    (
        Key(
            "command",
            checks.COMMAND,
            "the command; it prints one JSON object",
            required=True,
        ),
    ),
)


def stamp(source: SourceConfig, inputs: Inputs) -> Stamp:
    """Return that its definition is all there is: who it signs in as can change unseen.

    Raises:
        SourceError: this very process waits for its own answer.
    """
    refuse_source_loop(source.name, inputs)
    return Stamp("process", long_lived=False, kept=True)


def build(source: SourceConfig, inputs: Inputs) -> Source:
    """Make the source; nothing is run before it is loaded."""
    return _Process(source, inputs)


@dataclass(frozen=True, slots=True)
class _Process:
    source: SourceConfig
    inputs: Inputs

    def load(self) -> Credentials:
        """Return what the process prints.

        Raises:
            SourceError: it fails, outlasts its deadline, leads back to itself, or prints
                something else than live credentials.
        """
        from rolehop.aws import given

        refuse_source_loop(self.source.name, self.inputs)
        command = self.source.settings["command"]
        environ = environment_of_program(self.inputs.environ)
        with self.inputs.locks.waiting_for_person():
            output = output_of(
                command if isinstance(command, tuple) else (),
                with_resolving(environ, as_source(self.source.name)),
                what=f"the process of source '{self.source.name}'",
                say=self.inputs.note,
            )
        try:
            document = given.json_object(output)
            _check_version(document.get("Version"))
            found = given.keys_in(document, given.PROCESS)
        except ValueError as error:
            reason = str(error)
        else:
            return self._alive(found)
        raise SourceError(
            f"the process of source '{self.source.name}' did not print what it should",
            cause=reason,
            fix="it must print one JSON object: Version 1, AccessKeyId, SecretAccessKey, "
            "SessionToken, and Expiration with a time zone",
        )

    def _alive(self, found: Credentials) -> Credentials:
        if found.expires_at is None or found.expires_at > self.inputs.now():
            return found
        raise SourceError(
            f"the process of source '{self.source.name}' gave credentials that have expired",
            cause=f"they ended at {found.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            fix="renew them with its own tool, and check this machine's clock",
        )


def _check_version(version: object) -> None:
    # True is an int to Python, and "1" is what most mistakes look like.
    if type(version) is not int or version != 1:
        raise ValueError("Version must be the number 1")


TYPE = SourceType(TABLE, stamp, build)
