"""The benchmark of a build: the same files to both sides, and a share to be reached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.build import TO_REACH, main


def test_benchmark_runs_at_its_smallest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--images", "2", "--rounds", "1", "--json", str(tmp_path / "build.json")])
    result = json.loads((tmp_path / "build.json").read_text("utf-8"))
    assert code == (0 if result["share"] >= TO_REACH else 1)
    assert result["images"] == 2
    assert "of the speed of decoding; to reach: 90%" in capsys.readouterr().out
