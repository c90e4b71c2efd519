"""How long the endpoints of this machine are waited for: the two variables that botocore reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.aws.metadata import Timeouts

_SECONDS = "AWS_METADATA_SERVICE_TIMEOUT"
_ATTEMPTS = "AWS_METADATA_SERVICE_NUM_ATTEMPTS"


def patience(environ: Mapping[str, str]) -> Timeouts:
    """Return how long to wait. This loads botocore.

    Raises:
        ConfigError: a variable holds no number.
    """
    from rolehop.aws.metadata import Timeouts

    usual = Timeouts()
    seconds, attempts = named(environ)
    return Timeouts(seconds or usual.seconds, max(1, int(attempts or usual.attempts)))


def named(environ: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Return the seconds and the attempts that the variables name, ``None`` where they do not.

    Raises:
        ConfigError: a variable holds no number.
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
            f"{name} cannot be {text!r}",
            cause="it is no number from 0 to 1000",
            fix="set it to a number, e.g. 2, or unset it",
        )
    return found
