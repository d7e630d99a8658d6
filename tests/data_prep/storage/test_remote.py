"""Copies of what lies behind an address, against a server that speaks S3."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.storage import remote
from data_prep.storage.remote import (
    address_of,
    drop,
    is_file,
    located,
    open_address,
    open_read,
    pull,
    push,
    shown,
)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Where another machine has its copies."""
    return tmp_path / "there"


def on(cache: Path, path: Path) -> Path:
    """Returns the copy of the same address on a machine with that cache."""
    return cache / path.relative_to(path.parents[len(path.parts) - path.parts.index(remote.COPIES) - 1])


def sent(address: str, text: str) -> Path:
    """Writes a file of that text, sends it, and returns its path."""
    path = located(address)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    push(path)
    return path


def test_file_goes_to_another_machine(bucket: str, elsewhere: Path) -> None:
    path = sent(f"{bucket}/study/a.json", "first")
    there = on(elsewhere, path)
    assert address_of(there) == f"{bucket}/study/a.json"
    pull(there)
    assert there.read_text() == "first"


def test_folder_goes_whole_and_comes_whole(bucket: str, elsewhere: Path) -> None:
    folder = located(f"{bucket}/study")
    for name in ("study.json", "trials/1.json", "trials/2.json", "checkpoints/1/state.npz", ".lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    push(folder, without=("checkpoints",))
    there = on(elsewhere, folder)
    pull(there)
    names = sorted(path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file())
    assert names == ["study.json", "trials/1.json", "trials/2.json"]


def test_newer_file_stays(bucket: str, elsewhere: Path) -> None:
    path = sent(f"{bucket}/study/a.json", "first")
    path.write_text("second")  # and it was killed before it could send that
    pull(path)
    assert path.read_text() == "second"
    push(path.parent)
    there = on(elsewhere, path)
    pull(there.parent)
    assert there.read_text() == "second"


def test_older_file_is_replaced(bucket: str, elsewhere: Path) -> None:
    path = sent(f"{bucket}/a.json", "old")
    there = on(elsewhere, path)
    pull(there)
    long_ago = path.stat().st_mtime_ns - 10**10
    os.utime(there, ns=(long_ago, long_ago))
    path.write_text("new")
    push(path)
    pull(there)
    assert there.read_text() == "new"


def test_unchanged_file_is_not_fetched_again(bucket: str, elsewhere: Path) -> None:
    path = sent(f"{bucket}/a.json", "text")
    pull(there := on(elsewhere, path))
    first = there.stat().st_ino
    pull(there)
    assert there.stat().st_ino == first


def test_dropped_folder_is_gone_everywhere(bucket: str) -> None:
    path = sent(f"{bucket}/checkpoints/1/state.npz", "text")
    assert is_file(path)
    drop(path.parent)
    assert not path.exists()
    assert not is_file(path)


def test_file_is_read_where_it_lies(bucket: str) -> None:
    path = located(f"{bucket}/photo.jpg")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bytes")
    push(path)
    path.unlink()
    with open_read(path) as file:
        assert file.read() == b"bytes"


def test_plain_path_stays_what_it_is(tmp_path: Path) -> None:
    (path := tmp_path / "a.json").write_text("text")
    push(path)
    pull(path)
    assert shown(path) == str(path)
    assert located(str(path)) == path
    drop(tmp_path)
    assert not path.exists()


def test_missing_bucket_is_a_sentence(bucket: str) -> None:
    path = located("s3://nobody-has-this/a")
    path.parent.mkdir(parents=True)
    path.write_text("text")
    with pytest.raises(InputError, match=r"s3://nobody-has-this/a cannot be used .* check the address"):
        push(path)


@pytest.mark.parametrize("open_it", [located, open_address])
def test_address_with_a_key_in_it_is_refused_and_not_repeated(open_it: Callable[[str], object]) -> None:
    with pytest.raises(InputError, match="address of bucket has a key in it") as refused:
        open_it("s3://KEY:SECRET@bucket/results")
    assert "SECRET" not in str(refused.value)
    assert located("s3://bucket/a@b").name == "a@b"


def test_address_with_wishes_is_a_sentence() -> None:
    with pytest.raises(InputError, match="question mark"):
        located("s3://bucket/results?region=us-east-1")
