"""What a line of `rolehop profile install` does: answer as the hot path, else become the console script.

It runs without site (``python -S``), which takes a fifth of a bare start. So there are no packages
but this one here, and neither ``.pth`` files nor the user's own packages: whatever the hot path
cannot answer is left to the console script, which starts anew with all of them.
"""

import sys

if sys.platform == "linux":
    import posix as os
else:
    import os

from rolehop.hotpath import answer

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from typing import NoReturn


def main(arguments: list[str]) -> "NoReturn":
    """Answer and end the process; ``arguments`` are the path of the console script, then its own."""
    # A relative path would be a file of the folder in which the SDK happens to run, anybody's.
    if not arguments or arguments[0][:1] != "/":
        _leave("the line in the AWS config names no console script by its full path", 2)
    try:
        line = answer(arguments[1:], _variables())
        if line is not None and _is_written(f"{line}\n".encode("utf-8", "surrogateescape")):
            os._exit(0)
        _become(arguments)
    except KeyboardInterrupt:
        _leave("interrupted", 130)


def _variables() -> dict[str, str]:
    """Return the environment as `os.environ` has it; without site, `os` itself is not loaded yet."""
    return {_text(name): _text(value) for name, value in os.environ.items()}


def _text(data: str | bytes) -> str:
    if isinstance(data, str):
        return data
    return data.decode(sys.getfilesystemencoding(), "surrogateescape")


def _is_written(data: bytes) -> bool:
    """Write all of ``data`` to stdout; ``False`` if nothing could be: the script says why."""
    try:
        rest = data[os.write(1, data) :]
    except OSError:
        return False
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError:
        os._exit(1)  # half an answer cannot be taken back
    return True


def _become(arguments: list[str]) -> "NoReturn":
    try:
        os.execv(arguments[0], arguments)  # noqa: S606 - no shell is wanted
    except OSError as error:
        _leave(f"{arguments[0]} cannot be started: {error.strerror}\n  rolehop profile list", 1)


def _leave(text: str, code: int) -> "NoReturn":
    try:
        os.write(2, f"rolehop: {text}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code)
