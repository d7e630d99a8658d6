"""The index of a ledger: what is not read again, and what it is never believed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from search.study.index import whole_trials
from search.study.index.whole_trials import (
    keep_index,
    read_index,
    stamps_in,
    unread_trials,
)
from search.study.layout import Layout
from search.study.snapshot import SnapshotReader

Make = Callable[..., Path]


@pytest.fixture
def study(make_study: Make) -> Path:
    """A study of four trials that somebody has looked at."""
    folder = make_study(stages=("lr",), epochs=1)
    assert looked_at(folder) == []
    return folder


def looked_at(folder: Path) -> list[str]:
    """What is said of the files of trials."""
    return unread_trials(folder, stamps_in(Layout(folder).trials))


def files_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that somebody who looks on reads."""
    read: list[str] = []
    monkeypatch.setattr(whole_trials, "require_unchanged_trial", lambda path: read.append(path.name))
    looked_at(folder)
    return read


def change(path: Path) -> None:
    """Flips a bit in the middle of a file, in place."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    before = path.stat()
    path.write_bytes(content)
    # a clock that stands still within a tick of the system must not hide it from the test
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def test_files_that_were_whole_are_not_read_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files_read(study, monkeypatch) == []


def test_few_files_are_not_worth_an_index(make_study: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_trials, "MANY", 5)
    folder = make_study(stages=("lr",), epochs=1)
    looked_at(folder)
    assert not Layout(folder).index.exists()


def test_flipped_bit_is_told_although_the_index_has_the_file(study: Path) -> None:
    path = min(Layout(study).trials.iterdir())
    change(path)
    (sentence,) = looked_at(study)
    assert sentence.startswith(f"{path} is damaged (its digest is not that of its content)")
    assert looked_at(study) == [sentence]


def test_damaged_file_never_comes_into_the_index(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    path = min(Layout(folder).trials.iterdir())
    change(path)
    assert len(looked_at(folder)) == 1
    assert path.name not in read_index(Layout(folder).index)
    assert len(read_index(Layout(folder).index)) == 3


def test_removed_file_does_not_count(study: Path) -> None:
    path = min(Layout(study).trials.iterdir())
    path.unlink()
    snapshot = SnapshotReader(study, trials=False).read()
    assert path.stem not in snapshot.ended_at
    assert (len(snapshot.ended_at), snapshot.unread) == (3, [])


def test_new_file_alone_is_read(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = min(Layout(study).trials.iterdir())
    (one.parent / "new.json").write_bytes(one.read_bytes())
    assert files_read(study, monkeypatch) == ["new.json"]


def test_index_of_another_copy_of_the_files_is_worth_nothing(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    (copy / "trials").mkdir(parents=True)
    for path in [Layout(study).index, *Layout(study).trials.iterdir()]:
        (copy / path.relative_to(study)).write_bytes(path.read_bytes())
    assert len(files_read(copy, monkeypatch)) == 4


@pytest.mark.parametrize("damage", ["{}", '{"format": 9}', "", '{"format": 1, "names": ["a"], "stamps": []}'])
def test_damaged_index_is_as_none_and_made_again(study: Path, damage: str) -> None:
    index = Layout(study).index
    index.write_text(damage)
    assert read_index(index) == {}
    assert looked_at(study) == []
    assert len(read_index(index)) == 4


def test_writer_that_was_killed_leaves_the_index_before(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Layout(study).index.read_bytes()
    (study / f".{Layout(study).index.name}.1.part").write_bytes(before[:50])
    assert files_read(study, monkeypatch) == []


def test_folder_that_cannot_be_written_is_only_read(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Layout(study).index
    index.unlink()

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(whole_trials, "write_json", refused)
    assert looked_at(study) == []
    assert not index.exists()


def test_no_trials_need_no_index(tmp_path: Path) -> None:
    keep_index(tmp_path / ".ledger.json", {})
    assert read_index(tmp_path / ".ledger.json") == {}
    assert stamps_in(tmp_path / "trials") == {}
