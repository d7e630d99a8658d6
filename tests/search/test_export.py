"""The command that exports a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.export import main
from tests.trainables.models import write_convolution_model


def _export(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, where Keras is not imported yet."""
    command = [sys.executable, "-m", "search.export", *arguments]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}  # it exports on TensorFlow whatever this says
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # JAX sets it in the process of the tests
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_export_says_what_was_written_and_how_close_it_is(tmp_path: Path) -> None:
    model = write_convolution_model(tmp_path / "model.keras")
    done = _export(str(model), "--format", "saved_model", "--json")
    assert (done.returncode, done.stderr) == (0, "writing saved_model, and checking it against Keras\n")
    found = json.loads(done.stdout)
    assert found["path"] == str(tmp_path / "export" / "saved_model")
    assert (Path(found["path"]) / "saved_model.pb").is_file()
    assert found["largest_difference"] <= found["tolerance"] == 1e-4
    assert (found["format"], found["labels"], found["input_px"]) == ("saved_model", ["0", "1"], 16)
    beside = json.loads((tmp_path / "export" / "saved_model.classes.json").read_text())
    assert beside.pop("digest")
    assert beside == {"format": 1, "class_names": ["0", "1"], "input_px": 16}


def test_export_of_a_missing_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "gone.keras"), "--format", "saved_model"]) == 1
    assert capsys.readouterr().err.startswith("error: there is no model file")


def test_export_of_a_file_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "model.keras").touch()
    (tmp_path / "empty").mkdir()
    command = [str(tmp_path / "model.keras"), "--format", "onnx", "--out", str(tmp_path / "empty")]
    assert main(command) == 1
    assert "onnx is one file, " in (said := capsys.readouterr().err)
    assert "empty is a folder; choose a file in it with --out" in said
    assert (tmp_path / "empty").is_dir()


@pytest.mark.parametrize("arguments", [["a.keras"], ["a.keras", "--format", "h5"], ["--format", "onnx"]])
def test_export_refuses_wrong_usage(arguments: list[str]) -> None:
    assert main(arguments) == 2
