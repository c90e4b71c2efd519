"""The config keys for MFA, for every source type that gives IAM user keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.config import sts_limits, value_types
from rolehop.config.schema import Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.sources.source_type import Diagnosis

MFA_KEYS = (
    Key(
        "mfa_serial",
        sts_limits.MFA_SERIAL,
        'the MFA device of these IAM user keys; "auto" asks IAM for the user\'s only one',
        "no MFA",
    ),
    Key(
        "mfa_command",
        value_types.COMMAND,
        "a command that prints the MFA code",
        "the code is asked on the terminal",
    ),
    Key(
        "mfa_duration",
        sts_limits.MFA_DURATION,
        "how long the shared MFA session (GetSessionToken) lasts",
        '"12h"',
    ),
)


def diagnose_mfa_command(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return whether the program of ``mfa_command`` exists, if an MFA device is configured."""
    command = source.settings.get("mfa_command")
    if not isinstance(command, tuple) or "mfa_serial" not in source.settings:
        return []
    from rolehop.sources.programs import diagnose_program

    return [diagnose_program(command, context, "the program of mfa_command")]
