"""Files that are opened only where they are regular ones: pipes, devices and sockets keep nobody waiting."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.storage.regular_files import MOST_TEXT, open_regular, read_regular, read_text


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may have a hundred letters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 * 2**30)  # a hole, which takes no room


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "must be a regular file and is a pipe"),
        (make_socket, "must be a regular file and is a socket"),
        (Path.mkdir, "Is a directory"),
        (lambda path: path.symlink_to("/dev/zero"), "must be a regular file and is a device"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path: None, "No such file"),
        (make_huge, f"may have {MOST_TEXT:,} bytes and has 10,737,418,240"),
    ],
)
def test_what_is_no_file_to_read_is_said(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    make(tmp_path / "named")
    with pytest.raises(OSError, match=said):
        read_text(tmp_path / "named")


def test_file_that_is_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"caf\xc3\xa9")
    (tmp_path / "b").symlink_to("a")
    assert (read_text(tmp_path / "b"), read_regular(tmp_path / "a", 5)) == ("café", b"caf\xc3\xa9")
    with open_regular(tmp_path / "a") as file:
        assert file.read(3) == b"caf"
