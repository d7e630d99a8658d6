"""The door between a search and Ray: what Ray raises is a sentence, what we raise stays what it is."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
from ray.tune import TuneError

from data_prep.errors import InputError
from search.ray_tune.failures import ray_processes, session_folders
from search.ray_tune.failures.door import one_door
from search.ray_tune.failures.ray_processes import Keeper, RayProcesses
from search.ray_tune.failures.sentences import AGAIN
from tests.waiting import wait_until


def task_error(cause: Exception) -> ray.exceptions.RayTaskError:
    """Returns what `ray.get` raises of a task that raised `cause`."""
    return ray.exceptions.RayTaskError("make_features", "Traceback …", cause)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ray.exceptions.RaySystemError("raylet is gone"),
            r"Ray failed .*raylet is gone.*; finished",
        ),
        (ray.exceptions.ActorDiedError(), "Ray failed while the search ran"),
        (TuneError("a\nlong\nstory"), r"\(a long story\)"),
        (ConnectionError("no GCS"), r"\(no GCS\); finished trials are kept; run the same command again"),
        (
            ray.exceptions.OutOfMemoryError("low on memory. (IP: 10.0.0.7, ID: 1) was 9GB / 10GB"),
            r"memory ran out on 10.0.0.7 \(9GB of 10GB were taken\); .* \(--max-concurrent\)",
        ),
        (task_error(InputError("the image a.jpg is gone")), "^the image a.jpg is gone$"),
        (
            task_error(OSError(28, "No space left on device", "/cache/x")),
            r"a worker cannot use /cache/x \(No space left on device\); finished trials are kept",
        ),
        (task_error(MemoryError()), "a worker had too little memory; .* fewer trials at a time"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_ray_raises_is_a_sentence_and_its_words_are_kept(
    tmp_path: Path, error: Exception, said: str
) -> None:
    with pytest.raises(InputError, match=said), one_door(tmp_path):
        raise error
    assert type(error).__name__.partition("(")[0] in (tmp_path / "logs" / "ray.log").read_text("utf-8")


@pytest.mark.parametrize("error", [InputError("ours"), OSError(28, "No space"), ZeroDivisionError()])
def test_what_we_raise_stays_what_it_is(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as raised, one_door(tmp_path):
        raise error
    assert raised.value is error
    assert not (tmp_path / "logs").exists()


def test_process_of_ray_that_died_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = nullcontext(SimpleNamespace(died="raylet", said="Ray failed, as its raylet died; finished"))
    monkeypatch.setattr("search.ray_tune.failures.door.watched_processes", lambda: watching)
    with pytest.raises(InputError, match=r"^Ray failed, as its raylet died; finished"), one_door(tmp_path):
        raise KeyboardInterrupt  # what the watcher sends


def test_interruption_stays_one(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), one_door(tmp_path):
        raise KeyboardInterrupt


def test_process_of_ray_that_dies_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_processes, "_NEEDED", ("python", "python3", "python3.11", "sleep"))
    processes = RayProcesses()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        while not processes._known:  # the system gives it its name a moment after it began
            processes.look()
        assert processes.died == ""
        process.kill()
        process.wait()
    processes.look()
    assert processes.died


def test_process_of_ray_that_died_between_two_doors_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_processes, "_NEEDED", ("sleep",))
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    with subprocess.Popen(["sleep", "600"]) as process:
        wait_until(lambda: ray_processes._name(process.pid) == "sleep", "it has its name")
        with one_door(tmp_path):
            ray_processes._here.look()
        process.kill()
        process.wait()
    with pytest.raises(InputError, match=r"^Ray failed, as its sleep died; finished"), one_door(tmp_path):
        raise AssertionError("not reached")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with one_door(tmp_path):  # of another Ray
        pass


def test_process_of_ray_that_died_before_it_was_seen_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_processes, "_NEEDED", ("sleep",))
    with subprocess.Popen(["sleep", "600"]) as process:
        wait_until(lambda: ray_processes._name(process.pid) == "sleep", "it has its name")
        process.kill()
        wait_until(lambda: not ray_processes._lives(process.pid), "its end")
        processes = RayProcesses()
        processes.look()
        assert processes.died == "sleep"
        processes.begin()
        processes.look()
        assert processes.died == ""


def test_gcs_of_another_that_gives_no_answer_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_processes, "_ASKS_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as gcs:
        address = f"127.0.0.1:{gcs.getsockname()[1]}"
        processes = RayProcesses()
        processes.address = address
        processes.look()
        assert (processes.died, processes.answered > 0) == ("", True)
    processes.look()
    assert processes.died == ""  # it may begin again
    processes.answered -= 61
    processes.look()
    assert processes.said.startswith(f"Ray failed, as its GCS at {address} died; finished trials are kept")


_DEAF = """
import subprocess, threading
from search.ray_tune.failures import ray_processes

