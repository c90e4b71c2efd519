"""A `rolehop serve` that runs, and what it gave to programs.

with serving(world, "admin") as server:
    assert server.get("admin").status == 200
    done = world.run(SDK, env=server.environ)
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.support.world import SCRIPT, Done, World, ended

URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
NO_OTHERS = {
    "AWS_ACCESS_KEY_ID": None,
    "AWS_SECRET_ACCESS_KEY": None,
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONWARNINGS": None,
}
"""What a program of the world has besides: no credentials of another kind."""


class Server:
    """A server that runs, and what it printed."""

    def __init__(self, process: subprocess.Popen[str], printed: str) -> None:
        self.process = process
        self.printed = printed
        self.blocks = [
            dict(re.findall(r"^export (\w+)='(.*)';$", each, re.MULTILINE))
            for each in printed.split("\n\n")
        ]

    @property
    def environ(self) -> Mapping[str, str | None]:
        """The variables of a program that uses the first chain, and no other credentials."""
        return {**NO_OTHERS, **self.blocks[0]}

    def get(self, path: str | None = None, token: str | None = None) -> tuple[int, bytes]:
        """Ask for a path, the first chain's by default, with the token; return status and body."""
        address = urlsplit(self.blocks[0][URI])
        client = HTTPConnection(address.netloc, timeout=60)
        headers = {"Authorization": self.blocks[0][TOKEN] if token is None else token}
        client.request("GET", path or address.path, headers=headers)
        answer = client.getresponse()
        found = answer.status, answer.read()
        client.close()
        return found

    def stop(self, number: int = signal.SIGTERM) -> Done:
        """Send a signal, and return how it ended; its stdout is closed since it serves."""
        self.process.send_signal(number)
        return ended(self.process)


@contextmanager
def serving(
    world: World, *arguments: str, env: Mapping[str, str | None] | None = None
) -> Iterator[Server]:
    """Start a server of chains with more arguments; it is ended at the end."""
    with world.start(SCRIPT, "serve", *arguments, "--print-env", env=env) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        try:
            assert printed, process.stderr.read() if process.stderr else ""
            yield Server(process, printed)
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End a server in order: it removes its token, which may be in /dev/shm; one that hangs is killed."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
