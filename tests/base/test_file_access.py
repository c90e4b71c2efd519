"""Who else can change files and folders, as they really are. Who cannot change owners skips those."""

from __future__ import annotations

import grp
import os
import pwd
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

import pytest

from rolehop.base import file_access as access
from rolehop.base.files import read_trusted
from tests.support.other_users import AS_ROOT, GROUP, SOMEBODY, USER, set_acl

NOBODY = 65_534


def distrust(path: Path) -> str | None:
    found = read_trusted(path)
    assert found is not None
    return None if found.distrust is None else str(found.distrust)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444, 0o640, 0o755])
def test_what_others_can_only_read_is_trusted(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert distrust(file) is None


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o646, 0o777])
def test_what_everybody_can_write_is_not(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert distrust(file) == "everybody on this machine can write it (chmod o-w)"


@AS_ROOT
def test_what_another_user_owns_is_not_followed(file: Path) -> None:
    os.chown(file, NOBODY, -1)
    name = pwd.getpwuid(NOBODY).pw_name
    assert distrust(file) == f"it belongs to {name}, neither to you nor to root"


@AS_ROOT
def test_an_owner_without_a_name_is_named_by_number(file: Path) -> None:
    os.chown(file, 54_321, -1)
    assert distrust(file) == "it belongs to number 54321, neither to you nor to root"


@AS_ROOT
def test_a_group_of_others_must_not_write(file: Path) -> None:
    group = grp.getgrgid(NOBODY).gr_name
    os.chown(file, -1, NOBODY)
    file.chmod(0o660)
    assert distrust(file) == f"group {group} can write it (chmod g-w)"
    file.chmod(0o640)
    assert distrust(file) is None


@AS_ROOT
def test_a_group_without_a_name_must_not_write(file: Path) -> None:
    os.chown(file, -1, 54_321)
    file.chmod(0o660)
    assert distrust(file) == "group number 54321 can write it (chmod g-w)"


@AS_ROOT
def test_the_users_private_group_may_write(file: Path) -> None:
    root = grp.getgrgid(0)
    if root.gr_name != "root" or set(root.gr_mem) - {"root"}:
        pytest.skip("the group of root has other members here")
    os.chown(file, 0, 0)
    file.chmod(0o660)
    assert distrust(file) is None


@AS_ROOT
def test_a_private_group_is_not_private_if_it_is_another_users_primary_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its members do not show those whose primary group it is: they are in the user database only.
    another = pwd.struct_passwd(("eve", "x", 54_321, 0, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [pwd.getpwuid(0), another])
    os.chown(file, 0, 0)
    file.chmod(0o660)
    assert distrust(file) == "group root can write it (chmod g-w)"


@AS_ROOT
@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([(USER, 6, 54_321)], "user number 54321 can write it (setfacl --remove-all)"),
        ([(GROUP, 6, 54_321)], "group number 54321 can write it (setfacl --remove-all)"),
        ([(USER, 4, 54_321)], None),
        ([(USER, 6, 0)], None),
        ([(GROUP, 4, 54_321), (USER, 2, 0)], None),
    ],
)
def test_whom_an_acl_lets_write(
    file: Path, entries: list[tuple[int, int, int]], said: str | None
) -> None:
    os.chown(file, 0, 0)
    set_acl(file, *entries)
    assert distrust(file) == said


@AS_ROOT
def test_an_acl_may_let_the_owning_group_write(file: Path) -> None:
    os.chown(file, 0, 54_321)
    set_acl(file, owning_group=6)
    assert distrust(file) == "group number 54321 can write it (chmod g-w)"