ray_processes._NEEDED, ray_processes._EVERY_S = ("sleep",), 0.01
ray_processes._SAYS_S = ray_processes._HEARS_S = 0.01
keeper = ray_processes.Keeper()
with ray_processes.watched_processes() as processes, subprocess.Popen(["sleep", "600"]) as process:
    while not processes._known:
        pass
    process.kill()
    never = threading.Lock()
    never.acquire()
    never.acquire()  # as compiled code, it hears no interruption
"""
_ENDED_BY_RAY = """
import os, sys
from pathlib import Path
from search.ray_tune.failures.own_words import own_words_kept
from search.ray_tune.failures.ray_processes import Keeper

with own_words_kept(Path(sys.argv[1])):
    keeper = Keeper()
    for pid in (os.getpid(), 1):
        os.write(2, f"[27 November E {pid} 7] a.cc:1: {pid} cannot go on. Worker ends.\\n".encode())
    if "ends" in sys.argv:
        keeper.close()
    else:
        os._exit(1)
"""


def test_process_that_hears_nothing_ends_with_the_sentence() -> None:
    done = subprocess.run([sys.executable, "-c", _DEAF], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"error: Ray failed, as its sleep died; {AGAIN}\n"


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (["ends"], ""),
        ([], rf"error: the search ended at once, after Ray said: \d+ cannot go on \(.+/ray.log\); {AGAIN}\n"),
    ],
    ids=["by itself", "by Ray"],
)
def test_search_that_ends_without_a_word_has_one_said(tmp_path: Path, ends: list[str], said: str) -> None:
    command = [sys.executable, "-c", _ENDED_BY_RAY, str(tmp_path), *ends]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(said, done.stderr)


def test_what_ray_began_ends_with_the_search_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    us, now = os.getpid(), "2999-11-27_03-21-03_124841"
    began = {f"session_{now}_{us}": False, f"session_2000{now[4:]}_{us}": True, f"session_{now}_1{us}": True}
    keeper, processes = Keeper(), {}
    for session in began:
        (tmp_path / session / "logs").mkdir(parents=True)
        with (tmp_path / session / "logs" / "raylet.out").open("w") as log:
            processes[session] = subprocess.Popen(["sleep", "600"], stdout=log, stderr=log)
    with (tmp_path / f"session_{now}_{us}" / "logs" / "raylet.out").open() as log:
        processes["reads"] = subprocess.Popen(["sleep", "600"], stdin=log)
    with (tmp_path / f"session_{now}_{us}" / "logs" / "driver.log").open("w"):  # of the search itself
        keeper.close()
    assert {session: process.poll() is None for session, process in processes.items()} == {
        **began,
        "reads": True,
    }
    for process in processes.values():
        process.kill()
        process.wait()
    assert capfd.readouterr().err == ""


def test_folder_of_a_killed_run_is_removed_with_the_next_and_no_other_is(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    names = {"now": os.getpid(), "killed": ended.pid, "running": os.getppid(), "another's": ended.pid}
    folders = {what: tmp_path / f"session_{what}_{pid}" for what, pid in names.items()}
    for what, folder in folders.items():
        folder.mkdir()
        if what != "another's":
            (folder / "started-by-stagewise").write_text(socket.gethostname())
    session_folders.mark(folders["now"])
    assert {what for what, folder in folders.items() if folder.exists()} == {"now", "running", "another's"}
    session_folders.remove(folders["now"])
    assert not folders["now"].exists()


def test_folder_and_token_are_for_their_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    session, token = tmp_path / "session_now_1", tmp_path / ".ray" / "auth_token"
    session.mkdir(mode=0o755)
    session_folders.mark(session)  # there is no token
    token.parent.mkdir()
    token.touch(mode=0o644)
    session_folders.mark(session)
    assert [oct(path.stat().st_mode & 0o777) for path in (session, token)] == ["0o700", "0o600"]
