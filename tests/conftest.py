"""For all tests: what one of them changes outside itself, the others do not see."""

from __future__ import annotations

import logging
import os
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.storage import remote

os.environ.setdefault("RAY_worker_niceness", "0")  # else the tests beside it would starve Ray's workers


_ONLY_WITHOUT = re.compile(r"not \w+( and not \w+)*")
_MARKED = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.(\w+)", re.MULTILINE)
_WITH_OTHERS = frozenset({"browser", "hosts", "ray"})
GIB = 2**30


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out a file whose tests are all marked with what is not wanted: it may take seconds to import."""
    wanted = config.getoption("markexpr")
    if collection_path.suffix != ".py" or not _ONLY_WITHOUT.fullmatch(wanted):
        return None
    marked = _MARKED.search(collection_path.read_text("utf-8"))
    return True if marked and f"not {marked[1]}" in wanted.split(" and ") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives tests that wait for other processes, which may be starved, a second try, listed as RERUN."""
    for item in items:
        imported = vars(item.module).values() if isinstance(item, pytest.Function) else ()
        waits = any(getattr(value, "__module__", None) == "tests.waiting" for value in imported)
        if waits or not _WITH_OTHERS.isdisjoint(mark.name for mark in item.iter_markers()):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def memory_limit() -> Iterator[None]:
    """Gives the test a gibibyte more than there is (on Linux): what swells fails it, and not the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GIB, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Puts the environment back; a search sets Ray's part of it."""
    before = dict(os.environ)
    yield
    # whether tokens are asked for: what of Ray is compiled remembers it as long as the process lives
    kept = {name: value for name, value in os.environ.items() if name == "RAY_AUTH_MODE"}
    os.environ.clear()
    os.environ.update({**before, **kept})


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The URL of a server that speaks S3."""
    from moto.server import ThreadedMotoServer  # it takes a second to import, and few tests ask for it

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(object_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket, whose copies lie below `tmp_path`, here and in commands."""
    import boto3

    wishes = {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "REGION": "us-east-1"}
    for name, value in {**wishes, "ENDPOINT_URL": object_store}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    name = tmp_path.name.lower().replace("_", "-")
    boto3.client("s3").create_bucket(Bucket=name)
    remote._file_system.cache_clear()
    yield f"s3://{name}"
    remote._file_system.cache_clear()
