"""An error as the lines that people read: what happened, the cause, what to do."""

from __future__ import annotations

from rolehop.credentials import scrub
from rolehop.errors import ConfigError, RolehopError
from rolehop.text import clean


def error_lines(error: RolehopError) -> list[str]:
    """Return the lines for stderr: control characters gone, live secrets scrubbed."""
    lines = [f"rolehop: {clean(error.what)}"]
    if isinstance(error, ConfigError):
        lines += [f"  {clean(str(each))}" for each in error.complaints]
    lines += [
        f"  {label}: {clean(text)}"
        for label, text in (("cause", error.cause), ("try", error.fix))
        if text
    ]
    return [scrub(line) for line in lines]
