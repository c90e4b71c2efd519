"""Two network namespaces that see each other and nothing else, as two containers of one network.

with containers(world) as (forwarder, client):
    forwarder.start(world, "socat", ...)
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest


class Container:
    """A network namespace with one address."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self, *argv: str) -> tuple[str, ...]:
        """Return the command that runs ``argv`` in there."""
        return ("ip", "netns", "exec", self.name, *argv)


@contextmanager
def containers(*programs: str) -> Iterator[tuple[Container, Container]]:
    """Have one with the address 169.254.170.2 and one beside it; ``programs`` are needed as well."""
    for program in ("ip", *programs):
        if shutil.which(program) is None:
            pytest.skip(f"not installed: {program}")
    found = [Container(f"rolehop-{os.getpid()}-{each}") for each in ("forwarder", "client")]
    with ExitStack() as stack:
        for each in found:
            made = subprocess.run(("ip", "netns", "add", each.name), capture_output=True, text=True)
            if made.returncode != 0:
                pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
            stack.callback(_ip, "netns", "delete", each.name)
        first, second = (each.name for each in found)
        _ip("-n", first, "link", "add", "eth0", "type", "veth", "peer", "eth0", "netns", second)
        for number, name in ((2, first), (3, second)):
            _ip("-n", name, "address", "add", f"169.254.170.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield found[0], found[1]


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True, capture_output=True)