class TestStateFolder:
    """Whether state may be stored in a folder."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        home = tmp_path / "home"
        (home / "state" / "rolehop").mkdir(parents=True)
        for each in (home, home / "state", home / "state" / "rolehop"):
            each.chmod(0o700)
        return home

    def problem(self, home: Path) -> str | None:
        return access.folder_problem(home / "state" / "rolehop", home)

    def test_the_users_own(self, home: Path) -> None:
        assert self.problem(home) is None

    def test_one_that_is_not_there_yet(self, home: Path) -> None:
        (home / "state" / "rolehop").rmdir()
        assert self.problem(home) is None
        (home / "state").chmod(0o777)
        assert self.problem(home) == (
            f"{home}/state: everybody on this machine can write it (chmod o-w)"
        )

    def test_others_can_write_it(self, home: Path) -> None:
        (home / "state" / "rolehop").chmod(0o1777)  # sticky is not enough for the folder itself
        assert "everybody on this machine can write it" in str(self.problem(home))

    def test_others_can_write_above_it(self, home: Path) -> None:
        home.chmod(0o777)
        assert str(self.problem(home)).startswith(f"{home}: everybody")

    def test_others_can_write_where_a_link_leads(self, home: Path) -> None:
        shared = home.parent / "shared"
        (shared / "mine").mkdir(parents=True, mode=0o700)
        (home / "state" / "rolehop").rmdir()
        (home / "state" / "rolehop").symlink_to(shared / "mine")
        assert self.problem(home) is None
        shared.chmod(0o777)
        assert str(self.problem(home)).startswith(f"{shared}: everybody")

    def test_a_sticky_folder_above_is_fine(self, home: Path) -> None:
        (home / "state").chmod(0o1777)
        assert self.problem(home) is None

    def test_above_the_home_folder_nothing_counts(self, home: Path) -> None:
        home.parent.chmod(0o777)
        assert self.problem(home) is None

    def test_a_file_in_its_place(self, home: Path) -> None:
        (home / "state" / "rolehop").rmdir()
        (home / "state" / "rolehop").write_text("")
        assert self.problem(home) == f"{home}/state/rolehop is not a folder"

    @AS_ROOT
    def test_another_users(self, home: Path) -> None:
        os.chown(home / "state" / "rolehop", 54_321, -1)
        assert self.problem(home) == (
            f"{home}/state/rolehop belongs to number 54321, and you are root"
        )

    @AS_ROOT
    def test_an_acl_lets_another_write(self, home: Path) -> None:
        set_acl(home / "state", (USER, 6, 54_321))
        assert "user number 54321 can write it" in str(self.problem(home))

    def test_every_link_on_the_way_counts(self, home: Path) -> None:
        """The second of three leads through a folder that everybody can write."""
        shared, state = home.parent / "shared", home / "state" / "rolehop"
        shared.mkdir()
        state.rmdir()
        (home / "real").mkdir(mode=0o700)
        (shared / "second").symlink_to(home / "real")
        (home / "first").symlink_to("../shared/second")
        state.symlink_to(home / "first")
        assert self.problem(home) is None
        shared.chmod(0o777)
        assert str(self.problem(home)).startswith(f"{shared}: everybody")

    def test_a_circle_of_links(self, home: Path) -> None:
        (home / "state" / "rolehop").rmdir()
        (home / "state" / "rolehop").symlink_to("rolehop")
        assert "too many symbolic links" in str(self.problem(home))

    @AS_ROOT
    def test_another_users_link_in_a_sticky_folder(self, home: Path) -> None:
        """Whoever owns it may lead it elsewhere later."""
        (home / "real").mkdir(mode=0o700)
        (home / "state" / "rolehop").rmdir()
        (home / "state" / "rolehop").symlink_to(home / "real")
        (home / "state").chmod(0o1777)
        assert self.problem(home) is None
        os.chown(home / "state" / "rolehop", 54_321, -1, follow_symlinks=False)
        assert "belongs to number 54321" in str(self.problem(home))

    def test_what_everybody_can_create_is_not_used(self, home: Path) -> None:
        (home / "state" / "rolehop").rmdir()
        (home / "state").chmod(0o1777)
        assert self.problem(home) == (
            f"{home}/state/rolehop is not there, and others can create it (mkdir -m 700)"
        )

    @AS_ROOT
    def test_the_group_of_root_is_private_to_a_container_of_openshift(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There a process has any user number, and the group of root."""
        for each in (home, home / "state"):
            each.chmod(0o775)
        os.chown(home / "state" / "rolehop", SOMEBODY, 0)
        # As in Red Hat's images, it is the primary group of others too.
        another = pwd.struct_passwd(("operator", "x", 11, 0, "", "/", "/bin/sh"))
        monkeypatch.setattr(pwd, "getpwall", lambda: [pwd.getpwuid(0), another])
        monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
        monkeypatch.setattr(os, "getegid", lambda: 0)
        assert self.problem(home) is None
        monkeypatch.setattr(os, "getegid", lambda: SOMEBODY)
        assert self.problem(home) == f"{home}: group root can write it (chmod g-w)"

    def test_a_folder_in_it_may_go_meanwhile(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process deletes the folder of notes with its last one."""
        (home / "state" / "rolehop" / "sdk").mkdir()
        real = os.scandir

        def scandir(folder: Path) -> AbstractContextManager[list[os.DirEntry[str]]]:
            with real(folder) as entries:
                found = list(entries)
            for each in found:
                Path(each).rmdir()
            return nullcontext(found)

        monkeypatch.setattr(os, "scandir", scandir)
        assert self.problem(home) is None
        assert not (home / "state" / "rolehop" / "sdk").exists()

    def test_the_home_folder_itself_may_be_a_link(self, home: Path) -> None:
        link = home.parent / "link"
        link.symlink_to(home)
        assert access.folder_problem(link / "state" / "rolehop", link) is None
        (home / "state").chmod(0o777)
        found = access.folder_problem(link / "state" / "rolehop", link)
        assert str(found).startswith(f"{home}/state: everybody")


@pytest.mark.parametrize(
    ("mount", "hinted"),
    [
        ("C: /mnt/c drvfs rw,noatime 0 0", True),
        ("C:\\134 /mnt/c 9p rw,noatime,aname=drvfs;path=C:\\;uid=1000 0 0", True),
        ("C: /mnt/c drvfs rw,noatime,metadata 0 0", False),
        ("C:\\134 /mnt/c 9p rw,aname=drvfs;path=C:\\;metadata;uid=1000 0 0", False),
        ("/dev/sdb /mnt/c ext4 rw 0 0", False),
    ],
)
def test_windows_drives_in_wsl(mount: str, hinted: bool) -> None:
    mounts = f"/dev/sda / ext4 rw 0 0\n{mount}\n"
    found = access.windows_drive_hint(Path("/mnt/c/Users/jane/rolehop"), mounts)
    assert bool(found) is hinted
    assert "metadata,umask=22" in found or not hinted  # else what is there already stays 0777
    assert access.windows_drive_hint(Path("/home/jane"), mounts) == ""


@AS_ROOT
def test_an_unprivileged_user_may_follow_roots_files_and_its_own_only() -> None:
    with tempfile.TemporaryDirectory() as made:
        _check_as_nobody(Path(made))


def _check_as_nobody(folder: Path) -> None:
    for name, owner in (("roots", 0), ("own", NOBODY), ("others", 54_321)):
        (folder / name).write_text("")
        (folder / name).chmod(0o644)
        os.chown(folder / name, owner, owner)
    folder.chmod(0o755)
    read_end, write_end = os.pipe()
    # The judgement is the effective user's, so a child becomes one and says what it found.
    child = os.fork()
    if child == 0:
        _judge_as_nobody(folder, write_end)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end) as said:
        assert said.read() == "[True, True, False]"


def _judge_as_nobody(folder: Path, write_end: int) -> NoReturn:
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        judged = [distrust(folder / name) is None for name in ("roots", "own", "others")]
        os.write(write_end, repr(judged).encode())
    finally:
        os._exit(0)


def test_a_link_is_judged_by_the_file_it_points_to(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert distrust(link) is None
    file.chmod(0o666)
    assert distrust(link) is not None
