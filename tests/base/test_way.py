"""The way to a file, as it really is: links, pods' volumes, descriptors, and somebody who swaps things."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from rolehop.base.file_access import distrust_of_authorities, distrust_of_folder
from rolehop.base.files import NotRegular, Untrusted, read_deciding, read_trusted
from tests.support.other_users import AS_ROOT, SOMEBODY, USER, set_acl

MOST = 1_000  # bytes


def test_links_and_dots_lead_where_the_system_says(tmp_path: Path) -> None:
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    (deep / "file").write_text("it")
    (tmp_path / "link").symlink_to("deep/er")
    (tmp_path / "absolute").symlink_to(tmp_path / "link" / ".." / "er" / "file")
    (tmp_path / "itself").symlink_to(".")
    for path in (
        tmp_path / "itself" / "link" / "file",
        tmp_path / "link" / "file",
        tmp_path / "link" / ".." / "er" / "file",  # beside the link's target, not beside the link
        tmp_path / "absolute",
    ):
        assert read_deciding(path, MOST) == b"it" == path.read_bytes()
    with pytest.raises(FileNotFoundError):
        read_deciding(tmp_path / "link" / ".." / "deep" / "er" / "file", MOST)


def test_a_relative_path_begins_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("it")
    assert read_deciding(Path("file"), MOST) == b"it"
    tmp_path.chmod(0o777)
    with pytest.raises(Untrusted, match=f"can write {tmp_path} on the way to it"):
        read_deciding(Path("file"), MOST)


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match="too many symbolic links"):
        read_deciding(tmp_path / "one", MOST)


def test_the_advice_is_for_the_folder_that_others_can_write(tmp_path: Path) -> None:
    file = tmp_path / "shared" / "own" / "file"
    file.parent.mkdir(parents=True)
    file.write_text("it")
    file.parents[1].chmod(0o775 | 0o002)
    with pytest.raises(Untrusted) as caught:
        read_deciding(file, MOST)
    assert caught.value.fix == f"chmod go-w {file.parents[1]}"


def test_a_folder_that_is_not_there_is_not_for_others_to_make(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    assert distrust_of_folder(tmp_path / "shared" / "none") is None
    (tmp_path / "itself").symlink_to(".")
    assert distrust_of_folder(tmp_path / "itself") is None
    (tmp_path / "root").symlink_to("/")
    assert distrust_of_folder(tmp_path / "root") is None
    assert distrust_of_folder(Path("/")) is None
    (tmp_path / "shared").chmod(0o1777)
    assert f"can write {tmp_path}/shared" in str(distrust_of_folder(tmp_path / "shared" / "none"))
    (tmp_path / "link").symlink_to("shared/none")
    assert f"can write {tmp_path}/shared" in str(distrust_of_folder(tmp_path / "link"))


# a pod


@pytest.fixture
def volume() -> Iterator[Path]:
    """A volume as kubelet makes it: a folder like /tmp, root's links, and another one in a minute."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made, "serviceaccount")
        folder.mkdir()
        Path(made).chmod(0o755)
        folder.chmod(0o1777)
        _turn(folder, "2026_11_29_10_00_00.1", b"first")
        (folder / "token").symlink_to("..data/token")
        yield folder


def _turn(folder: Path, name: str, token: bytes) -> None:
    data = folder / f"..{name}"
    data.mkdir(mode=0o755)
    (data / "token").write_bytes(token)
    (data / "token").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(data / "token", 0, SOMEBODY)
    (folder / "..data_tmp").symlink_to(data.name)
    (folder / "..data_tmp").rename(folder / "..data")


def test_a_pods_token_is_read_also_when_it_has_turned(volume: Path) -> None:
    assert read_deciding(volume / "token", MOST) == b"first"
    _turn(volume, "2026_11_29_11_00_00.2", b"second")
    assert read_deciding(volume / "token", MOST) == b"second"


@AS_ROOT
def test_a_pods_token_is_read_by_the_user_whose_group_it_has(volume: Path) -> None:
    (volume.parent / "token").symlink_to("serviceaccount/token")
    assert _as_somebody(volume / "token") == "b'first'"
    os.chown(volume / "..data", SOMEBODY + 1, -1, follow_symlinks=False)
    why = f"the link {volume}/..data on the way to it belongs to number {SOMEBODY + 1}"
    with pytest.raises(Untrusted, match=why):  # which loads what the child may not read
        read_deciding(volume / "token", MOST)
    assert why in _as_somebody(volume / "token")


_READS = f"""
import sys
from pathlib import Path
from rolehop.base.files import read_deciding
try:
    print(read_deciding(Path(sys.argv[1]), {MOST}))
except OSError as error:
    print(error)
"""


def _as_somebody(path: Path) -> str:
    """Return what a user reads who is neither root nor the owner, but has the file's group."""
    read_end, write_end = os.pipe()
    # Forked and not started: that user may not run this Python.
    child = os.fork()
    if child == 0:
        _read_as_somebody(path, write_end)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end) as said:
        return said.read()


def _read_as_somebody(path: Path, write_end: int) -> NoReturn:
    try:
        os.chdir("/")
        os.setgroups([])
        os.setgid(SOMEBODY)
        os.setuid(SOMEBODY)
        try:
            found = repr(read_deciding(path, MOST))
        except OSError as error:
            found = str(error)
        os.write(write_end, found.encode())
    finally:
        os._exit(0)


