"""Formats by their names, and what is said where their packages are missing."""

from __future__ import annotations

import pytest

from data_prep.errors import InputError
from trainables.inference.runtimes import find_format


def test_find_format_unknown() -> None:
    with pytest.raises(InputError, match="a format is one of saved_model, onnx, tflite, received 'h5'"):
        find_format("h5")


def test_find_format_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "tensorflow" or None)
    with pytest.raises(InputError, match=r"onnx needs tf2onnx and onnx and onnxruntime, .*pip install"):
        find_format("onnx")
