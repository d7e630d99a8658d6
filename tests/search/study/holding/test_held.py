"""A study that is held: one process has it, on one machine and between machines."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.storage.lease import Lease
from search.study.holding.held import held
from search.study.holding.holder import Holder


@contextmanager
def held_by_another_process(folder: Path) -> Iterator[None]:
    code = "import sys; from pathlib import Path; from search.study.holding.held import held\n"
    code += "with held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()
    assert process.returncode == 0


def test_held_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(InputError, match=r"file/s cannot be written \(Not a directory\).*--storage"),
        held(tmp_path / "file" / "s"),
    ):
        pytest.fail("it was held")


def test_held_by_another_process(tmp_path: Path) -> None:
    with (
        held_by_another_process(tmp_path / "s"),
        pytest.raises(
            InputError,
            match=r"s is being run by another process \(\d+ of \S+ on \S+, since [^)]*\); wait for it",
        ),
        held(tmp_path / "s"),
    ):
        pytest.fail("it was held")


def test_held_by_another_process_whose_lock_was_removed(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path):
        (tmp_path / ".lock").unlink()
        for _ in range(2):
            with pytest.raises(InputError, match=r"whose lock somebody removed; wait for it"), held(tmp_path):
                pytest.fail("it was held")
            (tmp_path / ".lock").unlink()


def test_holder_that_was_killed_keeps_nobody_out(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path):
        text = (tmp_path / ".holder.json").read_text()
    (tmp_path / ".holder.json").write_text(text)
    (tmp_path / ".lock").unlink()
    with held(tmp_path):
        pass


@pytest.mark.parametrize("lives", [True, False])
def test_held_by_a_process_of_another_machine_until_that_gives_no_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    other = Holder(host="far", pid=1, user="ann", since="2026-11-26T10:00:00+00:00")
    theirs = Lease(tmp_path, other.content, lambda content: False)
    theirs.take()
    (left,) = tmp_path.glob(".lease-*")
    ages = iter([60.0, 0.0 if lives else 200.0])

    def pass_time(seconds: float = 0) -> None:
        heard = time.time() - next(ages)
        os.utime(left, (heard, heard))

    pass_time()
    monkeypatch.setattr("data_prep.storage.lease.time.sleep", pass_time)
    warned = pytest.warns(UserWarning, match=r"is another process's \(1 of ann on far, .*for 120 s")
    if lives:
        refused = pytest.raises(
            InputError, match=r"run by another process \(1 of ann on far, since .*\); wait"
        )
        with warned, refused, held(tmp_path):
            pytest.fail("it was held")
        assert left.exists()
    else:
        with warned, held(tmp_path):
            assert not left.exists()


def test_held_where_a_process_of_another_machine_has_ended_long_ago(tmp_path: Path) -> None:
    other = Holder(host="far", pid=1, user="ann", since="2026-11-26T10:00:00+00:00")
    Lease(tmp_path, other.content, lambda content: False).take()
    (left,) = tmp_path.glob(".lease-*")
    os.utime(left, (0, 0))  # it has not been heard of since 1970
    with held(tmp_path):
        assert not left.exists()


def test_held_is_free_afterwards(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path):
        pass
    for _ in range(2):
        with held(tmp_path):
            pass


def test_held_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), held(tmp_path):
        raise KeyboardInterrupt
    with held(tmp_path):
        pass
