"""What may be found at the path of a file of rolehop's own, without being that file."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest

from rolehop.hotpath.record import LARGEST
from tests.support.other_users import AS_ROOT


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_fifo_behind_a_link(path: Path) -> None:
    path.unlink()
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


def a_socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        # Its name may be too long for an address.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone")


def a_link_to_the_same_bytes(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def one_with_two_names(path: Path) -> None:
    path.with_name("other").hardlink_to(path)


def one_that_a_group_can_write(path: Path) -> None:
    path.chmod(0o660)


def one_too_large(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(LARGEST + 1)


def somebody_elses(path: Path) -> None:
    os.chown(path, 65534, -1)


_OF_THE_USER: list[Callable[[Path], None]] = [
    a_fifo,
    a_fifo_behind_a_link,
    a_socket,
    a_folder,
    a_link_to_nothing,
    a_link_to_the_same_bytes,
    one_with_two_names,
    one_that_a_group_can_write,
    one_too_large,
]
FOREIGN_FILES = [
    *(pytest.param(each, id=each.__name__) for each in _OF_THE_USER),
    pytest.param(somebody_elses, id="somebody_elses", marks=AS_ROOT),
]


def damages(file: Path) -> Iterator[None]:
    """Damage ``file`` in one more way at each step: each byte changed, then less and less of it.

    In place: to empty a file and write it anew, thousands of times, keeps a disk busy.
    """
    good = file.read_bytes()
    with file.open("r+b", buffering=0) as stream:
        for at, byte in enumerate(good):
            for other in {byte ^ 1, 0, 9, 10} - {byte}:
                _put(stream, at, other)
                yield
            _put(stream, at, byte)
        for size in reversed(range(len(good))):
            stream.truncate(size)
            yield


def _put(stream: FileIO, at: int, byte: int) -> None:
    stream.seek(at)
    stream.write(bytes([byte]))
