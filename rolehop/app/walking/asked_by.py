"""Who asks for a session: programs ask again at once when something fails, people do not."""

from __future__ import annotations

from rolehop.startup.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class AskedBy:
    """What a walk may do for whoever asks; a program soon asks again."""

    remembers_refusals: bool = False
    """A hop that AWS refused is not asked for again for five seconds."""
    remembers_failures: bool = False
    """A renewal that failed is not tried again for 30 s while the old session is good."""
    may_be_interrupted: bool = False
    """An alarm may interrupt this whole process: it does nothing else."""


PERSON = AskedBy()
SDK = AskedBy(remembers_refusals=True, remembers_failures=True, may_be_interrupted=True)
"""Through `credential-process`."""
PROGRAM = AskedBy(remembers_failures=True)
"""In its own process, which must not be interrupted."""
