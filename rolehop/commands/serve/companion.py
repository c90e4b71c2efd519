"""The process of a server that belongs to one command: apart from it, and over when it is.

The command takes the place of rolehop's process. It must find no child that it did not start, and
its pipes must close when it ends; so the server is no child of it, in a session of its own, and
has let go of every file that it does not need. Where that cannot be (`can_fork`), the command is
rolehop's child, which serves it.

`rival_files` are those that would keep the command from asking its server.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.awsconfig import files_with_credentials
from rolehop.base.errors import RolehopError
from rolehop.base.files import expand_home, read_regular

if TYPE_CHECKING:
    from rolehop.app.context import App

_FILES = Path("/dev/fd")
_MOST_FILES = 1024
_PR_SET_DUMPABLE = 4  # prctl(2)
_USUAL_THRESHOLDS = (700, 10, 10)  # of CPython


class WatchedProcess:
    """A process whose end is to be noticed: this one, made before a companion is forked from it."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self.file: int | None = None
        """Can be read when the process has ended; ``None``: `has_ended` says so."""
        if sys.platform == "linux":
            with suppress(OSError):  # an old kernel, or a sandbox
                self.file = os.pidfd_open(self._process)

    def close(self) -> None:
        """Watch no longer."""
        if self.file is not None:
            os.close(self.file)

    def has_ended(self) -> bool:
        """True if there is no such process any more."""
        try:
            os.kill(self._process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it has become another user's, by setuid
            return False
        return False


def can_fork() -> bool:
    """True if this system can have companions.

    A process of macOS that was forked and runs no other program must not use its keyring, nor ask
    for its proxies: Apple's libraries end it then.
    """
    return hasattr(os, "fork") and sys.platform != "darwin"


def fork_companion(serve: Callable[[], None], keep: Collection[int]) -> None:
    """Run ``serve`` in a new process that is no child of this one; return at once.

    It keeps the files ``keep``, and nobody reads its memory; whatever ``serve`` raises ends it.

    Raises:
        OSError: there can be no new process.
    """
    with warnings.catch_warnings():
        # Python 3.12 warns if there are threads, such as one of a keyring that hangs. It is left
        # behind here, and the companion calls nothing that this one was in.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        if os.waitpid(child, 0)[1]:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return
    code = 1
    try:
        os.setsid()
        hide_memory()  # the command starts once this process has ended, and would look
        if os.fork() == 0:
            _let_go(keep)
            serve()
        code = 0
    finally:
        os._exit(code)


def hide_memory() -> None:
    """Let no other process of this user read this one's memory, and no core dump hold it.

    What this process starts can be read as usual, and on Linux may dump its own.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    else:
        with suppress(ImportError, ValueError, OSError):
            import resource

            most = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def collect_garbage_as_usual() -> None:
    """Collect it as Python does by default, not as a command that ends soon (`rolehop.__main__`).

    What was made so far is looked at no more.
    """
    gc.freeze()
    gc.set_threshold(*_USUAL_THRESHOLDS)


def _let_go(keep: Collection[int]) -> None:
    """Put the null device in the place of every open file but those to keep.

    They are not closed: an object that still has such a file would close another one under its
    number later.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for each in _open_files():
        if each not in keep and each != null:
            with suppress(OSError):
                os.dup2(null, each, inheritable=each <= 2)


def _open_files() -> list[int]:
    try:
        numbers = [int(each.name) for each in _FILES.iterdir()]
    except OSError:
        numbers = list(range(_MOST_FILES))
    return list(filter(_is_open, numbers))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


CONFIG_VARIABLE = "AWS_CONFIG_FILE"
_CREDENTIALS_VARIABLE = "AWS_SHARED_CREDENTIALS_FILE"
_PROFILE = "default"
_KEY = "aws_access_key_id"


_BOTO_VARIABLE = "BOTO_CONFIG"
_BOTO_FILES = ("/etc/boto.cfg", "~/.boto")
_LARGEST_BOTO = 1 << 20  # bytes


def rival_files(app: App) -> dict[str, str]:
    """Return the files with keys that programs prefer to an endpoint, by the variable that names them.

    With them a program that gets the endpoint alone would act as somebody else: AWS files with
    credentials of the profile ``default``, and the file of the first boto, which gsutil writes, too.
    """
    return {**dict(_rivals(app)), **_boto_file(app)}


def preferred(variable: str) -> str:
    """Return what a program takes from the file of `rival_files` that ``variable`` names."""
    if variable == _BOTO_VARIABLE:
        return "boto3 prefers its keys"
    return "SDKs prefer its profile 'default'"


def _boto_file(app: App) -> dict[str, str]:
    """Return the file whose keys botocore's ``boto-config`` provider takes, by its variable."""
    named = app.variables.get(_BOTO_VARIABLE)
    for name in _BOTO_FILES if named is None else (named,):
        path = expand_home(name, app.home)
        with suppress(OSError, ValueError):  # a program that cannot read it either gets no keys
            if _has_boto_keys(read_regular(path, _LARGEST_BOTO).decode("utf-8", "replace")):
                return {_BOTO_VARIABLE: str(path)}
    return {}


def _has_boto_keys(text: str) -> bool:
    if _KEY not in text.lower():
        return False
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="")
    with suppress(Error):  # botocore fails aloud
        parser.read_string(text)
        return parser.has_option("Credentials", _KEY)
    return False


def _rivals(app: App) -> Iterator[tuple[str, str]]:
    with suppress(RolehopError):  # a file that cannot be read gives SDKs nothing either
        aws = app.aws_config
        in_config, in_credentials = files_with_credentials(aws, _PROFILE)
        if in_config:
            yield CONFIG_VARIABLE, aws.config_file
        if in_credentials:
            yield _CREDENTIALS_VARIABLE, aws.credentials_file


def files_of_keys(app: App) -> dict[str, str]:
    """Return both AWS files, by the variable that names them: where ``--only`` has a program look for nothing.

    And the file of the first boto, if there are keys in it.
    """
    config, credentials = map(str, app.aws_files)
    return {CONFIG_VARIABLE: config, _CREDENTIALS_VARIABLE: credentials, **_boto_file(app)}


def profiles_with_keys(app: App) -> list[str]:
    """Return the profiles, ``default`` aside, that the credentials file has keys of.

    polars and a few others take the first ones in it, whatever the profile.
    """
    with suppress(RolehopError):
        sections = app.aws_config.credentials_sections
        return [name for name in sections if name != _PROFILE and _KEY in sections[name]]
    return []