@AS_ROOT
def test_root_follows_no_other_users_file_that_this_user_would_follow(volume: Path) -> None:
    file = volume / "own"
    file.write_text("it")
    os.chown(file, SOMEBODY, SOMEBODY)
    assert _as_somebody(file) == "b'it'"
    with pytest.raises(Untrusted, match="neither to you nor to root"):
        read_deciding(file, MOST)


@AS_ROOT
def test_an_access_list_counts_on_a_folder_that_may_only_be_passed_through(volume: Path) -> None:
    folder = volume.parent / "closed"
    folder.mkdir()
    (folder / "file").write_text("it")
    os.chown(folder / "file", SOMEBODY, SOMEBODY)
    set_acl(folder, (USER, 7, SOMEBODY + 1))
    folder.chmod(0o731)  # the group's bits are the mask
    said = _as_somebody(folder / "file")
    assert f"user number {SOMEBODY + 1} can write {folder} on the way to it" in said


@AS_ROOT
def test_a_store_gives_roots_files_second_names(tmp_path: Path) -> None:
    """Nix's and Guix's: a sticky folder that a group of builders can write, equal files linked."""
    file = tmp_path / "store" / "file"
    file.parent.mkdir()
    file.write_text("it")
    (tmp_path / "second").hardlink_to(file)
    os.chown(file.parent, 0, SOMEBODY)
    file.parent.chmod(0o1775)
    assert read_deciding(file, MOST) == b"it"
    assert distrust_of_authorities(file) is None
    file.parent.chmod(0o1777)
    with pytest.raises(Untrusted, match="it has a second name"):
        read_deciding(file, MOST)
    assert "it has a second name" in str(distrust_of_authorities(file))


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
@pytest.mark.parametrize("user", ["--map-user=12345", "--map-root-user"])
def test_the_machines_root_may_have_no_number_in_a_user_namespace(user: str, volume: Path) -> None:
    """There its folders seem to be of a user whom nobody is, also if there is another root."""
    file = volume / "own"
    file.write_text("it")
    file.chmod(0o600)
    made = ["unshare", "--user", user, sys.executable, "-c", _READS, str(file)]
    done = subprocess.run(made, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no user namespace can be made here: {done.stderr.strip()}")
    assert done.stdout.strip() == "b'it'"


_JUDGES = """
import sys
from pathlib import Path
from rolehop.base.file_access import distrust_of_authorities, distrust_of_folder
print(distrust_of_folder(Path(sys.argv[1])), distrust_of_authorities(Path(sys.argv[1])), sep="; ")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
def test_a_folder_of_a_user_who_has_no_number_in_a_user_namespace_is_anybodys(
    volume: Path,
) -> None:
    """But the machine's certificates are followed there."""
    folder = Path("/usr")
    if os.geteuid() == 0:
        folder = volume / "folder"
        folder.mkdir()
        os.chown(folder, SOMEBODY, SOMEBODY)
    made = ["unshare", "--user", "--map-current-user", sys.executable, "-c", _JUDGES, str(folder)]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
    if done.stderr.startswith("unshare"):
        pytest.skip(f"no user namespace can be made here: {done.stderr.strip()}")
    folder_said, authorities_said = done.stdout.strip().split("; ")
    assert folder_said.endswith("neither to you nor to root"), done.stderr
    assert authorities_said == "None"


# what was opened by whoever started this process


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0"])
def test_a_pipe_that_was_handed_over_is_read_to_its_end(name: str, tmp_path: Path) -> None:
    reads = _READS.replace(f"{MOST})", f"{MOST}, pipes=True)")
    argv = [sys.executable, "-c", reads, name]
    done = subprocess.run(argv, input=b"it", capture_output=True, check=True)
    assert done.stdout == b"b'it'\n"
    (tmp_path / "file").write_text("file")
    tmp_path.chmod(0o777)  # the shell opened it
    with (tmp_path / "file").open("rb") as file:
        done = subprocess.run(argv, stdin=file, capture_output=True, check=True)
    assert done.stdout == b"b'file'\n"


def test_a_pipe_is_refused_where_a_file_is_read_twice(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _READS, "/dev/stdin"]
    done = subprocess.run(argv, input=b"it", capture_output=True, check=True)
    assert b"it is a pipe" in done.stdout
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegular, match="it is a pipe"):
        read_deciding(tmp_path / "pipe", MOST, pipes=True)


# races


@pytest.mark.parametrize("swapped", ["folder", "folder/file"])
def test_a_link_that_is_swapped_in_never_wins(tmp_path: Path, swapped: str) -> None:
    """Whatever is read with trust was reached through what was judged."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("own")
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    hostile.chmod(0o777)
    (hostile / "file").write_text("hostile")
    (hostile / "file").chmod(0o666)
    place, aside = tmp_path / swapped, tmp_path / "aside"
    target = hostile if swapped == "folder" else hostile / "file"
    ends = threading.Event()

    def swap() -> None:
        while not ends.is_set():
            place.rename(aside)
            place.symlink_to(target)
            place.unlink()
            aside.rename(place)

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes = set()
    try:
        for _ in range(3_000):
            found = read_trusted(tmp_path / "folder" / "file")
            outcomes.add(None if found is None else (found.text, found.distrust is None))
    finally:
        ends.set()
        swapper.join()
    assert ("hostile", True) not in outcomes
    assert ("own", True) in outcomes
