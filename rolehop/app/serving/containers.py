"""Let containers ask a server: where it listens for them."""

from __future__ import annotations

import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import is_plain
from rolehop.app.serving.running import running_servers
from rolehop.app.serving.token_file import runtime_folder
from rolehop.errors import UsageError
from rolehop.files import make_private_folder

if TYPE_CHECKING:
    from rolehop.app.context import App

FORWARDED_PORT = 51679
"""Where ECS's own agent answers for 169.254.170.2; used if no socket of this system can be mounted."""

_SOCKET = "sock"


def listens_on_socket() -> bool:
    """True if containers of this system can use a Unix socket of it: elsewhere they are in a VM."""
    return sys.platform == "linux"


def socket_for_containers(app: App, named: Path | None, token_file: Path | None) -> Path:
    """Return the socket to listen on, whose folder is mounted in the forwarder.

    A forwarder goes on with the next server: that makes a new socket in the same folder. The token
    is to be in ``token_file``, if that was named.

    Raises:
        UsageError: there is a server already, or the folder is not fit to be mounted.
    """
    path = named or (runtime_folder(app.environ) or app.state_folder) / "rolehop" / _SOCKET
    for server in running_servers(app):
        if server.socket == str(path):
            served = ", ".join(each.chain for each in server.chains)
            raise UsageError(
                "a server for containers runs already",
                cause=f"process {server.process} serves {served}",
                fix="end that, or let one server have all chains: rolehop serve CHAIN CHAIN --docker run",
            )
    if named is None:
        with suppress(OSError):  # then it cannot be listened on either
            make_private_folder(path.parent)
    _check_folder(path)
    if token_file is not None and token_file.resolve().is_relative_to(path.parent.resolve()):
        raise UsageError(
            f"{token_file} would be in the folder that containers see",
            fix="name a file in another folder",
        )
    return path


def _check_folder(path: Path) -> None:
    """Refuse a folder that is not this user's alone, or has more in it than the socket."""
    problem = None
    try:
        if stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
            problem = "others can look into it (chmod 700)"
        elif any(each.name != path.name for each in path.parent.iterdir()):
            problem = "there is something else in it"
        elif not is_plain(str(path)) or ":" in str(path):
            problem = "Docker cannot be given its path"
    except OSError as error:
        problem = error.strerror or str(error)
    if problem is not None:
        raise UsageError(
            f"{path.parent} cannot be mounted in a container",
            cause=problem,
            fix="name a socket in a folder of its own: --socket FOLDER/sock",
        )
