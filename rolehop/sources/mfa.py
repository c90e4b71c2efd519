"""The keys of the config that go with IAM user keys, wherever these come from."""

from __future__ import annotations

from rolehop.config import checks
from rolehop.config.schema import Key

MFA_KEYS = (
    Key(
        "mfa_serial",
        checks.MFA_SERIAL,
        'the MFA device of these IAM user keys; "auto" asks IAM for the user\'s only one',
        "no MFA",
    ),
    Key(
        "mfa_command",
        checks.COMMAND,
        "a command that prints the MFA code",
        "the code is asked on the terminal",
    ),
    Key(
        "mfa_duration",
        checks.MFA_DURATION,
        "how long the shared MFA session (GetSessionToken) lasts",
        '"12h"',
    ),
)
