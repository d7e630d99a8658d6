"""What is said where Ray cannot be used: the way out fits the cause."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from data_prep.errors import InputError
from search.ray_tune.connection import connect
from search.ray_tune.failures import ray_processes
from tests.waiting import has_ended, wait_until

ROOT = Path(__file__).parents[3]
LISTENING = """
import contextlib, json, os, psutil, ray
from search.ray_tune.connection import connect, disconnect
from tests.waiting import wait_until
session = connect(None, verbose=False)
worker = ray.get(ray.remote(lambda: os.getpid()).remote())
names = {os.getpid(): "the search itself", worker: "a worker"}

def listening():
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from ports_of(process)

def ports_of(process):
    name = names.get(process.pid) or os.path.basename(process.cmdline()[0]) if process.cmdline() else ""
    for port in process.net_connections("tcp"):
        # neither workers that have not worked, nor the port that another Ray may have
        if port.status == "LISTEN" and name != "ray::IDLE" and port.laddr.port != 52365:
            everywhere = port.laddr.ip in ("::", "0.0.0.0")
            yield name, "all interfaces" if everywhere else "the machine's"

def are_named():  # what Ray has begun is called python until it says what it is
    return not any(name.startswith("python") for name, _ in listening())

wait_until(are_named, "Ray's processes have names")
found = list(listening())
disconnect(session)
print(json.dumps(found))
"""
INTERRUPTED = """
import os, subprocess, sys, ray
from search.ray_tune.connection import connect

def starting(**_):
    with open(f"session_2999-11-27_{os.getpid()}/raylet.out", "w") as log:
        print(subprocess.Popen(["sleep", "600"], stdout=log, stderr=log).pid)
    raise KeyboardInterrupt

os.mkdir(f"session_2999-11-27_{os.getpid()}")
ray.init = starting
try:
    connect(None, verbose=False)
except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
"""
KILLED = """
import contextlib, json, os, psutil, signal
from search.ray_tune.connection import connect
from search.ray_tune.failures import ray_processes
from tests.waiting import wait_until
connect(None, verbose=False)

def below():
    found = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # Ray begins some that end at once
            found[process.pid] = process.name()
    return found

wait_until(lambda: sum("Agent" in name for name in below().values()) == 2, "both agents have their names")
print(json.dumps(list(below())), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

TERMINATED = """
import os, signal
from search.ray_tune.connection import connect, disconnect
signal.signal(signal.SIGTERM, lambda *_: print("heard"))
disconnect(connect(None, verbose=False))
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.fixture(autouse=True)
def _no_keeper_is_left() -> Iterator[None]:
    """The keeper of a Ray that did not begin ends with the test, and not with the process."""
    yield
    if keeper := ray_processes._here.keeper:
        keeper.close()


def test_long_folder_for_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("job_of_a_user_with_a_long_name" * 3)
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(InputError, match=r"has [0-9]+ bytes, .* set TMPDIR .* to a short path") as refusal:
        connect(None, verbose=False)
    assert str(long) in str(refusal.value)
    assert "--address" not in str(refusal.value)


@pytest.mark.parametrize("known", [True, False], ids=["none", "another"])
def test_token_that_is_missing_or_wrong_is_named(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    def refused(**_: object) -> None:
        if known:
            raise ray.exceptions.AuthenticationError("no token was found")
        raise ConnectionError("no Ray here") from RuntimeError("last: Unauthenticated: InvalidAuthToken: no")

    monkeypatch.setattr("ray.init", refused)
    with pytest.raises(InputError, match=r"^the Ray at head:6379 asks for its token, .* RAY_AUTH_MODE="):
        connect("head:6379", verbose=False)


def test_sigterm_while_ray_starts_interrupts_like_at_any_other_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def starting(**_: object) -> None:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # as ray.init does
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("ray.init", starting)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            connect(None, verbose=False)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_had_begun_ends_with_a_search_that_is_interrupted_meanwhile(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == "interrupted\n"
    wait_until(lambda: has_ended(int(done.stdout)), "the end of what Ray had begun")


@pytest.mark.ray
def test_nothing_of_ray_outlives_a_search_that_is_killed() -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.startswith(
        "error: the search ended at once, as when it is killed; finished trials are"
    )
    # by themselves its agents live for a minute more
    wait_until(lambda: all(map(has_ended, json.loads(done.stdout))), "the end of all", seconds=20)


@pytest.mark.ray
def test_sigterm_after_ray_has_ended_is_heard_as_before() -> None:
    done = subprocess.run([sys.executable, "-c", TERMINATED], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n")


@pytest.mark.ray
def test_what_listens_is_what_the_page_says() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+) \| (\d) \| (all interfaces|the machine's) \|$", page, re.MULTILINE)
    program = subprocess.run(
        [sys.executable, "-c", LISTENING], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listening = json.loads(program.stdout.splitlines()[-1])
    told = [[name.strip("`"), where] for name, ports, where in rows for _ in range(int(ports))]
    assert sorted(listening) == sorted(told)


@pytest.mark.parametrize(("verbose", "prints"), [(False, "0"), (True, "1")])
def test_tracebacks_of_workers_are_printed_for_verbose_only(
    monkeypatch: pytest.MonkeyPatch, verbose: bool, prints: str
) -> None:
    def refused(**_: object) -> None:
        raise ConnectionError("no Ray here")

    monkeypatch.setattr("ray.init", refused)
    monkeypatch.setattr("os.environ", {})
    with pytest.raises(InputError, match="no Ray here"):
        connect(None, verbose=verbose)
    assert os.environ["TUNE_PRINT_ALL_TRIAL_ERRORS"] == prints
