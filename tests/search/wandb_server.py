"""A server on loopback that takes what wandb sends and remembers it, one that never answers, and a reader."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_BLOCK, _HEADER = 32768, 7
_SERVER: dict[str, Any] = {"cliVersionInfo": {}, "features": [], "latestLocalVersionInfo": None}
_RUN: dict[str, Any] = {
    "id": "SQ==",
    "name": "x",
    "displayName": "x",
    "description": "",
    "config": "{}",
    "sweepName": None,
    "project": {"id": "UA==", "name": "p", "entity": {"id": "RQ==", "name": "tester"}},
    "historyLineCount": 0,
}


class Server(ThreadingHTTPServer):
    """Answers as W&B does where wandb insists: it tells of what it has of a run, rows have their lines.

    `runs` are the variables of each upsert, `rows` are by run and line, `summaries` by run.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: list[dict[str, Any]] = []
        self.rows: dict[str, dict[int, dict[str, Any]]] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.answers = threading.Event()  # cleared, it keeps everybody waiting
        self.answers.set()

    def rows_of(self, run_id: str) -> list[dict[str, Any]]:
        """Returns the rows of a run in the order of their lines."""
        return [row for _, row in sorted(self.rows.get(run_id, {}).items())]

    def latest(self, run_id: str) -> dict[str, Any]:
        """Returns what was last said of a run, without what was left out."""
        said = [run for run in self.runs if run["name"] == run_id]
        return {name: value for run in said for name, value in run.items() if value is not None}

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: wandb cuts connections when its process ends."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_PUT(self) -> None:
        """Takes a file."""
        self._read()
        self._answer({})

    def do_POST(self) -> None:
        """Takes GraphQL, and the rows of a run."""
        body = self._read()
        self.server.answers.wait()
        if self.path.endswith("file_stream"):
            self._take(self.path.split("/")[-2], json.loads(body).get("files", {}))
            self._answer({})
        elif self.path == "/graphql":
            self._answer({"data": self._data(json.loads(body))})
        else:
            self._answer({})

    def _take(self, run_id: str, files: dict[str, Any]) -> None:
        history = files.get("wandb-history.jsonl", {"offset": 0, "content": []})
        rows = self.server.rows.setdefault(run_id, {})
        rows.update(enumerate(map(json.loads, history["content"]), start=history["offset"]))
        for summary in files.get("wandb-summary.json", {}).get("content", []):
            self.server.summaries[run_id] = json.loads(summary)

    def _stored(self, run_id: str) -> dict[str, Any] | None:
        """Returns what a run that is resumed goes on with; None for a new one."""
        said = self.server.latest(run_id)
        if not said:
            return None
        rows = self.server.rows_of(run_id)
        return {
            "name": run_id,
            "historyLineCount": len(rows),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": json.dumps([json.dumps(row) for row in rows[-1:]]),
            "eventsTail": "[]",
            "summaryMetrics": json.dumps(self.server.summaries.get(run_id, {})),
            "config": said.get("config", "{}"),
            "tags": said.get("tags", []),
            "wandbConfig": json.dumps({"t": {"1": [1]}}),
        }

    def _data(self, asked: dict[str, Any]) -> dict[str, Any]:
        query, variables = asked["query"], asked.get("variables") or {}
        if "upsertBucket" in query:
            self.server.runs.append(variables)
            lines = len(self.server.rows.get(variables["name"], {}))
            bucket = {**_RUN, "name": variables["name"], "historyLineCount": lines}
            return {"upsertBucket": {"bucket": bucket, "inserted": True}}
        if "RunResumeStatus" in query:
            return {"model": {**_RUN["project"], "bucket": self._stored(variables["name"])}}
        if "ArtifactType" in query:
            return {"project": {"artifact": None}}
        if "createArtifact(" in query:
            sequence = {"id": "UQ==", "latestArtifact": None}
            artifact = {"id": "QQ==", "state": "COMMITTED", "artifactSequence": sequence}
            return {"createArtifact": {"artifact": artifact}}
        if "createRunFiles" in query:
            place = f"http://{self.headers['Host']}/upload"
            files = [{"name": name, "uploadUrl": f"{place}/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": "SQ==", "uploadHeaders": [], "files": files}}
        if "viewer" in query:
            viewer = {"id": "VQ==", "entity": "tester", "username": "tester", "flags": "{}", "email": "t@x.y"}
            return {"viewer": {**viewer, "name": "tester", "teams": {"edges": []}}, "serverInfo": _SERVER}
        if "serverInfo" in query:
            return {"serverInfo": _SERVER}
        return {}

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def answering() -> Iterator[Server]:
    """Gives a server that answers."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def silent() -> Iterator[socket.socket]:
    """Gives a server that lets everybody connect and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        listener.setblocking(False)
        yield listener


def visitors_of(listener: socket.socket) -> int:
    """Returns how many connected to a silent server since it was asked last."""
    for number in itertools.count():
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return number
    raise AssertionError


def records_in(path: Path) -> Iterator[Any]:
    """Yields the records of a .wandb file: W&B's messages in the framing of LevelDB's log."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, start, parts = path.read_bytes(), _HEADER, b""
    assert data.startswith(b":W&B")
    while start + _HEADER <= len(data):
        left = _BLOCK - start % _BLOCK
        if left < _HEADER:
            start += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, start)
        parts += data[start + _HEADER : start + _HEADER + length]
        start += _HEADER + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record
