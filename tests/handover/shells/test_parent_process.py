"""The name of a process, as each system tells it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolehop.handover.shells.registry import _process_name, for_process_name

NOBODY = 2**22 + 1  # above the largest process ID of Linux


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="ps is not installed")
def test_ps_tells_the_same_as_proc() -> None:
    name = _process_name(os.getpid(), "linux")
    assert name
    assert _process_name(os.getpid(), "darwin") == name


@pytest.mark.parametrize(("pid", "platform"), [(NOBODY, "linux"), (NOBODY, "darwin"), (1, "win32")])
def test_a_process_that_cannot_be_named_has_no_name(pid: int, platform: str) -> None:
    assert _process_name(pid, platform) == ""


def test_a_name_that_was_cut_in_the_middle_of_a_character_is_no_shell() -> None:
    comm = Path(f"/proc/{os.getpid()}/comm")
    if not comm.exists():
        pytest.skip("this system has no /proc")
    before = comm.read_bytes()
    comm.write_bytes("Wiederaufbau-bö".encode())
    try:
        name = _process_name(os.getpid(), "linux")
    finally:
        comm.write_bytes(before)
    assert name == "Wiederaufbau-b\ufffd"
    assert for_process_name(name) is None
