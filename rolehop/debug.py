"""Lines for ``--debug``; where nobody listens, not even the logging library is imported."""

from __future__ import annotations

import sys


def debug(name: str, message: str, *values: object) -> None:
    """Log ``message`` under the module ``name``, its ``%`` places filled with ``values``.

    Whoever wants to read it has imported ``logging`` to say so.
    """
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger(name).debug(message, *values)
