"""Files as they really are: read if they are regular, written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rolehop.base import files
from rolehop.base.files import (
    FileText,
    NotRegular,
    append_line,
    make_private_folder,
    put_new,
    read_regular,
    read_trusted,
    write_beside,
)
from tests.support.other_users import AS_ROOT, SOMEBODY, USER, set_acl

NOBODY = 65_534


def test_the_text_of_a_trusted_file(file: Path) -> None:
    assert read_trusted(file) == FileText(str(file), "version = 1\n", None)


def test_what_is_not_there_is_none(tmp_path: Path, file: Path) -> None:
    assert read_trusted(tmp_path / "none") is None
    assert read_trusted(file / "below-a-file") is None


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_trusted(tmp_path)


def test_line_ends_and_letters_come_as_they_are(file: Path) -> None:
    file.write_bytes("a = 'ü'\r\n".encode())
    found = read_trusted(file)
    assert found is not None
    assert found.text == "a = 'ü'\r\n"


def test_other_encodings_are_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        read_trusted(file)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegular, match="it is a pipe"):
        read_trusted(tmp_path / "pipe")
    with pytest.raises(NotRegular, match="it is a device"):
        read_trusted(Path("/dev/zero"))


# writing


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_written_file_is_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "file"
    write_beside(path, "ü\n")
    assert path.read_bytes() == "ü\n".encode()
    assert (mode_of(path), mode_of(path.parent), mode_of(path.parent.parent)) == (
        0o600,
        0o700,
        0o700,
    )


def test_a_written_file_takes_the_place_of_the_old_one_and_nothing_else_is_left(
    file: Path,
) -> None:
    file.chmod(0o644)
    write_beside(file, "new")
    assert (file.read_text(), mode_of(file)) == ("new", 0o600)
    assert list(file.parent.iterdir()) == [file]


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(file: Path, tmp_path: Path) -> None:
    before = file.read_text()
    link = tmp_path / "link"
    link.symlink_to(file)
    write_beside(link, "new")
    assert not link.is_symlink()
    assert (link.read_text(), file.read_text()) == ("new", before)


def test_who_may_read_a_file_may_read_the_new_one_and_nobody_else(file: Path) -> None:
    """The mode alone would give the owning group what an access list gave a user."""
    set_acl(file, (USER, 4, SOMEBODY), owning_group=0)
    before = os.getxattr(file, "system.posix_acl_access")
    assert mode_of(file) == 0o660
    write_beside(file, "new", mode=mode_of(file))
    assert (file.read_text(), mode_of(file)) == ("new", 0o660)
    assert os.getxattr(file, "system.posix_acl_access") == before


@AS_ROOT
def test_the_group_of_a_file_stays(file: Path) -> None:
    os.chown(file, -1, NOBODY)
    file.chmod(0o640)
    write_beside(file, "new", mode=0o640)
    assert (file.stat().st_gid, mode_of(file)) == (NOBODY, 0o640)


def test_a_line_is_appended_to_what_is_there_by_then(file: Path, tmp_path: Path) -> None:
    new, link, pipe = tmp_path / "new", tmp_path / "link", tmp_path / "pipe"
    append_line(new, "one")
    append_line(new, "two")
    new.write_text(f"{new.read_text()}no end")
    append_line(new, "three")
    assert (new.read_text(), mode_of(new)) == ("one\ntwo\nno end\nthree\n", 0o644)
    link.symlink_to(file)
    os.mkfifo(pipe)
    for other in (link, pipe):
        with pytest.raises((NotRegular, OSError), match=f"symbolic links|{other}|pipe"):
            append_line(other, "four")
    file.chmod(0o666)
    with pytest.raises(OSError, match="everybody on this machine can write it"):
        append_line(file, "four")
    assert file.read_text() == "version = 1\n"


_APPENDS_WITHOUT_ROOM = """
import resource, signal, sys
from pathlib import Path
from rolehop.base.files import append_line
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 4, resource.RLIM_INFINITY))
try:
    append_line(path, "too long")
except OSError as error:
    print(error.strerror)
"""


def test_a_line_that_has_no_room_cuts_off_nothing(file: Path) -> None:
    """Another process may have added a line since; readers bear half a line, which the next one ends."""
    argv = [sys.executable, "-c", _APPENDS_WITHOUT_ROOM, str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == f"{os.strerror(errno.ENOSPC)}\n"
    assert file.read_text() == "version = 1\ntoo "
    append_line(file, "next")
    assert file.read_text() == "version = 1\ntoo \nnext\n"


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_file_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "there are no hard links")

    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", refused)
    file = tmp_path / "config.toml"
    write_beside(file, "first", place=put_new)
    with pytest.raises(FileExistsError):
        write_beside(file, "second", place=put_new)
    assert file.read_text() == "first"
    assert [*tmp_path.iterdir()] == [file]
    assert file.stat().st_nlink == 1


def test_a_failed_write_leaves_the_old_file_and_no_other(file: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_beside(file, "half \ud800")
    assert file.read_text() == "version = 1\n"
    assert list(file.parent.iterdir()) == [file]


def test_folders_that_are_there_keep_their_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    make_private_folder(shared / "mine")
    assert (mode_of(shared), mode_of(shared / "mine")) == (0o755, files.PRIVATE_FOLDER)


def test_only_what_must_last_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    write_beside(tmp_path / "hint", "h", lasting=False)
    assert flushed == []
    write_beside(tmp_path / "index", "i")
    assert len(flushed) == 1
    assert ((tmp_path / "hint").read_text(), (tmp_path / "index").read_text()) == ("h", "i")


def test_a_regular_file_is_read_to_its_limit(file: Path) -> None:
    assert read_regular(file, 12) == b"version = 1\n"
    with pytest.raises(OSError, match="it is longer than 11 bytes"):
        read_regular(file, 11)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegular, match="it is a pipe, not a regular file"):
        read_regular(tmp_path / "pipe", 10)
    with pytest.raises(NotRegular, match="it is a device, not a regular file"):
        read_regular(Path("/dev/zero"), 10)
