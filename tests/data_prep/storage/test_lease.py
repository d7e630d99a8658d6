"""The lease of a folder: one has it, and whoever shows no sign of life loses it."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

from data_prep.storage.lease import EXPIRES_S, PREFIX, Lease, TakenError, living
from data_prep.storage.remote import located
from data_prep.storage.standing import standing, watched


def lease(folder: Path, owner: str, *, ended: tuple[str, ...] = ()) -> Lease:
    return Lease(folder, owner.encode(), lambda content: content.decode() in ended)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{PREFIX}*"))


def silence(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_second_one_is_told_who_has_it_and_leaves_nothing(tmp_path: Path) -> None:
    lease(tmp_path, "a").take()
    with pytest.raises(TakenError) as refusal:
        lease(tmp_path, "b").take()
    assert (refusal.value.content, len(files(tmp_path))) == (b"a", 1)


def test_of_two_that_begin_at_once_at_most_one_goes_on(tmp_path: Path) -> None:
    first, second = lease(tmp_path, "a"), lease(tmp_path, "b")
    first.show()
    second.show()
    for each in (first, second):
        with contextlib.suppress(TakenError):
            each.take()
    assert len(files(tmp_path)) <= 1


def test_lease_without_a_sign_of_life_is_taken_over(tmp_path: Path) -> None:
    lease(tmp_path, "a").take()
    (left,) = files(tmp_path)
    silence(left, EXPIRES_S - 10)
    with pytest.raises(TakenError):
        lease(tmp_path, "b").take()
    silence(left, EXPIRES_S + 10)
    lease(tmp_path, "b").take()
    assert [path.read_text() for path in files(tmp_path)] == ["b"]


def test_lease_of_a_process_that_ended_is_taken_over_at_once(tmp_path: Path) -> None:
    lease(tmp_path, "a").take()
    lease(tmp_path, "b", ended=("a",)).take()
    assert [path.read_text() for path in files(tmp_path)] == ["b"]


def test_sign_of_life_keeps_it_and_says_where_it_was_lost(tmp_path: Path) -> None:
    ours = lease(tmp_path, "a")
    ours.take()
    (path,) = files(tmp_path)
    silence(path, EXPIRES_S + 10)
    ours.beat()
    with pytest.raises(TakenError):
        lease(tmp_path, "b").take()
    silence(path, EXPIRES_S + 10)
    lease(tmp_path, "b").take()
    with pytest.raises(TakenError) as lost:
        ours.beat()
    assert lost.value.content == b"b"


def test_lease_that_somebody_removed_is_written_again(tmp_path: Path) -> None:
    ours = lease(tmp_path, "a")
    ours.take()
    files(tmp_path)[0].unlink()
    ours.beat()
    assert [path.read_text() for path in files(tmp_path)] == ["a"]


def test_lease_is_free_afterwards(tmp_path: Path) -> None:
    ours = lease(tmp_path, "a")
    ours.take()
    with living(ours, lambda content: None, lambda: None):
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []


def test_lease_in_a_bucket_is_one_for_all_machines(bucket: str) -> None:
    study = located(f"{bucket}/study")
    ours = lease(study, "a")
    ours.take()
    ours.beat()
    with pytest.raises(TakenError) as refusal:
        lease(study, "b").take()
    assert refusal.value.content == b"a"
    ours.remove()
    lease(study, "b").take()


def test_sign_of_life_is_not_written_into_what_a_storage_left(tmp_path: Path) -> None:
    mark = tmp_path / "study" / "study.json"
    mark.parent.mkdir()
    mark.touch()
    ours = lease(mark.parent, "a")
    ours.take()
    with watched(mark.parent, mark, 0, str):
        standing(mark, mark.touch)
        mark.parent.rename(tmp_path / "away")
        mark.parent.mkdir()
        with pytest.raises(OSError, match="the storage is away"):
            ours.beat()
        assert list(mark.parent.iterdir()) == []
