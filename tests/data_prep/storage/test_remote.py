"""Copies of what lies behind an address, against a server that speaks S3."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.storage.remote import (
    RemotePath,
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

Elsewhere = Callable[[Path], AbstractContextManager[Path]]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    """Gives the path that another machine makes of one that is sent to it, as long as one is there."""

    @contextmanager
    def on_another_machine(path: Path) -> Iterator[Path]:
        message = pickle.dumps(path)
        with pytest.MonkeyPatch.context() as machine:
            machine.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
            yield pickle.loads(message)

    return on_another_machine


def sent(address: str, text: str) -> Path:
    """Writes a file of that text, sends it, and returns its path."""
    path = located(address)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    push(path)
    return path


def test_file_goes_to_another_machine(bucket: str, elsewhere: Elsewhere) -> None:
    path = sent(f"{bucket}/study/a.json", "first")
    with elsewhere(path) as there:
        assert there != path
        assert address_of(there) == f"{bucket}/study/a.json"
        pull(there)
        assert there.read_text() == "first"


def test_folder_goes_whole_and_comes_whole(bucket: str, elsewhere: Elsewhere) -> None:
    folder = located(f"{bucket}/study")
    for name in ("study.json", "trials/1.json", "trials/2.json", "checkpoints/1/state.npz", ".lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    push(folder, without=("checkpoints",))
    with elsewhere(folder) as there:
        pull(there)
    names = sorted(path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file())
    assert names == ["study.json", "trials/1.json", "trials/2.json"]


def test_newer_file_stays(bucket: str, elsewhere: Elsewhere) -> None:
    path = sent(f"{bucket}/study/a.json", "first")
    path.write_text("second")  # and it was killed before it could send that
    pull(path)
    assert path.read_text() == "second"
    push(path.parent)
    with elsewhere(path) as there:
        pull(there.parent)
    assert there.read_text() == "second"


def test_older_file_is_replaced(bucket: str, elsewhere: Elsewhere) -> None:
    path = sent(f"{bucket}/a.json", "old")
    with elsewhere(path) as there:
        pull(there)
    long_ago = path.stat().st_mtime_ns - 10**10
    os.utime(there, ns=(long_ago, long_ago))
    path.write_text("new")
    push(path)
    with elsewhere(path):
        pull(there)
    assert there.read_text() == "new"


def test_unchanged_file_is_not_fetched_again(bucket: str, elsewhere: Elsewhere) -> None:
    path = sent(f"{bucket}/a.json", "text")
    with elsewhere(path) as there:
        pull(there)
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


OPERATIONS: dict[str, Callable[[Path], Path]] = {
    "joined": lambda path: path / "stages" / "lr.json",
    "joined with a path": lambda path: path / Path("trials"),
    "parent": lambda path: path.parent,
    "one of the parents": lambda path: (path / "trials").parents[1],
    "absolute": lambda path: path.absolute(),
    "with another name": lambda path: path.with_name("other"),
    "with another suffix": lambda path: path.with_suffix(".json"),
    "a folder's entry": lambda path: next(path.iterdir()),
    "found": lambda path: next(path.glob("*.json")),
    "found below": lambda path: next(path.rglob("*.json")),
    "renamed": lambda path: (path / "a.json").replace(path / "b.json"),
    "copied": copy.deepcopy,
    "sent": lambda path: pickle.loads(pickle.dumps(path)),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_is_made_of_a_remote_path_has_the_address_of_its_place(
    operation: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = located("s3://bucket/results/faces")
    folder.mkdir(parents=True)
    (folder / "a.json").touch()
    made = operation(folder)
    assert isinstance(made, RemotePath)
    place = made.relative_to(located("s3://bucket")).as_posix()
    assert address_of(made) == f"s3://bucket/{place}"
    assert located(shown(made)) == made


def test_folder_that_is_called_like_that_of_copies_is_a_folder(bucket: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "stagewise-copies" / "s3" / "bucket", Path(str(located(f"{bucket}/study")))):
        folder.mkdir(parents=True)
        (folder / "a.json").write_text("text")
        push(folder)
        assert address_of(folder) is None
        assert shown(folder) == str(folder)
    assert not is_file(located(f"{bucket}/study/a.json"))


def test_copies_lie_in_a_folder_that_is_called_like_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "stagewise-copies"))
    path = located("s3://bucket/stagewise-copies/s3/a.json")
    assert address_of(path) == "s3://bucket/stagewise-copies/s3/a.json"


@pytest.mark.parametrize("cache", ["", "relative"])
def test_copies_lie_in_the_home_without_an_absolute_cache(
    cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    assert located("s3://bucket/a") == tmp_path / ".cache" / "stagewise-copies" / "s3" / "bucket" / "a"


def test_folder_above_all_buckets_has_no_address() -> None:
    above = located("s3://bucket").parent
    assert address_of(above) is None
    assert pickle.loads(pickle.dumps(above)) == above


def test_name_that_no_user_could_type_is_sent(elsewhere: Elsewhere) -> None:
    with elsewhere(located("s3://bucket/photographs") / "who?.jpg") as there:
        assert address_of(there) == "s3://bucket/photographs/who?.jpg"


def test_address_of_files_is_their_path() -> None:
    assert located("file:///data/faces") == Path("/data/faces")
    assert address_of(located("file:///data/faces")) is None


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


@pytest.mark.parametrize("text", ["a\0b", "results/" + "a" * 300, "s3://bucket/" + "ü" * 200])
def test_path_that_no_system_takes_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="a path has names of at most 255 bytes, and no character 0"):
        located(text)
