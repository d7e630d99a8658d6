"""Places of studies: a folder, a bucket, and a cluster of two nodes, each with what may go away."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.programs import processes_below
from benchmarks.soak.processes import MARK, command_of, end_marked, marked
from benchmarks.soak.strikes import ON_ONE_MACHINE, ON_TWO_NODES, SEARCH, SECOND_NODE, Target
from data_prep.storage.remote import located, pull

AWAY_S = 4.0  # that a storage stays away
_WAIT_S = 120.0  # for a server, or a node
_RAY = str(Path(sys.executable).with_name("ray"))


class OneMachine:
    """Studies in a folder, trained by a Ray that the search starts."""

    targets: Sequence[Target] = ON_ONE_MACHINE

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.storage = "results"

    def __enter__(self) -> OneMachine:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends what the place needs."""

    def prepare(self) -> None:
        """Makes the place as whole as before all strikes."""

    def words(self) -> Sequence[str]:
        """Returns what a search is told of the place."""
        return ("--storage", self.storage)

    def written(self, study: str) -> Path:
        """Returns the folder into which a running search writes."""
        return self.folder / "results" / study

    def kept(self, study: str) -> Path:
        """Returns a folder with what the place has of a study."""
        return self.written(study)

    def pids(self, search: int, target: str) -> list[int]:
        """Returns the processes of a search that are called `target`, none where there is none yet."""
        return [search] if target == SEARCH else list(processes_below(search, target))

    def left(self) -> list[int]:
        """Returns processes that work for a search which has ended, beside its own."""
        return []

    @contextmanager
    def away(self, study: str) -> Iterator[list[str]]:
        """Takes the storage away for AWAY_S; gives a list, at last of the files that were put there."""
        with gone(self.written(study)) as strays:
            yield strays


@contextmanager
def gone(folder: Path) -> Iterator[list[str]]:
    """Puts a bare folder, such as a mount point, in the place of `folder`, as `OneMachine.away` does."""
    strays, back = list[str](), time.monotonic() + AWAY_S
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    folder.mkdir()
    try:
        yield strays
    finally:
        time.sleep(max(0.0, back - time.monotonic()))
        strays += [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
        shutil.rmtree(folder)
        away.rename(folder)


class Bucket(OneMachine):
    """Studies in a bucket; each run is one on another machine, which has no copy of what was there before."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.storage = "s3://soak/results"
        port = _free_port()
        self._server = _start(sys.executable, "-m", "moto.server", "--port", str(port))
        # of this process, for `kept`, and of the searches
        keys = {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "REGION": "us-east-1"}
        for name, value in {**keys, "ENDPOINT_URL": f"http://127.0.0.1:{port}"}.items():
            os.environ[f"AWS_{name}"] = value
        os.environ["XDG_CACHE_HOME"] = str(folder / "copies")
        _wait_until(lambda: _listens(port), "the server of the bucket")
        import boto3  # only this place needs it

        boto3.client("s3").create_bucket(Bucket="soak")

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.wait()

    def prepare(self) -> None:
        shutil.rmtree(self.folder / "copies", ignore_errors=True)

    def written(self, study: str) -> Path:
        return located(f"{self.storage}/{study}")

    def kept(self, study: str) -> Path:
        self.prepare()
        pull(self.written(study))
        return self.written(study)

    @contextmanager
    def away(self, study: str) -> Iterator[list[str]]:
        """Lets the bucket give no answer for AWAY_S."""
        self._server.send_signal(signal.SIGSTOP)
        back = time.monotonic() + AWAY_S
        try:
            yield []
        finally:
            time.sleep(max(0.0, back - time.monotonic()))
            self._server.send_signal(signal.SIGCONT)


class TwoNodes(OneMachine):
    """Studies in a folder, trained by a Ray of two nodes that was there before: both on this machine."""

    targets = ON_TWO_NODES

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mark = f"{os.getpid()}-two-nodes"
        # Ray puts sockets into it, whose paths must be short
        self._ray = Path(tempfile.mkdtemp(prefix="soak-ray-"))
        self._port = _free_port()
        self._nodes: list[subprocess.Popen[bytes]] = []
        os.environ["RAY_AUTH_MODE"] = "token"
        subprocess.run([_RAY, "get-auth-token", "--generate"], check=True, capture_output=True)

    def __exit__(self, *_: object) -> None:
        self._end()
        shutil.rmtree(self._ray, ignore_errors=True)

    def prepare(self) -> None:
        if len(self._nodes) == 2 and all(node.poll() is None for node in self._nodes):
            return
        self._end()
        head = ("--head", f"--port={self._port}", f"--temp-dir={self._ray}", "--include-dashboard=false")
        for words in (head, (f"--address={self.address}",)):
            self._nodes.append(self._start_node(*words))
            _wait_until(lambda: self._alive() == len(self._nodes), "a node of the cluster")

    @property
    def address(self) -> str:
        """The address of the head."""
        return f"127.0.0.1:{self._port}"

    def words(self) -> Sequence[str]:
        return (*super().words(), "--address", self.address, "--cpus-per-trial", "1")

    def pids(self, search: int, target: str) -> list[int]:
        if target == SECOND_NODE:
            return list(processes_below(self._nodes[1].pid, "raylet/raylet"))
        if target == SEARCH:
            return [search]
        return [pid for node in self._nodes for pid in processes_below(node.pid, target)]

    def left(self) -> list[int]:
        waiting = (b"ray::IDLE", b"ray::DashboardAgent", b"ray::RuntimeEnvAgent")
        return [
            pid
            for pid in marked(self._mark)
            if (command := command_of(pid)).startswith(b"ray::") and not command.startswith(waiting)
        ]

    def _start_node(self, *words: str) -> subprocess.Popen[bytes]:
        # else both would have the same port for their agents
        node = (_RAY, "start", "--block", "--num-cpus=1", "--dashboard-agent-listen-port=0")
        own = {MARK: self._mark, "RAY_USAGE_STATS_ENABLED": "0"}
        return _start(*node, *words, **own)

    def _alive(self) -> int:
        said = subprocess.run([_RAY, "status", f"--address={self.address}"], capture_output=True, text=True)
        return len(re.findall(r"^ 1 node_", said.stdout, re.MULTILINE))

    def _end(self) -> None:
        end_marked(self._mark)
        for node in self._nodes:
            node.wait()
        self._nodes.clear()


def _start(*command: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _WAIT_S
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} is not there after {_WAIT_S:g} s")
        time.sleep(0.2)
