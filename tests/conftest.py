"""For all tests: what one of them changes outside itself, the others do not see."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.storage import remote

os.environ.setdefault("RAY_worker_niceness", "0")  # else the tests beside it would starve Ray's workers


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Puts the environment back; a search sets Ray's part of it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


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
