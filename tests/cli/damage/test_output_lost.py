"""An error of stdout is told from one of another file: each is said of what it is about."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from rolehop.base.files import write_beside
from rolehop.cli.context import CommandContext
from rolehop.cli.main import Failure
from tests.support.world import World


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["--help", "list", "--color always list", "plan admin"])
def test_output_that_cannot_be_written(world: World, command: str, where: str) -> None:
    done = world.run("sh", "-c", f"rolehop {command} {where}")
    assert done.code == 1
    shown = re.sub(r"\x1b\[[0-9;]*m", "", done.err)
    assert shown.startswith("rolehop: the output could not be written\n"), done.err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EIO])
def test_another_file_is_named(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "notes.json"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match=os.strerror(number)) as caught:
            write_beside(path, "text")
    failure = Failure(["list"], CommandContext({}))
    assert failure.unexpected(caught.value) == 1
    assert capsys.readouterr().err.startswith(f"rolehop: {path} could not be read or written\n")
