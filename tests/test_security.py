"""What docs/security.md and docs/limits.md promise, where a cheap test can tell."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data_prep import class_names, manifest
from data_prep.datasets import label_files
from data_prep.errors import InputError
from data_prep.pictures import decoder, files
from data_prep.storage import json_files, lease, regular_files, remote
from search.dashboard.server import server_options
from search.options import types
from search.ray_tune.failures.worker_failures import MEMORY_RETRIES
from search.study.ledger import Ledger
from tests.search.makers import make_result, make_trial
from trainables import hyperparameters

ROOT = Path(__file__).parents[1]
LIMITS = (ROOT / "docs" / "limits.md").read_text("utf-8")
SOURCES = [path for room in ("data_prep", "trainables", "search") for path in (ROOT / room).rglob("*.py")]
RUN_CODE = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def calls_of(name: str) -> Iterator[tuple[Path, ast.Call]]:
    """Yields the calls of what is called so, such as np.load, in the product."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                yield path, node


def test_product_imports_nothing_that_runs_what_it_reads() -> None:
    imported = {
        alias.name.partition(".")[0]
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert imported & RUN_CODE == set()


@pytest.mark.parametrize(
    ("name", "said"), [("np.load", "allow_pickle=False"), ("keras.saving.load_model", "safe_mode=True")]
)
def test_arrays_and_models_are_loaded_without_code(name: str, said: str) -> None:
    calls = list(calls_of(name))
    assert calls
    assert [str(path) for path, call in calls if said not in ast.unparse(call)] == []


class Plants:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_planted_pickle_in_the_place_of_predictions_does_not_run(tmp_path: Path) -> None:
    ledger, trial = Ledger(tmp_path), make_trial()
    ledger.record(make_result(trial, 0.5), np.array([0.25, 0.5]))
    ledger.predictions_path(trial).write_bytes(pickle.dumps(Plants(tmp_path / "ran")))
    with pytest.raises(InputError, match="its digest is not the one"):
        ledger.predictions(trial)
    assert not (tmp_path / "ran").exists()


def test_dashboard_listens_at_this_machine_and_sends_nothing() -> None:
    options = server_options("127.0.0.1", 8501)
    assert (options["server.address"], options["browser.gatherUsageStats"]) == ("127.0.0.1", False)
    assert options["client.showErrorDetails"] == "none"
    assert set(options["server.allowedHosts"]) == {"localhost", "127.0.0.1", "::1"}


def test_address_with_a_key_in_it_is_refused() -> None:
    with pytest.raises(InputError, match="has a key in it") as refusal:
        remote.located("s3://KEY:SECRET@bucket/results")
    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize(
    "row",
    [
        f"| the file of a picture | {files.MAX_FILE_BYTES // 2**20} MiB |",
        f"| pixels of a picture | {decoder.MAX_PIXELS:,} |",
        f"| a list of labels | {label_files._MOST_BYTES // 2**30} GiB |",
        f"| a manifest | {manifest._MOST_BYTES // 2**30} GiB |",
        f"| a study file, a file of networks | {regular_files.MOST_TEXT // 2**20} MiB |",
        f"| a JSON file of a study | {json_files.MOST_BYTES // 2**20} MiB, {json_files.MOST_LEVELS} levels",
        f"| classes | 2 to {class_names.MOST_CLASSES:,} |",
        f"| epochs, batch size, patience, warm-up | {hyperparameters.MOST_COUNT:,} |",
        f"{hyperparameters.MOST_WIDTH:,}, in at most {hyperparameters.MOST_LAYERS} layers |",
        f"| other whole numbers of options | {types._MOST:,} |",
        f"| the name of a study | {types._MOST_NAME_BYTES} bytes",
        f"| the name of a class | {class_names.MOST_LETTERS} letters |",
        f"goes on {lease.EXPIRES_S:g} s after",
        f"| the first answer of a bucket | {remote.ANSWER_S:g} s |",
        f"started again {MEMORY_RETRIES} times",
    ],
)
def test_limits_are_those_of_the_code(row: str) -> None:
    assert row in LIMITS
