"""``--debug``: rolehop's own log on stderr, with every live secret scrubbed."""

from __future__ import annotations

import logging

from rolehop.base.credentials import scrub
from rolehop.base.startup import listen
from rolehop.terminal.output import write_lines


def log_to_stderr() -> None:
    """Show the log of rolehop, not of libraries: those may log what they send."""
    logger = logging.getLogger("rolehop")
    if logger.handlers:
        return
    handler = _StderrHandler()
    handler.addFilter(Scrubber())
    handler.setFormatter(logging.Formatter("%(relativeCreated)6d ms %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    listen(lambda name, message, values: logging.getLogger(name).debug(message, *values))


class _StderrHandler(logging.Handler):
    """Writes log lines like all other lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        write_lines(self.format(record))


class Scrubber(logging.Filter):
    """Replaces every live secret in a log record, whoever wrote the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub the formatted message and the traceback; the record always passes."""
        record.msg, record.args = scrub(record.getMessage()), None
        if record.exc_info:
            formatter = logging.Formatter()
            record.exc_text = scrub(formatter.formatException(record.exc_info))
            record.exc_info = None
        return True
