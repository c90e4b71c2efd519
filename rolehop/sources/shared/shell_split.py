"""Split a ``credential_process`` of the AWS config into words, as botocore does: without a shell."""

from __future__ import annotations

import shlex
import sys


def split_command(text: str, platform: str = sys.platform) -> list[str]:
    """Return the words of ``text``; ``platform`` is as in ``sys``.

    Raises:
        ValueError: a quote is not closed.
    """
    if platform != "win32":
        return shlex.split(text)
    from botocore.compat import compat_shell_split  # only there: it costs a tenth of a second

    words: list[str] = compat_shell_split(text, platform)
    return words
