"""Whoever changes bytes in the state folder, digests made right, sends no chain elsewhere.

Of what is sealed every byte is changed in tests/vault/state, and of records in tests/hotpath; here some of
every file that there is.
"""

from __future__ import annotations

import json
from pathlib import Path

from rolehop.base.digest import checked_line
from rolehop.hotpath.record import CHECK
from rolehop.vault.notes import without_seal
from tests.support.world import ADMIN, HUB, World

STEP = 7  # bytes: each file is changed in some places, and each run takes its time
UNTOUCHED = ("locks", "history")


def made_right(data: bytes) -> bytes:
    """Return lines with checks that are right, and the seals that were there."""

    def line(each: str) -> str:
        note, seal = without_seal(each)
        body, mark, _ = note.rpartition(CHECK)
        whole = checked_line(body + "}").rstrip() if mark else note.rstrip("\n")
        return f"{whole} {seal}".rstrip()

    return "\n".join(map(line, data.decode(errors="replace").split("\n"))).encode()


def files(world: World) -> list[Path]:
    return [
        path
        for path in sorted(world.state.rglob("*"))
        if path.is_file() and path.stat().st_size and not set(path.parts) & {*UNTOUCHED}
    ]


def test_changed_bytes_of_hints_lead_to_the_same_roles(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=[HUB])
    assert world.rolehop("export", "admin", "--format", "json").code == 0
    assert world.rolehop("export", "admin", "--read-only", "--format", "json").code == 0
    assert world.rolehop("credential-process", "admin").code == 0
    names = {path.relative_to(world.state).parts[0] for path in files(world)}
    assert {"index.json", "flags", "usage.json"} <= names
    for path in files(world):
        whole = path.read_bytes()
        for at in range(0, len(whole), max(STEP, len(whole) // 40)):
            data = bytearray(whole)
            data[at] ^= 1
            path.write_bytes(made_right(bytes(data)))
            world.sts.calls.clear()
            done = world.rolehop("credential-process", "admin")
            assert done.code == 0, (path, at, done.err)
            assert json.loads(done.out)["AccountId"] == ADMIN.split(":")[4], (path, at)
            assert set(world.sts.roles_called) <= {HUB, ADMIN}, (path, at)
            # Nobody asked for a session that may do less, or for longer, either.
            for call in world.sts.calls:
                assert "PolicyArns.member.1.arn" not in call.params, (path, at)
        path.write_bytes(whole)
