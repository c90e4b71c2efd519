"""Linux tells whose a connection over loopback is."""

from __future__ import annotations

import os
import socket
import struct
import sys

import pytest

from rolehop.aws.net.loopback_pages import GONE, user_of_connection

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")],
    ids=["IPv4", "IPv4 over an IPv6 socket"],
)
def test_it_is_the_user_of_the_program(family: socket.AddressFamily, address: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(family) as client,
    ):
        port = server.getsockname()[1]
        client.connect((address, port))
        mine = ("127.0.0.1", client.getsockname()[1])
        assert user_of_connection(mine, port) == os.getuid()
        assert user_of_connection(mine, 1) == GONE


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_was_closed_is_nobodys(reset: bool) -> None:
    """The table has it as root's, or not at all: whoever closes at once must not pass as another."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        mine = client.getsockname()
        accepted, _ = server.accept()
        with accepted:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))
            client.close()
            assert user_of_connection(mine, server.getsockname()[1]) == GONE


def test_the_port_of_one_loopback_address_is_not_that_of_another() -> None:
    """Whoever connects from 127.0.0.2 must not pass as who has the same port at 127.0.0.1."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ours,
        socket.socket() as theirs,
    ):
        theirs.bind(("127.0.0.2", ours.getsockname()[1]))
        theirs.connect(server.getsockname())
        assert user_of_connection(theirs.getsockname(), server.getsockname()[1]) == GONE
