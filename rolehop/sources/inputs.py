"""What sources may use of the outside, handed to them by the wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rolehop.awsconfig.model import AwsConfig
from rolehop.config.model import SourceConfig
from rolehop.credentials import Credentials
from rolehop.plan import Stamp
from rolehop.ports import Source


class KeyStore(Protocol):
    """IAM user keys in the vault, by source name."""

    def get(self, name: str) -> Credentials | None:
        """Return the keys kept for source ``name``, ``None`` where there are none.

        Raises:
            VaultError: the keyring cannot be read.
        """
        ...

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID from the index, without touching the keyring."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Finished:
    """A subprocess that has ended. Its output may be secret, so it is never shown whole."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Run(Protocol):
    """Runs a program to its end."""

    def __call__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> Finished:
        """Run ``arguments`` with exactly ``environ``, no shell, the terminal's own stdin.

        Raises:
            OSError: the program cannot be started.
        """
        ...


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> Finished:
    """Run a program to its end: the `Run` that is used outside tests."""
    import subprocess

    done = subprocess.run(arguments, env=dict(environ), capture_output=True, check=False)
    return Finished(done.returncode, done.stdout, done.stderr)


def _no_chains(name: str) -> str | None:
    """Know of no chain; stands in where there is no config."""
    del name
    return None


@dataclass(frozen=True, slots=True, repr=False)
class Inputs:
    """The outside, as far as sources may see it."""

    environ: Mapping[str, str]
    """The variables as rolehop found them, AWS_PROFILE and AWS_REGION as before its own assume."""

    aws: AwsConfig
    aws_files: tuple[Path, Path]
    """Where the AWS config and credentials files are."""

    keys: KeyStore
    now: Callable[[], datetime]
    run: Run = run
    profile_of_chain: Callable[[str], str | None] = field(default=_no_chains)
    """The AWS profile that a configured chain starts from, ``None`` for any other chain. Lets a
    profile whose process is rolehop itself be told from a loop before anything runs."""


StampOf = Callable[[SourceConfig, Inputs], Stamp]
Build = Callable[[SourceConfig, Inputs], Source]
