"""``status`` in a shell whose programs ask a server: which of its chains that is."""

from __future__ import annotations

from tests.commands.serve.server import URI, serving
from tests.support.world import SCRIPT, World

MARK = "used by this shell"


def test_the_endpoint_that_this_shell_uses_is_marked(world: World) -> None:
    with serving(world, "own", "spokes/*") as served:
        last = served.blocks[-1][URI]
        assert last.endswith("/chains/spokes/555555555555")
        used = {URI: last}
        shown = world.rolehop("status", env=used)
        (marked,) = [line for line in shown.out.splitlines() if MARK in line]
        assert "spokes/555555555555" in marked
        assert "no server" not in shown.err
        assert MARK not in world.rolehop("status").out
        (server,) = world.rolehop("status", "--format", "json", env=used).json["servers"]
        assert [each["in_use"] for each in server["chains"]] == [False, False, True]
        other = world.rolehop("status", env={URI: f"{last}5"})
        assert MARK not in other.out
        assert f"{last}5, which no server seen here has" in " ".join(other.err.split())
    assert "which no server seen here has" in " ".join(
        world.rolehop("status", env=used).err.split()
    )
    elsewhere = {URI: "http://169.254.170.23/v1/credentials"}
    assert "no server" not in world.rolehop("status", env=elsewhere).err


def test_a_commands_own_server_is_marked_for_it(world: World) -> None:
    done = world.rolehop("exec", "admin", "--server", "--", SCRIPT, "status")
    assert (done.code, MARK in done.out) == (0, True), done.err
