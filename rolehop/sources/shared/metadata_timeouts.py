"""Timeouts of the metadata endpoints, from the two variables that botocore reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.aws.metadata import Timeouts

_SECONDS = "AWS_METADATA_SERVICE_TIMEOUT"
_ATTEMPTS = "AWS_METADATA_SERVICE_NUM_ATTEMPTS"


def metadata_timeouts(environ: Mapping[str, str]) -> Timeouts:
    """Return the seconds and attempts to wait for. This imports botocore.

    Raises:
        ConfigError: a variable is not a number.
    """
    from rolehop.aws.metadata import Timeouts

    default = Timeouts()
    seconds, attempts = check_timeouts(environ)
    return Timeouts(seconds or default.seconds, max(1, int(attempts or default.attempts)))


def check_timeouts(environ: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Return the seconds and the attempts in the variables, ``None`` for one that is not set.

    Raises:
        ConfigError: a variable is not a number.
    """
    return _number(environ, _SECONDS), _number(environ, _ATTEMPTS)


def _number(environ: Mapping[str, str], name: str) -> float | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1_000:
        raise ConfigError(
            f"{name} is invalid: {text!r}",
            cause="it is not a number between 0 and 1000",
            fix="set it to a number, e.g. 2, or unset it",
        )
    return found
