"""Storage that fills or goes away: it may be waited for, and nothing is written into what is left of it."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from data_prep.errors import InputError, StorageError
from data_prep.storage import standing
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.json_files import write_json
from data_prep.storage.standing import require_disk_space, watched


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study on a storage that is mounted at mount/."""
    monkeypatch.setattr(standing, "POLL_S", 0.001)
    write_json(tmp_path / "mount" / "study" / "study.json", {"format": 1})
    return tmp_path / "mount" / "study"


def failing(number: int, times: int) -> Callable[[BinaryIO], None]:
    """Returns a writer that meets an error of the system so often, and writes then."""
    left = iter(range(times))

    def write(file: BinaryIO) -> None:
        if next(left, None) is not None:
            raise OSError(number, os.strerror(number))
        file.write(b"whole")

    return write


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EIO", "ESTALE"])
def test_storage_in_trouble_is_waited_for(study: Path, name: str) -> None:
    number, said = getattr(errno, name), list[str]()
    with watched(study, study / "study.json", 60, said.append):
        write_whole(study / "a", failing(number, 3))
    assert (study / "a").read_bytes() == b"whole"
    reason = f"{study / 'a'} cannot be written ({os.strerror(number)})"
    assert said == [f"{reason}; the search pauses until it can, at most 60 s"]


def test_storage_in_trouble_that_another_process_tells_of_is_waited_for(study: Path) -> None:
    told = iter([StorageError("no room", errno.ENOSPC, "No space left on device")])
    said = list[str]()

    def work() -> str:
        for error in told:
            raise pickle.loads(pickle.dumps(error))
        return "done"

    with watched(study, study / "study.json", 60, said.append):
        assert standing.standing(study, work) == "done"
    assert said == [
        f"{study} cannot be written (No space left on device); the search pauses until it can, at most 60 s"
    ]


def test_storage_in_trouble_ends_a_search_that_does_not_wait(study: Path) -> None:
    rule = r"a cannot be written \(No space left on device\); make room, .* with --wait-for-storage 30m"
    with watched(study, study / "study.json", 0, print), pytest.raises(InputError, match=rule):
        write_whole(study / "a", failing(errno.ENOSPC, 1))


def test_waiting_has_an_end(study: Path) -> None:
    waiting = watched(study, study / "study.json", 0.01, lambda _: None)
    with waiting, pytest.raises(InputError, match="No space"):
        write_whole(study / "a", failing(errno.ENOSPC, 10**9))


def test_other_errors_are_not_waited_for(study: Path) -> None:
    with watched(study, study / "study.json", 60, print), pytest.raises(PermissionError):
        write_whole(study / "a", failing(errno.EACCES, 1))


def test_study_that_is_gone_is_not_written_into_what_is_left(study: Path) -> None:
    mount = study.parent
    with watched(study, study / "study.json", 0, print):
        write_json(study / "trials" / "1.json", {"format": 1})
        mount.rename(mount.with_name("elsewhere"))
        mount.mkdir()
        with pytest.raises(InputError, match=r"another one has taken its place\); make room, or bring"):
            write_json(study / "trials" / "2.json", {"format": 1})
        assert list(mount.iterdir()) == []
        mount.rmdir()
        mount.with_name("elsewhere").rename(mount)
        write_json(study / "trials" / "2.json", {"format": 1})


def test_study_that_comes_back_is_gone_on_with(study: Path) -> None:
    mount, said = study.parent, list[str]()

    def bring_back(line: str) -> None:
        said.append(line)
        mount.with_name("elsewhere").rename(mount)

    with watched(study, study / "study.json", 60, bring_back):
        write_json(study / "trials" / "1.json", {"format": 1})
        mount.rename(mount.with_name("elsewhere"))
        write_json(study / "trials" / "2.json", {"format": 1})
    assert (len(said), len(list((study / "trials").iterdir()))) == (1, 2)


def test_folder_that_goes_away_while_it_is_worked_in_is_waited_for(study: Path) -> None:
    mount, said = study.parent, list[str]()

    def bring_back(line: str) -> None:
        said.append(line)
        mount.with_name("elsewhere").rename(mount)

    def work() -> str:
        if not said:
            mount.rename(mount.with_name("elsewhere"))
            raise StorageError("gone", errno.ENOENT, os.strerror(errno.ENOENT))
        return "done"

    with watched(study, study / "study.json", 60, bring_back):
        assert standing.standing(study, work) == "done"


def test_what_lies_elsewhere_is_not_watched(study: Path, tmp_path: Path) -> None:
    with watched(study, study / "study.json", 60, print), pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", failing(errno.ENOSPC, 1))


def test_room_is_asked_for_before_the_start(tmp_path: Path) -> None:
    require_disk_space(tmp_path / "not" / "there", 1000, "the features of the images")
    rule = r"the features of the images take about 953,674,316 MiB, the disk of .* has [0-9,]+ MiB free"
    with pytest.raises(InputError, match=rule):
        require_disk_space(tmp_path, 10**15, "the features of the images")


def test_folder_below_a_mount_point_that_is_not_mounted_is_not_written(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point, said, table = study.parent, list[str](), study.parents[1] / "fstab"
    monkeypatch.setattr(standing, "FSTAB", table)
    standing.require_mounted(study)  # where there is no table
    row = f"server:/export {point} nfs rw,{{}}nofail 0 0\n"
    table.write_text(f"# {point} nfs\nnone none swap sw 0 0\ntmpfs / tmpfs rw\n{row.format('noauto,')}")
    standing.require_mounted(study)
    table.write_text(row.format(""))
    standing.require_mounted(table)
    mounted = iter([False, False, True])
    monkeypatch.setattr(Path, "is_mount", lambda path: path == point and next(mounted))
    with watched(study, study / "study.json", 60, said.append):
        standing.standing(study, lambda: standing.require_mounted(study))
    why = f"{study} cannot be written ({point}, a mount point of {table}, is not mounted)"
    assert said == [f"{why}; the search pauses until it can, at most 60 s"]
