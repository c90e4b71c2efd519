"""What ``--debug`` shows: rolehop's own log on stderr, every live secret scrubbed."""

from __future__ import annotations

import logging
import sys

from rolehop.credentials import Scrubber


def log_to_stderr() -> None:
    """Show the log of rolehop, and of no library: those may log what they send."""
    logger = logging.getLogger("rolehop")
    if logger.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Scrubber())
    handler.setFormatter(logging.Formatter("%(relativeCreated)6d ms %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
